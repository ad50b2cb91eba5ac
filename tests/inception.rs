//! Inception's features against PyTorch's, from weights that both draw (`tests/fixtures/inception.py`), and the figures
//! that come of them.

use std::{
    collections::BTreeMap,
    fs,
    io::{Write, stderr},
    path::Path,
    process::Command,
};

use saddle::{
    checkpoint::Tensor,
    cpu::Cpu,
    data::{Dataset, Items},
    error::Result,
    eval::{
        Setup,
        inception::{FEATURES, Inception, Reference, Resize, Seen},
        standard::{Standard, standard},
    },
    kernels::Caps,
    runner::Runner,
    state_dict::StateDict,
};
use serde::Deserialize;

fn cpu() -> Result<(Box<dyn Runner>, Caps)> {
    Ok((Box::new(Cpu::new()), Cpu::caps()))
}

fn setup() -> Setup<'static> {
    Setup { device: &cpu, cache: None, seed: 1, effort: 1.0, seen: &|_, _, _| () }
}

/// Numbers in 0 to 1 by a hash of the name and the place.
fn drawn(name: &str, count: usize) -> impl Iterator<Item = f32> + use<> {
    let seed = name.bytes().fold(2_166_136_261u32, |seed, byte| (seed ^ u32::from(byte)).wrapping_mul(16_777_619));
    (0..count as u32).map(move |i| {
        let mut x = i.wrapping_mul(0x9E37_79B9).wrapping_add(seed);
        x = (x ^ x >> 16).wrapping_mul(0x21F0_AAAD);
        x = (x ^ x >> 15).wrapping_mul(0x735A_2D97);
        ((x ^ x >> 15) >> 8) as f32 / 16_777_216.0
    })
}

/// The filters of the network: names, outputs, inputs, sides.
fn filters() -> Vec<(String, [usize; 4])> {
    let mut all = vec![];
    let mut add = |block: &str, list: &str| {
        // name:outputs:inputs:rows:columns
        for filter in list.split(' ') {
            let parts: Vec<&str> = filter.split(':').collect();
            let shape = [1, 2, 3, 4].map(|n| parts[n].parse().unwrap());
            all.push((format!("{block}{}", parts[0]), shape));
        }
    };
    add("Conv2d_", "1a_3x3:32:3:3:3 2a_3x3:32:32:3:3 2b_3x3:64:32:3:3 3b_1x1:80:64:1:1 4a_3x3:192:80:3:3");
    for (block, inputs, pool) in [("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)] {
        add(
            &format!("Mixed_{block}.branch"),
            &format!(
                "1x1:64:{inputs}:1:1 5x5_1:48:{inputs}:1:1 5x5_2:64:48:5:5 3x3dbl_1:64:{inputs}:1:1 3x3dbl_2:96:64:3:3 \
                 3x3dbl_3:96:96:3:3 _pool:{pool}:{inputs}:1:1"
            ),
        );
    }
    add("Mixed_6a.branch", "3x3:384:288:3:3 3x3dbl_1:64:288:1:1 3x3dbl_2:96:64:3:3 3x3dbl_3:96:96:3:3");
    for (block, c) in [("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)] {
        add(
            &format!("Mixed_{block}.branch"),
            &format!(
                "1x1:192:768:1:1 7x7_1:{c}:768:1:1 7x7_2:{c}:{c}:1:7 7x7_3:192:{c}:7:1 7x7dbl_1:{c}:768:1:1 \
                 7x7dbl_2:{c}:{c}:7:1 7x7dbl_3:{c}:{c}:1:7 7x7dbl_4:{c}:{c}:7:1 7x7dbl_5:192:{c}:1:7 _pool:192:768:1:1"
            ),
        );
    }
    add(
        "Mixed_7a.branch",
        "3x3_1:192:768:1:1 3x3_2:320:192:3:3 7x7x3_1:192:768:1:1 7x7x3_2:192:192:1:7 7x7x3_3:192:192:7:1 \
         7x7x3_4:192:192:3:3",
    );
    for (block, inputs) in [("7b", 1280), ("7c", 2048)] {
        add(
            &format!("Mixed_{block}.branch"),
            &format!(
                "1x1:320:{inputs}:1:1 3x3_1:384:{inputs}:1:1 3x3_2a:384:384:1:3 3x3_2b:384:384:3:1 \
                 3x3dbl_1:448:{inputs}:1:1 3x3dbl_2:384:448:3:3 3x3dbl_3a:384:384:1:3 3x3dbl_3b:384:384:3:1 \
                 _pool:192:{inputs}:1:1"
            ),
        );
    }
    all
}

/// Writes all weights as safetensors.
fn write_weights(path: &Path) {
    let mut tensors = BTreeMap::new();
    let mut add = |name: String, shape: &[usize], [low, high]: [f32; 2]| {
        let data = drawn(&name, shape.iter().product()).map(|v| v * (high - low) + low).collect();
        tensors.insert(name, Tensor { shape: shape.to_vec(), data });
    };
    for (name, shape) in filters() {
        let bound = (6.0 / (shape[1] * shape[2] * shape[3]) as f64).sqrt();
        add(format!("{name}.conv.weight"), &shape, [-bound as f32, bound as f32]);
        for (kind, range) in [
            ("running_mean", [-0.1, 0.1]),
            ("running_var", [0.5, 1.5]),
            ("weight", [0.75, 1.25]),
            ("bias", [-0.1, 0.1]),
        ] {
            add(format!("{name}.bn.{kind}"), &shape[..1], range);
        }
    }
    add("fc.weight".into(), &[1008, FEATURES], [-0.03, 0.03]);
    fs::write(path, safetensors::serialize(&tensors, None).unwrap()).unwrap();
}

/// Images of a few soft shapes, as bytes.
fn pictures(name: &str, [count, channels, height, width]: [usize; 4]) -> Vec<u8> {
    let values: Vec<f32> = drawn(name, count * channels * 16).collect();
    let noise = drawn(&format!("{name}noise"), count * channels * height * width);
    let pixel = |(n, noise): (usize, f32)| {
        let (plane, y, x) = (n / (height * width), n / width % height, n % width);
        (values[plane * 16 + y * 4 / height * 4 + x * 4 / width] * 200.0 + noise * 55.0) as u8
    };
    noise.enumerate().map(pixel).collect()
}

fn set(name: &str, shape: [usize; 4]) -> Dataset {
    Dataset {
        name: name.into(),
        shape: shape[1..].to_vec(),
        items: Items::Bytes(pictures(name, shape).into()),
        labels: None,
        stack: 1,
        mirror: false,
        series: None,
        pieces: vec![],
        about: Default::default(),
    }
}

fn seen(network: &mut Inception, set: &Dataset) -> Seen {
    let mut draw = |range: std::ops::Range<usize>| Ok(range.flat_map(|i| set.item(i)).collect());
    network.look("a test", set.len(), &mut draw, &setup()).unwrap()
}

/// Relative L2 distance.
fn apart(got: impl IntoIterator<Item = f64>, want: impl IntoIterator<Item = f64>) -> f64 {
    let pairs: Vec<(f64, f64)> = got.into_iter().zip(want).collect();
    let sum = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
    (sum(|(a, b)| (a - b).powi(2)) / sum(|(_, b)| b * b)).sqrt()
}

#[derive(Deserialize)]
struct Case {
    resize: String,
    shape: [usize; 3],
    features: Vec<f64>,
}

#[test]
fn features_are_those_of_pytorch_for_every_resize_and_figures_follow() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("inception.safetensors");
    write_weights(&weights);
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/inception.json")).unwrap();
    for case in cases {
        let resize = Resize::ALL.into_iter().find(|resize| resize.name() == case.resize).unwrap();
        let mut network = Inception::open(&weights, case.shape, resize, &setup()).unwrap();
        assert!(!network.is_known());
        let [c, h, w] = case.shape;
        let seen = seen(&mut network, &set(resize.name(), [1, c, h, w]));
        let error = apart(seen.features.iter().step_by(32).copied(), case.features);
        println!("{} {:?}: {error:.1e}", case.resize, case.shape);
        assert!(error < 1e-5, "{} {:?}: {error:e}", case.resize, case.shape);
        assert_eq!(seen.score.mean, 1.0, "a single image has no variety");
    }
    figures(&weights, folder.path());
}

/// The report with these weights: its figures, its reference, what is kept.
fn figures(weights: &Path, folder: &Path) {
    let (train, test) = (set("first", [24, 3, 32, 32]), set("second", [20, 3, 32, 32]));
    let setup = Setup { cache: Some(folder.join("cache")), ..setup() };
    let measure = |of: &Dataset, reference: Option<&Path>| {
        let mut draw = |range: std::ops::Range<usize>| Ok(range.flat_map(|i| of.item(i)).collect());
        let input = Standard {
            train: &train,
            test: Some(&test),
            count: 20,
            draw: &mut draw,
            weights,
            reference,
            resize: Resize::default(),
        };
        standard(input, &setup).unwrap()
    };
    let report = measure(&test, None);
    let names: Vec<&str> = report.rows.iter().map(|row| row.measure.as_str()).collect();
    assert_eq!(names, ["FID", "KID", "Inception Score", "Inception precision", "Inception recall"]);
    // The samples are the held-out images, in another order, on which the parts of two figures depend.
    for row in report.rows.iter().filter(|row| !["KID", "Inception Score"].contains(&row.measure.as_str())) {
        let real = row.real.unwrap();
        assert!((row.value - real).abs() < 1e-6 * real.abs().max(1.0), "{row:?}");
    }
    let notes = report.notes.join("; ");
    for part in ["20 samples", "24 training images of `first`", "pytorch-fid does", "not those of the published"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    let kept = fs::read_dir(folder.join("cache/features")).unwrap().next().unwrap().unwrap().path();
    let reference = Reference::read(&kept).unwrap();
    assert_eq!((reference.count, reference.features.len()), (Some(24), 24 * FEATURES));
    // From the cache, and from a file that is given: the same distance.
    let written = fs::metadata(&kept).unwrap().modified().unwrap();
    assert_eq!(measure(&test, None).rows, report.rows);
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), written);
    assert_eq!(measure(&test, Some(&kept)).rows, report.rows);
    fs::copy(&kept, folder.join("reference.npz")).unwrap();
    command(weights, &folder.join("reference.npz"), folder);
    // The training images themselves are nearer.
    assert!(measure(&train, None).rows[0].value < 0.5 * report.rows[0].value);
}

/// `saddle eval` with these weights and a file of statistics, as scripts call it.
fn command(weights: &Path, reference: &Path, folder: &Path) {
    for (name, magic, shape, bytes) in [
        ("train-images-idx3-ubyte", 0x803u32, &[40u32, 8, 8][..], pictures("a", [40, 1, 8, 8])),
        ("t10k-images-idx3-ubyte", 0x803, &[20, 8, 8], pictures("b", [20, 1, 8, 8])),
    ] {
        let head: Vec<u8> = std::iter::once(&magic).chain(shape).flat_map(|n| n.to_be_bytes()).collect();
        fs::write(folder.join(name), [head, bytes].concat()).unwrap();
    }
    let saddle = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saddle"));
        command.args(line.split(' ')).current_dir(folder).env("SADDLE_CACHE", folder.join("cache"));
        let said = command.output().unwrap();
        assert!(said.status.success(), "{line}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    };
    saddle("train gan --data train-images-idx3-ubyte --steps 2 --batch 8 --set hidden_g=8 --adapter cpu --out run");
    let [weights, reference] = [weights, reference].map(|path| path.file_name().unwrap().to_str().unwrap());
    let options = "--count 20 --effort 0.01 --adapter cpu --json";
    let told = saddle(&format!("eval run --features {weights} --reference {reference} {options}"));
    let reports: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(reports[0]["title"], "Images of `train-images-idx3-ubyte`, by Inception's features");
    assert_eq!(reports[1]["title"], "Images of `train-images-idx3-ubyte`");
    let rows = reports[0]["rows"].as_array().unwrap();
    assert_eq!((&rows[0]["measure"], &rows[0]["verdict"]), (&"FID".into(), &"unsure".into()));
    assert!(rows[0]["value"].as_f64().unwrap() > rows[0]["real"].as_f64().unwrap(), "{rows:?}");
    assert!(reports[0]["notes"].to_string().contains("the statistics in reference.npz"), "{}", reports[0]["notes"]);
}

/// With pytorch-fid's semantics in plain PyTorch, and both forms of its files; `SADDLE_TEST_PYTHON` names a Python that
/// has it.
#[test]
fn features_and_distances_of_files_of_pytorch_are_its_own() {
    let python = std::env::var("SADDLE_TEST_PYTHON").unwrap_or("python3".into());
    if !Command::new(&python).args(["-c", "import torch"]).output().is_ok_and(|o| o.status.success()) {
        // Not `eprintln!`: the test harness hides its output if a test passes.
        return writeln!(stderr(), "SKIPPED: there is no Python with torch; SADDLE_TEST_PYTHON names one").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/inception.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen_by = |file: &str, name: &str| {
        let path = folder.path().join(file);
        let mut network = Inception::open(&path, [3, 32, 32], Resize::PytorchFid, &setup()).unwrap();
        seen(&mut network, &set(name, [24, 3, 32, 32]))
    };
    let [first, second] = [seen_by("new.pth", "first"), seen_by("old.pth", "second")];
    for (name, seen) in [("first", &first), ("second", &second)] {
        let bytes = fs::read(folder.path().join(format!("{name}.f32"))).unwrap();
        let want = bytes.as_chunks::<4>().0.iter().map(|v| f64::from(f32::from_le_bytes(*v)));
        let error = apart(seen.features.iter().copied(), want);
        println!("{name}: {error:.1e}");
        assert!(error < 1e-5, "{name}: {error:e}");
    }
    let want: f64 = serde_json::from_slice(&fs::read(folder.path().join("fid.json")).unwrap()).unwrap();
    let got = first.moments.frechet_distance(&second.moments);
    println!("FID {got}, {want}");
    assert!((got - want).abs() < 1e-4 * want, "{got}, not {want}");
}

#[test]
fn state_dicts_of_both_forms_are_read_and_others_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = |bytes: &[u8]| {
        let path = folder.path().join("a.pth");
        fs::write(&path, bytes).unwrap();
        StateDict::open(&path)
    };
    let [new, old] = [&include_bytes!("fixtures/state_new.pth")[..], &include_bytes!("fixtures/state_old.pth")[..]];
    for bytes in [new, old] {
        let weights = open(bytes).unwrap();
        assert_eq!(weights.names().collect::<Vec<_>>(), ["conv.weight", "part", "turned"]);
        assert_eq!(weights.values("conv.weight", &[2, 3]).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        // Views of other tensors: transposed, and from some place on.
        assert_eq!(weights.values("turned", &[3, 2]).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(weights.values("part", &[2]).unwrap(), [4.0, 5.0]);
        let refused = weights.values("part", &[3]).unwrap_err().to_string();
        assert!(refused.contains("`part` has the shape [2], not [3]"), "{refused}");
        assert!(weights.values("other", &[3]).unwrap_err().to_string().contains("has no `other`"));
    }
    let cut = |bytes: &[u8], part: &str| {
        let sentence = open(bytes).map(|_| ()).unwrap_err().to_string();
        assert!(sentence.contains(part) && !sentence.contains('\n'), "{sentence}");
    };
    cut(&old[..old.len() - 3], "missing or cut short");
    cut(&old[..200], "cut short");
    cut(b"", "no file of torch.save");
    cut(&old[..16], "cut short");
    let replaced = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    cut(&replaced(old, b"torch\nFloatStorage", b"torch\nHalfStorage"), "`torch.HalfStorage`");
    cut(&replaced(old, b"ctorch._utils\n_rebuild_tensor_v2", b"cos\nsystem"), "`os.system`");
}
