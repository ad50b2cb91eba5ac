//! The largest batch with which a run fits its device and the memory of this machine.

use std::fmt::{self, Display};

use crate::{error::Error, settings::Settings};

/// A change that makes a run fit that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The largest batch.
    pub batch: usize,
}

impl Fit {
    /// The largest batch below that of the settings for which `fits` holds, if there is one.
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

/// The error for settings that are too large, with the batch that would fit.
pub fn advised(error: Error, fit: Option<Fit>) -> Error {
    match fit {
        Some(fit) => Error::failure(format!("{error}; {fit}")),
        None => Error::failure(format!("{error}; no batch is small enough, but a smaller model may be")),
    }
}
