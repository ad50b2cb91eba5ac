//! `saddle sample --project`, which finds latent vectors, and `--truncation`, which moves them.

use std::fs;

use super::{Place, refused};

/// Mean distances after a projection: of what was found, of the nearest training example, of random samples.
fn distances(place: &Place, line: &str) -> [f32; 3] {
    let said = place.saddle(&format!("sample --adapter cpu --force {line}"));
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    let row = said.out.lines().rfind(|row| row.contains("found at distance")).expect("a line of distances");
    let last = |part: &str| part.split(' ').next_back().unwrap().parse().unwrap();
    let parts: Vec<f32> = row.split(", ").map(last).collect();
    parts.try_into().unwrap_or_else(|_| panic!("three distances: {row}"))
}

#[test]
fn a_models_own_samples_are_found_again() {
    let place = Place::new();
    let rows: String = (0..60).map(|t| format!("{},{}\n", t % 7, 1000 + t * t % 11)).collect();
    place.write("two.csv", format!("price,size\n{rows}").as_bytes());
    let small = "--set samples=16 --batch 8 --adapter cpu";
    for (name, line, own, shape) in [
        ("gan", "--config gan.toml", "npy", vec![3, 8]),
        ("vae", "--data train-images-idx3-ubyte --steps 20 --set hidden_e=16 --set latent=4", "npy", vec![3, 4]),
        ("gan", "--data two.csv --steps 60 --set hidden_g=16 --set hidden_d=16 --set latent=3", "csv", vec![3, 3]),
        ("lstm-gan", "--data two.csv --set window=4 --set units=6 --set latent=2 --steps 6", "csv", vec![3, 24]),
    ] {
        let said = place.saddle(&format!("train {name} {line} {small} --out {name}-{own}"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        let said =
            place.saddle(&format!("sample {name}-{own} --count 3 --seed 9 --out {name}.{own} --force --adapter cpu"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        let [found, nearest, random] = distances(&place, &format!("{name}-{own} --project {name}.{own} --out p.png"));
        assert!(found < 0.2 * random && nearest >= 0.0, "{name}-{own}: {found} {nearest} {random}");
        let z = place.read("p.z.npy");
        let z = npyz::NpyFile::new(&z[..]).unwrap();
        assert_eq!(z.shape(), shape, "{name}-{own}");
        assert!(image::load_from_memory(&place.read("p.png")).unwrap().width() > 100);
    }
    // What was found is a place to start from.
    let line = "sample gan-npy --from p.z.npy --count 2 --interpolate 2 --out way.npy --adapter cpu";
    let [found, ..] = distances(&place, "gan-npy --project gan.npy --out p.png");
    assert_eq!(place.saddle(line).code, Some(0));
    let array = |name: &str| npyz::NpyFile::new(&place.read(name)[..]).unwrap().into_vec::<f32>().unwrap();
    let (own, way) = (array("gan.npy"), array("way.npy"));
    let apart = way.iter().zip(&own).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / way.len() as f32;
    assert!(apart.sqrt() < 3.0 * found, "{} {found}", apart.sqrt());
    // One picture, of another size and in colours.
    let picture = image::RgbImage::from_fn(20, 16, |x, y| image::Rgb([(12 * x) as u8, (15 * y) as u8, 99]));
    picture.save(place.path("photo.png")).unwrap();
    let [found, _, random] = distances(&place, "gan-npy --project photo.png --out p.csv");
    assert!(found < random, "{found} {random}");
    assert_eq!(String::from_utf8(place.read("p.csv")).unwrap().lines().count(), 2);
    let line = "sample gan-npy --project photo.png --adapter cpu";
    refused(&place, &format!("{line} --out p.csv"), 2, &["`p.csv` exists"]);
    refused(&place, &format!("{line} --out -"), 2, &["--project writes files"]);
    // A folder: all pictures below it by their names, beside sub-folders or not.
    fs::create_dir_all(place.path("more/a")).unwrap();
    fs::create_dir_all(place.path("more/b")).unwrap();
    for name in ["stray.png", "a/one.png", "b/two.png", "b/three.png"] {
        picture.save(place.path(&format!("more/{name}"))).unwrap();
    }
    let said = place.saddle("sample gan-npy --project more --out m.png --adapter cpu");
    assert!(
        said.out.contains("m.z.names.csv") && said.out.contains("\nb/two.png: found at distance 0."),
        "{}",
        said.out
    );
    let names = String::from_utf8(place.read("m.z.names.csv")).unwrap();
    let rows: Vec<&str> = names.lines().collect();
    assert_eq!((rows.len(), rows[0]), (5, "row,name,distance"));
    assert!(rows[1].starts_with("0,a/one.png,0.") && rows[4].starts_with("3,stray.png,0."), "{names}");
    place.write("odd.csv", b"price,cost\n1,2\n");
    refused(&place, "sample gan-csv --project odd.csv --adapter cpu", 2, &["odd.csv has not the columns", "`size`"]);
    refused(&place, "sample gan-csv --project none.csv --adapter cpu", 1, &["none.csv"]);
    let said = place.saddle("sample lstm-gan-csv --project two.csv --adapter cpu --count 2");
    assert!(said.code == Some(2) && said.err.contains("cannot be used with"), "{}", said.err);
    place.write("few.csv", b"price,size\n1,2\n");
    refused(&place, "sample lstm-gan-csv --project few.csv --adapter cpu", 2, &["1 row, and 4 of them"]);
}

#[test]
fn models_without_a_latent_vector_refuse() {
    let place = Place::new();
    place.write("letters.txt", "abcabdabcabd".repeat(20).as_bytes());
    let line = "--steps 4 --batch 8 --adapter cpu";
    for (name, own) in [
        ("dbm", "--set layers=5,4 --data train-images-idx3-ubyte"),
        ("dbm-gan", "--set layers=5,4 --set pretrain=0 --set joint=1 --data train-images-idx3-ubyte"),
        ("lstm", "--set window=8 --set units=6 --data letters.txt"),
    ] {
        assert_eq!(place.saddle(&format!("train {name} {own} {line} --out {name}")).code, Some(0), "{name}");
        for option in ["--project letters.txt", "--truncation 0.5"] {
            let option_name = option.split(' ').next().unwrap();
            let sentence = format!("{option_name}: the samples of `{name}` have no latent vector");
            refused(&place, &format!("sample {name} {option} --adapter cpu"), 2, &[&sentence]);
        }
    }
    let own = "--set window=8 --set units=6 --data letters.txt";
    assert_eq!(place.saddle(&format!("train lstm-gan {own} {line} --out symbols")).code, Some(0));
    let sentence = "--project is for images, points and sequences of numbers";
    refused(&place, "sample symbols --project letters.txt --adapter cpu", 2, &[sentence]);
    place.trained("--out c --conditional");
    let line = "sample c --project train-images-idx3-ubyte --adapter cpu --out x.png";
    refused(&place, line, 2, &["say which by --class"]);
    assert_eq!(place.saddle(&format!("{line} --class 2")).code, Some(0));
}

#[test]
fn truncation_brings_samples_together() {
    let place = Place::new();
    place.trained("--out a");
    let rows = |line: &str| -> Vec<Vec<f32>> {
        let said = place.saddle(&format!("sample --force a --count 16 --out x.csv --adapter cpu {line}"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        let text = String::from_utf8(place.read("x.csv")).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
    };
    let spread = |rows: &[Vec<f32>]| {
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        rows.iter().map(|row| apart(row, &rows[0])).sum::<f32>() / rows.len() as f32
    };
    let all = rows("");
    assert_eq!(rows("--truncation 1"), all);
    let [half, none] = ["0.5", "0"].map(|psi| spread(&rows(&format!("--truncation {psi}"))));
    assert!(none < 1e-6 && half > 0.2 * spread(&all) && half < 0.8 * spread(&all), "{half} of {}", spread(&all));
    let said = place.saddle("sample a --truncation 1.5 --adapter cpu");
    assert!(said.code == Some(2) && said.err.contains("a number from 0 to 1 is right"), "{}", said.err);
}
