//! The meaning of NumPy arrays: the names of members determine examples and labels, shape and type determine the
//! layout, and values the levels.

mod piece;

use std::path::Path;

use super::columns::joined;
use super::images::Images;
use super::labels::classes;
use super::levels::{Levels, darkness};
use super::npy::{self, Array, Npz};
use super::options::Holds;
use super::scaling::{self, in_every_row};
use super::{
    About, Dataset, Labels, Options, Series, Split, Wanted, digest, holdout, product, resized, set_name, unpack,
};
use crate::error::{Error, Result, counted};
use crate::settings::{Layout, Range, Scale};

pub(super) use piece::{piece, settled};

/// An axis of at most this extent holds channels: no image is so narrow.
const MAX_CHANNELS: usize = 4;
/// Lower-case names, without the part, of members that hold examples and of those that hold labels; earlier names win.
const EXAMPLES: [&str; 12] =
    ["x", "data", "images", "image", "imgs", "img", "samples", "examples", "inputs", "input", "features", "arr_0"];
const LABELS: [&str; 11] =
    ["y", "labels", "label", "targets", "target", "classes", "class", "lab", "labs", "class_id", "class_ids"];
/// Lower-case names, without the part, of members that name the examples.
const NAMES: [&str; 2] = ["names", "name"];
/// The member of codes that says which model made them.
pub const MODEL: &str = "model";
/// Words for parts at the beginning or the end of members' names; longer words first.
const TRAIN_WORDS: [&str; 2] = ["training", "train"];
const TEST_WORDS: [&str; 2] = ["testing", "test"];
const VALIDATION_WORDS: [&str; 3] = ["validation", "valid", "val"];

/// The examples in an npy file (gzipped or not) or an npz file; `None` for a test part that does not exist.
///
/// * `[N, D]`: points;
/// * `[N, T, F]`: sequences, scaled by column like points; or
/// * `[N, H, W]`: grey images, if the options want images;
/// * `[N, H, W, C]` or `[N, C, H, W]`: images of any number of channels below that of rows and columns.
pub(super) fn read(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let name = set_name(path);
    if unpack::ending(path) == "npy" {
        if holdout::is_empty(options) {
            return Ok(None);
        }
        let array = npy::read(path)?;
        let set = Reading { options, name, about: About::default(), learned: None, holds_out: true }.of(array, None)?;
        return Ok(holdout::part(set, options));
    }
    let mut npz = Npz::open(path)?;
    let members = Members::of(&npz.names, path)?;
    let has_test = options.parts && members.test.is_some();
    if !has_test && holdout::is_empty(options) {
        return Ok(None);
    }
    let chosen = match (options.split, &members.test) {
        (Split::Test, Some(test)) if has_test => test,
        _ => &members.train,
    };
    let mut about = About { part: members.said(chosen, has_test), ..About::default() };
    for unused in members.unused(&npz.names, has_test) {
        about.left_out.add("members", unused);
    }
    let is_second = has_test && options.split == Split::Test;
    let mut labels_of = |npz: &mut Npz, part: &Part| -> Result<Option<Array>> {
        let read = part.labels.as_ref().map(|labels| npz.numbers(labels)).transpose()?;
        // Labels may be names, for example; examples are usable without labels.
        let usable =
            |read: Result<Array, String>| read.map_err(|why| about.notes.push(format!("{why}; it is not used"))).ok();
        Ok(read.and_then(usable))
    };
    let labels = labels_of(&mut npz, chosen)?;
    let learned = if is_second {
        Some(Learned { labels: labels_of(&mut npz, &members.train)?, array: npz.member(&members.train.examples)? })
    } else {
        None
    };
    let array = npz.member(&chosen.examples)?;
    if let Some(names) = chosen.names.as_ref().filter(|_| options.known.is_some()) {
        about.names = npz.texts(names)?;
        if about.names.len() != array.shape[0] {
            let (count, examples) = (about.names.len(), array.shape[0]);
            return Err(Error::failure(format!("`{}` has {count} `{names}` for {examples} examples", path.display())));
        }
    }
    let set = Reading { options, name, about, learned, holds_out: !has_test }.of(array, labels)?;
    Ok(if has_test { Some(set) } else { holdout::part(set, options) })
}

/// The members of one part.
#[derive(Clone)]
struct Part {
    examples: String,
    labels: Option<String>,
    names: Option<String>,
}

/// The members of an npz file by their meaning.
struct Members {
    train: Part,
    test: Option<Part>,
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    None,
    Train,
    Test,
    Validation,
}

/// A member's name in lower case without the word for its part, and that word.
fn stem(name: &str) -> (String, Word) {
    let name = name.to_lowercase();
    let words = [
        (Word::Train, TRAIN_WORDS.as_slice()),
        (Word::Test, TEST_WORDS.as_slice()),
        (Word::Validation, VALIDATION_WORDS.as_slice()),
    ];
    let separators = ['_', '-', '.', ' '];
    for (part, words) in words {
        for word in words {
            if let Some(rest) = name.strip_prefix(word).or_else(|| name.strip_suffix(word)) {
                return (rest.trim_matches(separators).to_owned(), part);
            }
        }
    }
    (name, Word::None)
}

impl Members {
    fn of(names: &[String], path: &Path) -> Result<Self> {
        let find = |part: Word, wanted: &[&str]| {
            wanted.iter().find_map(|wanted| names.iter().find(|name| stem(name) == ((*wanted).to_owned(), part)))
        };
        let (labels, names_of) = (|part| find(part, &LABELS).cloned(), |part| find(part, &NAMES).cloned());
        let part = |part: Word| {
            find(part, &EXAMPLES).map(|examples| Part {
                examples: examples.clone(),
                labels: labels(part),
                names: names_of(part),
            })
        };
        let (train, test, validation) = (part(Word::Train), part(Word::Test), part(Word::Validation));
        let is_label = |name: &&String| LABELS.contains(&stem(name).0.as_str());
        let is_other = |name: &&String| !is_label(name) && !NAMES.contains(&stem(name).0.as_str());
        let others: Vec<&String> = names.iter().filter(is_other).collect();
        let only = || match others.as_slice() {
            [only] => Some(Part { examples: (*only).clone(), labels: labels(Word::None), names: names_of(Word::None) }),
            _ => None,
        };
        let train = train.or_else(|| part(Word::None)).or_else(only).ok_or_else(|| {
            Error::failure(format!(
                "`{}` must say which of its members holds the examples by the name `x` (members: {})",
                path.display(),
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            ))
        })?;
        Ok(Self { train, test: test.or(validation) })
    }

    fn said(&self, chosen: &Part, has_test: bool) -> String {
        let labelled = |part: &Part| match &part.labels {
            Some(labels) => format!("{} with {labels}", part.examples),
            None => part.examples.clone(),
        };
        match &self.test {
            Some(test) if has_test && chosen.examples == self.train.examples => {
                format!("{}, beside {} to measure with", labelled(chosen), test.examples)
            }
            Some(_) if has_test => format!("{}, beside {} to learn from", labelled(chosen), self.train.examples),
            _ => labelled(chosen),
        }
    }

    fn unused<'a>(&self, names: &'a [String], has_test: bool) -> impl Iterator<Item = &'a String> {
        let parts = [Some(&self.train), self.test.as_ref().filter(|_| has_test)].into_iter().flatten();
        let used: Vec<String> =
            parts.flat_map(|p| [Some(p.examples.clone()), p.labels.clone(), p.names.clone()]).flatten().collect();
        names.iter().filter(move |name| !used.contains(name) && *name != MODEL)
    }
}

/// The array and labels of the training part, which the test part takes its scales and classes from.
struct Learned {
    array: Array,
    labels: Option<Array>,
}

/// The reading of one array of examples.
struct Reading<'a> {
    options: &'a Options,
    name: String,
    about: About,
    learned: Option<Learned>,
    /// Whether examples are held out later; the scales of columns are then computed without them.
    holds_out: bool,
}

/// How an array is laid out.
#[derive(Clone, Copy)]
enum Form {
    Points { size: usize },
    Sequences { steps: usize, features: usize },
    Images { channels: usize, height: usize, width: usize, is_planar: bool },
}

impl Form {
    fn holds(self) -> Holds {
        match self {
            Self::Points { .. } => Holds::Points,
            Self::Sequences { .. } => Holds::Sequences,
            Self::Images { .. } => Holds::Images,
        }
    }

    fn noun(self) -> String {
        match self {
            Self::Points { size } => format!("points of {}", counted(size, "value")),
            Self::Sequences { steps, features } => {
                format!("sequences of {} of {}", counted(steps, "step"), counted(features, "value"))
            }
            Self::Images { height, width, .. } => format!("images of {width}x{height}"),
        }
    }
}

impl Reading<'_> {
    /// Refuses a test part whose examples differ in shape from the training part's; images may differ if the options
    /// set a size.
    fn check_alike(&self, form: Form, array: &Array) -> Result<()> {
        let Some(Learned { array: learned, .. }) = &self.learned else { return Ok(()) };
        let other = self::form(learned, self.options)?;
        let are_sized = self.options.size.is_some() && (form.holds(), other.holds()) == (Holds::Images, Holds::Images);
        if are_sized || form.noun() == other.noun() {
            return Ok(());
        }
        Err(Error::failure(format!(
            "{} has {}, and {} has {}: the part to test with must be like the one to learn from",
            array.place,
            form.noun(),
            learned.place,
            other.noun()
        )))
    }

    fn of(self, array: Array, labels: Option<Array>) -> Result<Dataset> {
        self.read(array, labels)?.without_unknown_classes()
    }

    fn read(mut self, array: Array, labels: Option<Array>) -> Result<Dataset> {
        let form = form(&array, self.options)?;
        self.options.check(&array.place, form.holds())?;
        self.check_alike(form, &array)?;
        self.about.source = digest::of_files([Some(&array), labels.as_ref()].into_iter().flatten().map(|a| &a.file));
        array.check_finite()?;
        let labels = self.labels(labels, array.shape[0])?;
        match form {
            Form::Points { size } => self.numbers(&array, &[size], labels),
            Form::Sequences { steps, features } => self.numbers(&array, &[steps, features], labels),
            Form::Images { channels, height, width, is_planar } => {
                let layout = if is_planar { "channels first" } else { "channels last" };
                if array.shape.len() == 4 {
                    self.about.findings.push(layout.to_owned());
                }
                let place = array.place.clone();
                let pixels = self.pixels(array)?;
                let pixels = if is_planar { pixels } else { planar(&pixels, height * width, channels) };
                let images = Images { pixels, channels, height, width };
                let wanted = match &self.learned {
                    Some(learned) => channels_of(&learned.array, self.options)?,
                    None => self.options.channels.unwrap_or(channels),
                };
                if wanted != channels && wanted.max(channels) > 4 {
                    return Err(Error::usage(format!(
                        "{place} has {channels} channels, which cannot become {wanted}: only grey, RGB and their alpha \
                         turn into each other"
                    )));
                }
                let images = images.with_channels(wanted);
                let images = resized(Path::new(&self.name), images, self.options)?;
                Ok(Dataset::of_images(self.name, images, labels, self.about, self.options))
            }
        }
    }

    /// Points `[D]`, or sequences `[T, F]`; each column is scaled by its values in the training part, held-out examples
    /// aside.
    fn numbers(mut self, array: &Array, shape: &[usize], labels: Option<Labels>) -> Result<Dataset> {
        let is_series = shape.len() == 2;
        if let Some(Series::Columns(columns)) = self.options.known_series() {
            let columns = columns.clone();
            if columns.names.len() != shape[shape.len() - 1] {
                let (found, wanted) = (shape[shape.len() - 1], columns.names.len());
                return Err(Error::usage(format!("{} has {found} columns, and the model {wanted}", array.place)));
            }
            let values: Vec<f64> = array.values().collect();
            let seen = values.chunks_exact(columns.names.len()).flat_map(|row| columns.seen(row.iter().copied()));
            let values = seen.collect();
            let series = Some(Series::Columns(columns));
            return Ok(Dataset {
                labels,
                about: self.about,
                ..Dataset::of_floats(self.name, shape.to_vec(), values, series)
            });
        }
        let (len, width) = (shape.iter().product::<usize>(), shape[shape.len() - 1]);
        let learned = self.learned.as_ref().map_or(array, |learned| &learned.array);
        let count = learned.shape[0];
        let is_held = if self.holds_out { holdout::held(count, is_series, self.options) } else { vec![false; count] };
        let rows = (0..count).filter(|i| !is_held[*i]);
        let scale = self.options.scale_of(is_series);
        let mut ends =
            scaling::ends(width, rows.clone().flat_map(|i| (0..len).map(move |k| learned.at(i * len + k))), scale);
        let first = rows.clone().next().unwrap_or(0) * len;
        let constant: Vec<usize> = (0..width).filter(|i| ends[*i].is_none()).collect();
        let shown = constant.iter().map(|i| format!("`x{i}` ({})", in_every_row(learned.at(first + i)))).collect();
        let shown = joined(shown);
        if constant.len() == width {
            return Err(Error::failure(format!("{} has nothing to learn: {shown}", array.place)));
        }
        if !constant.is_empty() {
            // The position of a column in an array is its name, so constant columns stay.
            let note = format!("{}: kept for their places only: {shown}", array.place);
            self.about.notes.push(note);
            constant.iter().for_each(|&i| ends[i] = Some([0.0, 1.0].map(|end| learned.at(first + i) + end)));
        }
        let decimals = learned.decimals();
        let (_, columns) = scaling::kept((0..width).map(|i| (format!("x{i}"), decimals)), &ends);
        if scale != Scale::None {
            self.about.findings.push(format!("columns scaled for the model (scale={})", scale.word()));
        }
        let rows = array.shape[0] * len / width;
        let mut values = Vec::with_capacity(rows * width);
        for row in 0..rows {
            values.extend(columns.seen((0..width).map(|i| array.at(row * width + i))));
        }
        let series = Some(Series::Columns(columns));
        Ok(Dataset { labels, about: self.about, ..Dataset::of_floats(self.name, shape.to_vec(), values, series) })
    }

    /// The pixels as bytes, in the order of the array.
    fn pixels(&mut self, array: Array) -> Result<Vec<u8>> {
        let learned = self.learned.as_ref().map(|learned| &learned.array);
        let other = learned.filter(|learned| learned.is_whole() != array.is_whole());
        let reference = learned.filter(|_| other.is_none()).unwrap_or(&array);
        let range = self.options.range;
        let known = self.options.known.as_ref().and_then(|known| Levels::known(&known.range));
        let levels = match known {
            Some(levels) => levels,
            None => Levels::of(&reference.place, reference.values(), reference.is_whole(), range)?,
        };
        if let Some(other) = other {
            self.about.notes.push(format!(
                "{} and {} are of different types, of whole numbers and of others: each is read by its own range",
                array.place, other.place
            ));
        }
        if range.is_some_and(|range| range != Range::Data) || learned.is_some() {
            let beyond = array.values().filter(|value| *value < levels.black || *value > levels.white).count();
            let count = array.values().count();
            let note =
                format!("{beyond} of {count} values lie beyond {}..{} and are cut off", levels.black, levels.white);
            if learned.is_some() && range.is_none() && beyond > count / 2 {
                return Err(Error::failure(format!(
                    "{}: {note}, the range of {}: save both in one range",
                    array.place, reference.place
                )));
            }
            self.about.notes.extend((beyond > 0).then_some(note));
        }
        let is_plain = (levels.black, levels.white) == (0.0, 255.0);
        let pixels = match if is_plain { array.into_bytes() } else { Err(array) } {
            Ok(bytes) => bytes,
            Err(array) => array.values().map(|value| levels.byte(value)).collect(),
        };
        self.about.range = levels.said;
        if range.is_none() {
            self.about.notes.extend(darkness(&pixels));
        }
        Ok(pixels)
    }

    /// One class for each different label, in order; a test part has the classes of the training part.
    fn labels(&mut self, labels: Option<Array>, examples: usize) -> Result<Option<Labels>> {
        let Some(labels) = labels else { return Ok(None) };
        let place = &labels.place;
        if labels.shape[0] != examples {
            return Err(Error::failure(format!(
                "{place} has the shape [{}], but {examples} examples need [{examples}] labels",
                product(&labels.shape)
            )));
        }
        let few = self.options.few_labels;
        let missing = |value: f64| value.is_nan() || few && value == -1.0;
        let known = match &self.learned {
            None => classes(&labels, missing),
            Some(Learned { labels: Some(learned), .. }) => {
                classes(&labels, missing).and_then(|_| classes(learned, missing))
            }
            Some(Learned { labels: None, .. }) => Err("the part to learn from has no labels".to_owned()),
        };
        match known {
            Err(why) => {
                self.about.notes.push(format!("{place} is not used: {why}"));
                Ok(None)
            }
            Ok(known) => {
                let unknown = known.len() as u32; // which is left out later
                let id = |value: f64| match known.binary_search(&(value as i64)) {
                    _ if missing(value) => Labels::NONE,
                    found => found.map_or(unknown, |id| id as u32),
                };
                let names = known.iter().map(i64::to_string).collect();
                Ok(Some(Labels { ids: labels.values().map(id).collect(), names }))
            }
        }
    }
}

/// The layout of the array, by its shape and by the options.
fn form(array: &Array, options: &Options) -> Result<Form> {
    let (shape, place) = (array.shape.as_slice(), &array.place);
    let sequences = match (options.layout, options.wanted) {
        (Some(layout), _) => layout == Layout::Sequences,
        (None, Wanted::Any) => !array.is_bytes(),
        (None, wanted) => wanted == Wanted::Sequences,
    };
    Ok(match *shape {
        [_, size] => Form::Points { size },
        [_, steps, features] if sequences => Form::Sequences { steps, features },
        [count, height, width] => {
            let is_one_image = width <= MAX_CHANNELS && count.min(height) > MAX_CHANNELS && options.layout.is_none();
            if is_one_image {
                return Err(Error::failure(format!(
                    "{place} has the shape {}, that of one image of {height}x{count} with {width} channels, or of \
                     sequences, which lstm-gan learns: images are [N, H, W] or [N, H, W, C], and layout=images takes \
                     it for {count} grey images of {width}x{height}",
                    product(shape)
                )));
            }
            Form::Images { channels: 1, height, width, is_planar: true }
        }
        [_, a, b, c] => {
            let first = Form::Images { channels: a, height: b, width: c, is_planar: true };
            let last = Form::Images { channels: c, height: a, width: b, is_planar: false };
            match ([a, c].map(|extent| extent <= MAX_CHANNELS), [a < b.min(c), c < a.min(b)]) {
                // Both layouts are possible: take the one whose images are closer to square.
                ([true, true], _) => {
                    if b.abs_diff(c) < a.abs_diff(b) {
                        first
                    } else {
                        last
                    }
                }
                ([_, true], _) | ([false, false], [false, true]) => last,
                ([true, false], _) | ([false, false], [true, false]) => first,
                _ => return Err(no_form(array)),
            }
        }
        _ => return Err(no_form(array)),
    })
}

fn no_form(array: &Array) -> Error {
    Error::failure(format!(
        "{} has the shape {}: points are [N, D], sequences [N, T, F], images [N, H, W], [N, H, W, C] or [N, C, H, W], \
         with fewer channels C than rows and columns",
        array.place,
        product(&array.shape)
    ))
}

/// The channels of an array of images.
fn channels_of(array: &Array, options: &Options) -> Result<usize> {
    Ok(match form(array, options)? {
        Form::Images { channels, .. } => channels,
        _ => 1,
    })
}

/// `[N, plane, C]` as `[N, C, plane]`.
fn planar(pixels: &[u8], plane: usize, channels: usize) -> Vec<u8> {
    let image = |image: &'_ [u8]| {
        let channel = |channel| image.iter().skip(channel).step_by(channels).copied().collect::<Vec<u8>>();
        (0..channels).flat_map(channel).collect::<Vec<u8>>()
    };
    pixels.chunks_exact(plane * channels).flat_map(image).collect()
}
