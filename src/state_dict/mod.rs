//! Weights that PyTorch wrote: files of `torch.save(net.state_dict(), ..)`, of today's form (zip) and that before
//! version 1.6, and safetensors. Nothing in a file is run.

mod pickle;

use std::{collections::BTreeMap, fs, io::Cursor, path::Path};

use safetensors::{Dtype, SafeTensors};
use zip::{CompressionMethod, ZipArchive};

use crate::{
    error::{Error, Result},
    files, memory,
};
use pickle::{Kind, Tensor, Value};

/// The beginning of a file of `torch.save` before version 1.6: a pickle of its magic number.
const OLD: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The tensors of a file, by name. Values are read on request, so that memory holds no more than the file and those.
pub struct StateDict {
    /// The name of the file, for errors.
    place: String,
    bytes: Vec<u8>,
    /// For each tensor, where its numbers begin in the file, and how they lie from there on.
    tensors: BTreeMap<String, (usize, Tensor)>,
}

impl StateDict {
    /// Reads a file. Tensors of whole numbers, such as counts of batches, are left out.
    ///
    /// # Errors
    /// A file that cannot be read, is larger than data may be, or is no state dict of float32.
    pub fn open(path: &Path) -> Result<Self> {
        let place = format!("`{}`", path.display());
        let unreadable = |error| Error::usage(format!("{place} cannot be read: {error}"));
        files::regular(path).map_err(unreadable)?;
        let (len, most) = (fs::metadata(path).map_err(unreadable)?.len(), memory::most()?);
        if len > most.bytes {
            return Err(Error::failure(format!("{place} has {}, more than {most}", memory::mib(len))));
        }
        let bytes = files::read(path).map_err(unreadable)?;
        let tensors = if bytes.starts_with(b"PK") {
            zipped(&bytes)
        } else if bytes.starts_with(OLD) {
            old(&bytes)
        } else {
            safe(&bytes)
        };
        let tensors = tensors.map_err(|why| {
            Error::usage(format!("{place} holds no weights that are read: {why}; a state dict of PyTorch is right"))
        })?;
        Ok(Self { place, bytes, tensors })
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> String {
        files::sha256([&self.bytes])
    }

    /// The names of the tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, tensor)| &tensor.shape[..])
    }

    /// The values of a tensor in row-major order.
    ///
    /// # Errors
    /// There is none of this name and shape, its values lie outside of the file, or one is not finite.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let refused = |why: &str| Error::usage(format!("{}: `{name}` {why}", self.place));
        let Some((start, tensor)) = self.tensors.get(name) else {
            return Err(Error::usage(format!("{} has no `{name}`", self.place)));
        };
        if tensor.shape != shape {
            return Err(refused(&format!("has the shape {:?}, not {shape:?}", tensor.shape)));
        }
        let numbers = tensor.storage.len.checked_mul(4).and_then(|len| self.bytes.get(*start..)?.get(..len));
        let numbers = numbers.ok_or_else(|| refused("is cut short"))?.as_chunks::<4>().0;
        let far = shape.iter().zip(&tensor.strides).try_fold(tensor.offset, |far, (extent, stride)| {
            far.checked_add(extent.saturating_sub(1).checked_mul(*stride)?)
        });
        let count = shape.iter().try_fold(1usize, |count, extent| count.checked_mul(*extent));
        if count == Some(0) {
            return Ok(vec![]);
        }
        // No more values than numbers, so that memory grows with the file.
        let count = count.filter(|count| *count <= numbers.len());
        let (Some(_), Some(count)) = (far.filter(|far| *far < numbers.len()), count) else {
            return Err(refused("reaches past its numbers"));
        };
        let mut values = memory::room(count)?;
        for n in 0..count {
            let (mut rest, mut at) = (n, tensor.offset);
            for (extent, stride) in shape.iter().zip(&tensor.strides).rev() {
                at += rest % extent * stride;
                rest /= extent;
            }
            values.push(f32::from_le_bytes(numbers[at]));
        }
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(refused(&format!("holds {value}"))),
            None => Ok(values),
        }
    }
}

type Tensors = BTreeMap<String, (usize, Tensor)>;

/// The tensors of a dict, each with the beginning of its storage in the file.
fn placed(dict: Value, start: impl Fn(&pickle::Storage) -> Result<usize, String>) -> Result<Tensors, String> {
    let Value::Dict(entries) = dict else { return Err("its pickle is no dict".into()) };
    let entries = entries.into_iter().filter(|(_, tensor)| tensor.storage.kind == Kind::Float);
    let tensors = entries.map(|(name, tensor)| Ok((name.to_string(), (start(&tensor.storage)?, tensor))));
    let tensors = tensors.collect::<Result<Tensors, String>>()?;
    if tensors.is_empty() { Err("there are no tensors by name in it".into()) } else { Ok(tensors) }
}

/// Of a zip archive with the program `data.pkl` and a file for each storage.
fn zipped(bytes: &[u8]) -> Result<Tensors, String> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("as a zip archive, {error}"))?;
    let program = zip.file_names().find(|name| name.ends_with("/data.pkl"));
    let folder = program.and_then(|name| name.strip_suffix("data.pkl")).ok_or("no data.pkl is in it")?.to_string();
    // PyTorch compresses nothing, so that each member is a range of the file.
    let mut members = BTreeMap::new();
    for n in 0..zip.len() {
        let member = zip.by_index_raw(n).map_err(|error| format!("as a zip archive, {error}"))?;
        if let Some(name) = member.name().strip_prefix(&folder) {
            let is_plain = member.compression() == CompressionMethod::Stored && !member.encrypted();
            let range = (member.data_start() as usize, member.size() as usize);
            let range =
                bytes.get(range.0..).and_then(|rest| Some((range.0, rest.get(..range.1)?))).filter(|_| is_plain);
            members.insert(name.to_string(), range.ok_or_else(|| format!("`{}` is compressed", member.name()))?);
        }
    }
    if members.get("byteorder").is_some_and(|(_, order)| *order != b"little") {
        return Err("its numbers have their highest byte first".into());
    }
    let (dict, _) = pickle::load(members.get("data.pkl").ok_or("no data.pkl is in it")?.1)?;
    placed(dict, |storage| {
        let member = members.get(&format!("data/{}", storage.key));
        let whole = member.filter(|(_, data)| storage.len.checked_mul(storage.kind.size()) == Some(data.len()));
        whole.map(|(start, _)| *start).ok_or_else(|| format!("its storage `{}` is missing or cut short", storage.key))
    })
}

/// Of programs back to back: a magic number, a version, the system, the dict, the keys of its storages. These follow,
/// each after its length.
fn old(bytes: &[u8]) -> Result<Tensors, String> {
    let mut at = OLD.len();
    let mut next = || -> Result<Value, String> {
        let (value, len) = pickle::load(&bytes[at..])?;
        at += len;
        Ok(value)
    };
    if next()? != Value::Int(1001) {
        return Err("its version is not 1001".into());
    }
    let (_, dict, keys) = (next()?, next()?, next()?);
    let (Value::Dict(entries), Value::List(keys)) = (&dict, keys) else { return Err("its pickle is no dict".into()) };
    let kinds: BTreeMap<_, _> = entries.iter().map(|(_, tensor)| (&*tensor.storage.key, &tensor.storage)).collect();
    let mut starts = BTreeMap::new();
    for key in &keys {
        let cut = || format!("its storage `{key}` is missing or cut short");
        let storage = kinds.get(&**key).ok_or_else(cut)?;
        let len = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).ok_or_else(cut)?;
        let size = storage.len.checked_mul(storage.kind.size()).ok_or_else(cut)?;
        let end = (at + 8).checked_add(size).filter(|end| *end <= bytes.len()).ok_or_else(cut)?;
        if u64::from_le_bytes(*len) != storage.len as u64 {
            return Err(cut());
        }
        starts.insert(key.clone(), at + 8);
        at = end;
    }
    placed(dict, |storage| {
        starts.get(&storage.key).copied().ok_or_else(|| format!("its storage `{}` is missing", storage.key))
    })
}

/// Of safetensors.
fn safe(bytes: &[u8]) -> Result<Tensors, String> {
    let unread = |error| format!("it is no file of torch.save, and as safetensors, {error}");
    let (header, _) = SafeTensors::read_metadata(bytes).map_err(unread)?;
    let file = SafeTensors::deserialize(bytes).map_err(unread)?;
    let mut at = header + 8;
    let mut tensors = Tensors::new();
    // In the order in which they lie in the file, without gaps, as the format says.
    let mut views: Vec<_> = file.iter().collect();
    views.sort_by_key(|(_, view)| view.data().as_ptr());
    for (name, view) in views {
        let start = at;
        at += view.data().len();
        if view.dtype() != Dtype::F32 {
            if matches!(view.dtype(), Dtype::I64 | Dtype::I32) {
                continue;
            }
            return Err(format!("`{name}` is of {}, not of float32", view.dtype()));
        }
        let shape = view.shape().to_vec();
        let inner = |axis: usize| shape[axis + 1..].iter().fold(1usize, |len, extent| len.saturating_mul(*extent));
        let strides = (0..shape.len()).map(inner).collect();
        let storage = pickle::Storage { key: name.into(), kind: Kind::Float, len: view.data().len() / 4 };
        tensors.insert(name.into(), (start, Tensor { storage, offset: 0, shape, strides }));
    }
    if tensors.is_empty() { Err("there are no tensors in it".into()) } else { Ok(tensors) }
}
