//! Recurrent networks that read and write sequences step by step, where each step sees those before it.

use super::{
    distribution::Distribution,
    recurrent::{Recurrent, by_time, head},
};
use crate::{
    graph::{Dist, Graph, Real, Var},
    nn::{Mode, Net, Recurrence},
};

/// The number of no symbol, not even of what stands before the first one.
const NOTHING: f64 = -2.0;

/// What layers remember between steps.
#[derive(Clone)]
pub struct Memory<'g> {
    /// The step before: values `[B, F]`, zeros before the first, or -1 of rolls; or numbers of symbols `[B]`, -1 before
    /// the first.
    pub last: Var<'g>,
    /// h and c `[B, units]` of each layer.
    pub layers: Vec<[Var<'g>; 2]>,
    /// What the first layer also sees at every step, `[B, K]`.
    pub context: Option<Var<'g>>,
}

impl<'g> Memory<'g> {
    /// Its tensors that change with the steps, in order.
    pub fn all(&self) -> Vec<Var<'g>> {
        [self.last].into_iter().chain(self.layers.iter().flatten().copied()).collect()
    }

    /// The same with other tensors, in the order of [`Memory::all`].
    pub fn with(&self, tensors: Vec<Var<'g>>) -> Self {
        let layers = tensors[1..].chunks_exact(2).map(|layer| [layer[0], layer[1]]).collect();
        Self { last: tensors[0], layers, context: self.context }
    }
}

impl Recurrent {
    /// The memory before the first step.
    pub fn blank<'g>(&self, graph: &'g Graph, [batch, features]: [usize; 2]) -> Memory<'g> {
        // A roll may begin with silence, so that what stands before it is something else.
        let blank = if self.roll { -1.0 } else { 0.0 };
        let last = if self.symbols > 0 { graph.full(-1.0, &[batch]) } else { graph.full(blank, &[batch, features]) };
        Memory { last, layers: vec![[graph.full(0.0, &[batch, self.units]); 2]; self.depth], context: None }
    }

    /// The memory before the first step of sequences about z `[B, K]`, which makes the first layer's initial state and
    /// is an input of every step.
    pub fn about<'g>(&self, net: &Net<'g>, z: Var<'g>, features: usize) -> Memory<'g> {
        let mut memory = self.blank(net.graph, [z.dim(0), features]);
        memory.layers[0][0] = net.dense("h0", z, self.units).tanh();
        Memory { context: Some(z), ..memory }
    }

    /// Reads x `[T, B, ..]`, and gives the states `[T, B, units]` of the last layer before each of its steps.
    pub fn read<'g>(&self, net: &Net<'g>, memory: &mut Memory<'g>, x: Var<'g>) -> Var<'g> {
        let (shape, none) = (x.shape(), vec![0; x.rank()]);
        let before = x.slice(&none, &[&[shape[0] - 1], &shape[1..]].concat());
        let first = memory.last.reshape(&[&[1], &shape[1..]].concat());
        memory.last = x.index(shape[0] - 1);
        self.go_on(net, memory, first.concat(before, 0))
    }

    /// Reads x `[T, B, ..]`, and gives the states `[T, B, units]` of the last layer after each of its steps.
    pub fn after<'g>(&self, net: &Net<'g>, mut memory: Memory<'g>, x: Var<'g>) -> Var<'g> {
        let (shape, blank) = (x.shape(), memory.last);
        let states = self.go_on(net, &mut memory, blank.reshape(&[&[1], &shape[1..]].concat()).concat(x, 0));
        states.slice(&[1, 0, 0], &[shape[0], shape[1], self.units])
    }

    /// Steps `[T, B, ..]` of which a share is taken away while training, so that a decoder cannot do without its z
    /// (word dropout, Bowman et al. 2016, section 3.1).
    pub fn without_some<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Var<'g> {
        if net.mode == Mode::Eval || self.word_dropout == 0.0 {
            return x;
        }
        let (blocks, dist) = (x.dim(0) * net.copies(), Dist::Bernoulli(Real::new(1.0 - self.word_dropout)));
        let kept = net.graph.random_of(blocks, dist, &x.shape()[..2]);
        match x.rank() {
            2 => (x - NOTHING) * kept + NOTHING,
            _ => x * kept.broadcast(&x.shape(), &[2]),
        }
    }

    /// The states `[T, B, units]` of the last layer after each of these inputs `[T, B, ..]`.
    fn go_on<'g>(&self, net: &Net<'g>, memory: &mut Memory<'g>, inputs: Var<'g>) -> Var<'g> {
        let mut x = inputs;
        for (i, layer) in memory.layers.iter_mut().enumerate() {
            let [h0, c0] = layer.map(Some);
            let mut r = Recurrence { h0, c0, ..Default::default() };
            if i == 0 {
                r = Recurrence { symbols: self.symbols, few: self.roll, context: memory.context, ..r };
            }
            let (states, last) = net.recurrent_from(self.kind(), &format!("layer{i}"), x, self.units, &r);
            (x, *layer) = (net.dropout(states, self.dropout), last);
        }
        x
    }

    /// The result `[B, F]` of the head after one more step with this input, `[B, ..]` or numbers of symbols `[B]`.
    pub fn step<'g>(&self, net: &Net<'g>, memory: &mut Memory<'g>, input: Var<'g>, features: usize) -> Var<'g> {
        let input = input.reshape(&[vec![1], input.shape()].concat());
        net.dense("out", self.go_on(net, memory, input).index(0), features)
    }

    /// Sequences step by step, `[B, T, F]` or numbers of symbols `[B, T]`, after what is in the memory.
    ///
    /// `input` makes the input of a step from its number and the step before; `output` makes a step from the result
    /// `[B, F]` of the head.
    pub fn unrolled<'g>(
        &self,
        net: &Net<'g>,
        mut memory: Memory<'g>,
        [steps, features]: [usize; 2],
        input: impl Fn(usize, Var<'g>) -> Var<'g>,
        output: impl Fn(Var<'g>) -> Var<'g>,
    ) -> Var<'g> {
        let mut results = vec![];
        for step in 0..steps {
            let next = input(step, memory.last);
            memory.last = output(self.step(net, &mut memory, next, features));
            results.push(memory.last.reshape(&[vec![1], memory.last.shape()].concat()));
        }
        by_time(Var::joined(&results, 0))
    }

    /// The parameters `[B, T, F]` of the distribution of each step of the examples x, given z `[B, K]` and the steps
    /// before it.
    pub fn predict<'g>(&self, net: &Net<'g>, z: Var<'g>, x: Var<'g>, shape: &[usize]) -> Var<'g> {
        let mut memory = self.about(net, z, shape[1]);
        head(net, self.read(net, &mut memory, self.without_some(net, by_time(x))), shape[1])
    }

    /// Sequences about z `[B, K]`, each step drawn given those before it. While training, they are as critics see them,
    /// and gradients pass through their symbols; else they are drawn as examples are.
    pub fn write<'g>(&self, net: &Net<'g>, p: &Distribution, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let (memory, sizes) = (self.about(net, z, shape[1]), [shape[0], shape[1]]);
        if net.mode == Mode::Eval {
            return self.unrolled(net, memory, sizes, |_, last| last, |decoded| p.draw(net, decoded));
        }
        self.unrolled(net, memory, sizes, |_, last| last, |decoded| p.soft_draw(decoded))
    }
}
