//! Mixtures against scikit-learn's (`tests/fixtures/mixture.py` writes the JSON file) and against known laws.

use std::{collections::BTreeMap, f64::consts::TAU};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use saddle::mixture::{Mixture, Modes};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    codes: Vec<f32>,
    weights: Vec<f64>,
    means: Vec<Vec<f64>>,
    covariances: Vec<Vec<f64>>,
    log_likelihood: f64,
    modes: BTreeMap<String, Fitted>,
}

/// Of thirty starts.
#[derive(Deserialize)]
struct Fitted {
    values: Vec<f64>,
    counts: Vec<f64>,
    log_likelihoods: Vec<f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/mixture.json")).unwrap()
}

#[track_caller]
fn assert_near(got: f64, want: f64, error: f64) {
    assert!((got - want).abs() <= error, "{got}, not {want}");
}

/// Normal noise.
fn normal(stream: &mut Xoshiro256PlusPlus) -> f64 {
    let [a, b] = [0; 2].map(|_| (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64);
    (-2.0 * (1.0 - a).ln()).sqrt() * (TAU * b).cos()
}

#[test]
fn a_mixture_is_that_of_scikit_learn() {
    let fixture = fixture();
    let mixture = Mixture::fit(&fixture.codes, 3, 3, 1);
    assert_near(mixture.log_likelihood(&fixture.codes), fixture.log_likelihood, 0.005);
    for (k, means) in mixture.means.chunks(3).enumerate() {
        let distance = |other: &[f64]| other.iter().zip(means).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let nearest = |&a: &usize, &b: &usize| distance(&fixture.means[a]).total_cmp(&distance(&fixture.means[b]));
        let peer = (0..3).min_by(nearest).unwrap();
        assert_near(distance(&fixture.means[peer]).sqrt(), 0.0, 0.1);
        assert_near(mixture.log_weights[k].exp(), fixture.weights[peer], 0.02);
        let factor = &mixture.factors[9 * k..][..9];
        assert_eq!([factor[1], factor[2], factor[5]], [0.0; 3], "a lower triangle");
        for (n, covariance) in fixture.covariances[peer].iter().enumerate() {
            let product = (0..3).map(|i| factor[n / 3 * 3 + i] * factor[n % 3 * 3 + i]).sum::<f64>();
            assert_near(product, *covariance, 0.15);
        }
    }
}

#[test]
fn a_known_mixture_is_recovered() {
    // Four corners of a square in six dimensions, the others narrow; 5 % lie in the last corner.
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(1);
    let corner = |n: usize| [[-2.0, -2.0], [2.0, -2.0], [-2.0, 2.0], [2.0, 2.0]][n];
    let mut draw = |rows: usize| -> Vec<f32> {
        let mut row = |n: usize| {
            let [x, y] = corner([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3][n % 20]);
            let noise: Vec<f64> = (0..6).map(|_| normal(&mut stream)).collect();
            let narrow = noise[2..].iter().map(|v| 0.2 * v + 0.3 * noise[0]);
            [x + noise[0] * 0.5, y + noise[1] * 0.7].into_iter().chain(narrow).map(|v| v as f32).collect::<Vec<_>>()
        };
        (0..rows).flat_map(&mut row).collect()
    };
    let (training, test) = (draw(6000), draw(6000));
    let mixture = Mixture::fit(&training, 6, 4, 2);
    let mut shares: Vec<f64> = mixture.log_weights.iter().map(|log| log.exp()).collect();
    shares.sort_by(f64::total_cmp);
    shares.iter().zip([0.05, 0.25, 0.3, 0.4]).for_each(|(&got, want)| assert_near(got, want, 0.01));
    for (k, means) in mixture.means.chunks(6).enumerate() {
        assert!((0..4).any(|n| (0..2).all(|i| (means[i] - corner(n)[i]).abs() < 0.2)), "{k}: {means:?}");
    }
    // 4 (1 + 6 + 21) - 1 parameters cost half a nat each for all rows, on rows that were not seen as well.
    let (seen, unseen) = (mixture.log_likelihood(&training), mixture.log_likelihood(&test));
    assert_near(seen, unseen, 0.06);
    // One Gaussian is worse.
    assert!(unseen > Mixture::fit(&training, 6, 1, 2).log_likelihood(&test) + 0.5);
    assert_eq!(mixture, Mixture::fit(&training, 6, 4, 2));
    let many = Mixture::fit(&training, 6, 100, 2);
    assert!(many.components() <= 30 && many.log_likelihood(&test) > unseen - 0.15, "{}", many.log_likelihood(&test));
}

#[test]
fn constant_codes_are_safe() {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(3);
    let codes: Vec<f32> = (0..1000).flat_map(|_| [0.0, normal(&mut stream) as f32, 7.0]).collect();
    for codes in [codes, vec![1.0; 3000], vec![2.0; 3]] {
        let mixture = Mixture::fit(&codes, 3, 5, 1);
        assert!(mixture.components() <= 5);
        let numbers = [&mixture.log_weights[..], &mixture.means, &mixture.factors].concat();
        assert!(numbers.iter().all(|v| v.is_finite()), "{mixture:?}");
        assert!(mixture.log_likelihood(&codes).is_finite());
        assert_near(mixture.log_weights.iter().map(|log| log.exp()).sum(), 1.0, 1e-9);
    }
}

#[test]
fn modes_are_those_of_scikit_learn() {
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    for (name, fitted) in fixture().modes {
        let modes: Vec<Modes> = (0..15).map(|seed| Modes::fit(&fitted.values, seed)).collect();
        let counts: Vec<f64> = modes.iter().map(|modes| modes.means.len() as f64).collect();
        let likelihoods: Vec<f64> = modes.iter().map(|modes| modes.log_likelihood(&fitted.values)).collect();
        println!("{name}: {counts:?} modes, {likelihoods:.4?}");
        assert_near(median(&counts), median(&fitted.counts), 0.0);
        assert!(fitted.counts.contains(&counts[0]), "{name}: {counts:?}");
        assert_near(median(&likelihoods), median(&fitted.log_likelihoods), 0.005);
    }
}

#[test]
fn responsibilities_are_shares() {
    let fixture = fixture();
    let modes = Modes::fit(&fixture.modes["bimodal"].values, 1);
    for value in [-1e6, -4.0, 10.0, 30.0, 1e6] {
        let shares = modes.responsibilities(value);
        assert_near(shares.iter().sum(), 1.0, 1e-9);
        let likeliest = (0..shares.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap();
        if value.abs() < 100.0 && value != 10.0 {
            assert!((modes.means[likeliest] - value).abs() < 3.0, "{value}: {shares:?} of {modes:?}");
        }
    }
    let constant = Modes::fit(&[5.0; 40], 1);
    assert_eq!((constant.means.len(), constant.responsibilities(5.0)), (1, vec![1.0]));
    assert_near(constant.means[0], 5.0, 1e-9);
    assert_eq!(Modes::fit(&[5.0], 1).means.len(), 1);
}
