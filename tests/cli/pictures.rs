//! Pictures: grids with names, single files, moving pictures, tables, and what is refused.

use std::{fs::File, io::BufReader};

use image::{AnimationDecoder, codecs::gif::GifDecoder, codecs::png::PngDecoder, image_dimensions};
use serde_json::Value;

use super::{Place, refused};

#[test]
fn grids_have_whole_rows_with_the_names_of_classes() {
    let place = Place::new();
    place.trained("--out a --conditional");
    let size = |line: &str| {
        let said = place.saddle(&format!("sample a --force --out x.png --adapter cpu {line}"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        (image_dimensions(place.path("x.png")).unwrap(), said.out)
    };
    // Four classes: two rows of 8 each, beside their names; of 11 images two rows of 6, the last one black.
    let ((width, height), said) = size("");
    assert!(said.starts_with("64 samples of step 20"), "{said}");
    assert!(height == 8 * 82 + 2 && width > 8 * 82 + 2 + 16, "{width} x {height}");
    assert_eq!(size("--count 44").0, (width - 2 * 82, height));
    let pixel = |x, y| image::open(place.path("x.png")).unwrap().into_rgb8().get_pixel(x, y).0;
    assert_eq!(pixel(width - 3 * 82, 2 * 82 - 40), [0; 3]);
    assert_eq!(size("--class 1 --count 9").0, (3 * 82 + 2, 3 * 82 + 2));
    assert_eq!(size("--columns 5 --count 10 --scale 3").0, (5 * 26 + 2, 2 * 26 + 2));
    assert_eq!(image_dimensions(place.path("a/samples/step-000020.png")).unwrap().1, 4 * 82 + 2);
    assert!(size("--interpolate 3 --count 6").0.0 > 3 * 82 + 2, "ways have the names of their classes");
}

#[test]
fn each_image_has_a_file_of_its_own() {
    let place = Place::new();
    place.trained("--out a");
    let said = place.saddle("sample a --each --count 3 --adapter cpu");
    assert_eq!(said.out, "3 samples of step 20 in a/sample-001/sample-001.png to a/sample-001/sample-003.png\n");
    assert_eq!(image_dimensions(place.path("a/sample-001/sample-002.png")).unwrap(), (8, 8));
    assert_eq!(place.saddle("sample a --each --count 2 --scale 4 --out new/folder --adapter cpu").code, Some(0));
    assert_eq!(image_dimensions(place.path("new/folder/sample-002.png")).unwrap(), (32, 32));
    assert_eq!(place.saddle("sample a --each --count 1 --adapter cpu").code, Some(0));
    assert_eq!(place.names("a/sample-002"), ["sample.png"]);
    refused(&place, "sample a --each --count 2 --out new/folder --adapter cpu", 2, &["exists; --force writes over it"]);
}

#[test]
fn an_image_of_its_own_is_transparent_where_it_is() {
    let place = Place::new();
    for n in 0..12u8 {
        let pixel = |x: u32, _| image::Rgba([20 * n, 100, 200, if x < 4 { 0 } else { 255 }]);
        std::fs::create_dir_all(place.path("icons")).unwrap();
        image::RgbaImage::from_fn(8, 8, pixel).save(place.path(&format!("icons/{n}.png"))).unwrap();
    }
    let line =
        "train vae --data icons --size 8 --steps 400 --batch 8 hidden_e=32 latent=4 lr_g=0.01 --adapter cpu --out a";
    let said = place.saddle(line);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(place.saddle("sample a --each --count 1 --out b --adapter cpu").code, Some(0));
    let made = image::open(place.path("b/sample.png")).unwrap();
    assert_eq!(made.color(), image::ColorType::Rgba8);
    let (left, right) = (made.to_rgba8().get_pixel(1, 4).0, made.to_rgba8().get_pixel(6, 4).0);
    assert!(left[3] < 60 && right[3] > 190 && right[2] > 150, "{left:?}, {right:?}");
}

#[test]
fn a_walk_moves_and_comes_back() {
    let place = Place::new();
    place.trained("--out a");
    let rows: String = (0..60).map(|t| format!("{},{}\n", 100 + t % 7, (t as f32 * 0.4).cos())).collect();
    place.write("waves.csv", format!("price,wave\n{rows}").as_bytes());
    let train = "--data waves.csv --steps 4 --batch 8 --adapter cpu";
    for line in [
        format!("gan {train} --set hidden_g=8 --set hidden_d=8 --out p"),
        format!("lstm-gan {train} --set units=4 --out s"),
    ] {
        let said = place.saddle(&format!("train {line}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    for (run, line) in
        [("a", "--out w.gif"), ("a", "--out w.apng"), ("p", "--out w.png"), ("s", "--count 2 --out w.gif")]
    {
        let said = place.saddle(&format!("sample {run} --force --walk 8 {line} --adapter cpu"));
        assert_eq!(said.code, Some(0), "{run} {line}: {}", said.err);
        let name = line.rsplit(' ').next().unwrap();
        assert!(said.out.starts_with("8 frames of a walk of step ") && said.out.trim().ends_with(name), "{}", said.out);
        let file = BufReader::new(File::open(place.path(name)).unwrap());
        let frames = match name {
            "w.gif" => GifDecoder::new(file).unwrap().into_frames().collect_frames().unwrap(),
            _ => PngDecoder::new(file).unwrap().apng().unwrap().into_frames().collect_frames().unwrap(),
        };
        assert_eq!(frames.len(), 8);
        let far = |a: usize, b: usize| {
            let [a, b] = [a, b].map(|n| frames[n].buffer().as_raw());
            a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
        };
        assert!(far(0, 1) > 0, "{run}: it moves");
        if run == "a" {
            assert!(far(7, 0) < far(4, 0), "{run}: the last frame is beside the first");
        }
    }
    assert!(place.saddle("sample a --walk 2 --adapter cpu").out.ends_with("a/sample-001.gif\n"));
}

#[test]
fn what_no_picture_can_do_is_refused_in_a_sentence() {
    let place = Place::new();
    place.trained("--out a");
    place.write("letters.txt", "abcabdabcabd".repeat(20).as_bytes());
    place.write("numbers.csv", (0..40).map(|n| format!("{n},{}\n", n * n)).collect::<String>().as_bytes());
    for line in [
        "lstm --data letters.txt --set window=8 --set units=6 --out t",
        "gan --data numbers.csv --set hidden_g=8 --set hidden_d=8 --out p",
        "dbm --data train-images-idx3-ubyte --set layers=5,4 --out m",
    ] {
        let said = place.saddle(&format!("train {line} --batch 8 --steps 2 --adapter cpu"));
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    }
    for (line, words) in [
        (
            "a --columns 5000 --count 5000",
            &["--columns 5000: a picture has room for 1638 such images side by side"][..],
        ),
        ("a --walk 9 --out w.csv", &["the ending says the format, and it is one of gif, apng, png"]),
        ("a --out w.gif", &["`w.gif`: the ending says the format, and it is one of png, csv, npy"]),
        ("m --walk 9", &["--walk: the samples of `dbm` have no latent vector"]),
        ("t --walk 9", &["--walk: the samples of `lstm` have no latent vector"]),
        ("p --columns 3", &["--columns is for pictures of images"]),
        ("p --each", &["--each is for pictures of images"]),
        ("a --columns 3 --out x.csv", &["--columns is for pictures of images"]),
        ("a --each --out -", &["--out -: --each writes files"]),
    ] {
        refused(&place, &format!("sample {line} --adapter cpu"), 2, words);
    }
    for (line, words) in [
        ("--columns 0", "0 is not in 1..=10000"),
        ("--scale 65", "65 is not in 1..=64"),
        ("--walk 1", "1 is not in 2..=1000"),
        ("--walk 9 --interpolate 3", "cannot be used with"),
    ] {
        let said = place.saddle(&format!("sample a {line}"));
        assert!(said.code == Some(2) && said.err.contains(words), "{line}: {}", said.err);
    }
    refused(&place, "sample a --walk 3 --out no/w.gif --adapter cpu", 1, &["cannot write `no/w.gif`"]);
}

#[test]
fn figures_say_what_they_leave_out_and_do_without_the_data() {
    let place = Place::new();
    let head: Vec<String> = (0..14).map(|n| format!("c{n}")).collect();
    let row = |t: usize| (0..14).map(|n| (t * (n + 3) % 17).to_string()).collect::<Vec<_>>().join(",");
    let rows: Vec<String> = (0..60).map(row).collect();
    place.write("wide.csv", format!("{}\n{}\n", head.join(","), rows.join("\n")).as_bytes());
    let train = "train lstm-gan --data wide.csv --set units=4 --batch 8 --steps 2 --adapter cpu --out s";
    assert_eq!(place.saddle(train).code, Some(0));
    let said = place.saddle("sample s --out s.png --adapter cpu");
    let note = "drawn: 6 of 64 curves of each column, 12 of 14 columns; --out FILE.csv has all\n";
    assert!(said.out.ends_with(note), "{}", said.out);
    std::fs::rename(place.path("wide.csv"), place.path("elsewhere.csv")).unwrap();
    let said = place.saddle("sample s --out t.png --adapter cpu");
    assert!(said.code == Some(0) && said.err.contains("the picture has no real examples: "), "{}", said.err);
    refused(&place, "sample s --interpolate 3 --out no/x.png --adapter cpu", 1, &["cannot write `no/x.png`"]);
}

#[test]
fn spread_is_logged_with_pictures_and_runs_are_charted() {
    let place = Place::new();
    for seed in [1, 2] {
        place.trained(&format!("--out runs/{seed} --seed {seed}"));
    }
    let text = String::from_utf8(place.read("runs/1/metrics.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let spread: Vec<(u64, f64)> =
        lines.iter().filter_map(|line| Some((line["step"].as_u64()?, line["spread"].as_f64()?))).collect();
    assert_eq!(spread.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [10, 20], "at every picture");
    assert!(spread.iter().all(|(_, spread)| (0.0..2.0).contains(spread) && *spread > 0.0), "{spread:?}");
    let said = place.saddle("compare runs/1 runs/2 --out curves.png");
    assert!(said.code == Some(0) && said.out.contains("written to curves.png"), "{} {}", said.out, said.err);
    assert!(image_dimensions(place.path("curves.png")).unwrap().0 > 900);
}

#[test]
fn charts_of_seeds_have_bands_in_either_form() {
    let place = Place::new();
    for (run, line) in [("1", "--seed 1"), ("2", "--seed 2"), ("3", "--seed 1 --set lr_g=0.001")] {
        place.trained(&format!("--out runs/{run} {line}"));
    }
    let chart = |runs: &str, out: &str| {
        let said = place.saddle(&format!("compare {runs} --metrics spread,d_loss --out {out}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        String::from_utf8(place.read(out)).unwrap()
    };
    let svg = chart("runs/1 runs/2 runs/3", "all.svg");
    for text in ["gan lr_g=0.0002 (2 seeds)", "gan lr_g=0.001", "band: mean ± standard error over seeds", "spread"] {
        assert!(svg.contains(&format!(">{text}</text>")), "text is text: no {text} in {svg:.2000}");
    }
    let points = |shape: &str| -> Vec<Vec<[f64; 2]>> {
        let opening = format!("<{shape} points=\"");
        let marks = svg.split(&opening).skip(1).map(|rest| rest.split('"').next().unwrap());
        let point = |text: &str| {
            let (x, y) = text.split_once(',').unwrap();
            [x, y].map(|number| number.parse().unwrap())
        };
        marks.map(|points| points.split(' ').map(point).collect()).collect()
    };
    let bands = points("polygon");
    assert_eq!(bands.len(), 2, "one in each panel: the third run has no other seed");
    assert_eq!(bands.iter().map(Vec::len).collect::<Vec<_>>(), [4, 20], "there and back");
    // The curve is in the middle of its band, and before it.
    let mean = points("polyline").into_iter().find(|points| points.len() == 2).unwrap();
    let [first, _, _, below] = bands[0][..] else { panic!("{bands:?}") };
    assert!(first[0] == mean[0][0] && (f64::midpoint(first[1], below[1]) - mean[0][1]).abs() < 0.02, "{mean:?}");
    assert!(svg.find("<polygon").unwrap() < svg.find("<polyline").unwrap());
    let alone = chart("runs/1 runs/3", "alone.svg");
    assert!(!alone.contains("<polygon") && !alone.contains("band"), "one seed has no error");
    refused(&place, "compare runs/1 runs/3 --out x.pdf", 2, &["the format, and it is csv, md, tex, png or svg"]);
}

#[test]
fn figures_are_written_as_svg_and_images_are_not() {
    let place = Place::new();
    place.trained("--out a");
    place.write("numbers.csv", (0..40).map(|n| format!("{n},{}\n", n * n)).collect::<String>().as_bytes());
    let said = place.saddle("data numbers.csv --out seen.svg");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let line = "gan --data numbers.csv --set hidden_g=8 --set hidden_d=8 --out p --batch 8 --steps 2 --adapter cpu";
    assert_eq!(place.saddle(&format!("train {line}")).code, Some(0));
    let said = place.saddle("sample p --out made.svg --adapter cpu");
    assert_eq!(said.code, Some(0), "{}", said.err);
    for file in ["seen.svg", "made.svg"] {
        let svg = String::from_utf8(place.read(file)).unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{file}: {svg:.200}");
        assert!(svg.contains("</text>") && !svg.contains("NaN"), "{file}");
    }
    refused(&place, "sample a --out a.svg --adapter cpu", 2, &["it is one of png, csv, npy"]);
    refused(&place, "data train-images-idx3-ubyte --out a.svg", 2, &["a picture is a png"]);
}
