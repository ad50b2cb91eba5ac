//! Counts the modes of a known mixture that a generator finds.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{Better, Report, Row, Setup, Verdict, check_samples, classifier::Classifier};
use crate::{
    data::{self, Dataset, Items, ModeScore, Options, Split, count_modes},
    error::{Error, Result},
    graph::numel,
    metrics::{Estimate, below, kl_to_uniform},
};

/// Points that are scored together (Lin et al. 2018, section 4.1).
pub const POINTS: usize = 2500;
/// Stacked digits that are counted (Lin et al. 2018, section 4.2).
pub const STACKED: usize = 26_000;
/// How much fewer points at modes than a perfect sampler's are near it.
const NEAR: f64 = 0.2;
/// Simulations of a perfect sampler; their mean is the noise floor.
const SIMULATIONS: usize = 20;

/// Modes found, share of high quality and reverse KL divergence of points `[N, 2]` from a model of the built-in set
/// `name`.
///
/// More than 2500 points are scored in groups of 2500, and the deviation is that of one group.
///
/// # Errors
/// A set without known modes, points that are not finite.
pub fn points(name: &str, generated: &[f32], setup: &Setup) -> Result<Report> {
    let modes = data::modes(name).ok_or_else(|| Error::usage(format!("the modes of `{name}` are not known")))?;
    check_samples(generated, 2)?;
    let group = POINTS.min(generated.len() / 2);
    let scores =
        |points: &[f32]| points.chunks_exact(2 * group).map(|some| count_modes(some, &modes)).collect::<Vec<_>>();
    let drawn = |split, seed| match data::open(name, &Options { split, seed, ..Options::default() })?.items {
        Items::Floats(points) => Ok(scores(&points)),
        _ => Err(Error::failure(format!("`{name}` does not hold points"))),
    };
    // Drawn with a seed that no run's data has.
    let (values, perfect, real) = (scores(generated), drawn(Split::Train, !setup.seed)?, drawn(Split::Test, 0)?);
    // One broad Gaussian hits most modes of a grid as well.
    let chance = scores(&broad(&modes, group * SIMULATIONS, setup.seed));
    let published: [&str; 3] = match name {
        "ring" => ["PacGAN2 7.9", "PacGAN2 0.956", "PacGAN2 0.07"],
        _ => ["PacGAN4 24.8", "PacGAN4 0.936", "PacGAN4 0.04"],
    };
    let row = |measure: &str, better, of: fn(&ModeScore) -> f64, published: &str| {
        let estimate = |scores: &[ModeScore]| Estimate::of(&scores.iter().map(of).collect::<Vec<f64>>());
        let value = estimate(&values);
        let row = Row::new(measure, value.mean, better).floor(estimate(&perfect).mean).real(estimate(&real).mean);
        let row = if better == Better::Higher { row.chance(estimate(&chance).mean) } else { row };
        let row = row.published(published);
        if value.count > 1 { row.deviation(value.deviation) } else { row }
    };
    let found = values.iter().map(|score| score.modes).sum::<usize>() as f64 / values.len() as f64;
    let has_missed = found <= modes.centres.len() as f64 / 2.0;
    let of_found = |row: Row| match row.judged() {
        Some(word) if has_missed && word != Verdict::Far => row.unsure().note("says nothing where modes are missing"),
        _ => row,
    };
    let rows = vec![
        row(&format!("modes of {}", modes.centres.len()), Better::Higher, |s| s.modes as f64, published[0]),
        // A third of the points off all modes is no success: real ones have one in a hundred.
        of_found(row("high-quality share", Better::Higher, |s| s.high_quality_share, published[1]).near(NEAR)),
        row("reverse KL, nats", Better::Lower, |s| s.reverse_kl, published[2]),
    ];
    let notes = vec![
        format!(
            "{} times {group} points, ± their deviation, as PacGAN counts them: high quality is within 3 deviations of \
             a mode",
            values.len()
        ),
        format!(
            "perfect: fresh draws from the mixture; real: the set's test part; one broad Gaussian has {:.1} modes and \
             a high-quality share of {:.3}, from which distances are judged",
            Estimate::of(&chance.iter().map(|score| score.modes as f64).collect::<Vec<f64>>()).mean,
            Estimate::of(&chance.iter().map(|score| score.high_quality_share).collect::<Vec<f64>>()).mean
        ),
        "published: Lin et al. 2018, table 1, means of 10 runs".into(),
    ];
    Ok(Report { title: format!("Modes of `{name}`"), rows, notes, ..Report::default() })
}

/// `count` points of the Gaussian that has the mean and the variance of the modes' centres.
fn broad(modes: &data::Modes, count: usize, seed: u64) -> Vec<f32> {
    let along = |axis: usize| Estimate::of(&modes.centres.iter().map(|at| f64::from(at[axis])).collect::<Vec<f64>>());
    let axes = [along(0), along(1)];
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut normal = || data::normal_quantile((0.5 + below(&mut stream, 1 << 24) as f64) / f64::from(1 << 24));
    (0..2 * count).map(|n| (axes[n % 2].mean + axes[n % 2].deviation * normal()) as f32).collect()
}

/// Modes found and KL divergence to the uniform distribution of stacked images `[N, 3, H, W]` in -1 to 1: every channel
/// is classified, and a mode is a triple of classes (Lin et al. 2018, section 4.2, who take 26,000 samples).
///
/// # Errors
/// A set that is not stacked or has no labels, samples that are not finite.
pub fn stacked(train: &Dataset, test: Option<&Dataset>, generated: &[f32], setup: &Setup) -> Result<Report> {
    if train.stack != 3 || train.complete_labels().is_none() {
        return Err(Error::usage(format!(
            "modes are counted in stacked images with labels, and `{}` has none",
            train.name
        )));
    }
    check_samples(generated, numel(&train.shape))?;
    let count = generated.len() / numel(&train.shape);
    let mut classifier = Classifier::of(train, setup)?;
    let classes = classifier.classes();
    let bins = classes.pow(3);
    let triples = |found: &[u32]| {
        let mut counts = vec![0; bins];
        for triple in found.chunks_exact(3) {
            counts[triple.iter().fold(0, |bin, &class| bin * classes + class as usize)] += 1;
        }
        counts
    };
    let found = triples(&classifier.look_at(generated)?.classes);
    let singles = test.unwrap_or(train);
    let singles = classifier.look_at_items(singles, &(0..singles.len()).collect::<Vec<usize>>())?.classes;
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(setup.seed);
    let real: Vec<u32> = (0..3 * count).map(|_| singles[below(&mut stream, singles.len())]).collect();
    let real = triples(&real);
    let mut perfect = || {
        let mut counts = vec![0usize; bins];
        (0..count).for_each(|_| counts[below(&mut stream, bins)] += 1);
        counts
    };
    let perfect: Vec<Vec<usize>> = (0..SIMULATIONS).map(|_| perfect()).collect();
    let row = |measure: &str, better, of: fn(&[usize]) -> f64, published: &str| {
        let floor = Estimate::of(&perfect.iter().map(|counts| of(counts)).collect::<Vec<f64>>());
        Row::new(measure, of(&found), better).floor(floor.mean).real(of(&real)).published(published)
    };
    let modes = |counts: &[usize]| counts.iter().filter(|&&count| count > 0).count() as f64;
    let rows = vec![
        row(&format!("modes of {bins}"), Better::Higher, modes, "PacDCGAN2 1000, R3GAN 1000"),
        row("KL to uniform, nats", Better::Lower, kl_to_uniform, "PacDCGAN2 0.06, R3GAN 0.029"),
    ];
    let notes = vec![
        format!("{count} samples, their channels classified by a network trained here on `{}`", train.name),
        "perfect: uniform triples; real: random triples of held-out images, whose classes are not equally frequent"
            .into(),
        "published: 26,000 samples of stacked MNIST, Lin et al. 2018, table 2, and Huang et al. 2024".into(),
    ];
    Ok(Report { title: format!("Modes of stacked `{}`", train.name), rows, notes, ..Report::default() })
}
