//! Measures of generated images, on the features of a classifier that is trained here.

use super::{
    Better, Report, Row, Setup, check_samples,
    classifier::{Answers, Classifier, FEATURES},
    items, set_of,
};
use crate::{
    data::{Dataset, Items, Labels},
    error::{Error, Result},
    graph::numel,
    metrics::{
        Estimate, KID_SUBSET, KID_SUBSETS, choose, frechet_distance, kid, memorised_share, nearest_distances, prdc,
    },
};

/// Samples that are measured at most.
pub const SAMPLES: usize = 10_000;
/// Neighbours of precision, recall, density and coverage.
const NEIGHBOURS: usize = 5;
/// Updates of a classifier that is trained on samples, and of the one beside it that is trained on as many real images.
const SCORER_ROUNDS: u64 = 1500;

/// What images are measured with.
pub struct Images<'a> {
    /// What the model learned from.
    pub train: &'a Dataset,
    /// Examples held out; without any, a part of `train` stands in, and the report says so.
    pub test: Option<&'a Dataset>,
    /// Samples `[N, C, H, W]` in -1 to 1, shaped as the examples are.
    pub generated: &'a [f32],
    /// The class that each sample was to be of, if the model is conditional.
    pub wanted: Option<&'a [u32]>,
}

/// Real images, with their classes where the set has labels.
struct Part {
    images: Vec<f32>,
    classes: Vec<u32>,
}

impl Part {
    fn of(set: &Dataset, places: &[usize]) -> Self {
        let class = |&i: &usize| set.labels.as_ref().map_or(0, |labels| labels.ids[i]);
        Self {
            images: places.iter().flat_map(|&i| set.example(i)).collect(),
            classes: places.iter().map(class).collect(),
        }
    }
}

/// Equally many images to compare with each other.
struct Parts {
    count: usize,
    first: Part,
    second: Part,
    held_out: Part,
}

impl Parts {
    fn of(input: &Images, seed: u64) -> Result<Self> {
        let available = input.generated.len() / numel(&input.train.shape);
        let count = match input.test {
            Some(test) => available.min(test.len()).min(input.train.len() / 2),
            None => available.min(input.train.len() / 3),
        };
        let count = count.min(SAMPLES);
        if count <= NEIGHBOURS {
            return Err(Error::failure(format!(
                "{count} images to compare are too few: measures want more than {NEIGHBOURS} samples and real images"
            )));
        }
        let order = choose(3 * count, input.train.len(), seed);
        let held_out = match input.test {
            Some(test) => Part::of(test, &choose(count, test.len(), seed)),
            None => Part::of(input.train, &order[2 * count..]),
        };
        let [first, second] = [0, 1].map(|n| Part::of(input.train, &order[n * count..][..count]));
        Ok(Self { count, first, second, held_out })
    }
}

/// Fréchet and kernel distance, precision, recall, density and coverage of samples, by their features; if the set has
/// labels, also how well a classifier does that was trained on the samples, and what one of real images says of them;
/// whether training examples are repeated.
///
/// # Errors
/// Sets that are not of images, samples that are not finite, and too few of either.
pub fn images(input: &Images, setup: &Setup) -> Result<Report> {
    check_samples(input.generated, numel(&input.train.shape))?;
    if input.train.stack != 1 {
        return Err(Error::usage("stacked examples are measured by their modes"));
    }
    let parts = Parts::of(input, setup.seed)?;
    let generated = &input.generated[..parts.count * numel(&input.train.shape)];
    let mut classifier = Classifier::of(input.train, setup)?;
    let mut look = |images: &[f32]| classifier.look_at(images);
    let [samples, first, second, held_out] =
        [look(generated)?, look(&parts.first.images)?, look(&parts.second.images)?, look(&parts.held_out.images)?];
    let mut rows = distances(&samples, &first, &second, &held_out, setup.seed);
    if input.train.labels.is_some() && input.test.is_none_or(|test| test.labels.is_some()) {
        rows.extend(accuracies(input, &parts, generated, &samples, &held_out, setup)?);
    }
    if input.test.is_some() {
        rows.push(memorised(&samples, &held_out, &classifier.look_at(&items(input.train))?));
    }
    let set = &input.train.name;
    let mut notes = vec![
        format!("{} samples against as many held-out images of `{set}`", parts.count),
        "perfect: training images against others; real: training images against the held-out ones".into(),
        format!("features are the {FEATURES} of a classifier trained here on `{set}`, not Inception's"),
    ];
    if classifier.of_turns {
        notes.push("the set has no labels: the classifier tells quarter turns of its images apart".into());
    }
    if input.test.is_none() {
        notes.push(
            "the set has no held-out part: training images stand in for it, and memorisation is not looked for".into(),
        );
    }
    Ok(Report { title: format!("Images of `{set}`"), rows, notes })
}

/// The measures that compare features.
fn distances(samples: &Answers, first: &Answers, second: &Answers, held_out: &Answers, seed: u64) -> Vec<Row> {
    let subset = KID_SUBSET.min(samples.classes.len() / 2);
    let measured = |reference: &Answers, samples: &Answers| {
        let (reference, samples) = (reference.points(), samples.points());
        let kernel = kid(reference, samples, KID_SUBSETS, subset, seed);
        let shares = prdc(reference, samples, NEIGHBOURS);
        let exact = |mean| Estimate { mean, deviation: 0.0, count: 1 };
        let shares = [shares.precision, shares.recall, shares.density, shares.coverage].map(exact);
        [&[exact(frechet_distance(reference, samples)), kernel], &shares[..]].concat()
    };
    let values = measured(held_out, samples);
    let (floors, reals) = (measured(second, first), measured(held_out, first));
    let measures = [
        ("Fréchet distance", Better::Lower),
        ("kernel distance", Better::Lower),
        ("precision", Better::Higher),
        ("recall", Better::Higher),
        ("density", Better::Higher),
        ("coverage", Better::Higher),
    ];
    let row = |(n, (measure, better)): (usize, (&str, Better))| {
        let row = Row::new(measure, values[n].mean, better).floor(floors[n].mean).real(reals[n].mean);
        match values[n].count {
            1 => row,
            count => row
                .deviation(values[n].standard_error())
                .note(format!("± is the standard error over {count} subsets of {subset}")),
        }
    };
    measures.into_iter().enumerate().map(row).collect()
}

/// GAN-train and GAN-test accuracy (Shmelkov et al. 2018).
fn accuracies(
    input: &Images,
    parts: &Parts,
    generated: &[f32],
    samples: &Answers,
    held_out: &Answers,
    setup: &Setup,
) -> Result<Vec<Row>> {
    let trained_on = |images: &[f32], classes: &[u32]| -> Result<f64> {
        let labels = Labels { ids: classes.to_vec(), ..input.train.labels.clone().expect("a set with labels") };
        let set = set_of(&input.train.name, &input.train.shape, Items::Floats(images.to_vec()), labels);
        let mut scorer = Classifier::train(&set, setup.updates(SCORER_ROUNDS), setup)?;
        Ok(scorer.look_at(&parts.held_out.images)?.accuracy(&parts.held_out.classes))
    };
    let wanted = input.wanted.map(|wanted| &wanted[..parts.count]);
    let real = trained_on(&parts.first.images, &parts.first.classes)?;
    let train = Row::new(
        "GAN-train accuracy",
        trained_on(generated, wanted.unwrap_or(&samples.classes))?,
        Better::Higher,
    )
    .real(real)
    .note(match wanted {
        Some(_) => "a classifier trained on the samples is tested on held-out images",
        None => {
            "a classifier trained on the samples, labelled by the one of real images as the model has no classes, is \
                 tested on held-out images"
        }
    });
    let test = match wanted {
        Some(wanted) => Row::new("GAN-test accuracy", samples.accuracy(wanted), Better::Higher)
            .real(held_out.accuracy(&parts.held_out.classes))
            .note("how often the classifier of real images finds the class that was asked for"),
        None => Row::new("GAN-test confidence", samples.confidence(), Better::Higher)
            .real(held_out.confidence())
            .note("how sure the classifier of real images is of a sample's class, as the model has no classes"),
    };
    Ok(vec![train, test])
}

/// Whether samples lie nearer to training examples than held-out images do.
fn memorised(samples: &Answers, held_out: &Answers, train: &Answers) -> Row {
    let nearest = |answers: &Answers| nearest_distances(answers.points(), train.points());
    let held_out = nearest(held_out);
    Row::new("memorised share", memorised_share(&nearest(samples), &held_out), Better::Lower)
        .floor(0.01)
        .real(memorised_share(&held_out, &held_out))
        .note("samples nearer to a training image than all but 1 % of the held-out images are")
}
