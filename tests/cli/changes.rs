//! Changes to a run from outside: to its data, settings or checkpoints. Each is reported, and a run never learns from
//! changed data unless asked to.

use std::{collections::BTreeMap, fs};

use image::{GrayImage, Luma};
use saddle::checkpoint::Checkpoint;

use super::{Place, idx, metrics, refused};

fn picture(place: &Place, name: &str, level: u8) {
    fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
    GrayImage::from_fn(8, 8, |x, y| Luma([level.wrapping_add((9 * x + 5 * y) as u8)])).save(place.path(name)).unwrap();
}

/// A place with data of every kind that is changed below.
fn place() -> Place {
    let place = Place::new();
    place.write("points.csv", b"x,y\n0.5,1\n-1,2\n3,4\n2,5\n");
    let rows: String = (0..30).map(|t| format!("{},{}\n", t % 7, (t * 3) % 11)).collect();
    place.write("waves.csv", format!("a,b\n{rows}").as_bytes());
    place.write("letters.txt", "abcabdabcabd".repeat(20).as_bytes());
    for (n, name) in ["cats/1", "cats/2", "dogs/1", "dogs/2", "owls/1"].into_iter().enumerate() {
        picture(&place, &format!("photos/{name}.png"), 20 * n as u8);
    }
    place.write("t10k-images-idx3-ubyte", &idx(0x803, &[40, 8, 8]));
    place
}

/// The name of a change, the data, the variant, the change itself, and words of the sentence about it.
type Case = (&'static str, &'static str, &'static str, fn(&Place), &'static [&'static str]);

const CHANGES: &[Case] = &[
    (
        "a row more",
        "points.csv",
        "gan",
        |p| p.write("points.csv", b"x,y\n0.5,1\n-1,2\n3,4\n2,5\n1,1\n"),
        &["5 examples, not 4"],
    ),
    (
        "other letters",
        "letters.txt",
        "lstm",
        |p| p.write("letters.txt", "abeabdabeabd".repeat(20).as_bytes()),
        &["symbol `c` is "],
    ),
    (
        "a class renamed",
        "photos",
        "gan --size 8",
        |p| fs::rename(p.path("photos/owls"), p.path("photos/rats")).unwrap(),
        &["class `owls` is `rats` now"],
    ),
    (
        "a class gone",
        "photos",
        "gan --size 8",
        |p| fs::remove_dir_all(p.path("photos/owls")).unwrap(),
        &["4 examples, not 5", "class `owls` is gone"],
    ),
    (
        "a file gone",
        "photos",
        "gan --size 8",
        |p| fs::remove_file(p.path("photos/dogs/2.png")).unwrap(),
        &["4 examples, not 5"],
    ),
    ("a pixel", "photos", "gan --size 8", |p| picture(p, "photos/dogs/2.png", 90), &["others"]),
    (
        "columns in another order",
        "waves.csv",
        "lstm-gan",
        |p| {
            let rows: String = (0..30).map(|t| format!("{},{}\n", (t * 3) % 11, t % 7)).collect();
            p.write("waves.csv", format!("b,a\n{rows}").as_bytes());
        },
        &["column `a` is `b` now"],
    ),
    (
        "another range",
        "waves.csv",
        "lstm-gan",
        |p| {
            let rows: String = (0..30).map(|t| format!("{},{}\n", 2 * (t % 7), (t * 3) % 11)).collect();
            p.write("waves.csv", format!("a,b\n{rows}").as_bytes());
        },
        &["column `a` is scaled by 0 to 12, not by 0 to 6"],
    ),
    (
        "another file in its place",
        "train-images-idx3-ubyte",
        "gan",
        |p| {
            p.write("train-images-idx3-ubyte", &[&idx(0x803, &[40, 8, 8])[..16], &[7; 40 * 64]].concat());
        },
        &["others"],
    ),
];

#[test]
fn changed_data_is_told_and_wants_to_be_accepted() {
    let place = place();
    let own = "--batch 8 --adapter cpu --set checkpoint_every=2 --steps 4 --set sample_every=0";
    for (n, (what, data, variant, ..)) in CHANGES.iter().enumerate() {
        let sequences = if variant.starts_with("lstm") { "--set window=8 --set units=4" } else { "" };
        let sequences =
            if variant.starts_with("gan") { "--set hidden_g=8 --set hidden_d=8 --set latent=4" } else { sequences };
        let said = place.saddle(&format!("train {variant} --data {data} {own} {sequences} --out run{n}"));
        assert_eq!(said.code, Some(0), "{what}: {}", said.err);
    }
    for (n, (what, data, _, change, words)) in CHANGES.iter().enumerate() {
        let place = {
            // Every change is made to the data as it was.
            let fresh = self::place();
            let copied = std::process::Command::new("cp")
                .arg("-r")
                .arg(place.path(&format!("run{n}")))
                .arg(fresh.path("run"))
                .status();
            assert!(copied.unwrap().success());
            fresh
        };
        change(&place);
        let before = place.read("run/run.toml");
        let words: Vec<&str> = [&["is not what the run learned from", "--accept-changed-data"], *words].concat();
        for line in ["train --out run --resume --steps 6", "eval run --adapter cpu"] {
            refused(&place, line, 1, &words);
        }
        assert_eq!(place.read("run/run.toml"), before, "{what}");
        let said = place.saddle(&format!("train --out run --resume --steps 6 --data {data} --accept-changed-data"));
        assert!(said.code == Some(0) && said.err.contains("which was accepted"), "{what}: {}", said.err);
        let toml = String::from_utf8(place.read("run/run.toml")).unwrap();
        assert!(toml.contains("[[changed]]\nstep = 4\nkey = \"data\"\n"), "{what}: {toml}");
        let said = place.saddle("train --out run --resume --steps 7");
        assert_eq!(said.code, Some(0), "{what}: from here on it is this run's data: {}", said.err);
    }
}

#[test]
fn data_that_moved_or_whose_test_part_changed_is_the_same() {
    let place = place();
    place.trained("--out a");
    fs::create_dir(place.path("else where")).unwrap();
    for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
        fs::rename(place.path(name), place.path(&format!("else where/{name}"))).unwrap();
    }
    refused(&place, "train --out a --resume --steps 21", 2, &["where training was started; say with --data"]);
    fs::rename(place.path("else where"), place.path("else")).unwrap();
    let said = place.saddle("train --out a --resume --steps 21 --data else/train-images-idx3-ubyte");
    assert!(said.out.starts_with("1 step in ") && said.out.contains(", 21 in all\n"), "{}", said.out);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let toml = String::from_utf8(place.read("a/run.toml")).unwrap();
    assert!(toml.contains("data = \"else/train-images-idx3-ubyte\"") && !toml.contains("key = \"data\""), "{toml}");
    place.write("else/t10k-images-idx3-ubyte", &idx(0x803, &[30, 8, 8]));
    place.write(
        "else/t10k-labels-idx1-ubyte",
        &[idx(0x801, &[30])[..8].to_vec(), (0..30).map(|i| i % 4).collect()].concat(),
    );
    let line = "eval a --effort 0.01 --adapter cpu";
    let said = place.saddle(line);
    assert!(said.code == Some(0) && !said.err.contains("stands in"), "{}", said.err);
    assert!(!said.out.contains("others than"), "{}", said.out);
    // With another test part the run continues, but scores cannot be compared.
    place.write("else/t10k-images-idx3-ubyte", &[&idx(0x803, &[30, 8, 8])[..16], &[9; 30 * 64]].concat());
    assert_eq!(place.saddle("train --out a --resume --steps 22").code, Some(0));
    let said = place.saddle(line);
    assert!(said.out.contains("the held-out examples are others than in the evaluation before"), "{}", said.out);
    // A damaged test part is an error; a missing one is not.
    place.write("else/t10k-images-idx3-ubyte", &idx(0x803, &[30, 8, 8])[..500]);
    refused(&place, line, 1, &["t10k-images-idx3-ubyte"]);
}

/// A relative path of the data starts from the folder in which training was started, wherever the run is resumed.
#[test]
fn a_run_goes_on_from_another_folder() {
    let place = Place::new();
    place.trained("--out a --steps 5");
    fs::create_dir(place.path("else")).unwrap();
    let there = |line: &str| {
        let output = place.process(line).current_dir(place.path("else")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for steps in [6, 7] {
        let (code, err) = there(&format!("train --out ../a --resume --steps {steps}"));
        assert_eq!(code, Some(0), "{err}");
    }
    fs::rename(place.path("train-images-idx3-ubyte"), place.path("moved")).unwrap();
    for line in ["train --out ../a --resume --steps 8", "eval ../a"] {
        let (code, err) = there(line);
        assert!(code == Some(2) && err.contains("where training was started; say with --data"), "{err}");
    }
    assert_eq!(there("sample ../a --adapter cpu").0, Some(0), "which wants no data");
}

#[test]
fn a_checkpoint_of_an_earlier_version_goes_on() {
    let place = Place::new();
    place.trained("--out a");
    let path = place.path("a/checkpoints/step-000020.safetensors");
    let mut old = Checkpoint::load(&path).unwrap();
    for key in ["format", "settings", "data"] {
        old.meta.remove(key).unwrap();
    }
    old.save(&path).unwrap();
    let toml = String::from_utf8(place.read("a/run.toml")).unwrap();
    place.write("a/run.toml", toml.lines().filter(|l| !l.contains("sha256")).collect::<Vec<_>>().join("\n").as_bytes());
    assert_eq!(place.saddle("sample a --adapter cpu").code, Some(0));
    let said = place.saddle("train --out a --resume --steps 21");
    let told = said.err.matches("the checkpoint is of an earlier version").count();
    assert!(said.code == Some(0) && told == 2, "settings, and data: {}", said.err);
    assert!(!place.saddle("train --out a --resume --steps 22").err.contains("earlier version"));
    // The seed of an earlier checkpoint is known.
    old.meta.insert("seed".into(), "7".into());
    for file in fs::read_dir(place.path("a/checkpoints")).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    old.save(&path).unwrap();
    refused(&place, "train --out a --resume --steps 23", 1, &["seed 7", "this one has 0"]);
}

/// Replaces a text in the settings of the run.
fn edited(place: &Place, run: &str, from: &str, to: &str) {
    let text = String::from_utf8(place.read(&format!("{run}/run.toml"))).unwrap();
    assert!(text.contains(from), "no `{from}` in {text}");
    place.write(&format!("{run}/run.toml"), text.replacen(from, to, 1).as_bytes());
}

#[test]
fn settings_changed_by_hand_are_listed_and_others_refused() {
    let place = Place::new();
    place.trained("--out a");
    let go_on = |steps: u64| format!("train --out a --resume --steps {steps}");
    let whole = place.read("a/run.toml");

    edited(&place, "a", "seed = 0 ", "seed = 7 ");
    edited(&place, "a", "latent = 8", "latent = 9");
    edited(&place, "a", "lr_g = 0.0002", "lr_g = 0.9002");
    let words = [
        "`seed` was 0, is 7",
        "`latent` was 8, is 9",
        "and `lr_g` was 0.0002, is 0.9002",
        "can change data, steps, ",
        "from the checkpoint",
    ];
    refused(&place, &go_on(30), 2, &words);
    // The checkpoint holds the settings that its samples need.
    let said = place.saddle("sample a --adapter cpu --out x.csv");
    assert!(said.code == Some(0) && said.err.contains("`latent` is 9"), "{}", said.err);

    place.write("a/run.toml", &whole);
    edited(&place, "a", "lr_g = 0.0002", "lr_g = 0.0001");
    edited(&place, "a", "log_every = 2 ", "log_every = 1 ");
    let said = place.saddle(&go_on(30));
    assert!(said.code == Some(0), "{}", said.err);
    assert!(
        said.err.contains("was changed by hand: `lr_g` was 0.0002, is 0.0001, `log_every` was 2, is 1"),
        "{}",
        said.err
    );
    let toml = String::from_utf8(place.read("a/run.toml")).unwrap();
    assert!(toml.contains("[[changed]]\nstep = 20\nkey = \"lr_g\"\nfrom = \"0.0002\"\nto = \"0.0001\"\n"), "{toml}");
    assert!(!place.saddle(&go_on(31)).err.contains("by hand"));

    // A missing line means the run's own value.
    let text = String::from_utf8(place.read("a/run.toml")).unwrap();
    let gone = ["objective = ", "lr_d = ", "beta1 = ", "hidden_g = "];
    let text: String =
        text.lines().filter(|l| !gone.iter().any(|key| l.starts_with(key))).map(|l| format!("{l}\n")).collect();
    place.write("a/run.toml", text.as_bytes());
    let said = place.saddle(&go_on(32));
    assert_eq!(said.code, Some(0), "{}", said.err);
    for key in ["objective", "lr_d", "beta1", "hidden_g"] {
        assert!(said.err.contains(&format!("`{key}` is missing, and stays")), "{key}: {}", said.err);
    }
    assert!(String::from_utf8(place.read("a/run.toml")).unwrap().contains("hidden_g = [16]"));

    // Settings that cannot be read are refused, with advice on recovery.
    let whole = place.read("a/run.toml");
    place.write("a/run.toml", &whole[..whole.len() / 2 - 1]);
    edited(&place, "a", "steps = 32", "steps = = 32");
    for line in [&go_on(33), "sample a", "eval a"] {
        refused(
            &place,
            line,
            2,
            &["a/run.toml:", "not valid TOML", "remove run.toml", "saddle train --out a --resume"],
        );
    }
    fs::remove_file(place.path("a/run.toml")).unwrap();
    refused(&place, "sample a", 2, &["it has no run.toml", "saddle train --out a --resume"]);
    let said = place.saddle(&go_on(33));
    assert!(said.code == Some(0) && said.err.contains("run.toml is missing: written anew"), "{}", said.err);
    let anew = String::from_utf8(place.read("a/run.toml")).unwrap();
    assert!(
        anew.contains("\nsteps = 33 ") && anew.contains("hidden_g = [16]") && anew.contains("key = \"lr_g\""),
        "{anew}"
    );
}

#[test]
fn a_rate_can_change_and_that_is_written_down() {
    let place = Place::new();
    place.trained("--out a");
    let said = place.saddle("train --out a --resume --steps 24 --set lr_g=0.00005 --set grad_clip=1");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let toml = String::from_utf8(place.read("a/run.toml")).unwrap();
    for change in [
        "step = 20\nkey = \"lr_g\"\nfrom = \"0.0002\"\nto = \"5e-5\"",
        "key = \"grad_clip\"\nfrom = \"0.0\"\nto = \"1.0\"",
        "key = \"steps\"\nfrom = \"20\"\nto = \"24\"",
    ] {
        assert!(toml.contains(change), "{toml}");
    }
    assert_eq!(toml.matches("[[changed]]").count(), 3, "{toml}");
    let said = place.saddle("train --out a --resume --steps 28");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(String::from_utf8(place.read("a/run.toml")).unwrap().matches("[[changed]]").count(), 4);
    let said = place.saddle("train --config a/run.toml --out b");
    assert!(said.code == Some(0) && said.err.contains("changed `lr_g` from 0.0002 to 5e-5 at step 20"), "{}", said.err);
    assert!(!String::from_utf8(place.read("b/run.toml")).unwrap().contains("[[changed]]"), "b has changed nothing");
    refused(&place, "train --out a --resume --steps 30 --set optimizer=sgd", 2, &["`optimizer` is adam in this run"]);
    let listed = place.saddle("variants gan").out;
    let marked = |key: &str| listed.lines().any(|l| l.starts_with(&format!("  {key} ")) && l.ends_with("; resumable"));
    assert!(marked("lr_g") && marked("steps") && !marked("latent") && !marked("optimizer"), "{listed}");
}

#[test]
fn checkpoints_with_a_valid_digest_and_absurd_content_are_refused() {
    let place = Place::new();
    place.trained("--out a --conditional");
    let path = place.path("a/checkpoints/step-000020.safetensors");
    let good = Checkpoint::load(&path).unwrap();
    let long = "x".repeat(1 << 20);
    let series = |names: &str| format!("{{\"Columns\":{{\"names\":[{names}],\"min\":[0],\"max\":[1]}}}}");
    for (key, value, words) in [
        ("shape", "1x100000x100000", "`shape` cannot be right"),
        ("shape", "18446744073709551615x2x8", "`shape` cannot be right"),
        ("shape", "1x8x0", "`shape` cannot be right"),
        ("shape", "1x1x1x1x1x1x1x64", "`shape` cannot be right"),
        ("shape", "", "`shape` cannot be right"),
        ("shape", "1x8x16", "shape"),
        ("classes", "99999999999", "`classes` cannot be right"),
        ("classes", "60000", "classes"),
        ("series", &series("\"a\",\"b\""), "`series` cannot be right"),
        ("series", &series(&format!("\"{long}\"")), "`series` cannot be right"),
        ("step", "18446744073709551615", "is of step 18446744073709551615"),
        ("step", "5", "is of step 5"),
        ("seed", "9", "seed"),
        ("format", "5", "format 5"),
        ("variant", "dcgan", "is of `dcgan`, and this run is of `gan`"),
        ("settings", "steps = [[[", "not valid TOML"),
        ("settings", "variant = 'gan'\nlatent = 99999999999", "`latent` takes"),
        ("data", "{}", "`data` cannot be read"),
        ("data", "null", "`data` cannot be read"),
    ] {
        let mut bad = good.clone();
        bad.meta.insert(key.into(), value.into());
        bad.save(&path).unwrap();
        for line in ["sample a --adapter cpu --class 1", "train --out a --resume --steps 21"] {
            // Samples do not depend on `data`, and a run with a bad `step` would continue from an older checkpoint.
            if line.starts_with("sample") && key == "data" || line.starts_with("train") && key == "step" {
                continue;
            }
            let said = place.saddle(line);
            if key == "step" {
                assert!(
                    said.err.contains(words) && said.err.contains("falling back"),
                    "{key}={value:.30}: {}",
                    said.err
                );
                continue;
            }
            assert_eq!(said.code.filter(|code| [1, 2].contains(code)), said.code, "{key}={value:.30}");
            let error = said.err.lines().find(|l| l.starts_with("error: ")).unwrap_or_default();
            assert!(error.contains(words) && error.len() < 1000, "{line}, {key}={value:.30}: {}", said.err);
        }
    }
    for (value, words) in [(f32::NAN, "not finite"), (f32::INFINITY, "not finite")] {
        let mut bad = good.clone();
        *bad.tensors.values_mut().next_back().unwrap().data.last_mut().unwrap() = value;
        bad.save(&path).unwrap();
        for line in ["sample a --adapter cpu", "train --out a --resume --steps 21"] {
            refused(&place, line, 1, &[words]);
        }
    }
    let mut bad = good;
    bad.tensors = BTreeMap::from([bad.tensors.pop_first().unwrap()]);
    bad.save(&path).unwrap();
    refused(&place, "sample a --adapter cpu", 1, &["belongs to other settings"]);
}

#[test]
fn a_class_has_a_name_and_a_number() {
    let place = place();
    let own = "--conditional --size 8 --steps 2 --batch 8 --adapter cpu --set hidden_g=8 --set hidden_d=8 --out a";
    let said = place.saddle(&format!("train gan --data photos {own}"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let drawn = |class: &str| {
        let said = place.saddle(&format!("sample --force a --class {class} --count 4 --out x.csv --adapter cpu"));
        assert_eq!(said.code, Some(0), "{class}: {}", said.err);
        place.read("x.csv")
    };
    assert_eq!(drawn("dogs"), drawn("1"));
    assert_ne!(drawn("dogs"), drawn("cats"));
    refused(&place, "sample a --class dgos", 2, &["--class: unknown class `dgos`; did you mean `dogs`?"]);
    refused(&place, "sample a --class 3", 2, &["--class 3: the model has classes 0 to 2"]);
    refused(&place, "sample a --class -1", 2, &["--class -1: the model has classes 0 to 2"]);
}

#[test]
fn metrics_neither_repeat_nor_lose_their_time() {
    let place = Place::new();
    place.trained("--out a");
    let seconds = |n: usize| metrics(&place.read("a/metrics.jsonl"))[n]["seconds"].as_f64().unwrap();
    let before = seconds(9);
    for name in ["a/.unfinished-x", "a/samples/.unfinished-y", "a/checkpoints/.unfinished-z", "a/eval/.unfinished-w"] {
        place.write(name, b"half");
    }
    // As if the run had been killed after the checkpoint of step 15, with one incomplete line and one damaged line.
    fs::remove_file(place.path("a/checkpoints/step-000020.safetensors")).unwrap();
    let mut text = place.read("a/metrics.jsonl");
    text.extend(b"{\"step\": 12");
    let text = String::from_utf8(text).unwrap().replacen("{\"d_", "{d_", 1);
    place.write("a/metrics.jsonl", text.as_bytes());
    let said = place.saddle("train --out a --resume --steps 30");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("2 damaged lines of a/metrics.jsonl are left out"), "{}", said.err);
    let lines = metrics(&place.read("a/metrics.jsonl"));
    let steps: Vec<u64> = lines.iter().map(|l| l["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, (4..=30).step_by(2).collect::<Vec<_>>());
    let seconds: Vec<f64> = lines.iter().map(|l| l["seconds"].as_f64().unwrap()).collect();
    assert!(seconds.is_sorted() && *seconds.last().unwrap() > before / 2.0, "{seconds:?}");
    for folder in ["a", "a/samples", "a/checkpoints", "a/eval"] {
        assert!(place.names(folder).iter().all(|name| !name.contains("unfinished")), "{folder}");
    }
}

#[test]
fn a_picture_that_a_kill_cost_is_drawn_later() {
    let place = Place::new();
    place.trained("--out a");
    for (step, line) in [(20, "train --out a --resume"), (10, "train --out a --resume --steps 21")] {
        let (name, checkpoint) = (format!("a/samples/step-0000{step}.png"), "a/checkpoints/step-000020.safetensors");
        let picture = place.read(&name);
        fs::remove_file(place.path(&name)).unwrap();
        if step == 10 {
            for newer in [checkpoint, "a/checkpoints/step-000015.safetensors"] {
                fs::remove_file(place.path(newer)).unwrap();
            }
        }
        let said = place.saddle(line);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert_eq!(place.read(&name), picture);
    }
}

#[test]
fn pictures_are_thinned_evenly() {
    let place = Place::new();
    place.trained("--out a --steps 100 --set sample_every=5 --set keep_samples=6");
    let steps =
        |run: &str| place.names(&format!("{run}/samples")).join(" ").replace("step-0000", "").replace("step-000", "");
    assert_eq!(steps("a"), "20.png 40.png 60.png 80.png 100.png");
    place.trained("--out b --steps 23 --set sample_every=5 --set keep_samples=1");
    assert_eq!(steps("b"), "23.png");
    refused(
        &place,
        "sample a --count 9000 --out x.png --interpolate 2",
        2,
        &["a png shows ", " at most; csv and npy take more"],
    );
}
