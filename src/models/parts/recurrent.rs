//! Recurrent networks over sequences `[B, T, F]`: encoders, decoders, generators and critics.

use super::{distribution::Distribution, game::Judgement};
use crate::{
    graph::{Dist, Graph, Reset, Var},
    nn::{Cell, Net, Recurrence},
    settings::{self, Critic, Settings},
};

/// Sizes and options of recurrent networks.
#[derive(Clone, Copy, Debug)]
pub struct Recurrent {
    /// Kind of every recurrent layer.
    pub cell: settings::Cell,
    /// Units of each layer; channels of a convolutional critic.
    pub units: usize,
    /// Number of stacked layers.
    pub depth: usize,
    /// Whether encoder and critic run in both directions.
    pub bidirectional: bool,
    /// Kind of critic.
    pub critic: Critic,
    /// Whether a critic judges each time step.
    pub each_step: bool,
    /// Whether a generator's input includes its previous output.
    pub feedback: bool,
    /// Latent values that all steps share, the first ones of z.
    pub latent_static: usize,
}

/// `[B, T, F]` -> `[T, B, F]`, and back.
pub fn by_time(x: Var) -> Var {
    x.permute(&[1, 0, 2])
}

impl Recurrent {
    /// The networks that the settings ask for.
    pub fn of(s: &Settings) -> Self {
        Self {
            cell: s.cell,
            units: s.units,
            depth: s.depth,
            bidirectional: s.bidirectional,
            critic: s.critic,
            each_step: s.each_step,
            feedback: s.feedback,
            latent_static: s.latent_static,
        }
    }

    fn kind(&self) -> Cell {
        match self.cell {
            settings::Cell::Lstm => Cell::Lstm,
            settings::Cell::Gru => Cell::Gru(Reset::After),
            settings::Cell::TensorFlowGru => Cell::TensorFlowGru,
        }
    }

    /// x `[T, B, F]` -> states `[T, B, units]`, or `[T, B, 2 * units]` in `both` directions; `h0` is the first layer's
    /// initial state.
    pub fn states<'g>(&self, net: &Net<'g>, x: Var<'g>, h0: Option<Var<'g>>, both: bool) -> Var<'g> {
        let cell = self.kind();
        (0..self.depth).fold(x, |x, i| {
            let (name, r) = (format!("layer{i}"), Recurrence { h0: h0.filter(|_| i == 0), ..Default::default() });
            match both {
                true => net.bidirectional(cell, &name, x, self.units, &r),
                false => net.recurrent(cell, &name, x, self.units, &r),
            }
        })
    }

    /// x `[B, T, F]` -> features `[B, ..]`: the state after the last step and, if bidirectional, the state of the
    /// backward direction after the first step.
    pub fn encode<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Var<'g> {
        let states = self.states(net, by_time(x), None, self.bidirectional);
        let (last, batch) = (states.dim(0) - 1, x.dim(0));
        if !self.bidirectional {
            return states.index(last);
        }
        let half = |step: usize, from: usize| states.index(step).slice(&[0, from], &[batch, self.units]);
        half(last, 0).concat(half(0, self.units), 1)
    }

    /// z `[B, latent]` -> `[B, T, F]`: z makes the initial state and is the input of every step (Fabius and van
    /// Amersfoort 2014; here z is an input of every step so that the decoder cannot ignore it).
    pub fn decode<'g>(&self, net: &Net<'g>, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let h0 = net.dense("h0", z, self.units).tanh();
        let inputs = z.broadcast(&[shape[0], z.dim(0), z.dim(1)], &[0]);
        head(net, self.states(net, inputs, Some(h0), false), shape[1])
    }

    /// A critic's features `[B, ..]` of sequences.
    pub fn features<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Var<'g> {
        match self.critic {
            Critic::Recurrent => self.encode(net, x),
            Critic::Conv => convolved(net, self.units, x),
        }
    }

    /// Judges x `[B, T, F]`: whole sequences, or each of the `[T * B]` steps (Esteban et al. 2017).
    pub fn judge<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Judgement<'g> {
        if !self.each_step {
            return Judgement::of(net, self.features(net, x));
        }
        let states = self.states(net, by_time(x), None, self.bidirectional);
        Judgement::of(net, states.reshape(&[x.dim(0) * x.dim(1), states.dim(2)]))
    }

    /// z, static values and noise for each step, `[B, latent_static + T * latent]` -> sequences `[B, T, F]`. The static
    /// values are part of every step's input and make the initial state; with `feedback`, the input includes the
    /// previous output (Mogren 2016).
    pub fn generate<'g>(&self, net: &Net<'g>, p: &Distribution, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let (batch, steps, fixed) = (z.dim(0), shape[0], self.latent_static);
        let fresh = z.dim(1) - fixed;
        let (mut inputs, mut h0) = (vec![], None);
        if fresh > 0 {
            inputs.push(by_time(z.slice(&[0, fixed], &[batch, fresh]).reshape(&[batch, steps, fresh / steps])));
        }
        if fixed > 0 {
            let shared = z.slice(&[0, 0], &[batch, fixed]);
            inputs.push(shared.broadcast(&[steps, batch, fixed], &[0]));
            h0 = Some(net.dense("h0", shared, self.units).tanh());
        }
        let z = Var::joined(&inputs, 2);
        if !self.feedback {
            return p.soft_draw(head(net, self.states(net, z, h0, false), shape[1]));
        }
        let input = |step, last| z.index(step).concat(last, 1);
        self.unrolled(net, [steps, batch, shape[1]], h0, input, |decoded| p.soft_draw(decoded))
    }

    /// The result `[B, F]` of the head after one more step with input `[B, ..]`; `layers` holds h and c `[B, units]` of
    /// each layer, and those after the step in the end.
    pub fn step<'g>(&self, net: &Net<'g>, x: Var<'g>, layers: &mut [[Var<'g>; 2]], features: usize) -> Var<'g> {
        let mut x = x;
        for (i, layer) in layers.iter_mut().enumerate() {
            *layer = net.recurrent_step(self.kind(), &format!("layer{i}"), x, *layer);
            x = layer[0];
        }
        net.dense("out", x, features)
    }

    /// Sequences `[B, T, F]` step by step, from the first layer's initial state `h0`.
    ///
    /// `input` makes the input `[B, ..]` of a step from its number and the output of the step before, which is 0 for
    /// the first step; `output` makes the output `[B, F]` of a step from the result `[B, F]` of the head.
    pub fn unrolled<'g>(
        &self,
        net: &Net<'g>,
        [steps, batch, features]: [usize; 3],
        h0: Option<Var<'g>>,
        input: impl Fn(usize, Var<'g>) -> Var<'g>,
        output: impl Fn(Var<'g>) -> Var<'g>,
    ) -> Var<'g> {
        let zeros = |width: usize| net.graph.full(0.0, &[batch, width]);
        let mut layers = vec![[zeros(self.units); 2]; self.depth];
        layers[0][0] = h0.unwrap_or(layers[0][0]);
        let mut results = vec![];
        let mut last = zeros(features);
        for step in 0..steps {
            last = output(self.step(net, input(step, last), &mut layers, features));
            results.push(last.reshape(&[1, batch, features]));
        }
        by_time(Var::joined(&results, 0))
    }
}

/// States `[T, B, H]` -> `[B, T, out]`, by one dense layer for all steps.
pub fn head<'g>(net: &Net<'g>, states: Var<'g>, out: usize) -> Var<'g> {
    let [steps, batch, units] = [0, 1, 2].map(|axis| states.dim(axis));
    by_time(net.dense("out", states.reshape(&[steps * batch, units]), out).reshape(&[steps, batch, out]))
}

/// Three convolutions along time, the second and the third of stride 2, over values and their slopes (change per
/// window): the faults of a smooth curve are hardly visible in its values.
fn convolved<'g>(net: &Net<'g>, channels: usize, x: Var<'g>) -> Var<'g> {
    let [batch, steps, features] = [0, 1, 2].map(|axis| x.dim(axis));
    let x = x.permute(&[0, 2, 1]);
    let part = |from| x.slice(&[0, 0, from], &[batch, features, steps - 1]);
    let slopes = ((part(1) - part(0)) * steps as f64).pad(&[0, 0, 1], &x.shape());
    let mut h = x.concat(slopes, 1).reshape(&[batch, 2 * features, steps, 1]);
    for (i, stride) in [1, 2, 2].into_iter().enumerate() {
        h = net.conv2d(&format!("conv{i}"), h, channels, [3, stride, 1], true).leaky_relu(0.2);
    }
    h.reshape(&[batch, h.len() / batch])
}

/// Gumbel noise: the symbol with the largest sum of logit and noise is a draw from the softmax of the logits.
pub fn gumbel<'g>(graph: &'g Graph, shape: &[usize]) -> Var<'g> {
    -(-graph.random(Dist::Uniform, shape).log()).log()
}

/// Keys, each 1 with the probability of its logit, else 0; a lower `temperature` favours the likelier. The sum of a
/// logit and logistic noise is positive with this probability.
pub fn drawn_keys(decoded: Var, temperature: f64) -> Var {
    let uniform = decoded.graph().random(Dist::Uniform, &decoded.shape());
    (decoded + (uniform.log() - (1.0 - uniform).log()) * temperature).is_positive()
}

/// One-hot vectors of the likeliest symbols.
pub fn likeliest(decoded: Var) -> Var {
    let axis = decoded.rank() - 1;
    1.0 - (decoded.max(&[axis]).broadcast(&decoded.shape(), &[axis]) - decoded).is_positive()
}
