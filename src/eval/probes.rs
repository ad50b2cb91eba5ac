//! How much codes tell of the classes of examples: probes that learn from all labels, from few, and from none.

use super::{Report, Table};
use crate::{
    error::Result,
    metrics::{
        Estimate, Pca, Points,
        probes::{
            JOINED, Neighbour, SoftmaxRegression, accuracy, choose_labels, clusters, majority, matched_accuracy,
            mutual_information, nearest, poisson_learning, weighted_majority,
        },
    },
};

/// Largest number of examples to learn from, and of values of all of them: distances between all pairs are computed.
const EXAMPLES: usize = 20_000;
const VALUES: usize = 1 << 25;
/// Largest number of held-out examples.
const HELD_OUT: usize = 10_000;
/// Numbers of labels of the probes that learn from few, and the choices of labels that are tried.
const FEW: [usize; 2] = [1000, 100];
const CHOICES: u64 = 5;
/// Least number of examples of a part, if it has so many.
const FEWEST: usize = 100;
/// Neighbours that vote.
const VOTERS: usize = 5;
/// Starts of k-means.
const STARTS: usize = 10;
/// Points that principal components are fitted to where these have more coordinates.
const FITTED: usize = 1024;

/// What a network, or nothing, makes of examples.
pub struct Representation {
    /// Its name.
    pub name: String,
    /// Of the examples to learn from, back to back.
    pub train: Vec<f64>,
    /// Of the held-out examples.
    pub test: Vec<f64>,
    /// Number of values of an example.
    pub width: usize,
}

impl Representation {
    fn points(&self) -> [Points<'_>; 2] {
        [&self.train, &self.test].map(|values| Points::new(values, self.width))
    }

    /// The first `width` principal components of the examples to learn from.
    #[must_use]
    pub fn components(&self, width: usize) -> Self {
        let [train, test] = self.points();
        let fitted = if self.width > FITTED { train.first(FITTED) } else { train };
        // Centred points vary along one direction fewer than there are points.
        let pca = Pca::fit(fitted, width.min(fitted.count().saturating_sub(1)).max(1));
        let [train, test] = [train, test].map(|points| pca.project(points));
        let width = pca.shares.len();
        Self { name: format!("{width} principal components"), train, test, width }
    }
}

/// How many examples are probed, of those to learn from and of the held-out ones, if the widest representation has
/// `width` values; `effort` is a share of the full numbers.
pub fn probed(counts: [usize; 2], width: usize, effort: f64) -> [usize; 2] {
    let most =
        [EXAMPLES.min(VALUES / width.max(1)), HELD_OUT].map(|most| ((most as f64 * effort) as usize).max(FEWEST));
    [counts[0].min(most[0]), counts[1].min(most[1])]
}

/// The probes of representations of the same examples, whose classes are below `count`; `train` and `test` are those of
/// the examples to learn from and of the held-out ones. One representation is in memory at a time.
///
/// # Errors
/// Those of the representations.
///
/// # Panics
/// If a representation has another number of examples.
pub fn probes(
    representations: impl Iterator<Item = Result<Representation>>,
    [train, test]: [&[usize]; 2],
    count: usize,
) -> Result<Report> {
    let columns = ["values", "all", "1000", "±", "100", "±", "5 near", "graph, 100", "±", "clusters", "shared"];
    let row = |of: Result<Representation>| of.map(|of| (of.name.clone(), probe(&of, [train, test], count)));
    let mut notes = vec![
        format!("{} examples to learn from, {} held-out ones to test with, {count} classes", train.len(), test.len()),
        "all, 1000, 100: softmax regression on standardised values, from so many labels".into(),
        format!("5 near: the vote of the {VOTERS} nearest examples, of all labels"),
        "graph, 100: 100 labels that spread among all examples to learn from (Calder et al. 2020)".into(),
        "few labels are equally many of each class, chosen by seed and place: mean and deviation over seeds 0 to 4"
            .into(),
        "clusters: k-means with as many clusters as classes, matched with them; shared: normalised mutual information"
            .into(),
    ];
    let rows: Vec<(String, Vec<f64>)> = representations.map(row).collect::<Result<_>>()?;
    if rows.iter().any(|(_, values)| values.iter().any(|value| value.is_nan())) {
        notes.push("-: too few examples, or too few of a class".into());
    }
    let title = "Share of held-out examples whose class is told right".to_string();
    let columns = columns.map(String::from).to_vec();
    let tables = vec![Table { title, columns, rows }];
    Ok(Report { title: "What codes tell of the classes".into(), notes, tables, ..Report::default() })
}

/// The values of a row; those that cannot be measured are NaN.
fn probe(of: &Representation, classes: [&[usize]; 2], count: usize) -> Vec<f64> {
    let ([points, held_out], [train, test]) = (of.points(), classes);
    assert!(points.count() == train.len() && held_out.count() == test.len(), "a class for each example");
    let linear = |places: &[usize]| {
        let (values, classes) = (points.pick(places), pick(train, places));
        accuracy(&SoftmaxRegression::fit(Points::new(&values, of.width), &classes, count).predict(held_out), test)
    };
    let all: Vec<usize> = (0..train.len()).collect();
    let mut values = vec![of.width as f64, linear(&all)];
    for labels in FEW {
        values.extend(over_choices(train, count, labels, linear));
    }
    if train.len() <= JOINED {
        return [values, vec![f64::NAN; 5]].concat();
    }
    let (near, near_test) = (nearest(points, points, JOINED, true), nearest(held_out, points, JOINED, false));
    let votes: Vec<usize> = near_test.iter().map(|near| majority(&near[..VOTERS], train, count)).collect();
    values.push(accuracy(&votes, test));
    values.extend(over_choices(train, count, FEW[1], |places| {
        accuracy(&spread([&near, &near_test], places, train, count), test)
    }));
    let found = clusters(points, count, STARTS, 0);
    [values, vec![matched_accuracy(&found, train), mutual_information(&found, train)]].concat()
}

/// Mean and deviation of an accuracy over choices of `labels` labels, equally many of each class.
fn over_choices(classes: &[usize], count: usize, labels: usize, accuracy: impl Fn(&[usize]) -> f64) -> [f64; 2] {
    let each = labels / count;
    let choose = |seed| choose_labels(classes, count, each, seed).filter(|_| each > 0);
    let tried: Option<Vec<f64>> = (0..CHOICES).map(|seed| choose(seed).map(|places| accuracy(&places))).collect();
    tried.map_or([f64::NAN; 2], |values| {
        let Estimate { mean, deviation, .. } = Estimate::of(&values);
        [mean, deviation]
    })
}

/// The classes of held-out examples by their neighbours among the examples to learn from, on which the labels at
/// `places` have spread.
fn spread(near: [&[Vec<Neighbour>]; 2], places: &[usize], classes: &[usize], count: usize) -> Vec<usize> {
    let labels: Vec<(usize, usize)> = places.iter().map(|&place| (place, classes[place])).collect();
    let spread = poisson_learning(near[0], &labels, count);
    near[1].iter().map(|near| weighted_majority(near, &spread, count).0).collect()
}

fn pick(classes: &[usize], places: &[usize]) -> Vec<usize> {
    places.iter().map(|&place| classes[place]).collect()
}
