//! The folder of a run that an earlier version wrote, with settings whose names have changed.

use super::{Place, metrics};

/// `train gan --data ring --set hidden_g=8 --set hidden_d=8 --set waves=8 --batch 16 --steps 6`, with a checkpoint
/// every 3 steps, as the version of 37af853 left it after step 3, with the metrics of all six steps.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/earlier");

#[test]
fn a_run_of_an_earlier_version_goes_on_with_the_same_losses() {
    let place = Place::new();
    for name in ["run.toml", "metrics.jsonl", "checkpoints/step-000003.safetensors"] {
        place.write(&format!("run/{name}"), &std::fs::read(format!("{FOLDER}/{name}")).unwrap());
    }
    let wanted = metrics(&place.read("run/metrics.jsonl"));
    let said = place.saddle("train --out run --resume");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("resumed at step 3"), "{}", said.err);
    let rows = metrics(&place.read("run/metrics.jsonl"));
    assert_eq!((rows.len(), wanted.len()), (6, 6));
    for (row, wanted) in rows.iter().zip(&wanted) {
        for name in ["step", "d_loss", "g_loss", "d_real", "d_fake"] {
            let [got, want] = [row, wanted].map(|row| row[name].as_f64().unwrap());
            // CPUs differ in the order of sums.
            assert!((got - want).abs() <= 1e-4 * want.abs(), "{name}: {got}, not {want}");
        }
    }
    let settings = String::from_utf8(place.read("run/run.toml")).unwrap();
    assert!(settings.contains("\nfourier_features = 8 ") && !settings.contains("\nwaves"), "{settings}");
}
