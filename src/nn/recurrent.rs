//! Recurrent layers over sequences `[T, B, F]`, time first, or over numbers of symbols `[T, B]`.

use super::{Net, Start, xavier};
use crate::graph::{Form, Init, Reset, Role, Var};

/// How a recurrent layer runs along its sequence; by default forwards, over all steps, from a state of zeros.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recurrence<'g> {
    /// `[T, B]`, 1 where a step counts and 0 where the state stays as it is.
    pub mask: Option<Var<'g>>,
    /// Whether to run from the last step to the first.
    pub reverse: bool,
    /// The state `[B, H]` before the first step.
    pub h0: Option<Var<'g>>,
    /// An LSTM's cells `[B, H]` before the first step.
    pub c0: Option<Var<'g>>,
    /// Number of symbols, for a layer whose inputs are numbers of symbols `[T, B]`, or weights of them `[T, B,
    /// symbols]`, in place of values `[T, B, F]`. The number -1 stands before the first symbol and has a row of its
    /// own; other numbers of no symbol stand for no input.
    pub symbols: usize,
    /// Whether all but a few of the values of a step are 0, as of a roll.
    pub few: bool,
    /// `[B, K]`: values that are an input of every step.
    pub context: Option<Var<'g>>,
}

/// Values of a step that are not 0, where these are few: the notes of a chord.
const FEW: usize = 4;

/// A kind of recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Long short-term memory; see [`Net::lstm`].
    Lstm,
    /// Gated recurrent units; see [`Net::gru`].
    Gru(Reset),
    /// TensorFlow 1's gated recurrent units; see [`Net::tensorflow_gru`].
    TensorFlowGru,
}

impl<'g> Net<'g> {
    /// h and c `[T, B, H]` of an LSTM over x `[T, B, F]`. Recurrent weights start orthogonal, the forget gate's bias at
    /// 1 (Jozefowicz et al. 2015).
    #[track_caller]
    pub fn lstm(&self, name: &str, x: Var<'g>, units: usize, r: &Recurrence<'g>) -> [Var<'g>; 2] {
        let gates = self.input_gates(name, x, 4 * units, Init::Span { start: units, end: 2 * units, value: 1.0 }, r);
        let weight = self.recurrent_weight(name, units, 4);
        let initial = [r.h0, r.c0].map(|state| state.unwrap_or_else(|| self.zeros(x, units)));
        self.graph.lstm(gates, weight, initial, self.mask(x, r), r.reverse)
    }

    /// h `[T, B, H]` of a GRU over x `[T, B, F]`. Recurrent weights start orthogonal. r and z have one bias each; n has
    /// one bias for its input part and one for its recurrent part.
    #[track_caller]
    pub fn gru(&self, name: &str, x: Var<'g>, units: usize, reset: Reset, r: &Recurrence<'g>) -> Var<'g> {
        let gates = self.input_gates(name, x, 3 * units, Init::Const(0.0), r);
        let bias = self.parameter(name, "candidate_bias", &[units], Init::Const(0.0));
        let h0 = r.h0.unwrap_or_else(|| self.zeros(x, units));
        let weights = [self.recurrent_weight(name, units, 3), bias];
        self.graph.gru(gates, weights, h0, self.mask(x, r), r.reverse, reset)
    }

    /// h `[T, B, H]` of TensorFlow 1's `GRUCell` over x `[T, B, F]`. The reset gate acts before the product. Parameters
    /// have the layout and the initial values of TensorFlow: input and recurrent weights in one matrix `[F + H, 2H]`
    /// for the gates and one `[F + H, H]` for the candidate, Xavier-uniform; the gates' biases start at 1.
    #[track_caller]
    pub fn tensorflow_gru(&self, name: &str, x: Var<'g>, units: usize, r: &Recurrence<'g>) -> Var<'g> {
        let inputs = if x.rank() == 2 { r.symbols } else { x.dim(2) };
        let part = |part: &str, len: usize, bias: f32| {
            let name = format!("{name}.{part}");
            let weight = self.parameter(&name, "weight", &[inputs + units, len], xavier(inputs + units, len));
            let weight = if self.spectral { self.spectral_norm(&name, weight) } else { weight };
            (weight, self.parameter(&name, "bias", &[len], Init::Const(bias)))
        };
        let ((gates, gates_bias), (candidate, bias)) = (part("gates", 2 * units, 1.0), part("candidate", units, 0.0));
        let weight = gates.concat(candidate, 1);
        let rows = |first: usize, count: usize| weight.slice(&[first, 0], &[count, 3 * units]);
        let rows_of_inputs = rows(0, inputs);
        let gates = match x.rank() {
            2 => rows_of_inputs.rows(x.reshape(&[x.len()])),
            _ => by_step(x).matmul(rows_of_inputs),
        };
        let gates = gates + gates_bias.pad(&[0], &[3 * units]).along(1, &gates.shape());
        let h0 = r.h0.unwrap_or_else(|| self.zeros(x, units));
        let weights = [rows(inputs, units), bias];
        let gates = self.in_context(name, over_time(gates, x), r);
        self.graph.gru(gates, weights, h0, self.mask(x, r), r.reverse, Reset::Before)
    }

    /// The states `[T, B, H]` of a layer of this kind.
    #[track_caller]
    pub fn recurrent(&self, cell: Cell, name: &str, x: Var<'g>, units: usize, r: &Recurrence<'g>) -> Var<'g> {
        match cell {
            Cell::Lstm => self.lstm(name, x, units, r)[0],
            Cell::Gru(reset) => self.gru(name, x, units, reset, r),
            Cell::TensorFlowGru => self.tensorflow_gru(name, x, units, r),
        }
    }

    /// The states `[T, B, 2H]` of two layers (Schuster and Paliwal 1997), `name.forward` and `name.backward`.
    #[track_caller]
    pub fn bidirectional(&self, cell: Cell, name: &str, x: Var<'g>, units: usize, r: &Recurrence<'g>) -> Var<'g> {
        let [forward, backward] = [("forward", r.reverse), ("backward", !r.reverse)].map(|(side, reverse)| {
            self.recurrent(cell, &format!("{name}.{side}"), x, units, &Recurrence { reverse, ..*r })
        });
        forward.concat(backward, 2)
    }

    /// Stacked layers `name.0`, `name.1`, ..: `layer` makes each from its name and the states of the layer below.
    pub fn stacked(&self, name: &str, x: Var<'g>, layers: usize, layer: impl Fn(&str, Var<'g>) -> Var<'g>) -> Var<'g> {
        (0..layers).fold(x, |x, i| layer(&format!("{name}.{i}"), x))
    }

    /// The states `[T, B, H]` of a layer of this kind, and h and c `[B, H]` after the last step. GRUs leave c as it is.
    #[track_caller]
    pub fn recurrent_from(
        &self,
        cell: Cell,
        name: &str,
        x: Var<'g>,
        units: usize,
        r: &Recurrence<'g>,
    ) -> (Var<'g>, [Var<'g>; 2]) {
        let last = x.dim(0) - 1;
        match cell {
            Cell::Lstm => {
                let [h, c] = self.lstm(name, x, units, r);
                (h, [h.index(last), c.index(last)])
            }
            _ => {
                let h = self.recurrent(cell, name, x, units, r);
                (h, [h.index(last), r.c0.unwrap_or_else(|| self.zeros(x, units))])
            }
        }
    }

    /// The inputs' share of the gates, `[T, B, len]`.
    #[track_caller]
    fn input_gates(&self, name: &str, x: Var<'g>, len: usize, bias: Init, r: &Recurrence<'g>) -> Var<'g> {
        let rows = x.dim(0) * x.dim(1);
        let shape = [r.symbols + 1, len];
        // Only inputs that are not 0 count as fan-in: of a table one row is read. Gates that start small learn late.
        let start = self.starting(Start::He);
        let table = || self.parameter(name, "table", &shape, start.init([1, len]));
        let gates = match (x.rank(), r.symbols) {
            (2, 1..) => {
                let is_start = 1.0 - (x + 1.0).abs().is_positive();
                table().rows((x + is_start * shape[0] as f64).reshape(&[rows]))
            }
            // Weights of symbols in place of their numbers.
            (3, 1..) => by_step(x).matmul(table().slice(&[0, 0], &[r.symbols, len])),
            (3, 0) => {
                let shape = [len, x.dim(2)];
                let weight = match r.few {
                    true => start.weight(name, &shape, [FEW, len]),
                    false => self.weight(name, &shape, [x.dim(2), len]),
                };
                weight.contract(Form::MatMul, Role::X, by_step(x), vec![rows, len])
            }
            _ => panic!("recurrent layer {name}: wants [T, B, F] or symbols [T, B], got {:?}", x.shape()),
        };
        let gates = over_time(gates + self.parameter(name, "bias", &[len], bias).along(1, &gates.shape()), x);
        self.in_context(name, gates, r)
    }

    /// Gates `[T, B, len]`, with what the context adds to them at every step.
    fn in_context(&self, name: &str, gates: Var<'g>, r: &Recurrence<'g>) -> Var<'g> {
        let Some(context) = r.context else { return gates };
        let share = self.dense_without_bias(&format!("{name}.context"), context, gates.dim(2));
        gates + share.broadcast(&gates.shape(), &[0])
    }

    fn recurrent_weight(&self, name: &str, units: usize, gates: usize) -> Var<'g> {
        let weight = self.parameter(name, "recurrent", &[units, gates * units], Init::Orthogonal(1.0));
        if self.spectral { self.spectral_norm(&format!("{name}.recurrent"), weight) } else { weight }
    }

    fn zeros(&self, x: Var<'g>, units: usize) -> Var<'g> {
        self.graph.full(0.0, &[x.dim(1), units])
    }

    fn mask(&self, x: Var<'g>, r: &Recurrence<'g>) -> Var<'g> {
        r.mask.unwrap_or_else(|| self.graph.full(1.0, &x.shape()[..2]))
    }
}

/// Each example's last step that counts: x `[T, B, F]` -> `[B, F]`. The mask `[T, B]` must be 1 up to some step and 0
/// after it. A forward layer keeps its state where the mask is 0, so its last step holds this state too.
pub fn last_step<'g>(x: Var<'g>, mask: Option<Var<'g>>) -> Var<'g> {
    let steps = x.dim(0);
    match mask.filter(|_| steps > 1) {
        None => x.index(steps - 1),
        Some(mask) => {
            let next = mask.slice(&[1, 0], &[steps - 1, x.dim(1)]).pad(&[0, 0], &mask.shape());
            (x * (mask - next).broadcast(&x.shape(), &[2])).sum(&[0])
        }
    }
}

/// Steps and examples as the rows of one matrix.
fn by_step<'g>(x: Var<'g>) -> Var<'g> {
    x.reshape(&[x.dim(0) * x.dim(1), x.dim(2)])
}

/// The inverse of [`by_step`]: rows `[T B, F]` -> `[T, B, F]`, with the extents T and B of `like`.
fn over_time<'g>(rows: Var<'g>, like: Var<'g>) -> Var<'g> {
    rows.reshape(&[like.dim(0), like.dim(1), rows.dim(1)])
}
