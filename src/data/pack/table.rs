//! Packing the rows of a table that need not fit into memory. Its first rows say how it is read.

use std::collections::HashSet;
use std::fs;
use std::io::{BufReader, Read};
use std::path::Path;

use csv::StringRecord;
use sha2::{Digest, Sha256};

use super::{Packing, Part, Stats, Watch};
use crate::data::column::Role;
use crate::data::columns::Table;
use crate::data::dialect::{Sheet, reader};
use crate::data::options::Holds;
use crate::data::packed::Description;
use crate::data::{LeftOut, Options, cells, set_name, unpack};
use crate::error::{Error, Result};
use crate::settings::{Encode, Separator};

/// Bytes of a table by which it is decided how it is read.
const FIRST: u64 = 4 << 20;

/// Opens the text of a table from its beginning, and says its length in bytes if that is known.
pub type Opening<'a> = &'a dyn Fn() -> Result<(Box<dyn Read + 'a>, Option<u64>)>;

/// Packs the columns of numbers of a table, row by row.
pub fn pack(path: &Path, open: Opening, out: &Path, options: &Options, watch: Watch) -> Result<Packing> {
    let place = format!("`{}`", path.display());
    options.check(&place, Holds::Rows)?;
    let options = &Options { holdout: 0.0, encode: Some(Encode::None), ..options.clone() };
    let how = How::of(path, open, options)?;
    let mut left_out = LeftOut::default();
    let (mut stats, mut part) = (Stats::new(how.chosen.len()), Part::begin(out, "", &[how.chosen.len()])?);
    let (source, len) = open()?;
    let mut hashed = Hashed { source, hash: Sha256::new() };
    skip(&mut hashed, how.start).map_err(|error| unpack::unreadable(path, error))?;
    let mut csv = reader(BufReader::with_capacity(1 << 20, &mut hashed), how.sheet.separator, csv::Trim::None);
    let (mut record, mut row, mut line) = (StringRecord::new(), vec![0f32; how.chosen.len()], 0usize);
    let (mut series, mut names, mut last) = (vec![], HashSet::new(), None::<String>);
    while csv.read_record(&mut record).map_err(|error| Error::failure(format!("{place} cannot be read: {error}")))? {
        record.trim();
        line += 1;
        if line <= how.titles || record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() != how.width {
            left_out.add(&format!("rows that have not {} cells", how.width), format!("row {line}"));
            continue;
        }
        let value = |i: usize| cells::number(&record[i], how.sheet.decimal).map(|(value, _)| value as f32);
        let gap = how.chosen.iter().zip(&mut row).find_map(|((i, name), to)| match value(*i) {
            Some(value) if value.is_finite() => {
                *to = value;
                None
            }
            _ => Some(name),
        });
        if let Some(name) = gap {
            left_out.add(&format!("rows without a number in `{name}`"), format!("row {line}"));
            continue;
        }
        let group = how.group.map(|i| record[i].to_owned());
        if series.is_empty() || group != last {
            if let Some(name) = &group
                && !names.insert(name.clone())
            {
                return Err(Error::failure(format!(
                    "{place}: the rows of the series `{name}` do not lie together (row {line}): sort the table by it, \
                     or set group=none"
                )));
            }
            last = group;
            series.push(0);
        }
        *series.last_mut().expect("a series was begun") += 1;
        stats.add(&row);
        part.push(bytemuck::cast_slice(&row), None)?;
        if line % 100_000 == 0 {
            // Of a gzipped table the length is not known.
            let read = csv.position().byte() as usize;
            watch(read, len.map_or(read, |len| len as usize));
        }
    }
    drop(csv);
    let source: String = hashed.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let found = Description {
        shape: vec![how.chosen.len()],
        columns: stats.columns(how.chosen.into_iter().map(|(_, name)| (name, None)).collect()),
        series: if series.len() > 1 { series } else { vec![] },
        from: set_name(path),
        source,
        left_out: left_out.clone(),
        ..Description::default()
    };
    Ok(Packing { said: part.finish(found, out)?, left_out, notes: how.notes })
}

/// How a table is read.
struct How {
    sheet: Sheet,
    /// Offset of the first row, rows of names, cells of a row.
    start: u64,
    titles: usize,
    width: usize,
    /// Columns to learn, and that of the names of series.
    chosen: Vec<(usize, String)>,
    group: Option<usize>,
    notes: Vec<String>,
}

impl How {
    fn of(path: &Path, open: Opening, options: &Options) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(|error| Error::failure(format!("no temporary folder: {error}")))?;
        let copy = folder.path().join(unpack::stem(path));
        let (source, _) = open()?;
        let mut bytes = unpack::read_up_to(&mut source.take(FIRST), FIRST, path)?;
        if bytes.len() as u64 == FIRST {
            let end = bytes.iter().rposition(|byte| *byte == b'\n');
            bytes.truncate(end.ok_or_else(|| Error::failure(format!("`{}` has no lines", path.display())))? + 1);
        }
        fs::write(&copy, &bytes).map_err(|error| unpack::unreadable(&copy, error))?;
        let real = |error: Error| {
            let text = error.to_string().replace(&copy.display().to_string(), &path.display().to_string());
            if error.exit_code() == 2 { Error::usage(text) } else { Error::failure(text) }
        };
        let sheet = Sheet::open(&copy, options).map_err(real)?;
        if sheet.separator == Separator::Blank || !sheet.is_utf8() {
            let advice = "is packed if its cells are separated by a character, and its encoding is UTF-8";
            return Err(Error::failure(format!("`{}`: a table {advice}", path.display())));
        }
        let mut table = Table::read(&sheet, options).map_err(real)?;
        // Of points, series would not be found.
        let windowed = Options { window: Some(2), ..options.clone() };
        table.find_numbers(&sheet, &windowed).map_err(real)?;
        let is_number = |i: &usize| matches!(table.all[*i].role, Role::Number | Role::Broken(..));
        let chosen: Vec<usize> = match &options.columns {
            Some(_) => table.named(&path.display().to_string(), options)?,
            None => (0..table.all.len()).filter(is_number).collect(),
        };
        table.tell(&sheet, &chosen, &[]);
        let names = chosen.iter().map(|&i| (i, table.all[i].name.clone())).collect();
        let group = table.group.as_ref().map(|(name, _)| name.clone());
        let group = group.and_then(|name| table.all.iter().position(|column| column.name == name));
        let (start, titles, width) = (sheet.first_row(), usize::from(!table.is_headless()), table.all.len());
        let mut notes = vec![[sheet.findings.clone(), table.findings].concat().join(", ")];
        notes.extend(sheet.notes.iter().cloned().chain(table.notes));
        Ok(Self { sheet, start, titles, width, chosen: names, group, notes })
    }
}

/// A source whose bytes are hashed as they are read.
struct Hashed<'a> {
    source: Box<dyn Read + 'a>,
    hash: Sha256,
}

impl Read for Hashed<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(to)?;
        self.hash.update(&to[..read]);
        Ok(read)
    }
}

fn skip(source: &mut impl Read, bytes: u64) -> std::io::Result<()> {
    std::io::copy(&mut source.take(bytes), &mut std::io::sink()).map(drop)
}
