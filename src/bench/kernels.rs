//! The kernels of rounds, each timed alone and compared with the ceilings of the device.

use std::collections::{BTreeMap, HashMap};

use super::{Ceilings, Effort, KernelTime, Open, time};
use crate::{
    error::Result,
    program::{Buffer, BufferId, Content, Launch, Program, Slice},
};

/// A kind of launch: launches that agree in everything that affects their speed.
pub struct Kind {
    /// Name of the kernel; of a product also which of its factors are transposed, as they are in gradients.
    pub kernel: String,
    /// Extents of the kernel.
    pub shape: String,
    rounds: BTreeMap<String, usize>,
    /// One such launch alone.
    program: Program,
}

/// The kinds of launches in named rounds, of each kernel the `most` that take longest by the ceilings.
pub fn kinds(rounds: &[(&str, Program)], ceilings: &Ceilings, most: usize) -> Vec<Kind> {
    let mut kinds: BTreeMap<[String; 2], Kind> = BTreeMap::new();
    for (round, program) in rounds {
        for launch in &program.launches {
            let (name, shape) = (launch.kernel.name(), launch.kernel.shape());
            let kernel = format!("{name} {}", launch.kernel.form()).trim_end().to_string();
            let kind = kinds.entry([kernel.clone(), shape.clone()]).or_insert_with(|| Kind {
                kernel,
                shape,
                rounds: BTreeMap::new(),
                program: alone(program, launch),
            });
            *kind.rounds.entry(round.to_string()).or_default() += 1;
        }
    }
    let mut kinds: Vec<Kind> = kinds.into_values().collect();
    let least = |kind: &Kind| ceilings.least(kind.program.cost());
    kinds.sort_by(|a, b| a.kernel.cmp(&b.kernel).then(least(b).total_cmp(&least(a))));
    let mut ranks: HashMap<String, usize> = HashMap::new();
    kinds.retain(|kind| {
        let rank = ranks.entry(kind.kernel.clone()).or_default();
        *rank += 1;
        *rank <= most
    });
    kinds
}

impl Kind {
    /// Times it.
    pub fn measure(&self, open: Open, effort: Effort, ceilings: &Ceilings) -> Result<KernelTime> {
        let (seconds, cost) = (time(open, effort, &self.program)?, self.program.cost());
        Ok(KernelTime {
            kernel: self.kernel.clone(),
            shape: self.shape.clone(),
            rounds: self.rounds.clone(),
            milliseconds: seconds.times(1e3),
            gflops: cost.flops / seconds.median / 1e9,
            gigabytes: cost.bytes / seconds.median / 1e9,
            share: ceilings.least(cost) / seconds.median,
        })
    }
}

/// One launch with the buffers that it binds; all floats are 0.5, because multiplying zeros takes less power.
fn alone(program: &Program, launch: &Launch) -> Program {
    let mut kept: Vec<BufferId> = vec![];
    let mut moved = |range: &Slice| {
        let buffer = kept.iter().position(|&kept| kept == range.buffer).unwrap_or_else(|| {
            kept.push(range.buffer);
            kept.len() - 1
        });
        Slice { buffer, ..*range }
    };
    let bindings = launch.bindings.iter().map(&mut moved).collect();
    let operands = launch.operands.iter().map(&mut moved).collect();
    let filled = |&id: &BufferId| {
        let Buffer { content, len } = &program.buffers[id];
        let words = matches!(content, Content::Clock | Content::Items | Content::Table);
        Buffer { content: Content::Constant(if words { 0.0 } else { 0.5 }), len: *len }
    };
    Program {
        buffers: kept.iter().map(filled).collect(),
        launches: vec![Launch { bindings, operands, ..launch.clone() }],
        ..Default::default()
    }
}
