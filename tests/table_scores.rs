//! Scores of tables against those of sdmetrics and scikit-learn (`tests/fixtures/tables.py` writes the JSON file).

use std::collections::BTreeMap;

use saddle::data::Values;
use saddle::eval::{Report, Row, Verdict, tables};
use saddle::metrics::{
    mean,
    table::{
        Column, Design, Factor, Forest, Logistic, MISSING, Scores, Table, Target, Utility, area_under_curve,
        boundary_adherence, category_coverage, column_shapes, copies, logistic_detection, missing_value_similarity,
        new_row_synthesis, overall, overfitting_protection, pair_trends, perfect_protection, range_coverage,
        train_and_test, tree_detection,
    },
};
use serde::Deserialize;

/// What 500 rows of each table bear.
const MOST: usize = 100_000;

#[derive(Deserialize)]
struct Fixture {
    names: Vec<String>,
    categories: Vec<bool>,
    /// Real, held out, generated.
    tables: [Vec<Vec<Option<f64>>>; 3],
    shapes: Vec<Option<f64>>,
    shapes_mean: f64,
    trends: Vec<Option<f64>>,
    trends_mean: f64,
    missing: Vec<Option<f64>>,
    categories_covered: Vec<Option<f64>>,
    range_covered: Vec<Option<f64>>,
    inside: Vec<Option<f64>>,
    protection: f64,
    closer_to_training: f64,
    new_rows: f64,
    detection: Areas,
    /// Trained on real rows, and on generated ones.
    utility: [BTreeMap<String, BTreeMap<String, f64>>; 2],
}

/// Of each fold, where every third row is one.
#[derive(Deserialize)]
struct Areas {
    trees: [f64; 3],
    logistic: [f64; 3],
}

fn fixture() -> (Fixture, [Table; 3]) {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/tables.json")).unwrap();
    let column = |(cells, &category): (&Vec<Option<f64>>, &bool)| match category {
        true => Column::Category(cells.iter().map(|cell| cell.map_or(MISSING, |id| id as u32)).collect()),
        false => Column::Number(cells.iter().map(|cell| cell.unwrap_or(f64::NAN)).collect()),
    };
    let table = |cells: &Vec<Vec<Option<f64>>>| {
        Table::new(fixture.names.clone(), cells.iter().zip(&fixture.categories).map(column).collect())
    };
    let tables = fixture.tables.each_ref().map(table);
    (fixture, tables)
}

#[track_caller]
fn assert_near(got: f64, want: f64, error: f64) {
    assert!((got - want).abs() <= error, "{got}, not {want}");
}

#[track_caller]
fn assert_scores(got: &Scores, want: &[Option<f64>]) {
    assert_eq!(got.each.len(), want.len());
    for (n, pair) in got.each.iter().zip(want).enumerate() {
        match pair {
            (Some(got), Some(want)) => assert!((got - want).abs() <= 1e-9, "{n}: {got}, not {want}"),
            (got, want) => assert_eq!(got, want, "{n}"),
        }
    }
}

#[test]
fn shapes_and_trends_are_those_of_sdmetrics() {
    let (fixture, [real, _, generated]) = fixture();
    let (shapes, trends) = (column_shapes(&real, &generated), pair_trends(&real, &generated));
    assert_scores(&shapes, &fixture.shapes);
    assert_scores(&trends, &fixture.trends);
    assert_near(shapes.mean.unwrap(), fixture.shapes_mean, 1e-9);
    assert_near(trends.mean.unwrap(), fixture.trends_mean, 1e-9);
    assert_near(overall(&shapes, &trends).unwrap(), (fixture.shapes_mean + fixture.trends_mean) / 2.0, 1e-9);
    // A constant correlates with nothing.
    assert!(fixture.trends.contains(&None));
}

#[test]
fn gaps_and_coverage_are_those_of_sdmetrics() {
    let (fixture, [real, _, generated]) = fixture();
    assert_scores(&missing_value_similarity(&real, &generated), &fixture.missing);
    assert_scores(&category_coverage(&real, &generated), &fixture.categories_covered);
    assert_scores(&range_coverage(&real, &generated), &fixture.range_covered);
    assert_scores(&boundary_adherence(&real, &generated), &fixture.inside);
}

#[test]
fn copies_are_found_as_sdmetrics_finds_them() {
    let (fixture, [real, held_out, generated]) = fixture();
    let protection = overfitting_protection(&real, &held_out, &generated, MOST, 1).unwrap();
    assert_near(protection.score, fixture.protection, 1e-9);
    assert_near(protection.closer_to_training, fixture.closer_to_training, 1e-9);
    assert_eq!(protection.rows, real.rows());
    assert!(protection.chance == 0.5 && protection.known.abs() < 2.0 * protection.error, "{protection:?}");
    let new = new_row_synthesis(&real, &generated, MOST, 1).unwrap();
    assert_near(new.score, fixture.new_rows, 1e-9);
    // Equal rows are counted, gaps too.
    let mixed = real.pick(&(0..real.rows()).map(|row| row / 2).collect::<Vec<_>>());
    let shares = [&real, &mixed, &held_out].map(|rows| copies(&real, rows).unwrap());
    assert!(shares[..2] == [1.0, 1.0] && shares[2] < 0.01, "{shares:?}");
    // The training rows themselves.
    let copies = overfitting_protection(&real, &held_out, &real, MOST, 1).unwrap();
    assert!(copies.closer_to_training > 0.95 && copies.score < 0.1 && copies.known > 0.9, "{copies:?}");
    // A few of them, in whatever order, though few rows were held out.
    let places: Vec<usize> = (0..real.rows()).rev().step_by(5).collect();
    let (some, few) = (real.pick(&places), held_out.pick(&(0..50).collect::<Vec<_>>()));
    let copies = overfitting_protection(&real, &few, &some, MOST, 1).unwrap();
    assert!(copies.score < 0.1 && copies.known > 0.9, "{copies:?}");
    let strangers = overfitting_protection(&real, &few, &generated, MOST, 1).unwrap();
    assert!(strangers.known < 3.0 * strangers.error, "{strangers:?}");
    assert_eq!(new_row_synthesis(&real, &real, 100, 1).unwrap().score, 0.0);
    assert_eq!(new_row_synthesis(&real, &real, 100, 1).unwrap().rows, 100);
}

/// By the ranges of SDMetrics even new rows lie nearer to the larger part, whose outliers are farther out.
#[test]
fn new_rows_protect_as_well_as_real_ones() {
    let mut state = 7u64;
    let mut number = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let unit = ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        unit.powf(-0.7)
    };
    let mut rows = |count: usize| {
        let columns = (0..4).map(|_| Column::Number((0..count).map(|_| number()).collect())).collect();
        Table::new(["a", "b", "c", "d"].map(String::from).into(), columns)
    };
    let [training, held_out, new] = [1800, 200, 1000].map(&mut rows);
    let found = overfitting_protection(&training, &held_out, &new, MOST, 1).unwrap();
    let perfect = perfect_protection(&training, &held_out, MOST, 1);
    assert!((found.score - perfect).abs() < 0.05, "{perfect}, {found:?}");
    assert!(perfect < 0.75 * 2.0 * (1.0 - found.chance), "{found:?}");
    assert!(found.known.abs() < 2.0 * found.error, "{found:?}");
}

/// Rows to train with, their labels, and rows to test with, of real rows above as many generated ones.
fn fold(rows: usize, tested: usize) -> (Vec<usize>, Vec<bool>, Vec<usize>, Vec<bool>) {
    let (test, train): (Vec<usize>, Vec<usize>) = (0..2 * rows).partition(|row| row % rows % 3 == tested);
    let labels = |places: &[usize]| places.iter().map(|&row| row < rows).collect::<Vec<bool>>();
    let (train_labels, test_labels) = (labels(&train), labels(&test));
    (train, train_labels, test, test_labels)
}

fn stacked(first: &Table, second: &Table) -> Table {
    let columns = first.columns.iter().zip(&second.columns).map(|columns| match columns {
        (Column::Number(a), Column::Number(b)) => Column::Number([&a[..], b].concat()),
        (Column::Category(a), Column::Category(b)) => Column::Category([&a[..], b].concat()),
        _ => unreachable!(),
    });
    Table::new(first.names.clone(), columns.collect())
}

#[test]
fn trees_and_regression_detect_as_those_of_scikit_learn() {
    let (fixture, [real, _, generated]) = fixture();
    let both = stacked(&real, &generated);
    let design = Design::new(&real, &generated);
    let cells = design.cells(&both);
    for tested in 0..3 {
        let (train, labels, test, truth) = fold(real.rows(), tested);
        let rows: Vec<&[Factor]> = train.iter().map(|&row| &cells[row][..]).collect();
        let logistic = Logistic::fit(&design, &rows, &labels);
        let odds: Vec<f64> = test.iter().map(|&row| logistic.predict(&cells[row])).collect();
        let regression = area_under_curve(&odds, &truth);
        let labels: Vec<usize> = labels.iter().map(|&label| usize::from(label)).collect();
        let forest = Forest::fit(&both.pick(&train), Target::Class { labels: &labels, count: 2 });
        let trees = area_under_curve(&forest.predict(&both.pick(&test)).concat(), &truth);
        println!(
            "logistic {regression} {}, trees {trees} {}",
            fixture.detection.logistic[tested], fixture.detection.trees[tested]
        );
        assert_near(regression, fixture.detection.logistic[tested], 0.001);
        assert_near(trees, fixture.detection.trees[tested], 0.01);
    }
}

#[test]
fn trees_predict_as_those_of_scikit_learn() {
    let (fixture, [real, held_out, generated]) = fixture();
    for (training, wanted) in [real, generated].iter().zip(&fixture.utility) {
        for (target, wanted) in wanted {
            let column = fixture.names.iter().position(|name| name == target).unwrap();
            let got = match train_and_test(training, &held_out, column, MOST, 1).unwrap() {
                Utility::Class { auc, f1, accuracy } => vec![("auc", auc), ("f1", f1), ("accuracy", accuracy)],
                Utility::Number { r2 } => vec![("r2", r2)],
            };
            assert_eq!(got.len(), wanted.len());
            for (name, got) in got {
                println!("{target} {name}: {got} {}", wanted[name]);
                assert_near(got, wanted[name], 0.01);
            }
        }
    }
}

#[test]
fn detections_choose_rows_by_their_seed() {
    let (fixture, [real, held_out, generated]) = fixture();
    let trees = |seed| tree_detection(&real, &generated, MOST, seed).unwrap();
    assert_eq!(trees(1), trees(1));
    assert_ne!(trees(1), trees(2));
    assert_near(trees(1).auc, mean(&fixture.detection.trees), 0.03);
    let logistic = logistic_detection(&real, &generated, MOST, 1).unwrap();
    assert_near(logistic.auc, mean(&fixture.detection.logistic), 0.03);
    assert_eq!(logistic_detection(&real, &generated, 300, 1).unwrap().rows, [300, 300]);
    // Rows of one law cannot be told apart.
    assert_near(logistic_detection(&real, &held_out, MOST, 1).unwrap().auc, 0.5, 0.05);
    assert_near(tree_detection(&real, &held_out, MOST, 1).unwrap().auc, 0.5, 0.05);
}

#[test]
fn what_is_not_defined_is_none() {
    let table = |numbers: Vec<f64>, ids: Vec<u32>| {
        Table::new(vec!["x".into(), "c".into()], vec![Column::Number(numbers), Column::Category(ids)])
    };
    let (gaps, one) = (table(vec![f64::NAN; 3], vec![MISSING; 3]), table(vec![1.0; 3], vec![0, 1, 1]));
    assert_eq!(column_shapes(&gaps, &one).each, [None, None]);
    assert_eq!(column_shapes(&gaps, &one).mean, None);
    assert_eq!(range_coverage(&one, &one).each, [None, None]);
    assert_eq!(pair_trends(&one, &one).each, [Some(1.0)]);
    let none = table(vec![], vec![]);
    assert_eq!(overfitting_protection(&one, &none, &one, MOST, 1), None);
    assert_eq!(new_row_synthesis(&one, &none, MOST, 1), None);
    assert_eq!(tree_detection(&one, &none, MOST, 1), None);
    assert_eq!(logistic_detection(&gaps, &one, MOST, 1).unwrap().rows, [3, 3]);
    assert_eq!(train_and_test(&one, &one, 0, MOST, 1), None);
    assert_eq!(train_and_test(&gaps, &one, 1, MOST, 1), None);
}

fn row<'a>(report: &'a Report, measure: &str) -> &'a Row {
    report.rows.iter().find(|row| row.measure == measure).unwrap_or_else(|| panic!("no {measure} in {report:?}"))
}

/// Numbers and texts that tell each other, and a number that tells nothing.
fn tied(count: usize, seed: u64) -> Vec<Values> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    let rows: Vec<[f64; 3]> = (0..count)
        .map(|_| {
            let [x, noise, other] = [next(), next(), next()];
            [x, x + 0.1 * noise, other]
        })
        .collect();
    let text = |row: &[f64; 3]| ["low", "middle", "high"][((3.0 * row[0]) as usize).min(2)].to_owned();
    let numbers = |n: usize| Values::Numbers(rows.iter().map(|row| row[n]).collect());
    vec![numbers(0), numbers(1), numbers(2), Values::Texts(rows.iter().map(text).collect())]
}

#[test]
fn pairs_of_columns_are_judged_beside_shuffled_ones_and_copies_only_where_cells_are_read() {
    let (training, held_out) = (tied(600, 1), tied(150, 2));
    let measure = |generated: &[Values], wrong: [f64; 4]| {
        let names = ["a", "b", "c", "d"].map(String::from).to_vec();
        let rows = tables::Rows {
            set: "t",
            file: None,
            names,
            training: &training,
            held_out: Some(&held_out),
            generated,
            wrong: &wrong,
            target: None,
            seed: 0,
        };
        let mut report = tables::tables(&rows);
        report.judge();
        report
    };
    let verdict = |report: &Report, measure: &str| row(report, measure).verdict;
    let good = measure(&tied(600, 3), [0.0; 4]);
    for name in ["Column Shapes", "Column Pair Trends", "Overall quality"] {
        assert_eq!(verdict(&good, name), Some(Verdict::AsGood), "{name}: {good:?}");
    }
    // The columns of other rows, each by itself as it should be.
    let shuffled: Vec<Values> = (0..4).map(|n| tied(600, 4 + n).swap_remove(n as usize)).collect();
    let report = measure(&shuffled, [0.0; 4]);
    assert_eq!(verdict(&report, "Column Shapes"), Some(Verdict::AsGood));
    assert_eq!(verdict(&report, "Column Pair Trends"), Some(Verdict::Far), "{report:?}");
    assert!(row(&report, "Column Pair Trends").value > 0.7, "though its value seems high: {report:?}");
    // Copies of real rows with a column that cannot be read.
    let copies = measure(&training, [0.0; 4]);
    assert_eq!(verdict(&copies, "copies of learned rows"), Some(Verdict::Far));
    let mut unread = training.clone();
    unread[3] = Values::Texts(vec!["?!".into(); 600]);
    let report = measure(&unread, [0.0, 0.0, 0.0, 1.0]);
    for name in ["copies of learned rows", "NewRowSynthesis"] {
        assert_eq!(verdict(&report, name), Some(Verdict::Unsure), "{name}: {report:?}");
    }
}
