//! A small convolutional classifier of images: the measures of images use its features, the count of modes its classes.

use std::collections::BTreeMap;

use super::{Setup, cached_name, check_samples, descend, set_of};
use crate::{
    checkpoint::{Checkpoint, Tensor},
    data::{Dataset, Items, Labels},
    engine::{Engine, Plans},
    error::{Error, Result},
    graph::{Field, Graph, Var, numel},
    kernels::gather::DataLayout,
    metrics::Points,
    nn::{Mode, Net, Start},
    session::{layout, upload},
};

/// Version of the training in this file: change it whenever a trained classifier would differ. Cached classifiers of
/// other versions are ignored.
const RECIPE: u32 = 1;
/// Number of features of an image.
pub const FEATURES: usize = 128;
/// Images per update.
const BATCH: usize = 128;
/// Updates of a full training.
const ROUNDS: u64 = 4000;
/// Updates that are handed to the device at once.
const PIECE: u64 = 200;
/// Images per run of the graph that classifies.
const ROWS: usize = 250;
const RATE: f64 = 1e-3;

/// A trained classifier and its number of classes.
pub struct Classifier {
    engine: Engine,
    item_len: usize,
    classes: usize,
    /// Whether its classes are turns of the images, because the set has no labels.
    pub of_turns: bool,
}

/// The outputs of a classifier for N images.
pub struct Answers {
    /// Activations before the last layer, `[N, FEATURES]`.
    pub features: Vec<f64>,
    /// Probabilities of the classes, `[N, classes]`.
    pub probabilities: Vec<f32>,
    /// The likeliest class of each image, `[N]`.
    pub classes: Vec<u32>,
}

impl Answers {
    /// The features as points.
    pub fn points(&self) -> Points<'_> {
        Points::new(&self.features, FEATURES)
    }

    /// Share of the images whose likeliest class is the wanted one.
    pub fn accuracy(&self, wanted: &[u32]) -> f64 {
        let right = self.classes.iter().zip(wanted).filter(|(a, b)| a == b).count();
        right as f64 / self.classes.len() as f64
    }

    /// Mean probability of the likeliest class.
    pub fn confidence(&self) -> f64 {
        let width = self.probabilities.len() / self.classes.len();
        let peak = |row: &[f32]| f64::from(row.iter().copied().fold(0.0, f32::max));
        self.probabilities.chunks_exact(width).map(peak).sum::<f64>() / self.classes.len() as f64
    }
}

impl Classifier {
    /// The classifier of a set's items: from the cache if it was trained before, else trained and then cached.
    ///
    /// Without labels it learns to tell turns of the images apart, which teaches features too (Gidaris et al. 2018).
    ///
    /// # Errors
    /// A set that is not of images.
    pub fn of(train: &Dataset, setup: &Setup) -> Result<Self> {
        let shape = item_shape(train)?;
        let rounds = setup.updates(ROUNDS);
        let name = cached_name("classifiers", train, &shape, &format!("{rounds}-v{RECIPE}"));
        let fit = || {
            let turns;
            let labelled = if train.complete_labels().is_some() {
                train
            } else {
                turns = turned(train)?;
                &turns
            };
            let mut checkpoint = fit(labelled, &shape, rounds, setup)?;
            checkpoint.meta.insert("turns".into(), train.complete_labels().is_none().to_string());
            Ok(checkpoint)
        };
        setup.kept(&name, fit, |checkpoint| Self::open(checkpoint, &shape, setup))
    }

    /// A classifier of labelled images, trained for some rounds and not kept.
    ///
    /// # Errors
    /// A set that is not of images or has no labels.
    pub fn train(train: &Dataset, rounds: u64, setup: &Setup) -> Result<Self> {
        let shape = item_shape(train)?;
        if train.complete_labels().is_none() {
            return Err(Error::usage(format!("`{}` has no labels to train a classifier with", train.name)));
        }
        Self::open(&fit(train, &shape, rounds, setup)?, &shape, setup)
    }

    fn open(checkpoint: &Checkpoint, shape: &[usize; 3], setup: &Setup) -> Result<Self> {
        let classes: usize = checkpoint.meta("classes")?;
        let graph = Graph::new();
        {
            let net = Net::new(&graph, "classifier", Start::He, Mode::Eval);
            let x = graph.input("images", &[&[ROWS], &shape[..]].concat());
            let (features, logits) = network(&net, x, classes);
            graph.output("features", features);
            graph.output("probabilities", logits.softmax());
        }
        let (runner, caps) = (setup.device)()?;
        let mut engine = Engine::new(runner, Plans::new([("answer", &graph)], &caps, None)?, setup.seed)?;
        for item in engine.items().to_vec() {
            match checkpoint.tensors.get(&item.name) {
                Some(tensor) if tensor.shape == item.shape => engine.write(&item, &tensor.data)?,
                _ => return Err(Error::failure(format!("the classifier's {} is missing or misshapen", item.name))),
            }
        }
        let of_turns = checkpoint.meta.get("turns").is_some_and(|turns| turns == "true");
        Ok(Self { engine, item_len: numel(shape), classes, of_turns })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Its outputs for images `[N, C, H, W]` in -1 to 1.
    ///
    /// # Errors
    /// Values that are not finite or not a whole number of images.
    pub fn look_at(&mut self, images: &[f32]) -> Result<Answers> {
        check_samples(images, self.item_len)?;
        self.answer(images.chunks(ROWS * self.item_len).map(<[f32]>::to_vec))
    }

    /// Its outputs for the items of a set at these indices.
    pub fn look_at_items(&mut self, set: &Dataset, places: &[usize]) -> Result<Answers> {
        self.answer(places.chunks(ROWS).map(|some| some.iter().flat_map(|&place| set.item(place)).collect()))
    }

    /// Its outputs for pieces of ROWS images each; only the last piece may have fewer.
    fn answer(&mut self, pieces: impl Iterator<Item = Vec<f32>>) -> Result<Answers> {
        let (mut features, mut probabilities, mut count) = (vec![], vec![], 0);
        for mut piece in pieces {
            count += piece.len() / self.item_len;
            piece.resize(ROWS * self.item_len, 0.0);
            self.engine.feed("answer", &[("images", &piece)])?;
            features.extend(self.engine.output("answer", "features")?.into_iter().map(f64::from));
            probabilities.extend(self.engine.output("answer", "probabilities")?);
        }
        features.truncate(count * FEATURES);
        probabilities.truncate(count * self.classes);
        // `max_by` returns the last of equals; with `rev` that is the first.
        let likeliest =
            |row: &[f32]| (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0) as u32;
        let classes = probabilities.chunks_exact(self.classes).map(likeliest).collect();
        Ok(Answers { features, probabilities, classes })
    }
}

/// x `[B, C, H, W]` -> features `[B, FEATURES]` and logits `[B, classes]`: the classifier of PacGAN's experiments (Lin
/// et al. 2018, `train_mnist.py`: 32 and 64 channels, pooling, dropout 0.25, dense 128, dropout 0.5). Strides replace
/// pooling, from the first layer on, so that the last maps are at most 7 wide at a tenth of the cost.
fn network<'g>(net: &Net<'g>, x: Var<'g>, classes: usize) -> (Var<'g>, Var<'g>) {
    let mut h = x;
    let mut stage = 0;
    while h.dim(2).max(h.dim(3)) > 14 {
        h = net.conv2d(&format!("conv{stage}"), h, 32, [3, 2, 1], true).relu();
        stage += 1;
    }
    let h = net.conv2d(&format!("conv{stage}"), h, 64, [3, 2, 1], true).relu();
    let h = net.dropout(h, 0.25);
    let features = net.dense("dense", h.reshape(&[h.dim(0), h.len() / h.dim(0)]), FEATURES).relu();
    (features, net.dense("classes", net.dropout(features, 0.5), classes))
}

/// Trains on labelled items; returns the parameters of the classifier.
fn fit(train: &Dataset, shape: &[usize; 3], rounds: u64, setup: &Setup) -> Result<Checkpoint> {
    let classes = train.classes();
    let graph = Graph::new();
    {
        let net = Net::new(&graph, "classifier", Start::He, Mode::Train);
        let draw = graph.draw();
        let x = graph.batch(draw, Field::Items, &[&[BATCH], &shape[..]].concat());
        let wanted = graph.batch(draw, Field::OneHot, &[BATCH, classes]);
        let (_, logits) = network(&net, x, classes);
        let remaining = (1.0 - graph.clock() * (1.0 / rounds as f64)).relu();
        descend(&net, logits.cross_entropy(wanted).mean_all(), remaining * RATE);
    }
    let (mut runner, caps) = (setup.device)()?;
    upload(runner.as_mut(), train)?;
    // Single items as they are, even of a stacked or mirrored set.
    let layout = DataLayout { stack: 1, mirror: 0, ..layout(train) };
    let plans = Plans::new([("round", &graph)], &caps, Some(layout))?;
    let mut engine = Engine::new(runner, plans, setup.seed)?;
    for done in (0..rounds).step_by(PIECE as usize) {
        engine.run("round", PIECE.min(rounds - done))?;
        (setup.seen)(&format!("a classifier of `{}` learns", train.name), (done + PIECE).min(rounds), rounds);
    }
    let mut tensors = BTreeMap::new();
    for item in engine.items().to_vec().into_iter().filter(|item| item.state == "classifier") {
        let data = engine.read(&item)?;
        tensors.insert(item.name, Tensor { shape: item.shape, data });
    }
    Ok(Checkpoint { tensors, meta: [("classes".into(), classes.to_string())].into() })
}

/// `[C, H, W]` of one item.
fn item_shape(train: &Dataset) -> Result<[usize; 3]> {
    match train.shape[..] {
        [channels, height, width] => Ok([channels / train.stack, height, width]),
        _ => Err(Error::usage(format!("`{}` is not a set of images", train.name))),
    }
}

/// Each image four times, which are the classes: turned by 0 to 3 quarters; if it is not square, as it is, turned by a
/// half, and mirrored in both ways.
fn turned(train: &Dataset) -> Result<Dataset> {
    let shape = item_shape(train)?;
    let (Items::Bytes(bytes), [_, height, width]) = (&train.items, shape) else {
        return Err(Error::usage(format!("`{}` has neither labels nor bytes to turn", train.name)));
    };
    let is_square = height == width;
    let place = |turn: usize, y: usize, x: usize| match (turn, is_square) {
        (0, _) => (y, x),
        (1, true) => (x, height - 1 - y),
        (3, true) => (height - 1 - x, y),
        (2, _) => (height - 1 - y, width - 1 - x),
        (1, false) => (y, width - 1 - x),
        (_, _) => (height - 1 - y, x),
    };
    let plane_of = |plane: &[u8], turn: usize| {
        let pixel = |n: usize| place(turn, n / width, n % width);
        (0..height * width).map(|n| plane[pixel(n).0 * width + pixel(n).1]).collect::<Vec<u8>>()
    };
    let all_turns = |item: &[u8]| {
        let planes = |turn| item.chunks_exact(height * width).flat_map(move |plane| plane_of(plane, turn)).collect();
        (0..4).map(planes).collect::<Vec<Vec<u8>>>().concat()
    };
    let items: Vec<u8> = bytes.chunks_exact(train.item_len()).flat_map(all_turns).collect();
    let ids = (0..4 * train.len() as u32).map(|n| n % 4).collect();
    let names = match is_square {
        true => ["0 degrees", "90 degrees", "180 degrees", "270 degrees"],
        false => ["as it is", "mirrored across", "180 degrees", "mirrored down"],
    };
    let names = names.map(String::from).into();
    Ok(set_of(&train.name, &shape, Items::Bytes(items.into()), Labels { ids, names }))
}
