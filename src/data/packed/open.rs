//! Opening a packed file: the comparison of its header with its description, and the part that is asked for.

use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use super::description::{Column, Description, described, description, labels};
use super::{Content, Packed, Run};
use crate::data::options::Holds;
use crate::data::windows::Cut;
use crate::data::{About, Columns, Dataset, Items, Labels, Options, Series, Split};
use crate::data::{holdout, npy, product, set_name, unpack};
use crate::error::{Error, Result, counted};
use crate::settings::{Layout, Range, Scale};
use crate::{files, memory};

/// The items of a packed file; `None` for a test part that does not exist. They stay in the file if the options say so,
/// or if they take more memory than data may.
///
/// * images, in any order;
/// * rows as points or, with a window, sequences of rows that follow each other;
/// * sequences.
///
/// The last items are held out: the order is random, or that of time.
pub(in crate::data) fn open(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let Some(found) = described(path)? else { return Ok(None) };
    let place = format!("`{}`", path.display());
    if options.split == Split::Test && options.holdout <= 0.0 {
        return Ok(None);
    }
    let file = files::open(path).map_err(|error| unpack::unreadable(path, error))?;
    let (start, size) = start(path, &place, &file, &found)?;
    let is_windowed = found.shape.len() == 1 && options.window.is_some();
    let (content, holds) = match found.shape.as_slice() {
        &[_, _, channels] => (Content::Pixels { channels }, Holds::Images),
        _ => {
            let is_series = found.shape.len() == 2 || is_windowed;
            let holds = [Holds::Points, Holds::Sequences][usize::from(is_series)];
            (Content::Numbers(columns(&found.columns, options.scale_of(is_series))), holds)
        }
    };
    check(&place, &found, options, holds)?;
    let (window, stride) = match options.window.filter(|_| is_windowed) {
        Some(window) => (window, options.stride.unwrap_or(1)),
        None => (1, 1),
    };
    let of = Part::of(&found, window, stride, options);
    let Some(Part { runs, count, said }) = of? else { return Ok(None) };
    let metadata = file.metadata().map_err(|error| unpack::unreadable(path, error))?;
    let packed = Packed {
        path: path.to_owned(),
        stamp: (metadata.len(), metadata.modified().ok()),
        file,
        start,
        unit: product_of(&found.shape),
        span: window,
        content,
        is_shuffled: found.shuffled,
        runs,
        stride,
        count,
        broken: OnceLock::new(),
    };
    let shape = match (&found.shape[..], is_windowed) {
        (&[height, width, channels], _) => vec![channels * options.stack, height, width],
        (shape, true) => vec![window, shape[0]],
        (shape, false) => shape.to_vec(),
    };
    let ids = labels_of(path, &found)?;
    let labels = ids.map(|ids| {
        let first = packed.runs[0].unit;
        Labels { ids: ids[first..first + count].to_vec(), names: found.classes.clone() }
    });
    let series = match &packed.content {
        Content::Numbers(columns) => Some(Series::Columns(columns.clone())),
        Content::Pixels { .. } => None,
    };
    let order = if found.shuffled { "in random order" } else { "in their order" };
    let findings = vec![format!("packed from `{}`, {order}, {} bytes each", found.from, size)];
    let about = About {
        part: said.clone(),
        findings,
        left_out: found.left_out,
        source: found.source,
        content: Some(format!("{}: {said}", found.items)),
        ..About::default()
    };
    let is_large =
        packed.bytes() > memory::most()?.bytes || memory::resident()?.is_some_and(|most| packed.bytes() > most);
    let stays = options.stream.unwrap_or(is_large);
    let set = Dataset {
        name: set_name(path),
        shape,
        items: Items::File(packed.into()),
        labels,
        stack: options.stack,
        mirror: options.mirror && options.split == Split::Train && found.shape.len() == 3,
        series,
        pieces: vec![],
        about,
    };
    if stays { Ok(Some(set)) } else { set.resident().map(Some) }
}

fn product_of(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Refuses options that would change what was packed.
fn check(place: &str, found: &Description, options: &Options, holds: Holds) -> Result<()> {
    let plain = Options { window: None, stride: None, ..options.clone() };
    let is_rows = found.shape.len() == 1;
    if let Some(layout) = options.layout.filter(|layout| is_rows && *layout != Layout::Images) {
        let is_fit = (layout == Layout::Sequences) == options.window.is_some();
        if !is_fit {
            return Err(Error::usage(format!("{place} holds rows: window= makes sequences of them")));
        }
    }
    Options::check(if is_rows { &plain } else { options }, &place, holds)?;
    let &[height, width, channels] = found.shape.as_slice() else { return Ok(()) };
    let is_other = options.size.is_some_and(|size| (size.height, size.width) != (height, width))
        || options.channels.is_some_and(|wanted| wanted != channels * options.stack)
        || options.range.is_some_and(|range| range != Range::Byte);
    if is_other || options.stack > 1 && channels > 1 {
        return Err(Error::usage(format!(
            "{place} was packed as images of {width}x{height} with {}, values 0..255: leave out size, channels, stack \
             and range, or pack it again with others",
            counted(channels, "channel")
        )));
    }
    Ok(())
}

/// The bytes before the first item, and those of one, after the header was compared with the description.
fn start(path: &Path, place: &str, file: &File, found: &Description) -> Result<(u64, usize)> {
    let (mut file, len) = (file, file.metadata().map_err(|error| unpack::unreadable(path, error))?.len());
    let (head, header) = npy::header(path, place, &mut file)?.map_err(Error::failure)?;
    let is_image = found.shape.len() == 3;
    let (kind, bytes) = if is_image { ("|u1", 1) } else { ("<f4", 4) };
    let shape: Vec<usize> = header.shape().iter().map(|&extent| extent as usize).collect();
    let wanted = [&[found.count], &found.shape[..]].concat();
    let beside = description(path);
    let is_kind = header.dtype().descr() == format!("'{kind}'");
    let is_possible = (1..=3).contains(&found.shape.len()) && !wanted.contains(&0);
    if !is_possible || shape != wanted || !is_kind || header.order() != npyz::Order::C {
        return Err(Error::failure(format!(
            "{place} is {} values of type {}, and `{}` says {} of '{kind}': pack the data again",
            product(&shape),
            header.dtype().descr(),
            beside.display(),
            product(&wanted)
        )));
    }
    let size = bytes * product_of(&found.shape);
    let end = head.len() as u64 + (found.count * size) as u64;
    if len != end {
        let way = if len < end { "is cut short" } else { "goes on after its items" };
        return Err(Error::failure(format!("{place} {way}: it has {len} bytes, and should have {end}")));
    }
    Ok((head.len() as u64, size))
}

/// How columns are scaled for models.
fn columns(found: &[Column], scale: Scale) -> Columns {
    let ends = |column: &Column| match scale {
        Scale::None => (0.0, 1.0),
        // What is the same in every row stays for its place, and is 0.
        _ if column.low == column.high => (column.low, column.low + 1.0),
        Scale::Range => (column.low, column.high),
        Scale::Standard => (column.mean, column.mean + column.deviation),
    };
    Columns {
        names: found.iter().map(|column| column.name.clone()).collect(),
        zero: found.iter().map(|column| ends(column).0).collect(),
        one: found.iter().map(|column| ends(column).1).collect(),
        decimals: found.iter().map(|column| column.decimals).collect(),
        ..Columns::default()
    }
}

/// The class of each item, if they have classes.
fn labels_of(path: &Path, found: &Description) -> Result<Option<Vec<u32>>> {
    if found.classes.is_empty() {
        return Ok(None);
    }
    let beside = labels(path);
    let array = npy::read(&beside)?;
    let ids: Vec<u32> = array.values().map(|id| id as i32 as u32).collect(); // -1 is `Labels::NONE`
    let is_fit = ids.len() == found.count && array.values().all(|id| (-1.0..found.classes.len() as f64).contains(&id));
    if !is_fit {
        return Err(Error::failure(format!(
            "`{}` does not hold the classes of {} items, 0 to {}",
            beside.display(),
            found.count,
            found.classes.len() - 1
        )));
    }
    Ok(Some(ids))
}

/// The items of a part of a packed file.
struct Part {
    runs: Vec<Run>,
    count: usize,
    said: String,
}

impl Part {
    /// The part that the options ask for; `None` for a test part without items.
    fn of(found: &Description, window: usize, stride: usize, options: &Options) -> Result<Option<Self>> {
        let is_test = options.split == Split::Test;
        let series = if window > 1 && !found.series.is_empty() { found.series.clone() } else { vec![found.count] };
        let cut = Cut { window, stride, spare: usize::from(window > 1 && !is_test) };
        let held = holdout::ends(&series, &cut, options);
        let (mut runs, mut count, mut first) = (vec![], 0, 0);
        for (rows, held) in series.iter().zip(&held) {
            let (unit, rows_of) = if is_test { (first + rows - held, *held) } else { (first, rows - held) };
            let items = cut.count(rows_of);
            if items > 0 {
                runs.push(Run { item: count, unit });
                count += items;
            }
            first += rows;
        }
        let held: usize = held.iter().sum();
        match count {
            0 if is_test => Ok(None),
            0 => {
                Err(Error::failure(format!("no series is as long as a window of {window} rows: set a smaller window")))
            }
            count => {
                let unit = if window > 1 { "rows" } else { "examples" };
                Ok(Some(Self { runs, count, said: holdout::said(found.count, held, unit, options) }))
            }
        }
    }
}
