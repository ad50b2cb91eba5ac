//! `saddle score`.

use std::{collections::HashSet, path::Path};

use super::{
    ScoreArgs,
    arrays::table,
    encode::{class, examples, place},
    print,
    progress::Patient,
    runs, shown, tell,
};
use crate::{
    codes::{By, Scorer, Scores, area_and_precision, by_rows, quantile},
    data::{Columns, Dataset, Series, Split},
    error::{Error, Result, counted, unknown},
    files::{ensure_new, write_atomically},
    report::{self, Axis, Compared, Figure, GENERATED, Grid, Ink, Mark, Panel, REAL, Shape, Ticks, Way},
    trained::Trained,
};

/// Examples at each end of the scores in a picture.
const SHOWN: usize = 20;
/// Width and height of the plot of scores along a table, in pixels.
const PLOT: [u32; 2] = [1200, 260];
/// Number of scores above the threshold, and how many times as many as of held-out examples, from which on that is
/// said.
const MANY: usize = 10;
const UNLIKE: f64 = 5.0;
/// How far beyond the threshold the plot goes, in distances of the threshold from the middle.
const BEYOND: f64 = 2.0;
/// Highest scores that are printed.
const PRINTED: usize = 10;
/// Points of its line at most; of more, the highest of each stretch is drawn.
const POINTS: usize = 4000;

/// Writes how unusual each example is, and what that says.
pub fn score(args: &ScoreArgs) -> Result<()> {
    let Some(run) = &args.run else { return runs::ask() };
    let trained = Trained::at(run, args.model.checkpoint)?;
    trained.notes.iter().for_each(tell);
    let out = place(args.out.as_deref(), run, "scores", &["csv"], args.force)?;
    let picture = out.with_extension("png");
    ensure_new(&picture, args.force)?;
    let mut scorer = Scorer::new(&trained, args.by, args.model.adapter.as_deref())?;
    scorer.importance = args.importance.unwrap_or(scorer.importance);
    if args.steps && !(scorer.by == By::Likelihood && trained.examples.shape.len() == 2) {
        return Err(Error::usage("--steps is for sequences by their likelihood"));
    }
    let data = examples(&trained, args.data.as_deref(), args.held_out)?;
    let normal = args.normal.as_deref().map(|name| is_unusual(&data, name)).transpose()?;
    if args.by.is_none() && scorer.by == By::Critic {
        tell("scores of a critic alone say little; --by neighbours compares with the run's data (docs/codes.md)");
    }
    let scores = scored(&mut scorer, &data)?;
    let found = Found::of(&data, scores, args.steps);
    let threshold = threshold(&trained, &mut scorer, args)?;
    // Neighbours leave an example itself aside.
    if threshold.is_some() && was_learned(args, &trained) && scorer.by != By::Neighbours {
        tell(
            "these are the run's own data, most of them learned, which any model finds more usual than new data, and \
             the threshold is of held-out data: --held-out scores that part",
        );
    }
    // A quantile that is about the largest of the scores tells nothing of one example.
    let is_told = |of: usize| args.quantile >= 1.0 || of as f64 * (1.0 - args.quantile) > 1.0 - 1e-9;
    let line = threshold.map(|(threshold, of)| Some(threshold).filter(|_| is_told(of)));
    write_atomically(&out, &found.table(&data, line, args.steps))?;
    let drawn = draw(&data, &found, threshold.map(|(threshold, _)| threshold))?;
    if let Some(drawn) = &drawn {
        write_atomically(&picture, &report::png(drawn)?)?;
    }
    let step: u64 = trained.checkpoint.meta("step")?;
    print(format!("{} ({}, step {step}) in {}", counted(found.scores.len(), "score"), scorer.by.name(), shown(&out)))?;
    if let Some((threshold, of)) = threshold {
        let above = found.scores.iter().filter(|score| **score > threshold).count();
        let (all, few) = (found.scores.len() as f64, 1.0 - args.quantile);
        print(format!(
            "threshold {threshold:.6}, the {} quantile of {}: {above} ({:.1} %) are above",
            args.quantile,
            counted(of, "held-out score"),
            100.0 * above as f64 / all
        ))?;
        if !is_told(of) {
            let wanted = (1.0 / few).round();
            // The largest of a few scores is passed by chance too often.
            let advice = match of {
                10.. => format!(
                    "--quantile {} takes as many as there are",
                    ((1.0 - 1.0 / of as f64) * 100.0).floor() / 100.0
                ),
                _ if trained.settings.holdout < 0.3 => "training anew with --set holdout=0.3 holds out more".into(),
                _ => "--by neighbours and the order of the scores say more".into(),
            };
            print(format!(
                "this quantile is about their largest value, and means little, so that `unusual` is empty: it takes \
                 {wanted} or more; {advice}"
            ))?;
        } else if above >= MANY && above as f64 > UNLIKE * few * all {
            print(format!(
                "{:.1} % of what is like the held-out examples would be: these are unlike them as a whole, or the \
                 model learned too little to tell",
                100.0 * few
            ))?;
        }
    }
    let faults = data.about.faults.iter().filter(|faults| !faults.is_empty()).count();
    if faults > 0 {
        let too = if threshold.is_some() { ", `unusual` too" } else { "" };
        let such = if faults > PRINTED { ", such as" } else { "" };
        print(format!("{} with cells like none in the data{too}{such}:", counted(faults, "row")))?;
        let all = (0..data.len()).filter_map(|i| Some(format!("  {}: {}", found.name(&data, i), found.why(&data, i)?)));
        all.take(PRINTED).try_for_each(print)?;
    }
    let are_rows = found.rows.is_some() || data.records().is_some() && data.about.names.is_empty();
    print(format!("the most unusual{}:", if are_rows { ", by rows counted from 0" } else { "" }))?;
    let highest = found.order().into_iter().take(PRINTED);
    let text = |i| data.text_of(i).map_or(String::new(), |text| format!(": {text}"));
    let why = |i| found.why(&data, i).map_or(String::new(), |why| format!(": {why}"));
    let line = |i| format!("  {:.6}  {}{}{}", found.scores[i], found.name(&data, i), text(i), why(i));
    highest.map(line).try_for_each(print)?;
    if let (Some(is_unusual), Some(name)) = (normal, &args.normal) {
        let [area, precision] = area_and_precision(&found.of_examples, &is_unusual);
        let usual = is_unusual.iter().filter(|is_unusual| !**is_unusual).count();
        print(format!(
            "`{name}` ({usual}) against the rest ({}): AUC {area:.4}, average precision {precision:.4}",
            is_unusual.len() - usual
        ))?;
    }
    drawn.map_or(Ok(()), |_| print(format!("picture in {}", shown(&picture))))?;
    let others: Vec<&str> = scorer.there.iter().skip(1).map(|by| by.name()).collect();
    if args.by.is_none() && !others.is_empty() {
        print(format!("other formulas find other oddities: --by {}", others.join(", ")))?;
    }
    match faults {
        1.. if args.strict => {
            Err(Error::failure(format!("--strict: {} like none in the data", counted(faults, "row"))))
        }
        _ => Ok(()),
    }
}

/// Whether what is scored was learned from.
fn was_learned(args: &ScoreArgs, trained: &Trained) -> bool {
    let same = |spec: &String| Path::new(spec).components().eq(Path::new(&trained.settings.data).components());
    !args.held_out && args.data.as_ref().is_none_or(same)
}

fn scored(scorer: &mut Scorer, data: &Dataset) -> Result<Scores> {
    let mut patient = Patient::new("scores");
    let scores = scorer.score(data, &mut |done, all| patient.seen(done, all));
    patient.finish();
    scores
}

/// Whether each example is of another class than the usual one.
fn is_unusual(data: &Dataset, name: &str) -> Result<Vec<bool>> {
    let Some(labels) = data.classes_of_examples() else {
        return Err(Error::usage(format!("--normal {name}: `{}` has no classes", data.name)));
    };
    let names = labels.names.iter().map(String::as_str);
    let place = |is: &dyn Fn(&String) -> bool| labels.names.iter().position(is);
    let usual = place(&|other| other == name).or_else(|| place(&|other| other.eq_ignore_ascii_case(name)));
    let usual = usual.ok_or_else(|| unknown("class", name, names).at("--normal"))?;
    let is_unusual: Vec<bool> = labels.ids.iter().map(|id| *id as usize != usual).collect();
    let all = is_unusual.iter().filter(|is_unusual| **is_unusual).count();
    if all == 0 || all == is_unusual.len() {
        let what = if all == 0 { "nothing else" } else { "none of it" };
        return Err(Error::usage(format!("--normal {name}: `{}` has {what} here", data.name)));
    }
    Ok(is_unusual)
}

/// The quantile of the scores of the run's own held-out part, and their number; none without such a part.
fn threshold(trained: &Trained, scorer: &mut Scorer, args: &ScoreArgs) -> Result<Option<(f64, usize)>> {
    let held_out = trained.data_of(None, Split::Test).unwrap_or_else(|error| {
        tell(format_args!("warning: {error}"));
        None
    });
    let Some(data) = held_out else {
        tell("no threshold: the run has no held-out part");
        return Ok(None);
    };
    let scores = Found::of(&data, scored(scorer, &data)?, args.steps).scores;
    Ok(Some((quantile(&scores, args.quantile), scores.len())))
}

/// Scores of examples, or of the rows of a table.
struct Found {
    /// The scores of what has a line.
    scores: Vec<f64>,
    /// The row of each score, where lines are rows of a table.
    rows: Option<Vec<u32>>,
    of_examples: Vec<f64>,
    steps: Vec<f64>,
}

impl Found {
    /// Windows of a table give each row the mean of those that hold it, unless there is a column for each step.
    fn of(data: &Dataset, scores: Scores, by_steps: bool) -> Self {
        let Scores { values, steps } = scores;
        let are_windows = data.shape.len() == 2 && data.rows_of(0).len() == data.shape[0] && !by_steps;
        if !are_windows {
            return Self { scores: values.clone(), rows: None, of_examples: values, steps };
        }
        let (rows, scores) = by_rows(data, &values).into_iter().unzip();
        Self { scores, rows: Some(rows), of_examples: values, steps }
    }

    /// What has the score `i` is called: an example, or a row.
    fn name(&self, data: &Dataset, i: usize) -> String {
        self.rows.as_ref().map_or_else(|| data.name_of(i), |rows| rows[i].to_string())
    }

    /// What cells of the row with the score `i` have that no row of the data has.
    fn why(&self, data: &Dataset, i: usize) -> Option<String> {
        let faults = data.about.faults.get(i).filter(|faults| self.rows.is_none() && !faults.is_empty())?;
        Some(faults.join("; "))
    }

    /// The numbers of the scores, the highest first.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|a, b| self.scores[*b].total_cmp(&self.scores[*a]));
        order
    }

    /// The file: the name of each example, or the row, and its score; whether it is above the threshold, or has cells
    /// like none in the data, and nothing where the threshold means nothing; what these are; its class; the score of
    /// each step.
    fn table(&self, data: &Dataset, threshold: Option<Option<f64>>, by_steps: bool) -> Vec<u8> {
        let width = if by_steps { self.steps.len() / self.scores.len() } else { 0 };
        let has_class = self.rows.is_none() && data.classes_of_examples().is_some();
        let mut header = vec![if self.rows.is_some() { "row" } else { "name" }.to_owned(), "score".into()];
        header.extend(threshold.map(|_| "unusual".to_owned()));
        let has_faults = data.about.faults.iter().any(|faults| !faults.is_empty());
        header.extend(has_faults.then(|| "why".to_owned()));
        header.extend(has_class.then(|| "class".to_owned()));
        header.extend((0..width).map(|step| format!("step{step}")));
        let line = |i: usize| {
            let score = self.scores[i];
            let mut line = vec![self.name(data, i), score.to_string()];
            let why = self.why(data, i);
            let is_unusual = |threshold: Option<f64>| match (threshold, &why) {
                (_, Some(_)) => "1",
                (Some(threshold), None) if score > threshold => "1",
                (Some(_), None) => "0",
                (None, None) => "",
            };
            line.extend(threshold.map(|threshold| is_unusual(threshold).to_owned()));
            line.extend(has_faults.then(|| why.unwrap_or_default()));
            line.extend(has_class.then(|| class(data, i).unwrap_or_default().to_owned()));
            let steps = self.steps.iter().skip(i * width).take(width);
            line.extend(steps.map(|nats| if nats.is_nan() { String::new() } else { nats.to_string() }));
            line
        };
        table(&header, (0..self.scores.len()).map(line))
    }
}

/// A picture of scores: of images the most and the least unusual; of a table the scores along it; of other sequences of
/// numbers the most and the least unusual as curves. None of other data.
fn draw(data: &Dataset, found: &Found, threshold: Option<f64>) -> Result<Option<image::RgbImage>> {
    let ends = || {
        let mut order: Vec<usize> = (0..found.of_examples.len()).collect();
        order.sort_by(|a, b| found.of_examples[*b].total_cmp(&found.of_examples[*a]));
        let least = order.iter().rev().copied().take(SHOWN.min(order.len() / 2)).collect::<Vec<_>>();
        let most = order.into_iter().take(least.len().max(1)).collect::<Vec<_>>();
        [most, least]
    };
    let values = |items: &[usize]| items.iter().flat_map(|i| data.example(*i)).collect::<Vec<f32>>();
    match (&data.shape[..], &data.series) {
        ([_, _, _], _) => {
            let ends = ends();
            let columns = ends[0].len().min(SHOWN / 2);
            let lines = ends[0].len().div_ceil(columns);
            let row = columns * data.example(0).len();
            let filled = |items: &Vec<usize>| {
                let pixels = values(items).into_iter().chain(std::iter::repeat(-1.0));
                pixels.take(lines * row).collect::<Vec<f32>>()
            };
            // A file's name without its ending, and with its folder where two would be alike; names in memory are
            // numbers, which say nothing.
            let path = |i: &usize| data.about.names.get(*i).map_or(Path::new(""), Path::new);
            let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let stems: HashSet<String> = ends.iter().flatten().map(|i| stem(path(i))).collect();
            let are_alike = stems.len() < ends.iter().map(Vec::len).sum();
            let name = |i: Option<&usize>| {
                let path = i.map_or(Path::new(""), path);
                let folder = path.parent().and_then(Path::file_name).filter(|_| are_alike);
                folder.map_or_else(|| stem(path), |folder| format!("{}/{}", folder.to_string_lossy(), stem(path)))
            };
            let below = ends.iter().flat_map(|items| (0..lines * columns).map(|n| name(items.get(n)))).collect();
            let below = if data.about.names.is_empty() { vec![] } else { below };
            let beside = [vec!["most unusual"; lines], vec!["least unusual"; lines]].concat();
            let beside = beside.into_iter().map(String::from).collect();
            let grid = Grid { beside, below, ..Grid::of(columns) };
            grid.draw(&ends.iter().flat_map(filled).collect::<Vec<f32>>(), &data.shape).map(Some)
        }
        (_, Some(Series::Columns(_))) if found.rows.is_some() => along(data, found, threshold).draw().map(Some),
        (&[steps, features], Some(Series::Columns(columns))) => {
            curves(&ends().map(|items| values(&items)), [steps, features], columns).map(Some)
        }
        _ => Ok(None),
    }
}

/// The scores along the rows of a table.
fn along(data: &Dataset, found: &Found, threshold: Option<f64>) -> Figure {
    let rows = found.rows.as_deref().unwrap_or_default();
    let each = found.scores.len().div_ceil(POINTS).max(1);
    // A single score beyond all others would leave no room for these.
    let (middle, high) = (quantile(&found.scores, 0.5), quantile(&found.scores, 0.995));
    let most = high.max(threshold.unwrap_or(high));
    let most = most + BEYOND * (most - middle);
    let highest = |part: (&[u32], &[f64])| {
        let (place, score) = part.1.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("parts are not empty");
        [f64::from(part.0[place]), score.min(most)]
    };
    // Rows without a score, which were held out, have no line.
    let mut lines: Vec<Vec<[f64; 2]>> = vec![];
    let mut scores = &found.scores[..];
    for run in rows.chunk_by(|row, next| row + 1 == *next) {
        let (own, rest) = scores.split_at(run.len());
        lines.push(run.chunks(each).zip(own.chunks(each)).map(highest).collect());
        scores = rest;
    }
    let points = || lines.iter().flatten();
    let ends = points().next().into_iter().chain(points().next_back()).map(|point| point[0]);
    let level = threshold.map(|threshold| Mark {
        shape: Shape::Line(1.4),
        points: ends.clone().map(|row| [row, threshold]).collect(),
        ink: Ink(GENERATED, 0.9),
    });
    let x = Axis { title: "row".into(), ticks: Ticks::Whole, range: None };
    let line = |points| Mark { shape: Shape::Line(1.2), points, ink: Ink(REAL, 0.9) };
    let marks = lines.iter().cloned().map(line).chain(level).collect();
    let panel = Panel { x, marks, ..Panel::default() };
    let is_cut = found.scores.iter().any(|score| *score > most);
    let mut legend = vec![(if is_cut { "score (the highest are cut)" } else { "score" }.to_owned(), REAL)];
    legend.extend(threshold.map(|_| ("threshold".to_owned(), GENERATED)));
    Figure { title: data.name.clone(), panels: vec![panel], columns: 1, plot: PLOT, legend, ..Figure::default() }
}

/// The most unusual sequences over the least unusual ones.
fn curves([most, least]: &[Vec<f32>; 2], shape: [usize; 2], columns: &Columns) -> Result<image::RgbImage> {
    let compared = Compared { generated: most, real: least, way: Way::Pairs("most unusual"), name: "least unusual" };
    report::curves(&compared, shape, Some(columns))?.draw()
}
