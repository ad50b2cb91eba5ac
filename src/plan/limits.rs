//! Limits of a launch and of an adapter: long matrix products become several, all other excess is refused.

use crate::{
    error::{Error, Result},
    graph::{Composite, Form, Graph, Node, Op, Role, Var, numel},
    kernels::{Caps, MAX_LOOP},
    program::{Buffer, Content, Launch},
};

/// A matrix product, or sums of rows, over more terms than a loop may have, as a sum over ranges of the terms: of a
/// batch of shorter products, or of sums; `None` for any other node.
///
/// Its inputs are `[L, M, K]` and `[L, K, N]`, or their transposes, depending on its role.
pub(super) fn shortened<'g>(graph: &'g Graph, node: &Node, inputs: &[Var<'g>]) -> Option<Var<'g>> {
    if let Op::Composite(Composite::RowSums { rows }) = node.op {
        return in_ranges(inputs, rows);
    }
    let Op::Contract { form: form @ Form::MatMul, role } = node.op else { return None };
    // For each input, whether the terms lie along the last axis, or along the one before it.
    let terms_last = match role {
        Role::Y => [true, false],
        Role::X => [true, true],
        Role::W => [false, false],
    };
    let rank = node.shape.len();
    let terms = inputs[0].dim(rank - 1 - usize::from(!terms_last[0]));
    let ranges = terms.div_ceil(MAX_LOOP);
    if ranges == 1 {
        return None;
    }
    let span = terms.div_ceil(ranges);
    let products = numel(&node.shape[..rank - 2]);
    let split = |t: Var<'g>, last: bool| {
        let other = t.len() / products / terms;
        let (from, to) = match last {
            true => ([products, other, terms], [products, other, ranges * span]),
            false => ([products, terms, other], [products, ranges * span, other]),
        };
        let t = t.reshape(&from);
        let t = if from == to { t } else { t.pad(&[0, 0, 0], &to) };
        match last {
            true => t.reshape(&[products, other, ranges, span]).permute(&[0, 2, 1, 3]),
            false => t.reshape(&[products, ranges, span, other]),
        }
    };
    let parts = [split(inputs[0], terms_last[0]), split(inputs[1], terms_last[1])];
    let (m, n) = (node.shape[rank - 2], node.shape[rank - 1]);
    let partial = graph.node(Op::Contract { form, role }, &parts, vec![products, ranges, m, n]);
    Some(partial.sum(&[1]).reshape(&node.shape))
}

/// Sums of rows over more indices than a loop may have, as a sum of shorter ones.
fn in_ranges<'g>(inputs: &[Var<'g>], rows: usize) -> Option<Var<'g>> {
    let [indices, x] = [inputs[0], inputs[1]];
    let (count, width) = (x.dim(0), x.dim(1));
    let part = |first: usize| {
        let len = MAX_LOOP.min(count - first);
        x.slice(&[first, 0], &[len, width]).row_sums(indices.slice(&[first], &[len]), rows)
    };
    let parts = || (0..count).step_by(MAX_LOOP).map(part);
    (count > MAX_LOOP).then(|| parts().reduce(|sum, part| sum + part)).flatten()
}

/// Checks the limits of kernels and of the adapter, and that no launch binds a buffer twice if it writes it.
pub(super) fn check(launch: &Launch, buffers: &[Buffer], caps: &Caps) -> Result<()> {
    let refused = |why: String| Err(Error::failure(format!("{}: {why}", launch.title())));
    if caps.runs_shaders {
        if let Some(obstacle) = launch.kernel.obstacle() {
            return refused(obstacle);
        }
        let instrs = launch.kernel.chain().map_or(&[][..], |chain| &chain.instrs);
        if let Some(instr) = instrs.iter().find(|instr| !instr.c().is_finite()) {
            return refused(format!("it has the constant {}, and shaders hold finite numbers only", instr.c()));
        }
        let [across, down, _] = launch.kernel.dispatch(caps).groups;
        if down > caps.max_groups {
            let most = u64::from(caps.max_groups).pow(2);
            return refused(format!(
                "{} workgroups, where this adapter runs {most}",
                u64::from(across) * u64::from(down)
            ));
        }
    }
    for range in launch.bindings.iter().chain(&launch.operands) {
        let bytes = 4 * range.len as u64;
        if bytes > caps.max_binding {
            let (what, advice) = match &buffers[range.buffer].content {
                content @ (Content::Items | Content::Table) => (content.to_string(), "fewer or smaller examples"),
                content @ (Content::State(_) | Content::Gradients(_)) => (content.to_string(), "a smaller model"),
                _ => (launch.title(), "a smaller batch or size"),
            };
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            return Err(Error::failure(format!(
                "{what} takes {:.1} MiB, but a binding of this adapter holds at most {:.1} MiB: use {advice}",
                mib(bytes),
                mib(caps.max_binding)
            )));
        }
    }
    let read_only = launch.kernel.buffers();
    let read_only = read_only.reads.len() + read_only.words.len();
    for (i, written) in launch.bindings.iter().enumerate().skip(read_only) {
        let others =
            launch.bindings.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, r)| r).chain(&launch.operands);
        for other in others {
            assert!(
                other.buffer != written.buffer,
                "plan: {} binds buffer {} twice, once to write",
                launch.title(),
                written.buffer
            );
        }
    }
    Ok(())
}
