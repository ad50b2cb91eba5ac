//! The best checkpoint of a game, evaluations of older ones, and what an evaluation says in short.

use serde_json::Value;

use super::{Place, metrics};

/// A game measures its samples with each checkpoint, and keeps the one with the least distance.
#[test]
fn a_game_keeps_its_best_checkpoint() {
    let place = Place::new();
    let line =
        "--data ring --preset default --set hidden_g=16 --set hidden_d=16 --set latent=2 --batch 32 --adapter cpu";
    let said = place.saddle(&format!("train gan {line} --steps 300 --set checkpoint_every=50 --out a"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let lines = metrics(&place.read("a/metrics.jsonl"));
    let measured: Vec<(u64, f64)> =
        lines.iter().filter_map(|line| Some((line["step"].as_u64()?, line.get("swd")?.as_f64()?))).collect();
    assert_eq!(measured.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [50, 100, 150, 200, 250, 300]);
    let (best, least) = measured.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    let said = place.saddle("sample a --checkpoint best --count 4 --out b.csv --adapter cpu");
    assert_eq!(said.out, format!("4 samples of step {best} in b.csv\n"), "{}", said.err);
    // It is kept though the newest three do not have it, and a resumed run remembers it.
    if place.names("a/checkpoints").contains(&format!("step-{best:06}.safetensors")) {
        place.saddle(&format!("sample a --checkpoint {best} --count 4 --out c.csv --adapter cpu"));
        assert_eq!(place.read("b.csv"), place.read("c.csv"));
    }
    let said = place.saddle("train --resume --out a --steps 350 --adapter cpu");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let last = metrics(&place.read("a/metrics.jsonl")).last().unwrap()["swd"].as_f64().unwrap();
    let wanted = if last < least { 350 } else { best };
    let said = place.saddle("sample a --checkpoint best --count 4 --force --out b.csv --adapter cpu");
    assert_eq!(said.out, format!("4 samples of step {wanted} in b.csv\n"), "{}", said.err);
    // A model that plays no game has none.
    let vae = "train vae --data ring --steps 4 --batch 8 hidden_e=8 latent=2 --adapter cpu --out v";
    assert_eq!(place.saddle(vae).code, Some(0));
    super::refused(&place, "sample v --checkpoint best", 2, &["the run has none; GANs of images"]);
}

/// The evaluation of an older checkpoint leaves that of the newest as it is, and `compare` goes by the latter.
#[test]
fn older_checkpoints_are_evaluated_beside_the_newest() {
    let place = Place::new();
    let line = "--data ring --preset default --set hidden_g=8 --set hidden_d=8 --set latent=2 --batch 16 --adapter cpu";
    for (data, seed) in [("ring", 1), ("ring", 2), ("grid", 1)] {
        let line = line.replace("ring", data);
        let out = format!("{data}-{seed}");
        let said =
            place.saddle(&format!("train gan {line} --steps 40 --set checkpoint_every=20 --seed {seed} --out {out}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert_eq!(place.saddle(&format!("eval {out} --count 2500 --adapter cpu")).code, Some(0));
    }
    let newest = place.read("ring-1/eval/report.json");
    let said = place.saddle("eval ring-1 --checkpoint 20 --count 2500 --adapter cpu");
    assert!(said.err.contains("written to ring-1/eval/step-000020: report.txt"), "{}", said.err);
    assert!(said.out.contains("gan at step 20\n") && said.out.contains("\nIn short, "), "{}", said.out);
    assert!(place.read("ring-1/eval/report.json") == newest);
    let text = String::from_utf8(place.read("ring-1/eval/step-000020/report.txt")).unwrap();
    assert!(
        text.lines().next_back().unwrap().starts_with("In short, beside a perfect sampler or real data: "),
        "{text}"
    );
    // A few rounds are far from the ring.
    let said = place.saddle("eval ring-1 --count 2500 --strict --adapter cpu");
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.ends_with("\n") && said.err.contains("error: --strict: far: modes of 8, high-quality share"),
        "{}",
        said.err
    );
    // Runs on other data are no repetitions.
    let said = place.saddle("compare ring-1 ring-2 grid-1 --out all.csv");
    assert_eq!(said.code, Some(0), "{}", said.err);
    for words in ["data  ", " ring ", " grid", "2 seeds", "± is the standard error of the mean over seeds"] {
        assert!(said.out.contains(words), "no `{words}` in {}", said.out);
    }
    let csv = String::from_utf8(place.read("all.csv")).unwrap();
    assert!(csv.starts_with("run,variant,step,data,"), "{csv}");
    assert_eq!(place.saddle("compare ring-1 ring-2 --out all.tex").code, Some(0));
    let tex = String::from_utf8(place.read("all.tex")).unwrap();
    assert!(tex.starts_with("\\begin{tabular}{lr}\n\\toprule\n & gan \\\\\n\\midrule\n"), "{tex}");
    assert!(
        tex.contains("d\\_loss & ") && tex.contains(" $\\pm$ ") && tex.contains("\\bottomrule\n\\end{tabular}\n"),
        "{tex}"
    );
}

/// Where no sample is good, one has no divergence, and points spread out are no modes.
#[test]
fn modes_of_noise_are_no_success() {
    let place = Place::new();
    let line =
        "train gan --data grid --preset default --steps 200 --set hidden_g=8 --set hidden_d=8 --adapter cpu --out a";
    let said = place.saddle(line);
    assert!(said.out.contains("more than half of the samples lie at no mode at the end"), "{}", said.out);
    assert_eq!(place.saddle("eval a --count 2500 --json --adapter cpu").code, Some(0));
    let report: Value = serde_json::from_slice(&place.read("a/eval/report.json")).unwrap();
    for row in report[0]["rows"].as_array().unwrap() {
        assert_eq!(row["verdict"], "far", "{row}");
    }
}
