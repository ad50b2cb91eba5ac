//! Measures of generated series: TimeGAN's two scores, and distances that need no network.

use image::RgbImage;

use super::{
    Better, Report, Row, Setup, check_samples,
    scorer::{Windows, discriminative_score, predictive_score},
    widened,
};
use crate::{
    error::{Error, Result},
    metrics::{Estimate, Pca, Points, autocorrelation_error, choose, mean, mmd_rbf, tsne},
    report::{self, Compared, Figure},
};

/// Networks that are trained for each of TimeGAN's scores.
pub const REPETITIONS: u64 = 10;
/// Largest number of windows of each kind in the kernel distance.
const KERNEL_WINDOWS: usize = 2000;
/// Largest number of windows of each kind in a picture, and t-SNE's perplexity (TimeGAN's `visualization_metrics.py`).
const PICTURED: usize = 1000;
const PERPLEXITY: f64 = 40.0;

/// Published scores: part of the set's name, discriminative score, predictive score.
const PUBLISHED: [(&str, &str, &str); 3] = [
    ("stock", "TimeGAN 0.102, Diffusion-TS 0.067", "TimeGAN 0.038, Diffusion-TS 0.036"),
    ("energy", "TimeGAN 0.236, Diffusion-TS 0.122", "TimeGAN 0.273, Diffusion-TS 0.250"),
    ("sines", "TimeGAN 0.011, Diffusion-TS 0.006", "TimeGAN 0.093, Diffusion-TS 0.093"),
];

/// Real and generated windows.
pub struct Sequences<'a> {
    /// The data set's name.
    pub set: &'a str,
    /// All real windows, `[N, T, F]`.
    pub real: &'a [f32],
    /// Generated windows, `[N, T, F]`; TimeGAN's protocol takes equal numbers, so the larger set is cut to the smaller.
    pub generated: &'a [f32],
    /// `[T, F]`.
    pub shape: [usize; 2],
}

/// Discriminative and predictive score, kernel distance and autocorrelation error of generated windows. Windows of one
/// step have only the measures that ignore order.
///
/// # Errors
/// Fewer than 20 windows, samples that are not finite.
pub fn sequences(input: &Sequences, setup: &Setup) -> Result<Report> {
    let [steps, features] = input.shape;
    let len = steps * features;
    check_samples(input.generated, len)?;
    check_samples(input.real, len)?;
    let count = input.real.len().min(input.generated.len()) / len;
    if count < 20 {
        return Err(Error::failure(format!(
            "{count} windows are too few to measure: at least 20 real and generated ones"
        )));
    }
    let all_real = Windows::new(input.real, input.shape);
    let [real, generated] = [all_real, Windows::new(input.generated, input.shape)]
        .map(|windows| windows.pick(&choose(count, windows.count(), setup.seed)));
    let [real, generated] = [&real, &generated].map(|values| Windows::new(values, input.shape));
    let halves = choose(count, count, setup.seed);
    let halves = [&halves[..count / 2], &halves[count / 2..]].map(|places| real.pick(places));
    let halves = [&halves[0], &halves[1]].map(|values| Windows::new(values, input.shape));

    let mut rows = discriminative(real, generated, halves, setup)?;
    rows.extend(predictive(all_real, generated, setup)?);
    let published = PUBLISHED.iter().find(|(set, ..)| input.set.contains(set));
    if let Some((_, discriminative, predictive)) = published {
        let figures = [discriminative, predictive];
        rows = rows.into_iter().zip(figures).map(|(row, published)| row.published(*published)).collect();
    }
    rows.extend(without_networks(real, generated, halves));
    let mut notes = vec![
        format!("{count} real and as many generated windows of {steps} steps of `{}`", input.set),
        format!("scores are means of {REPETITIONS} networks, each trained anew as TimeGAN's code does"),
    ];
    if steps == 1 {
        notes.push("windows of one step have no predictive score, autocorrelation or pictures".into());
    } else if features == 1 {
        notes.push("a series of one feature has no predictive score".into());
    }
    Ok(Report { title: format!("Sequences of `{}`", input.set), rows, notes, ..Report::default() })
}

/// |accuracy - 1/2| of a network that tells real from generated (Yoon et al. 2019, section 5).
fn discriminative(real: Windows, generated: Windows, halves: [Windows; 2], setup: &Setup) -> Result<Vec<Row>> {
    let score = |first, second| {
        let repeat = |seed| discriminative_score(first, second, setup, seed);
        Ok(Estimate::of(&(0..REPETITIONS).map(repeat).collect::<Result<Vec<f64>>>()?))
    };
    let (value, baseline) = (score(real, generated)?, score(halves[0], halves[1])?);
    let tested = real.tested() + generated.tested();
    // E|heads / n - 1/2| of a fair coin, by the normal distribution.
    let coin = 0.5 * (2.0 / (std::f64::consts::PI * tested as f64)).sqrt();
    let note = format!(
        "perfect: a fair coin's score on {tested} windows; real: the score between two halves of the real windows, \
         which overlap if windows do"
    );
    let row = Row::new("discriminative score", value.mean, Better::Lower).deviation(value.deviation);
    Ok(vec![row.floor(coin).real(baseline.mean).note(note)])
}

/// Mean absolute error, on real windows, of a network that learned from generated ones to predict the last feature
/// (Yoon et al. 2019, section 5); no row for a single feature or step.
fn predictive(real: Windows, generated: Windows, setup: &Setup) -> Result<Vec<Row>> {
    if real.shape.contains(&1) {
        return Ok(vec![]);
    }
    let score = |train| {
        let repeat = |seed| predictive_score(train, real, setup, seed);
        Ok(Estimate::of(&(0..REPETITIONS).map(repeat).collect::<Result<Vec<f64>>>()?))
    };
    let (value, baseline) = (score(generated)?, score(real)?);
    let row = Row::new("predictive score", value.mean, Better::Lower).deviation(value.deviation);
    Ok(vec![row.real(baseline.mean).note("real: trained on the windows that it is tested on, as TimeGAN's is")])
}

/// The distances that need no network, beside those between the halves of the real windows.
fn without_networks(real: Windows, generated: Windows, halves: [Windows; 2]) -> Vec<Row> {
    let kernel = |first: Windows, second: Windows| {
        let [first, second] = [first, second].map(|windows| widened(windows.first(KERNEL_WINDOWS)));
        mmd_rbf(Points::new(&first, real.len()), Points::new(&second, real.len()))
    };
    let correlation = |first: Windows, second: Windows| {
        autocorrelation_error(&widened(first.values), &widened(second.values), real.shape)
    };
    let [first, second] = halves;
    let mut rows = vec![
        Row::new("MMD²", kernel(real, generated), Better::Lower)
            .floor(0.0)
            .real(kernel(first, second))
            .note(format!("between at most {KERNEL_WINDOWS} windows of either kind, Gaussian kernel of median width")),
    ];
    if real.shape[0] > 1 {
        let row = Row::new("autocorrelation error", correlation(real, generated), Better::Lower);
        rows.push(row.real(correlation(first, second)));
    }
    rows
}

/// How a picture lays windows out in the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Principal components of the real windows.
    Pca,
    /// t-SNE of real and generated windows together.
    Tsne,
}

impl Layout {
    /// The name of the file with its picture.
    pub fn file(self) -> &'static str {
        match self {
            Self::Pca => "pca.png",
            Self::Tsne => "tsne.png",
        }
    }
}

/// Up to 1000 real windows and up to 1000 generated ones, each the mean of its features over time, as in TimeGAN's
/// pictures.
///
/// # Errors
/// Windows of one step, samples that are not finite.
pub fn picture(input: &Sequences, layout: Layout, seed: u64) -> Result<RgbImage> {
    let [steps, features] = input.shape;
    check_samples(input.generated, steps * features)?;
    check_samples(input.real, steps * features)?;
    if steps < 2 {
        return Err(Error::failure("windows of one step have no two directions to show"));
    }
    let some = |values: &[f32]| {
        let windows = Windows::new(values, input.shape);
        let picked = widened(&windows.pick(&choose(PICTURED, windows.count(), seed)));
        picked.chunks_exact(features).map(mean).collect::<Vec<f64>>()
    };
    let (real, generated) = (some(input.real), some(input.generated));
    let (places, titles, name) = match layout {
        Layout::Pca => {
            let pca = Pca::fit(Points::new(&real, steps), 2);
            let places = [&real, &generated].map(|values| pca.project(Points::new(values, steps))).concat();
            (places, report::component_titles(&pca), "PCA")
        }
        Layout::Tsne => {
            let all = [&real[..], &generated].concat();
            let all = Points::new(&all, steps);
            let titles = ["first coordinate", "second coordinate"].map(String::from);
            (tsne(all, PERPLEXITY.min(all.count() as f64 / 4.0)), titles, "t-SNE")
        }
    };
    let places: Vec<[f64; 2]> = places.chunks_exact(2).map(|place| [place[0], place[1]]).collect();
    let (real, generated) = places.split_at(real.len() / steps);
    let keys = Compared { real: &[0.0], ..Compared::beside(&[], &[]) };
    let figure = report::plane(&keys, generated, real, titles, None);
    let note = ["each window is the mean of its columns", &figure.note].join("; ");
    let title = format!("{name} of windows of {}", input.set);
    Figure { title, note: note.trim_end_matches("; ").into(), ..figure }.draw()
}
