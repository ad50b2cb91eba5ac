//! LSTM and GRU: ONNX's order of gates, its two biases and its directions.

use saddle::graph::{Reset, Var};

use crate::operations::{Operation, Said, Value};

/// One direction's tensors, in the engine's order of gates.
struct Direction<'g> {
    /// `[F, gates * H]`
    input: Var<'g>,
    /// `[H, gates * H]`
    recurrent: Var<'g>,
    /// Biases `[gates * H]` of the inputs' part and of the recurrent part.
    biases: Option<[Var<'g>; 2]>,
    reverse: bool,
}

/// The inputs that both operators read: x `[T, B, F]`, the mask, and the tensors of each direction.
struct Layer<'g> {
    x: Var<'g>,
    mask: Var<'g>,
    units: usize,
    batchwise: bool,
    directions: Vec<Direction<'g>>,
}

/// Reorders the blocks of `units` along an axis.
fn reorder<'g>(t: Var<'g>, axis: usize, units: usize, order: &[usize]) -> Var<'g> {
    let block = |&k: &usize| {
        let (mut start, mut shape) = (vec![0; t.rank()], t.shape());
        (start[axis], shape[axis]) = (k * units, units);
        t.slice(&start, &shape)
    };
    order.iter().map(block).reduce(|a, b| a.concat(b, axis)).unwrap()
}

fn read<'g>(o: &Operation<'_, 'g>, order: &[usize]) -> Said<Layer<'g>> {
    if o.has("activations") || o.has("clip") || o.has("input_forget") {
        return Err("other activations, a clip or coupled gates".into());
    }
    let (x, w, r) = (o.tensor(0)?, o.tensor(1)?, o.tensor(2)?);
    let (units, gates, batchwise) = (o.integer("hidden_size", 0) as usize, order.len(), o.integer("layout", 0) == 1);
    let x = if batchwise { x.permute(&[1, 0, 2]) } else { x };
    let (steps, batch) = (x.dim(0), x.dim(1));
    let mask = match o.input(4) {
        None => o.graph.full(1.0, &[steps, batch]),
        Some(Value::Integers(lens)) if lens.iter().all(|&n| n as usize == steps) => o.graph.full(1.0, &[steps, batch]),
        Some(_) => return Err("sequences of several lengths".into()),
    };
    let reverse = |d: usize| o.text("direction") == "reverse" || d == 1;
    let bias = o.optional(3)?;
    let direction = |d: usize| {
        let halves = |b: Var<'g>| {
            let b = b.index(d);
            [0, 1].map(|half| reorder(b.slice(&[half * gates * units], &[gates * units]), 0, units, order))
        };
        Direction {
            input: reorder(w.index(d), 0, units, order).transpose(),
            recurrent: reorder(r.index(d), 0, units, order).transpose(),
            biases: bias.map(halves),
            reverse: reverse(d),
        }
    };
    Ok(Layer { x, mask, units, batchwise, directions: (0..w.dim(0)).map(direction).collect() })
}

impl<'g> Layer<'g> {
    /// The terms of the gates that depend on the inputs and on these biases.
    fn gates(&self, d: &Direction<'g>, bias: Option<Var<'g>>) -> Var<'g> {
        let [steps, batch, inputs] = self.x.shape()[..] else { panic!("x is [T, B, F]") };
        let y = self.x.reshape(&[steps * batch, inputs]).matmul(d.input);
        let y = bias.map_or(y, |b| y + b.along(1, &y.shape()));
        y.reshape(&[steps, batch, y.dim(1)])
    }

    /// The initial state of direction d, from input i: `[directions, B, H]`, or with the first two axes swapped.
    fn initial(&self, o: &Operation<'_, 'g>, i: usize, d: usize) -> Said<Var<'g>> {
        let zeros = o.graph.full(0.0, &[self.x.dim(1), self.units]);
        let given = o.optional(i)?.map(|t| if self.batchwise { t.permute(&[1, 0, 2]) } else { t });
        Ok(given.map_or(zeros, |t| t.index(d)))
    }

    /// Y `[Var, directions, B, H]` and each state's last value `[directions, B, H]`, or with the batch first.
    fn results(&self, ys: &[Var<'g>], others: &[Vec<Var<'g>>]) -> Vec<Var<'g>> {
        let (steps, batch) = (self.x.dim(0), self.x.dim(1));
        let join = |parts: Vec<Var<'g>>, axis: usize| parts.into_iter().reduce(|a, b| a.concat(b, axis)).unwrap();
        let y = join(ys.iter().map(|y| y.reshape(&[steps, 1, batch, self.units])).collect(), 1);
        let y = if self.batchwise { y.permute(&[2, 0, 1, 3]) } else { y };
        let last = |states: &[Var<'g>]| {
            let end = |(d, s): (&Direction<'g>, &Var<'g>)| s.index(if d.reverse { 0 } else { steps - 1 });
            let ends = self.directions.iter().zip(states).map(end).map(|s| s.reshape(&[1, batch, self.units]));
            let y = join(ends.collect(), 0);
            if self.batchwise { y.permute(&[1, 0, 2]) } else { y }
        };
        [vec![y, last(ys)], others.iter().map(|states| last(states)).collect()].concat()
    }
}

/// ONNX's i, o, f, c are the engine's i, f, g, o.
pub fn lstm<'g>(o: &Operation<'_, 'g>) -> Said<Vec<Var<'g>>> {
    if o.input(7).is_some() {
        return Err("peepholes".into());
    }
    let layer = read(o, &[0, 2, 3, 1])?;
    let (mut hs, mut cs) = (vec![], vec![]);
    for (n, d) in layer.directions.iter().enumerate() {
        let gates = layer.gates(d, d.biases.map(|[a, b]| a + b));
        let initial = [layer.initial(o, 5, n)?, layer.initial(o, 6, n)?];
        let [h, c] = o.graph.lstm(gates, d.recurrent, initial, layer.mask, d.reverse);
        hs.push(h);
        cs.push(c);
    }
    Ok(layer.results(&hs, &[cs]))
}

/// ONNX's z, r, h are the engine's r, z, n.
pub fn gru<'g>(o: &Operation<'_, 'g>) -> Said<Vec<Var<'g>>> {
    let layer = read(o, &[1, 0, 2])?;
    let reset = if o.integer("linear_before_reset", 0) == 1 { Reset::After } else { Reset::Before };
    let units = layer.units;
    let mut hs = vec![];
    for (n, d) in layer.directions.iter().enumerate() {
        // The kernel takes the recurrent bias of n separately from the others.
        let zeros = o.graph.full(0.0, &[units]);
        let recurrent = |b: Var<'g>| b.slice(&[0], &[2 * units]).concat(zeros, 0);
        let gates = layer.gates(d, d.biases.map(|[a, b]| a + recurrent(b)));
        let bias = d.biases.map_or(zeros, |[_, b]| b.slice(&[2 * units], &[units]));
        let h0 = layer.initial(o, 5, n)?;
        hs.push(o.graph.gru(gates, [d.recurrent, bias], h0, layer.mask, d.reverse, reset));
    }
    Ok(layer.results(&hs, &[]))
}
