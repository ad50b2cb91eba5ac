//! Arrays that memory does not hold, read piece by piece.

use super::{Form, Reading, form};
use crate::data::npy::Stored;
use crate::data::options::Known;
use crate::data::{About, Columns, Dataset, Options, Series};
use crate::error::{Error, Result};
use crate::settings::Range;

/// The options with which to read an array piece by piece: numbers stay as they are, and what the whole array says of
/// its layout and these items of its range is settled.
///
/// # Errors
/// Images whose range has to be said.
pub(in crate::data) fn settled(stored: &Stored, items: &[u32], options: &Options) -> Result<Options> {
    let array = &stored.outline;
    let form = form(array, options)?;
    let mut options = Options { layout: Some(form.holds().layout()), ..options.clone() };
    let width = match form {
        Form::Images { .. } if options.range.is_some_and(|range| range != Range::Data) => return Ok(options),
        Form::Images { .. } if options.range.is_none() && array.is_bytes() => {
            let is_mask = stored.items(items)?.values().all(|value| value <= 1.0);
            options.range = Some(if is_mask { Range::Unit } else { Range::Byte });
            return Ok(options);
        }
        Form::Images { .. } => {
            return Err(Error::usage(format!(
                "{} is not read whole to find the range of its values, as memory does not hold it: say which it is, as \
                 in --set range=unit",
                array.place
            )));
        }
        Form::Points { size } => size,
        Form::Sequences { features, .. } => features,
    };
    let columns = Columns {
        names: (0..width).map(|i| format!("x{i}")).collect(),
        zero: vec![0.0; width],
        one: vec![1.0; width],
        decimals: vec![array.is_whole().then_some(0); width],
        ..Columns::default()
    };
    options.known = Some(Known { series: Some(Series::Columns(columns)), range: String::new() });
    Ok(options)
}

/// Some items of an array, read with settled options.
pub(in crate::data) fn piece(stored: &Stored, items: &[u32], options: &Options) -> Result<Dataset> {
    let name = stored.outline.place.trim_matches('`').to_owned();
    let reading = Reading { options, name, about: About::default(), learned: None, holds_out: false };
    reading.of(stored.items(items)?, None)
}
