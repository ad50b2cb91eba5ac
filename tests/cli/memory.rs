//! Models and data larger than memory, and paths that are no regular files: the program refuses them with a sentence
//! before it writes anything, and is never blocked or killed.

use std::{
    fs::{self, File},
    io::Write,
    process::Command as Process,
};

use super::{Place, Said, group::Group, gzip, idx, said, tiny};

/// The output of `saddle LINE` in this folder with an environment variable.
#[track_caller]
fn with(place: &Place, variable: &str, value: &str, line: &str) -> Said {
    let mut process = place.process(line);
    let output = process.env(variable, value).env("RAYON_NUM_THREADS", "2").output().unwrap();
    said(output)
}

/// Asserts the exit status, and these words in the last line.
#[track_caller]
fn says(said: &Said, code: i32, words: &[&str], line: &str) {
    assert_eq!(said.code, Some(code), "{line}: {}", said.err);
    let last = said.err.lines().next_back().unwrap_or_default();
    assert!(
        last.starts_with("error: ") && words.iter().all(|word| last.contains(word)),
        "{line}: no {words:?} in {}",
        said.err
    );
}

/// Models that need gigabytes; most of them would fit with a smaller batch.
const LARGE: [&str; 10] = [
    "gan --data ring --set hidden_g=65536,65536",
    "gan --data ring --set hidden_d=20000,20000 --dry-run",
    "gan --batch 65536 --set hidden_g=512,512",
    "dcgan --batch 8192",
    "dcgan --batch 2048 --set ema=0.9 --size 64",
    "vae --batch 65536",
    "vae-gan --batch 4096",
    "lstm-gan --data sines --batch 65536",
    "rvae --data sines --batch 65536",
    "rvae-gan --data sines --batch 65536 --dry-run",
];

#[test]
fn plans_beyond_the_memory_are_refused() {
    let place = Place::new();
    let group = Group::of_memory(256);
    for plan in LARGE {
        let line = format!("train {plan} --adapter cpu --steps 1 --out none");
        let refused = [
            (group.as_ref().map(|group| group.saddle(&place, 2, &line)), "the container's limit is 256.0 MiB"),
            (Some(with(&place, "SADDLE_MEMORY", "256M", &line)), "SADDLE_MEMORY allows 256.0 MiB"),
        ];
        for (refused, who) in refused {
            if let Some(refused) = refused {
                says(&refused, 1, &["this takes ", " MiB are free (", who, "; "], &line);
            }
        }
        assert!(!place.path("none").exists(), "{plan} was begun");
    }
}

/// The batch size named in the error can be trained and saved within the limit; a batch larger by 0.1 % is refused.
#[test]
fn the_largest_batch_in_memory_is_named() {
    let place = Place::new();
    let Some(group) = Group::of_memory(200) else { return };
    let line = "train dcgan --data train-images-idx3-ubyte --adapter cpu --steps 1 --set sample_every=0 --set width=16";
    let sentence = group.saddle(&place, 2, &format!("{line} --batch 65536 --out none"));
    says(&sentence, 1, &["; `--batch "], line);
    let fits = sentence.err.rsplit_once("` fits").and_then(|(s, _)| s.rsplit_once("`--batch ")).unwrap().1;
    let fits: usize = fits.parse().unwrap();
    let trained = group.saddle(&place, 2, &format!("{line} --batch {fits} --out a"));
    assert_eq!(trained.code, Some(0), "{fits}: {}", trained.err);
    says(
        &group.saddle(&place, 2, &format!("{line} --batch {} --out none", fits + fits / 50)),
        1,
        &["this takes "],
        line,
    );
    assert!(!place.path("none").exists());
}

#[test]
fn samples_beyond_the_memory_are_refused() {
    let place = Place::new();
    place.trained("--out a --steps 1");
    let line = "sample a --count 1000000 --out a.npy";
    says(&with(&place, "SADDLE_MEMORY", "200M", line), 1, &["1000000 samples: there is no memory for "], line);
    let line = "sample a --count 1000000 --interpolate 50 --out a.npy";
    says(&with(&place, "SADDLE_MEMORY", "200M", line), 1, &["1000000 samples: there is no memory for "], line);
    assert!(!place.path("a.npy").exists());
    let line = "sample a --count 10 --out a.npy";
    says(&with(&place, "SADDLE_MEMORY", "many", line), 2, &["SADDLE_MEMORY: `many` is no size, such as 2G"], line);
    assert_eq!(with(&place, "SADDLE_MEMORY", "200M", line).code, Some(0));
}

fn pipe(place: &Place, name: &str) {
    let path = place.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&path);
    assert!(Process::new("mkfifo").arg(&path).status().unwrap().success());
}

/// A pipe in place of each file that is read or replaced gives an error sentence; opening the pipe would block forever.
#[test]
fn pipes_and_devices_are_no_files() {
    let place = Place::new();
    let read = [
        ("images/a.png", "train gan --data images"),
        ("songs/a.mid", "train lstm --data songs"),
        ("idx/train-images-idx3-ubyte", "train gan --data idx"),
        ("a.csv", "train gan --data a.csv"),
        ("a.csv.gz", "train gan --data a.csv.gz"),
        ("a.npy", "train gan --data a.npy"),
        ("a.npz", "train gan --data a.npz"),
        ("a.txt", "train lstm --data a.txt"),
        ("a.mid", "train lstm --data a.mid"),
        ("plain", "train gan --data plain"),
    ];
    for (name, line) in read {
        pipe(&place, name);
        let said = place.saddle(&format!("{line} --adapter cpu --steps 1 --out none"));
        assert!(
            said.code == Some(1) && said.err.contains("it is a pipe, and only a file will do"),
            "{line}: {}",
            said.err
        );
    }
    pipe(&place, "labels/train-labels-idx1-ubyte");
    place.write("labels/train-images-idx3-ubyte", &idx(0x803, &[4, 8, 8]));
    says(&place.saddle("train gan --data labels --out none"), 1, &["labels-idx1-ubyte", "a pipe"], "labels");
    pipe(&place, "settings.toml");
    says(&place.saddle("train --config settings.toml"), 2, &["`settings.toml`", "a pipe"], "--config");
    says(&place.saddle("bench compare a.csv a.csv --out b.html"), 2, &["`a.csv`", "a pipe"], "compare");
    says(&place.saddle("train gan --data /dev/zero --out none"), 1, &["`/dev/zero`", "a device"], "/dev/zero");
    assert!(!place.path("none").exists());

    let run = |name: &str, pipe_at: &str| {
        place.trained(&format!("--out {name} --steps 1"));
        pipe(&place, &format!("{name}/{pipe_at}"));
    };
    for (name, at, code) in
        [("a", "run.toml", 2), ("b", ".lock", 1), ("c", "metrics.jsonl", 1), ("f", "trainings.jsonl", 1)]
    {
        run(name, at);
        let line = format!("train --out {name} --resume --steps 2");
        says(&place.saddle(&line), code, &["it is a pipe"], &line);
    }
    run("d", "checkpoints/step-000001.safetensors");
    says(
        &place.saddle("sample d --out d.npy"),
        1,
        &["step-000001.safetensors`: it is a pipe", "not known to be damaged"],
        "sample",
    );
    run("e", "e.npy");
    says(&place.saddle("sample e --out e/e.npy"), 1, &["cannot write `e/e.npy`: it is a pipe"], "sample --out");
}

/// Small files that unpack to more than the limit on data, or claim to.
#[test]
fn claimed_and_unpacked_sizes_are_bounded() {
    let place = Place::new();
    place.write("a.txt.gz", &gzip(&vec![b'a'; 100 << 20]));
    place.write("a.npy.gz", &gzip(&npy("(1000, 1000, 30)", 30_000_000)));
    place.write("images-idx3-ubyte.gz", &gzip(&idx(0x803, &[30_000, 10, 100])));
    place.write("line.csv.gz", &gzip(&vec![b'1'; 100 << 20]));
    let rows: String = (0..100_000).map(|i| format!("{:04},2,3\n", i % 10_000)).collect();
    place.write("rows.csv.gz", &gzip(rows.as_bytes()));
    place.write("claims.npy", &npy("(1000000, 10000)", 100));
    let mut zip = zip::ZipWriter::new(File::create(place.path("claims.npz")).unwrap());
    zip.start_file("x.npy", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&npy("(1000000, 10000)", 100)).unwrap();
    zip.finish().unwrap();
    for name in ["sparse.txt", "sparse.mid", "sparse.csv"] {
        File::create(place.path(name)).unwrap().set_len(10 << 40).unwrap();
    }
    let bound = "SADDLE_MAX_DATA allows";
    let cases = [
        ("lstm --data a.txt.gz", bound),
        ("gan --data a.npy.gz", bound),
        ("gan --data images-idx3-ubyte.gz", bound),
        ("gan --data line.csv.gz", bound),
        ("gan --data rows.csv.gz", bound),
        ("gan --data claims.npy", bound),
        ("gan --data claims.npz", bound),
        ("lstm --data sparse.txt", bound),
        ("lstm --data sparse.mid", bound),
        ("gan --data sparse.csv", bound),
        ("dcgan --data shapes --size 128", "images of 49152 bytes"),
    ];
    for (line, words) in cases {
        let line = format!("train {line} --adapter cpu --steps 1 --out none");
        says(&with(&place, "SADDLE_MAX_DATA", "1M", &line), 1, &[words], &line);
    }
    let line = tiny("--steps 1 --out none");
    says(&with(&place, "SADDLE_MAX_DATA", "-1", &line), 2, &["SADDLE_MAX_DATA: `-1` is no size"], &line);
    let line = "train gan --config sparse.txt";
    says(&with(&place, "SADDLE_MAX_DATA", "1M", line), 2, &["sparse.txt", bound], line);
    assert!(!place.path("none").exists());
}

/// A NumPy file of bytes whose header has this shape, with `zeros` zeros as content.
fn npy(shape: &str, zeros: usize) -> Vec<u8> {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    header += &" ".repeat(117 - header.len());
    header.push('\n');
    [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), &vec![0; zeros]].concat()
}

/// Images that claim far more pixels than their file can hold, or than the memory of all threads, are left out and
/// named.
#[test]
fn images_that_are_too_large_are_left_out() {
    let place = Place::new();
    let png = |side: u32| {
        let mut bytes = std::io::Cursor::new(vec![]);
        image::GrayImage::new(side, side).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    place.write("mixed/small.png", &png(16));
    place.write("mixed/large.png", &png(2000));
    let mut jpeg = std::io::Cursor::new(vec![]);
    image::GrayImage::new(16, 16).write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let mut jpeg = jpeg.into_inner();
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x10]); // 10,000 x 10,000
    place.write("mixed/slow.jpg", &jpeg);
    let line =
        "train gan --data mixed --size 16 --adapter cpu --batch 1 --steps 1 --set hidden_g=8 --set hidden_d=8 --out a";
    let said = with(&place, "SADDLE_MAX_DATA", "4M", line);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for words in ["large.png: its 2000x2000 pixels take 11.", "cannot hold the 10000x10000 pixels"] {
        assert!(said.err.contains(words), "no `{words}` in {}", said.err);
    }
    assert!(!said.err.contains("small.png"), "{}", said.err);
}
