//! VAE (Kingma and Welling 2014), trained by the variational or the importance-weighted bound (Burda et al. 2016).

use super::{
    BOUND, Examples, Kind, Model, Variant, WEIGHTS, coding, encoder_layers,
    parts::{
        fitted::codes,
        game::Game,
        networks::Networks,
        posterior::{Posterior, divergence_cost, log_prior, mutual_information, posterior, repeat},
        round::Round,
    },
};
use crate::{
    error::{Error, Result},
    graph::{Graph, Var, numel},
    nn::{Mode, Net},
    settings::{Preset, Settings},
};

/// Most examples, and latent vectors for each, in one run of the graphs [`BOUND`] and [`WEIGHTS`].
const ROWS: usize = 100;
const DRAWS: usize = 50;
/// Most values of all layers together in one run, about.
const VALUES: usize = 1 << 26;

/// Rows of tables.
pub const TABLE: &[(&str, &str)] = &[
    ("latent", "24"),
    ("hidden_e", "256,256"),
    ("beta", "0.05"),
    ("batch", "500"),
    ("lr_g", "0.001"),
    ("beta1", "0.9"),
    ("schedule", "cosine"),
    ("ema", "0.999"),
    ("steps", "3000"),
    ("codes", "50"),
    ("calibrate", "true"),
    // Each checkpoint takes some seconds to fit the two.
    ("sample_every", "1000"),
    ("checkpoint_every", "1000"),
];

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "vae",
    about: "variational autoencoder (Kingma and Welling 2014), for images and points",
    kind: Kind::Single,
    options: &[
        "Optimiser",
        "Images",
        "Autoencoder",
        "Variational bound",
        "latent",
        "width",
        "norm_g",
        "norm_d",
        "ema",
        "temperature",
        "codes",
        "calibrate",
    ],
    presets: &[
        Preset::of("default", &[("latent", "20"), ("lr_g", "0.001"), ("beta1", "0.9"), ("hidden_e", "400")]),
        // 784-400-40-400-784 as in pythae's reproduction: 89.78 nats on the fixed binarised digits after 500 epochs.
        Preset::of(
            "paper",
            &[("latent", "40"), ("lr_g", "0.0001"), ("beta1", "0.9"), ("hidden_e", "400"), ("batch", "100")],
        ),
        // Ranks, as in TabDDPM (Kotelnikov et al. 2023), a prior fitted to the codes, as in TabSyn (Zhang et al. 2024).
        Preset::of("table", TABLE),
        // A predictor that learns from its samples is better by .007 on Adult (results/tables.md), in five times the
        // time.
        Preset::of(
            "table-large",
            &[
                ("latent", "24"),
                ("hidden_e", "512,512"),
                ("beta", "0.02"),
                ("batch", "500"),
                ("lr_g", "0.001"),
                ("beta1", "0.9"),
                ("schedule", "cosine"),
                ("ema", "0.999"),
                ("steps", "6000"),
                ("codes", "200"),
                ("calibrate", "true"),
                ("sample_every", "2000"),
                ("checkpoint_every", "2000"),
            ],
        ),
        // TVAE (Xu et al. 2019), with the settings of its code, which trains for 300 epochs: half of its loss, whose
        // reconstruction has the factor 2, and so half of its decay too. It takes the likeliest category.
        Preset::of(
            "tvae",
            &[
                ("encode", "modes"),
                ("latent", "128"),
                ("hidden_e", "128,128"),
                ("beta", "0.5"),
                ("batch", "500"),
                ("lr_g", "0.001"),
                ("beta1", "0.9"),
                ("decay", "0.000005"),
                ("temperature", "0"),
                ("steps", "10000"),
            ],
        ),
        // 784-128-64-32-16 and 16-16-32-64-128-784.
        Preset::of("article", &[("latent", "16"), ("lr_g", "0.001"), ("beta1", "0.9"), ("hidden_e", "128,64,32,16")]),
    ],
    build,
};

/// The model, of images, points and sequences.
pub fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = &Networks::autoencoder(s, examples)?;
    check(s)?;
    let round = Graph::build(|graph| play(&Round { graph, s, examples }, nets));
    let mut graphs = Game::of_decoder(s, examples, nets).sampling();
    graphs.extend(coding(s, examples, nets, |e, x| posterior(e, nets, x).parameters()));
    graphs.extend(encoder_layers(s, examples, nets));
    graphs.extend(codes(s, examples, nets));
    graphs.extend([(BOUND, bound(s, examples, nets)), (WEIGHTS, weights(s, examples, nets))]);
    Ok(Model::new(round, graphs))
}

/// Refuses settings that only the variational bound has. The importance-weighted bound is not a sum of a reconstruction
/// and a divergence: it has no divergence to weight or to leave free of cost, and no way to put a weight inside is
/// established.
fn check(s: &Settings) -> Result<()> {
    let weighting = [
        ("beta", s.beta != 1.0, 1),
        ("warmup", s.warmup > 0, 0),
        ("cycles", s.cycles > 1, 1),
        ("free_bits", s.free_bits > 0.0, 0),
    ];
    match weighting.into_iter().find(|(_, set, _)| *set) {
        Some((name, _, neutral)) if s.importance > 1 => Err(Error::usage(format!(
            "`importance` above 1 is the importance-weighted bound, in which `{name}` has no part: set \
            {name}={neutral} or importance=1"
        ))),
        _ => Ok(()),
    }
}

/// One update of encoder and decoder by gradient ascent of the bound.
pub fn play(round: &Round, nets: &Networks) {
    let s = round.s;
    let [e, g] = round.nets(["e", "g"], nets.start, Mode::Track);
    let x = round.binarized_batch();
    let q = posterior(&e, nets, x);
    let loss = if s.importance > 1 {
        let bound = log_weights(&g, nets, q, x, s.importance).log_mean_exp(0);
        round.metric("bound", bound.mean_all());
        -bound.mean_all()
    } else {
        let z = q.draw();
        let decoded = nets.predict(&g, z, x);
        let reconstruction = -nets.log_likelihood(&g, x, decoded).mean_all();
        round.metric("bound", -(reconstruction + q.divergence().sum(&[1]).mean_all()));
        round.metric("reconstruction", reconstruction);
        if round.examples.shape.len() == 2 {
            round.metric("information", mutual_information(q, z).detach());
        }
        reconstruction + divergence_cost(round, q)
    };
    round.metric("divergence", q.divergence().sum(&[1]).mean_all());
    round.metric("active", (q.mean.moments(&[0]).index(1) - 0.01).is_positive().sum_all());
    let descent = round.descent_by_likelihood();
    round.descend_together(&[(&e, loss, descent), (&g, loss, descent)]);
    round.average(&g);
    round.graph.commit();
}

/// log p(x, z) - log q(z | x) for `draws` latent vectors of each example, `[draws, B]`.
fn log_weights<'g>(g: &Net<'g>, nets: &Networks, q: Posterior<'g>, x: Var<'g>, draws: usize) -> Var<'g> {
    let rows = x.dim(0);
    let q = q.repeat(draws);
    let z = q.draw();
    let (x, decoded) = (repeat(x, draws), nets.predict(&g.of_copies(draws), z, repeat(x, draws)));
    let log_p = nets.log_likelihood(g, x, decoded);
    (log_p + log_prior(z) - q.log_density(z)).reshape(&[draws, rows])
}

/// The number of examples of one run, and of latent vectors for each, at most `most`.
fn at_once(s: &Settings, examples: &Examples, most: usize) -> [usize; 2] {
    // A step of a sequence takes its gates, an image the features of its layers.
    let values = match examples.shape[..] {
        [steps, features] => steps * features.max(4 * s.units),
        _ => numel(&examples.shape),
    };
    let all = (VALUES / (10 * values)).max(1);
    let draws = most.min(all);
    [ROWS.min(all / draws), draws]
}

/// The graph [`BOUND`].
pub fn bound(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let [e, g] = ["e", "g"].map(|name| Net::new(graph, name, nets.start, Mode::Eval));
        let x = examples.read(graph.input("x", &examples.values(at_once(s, examples, 1)[0])));
        let q = posterior(&e, nets, x);
        let log_p = nets.log_likelihood(&g, x, nets.predict(&g, q.draw(), x));
        graph.output("elbo", log_p - q.divergence().sum(&[1]));
    })
}

/// The graph [`WEIGHTS`].
pub fn weights(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let [e, g] = ["e", "g"].map(|name| Net::new(graph, name, nets.start, Mode::Eval));
        let [rows, draws] = at_once(s, examples, DRAWS);
        let x = examples.read(graph.input("x", &examples.values(rows)));
        graph.output("log_weight", log_weights(&g, nets, posterior(&e, nets, x), x, draws).transpose());
    })
}
