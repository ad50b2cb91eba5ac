//! Codes, scores and classes of any examples by a trained model. Examples go through it in pieces of one fixed size, so
//! that a code depends on its example alone: not on how many there are, on their order, or on their neighbours.

mod classes;
mod layer;
mod score;

use crate::{
    checkpoint::Tensor,
    data::{self, Dataset, Split},
    error::{Error, Result},
    graph::numel,
    kernels::random::{PURPOSE_SAMPLE, normal, philox},
    memory,
    models::{DECODE, Model, SAMPLE, SETTLE},
    origin::{self, Origin},
    session::{self, Session},
    settings::Settings,
    trained::Trained,
};

pub use classes::{Classifier, Known, Learned};
pub use layer::{CLASSES, CODE, DRAW, FEATURES, LAYERS, Layer, POOLED, layers};
pub use score::{By, Scorer, Scores, area_and_precision, by_rows, quantile};

/// Batches whose moments calibrate batch norm that has none of its own.
const BATCHES: usize = 64;
/// Seed of the choice of their examples.
const CALIBRATION: u64 = 0x5e77_1e00;
/// Variance from which on a value of codes varies (Burda et al. 2016, section 4).
const VARIES: f64 = 0.01;

/// Codes of examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// The values, example by example.
    pub values: Vec<f32>,
    /// The shape of one.
    pub shape: Vec<usize>,
    /// What they are.
    pub layer: Layer,
}

impl Codes {
    /// Number of values of a code.
    pub fn width(&self) -> usize {
        numel(&self.shape)
    }

    /// Number of codes.
    pub fn len(&self) -> usize {
        self.values.len() / self.width()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of values whose variance over the examples is above 0.01: the others say nothing of an example.
    pub fn varying(&self) -> usize {
        let (width, count) = (self.width(), self.len() as f64);
        let mut sums = vec![[0.0; 2]; width];
        for code in self.values.chunks_exact(width) {
            for ([sum, squares], value) in sums.iter_mut().zip(code) {
                // Relative to the first code, so that a large mean loses no digits.
                let off = f64::from(*value) - f64::from(self.values[0]);
                *sum += off;
                *squares += off * off;
            }
        }
        sums.iter().filter(|[sum, squares]| squares / count - (sum / count).powi(2) > VARIES).count()
    }
}

/// Graphs that are run, each with the outputs that are read.
type Wanted<'a> = [(&'static str, Vec<&'a str>)];

/// A model on a device with the graphs that codes or scores take.
struct Coder {
    session: Session,
}

impl Coder {
    /// Loads the graphs. Where some of them have batch norm without running moments, these are found from the run's own
    /// data.
    fn new(trained: &Trained, model: &Model, wanted: &Wanted, adapter: Option<&str>) -> Result<Self> {
        let mut graphs: Vec<&str> = wanted.iter().map(|(graph, _)| *graph).collect();
        let mut missing = vec![];
        for (name, outputs) in wanted {
            for (_, graph) in model.named(&[name]) {
                graph.keep_outputs(outputs);
                for group in graph.groups().into_iter().filter(|group| group.name.ends_with(".stats")) {
                    let items =
                        group.items.iter().enumerate().map(|(n, item)| (group.item_name(n), item.shape.clone()));
                    missing.extend(items.filter(|(name, _)| !trained.checkpoint.tensors.contains_key(name)));
                }
            }
        }
        if missing.is_empty() {
            return Ok(Self { session: trained.session_of(model, &graphs, adapter)? });
        }
        model.named(&[SETTLE]).for_each(|(_, graph)| graph.keep_outputs(&[]));
        graphs.push(SETTLE);
        let mut states = trained.checkpoint.clone();
        for (name, shape) in missing {
            states.tensors.insert(name, Tensor { data: vec![0.0; numel(&shape)], shape });
        }
        let own =
            trained.data_of(None, Split::Train).map_err(|e| e.at("batch norm is calibrated by the run's data"))?;
        let own = own.expect("a part to learn from");
        let mut session = trained.session_from(&states, model, &graphs, adapter)?;
        let (batch, key) = (trained.settings.batch, [CALIBRATION as u32, 0]);
        let pick = |n: usize| philox([n as u32, 0, 0, PURPOSE_SAMPLE], key)[0] as usize % own.len();
        let batches = (0..BATCHES).map(|k| (0..batch).flat_map(|i| own.example(pick(k * batch + i))).collect());
        session.settle(batches)?;
        Ok(Self { session })
    }

    /// The outputs of a graph for examples `x`, row by row; those of one row are joined.
    fn rows(
        &mut self,
        graph: &'static str,
        outputs: &[String],
        inputs: &[(&str, &[f32])],
        count: usize,
    ) -> Result<Vec<f32>> {
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let mut all = self.session.answers_to(graph, &outputs, inputs, 0)?;
        if all.len() == 1 {
            return Ok(all.remove(0));
        }
        let row = |n: usize| all.iter().flat_map(move |part| &part[n * part.len() / count..][..part.len() / count]);
        Ok((0..count).flat_map(row).copied().collect())
    }

    /// The codes, of so many values each, of some examples of a data set.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`].
    fn codes(
        &mut self,
        layer: &Layer,
        width: usize,
        (data, items): (&Dataset, &[usize]),
        seed: u64,
        seen: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<f32>> {
        memory::ensure((items.len() as u64).saturating_mul(8 * width as u64))?;
        let rows = self.session.rows(layer.graph, &layer.outputs[0]);
        let mut values = Vec::with_capacity(items.len() * width);
        in_pieces(data, items, rows, seen, |items, x| {
            let found = self.rows(layer.graph, &layer.outputs, &[("x", x)], items.len())?;
            if let Some(at) = found.iter().position(|value| !value.is_finite()) {
                let name = data.name_of(items[at * items.len() / found.len()]);
                return Err(Error::failure(format!("the code of `{name}` is not finite")));
            }
            if layer.name == DRAW {
                let each = found.chunks_exact(2 * width).zip(x.chunks_exact(x.len() / items.len()));
                values.extend(each.flat_map(|(posterior, x)| drawn(posterior, noise(x, seed, 0))));
            } else {
                values.extend(found);
            }
            Ok(())
        })?;
        Ok(values)
    }
}

/// Calls `take` with the numbers of the examples of each piece of `items` and with their values; `rows` is the size of
/// a piece.
fn in_pieces(
    data: &Dataset,
    items: &[usize],
    rows: usize,
    seen: &mut dyn FnMut(usize, usize),
    mut take: impl FnMut(&[usize], &[f32]) -> Result<()>,
) -> Result<()> {
    let mut done = 0;
    for piece in items.chunks(rows.max(1)) {
        let x: Vec<f32> = piece.iter().flat_map(|&i| data.example(i)).collect();
        take(piece, &x)?;
        done += piece.len();
        seen(done, items.len());
    }
    Ok(())
}

/// The numbers of all examples.
fn all(data: &Dataset) -> Vec<usize> {
    (0..data.len()).collect()
}

/// Standard normal values, a function of the seed, the example's values and the number of the draw alone.
fn noise(x: &[f32], seed: u64, draw: usize) -> impl Fn(usize) -> f32 {
    // FNV-1a over the bits, 64 bits long.
    let hash = x.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, value| {
        (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let key = [(seed ^ hash) as u32, ((seed ^ hash) >> 32) as u32];
    move |k| normal::<f32>(philox([(k / 4) as u32, draw as u32, 0, PURPOSE_SAMPLE], key)[k % 4])
}

/// A draw from a posterior, means and then log variances.
fn drawn(posterior: &[f32], noise: impl Fn(usize) -> f32) -> Vec<f32> {
    let (mean, log_variance) = posterior.split_at(posterior.len() / 2);
    let draw = |(k, (mean, log_variance)): (usize, (&f32, &f32))| mean + (0.5 * log_variance).exp() * noise(k);
    mean.iter().zip(log_variance).enumerate().map(draw).collect()
}

/// A model that encodes examples.
pub struct Encoder {
    coder: Coder,
    layer: Layer,
    shape: Vec<usize>,
}

impl Encoder {
    /// The encoder for a layer, by its name, or for the usual one.
    ///
    /// # Errors
    /// A layer that the model lacks; those of opening a session; for a discriminator with batch norm, data of the run
    /// that is gone.
    pub fn new(trained: &Trained, layer: Option<&str>, adapter: Option<&str>) -> Result<Self> {
        let model = trained.model()?;
        let layer = layer::chosen(&model, &trained.settings.variant, layer)?;
        let outputs = layer.outputs.iter().map(String::as_str).collect();
        let coder = Coder::new(trained, &model, &[(layer.graph, outputs)], adapter)?;
        let shapes = coder.session.shapes(layer.graph);
        let shape = match &shapes[..] {
            [one] => one[1..].to_vec(),
            several => vec![several.iter().map(|shape| numel(&shape[1..])).sum()],
        };
        let shape = if layer.name == DRAW { vec![shape[0] / 2] } else { shape };
        Ok(Self { coder, layer, shape })
    }

    /// Number of values of a code.
    pub fn width(&self) -> usize {
        numel(&self.shape)
    }

    /// The layer.
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// Codes of all examples. `seed` determines the draws of the layer `draw`; `seen` is told how many of how many are
    /// done.
    ///
    /// # Errors
    /// More codes than there is memory for; codes that are not finite; a device that fails.
    pub fn encode(&mut self, data: &Dataset, seed: u64, seen: &mut dyn FnMut(usize, usize)) -> Result<Codes> {
        self.encode_some(data, &all(data), seed, seen)
    }

    /// [`Encoder::encode`] for the examples with these numbers.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`].
    pub fn encode_some(
        &mut self,
        data: &Dataset,
        items: &[usize],
        seed: u64,
        seen: &mut dyn FnMut(usize, usize),
    ) -> Result<Codes> {
        let Self { coder, layer, shape } = self;
        let values = coder.codes(layer, numel(shape), (data, items), seed, seen)?;
        Ok(Codes { values, shape: shape.clone(), layer: layer.clone() })
    }
}

/// A model that makes examples of codes, or of latent vectors where it has no encoder.
pub struct Decoder {
    session: Session,
    graph: &'static str,
}

impl Decoder {
    /// The decoder of a model.
    ///
    /// # Errors
    /// A model that has none; those of opening a session.
    pub fn new(trained: &Trained, adapter: Option<&str>) -> Result<Self> {
        let (model, variant) = (trained.model()?, &trained.settings.variant);
        let graph = match () {
            () if model.named(&[DECODE]).next().is_some() => DECODE,
            () if model.has_latent() && !trained.settings.conditional => SAMPLE,
            () if model.has_latent() => {
                return Err(Error::usage(format!(
                    "`{variant}` draws a class at a time: `saddle sample --from` with --class"
                )));
            }
            () => return Err(Error::usage(format!("`{variant}` has no decoder"))),
        };
        Ok(Self { session: trained.session_of(&model, &[graph], adapter)?, graph })
    }

    /// Number of values of a code.
    pub fn width(&self) -> usize {
        let rows = self.session.rows(self.graph, "samples");
        self.session.input(self.graph, "z").map_or(0, |len| len / rows)
    }

    /// The examples for codes, flat. `seed` determines the noise of models whose decoder draws.
    ///
    /// # Errors
    /// A device that fails.
    pub fn decode(&mut self, codes: &[f32], seed: u64) -> Result<Vec<f32>> {
        match self.graph {
            DECODE => Ok(self.session.answers_to(DECODE, &["samples"], &[("z", codes)], seed)?.remove(0)),
            _ => {
                let count = codes.len() / self.width().max(1);
                self.session.decode(codes, count, seed, None)
            }
        }
    }
}

impl Trained {
    /// Data as the model reads it, by the sizes, alphabet and scales of its training: the set or path `spec`, or the
    /// run's own. `None` for a part to test with that is not there.
    ///
    /// # Errors
    /// Data that cannot be read, or has examples of another shape or meaning; data of the run that has changed.
    pub fn data_of(&self, spec: Option<&str>, split: Split) -> Result<Option<Dataset>> {
        let (s, origin) = (&self.settings, Origin::in_checkpoint(&self.checkpoint)?.unwrap_or_default());
        let (data, holdout) = match spec {
            Some(spec) => (spec.to_owned(), 0.0),
            None => (origin::located(&s.data, &self.checkpoint)?, s.holdout),
        };
        let settings = Settings { data, holdout, ..s.clone() };
        let options = session::known_options(&settings, &self.examples, &origin.range, split);
        let name = &settings.data;
        let set = match split {
            Split::Train => Some(data::open(name, &options)?),
            Split::Test => data::open_test(name, &options)?,
        };
        let Some(set) = set else { return Ok(None) };
        let kind = |series: &Option<data::Series>| series.as_ref().map(std::mem::discriminant);
        if set.shape != self.examples.shape || kind(&set.series) != kind(&self.examples.series) {
            let (found, wanted) = (&set.shape, &self.examples.shape);
            let other = if found == wanted { ", but of other things" } else { "" };
            return Err(Error::usage(format!(
                "`{name}` has examples of shape {found:?}, and the model learned from {wanted:?}{other}"
            )));
        }
        if spec.is_none() && split == Split::Train && !origin.is_of(&set) {
            return Err(Error::failure(format!(
                "`{name}` is not what the run learned from: --data names data that shall be used all the same"
            )));
        }
        Ok(Some(set))
    }

    /// Codes of the examples of a data set that [`Trained::data_of`] opened: of the layer of this name, or of the usual
    /// one, on the best device.
    ///
    /// # Errors
    /// Those of [`Encoder`].
    pub fn encode(&self, data: &Dataset, layer: Option<&str>) -> Result<Codes> {
        Encoder::new(self, layer, None)?.encode(data, 0, &mut |_, _| ())
    }

    /// The examples for codes of the layer `code`, or for latent vectors of a model without an encoder; flat.
    ///
    /// # Errors
    /// Those of [`Decoder`]; codes of another width.
    pub fn decode(&self, codes: &[f32]) -> Result<Vec<f32>> {
        let mut decoder = Decoder::new(self, None)?;
        let width = decoder.width();
        if !codes.len().is_multiple_of(width) {
            return Err(Error::usage(format!("{} values are no codes of {width} each", codes.len())));
        }
        decoder.decode(codes, 0)
    }

    /// How unusual each example of a data set is, by a formula or by the usual one; higher is more unusual.
    ///
    /// # Errors
    /// Those of [`Scorer`].
    pub fn score(&self, data: &Dataset, by: Option<By>) -> Result<Scores> {
        Scorer::new(self, by, None)?.score(data, &mut |_, _| ())
    }
}
