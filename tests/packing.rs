//! `data::pack`: what it writes of folders, archives and tables, and how it goes on.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use image::{GrayImage, Rgb, RgbImage};
use saddle::{
    data::{self, Dataset, Options, Packing, Split, Wanted},
    error::Result,
};

/// An image of one colour as the bytes of a PNG file.
fn png(color: [u8; 3], side: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    RgbImage::from_pixel(side, side, Rgb(color)).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Forty images of two classes, each of a colour of its own.
fn images() -> Vec<(String, Vec<u8>)> {
    let of = |i: u8| (format!("{}/{i:02}.png", ["cat", "dog"][usize::from(i % 2)]), png([i, 100, 200 - i], 12));
    (0..40).map(of).collect()
}

fn pack(spec: &Path, out: &Path, options: &Options) -> Result<Packing> {
    data::pack(spec.to_str().unwrap(), out, options, &mut |_, _| ())
}

fn open(path: &Path, options: &Options) -> Dataset {
    data::open(path.to_str().unwrap(), options).unwrap()
}

fn sized() -> Options {
    Options { size: Some(8.into()), ..Options::default() }
}

fn folder_of(images: &[(String, Vec<u8>)], root: &Path) -> PathBuf {
    let folder = root.join("photos");
    for (name, bytes) in images {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// Asserts that a packed file holds the forty images once each, with their classes.
fn check(out: &Path) {
    let set = open(out, &Options::default());
    assert_eq!((set.len(), set.shape.as_slice()), (40, &[3, 8, 8][..]));
    let labels = set.labels.as_ref().unwrap();
    assert_eq!(labels.names, ["cat", "dog"]);
    let level = |value: f32| ((value + 1.0) * 127.5).round() as usize;
    let colors: Vec<usize> = (0..40).map(|i| level(set.item(i)[0])).collect();
    for (i, &red) in colors.iter().enumerate() {
        let item = set.item(i);
        assert_eq!([level(item[64]), level(item[128])], [100, 200 - red]);
        assert_eq!(labels.ids[i] as usize, red % 2);
    }
    let mut sorted = colors.clone();
    sorted.sort();
    assert_eq!(sorted, (0..40).collect::<Vec<_>>());
    assert_ne!(sorted, colors, "the order is random");
}

#[test]
fn a_folder_and_archives_of_the_same_images() {
    let root = tempfile::tempdir().unwrap();
    let images = images();
    let folder = folder_of(&images, root.path());
    fs::write(folder.join("cat/broken.png"), b"\x89PNG and no more").unwrap();
    fs::write(folder.join("notes.txt"), "x").unwrap();
    let out = root.path().join("folder.npy");
    let packed = pack(&folder, &out, &sized()).unwrap();
    assert!(packed.left_out.to_string().contains("images that cannot be read (1"), "{}", packed.left_out);
    assert!(packed.left_out.to_string().contains(".txt files (1"), "{}", packed.left_out);
    check(&out);
    assert!(!packed.notes.iter().any(|note| note.contains("brought to")), "{:?}", packed.notes);
    assert!(pack(&folder, &root.path().join("a.bin"), &sized()).is_err());
    let unsized_ = pack(&folder, &root.path().join("unsized.npy"), &Options::default()).unwrap();
    assert!(unsized_.notes.iter().any(|note| note.contains("brought to 64x64, as no --size is given")));

    let zip = root.path().join("photos.zip");
    let mut writer = zip::ZipWriter::new(fs::File::create(&zip).unwrap());
    for (i, (name, bytes)) in images.iter().enumerate() {
        let method = [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated][i % 2];
        writer.start_file(name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    let out = root.path().join("zip.npy");
    pack(&zip, &out, &sized()).unwrap();
    check(&out);

    // Two shards as WebDataset writes them: the class lies beside the image.
    let shards = root.path().join("shards");
    fs::create_dir(&shards).unwrap();
    for (k, some) in images.chunks(20).enumerate() {
        let mut tar = tar::Builder::new(fs::File::create(shards.join(format!("{k:05}.tar"))).unwrap());
        for (i, (name, bytes)) in some.iter().enumerate() {
            let class = name.split('/').next().unwrap();
            for (ending, bytes) in [("png", bytes.as_slice()), ("cls", class.as_bytes())] {
                let mut header = tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                header.set_mode(0o644);
                header.set_cksum();
                tar.append_data(&mut header, format!("{k}{i:04}.{ending}"), bytes).unwrap();
            }
        }
        tar.finish().unwrap();
    }
    let out = root.path().join("tar.npy");
    pack(&shards, &out, &sized()).unwrap();
    check(&out);
}

#[test]
fn the_same_data_gives_the_same_file_and_an_interrupted_packing_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let many: Vec<_> =
        (0..600u32).map(|i| (format!("{i}.png"), png([(i % 256) as u8, (i / 256) as u8, 7], 8))).collect();
    let folder = folder_of(&many, root.path());
    let [once, again, resumed] = ["once.npy", "again.npy", "resumed.npy"].map(|name| root.path().join(name));
    pack(&folder, &once, &sized()).unwrap();
    pack(&folder, &again, &sized()).unwrap();
    let bytes = fs::read(&once).unwrap();
    assert_eq!(bytes, fs::read(&again).unwrap());

    // As a process leaves it that is killed after 256 images: a journal, and an item that the journal has not.
    let key = {
        let spoiled = root.path().join("spoiled.npy");
        let stopped = std::panic::catch_unwind(|| {
            data::pack(folder.to_str().unwrap(), &spoiled, &sized(), &mut |done, _| {
                // The next journal is due then.
                std::thread::sleep(std::time::Duration::from_millis(if done == 256 { 5100 } else { 0 }));
                assert!(done < 512, "stopped");
            })
        });
        assert!(stopped.is_err());
        let journal = fs::read_to_string(root.path().join(".unfinished-spoiled.npy.json")).unwrap();
        for ending in ["part", "labels", "json"] {
            let [from, to] =
                ["spoiled", "resumed"].map(|name| root.path().join(format!(".unfinished-{name}.npy.{ending}")));
            fs::rename(from, to).unwrap();
        }
        journal
    };
    assert!(key.contains("\"done\":512"), "{key}");
    let packed = pack(&folder, &resumed, &sized()).unwrap();
    assert!(packed.notes.iter().any(|note| note == "went on after 512 of 600 images"), "{:?}", packed.notes);
    assert_eq!(bytes, fs::read(&resumed).unwrap());
    let left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".unfinished")), "{left:?}");
}

#[test]
fn a_source_that_grows_is_said() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder_of(&images(), root.path());
    let out = root.path().join("a.npy");
    let mut watch = |_: usize, _: usize| fs::write(folder.join("dog/new.png"), png([1, 2, 3], 9)).unwrap();
    let packed = data::pack(folder.to_str().unwrap(), &out, &sized(), &mut watch).unwrap();
    let said = packed.notes.iter().any(|note| note.contains("changed while it was packed: 1 image now"));
    assert!(said, "{:?}", packed.notes);
    check(&out);
}

#[test]
fn rows_of_a_table_stay_in_order_and_windows_do_not_span_series() {
    let root = tempfile::tempdir().unwrap();
    let csv = root.path().join("rows.csv");
    let mut text = "name;t;a;b\n".to_owned();
    for (name, rows) in [("x", 0..40), ("y", 40..50), ("z", 50..100)] {
        rows.for_each(|n| text += &format!("{name};{n};{}.5;{}\n", n * 3 % 7, n * n % 11));
    }
    text += "z;100;gap;1\n";
    fs::write(&csv, &text).unwrap();
    let out = root.path().join("rows.npy");
    let options =
        Options { columns: Some("a,b".into()), group: Some("name".into()), wanted: Wanted::Any, ..Options::default() };
    let packed = pack(&csv, &out, &options).unwrap();
    assert!(packed.left_out.to_string().contains("rows without a number in `a` (1: row 102)"), "{}", packed.left_out);

    let bytes = fs::read(&out).unwrap();
    assert_eq!(bytes.len(), 128 + 100 * 2 * 4);
    let value = |n: usize| f32::from_le_bytes(bytes[128 + 4 * n..][..4].try_into().unwrap());
    assert!((0..100).all(|n| [value(2 * n), value(2 * n + 1)] == [(n * 3 % 7) as f32 + 0.5, (n * n % 11) as f32]));

    // The windows are those of the table itself, but for numbers in single precision.
    for split in [Split::Train, Split::Test] {
        let windows = Options {
            window: Some(6),
            stride: Some(2),
            split,
            holdout: 0.2,
            wanted: Wanted::Sequences,
            ..Options::default()
        };
        let plain = data::open(out.to_str().unwrap(), &windows).unwrap();
        let streamed = data::open(out.to_str().unwrap(), &Options { stream: Some(true), ..windows.clone() }).unwrap();
        let table = Options { columns: options.columns.clone(), group: options.group.clone(), ..windows };
        fs::write(&csv, text.replace("z;100;gap;1\n", "")).unwrap();
        let table = data::open(csv.to_str().unwrap(), &table).unwrap();
        assert_eq!((plain.shape.as_slice(), plain.len(), streamed.len()), (&[6, 2][..], table.len(), table.len()));
        for i in 0..table.len() {
            assert_eq!(plain.item(i), streamed.item(i));
            let near = plain.item(i).iter().zip(table.item(i)).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(near, "window {i}: {:?} and {:?}", plain.item(i), table.item(i));
        }
    }
}

#[test]
fn parquet_is_only_packed() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("train-00000-of-00001.parquet");
    fs::write(&file, "PAR1").unwrap();
    fs::write(root.path().join("README.md"), "Flowers.\n".repeat(50)).unwrap();
    for spec in [file.as_path(), root.path()] {
        let error = data::open(spec.to_str().unwrap(), &Options::default()).unwrap_err();
        assert!(error.to_string().contains("`saddle pack` makes an array of"), "{error}");
        let error = pack(spec, &root.path().join("a.npy"), &Options::default()).unwrap_err();
        if cfg!(feature = "parquet") {
            assert!(error.to_string().contains("is no Parquet file that can be read"), "{error}");
        } else {
            assert!(error.to_string().contains("--features parquet"), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_in_one_sentence() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("grey");
    fs::create_dir(&folder).unwrap();
    (0..30u8)
        .for_each(|i| GrayImage::from_pixel(9, 9, image::Luma([i])).save(folder.join(format!("{i}.png"))).unwrap());
    let out = root.path().join("grey.npy");
    pack(&folder, &out, &sized()).unwrap();
    let refused = |options: Options| data::open(out.to_str().unwrap(), &options).unwrap_err();
    for options in [
        Options { size: Some(16.into()), ..Options::default() },
        Options { channels: Some(3), ..Options::default() },
        Options { range: Some(saddle::settings::Range::Unit), ..Options::default() },
    ] {
        let error = refused(options);
        assert!(error.to_string().contains("was packed as images of 8x8 with 1 channel"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    let text = root.path().join("a.txt");
    fs::write(&text, "To be, or not to be\n".repeat(50)).unwrap();
    let error = pack(&text, &root.path().join("t.npy"), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("which are not packed"), "{error}");
    fs::write(root.path().join("grey.json"), "{\"packed\": 1}").unwrap();
    assert!(refused(Options::default()).to_string().contains("is damaged"));
    fs::write(root.path().join("grey.json"), "{\"packed\": 9}").unwrap();
    assert!(refused(Options::default()).to_string().contains("damaged"));
}
