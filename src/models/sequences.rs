//! Recurrent networks over sequences `[B, T, F]`: what encodes, generates and judges them.

use super::{Examples, adversarial::Judgement};
use crate::{
    graph::{Dist, Graph, Reset, Var},
    nn::{Cell, Net, Recurrence},
    settings::{self, Critic, Likelihood, Norm, Settings},
};

/// The settings with what follows from the data: symbols have probabilities; recurrent networks have no normalisation.
pub fn suited(s: &Settings, examples: &Examples) -> Settings {
    let likelihood = if examples.symbols() { Likelihood::Categorical } else { Likelihood::Gaussian };
    Settings { likelihood, norm_g: Norm::None, norm_d: Norm::None, ..s.clone() }
}

/// `[B, T, F]` -> `[T, B, F]`, and back.
pub fn by_time(x: Var) -> Var {
    x.permute(&[1, 0, 2])
}

fn cell(s: &Settings) -> Cell {
    match s.cell {
        settings::Cell::Lstm => Cell::Lstm,
        settings::Cell::Gru => Cell::Gru(Reset::After),
    }
}

/// x `[T, B, F]` -> states `[T, B, units]`, or twice as many in both directions; `h0` is the first layer's first state.
pub fn states<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>, h0: Option<Var<'g>>, both: bool) -> Var<'g> {
    (0..s.depth).fold(x, |x, i| {
        let (name, r) = (format!("layer{i}"), Recurrence { h0: h0.filter(|_| i == 0), ..Default::default() });
        match both {
            true => net.bidirectional(cell(s), &name, x, s.units, &r),
            false => net.recurrent(cell(s), &name, x, s.units, &r),
        }
    })
}

/// x `[B, T, F]` -> features `[B, ..]`: the state after the last step, and in both directions that after the first.
pub fn encoder<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    let states = states(net, s, by_time(x), None, s.bidirectional);
    let (last, batch) = (states.dim(0) - 1, x.dim(0));
    if !s.bidirectional {
        return states.index(last);
    }
    let half = |step: usize, from: usize| states.index(step).slice(&[0, from], &[batch, s.units]);
    half(last, 0).concat(half(0, s.units), 1)
}

/// z `[B, latent]` -> `[B, T, F]`: z is the first state and every step's input (Fabius and van Amersfoort 2014, with z at
/// each step, so that it cannot be ignored).
pub fn decoder<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    let h0 = net.dense("h0", z, s.units).tanh();
    let inputs = z.broadcast(&[shape[0], z.dim(0), z.dim(1)], &[0]);
    head(net, states(net, s, inputs, Some(h0), false), shape[1])
}

/// States `[T, B, H]` -> `[B, T, out]`, by one dense layer for all steps.
pub fn head<'g>(net: &Net<'g>, states: Var<'g>, out: usize) -> Var<'g> {
    let [steps, batch, units] = [0, 1, 2].map(|axis| states.dim(axis));
    by_time(net.dense("out", states.reshape(&[steps * batch, units]), out).reshape(&[steps, batch, out]))
}

/// A critic's features `[B, ..]` of sequences.
pub fn features<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    match s.critic {
        Critic::Recurrent => encoder(net, s, x),
        Critic::Conv => convolved(net, s, x),
    }
}

/// Three convolutions along time, the second and the third of stride 2, over values and their slopes per window: what is
/// wrong with a smooth curve hardly shows in its values.
fn convolved<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    let [batch, steps, features] = [0, 1, 2].map(|axis| x.dim(axis));
    let x = x.permute(&[0, 2, 1]);
    let part = |from| x.slice(&[0, 0, from], &[batch, features, steps - 1]);
    let slopes = ((part(1) - part(0)) * steps as f64).pad(&[0, 0, 1], &x.shape());
    let mut h = x.concat(slopes, 1).reshape(&[batch, 2 * features, steps, 1]);
    for (i, stride) in [1, 2, 2].into_iter().enumerate() {
        h = net.conv2d(&format!("conv{i}"), h, s.units, [3, stride, 1], true).leaky_relu(0.2);
    }
    h.reshape(&[batch, h.len() / batch])
}

/// Judges x `[B, T, F]`: whole sequences, or each of the `[T * B]` steps (Esteban et al. 2017).
pub fn judge<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Judgement<'g> {
    if !s.each_step {
        return Judgement::of(net, features(net, s, x));
    }
    let states = states(net, s, by_time(x), None, s.bidirectional);
    Judgement::of(net, states.reshape(&[x.dim(0) * x.dim(1), states.dim(2)]))
}

/// The mean of what a head says about each value: probabilities of symbols, values in (0, 1).
pub fn expected<'g>(s: &Settings, decoded: Var<'g>) -> Var<'g> {
    if s.likelihood != Likelihood::Categorical {
        return decoded.sigmoid();
    }
    let shape = decoded.shape();
    let symbols = shape[shape.len() - 1];
    decoded.reshape(&[decoded.len() / symbols, symbols]).softmax().reshape(&shape)
}

/// What a critic sees of it: symbols are drawn, softly, so that gradients pass: Gumbel-softmax (Jang et al. 2017, equation 2).
pub fn relaxed<'g>(s: &Settings, decoded: Var<'g>) -> Var<'g> {
    match s.likelihood {
        Likelihood::Categorical => {
            expected(s, (decoded + gumbel(decoded.graph(), &decoded.shape())) * f64::from(s.temperature).recip())
        }
        _ => expected(s, decoded),
    }
}

/// Gumbel noise: the likeliest of logits with it is a draw from their softmax.
pub fn gumbel<'g>(graph: &'g Graph, shape: &[usize]) -> Var<'g> {
    -(-graph.random(Dist::Uniform, shape).log()).log()
}

/// The likeliest symbols, one-hot.
pub fn likeliest(decoded: Var) -> Var {
    let axis = decoded.rank() - 1;
    1.0 - (decoded.max(&[axis]).broadcast(&decoded.shape(), &[axis]) - decoded).is_positive()
}

/// z, static values and noise for each step, `[B, latent_static + T * latent]` -> sequences `[B, T, F]`. The static values
/// are part of every step's input and make the first state; a generator that feeds back sees its own last output too
/// (Mogren 2016).
pub fn generator<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    let (batch, steps, fixed) = (z.dim(0), shape[0], s.latent_static);
    let fresh = z.dim(1) - fixed;
    let (mut inputs, mut h0) = (vec![], None);
    if fresh > 0 {
        inputs.push(by_time(z.slice(&[0, fixed], &[batch, fresh]).reshape(&[batch, steps, fresh / steps])));
    }
    if fixed > 0 {
        let shared = z.slice(&[0, 0], &[batch, fixed]);
        inputs.push(shared.broadcast(&[steps, batch, fixed], &[0]));
        h0 = Some(net.dense("h0", shared, s.units).tanh());
    }
    let z = Var::joined(&inputs, 2);
    if !s.feedback {
        return relaxed(s, head(net, states(net, s, z, h0, false), shape[1]));
    }
    unrolled(
        net,
        s,
        [steps, batch, shape[1]],
        h0,
        |step, last| z.index(step).concat(last, 1),
        |_, decoded| relaxed(s, decoded),
    )
}

/// Sequences `[B, T, F]` step by step from the first layer's first state `h0`: `input` makes a step's input from the last step's result (at first zeros), `output` its
/// result from what the head says, all `[B, ..]`.
pub fn unrolled<'g>(
    net: &Net<'g>,
    s: &Settings,
    [steps, batch, features]: [usize; 3],
    h0: Option<Var<'g>>,
    input: impl Fn(usize, Var<'g>) -> Var<'g>,
    output: impl Fn(usize, Var<'g>) -> Var<'g>,
) -> Var<'g> {
    let zeros = |width: usize| net.graph.full(0.0, &[batch, width]);
    let mut layers = vec![[zeros(s.units); 2]; s.depth];
    layers[0][0] = h0.unwrap_or(layers[0][0]);
    let mut results = vec![];
    let mut last = zeros(features);
    for step in 0..steps {
        let mut x = input(step, last);
        for (i, layer) in layers.iter_mut().enumerate() {
            let name = format!("layer{i}");
            *layer = match s.cell {
                settings::Cell::Lstm => net.lstm_step(&name, x, *layer),
                settings::Cell::Gru => [net.gru_step(&name, x, layer[0], Reset::After), layer[1]],
            };
            x = layer[0];
        }
        last = output(step, net.dense("out", x, features));
        results.push(last.reshape(&[1, batch, features]));
    }
    by_time(Var::joined(&results, 0))
}
