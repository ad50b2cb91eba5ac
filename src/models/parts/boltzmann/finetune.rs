//! A classifier that starts as a machine: one round of its mean field with weights of its own, and a layer of classes
//! on top (Salakhutdinov and Hinton 2009, section 3.3).

use super::{MACHINE, Machine, layer_name, to_units, up_weight, weight_name};
use crate::{
    graph::{Field, Graph, Init, Var},
    models::{Examples, Phase, parts::round::Round},
    nn::{Mode, Net, Start},
    settings::Settings,
};

/// Name of the state group of the classifier.
const CLASSIFIER: &str = "c";
/// Names of its phases: the one round in which it takes over the weights of the machine, and what follows.
const PHASES: [&str; 2] = ["unroll", "finetune"];
/// What is dropped of the visible layer, as a share of what is dropped of the others (Srivastava et al. 2014).
const VISIBLE: f64 = 0.4;

/// The phases that train the classifier in the last `finetune` steps of a run of machines with these widths.
pub fn phases(s: &Settings, examples: &Examples, widths: &[usize]) -> Vec<Phase> {
    let from = s.steps - s.finetune;
    let unroll = Phase::new(PHASES[0], from + 1, |graph| Classifier::new(graph, s, widths, Mode::Train).unroll());
    let learn = Phase::new(PHASES[1], s.steps, |graph| {
        let round = Round { graph, s, examples };
        let among = (s.labelled > 0).then_some(s.labelled);
        let draw = graph.draw_among(among);
        let x = round.batch_of(draw);
        let wanted = graph.batch(draw, Field::OneHot, &[s.batch, examples.classes]);
        let classifier = Classifier::new(graph, s, widths, Mode::Train);
        let cost = round.cost_of_classes(classifier.logits(x, examples.classes), wanted);
        let remaining = (1.0 - (graph.clock() - (from + 1) as f64) * (1.0 / s.finetune as f64)).relu();
        let rate = round.scheduled(s.lr_finetune, remaining);
        round.descend(&classifier.net, cost, round.descent_g().at(rate));
    });
    vec![unroll, learn]
}

/// Logits of the classes of images x, `[rows, classes]`, by the classifier of a trained run.
pub fn told<'g>(graph: &'g Graph, s: &Settings, widths: &[usize], (x, classes): (Var<'g>, usize)) -> Var<'g> {
    Classifier::new(graph, s, widths, Mode::Eval).logits(x, classes)
}

struct Classifier<'a, 'g> {
    net: Net<'g>,
    machine: Machine<'g>,
    s: &'a Settings,
}

impl<'a, 'g> Classifier<'a, 'g> {
    fn new(graph: &'g Graph, s: &'a Settings, widths: &[usize], mode: Mode) -> Self {
        let net = Net::new(graph, CLASSIFIER, Start::Uniform, mode);
        Self { net, machine: Machine::new(graph, MACHINE, widths), s }
    }

    fn state(&self, name: String, shape: &[usize]) -> Var<'g> {
        self.net.graph.state(self.net.params, &name, shape, Init::Const(0.0))
    }

    /// Weights `[n_l, n_{l+1}]` that layer l + 1 reads layer l with.
    fn below(&self, l: usize) -> Var<'g> {
        self.state(format!("below.{}", weight_name(l)), &self.machine.widths[l..l + 2])
    }

    /// Weights `[n_l, n_{l+1}]` that layer l reads the machine's means of layer l + 1 with.
    fn above(&self, l: usize) -> Var<'g> {
        self.state(format!("above.{}", weight_name(l)), &self.machine.widths[l..l + 2])
    }

    fn bias(&self, l: usize) -> Var<'g> {
        self.state(layer_name(l), &[self.machine.widths[l]])
    }

    /// Takes over the weights of the machine.
    fn unroll(&self) {
        let (g, machine) = (self.net.graph, &self.machine);
        for l in 1..=machine.top() {
            g.assign(self.below(l - 1), machine.weight(l - 1));
            g.assign(self.bias(l), machine.bias(l));
            if l < machine.top() {
                g.assign(self.above(l), machine.weight(l));
            }
        }
        g.commit();
    }

    /// x `[rows, ..]` -> `[rows, classes]`. The machine's means are inputs: nothing is learned through them.
    fn logits(&self, x: Var<'g>, classes: usize) -> Var<'g> {
        let (machine, dropped) = (&self.machine, f64::from(self.s.dropout_finetune));
        let means: Vec<Var> = machine.mean_field(to_units(x), self.s.mean_field).iter().map(|x| x.detach()).collect();
        let visible = self.net.dropout(means[0], VISIBLE * dropped);
        let top = (1..=machine.top()).fold(visible, |h, l| {
            let total = h.matmul(self.below(l - 1)) + self.bias(l).along(1, &[h.dim(0), machine.widths[l]]);
            let total = if l < machine.top() { total + up_weight(self.above(l), means[l + 1]) } else { total };
            self.net.dropout(total.sigmoid(), dropped)
        });
        self.net.dense("classes", top, classes)
    }
}
