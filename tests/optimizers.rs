//! What the optimisers keep of each network: their moments, and the number of its own updates.

mod common;
mod training;

use saddle::{
    checkpoint::{Checkpoint, FORMAT},
    session::upgrade,
    settings::Settings,
};
use training::{Device, model, settings, suited};

const SIDE: usize = 16;

/// The checkpoint of a small run after `steps` steps.
fn after(s: &Settings, device: Device, steps: u64) -> Checkpoint {
    let mut session = device.session(s, &suited(s, SIDE));
    while session.step() < steps {
        session.train(steps - session.step()).unwrap();
    }
    session.checkpoint().unwrap()
}

fn small(assignments: &[&str]) -> Settings {
    settings(&[assignments, &["batch=4", "samples=4"]].concat())
}

/// The number of updates of a network.
fn updates(checkpoint: &Checkpoint, net: &str) -> f32 {
    checkpoint.tensors[&format!("{net}.updates.count")].data[0]
}

/// The values of all tensors of a state.
fn state<'a>(checkpoint: &'a Checkpoint, name: &str) -> Vec<(&'a String, &'a Vec<f32>)> {
    let of = |tensor: &&String| tensor.starts_with(&format!("{name}."));
    checkpoint.tensors.keys().filter(of).map(|name| (name, &checkpoint.tensors[name].data)).collect()
}

const GAN: [&str; 3] = ["variant=gan", "hidden_g=8", "hidden_d=8"];

/// Nothing that an optimiser holds moves while its network waits, whatever the rule.
#[test]
fn a_network_that_waits_keeps_its_moments_and_its_count() {
    for device in Device::ALL {
        for rule in ["optimizer=adam", "optimizer=adamw", "optimizer=sgd", "optimizer=rmsprop"] {
            let waiting = small(&[&GAN[..], &[rule, "critic_threshold=1e9"]].concat());
            let [start, end] = [0, 3].map(|steps| after(&waiting, device, steps));
            for name in ["d", "d.m", "d.v", "d.s"] {
                assert_eq!(state(&start, name), state(&end, name), "{name} with {rule}");
            }
            assert_ne!(state(&start, "g"), state(&end, "g"), "{rule}");
            if rule.starts_with("optimizer=adam") {
                assert_eq!((updates(&end, "d"), updates(&end, "g")), (0.0, 3.0), "{rule}");
            }
        }
    }
}

#[test]
fn each_network_counts_its_own_updates() {
    let several = after(&small(&[&GAN[..], &["critic_steps=3"]].concat()), Device::Cpu, 4);
    assert_eq!((updates(&several, "d"), updates(&several, "g")), (12.0, 4.0));
    // Two phases of three steps before the game, in which the discriminator begins with the second.
    let late = small(&["variant=vae-gan", "width=4", "pretrain=3"]);
    let late = after(&late, Device::Cpu, 8);
    assert_eq!(["e", "g", "d"].map(|net| updates(&late, net)), [5.0, 5.0, 5.0]);
    // The equilibrium: a margin so wide that both learn, and one so low that the discriminator never does.
    let balanced = |margin: &str, equilibrium: &str| {
        let s = small(&["variant=vae-gan", "width=4", margin, equilibrium]);
        let end = after(&s, Device::Cpu, 3);
        ["e", "g", "d"].map(|net| updates(&end, net))
    };
    assert_eq!(balanced("margin=100", "equilibrium=0"), [3.0, 3.0, 3.0]);
    assert_eq!(balanced("margin=0.1", "equilibrium=1000"), [3.0, 3.0, 0.0]);
    assert_eq!(balanced("margin=0.1", "equilibrium=0"), [3.0, 0.0, 3.0]);
}

/// An autoencoder that learns by its bound before a game has another rate there.
#[test]
fn pretraining_has_a_rate_of_its_own() {
    let moved = |rates: &[&str], [from, to]: [u64; 2]| {
        let s = small(&[&["variant=vae-gan", "width=4", "pretrain=2"], rates].concat());
        let [start, end] = [from, to].map(|steps| after(&s, Device::Cpu, steps));
        ["e.mean.weight", "g.dense.weight"].map(|name| start.tensors[name] != end.tensors[name])
    };
    assert_eq!(moved(&["lr_pretrain=0"], [0, 2]), [false; 2]);
    assert_eq!(moved(&["lr_pretrain=0"], [4, 5]), [true; 2]);
    assert_eq!(moved(&["lr_g=0"], [0, 2]), [false; 2], "the rate of the game, if there is no other");
    assert_eq!(moved(&["lr_g=0", "lr_pretrain=0.01"], [0, 2]), [true; 2]);
}

/// A critic that is far ahead waits; so does a generator (Mogren 2016).
#[test]
fn the_network_that_is_ahead_freezes() {
    let counts = |more: &[&str]| {
        let end = after(&small(&[&GAN[..], more].concat()), Device::Cpu, 4);
        [updates(&end, "d"), updates(&end, "g")]
    };
    // Both losses start as 10; then a loss of the critic near 1.4 and one of the generator near 0.7.
    assert_eq!(counts(&["freeze=0.1"]), [4.0, 4.0]);
    assert_eq!(counts(&["freeze=0.99", "lr_g=0", "lr_d=0.0001"]), [4.0, 0.0]);
    let [d, g] = counts(&["freeze=0.99", "lr_g=0.0001"]);
    assert!(d == 4.0 && g < 4.0, "{d} {g}");
    // A critic that learns in great steps from a generator that stays.
    let ahead = ["freeze=0.99", "optimizer_d=sgd", "lr_d=0.5", "lr_g=0"];
    let start = after(&small(&[&GAN[..], &ahead].concat()), Device::Cpu, 3);
    let end = after(&small(&[&GAN[..], &ahead].concat()), Device::Cpu, 6);
    assert_eq!(state(&start, "d"), state(&end, "d"), "the critic did not wait");
    assert_eq!(counts(&["freeze=0.1", "critic_steps=3"]), [12.0, 4.0]);
}

/// TimeGAN's game has solvers of its own; its embedder and supervisor had others before.
#[test]
fn timegan_starts_its_solvers_anew() {
    let s = small(&["variant=lstm-gan", "preset=timegan", "units=3", "latent=2", "pretrain=2", "critic_threshold=0"]);
    let counts = |steps| {
        let end = after(&s, Device::Cpu, steps);
        ["e", "r", "g", "s", "d"].map(|net| updates(&end, net))
    };
    assert_eq!(counts(4), [2.0, 2.0, 0.0, 2.0, 0.0]);
    // Two updates a step, from zero.
    assert_eq!(counts(7), [6.0, 6.0, 6.0, 6.0, 3.0]);
}

/// The discriminator's rule, and no more than it, is its own.
#[test]
fn a_discriminator_has_an_optimiser_of_its_own() {
    let end = after(&small(&[&GAN[..], &["optimizer_d=sgd", "momentum_d=0", "lr_d=0.1"]].concat()), Device::Cpu, 3);
    assert!(!end.tensors.contains_key("d.updates.count") && state(&end, "d.m").is_empty());
    assert_eq!(updates(&end, "g"), 3.0);
    let decayed = |more: &[&str]| after(&small(&[&GAN[..], more].concat()), Device::Cpu, 2);
    let (adam, adamw) = (decayed(&["lr_g=0"]), decayed(&["lr_g=0", "optimizer_d=adamw", "weight_decay_d=0.5"]));
    assert_ne!(state(&adam, "d"), state(&adamw, "d"));
    assert_eq!(state(&adam, "g"), state(&adamw, "g"));
}

/// Checkpoints of earlier formats get the counts that their steps imply.
#[test]
fn counts_are_derived_for_earlier_checkpoints() {
    for assignments in [
        &["variant=gan", "hidden_g=8", "hidden_d=8", "critic_steps=2"][..],
        &["variant=vae-gan", "width=4", "pretrain=2"],
        &["variant=ae-gan", "width=4", "pretrain=2"],
        &["variant=gan", "hidden_g=8", "hidden_d=8", "optimizer=sgd"],
        &["variant=gan", "hidden_g=8", "hidden_d=8", "optimizer_d=sgd"],
        &["variant=lstm-gan", "preset=timegan", "units=3", "latent=2", "pretrain=3"],
        &["variant=lstm-gan", "preset=timegan", "units=3", "latent=2", "pretrain=3", "optimizer=rmsprop"],
    ] {
        let s = small(assignments);
        let (now, model) = (after(&s, Device::Cpu, 5), model(&s, &suited(&s, SIDE)));
        let mut earlier = now.clone();
        earlier.tensors.retain(|name, _| !name.ends_with(".updates.count"));
        earlier.meta.insert(FORMAT.into(), "2".into());
        upgrade(&mut earlier, &model).unwrap();
        assert_eq!(earlier.tensors, now.tensors, "{assignments:?}");
        // A checkpoint of today without a count is damaged, and stays so.
        earlier.tensors.clear();
        earlier.meta.insert(FORMAT.into(), "4".into());
        upgrade(&mut earlier, &model).unwrap();
        assert!(earlier.tensors.is_empty());
    }
}
