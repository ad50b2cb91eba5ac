//! Models that learn classes from few labels: what they say, what they tell of new examples, and what is refused.

use image::{GrayImage, Luma};

use super::{Place, refused};

const GAN: &str = "gan --data train-images-idx3-ubyte --steps 5 --batch 8 hidden_g=8 hidden_d=8 latent=3 samples=8 \
                   norm_d=none labelled=8";

/// Runs a command on the CPU runner, and gives what it prints on both streams.
fn said(place: &Place, line: &str) -> String {
    let said = place.saddle(&format!("{line} --adapter cpu"));
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    said.out + &said.err
}

/// Pictures of 8x8 in folders, each with a level of grey of its own.
fn pictures(place: &Place, folders: &[(&str, usize)]) {
    for (folder, count) in folders {
        std::fs::create_dir_all(place.path(folder)).unwrap();
        for n in 0..*count {
            let level = (17 * n + 40 * folder.len()) as u8;
            let picture = GrayImage::from_fn(8, 8, |x, y| {
                Luma([level.wrapping_add((9 * x + (5 + folder.len() as u32) * y) as u8)])
            });
            picture.save(place.path(&format!("{folder}/{n}.png"))).unwrap();
        }
    }
}

#[test]
fn a_discriminator_classifies_what_it_learned_from_few_labels() {
    let place = Place::new();
    pictures(&place, &[("set/a", 10), ("set/bb", 10), ("set/ccc", 10), ("set/dddd", 10)]);
    for (variant, line) in [
        ("gan", GAN.to_owned()),
        ("averaged", format!("{GAN} ema_d=0.9 weight_norm=true noise_d=0.1")),
        ("dcgan", "dcgan --data train-images-idx3-ubyte --steps 5 --batch 8 width=2 latent=3 labelled=8".into()),
        ("dbm", "dbm --data train-images-idx3-ubyte --steps 9 --batch 8 layers=6,5 finetune=5 labelled=8".into()),
    ] {
        let line = line.replace("train-images-idx3-ubyte", "set size=8 holdout=0");
        let printed = said(&place, &format!("train {line} --out {variant}"));
        assert!(printed.contains("the labels of 8 examples are learned, 2 of each class"), "{printed}");
        let printed = said(&place, &format!("classify {variant} --out {variant}.csv"));
        let (by, step) = if variant == "dbm" { ("the classifier", 9) } else { ("the discriminator", 5) };
        let first = format!("classes of 40 examples (by {by}, 8 labels of 4 classes, step {step}) in {variant}.csv");
        assert!(printed.starts_with(&first), "{printed}");
        // The labels that it saw say nothing of how well it tells the others.
        assert!(printed.contains("of 32 unlabelled examples whose class is known"), "{printed}");
        let rows = String::from_utf8(place.read(&format!("{variant}.csv"))).unwrap();
        for row in rows.lines().skip(1) {
            let share: f64 = row.split(',').nth(2).unwrap().parse().unwrap();
            assert!((0.25..=1.0).contains(&share), "the likeliest of four classes: {row}");
        }
        // Other layers go by the neighbours of codes, as without such a discriminator.
        let printed = said(&place, &format!("classify {variant} --layer features --out {variant}.csv --force"));
        assert!(printed.contains("8 labels of 4 classes"), "{printed}");
    }
}

#[test]
fn examples_without_a_class_are_learned_from_all_the_same() {
    let place = Place::new();
    pictures(&place, &[("set/cats", 6), ("set/dogs", 9), ("set/unlabelled", 20)]);
    let printed = place.saddle("data set --set size=8 --set holdout=0").out;
    for words in ["2 in all: 0 `cats` 6", "1 `dogs` 9", "20 without a class"] {
        assert!(printed.contains(words), "{printed}");
    }
    let net = "--steps 3 --batch 5 hidden_g=8 hidden_d=8 latent=3 samples=8 norm_d=none size=8 holdout=0";
    let printed = said(&place, &format!("train gan --data set {net} labelled=15 --out gan"));
    assert!(printed.contains("the labels of 15 examples are learned, 6 to 9 of each class"), "{printed}");
    let printed = said(&place, "classify gan --out c.csv");
    assert!(printed.contains("classes of 35 examples (by the discriminator, 15 labels of 2 classes"), "{printed}");
    // Each gets a class, and `encode` names those that are known.
    let classes = String::from_utf8(place.read("c.csv")).unwrap();
    assert!(classes.lines().skip(1).all(|row| row.contains(",cats,") || row.contains(",dogs,")), "{classes}");
    said(&place, "encode gan --out codes.npy");
    let names = String::from_utf8(place.read("codes.names.csv")).unwrap();
    assert_eq!(names.lines().filter(|row| row.ends_with(",cats")).count(), 6, "{names}");
    assert_eq!(names.lines().filter(|row| row.ends_with(',')).count(), 20, "{names}");
    // Labels spread by codes of a model that learned without them.
    said(&place, "train vae --data set --steps 3 --batch 5 hidden_e=8 latent=3 samples=8 size=8 holdout=0 --out vae");
    let printed = said(&place, "classify vae --out v.csv");
    assert!(printed.contains("classes of 35 examples (posterior means, 15 labels of 2 classes"), "{printed}");
    refused(&place, &format!("train gan --data set {net} --conditional --out x"), 2, &["20 of `set` have none"]);
    refused(
        &place,
        &format!("train gan --data set {net} labelled=16 --out x"),
        2,
        &["15 examples whose class is known"],
    );
    let net = "--steps 3 --batch 5 hidden_e=8 latent=3 samples=8 size=8 holdout=0.3";
    said(&place, &format!("train vae --data set {net} --out held"));
    assert!(!said(&place, "eval held").contains("probes of"), "probes want all classes");
    pictures(&place, &[("full/cats", 30), ("full/dogs", 30)]);
    said(&place, &format!("train vae --data full {net} --out all"));
    assert!(said(&place, "eval all").contains("probes of"));
}

#[test]
fn labels_of_held_out_examples_are_counted_and_not_used() {
    let place = Place::new();
    pictures(&place, &[("set/a", 20), ("set/bb", 20)]);
    said(
        &place,
        "train vae --data set --steps 3 --batch 5 hidden_e=8 latent=3 samples=8 size=8 holdout=0.25 --out vae",
    );
    let all: String = (0..20).map(|n| format!("a/{n}.png,a\nbb/{n}.png,b\n")).collect();
    place.write("all.csv", format!("name,class\n{all}").as_bytes());
    let printed = said(&place, "classify vae --labels all.csv --held-out --out c.csv");
    assert!(printed.contains("10 of 40 labels are not used: the run holds these examples out"), "{printed}");
    assert!(printed.contains("classes of 10 examples (posterior means, 30 labels of 2 classes"), "{printed}");
    place.write("odd.csv", b"name,class\na/0.png,a\nbb/77.png,b\n");
    refused(&place, "classify vae --labels odd.csv --out d.csv", 2, &["`set` has no example `bb/77.png`"]);
}

#[test]
fn labels_that_cannot_be_learned_are_refused() {
    let place = Place::new();
    place.write("points.csv", (0..40).map(|n| format!("{n},{}\n", n * n % 7)).collect::<String>().as_bytes());
    for (line, part) in [
        ("labelled=3", "shows none of `3`"),
        ("labelled=41", "36 examples whose class is known"),
        ("labelled=8 --conditional", "leave out conditional"),
        ("labelled=8 pack=2", "leave out conditional, pack"),
        ("labelled=8 classes=false", "needs classes"),
        ("labelled=8 stream=true", "does not go with streamed data"),
        ("labelled=8 spectral=true ema_d=0.9", "`spectral`"),
    ] {
        refused(&place, &format!("train {} {line} --out x", GAN.replace(" labelled=8", "")), 2, &[part]);
    }
    refused(&place, "train gan --data points.csv labelled=8 --out x", 2, &["needs classes"]);
    said(
        &place,
        "train dbm --data train-images-idx3-ubyte --steps 9 layers=6,5 finetune=4 checkpoint_every=3 --out early",
    );
    refused(&place, "classify early --checkpoint 6 --out c.csv", 2, &["learns after step 6", "of step 6"]);
    std::fs::remove_dir_all(place.path("early")).unwrap();
    let dbm = "train dbm --data train-images-idx3-ubyte --steps 9 layers=6,5 --out x";
    refused(&place, &format!("{dbm} finetune=9"), 2, &["none of the 9 steps to the machine"]);
    refused(&place, &format!("{dbm} labelled=8"), 2, &["set finetune too"]);
    refused(&place, &format!("{dbm} finetune=4 classes=false"), 2, &["need examples with classes"]);
    assert!(!place.path("x").exists(), "nothing is left behind");
}
