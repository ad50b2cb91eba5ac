//! `saddle train --init RUN`: a new run that starts from another run's networks.

use std::{collections::BTreeMap, path::Path};

use super::tell;
use crate::{
    checkpoint::{Checkpoint, Tensor},
    engine::Plans,
    error::{Error, Result, counted},
    graph::numel,
    models::parts::boltzmann::MACHINE,
    settings::{Layer, NO_RUN, Settings},
    trained::{Trained, Which},
};

/// The state groups that are taken over: generator or decoder, discriminator, encoder, averaged generator, Boltzmann
/// machine.
const NETWORKS: [&str; 5] = ["g", "d", "e", "ema", MACHINE];
/// Parts of these groups that belong to their training, which starts anew: states of optimisers, a machine's chains and
/// running means.
const OF_TRAINING: [&str; 5] = ["m", "v", "updates", "chains", "means"];
/// Most names in a sentence.
const NAMES: usize = 8;

/// The checkpoint that the setting `init` names, `RUN` or `RUN@STEP`, and the settings with its step, so that the same
/// settings start from the same networks again, but for `@best`, which may be another one later; `None` if it names
/// none.
///
/// # Errors
/// No such run or checkpoint.
pub fn open(settings: &Settings) -> Result<Option<(Checkpoint, Settings)>> {
    if settings.init == NO_RUN {
        return Ok(None);
    }
    // A folder may have an `@` in its name.
    let is_folder = Path::new(&settings.init).is_dir();
    let (run, which) = match settings.init.rsplit_once('@') {
        Some((run, which)) if !is_folder => {
            let which =
                which.parse().map_err(|what| Error::usage(format!("--init RUN@STEP: {what}, not `{which}`")))?;
            (run, which)
        }
        _ => (settings.init.as_str(), Which::Newest),
    };
    let checkpoint = Trained::at(run, which).map_err(|e| e.at("--init"))?.checkpoint;
    let step: u64 = checkpoint.meta("step")?;
    let mut exact = Layer::default();
    exact.set("init", &format!("{run}@{}", if which == Which::Best { "best".into() } else { step.to_string() }), "");
    Ok(Some((checkpoint, settings.overlaid(&exact)?)))
}

/// The tensors of networks in the checkpoint that these plans have too, of the same name and shape; says which those
/// are, and which others are not.
///
/// # Errors
/// There are none; a machine that this run would pretrain anew.
pub fn matching(checkpoint: &Checkpoint, plans: &Plans, settings: &Settings) -> Result<BTreeMap<String, Tensor>> {
    let init = &settings.init;
    let mut here: BTreeMap<String, Vec<usize>> = plans.items().into_iter().map(|i| (i.name, i.shape)).collect();
    here.retain(|name, _| is_of_network(name));
    let (mut taken, mut other, mut only_there) = (BTreeMap::new(), vec![], vec![]);
    for (name, tensor) in checkpoint.tensors.iter().filter(|(name, _)| is_of_network(name)) {
        match here.remove(name) {
            Some(shape) if shape == tensor.shape => drop(taken.insert(name.clone(), tensor.clone())),
            Some(shape) => other.push(format!("{name} {:?}, here {shape:?}", tensor.shape)),
            None => only_there.push(name.clone()),
        }
    }
    let only_here: Vec<String> = here.into_keys().collect();
    if taken.is_empty() {
        return Err(Error::usage(format!(
            "--init {init}: none of its tensors has the name and the shape of one of this model's networks"
        )));
    }
    if taken.keys().any(|name| group_of(name) == MACHINE) && settings.pretrain > 0 {
        return Err(Error::usage(format!(
            "--init {init}: the pretraining would replace the machine that it brings: --set pretrain=0"
        )));
    }
    let values: usize = taken.values().map(|tensor| numel(&tensor.shape)).sum();
    let of: Vec<&str> =
        NETWORKS.into_iter().filter(|group| taken.keys().any(|name| group_of(name) == *group)).collect();
    tell(format_args!(
        "starting from {init}: {} of {} ({values} values)",
        counted(taken.len(), "tensor"),
        of.join(", ")
    ));
    for (what, names) in
        [("of another shape", other), ("only there, not used", only_there), ("only here, which starts anew", only_here)]
    {
        if !names.is_empty() {
            let more = names.len().saturating_sub(NAMES);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            tell(format_args!("  {what}: {}{more}", names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ")));
        }
    }
    Ok(taken)
}

fn group_of(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

fn is_of_network(name: &str) -> bool {
    let part = name.split('.').nth(1).unwrap_or_default();
    NETWORKS.contains(&group_of(name)) && !OF_TRAINING.contains(&part)
}
