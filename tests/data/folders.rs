//! Folders of images.

use std::fs;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use saddle::data::{self, Items, Options, Split};
use saddle::settings::{Fit, Scale, Size};
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

    let grey =
        open_at(folder.path(), &Options { channels: Some(1), size: Some(16.into()), ..Options::default() }).unwrap();
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
        let set = open_at(folder.path(), &Options { split, size: Some(4.into()), ..Options::default() }).unwrap();
        assert_eq!(bytes(&set), [value; 16]);
    }
    let options = Options { split: Split::Test, ..Options::default() };
    assert_failure(open_at(mixed_folder().path(), &options), &["no part to test with"]);
}

#[test]
fn transparent_images_lie_on_white() {
    let folder = TempDir::new().unwrap();
    image::RgbaImage::from_pixel(4, 4, image::Rgba([0, 0, 0, 0])).save(folder.path().join("a.png")).unwrap();
    let on_white = Options { size: Some(2.into()), alpha: Some(false), ..Options::default() };
    let set = open_at(folder.path(), &on_white).unwrap();
    assert_eq!(bytes(&set), [255; 12]);
    assert!(set.to_string().ends_with("; 1 image with transparent pixels: they lie on white"), "{set}");
    image::RgbaImage::from_pixel(4, 4, image::Rgba([0, 0, 0, 255])).save(folder.path().join("a.png")).unwrap();
    assert!(!open_at(folder.path(), &Options::default()).unwrap().to_string().contains("transparent"));
}

/// Folders that are no classes: everything is one set, of which the note on the images beside them tells.
#[test]
fn images_beside_folders_are_read_where_these_are_no_classes() {
    let folder = folder_of(&[("a/1.png", &[]), ("a/2.png", &[]), ("b/3.png", &[]), ("stray.png", &[])]);
    for (n, name) in ["a/1.png", "a/2.png", "b/3.png", "stray.png"].iter().enumerate() {
        GrayImage::from_pixel(9, 9, Luma([n as u8])).save(folder.path().join(name)).unwrap();
    }
    let opened = |classes| open_at(folder.path(), &Options { size: Some(8.into()), classes, ..Options::default() });
    assert_eq!((opened(true).unwrap().len(), opened(true).unwrap().classes()), (3, 2));
    let set = opened(false).unwrap();
    assert_eq!((set.len(), set.labels.is_none(), set.about.left_out.count()), (4, true, 0), "{set}");
    let digits = data::open("digits", &Options { classes: false, ..Options::default() }).unwrap();
    assert!(digits.labels.is_none());
    let ring = data::open("ring", &Options { classes: false, ..Options::default() }).unwrap_err();
    assert!(ring.to_string().contains("leave out classes, which is for data with classes"), "{ring}");
}

#[test]
fn images_of_a_few_pixels_are_named() {
    let folder = folder_of(&[]);
    for (side, name) in [(1, "dot.png"), (7, "icon.png"), (8, "small.png"), (40, "large.png")] {
        GrayImage::new(side, side).save(folder.path().join(name)).unwrap();
    }
    let set = open_at(folder.path(), &Options { size: Some(32.into()), ..Options::default() }).unwrap();
    let note = "2 images with sides of less than a quarter of 32, enlarged: dot.png (1x1), icon.png (7x7)";
    assert!(set.about.notes.contains(&note.to_owned()), "{set}");
}

/// A tenth of the images make alpha a channel of all, and fewer lie on white. A test part is as the training part is.
#[test]
fn alpha_of_a_few_images_is_said_with_the_way_out() {
    let folder = folder_of(&[("train/0.png", &[]), ("test/0.png", &[])]);
    for (part, count) in [("train", 11), ("test", 2)] {
        for n in 0..count {
            image::RgbaImage::from_pixel(4, 4, image::Rgba([9, 9, 9, if n == 0 { 9 } else { 255 }]))
                .save(folder.path().join(format!("{part}/{n}.png")))
                .unwrap();
        }
    }
    let opened = |alpha, split| {
        let set = open_at(folder.path(), &Options { size: Some(4.into()), alpha, split, ..Options::default() });
        let set = set.unwrap();
        (set.shape[0], set.about.findings.join("; "))
    };
    for (alpha, channels, train, test) in [
        (None, 3, "they lie on white; alpha=true makes alpha a channel of all 11", "they lie on white"),
        (Some(true), 4, "alpha is a channel of all 11; alpha=false lays them on white", "alpha is a channel"),
        (Some(false), 3, "they lie on white", "they lie on white"),
    ] {
        let said = |kept: &str| format!("1 image with transparent pixels: {kept}");
        assert_eq!(opened(alpha, Split::Train), (channels, said(train)), "{alpha:?}");
        assert_eq!(opened(alpha, Split::Test), (channels, said(test)), "{alpha:?}");
    }
    std::fs::remove_file(folder.path().join("train/10.png")).unwrap();
    assert_eq!((opened(None, Split::Train).0, opened(None, Split::Test).0), (4, 4), "one in ten");
}

/// Alpha is a channel beside the colours that show over white, and images without it are opaque.
#[test]
fn transparency_is_a_channel_where_there_is_any() {
    let folder = TempDir::new().unwrap();
    let save =
        |name: &str, pixel| image::RgbaImage::from_pixel(4, 4, image::Rgba(pixel)).save(folder.path().join(name));
    save("a.png", [200, 100, 0, 51]).unwrap();
    RgbImage::from_pixel(4, 4, Rgb([1, 2, 3])).save(folder.path().join("b.png")).unwrap();
    let opened = |channels| open_at(folder.path(), &Options { size: Some(4.into()), channels, ..Options::default() });
    let planes = |values: &[u8]| values.iter().flat_map(|value| [*value; 16]).collect::<Vec<u8>>();
    let set = opened(None).unwrap();
    assert_eq!((set.shape.as_slice(), bytes(&set)), (&[4, 4, 4][..], &planes(&[244, 224, 204, 51, 1, 2, 3, 255])[..]));
    assert!(set.to_string().contains("2 RGB images of 4x4, with alpha"), "{set}");
    assert!(set.to_string().ends_with("1 image with transparent pixels: alpha is a channel"), "{set}");
    assert_eq!(bytes(&opened(Some(3)).unwrap()), planes(&[244, 224, 204, 1, 2, 3]), "RGB is the same without alpha");
    assert_eq!(opened(Some(2)).unwrap().shape, [2, 4, 4]);
    save("a.png", [200, 100, 0, 255]).unwrap();
    assert_eq!(opened(None).unwrap().shape, [3, 4, 4], "no pixel is transparent");

    let test = folder_of(&[("train/a.png", &[]), ("test/b.png", &[])]);
    let clear = image::RgbaImage::from_pixel(4, 4, image::Rgba([9, 9, 9, 0]));
    clear.save(test.path().join("train/a.png")).unwrap();
    GrayImage::from_pixel(4, 4, Luma([9])).save(test.path().join("test/b.png")).unwrap();
    for split in [Split::Train, Split::Test] {
        let set = open_at(test.path(), &Options { split, size: Some(4.into()), ..Options::default() }).unwrap();
        assert_eq!(set.shape, [4, 4, 4], "both parts have the channels of the part to learn from");
    }
}

/// Columns 0 to 5 of 12x4 pixels are black, the others white.
#[test]
fn images_are_cropped_padded_or_stretched() {
    let folder = TempDir::new().unwrap();
    let half = GrayImage::from_fn(12, 4, |x, _| Luma([if x < 6 { 0 } else { 255 }]));
    half.save(folder.path().join("a.png")).unwrap();
    let row = |size, fit, y: usize| {
        let set = open_at(folder.path(), &Options { size: Some(size), fit, ..Options::default() }).unwrap();
        assert_eq!(set.shape, [1, size.height, size.width]);
        bytes(&set)[y * size.width..][..size.width].to_vec()
    };
    assert_eq!(row(4.into(), None, 0), [0, 0, 255, 255]);
    assert_eq!(row(Size { width: 8, height: 4 }, Some(Fit::Crop), 3), [0, 0, 0, 0, 255, 255, 255, 255]);
    let padded = |y| row(12.into(), Some(Fit::Pad), y);
    assert_eq!((padded(3), padded(4), padded(8)), (vec![255; 12], [[0; 6], [255; 6]].concat(), vec![255; 12]));
    let stretched = row(4.into(), Some(Fit::Stretch), 0);
    assert!(stretched[0] < 20 && stretched[3] > 235 && stretched.is_sorted(), "{stretched:?}");
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
