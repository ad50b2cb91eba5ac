//! NumPy's files: one array in npy, several named arrays in npz. The `arrays` module interprets them.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use npyz::{DType, NpyHeader, Order, TypeChar, TypeStr};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::digest::{self, FileDigest};
use super::packed::read_at;
use super::product;
use super::unpack::{last_ending, read_up_to, source, unreadable};
use crate::error::{Error, Result};
use crate::files;
use crate::memory::{self, Most};

/// An array, its values as they are stored, in C order.
pub(super) struct Array {
    /// The name for errors: the file, and for an npz file the member.
    pub place: String,
    pub shape: Vec<usize>,
    kind: Kind,
    bytes: Vec<u8>,
    pub file: FileDigest,
}

/// A type of numbers.
#[derive(Clone, Copy)]
struct Kind {
    size: usize,
    decode: fn(&[u8]) -> f64,
    is_whole: bool,
}

impl Array {
    /// The values in C order.
    pub fn values(&self) -> impl Iterator<Item = f64> + Clone + '_ {
        self.bytes.chunks_exact(self.kind.size).map(self.kind.decode)
    }

    /// The value at flat index `i` in C order.
    pub fn at(&self, i: usize) -> f64 {
        (self.kind.decode)(&self.bytes[i * self.kind.size..][..self.kind.size])
    }

    /// The fewest decimals, up to 9, that write every value as precisely as its type holds it; `None` if 9 are too few.
    pub fn decimals(&self) -> Option<usize> {
        let exact = match self.kind.size {
            2 => 2f64.powi(-11),
            4 => 2f64.powi(-24),
            _ => f64::EPSILON,
        };
        (0..=9).find(|&decimals| {
            let power = 10f64.powi(decimals as i32);
            self.values().all(|value| ((value * power).round() / power - value).abs() <= value.abs() * exact)
        })
    }

    /// Whether the type has no fractions.
    pub fn is_whole(&self) -> bool {
        self.kind.is_whole
    }

    /// Whether the type is unsigned bytes or booleans.
    pub fn is_bytes(&self) -> bool {
        self.kind.size == 1 && (self.kind.decode)(&[255]) > 0.0
    }

    /// The values as bytes if the type is unsigned bytes; else returns the array unchanged.
    #[expect(clippy::result_large_err, reason = "it is no error: the array is given back")]
    pub fn into_bytes(self) -> Result<Vec<u8>, Self> {
        if self.kind.size == 1 && (self.kind.decode)(&[255]) == 255.0 { Ok(self.bytes) } else { Err(self) }
    }

    /// Refuses values that are not finite in single precision.
    pub fn check_finite(&self) -> Result<()> {
        let Some((at, value)) = self.values().enumerate().find(|(_, value)| !(*value as f32).is_finite()) else {
            return Ok(());
        };
        let step = |axis: usize| self.shape[axis + 1..].iter().product::<usize>();
        let index: Vec<String> =
            (0..self.shape.len()).map(|axis| (at / step(axis) % self.shape[axis]).to_string()).collect();
        Err(Error::failure(format!("{}: {value} at [{}] is not a finite number", self.place, index.join(", "))))
    }
}

/// The array of an npy file, gzipped or not.
pub(super) fn read(path: &Path) -> Result<Array> {
    let place = format!("`{}`", path.display());
    let read = array(path, place, &mut *source(path)?.0).and_then(|read| read.map_err(Error::failure));
    read.map_err(|error| match Stored::open(path) {
        Ok(Some(stored)) if stored.is_large => Error::failure(format!(
            "{error}; `saddle pack {} --out packed.npy` makes a file of it that is read item by item",
            path.display()
        )),
        _ => error,
    })
}

/// An array in an npy file whose items can be read one by one.
pub(super) struct Stored {
    /// Its place, shape and type, without values.
    pub outline: Array,
    /// Whether it takes more memory than data may.
    pub is_large: bool,
    /// Bytes before the first item.
    start: u64,
    file: File,
}

impl Stored {
    /// The array of an npy file; `None` if it is stored in another way.
    ///
    /// # Errors
    /// Those of [`read`].
    pub fn open(path: &Path) -> Result<Option<Self>> {
        if last_ending(path) != "npy" {
            return Ok(None);
        }
        let place = format!("`{}`", path.display());
        let mut file = files::open(path).map_err(|error| unreadable(path, error))?;
        let Described { head, order, shape, kind } = described(path, &place, &mut file)?.map_err(Error::failure)?;
        let (declared, start) = (bytes_of(&shape, kind), head.len() as u64);
        let found = file.metadata().map_err(|error| unreadable(path, error))?.len();
        let is_whole = u128::from(found) == declared + u128::from(start);
        let is_large = excess(&shape, kind)?.is_some();
        let outline = Array { place, shape, kind, bytes: vec![], file: FileDigest::default() };
        Ok((is_whole && order == Order::C).then_some(Self { outline, is_large, start, file }))
    }

    fn unreadable(&self, error: io::Error) -> Error {
        Error::failure(format!("{} cannot be read: {error}", self.outline.place))
    }

    /// Bytes of an item.
    pub fn item_len(&self) -> usize {
        self.outline.shape[1..].iter().product::<usize>() * self.outline.kind.size
    }

    /// Some items as an array of their own.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn items(&self, items: &[u32]) -> Result<Array> {
        let (len, Array { place, shape, kind, .. }) = (self.item_len(), &self.outline);
        let mut bytes = memory::room(items.len() * len)?;
        bytes.resize(items.len() * len, 0);
        for (to, &item) in bytes.chunks_exact_mut(len).zip(items) {
            let offset = self.start + u64::from(item) * len as u64;
            read_at(&self.file, to, offset).map_err(|error| self.unreadable(error))?;
        }
        let shape = [&[items.len()], &shape[1..]].concat();
        Ok(Array { place: place.clone(), shape, kind: *kind, bytes, file: FileDigest::default() })
    }

    /// The digest of the file, as that of an array in memory.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn digest(&self) -> Result<FileDigest> {
        let (mut hash, mut file) = (Sha256::new(), &self.file);
        let read = file.rewind().and_then(|()| digest::add(&mut hash, &mut file));
        read.map_err(|error| self.unreadable(error)).map(|_| hash.finalize().into())
    }
}

/// The arrays of an npz file; a member is read only on request.
pub(super) struct Npz<'a> {
    path: &'a Path,
    zip: ZipArchive<BufReader<File>>,
    /// The names of the arrays.
    pub names: Vec<String>,
}

impl<'a> Npz<'a> {
    pub fn open(path: &'a Path) -> Result<Self> {
        let file = files::open(path).map_err(|error| unreadable(path, error))?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(path, &error))?;
        let names = zip.file_names().filter_map(|name| name.strip_suffix(".npy")).map(str::to_owned).collect();
        Ok(Self { path, zip, names })
    }

    pub fn member(&mut self, name: &str) -> Result<Array> {
        self.numbers(name)?.map_err(Error::failure)
    }

    /// The texts of a member: of type `<U` or `S`, or numbers as texts.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        let place = format!("member `{name}` of `{}`", self.path.display());
        let mut file = self.zip.by_name(&format!("{name}.npy")).map_err(|error| broken(self.path, &error))?;
        let (_, header) = header(self.path, &place, &mut file)?.map_err(Error::failure)?;
        let wrong = || Error::failure(format!("{place} holds no names: a list of texts is right"));
        let DType::Plain(kind) = header.dtype() else { return Err(wrong()) };
        let count = header.shape().iter().product::<u64>();
        let size = match kind.type_char() {
            TypeChar::UnicodeStr => kind.size_field().saturating_mul(4),
            TypeChar::ByteStr => kind.size_field(),
            _ => {
                drop(file);
                return Ok(self.member(name)?.values().map(|value| value.to_string()).collect());
            }
        };
        let bytes = count.saturating_mul(size);
        memory::ensure(bytes)?;
        let read = read_up_to(&mut file, bytes, self.path)?;
        if read.len() as u64 != bytes || size == 0 {
            return Err(wrong());
        }
        let text = |item: &[u8]| -> Option<String> {
            let text = match kind.type_char() {
                TypeChar::UnicodeStr => {
                    let points = item.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]));
                    points.map(char::from_u32).collect::<Option<String>>()?
                }
                _ => String::from_utf8_lossy(item).into_owned(),
            };
            Some(text.trim_end_matches('\0').to_owned())
        };
        read.chunks_exact(size as usize).map(text).collect::<Option<_>>().ok_or_else(wrong)
    }

    /// A member, or the reason why it holds no numbers.
    pub fn numbers(&mut self, name: &str) -> Result<Result<Array, String>> {
        let mut file = self.zip.by_name(&format!("{name}.npy")).map_err(|error| broken(self.path, &error))?;
        array(self.path, format!("member `{name}` of `{}`", self.path.display()), &mut file)
    }
}

fn broken(path: &Path, error: &zip::result::ZipError) -> Error {
    Error::failure(format!("`{}` is no npz file that can be read: {error}", path.display()))
}

/// The head of an array of numbers.
struct Described {
    head: Vec<u8>,
    order: Order,
    shape: Vec<usize>,
    kind: Kind,
}

/// Reads the head of an array, or returns the reason why it holds no numbers.
fn described(path: &Path, place: &str, source: &mut dyn Read) -> Result<Result<Described, String>> {
    let (head, header) = match header(path, place, source)? {
        Ok(read) => read,
        Err(records) => return Ok(Err(records)),
    };
    let shape: Vec<usize> = header.shape().iter().map(|&extent| extent as usize).collect();
    let DType::Plain(type_name) = header.dtype() else {
        return Ok(Err(records(place)));
    };
    if shape.is_empty() || shape.contains(&0) {
        return Err(Error::failure(format!("{place} holds no examples: its shape is [{}]", product(&shape))));
    }
    let Some(kind) = kind(&type_name, is_big_endian(&head)) else {
        let way = match type_name.type_char() {
            TypeChar::Complex => "complex numbers: save a.real and a.imag as features of their own",
            _ => "which are no numbers that are read: save it as uint8, float32 or another whole or real number",
        };
        return Ok(Err(format!("{place} holds values of type {type_name}, {way}")));
    };
    Ok(Ok(Described { head, order: header.order(), shape, kind }))
}

/// Bytes of an array of this shape.
fn bytes_of(shape: &[usize], kind: Kind) -> u128 {
    shape.iter().fold(kind.size as u128, |bytes, &extent| bytes.saturating_mul(extent as u128))
}

/// The bytes of an array in memory: as they are stored, and of the values decoded from them, mostly f32, which are
/// there at the same time.
fn needed(shape: &[usize], kind: Kind) -> [u128; 2] {
    let declared = bytes_of(shape, kind);
    [declared, declared / kind.size as u128 * size_of::<f32>() as u128]
}

/// The bound that an array exceeds, if it does.
fn excess(shape: &[usize], kind: Kind) -> Result<Option<Most>> {
    let (most, [declared, decoded]) = (memory::most()?, needed(shape, kind));
    Ok((declared.max(decoded) > most.bytes.into()).then_some(most))
}

/// Reads one array, or returns the reason why it holds no numbers. Memory grows with the bytes in the file, not with
/// the size that the header claims.
fn array(path: &Path, place: String, source: &mut dyn Read) -> Result<Result<Array, String>> {
    let Described { head, order, shape, kind } = match described(path, &place, source)? {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    let size = kind.size;
    if let Some(most) = excess(&shape, kind)? {
        return Err(Error::failure(format!(
            "{place} says that it holds {} values of {size} bytes, more than {most}",
            product(&shape),
        )));
    }
    let [declared, decoded] = needed(&shape, kind);
    memory::ensure((declared + decoded) as u64)?;
    let bytes = read_up_to(source, declared as u64 + 1, path)?;
    if bytes.len() as u128 != declared {
        return Err(Error::failure(format!(
            "{place} says that it holds {} values, {declared} bytes, but {} follow its header",
            product(&shape),
            if bytes.len() as u128 > declared { "more".to_owned() } else { bytes.len().to_string() }
        )));
    }
    let file = digest::of(&[&head, &bytes]);
    let bytes = if order == Order::Fortran { in_c_order(&bytes, &shape, size) } else { bytes };
    Ok(Ok(Array { place, shape, kind, bytes, file }))
}

/// The message on an array of records.
fn records(place: &str) -> String {
    format!(
        "{place} holds records (a type with named fields), not numbers: save one field with \
         np.save(\"field.npy\", a[\"field\"]), or all with numpy.lib.recfunctions.structured_to_unstructured(a)"
    )
}

/// The bytes of an array's header and their content, or the reason why the array holds no numbers. `npyz` trusts the
/// length of the header, recurses on brackets and multiplies extents unchecked, so all these are bounded here.
pub(super) fn header(path: &Path, place: &str, source: &mut dyn Read) -> Result<Result<(Vec<u8>, NpyHeader), String>> {
    const MAX_BYTES: u32 = 1 << 20;
    const MAX_BRACKETS: usize = 4;
    const MAX_DIGITS: usize = 19;
    let refused = |reason: &str| Error::failure(format!("{place} is no npy array: {reason}"));
    let mut bytes = read_up_to(source, 10, path)?;
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(refused(if bytes.is_empty() { "it is empty" } else { "it does not start with \\x93NUMPY" }));
    }
    // Later versions have longer headers, and names in UTF-8.
    if matches!(bytes.get(6), Some(2 | 3)) {
        bytes.extend(read_up_to(source, 2, path)?);
    }
    let len = match bytes[6..] {
        [1, _, a, b] => u16::from_le_bytes([a, b]).into(),
        [2 | 3, _, a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        [version, ..] if version > 3 => return Err(refused(&format!("its version is {version}, and 1 to 3 are read"))),
        _ => return Err(refused("its header is cut short")),
    };
    if len > MAX_BYTES {
        return Err(refused("its header describes no plain array that memory could hold"));
    }
    let start = bytes.len();
    bytes.extend(read_up_to(source, len.into(), path)?);
    let text = String::from_utf8_lossy(&bytes[start..]);
    let kind = text.split_once("'descr':").map_or("", |(_, kind)| kind.trim_start());
    if kind.starts_with('[') {
        return Ok(Err(records(place)));
    }
    if kind.starts_with("'|O") {
        return Ok(Err(format!(
            "{place} holds Python objects, such as rows of different lengths: save numbers, with dtype=float32"
        )));
    }
    let counted = |wanted: fn(&u8) -> bool| bytes[start..].iter().filter(|byte| wanted(byte)).count();
    if counted(|byte| b"([{".contains(byte)) > MAX_BRACKETS || counted(u8::is_ascii_digit) > MAX_DIGITS {
        return Err(refused("its header describes no plain array that memory could hold"));
    }
    // Python 2 wrote 30L for 30.
    let mut plain = bytes.clone();
    for i in start + 1..plain.len() {
        if plain[i] == b'L' && plain[i - 1].is_ascii_digit() {
            plain[i] = b' ';
        }
    }
    let header =
        NpyHeader::from_reader(plain.as_slice()).map_err(|error| refused(&error.to_string().replace('\n', " ")))?;
    Ok(Ok((bytes, header)))
}

/// Whether the type in a header begins with `>`.
fn is_big_endian(head: &[u8]) -> bool {
    head.windows(2).any(|pair| pair == b"'>" || pair == b"\">")
}

/// The type of this name; `None` for types that are no plain numbers.
fn kind(name: &TypeStr, is_big: bool) -> Option<Kind> {
    macro_rules! number {
        ($type:ty, $is_whole:literal) => {{
            const SIZE: usize = size_of::<$type>();
            fn bytes(bytes: &[u8]) -> [u8; SIZE] {
                bytes.try_into().expect("chunks are of the type's size")
            }
            let little: fn(&[u8]) -> f64 = |chunk| <$type>::from_le_bytes(bytes(chunk)) as f64;
            let big: fn(&[u8]) -> f64 = |chunk| <$type>::from_be_bytes(bytes(chunk)) as f64;
            Kind { size: SIZE, decode: if is_big { big } else { little }, is_whole: $is_whole }
        }};
    }
    Some(match (name.type_char(), name.size_field()) {
        (TypeChar::Bool, 1) => Kind { decode: |byte| f64::from(u8::from(byte[0] != 0)), ..number!(u8, true) },
        (TypeChar::Uint, 1) => number!(u8, true),
        (TypeChar::Uint, 2) => number!(u16, true),
        (TypeChar::Uint, 4) => number!(u32, true),
        (TypeChar::Uint, 8) => number!(u64, true),
        (TypeChar::Int, 1) => number!(i8, true),
        (TypeChar::Int, 2) => number!(i16, true),
        (TypeChar::Int, 4) => number!(i32, true),
        (TypeChar::Int, 8) => number!(i64, true),
        (TypeChar::Float, 2) => {
            let half = number!(u16, false);
            Kind {
                decode: if is_big { |bytes| f16(bytes[1], bytes[0]) } else { |bytes| f16(bytes[0], bytes[1]) },
                ..half
            }
        }
        (TypeChar::Float, 4) => number!(f32, false),
        (TypeChar::Float, 8) => number!(f64, false),
        _ => return None,
    })
}

/// A number of half precision, from its low and its high byte.
fn f16(low: u8, high: u8) -> f64 {
    let bits = u16::from_le_bytes([low, high]);
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
    let size = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The values of a Fortran array, whose first axis runs fastest, in C order.
fn in_c_order(bytes: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut ordered = Vec::with_capacity(bytes.len());
    for i in 0..bytes.len() / size {
        let (mut rest, mut at, mut stride) = (i, 0, bytes.len() / size);
        for &extent in shape.iter().rev() {
            stride /= extent;
            at += rest % extent * stride;
            rest /= extent;
        }
        ordered.extend(&bytes[at * size..][..size]);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_exactly() {
        let read = |bits: u16| f16(bits.to_le_bytes()[0], bits.to_le_bytes()[1]);
        for (bits, value) in [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_953_125), (1, 5.960_464_477_539_063e-8)]
        {
            assert_eq!(read(bits), value);
        }
        assert!(read(0x7c00) == f64::INFINITY && read(0x7e00).is_nan());
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        // [[0, 1, 2], [3, 4, 5]] column by column, then an array of three axes.
        assert_eq!(in_c_order(&[0, 3, 1, 4, 2, 5], &[2, 3], 1), [0, 1, 2, 3, 4, 5]);
        let fortran: Vec<u8> = (0..24).map(|i| (i % 2) * 12 + (i / 2 % 3) * 4 + i / 6).collect();
        assert_eq!(in_c_order(&fortran, &[2, 3, 4], 1), (0..24).collect::<Vec<u8>>());
    }
}
