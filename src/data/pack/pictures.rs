//! Packing images of a folder or of archives: decoded on all cores, written in random order.

use std::path::{Path, PathBuf};

use image::ColorType;
use rayon::prelude::*;

use super::archives::{Archives, Member, classes_of, is_archive};
use super::{Packing, Part, Watch, shuffled};
use crate::data::limits::{Budget, Share};
use crate::data::listing::{self, below};
use crate::data::options::Holds;
use crate::data::packed::Description;
use crate::data::pictures::{Classed, DEFAULT_SIZE};
use crate::data::{LeftOut, Options, decode, digest, folder, set_name};
use crate::error::{Error, Result, counted};
use crate::files::sha256;
use crate::memory::{self, mib};
use crate::settings::Fit;

/// Images that are decoded before they are written.
const TOGETHER: usize = 256;

/// The name of an image or a file, and its length in bytes.
pub type Listed = (String, u64);

/// Images to pack.
pub struct Source {
    body: Body,
    /// The names of their classes, and the number of each one's.
    classes: Vec<String>,
    ids: Vec<u32>,
    left_out: LeftOut,
    notes: Vec<String>,
}

/// Where images lie.
enum Body {
    Folder { root: PathBuf, files: Vec<PathBuf> },
    Archives(Archives),
}

impl Source {
    /// The images of a folder or of archives; `None` for other data.
    pub fn of(path: &Path, options: &Options) -> Result<Option<Self>> {
        let mut left_out = LeftOut::default();
        if path.is_dir() {
            if let Some(part) = folder::images(path, options, &mut left_out)? {
                let classed = Classed::of(&part.folder, &part.files, &mut left_out, options);
                let (classes, ids, notes) = (classed.names, classed.ids, [classed.notes, part.notes].concat());
                let body = Body::Folder { root: part.folder, files: classed.files };
                return Ok(Some(Self { body, classes, ids, left_out, notes }));
            }
            let files = listing::files(path, &mut LeftOut::default())?;
            let archives: Vec<PathBuf> = files.into_iter().filter(|file| is_archive(file)).collect();
            return if archives.is_empty() {
                Ok(None)
            } else {
                Self::of_archives(&archives, left_out, options).map(Some)
            };
        }
        if !path.is_file() || !is_archive(path) {
            return Ok(None);
        }
        Self::of_archives(&[path.to_owned()], left_out, options).map(Some)
    }

    fn of_archives(paths: &[PathBuf], mut left_out: LeftOut, options: &Options) -> Result<Self> {
        let archives = Archives::open(paths, &mut left_out)?;
        Self::of_members(archives, &paths[0], left_out, vec![], options)
    }

    /// The images of archives, the first of which is named in errors.
    pub fn of_members(
        archives: Archives,
        first: &Path,
        left_out: LeftOut,
        notes: Vec<String>,
        options: &Options,
    ) -> Result<Self> {
        if archives.members.is_empty() {
            return Err(Error::failure(format!("`{}` holds no images: {left_out}", first.display())));
        }
        let (classes, ids) = if options.classes { classes_of(&archives.members) } else { (vec![], vec![]) };
        Ok(Self { body: Body::Archives(archives), classes, ids, left_out, notes })
    }

    /// The name and the length in bytes of each image.
    pub fn listed(&self) -> Vec<Listed> {
        match &self.body {
            Body::Folder { root, files } => {
                let len = |file: &PathBuf| file.metadata().map_or(0, |metadata| metadata.len());
                files.iter().map(|file| (below(root, file), len(file))).collect()
            }
            Body::Archives(archives) => {
                archives.members.iter().map(|Member { name, len, .. }| (name.clone(), *len)).collect()
            }
        }
    }

    /// The bytes of image `i`, and a share of the budget for them.
    fn bytes<'a>(&self, i: usize, budget: &'a Budget) -> Result<(Vec<u8>, Share<'a>), String> {
        match &self.body {
            Body::Folder { files, .. } => decode::contents(&files[i], budget),
            Body::Archives(archives) => {
                let member = &archives.members[i];
                let share = budget.take(2 * member.len);
                let share = share.ok_or_else(|| format!("it has {}, more than memory has", mib(member.len)))?;
                Ok((archives.bytes(member)?, share))
            }
        }
    }
}

/// Refuses options that are not for packing images.
pub fn check(path: &Path, options: &Options) -> Result<()> {
    options.check(&format_args!("`{}`", path.display()), Holds::Images)?;
    if options.range.is_some() || options.stack != 1 {
        return Err(Error::usage("images are packed as they are stored: leave out range and stack"));
    }
    Ok(())
}

/// Packs images.
pub fn pack(source: Source, path: &Path, out: &Path, options: &Options, watch: Watch) -> Result<Packing> {
    check(path, options)?;
    let (listed, size) = (source.listed(), options.size.unwrap_or(DEFAULT_SIZE.into()));
    let reading = decode::Reading { size, fit: options.fit.unwrap_or(Fit::Crop), deep: false };
    let budget = Budget::new(memory::most()?.bytes);
    let any = |is_such: fn(ColorType) -> bool| {
        let color = |i| decode::color_of(&source.bytes(i, &budget).ok()?.0, &budget);
        (0..listed.len()).into_par_iter().filter_map(color).any(is_such)
    };
    let own = || {
        let alpha = options.alpha == Some(true) && any(ColorType::has_alpha);
        let colours = if any(ColorType::has_color) { 3 } else { 1 };
        colours + usize::from(alpha)
    };
    let channels = options.channels.unwrap_or_else(own);
    let names = listed.iter().map(|(name, len)| format!("{name} {len}\n"));
    let key = sha256(names.chain([format!("{size} {:?} {channels} {:?}", reading.fit, source.ids)]));
    let order = shuffled(listed.len(), &digest::of(&[key.as_bytes()]));
    let mut part = Part::begin(out, &key, &[size.height, size.width, channels])?;
    let mut notes = source.notes.clone();
    if part.journal.done > 0 {
        notes.push(format!("went on after {} of {}", part.journal.done, counted(order.len(), "image")));
    }
    let pixels = |&i: &u32| {
        let (bytes, share) = source.bytes(i as usize, &budget)?;
        let picture = decode::picture_of(bytes, share, reading, &budget)?;
        let (is_transparent, stored, image) = (picture.is_transparent(), picture.stored, picture.image);
        let pixels = match channels {
            1 => image.into_luma8().into_raw(),
            2 => image.into_luma_alpha8().into_raw(),
            3 => image.into_rgb8().into_raw(),
            _ => image.into_rgba8().into_raw(),
        };
        Ok((pixels, stored, is_transparent && [1, 3].contains(&channels)))
    };
    for some in order[part.journal.done..].chunks(TOGETHER) {
        let read: Vec<Result<_, String>> = some.par_iter().map(pixels).collect();
        for (&i, read) in some.iter().zip(read) {
            match read {
                Ok((pixels, stored, transparent)) => {
                    part.journal.sides.add(stored);
                    part.push(&pixels, source.ids.get(i as usize).copied())?;
                    part.journal.transparent += usize::from(transparent);
                }
                Err(why) => {
                    let name = format!("{}: {why}", listed[i as usize].0);
                    part.journal.left_out.add("images that cannot be read", name);
                }
            }
        }
        part.journal.done += some.len();
        part.note()?;
        watch(part.journal.done, order.len());
    }
    if part.journal.transparent > 0 {
        let count = counted(part.journal.transparent, "image");
        notes.push(format!("{count} with transparent pixels, laid on white: alpha=true keeps them transparent"));
    }
    notes.extend(part.journal.sides.others(size).filter(|_| options.size.is_none()));
    let mut left_out = source.left_out;
    left_out.extend(&part.journal.left_out);
    let found = Description {
        shape: vec![size.height, size.width, channels],
        shuffled: true,
        classes: source.classes,
        from: set_name(path),
        left_out: left_out.clone(),
        ..Description::default()
    };
    Ok(Packing { said: part.finish(found, out)?, left_out, notes })
}

/// What changed in the source at `path` while it was packed, by what was there before and is there now: images, or
/// whatever `noun` says.
pub fn growth(before: &[Listed], now: &[Listed], noun: &str, path: &Path) -> Option<String> {
    let of = |these: &[Listed], those: &[Listed]| {
        let known: std::collections::HashSet<_> = those.iter().collect();
        these.iter().filter(|entry| !known.contains(entry)).count()
    };
    let (new, gone) = (of(now, before), of(before, now));
    (new + gone > 0).then(|| {
        format!(
            "`{}` changed while it was packed: {} now that were not there at first, and {gone} that are gone or \
             others; pack it again to have it as it is",
            path.display(),
            counted(new, noun)
        )
    })
}
