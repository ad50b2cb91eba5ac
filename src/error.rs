//! What can go wrong, by the exit status that it leads to.

use std::fmt::Display;

/// An error with the sentence that the user reads.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// The request is fine, carrying it out failed: exit status 1.
    #[error("{0}")]
    Failure(String),
}

impl Error {
    pub fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }
    pub fn failure(message: impl Display) -> Self {
        Self::Failure(message.to_string())
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
