//! What can go wrong, as one sentence and an exit status.
use std::fmt::Display;
/// A failure that a person can act on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failure(String),
}
impl Error {
    pub fn usage(what: impl Display) -> Self { Self::Usage(what.to_string()) }
    pub fn failure(what: impl Display) -> Self { Self::Failure(what.to_string()) }
}
pub type Result<T, E = Error> = std::result::Result<T, E>;
