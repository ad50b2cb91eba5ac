//! The figures that papers on images give, on the features of Inception-v3.

use std::{ops::Range, path::Path};

use super::{
    Better, Report, Row, Setup,
    inception::{ADDRESS, FEATURES, Inception, KEPT, Reference, Resize, Seen},
};
use crate::{
    data::Dataset,
    error::{Error, Result},
    files::quoted,
    metrics::{KID_SUBSET, KID_SUBSETS, Points, choose, kid, prdc},
};

/// Samples that published figures are of (Heusel et al. 2017; Salimans et al. 2016).
pub const SAMPLES: usize = 50_000;
/// Fewest samples: each of the ten parts of the Inception Score has some.
const FEWEST: usize = 20;
/// Number of neighbours k of precision and recall (Kynkäänniemi et al. 2019, section 3).
const NEIGHBOURS: usize = 3;

/// Images to measure, and what to measure them with.
pub struct Standard<'a> {
    /// The data that the model learned from: all of it is compared with, unless there is a `reference`.
    pub train: &'a Dataset,
    /// Held-out examples, which show what real images score.
    pub test: Option<&'a Dataset>,
    /// Number of samples.
    pub count: usize,
    /// Samples of a range `[N, C, H, W]` in -1 to 1.
    pub draw: &'a mut dyn FnMut(Range<usize>) -> Result<Vec<f32>>,
    /// The file of Inception's weights.
    pub weights: &'a Path,
    /// A file of statistics to compare with, as pytorch-fid writes them.
    pub reference: Option<&'a Path>,
    /// How images become 299 x 299.
    pub resize: Resize,
}

/// FID, KID, Inception Score, precision and recall of samples, beside those of held-out images.
///
/// # Errors
/// Sets that are not of images, files that are none of these, and too few samples.
pub fn standard(input: Standard, setup: &Setup) -> Result<Report> {
    let Standard { train, test, count, draw, weights, reference: given, resize } = input;
    let [channels, height, width] = train.shape[..] else {
        return Err(Error::usage(format!("--features: `{}` is not a set of images", train.name)));
    };
    if count < FEWEST {
        return Err(Error::failure(format!(
            "{count} samples are too few for Inception's figures: {FEWEST} is the least"
        )));
    }
    let of_file = given.map(Reference::read).transpose()?;
    let mut network = Inception::open(weights, [channels, height, width], resize, setup)?;
    let reference = match of_file {
        Some(reference) => reference,
        None => Reference::of(train, &mut network, setup)?,
    };
    let real = test.filter(|test| test.len() >= FEWEST).map(|test| {
        let places = choose(count, test.len(), setup.seed);
        let mut draw = |range: Range<usize>| Ok(places[range].iter().flat_map(|&i| test.item(i)).collect());
        network.look(&format!("`{}`", test.name), places.len(), &mut draw, setup)
    });
    let real = real.transpose()?;
    let samples = network.look("samples", count, draw, setup)?;
    let names = [train.name.as_str(), test.map_or("", |test| &test.name)];
    let rows = rows(&reference, &samples, real.as_ref(), setup.seed);
    let notes = notes(names, given, &reference, &samples, real.as_ref(), &network);
    let title = format!("Images of `{}`, by Inception's features", train.name);
    Ok(Report { title, rows, notes, compared: Some(count), ..Report::default() })
}

fn rows(reference: &Reference, samples: &Seen, real: Option<&Seen>, seed: u64) -> Vec<Row> {
    let beside = |row: Row, value: Option<f64>| value.map_or(row.clone(), |value| row.real(value));
    let frechet = |seen: &Seen| reference.moments.frechet_distance(&seen.moments);
    let fid = beside(Row::new("FID", frechet(samples), Better::Lower), real.map(frechet));
    let mut rows =
        vec![if samples.count.min(reference.count.unwrap_or(FEATURES)) < FEATURES { fid.unsure() } else { fid }];
    // The estimate is of pairs of different images.
    if reference.features.len() > FEATURES {
        let known = Points::new(&reference.features, FEATURES);
        let subset = |seen: &Seen| KID_SUBSET.min(seen.count / 2).min(known.count() / 2).max(2);
        let distance = |seen: &Seen| kid(known, seen.points(), KID_SUBSETS, subset(seen), seed);
        let value = distance(samples);
        let row = Row::new("KID", value.mean, Better::Lower).deviation(value.standard_error()).note(format!(
            "± is the standard error over {} subsets of {}; papers often give 1000 times the value",
            value.count,
            subset(samples)
        ));
        rows.push(beside(row, real.map(|real| distance(real).mean)));
    }
    let row = Row::new("Inception Score", samples.score.mean, Better::Higher).deviation(samples.score.deviation);
    let row = row.chance(1.0).note(format!("± is the deviation over {} parts of the samples", samples.score.count));
    rows.push(beside(row, real.map(|real| real.score.mean)));
    if reference.features.len() > NEIGHBOURS * FEATURES {
        let known = Points::new(&reference.features, FEATURES);
        let shares = |seen: &Seen| prdc(known, seen.points(), NEIGHBOURS);
        let (shown, real) = (shares(samples), real.map(shares));
        let count = samples.points().count();
        for (name, value, real) in [
            ("Inception precision", shown.precision, real.map(|real| real.precision)),
            ("Inception recall", shown.recall, real.map(|real| real.recall)),
        ] {
            rows.push(beside(Row::new(name, value, Better::Higher).share_of(count), real));
        }
    }
    rows
}

fn notes(
    [train, test]: [&str; 2],
    given: Option<&Path>,
    reference: &Reference,
    samples: &Seen,
    real: Option<&Seen>,
    network: &Inception,
) -> Vec<String> {
    let whose = match (given, reference.count) {
        (Some(path), _) => format!("the statistics in {}", quoted(path)),
        (None, count) => format!("{} training images of `{train}`", count.unwrap_or_default()),
    };
    let mut notes = vec![format!(
        "{} samples, rounded to 8 bits, against {whose}; resized to 299 x 299 as {} does",
        samples.count,
        network.resize.name()
    )];
    notes.push(match network.is_known() {
        true => "the features are those of the published figures (pt_inception-2015-12-05)".into(),
        false => format!(
            "the weights are not those of the published figures: SHA-256 {:.12}.., so these compare only with each \
             other; the file of papers is at {ADDRESS}",
            network.digest
        ),
    });
    if samples.count < SAMPLES {
        notes.push(format!(
            "papers measure {SAMPLES} samples: the FID of fewer is larger, and the Inception Score smaller"
        ));
    }
    if samples.count < FEATURES {
        notes.push(format!(
            "{} samples are too few for a FID: it wants more than its {FEATURES} features",
            samples.count
        ));
    }
    if let Some(real) = real {
        notes.push(format!("real: {} held-out images of `{test}` in the place of the samples", real.count));
    }
    match &reference.path {
        _ if reference.features.is_empty() => notes.push(
            "the file has no features, only moments: KID, precision and recall want those of the training images, \
             which are compared with without --reference"
                .into(),
        ),
        Some(path) => notes.push(format!(
            "KID, precision and recall are of {KEPT} images at most; the reference is kept in {}, which pytorch-fid \
             reads too",
            quoted(path)
        )),
        None => {}
    }
    notes
}
