//! Autoencoder (Hinton and Salakhutdinov 2006), with a Gaussian fitted to its codes to draw samples from.

use super::{
    CALIBRATE, Examples, Kind, Model, SAMPLE, Variant,
    autoencoder::{self, batch, decoder, encoder, generator, log_likelihood},
    sample_rows,
    training::Training,
};
use crate::{
    error::Result,
    graph::{Field, Graph, Init, Var},
    nn::{Mode, Net},
    settings::Settings,
};

/// Codes that the Gaussian is fitted to.
const CODES: usize = 1024;

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "ae",
    about: "autoencoder (Hinton and Salakhutdinov 2006), sampled through a Gaussian fitted to its codes",
    kind: Kind::Single,
    options: &["Images", "Autoencoder", "latent", "width", "norm_g", "norm_d"],
    presets: &[
        ("default", &[("latent", "20"), ("lr_g", "0.001"), ("beta1", "0.9"), ("hidden_e", "400")]),
        ("article", &[("latent", "32"), ("lr_g", "0.001"), ("beta1", "0.9"), ("hidden_e", "128")]),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    autoencoder::check(s, examples)?;
    let round = Graph::new();
    self::round(&round, s, examples);
    let mut graphs = Vec::from(sampling(s, examples));
    graphs.push(autoencoder::reconstruct(s, examples, code));
    Ok(Model { calibration: 1, ..Model::new(round, graphs) })
}

/// x `[B, ..]` -> codes `[B, latent]`.
fn code<'g>(e: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    e.dense("code", encoder(e, s, x), s.latent)
}

/// One step of encoder and decoder down the reconstruction error.
pub fn round(graph: &Graph, s: &Settings, examples: &Examples) {
    let training = Training { graph, s };
    let [e, g] = ["e", "g"].map(|name| Net::new(graph, name, autoencoder::start(s), Mode::Track));
    let x = batch(graph, s, examples);
    let decoded = decoder(&g, s, code(&e, s, x), &examples.shape);
    let loss = -log_likelihood(&g, s, x, decoded).mean_all();
    graph.metric("reconstruction", loss);
    graph.metric("squared_error", (x - autoencoder::expected(s, decoded)).square().mean_all());
    let rate = training.rate(s.lr_g);
    training.descend_together(&[(&e, loss, rate), (&g, loss, rate)]);
    graph.commit();
}

/// Samples decoded from the Gaussian with the mean and covariance of [`CODES`] codes: the mean plus a random mixture of
/// their deviations from it. Calibration encodes them.
fn sampling(s: &Settings, examples: &Examples) -> [(&'static str, Graph); 2] {
    let bank = |graph: &Graph| graph.state(graph.group("codes"), "bank", &[CODES, s.latent], Init::Const(0.0)).id();
    let (sample, calibrate) = (Graph::new(), Graph::new());
    {
        let g = Net::new(&sample, "g", autoencoder::start(s), Mode::Eval);
        let codes = sample.at(bank(&sample));
        let mean = codes.mean(&[0]);
        let deviations = (codes - mean.along(1, &codes.shape())) * (1.0 / (CODES as f64).sqrt());
        let z = sample.input("z", &[sample_rows(s, examples), CODES]).matmul(deviations);
        sample.output("samples", generator(&g, s, z + mean.along(1, &z.shape()), &examples.shape));
    }
    {
        let e = Net::new(&calibrate, "e", autoencoder::start(s), Mode::Eval);
        let shape = [vec![CODES], examples.shape.clone()].concat();
        let x = calibrate.batch(calibrate.draw(), Field::Items, &shape);
        calibrate.assign(calibrate.at(bank(&calibrate)), code(&e, s, x));
        calibrate.commit();
    }
    [(SAMPLE, sample), (CALIBRATE, calibrate)]
}
