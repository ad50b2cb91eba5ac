//! Tables of text, gzipped or not: rows are points, or with a window the steps of series.

use std::path::Path;

use super::columns::Table;
use super::dialect::{Sheet, shown};
use super::holdout::drawn;
use super::windows::{self, Cut};
use super::{About, Columns, Dataset, Options, Series, Split, check_memory, set_name};
use crate::error::{Error, Result, counted};
use crate::settings::{Layout, Scale};

/// How the names of tables end.
pub(super) const ENDINGS: [&str; 5] = ["csv", "tsv", "tab", "psv", "dat"];

/// The rows of `path` as points, or as windows where the options say how long; nothing, where none are held out to test
/// with.
pub(super) fn read(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let file = format!("`{}`", path.display());
    options.refuse_image_options(&file, if options.window.is_some() { "sequences" } else { "points" })?;
    options.check_layout(&file, if options.window.is_some() { Layout::Sequences } else { Layout::Points })?;
    if options.window.is_none() && options.stride.is_some() {
        return Err(Error::usage(format!("{file}: a stride is the distance between windows, so say their window too")));
    }
    if options.window.is_some() && options.scale == Some(Scale::Standard) {
        return Err(Error::usage("scale=standard is for points: sequences are learned between 0 and 1, scale=range"));
    }
    let sheet = Sheet::open(path, options)?;
    let mut table = Table::read(&sheet, options)?;
    let chosen = table.chosen(&sheet, options)?;
    let parts = Parts::of(table.series(), options);
    if options.split == Split::Test && parts.test.is_empty() {
        return Ok(None);
    }
    let (kept, columns) = scales(&table, &chosen, &parts.train, options);
    let constant: Vec<usize> = chosen.iter().copied().filter(|i| !kept.contains(i)).collect();
    if kept.is_empty() {
        let left = table.left_out(&chosen, &constant);
        return Err(Error::failure(format!(
            "{file} has nothing to learn: left out {left}; columns= takes columns by name"
        )));
    }
    let rows = if options.split == Split::Train { &parts.train } else { &parts.test };
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    let cut = options.window.map(|window| {
        let spare = usize::from(options.split == Split::Train);
        Cut { window, stride: options.stride.unwrap_or(1), spare }
    });
    if let Some(cut) = &cut {
        refuse_short(&file, &table, cut, &lengths)?;
        check_memory(path, "window", cut.total(&lengths), 4 * cut.window * kept.len(), "a larger stride")?;
    }
    let in_units = |row: &usize| kept.iter().map(|i| table.all[*i].values[*row]).collect::<Vec<_>>();
    let values: Vec<f32> = rows.iter().flatten().flat_map(|row| columns.seen(in_units(row).into_iter())).collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Error::failure(format!(
            "{file} holds numbers too far apart for single precision: leave out the largest"
        )));
    }
    let (shape, values) = match &cut {
        Some(cut) => (vec![cut.window, kept.len()], cut.windows(&values, kept.len(), &lengths)),
        None => (vec![kept.len()], values),
    };
    table.tell(&sheet, &chosen, &constant);
    let short = cut.as_ref().map_or(0, |cut| lengths.iter().filter(|length| cut.count(**length) == 0).count());
    if short > 0 {
        table.notes.push(format!(
            "`{}`: left out {short} of {}, shorter than a window",
            sheet.name,
            counted(rows.len(), "series")
        ));
    }
    let set = Dataset::of_floats(set_name(path), shape, values, Some(Series::Columns(columns)));
    let findings = [sheet.findings, table.findings].concat();
    let notes = [sheet.notes, table.notes].concat();
    let about = About { part: parts.told(options), findings, notes, source: sheet.source, ..About::default() };
    Ok(Some(Dataset { about, ..set }))
}

/// Refuses series none of which is as long as a window.
fn refuse_short(file: &str, table: &Table, cut: &Cut, lengths: &[usize]) -> Result<()> {
    if cut.total(lengths) > 0 {
        return Ok(());
    }
    let longest = counted(lengths.iter().copied().max().unwrap_or(0), "row");
    let (whose, way) = match &table.group {
        Some((name, _)) => {
            (format!("in the longest of its series by {}", shown(name)), "set a smaller window, or group=none")
        }
        None => (String::new(), "set a smaller window"),
    };
    let rows = [format!("{file} has {longest}"), whose].join(" ");
    Err(Error::failure(format!("{}, and a window has {}: {way}", rows.trim_end(), cut.window)))
}

/// The columns that differ from row to row of `train`, and what a model sees as 0 and as 1.
fn scales(table: &Table, chosen: &[usize], train: &[Vec<usize>], options: &Options) -> (Vec<usize>, Columns) {
    let scale = match (options.scale, options.window) {
        (Some(Scale::Range), _) | (_, Some(_)) => Scale::Range,
        (scale, None) => scale.unwrap_or(Scale::Standard),
    };
    let mut kept = vec![];
    let mut columns = Columns { names: vec![], zero: vec![], one: vec![], decimals: vec![] };
    for &i in chosen {
        let column = &table.all[i];
        let values = train.iter().flatten().map(|row| column.values[*row]);
        if let Some([zero, one]) = windows::ends(values, scale) {
            kept.push(i);
            columns.names.push(column.name.clone());
            columns.zero.push(zero);
            columns.one.push(one);
            columns.decimals.push(column.decimals);
        }
    }
    (kept, columns)
}

/// The rows to learn from and those to measure by, each in pieces that no window leaves.
struct Parts {
    train: Vec<Vec<usize>>,
    test: Vec<Vec<usize>>,
}

impl Parts {
    /// Holds out the last rows of each series, and where these are too few whole series; of points, rows anywhere.
    fn of(mut series: Vec<Vec<usize>>, options: &Options) -> Self {
        let share = |count: usize| (count as f64 * f64::from(options.holdout) + 1e-6) as usize;
        let mut test = vec![];
        let Some(window) = options.window else {
            let all: Vec<usize> = series.into_iter().flatten().collect();
            let held = drawn(all.len(), share(all.len()), options.seed);
            let (test, train): (Vec<usize>, Vec<usize>) = all.into_iter().partition(|row| held[*row]);
            let test = if test.is_empty() { vec![] } else { vec![test] };
            return Self { train: vec![train], test };
        };
        for rows in &mut series {
            let held = share(rows.len());
            if held >= window && rows.len() - held > window {
                test.push(rows.split_off(rows.len() - held));
            }
        }
        if test.is_empty() {
            let held = drawn(series.len(), share(series.len()), options.seed);
            let mut held = held.into_iter();
            (test, series) = series.into_iter().partition(|rows| held.next() == Some(true) && rows.len() >= window);
        }
        Self { train: series, test }
    }

    /// What is said about the parts.
    fn told(&self, options: &Options) -> String {
        let [train, test] = [&self.train, &self.test].map(|part| part.iter().map(Vec::len).sum::<usize>());
        match (options.holdout > 0.0, test, options.split) {
            (false, _, _) => String::new(),
            (true, 0, _) => "all rows, as these are too few to hold some out".into(),
            (true, _, Split::Train) => format!("{train} of {}, {test} held out", counted(train + test, "row")),
            (true, _, Split::Test) => format!("{test} of {}, held out", counted(train + test, "row")),
        }
    }
}
