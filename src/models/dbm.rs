//! Deep Boltzmann machine (Salakhutdinov and Hinton 2009): an energy over layers of binary units that learns grey
//! images.

use super::{
    DECODE, Examples, Kind, Model, RECONSTRUCT, SAMPLE, Variant,
    parts::{
        boltzmann::{self, MACHINE, Machine, finetune, inference, machine_layers, to_examples, to_units},
        hidden::hidden,
    },
    sample_rows,
};
use crate::{
    error::{Error, Result},
    graph::Graph,
    nn::Start,
    settings::{Preset, Settings},
};

/// Gibbs sweeps of the chains between two sample sheets.
const SWEEPS: usize = 50;

/// Settings that all presets share.
const MACHINES: &[(&str, &str)] = &[
    ("schedule", "linear"),
    ("batch", "100"),
    ("sample_every", "1000"),
    ("checkpoint_every", "1000"),
    ("log_every", "100"),
];

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "dbm",
    about: "deep Boltzmann machine (Salakhutdinov and Hinton 2009), for grey images",
    kind: Kind::Single,
    // A machine descends its own estimate of the gradient: the other optimiser settings do not apply.
    options: &[
        "lr_g",
        "momentum",
        "schedule",
        "size",
        "fit",
        "channels",
        "alpha",
        "mirror",
        "Boltzmann machine",
        "pretrain",
        "binarize",
        "Classifier",
        "labelled",
    ],
    presets: &[
        // Centred and without pretraining, in minutes on two CPU cores.
        Preset::over("default", MACHINES, DEFAULT),
        // Pretrained layer by layer, as in the paper.
        Preset::over("article", MACHINES, ARTICLE),
        // The run of results/dbm.md: 784-500-1000, pretrained and centred, on digits whose pixels are drawn black or
        // white.
        Preset::over("mnist", MACHINES, MNIST),
    ],
    build,
};

const DEFAULT: &[(&str, &str)] = &[("steps", "10000"), ("lr_g", "0.005"), ("mean_field", "5"), ("layers", "256,256")];
const ARTICLE: &[(&str, &str)] = &[
    ("steps", "80000"),
    ("pretrain", "20000"),
    ("cd", "1,5"),
    ("lr_g", "0.002"),
    ("gibbs", "5"),
    ("l2", "0.0002"),
    ("centring", "false"),
];
const MNIST: &[(&str, &str)] = &[
    ("steps", "48000"),
    ("pretrain", "4000"),
    ("lr_rbm", "0.03"),
    ("lr_g", "0.004"),
    ("mean_field", "5"),
    ("binarize", "true"),
    ("l2", "0.0001"),
];

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let widths = &boltzmann::widths(s, examples)?;
    if s.finetune >= s.steps {
        return Err(Error::usage(format!(
            "finetune={} leaves none of the {} steps to the machine",
            s.finetune, s.steps
        )));
    }
    if (s.finetune > 0 || s.labelled > 0) && examples.classes == 0 {
        return Err(Error::usage("`finetune` and `labelled` need examples with classes, and this data set has none"));
    }
    if s.labelled > 0 && s.finetune == 0 {
        return Err(Error::usage(
            "`labelled` says what `finetune` learns from: set finetune too, such as finetune=2000",
        ));
    }
    let mut phases = boltzmann::phases(s, examples, widths, s.lr_g, s.steps - s.finetune)?;
    if s.finetune > 0 {
        phases.extend(finetune::phases(s, examples, widths));
    }
    if let Some(last) = phases.last_mut() {
        last.until = u64::MAX;
    }
    let sweep = boltzmann::sweep(widths, sample_rows(s, examples), |_, _, probabilities| {
        ("samples", to_examples(probabilities[0], &examples.shape))
    });
    let mut graphs = vec![(SAMPLE, sample(s, widths, examples)), sweep, (DECODE, decode(s, widths, examples))];
    graphs.push((RECONSTRUCT, reconstruct(s, widths, examples)));
    graphs.extend(inference(s, widths, examples));
    graphs.extend(hidden(s, examples, (MACHINE, Start::Uniform), |net, x| {
        let layers = machine_layers(net.graph, s, widths, x);
        let told = (s.finetune > 0).then(|| ("classes", finetune::told(net.graph, s, widths, (x, examples.classes))));
        let features = ("features", layers[layers.len() - 1].1);
        [features].into_iter().chain(layers).chain(told).collect()
    }));
    Ok(Model { phases, graphs, calibration: 0 })
}

/// Advances the persistent chains; outputs the probabilities of the visible units as examples.
fn sample(s: &Settings, widths: &[usize], examples: &Examples) -> Graph {
    Graph::build(|graph| {
        let machine = Machine::new(graph, MACHINE, widths);
        let rows = sample_rows(s, examples).min(s.chains);
        let (_, drawn) = machine.advance(s, rows, SWEEPS);
        graph.output("samples", to_examples(drawn[0], &examples.shape));
        graph.commit();
    })
}

/// Infers the hidden means of examples; outputs what the top ones alone say of the visible units.
fn reconstruct(s: &Settings, widths: &[usize], examples: &Examples) -> Graph {
    Graph::build(|graph| {
        let machine = Machine::new(graph, MACHINE, widths);
        let x = graph.input("x", &examples.values(sample_rows(s, examples)));
        let means = machine.mean_field(to_units(x), s.mean_field);
        graph.output("samples", to_examples(machine.downward(means[machine.top()]), &examples.shape));
    })
}

/// The graph [`DECODE`], for means of the top layer.
fn decode(s: &Settings, widths: &[usize], examples: &Examples) -> Graph {
    Graph::build(|graph| {
        let machine = Machine::new(graph, MACHINE, widths);
        let z = graph.input("z", &[sample_rows(s, examples), widths[machine.top()]]);
        graph.output("samples", to_examples(machine.downward(z), &examples.shape));
    })
}
