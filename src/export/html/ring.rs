//! The page `docs/ring.html`: a two-dimensional GAN that one watches learning.

use serde_json::json;

use super::{RUNTIME, pack::Pack, words};
use crate::{
    data::{self, Options},
    engine::Plans,
    error::Result,
    graph::Graph,
    initial,
    kernels::{Body, Caps},
    models::{self, Examples, SAMPLE, parts::networks::Networks},
    nn::{Mode, Net},
    page::filled,
    session::{self, SAMPLING},
    settings::{Layer, Settings},
};

const TEMPLATE: &str = include_str!("../../../web/ring.html");
const SCRIPT: &str = include_str!("../../../web/ring.js");

/// What the page has beside the preset: small networks, and rates that fall to 0 while a viewer still looks. With seed
/// 0 all modes are found after 500 steps (`saddle train gan --data ring` with these settings), at any speed.
const OWN: &[&str] =
    &["variant=gan", "data=ring", "hidden_g=32,32,32", "hidden_d=32,32", "fourier_features=32", "steps=5000"];
/// The objectives to choose from; the preset's comes first.
const OBJECTIVES: [&str; 5] = ["relativistic", "non-saturating", "lsgan", "wgan", "hinge"];
/// The penalties to choose from, with their settings; the preset's come first.
const PENALTIES: [(&str, &[&str]); 4] = [
    ("R1 and R2", &["r1=0.01", "r2=0.01"]),
    ("none", &["r1=0", "r2=0"]),
    ("gradient penalty", &["r1=0", "r2=0", "gp=10"]),
    ("weight clipping", &["r1=0", "r2=0", "clip=0.01"]),
];
/// Points of the ring in the page.
const POINTS: usize = 8192;
/// Points along each side of the field of the discriminator's judgement, and the place of its border.
const FIELD: usize = 40;
const EXTENT: f32 = 1.6;

/// The settings of one choice.
fn settings(objective: &str, penalty: &[&str]) -> Result<Settings> {
    let mut layer = Layer::default();
    let chosen = [OWN, penalty].concat();
    for assignment in chosen.iter().copied().map(String::from).chain([format!("objective={objective}")]) {
        layer.assign(&assignment)?;
    }
    Settings::resolve(&models::menu(), &[layer])
}

/// The judgement of the discriminator at each point of the field, as a graph of the last version of its weights.
fn field(s: &Settings, examples: &Examples) -> Graph {
    Graph::build(|graph| {
        let nets = Networks::dense(s, examples);
        let net = Net::new(graph, "d", nets.start, Mode::Eval);
        let x = graph.input("x", &[FIELD * FIELD, 2]);
        graph.output("logits", nets.judge(&net, x).logits);
    })
}

/// A page that trains a GAN on `ring`, with the discriminator's field drawn behind the points and a choice of
/// objectives and penalties.
///
/// # Errors
/// None but those of memory.
pub fn ring() -> Result<String> {
    let s = settings(OBJECTIVES[0], PENALTIES[0].1)?;
    let mut set = data::open(&s.data, &Options::default())?;
    set.retain(|i| i < POINTS);
    // Small products are as fast with one invocation for each result, and ten times as fast on drivers that run shaders
    // on the CPU, where every barrier costs.
    let caps = Caps { product: Body::Plain, ..Caps::default() };
    let (examples, layout) = (session::examples(&set), session::layout(&set));
    let variant = models::variant(&s.variant)?;
    let model = variant.model(&s, &examples)?;
    let field = field(&s, &examples);
    let shown = model.named(&[SAMPLE]).chain([("field", &field)]);
    let mut plans = Plans::new(shown, &caps, Some(layout))?;
    for objective in OBJECTIVES {
        for (name, penalty) in PENALTIES {
            let model = variant.model(&settings(objective, penalty)?, &examples)?;
            let name = format!("{objective}, {name}");
            plans.0.extend(Plans::new([(name.as_str(), model.round())], &caps, Some(layout))?.0);
        }
    }
    let mut pack = Pack::default();
    pack.add(&plans, &caps, |item| Ok(initial::values(item, s.seed)))?;
    pack.add_data(&set);
    let sample = plans.get(SAMPLE).expect("every model draws samples");
    let modes = data::modes(&s.data).expect("the ring has modes");
    let entries = json!({
        "rows": sample.outputs[0].shape[0],
        "latent": s.latent,
        "steps": s.steps,
        "seed": words(s.seed),
        "sampling": words(SAMPLING),
        "objectives": OBJECTIVES,
        "penalties": PENALTIES.map(|(name, _)| name),
        "side": FIELD,
        "extent": EXTENT,
        "modes": modes.centres,
        "deviation": modes.std,
    });
    Ok(filled(TEMPLATE, &[("<!--PACK-->", &*pack.text(entries)?), ("/*SCRIPT*/", &[RUNTIME, SCRIPT].concat())]))
}
