//! `saddle eval` on a tiny run of each kind: the measures, the files that it writes, and the refusals.

use std::fs;

use saddle::{checkpoint, likelihood::Parameters};
use serde_json::Value;

use super::{Place, codes::npy, idx, refused};

/// A place with images and held-out images.
fn place() -> Place {
    let place = Place::new();
    let images = idx(0x803, &[60, 8, 8]);
    let header = idx(0x803, &[20, 8, 8])[..16].to_vec();
    place.write("t10k-images-idx3-ubyte", &[&header, &images[16 + 40 * 64..]].concat());
    let labels = [idx(0x801, &[20])[..8].to_vec(), (0..20).map(|i| i % 4).collect()].concat();
    place.write("t10k-labels-idx1-ubyte", &labels);
    place
}

/// Trains a variant that does not have the settings of the tiny runs.
#[track_caller]
fn trained(place: &Place, line: &str) {
    let said = place.saddle(&format!("train {line} --data train-images-idx3-ubyte --steps 20 --batch 8 --adapter cpu"));
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
}

/// The reports that `saddle eval LINE` prints, with hardly trained networks.
#[track_caller]
fn reports(place: &Place, line: &str) -> Vec<Value> {
    let said = place.saddle(&format!("eval {line} --effort 0.01 --adapter cpu --json"));
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

/// The row of a measure in a report.
#[track_caller]
fn row<'a>(report: &'a Value, measure: &str) -> &'a Value {
    let rows = report["rows"].as_array().unwrap();
    rows.iter().find(|row| row["measure"] == measure).unwrap_or_else(|| panic!("no {measure} in {report}"))
}

#[test]
fn images_are_measured_and_reports_written() {
    let place = place();
    place.trained("--out a --conditional");
    let said = place.saddle("eval a --count 200 --effort 0.01 --adapter cpu");
    assert!(
        said.err.contains("20 samples of step 20, not 200: more are not compared") && !said.err.contains("codes"),
        "{}",
        said.err
    );
    let line = "eval a --count 12 --effort 0.01 --adapter cpu";
    let said = place.saddle(line);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("gan at step 20\n\nImages of `train-images-idx3-ubyte`\n\n"), "{}", said.out);
    for part in [
        "Fréchet distance ↓",
        "coverage ↑",
        "GAN-test accuracy ↑",
        "12 samples against",
        "0.01 of their training",
        "the classes of samples are drawn by their shares in the data",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert_eq!(place.names("a/eval"), ["report.json", "report.txt"]);
    assert_eq!(place.read("a/eval/report.txt"), said.out.as_bytes());
    let json = place.saddle(&format!("{line} --json"));
    let mut reports: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.out.lines().count(), reports[0]["run"].take()), (1, "a".into()));
    let mut written: Value = serde_json::from_slice(&place.read("a/eval/report.json")).unwrap();
    written[0]["run"] = Value::Null;
    assert_eq!(reports, written);
    assert_eq!((&reports[0]["step"], &reports[0]["seed"]), (&20.into(), &0.into()));
    assert_eq!(reports.as_array().unwrap().len(), 1);
    // A dozen samples are too few for a distance of 128 features.
    assert_eq!(reports[0]["rows"][0]["verdict"], "unsure");
    assert!(place.path("cache/classifiers").exists(), "the classifier is kept");
    let older = self::reports(&place, "a --count 12 --checkpoint 15");
    assert_eq!(older[0]["step"], 15);
    assert_ne!(older[0]["rows"], reports[0]["rows"]);
}

/// `tests/inception.rs` measures with a whole network.
#[test]
fn weights_of_another_network_are_refused_and_points_left_out() {
    let place = place();
    place.trained("--out a");
    place.write("state.pth", include_bytes!("../fixtures/state_new.pth"));
    place.write("text.pth", b"no weights");
    for (line, part) in [
        ("--features none.pth", "`none.pth` cannot be read"),
        ("--features state.pth", "`state.pth` has no `Conv2d_1a_3x3."),
        ("--features text.pth", "`text.pth` holds no weights that are read"),
        ("--features state.pth --reference none.npz", "`none.npz` cannot be read"),
    ] {
        refused(&place, &format!("eval a --adapter cpu {line}"), 2, &[part]);
    }
    for (line, part) in [
        ("--features state.pth --resize nearest", "pytorch-fid, tensorflow, clean-fid is right"),
        ("--reference none.npz", "--features <FILE>"),
    ] {
        let said = place.saddle(&format!("eval a --adapter cpu {line}"));
        assert!(said.code == Some(2) && said.err.contains(part), "{line}: {}", said.err);
    }
    place.trained("--data ring --out ring");
    let said = place.saddle("eval ring --features state.pth --count 5000 --adapter cpu");
    assert!(said.code == Some(0) && said.err.contains("`ring` is left out"), "{}", said.err);
}

#[test]
fn modes_are_counted_of_points_and_stacks() {
    let place = place();
    place.trained("--data ring --out ring");
    assert!(row(&reports(&place, "ring --count 5000")[0], "modes of 8")["floor"] == 8.0);
    place.trained("--stack 3 --out stacked");
    let modes = reports(&place, "stacked --count 50").remove(0);
    let found = row(&modes, "modes of 64")["value"].as_f64().unwrap();
    assert!((1.0..=50.0).contains(&found), "{modes}");

    place.write("points.csv", b"x,y\n0.5,1\n-1,2\n3,4\n");
    place.trained("--data points.csv --out points");
    refused(&place, "eval points --adapter cpu", 1, &["nothing of what is measured fits `points.csv`"]);
}

#[test]
fn likelihoods_are_of_binary_images() {
    let place = place();
    trained(&place, "vae --set latent=2 --set hidden_e=16 --set holdout=0 --out vae");
    let report = reports(&place, "vae --importance 210").remove(1);
    let value = |measure: &str| row(&report, measure)["value"].as_f64().unwrap();
    let (few, many) = (value("NLL, 200 importance samples"), value("NLL, 210 importance samples"));
    assert!(-value("evidence lower bound") > few && (few - many).abs() < 0.1, "{report}");
    assert!(report["notes"].to_string().contains("binarised once"), "{report}");
    assert_eq!(reports(&place, "vae --importance 0").len(), 2, "images, and probes of codes");

    trained(&place, "vae --set latent=2 --set hidden_e=16 --set likelihood=gaussian --out dense");
    let said = place.saddle("eval dense --effort 0.01 --adapter cpu");
    assert!(said.code == Some(0) && said.err.contains("a Gaussian has a density"), "{}", said.err);
    assert!(!said.out.contains("Likelihood"), "{}", said.out);

    // Without held-out images, the training images replace them.
    fs::remove_file(place.path("t10k-images-idx3-ubyte")).unwrap();
    let said = place.saddle("eval vae --effort 0.01 --adapter cpu");
    assert!(said.code == Some(0) && said.err.contains("what the model learned from stands in"), "{}", said.err);
}

#[test]
fn sequences_are_measured_and_pictured() {
    let place = place();
    let rows: String = (0..70).map(|t| format!("{},{}\n", (t as f32 * 0.4).sin(), (t as f32 * 0.4).cos())).collect();
    place.write("waves.csv", rows.as_bytes());
    place.write("letters.txt", "abcabdabcabd".repeat(20).as_bytes());
    let train = |variant: &str, data: &str| {
        let line =
            format!("train {variant} --data {data} --set window=8 --set units=6 --batch 8 --steps 6 --adapter cpu");
        let said = place.saddle(&format!("{line} --out {variant}-{data}"));
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
    };
    train("lstm-gan", "waves.csv");
    let report = reports(&place, "lstm-gan-waves.csv").remove(0);
    for measure in ["discriminative score", "predictive score", "MMD²"] {
        assert!(row(&report, measure)["value"].as_f64().unwrap() >= 0.0, "{report}");
    }
    assert_eq!(place.names("lstm-gan-waves.csv/eval"), ["pca.png", "report.json", "report.txt", "tsne.png"]);
    assert!(image::image_dimensions(place.path("lstm-gan-waves.csv/eval/tsne.png")).unwrap().0 > 500);
    assert!(report["notes"].to_string().contains("pca.png and tsne.png"), "{report}");
}

/// Every variant that generates symbols, on a text: no quality without diversity, and likelihood beside it.
#[test]
fn samples_of_symbols_stand_beside_real_ones_and_likelihood() {
    let place = place();
    place.write("letters.txt", "abcabdabcabd".repeat(20).as_bytes());
    let train = |variant: &str| {
        let line = "--data letters.txt --set window=8 --set units=6 --batch 8 --steps 6 --adapter cpu";
        let said = place.saddle(&format!("train {variant} {line} --out {variant}"));
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
    };
    let value = |report: &Value, measure: &str| row(report, measure)["value"].as_f64().unwrap();
    for variant in ["lstm-gan", "rvae", "rvae-gan", "lstm"] {
        train(variant);
        let samples = reports(&place, variant).remove(0);
        for measure in ["forward NLL", "reverse NLL", "bigram distance", "distinct-2", "different samples"] {
            assert!(value(&samples, measure) > 0.0, "{variant}: {samples}");
            assert!(row(&samples, measure)["real"].is_number(), "{variant}: {samples}");
            // The model that learned by likelihood needs no other one beside it.
            assert_eq!(row(&samples, measure)["baseline"].is_number(), variant != "lstm", "{variant}: {samples}");
        }
        let curve = &samples["tables"][0];
        assert_eq!(
            curve["rows"].as_array().unwrap().len(),
            if variant == "lstm" { 7 } else { 8 },
            "{variant}: {curve}"
        );
        // Windows of 8 of 240 symbols, a tenth of them held out.
        assert!(samples["notes"][0].as_str().unwrap().starts_with("27 samples beside 3 held-out windows"), "{samples}");
    }
    assert_eq!(place.names("cache/baselines").len(), 1, "learned once for all");

    // A generator that predicts symbols has a likelihood too.
    let gan = reports(&place, "lstm-gan");
    assert!(gan.len() == 2 && value(&gan[1], "NLL per step, 4-gram") < 0.5, "{gan:?}");
    assert!((0.5..2.0).contains(&value(&gan[1], "NLL per step")), "{gan:?}");
    // The likelihood of an lstm is exact.
    let report = reports(&place, "lstm").remove(1);
    assert!((value(&report, "log-likelihood") + 8.0 * value(&report, "NLL per step")).abs() < 1e-9, "{report}");
    assert!((0.5..2.0).contains(&value(&report, "NLL per step")), "four symbols, hardly learned: {report}");
    assert!(value(&report, "NLL per step, 4-gram") < 0.5, "{report}");
    refused(&place, "eval lstm --importance 9 --adapter cpu", 2, &["the likelihood of `lstm` is exact"]);
    let report = reports(&place, "rvae --importance 50").remove(1);
    let nll = value(&report, "NLL, 50 importance samples");
    assert!(-value(&report, "evidence lower bound") > nll, "{report}");
    let again = place.saddle("eval lstm-gan --effort 0.01 --adapter cpu --json --count 5");
    assert!(again.code == Some(0) && again.out.contains("5 samples beside"), "{}", again.err);

    for variant in ["lstm-gan", "rvae-gan"] {
        for temperature in ["0", "1e-30"] {
            let line = format!("train {variant} --data letters.txt --set window=8 --set temperature={temperature}");
            refused(&place, &line, 2, &["`temperature` is ", "divides by it to draw symbols"]);
        }
    }
}

#[test]
fn a_machine_is_measured_by_annealing() {
    let place = place();
    trained(&place, "dbm --set layers=6,4 --set chains=30 --out dbm");
    let report = reports(&place, "dbm --temperatures 1000").remove(1);
    let (_, newest) = checkpoint::latest(&place.path("dbm/checkpoints")).unwrap().unwrap();
    let exact = Parameters::of(&newest).unwrap().exact_log_z().unwrap();
    let annealed = row(&report, "log Z")["value"].as_f64().unwrap();
    assert!((annealed - exact).abs() < 0.05, "{annealed} is not {exact}");
    let bound = |measure: &str| row(&report, measure)["value"].as_f64().unwrap();
    assert!(bound("bound on log p") < 0.0 && bound("bound on log p, binarised") < 0.0, "{report}");
    assert_eq!(reports(&place, "dbm --temperatures 0").len(), 2, "images, and probes of codes");
}

#[test]
fn what_cannot_be_measured_is_explained() {
    let place = place();
    place.trained("--out a");
    for (line, words) in [
        ("eval none", &["cannot open the run `none`"][..]),
        ("eval a --importance 5", &["--importance: `gan` has no likelihood to bound"]),
        ("eval a --temperatures 5", &["--temperatures: `gan` has no Boltzmann machine"]),
        ("eval a --checkpoint 7", &["--checkpoint 7: the run has no such checkpoint; it has 10, 15, 20"]),
        ("eval a --adapter none", &["no such adapter"]),
    ] {
        refused(&place, line, 2, words);
    }
    refused(&place, "eval a --count 3 --adapter cpu", 1, &["3 images to compare are too few"]);
    place.write("train-images-idx3-ubyte", &idx(0x803, &[40, 12, 12]));
    refused(&place, "eval a --adapter cpu", 1, &["examples of shape [1, 12, 12] now", "learned from [1, 8, 8]"]);
    fs::remove_file(place.path("train-images-idx3-ubyte")).unwrap();
    refused(&place, "eval a --adapter cpu", 2, &["the data of the run: ", "`train-images-idx3-ubyte`"]);
    fs::remove_dir_all(place.path("a/checkpoints")).unwrap();
    refused(&place, "eval a", 1, &["`a` has no checkpoint yet"]);
    assert!(!place.path("a/eval").exists(), "nothing was written");
}

#[test]
fn several_runs_are_measured_in_turn() {
    let place = Place::new();
    for seed in [1, 2] {
        let line = "gan --data ring --set hidden_g=16 --set hidden_d=16 --steps 20 --batch 8 --adapter cpu";
        let said = place.saddle(&format!("train {line} --seed {seed} --out runs/{seed}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let said = place.saddle("eval runs/1 none runs/latest runs/2 --adapter cpu");
    assert_eq!(said.code, Some(2), "the status of the worst: {}", said.err);
    let headings: Vec<&str> = said.out.lines().filter(|line| line.starts_with("== ")).collect();
    assert_eq!(headings, ["== runs/1 (1 of 3) ==", "== none (2 of 3) ==", "== runs/2 (3 of 3) =="]);
    assert_eq!(said.out.matches("gan at step 20").count(), 2, "one does not lose the others: {}", said.out);
    assert!(said.err.contains("error: none: cannot open the run `none`"), "{}", said.err);
    assert!(said.err.contains("side by side: saddle compare runs/1 runs/2"), "{}", said.err);
    assert_eq!(said.err.matches("25000 samples of step 20").count(), 2, "each says what it does: {}", said.err);

    let lines = place.saddle("eval runs/1 runs/2 --adapter cpu --json").out;
    let reports: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.iter().map(|of_run| &of_run[0]["run"]).collect::<Vec<_>>(), ["runs/1", "runs/2"]);
    let written: Value = serde_json::from_slice(&place.read("runs/2/eval/report.json")).unwrap();
    assert_eq!((&written[0]["rows"], written[0].get("run")), (&reports[1][0]["rows"], None), "a folder may be moved");

    let table = place.saddle("compare runs/1 runs/2").out;
    let measured = table.split_once("by eval:").unwrap_or_else(|| panic!("{table}")).1;
    assert!(measured.contains("modes") && measured.contains(" ± "), "{table}");
    refused(&place, "eval runs/1 runs/2 --only-data a.csv", 2, &["--only-data", "name one run"]);
}

/// Examples of another program are measured as samples are; the run's own evaluation stays.
#[test]
fn other_examples_are_measured_in_place_of_samples() {
    let place = Place::new();
    assert_eq!(place.saddle("train gan --config gan.toml --data ring --preset default --out run").code, Some(0));
    let angle = |i: usize| (i % 8) as f32 * std::f32::consts::FRAC_PI_4;
    let points = |modes: usize| -> Vec<f32> {
        (0..4000).flat_map(|i| [angle(i % modes).cos(), angle(i % modes).sin()]).collect()
    };
    for modes in [8, 3] {
        place.write("p.npy", &npy("4000, 2", &points(modes)));
        let printed = place.saddle("eval run --only-data p.npy --adapter cpu");
        assert_eq!(printed.code, Some(0), "{}", printed.err);
        assert!(printed.out.starts_with("p.npy, in the place of samples"), "{}", printed.out);
        let found =
            printed.out.lines().find(|line| line.trim_start().starts_with("modes of 8")).expect("a row on modes");
        let found: f64 = found.split_whitespace().nth(4).and_then(|word| word.parse().ok()).expect("a number");
        assert_eq!(found, modes as f64, "{}", printed.out);
    }
    assert!(!place.path("run/eval").exists());
    place.write("p.npy", &npy("2, 3", &[0.0; 6]));
    refused(
        &place,
        "eval run --only-data p.npy",
        2,
        &["--only-data", "p.npy", "shape [2 x 3]", "example of the model 2"],
    );
    refused(&place, "eval run --only-data none.npy", 1, &["--only-data", "none.npy"]);
}
