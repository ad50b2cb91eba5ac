//! Checks that run from time to time during a training: on the device, between rounds, without waiting for them.

use std::collections::BTreeSet;

use crate::{
    engine::{Engine, Plans},
    error::Result,
    graph::ALIGN,
    kernels::{Caps, Finite, finite},
    program::{Buffer, Content, Launch, Output, Program, Slice},
};

/// The step since which something is wrong, and a sentence that names the fault but not the step.
pub type Fault = (u64, String);

/// A check of all states, every few rounds and at the end of a run.
pub struct Probe {
    /// Name of its program; no graph of a model has this name.
    pub name: &'static str,
    /// Number of rounds from one check to the next.
    pub every: u64,
    /// Makes the program of the check, for the programs that are already planned.
    program: fn(&Plans) -> Program,
    /// Reads the first fault that the checks have found, if any.
    pub fault: fn(&mut Engine) -> Result<Option<Fault>>,
}

/// Name of the check for values that are not finite.
const FINITE: &str = "finite";

/// All checks.
pub const PROBES: &[Probe] = &[Probe { name: FINITE, every: 50, program: all_states, fault: not_finite }];

impl Probe {
    /// The first step after `step` at which a check is due by its period.
    pub fn next(step: u64) -> Option<u64> {
        PROBES.iter().map(|probe| (step / probe.every + 1) * probe.every).min()
    }

    /// Whether the check is due at this step of a run that ends with step `last`.
    pub fn is_due(&self, step: u64, last: u64) -> bool {
        step == last || step.is_multiple_of(self.every)
    }

    /// The step of the last check before `step`. The session's first step `begun` counts as one: its states were good.
    pub fn before(&self, step: u64, begun: u64) -> u64 {
        ((step.max(1) - 1) / self.every * self.every).max(begun)
    }
}

/// Adds the programs of all probes.
pub fn add(plans: &mut Plans) {
    let added: Vec<_> = PROBES.iter().map(|probe| (probe.name.to_string(), (probe.program)(plans))).collect();
    plans.0.extend(added);
}

/// Output of the program: one `u32` word per part of each state, the step since which the part is not finite, or 0.
const FOUND: &str = "found";

/// The program that looks for NaNs and infinities in parameters, moments and all other states.
fn all_states(plans: &Plans) -> Program {
    // Every adapter can bind this many elements.
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
            launches.push(Launch { kernel, bindings: vec![clock, x, found], operands: vec![], label, every: 1 });
        }
    }
    let all = Slice { buffer: 1, offset: 0, len: buffers[1].len };
    let outputs = vec![Output { name: FOUND.into(), shape: vec![all.len], range: all }];
    Program { buffers, launches, outputs, ..Default::default() }
}

/// The first step at which a state was found not to be finite, and its first tensor that is not.
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
    // The state can be finite again if each round draws it anew.
    Ok(Some((since.into(), format!("{} is no longer finite", Vec::from_iter(states).join(" and ")))))
}
