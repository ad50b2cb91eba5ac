//! Measures of a model of text or melodies on held-out symbols, beside tables of counts.

use super::{Better, Row};
use crate::{data::Dataset, error::Result, metrics::NGram};

/// Maximum number of symbols that are measured, and that are counted.
const MEASURED: usize = 1 << 20;
const COUNTED: usize = 1 << 22;
/// Symbols before the predicted one in the tables of counts that are reported.
const ORDERS: [usize; 3] = [1, 3, 5];

/// The text that windows were cut from, as far as windows cover it: every window that begins where another ends. None
/// if none does, as with a stride that does not divide the window.
pub fn text(set: &Dataset, stride: usize) -> Option<Vec<u16>> {
    let window = set.shape[0];
    let apart = window.checked_div(stride).filter(|apart| apart * stride == window)?;
    (0..set.len()).step_by(apart).map(|i| set.symbols(i)).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
}

/// The mean negative log-likelihood of the symbols of a text, in nats.
pub type Nats<'a> = dyn FnMut(&[u16]) -> Result<f64> + 'a;

/// Rows on held-out symbols: the nats of each symbol with the model's state carried along the text, if `carried`
/// measures that, bits per character of text, and the nats by n-grams of the training part.
///
/// # Errors
/// Those of `carried`.
pub fn rows(train: &Dataset, text: &[u16], is_text: bool, carried: Option<&mut Nats>) -> Result<Vec<Row>> {
    let mut rows = vec![];
    let text = &text[..text.len().min(MEASURED)];
    if let Some(carried) = carried {
        let nats = carried(text)?;
        rows.push(Row::new("NLL per step, state carried", nats, Better::Lower));
        if is_text {
            rows.push(Row::new("bits per character", nats / std::f64::consts::LN_2, Better::Lower));
        }
    }
    let some = train.len().min(COUNTED.div_ceil(train.shape[0]));
    let windows: Vec<Vec<u16>> = (0..some).filter_map(|i| train.symbols(i * train.len() / some)).collect();
    for order in ORDERS {
        let counts = NGram::new(order, train.shape[1], windows.iter().map(Vec::as_slice));
        let nats = counts.nats([text]);
        rows.push(
            Row::new(format!("NLL per step, {}-gram", order + 1), nats, Better::Neither)
                .note("counts of the training part (Witten and Bell 1991): what a model must beat"),
        );
    }
    Ok(rows)
}
