//! Mutations of small files of every format, through the entry points for untrusted files: nothing may panic.
//!
//! This is a bounded and seeded version of the targets in `fuzz/`, which need cargo-fuzz and a nightly compiler. With
//! SADDLE_FUZZ_SECONDS it runs for that number of seconds, with a new seed each time, and prints the number of inputs.
//! Failing inputs are stored.

mod entries;

use std::{
    env, fs,
    io::{Cursor, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use image::{GrayImage, ImageFormat, RgbImage};
use rayon::prelude::*;
use saddle::{
    check::Rng,
    checkpoint::{self, Tensor},
    cpu::Cpu,
    models,
    session::{self, Session},
    settings::{Layer, Settings},
};

/// Number of inputs of each format, unless a time is given.
const INPUTS: usize = 250;
/// Maximum time for one small file, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// For each format, a file name that implies it, and a small valid file.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let csv = b"t,a,\"b c\"\n1,1,2.5\n2,-3e4,+7\n3,0.5,10\n4,1,2\n5,-1,1e-3\n";
    let semicolons = b"a;b;c\n1,5;2,25;x\n3;4,75;y\n5;6;z\n7;8;w\n";
    let labels = b"\0\0\x08\x01\0\0\0\x02\0\x01".to_vec();
    let notes: Vec<u8> = (60..76).flat_map(|key| [0, 0x90, key, 64, 96, 0x80, key, 0]).collect();
    let track = [&notes[..], &[0, 0xff, 0x2f, 0]].concat();
    let melody = [&b"MThd\0\0\0\x06\0\x01\0\x01\0\x60MTrk\0\0\0"[..], &[track.len() as u8], &track].concat();
    let values: Vec<u8> = (0..24).flat_map(|n| (0.3 * n as f32).sin().to_le_bytes()).collect();
    let array = npy("<f4", "(4, 3, 2)", &values);
    let images = npy("|u1", "(2, 4, 4)", &[0x7f; 2 * 4 * 4]);
    let settings =
        b"variant = \"gan\"\ndata = \"ring\"\nsteps = 30\nlr_g = 2e-4\nhidden_g = [16, 8]\nconditional = false\n";
    let checkpoint = checkpoint();
    vec![
        ("train-images-idx3-ubyte", entries::IMAGES.to_vec()),
        ("train-images-idx3-ubyte.gz", gzip(entries::IMAGES)),
        ("train-labels-idx1-ubyte", labels),
        ("a.csv", csv.to_vec()),
        ("b.csv", semicolons.to_vec()),
        ("a.csv.gz", gzip(csv)),
        ("a.txt", "To be, or not to be: that is the question.\nÄ 東\n".repeat(4).into_bytes()),
        ("a.mid", melody),
        ("a.npz", npz(&[("x.npy", &images), ("y.npy", &npy("|u1", "(2,)", &[0, 1]))])),
        ("a.npy", array),
        ("b.npy", images),
        ("folder/a/1.png", picture(ImageFormat::Png)),
        ("folder/a/1.jpg", picture(ImageFormat::Jpeg)),
        ("folder/a/1.gif", picture(ImageFormat::Gif)),
        ("folder/a/1.bmp", picture(ImageFormat::Bmp)),
        ("folder/a/1.tiff", picture(ImageFormat::Tiff)),
        ("folder/a/1.webp", picture(ImageFormat::WebP)),
        ("run.toml", settings.to_vec()),
        ("step-000001.safetensors", checkpoint.clone()),
        ("signed/step-000001.safetensors", checkpoint),
        ("a.pth", include_bytes!("../fixtures/state_new.pth").to_vec()),
        ("old.pth", include_bytes!("../fixtures/state_old.pth").to_vec()),
        ("weights.safetensors", weights()),
        ("--set", b"variant=gan\nlr_g=2e-4\nhidden_d=16,8\nschedule=linear\n".to_vec()),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    [b"\x93NUMPY\x01\0\x76\0", header.as_bytes(), values].concat()
}

fn npz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(vec![]));
    for (name, bytes) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn picture(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    match format {
        ImageFormat::Png => GrayImage::from_fn(9, 7, |x, y| image::Luma([(x * y) as u8])).write_to(&mut bytes, format),
        _ => RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8, y as u8, 99])).write_to(&mut bytes, format),
    }
    .unwrap();
    bytes.into_inner()
}

fn weights() -> Vec<u8> {
    let tensor = |shape: &[usize]| Tensor { shape: shape.to_vec(), data: vec![0.5; shape.iter().product()] };
    let tensors = [("conv.weight", tensor(&[2, 3])), ("conv.bias", tensor(&[2]))];
    safetensors::serialize(tensors.iter().map(|(name, tensor)| (*name, tensor)), None).unwrap()
}

fn checkpoint() -> Vec<u8> {
    let mut layer = Layer::default();
    ["variant=gan", "data=ring", "hidden_g=3", "hidden_d=3", "latent=2"].iter().for_each(|a| layer.assign(a).unwrap());
    let settings = Settings::resolve(&models::menu(), &[layer]).unwrap();
    let dataset = session::open_data(&settings).unwrap();
    let model = models::variant(&settings.variant).unwrap().model(&settings, &session::examples(&dataset)).unwrap();
    let mut session = Session::on(Box::new(Cpu::new()), &Cpu::caps(), &model, &settings, &dataset).unwrap();
    let mut checkpoint = session.checkpoint().unwrap();
    checkpoint.meta.insert("step".into(), "1".into());
    checkpoint.meta.insert(checkpoint::SETTINGS.into(), settings.to_toml());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    checkpoint.save(&path).unwrap();
    fs::read(path).unwrap()
}

/// Applies one to four changes: to bits, bytes, numbers or lengths, or parts deleted, doubled, moved or taken from
/// another file.
fn mutated(rng: &mut Rng, seed: &[u8], other: &[u8]) -> Vec<u8> {
    const NUMBERS: [&[u8]; 12] = [
        b"0",
        b"-1",
        b"65536",
        b"4294967295",
        b"9223372036854775807",
        b"1e308",
        b"nan",
        b"-inf",
        b"1e-320",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\0\0\0\0\0\0\0\x80",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        let end = (at + 1 + rng.below(16)).min(bytes.len());
        match rng.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b',', b'"'][rng.below(8)],
            2 if at < bytes.len() => bytes[at] = rng.word() as u8,
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let part = bytes[at..end].repeat(1 + rng.below(40));
                bytes.splice(at..at, part);
            }
            6 => drop(bytes.splice(at..end, NUMBERS[rng.below(NUMBERS.len())].iter().copied())),
            7 => {
                let from = rng.below(other.len() + 1);
                let to = (from + rng.below(64)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            _ => {
                let part: Vec<u8> = bytes.drain(at..end).collect();
                let to = rng.below(bytes.len() + 1);
                bytes.splice(to..to, part);
            }
        }
    }
    bytes
}

/// The folder for failing inputs.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz")
}

/// Feeds one input and returns whether it was accepted, or an error sentence if this panics or takes too long.
fn fed(name: &str, bytes: &[u8]) -> Result<bool, String> {
    let begun = Instant::now();
    let fed = catch_unwind(AssertUnwindSafe(|| entries::feed(name, bytes)));
    match fed {
        Err(_) => Err("panicked".into()),
        Ok(_) if begun.elapsed() > PATIENCE => Err(format!("took {:.0} s", begun.elapsed().as_secs_f64())),
        Ok(taken) => Ok(taken),
    }
}

#[test]
fn no_file_makes_it_panic() {
    let seconds: Option<f64> = env::var("SADDLE_FUZZ_SECONDS").ok().map(|s| s.parse().expect("a number of seconds"));
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let start = if seconds.is_some() { time } else { 1 };
    let (seeds, begun) = (seeds(), Instant::now());
    let (failures, folder) = (Mutex::new(vec![]), kept());
    fs::create_dir_all(&folder).unwrap();
    let fuzz = |(n, (name, seed)): (usize, &(&'static str, Vec<u8>))| {
        assert!(fed(name, seed).unwrap(), "{name} is refused as it is");
        let mut rng = Rng(start ^ (n as u64) << 32);
        let (mut inputs, mut accepted) = (0usize, 0usize);
        let wanted = |inputs| seconds.map_or(inputs < INPUTS, |seconds| begun.elapsed().as_secs_f64() < seconds);
        while wanted(inputs) {
            let other = &seeds[rng.below(seeds.len())].1;
            let bytes = mutated(&mut rng, seed, other);
            // Written first, so that the input is kept even if the process is killed.
            let file = folder.join(format!("{}-{}", name.replace('/', "_"), std::process::id()));
            fs::write(&file, &bytes).unwrap();
            let outcome = fed(name, &bytes);
            accepted += usize::from(outcome == Ok(true));
            if let Err(what) = outcome {
                let kept = folder.join(format!("failed-{inputs}-{}", name.replace('/', "_")));
                fs::rename(&file, &kept).unwrap();
                failures.lock().unwrap().push(format!("{name} {what}: {}", kept.display()));
            } else {
                fs::remove_file(&file).unwrap();
            }
            inputs += 1;
        }
        (*name, inputs, accepted)
    };
    // One thread for each format: with a time limit, formats that run one after the other would have no time left.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(seeds.len()).build().unwrap();
    let tried: Vec<(&str, usize, usize)> = pool.install(|| seeds.par_iter().enumerate().map(fuzz).collect());
    for (name, inputs, accepted) in &tried {
        println!("{name}: {inputs} inputs, {accepted} of them taken");
    }
    let peak = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_string();
    println!("{} inputs in {:.0} s; {peak}", tried.iter().map(|t| t.1).sum::<usize>(), begun.elapsed().as_secs_f64());
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
