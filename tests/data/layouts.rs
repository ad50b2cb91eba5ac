//! A table of unusual folders: which sub-folders are parts or classes, and which files are left out.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use saddle::data::{Dataset, Options, Split, Wanted, open, open_test};
use saddle::settings::Layout;
use tempfile::TempDir;

use crate::{folder_of, symbols::scale};

/// Creates the files of a line: images, songs, other files, folders (`a/`) and links (`a -> b`), separated by commas.
fn make(layout: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (i, entry) in layout.split(", ").enumerate() {
        let parent = |name: &str| fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        if let Some((link, target)) = entry.split_once(" -> ") {
            parent(link);
            std::os::unix::fs::symlink(at(target), at(link)).unwrap();
        } else if entry.ends_with('/') {
            fs::create_dir_all(at(entry)).unwrap();
        } else if let Some(pipe) = entry.strip_prefix("pipe ") {
            assert!(std::process::Command::new("mkfifo").arg(at(pipe)).status().unwrap().success());
        } else {
            parent(entry);
            write(&at(entry), 40 + 5 * i as u8);
        }
    }
    folder
}

/// Writes an image of one grey level or of the colour in its name, or another kind of file by its ending.
fn write(path: &Path, level: u8) {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("mid") => fs::write(path, scale()).unwrap(),
        Some("png" | "jpg" | "gif" | "bmp" | "webp" | "tif" | "tiff" | "jpeg") => {
            if path.to_string_lossy().contains("red") {
                RgbImage::from_pixel(8, 8, Rgb([255, 0, 0])).save(path).unwrap();
            } else {
                let grey = DynamicImage::from(GrayImage::from_pixel(8, 8, Luma([level])));
                let is_gif = path.extension().is_some_and(|ending| ending == "gif"); // GIF has no grey images
                if is_gif { grey.into_rgb8().save(path) } else { grey.save(path) }.unwrap();
            }
        }
        _ => fs::write(path, "x").unwrap(),
    }
}

/// A set in the table's notation: the number of items, and the classes with their numbers of items.
fn told(set: &Dataset) -> String {
    let classes = set.labels.as_ref().map(|labels| {
        let count = |id: usize| labels.ids.iter().filter(|found| **found as usize == id).count();
        labels.names.iter().enumerate().map(|(id, name)| format!(" {name}={}", count(id))).collect::<String>()
    });
    format!("{}{}", set.len(), classes.map_or(String::new(), |classes| format!(":{classes}")))
}

fn check(layout: &str, options: &Options, expected: [&str; 2], says: &[&str]) {
    let folder = make(layout);
    let spec = folder.path().to_str().unwrap();
    let train = open(spec, options);
    let (found, text) = match &train {
        Ok(set) => (told(set), set.to_string()),
        Err(error) => ("!".to_owned(), error.to_string()),
    };
    assert_eq!(found, expected[0], "{layout}: {text}");
    for words in says {
        assert!(text.contains(words), "{layout}: no `{words}` in `{text}`");
    }
    if train.is_ok() {
        let test = open_test(spec, options).map(|test| test.map_or("none".to_owned(), |test| told(&test)));
        assert_eq!(test.unwrap_or_else(|error| format!("! {error}")), expected[1], "{layout}");
    }
}

#[test]
fn odd_folders_are_read_as_people_mean_them() {
    let cases: &[(&str, [&str; 2], &[&str])] = &[
        ("a.png, b.png", ["2", "none"], &["2 grey images of 64x64"]),
        ("a/1.png, b/2.png, b/3.png", ["3: a=1 b=2", "none"], &["2 classes: a (1), b (2)"]),
        ("train/a/1.png, test/a/2.png, train/b/3.png", ["2: a=1 b=1", "1: a=1 b=0"], &["train/, beside test/"]),
        ("Train/1.png, Test/2.png, Train/3.png", ["2", "1"], &["Train/, beside Test/"]),
        ("TRAIN/1.png, TEST/2.png", ["1", "1"], &[]),
        ("training/1.png, testing/2.png, testing/3.png", ["1", "2"], &["training/, beside testing/"]),
        ("train/1.png, val/2.png", ["1", "1"], &["beside val/"]),
        ("train/1.png, valid/2.png, valid/3.png", ["1", "2"], &[]),
        ("train/1.png, Validation/2.png", ["1", "1"], &[]),
        (
            "train/1.png, val/2.png, val/3.png, test/4.png",
            ["1", "1"],
            &["beside test/ to measure with and val/ to choose"],
        ),
        ("train/1.png, test/2.png, __MACOSX/train/3.png", ["1", "1"], &["__MACOSX"]),
        (
            "train/1.png, test/2.png, @eaDir/3.png, notes/a.txt, extra/4.png",
            ["1", "1"],
            &["folders beside the parts (3"],
        ),
        (
            "train/1.png, test/2.png, README.md, labels.csv",
            ["1", "1"],
            &["files beside the parts (2: README.md, labels.csv)"],
        ),
        (
            "train/a/1.png, train/@eaDir/1.png, train/b/2.png, test/a/3.png",
            ["2: a=1 b=1", "1: a=1 b=0"],
            &["that systems make"],
        ),
        (
            "bus/1.png, car/2.png, train/3.png",
            ["3: bus=1 car=1 train=1", "none"],
            &["`train`: classes here, and no parts"],
        ),
        ("a/1.png, test/2.png, b/3.png", ["3: a=1 b=1 test=1", "none"], &["`test`: classes here, and no parts"]),
        ("a/1.png, b/2.png, c/, d/x.txt", ["2: a=1 b=1", "none"], &["no image lies in them: the folders `c`, `d`"]),
        ("a/1.png, a/2.png, b/", ["2", "none"], &["no image lies in them: the folders `b`"]),
        ("trainA/1.png, trainB/2.png, testA/3.png, testB/4.png", ["!", ""], &["`trainA`", "split=false", "name one"]),
        ("TrainA/1.png, testA/2.png", ["!", ""], &["two kinds of images"]),
        ("train/1.png, training/2.png, test/3.png", ["!", ""], &["could both be", "split=false"]),
        ("0/a.png, 1/a.png, 2/a.png, 10/a.png, 11/a.png", ["5: 0=1 1=1 2=1 10=1 11=1", "none"], &[]),
        ("train/2/a.png, train/10/a.png, test/10/b.png", ["2: 2=1 10=1", "1: 2=0 10=1"], &[]),
        ("train/a/1.png, train/b/2.png, test/b/3.png, test/c/4.png", ["2: a=1 b=1", "1: a=0 b=1"], &[]),
        ("a/1.png, store/2.png, b -> store", ["2: a=1 store=1", "none"], &["read anyway (1: b)"]),
        ("a/1.png, b/2.png, b/up -> a, b/loop -> b", ["2: a=1 b=1", "none"], &["read anyway (2: b/loop, b/up)"]),
        ("a/1.png, b/2.png, c -> nowhere", ["2: a=1 b=1", "none"], &["links that lead nowhere (1: c)"]),
        (
            "a/1.png, a/2.png, b/3.png, stray.png",
            ["3: a=2 b=1", "none"],
            &["beside the folders of classes, which classes=false takes too (1: stray.png)"],
        ),
        ("1.png, 2.png, 3.png, 4.png, a/5.png, b/6.png", ["6", "none"], &["no classes: 4 of 6 images lie beside"]),
        ("1.png, 2.png, old/3.png", ["3", "none"], &[]),
        (
            "a.png, runs/r-001/run.toml, runs/r-001/samples/step-1.png",
            ["1", "none"],
            &["folders of runs (1: runs/r-001)"],
        ),
        ("a/1.png, b/2.png, my run 2/run.toml, my run 2/samples/s.png", ["2: a=1 b=1", "none"], &["my run 2"]),
        ("run.toml, samples/1.png", ["!", ""], &["folder of a run", "samples"]),
        (".git/a.png, .hidden.png, b.png", ["1", "none"], &["1 grey image of"]),
        ("photos/a/1.png, photos/b/2.png", ["2: a=1 b=1", "none"], &[]),
        ("set/train/1.png, set/test/2.png, __MACOSX/set/._1.png", ["1", "1"], &["train/, beside test/"]),
        ("set/train/1.png, set/test/2.png, runs/r-001/run.toml, README.md", ["1", "1"], &["train/, beside test/"]),
        ("a/b/c/1.png, a/b/d/2.png", ["2: c=1 d=1", "none"], &[]),
        (
            "a.png, b.webp, c.bmp, d.tif, e.gif, f.jpg, g.heic, h.txt, i.txt",
            ["6", "none"],
            &[".heic files (1: g.heic)", ".txt files (2: h.txt, i.txt)"],
        ),
        ("cover.png, a.mid, b.mid", ["1", "none"], &[".mid files (2: a.mid, b.mid)"]),
        ("notes.txt", ["!", ""], &["holds `x` once", "one symbol teaches nothing"]),
        ("a.csv, b.csv", ["!", ""], &["2 .csv files", "name one of them"]),
        ("a/", ["!", ""], &["it has no files"]),
        ("a.png, pipe b.png", ["1", "none"], &["images that cannot be read (1: b.png: it is a pipe"]),
    ];
    for (layout, expected, says) in cases {
        check(layout, &Options::default(), *expected, says);
    }
}

#[test]
fn a_part_without_images_is_damaged_and_not_absent() {
    for layout in ["train/1.png, test/", "train/1.png, test/a.txt"] {
        let folder = make(layout);
        let error = open_test(folder.path().to_str().unwrap(), &Options::default()).unwrap_err();
        assert!(error.to_string().contains("no image that can be read"), "{layout}: {error}");
    }
}

#[test]
fn parts_can_be_taken_for_classes() {
    let options = Options { parts: false, ..Options::default() };
    check("train/1.png, test/2.png, val/3.png", &options, ["3: test=1 train=1 val=1", "none"], &[]);
    check("trainA/1.png, testA/2.png", &options, ["2: testA=1 trainA=1", "none"], &[]);
}

#[test]
fn the_variant_says_whether_songs_or_covers_are_meant() {
    let songs = "cover.png, a.mid, b.mid, sub/c.mid, list.m3u";
    let wanted = |wanted| Options { wanted, window: Some(4), ..Options::default() };
    let folder = make(songs);
    let spec = folder.path().to_str().unwrap();
    let set = open(spec, &wanted(Wanted::Sequences)).unwrap();
    assert_eq!(set.shape.len(), 2);
    let text = set.to_string();
    for words in ["3 melodies", ".png files (1: cover.png)", ".m3u files (1: list.m3u)"] {
        assert!(text.contains(words), "{text}");
    }
    assert_eq!(open(spec, &Options { wanted: Wanted::Single, ..Options::default() }).unwrap().len(), 1);
    let layout = Options { layout: Some(Layout::Sequences), ..wanted(Wanted::Any) };
    assert_eq!(open(spec, &layout).unwrap().shape, set.shape);
    check(
        "train/a.mid, test/b.mid, test/c.mid",
        &wanted(Wanted::Sequences),
        [&told(&set_of("a.mid")), &told(&set_of("b.mid, c.mid"))],
        &[],
    );
}

fn set_of(layout: &str) -> Dataset {
    let folder = make(layout);
    open(folder.path().to_str().unwrap(), &Options { window: Some(4), ..Options::default() }).unwrap()
}

#[test]
fn the_test_part_has_the_channels_of_the_training_part() {
    let channels = |layout: &str, split| {
        let folder = make(layout);
        open(folder.path().to_str().unwrap(), &Options { split, ..Options::default() }).unwrap().shape[0]
    };
    for split in [Split::Train, Split::Test] {
        assert_eq!(channels("train/red.png, train/1.png, test/2.png", split), 3);
        assert_eq!(channels("train/1.png, test/red.png, test/2.png", split), 1);
    }
}

#[test]
fn links_to_classes_elsewhere_are_followed() {
    let store = make("x/1.png, y/2.png");
    let folder = TempDir::new().unwrap();
    for (link, class) in [("cats", "x"), ("dogs", "y")] {
        std::os::unix::fs::symlink(store.path().join(class), folder.path().join(link)).unwrap();
    }
    let set = open(folder.path().to_str().unwrap(), &Options::default()).unwrap();
    assert_eq!(told(&set), "2: cats=1 dogs=1");
}

#[test]
fn a_share_is_held_out_where_there_is_no_test_part() {
    let layout: Vec<String> = (0..40).map(|i| format!("{}/{i:02}.png", i % 2)).collect();
    let folder = make(&layout.join(", "));
    let spec = folder.path().to_str().unwrap();
    let options = Options { holdout: 0.25, size: Some(4.into()), ..Options::default() };
    let (train, test) = (open(spec, &options).unwrap(), open_test(spec, &options).unwrap().unwrap());
    assert_eq!((train.len(), test.len()), (30, 10));
    assert!(train.to_string().contains("30 of 40 examples, 10 held out"), "{train}");
    assert!(test.to_string().contains("10 of 40 examples, held out"), "{test}");
    let levels = |set: &Dataset| (0..set.len()).map(|i| set.example(i)[0].to_bits()).collect::<Vec<_>>();
    let mut all = [levels(&train), levels(&test)].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 40);
    assert_eq!(levels(&open(spec, &options).unwrap()), levels(&train));
    assert_ne!(levels(&open(spec, &Options { seed: 1, ..options.clone() }).unwrap()), levels(&train));
    assert!(open_test(spec, &Options { holdout: 0.0, ..options }).unwrap().is_none());
    let few = make("1.png, 2.png");
    let options = Options { holdout: 0.5, ..Options::default() };
    let few = few.path().to_str().unwrap();
    assert!(
        open_test(few, &options).unwrap().is_none() && open(few, &options).unwrap().to_string().contains("too small")
    );
}

#[test]
fn the_digest_is_of_the_bytes_and_not_of_names_or_sizes() {
    let digest = |layout: &str, size| {
        let folder = make(layout);
        open(folder.path().to_str().unwrap(), &Options { size, ..Options::default() }).unwrap().about.source
    };
    let first = digest("a.png, b.png", None);
    assert_eq!((first.len(), &first), (64, &digest("c.png, d.png", Some(8.into()))));
    assert_ne!(first, digest("x.txt, a.png, b.png", None));
}

/// The options that ask for the part to choose with.
fn choosing(options: &Options) -> Options {
    Options { chooses: true, ..options.clone() }
}

#[test]
fn the_part_to_choose_with_is_the_datas_own_or_that_to_test_with() {
    for (layout, expected) in [
        ("train/1.png, valid/2.png, valid/3.png, test/4.png", "2"),
        ("train/1.png, test/4.png", "1"),
        ("train/1.png, validation/4.png", "1"),
        ("1.png, 2.png", "none"),
    ] {
        let folder = make(layout);
        let part = open_test(folder.path().to_str().unwrap(), &choosing(&Options::default())).unwrap();
        assert_eq!(part.map_or("none".into(), |part| told(&part)), expected, "{layout}");
    }
    let folder = folder_of(&[]);
    for (part, text) in [("train", "abcdefgh".repeat(9)), ("val", "gfedcba".repeat(8)), ("test", "aabbcc".repeat(7))] {
        fs::create_dir(folder.path().join(part)).unwrap();
        fs::write(folder.path().join(part).join("a.txt"), text).unwrap();
    }
    let (spec, options) = (folder.path().to_str().unwrap(), Options { window: Some(4), ..Options::default() });
    let text = |set: Dataset| set.text().unwrap().len();
    assert_eq!(text(open(spec, &options).unwrap()), 72);
    assert_eq!(open_test(spec, &choosing(&options)).unwrap().map(text), Some(56));
    assert_eq!(open_test(spec, &options).unwrap().map(text), Some(42));
}
