//! How much generated rows of a table are like real ones, by SDMetrics' scores.

use std::collections::HashMap;
use std::path::Path;

use super::{Better, Report, Row, Verdict};
use crate::{
    data::{Rule, Values},
    metrics::Estimate,
    metrics::table::{
        self, Column, MISSING, Protection, Scores, Table, Utility, copies, logistic_detection, new_row_synthesis,
        overfitting_protection, perfect_protection, train_and_test, tree_detection,
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
    /// The file that they lie in, if they are no samples.
    pub file: Option<&'a Path>,
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
    fn of(training: &Table, rows: &Table, wrong: &[f64]) -> Self {
        let [shapes, trends] = quality(training, rows, wrong);
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

/// The shape of each column, and the trend of each pair. Cells of another type take their share of a score, and a
/// column without values has none: it scores 0.
fn quality(training: &Table, rows: &Table, wrong: &[f64]) -> [Scores; 2] {
    let (shapes, trends) = (table::column_shapes(training, rows), table::pair_trends(training, rows));
    let right: Vec<f64> = wrong.iter().map(|share| 1.0 - share).collect();
    let has_any = |column: &Column| match column {
        Column::Number(numbers) => numbers.iter().any(|number| !number.is_nan()),
        Column::Category(ids) => ids.iter().any(|id| *id != MISSING),
    };
    let lacks: Vec<bool> = training.columns.iter().zip(&rows.columns).map(|(a, b)| has_any(a) && !has_any(b)).collect();
    let shapes = shapes.counted(|n, score| if lacks[n] { Some(0.0) } else { Some(score? * right[n]) });
    let pairs: Vec<_> = table::pairs(right.len()).collect();
    let trends = trends.counted(|n, score| {
        let (a, b) = pairs[n];
        if lacks[a] || lacks[b] { Some(0.0) } else { Some(score? * right[a] * right[b]) }
    });
    [shapes, trends]
}

/// Fewest rows whose columns are told from shuffled ones.
const FEW: usize = 30;
/// Times that as many rows are chosen as were held out.
const CHOICES: u64 = 4;

/// The words for Column Shapes, Column Pair Trends, and both. Few rows score lower than many, so they compare as many
/// samples as rows were held out; and pairs of columns that know nothing of each other score far above 0, so distances
/// are from those of real rows with shuffled columns.
fn words(training: &Table, held_out: &Table, generated: &Table, wrong: &[f64]) -> [Option<Verdict>; 3] {
    let count = held_out.rows().min(generated.rows()).min(training.rows());
    if count < FEW {
        return [Some(Verdict::Unsure); 3];
    }
    let scores = |rows: &dyn Fn(u64) -> Table, wrong: &[f64]| {
        let each: Vec<[f64; 2]> = (0..CHOICES)
            .map(|seed| quality(training, &rows(seed), wrong).map(|scores| scores.mean.unwrap_or(f64::NAN)))
            .collect();
        [0, 1].map(|n| Estimate::of(&each.iter().map(|scores| scores[n]).collect::<Vec<f64>>()))
    };
    let shuffled = |seed: u64| {
        let of = |n: usize| training.sample(count, seed ^ ((1 + n as u64) << 8)).columns.swap_remove(n);
        Table::new(training.names.clone(), (0..training.columns.len()).map(of).collect())
    };
    let none = vec![0.0; wrong.len()];
    let own = scores(&|seed| generated.sample(count, seed), wrong);
    let real = scores(&|seed| held_out.sample(count, seed), &none);
    let chance = scores(&shuffled, &none)[1].mean;
    let word = |n: usize| {
        let (best, row) = (real[n].mean, Row::new("", own[n].mean, Better::Higher));
        // Of columns that tell nothing of each other there is nothing to know.
        let known = if n == 1 && best - chance > 0.01 { chance } else { 0.0 };
        // The held-out rows are one choice of so many rows.
        let row = row.real(best).chance(known).deviation(own[n].deviation);
        row.judged().filter(|_| !(own[n].mean.is_nan() || best.is_nan()))
    };
    let [shapes, trends] = [word(0), word(1)];
    let worse = |a: Verdict, b: Verdict| if a == Verdict::AsGood || b == Verdict::Far { b } else { a };
    [shapes, trends, shapes.zip(trends).map(|(shapes, trends)| worse(shapes, trends))]
}

/// What the score for new rows counts.
const MATCH: &str = "share of the rows that match no row learned from, where numbers match within 1 %; copies are \
                     equal in every column";

/// Share of cells of a column that cannot be read from which on nothing is said of copies.
const UNREAD: f64 = 0.05;

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
fn protected(found: &Protection, perfect: f64) -> [Row; 2] {
    let verdict = match 2.0 * found.error {
        error if found.known > error => Verdict::Far,
        error if error > CLEAR => Verdict::Unsure,
        _ => Verdict::AsGood,
    };
    let known = Row::new("known by heart", found.known, Better::Lower).deviation(found.error);
    let protection = Row::new("DCROverfittingProtection", found.score, Better::Higher).floor(perfect);
    let protection = protection.deviation(2.0 * (1.0 - found.chance) * found.error);
    [
        Row { verdict: Some(verdict), ..protection }.note(format!(
            "twice the share of the rows that lie nearer to held-out rows, 1 at most; {:.0} % of the real rows are \
             held out, and perfect is what real rows get here: about 1 with as many held out as learned",
            100.0 * (1.0 - found.chance)
        )),
        Row { verdict: Some(verdict), ..known }.note(format!(
            "share of the rows that lie nearer to training than to held-out rows beyond chance; 1: all are copies; {}",
            match verdict {
                Verdict::Unsure => "too few rows to tell: a larger holdout= in training holds out more",
                _ => "far: train for fewer steps before you give rows away",
            }
        )),
    ]
}

/// The scores. Real data are the held-out rows in place of the samples.
pub fn tables(rows: &Rows) -> Report {
    let mut ids: Vec<HashMap<String, u32>> = vec![HashMap::new(); rows.names.len()];
    let mut typed =
        |values: &[Values]| Table::new(rows.names.clone(), values.iter().zip(&mut ids).map(column).collect());
    let (training, generated) = (typed(rows.training), typed(rows.generated));
    let held_out = rows.held_out.map(typed);
    let title = match rows.file {
        Some(file) => format!("Rows in `{}`, beside those of `{}`", file.display(), rows.set),
        None => format!("Rows of `{}`", rows.set),
    };
    let mut report = Report { title, ..Report::default() };
    let found = Similarity::of(&training, &generated, rows.wrong);
    let none = vec![0.0; rows.names.len()];
    let real = held_out.as_ref().map(|held_out| Similarity::of(&training, held_out, &none));
    let words = held_out.as_ref().map_or([None; 3], |held_out| words(&training, held_out, &generated, rows.wrong));
    for (n, (measure, better)) in MEASURES.iter().enumerate() {
        if let Some(value) = found.values[n] {
            let real = real.as_ref().and_then(|real| real.values[n]);
            let verdict = words.get(n).copied().flatten();
            let note = (*measure == "NewRowSynthesis").then(|| MATCH.to_owned());
            report.rows.push(Row { real, verdict, note, ..Row::new(*measure, value, *better) });
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
            Some(found) => {
                let perfect = perfect_protection(&training, held_out, DISTANCES, seed);
                report.rows.extend(protected(&found, perfect));
            }
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
        "{} {} beside {} that the model learned from; real: held-out rows in place of the samples",
        generated.rows(),
        if rows.file.is_some() { "rows of the file" } else { "generated rows" },
        training.rows()
    ));
    report.notes.push("names and formulas are SDMetrics'; all from 0 to 1".into());
    if held_out.is_some() {
        report.notes.push(
            "the words for Column Shapes, Pair Trends and quality compare as many samples as held-out rows; a trend's \
             distance is from that of real rows with shuffled columns"
                .into(),
        );
    }
    // Rows that cannot be read are like no real row.
    let unread = rows.wrong.iter().filter(|share| **share > UNREAD).count();
    if unread > 0 {
        let private = ["NewRowSynthesis", "copies of learned rows", "known by heart", "DCROverfittingProtection"];
        report.rows.iter_mut().filter(|row| private.contains(&&*row.measure)).for_each(|row| {
            row.verdict = Some(Verdict::Unsure);
        });
        report.notes.push(format!(
            "{unread} columns of the rows cannot be read, so that no row equals a real one: what is said of copies is \
             worth nothing"
        ));
    }
    let pair = |(a, b): (usize, usize)| format!("{}, {}", rows.names[a], rows.names[b]);
    let pairs: Vec<String> = table::pairs(rows.names.len()).map(pair).collect();
    let rules = Rule::find(rows.training);
    let telling = rows.target.and_then(|target| rules.iter().find(|rule| rule.tells(target)));
    report
        .notes
        .extend(telling.map(|rule| format!("{}: to predict it takes no more than that", rule.said(&rows.names))));
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
    let of_real = |scores: fn(&Similarity) -> &Scores| real.as_ref().map(|real| &scores(real).each[..]);
    let shapes = worst("Columns, the worst first", "shape", &rows.names, &found.shapes, of_real(|real| &real.shapes));
    let trends = worst("Pairs, the worst first", "trend", &pairs, &found.trends, of_real(|real| &real.trends));
    report.tables.extend([shapes, trends].into_iter().filter(|table| !table.rows.is_empty()));
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

/// The score of each column or pair, and that of real data, the worst first.
fn worst(title: &str, score: &str, names: &[String], scores: &Scores, real: Option<&[Option<f64>]>) -> super::Table {
    const SHOWN: usize = 12;
    let of = |(n, name): (usize, &String)| {
        let beside = real.map(|real| real[n].unwrap_or(f64::NAN));
        Some((name.clone(), [Some(scores.each[n]?), beside].into_iter().flatten().collect()))
    };
    let mut rows: Vec<(String, Vec<f64>)> = names.iter().enumerate().filter_map(of).collect();
    rows.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    rows.truncate(SHOWN);
    let columns = [score].into_iter().chain(real.map(|_| "real")).map(String::from).collect();
    super::Table { title: title.into(), columns, rows }
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
