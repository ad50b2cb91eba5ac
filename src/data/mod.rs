//! Data sets: built in and drawn by code, or read from files: images, points, and sequences of numbers or symbols.

mod about;
mod arrays;
mod bpe;
mod cells;
mod column;
mod columns;
mod decode;
mod dialect;
mod digest;
mod digits;
mod encoding;
mod ends;
mod folder;
mod frame;
mod given;
mod header;
mod holdout;
mod idx;
mod images;
mod items;
mod labels;
mod levels;
mod limits;
mod listing;
mod looks;
mod mat;
mod midi;
mod music;
mod npy;
pub mod numpy;
mod options;
mod pack;
mod packed;
mod pictures;
mod pieces;
mod points;
mod quotes;
mod random;
mod records;
mod roles;
mod scaling;
mod seems;
mod series;
mod shapes;
mod sines;
mod statics;
mod stroke;
mod table;
mod text;
mod tokens;
mod unknown;
mod unpack;
mod windows;

use std::{path::Path, sync::Arc};

use crate::error::{Error, Result, counted};
use crate::settings::Size;
use crate::{files, memory};
use images::Images;
use options::Holds;
use random::Root;
use unknown::{UNDERSTOOD, refused, unknown};

pub use about::{About, LeftOut};
pub use arrays::MODEL;
pub use encoding::read_text;
pub use given::{Given, given, given_codes};
pub use items::{Bytes, Items};
pub use labels::{Labels, few};
pub use midi::{Tune, read_midi};
pub use music::{Chord, KEYS, Music, Note, notes, pitch_name};
pub use options::{Known, Options, Split, Wanted};
pub use pack::{Packing, pack};
pub use packed::Packed;
pub use points::{ModeScore, Modes, count_modes, modes};
pub use records::{
    Cell as TableCell, Coding, Column, Condition, Derived, FileRows, Ids, Kind, Pattern, Records, Role, Rule, Style,
    Values, normal_quantile,
};
pub use seems::{Seems, seems};
pub use series::{Columns, Roll, Series, SymbolKind, Symbols};
pub use statics::Static;
pub use tokens::{GLUE, Spelling};
pub use windows::SYMBOLS;

/// The built-in sets: the name, what it is, and a description in one line.
pub const BUILT_IN: &[(&str, Seems, &str)] = &[
    ("digits", Seems::Images, "20,000 drawn handwritten digits, 28x28 grey, ten classes"),
    ("shapes", Seems::Images, "20,000 coloured shapes on soft backgrounds, 32x32 RGB, eight classes"),
    ("ring", Seems::Array, "100,000 points from 8 Gaussians on a circle, radius 1, deviation 0.01"),
    ("grid", Seems::Array, "100,000 points from 25 Gaussians on a 5x5 grid, step 2, deviation 0.05"),
    ("sines", Seems::Series, "10,000 sequences of 24 steps of 5 sine waves, as TimeGAN's code draws them"),
    ("sines-rcgan", Seems::Series, "14,000 sequences of 30 steps of 1 sine wave, as RCGAN draws them"),
];

/// Largest side of an image, in pixels.
const MAX_SIZE: usize = 16_384;
/// Largest number of steps in a sequence.
const MAX_WINDOW: usize = 1 << 16;

/// The examples of one part of a data set.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The built-in name, or the last part of the path.
    pub name: String,
    /// Shape of one example: `[C, H, W]` for images, `[D]` for points, `[T, F]` for sequences of T steps.
    pub shape: Vec<usize>,
    /// The items, back to back. An item is an example, or a third of one if `stack` is 3.
    pub items: Items,
    /// The class of each item; `None` for data without classes.
    pub labels: Option<Labels>,
    /// 1, or 3: an RGB example consists of three grey items `[1, H, W]` drawn independently, and `shape` is `[3, H,
    /// W]`.
    pub stack: usize,
    /// Whether each item that is drawn from these images is mirrored, left to right, with probability 1/2.
    pub mirror: bool,
    /// The meaning of the features of sequences, and of the columns of points from a file; `None` for other examples.
    pub series: Option<Series>,
    /// The whole pieces that the windows of music are cut from, before any transposition; none of other data.
    pub pieces: Vec<Vec<Chord>>,
    /// How the files were understood, for the user.
    pub about: About,
}

/// Version of the code that draws the built-in sets; it changes whenever their content changes.
const DRAWN: u32 = 1;
/// Opens a built-in set by name, or a path. The ending of a path's name (case-insensitive; all but `.npz` also with
/// `.gz`) decides:
/// * an IDX file, a folder of them, or a folder of image files: images;
/// * a table, `.csv`, `.tsv`, `.tab`, `.psv` or `.dat`, a text with a setting of tables such as its separator, or a
///   folder with the tables `train` and `test`: points, rows of typed columns, or with a window sequences;
/// * `.npy`, `.npz`: images `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, sequences `[N, T, F]`, points `[N, D]`;
/// * `.txt`, `.text`, `.md`, `.markdown`, a folder of them, or a text with no ending: sequences of characters,
///   words or byte pairs;
/// * `.mid`, `.midi`, or a folder of them: melodies, or rolls of all voices;
/// * `.mat`: rolls.
///
/// IDX and NumPy images are brought to the `size` in the options: padded if this adds at most 8 pixels, else resampled.
///
/// # Errors
/// `Usage` for an unknown name or path, and for options that do not fit the set. `Failure` for files that cannot be
/// used (the message names the file and a remedy), and for data without the requested part.
pub fn open(spec: &str, options: &Options) -> Result<Dataset> {
    let why = if options.holdout > 0.0 { "there is too little to hold some out" } else { "holdout=0.1 holds some out" };
    open_part(spec, options)?.ok_or_else(|| Error::failure(format!("`{spec}` has no part to test with: {why}")))
}

/// Opens the test part: the data's own, or held-out examples. `None` if there is neither. Where the options ask for the
/// part to choose with, and the data has one, it is opened instead.
///
/// # Errors
/// Those of [`open`]. A test part that exists but is damaged is an error too.
pub fn open_test(spec: &str, options: &Options) -> Result<Option<Dataset>> {
    open_part(spec, &Options { split: Split::Test, ..options.clone() })
}

/// Opens the part that the options ask for; `None` for a test part that does not exist.
fn open_part(spec: &str, options: &Options) -> Result<Option<Dataset>> {
    check(options)?;
    let place = format!("`{spec}`");
    let source = digest::of_drawn(spec, DRAWN);
    let set = match spec {
        "ring" | "grid" => {
            options.check(&place, Holds::DrawnPoints)?;
            points::open(spec, options)?
        }
        "sines" | "sines-rcgan" => {
            options.check(&place, Holds::DrawnSequences)?;
            sines::open(spec, options)?
        }
        "digits" | "shapes" => {
            options.check(&place, Holds::DrawnImages)?;
            let (images, labels) = if spec == "digits" { digits::draw(options)? } else { shapes::draw(options)? };
            Dataset::of_images(spec.to_owned(), images, labels, About::default(), options)
        }
        _ => return Ok(open_path(spec, options)?.map(|set| set.with_classes(options))),
    };
    Ok(Some(Dataset { about: About { source, ..set.about.clone() }, ..set }.with_classes(options)))
}

/// Whether `spec` names rows, in a table of text or packed: points, or sequences if a window is set.
pub fn is_table(spec: &str, options: &Options) -> bool {
    let path = Path::new(spec);
    let is_text = text::is_text(path) && options.is_of_table() && !path.is_dir();
    let is_named = table::ENDINGS.contains(&unpack::ending(path).as_str());
    is_named || is_text || table::parts(path).is_some() || packed::holds_rows(path)
}

fn check(options: &Options) -> Result<()> {
    let is_possible = |size: &Size| [size.width, size.height].iter().all(|side| (1..=MAX_SIZE).contains(side));
    if let Some(size) = options.size.filter(|size| !is_possible(size)) {
        return Err(Error::usage(format!("image size {size} is out of range: 1 to {MAX_SIZE} pixels on a side")));
    }
    if let Some(channels) = options.channels.filter(|channels| !(1..=4).contains(channels)) {
        return Err(Error::usage(format!(
            "{channels} channels is not possible: 1 for grey, 2 for grey and alpha, 3 for RGB, 4 for RGB and alpha"
        )));
    }
    if let Some(window) = options.window.filter(|window| !(2..=MAX_WINDOW).contains(window)) {
        return Err(Error::usage(format!(
            "a window of {window} is not possible: a sequence has 2 to {MAX_WINDOW} steps"
        )));
    }
    if options.stride == Some(0) {
        return Err(Error::usage("a stride of 0 is not possible: windows begin 1 step apart or more"));
    }
    options.encoding.as_deref().map(encoding::named).transpose()?;
    match (options.stack, options.channels) {
        (1, _) | (3, None | Some(3)) => Ok(()),
        (3, Some(channels)) => {
            Err(Error::usage(format!("a stack of 3 makes RGB examples: leave out channels={channels}")))
        }
        (stack, _) => Err(Error::usage(format!("a stack of {stack} is not possible: 1 or 3"))),
    }
}

fn open_path(spec: &str, options: &Options) -> Result<Option<Dataset>> {
    let path = Path::new(spec);
    if !path.exists() {
        return Err(unknown(spec));
    }
    if table::parts(path).is_some() {
        return table::read(path, options);
    }
    if path.is_dir() {
        return folder::open(path, options);
    }
    files::regular(path).map_err(|error| unpack::unreadable(path, error))?;
    match unpack::ending(path).as_str() {
        ending if table::ENDINGS.contains(&ending) => table::read(path, options),
        ending if text::ENDINGS.contains(&ending) && options.is_of_table() => {
            let set = table::read(path, options)?;
            let said = "a table, as the settings say".to_owned();
            let with = |about: About| About { findings: [vec![said], about.findings].concat(), ..about };
            Ok(set.map(|set| Dataset { about: with(set.about.clone()), ..set }))
        }
        ending if text::ENDINGS.contains(&ending) => text::read(path, options),
        "npy" if packed::is_packed(path) => packed::open(path, options),
        "npy" | "npz" => arrays::read(path, options),
        "mid" | "midi" => midi::read(path, options),
        "mat" => mat::read(path, options),
        ending => match refused(path) {
            Some(error) => Err(error),
            None if idx::is_idx(path)? => idx::open(path, options),
            None if ending.is_empty() && encoding::is_text(path)? => text::read(path, options),
            None => {
                Err(Error::failure(format!("`{}` is of no kind that is read: data is {UNDERSTOOD}", path.display())))
            }
        },
    }
}

/// Whether `open` can read a file of this name.
fn is_understood(path: &Path) -> bool {
    let ending = unpack::ending(path);
    [&table::ENDINGS[..], &text::ENDINGS, &["npy", "npz", "mid", "midi", "mat"]].concat().contains(&ending.as_str())
}

/// At most `count` of the numbers below `len`, evenly from the first to the last.
pub fn evenly(len: usize, count: usize) -> impl Iterator<Item = usize> + Clone {
    let count = count.min(len);
    (0..count).map(move |i| i * len / count)
}

/// Brings the images to the size in the options.
fn resized(path: &Path, images: Images, options: &Options) -> Result<Images> {
    let Some(size) = options.size else {
        return Ok(images);
    };
    let len = images.channels * size.width * size.height;
    check_memory(path, "image", images.count(), len, "a smaller size")?;
    Ok(images.fit(size, options.fit))
}

/// Refuses `count` examples of `len` bytes each if they exceed the memory limit; `advice` names a remedy.
fn check_memory(path: &Path, noun: &str, count: usize, len: usize, advice: &str) -> Result<()> {
    let most = memory::most()?;
    match (count as u64).checked_mul(len as u64) {
        Some(bytes) if bytes <= most.bytes => memory::ensure(bytes),
        _ => Err(Error::failure(format!(
            "{} of {} from `{}` take more than {most}: ask for {advice}",
            counted(count, noun),
            counted(len, "byte"),
            path.display(),
        ))),
    }
}

fn product(extents: &[usize]) -> String {
    extents.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// The last part of a path. `.` and `..` are resolved first.
fn set_name(path: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    name(path).or_else(|| name(&path.canonicalize().ok()?)).unwrap_or_else(|| path.display().to_string())
}

impl Dataset {
    fn of_images(name: String, images: Images, labels: Option<Labels>, about: About, options: &Options) -> Self {
        let channels = if options.stack == 3 { 1 } else { options.channels.unwrap_or(images.channels) };
        let images = images.with_channels(channels);
        Self {
            name,
            shape: vec![channels * options.stack, images.height, images.width],
            items: Items::Bytes(images.pixels.into()),
            labels,
            stack: options.stack,
            mirror: options.mirror && options.split == Split::Train,
            series: None,
            pieces: vec![],
            about,
        }
    }

    /// The set as the options ask for it: with its classes, or without.
    fn with_classes(self, options: &Options) -> Self {
        Self { labels: self.labels.filter(|_| options.classes), ..self }
    }

    /// A set of points `[D]`, or, given a series, of sequences `[T, F]` or points with columns; without labels.
    fn of_floats(name: String, shape: Vec<usize>, values: Vec<f32>, series: Option<Series>) -> Self {
        Self {
            name,
            shape,
            items: Items::Floats(values.into()),
            labels: None,
            stack: 1,
            mirror: false,
            series,
            pieces: vec![],
            about: About::default(),
        }
    }

    /// Sequences of `window` symbols, which begin at these places of the pieces, one after the other.
    fn of_symbols(name: String, window: usize, pieces: Vec<Vec<u16>>, starts: Vec<u32>, symbols: Symbols) -> Self {
        let mut ids = Vec::with_capacity(2 * pieces.iter().map(Vec::len).sum::<usize>());
        for piece in pieces {
            ids.extend(piece.into_iter().flat_map(u16::to_le_bytes));
        }
        Self {
            shape: vec![window, symbols.names.len()],
            items: Items::Symbols { ids: ids.into(), starts: starts.into() },
            ..Self::of_floats(name, vec![], vec![], Some(Series::Symbols(symbols)))
        }
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        match &self.items {
            Items::Bytes(bytes) => bytes.len() / self.item_len(),
            Items::Symbols { starts, .. } => starts.len(),
            Items::Floats(floats) => floats.len() / self.item_len(),
            Items::File(packed) => packed.len(),
        }
    }

    /// Keeps the first `len` items, or all if there are fewer. They have to be in memory.
    pub fn truncate(&mut self, len: usize) {
        let (elements, count) = (len * self.item_len(), self.len());
        match &mut self.items {
            Items::Bytes(bytes) => *bytes = bytes[..elements.min(bytes.len())].to_vec().into(),
            Items::Symbols { starts, .. } => Arc::make_mut(starts).truncate(len),
            Items::Floats(floats) => Arc::make_mut(floats).truncate(elements),
            Items::File(_) => panic!("{}", items::IN_FILE),
        }
        self.labels.iter_mut().for_each(|labels| labels.ids.truncate(len));
        let each = self.about.rows.len() / count.max(1);
        self.about.rows.truncate(len * each);
        self.about.names.truncate(len);
    }

    /// Whether there are no items. A set from [`open`] is never empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape of an example as it is stored and as models read it: that of its values, or `[T]` numbers of symbols.
    pub fn values(&self) -> &[usize] {
        if let Items::Symbols { .. } = self.items { &self.shape[..1] } else { &self.shape }
    }

    /// Number of values of one item: those of an example divided by `stack`.
    pub fn item_len(&self) -> usize {
        self.values().iter().product::<usize>() / self.stack
    }

    /// The symbols of item `i`; none for items of numbers.
    pub fn symbols(&self, i: usize) -> Option<&[u16]> {
        let Items::Symbols { starts, .. } = &self.items else { return None };
        self.text().map(|text| &text[starts[i] as usize..][..self.item_len()])
    }

    /// All symbols of which the items are windows, one text after the other; none for items of numbers.
    pub fn text(&self) -> Option<&[u16]> {
        let Items::Symbols { ids, .. } = &self.items else { return None };
        // The bytes lie where words do, and numbers are stored as the processors of today have them.
        const { assert!(cfg!(target_endian = "little")) };
        Some(bytemuck::cast_slice(ids))
    }

    /// The part of the text from the first of these items to the end of the last; `None` without items of symbols.
    pub fn covered(&self, items: &[usize]) -> Option<&[u16]> {
        let Items::Symbols { starts, .. } = &self.items else { return None };
        let [first, last] = [items.first()?, items.last()?].map(|&i| starts[i] as usize);
        self.text().map(|text| &text[first..last + self.item_len()])
    }

    /// At most `count` items, evenly from the first to the last.
    pub fn evenly(&self, count: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        evenly(self.len(), count)
    }

    /// The mean number of symbols of these items up to their end, and of the characters that these spell; the steps of
    /// a roll are both. `None` for items of numbers.
    pub fn spelled(&self, items: impl Iterator<Item = usize> + Clone) -> Option<[f64; 2]> {
        let mean = |of: &dyn Fn(usize) -> Option<usize>| {
            Some(items.clone().map(of).sum::<Option<usize>>()? as f64 / items.clone().count() as f64)
        };
        if self.is_roll() {
            return mean(&|i| Some(self.steps(i))).map(|steps| [steps; 2]);
        }
        let Some(Series::Symbols(symbols)) = &self.series else { return None };
        let mean = |of: &dyn Fn(&[u16]) -> usize| mean(&|i| self.symbols(i).map(of));
        Some([mean(&|item| symbols.counted(item).len())?, mean(&|item| symbols.characters(item))?])
    }

    /// Steps of the roll `i` before the silence that fills it up, whose keys are neither 0 nor 1.
    fn steps(&self, i: usize) -> usize {
        self.item(i).chunks_exact(self.shape[1]).take_while(|keys| [0.0, 1.0].contains(&keys[0])).count()
    }

    /// Whether all steps of item `i` count.
    pub fn is_full(&self, i: usize) -> bool {
        !self.is_roll() || self.steps(i) == self.shape[0]
    }

    /// Whether the items are rolls, whose keys are 0 or 1.
    pub fn is_roll(&self) -> bool {
        matches!(self.series, Some(Series::Roll(_)))
    }

    /// The number of classes; 0 without labels.
    pub fn classes(&self) -> usize {
        self.labels.as_ref().map_or(0, |labels| labels.names.len())
    }

    /// The bytes of the items, which have to be in memory, and of their classes, for digests.
    pub fn content(&self) -> [&[u8]; 2] {
        let items = match &self.items {
            Items::Bytes(bytes) | Items::Symbols { ids: bytes, .. } => &bytes[..],
            Items::Floats(floats) => bytemuck::cast_slice(&floats[..]),
            Items::File(_) => panic!("{}", items::IN_FILE),
        };
        [items, self.labels.as_ref().map_or(&[], |labels| bytemuck::cast_slice(&labels.ids))]
    }

    /// Indices of the items that make up example `i`: `i` itself, or in a stacked set three that are drawn
    /// independently.
    pub fn members(&self, i: usize) -> Vec<usize> {
        let mut stream = Root::new("stack", 0, Split::Train).stream(i);
        if self.stack == 1 { vec![i] } else { (0..self.stack).map(|_| stream.below(self.len())).collect() }
    }

    /// Example `i`, flat in the order of `shape`; pixels are in -1 to 1. For tests and evaluation: training reads
    /// `items`.
    ///
    /// # Panics
    /// If `i` is not below `len()`.
    pub fn example(&self, i: usize) -> Vec<f32> {
        self.members(i).into_iter().flat_map(|i| self.item(i)).collect()
    }

    /// Item `i`, flat, `item_len()` values; pixels are in -1 to 1, symbols are their numbers.
    ///
    /// # Panics
    /// If `i` is not below `len()`.
    pub fn item(&self, i: usize) -> Vec<f32> {
        let len = self.item_len();
        match &self.items {
            Items::Bytes(bytes) if self.is_roll() => {
                bytes[i * len..][..len].iter().map(|&b| f32::from(b) / 255.0).collect()
            }
            Items::Bytes(bytes) => bytes[i * len..][..len].iter().map(|&b| f32::from(b) / 127.5 - 1.0).collect(),
            Items::Floats(floats) => floats[i * len..][..len].to_vec(),
            Items::Symbols { .. } => self.symbols(i).unwrap_or_default().iter().map(|&id| id.into()).collect(),
            Items::File(packed) => packed.item(i),
        }
    }
}
