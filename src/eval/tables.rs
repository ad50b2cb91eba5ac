//! How much generated rows of a table are like real ones, by SDMetrics' scores.

use std::collections::HashMap;

use super::{Better, Report, Row, Verdict};
use crate::{
    data::{Rule, Values},
    metrics::table::{
        self, Column, MISSING, Protection, Scores, Table, Utility, copies, logistic_detection, new_row_synthesis,
        overfitting_protection, train_and_test, tree_detection,
    },
};

/// Most rows of each table for the detections and the predictors, and for distances, which take the square of it.
const TREES: usize = 20_000;
const DISTANCES: usize = 2_000;

/// Most rules that are shown.
const RULES: usize = 20;

/// Rows to compare: their cells by column.
pub struct Rows<'a> {
    /// What the rows are of.
    pub set: &'a str,
    /// The names of the columns.
    pub names: Vec<String>,
    /// What the model learned from.
    pub training: &'a [Values],
    /// Rows that it did not learn from.
    pub held_out: Option<&'a [Values]>,
    /// Samples.
    pub generated: &'a [Values],
    /// For each column of the samples, the share of cells that are neither gaps nor of its type.
    pub wrong: &'a [f64],
    /// The column to predict.
    pub target: Option<usize>,
    /// Seed of the choices of rows.
    pub seed: u64,
}

/// What is measured of any rows beside those to learn from.
const MEASURES: [(&str, Better); 11] = [
    ("Column Shapes", Better::Higher),
    ("Column Pair Trends", Better::Higher),
    ("Overall quality", Better::Higher),
    ("LogisticDetection", Better::Higher),
    ("detection by trees", Better::Higher),
    ("detection by trees, area", Better::Neither),
    ("MissingValueSimilarity", Better::Higher),
    ("CategoryCoverage", Better::Higher),
    ("RangeCoverage", Better::Higher),
    ("BoundaryAdherence", Better::Higher),
    ("NewRowSynthesis", Better::Higher),
];

/// How similar rows are to those to learn from.
struct Similarity {
    /// The values of [`MEASURES`]; `None` where one is not defined.
    values: [Option<f64>; MEASURES.len()],
    /// The shape of each column, and the trend of each pair.
    shapes: Scores,
    trends: Scores,
}

impl Similarity {
    /// Cells of another type take their share of a score, and a column without values has none: it scores 0.
    fn of(training: &Table, rows: &Table, wrong: &[f64]) -> Self {
        let (shapes, trends) = (table::column_shapes(training, rows), table::pair_trends(training, rows));
        let right: Vec<f64> = wrong.iter().map(|share| 1.0 - share).collect();
        let has_any = |column: &Column| match column {
            Column::Number(numbers) => numbers.iter().any(|number| !number.is_nan()),
            Column::Category(ids) => ids.iter().any(|id| *id != MISSING),
        };
        let lacks: Vec<bool> =
            training.columns.iter().zip(&rows.columns).map(|(a, b)| has_any(a) && !has_any(b)).collect();
        let shapes = shapes.counted(|n, score| if lacks[n] { Some(0.0) } else { Some(score? * right[n]) });
        let pairs: Vec<_> = table::pairs(right.len()).collect();
        let trends = trends.counted(|n, score| {
            let (a, b) = pairs[n];
            if lacks[a] || lacks[b] { Some(0.0) } else { Some(score? * right[a] * right[b]) }
        });
        let trees = tree_detection(training, rows, TREES, 0);
        let values = [
            shapes.mean,
            trends.mean,
            table::overall(&shapes, &trends),
            logistic_detection(training, rows, TREES, 0).map(|found| found.score),
            trees.as_ref().map(|found| found.score),
            trees.as_ref().map(|found| found.auc),
            table::missing_value_similarity(training, rows).mean,
            table::category_coverage(training, rows).mean,
            table::range_coverage(training, rows).mean,
            table::boundary_adherence(training, rows).mean,
            new_row_synthesis(training, rows, DISTANCES, 0).map(|found| found.score),
        ];
        Self { values, shapes, trends }
    }
}

/// The largest error of the share of rows that are known by heart with which they may be said to be none.
const CLEAR: f64 = 0.1;

/// So many standard errors are no chance.
const SURE: f64 = 3.0;

/// Whether rows hold rows that were held out: more of them equal one than of the rows learned from, beyond chance.
fn hold(held_out: &Table, training: &Table, rows: &Table) -> bool {
    let [usual, found] = [training, rows].map(|rows| copies(held_out, rows).unwrap_or(0.0));
    let share = usual.max(found);
    found - usual > SURE * (share * (1.0 - share) / rows.rows() as f64).sqrt()
}

/// The scores of how near rows lie to those learned from, beside those held out.
fn protected(found: &Protection) -> [Row; 2] {
    let perfect = (2.0 * (1.0 - found.chance)).min(1.0);
    let verdict = match 2.0 * found.error {
        error if found.known > error => Verdict::Far,
        error if error > CLEAR => Verdict::Unsure,
        _ => Verdict::AsGood,
    };
    let known = Row::new("known by heart", found.known, Better::Lower).deviation(found.error);
    let protection = Row::new("DCROverfittingProtection", found.score, Better::Higher).floor(perfect);
    [
        protection.note(format!(
            "twice the share of the rows that lie nearer to held-out rows, 1 at most; {:.0} % of the real rows are \
             held out, and by chance as many rows lie nearer to them: {perfect:.4} is perfect here, and 1 with as many \
             held out as learned",
            100.0 * (1.0 - found.chance)
        )),
        Row { verdict: Some(verdict), ..known }.note(
            "share of the rows that lie nearer to training than to held-out rows beyond chance; 1: all are copies; \
             far: train for fewer steps before you give rows away",
        ),
    ]
}

/// The scores. Real data are the held-out rows in place of the samples.
pub fn tables(rows: &Rows) -> Report {
    let mut ids: Vec<HashMap<String, u32>> = vec![HashMap::new(); rows.names.len()];
    let mut typed =
        |values: &[Values]| Table::new(rows.names.clone(), values.iter().zip(&mut ids).map(column).collect());
    let (training, generated) = (typed(rows.training), typed(rows.generated));
    let held_out = rows.held_out.map(typed);
    let mut report = Report { title: format!("Rows of `{}`", rows.set), ..Report::default() };
    let found = Similarity::of(&training, &generated, rows.wrong);
    let none = vec![0.0; rows.names.len()];
    let real = held_out.as_ref().map(|held_out| Similarity::of(&training, held_out, &none));
    for (n, (measure, better)) in MEASURES.iter().enumerate() {
        if let Some(value) = found.values[n] {
            let real = real.as_ref().and_then(|real| real.values[n]);
            report.rows.push(Row { real, ..Row::new(*measure, value, *better) });
        }
    }
    if let Some(share) = copies(&training, &generated) {
        let row = Row::new("copies of learned rows", share, Better::Lower).share_of(generated.rows());
        let real = held_out.as_ref().and_then(|held_out| copies(&training, held_out));
        report.rows.push(Row { real, ..row }.note("share of the rows that equal a row learned from in every column"));
    }
    if let Some(held_out) = &held_out {
        let seed = rows.seed;
        match overfitting_protection(&training, held_out, &generated, DISTANCES, seed) {
            Some(found)
                if found.known < -SURE * found.error
                    || found.known <= 2.0 * found.error && hold(held_out, &training, &generated) =>
            {
                let equal = 100.0 * copies(held_out, &generated).unwrap_or(0.0);
                report.notes.push(format!(
                    "known by heart and DCROverfittingProtection are left out: they compare with held-out rows, which \
                     these rows hold or lie at beyond chance ({equal:.1} % equal one)"
                ));
            }
            Some(found) => report.rows.extend(protected(&found)),
            None => {}
        }
        if let Some(target) = rows.target {
            report.rows.extend(predicted([&generated, &training], held_out, target, &rows.names[target], seed));
            report
                .notes
                .push("of predictors: trained on samples, tested on held-out rows; real: trained on real rows".into());
        }
    }
    report.notes.push(format!(
        "{} generated rows beside {} that the model learned from; real: held-out rows in place of the samples",
        generated.rows(),
        training.rows()
    ));
    report.notes.push("names and formulas are SDMetrics'; all from 0 to 1".into());
    let pair = |(a, b): (usize, usize)| format!("{}, {}", rows.names[a], rows.names[b]);
    let pairs: Vec<String> = table::pairs(rows.names.len()).map(pair).collect();
    let rules = Rule::find(rows.training);
    if !rules.is_empty() {
        let parts = [Some(rows.training), Some(rows.generated), rows.held_out].into_iter().flatten();
        let kept: Vec<Vec<f64>> = rules.iter().map(|rule| rule.kept(rows.training, parts.clone())).collect();
        let mean = |part: usize| {
            let shares = kept.iter().filter_map(|kept| kept.get(part)).filter(|share| !share.is_nan());
            shares.clone().sum::<f64>() / shares.count() as f64
        };
        let row =
            Row::new("rules kept", mean(1), Better::Higher).real(mean(if parts.clone().count() > 2 { 2 } else { 0 }));
        report.rows.extend((!mean(1).is_nan()).then(|| row.note("mean over the rules between columns, below")));
        report.tables.push(super::Table {
            title: "Rules that all rows learned from keep, or nearly all, and the share of rows that keep them".into(),
            columns: ["learned", "generated", "held out"].into_iter().take(parts.count()).map(String::from).collect(),
            rows: rules.iter().map(|rule| rule.said(&rows.names)).zip(kept).take(RULES).collect(),
        });
    }
    report.tables.push(worst("Columns, the worst first", "shape", &rows.names, &found.shapes));
    report.tables.extend((!pairs.is_empty()).then(|| worst("Pairs, the worst first", "trend", &pairs, &found.trends)));
    report
}

/// How well boosted trees that learn from the first table, and from the second, predict the target of real rows.
fn predicted(tables: [&Table; 2], test: &Table, target: usize, name: &str, seed: u64) -> Vec<Row> {
    let [generated, real] = tables.map(|training| train_and_test(training, test, target, TREES, seed));
    let row = |measure: &str, value: f64, real: f64| {
        Row::new(format!("prediction of `{name}`, {measure}"), value, Better::Higher).real(real)
    };
    match (generated, real) {
        (Some(Utility::Class { auc, f1, accuracy }), Some(Utility::Class { auc: a, f1: f, accuracy: c })) => {
            vec![row("area", auc, a).chance(0.5), row("F1", f1, f), row("accuracy", accuracy, c)]
        }
        (Some(Utility::Number { r2 }), Some(Utility::Number { r2: real })) => vec![row("R2", r2, real)],
        _ => vec![],
    }
}

/// The score of each column or pair, the worst first.
fn worst(title: &str, score: &str, names: &[String], scores: &Scores) -> super::Table {
    const SHOWN: usize = 12;
    let mut rows: Vec<(String, Vec<f64>)> =
        scores.each.iter().zip(names).filter_map(|(score, name)| Some((name.clone(), vec![(*score)?]))).collect();
    rows.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    rows.truncate(SHOWN);
    super::Table { title: title.into(), columns: vec![score.into()], rows }
}

/// A column for scores; `ids` numbers its texts, for all tables that are compared.
pub fn column((values, ids): (&Values, &mut HashMap<String, u32>)) -> Column {
    match values {
        Values::Numbers(numbers) => Column::Number(numbers.clone()),
        Values::Texts(texts) => {
            let mut id = |text: &String| {
                let next = ids.len() as u32;
                if text.is_empty() { MISSING } else { *ids.entry(text.clone()).or_insert(next) }
            };
            Column::Category(texts.iter().map(&mut id).collect())
        }
    }
}
