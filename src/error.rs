//! The two ways a command fails.

use std::fmt::Display;

/// What went wrong, in one sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// The request is right but could not be met: exit status 1.
    #[error("{0}")]
    Failure(String),
}

impl Error {
    /// The request itself is wrong.
    pub fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    /// The request is right but could not be met.
    pub fn failure(message: impl Display) -> Self {
        Self::Failure(message.to_string())
    }
}

/// A result with the crate's error.
pub type Result<T> = std::result::Result<T, Error>;
