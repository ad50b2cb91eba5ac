//! What `saddle train` prints in place of training: with `--dry-run` and with `--explain`.

use std::collections::BTreeMap;

use super::{print, tell};
use crate::{
    data::Dataset,
    engine::Plans,
    error::{Error, Result, counted, escaped},
    graph::numel,
    kernels::Caps,
    memory::mib,
    models::Model,
    settings::Settings,
};

/// The number of examples and their shape, for people.
pub fn shape(dataset: &Dataset) -> String {
    let extents: Vec<String> = dataset.shape.iter().map(|n| n.to_string()).collect();
    format!("{} of {}", counted(dataset.len(), "example"), extents.join("x"))
}

/// Prints the settings, and the sizes of networks, data, memory and rounds.
pub fn dry_run(settings: &Settings, dataset: &Dataset, model: &Model, plans: &Plans) -> Result<()> {
    print(settings.to_toml())?;
    let rounds: Vec<_> = model.phases.iter().filter_map(|phase| plans.get(phase.name)).collect();
    // In the order in which the layers were made.
    let mut networks: BTreeMap<&str, Vec<(&str, &[usize])>> = BTreeMap::new();
    for item in rounds.iter().flat_map(|round| &round.items).filter(|item| !item.state.contains('.')) {
        let layers = networks.entry(&item.state).or_default();
        if layers.iter().all(|(name, _)| *name != item.name) {
            layers.push((&item.name, &item.shape));
        }
    }
    for (state, layers) in networks {
        let all: usize = layers.iter().map(|(_, shape)| numel(shape)).sum();
        let average = if state.starts_with("ema") { ", an average over the steps" } else { "" };
        print(format!("# parameters of {state}{average}: {all}"))?;
        for (name, shape) in layers.into_iter().filter(|_| average.is_empty()) {
            let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
            print(format!("#   {name:<32} {}", extents.join("x")))?;
        }
    }
    print(format!("# data: {}, {}", escaped(&dataset.name, ""), shape(dataset)))?;
    print(format!("# memory: {} on the device, data included", mib(plans.memory().bytes())))?;
    for (phase, round) in model.phases.iter().zip(rounds) {
        let name = if model.phases.len() > 1 { format!(" of phase {}", phase.name) } else { String::new() };
        let launches = counted(round.launches.len(), "launch");
        print(format!("# a step{name}: {launches}, {:.3} GFLOP", round.cost().flops / 1e9))?;
    }
    Ok(())
}

/// Prints the programs, or the WGSL of launch number `launch` of each.
pub fn explain(plans: &Plans, launch: Option<usize>, caps: &Caps, half: bool) -> Result<()> {
    let Some(n) = launch else {
        return plans.0.iter().try_for_each(|(name, program)| print(format!("{name}: {program}")));
    };
    if !caps.runs_shaders {
        return Err(Error::usage(format!("--explain={n}: the CPU runner runs no WGSL; choose a GPU with --adapter")));
    }
    if half {
        tell(
            "the products are shown in single precision: which body is the fastest in half precision is measured later",
        );
    }
    let most = plans.0.iter().map(|(_, program)| program.launches.len()).max().unwrap_or(0);
    if n >= most {
        return Err(Error::usage(format!("--explain={n}: the launches have the numbers 0 to {}", most - 1)));
    }
    for (name, program) in plans.0.iter().filter(|(_, program)| n < program.launches.len()) {
        let launch = &program.launches[n];
        print(format!("// {name}, launch {n}: {}\n{}", launch.label, launch.kernel.wgsl(caps)))?;
    }
    Ok(())
}
