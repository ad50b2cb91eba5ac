//! The hidden layers of a network, and the graphs that give them for examples.

use super::recurrent::by_time;
use crate::{
    graph::{Graph, Var},
    models::{Examples, HIDDEN, SETTLE, sample_rows},
    nn::{Mode, Net, Start},
    settings::Settings,
};

/// Cells along each axis of a map to which [`pooled`] reduces it.
const CELLS: usize = 4;

/// What a network computes of B examples before its result.
#[derive(Clone)]
pub struct Hidden<'g> {
    /// The last hidden layer, `[B, F]`; of a critic that judges each step `[T * B, F]`.
    pub features: Var<'g>,
    /// The result of each convolution, `[B, C, H, W]`; none of other networks.
    pub maps: Vec<Var<'g>>,
    /// The states of the last recurrent layer after each step, `[T, B, H]`.
    pub states: Option<Var<'g>>,
}

impl<'g> From<Var<'g>> for Hidden<'g> {
    fn from(features: Var<'g>) -> Self {
        Self { features, maps: vec![], states: None }
    }
}

impl<'g> Hidden<'g> {
    /// Convolutions, of which the last one gives the features.
    pub fn of_maps(maps: Vec<Var<'g>>) -> Self {
        let last = maps[maps.len() - 1];
        Self { features: last.reshape(&[last.dim(0), last.len() / last.dim(0)]), maps, states: None }
    }

    /// The layers that users can have, by name, for `rows` examples.
    pub fn layers(&self, rows: usize) -> Vec<(&'static str, Var<'g>)> {
        let [all, width] = [0, 1].map(|axis| self.features.dim(axis));
        let features = match all == rows {
            true => self.features,
            false => self.features.reshape(&[all / rows, rows, width]).mean(&[0]),
        };
        let pooled = (!self.maps.is_empty()).then(|| ("pooled", pooled(&self.maps)));
        let states = self.states.map(|states| ("states", by_time(states)));
        [("features", features)].into_iter().chain(pooled).chain(states).collect()
    }
}

/// The maps `[B, C, H, W]` of all convolutions, each reduced to 4x4 cells by the maximum in each, joined: `[B, ..]`
/// (Radford et al. 2016, section 5.1). Cells overlap where a side is no multiple of 4, and smaller maps keep theirs.
fn pooled<'g>(maps: &[Var<'g>]) -> Var<'g> {
    let along = |x: Var<'g>, axis: usize| {
        let (side, cells) = (x.dim(axis), x.dim(axis).min(CELLS));
        let cell = |n: usize| {
            let (from, to) = (n * side / cells, ((n + 1) * side).div_ceil(cells));
            let (mut start, mut shape) = (vec![0; x.rank()], x.shape());
            (start[axis], shape[axis]) = (from, to - from);
            let part = x.slice(&start, &shape).max(&[axis]);
            shape[axis] = 1;
            part.reshape(&shape)
        };
        Var::joined(&(0..cells).map(cell).collect::<Vec<_>>(), axis)
    };
    let flat = |map: &Var<'g>| {
        let cells = along(along(*map, 2), 3);
        cells.reshape(&[map.dim(0), cells.len() / map.dim(0)])
    };
    Var::joined(&maps.iter().map(flat).collect::<Vec<_>>(), 1)
}

/// The graph [`HIDDEN`] of the network with the parameters `name`, if it has such layers; and [`SETTLE`], if it has
/// batch norm. `of` gives the layers by name for examples as they lie in memory.
pub fn hidden(
    s: &Settings,
    examples: &Examples,
    (name, start): (&str, Start),
    of: impl for<'g> Fn(&Net<'g>, Var<'g>) -> Vec<(&'static str, Var<'g>)>,
) -> Vec<(&'static str, Graph)> {
    let layers = |mode: Mode, rows: usize| {
        Graph::build(|graph| {
            let net = Net::new(graph, name, start, mode);
            let x = graph.input("x", &examples.values(rows));
            of(&net, x).into_iter().for_each(|(layer, value)| graph.output(layer, value));
            graph.commit();
        })
    };
    let settle = layers(Mode::Calibrate, s.batch);
    let has_norm = settle.groups().iter().any(|group| group.name.ends_with(".stats") && !group.items.is_empty());
    let hidden = layers(Mode::Eval, sample_rows(s, examples));
    let has_layers = !hidden.outputs().is_empty();
    let hidden = has_layers.then_some((HIDDEN, hidden));
    hidden.into_iter().chain(has_norm.then_some((SETTLE, settle))).collect()
}
