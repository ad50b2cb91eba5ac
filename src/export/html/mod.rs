//! A model as one HTML page that runs on the viewer's GPU: the plans and kernels of this program, replayed by
//! `web/runtime.js`, and the weights.

mod pack;
mod ring;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

pub use ring::ring;

use super::{Exporter, Write};
use crate::{
    data::{BUILT_IN, Dataset, Items, Series, SymbolKind, Symbols},
    engine::Plans,
    error::{Error, Result},
    graph::Graph,
    kernels::Caps,
    models::{CALIBRATE, SAMPLE},
    origin::Origin,
    page::{escaped, filled},
    session::{self, SAMPLING},
    settings::Settings,
    trained::Trained,
};
use pack::Pack;

const PAGE: &str = include_str!("../../../web/page.html");
const RUNTIME: &str = include_str!("../../../web/runtime.js");
const DRAW: &str = include_str!("../../../web/draw.js");
const SCRIPT: &str = include_str!("../../../web/page.js");

/// Most bytes of examples in a page that trains.
const DATA_BYTES: usize = 4 << 20;
/// Number of real points to draw beside generated ones.
const POINTS: usize = 2500;

/// The row in [`super::EXPORTERS`].
pub const EXPORTER: Exporter = Exporter {
    name: "html",
    about: "a page that makes samples in a browser with WebGPU",
    options: &["--train", "--data"],
    write: Write::Page,
};

/// What a page shows before its first samples, and where the viewer has no WebGPU.
pub enum Still<'a> {
    /// A picture as a PNG file.
    Picture(&'a [u8]),
    /// Text.
    Text(&'a str),
}

/// A page that makes samples of a trained model; with the data that it learned from, one that also trains on.
///
/// # Errors
/// A model whose tensors are larger than every browser can bind; a checkpoint that does not fit the model.
pub fn page(trained: &Trained, still: &Still, data: Option<Dataset>) -> Result<String> {
    let data = data.map(fitting);
    let settings = &trained.settings;
    let step: u64 = trained.checkpoint.meta("step")?;
    // The schedule of the rates goes on, so that they are not 0 from the first round of the page.
    let longer = Settings { steps: settings.steps.max(2 * step), chains: settings.chains, ..settings.of_one_part() };
    let model = crate::models::variant(&settings.variant)?.model(&longer, &trained.examples)?;
    let caps = Caps::default();
    let trains = data.is_some();
    let calibrates = model.named(&[CALIBRATE]).filter(|_| trains);
    let round = trains.then(|| ("round", model.round()));
    let graphs: Vec<(&str, &Graph)> = model.named(&[SAMPLE]).chain(calibrates).chain(round).collect();
    let plans =
        Plans::new(graphs, &caps, data.as_ref().map(session::layout)).map_err(|e| e.at("a page for browsers"))?;
    let mut pack = Pack::default();
    pack.add(&plans, &caps, |item| Ok(trained.checkpoint.tensor(&item.name, &item.shape)?.data.clone()))?;
    if let Some(set) = &data {
        pack.add_data(set);
    }
    let sample = plans.get(SAMPLE).ok_or_else(|| Error::failure("the model draws no samples"))?;
    let origin = Origin::in_checkpoint(&trained.checkpoint)?.unwrap_or_default();
    let classes = origin.class_names(trained.examples.classes);
    // Points say nothing without the real ones; those of other people's data are theirs, and go with `--train` only.
    let drawn = data.is_none() && BUILT_IN.iter().any(|(name, ..)| *name == settings.data);
    let drawn = drawn.then(|| session::open_data(settings)).transpose()?;
    let of_points = data.as_ref().or(drawn.as_ref()).filter(|set| set.shape.len() == 1);
    let real = of_points.map(|set| -> Vec<f32> { (0..POINTS.min(set.len())).flat_map(|i| set.example(i)).collect() });
    let real = real.map(|values| pack.store(bytemuck::cast_slice(&values)));
    let series = trained.examples.series.as_ref();
    let entries = json!({
        "name": format!("{}-{}", settings.variant, origin.name),
        "kind": kind(&trained.examples.shape, series),
        "shape": trained.examples.shape,
        "rows": sample.outputs[0].shape[0],
        "latent": sample.input("z").map_or(0, |len| len / sample.outputs[0].shape[0]),
        "dist": settings.latent_dist.word(),
        "classes": if sample.input("classes").is_some() { classes } else { vec![] },
        "columns": match series { Some(Series::Columns(columns)) => Some(columns), _ => None },
        "symbols": match series { Some(Series::Symbols(symbols)) => spelling(symbols), _ => Value::Null },
        "real": real,
        "step": step,
        "seed": words(settings.seed),
        "sampling": words(SAMPLING),
        "calibration": model.calibration,
    });
    let title = format!("{} on {}", settings.variant, origin.name);
    let about = format!("Step {step} of a run of Saddle.");
    let still = match still {
        Still::Picture(png) => {
            format!("<img alt=\"samples\" src=\"data:image/png;base64,{}\">", STANDARD.encode(png))
        }
        Still::Text(text) => format!("<pre>{}</pre>", escaped(text)),
    };
    let script = [RUNTIME, DRAW, SCRIPT].concat();
    let parts = [
        ("<!--TITLE-->", &*escaped(&title)),
        ("<!--ABOUT-->", &escaped(&about)),
        ("<!--STILL-->", &still),
        ("<!--PACK-->", &pack.text(entries)?),
        ("/*SCRIPT*/", &script),
    ];
    Ok(filled(PAGE, &parts))
}

/// The low and the high word of a seed.
fn words(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// The part of a data set that a page holds: the first symbols of a text, other examples evenly from all of it.
fn fitting(mut set: Dataset) -> Dataset {
    let bytes = 4 * set.items.words().len();
    let (len, kept) = (set.len(), (set.len() * DATA_BYTES / bytes.max(1)).max(1));
    if bytes <= DATA_BYTES {
        return set;
    }
    if let Items::Symbols { ids, starts } = &set.items {
        // Symbols are 2 bytes; the first ones, as windows of a text share them.
        let fits = |start: &u32| *start as usize + set.item_len() <= DATA_BYTES / 2;
        let starts: Vec<u32> = starts.iter().copied().filter(fits).collect();
        set.items = Items::Symbols { ids: ids[..DATA_BYTES].to_vec().into(), starts: starts.into() };
    } else {
        set.retain(|i| (i + 1) * kept / len > i * kept / len);
    }
    set
}

fn kind(shape: &[usize], series: Option<&Series>) -> &'static str {
    match (shape.len(), series) {
        (_, Some(Series::Symbols(_))) => "text",
        (_, Some(Series::Roll(_))) => "roll",
        (3, _) => "images",
        (2, _) => "curves",
        _ => "points",
    }
}

/// What a page needs to spell symbols.
fn spelling(symbols: &Symbols) -> Value {
    let spelling = match symbols.kind {
        SymbolKind::Midi => "Midi".into(),
        SymbolKind::Text => format!("{:?}", symbols.spelling),
    };
    json!({
        "names": symbols.names,
        "spelling": spelling,
        "end": symbols.end,
        "glue": crate::data::GLUE,
        "bytes": symbols.bytes(),
    })
}
