//! Whether a run fits its device and the memory of this machine, and what would.

use std::fmt::{self, Display};

use crate::{error::Error, settings::Settings};

/// What makes a run that is too large fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The largest batch.
    pub batch: usize,
}

impl Fit {
    /// The largest batch below that of the settings with which they fit, if there is one.
    pub fn of(settings: &Settings, fits: impl Fn(&Settings) -> bool) -> Option<Self> {
        let batch = |groups: usize| groups * settings.pack;
        let (mut fitting, mut excess) = (0, settings.batch / settings.pack);
        while fitting + 1 < excess {
            let middle = fitting.midpoint(excess);
            let fits = fits(&Settings { batch: batch(middle), ..settings.clone() });
            *(if fits { &mut fitting } else { &mut excess }) = middle;
        }
        (fitting > 0).then_some(Self { batch: batch(fitting) })
    }
}

impl Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`--batch {}` fits", self.batch)
    }
}

/// The sentence for settings that are too large, with what would fit.
pub fn advised(error: Error, fit: Option<Fit>) -> Error {
    match fit {
        Some(fit) => Error::failure(format!("{error}; {fit}")),
        None => Error::failure(format!("{error}; no batch is small enough, but a smaller model may be")),
    }
}
