//! Tables of text, gzipped or not: rows are points, or with a window the steps of series.

use std::path::{Path, PathBuf};

use super::columns::Table;
use super::dialect::{Sheet, shown};
use super::frame::Frame;
use super::options::Holds;
use super::windows::Cut;
use super::{
    About, Columns, Dataset, Options, Series, Split, Style, check_memory, holdout, records, scaling, set_name, unpack,
};
use crate::error::{Error, Result, counted};
use crate::files;
use crate::settings::Scale;

/// File name endings of tables.
pub(super) const ENDINGS: [&str; 5] = ["csv", "tsv", "tab", "psv", "dat"];

/// The tables named train and test in a folder, if it has one of each.
pub(super) fn parts(folder: &Path) -> Option<[PathBuf; 2]> {
    let names = if folder.is_dir() { files::names(folder).ok()? } else { return None };
    let one = |part: &str| {
        let is_one = |name: &&String| {
            let is_named = name.split('.').next().is_some_and(|stem| stem.eq_ignore_ascii_case(part));
            is_named && ENDINGS.contains(&unpack::ending(Path::new(name)).as_str())
        };
        let mut found = names.iter().filter(is_one);
        found.next().filter(|_| found.next().is_none()).map(|name| folder.join(name))
    };
    Some([one("train")?, one("test")?])
}

/// The rows of `path` as points, or as windows if the options give a window; `None` for a test part without held-out
/// rows.
pub(super) fn read(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let file = format!("`{}`", path.display());
    if options.window.is_none() && options.stride.is_some() {
        return Err(Error::usage(format!("{file}: a stride is the distance between windows, so say their window too")));
    }
    options.check(&file, if options.window.is_some() { Holds::Windows } else { Holds::Rows })?;
    let sheet = Sheet::open(path, options)?;
    let mut table = Table::read(&sheet, options)?;
    table.keep_together(&sheet, options)?;
    if let Some(Series::Table(known)) = options.known_series() {
        return records::read_known(&sheet, &table, known, options);
    }
    if records::is_wanted(&table, &sheet, options)? {
        return records::read(path, &sheet, &table, options);
    }
    table.find_numbers(&sheet, options)?;
    let chosen = table.chosen(&sheet, options)?;
    let known = match options.known_series() {
        Some(Series::Columns(columns)) => Some(columns),
        _ => None,
    };
    let mut cut = options.window.map(|window| Cut { window, stride: options.stride.unwrap_or(1), spare: 1 });
    let [train, test] = match &cut {
        Some(cut) if sheet.test.is_none() => holdout::of_series(table.runs(), cut, options),
        _ => {
            let held = table.held(options);
            let series = if cut.is_some() { table.runs() } else { vec![table.series().concat()] };
            let of = |is_test: bool| {
                let part = series.iter().map(|rows| rows.iter().copied().filter(|row| held[*row] == is_test).collect());
                part.filter(|rows: &Vec<usize>| !rows.is_empty()).collect::<Vec<_>>()
            };
            [of(false), of(true)]
        }
    };
    if options.split == Split::Test && test.is_empty() {
        return Ok(None);
    }
    let whole = if cut.is_some() && sheet.test.is_none() { table.only_in(&test, &train) } else { 0 };
    if whole > 0 {
        table.notes.push(format!(
            "`{}`: {} held out, as the ends of series are shorter than a window; a larger holdout= or a smaller window \
             holds out ends of all",
            sheet.name,
            if whole == 1 { "1 whole series is".into() } else { format!("{whole} whole series are") }
        ));
    }
    let scale = options.scale_of(options.window.is_some());
    let of = |i: &usize| scaling::ends(1, train.iter().flatten().map(|row| table.all[*i].values[*row]), scale)[0];
    let ends: Vec<_> = chosen.iter().map(of).collect();
    let named = chosen.iter().map(|i| (table.all[*i].name.clone(), table.all[*i].decimals));
    let (kept, columns) = match known {
        Some(columns) => ((0..chosen.len()).collect(), columns.clone()),
        None => {
            let (kept, columns) = scaling::kept(named, &ends);
            let styles: Vec<Style> = kept.iter().map(|n| Style::of(&table.all[chosen[*n]])).collect();
            let styles = if styles.iter().all(Style::is_plain) { vec![] } else { styles };
            (kept, Columns { marks: Some((sheet.separator, sheet.decimal)), styles, ..columns })
        }
    };
    let kept: Vec<usize> = kept.into_iter().map(|n| chosen[n]).collect();
    let columns = match known {
        None if cut.is_some() => {
            let columns = Columns { statics: table.statics(&kept), ..columns };
            Columns {
                frame: Frame::of(&table, &sheet, cut.as_ref().map_or(1, |cut| cut.stride), &columns.titles()),
                ..columns
            }
        }
        _ => columns,
    };
    let constant: Vec<usize> = chosen.iter().copied().filter(|i| !kept.contains(i)).collect();
    if kept.is_empty() {
        let left = table.left_out(&chosen, &constant);
        return Err(Error::failure(format!(
            "{file} has nothing to learn: left out {left}; columns= takes columns by name"
        )));
    }
    let rows = if options.split == Split::Train { &train } else { &test };
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    if let Some(cut) = &mut cut {
        cut.spare = usize::from(options.split == Split::Train && known.is_none());
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
    table.notes.extend(Table::said_of(&columns.statics, &sheet.name));
    if scale == Scale::Range && options.split == Split::Train && known.is_none() {
        let learned = train.concat();
        let far = kept.iter().filter_map(|i| Some((*i, scaling::outliers(&table.all[*i].values, &learned)?)));
        let said = far.map(|(i, (rows, share))| {
            let (column, sheet) = (&table.all[i], &sheet);
            format!(
                "`{}`: {} of {} far from all others ({} in line {}): nine of ten lie in {:.0} % of the range that \
                 the model sees; mend it, or take its row out",
                sheet.name,
                counted(rows.len(), "value"),
                shown(&column.name),
                column.values[rows[0]],
                table.line(sheet, rows[0]),
                100.0 * share
            )
        });
        let said: Vec<String> = said.collect();
        table.notes.extend(said);
    }
    if options.split == Split::Train && known.is_none() && cut.is_none() {
        let columns: Vec<_> = kept.iter().map(|i| (&*table.all[*i].name, &*table.all[*i].values)).collect();
        let computed = records::computed(&columns, &rows.concat());
        table.notes.extend(computed.map(|computed| format!("`{}`: {computed}", sheet.name)));
    }
    let short = cut.as_ref().map_or(0, |cut| lengths.iter().filter(|length| cut.count(**length) == 0).count());
    if short > 0 {
        table.notes.push(format!(
            "`{}`: left out {short} of {}, shorter than a window",
            sheet.name,
            counted(rows.len(), "series")
        ));
    }
    let rows_of_items = match (&options.known, &cut) {
        (None, _) => vec![],
        (Some(_), None) => rows.concat(),
        (Some(_), Some(cut)) => rows.iter().flat_map(|rows| cut.of_rows(rows)).collect(),
    };
    let set = Dataset::of_floats(set_name(path), shape, values, Some(Series::Columns(columns)));
    let held = test.iter().map(Vec::len).sum();
    let part = table.said(held, options);
    let findings = [sheet.findings, table.findings].concat();
    let notes = [sheet.notes, table.notes].concat();
    let of_items = rows_of_items.into_iter().map(|row| row as u32).collect();
    let about = About { part, findings, notes, source: sheet.source, rows: of_items, ..About::default() };
    Ok(Some(Dataset { about, ..set }))
}

/// Refuses series that are all shorter than a window.
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
