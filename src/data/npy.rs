//! NumPy's arrays, in npy and npz files: images, sequences or points by their rank and type.

use std::io::{self, BufReader, Read};
use std::path::Path;

use npyz::{DType, Deserialize, NpyFile, NpyHeader, Order, TypeChar, TypeStr};
use num_traits::AsPrimitive;
use zip::ZipArchive;

use super::images::Images;
use super::unpack::{ending, read_up_to, source, unreadable};
use super::{Columns, Dataset, Labels, Options, Series, Split, product, resized, set_name, windows};
use crate::error::{Error, Result};
use crate::{files, memory};

/// The greatest label: every whole number up to it is an f32.
const MAX_LABEL: f32 = 16_777_215.0;

/// An array, and what to call it in errors: the file, and the member if it lies in an npz file.
struct Array {
    place: String,
    shape: Vec<usize>,
    values: Values,
}

enum Values {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

/// The examples in `path`:
/// * `[N, D]`: points, as they are;
/// * `[N, T, F]` of anything but u8: sequences, each feature scaled by its range in the whole array;
/// * `[N, H, W]` of u8, `[N, H, W, C]` with 1 or 3 channels: images. Floats are rounded to 256 levels; they lie in
///   0 to 1, or else in -1 to 1.
///
/// Labels are whole numbers in the member `y`, `labels`, or `y_train` and `y_test` of an npz file.
pub(super) fn read(path: &Path, options: &Options) -> Result<Dataset> {
    let (array, labels) = load(path, options)?;
    let Array { place, shape, values } = array;
    let labels = labels.map(|labels| classes(labels, shape[0])).transpose()?;
    let name = set_name(&path.to_string_lossy());
    let channels = shape.get(3).copied().unwrap_or(1);
    match (values, shape.as_slice()) {
        (values, &[_, height, width] | &[_, height, width, 1 | 3])
            if shape.len() == 4 || matches!(values, Values::Bytes(_)) =>
        {
            options.refuse_windows(&place, "images")?;
            let pixels = planar(&levels(&place, &shape, values)?, height * width, channels);
            let images = resized(path, Images { pixels, channels, height, width }, options)?;
            Dataset::of_images(name, images, labels, options)
        }
        (Values::Floats(values), &[_, steps, features]) => {
            options.refuse_image_options(&place, "sequences")?;
            options.refuse_windows(&place, "sequences of one length")?;
            let values: Vec<f64> = finite(&place, &shape, values)?.into_iter().map(f64::from).collect();
            let names = (0..features).map(|feature| format!("x{feature}")).collect();
            let columns: Columns = windows::ranges(&place, names, &values)?;
            let values = windows::scale(&values, &columns);
            let series = Some(Series::Columns(columns));
            Ok(Dataset { labels, ..Dataset::of_floats(name, vec![steps, features], values, series) })
        }
        (values, &[_, size]) => {
            options.refuse_image_options(&place, "points")?;
            options.refuse_windows(&place, "points")?;
            let values = match values {
                Values::Bytes(bytes) => bytes.into_iter().map(f32::from).collect(),
                Values::Floats(values) => finite(&place, &shape, values)?,
            };
            Ok(Dataset { labels, ..Dataset::of_floats(name, vec![size], values, None) })
        }
        _ => Err(Error::failure(format!(
            "{place} has the shape {}: points are [N, D], sequences [N, T, F], images [N, H, W, C] with 1 or 3 channels, \
             or [N, H, W] of uint8",
            product(&shape)
        ))),
    }
}

/// The array of examples and, in an npz file, that of labels.
fn load(path: &Path, options: &Options) -> Result<(Array, Option<Array>)> {
    let place = format!("`{}`", path.display());
    if ending(path) == "npy" {
        options.refuse_test(&place)?;
        return Ok((array(path, place, &mut *source(path)?.0)?, None));
    }
    let file = files::open(path).map_err(|error| unreadable(path, error))?;
    let broken = |error| Error::failure(format!("{place} is no npz file that can be read: {error}"));
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let names: Vec<String> = zip.file_names().filter_map(|name| name.strip_suffix(".npy")).map(str::to_owned).collect();
    let among = |wanted: &[&'static str]| wanted.iter().copied().find(|wanted| names.iter().any(|name| name == wanted));
    let (examples, labels) = match options.split {
        Split::Train => (among(&["x_train", "x", "X", "data"]), among(&["y_train", "y", "labels"])),
        Split::Test => (among(&["x_test"]), among(&["y_test"])),
    };
    let others: Vec<&str> = names.iter().map(String::as_str).filter(|name| Some(*name) != labels).collect();
    let examples = match (examples, others.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) if options.split == Split::Train => only,
        (None, _) if options.split == Split::Test => {
            return Err(Error::failure(format!("{place} has no part to test with: it would be its member `x_test`")));
        }
        (None, several) => {
            return Err(Error::failure(format!(
                "{place} must say which of its members holds the examples by the name `x` (members: {})",
                if several.is_empty() { "none".to_owned() } else { several.join(", ") }
            )));
        }
    };
    let mut member = |name: &str| {
        let mut file = zip.by_name(&format!("{name}.npy")).map_err(broken)?;
        array(path, format!("member `{name}` of {place}"), &mut file)
    };
    Ok((member(examples)?, labels.map(&mut member).transpose()?))
}

/// Reads one array. Memory grows with the bytes really there, never with the header's claim.
fn array(path: &Path, place: String, source: &mut dyn Read) -> Result<Array> {
    let header = header(path, &place, source)?;
    let shape: Vec<usize> = header.shape().iter().map(|&extent| extent as usize).collect();
    let DType::Plain(kind) = header.dtype() else {
        return Err(Error::failure(format!("{place} holds records, not numbers")));
    };
    if header.order() == Order::Fortran && shape.len() > 1 {
        return Err(Error::failure(format!("{place} is in Fortran order: save numpy.ascontiguousarray of it")));
    }
    if shape.is_empty() || shape.contains(&0) {
        return Err(Error::failure(format!("{place} holds no examples: its shape is [{}]", product(&shape))));
    }
    let Some((decode, size)) = decoder(&kind).zip(kind.num_bytes()) else {
        return Err(Error::failure(format!(
            "{place} holds values of type {kind}: save it as uint8, float32 or another whole or real number"
        )));
    };
    let declared = shape.iter().fold(size as u128, |bytes, &extent| bytes.saturating_mul(extent as u128));
    // Its bytes and what they are decoded to, mostly f32, lie in memory together.
    let (most, decoded) = (memory::most()?, declared / size as u128 * size_of::<f32>() as u128);
    if declared.max(decoded) > most.bytes.into() {
        return Err(Error::failure(format!(
            "{place} says that it holds {} values of {size} bytes, more than {most}",
            product(&shape),
        )));
    }
    memory::ensure((declared + decoded) as u64)?;
    let bytes = read_up_to(source, declared as u64 + 1, path)?;
    if bytes.len() as u128 != declared {
        return Err(Error::failure(format!(
            "{place} says that it holds {} values, {declared} bytes, but {} follow its header",
            product(&shape),
            if bytes.len() as u128 > declared { "more".to_owned() } else { bytes.len().to_string() }
        )));
    }
    let values = decode(NpyFile::with_header(header, bytes.as_slice()));
    let values = values.map_err(|error| Error::failure(format!("{place} cannot be read: {error}")))?;
    Ok(Array { place, shape, values })
}

/// The header of an array, if it can be one: `npyz` believes its length, recurses on brackets and multiplies extents
/// unchecked, which a plain array's few brackets and digits bound.
fn header(path: &Path, place: &str, source: &mut dyn Read) -> Result<NpyHeader> {
    const MAX_BRACKETS: usize = 4;
    const MAX_DIGITS: usize = 19;
    let refused = |reason: &str| Error::failure(format!("{place} is no npy array: {reason}"));
    let mut bytes = read_up_to(source, 10, path)?;
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(refused(if bytes.is_empty() { "it is empty" } else { "it does not start with \\x93NUMPY" }));
    }
    let [.., 1, _, low, high] = bytes.as_slice() else {
        return Err(refused("its header is cut short or of a later version than 1"));
    };
    let len = u16::from_le_bytes([*low, *high]);
    bytes.extend(read_up_to(source, len.into(), path)?);
    let counted = |wanted: fn(&u8) -> bool| bytes[10..].iter().filter(|byte| wanted(byte)).count();
    if counted(|byte| b"([{".contains(byte)) > MAX_BRACKETS || counted(u8::is_ascii_digit) > MAX_DIGITS {
        return Err(refused("its header describes no plain array that memory could hold"));
    }
    NpyHeader::from_reader(bytes.as_slice()).map_err(|error| refused(&error.to_string().replace('\n', " ")))
}

type Decoder = fn(NpyFile<&[u8]>) -> io::Result<Values>;

/// What reads values of a type; none for those that are no plain numbers.
fn decoder(kind: &TypeStr) -> Option<Decoder> {
    Some(match (kind.type_char(), kind.size_field()) {
        (TypeChar::Uint, 1) => |file| file.into_vec().map(Values::Bytes),
        (TypeChar::Uint, 2) => floats::<u16>,
        (TypeChar::Uint, 4) => floats::<u32>,
        (TypeChar::Uint, 8) => floats::<u64>,
        (TypeChar::Int, 1) => floats::<i8>,
        (TypeChar::Int, 2) => floats::<i16>,
        (TypeChar::Int, 4) => floats::<i32>,
        (TypeChar::Int, 8) => floats::<i64>,
        (TypeChar::Float, 4) => floats::<f32>,
        (TypeChar::Float, 8) => floats::<f64>,
        _ => return None,
    })
}

fn floats<T: Deserialize + AsPrimitive<f32>>(file: NpyFile<&[u8]>) -> io::Result<Values> {
    let values = file.data::<T>().map_err(|error| io::Error::other(error.to_string()))?;
    values.map(|value| value.map(T::as_)).collect::<io::Result<_>>().map(Values::Floats)
}

/// The values, if all of them are finite.
fn finite(place: &str, shape: &[usize], values: Vec<f32>) -> Result<Vec<f32>> {
    let Some(at) = values.iter().position(|value| !value.is_finite()) else {
        return Ok(values);
    };
    let value = values[at];
    let step = |axis: usize| shape[axis + 1..].iter().product::<usize>();
    let index: Vec<String> = (0..shape.len()).map(|axis| (at / step(axis) % shape[axis]).to_string()).collect();
    Err(Error::failure(format!("{place}: {value} at [{}] is not a finite number", index.join(", "))))
}

/// Pixels as bytes; floats by the range that they lie in.
fn levels(place: &str, shape: &[usize], values: Values) -> Result<Vec<u8>> {
    let values = match values {
        Values::Bytes(bytes) => return Ok(bytes),
        Values::Floats(values) => finite(place, shape, values)?,
    };
    let (low, high) = values.iter().fold((0f32, 0f32), |(low, high), &value| (low.min(value), high.max(value)));
    let (offset, scale) = match (low, high) {
        (0.0, 0.0..=1.0) => (0.0, 255.0),
        (-1.0..=0.0, 0.0..=1.0) => (1.0, 127.5),
        _ => {
            return Err(Error::failure(format!(
                "{place} has pixels from {low} to {high}: floats lie in 0 to 1 or -1 to 1, and uint8 takes 0 to 255"
            )));
        }
    };
    Ok(values.into_iter().map(|value| ((value + offset) * scale).round() as u8).collect())
}

/// `[N, plane, C]` as `[N, C, plane]`.
fn planar(pixels: &[u8], plane: usize, channels: usize) -> Vec<u8> {
    let image = |image: &'_ [u8]| {
        let channel = |channel| image.iter().skip(channel).step_by(channels).copied().collect::<Vec<u8>>();
        (0..channels).flat_map(channel).collect::<Vec<u8>>()
    };
    pixels.chunks_exact(plane * channels).flat_map(image).collect()
}

/// One class for each different label, in order.
fn classes(labels: Array, examples: usize) -> Result<Labels> {
    let place = labels.place;
    if labels.shape[0] != examples || labels.shape[1..].iter().any(|&extent| extent != 1) {
        return Err(Error::failure(format!(
            "{place} has the shape [{}], but {examples} examples need [{examples}] labels",
            product(&labels.shape)
        )));
    }
    let values: Vec<f32> = match labels.values {
        Values::Bytes(bytes) => bytes.into_iter().map(f32::from).collect(),
        Values::Floats(values) => values,
    };
    if let Some(value) = values.iter().find(|value| !(0.0..=MAX_LABEL).contains(*value) || value.fract() != 0.0) {
        return Err(Error::failure(format!(
            "{place}: {value} is no label, which is a whole number from 0 to {MAX_LABEL}"
        )));
    }
    let mut found: Vec<u32> = values.iter().map(|&value| value as u32).collect();
    found.sort_unstable();
    found.dedup();
    let id = |value: f32| found.binary_search(&(value as u32)).map_or(0, |id| id as u32);
    Ok(Labels { ids: values.into_iter().map(id).collect(), names: found.iter().map(u32::to_string).collect() })
}
