//! A trained model and its data, as a command line names them.

use std::{ops::Deref, path::Path};

use super::{
    resume::{Offered, check_data},
    tell,
};
use crate::{
    data::{self, Dataset, Given, Series, Split},
    error::{Error, Result},
    origin::{self, Origin},
    session,
    settings::Settings,
    trained::Trained,
};

/// A trained model with the values of `--data` and `--accept-changed-data`.
pub struct Asked {
    trained: Trained,
    data_is_named: bool,
    accept: bool,
}

impl Deref for Asked {
    type Target = Trained;
    fn deref(&self) -> &Trained {
        &self.trained
    }
}

impl Asked {
    /// The trained model with its data at `data`, if given; `accept` allows data that differs from the run's.
    pub fn of(mut trained: Trained, data: Option<&String>, accept: bool) -> Self {
        trained.notes.iter().for_each(tell);
        trained.settings.data = data.unwrap_or(&trained.settings.data).clone();
        Self { trained, data_is_named: data.is_some(), accept }
    }

    /// The settings with the path at which the data lies now.
    pub fn at_data(&self) -> Result<Settings> {
        let s = self.settings.clone();
        let data = if self.data_is_named { s.data } else { origin::located(&s.data, &self.checkpoint)? };
        Ok(Settings { data, ..s })
    }

    /// The data that the model learned from; data that differs and was not accepted is an error.
    pub fn data(&self) -> Result<Dataset> {
        let settings = self.at_data()?;
        let dataset = session::open_data(&settings).map_err(|e| e.at("the data of the run"))?;
        let (name, origin) = (settings.data.as_str(), Origin::of(&dataset));
        let (is_named, accept) = (self.data_is_named, self.accept);
        let offered = Offered { dataset: &dataset, origin: &origin, name, is_named, accept };
        check_data(&self.checkpoint, &self.settings, &offered)?;
        Ok(dataset)
    }

    /// The held-out examples of the run's data, if it has any.
    ///
    /// # Errors
    /// A held-out part that exists and cannot be used.
    pub fn held_out(&self) -> Result<Option<Dataset>> {
        let held_out = session::open_held_out(&self.at_data()?);
        let Some(dataset) = held_out.map_err(|e| e.at("the data of the run"))? else {
            return Ok(None);
        };
        if dataset.shape != self.examples.shape {
            let (name, found, wanted) = (&self.settings.data, &dataset.shape, &self.examples.shape);
            return Err(Error::failure(format!(
                "the held-out part of `{name}` has examples of shape {found:?}, and the model learned from {wanted:?}"
            )));
        }
        Ok(Some(dataset))
    }
}

/// The examples of a file or folder that an option names, in the units and the shape of the model's; says what of a
/// folder was left out.
///
/// # Errors
/// A model of text or music; a file that has no such examples.
pub fn given_to(path: &Path, trained: &Trained, option: &str) -> Result<Given> {
    let columns = match &trained.examples.series {
        Some(Series::Columns(columns)) => Some(columns),
        Some(_) => return Err(Error::usage(format!("{option} is for images, points and sequences of numbers"))),
        None => None,
    };
    let options = session::data_options(&trained.settings, Split::Train);
    let given = data::given(path, &trained.examples.shape, columns, &options).map_err(|e| e.at(option))?;
    if given.left_out.count() > 0 {
        tell(format_args!("warning: {}", given.left_out));
    }
    Ok(given)
}
