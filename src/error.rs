//! What can go wrong, in one sentence for the person at the keyboard.

use std::fmt::Display;

/// A sentence that says what is wrong, where, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong: a flag, a setting, a name.
    #[error("{0}")]
    Usage(String),
    /// The request was fine and could not be carried out.
    #[error("{0}")]
    Failure(String),
    /// The device gave up on a right request: out of memory, lost, hung. It can be tried again.
    #[error("{0}")]
    Device(String),
    /// A training blew up: from there on it is of no use, and before that it can go on otherwise.
    #[error("{0}")]
    Diverged(String),
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A wrong request.
    pub fn usage(sentence: impl Display) -> Self {
        Self::Usage(sentence.to_string())
    }

    /// A right request that failed.
    pub fn failure(sentence: impl Display) -> Self {
        Self::Failure(sentence.to_string())
    }

    /// A device that gave up.
    pub fn device(sentence: impl Display) -> Self {
        Self::Device(sentence.to_string())
    }

    /// The process's exit status: 2 for a wrong request, 1 for a failure.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failure(_) | Self::Device(_) | Self::Diverged(_) => 1,
        }
    }

    /// The same error with the place it came from (`run.toml:3`, `--set`) in front; an empty place adds nothing.
    pub fn at(self, place: &str) -> Self {
        if place.is_empty() {
            return self;
        }
        match self {
            Self::Usage(sentence) => Self::Usage(format!("{place}: {sentence}")),
            Self::Failure(sentence) => Self::Failure(format!("{place}: {sentence}")),
            Self::Device(sentence) => Self::Device(format!("{place}: {sentence}")),
            Self::Diverged(sentence) => Self::Diverged(format!("{place}: {sentence}")),
        }
    }
}

/// The candidate that `name` was probably meant to be.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.6;
    let name = name.to_lowercase();
    let likeness = |candidate: &str| {
        let abbreviated = name.len() >= 2 && candidate.starts_with(&name);
        let edits = strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase());
        if abbreviated { edits.max(ALIKE) } else { edits }
    };
    // The first of equals wins, hence `rev` before `max_by`.
    let scored: Vec<_> = candidates.into_iter().map(|c| (likeness(c), c)).collect();
    let (score, best) = scored.into_iter().rev().max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= ALIKE).then_some(best)
}

/// The answer to a name that does not exist: the nearest one that does, or all of them.
pub fn unknown<'a>(kind: &str, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Error {
    let candidates: Vec<_> = candidates.into_iter().collect();
    let hint = match nearest(name, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the valid ones are {}", candidates.join(", ")),
    };
    Error::usage(format!("unknown {kind} `{name}`; {hint}"))
}
