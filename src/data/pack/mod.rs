//! Packing: writes data once as an array of items of one size, which can be read one by one and in any order, with its
//! classes and a description beside it.

mod archives;
#[cfg(feature = "parquet")]
mod parquet;
mod part;
mod pictures;
mod table;

use std::path::{Path, PathBuf};

use super::npy::Stored;
use super::packed::{Column, Description, is_packed};
use super::random::Root;
use super::unknown::is_parquet;
use super::{
    Dataset, Items, LeftOut, Options, Series, Split, arrays, check, digest, files, listing, set_name, table as tables,
    unpack,
};
use crate::error::{Error, Result, counted};
use crate::memory::{self, mib};
use crate::settings::{Encode, Scale};
use part::Part;

/// Bytes of an array that are read at a time, and the number of its items by which its range is recognised.
const PIECE: usize = 32 << 20;
const SEEN: usize = 1024;

/// What was packed.
#[derive(Debug)]
pub struct Packing {
    /// The items, and how many bytes the file has.
    pub said: String,
    /// What was left out.
    pub left_out: LeftOut,
    /// Further sentences for the user.
    pub notes: Vec<String>,
}

/// A function that is told how many items of how many are done.
pub type Watch<'a> = &'a mut dyn FnMut(usize, usize);

/// Packs what `spec` names into `out`, a `.npy` file:
/// * images of a folder, of a zip archive or of tar archives (WebDataset's shards, alone or in a folder): bytes
///   `[N, H, W, C]`, squares of the `size` in the options, in random order;
/// * a table: rows `[N, D]` of the columns of numbers, in their order;
/// * with the feature `parquet`, Parquet files: as images, if a column has them, else as a table;
/// * an array in an npy file, of any length, in random order;
/// * anything else that holds images, points or sequences of numbers and fits into memory, in random order.
///
/// A packing of images that was interrupted goes on where it stopped.
///
/// # Errors
/// `Usage` for data that is not packed, such as text, or Parquet without the feature; `Failure` for files that cannot
/// be used or written.
pub fn pack(spec: &str, out: &Path, options: &Options, watch: Watch) -> Result<Packing> {
    check(options)?;
    if unpack::last_ending(out) != "npy" {
        return Err(Error::usage(format!("--out `{}`: a packed file ends in .npy", out.display())));
    }
    let path = Path::new(spec);
    if let Some(source) = pictures::Source::of(path, options)? {
        let before = source.listed();
        let mut packed = pictures::pack(source, path, out, options, watch)?;
        let now = pictures::Source::of(path, options).ok().flatten().map_or(vec![], |source| source.listed());
        packed.notes.extend(pictures::growth(&before, &now, "image", path));
        return Ok(packed);
    }
    let shards = parquet_files(path)?;
    if !shards.is_empty() {
        #[cfg(feature = "parquet")]
        return parquet::pack(shards, path, out, options, watch);
        #[cfg(not(feature = "parquet"))]
        return Err(Error::usage(format!(
            "`{}` is a Parquet file, which a program packs that was built for it: \
             `cargo install --locked --path . --features parquet`",
            shards[0].display()
        )));
    }
    if path.is_file() && tables::ENDINGS.contains(&unpack::ending(path).as_str()) {
        return table::pack(path, &|| unpack::source(path), out, options, watch);
    }
    let plain = Options {
        split: Split::Train,
        holdout: 0.0,
        scale: Some(Scale::None),
        encode: Some(Encode::None),
        stream: Some(false),
        ..options.clone()
    };
    if let Some(stored) = Stored::open(path)?.filter(|stored| stored.is_large && !is_packed(path)) {
        return of_array(&stored, &plain, spec, out, watch);
    }
    let set = super::open(spec, &plain)?;
    let count = set.len();
    in_random_order(&set, count, &mut |_| Ok(None), count, spec, out, watch)
}

/// The Parquet files that a path is or has.
fn parquet_files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = match path.is_dir() {
        true => listing::files(path, &mut LeftOut::default())?,
        false if path.is_file() => vec![path.to_owned()],
        false => vec![],
    };
    files.retain(|file| is_parquet(file));
    Ok(files)
}

/// Packs an array that memory does not hold, piece by piece.
fn of_array(stored: &Stored, options: &Options, spec: &str, out: &Path, watch: Watch) -> Result<Packing> {
    let at_once = memory::most()?.bytes / 8;
    let (count, per) = (stored.outline.shape[0], (PIECE.min(at_once as usize) / stored.item_len()).max(1));
    let Ok(numbered) = u32::try_from(count) else {
        return Err(Error::failure(format!(
            "{} holds {count} items, and {} are packed at most",
            stored.outline.place,
            u32::MAX
        )));
    };
    let some: Vec<u32> = (0..numbered.min(per.min(SEEN) as u32)).collect();
    let options = arrays::settled(stored, &some, options)?;
    let mut set = arrays::piece(stored, &[0], &options)?;
    set.about.source = digest::of_files([&stored.digest()?]);
    in_random_order(&set, count, &mut |items| arrays::piece(stored, items, &options).map(Some), per, spec, out, watch)
}

/// Packs so many examples in random order, as many at a time as `piece` is called with. It reads them, or says that
/// they lie in memory, in `set`.
fn in_random_order(
    set: &Dataset,
    count: usize,
    piece: &mut dyn FnMut(&[u32]) -> Result<Option<Dataset>>,
    per: usize,
    spec: &str,
    out: &Path,
    watch: Watch,
) -> Result<Packing> {
    let columns = match (&set.series, &set.items) {
        (None, Items::Floats(_)) => (0..set.shape[set.shape.len() - 1]).map(|i| (format!("x{i}"), None)).collect(),
        (Some(Series::Columns(columns)), _) => columns.names.iter().cloned().zip(columns.decimals.clone()).collect(),
        (None, Items::Bytes(_)) => vec![],
        _ => {
            return Err(Error::usage(format!(
                "`{spec}` is text, music or rows of typed columns, which are not packed"
            )));
        }
    };
    let order = shuffled(count, &digest::of(&[set.about.source.as_bytes()]));
    let shape = match *set.shape.as_slice() {
        [channels, height, width] => vec![height, width, channels / set.stack],
        ref shape => shape.to_vec(),
    };
    let mut stats = Stats::new(columns.len());
    let mut part = Part::begin(out, "", &shape)?;
    let mut done = 0;
    for items in order.chunks(per) {
        let read = piece(items)?;
        for (n, &i) in items.iter().enumerate() {
            let (of, i) = read.as_ref().map_or((set, i as usize), |read| (read, n));
            push(of, i, &mut stats, &mut part)?;
            done += 1;
            watch(done, count);
        }
    }
    let found = Description {
        shape,
        shuffled: true,
        classes: set.labels.as_ref().map_or(vec![], |labels| labels.names.clone()),
        columns: stats.columns(columns),
        from: set_name(Path::new(spec)),
        source: set.about.source.clone(),
        left_out: set.about.left_out.clone(),
        ..Description::default()
    };
    let said = part.finish(found, out)?;
    Ok(Packing { said, left_out: set.about.left_out.clone(), notes: set.about.notes.clone() })
}

/// Adds an example of a set: pixels with their channels last, or rows of numbers in the data's units.
fn push(set: &Dataset, i: usize, stats: &mut Stats, part: &mut Part) -> Result<()> {
    let class = set.labels.as_ref().map(|labels| labels.ids[i]);
    if let (Items::Bytes(bytes), &[planes, height, width]) = (&set.items, &set.shape[..]) {
        let (plane, channels, len) = (height * width, planes / set.stack, set.item_len());
        let item = &bytes[i * len..][..len];
        let pixels: Vec<u8> = (0..len).map(|n| item[n % channels * plane + n / channels]).collect();
        return part.push(&pixels, class);
    }
    let item = set.item(i);
    let values: Vec<f32> = match &set.series {
        Some(Series::Columns(columns)) => columns.in_units(&item).iter().map(|v| *v as f32).collect(),
        _ => item,
    };
    values.chunks_exact(stats.of.len()).for_each(|row| stats.add(row));
    part.push(bytemuck::cast_slice(&values), class)
}

/// 0..count in an order that depends on the key alone.
fn shuffled(count: usize, key: &[u8]) -> Vec<u32> {
    let seed = key.iter().take(8).fold(0, |seed, &byte| seed << 8 | u64::from(byte));
    let mut stream = Root::new("pack", seed, Split::Train).stream(0);
    stream.order(count)
}

/// Least and greatest value, mean and deviation of columns, row by row (Welford's algorithm).
struct Stats {
    rows: f64,
    of: Vec<[f64; 4]>,
}

impl Stats {
    fn new(width: usize) -> Self {
        Self { rows: 0.0, of: vec![[f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0]; width] }
    }

    fn add(&mut self, row: &[f32]) {
        self.rows += 1.0;
        for ([low, high, mean, squares], &value) in self.of.iter_mut().zip(row) {
            let value = f64::from(value);
            (*low, *high) = (low.min(value), high.max(value));
            let before = value - *mean;
            *mean += before / self.rows;
            *squares += before * (value - *mean);
        }
    }

    fn columns(&self, named: Vec<(String, Option<usize>)>) -> Vec<Column> {
        let of = |((name, decimals), [low, high, mean, squares]): ((String, Option<usize>), &[f64; 4])| {
            let deviation = (squares / self.rows).sqrt();
            Column { name, low: *low, high: *high, mean: *mean, deviation, decimals }
        };
        named.into_iter().zip(&self.of).map(of).collect()
    }
}

/// The sentence on a packed file.
fn said(count: usize, shape: &[usize], out: &Path, bytes: u64) -> String {
    let what = match shape {
        &[height, width, channels] => {
            format!("{} of {width}x{height}, {}", counted(count, "image"), counted(channels, "channel"))
        }
        &[steps, width] => {
            format!("{} of {}, {}", counted(count, "sequence"), counted(steps, "step"), counted(width, "value"))
        }
        shape => format!("{} of {}", counted(count, "row"), counted(shape.iter().product(), "number")),
    };
    format!("{what}, {}: {}", mib(bytes), out.display())
}

/// A file beside `out` that is not complete yet.
fn beside(out: &Path, ending: &str) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!("{}{name}{ending}", files::UNFINISHED))
}
