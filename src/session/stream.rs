//! Where the examples of a training are: on the device, or read while it trains.

use super::layout;
use crate::{
    data::{Dataset, Items},
    engine::Plans,
    error::{Error, Result},
    graph::{Field, Graph, Op},
    kernels::{
        Caps, Kernel,
        gather::{DataLayout, Ring},
    },
    memory::{self, mib},
    runner::{AHEAD, Runner},
    settings::{Order, Settings},
};

/// Most bytes of a ring of streamed rounds, if one round takes no more.
const RING_BYTES: u64 = 32 << 20;
/// Most rounds of a ring.
const RING_ROUNDS: u64 = 256;

/// Refuses settings that need classes which the examples of a data set have not.
///
/// # Errors
/// `Usage` that names the setting.
pub fn check_labels(dataset: &Dataset, s: &Settings) -> Result<()> {
    let missing = dataset.unlabelled();
    if s.labelled > 0 {
        let is_streamed = dataset.items.is_in_file() || s.stream == Some(true);
        return match dataset.labelled(s.labelled, s.seed) {
            Ok(_) if is_streamed => Err(streamed()),
            found => found.map(|_| ()),
        };
    }
    let needs = [("conditional", s.conditional), ("finetune", s.finetune > 0)].into_iter().find(|(_, needs)| *needs);
    match needs {
        Some((name, _)) if missing > 0 => Err(Error::usage(format!(
            "`{name}` needs the class of every example, and {missing} of `{}` have none",
            dataset.name
        ))),
        _ => Ok(()),
    }
}

fn streamed() -> Error {
    Error::usage("`labelled` draws from examples on the device: it does not go with streamed data")
}

/// The layout of a data set for graphs that train together on a device: all of it there, or a ring of some rounds if it
/// does not fit or the settings say so.
///
/// # Errors
/// `Usage` for graphs that read the data in order, which is not streamed, and for blocks of data that has none;
/// `Failure` if the ring has no room for a round.
pub fn placed<'a>(
    dataset: &Dataset,
    graphs: impl IntoIterator<Item = (&'a str, &'a Graph)>,
    settings: &Settings,
    caps: &Caps,
) -> Result<DataLayout> {
    let (resident, blocks) = (layout(dataset), settings.order == Order::Blocks);
    if blocks && !matches!(&dataset.items, Items::File(packed) if packed.is_shuffled()) {
        return Err(Error::usage(
            "order=blocks is for files that `saddle pack` wrote in random order, and that are streamed",
        ));
    }
    let (mut places, mut in_order) = (0, false);
    for (_, graph) in graphs {
        for node in &graph.nodes() {
            if let Op::Batch { draw, field } = node.op {
                places = places.max(graph.draws(draw.among) as usize * graph.parts() * node.shape[0] * resident.stack);
                in_order |= matches!(field, Field::InOrder | Field::Begins);
            }
        }
    }
    let limit = memory::resident()?;
    let most = limit.unwrap_or(u64::MAX).min(caps.max_binding);
    let fits = 4 * resident.words().max(resident.table()) as u64 <= most;
    if !dataset.items.is_in_file() && !settings.stream.unwrap_or(!fits && !in_order) {
        return Ok(resident);
    }
    if settings.labelled > 0 {
        return Err(streamed());
    }
    if in_order {
        return Err(Error::usage("stream=true: `carry` reads the whole text in order, so it has to be on the device"));
    }
    let round = 4 * (places * resident.item_words()).max(1) as u64;
    if round > most {
        let whose = if limit == Some(most) { "SADDLE_RESIDENT allows" } else { "a binding of this adapter holds" };
        return Err(Error::failure(format!(
            "the examples of one round, {places} of them, take {}, and {whose} {}",
            mib(round),
            mib(most)
        )));
    }
    let rounds = (RING_BYTES.min(most) / round).clamp(1, RING_ROUNDS) as usize;
    Ok(DataLayout { ring: Some(Ring { rounds, places: places.max(1), blocks }), ..resident })
}

/// The ring of programs that stream their examples; `None` if the data set lies on the device.
pub fn ring(plans: &Plans) -> Option<DataLayout> {
    let mut launches = plans.0.iter().flat_map(|(_, program)| &program.launches);
    launches.find_map(|launch| match &launch.kernel {
        Kernel::Gather(gather) => gather.data.ring.map(|_| gather.data),
        _ => None,
    })
}

/// Bytes of main memory that streaming takes: the rounds that were read ahead, and on the CPU the ring.
pub(super) fn memory_of(data: &DataLayout) -> u64 {
    4 * data.words() as u64 + AHEAD as u64
}

/// Gives these programs their data set: stored on the device, its labelled examples first, or streamed.
///
/// # Errors
/// Those of [`Dataset::with_labelled_first`]; a device that fails.
pub fn supply(runner: &mut dyn Runner, dataset: &Dataset, s: &Settings, plans: &Plans) -> Result<()> {
    match ring(plans) {
        Some(_) => {
            let classes = dataset.labels.as_ref().map_or(&[][..], |labels| &labels.ids);
            runner.stream(&dataset.items, classes);
            Ok(())
        }
        None if s.labelled > 0 => super::upload(runner, &dataset.with_labelled_first(s.labelled, s.seed)?),
        None => super::upload(runner, dataset),
    }
}
