//! Probes of codes beside scikit-learn, scipy and numpy (`tests/fixtures/probes.py`).

use saddle::metrics::{
    Points,
    probes::{
        SoftmaxRegression, accuracy, choose_labels, clusters, majority, matched_accuracy, mutual_information, nearest,
        poisson_learning, weighted_majority,
    },
};
use serde::Deserialize;

const WIDTH: usize = 4;
const CLASSES: usize = 3;

#[derive(Deserialize)]
struct Fixture {
    train: Vec<f64>,
    train_classes: Vec<usize>,
    test: Vec<f64>,
    linear: Vec<usize>,
    neighbours: Vec<usize>,
    votes: Vec<usize>,
    labelled: Vec<usize>,
    poisson: Vec<usize>,
    inertia: f64,
    guess: Vec<usize>,
    matched: f64,
    mutual: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/probes.json")).expect("the fixture is JSON")
}

#[test]
fn softmax_regression_is_scikit_learns() {
    let f = fixture();
    let fitted = SoftmaxRegression::fit(Points::new(&f.train, WIDTH), &f.train_classes, CLASSES);
    assert_eq!(fitted.predict(Points::new(&f.test, WIDTH)), f.linear);
}

#[test]
fn softmax_regression_takes_points_that_do_not_vary() {
    let fitted = SoftmaxRegression::fit(Points::new(&[3.0; 4], 1), &[0, 1, 1, 1], 2);
    assert_eq!(fitted.predict(Points::new(&[3.0, 5.0], 1)), [1, 1]);
}

#[test]
fn neighbours_and_their_votes_are_scikit_learns() {
    let f = fixture();
    let found = nearest(Points::new(&f.test, WIDTH), Points::new(&f.train, WIDTH), 5, false);
    let places: Vec<usize> = found.iter().flatten().map(|near| near.place).collect();
    assert_eq!(places, f.neighbours);
    let votes: Vec<usize> = found.iter().map(|near| majority(near, &f.train_classes, CLASSES)).collect();
    assert_eq!(votes, f.votes);
}

#[test]
fn labels_spread_as_by_numpy() {
    let f = fixture();
    let points = Points::new(&f.train, WIDTH);
    let labels: Vec<(usize, usize)> = f.labelled.iter().map(|&place| (place, f.train_classes[place])).collect();
    assert_eq!(poisson_learning(&nearest(points, points, 5, true), &labels, CLASSES), f.poisson);
}

/// Two rings, one inside the other, which no linear classifier tells apart; one label each.
#[test]
fn two_labels_are_enough_for_two_rings() {
    let count = 200;
    let point = |i: usize| {
        let (angle, radius) = (i as f64 * 0.1, if i.is_multiple_of(2) { 1.0 } else { 2.0 });
        [radius * angle.cos(), radius * angle.sin()]
    };
    let values: Vec<f64> = (0..count).flat_map(point).collect();
    let classes: Vec<usize> = (0..count).map(|i| i % 2).collect();
    let points = Points::new(&values, 2);
    let near = nearest(points, points, 10, true);
    assert_eq!(poisson_learning(&near, &[(0, 0), (1, 1)], 2), classes);
    // Held-out points go by the weights of their neighbours.
    let held_out = [0.0, 1.1, 0.0, -1.9];
    let found = nearest(Points::new(&held_out, 2), points, 10, false);
    assert_eq!(found.iter().map(|near| weighted_majority(near, &classes, 2).0).collect::<Vec<_>>(), [0, 1]);
    // Without labels there is no flow, and nothing that is no number.
    assert_eq!(poisson_learning(&near, &[], 2), vec![0; count]);
}

#[test]
fn equal_points_are_neighbours_like_others() {
    let points = Points::new(&[1.0; 6], 1);
    let near = nearest(points, points, 2, true);
    assert_eq!(poisson_learning(&near, &[(0, 1)], 2).len(), 6);
    assert_eq!(weighted_majority(&near[0], &[0, 1, 1, 0, 0, 0], 2), (1, 1.0));
}

#[test]
fn votes_have_shares() {
    // At distances 0, 1 and 2: weights 1, 1/e and e^-4.
    let near = nearest(Points::new(&[0.0], 1), Points::new(&[2.0, 0.0, -1.0], 1), 3, false);
    let (class, share) = weighted_majority(&near[0], &[1, 0, 1], 2);
    let others = (-1.0f64).exp() + (-4.0f64).exp();
    assert_eq!(class, 0);
    assert!((share - 1.0 / (1.0 + others)).abs() < 1e-12, "{share}");
}

#[test]
fn clusters_are_as_close_as_scikit_learns() {
    let f = fixture();
    let found = clusters(Points::new(&f.train, WIDTH), CLASSES, 10, 0);
    let mut inertia = 0.0;
    for cluster in 0..CLASSES {
        let rows = f.train.chunks(WIDTH).zip(&found).filter(|(_, c)| **c == cluster).map(|(row, _)| row);
        let rows: Vec<&[f64]> = rows.collect();
        for column in 0..WIDTH {
            let mean = rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
            inertia += rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>();
        }
    }
    assert!(inertia <= f.inertia * 1.000_001, "{inertia}, scikit-learn {}", f.inertia);
}

#[test]
fn agreement_with_classes_is_scipys_and_scikit_learns() {
    let f = fixture();
    assert!((matched_accuracy(&f.guess, &f.train_classes) - f.matched).abs() < 1e-12);
    assert!((mutual_information(&f.guess, &f.train_classes) - f.mutual).abs() < 1e-9);
    assert_eq!(matched_accuracy(&[2, 2, 0, 1], &[0, 0, 1, 2]), 1.0);
    assert_eq!(mutual_information(&[0, 0], &[0, 0]), 1.0);
    assert_eq!(accuracy(&[0, 1, 1, 0], &[0, 1, 0, 0]), 0.75);
}

#[test]
fn labels_are_chosen_class_by_class() {
    let classes: Vec<usize> = (0..90).map(|i| i % CLASSES).collect();
    let chosen = choose_labels(&classes, CLASSES, 4, 7).expect("each class has thirty");
    let of_class = |class: usize| chosen.iter().filter(|&&place| classes[place] == class).count();
    assert_eq!([of_class(0), of_class(1), of_class(2)], [4; CLASSES]);
    assert_eq!(choose_labels(&classes, CLASSES, 4, 7), Some(chosen.clone()));
    assert_ne!(choose_labels(&classes, CLASSES, 4, 8), Some(chosen.clone()));
    // More of a class add to the choice and take nothing from it.
    let more = choose_labels(&classes, CLASSES, 5, 7).expect("each class has thirty");
    assert!(chosen.iter().all(|place| more.contains(place)));
    assert_eq!(choose_labels(&classes, CLASSES, 31, 7), None);
}
