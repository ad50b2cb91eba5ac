//! `saddle data` reports in full what is read, draws a picture of it, and writes nothing else.

use image::{GrayImage, Luma};

use super::{Place, refused};

/// A folder of photos in two classes, and another file.
fn photos(place: &Place, count: usize) {
    for i in 0..count {
        let mut file = std::io::Cursor::new(vec![]);
        let image = GrayImage::from_pixel(20, 10, Luma([60 + 3 * i as u8]));
        image.write_to(&mut file, image::ImageFormat::Png).unwrap();
        place.write(&format!("photos/{}/{i}.png", ["cats", "dogs"][i % 2]), file.get_ref());
    }
    place.write("photos/notes.txt", b"x");
}

/// The commands of `train --help` that begin a run can be typed as they are.
#[test]
fn the_examples_of_the_help_are_settings_that_fit() {
    let place = Place::new();
    photos(&place, 30);
    let help = place.saddle("train --help").out;
    let examples = help.lines().filter_map(|line| line.strip_prefix("  saddle "));
    let examples: Vec<&str> = examples.filter(|line| line.starts_with("train") && !line.contains("runs/")).collect();
    assert!(examples.len() >= 5, "{help}");
    for example in examples {
        let said = place.saddle(&format!("{example} --adapter cpu --dry-run"));
        assert_eq!(said.code, Some(0), "{example}: {}", said.err);
    }
}

#[test]
fn what_is_read_is_said_in_full_and_shown() {
    let place = Place::new();
    photos(&place, 30);
    let said = place.saddle("data photos --size 16");
    assert_eq!(said.code, Some(0), "{}", said.err);
    for words in [
        "data       photos\n",
        "examples   27 grey images of 16x16\n",
        "part       27 of 30 examples, 3 held out\n",
        "classes    2 in all: 0 `cats` ",
        "1 `dogs` ",
        "left out   .txt files (1): notes.txt\n",
        "size       0.0 MiB in memory\n",
        "digest     ",
        "to test    photos: 3 grey images of 16x16 (3 of 30 examples, held out)",
        "picture    photos.png\n",
    ] {
        assert!(said.out.contains(words), "no `{words}` in {}", said.out);
    }
    // Two rows of at most ten images for each of the two classes.
    assert_eq!(image::image_dimensions(place.path("photos.png")).unwrap().1, 2 * 2 * (16 * 5 + 2) + 2);
    let before = place.names(".");
    assert!(place.saddle("data photos --size 16").out.contains("picture    photos-2.png\n"));
    assert_eq!(place.names(".").len(), before.len() + 1);
    let said = place.saddle("data digits --out d.png");
    assert!(said.code == Some(0) && place.path("d.png").exists(), "{}", said.err);
    assert!(said.out.contains("10 in all: 0 `0` 2000\n") && said.out.contains("to test    digits: "), "{}", said.out);
}

#[test]
fn rows_and_steps_are_shown_and_the_variant_chooses_the_reading() {
    let place = Place::new();
    let rows: String = (0..60).map(|i| format!("{},{}\n", i * i, 60 - i)).collect();
    place.write("table.csv", format!("square,left\n{rows}").as_bytes());
    let before = place.names(".");
    let said = place.saddle("data table.csv");
    assert!(said.out.contains("points of 2 values") && said.out.contains("first      "), "{} {}", said.out, said.err);
    let said = place.saddle("data table.csv --variant lstm-gan --set window=12");
    assert!(said.out.contains("sequences of 12 steps of 2 values"), "{} {}", said.out, said.err);
    assert!(said.out.contains("`square` 0 to "), "{}", said.out);
    place.write("poem.txt", "to be or not to be, that is\n".repeat(30).as_bytes());
    let said = place.saddle("data poem.txt");
    assert!(said.out.contains("first      to be or not to be, that is\n"), "{} {}", said.out, said.err);
    for picture in ["table.png", "table-2.png"] {
        assert!(image::image_dimensions(place.path(picture)).unwrap().0 > 500, "{picture}");
    }
    assert_eq!(place.names(".").len(), before.len() + 3, "nothing but two pictures and the poem is new");
    refused(&place, "data poem.txt --out a.png", 2, &["--out `a.png`", "of images, points or sequences"]);
    refused(&place, "data digits --out a.jpg", 2, &["a picture is a png"]);
    refused(&place, "data digits --variant lstm-gan", 2, &["lstm-gan learns from sequences", "[1, 28, 28]"]);
    refused(&place, "data nothing-there", 2, &["nothing-there"]);
    refused(&place, "data digits --set sise=3", 2, &["did you mean `size`"]);
}

#[test]
fn pictures_and_runs_do_not_become_data() {
    let place = Place::new();
    photos(&place, 8);
    let here = |line: &str| {
        let mut process = place.process(line);
        process.current_dir(place.path("photos"));
        let output = process.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert!(here("data .").contains("picture    none, as it would lie in the data"));
    let train = "train gan --data . --steps 2 --batch 4 --size 8 --set hidden_g=8 --set hidden_d=8 --adapter cpu";
    for count in 0..3 {
        let said = here(train);
        assert!(
            said.contains("photos: 8 grey images of 8x8") && said.contains("2 classes: cats (4), dogs (4)"),
            "{said}"
        );
        assert_eq!(said.contains("folders of runs"), count > 0, "{said}");
    }
    refused(&place, "data photos --out photos/a.png", 2, &["lies in the data"]);
}

#[test]
fn sampled_arrays_are_read_back() {
    let place = Place::new();
    place.trained("--out a --set holdout=0");
    assert_eq!(place.saddle("sample a --count 40 --out s.npy --adapter cpu").code, Some(0));
    let said = place.saddle("data s.npy --variant gan");
    for words in ["36 grey images of 8x8", "found      channels first", "values     -1..1"] {
        assert!(said.out.contains(words), "no `{words}` in {} {}", said.out, said.err);
    }
}

#[test]
fn a_picture_shows_all_of_the_data_and_a_size_that_nobody_asked_for_is_said() {
    let place = Place::new();
    let photo = |name: String, level: usize, (width, height): (u32, u32)| {
        let mut file = std::io::Cursor::new(vec![]);
        let image = GrayImage::from_pixel(width, height, Luma([level as u8]));
        image.write_to(&mut file, image::ImageFormat::Png).unwrap();
        place.write(&name, file.get_ref());
    };
    (0..128).for_each(|i| photo(format!("all/{i:03}.png"), 2 * i, (16, 16)));
    let said = place.saddle("data all --size 16 --set holdout=0");
    assert!(said.code == Some(0) && !said.out.contains("--size"), "{}{}", said.out, said.err);
    // 64 images: every second one, from the first on.
    let picture = image::open(place.path("all.png")).unwrap().into_luma8();
    let level = |row: u32, column: u32| i32::from(picture.get_pixel(column * 82 + 40, row * 82 + 40)[0]);
    for (at, expected) in [((0, 0), 0), ((0, 1), 4), ((7, 7), 252)] {
        assert!((level(at.0, at.1) - expected).abs() <= 1, "{at:?}: {}", level(at.0, at.1));
    }
    let said = place.saddle("data all --out b.png").out;
    let brought = "brought to 64x64, as no --size is given";
    assert!(said.contains(&format!("images of 16x16 {brought}: --size 16x16 keeps them")), "{said}");
    photo("all/other.png".into(), 9, (30, 20));
    let said = place.saddle("data all --out c.png").out;
    assert!(said.contains(&format!("images of 16x16 to 30x20 {brought}")), "{said}");
    (0..8).for_each(|i| photo(format!("right/{i}.png"), 30 * i, (64, 64)));
    let said = place.saddle("data right --out d.png").out;
    assert!(!said.contains("--size"), "{said}");
}
