//! How trainings ended: what a run's folder says of it, and what is advised.

use serde_json::Value;

use super::{Place, refused};

/// Diverges after some steps, when there are checkpoints.
const WILD: &str = "--steps 500 --set objective=wgan --set optimizer=sgd --set checkpoint_every=2 --set sample_every=0 \
    --set norm_g=none";
const RATES: &str = "--set lr_g=1 --set lr_d=1";

/// The command that an error ends with.
fn advice(said: &str) -> &str {
    let sentence = said.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{said}"));
    sentence.rsplit_once("with: saddle ").unwrap_or_else(|| panic!("{sentence}")).1
}

#[test]
fn a_divergence_is_shown_wherever_the_run_is() {
    let place = Place::new();
    assert_eq!(place.train(&format!("--out runs/a {WILD} {RATES}")).code, Some(1));
    place.trained("--out runs/b");
    let lines = place.saddle("runs").out;
    let line = |name: &str| lines.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("runs/a").contains("  diverged  ") && line("runs/b").contains("  done  "), "{lines}");
    let json: Vec<Value> = serde_json::from_str(&place.saddle("runs --json").out).unwrap();
    let of = |name: &str| json.iter().find(|run| run["run"] == name).unwrap()["ending"].as_str().unwrap().to_owned();
    assert_eq!(of("runs/b"), "done at step 20");
    let ending = of("runs/a");
    assert!(ending.starts_with("diverged at step ") && ending.contains("_loss became "), "{ending}");
    let compared = place.saddle("compare runs/a runs/b").out;
    assert!(compared.contains(&format!(" of 500: {ending}.")) && !compared.contains("done at"), "{compared}");
    assert_eq!(place.saddle("report runs/a").code, Some(0));
    let page = String::from_utf8(place.read("runs/a/report.html")).unwrap();
    assert!(page.contains(&format!("\"ended\":\"{ending}\"")) && page.contains("\"bad\":true"));
    let said = place.saddle("train --out runs/a --resume --set lr_g=1e-7 --set lr_d=1e-7");
    assert!(said.err.contains(&format!("the last training of `runs/a` {ending}")), "{}", said.err);
    let toml = String::from_utf8(place.read("runs/a/run.toml")).unwrap();
    assert!(toml.contains("key = \"lr_g\"\nfrom = \"1.0\"\nto = \"1e-7\""), "{toml}");
    assert_eq!((said.code, of_now(&place)), (Some(0), "done at step 500".into()));
    refused(
        &place,
        "train --out runs/a --resume --steps 600 --from 7",
        2,
        &["--from 7: the run has no such checkpoint"],
    );
}

fn of_now(place: &Place) -> String {
    let json: Vec<Value> = serde_json::from_str(&place.saddle("runs --json").out).unwrap();
    json.iter().find(|run| run["run"] == "runs/a").unwrap()["ending"].as_str().unwrap().to_owned()
}

#[test]
fn advice_after_divergences_can_be_followed_and_is_never_the_same() {
    let place = Place::new();
    let mut said = place.train(&format!("--out a {WILD} {RATES}"));
    let mut advised: Vec<String> = vec![];
    loop {
        let command = advice(&said.err).to_owned();
        assert!(!advised.contains(&command), "{command} again: {advised:?}");
        // The settings of another training may come after these.
        let tried = place.saddle(&format!("{command} --dry-run"));
        assert_eq!(tried.code, Some(0), "{command}: {}", tried.err);
        advised.push(command.clone());
        if command.contains("--config") {
            break;
        }
        said = place.saddle(&format!("{command} {RATES} --set grad_clip=0"));
        assert_eq!(said.code, Some(1), "{}", said.err);
    }
    assert!(advised[0].starts_with("train --out a --resume --set lr_g=0.1"), "{advised:?}");
    assert!(advised[1].starts_with("train --out a --resume --from "), "{advised:?}");
    assert!(place.names("a/checkpoints").iter().any(|name| name.ends_with(".aside")), "{advised:?}");
}

#[test]
fn rates_far_off_are_warned_of_and_a_short_training_ends_with_what_is_wrong() {
    let place = Place::new();
    let said = place.train("--out a --steps 200 --set lr_g=10 --set lr_d=10 --set norm_g=none");
    assert_eq!(said.code, Some(0), "{}", said.err);
    for (key, rule) in [("lr_g", "adam"), ("lr_d", "adam")] {
        let warning =
            format!("warning: {key}=10 moves each weight by about 10 a step ({rule}): 0.0001 to 0.01 is usual");
        assert!(said.err.contains(&warning), "{}", said.err);
    }
    assert!(said.out.contains("\nhealth  ") && said.out.contains("; try "), "{}", said.out);
    let said = place.train("--out b --steps 20 --set lr_g=0.1 --set lr_d=10 --set optimizer_d=sgd");
    assert!(!said.err.contains("moves each weight") && !said.out.contains("health  "), "{}{}", said.out, said.err);
}

#[test]
fn a_run_goes_on_by_its_folder_alone() {
    let place = Place::new();
    place.trained("--out runs/a");
    let said = place.saddle("train --resume runs/a --steps 22 --adapter cpu");
    assert_eq!((said.code, of_now(&place)), (Some(0), "done at step 22".into()), "{}", said.err);
    for line in ["train --resume", "train --resume gan", "train gan --resume --steps 30"] {
        refused(&place, line, 2, &["none is named that has one: `saddle train --out RUN --resume`"]);
    }
}
