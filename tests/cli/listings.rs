//! `saddle devices` and `saddle variants`: for people, for programs, and for readers that close the pipe early.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use saddle::{
    models::{self, VARIANTS},
    settings::{Layer, Settings},
};
use serde_json::Value;

use super::Place;

#[test]
fn listings_can_be_read_by_people_and_programs() {
    let place = Place::new();
    let variants = place.saddle("variants");
    assert!(
        ["gan ", "dcgan ", "digits ", "ring "].iter().all(|name| variants.out.lines().any(|l| l.starts_with(name)))
    );
    let gan = place.saddle("variants gan");
    assert!(gan.out.contains("preset article") && gan.out.contains("  lr_g "), "{}", gan.out);
    for variant in VARIANTS {
        let said = place.saddle(&format!("variants {}", variant.name));
        assert_eq!(said.code, Some(0), "{}", said.err);
        let listed = |key: &str| said.out.lines().any(|line| line.starts_with(&format!("  {key} ")));
        for key in Settings::describe() {
            assert_eq!(listed(key.name), variant.menu().has(key), "`{}` of {}", key.name, variant.name);
        }
        for preset in variant.presets.iter().map(|preset| preset.name) {
            assert!(said.out.contains(&format!("\npreset {preset}")), "{preset} of {}", variant.name);
            if saddle::data::BUILT_IN.iter().any(|(name, ..)| *name == preset) {
                let mut layer = Layer::default();
                layer.assign(&format!("variant={}", variant.name)).unwrap();
                layer.assign(&format!("preset={preset}")).unwrap();
                let settings = Settings::resolve(&models::menu(), &[layer]).unwrap();
                assert_eq!(settings.data, preset, "a preset of built-in data is for them");
            }
        }
        assert!(variants.out.lines().any(|line| line.starts_with(&format!("{} ", variant.name))), "{}", variant.name);
    }
    let devices = place.saddle("devices");
    assert!(
        devices.out.contains("cpu  this machine's processor") && devices.out.contains("would train on: "),
        "{}",
        devices.out
    );
    let json: Value = serde_json::from_str(&place.saddle("devices --json").out).unwrap();
    assert!(json["devices"].is_array() && json["reason"].is_string());
}

#[test]
fn a_reader_that_leaves_stops_nothing() {
    let place = Place::new();
    for line in ["variants gan", "devices", "train --config gan.toml --dry-run", "train --config gan.toml --explain"] {
        let mut child = place.process(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(0) && !said.contains("error"), "{line}: {said}");
    }
    // As in `train 2>&1 | head -1`.
    let mut child =
        place.process("train --config gan.toml --out a").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut first = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("train-images-idx3-ubyte: "), "{first}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(place.path("a/checkpoints/step-000020.safetensors").exists());
}

#[test]
fn runs_are_listed_with_what_tells_them_apart() {
    let place = Place::new();
    let none = place.saddle("sample");
    assert!(none.code == Some(2) && none.err.contains("there are none in `runs` here"), "{}", none.err);
    for (name, seed) in [("one", 1), ("two", 2)] {
        place.trained(&format!("--out runs/{name} --seed {seed}"));
    }
    place.write("runs/notes.txt", b"not a run");
    let said = place.saddle("runs");
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("run "), "{}", said.out);
    for (name, seed) in [("one", 1), ("two", 2)] {
        let line = lines.iter().find(|line| line.starts_with(&format!("runs/{name} "))).unwrap();
        assert!(line.contains("20/20") && line.contains(&format!("seed={seed}")), "{line}");
        assert!(!line.contains("steps=") && !line.contains("batch="), "{line}");
    }
    let json: Value = serde_json::from_str(&place.saddle("runs --json").out).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    for (line, words) in [
        ("compare runs/one none", &["cannot open the run `none`"][..]),
        (
            "compare runs/one --out x.gif",
            &["--out `x.gif`: the ending says the format, and it is csv, md, tex, png or svg"],
        ),
        ("sample", &["the newest are runs/", "(step 20 of 20)"]),
        ("eval", &["the newest are runs/"]),
        ("sample two", &["did you mean `runs/two`?"]),
        (
            "eval runs",
            &["it is not the folder of a run; `saddle runs runs` lists those in it, and runs/* names them all"],
        ),
        ("runs none", &["cannot read the folder `none`"]),
    ] {
        super::refused(&place, line, 2, words);
    }
}

#[test]
fn runs_stand_side_by_side_with_means_over_seeds() {
    let place = Place::new();
    for (name, own) in [("one", "--seed 1"), ("two", "--seed 2"), ("three", "--seed 1 --set lr_g=0.5")] {
        place.trained(&format!("--out {name} {own}"));
    }
    assert_eq!(place.saddle("eval two --count 12 --effort 0.01 --adapter cpu").code, Some(0));
    let said = place.saddle("compare one two --out both.csv");
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].trim() == "gan" && lines[1].ends_with(" 2 seeds"), "they differ in their seeds: {}", said.out);
    assert!(lines.iter().any(|line| line.starts_with("d_loss ") && line.contains(" ± ")), "{}", said.out);
    let csv = String::from_utf8(place.read("both.csv")).unwrap();
    assert!(csv.starts_with("run,variant,step,seed,") && csv.contains("\ntwo,gan,20,2,"), "{csv}");
    assert!(csv.lines().next().unwrap().contains(",recall"), "{csv}");
    let said = place.saddle("compare one two three --out all.md");
    let row = |out: &str, name: &str| -> Vec<String> {
        let line = out.lines().find(|line| line.split("  ").next() == Some(name));
        let cells = line.unwrap_or_else(|| panic!("no row {name}: {out}")).split("  ").map(str::trim);
        cells.filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(row(&said.out, "lr_g"), ["lr_g", "0.0002", "0.5"]);
    assert!(String::from_utf8(place.read("all.md")).unwrap().contains("\n|---|---|---|\n"));
    // Names of one's own take the place of the settings.
    let said = place.saddle("compare one two three --labels usual,fast --out own.tex");
    assert!(said.out.lines().next().unwrap().split_whitespace().eq(["usual", "fast"]), "{}", said.out);
    assert!(!said.out.contains("lr_g"), "{}", said.out);
    let tex = String::from_utf8(place.read("own.tex")).unwrap();
    assert!(
        tex.contains("& usual & fast \\\\") && tex.contains("{\\footnotesize $\\pm$ is the standard error"),
        "{tex}"
    );
    super::refused(
        &place,
        "compare one two three --labels a",
        2,
        &["1 name for 2 columns: gan lr_g=0.0002, gan lr_g=0.5"],
    );
    assert!(!said.out.contains("objectives") && !said.out.contains("numbers of steps"), "{}", said.out);
    place.trained("--out hinge --set objective=hinge --steps 22");
    let said = place.saddle("compare one hinge --out all.md --force");
    let told = [
        "losses of different objectives do not compare: non-saturating, hinge.",
        "the runs have different numbers of steps: 20, 22.",
    ];
    for sentence in told {
        assert!(said.out.contains(sentence), "{}", said.out);
        assert!(String::from_utf8(place.read("all.md")).unwrap().contains(&format!("\n\n{sentence}\n")));
    }
    let said = place.saddle("compare one hinge --metrics d_acc_real");
    assert!(!said.out.contains("objectives") && said.out.contains("numbers of steps"), "{}", said.out);
    let said = place.saddle("compare one hinge --metrics d_real");
    let told = "`d_real` and `d_fake` of different objectives do not compare: non-saturating, hinge.";
    assert!(said.out.contains(told), "{}", said.out);
    // A run that was changed on its way is no repetition of others, even of one that ends with its settings.
    place.trained("--out late --seed 3 --set lr_g=0.5 --steps 10");
    assert_eq!(place.saddle("train --out late --resume --steps 20 --set lr_g=0.0002").code, Some(0));
    let said = place.saddle("compare one two three late");
    assert_eq!(row(&said.out, "lr_g"), ["lr_g", "0.0002", "0.5", "0.5 to step 10, then 0.0002"]);
    let said = place.saddle("compare one two");
    let recall = said.out.lines().find(|line| line.starts_with("recall")).unwrap();
    assert!(
        said.out.contains("\n  Images of `train-images-idx3-ubyte`: the networks that score had 0.01 of"),
        "{}",
        said.out
    );
    assert!(recall.ends_with("(1 of 2)") && !said.out.contains(" is at step "), "{}", said.out);
    place.trained("--out same --seed 1");
    let said = place.saddle("compare one same");
    assert_eq!(row(&said.out, "run"), ["run", "one", "same"]);
    // Scores of an earlier step than the run's say so.
    assert_eq!(place.saddle("train --out two --resume --steps 22").code, Some(0));
    let said = place.saddle("compare one two");
    assert!(row(&said.out, "recall").pop().unwrap().ends_with(" (step 20)"), "{}", said.out);
    let json: Value = serde_json::from_str(&place.saddle("compare two --json").out).unwrap();
    assert_eq!(json[0]["steps"]["recall"], 20);
    std::fs::remove_file(place.path("same/checkpoints/step-000020.safetensors")).unwrap();
    let said = place.saddle("compare two same").out;
    assert!(said.contains("`same` is at step ") && said.contains(" of 20."), "{said}");
    let json: Value = serde_json::from_str(&place.saddle("compare one three --json").out).unwrap();
    assert_eq!((&json[1]["settings"]["lr_g"], json[1]["numbers"]["d_loss"].is_number()), (&"0.5".into(), true));
}

#[test]
fn settings_are_listed_for_programs_too() {
    let place = Place::new();
    let one: Value = serde_json::from_str(&place.saddle("variants dcgan --json").out).unwrap();
    let width = one["settings"].as_array().unwrap().iter().find(|setting| setting["name"] == "width").unwrap();
    assert_eq!((&width["value"], &width["resumable"]), (&"32".into(), &false.into()), "as the default preset has it");
    let all: Value = serde_json::from_str(&place.saddle("variants --json").out).unwrap();
    assert!(all.as_array().unwrap().contains(&one));
}
