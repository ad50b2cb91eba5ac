//! `saddle train`: the files of a run.

use std::fs;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};

use super::{Place, STATEFUL, metrics, refused};

#[test]
fn a_run_leaves_what_was_promised() {
    let place = Place::new();
    let said = place.trained("--out a --keep 2");
    let end = "run     a\nsamples a/samples/step-000020.png\nnext    saddle sample a\n        saddle eval a\n";
    assert!(said.out.ends_with(end), "{}", said.out);
    assert_eq!(place.names("a"), [".lock", "checkpoints", "metrics.jsonl", "run.toml", "samples", "trainings.jsonl"]);
    let checkpoints = ["best.safetensors", "step-000015.safetensors", "step-000020.safetensors"];
    assert_eq!(place.names("a/checkpoints"), checkpoints);
    assert_eq!(place.names("a/samples"), ["step-000010.png", "step-000020.png"]);
    let picture = image::open(place.path("a/samples/step-000020.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (4 * 82 + 2, 4 * 82 + 2));

    let lines = metrics(&place.read("a/metrics.jsonl"));
    assert_eq!(
        lines.iter().map(|l| l["step"].as_u64().unwrap()).collect::<Vec<_>>(),
        (2..=20).step_by(2).collect::<Vec<_>>()
    );
    for key in ["seconds", "samples_per_second", "d_loss", "g_loss"] {
        assert!(lines.iter().all(|l| l[key].as_f64().unwrap().is_finite()), "{key}");
    }
    assert!(lines.windows(2).all(|l| l[0]["seconds"].as_f64() <= l[1]["seconds"].as_f64()));

    // The files of a process that was killed at its start do not prevent a new run.
    place.write("begun/.lock", b"");
    place.write("begun/.unfinished-x", b"");
    place.trained("--out begun --steps 1");
    // An interval of 0 means: only at the end, which is the best as well.
    place.trained("--out end --set checkpoint_every=0 --set sample_every=0");
    assert_eq!((place.names("end/checkpoints").len(), place.names("end/samples").len()), (2, 1));
    // Without --out, runs are numbered, and a link leads to the newest.
    place.trained("--steps 1");
    place.trained("--steps 2");
    let runs = ["gan-train-images-idx3-ubyte-001", "gan-train-images-idx3-ubyte-002", "latest"];
    assert_eq!(place.names("runs"), runs[..if cfg!(unix) { 3 } else { 2 }]);
    #[cfg(unix)]
    {
        assert!(place.path("runs/latest/samples/step-000002.png").exists());
        assert_eq!(place.saddle("runs").out.lines().count(), 3, "the link is no run");
    }
}

#[test]
fn the_same_settings_give_the_same_bytes() {
    let place = Place::new();
    place.trained(&format!("--out a {STATEFUL}"));
    assert_eq!(place.saddle("train --config a/run.toml --out b").code, Some(0));
    assert_eq!(place.read("a/run.toml"), place.read("b/run.toml"));
    assert!(place.result("a") == place.result("b"));
    place.trained(&format!("--out c --seed 1 {STATEFUL}"));
    assert!(place.result("a") != place.result("c"));
}

#[test]
fn a_look_beforehand_leaves_nothing() {
    let place = Place::new();
    let before = place.names(".");
    let dry = place.trained("--dry-run --out a");
    for part in [
        "variant = \"gan\"",
        "steps = 20",
        "# parameters of g: 1232",
        "# parameters of d: 1057",
        "MiB on the device",
        "GFLOP",
    ] {
        assert!(dry.out.contains(part), "{part}: {}", dry.out);
    }
    let explained = place.trained("--explain --out a");
    assert!(explained.out.contains("launches") && explained.out.contains("GFLOP"), "{}", explained.out);
    let shader = place.saddle("train gan --data ring --out a --adapter 0 --explain=1");
    assert!(shader.code == Some(0) && shader.out.contains("@compute"), "{}{}", shader.out, shader.err);
    refused(&place, "train gan --data ring --adapter 0 --explain=9999", 2, &["the launches have the numbers 0 to"]);
    refused(&place, "train gan --data ring --adapter cpu --explain=1", 2, &["the CPU runner runs no WGSL"]);
    assert_eq!(place.names("."), before);
    // The output of a dry run is a valid settings file.
    place.write("dry.toml", dry.out.as_bytes());
    assert_eq!(place.saddle("train --config dry.toml --out a").code, Some(0));
}

#[test]
fn data_of_every_kind_trains() {
    let place = Place::new();
    let rgb = |w, h| DynamicImage::from(RgbImage::from_fn(w, h, |x, y| Rgb([(x * 9) as u8, (y * 9) as u8, 90])));
    place.write("photos/cats/bad.jpeg", b"\xff\xd8\xff\xe0 cut off");
    for (name, image) in [
        ("photos/cats/a.png", rgb(40, 30)),
        ("photos/cats/b.jpg", rgb(17, 64)),
        ("photos/dogs/c.JPG", DynamicImage::from(GrayImage::from_pixel(50, 50, Luma([77])))),
        ("photos/dogs/d.png", rgb(8, 8).into_rgba16().into()),
    ] {
        fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
        image.save(place.path(name)).unwrap();
    }
    place.write("points.csv", b"x,y\n0.5,1\n-1, 2.5e-1\r\n\n3,4\n");
    place.write("sequences.csv", b"1,2,3\n4,5,6\n");
    for (line, shape) in [
        ("dcgan --data photos --size 16", "photos (4 examples of 3x16x16)"),
        ("dcgan --data photos --size 16 --set channels=1 --conditional", "photos (4 examples of 1x16x16)"),
        ("--data digits --stack 3", "digits (20000 examples of 3x28x28)"),
        ("dcgan --data shapes --size 8", "shapes (20000 examples of 3x8x8)"),
        ("--data points.csv", "points.csv (3 examples of 2)"),
        ("--data sequences.csv", "sequences.csv (2 examples of 3)"),
        ("dcgan --batch 64", "(40 examples of 1x8x8)"), // fewer than a batch
        ("dcgan --batch 1 --set norm_d=none", "(40 examples of 1x8x8)"),
    ] {
        let said = place.trained(&format!("--steps 4 {line}"));
        assert!(said.err.contains(shape), "{line}: {}", said.err);
        assert_eq!(
            said.err.contains("images that cannot be read (1: cats/bad.jpeg: "),
            line.contains("photos"),
            "{line}: {}",
            said.err
        );
    }
    let stacked = image::open(place.path("runs/gan-digits-001/samples/step-000004.png")).unwrap().into_rgb8();
    assert!(stacked.pixels().any(|p| p[0] != p[1] || p[1] != p[2]), "a stack is coloured");
    assert!(place.path("runs/gan-sequences-001/samples/step-000004.png").exists(), "triples along two components");

    let said = place.trained("--data ring --out ring");
    assert!(said.out.contains(" of 8 modes") && said.out.contains(", high quality "), "{}", said.out);
    for picture in ["ring/samples/step-000020.png", "ring.png"] {
        if picture == "ring.png" {
            assert_eq!(place.saddle("sample ring --count 3000 --out ring.png --adapter cpu").code, Some(0));
        }
        assert!(image::image_dimensions(place.path(picture)).unwrap().0 > 500);
    }
}

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let place = Place::new();
    let wild = "--set objective=wgan --set optimizer=sgd --set checkpoint_every=2";
    let said = place.train(&format!("--out a --steps 500 {wild} --set lr_g=1 --set lr_d=1"));
    assert_eq!(said.code, Some(1), "{}", said.err);
    let sentence = said.err.lines().find(|l| l.starts_with("error: ")).unwrap();
    let last = place.names("a/checkpoints").pop().unwrap();
    let parts = ["_loss became ", " at step ", &format!("the last good checkpoint is a/checkpoints/{last}")];
    assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
    // The run can still be sampled.
    assert_eq!(place.saddle("sample a --adapter cpu").code, Some(0));

    let said = place.train(&format!("--out b {wild} --set lr_g=1e38 --set lr_d=1e38"));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("at step 1; ") && said.err.contains("there is no checkpoint yet"), "{}", said.err);
}

#[test]
fn a_batch_larger_than_the_data_is_said_and_trains() {
    let place = Place::new();
    let said = place.trained("--out a --batch 64 --steps 2");
    assert!(said.err.contains("warning: a batch of 64 is more than the data, "), "{}", said.err);
    let said = place.trained("--out b --batch 8 --steps 2");
    assert!(!said.err.contains("a batch of"), "{}", said.err);
}

#[test]
fn a_time_becomes_a_number_of_steps() {
    let place = Place::new();
    let said = place.trained("--out a --minutes 0.2");
    let line = said.err.lines().find(|line| line.starts_with("--minutes 0.2: ")).unwrap_or_default();
    let steps: u64 =
        line.split(' ').nth(2).and_then(|steps| steps.parse().ok()).unwrap_or_else(|| panic!("{}", said.err));
    let written = String::from_utf8(place.read("a/run.toml")).unwrap();
    assert!(steps > 0 && written.contains(&format!("\nsteps = {steps} ")), "{line}: {written}");
    assert!(said.out.contains(&format!("{steps} steps in ")), "{}", said.out);
    for (line, words) in [
        ("train gan --minutes 1 --steps 3", "'--minutes <N>' cannot be used with '--steps <N>'"),
        ("train --out a --resume --minutes 1", "a resumed run goes by steps: --steps N, counted from its beginning"),
        ("train gan --minutes 0", "a number of minutes above 0 is right"),
    ] {
        let said = place.saddle(line);
        assert!(said.code == Some(2) && said.err.contains(words), "{line}: {}", said.err);
    }
}

#[test]
fn data_without_a_model_has_the_one_that_learns_it() {
    let place = Place::new();
    let rows: String = (0..60).map(|i| format!("{},{}\n", i * 37 % 101, ["x", "y"][i % 2])).collect();
    place.write("rows.csv", format!("n,c\n{rows}").as_bytes());
    place.write("book.txt", "words of a book. ".repeat(40).as_bytes());
    for (line, model) in [
        ("--data rows.csv", "vae"),
        ("--data=rows.csv --set window=4", "lstm-gan"),
        ("--data book.txt units=8", "lstm"),
        ("data=ring", "gan"),
        ("--data sines", "lstm-gan"),
    ] {
        let said = place.saddle(&format!("train {line} --dry-run"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        assert!(said.out.contains(&format!("variant = \"{model}\"")), "{line}: {}", said.out);
        assert!(said.err.contains(&format!("{model} learns such data, and no model is named")), "{line}: {}", said.err);
    }
    // Signs stand for words.
    place.write("marks.csv", b"n;c\n1,5;2,5\n2,5;4,5\n7,5;1,5\n");
    let said = place.saddle("train --data marks.csv --set separator=; --set decimal=, --dry-run");
    assert!(said.out.contains("separator = \"semicolon\"") && said.out.contains("decimal = \"comma\""), "{}", said.err);
    // Images have the default, of which nothing is said.
    assert!(!place.saddle("train --data digits --dry-run").err.contains("no model is named"));
}

/// What is held out is measured while training, and where it is too little for `eval`, the training says so at once.
#[test]
fn held_out_images_are_measured_and_too_few_are_said() {
    let place = Place::new();
    fs::create_dir_all(place.path("photos")).unwrap();
    for n in 0..40u8 {
        let picture = GrayImage::from_fn(8, 8, |x, y| Luma([(x * y) as u8 * 4 + n]));
        picture.save(place.path(&format!("photos/{n}.png"))).unwrap();
    }
    for (line, column, is_enough) in [
        ("vae", "held_out_nats", false),
        ("ae", "held_out_squared_error", false),
        ("vae --set holdout=0.3", "held_out_nats", true),
    ] {
        let line = format!("train {line} --data photos --size 8 --steps 4 --batch 4 --set hidden_e=8 --set latent=2");
        let said = place.saddle(&format!("{line} --set sample_every=2 --set log_every=1 --adapter cpu --out a"));
        let few = "4 of 40 images are held out, too few for `saddle eval`: --set holdout=0.3 holds out 12";
        let found = (said.code, said.err.contains(few), said.out.contains("saddle eval"));
        assert_eq!(found, (Some(0), !is_enough, is_enough), "{}", said.err);
        let lines = metrics(&place.read("a/metrics.jsonl"));
        let measured: Vec<_> = lines.iter().filter(|line| line.get(column).is_some_and(|v| v.is_number())).collect();
        assert_eq!(measured.len(), 2, "{lines:?}");
        fs::remove_dir_all(place.path("a")).unwrap();
    }
}

/// Without a model, data or a setting, the preset for a first look is trained; any setting of a training leaves it.
#[test]
fn a_training_of_nothing_named_is_the_showcase() {
    let place = Place::new();
    for (options, preset) in [
        ("", "showcase"),
        (" --steps 5 --seed 3 --set sample_every=2", "showcase"),
        (" --conditional", "default"),
        (" --set width=8", "default"),
        (" --data digits", "default"),
    ] {
        let said = place.saddle(&format!("train --dry-run --adapter cpu{options}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.out.contains(&format!("preset = \"{preset}\"")), "{options}: {}", said.out);
        assert_eq!(said.err.contains("the preset `showcase`"), preset == "showcase", "{options}: {}", said.err);
    }
}
