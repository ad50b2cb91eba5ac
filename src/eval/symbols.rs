//! Measures of a model of text or melodies on held-out symbols, beside tables of counts.

use super::{Better, Row};
use crate::{
    data::{Dataset, Series},
    error::Result,
    metrics::NGram,
};

/// Maximum number of symbols that are measured, and that are counted.
const MEASURED: usize = 1 << 20;
const COUNTED: usize = 1 << 22;
/// Symbols before the predicted one in the tables of counts that are reported.
const ORDERS: [usize; 3] = [1, 3, 5];

/// The text that windows were cut from, as far as windows cover it: every window that begins where another ends. None
/// if none does, as with a stride that does not divide the window. Of lines that are sequences, each up to its end.
pub fn texts(set: &Dataset, stride: usize) -> Option<Vec<Vec<u16>>> {
    let Some(Series::Symbols(symbols)) = &set.series else { return None };
    if symbols.end.is_some() {
        return (0..set.len()).map(|i| set.symbols(i).map(|line| symbols.counted(&line).to_vec())).collect();
    }
    let window = set.shape[0];
    let apart = window.checked_div(stride).filter(|apart| apart * stride == window)?;
    let parts = (0..set.len()).step_by(apart).map(|i| set.symbols(i)).collect::<Option<Vec<_>>>()?;
    Some(vec![parts.concat()])
}

/// The mean negative log-likelihood of the symbols of a text, in nats.
pub type Nats<'a> = dyn FnMut(&[u16]) -> Result<f64> + 'a;

/// Rows on held-out symbols: the nats of each symbol with the model's state carried along the text, if it is one and
/// `carried` measures that, bits per character of text, and the nats by n-grams of the training part.
///
/// # Errors
/// Those of `carried`.
pub fn rows<'a>(train: &Dataset, texts: &'a [Vec<u16>], is_text: bool, carried: Option<&mut Nats>) -> Result<Vec<Row>> {
    let (mut rows, mut left) = (vec![], MEASURED);
    let Some(Series::Symbols(symbols)) = &train.series else { return Ok(rows) };
    let some = |text: &'a Vec<u16>| {
        let part = &text[..text.len().min(left)];
        left -= part.len();
        part
    };
    let texts: Vec<&[u16]> = texts.iter().map(some).filter(|text| !text.is_empty()).collect();
    if let (Some(carried), [text], None) = (carried, &texts[..], symbols.end) {
        let nats = carried(text)?;
        rows.push(Row::new("NLL per step, state carried", nats, Better::Lower));
        if is_text {
            let bits = nats * text.len() as f64 / symbols.characters(text) as f64 / std::f64::consts::LN_2;
            rows.push(Row::new("bits per character", bits, Better::Lower));
        }
    }
    let some = train.len().min(COUNTED.div_ceil(train.shape[0]));
    let windows: Vec<Vec<u16>> = (0..some).filter_map(|i| train.symbols(i * train.len() / some)).collect();
    for order in ORDERS {
        let counts = NGram::new(order, train.shape[1], windows.iter().map(|window| symbols.counted(window)));
        let nats = counts.nats(texts.iter().copied());
        rows.push(
            Row::new(format!("NLL per step, {}-gram", order + 1), nats, Better::Neither)
                .note("counts of the training part (Witten and Bell 1991): what a model must beat"),
        );
    }
    Ok(rows)
}
