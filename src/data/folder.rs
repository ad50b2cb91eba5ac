//! Folders: the meaning of their sub-folders (parts or classes) and of their files (images, melodies, texts, IDX).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::listing::{self, below};
use super::pictures::{self, Classed};
use super::unknown::{elsewhere, is_parquet};
use super::{Dataset, LeftOut, Options, Seems, Split, Wanted, decode, holdout, idx, midi, text, unpack};
use crate::error::{Error, Result};
use crate::settings::Layout;

/// Names of the folders of the two parts, in lower case.
pub(super) const TRAIN_NAMES: [&str; 2] = ["train", "training"];
const TEST_NAMES: [&str; 2] = ["test", "testing"];
/// Names of folders of the part to choose with, which also replaces a missing test part.
const VALIDATION_NAMES: [&str; 3] = ["val", "valid", "validation"];
/// Names of folders with two unpaired kinds of images, as in CycleGAN's data.
const UNPAIRED_NAMES: [&str; 6] = ["traina", "trainb", "testa", "testb", "vala", "valb"];

/// The part of a folder that the options ask for; `None` for a test part that does not exist.
pub(super) fn open(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    if listing::is_run(path) {
        return Err(Error::usage(format!(
            "`{}` is the folder of a run, not data; the pictures of a run lie in its folder `samples`",
            path.display()
        )));
    }
    let folder = &descend(path)?;
    if let Some(set) = idx::in_folder(folder, options)? {
        return Ok(set);
    }
    let parts = Parts::of(folder, options)?;
    if parts.test.is_none() && holdout::is_empty(options) {
        return Ok(None);
    }
    let mut left_out = LeftOut::default();
    let train = listing::files(&parts.train, &mut left_out)?;
    let held_out = parts.held_out(options);
    let (files, own_test) = match (options.split, held_out) {
        (Split::Test, Some(test)) => {
            left_out = LeftOut::default();
            (listing::files(test, &mut left_out)?, true)
        }
        (_, held_out) => (train.clone(), held_out.is_some()),
    };
    parts.tell_beside(folder, &mut left_out)?;
    let kind = Kind::of(&train, options).ok_or_else(|| nothing(path, &train, &left_out))?;
    let (files, others) = files.into_iter().partition(|file| kind.holds(file));
    let train: Vec<PathBuf> = train.into_iter().filter(|file| kind.holds(file)).collect();
    let others: Vec<PathBuf> = others;
    others.iter().for_each(|file| left_out.add(&format!("{} files", dotted(file)), below(path, file)));
    let read = Files { root: path, train: &train, part: &files, left_out, said: parts.said(options) };
    let is_second = own_test && options.split == Split::Test;
    match kind {
        Kind::Melodies => midi::of_files(read, own_test, options),
        Kind::Texts => text::of_files(read, own_test, options),
        Kind::Images if is_second => {
            let train = Classed::of(&parts.train, &train, &mut LeftOut::default(), options);
            pictures::read(read, held_out.unwrap_or(&parts.train), Some(train), options).map(Some)
        }
        Kind::Images if own_test => pictures::read(read, &parts.train, None, options).map(Some),
        Kind::Images => Ok(holdout::part(pictures::read(read, &parts.train, None, options)?, options)),
    }
}

/// Images to learn from: the folder that they lie in, and what is to be said.
pub(super) struct Learned {
    pub folder: PathBuf,
    pub files: Vec<PathBuf>,
    pub notes: Vec<String>,
}

/// The images of a folder that are to learn from; `None` if it holds other data.
pub(super) fn images(path: &Path, options: &Options, left_out: &mut LeftOut) -> Result<Option<Learned>> {
    let folder = descend(path)?;
    let parts = Parts::of(&folder, options)?;
    let files = listing::files(&parts.train, left_out)?;
    if Kind::of(&files, options) != Some(Kind::Images) {
        return Ok(None);
    }
    parts.tell_beside(&folder, left_out)?;
    let note = |test: &PathBuf| format!("only the part to learn from: name `{}` to pack the other", test.display());
    let notes = parts.test.iter().map(note).collect();
    let (files, others): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|file| decode::is_image(file));
    others.iter().for_each(|file| left_out.add(&format!("{} files", dotted(file)), below(path, file)));
    Ok(Some(Learned { folder: parts.train, files, notes }))
}

/// Files of one kind in a folder, and the report on the folder so far.
pub(super) struct Files<'a> {
    /// The folder that the user named.
    pub root: &'a Path,
    /// Files of the training part.
    pub train: &'a [PathBuf],
    /// Files of the requested part.
    pub part: &'a [PathBuf],
    pub left_out: LeftOut,
    /// Description of the requested part.
    pub said: String,
}

/// The folder in which the data lies: archives often unpack to a folder in a folder.
fn descend(path: &Path) -> Result<PathBuf> {
    let mut folder = path.to_owned();
    loop {
        let folders = listing::folders(&folder)?;
        let describes = |file: &PathBuf| name(file).to_lowercase().starts_with("readme");
        let is_read = |file: &PathBuf| decode::is_image(file) || super::is_understood(file) || idx::is_named(file);
        let is_data = |file: &PathBuf| is_read(file) && !describes(file);
        let is_only = folders.len() == 1 && !listing::entries(&folder)?.iter().any(is_data);
        match folders.as_slice() {
            // A link may make a cycle.
            [only] if is_only && !only.is_symlink() => folder = only.clone(),
            _ => return Ok(folder),
        }
    }
}

/// The parts of a folder.
struct Parts {
    train: PathBuf,
    /// `None` if the folder has no parts.
    test: Option<PathBuf>,
    /// The part to choose with, if there is one beside the part to test with.
    valid: Option<PathBuf>,
}

impl Parts {
    /// The sub-folders named like parts, if both parts are there; else the folder itself: `train` alone is a class.
    fn of(folder: &Path, options: &Options) -> Result<Self> {
        let whole = Self { train: folder.to_owned(), test: None, valid: None };
        if !options.parts {
            return Ok(whole);
        }
        let folders = listing::folders(folder)?;
        let name = |path: &PathBuf| name(path).to_lowercase();
        let named = |names: &[&str]| {
            let found: Vec<PathBuf> =
                folders.iter().filter(|path| names.contains(&name(path).as_str())).cloned().collect();
            match found.as_slice() {
                [one, another, ..] => Err(Error::failure(format!(
                    "`{}` and `{}` could both be that part of the data: rename one, or set split=false to take them \
                     for classes",
                    one.display(),
                    another.display()
                ))),
                found => Ok(found.first().cloned()),
            }
        };
        let unpaired: Vec<String> = folders
            .iter()
            .filter(|path| UNPAIRED_NAMES.contains(&name(path).as_str()))
            .map(|p| below(folder, p))
            .collect();
        if unpaired.len() > 1 {
            return Err(Error::failure(format!(
                "`{}` has the folders `{}`, two kinds of images to be turned into each other, which no variant learns: \
                 name one of them, or set split=false to take them for classes",
                folder.display(),
                unpaired.join("`, `")
            )));
        }
        let Some(train) = named(&TRAIN_NAMES)? else { return Ok(whole) };
        // A folder `valid` matters only beside `train`, so that two of its names elsewhere are no error.
        Ok(match (named(&TEST_NAMES)?, named(&VALIDATION_NAMES)?) {
            (Some(test), valid) => Self { train, test: Some(test), valid },
            (None, Some(valid)) => Self { train, test: Some(valid), valid: None },
            (None, None) => whole,
        })
    }

    /// The part that the options mean by the part to test with.
    fn held_out(&self, options: &Options) -> Option<&Path> {
        self.valid.as_deref().filter(|_| options.chooses).or(self.test.as_deref())
    }

    fn said(&self, options: &Options) -> String {
        let Some(held_out) = self.held_out(options) else { return String::new() };
        match options.split {
            Split::Train => {
                let valid =
                    self.valid.as_ref().map_or(String::new(), |valid| format!(" and {}/ to choose with", name(valid)));
                format!("{}/, beside {}/ to measure with{valid}", name(&self.train), name(held_out))
            }
            Split::Test => format!("{}/, beside {}/ to learn from", name(held_out), name(&self.train)),
        }
    }

    /// Reports files and folders beside the parts.
    fn tell_beside(&self, folder: &Path, left_out: &mut LeftOut) -> Result<()> {
        let Some(test) = &self.test else { return Ok(()) };
        let parts = [Some(&self.train), Some(test), self.valid.as_ref()];
        for path in listing::entries(folder)?.into_iter().filter(|path| !parts.contains(&Some(path))) {
            let what = if path.is_dir() { "folders beside the parts" } else { "files beside the parts" };
            left_out.add(what, below(folder, &path));
        }
        Ok(())
    }
}

/// The kind of examples in a folder.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Images,
    Melodies,
    Texts,
}

impl Kind {
    /// The kind of the files; of images and melodies, if there are both, the options decide. Texts often lie beside
    /// other data to describe it: they are the data of a model of sequences where most files are texts.
    fn of(files: &[PathBuf], options: &Options) -> Option<Self> {
        let preferred = match (options.layout, options.wanted) {
            (Some(Layout::Sequences), _) | (None, Wanted::Sequences) => [Self::Melodies, Self::Images],
            _ => [Self::Images, Self::Melodies],
        };
        let count = |is_such: fn(&Path) -> bool| files.iter().filter(|file| is_such(file)).count();
        let texts = count(text::is_text);
        let are_texts = match options.wanted {
            Wanted::Single => false,
            Wanted::Any => texts > count(is_other_data),
            Wanted::Sequences => texts > count(is_other_data) + count(decode::is_image),
        };
        let found = preferred.into_iter().find(|kind| files.iter().any(|file| kind.holds(file)));
        match found {
            Some(Self::Images) if are_texts && options.wanted == Wanted::Sequences => Some(Self::Texts),
            found => found.or(are_texts.then_some(Self::Texts)),
        }
    }

    fn holds(self, file: &Path) -> bool {
        match self {
            Self::Images => decode::is_image(file),
            Self::Melodies => midi::is_midi(file),
            Self::Texts => text::is_text(file),
        }
    }
}

/// What a folder holds, by the names of its files alone.
pub(super) fn seems(path: &Path) -> Result<Seems> {
    let folder = descend(path)?;
    let files = listing::files(&folder, &mut LeftOut::default())?;
    if files.iter().any(|file| idx::is_named(file)) {
        return Ok(Seems::Images);
    }
    match Kind::of(&files, &Options { wanted: Wanted::Any, ..Options::default() }) {
        Some(Kind::Images) => Ok(Seems::Images),
        Some(Kind::Melodies | Kind::Texts) => Ok(Seems::Symbols),
        None => Err(nothing(path, &files, &LeftOut::default())),
    }
}

/// Whether a file is named like data that is no text.
fn is_other_data(file: &Path) -> bool {
    super::is_understood(file) && !text::is_text(file) || idx::is_named(file) || is_parquet(file)
}

/// The ending of a file's name with its dot, or `nameless`.
pub(super) fn dotted(file: &Path) -> String {
    match unpack::last_ending(file) {
        ending if ending.is_empty() => "nameless".to_owned(),
        ending => format!(".{ending}"),
    }
}

/// The error for a folder without data, which names the files there.
fn nothing(folder: &Path, files: &[PathBuf], left_out: &LeftOut) -> Error {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    files.iter().for_each(|file| *kinds.entry(dotted(file)).or_default() += 1);
    let mut kinds: Vec<(String, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let there: Vec<String> = kinds.iter().take(3).map(|(kind, count)| format!("{count} {kind}")).collect();
    let instead = match files {
        [] if *left_out != LeftOut::default() => left_out.to_string(),
        [] => "it has no files".to_owned(),
        [only] if super::is_understood(only) => format!("name the file in it: `{}`", only.display()),
        // Beside a text, which data sets of Hugging Face have to be read by people.
        files if files.iter().any(|file| is_parquet(file)) => {
            format!("it has {} files: `saddle pack` makes an array of Parquet files, which is read", there.join(", "))
        }
        [first, ..] if super::is_understood(first) => {
            format!("it has {} files: name one of them, such as `{}`", there.join(", "), first.display())
        }
        [first, ..] => match files.iter().find_map(|file| Some((file, elsewhere(file)?))) {
            Some((file, advice)) => format!("it has {} files, and `{}` is {advice}", there.join(", "), name(file)),
            None => format!("it has {} files, such as `{}`", there.join(", "), name(first)),
        },
    };
    Error::failure(format!("`{}` holds no images, MIDI files, IDX files or texts: {instead}", folder.display()))
}

/// The note on folders without images, which are therefore no classes.
pub(super) fn without_images(folder: &Path, classes: &[String]) -> Result<Option<String>> {
    let mut empty = vec![];
    for path in listing::folders(folder)?.into_iter().filter(|path| !classes.contains(&name(path))) {
        if !listing::files(&path, &mut LeftOut::default())?.iter().any(|file| decode::is_image(file)) {
            empty.push(name(&path));
        }
    }
    Ok((!empty.is_empty()).then(|| format!("no class, as no image lies in them: the folders `{}`", empty.join("`, `"))))
}

/// The note on classes that are named like parts.
pub(super) fn parts_as_classes(classes: &[String]) -> Option<String> {
    let parts = [&TRAIN_NAMES[..], &TEST_NAMES, &VALIDATION_NAMES].concat();
    let named: Vec<&str> =
        classes.iter().filter(|c| parts.contains(&c.to_lowercase().as_str())).map(String::as_str).collect();
    let what = "classes here, and no parts of the data: those are two folders, such as `train` and `test`";
    (!named.is_empty()).then(|| format!("`{}`: {what}", named.join("`, `")))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The names of classes in order: numeric if all are numbers, else alphabetical.
pub(super) fn in_order(names: BTreeSet<String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    let numbers: Option<Vec<u64>> = names.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some() {
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or(0));
    }
    names
}
