//! The values of a row of a table as networks see them: each choice one-hot, then all scalars, `[B, width]`; and what
//! a decoder or generator gives for them: logits of each choice, and means of the scalars.

use super::recurrent::gumbel;
use crate::{
    data::Records,
    graph::{Dist, Graph, Init, Var},
    models::greatest,
    nn::Net,
};

/// Temperature of soft draws of choices in a game (Xu et al. 2019, section 4.3).
const TEMPERATURE: f64 = 0.2;
/// Least and greatest logarithm of a scalar's deviation, and where it starts.
const LOG_DEVIATION: [f64; 3] = [-4.605, 0.5, -1.0];
/// Of modes the deviation itself is a parameter, as in the code of Xu et al.: its least and greatest value, its start.
const DEVIATION: [f64; 3] = [0.01, 1.0, 0.1];
/// Knots of the correction of each scalar.
pub const KNOTS: usize = 64;
/// The state group of what calibration finds.
pub const CALIBRATION: &str = "calibration";

/// The choices and scalars of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// Number of values of each choice.
    choices: Vec<usize>,
    /// For each scalar the choice that says whether it counts, and the first value of that choice for which it does.
    scalars: Vec<Option<(usize, usize)>>,
    /// Whether scalars lie in (-1, 1).
    is_bounded: bool,
    /// The choices among whose values a generator is given one; none without that.
    given: Vec<usize>,
}

impl Heads {
    /// Those of the rows of a table.
    pub fn of(records: &Records) -> Self {
        let mut choices = vec![];
        let mut scalars = vec![];
        for (_, coding) in records.codings() {
            let choice = (coding.choices() > 0).then(|| (choices.len(), coding.first_of_body()));
            choices.extend((coding.choices() > 0).then(|| coding.choices()));
            scalars.extend(coding.has_scalar().then_some(choice));
        }
        Self { choices, scalars, is_bounded: records.is_bounded(), given: records.given() }
    }

    /// Number of values that networks see.
    pub fn width(&self) -> usize {
        self.one_hot() + self.scalars.len()
    }

    /// Number of values of all choices.
    pub fn one_hot(&self) -> usize {
        self.choices.iter().sum()
    }

    /// Number of scalars.
    pub fn scalars(&self) -> usize {
        self.scalars.len()
    }

    /// The first value of each choice among all, and their number.
    pub fn spans(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.choices.iter().scan(0, |at, &len| {
            *at += len;
            Some((*at - len, len))
        })
    }

    /// Number of values of which a generator is given one; 0 without that.
    pub fn conditions(&self) -> usize {
        self.given.iter().map(|choice| self.choices[*choice]).sum()
    }

    /// The value that goes with each row as it lies in memory, `[B, values]` -> one-hot, `[B, conditions]`.
    pub fn condition<'g>(&self, x: Var<'g>) -> Var<'g> {
        let (rows, last) = (x.dim(0), x.dim(1) - 1);
        x.slice(&[0, last], &[rows, 1]).reshape(&[rows]).one_hot(self.conditions())
    }

    /// The mean over rows of the cross-entropy of the choice that a row's condition is about, for what a generator
    /// gives `[B, width]`, before draws.
    pub fn condition_loss<'g>(&self, decoded: Var<'g>, condition: Var<'g>) -> Var<'g> {
        let (logits, rows) = (self.split(decoded), decoded.dim(0));
        let each = self.given.iter().scan(0, |at, choice| {
            let len = self.choices[*choice];
            *at += len;
            Some(logits[*choice].cross_entropy(condition.slice(&[0, *at - len], &[rows, len])))
        });
        each.reduce(|sum, each| sum + each).expect("a condition is about some choice").mean_all()
    }

    /// For each scalar the choice that says whether it counts, and the first value of that choice for which it does.
    pub fn counting(&self) -> impl Iterator<Item = Option<(usize, usize)>> + '_ {
        self.scalars.iter().copied()
    }

    /// The values of each choice of y `[B, width]`, `[B, len]` each.
    fn split<'g>(&self, y: Var<'g>) -> Vec<Var<'g>> {
        self.spans().map(|(at, len)| y.slice(&[0, at], &[y.dim(0), len])).collect()
    }

    /// The scalars of y `[B, width]`, if there are any.
    fn scalars_of<'g>(&self, y: Var<'g>) -> Option<Var<'g>> {
        let count = self.scalars.len();
        (count > 0).then(|| y.slice(&[0, self.one_hot()], &[y.dim(0), count]))
    }

    /// Choices `[B, len]` each, and scalars `[B, count]`, beside each other.
    fn beside<'g>(choices: &[Var<'g>], scalars: Option<Var<'g>>) -> Var<'g> {
        // Rows of what is joined along the first axis are written to their place.
        let parts: Vec<Var> = choices.iter().copied().chain(scalars).map(Var::transpose).collect();
        Var::joined(&parts, 0).transpose()
    }

    /// Rows as they lie in memory, `[B, choices + scalars]` -> `[B, width]`. A choice of -1 is nothing: zeros.
    pub fn expanded<'g>(&self, x: Var<'g>) -> Var<'g> {
        let rows = x.dim(0);
        let of = |(i, &len): (usize, &usize)| x.slice(&[0, i], &[rows, 1]).reshape(&[rows]).one_hot(len);
        let choices: Vec<Var> = self.choices.iter().enumerate().map(of).collect();
        let count = self.scalars.len();
        Self::beside(&choices, (count > 0).then(|| x.slice(&[0, self.choices.len()], &[rows, count])))
    }

    /// The way back: the greatest value of each choice.
    pub fn taken<'g>(&self, y: Var<'g>) -> Var<'g> {
        let choices: Vec<Var> =
            self.split(y).into_iter().map(|choice| greatest(choice).reshape(&[y.dim(0), 1])).collect();
        let taken = Self::beside(&choices, self.scalars_of(y));
        if self.given.is_empty() { taken } else { taken.concat(y.graph().full(-1.0, &[y.dim(0), 1]), 1) }
    }

    /// Probabilities of the choices and means of the scalars, `[B, width]`.
    pub fn mean<'g>(&self, decoded: Var<'g>) -> Var<'g> {
        let choices: Vec<Var> = self.split(decoded).into_iter().map(Var::softmax).collect();
        Self::beside(&choices, self.scalars_of(decoded).map(|scalars| self.bounded(scalars)))
    }

    fn bounded<'g>(&self, scalars: Var<'g>) -> Var<'g> {
        if self.is_bounded { scalars.tanh() } else { scalars }
    }

    /// Draws `[B, width]` of what a decoder or generator gives, with gradients: choices by Gumbel-softmax, whose noise
    /// has the factor `noise`; scalars with noise of their deviation where the network has one.
    pub fn drawn<'g>(&self, net: &Net<'g>, decoded: Var<'g>, noise: f64, deviates: bool) -> Var<'g> {
        let graph = net.graph;
        let draw = |logits: Var<'g>| {
            let scores = if noise > 0.0 { logits + gumbel(graph, &logits.shape()) * noise } else { logits };
            (scores * (1.0 / TEMPERATURE)).softmax()
        };
        let choices: Vec<Var> = self.split(decoded).into_iter().map(draw).collect();
        let scalars = self.scalars_of(decoded).map(|scalars| {
            let mean = self.bounded(scalars);
            if !deviates {
                return mean;
            }
            let deviation = self.log_deviation(net).exp().along(1, &mean.shape());
            mean + graph.random(Dist::Normal, &mean.shape()) * deviation
        });
        Self::beside(&choices, scalars)
    }

    /// log p(x | z) of each row `[B]` in nats, for x `[B, width]`. A scalar counts where its choice says that there is
    /// one.
    pub fn log_likelihood<'g>(&self, net: &Net<'g>, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        let targets = self.split(x);
        let of_choices = self.split(decoded).into_iter().zip(&targets).map(|(logits, x)| -logits.cross_entropy(*x));
        let sum = of_choices.reduce(|sum, each| sum + each);
        let of_scalars = self.scalars_of(x).zip(self.scalars_of(decoded)).map(|(x, decoded)| {
            let shape = x.shape();
            let log_deviation = self.log_deviation(net).along(1, &shape);
            let error = (x - self.bounded(decoded)).square() * (log_deviation * -2.0).exp();
            let each = (error + log_deviation * 2.0 + (2.0 * std::f64::consts::PI).ln()) * -0.5;
            self.counted(&targets, &shape).map_or(each, |counted| each * counted).sum(&[1])
        });
        match (sum, of_scalars) {
            (Some(sum), Some(of_scalars)) => sum + of_scalars,
            (sum, of_scalars) => sum.or(of_scalars).expect("a table has something to learn"),
        }
    }

    /// 1 where a scalar of a row counts, `[B, scalars]`; `None` if all do.
    fn counted<'g>(&self, choices: &[Var<'g>], shape: &[usize]) -> Option<Var<'g>> {
        if self.scalars.iter().all(Option::is_none) {
            return None;
        }
        let rows = shape[0];
        let of = |scalar: &Option<(usize, usize)>| match scalar {
            None => choices[0].graph().full(1.0, &[1, rows]),
            Some((choice, first)) => {
                let len = choices[*choice].dim(1) - first;
                choices[*choice].slice(&[0, *first], &[rows, len]).sum(&[1]).reshape(&[1, rows])
            }
        };
        let parts: Vec<Var> = self.scalars.iter().map(of).collect();
        Some(Var::joined(&parts, 0).transpose())
    }

    /// The learned logarithm of the deviation of each scalar, `[scalars]`.
    fn log_deviation<'g>(&self, net: &Net<'g>) -> Var<'g> {
        if self.is_bounded {
            return self.deviation(net).log();
        }
        let [low, high, first] = LOG_DEVIATION;
        let v = net.graph.state(net.params, "log_deviation", &[self.scalars.len()], Init::Const(first as f32));
        within(v, low, high)
    }

    /// The learned deviation of the scalar of each mode, `[scalars]`.
    fn deviation<'g>(&self, net: &Net<'g>) -> Var<'g> {
        net.graph.state(net.params, "deviation", &[self.scalars.len()], Init::Const(DEVIATION[2] as f32))
    }

    /// Brings the deviations of modes back into their bounds after an update of the network that has them.
    pub fn keep(&self, net: &Net) {
        let (graph, [low, high, _]) = (net.graph, DEVIATION);
        if graph.groups()[net.params].items.iter().any(|item| item.name == "deviation") {
            graph.assign(self.deviation(net), within(self.deviation(net), low, high));
            graph.commit();
        }
    }

    /// Conditions `[rows, conditions]` by their shares in the data, which a fit finds, for samples.
    pub fn drawn_condition<'g>(&self, graph: &'g Graph, rows: usize) -> Var<'g> {
        let count = self.conditions();
        let shares = graph.state(graph.group(CALIBRATION), "log_shares", &[count], Init::Const(0.0));
        greatest(shares.along(1, &[rows, count]) + gumbel(graph, &[rows, count])).one_hot(count)
    }

    /// What a decoder or generator gives, with the corrections that calibration found: an offset for each logit.
    pub fn corrected<'g>(&self, graph: &'g Graph, decoded: Var<'g>) -> Var<'g> {
        if self.one_hot() == 0 {
            return decoded;
        }
        let offsets = graph.state(graph.group(CALIBRATION), "offsets", &[self.one_hot()], Init::Const(0.0));
        decoded + offsets.pad(&[0], &[self.width()]).along(1, &decoded.shape())
    }

    /// Draws `[B, width]` with the corrections of their scalars: a map of each to the distribution that it should have,
    /// s + shift + the sum of bends * relu(s - at).
    pub fn mapped<'g>(&self, graph: &'g Graph, drawn: Var<'g>) -> Var<'g> {
        let Some(scalars) = self.scalars_of(drawn).filter(|_| !self.is_bounded) else { return drawn };
        let (group, count, rows) = (graph.group(CALIBRATION), self.scalars.len(), drawn.dim(0));
        let state = |name, shape: &[usize]| graph.state(group, name, shape, Init::Const(0.0));
        let shape = [rows, count, KNOTS];
        let [at, bends] = ["at", "bends"].map(|name| state(name, &[count, KNOTS]).broadcast(&shape, &[0]));
        let bent = ((scalars.broadcast(&shape, &[2]) - at).relu() * bends).sum(&[2]);
        let mapped = scalars + bent + state("shift", &[count]).along(1, &scalars.shape());
        let choices = drawn.slice(&[0, 0], &[rows, self.one_hot().max(1)]);
        if self.one_hot() == 0 { mapped } else { choices.concat(mapped, 1) }
    }
}

/// x, but nothing below `low` or above `high`.
fn within(x: Var, low: f64, high: f64) -> Var {
    let (middle, reach) = ((low + high) / 2.0, (high - low) / 2.0);
    (x - middle).clamp(reach) + middle
}
