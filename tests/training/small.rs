//! Small models of all variants, for tests of batches in parts.

use saddle::{checkpoint::Checkpoint, data::Dataset, models::VARIANTS, session::Session, settings::Settings};

use super::{Device, settings, suited};

/// Small models without what looks at a batch as a whole, with gates and options that depend on it, and a number of
/// rounds that reaches all phases. Plain gradient descent keeps rounding small: Adam's first steps have the sign of
/// the gradient alone.
pub const SMALL: &[(&[&str], u64)] = &[
    (&["variant=gan", "hidden_g=16", "hidden_d=16", "dropout_d=0.3", "grad_clip=0.5", "r1=0.1", "pack=2"], 4),
    (&["variant=gan", "hidden_g=16", "hidden_d=16", "objective=wgan", "gp=1", "critic_steps=3", "noise=0.1"], 3),
    (&["variant=gan", "hidden_g=16", "hidden_d=16", "freeze=0.9", "critic_threshold=0.6", "stack=3"], 4),
    (&["variant=gan", "preset=table", "data=rows", "hidden_g=16", "hidden_d=16", "latent=4"], 4),
    (&["variant=gan", "preset=ctgan", "data=rows", "hidden_g=16", "hidden_d=16", "latent=4", "pack=2"], 4),
    (&["variant=dcgan", "width=4", "conditional=true", "spectral=true", "ema=0.9", "mirror=true"], 4),
    (&["variant=ae", "hidden_e=16", "binarize=true", "decay=0.01"], 4),
    (&["variant=vae", "hidden_e=16", "importance=3"], 4),
    (&["variant=vae", "preset=table", "data=rows", "hidden_e=16", "latent=4", "codes=2"], 4),
    (&["variant=vae-gan", "width=4", "pretrain=2", "margin=0.05", "net=conv"], 6),
    (&["variant=ae-gan", "width=4", "pretrain=2"], 4),
    (&["variant=ae-gan", "preset=introspective", "width=4", "pretrain=2"], 4),
    (&["variant=ae-gan", "preset=boundary", "width=4"], 4),
    (&["variant=dbm", "layers=12,9", "pretrain=2", "chains=16", "steps=9", "binarize=true"], 7),
    (&["variant=dbm", "layers=12,9", "chains=16", "steps=9"], 5),
    (
        &[
            "variant=dbm-gan",
            "prior=refreshed",
            "layers=12,9",
            "pretrain=1",
            "joint=2",
            "chains=8",
            "steps=9",
            "hidden_g=16",
            "hidden_d=16",
        ],
        7,
    ),
    (&["variant=dbm-gan", "prior=features", "layers=9", "chains=8", "hidden_g=16", "hidden_d=16,12"], 4),
    (&["variant=lstm", "units=6"], 4),
    (&["variant=lstm", "data=letters", "units=6", "carry=true"], 6),
    (&["variant=lstm", "data=letters", "units=6", "depth=2", "dropout=0.3", "cell=gru"], 4),
    (&["variant=lstm-gan", "units=6", "steps=9", "moments=0"], 4),
    (&["variant=lstm-gan", "data=letters", "units=6", "pretrain=2", "temperature_end=0.1", "steps=9", "moments=0"], 5),
    (&["variant=lstm-gan", "data=letters", "preset=scratchgan", "units=6", "steps=9"], 4),
    (&["variant=lstm-gan", "preset=timegan", "units=4", "latent=2", "pretrain=1", "moments=0"], 4),
    (&["variant=rvae", "units=6", "free_bits=0"], 4),
    (&["variant=rvae", "data=letters", "units=6", "word_dropout=0.3", "dropout=0.2", "importance=2", "warmup=0"], 5),
    (&["variant=rvae-gan", "units=6", "pretrain=2"], 6),
    (&["variant=dcgan", "architecture=residual", "width=2", "conditional=true", "projection=true", "spectral=true"], 3),
    (&["variant=dcgan", "width=4", "augment=colour,translation,cutout", "lecam=0.3", "dragan=0.1", "norm_d=none"], 3),
    (&["variant=dcgan", "width=4", "augment=adaptive", "ada_kimg=1"], 4),
];

const SIDE: usize = 16;

/// Settings and data; what a variant has not is left out of `more`.
pub fn small(assignments: &[&str], more: &[&str]) -> (Settings, Dataset) {
    let menu = VARIANTS.iter().find(|variant| assignments[0].ends_with(&format!("={}", variant.name))).unwrap().menu();
    let has = |name: &str| Settings::describe().iter().any(|key| key.name == name && menu.has(key));
    let more = more.iter().copied().filter(|assignment| has(assignment.split('=').next().unwrap()));
    let s = settings(&[&["batch=8", "samples=5"], assignments, &more.collect::<Vec<_>>()].concat());
    let dataset = suited(&s, SIDE);
    (s, dataset)
}

/// The checkpoint after some rounds, and the metrics of all rounds.
pub fn train(device: Device, s: &Settings, dataset: &Dataset, rounds: u64) -> (Checkpoint, Vec<(String, f32)>) {
    train_on(&mut device.session(s, dataset), rounds)
}

/// The same on a session.
pub fn train_on(session: &mut Session, rounds: u64) -> (Checkpoint, Vec<(String, f32)>) {
    let mut metrics = vec![];
    while session.step() < rounds {
        let rows = session.train(rounds - session.step()).unwrap();
        let names = session.metrics().to_vec();
        metrics.extend(rows.into_iter().flat_map(|row| names.clone().into_iter().zip(row)));
    }
    (session.checkpoint().unwrap(), metrics)
}
