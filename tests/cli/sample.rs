//! `saddle sample`: every format and every way to draw.

use super::{Place, refused};

#[test]
fn samples_come_as_picture_table_and_array() {
    let place = Place::new();
    place.trained("--out a");
    let said = place.saddle("sample a --count 9 --seed 3 --out a.PNG --adapter cpu");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "9 samples of step 20 in a.PNG\n"));
    let png = image::load_from_memory(&place.read("a.PNG")).unwrap();
    assert_eq!((png.width(), png.height()), (3 * 82 + 2, 3 * 82 + 2));
    for out in ["a.csv", "a.npy", "b.csv"] {
        assert_eq!(place.saddle(&format!("sample a --count 40 --seed 3 --adapter cpu --out {out}")).code, Some(0));
    }
    assert_eq!(place.read("a.csv"), place.read("b.csv"));
    let csv = String::from_utf8(place.read("a.csv")).unwrap();
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!((rows.len(), rows[0].split(',').next_back()), (41, Some("x63")));
    let values: Vec<f32> = rows[1..].iter().flat_map(|r| r.split(',')).map(|v| v.parse().unwrap()).collect();
    let npy = place.read("a.npy");
    let npy = npyz::NpyFile::new(&npy[..]).unwrap();
    assert_eq!(npy.shape(), [40, 1, 8, 8]);
    assert_eq!(npy.into_vec::<f32>().unwrap(), values, "more samples than one batch of 16, and the same in both");
    assert!(values.iter().all(|v| (-1.0..=1.0).contains(v)));
}

#[test]
fn a_conditional_model_draws_the_class_asked_for() {
    let place = Place::new();
    place.trained("--out a --conditional");
    let rows = |line: &str| {
        assert_eq!(place.saddle(&format!("sample --force a --count 8 --out x.csv --adapter cpu {line}")).code, Some(0));
        let text = String::from_utf8(place.read("x.csv")).unwrap();
        text.lines().skip(1).map(str::to_string).collect::<Vec<_>>()
    };
    let in_turn = rows("");
    for class in 0..4 {
        let one = rows(&format!("--class {class}"));
        for row in 0..8 {
            assert_eq!(one[row] == in_turn[row], row % 4 == class, "row {row} of class {class}");
        }
    }
}

/// The rows of a CSV file without its header.
fn rows(place: &Place, name: &str) -> Vec<Vec<f32>> {
    let text = String::from_utf8(place.read(name)).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(|v| v.parse().unwrap()).collect()).collect()
}

#[test]
fn a_row_of_interpolations_goes_from_one_sample_to_another() {
    let place = Place::new();
    place.trained("--out a");
    for line in [
        "--count 14 --interpolate 7 --out way.csv",
        "--count 4 --out ends.csv",
        "--count 10 --interpolate 7 --out way.png",
    ] {
        assert_eq!(place.saddle(&format!("sample --force a --adapter cpu {line}")).code, Some(0), "{line}");
    }
    let (way, ends) = (rows(&place, "way.csv"), rows(&place, "ends.csv"));
    for (at, end) in [(0, 0), (6, 1), (7, 2), (13, 3)] {
        let furthest = way[at].iter().zip(&ends[end]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(furthest < 1e-4, "place {at} of the ways is {furthest} from sample {end}");
    }
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
    assert!((0..6).all(|n| distance(&way[n], &way[n + 1]) < distance(&way[0], &way[6])), "the steps are small ones");
    assert_eq!(image::image_dimensions(place.path("way.png")).unwrap(), (7 * 82 + 2, 2 * 82 + 2), "whole rows");

    // Each interpolation of a conditional model stays in one class.
    place.trained("--out c --conditional");
    for line in ["--count 9 --out all.csv", "--count 3 --class 2 --out third.csv"] {
        assert_eq!(
            place.saddle(&format!("sample --force c --interpolate 3 --adapter cpu {line}")).code,
            Some(0),
            "{line}"
        );
    }
    assert_ne!(rows(&place, "all.csv")[..3], rows(&place, "third.csv"), "the first way is of class 0");
}

#[test]
fn reconstructions_stand_below_their_originals() {
    let place = Place::new();
    let line = "--data train-images-idx3-ubyte --batch 8 --adapter cpu --set hidden_e=32 --set holdout=0";
    for (variant, own) in [("ae", "--set latent=16 --set lr_g=0.01 --steps 300"), ("vae", "--set latent=2 --steps 3")] {
        let said = place.saddle(&format!("train {variant} --out {variant} {line} {own}"));
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
        for out in ["x.csv", "x.png"] {
            let said =
                place.saddle(&format!("sample --force {variant} --reconstruct --count 20 --adapter cpu --out {out}"));
            assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
            assert!(
                said.out.starts_with("20 reconstructions of step ") && said.err.contains("stands in"),
                "{}",
                said.err
            );
        }
        let (width, height) = image::image_dimensions(place.path("x.png")).unwrap();
        assert!(width > 16 * 82 + 2 + 60 && height == 4 * 82 + 2, "with names beside the rows: {width} x {height}");
        if variant == "ae" {
            let (originals, found) = (&place.read("train-images-idx3-ubyte")[16..], rows(&place, "x.csv"));
            let errors =
                found.concat().into_iter().zip(originals).map(|(x, &b)| (x - f32::from(b) / 127.5 + 1.0).powi(2));
            let error = errors.sum::<f32>() / found.concat().len() as f32;
            assert!(error < 0.1, "a mean squared error of {error}");
        }
    }
    // Other pixels are other data.
    let mut other = place.read("train-images-idx3-ubyte");
    other[2000..2400].fill(9);
    place.write("train-images-idx3-ubyte", &other);
    refused(&place, "sample ae --reconstruct", 1, &["is not what the run learned from", "--accept-changed-data"]);
    place.trained("--out a");
    refused(&place, "sample a --reconstruct --adapter cpu", 2, &["--reconstruct: `gan` encodes nothing"]);
    refused(&place, "sample a --checkpoint 7", 2, &["--checkpoint 7: the run has no such checkpoint"]);
    let said = place.saddle("sample a --checkpoint 15 --adapter cpu");
    assert_eq!(said.out, "64 samples of step 15 in a/sample-001.png\n");
    let said = place
        .saddle("train dbm --set layers=5,4 --data train-images-idx3-ubyte --batch 8 --steps 4 --adapter cpu --out m");
    assert_eq!(said.code, Some(0), "{}", said.err);
    refused(
        &place,
        "sample m --interpolate 4 --adapter cpu",
        2,
        &["--interpolate: the samples of `dbm` have no latent"],
    );
    assert_eq!(place.saddle("sample m --reconstruct --count 9 --adapter cpu").code, Some(0));
}

#[test]
fn sequences_come_as_tables_text_melodies_and_curves() {
    let place = Place::new();
    let rows: String = (0..60).map(|t| format!("{},{}\n", 100 + t % 7, (t as f32 * 0.4).cos())).collect();
    place.write("waves.csv", format!("price,wave\n{rows}").as_bytes());
    place.write("letters.txt", "abcabdabcabd".repeat(20).as_bytes());
    for (variant, data, own) in
        [("lstm-gan", "waves.csv", ""), ("lstm", "letters.txt", ""), ("rvae", "waves.csv", "--set latent=3")]
    {
        let line = format!(
            "train {variant} --data {data} --set window=8 --set units=6 --batch 8 --steps 6 --adapter cpu {own}"
        );
        let said = place.saddle(&format!("{line} --out {variant}"));
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
        let ending = if data == "letters.txt" { "txt" } else { "png" };
        assert!(place.path(&format!("{variant}/samples/step-000006.{ending}")).exists());
        assert_eq!(
            place.saddle(&format!("sample --force {variant} --count 5 --adapter cpu --out x.png")).code,
            Some(0)
        );
        assert_eq!(
            place.saddle(&format!("sample --force {variant} --count 5 --adapter cpu --out x.npy")).code,
            Some(0)
        );
        assert!(npyz::NpyFile::new(&place.read("x.npy")[..]).unwrap().shape().starts_with(&[5, 8]));
    }
    let sample = |line: &str| {
        let said = place.saddle(&format!("sample --force {line} --adapter cpu"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    };
    sample("lstm-gan --count 5 --out x.csv");
    let table = String::from_utf8(place.read("x.csv")).unwrap();
    assert!(table.lines().next().unwrap().ends_with("price,wave"), "{table}");
    assert_eq!(table.lines().filter(|line| !line.is_empty()).count(), 1 + 5 * 8);
    let prices = table.lines().skip(1).filter(|line| !line.is_empty());
    let price = |line: &str| line.split(',').rev().nth(1).unwrap().parse::<f32>().unwrap();
    assert!(prices.map(price).all(|price| (99.9..106.1).contains(&price)), "in the data's own units: {table}");
    sample("lstm --count 5 --out x.txt");
    let text = String::from_utf8(place.read("x.txt")).unwrap();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with("--- ")).collect();
    assert_eq!(samples.iter().map(|sample| sample.len()).collect::<Vec<_>>(), [8; 5], "{text}");
    assert!(samples.concat().chars().all(|c| "abcd".contains(c)), "{text}");
    sample("rvae --reconstruct --count 5 --out x.csv");
    sample("rvae --interpolate 4 --count 8 --out x.png");
    refused(&place, "sample lstm-gan --out x.txt --adapter cpu", 2, &["png, svg, csv, npy"]);
    refused(&place, "sample lstm --out x.mid --adapter cpu", 2, &["png, csv, npy, txt"]);
    refused(
        &place,
        "sample lstm --interpolate 3 --adapter cpu",
        2,
        &["--interpolate: the samples of `lstm` have no latent"],
    );
}

#[test]
fn samples_lie_in_the_folder_of_the_run_and_write_over_nothing() {
    let place = Place::new();
    place.trained("--out a");
    for n in ["001", "002"] {
        let said = place.saddle("sample a --count 4 --adapter cpu");
        assert_eq!(said.out, format!("4 samples of step 20 in a/sample-{n}.png\n"));
    }
    let line = "sample a --count 4 --out x.npy --adapter cpu";
    assert_eq!(place.saddle(line).code, Some(0));
    let before = place.read("x.npy");
    refused(&place, &format!("{line} --seed 1"), 2, &["--out: `x.npy` exists; --force writes over it"]);
    assert_eq!(place.read("x.npy"), before);
    assert_eq!(place.saddle(&format!("{line} --seed 1 --force")).code, Some(0));
    assert_ne!(place.read("x.npy"), before);
    // A table comes as a table, also through a pipe.
    let rows: String = (0..60).map(|t| format!("{},{}\n", t % 7, t % 5)).collect();
    place.write("two.csv", format!("price,size\n{rows}").as_bytes());
    let train = "train gan --data two.csv --steps 2 --batch 8 --set hidden_g=8 --set hidden_d=8 --adapter cpu --out t";
    assert_eq!(place.saddle(train).code, Some(0));
    let said = place.saddle("sample t --count 3 --out - --adapter cpu --quiet");
    assert!(said.out.starts_with("price,size\n") && said.out.lines().count() == 4, "{}", said.out);
    assert_eq!(said.err, "");
    assert_eq!(place.saddle("sample t --count 3 --adapter cpu").out, "3 samples of step 2 in t/sample-001.csv\n");
    assert_eq!(place.saddle("sample t --count 1 --adapter cpu").out, "1 sample of step 2 in t/sample-002.csv\n");
}

#[test]
fn samples_of_a_table_have_its_columns_units_and_order() {
    let place = Place::new();
    let rows: String =
        (0..60).map(|t| format!("2020-{:02}-01;{},5;{};{}\n", 1 + t % 12, t % 7, 1_000_000 + 999 * t, t % 2)).collect();
    place.write("sales.csv", format!("day;price, EUR;volume;open\n{rows}").as_bytes());
    let run = |line: &str| {
        let said = place.saddle(&format!("{line} --adapter cpu"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        said.err
    };
    let values = |csv: &str, skip: usize| {
        let rows = csv.lines().skip(1).flat_map(|row| row.split(';').skip(skip).map(str::to_owned).collect::<Vec<_>>());
        rows.map(|cell| cell.replace(',', ".").parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    for (variant, own, header, skip) in [
        ("gan", "--set hidden_g=16 --set hidden_d=16", "price, EUR;volume;open", 0),
        ("ae", "--set hidden_e=16 --set likelihood=gaussian", "price, EUR;volume;open", 0),
        ("lstm-gan", "--set units=6 --set window=4", "series;step;price, EUR;volume;open", 2),
    ] {
        // The path of columns of plain numbers; those with types are tested in tables.rs.
        let encode = if skip == 0 { "none" } else { "auto" };
        let said = run(&format!(
            "train {variant} --data sales.csv --set encode={encode} --steps 2 --batch 8 {own} --out {variant}"
        ));
        for words in ["separator semicolon, decimal comma, a header", "6 held out", "`day` (dates such as"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        run(&format!("sample --force {variant} --count 50 --out x.csv"));
        run(&format!("sample --force {variant} --count 50 --out x.npy"));
        let csv = String::from_utf8(place.read("x.csv")).unwrap();
        assert_eq!(csv.lines().next(), Some(header));
        let values = values(&csv, skip);
        let volumes: Vec<f64> = values.chunks(3).map(|row| row[1]).collect();
        assert!(volumes.iter().all(|volume| volume.fract() == 0.0), "whole numbers stay whole");
        let mean = volumes.iter().sum::<f64>() / volumes.len() as f64;
        assert!((900_000.0..1_200_000.0).contains(&mean), "{variant}: a mean volume of {mean}");
        let npy = npyz::NpyFile::new(&place.read("x.npy")[..]).unwrap().into_vec::<f64>().unwrap();
        assert_eq!(npy, values, "both are in the units of the table");
    }
    run("sample --force ae --reconstruct --count 50 --out x.csv");
    assert_eq!(String::from_utf8(place.read("x.csv")).unwrap().lines().count(), 1 + 6, "of the rows that are held out");
}

/// A run of `lstm` on a text whose only doubt is the letter after `ab`.
fn of_letters() -> Place {
    let place = Place::new();
    place.write("letters.txt", "abcabdabcabd".repeat(40).as_bytes());
    let small = "--set window=12 --set units=12 --batch 16 --steps 60 --set samples=4 --set lr_g=0.02 --adapter cpu";
    let said = place.saddle(&format!("train lstm --data letters.txt --out a {small}"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("bits) a character  held out 0."), "{}", said.err);
    assert!(said.out.contains("samples a/samples/step-000060.txt"), "{}", said.out);
    place
}

#[test]
fn text_goes_on_from_a_prompt() {
    let place = of_letters();
    let shown = String::from_utf8(place.read("a/samples/step-000060.txt")).unwrap();
    let headings: Vec<&str> = shown.lines().filter(|line| line.starts_with("---")).collect();
    assert_eq!(headings, ["--- 1 of 4", "--- 2 of 4", "--- 3 of 4", "--- 4 of 4"]);
    assert!(super::metrics(&place.read("a/metrics.jsonl")).last().unwrap()["held_out_nats_per_step"].is_number());

    let text = |line: &str| {
        let said = place.saddle(&format!("sample --force a --adapter cpu {line}"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        said.out
    };
    let long = text("--prompt abc --length 60");
    assert!(long.starts_with("abcab") && long.trim_end().chars().count() == 63, "{long}");
    assert_eq!(text("--prompt abc --length 60"), long, "the same seed");
    assert!(long.starts_with(text("--prompt abc --length 20").trim_end()), "more only adds");
    assert_ne!(text("--prompt abc --length 60 --seed 1"), long);
    assert_eq!(text("--length 40 --top-k 1"), text("--length 40 --temperature 0"));
    assert_eq!(text("--length 40 --top-p 0.01"), text("--length 40 --temperature 0"));
    assert_eq!(text("").trim_end().chars().count(), 500, "by default");
    place.write("prompt", b"abd\r\n");
    refused(&place, "sample a --adapter cpu --prompt-file prompt", 2, &["prompt: the model does not know `\\n`"]);
    place.write("wide", b"\xff\xfea\0b\0c\0a\0");
    assert_eq!(text("--prompt-file wide --length 20"), text("--prompt abca --length 20"), "UTF-16");
    place.write("binary", b"ab\0c\x01");
    refused(&place, "sample a --adapter cpu --prompt-file binary", 1, &["--prompt-file", "binary", "no text"]);
    refused(&place, "sample a --adapter cpu --prompt aB", 2, &["--prompt", "does not know `B`: it knows `b`"]);
    let refused = place.saddle("sample a --adapter cpu --top-p 0");
    assert!(refused.code == Some(2) && refused.err.contains("a share is a number above 0"), "{}", refused.err);
    let several = place.saddle("sample a --adapter cpu --count 6 --length 10 --out x.txt");
    assert_eq!(several.out, "6 samples of step 60 in x.txt\n");
    let several = String::from_utf8(place.read("x.txt")).unwrap();
    assert_eq!(several.lines().filter(|line| line.starts_with("--- ")).count(), 6);
    // The first of several is the only one of one, whatever the number.
    assert_eq!(several.lines().nth(1), text("--length 10").lines().next());
}

#[test]
fn other_models_do_not_go_on() {
    let place = Place::new();
    place.trained("--out a");
    refused(&place, "sample a --adapter cpu --length 9", 2, &["--length goes with models", "`lstm`", "this is `gan`"]);
}
