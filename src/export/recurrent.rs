//! Recurrent layers: what adds to their gates becomes one matrix of input weights.

use super::{
    lower::{Lowering, no_form},
    network::{Cell, Op, Place},
};
use crate::{
    checkpoint::Tensor,
    error::Result,
    graph::{self, Composite, Form, Id, Role},
};

/// What adds to the gates of every step, and how it becomes an input.
enum Share {
    /// A product of steps `[T B, F]`, or of `[B, F]` for all steps, with a weight `[F, gates]`, or with the transpose
    /// of a weight `[gates, F]` if the flag is set.
    Product(Id, Id, bool),
    /// Rows `[F, gates]` of a table at these numbers `[T B]`.
    Rows(Id, Id),
    /// A bias `[gates]`.
    Bias(Id),
}

impl Lowering<'_> {
    /// Finds out what reaches each recurrent layer: where one runs several times, some inputs can be left out.
    pub fn look_ahead(&mut self, live: &[bool]) {
        for id in (0..live.len()).filter(|&id| live[id]) {
            let graph::Node {
                op: graph::Op::Composite(Composite::Lstm { .. } | Composite::Gru { .. }), inputs, ..
            } = &self.nodes[id]
            else {
                continue;
            };
            let mut shares = vec![];
            self.shares(inputs[0], &mut shares);
            let reaching = shares.iter().filter_map(|share| match *share {
                Share::Product(_, weight, turned) => Some((weight, turned)),
                Share::Rows(_, table) => Some((table, false)),
                Share::Bias(_) => None,
            });
            let reaching: Vec<_> = reaching.collect();
            self.reaching.entry(inputs[1]).or_default().extend(reaching);
        }
    }

    /// The layer that a node is, with the states `[T, B, H]` as its result.
    pub fn recurrent(&mut self, id: Id) -> Result<Place> {
        let graph::Node { op, inputs, .. } = self.nodes[id].clone();
        let (cell, reverse, initial) = match op {
            graph::Op::Composite(Composite::Lstm { reverse }) => (Cell::Lstm, reverse, &inputs[2..4]),
            graph::Op::Composite(Composite::Gru { reverse, reset }) => (Cell::Gru(reset), reverse, &inputs[3..4]),
            _ => return Err(no_form("another recurrent layer")),
        };
        let (gates, weight) = (inputs[0], inputs[1]);
        if !self.constant[weight] || self.at(inputs[inputs.len() - 1]).constant() != Some(1.0) {
            return Err(no_form("a recurrent layer with a mask"));
        }
        let &[steps, batch, len] = self.nodes[gates].shape.as_slice() else { return Err(no_form("odd gates")) };
        let units = len / cell.gates();
        let mut shares = vec![];
        if !self.shares(gates, &mut shares) {
            return Err(no_form("a recurrent layer whose gates have other inputs than layers"));
        }
        let mut bias = vec![0.0f32; len];
        for share in &shares {
            let Share::Bias(id) = share else { continue };
            bias.iter_mut().zip(self.weights.tensor(*id)?.data).for_each(|(sum, value)| *sum += value);
        }
        let (mut columns, mut parts) = (vec![], vec![]);
        for (weight, turned) in self.reaching[&weight].clone() {
            let table = self.weights.tensor(weight)?;
            let table = if turned { transposed(&table) } else { table };
            let inputs = table.shape[0];
            let shape = [steps, batch, inputs];
            // Inputs of zeros are no part of the graph.
            let mut x = self.network.add(Op::Full(0.0), &[], shape.to_vec());
            for share in &shares {
                let from = match *share {
                    Share::Product(from, by, _) if by == weight => self.whole(from)?,
                    Share::Rows(numbers, by) if by == weight => self.one_hot(numbers, inputs)?,
                    _ => continue,
                };
                x = match self.network.shape(from)[0] == batch && steps > 1 {
                    true => self.network.whole(from, &shape),
                    false => self.network.reshape(from, &shape),
                };
            }
            parts.push(x);
            columns.extend(table.data);
        }
        let width = columns.len() / len;
        let x = match parts[..] {
            [only] => only,
            _ => self.network.add(Op::Concat(2), &parts, vec![steps, batch, width]),
        };
        let layer = self.weights.layer(weight);
        let mut hidden_bias = vec![0.0; len];
        if let Cell::Gru(_) = cell {
            hidden_bias[2 * units..].copy_from_slice(&self.weights.tensor(inputs[2])?.data);
        }
        let input = transposed(&Tensor { shape: vec![width, len], data: columns });
        let recurrent = transposed(&self.weights.tensor(weight)?);
        let vector = |data| Tensor { shape: vec![len], data };
        let weights = [
            ("weight_ih_l0", input),
            ("weight_hh_l0", recurrent),
            ("bias_ih_l0", vector(bias)),
            ("bias_hh_l0", vector(hidden_bias)),
        ];
        self.network.weights.extend(weights.map(|(part, tensor)| (format!("{layer}.{part}"), tensor)));
        let mut from = vec![x];
        if initial.iter().any(|&state| self.at(state).constant() != Some(0.0)) {
            for &state in initial {
                from.push(self.whole(state)?);
            }
        }
        Ok(self.network.add(Op::Recurrent { layer, cell, reverse }, &from, vec![steps, batch, units]))
    }

    /// Collects what adds to gates; `false` if there is something else among it.
    fn shares(&self, id: Id, to: &mut Vec<Share>) -> bool {
        let graph::Node { op, inputs, shape } = &self.nodes[id];
        let share = match op {
            graph::Op::Reshape | graph::Op::Add => return inputs.iter().all(|&input| self.shares(input, to)),
            graph::Op::Broadcast(axes) if axes.len() + 1 == shape.len() && self.constant[inputs[0]] => {
                Share::Bias(inputs[0])
            }
            graph::Op::Broadcast(axes) if axes[..] == [0] => return self.shares(inputs[0], to),
            graph::Op::Contract { form: Form::MatMul, role: Role::X } if self.constant[inputs[0]] => {
                Share::Product(inputs[1], inputs[0], true)
            }
            graph::Op::Contract { form: Form::MatMul, role: Role::Y } if self.constant[inputs[1]] => {
                Share::Product(inputs[0], inputs[1], false)
            }
            graph::Op::Composite(Composite::Rows) if self.constant[inputs[1]] => Share::Rows(inputs[0], inputs[1]),
            _ => return false,
        };
        to.push(share);
        true
    }

    /// The states of a recurrent layer that a part of its result holds: all of h, or c after the one step that there
    /// is. `None` for any other part.
    pub fn of_tape(&mut self, tape: Id, start: usize, len: usize) -> Option<Place> {
        let place = *self.tapes.get(&tape)?;
        let graph::Op::Composite(composite) = &self.nodes[tape].op else { return None };
        let reverse = match composite {
            Composite::Lstm { reverse } | Composite::Gru { reverse, .. } => *reverse,
            _ => return None,
        };
        let &[steps, batch, units] = self.network.shape(place) else { return None };
        let state = batch * units;
        let after = usize::from(!reverse) * state;
        match () {
            () if len != steps * state => None,
            () if start == after => Some(place),
            () if steps == 1 && start == 2 * state + after => {
                Some(self.network.add(Op::Cells, &[place], vec![1, batch, units]))
            }
            () => None,
        }
    }
}

/// A matrix with its axes exchanged.
fn transposed(matrix: &Tensor) -> Tensor {
    let &[rows, columns] = matrix.shape.as_slice() else { return matrix.clone() };
    let data = (0..columns).flat_map(|n| matrix.data.iter().skip(n).step_by(columns.max(1)).copied()).collect();
    Tensor { shape: vec![columns, rows], data }
}
