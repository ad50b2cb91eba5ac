//! What drives many runs: cases in a file, results as JSON, event files, and scripts for shells.

use serde_json::Value;

use super::{Place, TINY, metrics, refused};

#[test]
fn a_case_is_taken_over_what_all_share() {
    let place = Place::new();
    let shared = format!("variant = 'gan'\nhidden_g = [16]\nhidden_d = [16]{TINY}");
    place.write("grid.toml", format!("{shared}[[case]]\nlr_d = 0.001\n[[case]]\nlr_d = 0.002\nsteps = 4\n").as_bytes());
    let said = place.saddle("train --config grid.toml --case 1 --out a --set lr_g=0.5 --json");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let settings = String::from_utf8(place.read("a/run.toml")).unwrap();
    for line in ["lr_d = 0.002", "steps = 4", "lr_g = 0.5", "batch = 8"] {
        assert!(settings.contains(line), "{line}: {settings}");
    }
    let result: Value = serde_json::from_str(&said.out).unwrap();
    let last = metrics(&place.read("a/metrics.jsonl")).pop().unwrap();
    assert_eq!((result["run"].as_str(), result["step"].as_u64()), (Some("a"), Some(4)));
    assert_eq!(result["d_loss"], last["d_loss"]);
    assert!(said.err.contains("next    saddle sample a"), "{}", said.err);

    refused(&place, "train --config grid.toml", 2, &["`grid.toml` has 2 cases", "--case 0 to --case 1"]);
    refused(&place, "train --config grid.toml --case 2", 2, &["has 2 cases"]);
    refused(&place, "train --config gan.toml --case 0", 2, &["`gan.toml` has 0 cases", "[[case]]"]);
    // A list is a choice: of all cases, or of one. A list of a setting that is one itself has to be a list of lists.
    let lists =
        format!("seed = [3, 4]\n{shared}[[case]]\nlr_d = [0.1, 0.2]\n[[case]]\nseed = 9\nhidden_g = [[8], [8, 8]]\n");
    place.write("lists.toml", lists.as_bytes());
    refused(&place, "train --config lists.toml", 2, &["`lists.toml` has 6 cases", "--case 0 to --case 5"]);
    let made: Vec<String> = (0..6)
        .map(|case| {
            let said = place.saddle(&format!("train --config lists.toml --case {case} --out lists-{case} --steps 1"));
            assert_eq!(said.code, Some(0), "{}", said.err);
            let settings = String::from_utf8(place.read(&format!("lists-{case}/run.toml"))).unwrap();
            let value = |key: &str| {
                let line = settings.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
                line.split(['=', '#']).nth(1).unwrap().trim().to_owned()
            };
            [value("lr_d"), value("seed"), value("hidden_g")].join(" ")
        })
        .collect();
    assert_eq!(made, ["0.1 3 [16]", "0.1 4 [16]", "0.2 3 [16]", "0.2 4 [16]", "0.0002 9 [8]", "0.0002 9 [8, 8]"]);
    place.write("many.toml", format!("seed = {0:?}\nlr_g = {0:?}\n", Vec::from_iter(1..200)).as_bytes());
    refused(&place, "train --config many.toml --case 0", 2, &["many.toml", "39601 cases", "10000 at most"]);
    place.write("wrong.toml", b"steps = 1\n[[case]]\nstep = 2\n");
    refused(&place, "train --config wrong.toml --case 0", 2, &["wrong.toml:3", "did you mean `steps`"]);
    place.write("wrong.toml", b"case = 3");
    refused(&place, "train --config wrong.toml --case 0", 2, &["wrong.toml:1", "[[case]]"]);
    place.write("a/run.toml", &[&place.read("a/run.toml")[..], b"[[case]]\nsteps = 1\n"].concat());
    refused(&place, "sample a", 2, &["a/run.toml", "[[case]]"]);
}

/// The same command begins a run, goes on with it, and ends well where all is done.
#[test]
fn a_job_may_be_started_again_and_again() {
    let place = Place::new();
    let shared = format!("variant = 'gan'\nhidden_g = [16]\nhidden_d = [16]{TINY}");
    place.write("grid.toml", format!("{shared}[[case]]\nlr_d = 0.001\n[[case]]\nlr_d = 0.002\n").as_bytes());
    refused(&place, "train --out a --resume", 2, &["cannot open the run `a`: it does not exist"]);
    let job = "train --config grid.toml --case 0 --out a --resume";
    let begun = place.saddle(job);
    assert!(begun.code == Some(0) && begun.err.contains("`a` holds no run yet: beginning it"), "{}", begun.err);
    let states = place.states("a", 20);
    let again = place.saddle(job);
    assert!(again.code == Some(0) && again.err.contains("is at step 20 of 20 already"), "{}", again.err);
    std::fs::remove_file(place.path("a/checkpoints/step-000020.safetensors")).unwrap();
    let on = place.saddle(job);
    assert!(on.code == Some(0) && !on.err.contains("warning"), "{}", on.err);
    assert_eq!(place.states("a", 20), states);
    // Another case is not what this run was begun with.
    let other = place.saddle("--quiet train --config grid.toml --case 1 --steps 25 --out a --resume");
    let warning = "warning: `lr_d` was 0.001, and is 0.002 from step 20 on";
    assert!(other.code == Some(0) && other.err.trim() == warning, "{}", other.err);
    let typed = place.saddle("train --out a --resume --steps 30 --set lr_d=0.004").err;
    assert!(typed.contains("\n`lr_d` was 0.002, and is 0.004 from step 25 on\n"), "{typed}");
    let heading = String::from_utf8(place.read("a/run.toml")).unwrap().lines().next().unwrap().to_owned();
    assert!(heading.contains("begins with the last values of what it changed"), "{heading}");
    let repeated = place.saddle("--quiet train --config a/run.toml --steps 5 --out b").err;
    assert!(repeated.contains("warning: the run of --config changed `lr_d` from 0.001 to 0.002"), "{repeated}");
}

#[test]
fn a_run_that_goes_on_begins_another_event_file() {
    let place = Place::new();
    place.trained("--out a --set tensorboard=true --steps 10");
    assert_eq!(place.names("a/tensorboard").len(), 1);
    assert_eq!(place.saddle("train --out a --resume --steps 12").code, Some(0));
    let files = place.names("a/tensorboard");
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|name| name.starts_with("events.out.tfevents.")), "{files:?}");
    let written = place.read(&format!("a/tensorboard/{}", files[0]));
    let pictured = place.read("a/samples/step-000010.png");
    assert!(written.windows(pictured.len()).any(|part| part == pictured), "the picture is in it");
    place.trained("--out b");
    assert!(!place.path("b/tensorboard").exists());
}

#[test]
fn shells_get_completions_and_manual_pages() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = place.saddle(&format!("completions {shell}"));
        assert!(said.code == Some(0) && said.out.contains("accept-changed-data"), "{shell}: {}", said.err);
    }
    // Values too, where they are known, in words that stand alone in the script.
    let script = place.saddle("completions bash").out;
    let offered = |words: &str| script.lines().any(|line| line.contains(&format!("-W \"{words}\"")));
    assert!(offered("onnx pytorch html") && script.contains(" vae-gan "), "{script}");
    assert!(script.contains("introspective"), "a preset");
    let page = place.saddle("man").out;
    assert!(page.contains(".TH saddle 1") && page.contains("saddle\\-train"), "{page}");
    assert!(place.saddle("man train").out.contains("\\-\\-resume"));
    refused(&place, "man tran", 2, &["did you mean `train`"]);
}
