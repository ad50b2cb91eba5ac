//! Runs that start from another run's networks.

use saddle::checkpoint::Checkpoint;

use super::{Place, refused};

/// The tensors of a group in a checkpoint of a run.
fn group(place: &Place, run: &str, step: u64, group: &str) -> Vec<(String, Vec<f32>)> {
    let path = place.0.path().join(format!("{run}/checkpoints/step-{step:06}.safetensors"));
    let tensors = Checkpoint::load(&path).unwrap().tensors.into_iter();
    tensors.filter(|(name, _)| name.starts_with(group)).map(|(name, tensor)| (name, tensor.data)).collect()
}

#[test]
fn a_run_starts_from_another_ones_networks() {
    let place = Place::new();
    let gan = "train gan --config gan.toml --set hidden_g=12,12 --set hidden_d=12,12";
    assert_eq!(place.saddle(&format!("{gan} --out a")).code, Some(0));

    // The discriminator's first layer stays as it was at step 10, everything else learns on.
    let said = place.saddle(&format!("{gan} --init a@10 --set freeze_d=1 --steps 5 --seed 4 --out b"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("starting from a@10: 12 tensors of g, d ("), "{}", said.err);
    assert!(!said.err.contains("only"), "{}", said.err);
    assert_eq!(group(&place, "a", 10, "d.dense0"), group(&place, "b", 5, "d.dense0"));
    for moved in ["d.dense1", "d.out", "g.dense0"] {
        assert_ne!(group(&place, "a", 10, moved), group(&place, "b", 5, moved));
    }

    // The newest step is written down, so that the settings repeat the run, and a resume needs the other run no more.
    let begun = format!("{gan} --init a --steps 5 --out c");
    assert_eq!(place.saddle(&begun).code, Some(0));
    assert!(String::from_utf8(place.read("c/run.toml")).unwrap().contains("init = \"a@20\""));
    let said = place.saddle("train --config c/run.toml --out d");
    assert!(said.err.contains("starting from a@20: 12 tensors"), "{}", said.err);
    assert_eq!(group(&place, "c", 5, ""), group(&place, "d", 5, ""));
    std::fs::rename(place.0.path().join("a"), place.0.path().join("elsewhere")).unwrap();
    let said = place.saddle("train --resume --out c --steps 8");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!said.err.contains("starting from"), "{}", said.err);
}

/// A machine goes on where another run's ended: at once with its weights and biases, and without a pretraining.
#[test]
fn a_machine_starts_from_another_ones_machine() {
    let place = Place::new();
    let dbm = "train dbm --set layers=9,7 --batch 10 --set chains=10";
    assert_eq!(place.saddle(&format!("{dbm} --steps 8 --set lr_g=0.05 --out a")).code, Some(0));
    let said = place.saddle(&format!("{dbm} --steps 3 --set lr_g=1e-9 --set finetune=1 --init a --out b"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("starting from a@8: 5 tensors of dbm ("), "{}", said.err);
    for state in ["dbm.layer", "dbm.weight"] {
        for ((name, old), (_, new)) in group(&place, "a", 8, state).iter().zip(group(&place, "b", 3, state)) {
            assert!(old.iter().zip(&new).all(|(old, new)| (old - new).abs() < 1e-6), "{name}");
            assert!(old.iter().any(|value| *value != 0.0), "{name}");
        }
    }
    refused(&place, &format!("{dbm} --steps 8 --set pretrain=2 --init a"), 2, &["--set pretrain=0"]);
}

#[test]
fn what_does_not_match_is_said() {
    let place = Place::new();
    assert_eq!(
        place.saddle("train gan --config gan.toml --set hidden_g=12 --set hidden_d=12,9 --set ema=0.9 --out a").code,
        Some(0)
    );
    let said = place.saddle(
        "train gan --config gan.toml --set hidden_g=12 --set hidden_d=12,8 --set spectral=true --init a --dry-run",
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    for line in [
        "starting from a@20: 7 tensors of g, d (",
        "  of another shape: d.dense1.bias [9], here [8], d.dense1.weight [9, 12], here [8, 12], d.out.weight",
        "  only there, not used: ema.dense0.bias, ema.dense0.weight, ema.out.bias, ema.out.weight",
        "  only here, which starts anew: d.powers.dense0, d.powers.dense1, d.powers.out",
    ] {
        assert!(said.err.contains(line), "{line}\n{}", said.err);
    }
    refused(&place, "train gan --config gan.toml --init a@7", 2, &["--init", "7"]);
    refused(&place, "train gan --config gan.toml --init a@newer", 2, &["want a step, newest or best"]);
    refused(&place, "train gan --config gan.toml --init nowhere", 2, &["--init", "does not exist"]);
    refused(&place, "train gan --config gan.toml --set freeze_d=1", 2, &["name it with --init"]);
    refused(&place, "train gan --config gan.toml --init a --set freeze_d=1 --set clip=1", 2, &["clip"]);
    refused(&place, "train --resume --out a --init a", 2, &["`init` is none in this run"]);
}
