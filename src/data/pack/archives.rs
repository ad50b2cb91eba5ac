//! The images in zip and tar archives, or copied to one file: where their bytes lie.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::data::packed::read_at;
use crate::data::{LeftOut, decode, folder::in_order, unpack};
use crate::error::{Error, Result};
use crate::files;

/// Largest number of bytes of a text in an archive that says classes.
const MOST: u64 = 1 << 28;

/// Archives, and the images in them.
pub struct Archives {
    pub files: Vec<(PathBuf, File)>,
    pub members: Vec<Member>,
}

/// An image in an archive.
pub struct Member {
    /// Its path in the archive, with the archive's name.
    pub name: String,
    /// The name of its class, if the archive says one.
    pub class: Option<String>,
    /// Its archive's number, and the place of its first byte there.
    pub archive: usize,
    pub start: u64,
    /// Bytes in the archive, and unpacked.
    pub packed: u64,
    pub len: u64,
    pub is_deflated: bool,
}

/// Whether a file is named like an archive that is read.
pub fn is_archive(path: &Path) -> bool {
    ["zip", "tar"].contains(&unpack::last_ending(path).as_str())
}

impl Archives {
    /// The images in these archives.
    pub fn open(paths: &[PathBuf], left_out: &mut LeftOut) -> Result<Self> {
        let mut archives = Self { files: vec![], members: vec![] };
        for path in paths {
            let file = files::open(path).map_err(|error| unpack::unreadable(path, error))?;
            archives.files.push((path.clone(), file));
            let found = archives.members.len();
            match unpack::last_ending(path).as_str() {
                "zip" => archives.zip(left_out)?,
                _ => archives.tar(left_out)?,
            }
            if archives.members.len() == found {
                left_out.add("archives without images", path.display());
            }
        }
        Ok(archives)
    }

    /// The bytes of a member, or the reason why they cannot be read.
    pub fn bytes(&self, member: &Member) -> Result<Vec<u8>, String> {
        let file = &self.files[member.archive].1;
        let whole = file.metadata().map_err(|error| error.to_string())?.len();
        if member.start.saturating_add(member.packed) > whole {
            return Err("its archive is cut short".into());
        }
        let mut packed = vec![0; member.packed as usize];
        read_at(file, &mut packed, member.start).map_err(|error| error.to_string())?;
        if !member.is_deflated {
            return Ok(packed);
        }
        let mut bytes = vec![];
        // One byte more shows that the archive says too little.
        let read = DeflateDecoder::new(&packed[..]).take(member.len + 1).read_to_end(&mut bytes);
        match read.map_err(|error| error.to_string())? as u64 == member.len {
            true => Ok(bytes),
            false => Err("its length is not what the archive says".into()),
        }
    }

    fn take(&mut self, member: Member, left_out: &mut LeftOut) {
        let (name, path) = (member.name.clone(), PathBuf::from(&member.name));
        let is_hidden = path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(['.', '_']));
        match decode::is_image(&path) {
            true if !is_hidden => self.members.push(member),
            _ if is_hidden => {}
            _ => left_out.add(&format!(".{} files", unpack::last_ending(&path)), name),
        }
    }

    /// The images of a zip archive; `dataset.json` names their classes, as StyleGAN's tools write it, else folders do.
    fn zip(&mut self, left_out: &mut LeftOut) -> Result<()> {
        let archive = self.files.len() - 1;
        let path = self.files[archive].0.clone();
        let broken = |error: &dyn std::fmt::Display| {
            Error::failure(format!("`{}` is no zip archive that can be read: {error}", path.display()))
        };
        let file = files::open(&path).map_err(|error| unpack::unreadable(&path, error))?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(&error))?;
        let mut classes: HashMap<String, String> = HashMap::new();
        for i in 0..zip.len() {
            let entry = zip.by_index_raw(i).map_err(|error| broken(&error))?;
            let name = entry.name().to_owned();
            if entry.is_dir() {
                continue;
            }
            if name.rsplit('/').next() == Some("dataset.json") {
                drop(entry);
                let mut text = String::new();
                let entry = zip.by_index(i).map_err(|error| broken(&error))?;
                entry.take(MOST).read_to_string(&mut text).map_err(|error| broken(&error))?;
                classes = labels_of(&text).unwrap_or_default();
                continue;
            }
            let method = entry.compression();
            if ![CompressionMethod::Stored, CompressionMethod::Deflated].contains(&method) || entry.encrypted() {
                left_out.add("members that are packed in another way", name);
                continue;
            }
            let (start, packed, len) = (entry.data_start(), entry.compressed_size(), entry.size());
            let is_deflated = method == CompressionMethod::Deflated;
            let folder = name.rsplit_once('/').and_then(|(folder, _)| folder.split('/').next()).map(str::to_owned);
            self.take(Member { name, class: folder, archive, start, packed, len, is_deflated }, left_out);
        }
        if !classes.is_empty() {
            self.members.iter_mut().filter(|member| member.archive == archive).for_each(|member| {
                member.class = classes.get(&member.name).cloned();
            });
        }
        Ok(())
    }

    /// The images of a tar archive; a member `NAME.cls` beside `NAME.jpg` says its class, as in WebDataset's shards,
    /// else its folder does.
    fn tar(&mut self, left_out: &mut LeftOut) -> Result<()> {
        let archive = self.files.len() - 1;
        let path = self.files[archive].0.clone();
        let broken = |error: std::io::Error| {
            Error::failure(format!("`{}` is no tar archive that can be read: {error}", path.display()))
        };
        let file = files::open(&path).map_err(|error| unpack::unreadable(&path, error))?;
        let mut tar = tar::Archive::new(BufReader::new(file));
        let (mut classes, first) = (HashMap::new(), self.members.len());
        for entry in tar.entries_with_seek().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let name = entry.path().map_err(broken)?.to_string_lossy().into_owned();
            if !entry.header().entry_type().is_file() {
                continue;
            }
            if unpack::last_ending(Path::new(&name)) == "cls" {
                let mut text = String::new();
                (&mut entry).take(1024).read_to_string(&mut text).map_err(broken)?;
                classes.insert(key(&name).to_owned(), text.trim().to_owned());
                continue;
            }
            let (start, len) = (entry.raw_file_position(), entry.size());
            let folder =
                name.trim_start_matches("./").rsplit_once('/').and_then(|(folder, _)| folder.split('/').next());
            let class = folder.map(str::to_owned);
            self.take(Member { name, class, archive, start, packed: len, len, is_deflated: false }, left_out);
        }
        if !classes.is_empty() {
            self.members[first..].iter_mut().for_each(|member| member.class = classes.get(key(&member.name)).cloned());
        }
        Ok(())
    }
}

/// The name of a sample in a shard: the path up to the first dot of the file's name.
fn key(name: &str) -> &str {
    let start = name.rfind('/').map_or(0, |at| at + 1);
    name[start..].find('.').map_or(name, |dot| &name[..start + dot])
}

/// The classes in StyleGAN's `dataset.json`: `{"labels": [["NAME", CLASS], ..]}`.
fn labels_of(text: &str) -> Option<HashMap<String, String>> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let pair = |pair: &serde_json::Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_u64()?.to_string()));
    json["labels"].as_array()?.iter().map(pair).collect()
}

/// The classes of members in order, and the number of each member's; none if not all have one, or all the same.
pub fn classes_of(members: &[Member]) -> (Vec<String>, Vec<u32>) {
    let named: Option<Vec<&String>> = members.iter().map(|member| member.class.as_ref()).collect();
    let Some(named) = named else { return (vec![], vec![]) };
    let names = in_order(named.iter().map(|name| (*name).clone()).collect());
    if names.len() < 2 {
        return (vec![], vec![]);
    }
    let numbers: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
    let ids = named.iter().map(|name| numbers[name.as_str()]).collect();
    (names, ids)
}
