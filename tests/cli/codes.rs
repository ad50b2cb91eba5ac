//! `saddle encode`, `decode` and `score`: the files that they write, and what they refuse.

use std::io::{Cursor, Read};

use npyz::NpyFile;

use super::{Place, idx, refused};

/// Runs a command on the CPU runner, and gives what it prints.
fn said(place: &Place, line: &str) -> String {
    let said = place.saddle(&format!("{line} --adapter cpu"));
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    said.out
}

fn text(place: &Place, name: &str) -> Vec<String> {
    String::from_utf8(place.read(name)).unwrap().lines().map(String::from).collect()
}

fn array(bytes: &[u8]) -> (Vec<u64>, Vec<f32>) {
    let array = NpyFile::new(bytes).unwrap();
    (array.shape().to_vec(), array.into_vec().unwrap())
}

/// An npy file of numbers.
pub fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let bytes = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
    bytes.into_iter().chain(values.iter().flat_map(|value| value.to_le_bytes())).collect()
}

const VAE: &str = "vae --data train-images-idx3-ubyte --steps 20 --batch 8 hidden_e=16 latent=4 samples=16";

fn train(place: &Place, line: &str, out: &str) {
    said(place, &format!("train {line} --out {out}"));
}

#[test]
fn codes_have_names_and_classes_beside_them() {
    let place = Place::new();
    train(&place, &format!("{VAE} holdout=0.25"), "vae");
    let printed = said(&place, "encode vae --out codes.npy");
    assert!(printed.starts_with("30 codes of 4 values (posterior means, step 20) in codes.npy; "), "{printed}");
    assert_eq!(array(&place.read("codes.npy")).0, [30, 4]);
    let names = text(&place, "codes.names.csv");
    assert_eq!((names.len(), names[0].as_str()), (31, "row,name,class"));
    // What is held out is left out, so that names are no row numbers.
    let held = said(&place, "encode vae --held-out --out held.csv");
    assert!(held.starts_with("10 codes of 4 values"), "{held}");
    let own: Vec<String> = names[1..].iter().map(|line| line.split(',').nth(1).unwrap().to_owned()).collect();
    let held: Vec<String> = text(&place, "held.csv")[1..].iter().map(|l| l.split(',').next().unwrap().into()).collect();
    let mut all: Vec<usize> = own.iter().chain(&held).map(|name| name.parse().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<usize>>());
    for line in &names[1..] {
        let cells: Vec<usize> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(cells[2], cells[1] % 4, "{line}");
    }
    // All of the data, by its path: in its order, and the same codes for the same examples.
    said(&place, "encode vae --data train-images-idx3-ubyte --out all.npz");
    let mut zip = zip::ZipArchive::new(Cursor::new(place.read("all.npz"))).unwrap();
    let mut member = |name: &str| {
        let mut bytes = vec![];
        zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    let (shape, whole) = array(&member("x.npy"));
    assert_eq!(shape, [40, 4]);
    let (_, codes) = array(&place.read("codes.npy"));
    for (code, name) in codes.chunks(4).zip(&own) {
        let i: usize = name.parse().unwrap();
        assert_eq!(code, &whole[i * 4..][..4]);
    }
    let y: Vec<i32> = NpyFile::new(&member("y.npy")[..]).unwrap().into_vec().unwrap();
    assert_eq!(y, (0..40).map(|n| n % 4).collect::<Vec<i32>>());
    assert!(member("names.npy").windows(4).any(|bytes| bytes == b"'<U2"));
    // A file of arrays has names too, and what `encode` wrote is one.
    train(
        &place,
        "gan --data all.npz --steps 4 --batch 8 hidden_g=8 hidden_d=8 samples=16 latent=2 holdout=0",
        "points",
    );
    said(&place, "encode points --data all.npz --out again.npy");
    assert_eq!(text(&place, "again.names.csv")[40], "39,39,3");
    // Draws follow the seed; other layers do not.
    for (layer, differs) in [("draw", true), ("features", false)] {
        for seed in [1, 2] {
            said(&place, &format!("encode vae --layer {layer} --seed {seed} --out {layer}{seed}.npy"));
        }
        let [a, b] = [1, 2].map(|seed| place.read(&format!("{layer}{seed}.npy")));
        assert_eq!(a != b, differs, "{layer}");
    }
}

#[test]
fn an_unreadable_image_shifts_no_name() {
    let place = Place::new();
    for n in 0..10u8 {
        let picture = image::GrayImage::from_fn(12, 12, |x, y| image::Luma([(x * y) as u8 + 20 * n]));
        std::fs::create_dir_all(place.path("photos")).unwrap();
        picture.save(place.path(&format!("photos/{n}.png"))).unwrap();
    }
    train(&place, "ae --data photos --size 8 --steps 4 --batch 4 hidden_e=8 latent=2 samples=4 holdout=0", "ae");
    said(&place, "encode ae --data photos --out all.npy");
    place.write("photos/4.png", b"no picture");
    let printed = place.saddle("encode ae --data photos --out nine.npy --adapter cpu");
    assert!(printed.err.contains("warning: left out: images that cannot be read (1: 4.png"), "{}", printed.err);
    let names = text(&place, "nine.names.csv");
    let kept: Vec<usize> = (0..10).filter(|n| *n != 4).collect();
    assert_eq!(names[1..], kept.iter().enumerate().map(|(i, n)| format!("{i},{n}.png,")).collect::<Vec<_>>());
    let ((_, all), (_, nine)) = (array(&place.read("all.npy")), array(&place.read("nine.npy")));
    for (code, n) in nine.chunks(2).zip(kept) {
        assert_eq!(code, &all[2 * n..][..2]);
    }
}

#[test]
fn decoded_codes_are_reconstructions_and_latent_vectors_samples() {
    let place = Place::new();
    train(&place, &format!("{VAE} holdout=0.25"), "vae");
    said(&place, "encode vae --held-out --out codes.npy");
    said(&place, "decode vae codes.npy --out back.npy");
    said(&place, "sample vae --reconstruct --count 10 --out rec.npy");
    assert_eq!(place.read("back.npy"), place.read("rec.npy"));
    said(&place, "encode vae --held-out --out codes.csv");
    said(&place, "decode vae codes.csv --out back2.npy");
    assert_eq!(place.read("back2.npy"), place.read("rec.npy"), "every digit is written");
    said(&place, "encode vae --held-out --out codes.npz");
    let known = place.saddle("decode vae codes.npz --out back3.npy --adapter cpu");
    assert_eq!((place.read("back3.npy"), known.code), (place.read("rec.npy"), Some(0)));
    assert!(!known.err.contains("warning"), "{}", known.err);
    train(&place, &format!("{VAE} holdout=0.25 seed=3"), "other");
    let other = place.saddle("decode other codes.npz --out back4.npy --adapter cpu");
    assert!(
        other.err.contains("`codes.npz` holds codes of another checkpoint (vae, step 20, layer code)"),
        "{}",
        other.err
    );
    said(&place, "decode vae codes.npy --out back.png");
    assert!(image::load_from_memory(&place.read("back.png")).unwrap().width() > 100);
    let z: Vec<f32> = (0..24).map(|n| (n as f32 * 0.7).sin()).collect();
    place.write("z.npy", &npy("3, 8", &z));
    for variant in ["gan", "dcgan"] {
        train(&place, &format!("--config {variant}.toml"), variant);
        said(&place, &format!("decode {variant} z.npy --out d.npy --force"));
        said(&place, &format!("sample {variant} --from z.npy --count 3 --out s.npy --force"));
        assert_eq!(place.read("d.npy"), place.read("s.npy"), "{variant}");
    }
    let decode = |bytes: &[u8], code, parts: &[&str]| {
        place.write("odd.npy", bytes);
        refused(&place, "decode vae odd.npy --out odd.png --adapter cpu", code, parts);
        assert!(!place.path("odd.png").exists());
    };
    decode(&npy("2, 3", &[0.0; 6]), 2, &["`odd.npy` has shape [2 x 3]", "[N x 4]", "`code`"]);
    decode(&npy("8,", &[0.0; 8]), 2, &["`odd.npy` has shape [8]"]);
    decode(&npy("2, 4", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, f32::NAN, 8.0]), 1, &["odd.npy", "[1, 2]", "finite"]);
    decode(&npy("2, 4", &[1.0; 8])[..100], 1, &["odd.npy"]);
    refused(&place, "decode vae none.npy --out odd.png --adapter cpu", 1, &["none.npy"]);
    train(&place, "lstm --data sines --steps 2 --batch 8 units=4", "lstm");
    refused(&place, "decode lstm z.npy --adapter cpu", 2, &["`lstm` has no decoder"]);
}

#[test]
fn scores_have_a_threshold_and_measure_classes() {
    let place = Place::new();
    train(&place, &format!("{VAE} holdout=0.25"), "vae");
    let printed = said(&place, "score vae --data train-images-idx3-ubyte --normal 1 --out s.csv");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "40 scores (squared, step 20) in s.csv");
    assert!(lines[1].contains("the 0.99 quantile of 10 held-out scores"), "{printed}");
    assert_eq!(
        lines[2],
        "this quantile is about their largest value, and means little, so that `unusual` is empty: it takes 100 or \
         more; --quantile 0.9 takes as many as there are"
    );
    assert!(lines[14].starts_with("`1` (10) against the rest (30): AUC 0."), "{printed}");
    let rows = text(&place, "s.csv");
    let cell = |row: &'_ str, n: usize| row.split(',').nth(n).unwrap().to_owned();
    let mut highest: Vec<(f64, String)> =
        rows[1..].iter().map(|row| (cell(row, 1).parse().unwrap(), cell(row, 0))).collect();
    highest.sort_by(|a, b| b.0.total_cmp(&a.0));
    let highest: Vec<String> = highest[..10].iter().map(|(score, name)| format!("  {score:.6}  {name}")).collect();
    assert!(lines[3] == "the most unusual:" && lines[4..14] == highest[..], "{printed}");
    assert_eq!((rows.len(), rows[0].as_str()), (41, "name,score,unusual,class"));
    assert!(rows[1..].iter().all(|row| cell(row, 2).is_empty()), "{rows:?}");
    let printed = said(&place, "score vae --data train-images-idx3-ubyte --quantile 0.9 --out nine.csv");
    assert!(printed.contains("the 0.9 quantile of 10") && !printed.contains("means little"), "{printed}");
    assert!(text(&place, "nine.csv")[1..].iter().all(|row| !cell(row, 2).is_empty()));
    assert!(image::load_from_memory(&place.read("s.png")).unwrap().width() > 100);
    let score = |by: &str| -> Vec<f64> {
        said(&place, &format!("score vae --data train-images-idx3-ubyte --by {by} --out {by}.csv --importance 500"));
        text(&place, &format!("{by}.csv"))[1..]
            .iter()
            .map(|row| row.split(',').nth(1).unwrap().parse().unwrap())
            .collect()
    };
    let [squared, likelihood, bound, nll] = ["squared", "likelihood", "bound", "nll"].map(score);
    // Of an encoder that hardly learned, many draws find what few do not: log p is above its bound, and not far.
    assert!(bound.iter().zip(&nll).all(|(bound, nll)| nll < &(bound + 0.5) && bound - nll < 20.0), "{bound:?} {nll:?}");
    assert!(likelihood.iter().all(|score| *score > 0.0), "no code gives pixels more than they can have");
    // Squared errors by the reconstructions themselves.
    said(&place, "encode vae --data train-images-idx3-ubyte --out c.npy");
    said(&place, "decode vae c.npy --out r.npy");
    let (_, made) = array(&place.read("r.npy"));
    let pixels = &place.read("train-images-idx3-ubyte")[16..];
    for (i, score) in squared.iter().enumerate() {
        let error = |p: usize| (f64::from(pixels[i * 64 + p]) / 127.5 - 1.0 - f64::from(made[i * 64 + p])).powi(2);
        let wanted = (0..64).map(error).sum::<f64>() / 64.0;
        assert!((score - wanted).abs() < 1e-6 * wanted, "{score} {wanted}");
    }
    place.trained("--out of-classes --conditional");
    let words = ["`gan` has no score with `conditional`", "the class of an example", "saddle train vae --data"];
    refused(&place, "score of-classes --out t.csv --adapter cpu", 2, &words);
    let line = "score vae --data train-images-idx3-ubyte --adapter cpu --out t.csv";
    refused(&place, &format!("{line} --normal 7"), 2, &["--normal", "class `7`"]);
    refused(&place, &format!("{line} --by energy"), 2, &["--by energy", "`vae`", "squared, likelihood, bound, nll"]);
    refused(&place, &format!("{line} --steps"), 2, &["--steps is for sequences"]);
    refused(&place, "score vae --out t.npy --adapter cpu", 2, &["t.npy", "csv"]);
    train(&place, &format!("{VAE} holdout=0"), "whole");
    let said = place.saddle("score whole --out u.csv --adapter cpu");
    assert!(said.err.contains("no threshold") && text(&place, "u.csv")[0] == "name,score,class", "{}", said.err);
    refused(&place, "score whole --held-out --out t.csv --adapter cpu", 2, &["--held-out", "no part to test with"]);
    assert!(!place.path("t.csv").exists() && !place.path("t.png").exists());
}

/// Mean distances to the ten nearest codes of the run's own, less that of the example itself.
#[test]
fn codes_have_distances_to_those_of_the_run() {
    let place = Place::new();
    let pixels = (0..40u32).flat_map(|i| (0..64).map(move |p| ((i * i * 31 + (p + 3) * (7 * i + 5)) % 251) as u8));
    place.write("many-images-idx3-ubyte", &[&idx(0x803, &[40, 8, 8])[..16], &pixels.collect::<Vec<u8>>()].concat());
    train(&place, &format!("{} holdout=0.25", VAE.replace("train-images", "many-images")), "vae");
    said(&place, "score vae --data many-images-idx3-ubyte --by neighbours --out s.csv");
    said(&place, "encode vae --data many-images-idx3-ubyte --out all.npy");
    said(&place, "encode vae --out own.npy");
    let [(shape, codes), (_, own)] = ["all.npy", "own.npy"].map(|name| array(&place.read(name)));
    let width = shape[1] as usize;
    assert_eq!((own.len() / width, codes.len() / width), (30, 40));
    for (row, code) in text(&place, "s.csv")[1..].iter().zip(codes.chunks_exact(width)) {
        let of = |other: &[f32]| code.iter().zip(other).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
        let mut all: Vec<f64> = own.chunks_exact(width).filter(|other| *other != code).map(of).collect();
        all.sort_by(f64::total_cmp);
        let wanted = all[..10].iter().sum::<f64>() / 10.0;
        let score: f64 = row.split(',').nth(1).unwrap().parse().unwrap();
        assert!(wanted > 0.0 && (score - wanted).abs() < 1e-5 * wanted, "{score} {wanted}");
    }
}

#[test]
fn rows_of_a_table_have_scores_wherever_it_begins() {
    let place = Place::new();
    let row = |t: usize| format!("{}.{},{}\n", t * t % 11, t % 10, 100 + t * 7 % 13);
    let rows = |from: usize, to: usize| format!("price,size\n{}", (from..to).map(row).collect::<String>());
    place.write("all.csv", rows(0, 90).as_bytes());
    place.write("part.csv", rows(30, 60).as_bytes());
    // The same columns in another order, beside others, and values beyond those that were learned.
    let turned: String =
        (30..60).map(|t| row(t).trim().split(',').rev().collect::<Vec<_>>().join(",") + ",x\n").collect();
    place.write("turned.csv", format!("size,price,note\n{turned}").as_bytes());
    let scores = |name: &str| -> Vec<Vec<f64>> {
        text(&place, name)[1..]
            .iter()
            // Too few scores are held out for `unusual`, which is empty.
            .map(|row| row.split(',').map(|cell| if cell.is_empty() { -1.0 } else { cell.parse().unwrap() }).collect())
            .collect()
    };
    for (name, line) in [("lstm", "lstm units=6"), ("rvae", "rvae units=6 latent=2")] {
        train(&place, &format!("{line} --data all.csv --steps 6 --batch 8 window=5 samples=8"), name);
        for file in ["all", "part", "turned"] {
            said(&place, &format!("score {name} --data {file}.csv --out {file}-{name}.csv --steps"));
            said(&place, &format!("score {name} --data {file}.csv --out {file}-{name}-rows.csv"));
        }
        let [all, part, turned] = ["all", "part", "turned"].map(|file| scores(&format!("{file}-{name}.csv")));
        assert_eq!((all.len(), part.len(), part[0].len()), (86, 26, 3 + 5), "a line for each window, its steps");
        assert_eq!(part, turned);
        for (n, window) in part.iter().enumerate() {
            assert_eq!(window[1..], all[30 + n][1..], "{name}: window {n}");
            let mean = window[3..].iter().sum::<f64>() / 5.0;
            assert!((mean - window[1]).abs() < 1e-9);
        }
        let of_rows = scores(&format!("part-{name}-rows.csv"));
        assert_eq!(of_rows.len(), 30);
        assert_eq!(text(&place, &format!("part-{name}-rows.csv"))[0], "row,score,unusual");
        let mean = |windows: std::ops::RangeInclusive<usize>| {
            let count = windows.clone().count() as f64;
            windows.map(|n| part[n][1]).sum::<f64>() / count
        };
        for (row, windows) in [(0, 0..=0), (2, 0..=2), (12, 8..=12), (29, 25..=25)] {
            assert!((of_rows[row][1] - mean(windows)).abs() < 1e-9, "{name}: row {row}");
        }
        assert!(image::load_from_memory(&place.read(&format!("part-{name}-rows.png"))).unwrap().width() > 300);
    }
    place.write("odd.csv", b"price,cost\n1,2\n2,3\n3,4\n4,5\n5,6\n6,7\n");
    refused(&place, "score lstm --data odd.csv --out odd-s.csv --adapter cpu", 2, &["odd.csv", "no column `size`"]);
    place.write("short.csv", rows(0, 3).as_bytes());
    refused(&place, "encode lstm --data short.csv --out odd.npy --adapter cpu", 1, &["3 rows", "5"]);
    assert!(!place.path("odd.npy").exists() && !place.path("odd-s.csv").exists());
}

#[test]
fn typed_rows_have_scores() {
    let place = Place::new();
    let row = |t: usize| format!("{},{},2020-01-{:02}\n", ["a", "b", "c"][t % 3], (t % 3) * 10 + t * t % 7, 1 + t % 28);
    place.write("rows.csv", format!("kind,size,day\n{}", (0..80).map(row).collect::<String>()).as_bytes());
    // What follows from others is computed, and has no score.
    train(&place, "vae --data rows.csv --steps 60 --batch 16 hidden_e=16 latent=3 lr_g=0.01 derive=false", "vae");
    place.write("new.csv", "day,kind,size\n2020-01-05,b,11\n2020-01-05,z,11\n2020-01-05,b,11\n".as_bytes());
    said(&place, "score vae --data new.csv --out new-s.csv");
    let scores: Vec<f64> =
        text(&place, "new-s.csv")[1..].iter().map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(scores[0], scores[2], "equal rows have equal scores");
    assert!(scores[1] > scores[0], "a value that was never seen is unusual: {scores:?}");
}

#[test]
fn what_a_model_lacks_is_refused() {
    let place = Place::new();
    train(&place, "--config dcgan.toml", "dcgan");
    let line = "encode dcgan --adapter cpu --out x.npy";
    refused(&place, &format!("{line} --layer code"), 2, &["`dcgan` has no layer `code`", "features, pooled"]);
    refused(&place, &format!("{line} --layer nothing"), 2, &["`nothing`", "features, pooled"]);
    refused(&place, &format!("{line} --data sines"), 2, &["`sines`", "[24, 5]", "[1, 8, 8]"]);
    refused(&place, &format!("{line} --data none"), 2, &["`none`"]);
    refused(&place, "encode dcgan --adapter cpu --out x.txt", 2, &["x.txt", "npy, npz, csv"]);
    std::fs::create_dir(place.path("empty")).unwrap();
    refused(&place, &format!("{line} --data empty"), 1, &["`empty`", "holds no images"]);
    place.write("x.npy", b"");
    refused(&place, line, 2, &["`x.npy` exists"]);
    train(&place, "--config dcgan.toml --conditional", "classes");
    refused(&place, "encode classes --adapter cpu", 2, &["`dcgan` gives no codes", "classes"]);
    train(&place, "--config gan.toml --set norm_d=batch", "normed");
    // Batch norm is calibrated by the data of the run, which has to be there and the same.
    let mut pixels = place.read("train-images-idx3-ubyte");
    pixels[20] ^= 1;
    place.write("train-images-idx3-ubyte", &pixels);
    refused(
        &place,
        "encode normed --adapter cpu --data digits",
        1,
        &["batch norm", "is not what the run learned from"],
    );
    std::fs::remove_file(place.path("train-images-idx3-ubyte")).unwrap();
    refused(&place, "encode normed --adapter cpu --data digits", 2, &["batch norm", "neither here nor in"]);
}
