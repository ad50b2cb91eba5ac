//! Image files of all formats, complete and truncated, and files of unknown formats.

use std::fs;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, RgbImage};
use saddle::data::{Options, Wanted, open};
use saddle::settings::Range;

use crate::{assert_failure, assert_usage, bytes, folder_of, gzip, open_at, open_file};

/// A picture that hardly compresses, so that half of its file holds half of the picture.
fn noise(side: u32) -> DynamicImage {
    let pixel =
        |x: u32, y: u32| [(x * 7919) ^ (y * 104_729), x * y * 31, x ^ (y * 17)].map(|value| (value % 251) as u8);
    RgbImage::from_fn(side, side, |x, y| image::Rgb(pixel(x, y))).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(vec![]);
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

const FORMATS: [(&str, ImageFormat); 12] = [
    ("png", ImageFormat::Png),
    ("jpg", ImageFormat::Jpeg),
    ("JPEG", ImageFormat::Jpeg),
    ("jfif", ImageFormat::Jpeg),
    ("jpe", ImageFormat::Jpeg),
    ("pjpeg", ImageFormat::Jpeg),
    ("webp", ImageFormat::WebP),
    ("bmp", ImageFormat::Bmp),
    ("dib", ImageFormat::Bmp),
    ("tif", ImageFormat::Tiff),
    ("TIFF", ImageFormat::Tiff),
    ("gif", ImageFormat::Gif),
];

#[test]
fn every_format_is_read_and_every_file_cut_short_is_left_out() {
    for (ending, format) in FORMATS {
        let file = encoded(&noise(48), format);
        let (whole, half) = (format!("a.{ending}"), format!("b.{ending}"));
        for part in [file.len() / 2, file.len() * 4 / 5] {
            let folder = folder_of(&[(&whole, &file), (&half, &file[..part])]);
            let set = open_at(folder.path(), &Options { size: Some(48.into()), ..Options::default() }).unwrap();
            assert_eq!((set.len(), set.shape[0]), (1, 3), "{ending} cut at {part}: {set}");
            let text = set.to_string();
            assert!(text.contains("images that cannot be read (1: b.") && text.lines().count() == 2, "{text}");
        }
    }
}

#[test]
fn jpegs_end_where_their_pixels_do() {
    let image = noise(40);
    let plain = encoded(&image, ImageFormat::Jpeg);
    let with_garbage = [plain.as_slice(), b"\0\0 and more"].concat();
    let no_end = &plain[..plain.len() - 2];
    let folder = folder_of(&[("a.jpg", &plain), ("b.jpg", &with_garbage), ("c.jpg", no_end)]);
    let set = open_at(folder.path(), &Options::default()).unwrap();
    assert_eq!(set.len(), 2);
    assert!(set.to_string().contains("c.jpg: it is cut short"), "{set}");
    let mut grey = vec![];
    JpegEncoder::new_with_quality(&mut grey, 30).encode_image(&GrayImage::from_pixel(9, 9, Luma([3]))).unwrap();
    assert_eq!(open_at(folder_of(&[("a.jpg", &grey)]).path(), &Options::default()).unwrap().shape[0], 1);
}

#[test]
fn the_first_frame_of_an_animation_is_read() {
    let mut file = vec![];
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
        let frame =
            |level| image::Frame::new(image::RgbaImage::from_pixel(8, 8, image::Rgba([level, level, level, 255])));
        encoder.encode_frames([frame(250), frame(5)]).unwrap();
    }
    let set = open_at(folder_of(&[("a.gif", &file)]).path(), &Options { size: Some(8.into()), ..Options::default() })
        .unwrap();
    assert!(bytes(&set).iter().all(|&byte| byte > 200));
}

#[test]
fn dark_images_are_noticed_and_the_range_brightens_them() {
    let mask = DynamicImage::from(GrayImage::from_fn(16, 16, |x, _| Luma([u8::from(x >= 8)])));
    let deep = ImageBuffer::from_fn(16, 16, |x, y| Luma([((x + 16 * y) * 4095 / 255) as u16]));
    let deep = DynamicImage::ImageLuma16(deep);
    let read = |image: &DynamicImage, range| {
        let folder = folder_of(&[("a.png", &encoded(image, ImageFormat::Png))]);
        open_at(folder.path(), &Options { size: Some(16.into()), range, ..Options::default() })
    };
    for (image, brightest) in [(&mask, 1), (&deep, 16)] {
        let set = read(image, None).unwrap();
        assert_eq!(bytes(&set).iter().max(), Some(&brightest));
        assert!(set.to_string().contains("nearly black") && set.to_string().contains("`--set range=data`"), "{set}");
        let bright = read(image, Some(Range::Data)).unwrap();
        assert_eq!((bytes(&bright)[0], bytes(&bright)[255]), (0, 255));
        assert!(!bright.to_string().contains("nearly black"), "{bright}");
    }
    let levels = read(&deep, Some(Range::Data)).unwrap();
    let mut different = bytes(&levels).to_vec();
    different.dedup();
    assert_eq!(different.len(), 256, "12 bits make all 256 levels");
    assert_eq!(bytes(&read(&mask, Some(Range::Unit)).unwrap())[255], 255);
    assert_eq!(bytes(&read(&deep, Some(Range::Word)).unwrap())[255], 16);
    assert!(read(&deep, Some(Range::Data)).unwrap().to_string().contains("values 0..4095"));
    assert_usage(read(&mask, Some(Range::Symmetric)), &["range=-1..1 is for arrays"]);
}

#[test]
fn files_of_other_kinds_are_answered_with_what_is_read() {
    let table = "x,y\n1,2\n3,4\n5,6\n";
    let read = |name: &str, content: &[u8]| {
        let folder = folder_of(&[(name, content)]);
        open_at(&folder.path().join(name), &Options::default())
    };
    for name in ["a.bin", "a.xyz", "a", "a.bin.gz"] {
        let content = if name.ends_with("gz") { gzip(b"text") } else { b"te\x01t".into() };
        assert_failure(read(name, &content), &[name, "of no kind that is read", ".csv", ".npz", "IDX"]);
    }
    for name in ["a.zip", "a.ZIP", "a.tar", "a.tar.gz", "a.7z"] {
        assert_failure(read(name, b"PK"), &[name, "archive", "unpack it"]);
    }
    assert_failure(read("photo.PNG", b"x"), &["is one image", "folder"]);
    for name in ["a.CSV.GZ", "A.csv.Gz", "a.CSV", "a.csv"] {
        let content = if name.to_lowercase().ends_with("gz") { gzip(table.as_bytes()) } else { table.into() };
        assert_eq!(read(name, &content).unwrap().len(), 3, "{name}");
    }
    assert_eq!(read("a.NPY.GZ", &gzip(&crate::arrays::f32s(&[2, 1], &[0.0, 1.0]))).unwrap().len(), 2);
    assert_failure(read("a.CSV.GZ", table.as_bytes()), &["is not gzipped"]);
    assert_usage(open("digits", &Options { range: Some(Range::Unit), ..Options::default() }), &["leave out range"]);
    let folder = folder_of(&[("a.txt", b"some text")]);
    fs::write(folder.path().join("b.txt"), "more").unwrap();
    let single = Options { wanted: Wanted::Single, ..Options::default() };
    assert_failure(open_at(folder.path(), &single), &["2 .txt files: name one of them"]);
}

#[test]
fn settings_of_other_data_are_refused() {
    use crate::arrays::f32s;
    use saddle::settings::{Decimal, Layout, Scale, Separator};

    let rows = "a,b\n1,2\n3,5\n4,4\n5,1\n";
    let points = f32s(&[4, 2], &[0.0, 1.0, 2.0, 3.0, 5.0, 4.0, 1.0, 9.0]);
    let images = f32s(&[2, 1, 8, 8], &[0.5; 128]);
    let mut pixels = image::RgbImage::new(8, 8);
    pixels.put_pixel(0, 0, image::Rgb([255, 0, 0]));
    let folder =
        folder_of(&[("p.csv", rows.as_bytes()), ("p.npy", &points), ("i.npy", &images), ("t.txt", b"abc abc abc")]);
    std::fs::create_dir(folder.path().join("f")).unwrap();
    pixels.save(folder.path().join("f/1.png")).unwrap();
    let [table, points, images, text, pictures] =
        ["p.csv", "p.npy", "i.npy", "t.txt", "f"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    type Set = (&'static str, fn(&mut Options));
    let of_tables: [Set; 5] = [
        ("header", |o| o.header = Some(true)),
        ("separator", |o| o.separator = Some(Separator::Comma)),
        ("decimal", |o| o.decimal = Some(Decimal::Comma)),
        ("columns", |o| o.columns = Some("a".into())),
        ("group", |o| o.group = Some("none".into())),
    ];
    let range: Set = ("range", |o| o.range = Some(Range::Unit));
    let scale: Set = ("scale", |o| o.scale = Some(Scale::Range));
    let stride: Set = ("stride", |o| o.stride = Some(2));
    let layout: Set = ("layout", |o| o.layout = Some(Layout::Points));
    let all = |more: &[Set]| [of_tables.as_slice(), more].concat();
    let cases: [(&str, Vec<Set>); 7] = [
        (&table, vec![range, stride]),
        (&points, all(&[range, stride])),
        (&images, all(&[scale, stride, layout])),
        (&text, vec![range]),
        (&pictures, all(&[scale, stride, layout])),
        ("digits", all(&[range, scale, stride, layout])),
        ("ring", all(&[range, scale, stride])),
    ];
    for (spec, settings) in &cases {
        let fitting = Options { window: (*spec == text).then_some(4), ..Options::default() };
        assert!(open(spec, &fitting).is_ok(), "{spec}");
        for (name, set) in settings {
            let mut options = fitting.clone();
            set(&mut options);
            assert_usage(open(spec, &options), &[spec, name]);
        }
    }
}

#[test]
fn data_in_other_forms_comes_with_what_to_do() {
    for (name, words) in [
        ("a.xlsx", "a spreadsheet: save its table as CSV"),
        ("a.tar.gz", "an archive: unpack it"),
        ("a.DOCX", "a document: save its text as a .txt file"),
        ("a.pdf", "printed pages: save their text as a .txt file"),
        ("a.wav", "sound, and music is read as notes: name a MIDI file"),
        ("a.mp4", "a film: save its frames as images in a folder"),
        ("a.json", "structured text: save its records as a table"),
        ("a.sqlite", "a table of another program: export it as CSV"),
        ("a.pt", "an array of another program: save it as .npy"),
        ("a.heic", "an image of a kind that is not read: save such images as PNG"),
    ] {
        let said = format!("{name}` is {words}");
        assert_failure(open_file(name, "x", &Options::default()), &[&said]);
        let folder = folder_of(&[(name, b"x"), ("other.bin", b"x")]);
        assert_failure(open_at(folder.path(), &Options::default()), &["holds no images", &said]);
    }
}
