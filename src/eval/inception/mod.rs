//! What Inception-v3 makes of images: the features of FID, KID, precision and recall, and the classes of the Inception
//! Score. The weights are a file that the user brings.

mod network;
mod resize;
mod statistics;

pub use network::FEATURES;
pub use resize::Resize;
pub use statistics::Reference;

use std::{ops::Range, path::Path};

use super::{Setup, check_samples, widened};
use crate::{
    engine::{Engine, Plans},
    error::{Error, Result},
    graph::{Graph, Init, Var, numel},
    metrics::{Estimate, InceptionScore, Moments, Points, Sums},
    state_dict::StateDict,
};
use network::{CLASSES, Network, SIDE};

/// SHA-256 of the file that published figures are of.
const KNOWN: &str = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2";
/// Where that file is to be had; nothing here fetches it.
pub const ADDRESS: &str = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/\
                           pt_inception-2015-12-05-6726825d.pth";
/// Images per run of the graph.
const ROWS: usize = 16;
/// Images that are asked for at once, a multiple of `ROWS`.
pub const PIECE: usize = 64 * ROWS;
/// Images of each set whose features are kept; moments are of all.
pub const KEPT: usize = 10_000;
/// Parts of the images that the Inception Score is computed of (Salimans et al. 2016, code).
const SPLITS: usize = 10;
/// The epsilon of its batch norms.
const EPSILON: f64 = 1e-3;

/// The network on a device, for images of one shape.
pub struct Inception {
    engine: Engine,
    item_len: usize,
    /// SHA-256 of the file of weights.
    pub digest: String,
    /// How images are resized.
    pub resize: Resize,
}

/// What the network makes of the images of a set.
pub struct Seen {
    /// Number of images.
    pub count: usize,
    /// Moments of the features of all.
    pub moments: Moments,
    /// Features of the first [`KEPT`], `[N, 2048]`.
    pub features: Vec<f64>,
    /// The Inception Score.
    pub score: Estimate,
}

impl Seen {
    /// The features that are kept.
    pub fn points(&self) -> Points<'_> {
        Points::new(&self.features, FEATURES)
    }
}

impl Inception {
    /// The network with the weights of a file, for images `[C, H, W]`.
    ///
    /// # Errors
    /// Images that are neither grey nor RGB, and files without these weights.
    pub fn open(path: &Path, shape: [usize; 3], resize: Resize, setup: &Setup) -> Result<Self> {
        if ![1, 3].contains(&shape[0]) {
            return Err(Error::usage(format!("--features: images have {} channels, and 1 or 3 are right", shape[0])));
        }
        let weights = StateDict::open(path)?;
        let graph = Graph::new();
        let network = Network { graph: &graph, group: graph.group("inception") };
        let images = graph.input("images", &[&[ROWS], &shape[..]].concat());
        let [features, probabilities] = network.answer(scaled(images, resize));
        graph.output("features", features);
        graph.output("probabilities", probabilities);
        let (runner, caps) = (setup.device)()?;
        let mut engine = Engine::new(runner, Plans::new([("answer", &graph)], &caps, None)?, setup.seed)?;
        for item in engine.items().to_vec() {
            let values = match item.name.split_once('.') {
                Some((RESIZE, _)) => resize.matrix(item.shape[1]),
                Some((_, name)) => folded(&weights, name, &item.shape)?,
                None => unreachable!("states lie in groups"),
            };
            engine.write(&item, &values)?;
        }
        Ok(Self { engine, item_len: numel(&shape), digest: weights.digest(), resize })
    }

    /// Whether its weights are those that published figures are of.
    pub fn is_known(&self) -> bool {
        self.digest == KNOWN
    }

    /// Looks at `count` images in -1 to 1, rounded to 8 bits as files of images are. `draw` gives those of a range.
    ///
    /// # Errors
    /// Those of `draw`, and images that are not finite.
    pub fn look(
        &mut self,
        what: &str,
        count: usize,
        draw: &mut dyn FnMut(Range<usize>) -> Result<Vec<f32>>,
        setup: &Setup,
    ) -> Result<Seen> {
        let (mut sums, mut kept, mut scores) =
            (Sums::new(FEATURES), vec![], InceptionScore::new(count, SPLITS, CLASSES));
        for first in (0..count).step_by(PIECE) {
            let range = first..count.min(first + PIECE);
            let images = draw(range.clone())?;
            check_samples(&images, self.item_len)?;
            let bytes: Vec<f32> = images.iter().map(|v| ((v + 1.0) * 127.5).round().clamp(0.0, 255.0)).collect();
            let mut features = vec![];
            for (n, images) in bytes.chunks(ROWS * self.item_len).enumerate() {
                let (mut images, rows) = (images.to_vec(), images.len() / self.item_len);
                images.resize(ROWS * self.item_len, 0.0);
                self.engine.feed("answer", &[("images", &images)])?;
                features.extend_from_slice(&self.engine.output("answer", "features")?[..rows * FEATURES]);
                scores.add(&self.engine.output("answer", "probabilities")?[..rows * CLASSES]);
                (setup.seen)(&format!("Inception looks at {what}"), (first + n * ROWS + rows) as u64, count as u64);
            }
            check_samples(&features, FEATURES)?;
            let features = widened(&features);
            sums.add(Points::new(&features, FEATURES));
            kept.extend_from_slice(&features[..features.len().min(KEPT * FEATURES - kept.len())]);
        }
        Ok(Seen { count, moments: sums.moments(), features: kept, score: scores.estimate() })
    }
}

/// The group of the matrices that resize.
const RESIZE: &str = "resize";

/// Images `[B, C, H, W]` in 0 to 255 -> `[B, 3, 299, 299]` as the network reads them.
fn scaled<'g>(images: Var<'g>, resize: Resize) -> Var<'g> {
    let graph = images.graph();
    let group = graph.group(RESIZE);
    let [rows, channels, height, width] = [0, 1, 2, 3].map(|axis| images.dim(axis));
    // The last axis becomes 299 long, and then the last but one.
    let resized = |x: Var<'g>, name: &str, side: usize| {
        let matrix = graph.state(group, name, &[SIDE, side], Init::Const(0.0));
        let others = x.len() / side;
        x.reshape(&[others, side]).matmul(matrix.transpose())
    };
    let wide = resized(images, "columns", width).reshape(&[rows, channels, height, SIDE]).transpose();
    let tall = resized(wide, "rows", height).reshape(&[rows, channels, SIDE, SIDE]).transpose();
    let [zero, one] = resize.scale();
    let cut = if resize.overshoots() { (tall - 127.5).clamp(127.5) + 127.5 } else { tall };
    let scaled = (cut - zero) * (1.0 / one);
    match channels {
        3 => scaled,
        _ => scaled.reshape(&[rows, SIDE, SIDE]).broadcast(&[rows, 3, SIDE, SIDE], &[1]),
    }
}

/// The values of a state of the network: a filter or a bias with its batch norm in it, or the last layer.
fn folded(weights: &StateDict, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let Some((layer, kind)) = name.rsplit_once('.').filter(|(layer, _)| *layer != "fc") else {
        return weights.values(name, shape);
    };
    let norm = |kind: &str| Ok(widened(&weights.values(&format!("{layer}.bn.{kind}"), &shape[..1])?));
    let (variances, factors) = (norm("running_var")?, norm("weight")?);
    let scales: Vec<f64> =
        variances.iter().zip(factors).map(|(v, factor)| factor / (v.max(0.0) + EPSILON).sqrt()).collect();
    if kind == "bias" {
        let (biases, means) = (norm("bias")?, norm("running_mean")?);
        let shifted = biases.iter().zip(means).zip(scales).map(|((bias, mean), scale)| (bias - mean * scale) as f32);
        return Ok(shifted.collect());
    }
    let mut filters = weights.values(&format!("{layer}.conv.weight"), shape)?;
    let len = filters.len() / scales.len();
    for (filter, scale) in filters.chunks_mut(len).zip(scales) {
        filter.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
    }
    Ok(filters)
}
