//! Recurrent networks over sequences `[B, T, F]`: encoders, decoders, generators and critics.

use super::{distribution::Distribution, game::Judgement, hidden::Hidden};
use crate::{
    graph::{Dist, Graph, Reset, Var},
    models::Examples,
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
    /// Share of the states of each layer that is dropped while training.
    pub dropout: f64,
    /// Share of the steps that a decoder does not see while training.
    pub word_dropout: f64,
    /// Number of symbols, if the steps of sequences are numbers of symbols; else 0.
    pub symbols: usize,
    /// Whether the steps are those of a roll.
    pub roll: bool,
}

/// `[B, T, ..]` -> `[T, B, ..]`, and back.
pub fn by_time(x: Var) -> Var {
    if x.rank() == 2 { x.transpose() } else { x.permute(&[1, 0, 2]) }
}

impl Recurrent {
    /// The networks that the settings ask for.
    pub fn of(s: &Settings, examples: &Examples) -> Self {
        Self {
            cell: s.cell,
            units: s.units,
            depth: s.depth,
            bidirectional: s.bidirectional,
            critic: s.critic,
            each_step: s.each_step,
            feedback: s.feedback.unwrap_or(examples.symbols()),
            latent_static: s.latent_static,
            dropout: s.dropout.into(),
            word_dropout: s.word_dropout.into(),
            symbols: examples.alphabet(),
            roll: examples.roll(),
        }
    }

    /// The kind of the layers.
    pub fn kind(&self) -> Cell {
        match self.cell {
            settings::Cell::Lstm => Cell::Lstm,
            settings::Cell::Gru => Cell::Gru(Reset::After),
            settings::Cell::TensorFlowGru => Cell::TensorFlowGru,
        }
    }

    /// x `[T, B, F]`, or numbers of symbols `[T, B]` -> states `[T, B, units]`, or `[T, B, 2 * units]` in `both`
    /// directions; `h0` is the first layer's initial state.
    pub fn states<'g>(&self, net: &Net<'g>, x: Var<'g>, h0: Option<Var<'g>>, both: bool) -> Var<'g> {
        let cell = self.kind();
        (0..self.depth).fold(x, |x, i| {
            let name = format!("layer{i}");
            let symbols = if x.rank() == 2 { self.symbols } else { 0 };
            let r = Recurrence { h0: h0.filter(|_| i == 0), symbols, ..Default::default() };
            match both {
                true => net.bidirectional(cell, &name, x, self.units, &r),
                false => net.recurrent(cell, &name, x, self.units, &r),
            }
        })
    }

    /// x `[B, T, F]`, or numbers of symbols `[B, T]` -> features `[B, ..]`: the state after the last step and, if
    /// bidirectional, the state of the backward direction after the first step.
    pub fn encode<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Hidden<'g> {
        let states = self.states(net, by_time(x), None, self.bidirectional);
        let (last, batch) = (states.dim(0) - 1, x.dim(0));
        let half = |step: usize, from: usize| states.index(step).slice(&[0, from], &[batch, self.units]);
        let features = match self.bidirectional {
            true => half(last, 0).concat(half(0, self.units), 1),
            false => states.index(last),
        };
        Hidden { states: Some(states), ..features.into() }
    }

    /// z `[B, latent]` -> `[B, T, F]`: z makes the initial state and is the input of every step (Fabius and van
    /// Amersfoort 2014; here z is an input of every step so that the decoder cannot ignore it).
    pub fn decode<'g>(&self, net: &Net<'g>, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let h0 = net.dense("h0", z, self.units).tanh();
        let inputs = z.broadcast(&[shape[0], z.dim(0), z.dim(1)], &[0]);
        head(net, self.states(net, inputs, Some(h0), false), shape[1])
    }

    /// A critic's features `[B, ..]` of sequences.
    pub fn features<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Hidden<'g> {
        match self.critic {
            Critic::Recurrent => self.encode(net, x),
            Critic::Conv if self.symbols > 0 => convolved(net, self.units, embedded(net, x, self.units)),
            Critic::Conv => convolved(net, self.units, with_slopes(x)),
        }
    }

    /// Judges x `[B, T, F]`: whole sequences, or each of the `[T * B]` steps (Esteban et al. 2017).
    pub fn judge<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Judgement<'g> {
        if !self.each_step {
            return Judgement::of(net, self.features(net, x));
        }
        let states = self.states(net, by_time(x), None, self.bidirectional);
        let features = states.reshape(&[x.dim(0) * x.dim(1), states.dim(2)]);
        Judgement::of(net, Hidden { states: Some(states), ..features.into() })
    }

    /// z, static values and noise for each step, `[B, latent_static + T * latent]` -> sequences `[B, T, F]`. The static
    /// values are part of every step's input and make the initial state; with `feedback`, the input includes the
    /// previous output (Mogren 2016). Of symbols, z is static values alone: that a symbol is drawn is noise enough.
    pub fn generate<'g>(&self, net: &Net<'g>, p: &Distribution, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        if self.symbols > 0 && self.feedback {
            return self.write(net, p, z, shape);
        }
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
        let mut memory = self.blank(net.graph, [batch, shape[1]]);
        memory.layers[0][0] = h0.unwrap_or(memory.layers[0][0]);
        self.unrolled(net, memory, [steps, shape[1]], input, |decoded| p.soft_draw(decoded))
    }
}

/// States `[T, B, H]` -> `[B, T, out]`, by one dense layer for all steps.
pub fn head<'g>(net: &Net<'g>, states: Var<'g>, out: usize) -> Var<'g> {
    let [steps, batch, units] = [0, 1, 2].map(|axis| states.dim(axis));
    by_time(net.dense("out", states.reshape(&[steps * batch, units]), out).reshape(&[steps, batch, out]))
}

/// Symbols as weights `[B, T, symbols]` -> vectors of so many channels, `[B, channels, T, 1]`.
fn embedded<'g>(net: &Net<'g>, x: Var<'g>, channels: usize) -> Var<'g> {
    let [batch, steps, symbols] = [0, 1, 2].map(|axis| x.dim(axis));
    let vectors = net.embedding("embedding", x.reshape(&[batch * steps, symbols]), channels);
    vectors.reshape(&[batch, steps, channels]).permute(&[0, 2, 1]).reshape(&[batch, channels, steps, 1])
}

/// Values `[B, T, F]` and their slopes (change per window), `[B, 2 F, T, 1]`: the faults of a smooth curve are hardly
/// visible in its values.
fn with_slopes(x: Var) -> Var {
    let [batch, steps, features] = [0, 1, 2].map(|axis| x.dim(axis));
    let x = x.permute(&[0, 2, 1]);
    let part = |from| x.slice(&[0, 0, from], &[batch, features, steps - 1]);
    let slopes = ((part(1) - part(0)) * steps as f64).pad(&[0, 0, 1], &x.shape());
    x.concat(slopes, 1).reshape(&[batch, 2 * features, steps, 1])
}

/// Three convolutions along time, the second and the third of stride 2, of x `[B, C, T, 1]`.
fn convolved<'g>(net: &Net<'g>, channels: usize, x: Var<'g>) -> Hidden<'g> {
    let (mut h, mut maps) = (x, vec![]);
    for (i, stride) in [1, 2, 2].into_iter().enumerate() {
        h = net.conv2d(&format!("conv{i}"), h, channels, [3, stride, 1], true).leaky_relu(0.2);
        maps.push(h);
    }
    Hidden::of_maps(maps)
}

/// Gumbel noise: the symbol with the largest sum of logit and noise is a draw from the softmax of the logits.
pub fn gumbel<'g>(graph: &'g Graph, shape: &[usize]) -> Var<'g> {
    -(-graph.random(Dist::Uniform, shape).log()).log()
}
