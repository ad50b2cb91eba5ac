//! Before a session: opening the data and the device, and checking a checkpoint against both.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    checkpoint::{Checkpoint, NEWEST_FORMAT, Tensor},
    cpu::Cpu,
    data::{self, Columns, Dataset, Items, Series, Split, Wanted},
    engine::Plans,
    error::{Error, Result},
    gpu::{self, Choice},
    kernels::{
        Caps,
        gather::{DataLayout, Elements},
    },
    memory::{self, mib},
    models::{self, Examples, Kind, Model},
    runner::Runner,
    settings::{Order, Settings, Size},
};

/// Memory for threads and small allocations in addition to the plans; 3 to 10 MiB were measured.
const PROCESS_BYTES: u64 = 12 << 20;
/// Default number of rows of a table's sequences, as in TimeGAN's experiments.
const WINDOW: usize = 24;

/// Opens the training part of the data set that the settings name.
pub fn open_data(s: &Settings) -> Result<Dataset> {
    data::open(&s.data, &data_options(s, Split::Train))
}

/// Opens the held-out part of the data set that the settings name; `None` if it has none.
///
/// # Errors
/// A part that exists and cannot be used.
pub fn open_held_out(s: &Settings) -> Result<Option<Dataset>> {
    data::open_test(&s.data, &data_options(s, Split::Test))
}

/// Opens the part to choose a checkpoint with; of data without one of its own what [`open_held_out`] opens.
///
/// # Errors
/// A part that exists and cannot be used.
pub fn open_validation(s: &Settings) -> Result<Option<Dataset>> {
    data::open_test(&s.data, &data::Options { chooses: true, ..data_options(s, Split::Test) })
}

/// The options with which to read the data of these settings.
pub fn data_options(s: &Settings, split: Split) -> data::Options {
    let sequences = models::variant(&s.variant).is_ok_and(|variant| variant.kind == Kind::Sequences);
    let options = data::Options {
        size: s.size,
        fit: s.fit,
        channels: s.channels,
        alpha: s.alpha,
        mirror: s.mirror,
        stack: s.stack,
        window: s.window,
        stride: s.stride,
        stream: s.stream.or((s.order == Order::Blocks).then_some(true)),
        seed: 0, // drawn sets are the same whatever the seed of the run
        split,
        chooses: false,
        wanted: if sequences { Wanted::Sequences } else { Wanted::Single },
        layout: s.layout,
        parts: s.split,
        classes: s.classes,
        holdout: s.holdout,
        range: s.range,
        header: s.header,
        separator: s.separator,
        decimal: s.decimal,
        columns: s.columns.clone(),
        group: s.group.clone(),
        statics: s.statics,
        encode: s.encode,
        types: s.types.clone(),
        derive: s.derive,
        missing: s.missing.clone(),
        levels: s.levels,
        rare: s.rare,
        by_value: s.by_value,
        few_labels: s.labelled > 0,
        scale: s.scale,
        tokens: s.tokens,
        vocabulary: s.vocabulary,
        lines: s.lines,
        encoding: s.encoding.clone(),
        voices: s.voices,
        steps_per_beat: s.steps_per_beat,
        transpose: s.transpose,
        known: None,
    };
    let window = options.window.or((sequences && data::is_table(&s.data, &options)).then_some(WINDOW));
    data::Options { window, ..options }
}

/// The options with which to read any data for a model that learned from such examples, whose grey levels were found to
/// lie in `range`: by their size, alphabet and scales. Nothing is held out.
pub fn known_options(s: &Settings, examples: &Examples, range: &str, split: Split) -> data::Options {
    let options = data_options(s, split);
    let names = |columns: &Columns| {
        let quoted = columns.names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
        quoted.collect::<Vec<_>>().join(",")
    };
    let (size, channels, window) = match examples.shape[..] {
        // Arrays with more channels than colours and alpha have them as they are.
        [channels, height, width] => {
            (Some(Size { width, height }), (s.stack == 1 && channels <= 4).then_some(channels), None)
        }
        [steps, _] => (None, None, Some(steps)),
        _ => (None, None, None),
    };
    let columns = match &examples.series {
        Some(Series::Columns(columns)) => Some(names(columns)),
        _ => options.columns.clone(),
    };
    let known = Some(data::Known { series: examples.series.clone(), range: range.to_owned() });
    data::Options { size: size.or(s.size), channels, window, columns, transpose: false, known, ..options }
}

/// The shape, classes and series of a data set, as a model needs them.
pub fn examples(dataset: &Dataset) -> Examples {
    Examples { shape: dataset.shape.clone(), classes: dataset.classes(), series: dataset.series.clone() }
}

/// Largest extent, and largest number of values, of an example that a checkpoint may declare.
const MAX_EXTENT: usize = 1 << 20;
const MAX_VALUES: usize = 1 << 26;
/// Largest number of classes that a checkpoint may declare.
const MAX_CLASSES: usize = 1 << 16;

/// The examples that a checkpoint's model was trained on.
///
/// # Errors
/// A format of a later version; a shape, classes or series that no data set has.
pub fn examples_of(checkpoint: &Checkpoint) -> Result<Examples> {
    let format = checkpoint.format()?;
    if !(1..=NEWEST_FORMAT).contains(&format) {
        return Err(Error::failure(format!(
            "the checkpoint has format {format}, and this version knows 1 to {NEWEST_FORMAT}"
        )));
    }
    let text: String = checkpoint.meta("shape")?;
    let shape: Result<Vec<usize>, _> = text.split('x').take(4).map(str::parse).collect();
    let is_fit = |shape: &Vec<usize>| {
        let values = shape.iter().try_fold(1usize, |values, extent| values.checked_mul(*extent));
        let extents = shape.iter().all(|extent| (1..=MAX_EXTENT).contains(extent));
        shape.len() <= 3 && extents && values.is_some_and(|values| values <= MAX_VALUES)
    };
    let wrong = |key: &str, why: &str| Error::failure(format!("the checkpoint's `{key}` cannot be right: {why}"));
    let shape = shape.ok().filter(is_fit).ok_or_else(|| {
        wrong("shape", &format!("`{:.40}` is not 1 to 3 extents of {MAX_VALUES} values together at most", text))
    })?;
    let classes: usize = checkpoint.meta("classes")?;
    if classes > MAX_CLASSES {
        return Err(wrong("classes", &format!("{classes} is more than {MAX_CLASSES}")));
    }
    let series: String = checkpoint.meta("series")?;
    let series: Option<Series> =
        serde_json::from_str(&series).map_err(|e| Error::failure(format!("the checkpoint's `series`: {e}")))?;
    if let Some(series) = &series {
        let (names, features) = (series.names(), *shape.last().unwrap_or(&0));
        let ranged = |columns: &Columns| {
            let are_features = columns.statics.iter().all(|one| one.features().end <= features);
            are_features && [&columns.zero, &columns.one].iter().all(|range| range.len() == features)
        };
        if names.len() != features || matches!(series, Series::Columns(columns) if !ranged(columns)) {
            return Err(wrong("series", &format!("it is not of {features} features")));
        }
        if matches!(series, Series::Symbols(symbols) if symbols.end.is_some_and(|end| usize::from(end) >= features)) {
            return Err(wrong("series", "its end is none of its symbols"));
        }
        if let Series::Table(records) = series {
            records.check().map_err(|e| wrong("series", &e.to_string()))?;
        }
        if series.music().is_some_and(|music| !music.is_possible()) {
            return Err(wrong("series", "music has steps, a tempo and a metre"));
        }
    }
    Ok(Examples { shape, classes, series })
}

/// Gives a checkpoint of an earlier format the states of this version: turned tables, and the number of Adam's
/// updates of each group, counted from the steps of the phases. Earlier versions moved the moments of a network in
/// every round, also where it skipped its update.
///
/// # Errors
/// A checkpoint without its step or with an unreadable format.
pub fn upgrade(checkpoint: &mut Checkpoint, model: &Model) -> Result<()> {
    let format = checkpoint.format()?;
    if format < 4 {
        turn_tables(checkpoint, model);
    }
    if format >= 3 {
        return Ok(());
    }
    let (step, mut begin) = (checkpoint.meta::<u64>("step")?, 0);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for phase in &model.phases {
        let rounds = step.min(phase.until).saturating_sub(begin);
        begin = phase.until;
        for name in phase.round.counted_updates() {
            *counts.entry(name).or_default() += rounds;
        }
    }
    let tensor = |count: u64| Tensor { shape: vec![1], data: vec![count as f32] };
    checkpoint.tensors.extend(counts.into_iter().map(|(name, count)| (name, tensor(count))));
    Ok(())
}

/// Turns the weights of layers whose inputs are symbols, `[units, symbols]`, and their moments, into the tables
/// `[symbols, units]` that they are since format 4.
fn turn_tables(checkpoint: &mut Checkpoint, model: &Model) {
    let groups = model.phases.iter().flat_map(|phase| phase.round.groups());
    for (group, item) in groups.flat_map(|group| group.items.into_iter().map(move |item| (group.name.clone(), item))) {
        let Some(layer) = item.name.strip_suffix(".table") else { continue };
        let (of_group, weight) = (format!("{group}."), format!("{layer}.weight"));
        let is_weight = |name: &&String| name.starts_with(&of_group) && name.ends_with(&weight);
        for name in checkpoint.tensors.keys().filter(is_weight).cloned().collect::<Vec<_>>() {
            let Some(Tensor { shape, data }) = checkpoint.tensors.remove(&name) else { continue };
            let &[units, symbols] = shape.as_slice() else { continue };
            let mut data: Vec<f32> = (0..symbols).flat_map(|n| data.iter().skip(n).step_by(symbols).copied()).collect();
            // What stands before the first symbol was no input.
            data.resize(data.len() + units, 0.0);
            let shape = vec![symbols + 1, units];
            checkpoint.tensors.insert(name.replace(&weight, &item.name), Tensor { shape, data });
        }
    }
}

/// Refuses a checkpoint whose tensors are not those of these plans, or hold values that are not finite. Nothing runs on
/// a device.
pub fn check_states(checkpoint: &Checkpoint, plans: &Plans) -> Result<()> {
    for item in plans.items() {
        let Some(tensor) = checkpoint.tensors.get(&item.name) else {
            return Err(Error::failure(format!(
                "the checkpoint has no {}: it belongs to other settings, or to a version with other layers",
                item.name
            )));
        };
        if tensor.shape != item.shape {
            let (found, wanted, name) = (&tensor.shape, &item.shape, &item.name);
            return Err(Error::failure(format!(
                "the checkpoint's {name} has shape {found:?}, and this model's {wanted:?}"
            )));
        }
    }
    match checkpoint.tensors.iter().find(|(_, tensor)| tensor.data.iter().any(|value| !value.is_finite())) {
        Some((name, _)) => Err(Error::failure(format!("the checkpoint's {name} holds values that are not finite"))),
        None => Ok(()),
    }
}

/// Stores a data set and its classes on the device.
pub fn upload(runner: &mut dyn Runner, dataset: &Dataset) -> Result<()> {
    runner.set_data(&dataset.items, &table(dataset))
}

/// The table of a data set on the device: the class of each item, or of symbols the place of its first element.
pub fn table(dataset: &Dataset) -> Cow<'_, [u32]> {
    match (&dataset.items, &dataset.labels) {
        (Items::Symbols { starts, .. }, _) => Cow::Borrowed(starts),
        (_, Some(labels)) => Cow::Borrowed(&labels.ids),
        (_, None) => Cow::Borrowed(&[0]),
    }
}

/// The layout of a data set on the device.
pub fn layout(dataset: &Dataset) -> DataLayout {
    let elements = match dataset.items {
        Items::Bytes(_) => Elements::Bytes,
        Items::Floats(_) => Elements::Floats,
        Items::Symbols { ref ids, .. } => Elements::Symbols { stored: ids.len() / 2 },
        Items::File(ref packed) if packed.is_of_pixels() => Elements::Bytes,
        Items::File(_) => Elements::Floats,
    };
    DataLayout {
        count: dataset.len(),
        item_len: dataset.item_len(),
        elements,
        stack: dataset.stack,
        classes: dataset.classes(),
        mirror: if dataset.mirror { dataset.shape[2] } else { 0 },
        ring: None,
    }
}

/// The runner of a device, the capabilities to plan for, and the reason for the choice of the device.
pub fn open_device(adapter: Option<&str>) -> Result<(Box<dyn Runner>, Caps, String)> {
    let choice = gpu::choose(adapter)?;
    let reason = choice.reason().to_string();
    match choice {
        Choice::Cpu { .. } => Ok((Box::new(Cpu::new()), Cpu::caps(), reason)),
        Choice::Gpu { adapter, .. } => {
            let runner = gpu::Gpu::open(&adapter, false)?;
            let caps = runner.device().caps.clone();
            Ok((Box::new(runner), caps, reason))
        }
    }
}

/// Refuses plans that take more main memory than is free, the copies for a checkpoint included. A data set that is not
/// streamed is in memory already.
///
/// # Errors
/// `Device` with the needed and the free memory, and its limit.
pub fn ensure_memory(plans: &Plans, runner: &dyn Runner) -> Result<()> {
    let programs: Vec<_> = plans.0.iter().map(|(_, program)| program).collect();
    // Writing a checkpoint takes a copy of the states, and the bytes of the file.
    let streamed = super::ring(plans).map_or(0, |data| super::stream::memory_of(&data));
    let wanted = runner.main_memory(&programs) + 2 * plans.memory().states + PROCESS_BYTES + streamed;
    match memory::free()?.filter(|free| free.bytes < wanted) {
        Some(free) => Err(Error::device(format!("this takes {} of memory, and {free}", mib(wanted)))),
        None => Ok(()),
    }
}
