//! Measures against known answers and against numpy's (`tests/fixtures/metrics.py` writes the JSON file beside it).

use std::f64::consts::LN_2;

use saddle::metrics::{
    Estimate, InceptionScore, Moments, Pca, Points, Sums, autocorrelation, autocorrelation_error, choose,
    frechet_distance, kid, kl_to_uniform, log_mean_exp, memorised_share, mmd_rbf, nearest_distances, prdc, tsne,
    tsne_divergence,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    real: Vec<f64>,
    fake: Vec<f64>,
    frechet: f64,
    kernel: f64,
    mmd_rbf: f64,
    prdc: Shares,
    nearest: Vec<f64>,
    pca: Vec<f64>,
    windows: Vec<f64>,
    others: Vec<f64>,
    autocorrelation: Vec<f64>,
    autocorrelation_error: f64,
    weights: Vec<f64>,
    log_mean_exp: f64,
    tsne_divergence: f64,
}

#[derive(Deserialize)]
struct Shares {
    precision: f64,
    recall: f64,
    density: f64,
    coverage: f64,
}

const WIDTH: usize = 5;

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/metrics.json")).unwrap()
}

impl Fixture {
    fn points(&self) -> (Points<'_>, Points<'_>) {
        (Points::new(&self.real, WIDTH), Points::new(&self.fake, WIDTH))
    }
}

#[track_caller]
fn assert_near(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{got}, not {want}");
}

#[track_caller]
fn assert_all_near(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).for_each(|(&got, &want)| assert_near(got, want));
}

/// Standard normals by Box and Muller from a linear congruential generator.
fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    (0..count).map(|_| (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()).collect()
}

#[test]
fn measures_agree_with_numpy() {
    let f = fixture();
    let (real, fake) = f.points();
    assert_near(frechet_distance(real, fake), f.frechet);
    // One subset with all points.
    assert_near(kid(real.first(61), fake, 1, 61, 0).mean, f.kernel);
    assert_near(mmd_rbf(real, fake), f.mmd_rbf);
    let got = prdc(real, fake, 5);
    let want = &f.prdc;
    assert_all_near(
        &[got.precision, got.recall, got.density, got.coverage],
        &[want.precision, want.recall, want.density, want.coverage],
    );
    assert_all_near(&nearest_distances(fake, real), &f.nearest);
    assert_all_near(&Pca::fit(real, 2).project(fake), &f.pca);
    assert_all_near(&autocorrelation(&f.windows, [7, 2]), &f.autocorrelation);
    assert_near(autocorrelation_error(&f.windows, &f.others, [7, 2]), f.autocorrelation_error);
    assert_near(log_mean_exp(&f.weights), f.log_mean_exp);
}

#[test]
fn frechet_distance_of_shifted_and_stretched_points_is_known() {
    let f = fixture();
    let (real, _) = f.points();
    assert_near(frechet_distance(real, real), 0.0);
    let shifted: Vec<f64> = f.real.iter().map(|v| v + 2.0).collect();
    assert_near(frechet_distance(real, Points::new(&shifted, WIDTH)), 4.0 * WIDTH as f64);
    // Stretched about the mean by 3: tr(S + 9 S - 2 * 3 S) = 4 tr(S).
    let count = real.count() as f64;
    let mean = |i: usize| real.rows().map(|row| row[i]).sum::<f64>() / count;
    let means: Vec<f64> = (0..WIDTH).map(mean).collect();
    let stretched: Vec<f64> =
        f.real.iter().enumerate().map(|(n, v)| means[n % WIDTH] + 3.0 * (v - means[n % WIDTH])).collect();
    let variance = |i: usize| real.rows().map(|row| (row[i] - means[i]).powi(2)).sum::<f64>() / (count - 1.0);
    assert_near(frechet_distance(real, Points::new(&stretched, WIDTH)), 4.0 * (0..WIDTH).map(variance).sum::<f64>());
}

#[test]
fn moments_of_pieces_are_those_of_all_and_large_means_cost_no_precision() {
    let f = fixture();
    let shifted: Vec<f64> = f.real.iter().map(|v| v + 1e6).collect();
    let all = Points::new(&shifted, WIDTH);
    for piece in [1, 2, 7, 1000] {
        let mut sums = Sums::new(WIDTH);
        shifted.chunks(piece * WIDTH).for_each(|some| sums.add(Points::new(some, WIDTH)));
        let (moments, once) = (sums.moments(), Moments::of(Points::new(&f.real, WIDTH)));
        assert_eq!(sums.count(), all.count());
        let means: Vec<f64> = moments.mean().iter().map(|v| v - 1e6).collect();
        assert_all_near(&means, once.mean());
        assert_all_near(moments.covariance(), once.covariance());
        let given = Moments::new(moments.mean().to_vec(), moments.covariance().to_vec()).unwrap();
        assert_eq!(given, moments);
    }
    assert!(Moments::new(vec![0.0; 3], vec![0.0; 8]).is_none());
}

/// With fewer points than coordinates both covariances are singular. The trace of the root of their product is then the
/// sum of the singular values of the product of the centred points.
#[test]
fn frechet_distance_of_few_points_is_that_of_their_singular_values() {
    const WIDE: usize = 150;
    let (a, b) = (normals(40 * WIDE, 1), normals(60 * WIDE, 2));
    let centred = |values: &[f64]| {
        let count = values.len() / WIDE;
        let points = nalgebra::DMatrix::from_column_slice(WIDE, count, values);
        let mean = points.column_mean();
        let about = nalgebra::DMatrix::from_fn(WIDE, count, |i, j| points[(i, j)] - mean[i]);
        (mean, about / ((count - 1) as f64).sqrt())
    };
    let ((m1, x1), (m2, x2)) = (centred(&a), centred(&b));
    let common: f64 = (x1.transpose() * &x2).singular_values().sum();
    let want = (m1 - m2).norm_squared() + x1.norm_squared() + x2.norm_squared() - 2.0 * common;
    let got = frechet_distance(Points::new(&a, WIDE), Points::new(&b, WIDE));
    assert!((got - want).abs() < 1e-6 * want, "{got}, not {want}");
}

#[test]
fn inception_scores_of_known_classes() {
    let score = |rows: &[[f32; 4]], parts: usize| {
        let mut score = InceptionScore::new(rows.len(), parts, 4);
        rows.chunks(3).for_each(|some| score.add(some.as_flattened()));
        score.estimate()
    };
    let sure = |class: usize| std::array::from_fn(|k| f32::from(u8::from(k == class)));
    // All classes, each surely: their number. The same for all: 1.
    let all: Vec<[f32; 4]> = (0..40).map(|n| sure(n % 4)).collect();
    assert_eq!(score(&all, 10), Estimate { mean: 4.0, deviation: 0.0, count: 10 });
    assert_eq!(score(&[[0.25; 4]; 20], 10).mean, 1.0);
    // Two parts of one and of two classes: 1 and 2, of which the deviation is 1/2.
    let halves: Vec<[f32; 4]> = (0..8).map(|n| sure(if n < 4 { 0 } else { n % 2 })).collect();
    let got = score(&halves, 2);
    assert_near(got.mean, 1.5);
    assert_near(got.deviation, 0.5);
    // exp of 0.5 (ln(0.5 / 0.75) + ln(0.5 / 0.25)) / 2 + 0.5 ln(1 / 0.75), by hand.
    let mixed = score(&[[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], 1).mean;
    let want = ((0.5 * (0.5f64 / 0.75).ln() + 0.5 * (0.5f64 / 0.25).ln()) / 2.0 + 0.5 * (1.0f64 / 0.75).ln()).exp();
    assert_near(mixed, want);
}

#[test]
fn frechet_distance_bears_a_feature_that_never_changes() {
    let values: Vec<f64> = normals(60, 1).chunks(2).flat_map(|p| [p[0], 1.0, p[1]]).collect();
    let points = Points::new(&values, 3);
    assert!(frechet_distance(points, points).abs() < 1e-9);
}

#[test]
fn kernel_distances_are_unbiased_and_see_a_shift() {
    let values: Vec<Vec<f64>> = (0..3).map(|seed| normals(4 * 2000, seed + 1)).collect();
    let shifted: Vec<f64> = values[2].iter().map(|v| v + 0.3).collect();
    let [a, b, c] = [&values[0], &values[1], &shifted].map(|values| Points::new(values, 4));
    let same = kid(a, b, 20, 200, 5);
    assert!(same.mean.abs() < 5.0 * same.standard_error(), "{same:?}");
    let other = kid(a, c, 20, 200, 5);
    assert!(other.mean > 10.0 * other.standard_error(), "{other:?}");
    assert_eq!(kid(a, b, 20, 200, 5), same, "a function of the seed");
    assert!(mmd_rbf(a, b).abs() < 1e-3 && mmd_rbf(a, c) > 1e-2);
}

#[test]
fn a_repeated_training_set_is_noticed() {
    let [train, held_out, fresh] = [1, 2, 3].map(|seed| normals(2 * 3000, seed));
    let [train, held_out, fresh] = [&train, &held_out, &fresh].map(|v| Points::new(v, 2));
    let usual = nearest_distances(held_out, train);
    let share = |generated| memorised_share(&nearest_distances(generated, train), &usual);
    assert_eq!(share(train), 1.0);
    // 3000 draws of probability 0.01, with a threshold from another 3000: within 4 standard deviations.
    assert!((share(fresh) - 0.01).abs() < 4.0 * (2.0 * 0.01 / 3000f64).sqrt(), "{}", share(fresh));
}

#[test]
fn collapse_costs_coverage_and_noise_costs_precision() {
    let [real, fresh] = [1, 2].map(|seed| normals(2 * 1000, seed));
    let real = Points::new(&real, 2);
    let good = prdc(real, Points::new(&fresh, 2), 5);
    let collapsed: Vec<f64> = fresh.iter().map(|v| v * 0.1).collect();
    let collapsed = prdc(real, Points::new(&collapsed, 2), 5);
    let noisy: Vec<f64> = fresh.iter().map(|v| v * 5.0).collect();
    let noisy = prdc(real, Points::new(&noisy, 2), 5);
    assert!(good.coverage > 0.9 && good.precision > 0.9 && (good.density - 1.0).abs() < 0.15, "{good:?}");
    assert!(collapsed.coverage < 0.1 && collapsed.precision == 1.0 && collapsed.recall < 0.1, "{collapsed:?}");
    assert!(noisy.precision < 0.3, "{noisy:?}");
}

#[test]
fn autocorrelation_of_a_wave_is_its_cosine() {
    // With equally spaced phases, the products at a lag average to exactly cos(lag * frequency) / 2.
    let (phases, steps, frequency) = (64, 6, 0.7);
    let value =
        |n: usize| (frequency * (n % steps) as f64 + std::f64::consts::TAU * (n / steps) as f64 / phases as f64).sin();
    let windows: Vec<f64> = (0..phases * steps).map(value).collect();
    let cosines: Vec<f64> = (0..steps).map(|lag| (frequency * lag as f64).cos()).collect();
    assert_all_near(&autocorrelation(&windows, [steps, 1]), &cosines);
    assert_eq!(autocorrelation(&[3.0; 12], [4, 1]), [0.0; 4]);
}

#[test]
fn histograms_and_weights_have_known_answers() {
    assert_near(kl_to_uniform(&[5, 5, 5, 5]), 0.0);
    assert_near(kl_to_uniform(&[7, 7, 0, 0]), LN_2);
    assert_near(kl_to_uniform(&[0, 3, 0, 0]), 2.0 * LN_2);
    assert_near(kl_to_uniform(&[0; 4]), 2.0 * LN_2);
    assert_near(log_mean_exp(&[-1000.0, -1000.0]), -1000.0);
    assert_near(log_mean_exp(&[800.0, f64::NEG_INFINITY]), 800.0 - LN_2);
    assert_eq!(log_mean_exp(&[f64::NEG_INFINITY; 3]), f64::NEG_INFINITY);
    let estimate = Estimate::of(&[1.0, 2.0, 6.0]);
    assert_eq!((estimate.mean, estimate.deviation), (3.0, 7f64.sqrt()));
    assert_near(estimate.standard_error(), (7f64 / 3.0).sqrt());
    assert_eq!(Estimate::of(&[4.0]), Estimate { mean: 4.0, deviation: 0.0, count: 1 });
}

#[test]
fn a_choice_is_of_different_numbers_and_repeats_with_its_seed() {
    let chosen = choose(50, 200, 9);
    let mut sorted = chosen.clone();
    sorted.sort();
    sorted.dedup();
    assert!(sorted.len() == 50 && sorted[49] < 200);
    assert_eq!(choose(50, 200, 9), chosen);
    assert_ne!(choose(50, 200, 10), chosen);
    let mut all = choose(9, 4, 1);
    all.sort();
    assert_eq!(all, [0, 1, 2, 3]);
}

#[test]
fn tsne_keeps_clusters_apart() {
    let mut values = normals(3 * 60, 4);
    values.iter_mut().enumerate().for_each(|(n, v)| *v += if n / 3 < 30 { 0.0 } else { 12.0 });
    let points = Points::new(&values, 3);
    let plane = tsne(points, 10.0);
    assert_eq!(plane, tsne(points, 10.0));
    let distance = |a: usize, b: usize| (plane[2 * a] - plane[2 * b]).hypot(plane[2 * a + 1] - plane[2 * b + 1]);
    let within = (0..30).flat_map(|a| (0..30).map(move |b| (a, b))).map(|(a, b)| distance(a, b)).fold(0.0, f64::max);
    let across =
        (0..30).flat_map(|a| (30..60).map(move |b| (a, b))).map(|(a, b)| distance(a, b)).fold(f64::MAX, f64::min);
    assert!(across > within / 2.0, "{across} between the clusters, {within} inside of one");
}

/// Sequences of waves, as in `tests/fixtures/metrics.py`, against scikit-learn's exact t-SNE with the same number of
/// steps.
#[test]
fn tsne_descends_as_far_as_scikit_learn() {
    let value = |n: usize| {
        let (i, t) = ((n / 12) as f64, (n % 12) as f64);
        (0.1 * i).sin() * (0.5 * t + 0.37 * i).sin() + 0.02 * i
    };
    let values: Vec<f64> = (0..150 * 12).map(value).collect();
    let points = Points::new(&values, 12);
    let (got, want) = (tsne_divergence(points, 20.0, &tsne(points, 20.0)), fixture().tsne_divergence);
    println!("divergence {got:.5}, scikit-learn's {want:.5}");
    assert!(got <= 1.01 * want, "{got} nats, where scikit-learn comes to {want}");
}

/// `cargo test --release --test metrics -- --ignored --nocapture`
#[test]
#[ignore = "prints how long the measures of 10,000 points take"]
fn measures_of_ten_thousand_points() {
    let [a, b] = [1, 2].map(|seed| normals(10_000 * 128, seed));
    let [a, b] = [&a, &b].map(|values| Points::new(values, 128));
    let timed = |name: &str, measure: &dyn Fn() -> f64| {
        let start = std::time::Instant::now();
        let value = measure();
        println!("{name}: {value:.6} in {:.1} s", start.elapsed().as_secs_f64());
    };
    timed("Fréchet distance", &|| frechet_distance(a, b));
    timed("KID", &|| kid(a, b, 100, 1000, 0).mean);
    timed("coverage", &|| prdc(a, b, 5).coverage);
    timed("MMD", &|| mmd_rbf(a, b));
    timed("t-SNE of 1000", &|| tsne(a.first(1000), 40.0)[0]);
}
