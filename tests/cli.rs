//! The program as its user meets it: what it leaves behind, what it says to bad input, and that nothing stops it for good.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write, stderr},
    path::PathBuf,
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use assert_cmd::Command;
use flate2::{Compression, write::GzEncoder};
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

const SADDLE: &str = env!("CARGO_BIN_EXE_saddle");

/// Settings of runs that take a moment; every test's folder has them as `tiny.toml`.
const TINY: &str = "
variant = 'gan'
data = 'train-images-idx3-ubyte'
adapter = 'cpu'
steps = 20
batch = 8
latent = 8
width = 4
hidden_g = [16]
hidden_d = [16]
samples = 16
checkpoint_every = 5
sample_every = 10
log_every = 2
";

/// Everything that has a state of its own, for the tests that stop a run and go on with it.
const STATEFUL: &str = "--conditional --set norm_g=batch --set norm_d=batch --set ema=0.9 --set noise=0.1 --set schedule=linear \
    --set spectral=true --set critic_steps=2 --set pack=2";

/// A folder with `tiny.toml` and 40 labelled images of 8x8.
struct Place(TempDir);

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("tiny.toml", TINY.as_bytes());
        place.write("train-images-idx3-ubyte", &idx(0x803, &[40, 8, 8]));
        place.write(
            "train-labels-idx1-ubyte",
            &[idx(0x801, &[40])[..8].to_vec(), (0..40).map(|i| i % 4).collect()].concat(),
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn process(&self, line: &str) -> Process {
        let mut process = Process::new(SADDLE);
        process.args(line.split_whitespace()).current_dir(self.0.path()).env_remove("RUST_LOG");
        process
    }

    /// What `saddle LINE` says and does here.
    #[track_caller]
    fn saddle(&self, line: &str) -> Said {
        let output = Command::from_std(self.process(line)).timeout(Duration::from_secs(300)).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let said = Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!said.err.contains("panicked"), "{line}: {}", said.err);
        said
    }

    /// `saddle train` with the tiny settings.
    #[track_caller]
    fn train(&self, line: &str) -> Said {
        self.saddle(&format!("train --config tiny.toml {line}"))
    }

    /// The same where it must succeed.
    #[track_caller]
    fn trained(&self, line: &str) -> Said {
        let said = self.train(line);
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        said
    }

    /// Starts `saddle train` with the tiny settings, and returns once `file` is there.
    fn start(&self, line: &str, file: &str) -> Child {
        let mut process = self.process(&format!("train --config tiny.toml {line}"));
        let child = process.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(file, || self.path(file).exists());
        child
    }

    /// A run's newest checkpoint and newest picture.
    fn result(&self, run: &str) -> [Vec<u8>; 2] {
        ["checkpoints", "samples"].map(|part| {
            let folder = format!("{run}/{part}");
            self.read(&format!("{folder}/{}", self.names(&folder).last().unwrap()))
        })
    }
}

#[track_caller]
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Process::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn idx(magic: u32, dims: &[u32]) -> Vec<u8> {
    let header = [&[magic], dims].concat().into_iter().flat_map(u32::to_be_bytes);
    let len: u32 = dims.iter().product();
    header.chain((0..len).map(|i| (i * i * 7 % 256) as u8)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn metrics(text: &[u8]) -> Vec<BTreeMap<String, Value>> {
    String::from_utf8_lossy(text).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The error is one line, exit status and words as told, and nothing was made.
#[track_caller]
fn refused(place: &Place, line: &str, code: i32, words: &[&str]) {
    let before = place.names(".");
    let said = place.saddle(line);
    assert_eq!(said.code, Some(code), "{line}: {}", said.err);
    let errors: Vec<&str> = said.err.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{line}: {}", said.err);
    assert_eq!(said.err.lines().next_back(), errors.first().copied(), "{line}: {}", said.err);
    for word in words {
        assert!(errors[0].contains(word), "{line}: no `{word}` in `{}`", errors[0]);
    }
    assert_eq!(place.names("."), before, "{line} left something behind");
}

#[test]
fn files_that_cannot_be_used_are_explained() {
    let place = Place::new();
    let good = place.read("train-images-idx3-ubyte");
    place.write("cut", &good[..1000]);
    place.write("cut.gz", &gzip(&good)[..100]);
    place.write("cut-inside.gz", &gzip(&good[..1000]));
    place.write("magic", &idx(0x804, &[40, 8, 8]));
    place.write("magic.gz", &gzip(b"GIF89a, or something like it"));
    place.write("long", &[good.as_slice(), b"xyz"].concat());
    place.write("empty", b"");
    place.write("plain.gz", &good);
    place.write("labels/train-images-idx3-ubyte", &good);
    place.write("labels/train-labels-idx1-ubyte", &idx(0x801, &[39]));
    place.write("photos/a.jpg", b"not a picture");
    place.write("photos/b.png", b"nor this");
    place.write("nothing/readme.txt", b"no pictures");
    place.write("letters.csv", b"x,y\n1,2\n3,four\n");
    place.write("ragged.csv", b"1,2\n\n3\n");
    place.write("header.csv", b"x,y\n");
    place.write("latin.csv", b"1,\xe9\n");
    for (data, words) in [
        ("cut", &["`cut`", "40 x 8 x 8 = 2560", "984 follow"][..]),
        ("cut.gz", &["`cut.gz`", "2560 bytes of images"]),
        ("cut-inside.gz", &["`cut-inside.gz`", "984 follow"]),
        ("magic", &["`magic`", "0x00000804", "0x00000803"]),
        ("magic.gz", &["`magic.gz`", "0x00000803"]),
        ("long", &["`long`", "2563 follow"]),
        ("empty", &["`empty` is empty"]),
        ("plain.gz", &["`plain.gz` is not gzipped"]),
        ("labels", &["39 labels", "40 images"]),
        ("photos", &["`photos` holds no image that can be read"]),
        ("nothing", &["`nothing` holds no PNG or JPEG images, IDX files or MIDI files"]),
        ("letters.csv", &["letters.csv:3: `four` is not a finite number"]),
        ("ragged.csv", &["ragged.csv:3: 1 values where the first row has 2"]),
        ("header.csv", &["`header.csv` holds no points"]),
        ("latin.csv", &["`latin.csv` cannot be read"]),
    ] {
        refused(&place, &format!("train --config tiny.toml --data {data}"), 1, words);
    }
}

#[test]
fn wrong_requests_are_explained() {
    let place = Place::new();
    place.write("small/train-images-idx3-ubyte", &idx(0x803, &[4, 6, 6]));
    place.write("tall/train-images-idx3-ubyte", &idx(0x803, &[4, 12, 8]));
    place.write("bare/train-images-idx3-ubyte", &idx(0x803, &[4, 8, 8]));
    place.write("broken.toml", b"steps = 3\nlr_g = = 2\n");
    place.write("odd.toml", b"steps = 3\nlr = 2\n");
    place.write("file", b"x");
    for (line, words) in [
        // sizes and shapes
        ("dcgan --data small", &["6x6", "--size"][..]),
        ("dcgan --data tall", &["8x12", "--size"]),
        ("dcgan --data ring", &["dcgan generates images", "[2]", "`gan` takes any shape"]),
        ("dcgan --data digits --preset article --size 28 --set channels=1", &["multiple of 8, not 28"]),
        ("--size 30", &["--size", "a multiple of 4 from 8 to 128", "`30`"]),
        ("--size 4096", &["a multiple of 4 from 8 to 128"]),
        ("--data ring --stack 3", &["`ring` holds points"]),
        ("--data ring --size 32", &["`ring` holds points"]),
        ("--stack 2", &["--stack", "1 or 3"]),
        ("--stack 3 --set channels=1", &["a stack of 3 makes RGB examples"]),
        // names
        ("dcgna", &["unknown variant `dcgna`; did you mean `dcgan`?"]),
        ("--data digts", &["`digts`", "did you mean `digits`?"]),
        ("--data no/where", &["the path `no/where` does not exist"]),
        ("--data gone.csv", &["the path `gone.csv` does not exist"]),
        ("--preset artcle", &["preset of gan `artcle`; did you mean `article`?"]),
        ("--set lr_gg=1", &["unknown setting `lr_gg`; did you mean `lr_g`?"]),
        ("--set objective=wagn", &["did you mean `wgan`?"]),
        ("--set =3", &["unknown setting ``"]),
        ("--set steps", &["has no `=`; write KEY=VALUE"]),
        ("--adapter cpuu", &["--adapter cpuu: no such adapter; the nearest is `cpu`"]),
        ("--adapter 99", &["--adapter 99: no such adapter"]),
        // values
        ("--steps 0", &["--steps", "1 or more", "`0`"]),
        ("--steps many", &["--steps", "1 or more", "`many`"]),
        ("--batch -1", &["--batch", "1 to 65536", "`-1`"]),
        ("--seed 99999999999999999999", &["--seed"]),
        ("--set ema=1", &["`ema` takes a number from 0 up to but not 1"]),
        ("--set lr_d=nan", &["`lr_d` takes a number, 0 or more"]),
        ("--set r1=inf", &["`r1` takes a number, 0 or more"]),
        ("--set hidden_g=8,0", &["`hidden_g` takes 1 to 16 widths"]),
        ("--keep 0", &["--keep", "1 or more"]),
        // what does not go together
        ("--conditional --data bare", &["`conditional` needs classes"]),
        ("--conditional --stack 3 --data digits", &["`conditional` takes stack=1"]),
        ("--set gp=10 --set norm_d=batch", &["gradient penalty", "norm_d=none or norm_d=layer"]),
        ("--batch 9 --set pack=2", &["`batch` takes a multiple of `pack`"]),
        ("--set smooth=0.1 --set objective=wgan", &["`smooth` goes with"]),
        // files and folders
        ("--config none.toml", &["cannot read the settings `none.toml`"]),
        ("--config broken.toml", &["broken.toml:2: not valid TOML"]),
        ("--config odd.toml", &["odd.toml:2: unknown setting `lr`"]),
        ("--out file", &["--out: `file` is a file"]),
        ("--out bare", &["--out: `bare` is not empty"]),
        ("--out none --resume", &["cannot open the run `none`: it does not exist"]),
        ("--out bare --resume", &["it has no run.toml, so it is not the folder of a run"]),
        ("--out file --resume", &["it is a file"]),
    ] {
        let config = if line.contains("--config") { "" } else { "--config tiny.toml " };
        refused(&place, &format!("train {config}{line}"), 2, words);
    }
    for (line, words) in [
        ("sample none", &["cannot open the run `none`"][..]),
        ("sample none --out x.jpg", &["png, csv, npy"]),
        ("sample none --out x", &["png, csv, npy"]),
        ("variants gna", &["did you mean `gan`?"]),
    ] {
        refused(&place, line, 2, words);
    }
}

#[test]
fn an_existing_run_is_not_harmed_by_a_wrong_request() {
    let place = Place::new();
    place.trained("--out a");
    place.trained("--out c --conditional");
    let state = || (place.read("a/run.toml"), place.read("a/metrics.jsonl"), place.result("a"));
    let before = state();
    for (line, words) in [
        ("train --config tiny.toml --out a", &["`a` already holds a run; continue it with --resume"][..]),
        ("train --out a --resume", &["is at step 20 of 20 already", "--steps"]),
        ("train --out a --resume --steps 10", &["is at step 20 of 10 already"]),
        ("train --out a --resume --set latent=9", &["`latent` is 8 in this run and cannot become 9", "steps"]),
        ("train dcgan --out a --resume", &["`variant` is gan in this run"]),
        ("train --out a --resume --steps 40 --adapter none", &["--adapter none: no such adapter"]),
        ("sample a --class 1", &["--class needs a model trained with --conditional"]),
        ("sample c --class 4", &["--class 4: the model has classes 0 to 3"]),
        ("sample a --count 20000", &["a png shows 10000 images at most"]),
        ("sample a --adapter none", &["no such adapter"]),
    ] {
        refused(&place, line, 2, words);
        assert!(before == state(), "{line} changed the run");
    }
    refused(&place, "sample a --out no/where.png", 1, &["cannot write `no/where.png`: No such file"]);
    place.saddle("train --out a --resume --steps 40 --dry-run");
    assert!(before == state(), "a dry run changed the run");
}

#[test]
fn a_run_leaves_what_was_promised() {
    let place = Place::new();
    let said = place.trained("--out a --keep 2");
    assert!(said.out.ends_with("run     a\nsamples a/samples/step-000020.png\n"), "{}", said.out);
    assert_eq!(place.names("a"), [".lock", "checkpoints", "metrics.jsonl", "run.toml", "samples"]);
    assert_eq!(place.names("a/checkpoints"), ["step-000015.safetensors", "step-000020.safetensors"]);
    assert_eq!(place.names("a/samples"), ["step-000010.png", "step-000020.png"]);
    let picture = image::open(place.path("a/samples/step-000020.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (4 * 58 + 2, 4 * 58 + 2));

    let lines = metrics(&place.read("a/metrics.jsonl"));
    assert_eq!(
        lines.iter().map(|l| l["step"].as_u64().unwrap()).collect::<Vec<_>>(),
        (2..=20).step_by(2).collect::<Vec<_>>()
    );
    for key in ["seconds", "samples_per_second", "d_loss", "g_loss"] {
        assert!(lines.iter().all(|l| l[key].as_f64().unwrap().is_finite()), "{key}");
    }
    assert!(lines.windows(2).all(|l| l[0]["seconds"].as_f64() <= l[1]["seconds"].as_f64()));

    // What a process killed while it began leaves behind is no obstacle.
    place.write("begun/.lock", b"");
    place.write("begun/.unfinished-x", b"");
    place.trained("--out begun --steps 1");
    // Written as often as never: only at the end.
    place.trained("--out end --set checkpoint_every=0 --set sample_every=0");
    assert_eq!((place.names("end/checkpoints").len(), place.names("end/samples").len()), (1, 1));
    // Without --out, runs are numbered.
    place.trained("--steps 1");
    place.trained("--steps 1");
    assert_eq!(place.names("runs"), ["gan-train-images-idx3-ubyte-001", "gan-train-images-idx3-ubyte-002"]);
}

#[test]
fn the_same_settings_give_the_same_bytes() {
    let place = Place::new();
    place.trained(&format!("--out a {STATEFUL}"));
    assert_eq!(place.saddle("train --config a/run.toml --out b").code, Some(0));
    assert_eq!(place.read("a/run.toml"), place.read("b/run.toml"));
    assert!(place.result("a") == place.result("b"));
    place.trained(&format!("--out c --seed 1 {STATEFUL}"));
    assert!(place.result("a") != place.result("c"));
}

#[test]
fn a_look_beforehand_leaves_nothing() {
    let place = Place::new();
    let before = place.names(".");
    let dry = place.trained("--dry-run --out a");
    for part in [
        "variant = \"gan\"",
        "steps = 20",
        "# parameters of g: 1232",
        "# parameters of d: 1057",
        "MiB on the device",
        "GFLOP",
    ] {
        assert!(dry.out.contains(part), "{part}: {}", dry.out);
    }
    let explained = place.trained("--explain --out a");
    assert!(explained.out.contains("launches") && explained.out.contains("GFLOP"), "{}", explained.out);
    assert_eq!(place.names("."), before);
    // What a dry run prints is a settings file.
    place.write("dry.toml", dry.out.as_bytes());
    assert_eq!(place.saddle("train --config dry.toml --out a").code, Some(0));
}

#[test]
fn samples_come_as_picture_table_and_array() {
    let place = Place::new();
    place.trained("--out a");
    let said = place.saddle("sample a --count 9 --seed 3 --out a.PNG --adapter cpu");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "9 samples of step 20 in a.PNG\n"));
    let png = image::load_from_memory(&place.read("a.PNG")).unwrap();
    assert_eq!((png.width(), png.height()), (3 * 58 + 2, 3 * 58 + 2));
    for out in ["a.csv", "a.npy", "b.csv"] {
        assert_eq!(place.saddle(&format!("sample a --count 40 --seed 3 --adapter cpu --out {out}")).code, Some(0));
    }
    assert_eq!(place.read("a.csv"), place.read("b.csv"));
    let csv = String::from_utf8(place.read("a.csv")).unwrap();
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!((rows.len(), rows[0].split(',').next_back()), (41, Some("x63")));
    let values: Vec<f32> = rows[1..].iter().flat_map(|r| r.split(',')).map(|v| v.parse().unwrap()).collect();
    let npy = place.read("a.npy");
    let npy = npyz::NpyFile::new(&npy[..]).unwrap();
    assert_eq!(npy.shape(), [40, 1, 8, 8]);
    assert_eq!(npy.into_vec::<f32>().unwrap(), values, "more samples than one batch of 16, and the same in both");
    assert!(values.iter().all(|v| (-1.0..=1.0).contains(v)));
}

#[test]
fn a_conditional_model_draws_the_class_asked_for() {
    let place = Place::new();
    place.trained("--out a --conditional");
    let rows = |line: &str| {
        assert_eq!(place.saddle(&format!("sample a --count 8 --out x.csv --adapter cpu {line}")).code, Some(0));
        let text = String::from_utf8(place.read("x.csv")).unwrap();
        text.lines().skip(1).map(str::to_string).collect::<Vec<_>>()
    };
    let in_turn = rows("");
    for class in 0..4 {
        let one = rows(&format!("--class {class}"));
        for row in 0..8 {
            assert_eq!(one[row] == in_turn[row], row % 4 == class, "row {row} of class {class}");
        }
    }
}

#[test]
fn data_of_every_kind_trains() {
    let place = Place::new();
    let rgb = |w, h| DynamicImage::from(RgbImage::from_fn(w, h, |x, y| Rgb([(x * 9) as u8, (y * 9) as u8, 90])));
    place.write("photos/cats/bad.jpeg", b"\xff\xd8\xff\xe0 cut off");
    for (name, image) in [
        ("photos/cats/a.png", rgb(40, 30)),
        ("photos/cats/b.jpg", rgb(17, 64)),
        ("photos/dogs/c.JPG", DynamicImage::from(GrayImage::from_pixel(50, 50, Luma([77])))),
        ("photos/dogs/d.png", rgb(8, 8).into_rgba16().into()),
    ] {
        fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
        image.save(place.path(name)).unwrap();
    }
    place.write("points.csv", b"x,y\n0.5,1\n-1, 2.5e-1\r\n\n3,4\n");
    place.write("sequences.csv", b"1,2,3\n4,5,6\n");
    for (line, shape) in [
        ("dcgan --data photos --size 16", "photos (4 examples of 3x16x16)"),
        ("dcgan --data photos --size 16 --set channels=1 --conditional", "photos (4 examples of 1x16x16)"),
        ("--data digits --stack 3", "digits (20000 examples of 3x28x28)"),
        ("dcgan --data shapes --size 8", "shapes (20000 examples of 3x8x8)"),
        ("--data points.csv", "points.csv (3 examples of 2)"),
        ("--data sequences.csv", "sequences.csv (2 examples of 3)"),
        ("dcgan --batch 64", "(40 examples of 1x8x8)"), // fewer than a batch
        ("dcgan --batch 1 --set norm_d=none", "(40 examples of 1x8x8)"),
    ] {
        let said = place.trained(&format!("--steps 4 {line}"));
        assert!(said.err.contains(shape), "{line}: {}", said.err);
        assert_eq!(
            said.err.contains("`photos/cats/bad.jpeg` is left out"),
            line.contains("photos"),
            "{line}: {}",
            said.err
        );
    }
    let stacked = image::open(place.path("runs/gan-digits-001/samples/step-000004.png")).unwrap().into_rgb8();
    assert!(stacked.pixels().any(|p| p[0] != p[1] || p[1] != p[2]), "a stack is coloured");
    assert!(!place.path("runs/gan-sequences-001/samples/step-000004.png").exists(), "there is no picture of triples");
    refused(&place, "sample runs/gan-sequences-001", 2, &["use csv or npy"]);

    let said = place.trained("--data ring --out ring");
    assert!(said.out.contains("modes ") && said.out.contains("/8, high quality "), "{}", said.out);
    for picture in ["ring/samples/step-000020.png", "ring.png"] {
        if picture == "ring.png" {
            assert_eq!(place.saddle("sample ring --count 3000 --out ring.png --adapter cpu").code, Some(0));
        }
        assert_eq!(image::image_dimensions(place.path(picture)).unwrap(), (512, 512));
    }
}

#[test]
fn listings_can_be_read_by_people_and_programs() {
    let place = Place::new();
    let variants = place.saddle("variants");
    assert!(
        ["gan ", "dcgan ", "digits ", "ring "].iter().all(|name| variants.out.lines().any(|l| l.starts_with(name)))
    );
    let gan = place.saddle("variants gan");
    assert!(gan.out.contains("preset article") && gan.out.contains("  lr_g "), "{}", gan.out);
    let devices = place.saddle("devices");
    assert!(
        devices.out.contains("cpu  this machine's processor") && devices.out.contains("would train on: "),
        "{}",
        devices.out
    );
    let json: Value = serde_json::from_str(&place.saddle("devices --json").out).unwrap();
    assert!(json["devices"].is_array() && json["reason"].is_string());
}

#[test]
fn a_reader_that_leaves_stops_nothing() {
    let place = Place::new();
    for line in ["variants gan", "devices", "train --config tiny.toml --dry-run", "train --config tiny.toml --explain"]
    {
        let mut child = place.process(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{line}");
    }
    // train 2>&1 | head -1
    let mut child = place
        .process("train --config tiny.toml --out a")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut first = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("gan on "), "{first}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(place.path("a/checkpoints/step-000020.safetensors").exists());
}

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let place = Place::new();
    let wild = "--set objective=wgan --set optimizer=sgd --set checkpoint_every=2";
    let said = place.train(&format!("--out a --steps 500 {wild} --set lr_g=1 --set lr_d=1"));
    assert_eq!(said.code, Some(1), "{}", said.err);
    let sentence = said.err.lines().find(|l| l.starts_with("error: ")).unwrap();
    let last = place.names("a/checkpoints").pop().unwrap();
    let parts = ["_loss became ", " at step ", &format!("the last good checkpoint is a/checkpoints/{last}")];
    assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
    // It can still be sampled.
    assert_eq!(place.saddle("sample a --adapter cpu").code, Some(0));

    let said = place.train(&format!("--out b {wild} --set lr_g=1e38 --set lr_d=1e38"));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("at step 1, ") && said.err.contains("there is no checkpoint yet"), "{}", said.err);
}

#[test]
fn damaged_checkpoints_are_passed_over() {
    let place = Place::new();
    type Harm = fn(&mut Vec<u8>);
    let harm: [(&str, Harm); 3] = [
        ("flipped", |bytes| *bytes.last_mut().unwrap() ^= 4),
        ("truncated", |bytes| bytes.truncate(bytes.len() / 2)),
        ("emptied", |bytes| bytes.clear()),
    ];
    place.trained("--out whole --steps 30");
    for (run, harm) in harm {
        place.trained(&format!("--out {run} --keep 2"));
        let newest = format!("{run}/checkpoints/step-000020.safetensors");
        let mut bytes = place.read(&newest);
        harm(&mut bytes);
        place.write(&newest, &bytes);

        let said = place.saddle(&format!("sample {run} --adapter cpu"));
        assert_eq!((said.code, said.out.as_str()), (Some(0), "64 samples of step 15 in samples.png\n"));
        assert!(said.err.contains(&newest) && said.err.contains("falling back"), "{}", said.err);

        // With room for one, a damaged file must not push out the good one.
        let said = place.saddle(&format!("train --out {run} --resume --steps 30 --keep 1"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.err.contains("falling back") && said.err.contains("resumed at step 15"), "{}", said.err);
        assert_eq!(
            place.names(&format!("{run}/checkpoints")),
            ["step-000020.safetensors.damaged", "step-000030.safetensors"]
        );
        assert_eq!(place.read(&format!("{newest}.damaged")), bytes);
        assert_eq!(
            place.read(&format!("{run}/checkpoints/step-000030.safetensors")),
            place.read("whole/checkpoints/step-000030.safetensors")
        );
    }
    for name in place.names("flipped/checkpoints") {
        place.write(&format!("flipped/checkpoints/{name}"), b"gone");
    }
    for line in ["sample flipped", "train --out flipped --resume --steps 40"] {
        refused(&place, line, 1, &["none of the 1 checkpoints in `flipped/checkpoints` can be read"]);
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let place = Place::new();
    place.trained("dcgan --out a");
    place.trained("--out b --steps 25");
    place.trained("dcgan --out c --steps 25 --set width=5");
    for (other, words) in [("b", "the checkpoint is of a gan, and this run is a dcgan"), ("c", "has shape")] {
        place.write(
            "a/checkpoints/step-000025.safetensors",
            &place.read(&format!("{other}/checkpoints/step-000025.safetensors")),
        );
        for line in ["sample a", "train --out a --resume --steps 30"] {
            refused(&place, line, 1, &["a/checkpoints/step-000025.safetensors: ", words]);
        }
    }
}

#[test]
fn a_run_has_one_trainer_and_any_number_of_readers() {
    let place = Place::new();
    let child = place.start("--out a --steps 100000000", "a/checkpoints/step-000010.safetensors");
    refused(&place, "train --config tiny.toml --out a", 2, &["already holds a run"]);
    refused(&place, "train --out a --resume", 1, &["the run `a` is being trained by another process"]);
    assert_eq!(place.saddle("sample a --adapter cpu").code, Some(0));
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_interrupted_run_says_how_to_go_on_and_ends_the_same() {
    let place = Place::new();
    let line = format!("--steps 3000 --set checkpoint_every=1000 --set sample_every=0 --set log_every=7 {STATEFUL}");
    place.trained(&format!("--out whole {line}"));
    let child = place.start(&format!("--out a {line}"), "a/metrics.jsonl");
    std::thread::sleep(Duration::from_millis(50));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let last = text.lines().next_back().unwrap();
    let step: u64 = last
        .strip_prefix("stopped at step ")
        .and_then(|l| l.split(';').next())
        .unwrap_or_else(|| panic!("{text}"))
        .parse()
        .unwrap();
    assert!(
        (1..3000).contains(&step) && place.path(&format!("a/checkpoints/step-{step:06}.safetensors")).exists(),
        "{text}"
    );
    let (_, command) = last.split_once("go on with: saddle ").unwrap();
    let said = place.saddle(command);
    assert!(said.err.contains(&format!("resumed at step {step} ")), "{}", said.err);
    assert!(place.result("whole") == place.result("a"), "stopped at step {step}");
    let steps: Vec<u64> = metrics(&place.read("a/metrics.jsonl")).iter().map(|l| l["step"].as_u64().unwrap()).collect();
    assert!(steps.contains(&step) && steps.windows(2).all(|s| s[0] < s[1]) && steps.last() == Some(&3000));
}

/// Kills runs of `steps` steps at ten moments spread over them, goes on, and compares with the run that was left alone.
fn killed_runs_end_the_same(steps: u64, line: &str) {
    let place = Place::new();
    let line = format!("--steps {steps} {line}");
    place.trained(&format!("--out whole {line}"));
    let mut resumed = vec![];
    for kill in 0..10 {
        let run = format!("run{kill}");
        let mut child = place.start(&format!("--out {run} {line}"), &format!("{run}/run.toml"));
        let newest = || {
            let files = fs::read_dir(place.path(&format!("{run}/checkpoints"))).into_iter().flatten().flatten();
            files.filter_map(|file| saddle::checkpoint::step_of(&file.path())).max().unwrap_or(0)
        };
        wait_for("the step to kill at", || newest() >= kill * steps / 11);
        std::thread::sleep(Duration::from_micros(700 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = place.saddle(&format!("train --out {run} --resume"));
        let ended = said.code == Some(2) && said.err.contains(" already; ");
        assert!(said.code == Some(0) || ended, "{}", said.err);
        assert!(place.result("whole") == place.result(&run), "{}", said.err);
        resumed.extend(said.err.lines().find(|l| l.starts_with("resumed at")).map(str::to_string));
    }
    println!("{resumed:#?}");
    assert!(resumed.len() >= 7, "too few were killed while they trained: {resumed:?}");
}

#[test]
fn killed_runs_end_the_same_on_the_cpu() {
    killed_runs_end_the_same(600, "--set checkpoint_every=7 --set sample_every=50");
}

#[test]
fn killed_runs_end_the_same_with_every_kind_of_state() {
    killed_runs_end_the_same(150, &format!("dcgan --set checkpoint_every=4 --set sample_every=30 {STATEFUL}"));
}

#[test]
#[ignore = "takes minutes on a software adapter"]
fn killed_runs_end_the_same_on_the_first_gpu() {
    killed_runs_end_the_same(200, &format!("--adapter 0 --set checkpoint_every=4 --set sample_every=50 {STATEFUL}"));
}

/// Runs in a mount namespace of its own, where a small disk can be mounted that disappears with the process.
#[test]
fn a_run_outlives_a_full_disk() {
    let place = Place::new();
    let line = "train --config tiny.toml --steps 4000 --set checkpoint_every=20 --set sample_every=100";
    assert_eq!(place.saddle(&format!("{line} --out whole")).code, Some(0));
    let script = format!(
        r#"
        mkdir disk && mount -t tmpfs -o size=2m tmpfs disk || exit 77
        full() {{ # starts run $1, and fills the disk under it until it complains about a checkpoint
            "$SADDLE" {line} --out disk/$1 2>$1.err >$1.out &
            until ls disk/$1/checkpoints/step-* >/dev/null 2>&1; do sleep 0.01; done
            dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null
            until grep -q 'warning: cannot write `disk/'$1'/checkpoints' $1.err; do kill -0 $! || exit 3; sleep 0.01; done
            ls disk/$1/checkpoints >$1.kept
        }}
        full on
        rm disk/filler; wait $! || exit 4
        full dead
        kill -9 $!; wait $!; rm disk/filler
        "$SADDLE" train --out disk/dead --resume 2>dead.err || exit 5
        full end
        wait $!; echo $? >end.code
        cp -r disk/on disk/dead disk/end .
        "#
    );
    let output = Process::new("unshare")
        .args(["-rm", "sh", "-c", &script])
        .current_dir(place.0.path())
        .env("SADDLE", SADDLE)
        .output();
    let Some(output) = output
        .ok()
        .filter(|o| o.status.code() != Some(77) && !String::from_utf8_lossy(&o.stderr).starts_with("unshare:"))
    else {
        // Not `eprintln!`, which the harness hides when a test passes.
        return writeln!(stderr(), "SKIPPED: no small disk could be mounted").unwrap();
    };
    let said = |name: &str| String::from_utf8(place.read(name)).unwrap();
    assert!(output.status.success(), "{output:?}\n{}{}", said("on.err"), place.path("dead.err").display());
    assert!(said("on.err").contains("No space left on device (os error 28); the run goes on"), "{}", said("on.err"));
    assert!(said("dead.kept").starts_with("step-"), "the old checkpoint is gone");
    assert!(said("dead.err").contains("resumed at step "), "{}", said("dead.err"));
    for run in ["on", "dead"] {
        assert!(place.result("whole") == place.result(run), "{run}");
    }
    // Full until the end: a failure, and the way back is named.
    assert_eq!(said("end.code"), "1\n");
    let last = place.names("end/checkpoints").pop().unwrap();
    let sentence = said("end.err").lines().next_back().unwrap().to_string();
    assert!(sentence.starts_with("error: cannot write `disk/end/checkpoints/step-004000.safetensors`"), "{sentence}");
    assert!(sentence.ends_with(&format!("the last good checkpoint is disk/end/checkpoints/{last}")), "{sentence}");
}
