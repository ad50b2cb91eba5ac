//! Measures of generated images, on the features of a classifier that is trained here.

use super::{
    Better, Report, Row, Setup, Verdict, check_samples,
    classifier::{Answers, Classifier, FEATURES},
    inception::ADDRESS,
    set_of,
};
use crate::{
    data::{Dataset, Items, Labels},
    error::{Error, Result},
    graph::numel,
    metrics::{
        Estimate, KID_SUBSET, KID_SUBSETS, Spread, choose, frechet_distance, kid, memorised_share, nearest_distances,
        prdc,
    },
};

/// Largest number of samples that are measured.
pub const SAMPLES: usize = 10_000;
/// Fewest real images that samples are compared with.
pub const FEWEST: usize = 10;
/// Number of neighbours k of precision, recall, density and coverage.
const NEIGHBOURS: usize = 5;
/// Updates of the classifier that is trained on samples, and of the one that is trained on as many real images.
const SCORER_ROUNDS: u64 = 1500;

/// Images to measure, and the data to measure them with.
pub struct Images<'a> {
    /// The data that the model learned from.
    pub train: &'a Dataset,
    /// Held-out examples; without any, a part of `train` takes their place, and the report says so.
    pub test: Option<&'a Dataset>,
    /// Samples `[N, C, H, W]` in -1 to 1, shaped as the examples are.
    pub generated: &'a [f32],
    /// The requested class of each sample, if the model is conditional.
    pub wanted: Option<&'a [u32]>,
    /// What gives more real images, in words.
    pub more: &'a str,
}

/// Some images of a set.
struct Part<'a> {
    set: &'a Dataset,
    places: Vec<usize>,
}

impl Part<'_> {
    fn look(&self, classifier: &mut Classifier) -> Result<Answers> {
        classifier.look_at_items(self.set, &self.places)
    }

    /// The classes of the images; the set must have labels.
    fn classes(&self) -> Vec<u32> {
        let labels = self.set.labels.as_ref().map_or(&[][..], |labels| &labels.ids);
        self.places.iter().map(|&place| labels[place]).collect()
    }

    fn images(&self) -> Vec<f32> {
        self.places.iter().flat_map(|&place| self.set.item(place)).collect()
    }
}

/// Equal numbers of images to compare with each other.
struct Parts<'a> {
    count: usize,
    /// How many there could be with more samples.
    most: usize,
    generated: &'a [f32],
    wanted: Option<&'a [u32]>,
    first: Part<'a>,
    second: Part<'a>,
    held_out: Part<'a>,
}

impl<'a> Parts<'a> {
    fn of(input: &Images<'a>, seed: u64) -> Result<Self> {
        let available = input.generated.len() / numel(&input.train.shape);
        let most = input.test.map_or(input.train.len() / 3, |test| test.len().min(input.train.len() / 2)).min(SAMPLES);
        let count = available.min(most);
        if count <= NEIGHBOURS {
            return Err(Error::failure(format!(
                "{count} images to compare are too few: measures want more than {NEIGHBOURS} samples and real images"
            )));
        }
        let order = choose(3 * count, input.train.len(), seed);
        let part = |n: usize| Part { set: input.train, places: order[n * count..][..count].to_vec() };
        let held_out = match input.test {
            Some(test) => Part { set: test, places: choose(count, test.len(), seed) },
            None => part(2),
        };
        let (first, second) = (part(0), part(1));
        let generated = &input.generated[..count * numel(&input.train.shape)];
        let wanted = input.wanted.map(|wanted| &wanted[..count]);
        Ok(Self { count, most, generated, wanted, first, second, held_out })
    }
}

/// Fréchet and kernel distance, precision, recall, density and coverage of samples, by their features. If the set has
/// labels, also the accuracy of a classifier that is trained on the samples, and the results of a classifier of real
/// images on the samples. With held-out examples, also the share of samples that repeat training examples.
///
/// # Errors
/// Sets that are not of images, samples that are not finite, and too few of either.
pub fn images(input: &Images, setup: &Setup) -> Result<Report> {
    let len = numel(&input.train.shape);
    check_samples(input.generated, len)?;
    if input.wanted.is_some_and(|wanted| wanted.len() * len != input.generated.len()) {
        return Err(Error::failure("samples and the classes that they were to be of differ in number"));
    }
    if input.train.stack != 1 {
        return Err(Error::usage("stacked examples are measured by their modes"));
    }
    let parts = Parts::of(input, setup.seed)?;
    let mut classifier = Classifier::of(input.train, setup)?;
    let samples = classifier.look_at(parts.generated)?;
    let mut look = |part: &Part| part.look(&mut classifier);
    let (first, second, held_out) = (look(&parts.first)?, look(&parts.second)?, look(&parts.held_out)?);
    let spread = spread(&parts);
    let are_alike = spread.as_ref().is_some_and(|spread| spread.value < ALIKE);
    let mut rows = distances(&samples, [&first, &second, &held_out], are_alike, setup.seed);
    rows.extend(spread);
    rows.extend(accuracies(&parts, &samples, &held_out, setup)?);
    if input.test.is_some() {
        let everything: Vec<usize> = (0..input.train.len()).collect();
        rows.push(memorised(&samples, &held_out, &classifier.look_at_items(input.train, &everything)?));
    }
    let set = &input.train.name;
    let whose = if input.test.is_some() { "held-out" } else { "other training" };
    let beside = input.test.map_or(set, |test| &test.name);
    let mut notes = vec![
        format!("{} samples against as many {whose} images of `{beside}`", parts.count),
        format!("perfect: training images against others; real: training images against the {whose} ones"),
        format!(
            "features are the {FEATURES} of a classifier trained here on `{set}`, not Inception's, so that no figure \
             compares with papers; `--features FILE` measures with Inception, whose weights are at {ADDRESS}"
        ),
    ];
    if parts.count < FEATURES {
        let Parts { count, most, .. } = parts;
        let more = match most > count {
            true => format!("a higher --count compares up to {most}"),
            false => input.more.into(),
        };
        notes.push(format!(
            "{count} samples are fewer than the {FEATURES} features: too few for a Fréchet distance, also a perfect or \
             a real one; the kernel distance needs fewer; {more}"
        ));
    }
    if classifier.of_turns {
        notes.push("the set has no labels: the classifier tells turns of its images apart".into());
    }
    if input.test.is_none() {
        notes.push(
            "the set has no held-out part: training images take its place, and memorisation is not measured".into(),
        );
    }
    Ok(Report { title: format!("Images of `{set}`"), rows, notes, compared: Some(parts.count), ..Report::default() })
}

const FRECHET: &str = "Fréchet distance";
/// Spread of samples below which they are alike, as it is while training.
const ALIKE: f64 = 0.5;
/// Training images whose spread is measured beside it.
const ENOUGH: usize = 1000;
/// Place of the recall among the measures.
const RECALL: usize = 3;
/// Measures that are shares of the images of one side.
const SHARES: [&str; 3] = ["precision", "recall", "coverage"];

/// The measures that compare features.
fn distances(samples: &Answers, [first, second, held_out]: [&Answers; 3], are_alike: bool, seed: u64) -> Vec<Row> {
    let count = samples.classes.len();
    let subset = KID_SUBSET.min(count / 2);
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
        (FRECHET, Better::Lower),
        ("kernel distance", Better::Lower),
        ("precision", Better::Higher),
        ("recall", Better::Higher),
        ("density", Better::Higher),
        ("coverage", Better::Higher),
    ];
    let row_of = |n: usize, measure: &str, better| {
        Row::new(measure, values[n].mean, better).floor(floors[n].mean).real(reals[n].mean)
    };
    let is_far = row_of(0, FRECHET, Better::Lower).judged() == Some(Verdict::Far);
    let row = |(n, (measure, better)): (usize, (&str, Better))| {
        let row = row_of(n, measure, better);
        match values[n].count {
            // What lies in the middle of all real images is within the surroundings of some.
            1 if matches!(measure, "precision" | "density") && values[RECALL].mean < 0.1 * reals[RECALL].mean => {
                row.unsure().note("says nothing where recall is about 0")
            }
            1 if are_alike && matches!(measure, "precision" | "density") => row.unsure(),
            1 if SHARES.contains(&measure) => {
                let row = row.share_of(count);
                match measure == "precision" && is_far && row.judged() == Some(Verdict::AsGood) {
                    true => row.note("blurred images pass as well: the distance is far, so look at the pictures"),
                    false => row,
                }
            }
            1 if measure == FRECHET && count < FEATURES => row.unsure(),
            1 => row,
            subsets => {
                let row = row.deviation(values[n].standard_error());
                // A perfect sampler's distance is 0: how far its estimate is below shows what chance does.
                let row = if values[n].mean <= -floors[n].mean { row.unsure() } else { row };
                row.note(format!("± is the standard error over {subsets} subsets of {subset}"))
            }
        }
    };
    measures.into_iter().enumerate().map(row).collect()
}

/// How much samples differ from each other, beside held-out images; `None` where those are all alike.
fn spread(parts: &Parts) -> Option<Row> {
    let spread = Spread::beside(parts.held_out.set)?;
    let found = spread.of_parts(parts.generated);
    let first = Part { set: parts.first.set, places: parts.first.places.iter().copied().take(ENOUGH).collect() };
    let row = Row::new("spread", found.mean, Better::Higher).real(spread.of_parts(&first.images()).mean);
    let row = if found.count > 1 { row.deviation(found.standard_error()) } else { row };
    Some(row.note(match found.mean < ALIKE {
        true => "samples are alike: precision and density of such samples say little",
        false => "mean distance between pairs of samples over that of held-out images, by their pixels",
    }))
}

/// GAN-train and GAN-test accuracy (Shmelkov et al. 2018, section 3), where real images have labels.
fn accuracies(parts: &Parts, samples: &Answers, held_out: &Answers, setup: &Setup) -> Result<Vec<Row>> {
    let (Some(Labels { names, .. }), Some(_)) =
        (parts.first.set.complete_labels(), parts.held_out.set.complete_labels())
    else {
        return Ok(vec![]);
    };
    let truth = parts.held_out.classes();
    let trained_on = |images: Vec<f32>, ids: Vec<u32>| -> Result<f64> {
        let Dataset { name, shape, .. } = parts.first.set;
        let set = set_of(name, shape, Items::Floats(images.into()), Labels { ids, names: names.clone() });
        let mut scorer = Classifier::train(&set, setup.updates(SCORER_ROUNDS), setup)?;
        Ok(parts.held_out.look(&mut scorer)?.accuracy(&truth))
    };
    let classes = parts.wanted.unwrap_or(&samples.classes);
    let gan_train = trained_on(parts.generated.to_vec(), classes.to_vec())?;
    let real_train = trained_on(parts.first.images(), parts.first.classes())?;
    let train = Row::new("GAN-train accuracy", gan_train, Better::Higher).real(real_train).share_of(parts.count);
    let train = train.chance(1.0 / names.len() as f64);
    let Some(wanted) = parts.wanted else {
        let train = train.note(
            "accuracy on held-out images of a classifier trained on the samples; the model has no classes, so the \
             classifier of real images labels the samples",
        );
        let test = Row::new("GAN-test confidence", samples.confidence(), Better::Higher).real(held_out.confidence());
        let test = test.chance(1.0 / names.len() as f64);
        return Ok(vec![train, test.note("mean probability of the class that the classifier of real images sees")]);
    };
    let train = train.note("accuracy on held-out images of a classifier trained on the samples");
    let test = Row::new("GAN-test accuracy", samples.accuracy(wanted), Better::Higher).real(held_out.accuracy(&truth));
    let test = test
        .share_of(parts.count)
        .chance(1.0 / names.len() as f64)
        .note("accuracy of the classifier of real images on the samples");
    Ok(vec![train, test])
}

/// Whether samples lie nearer to training examples than held-out images do.
fn memorised(samples: &Answers, held_out: &Answers, train: &Answers) -> Row {
    let nearest = |answers: &Answers| nearest_distances(answers.points(), train.points());
    let held_out = nearest(held_out);
    let row = Row::new("memorised share", memorised_share(&nearest(samples), &held_out), Better::Lower)
        .floor(0.01)
        .real(memorised_share(&held_out, &held_out))
        .share_of(held_out.len())
        .note("samples nearer to a training image than all but 1 % of the held-out images are");
    // Fewer images have no such 1 %.
    if held_out.len() < 100 { row.unsure() } else { row }
}
