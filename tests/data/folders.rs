//! Folders of images.

use std::fs;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use saddle::data::{Items, Options, Split};
use saddle::settings::Scale;
use tempfile::TempDir;

use crate::{assert_failure, bytes, folder_of, open_at};

/// A folder with two classes: wide red PNGs and tall grey JPEGs, one in a sub-folder of its class.
fn mixed_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let save = |path: &str, image: DynamicImage| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image.save(path).unwrap();
    };
    save("red/a.png", RgbImage::from_pixel(90, 40, Rgb([255, 0, 0])).into());
    save("red/deep/b.png", RgbImage::from_pixel(20, 20, Rgb([255, 0, 0])).into());
    save("grey/c.JPG", GrayImage::from_pixel(30, 70, Luma([51])).into());
    fs::write(folder.path().join("grey/notes.txt"), "not an image").unwrap();
    fs::write(folder.path().join("grey/._c.jpg"), "hidden").unwrap();
    folder
}

#[test]
fn folders_of_mixed_images_become_one_set() {
    let folder = mixed_folder();
    fs::write(folder.path().join("red/broken.png"), b"\x89PNG\r\n\x1a\n and no more").unwrap();
    let set = open_at(folder.path(), &Options::default()).unwrap();
    assert_eq!((set.shape.as_slice(), set.len()), ([3, 64, 64].as_slice(), 3));
    let labels = set.labels.as_ref().unwrap();
    assert_eq!(
        (labels.names.as_slice(), labels.ids.as_slice()),
        (["grey", "red"].map(String::from).as_slice(), [0, 1, 1].as_slice())
    );
    assert!(set.example(0).iter().all(|value| (value + 0.6).abs() < 0.02));
    let red = set.example(1);
    assert!(red[..4096].iter().all(|&value| value == 1.0) && red[4096..].iter().all(|&value| value == -1.0));

    let grey = open_at(folder.path(), &Options { channels: Some(1), size: Some(16), ..Options::default() }).unwrap();
    assert_eq!((grey.shape.as_slice(), grey.len()), ([1, 16, 16].as_slice(), 3));
    let all_grey = open_at(&folder.path().join("grey"), &Options::default()).unwrap();
    assert_eq!((all_grey.shape.as_slice(), all_grey.labels), ([1, 64, 64].as_slice(), None));
}

#[test]
fn image_folders_may_hold_splits() {
    let folder = TempDir::new().unwrap();
    for (split, value) in [("train", 10), ("test", 20)] {
        fs::create_dir(folder.path().join(split)).unwrap();
        GrayImage::from_pixel(4, 4, Luma([value])).save(folder.path().join(split).join("a.png")).unwrap();
    }
    for (split, value) in [(Split::Train, 10), (Split::Test, 20)] {
        let set = open_at(folder.path(), &Options { split, size: Some(4), ..Options::default() }).unwrap();
        assert_eq!(bytes(&set), [value; 16]);
    }
    let options = Options { split: Split::Test, ..Options::default() };
    assert_failure(open_at(mixed_folder().path(), &options), &["no part to test with"]);
}

#[test]
fn transparent_images_lie_on_white() {
    let folder = TempDir::new().unwrap();
    image::RgbaImage::from_pixel(4, 4, image::Rgba([0, 0, 0, 0])).save(folder.path().join("a.png")).unwrap();
    let set = open_at(folder.path(), &Options { size: Some(2), ..Options::default() }).unwrap();
    assert_eq!(bytes(&set), [255; 12]);
    assert!(set.to_string().ends_with("; 1 image is transparent, and lies on white"), "{set}");
    image::RgbaImage::from_pixel(4, 4, image::Rgba([0, 0, 0, 255])).save(folder.path().join("a.png")).unwrap();
    assert!(!open_at(folder.path(), &Options::default()).unwrap().to_string().contains("transparent"));
}

#[cfg(unix)]
#[test]
fn a_name_with_a_line_feed_stays_in_its_line() {
    let folder = TempDir::new().unwrap();
    for class in ["a\n\u{1b}[2Jb", "c"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        GrayImage::from_pixel(8, 8, Luma([90])).save(folder.path().join(class).join("1.png")).unwrap();
    }
    fs::write(folder.path().join("c/no\ntes.txt"), "").unwrap();
    let set = open_at(folder.path(), &Options::default()).unwrap();
    for text in [set.to_string(), set.in_full()] {
        assert!(text.contains("a\\n\\u001b[2Jb") && text.contains("no\\ntes.txt"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
    assert_eq!(set.labels.unwrap().names[0], "a\n\u{1b}[2Jb", "which `sample --class` takes");
}

#[test]
fn images_too_large_to_decode_are_left_out() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.png");
    GrayImage::from_pixel(4, 4, Luma([9])).save(folder.path().join("b.png")).unwrap();
    GrayImage::from_pixel(4, 4, Luma([9])).save(&path).unwrap();
    let mut png = fs::read(&path).unwrap();
    let (header, size) = (12..29, 16..24);
    for side in [30_000u32, u32::MAX >> 1] {
        png[size.clone()].copy_from_slice(&[side.to_be_bytes(), side.to_be_bytes()].concat());
        let checksum = crc32fast::hash(&png[header.clone()]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        fs::write(&path, &png).unwrap();
        assert_eq!(open_at(folder.path(), &Options::default()).unwrap().len(), 1);
    }
}

#[test]
fn folders_without_images_are_explained() {
    let empty = TempDir::new().unwrap();
    assert_failure(
        open_at(empty.path(), &Options::default()),
        &["no images, MIDI files, IDX files or texts: it has no files"],
    );
    let broken = folder_of(&[("a.png", b"text"), ("b.jpg", b"")]);
    assert_failure(
        open_at(broken.path(), &Options::default()),
        &["no image that can be read", "images that cannot be read (2: a.png: "],
    );
    let text = folder_of(&[("a.csv", b"x,y\n1,2\n3,4\n")]);
    let options = Options { scale: Some(Scale::None), ..Options::default() };
    let points = open_at(&text.path().join("a.csv"), &options).unwrap();
    assert_eq!((points.shape, points.items), (vec![2], Items::Floats(vec![1.0, 2.0, 3.0, 4.0].into())));
}
