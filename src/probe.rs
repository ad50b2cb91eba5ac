//! What is looked at in a training from time to time: on the device, beside the rounds, without waiting for them.

use std::collections::BTreeSet;

use crate::{
    engine::{Engine, Plans},
    error::Result,
    graph::ALIGN,
    kernels::{Caps, Finite, finite},
    program::{Buffer, Content, Launch, Output, Program, Slice},
};

/// The step since which something is wrong, and what, in a sentence without the step.
pub type Fault = (u64, String);

/// A look at all states, every so many rounds and at the end of a run.
pub struct Probe {
    /// What its program is called; no graph of a model has this name.
    pub name: &'static str,
    /// Rounds from one look to the next.
    pub every: u64,
    /// What a look runs on the device, beside the programs that are planned already.
    program: fn(&Plans) -> Program,
    /// What the looks have found.
    pub fault: fn(&mut Engine) -> Result<Option<Fault>>,
}

/// Name of the look for values that are not finite.
const FINITE: &str = "finite";

/// Everything that is looked at.
pub const PROBES: &[Probe] = &[Probe { name: FINITE, every: 50, program: all_states, fault: not_finite }];

impl Probe {
    /// The step before which a training has to stop for some probe.
    pub fn next(step: u64) -> Option<u64> {
        PROBES.iter().map(|probe| (step / probe.every + 1) * probe.every).min()
    }

    /// Whether it looks at this step of a run that ends with step `last`.
    pub fn is_due(&self, step: u64, last: u64) -> bool {
        step == last || step.is_multiple_of(self.every)
    }

    /// The latest look before a step; the first one was at the step that the session began with, whose states were good.
    pub fn before(&self, step: u64, begun: u64) -> u64 {
        ((step.max(1) - 1) / self.every * self.every).max(begun)
    }
}

/// Adds the programs of all probes.
pub fn add(plans: &mut Plans) {
    let added: Vec<_> = PROBES.iter().map(|probe| (probe.name.to_string(), (probe.program)(plans))).collect();
    plans.0.extend(added);
}

/// Output of the program: words, one for each part of each state.
const FOUND: &str = "found";

/// Looks for NaNs and infinities in parameters, moments and all other states.
fn all_states(plans: &Plans) -> Program {
    // What every adapter can bind.
    let most = Caps::default().max_binding as usize / 4;
    let mut buffers = vec![Buffer { content: Content::Clock, len: 4 }, Buffer { content: Content::Slot, len: 0 }];
    let mut launches = vec![];
    for (state, len) in plans.states() {
        buffers.push(Buffer { content: Content::State(state.clone()), len });
        for offset in (0..len).step_by(most) {
            let x = Slice { buffer: buffers.len() - 1, offset, len: most.min(len - offset) };
            let found = Slice { buffer: 1, offset: buffers[1].len, len: x.len.div_ceil(finite::SPAN) };
            buffers[1].len += found.len.next_multiple_of(ALIGN);
            let clock = Slice { buffer: 0, offset: 0, len: 4 };
            let (kernel, label) = (Finite { len: x.len }.into(), state.clone());
            launches.push(Launch { kernel, bindings: vec![clock, x, found], operands: vec![], label });
        }
    }
    let all = Slice { buffer: 1, offset: 0, len: buffers[1].len };
    let outputs = vec![Output { name: FOUND.into(), shape: vec![all.len], range: all }];
    Program { buffers, launches, outputs, ..Default::default() }
}

/// The first step at which a state was not finite, and its first tensor that is not.
fn not_finite(engine: &mut Engine) -> Result<Option<(u64, String)>> {
    let found: Vec<u32> = engine.output(FINITE, FOUND)?.into_iter().map(f32::to_bits).collect();
    let Some(since) = found.iter().copied().filter(|&step| step > 0).min() else { return Ok(None) };
    let launches = engine.program(FINITE).map_or(&[][..], |program| &program.launches);
    let began = |launch: &&Launch| {
        let Slice { offset, len, .. } = launch.bindings[2];
        found[offset..offset + len].contains(&since)
    };
    let states: BTreeSet<String> = launches.iter().filter(began).map(|launch| launch.label.clone()).collect();
    for item in engine.items().to_vec().into_iter().filter(|item| states.contains(&item.state)) {
        if engine.read(&item)?.iter().any(|v| !v.is_finite()) {
            return Ok(Some((since.into(), format!("{} is no longer finite", item.name))));
        }
    }
    // A state can have become finite again, where a round draws it anew.
    Ok(Some((since.into(), format!("{} is no longer finite", Vec::from_iter(states).join(" and ")))))
}
