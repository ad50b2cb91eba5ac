//! The largest batch with which a run fits its device and the memory of this machine.

use std::fmt::{self, Display};

use crate::{error::Error, settings::Settings};

/// Changes that make a run fit that is too large; each is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The largest batch.
    pub batch: usize,
    /// The smallest number of parts of the same batch.
    pub accumulate: Option<usize>,
}

impl Fit {
    /// The largest batch below that of the settings for which `fits` holds, if there is one, and the fewest parts in
    /// which the batch of the settings does.
    pub fn of(settings: &Settings, fits: impl Fn(&Settings) -> bool) -> Option<Self> {
        let least = settings.pack * settings.accumulate;
        let batch = |groups: usize| groups * least;
        let (mut fitting, mut excess) = (0, settings.batch / least);
        while fitting + 1 < excess {
            let middle = fitting.midpoint(excess);
            let fits = fits(&Settings { batch: batch(middle), ..settings.clone() });
            *(if fits { &mut fitting } else { &mut excess }) = middle;
        }
        let groups = settings.batch / settings.pack;
        let has_chains = settings.relevant.contains(&"chains");
        let are_equal =
            |parts: &usize| groups.is_multiple_of(*parts) && (!has_chains || settings.chains.is_multiple_of(*parts));
        let mut parts = (settings.accumulate + 1..=groups.min(1024)).filter(are_equal);
        let accumulate = parts.find(|&accumulate| fits(&Settings { accumulate, ..settings.clone() }));
        (fitting > 0).then_some(Self { batch: batch(fitting), accumulate })
    }
}

impl Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`--batch {}` fits", self.batch)?;
        self.accumulate.map_or(Ok(()), |parts| write!(f, ", and so does `--set accumulate={parts}` with this batch"))
    }
}

/// The error for settings that are too large, with the batch that would fit.
pub fn advised(error: Error, fit: Option<Fit>) -> Error {
    match fit {
        Some(fit) => Error::failure(format!("{error}; {fit}")),
        None => Error::failure(format!("{error}; no batch is small enough, but a smaller model may be")),
    }
}
