//! Autoencoder (Hinton and Salakhutdinov 2006), with a Gaussian fitted to its codes to draw samples from.

use super::{
    CALIBRATE, Examples, Kind, Model, SAMPLE, Variant, coding, encoder_layers,
    parts::{networks::Networks, round::Round},
    sample_rows,
};
use crate::{
    error::Result,
    graph::{Field, Graph, Init, Var},
    nn::{Mode, Net},
    settings::{Preset, Settings},
};

/// Number of codes to which the Gaussian is fitted.
const CODES: usize = 1024;

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "ae",
    about: "autoencoder (Hinton and Salakhutdinov 2006), sampled through a Gaussian fitted to its codes",
    kind: Kind::Single,
    options: &["Optimiser", "Images", "Autoencoder", "latent", "width", "norm_g", "norm_d"],
    presets: &[
        Preset::of("default", &[("latent", "20"), ("lr_g", "0.001"), ("beta1", "0.9"), ("hidden_e", "400")]),
        Preset::of(
            "table",
            &[
                ("latent", "24"),
                ("hidden_e", "256,256"),
                ("lr_g", "0.001"),
                ("beta1", "0.9"),
                ("batch", "500"),
                ("steps", "3000"),
                ("schedule", "cosine"),
            ],
        ),
        Preset::of("article", &[("latent", "32"), ("lr_g", "0.001"), ("beta1", "0.9"), ("hidden_e", "128")]),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = &Networks::autoencoder(s, examples)?;
    let round = Graph::build(|graph| play(&Round { graph, s, examples }, nets));
    let mut graphs = Vec::from(sampling(s, examples, nets));
    graphs.extend(coding(s, examples, nets, |e, x| vec![("z", code(e, nets, x))]));
    graphs.extend(encoder_layers(s, examples, nets));
    Ok(Model { calibration: 1, ..Model::new(round, graphs) })
}

/// x `[B, ..]` -> codes `[B, latent]`.
fn code<'g>(e: &Net<'g>, nets: &Networks, x: Var<'g>) -> Var<'g> {
    e.dense("code", nets.encode(e, x), nets.latent)
}

/// One update of encoder and decoder by the gradient of the reconstruction error.
fn play(round: &Round, nets: &Networks) {
    let [e, g] = round.nets(["e", "g"], nets.start, Mode::Track);
    let x = round.binarized_batch();
    let decoded = nets.decode(&g, code(&e, nets, x));
    let loss = -nets.log_likelihood(&g, x, decoded).mean_all();
    round.metric("reconstruction", loss);
    round.metric("squared_error", (x - nets.mean(decoded)).square().mean_all());
    let descent = round.descent_g();
    round.descend_together(&[(&e, loss, descent), (&g, loss, descent)]);
    round.graph.commit();
}

/// Samples decoded from the Gaussian with the mean and covariance of [`CODES`] codes: the mean plus a random mixture of
/// their deviations from it. Calibration encodes examples into these codes.
fn sampling(s: &Settings, examples: &Examples, nets: &Networks) -> [(&'static str, Graph); 2] {
    let bank = |graph: &Graph| graph.state(graph.group("codes"), "bank", &[CODES, s.latent], Init::Const(0.0)).id();
    let sample = Graph::build(|graph| {
        let g = Net::new(graph, "g", nets.start, Mode::Eval);
        let codes = graph.at(bank(graph));
        let mean = codes.mean(&[0]);
        let deviations = (codes - mean.along(1, &codes.shape())) * (1.0 / (CODES as f64).sqrt());
        let z = graph.input("z", &[sample_rows(s, examples), CODES]).matmul(deviations);
        graph.output("samples", examples.given(nets.draw(&g, z + mean.along(1, &z.shape()))));
    });
    let calibrate = Graph::build(|graph| {
        let e = Net::new(graph, "e", nets.start, Mode::Eval);
        let shape = [vec![CODES], examples.shape.clone()].concat();
        let x = examples.read(graph.batch(graph.draw(), Field::Items, &shape));
        graph.assign(graph.at(bank(graph)), code(&e, nets, x));
        graph.commit();
    });
    [(SAMPLE, sample), (CALIBRATE, calibrate)]
}
