//! Checkpoints: a damaged file is never loaded, whatever the damage.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stderr};
use std::path::Path;
use std::process::Command;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use saddle::checkpoint::{Checkpoint, Tensor, file_name, latest, prune, step_of};

fn checkpoint(step: u64, values: usize) -> Checkpoint {
    let weights = Tensor { shape: vec![values / 2, 2], data: (0..values).map(|i| (i as f32).sin()).collect() };
    let odd = [f32::NEG_INFINITY, f32::MIN_POSITIVE / 2.0, -0.0];
    Checkpoint {
        tensors: BTreeMap::from([
            ("g.0.weight".to_string(), weights),
            ("g.\"é\\".to_string(), Tensor { shape: vec![3], data: odd.to_vec() }),
            ("scalar".to_string(), Tensor { shape: vec![], data: vec![7.0] }),
            ("none".to_string(), Tensor { shape: vec![0, 4], data: vec![] }),
        ]),
        meta: BTreeMap::from([("step".into(), step.to_string()), ("seed".into(), u64::MAX.to_string())]),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn refused(path: &Path, why: &str) {
    let sentence = Checkpoint::load(path).unwrap_err().to_string();
    assert!(sentence.contains(why) && sentence.contains(path.to_str().unwrap()), "{sentence}");
}

#[test]
fn what_is_saved_is_loaded_and_the_bytes_are_the_same_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let saved = checkpoint(200, 64);
    saved.save(&a).unwrap();
    saved.save(&b).unwrap();
    let loaded = Checkpoint::load(&a).unwrap();
    assert_eq!(loaded, saved);
    let bits = |c: &Checkpoint| c.tensors["g.\"é\\"].data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&loaded), bits(&saved));
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
    assert_eq!(names(folder.path()), ["a", "b"]);
    assert_eq!((loaded.meta::<u64>("step").unwrap(), loaded.meta::<u64>("seed").unwrap()), (200, u64::MAX));
    assert_eq!(
        loaded.meta::<u8>("seed").unwrap_err().to_string(),
        "the checkpoint's `seed` cannot be `18446744073709551615`"
    );
    assert_eq!(loaded.meta::<u8>("x").unwrap_err().to_string(), "the checkpoint has no `x`");
    assert_eq!(Checkpoint::default(), {
        Checkpoint::default().save(&a).unwrap();
        Checkpoint::load(&a).unwrap()
    });
}

#[test]
fn a_truncated_file_is_refused_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    checkpoint(1, 64).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        refused(&path, "is ");
    }
    fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
    refused(&path, "is damaged: its length is not what its header says");
}

#[test]
fn a_changed_byte_is_refused_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    checkpoint(1, 64).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut random = StdRng::seed_from_u64(1);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= random.random_range(1..=255u8);
        fs::write(&path, &changed).unwrap();
        refused(&path, "c`");
    }
    // A change that a JSON parser ignores: another blank in the padding.
    let mut changed = whole.clone();
    let padding = whole.windows(2).position(|w| w == b"} ").expect("a padded header") + 1;
    changed[padding] = b'\n';
    fs::write(&path, &changed).unwrap();
    refused(&path, "is damaged: its content does not match its sha256");
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    refused(&path, "cannot read checkpoint");
    refused(folder.path(), "cannot read checkpoint");
    fs::write(&path, b"\x89PNG\r\n\x1a\n................").unwrap();
    refused(&path, "is not a readable safetensors file");
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![40], &[0; 160]).unwrap();
    fs::write(&path, safetensors::serialize([("w", view)], None).unwrap()).unwrap();
    refused(&path, "is a safetensors file, but not one that saddle wrote");
    let tensors = BTreeMap::from([("w".into(), Tensor { shape: vec![3], data: vec![1.0] })]);
    let misshapen = Checkpoint { tensors, ..Checkpoint::default() };
    assert!(misshapen.save(&path).unwrap_err().to_string().starts_with("cannot write checkpoint"));
}

#[test]
fn the_newest_good_one_is_found_and_old_ones_are_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(latest(folder).unwrap(), None);
    assert_eq!(latest(&folder.join("none")).unwrap(), None);
    for step in [9, 200, 999_999, 1_000_000, 1_000_001] {
        checkpoint(step, 4).save(&folder.join(file_name(step))).unwrap();
    }
    for stranger in ["notes.txt", "step-7.safetensors", "step-x.safetensors", "step-+00200.safetensors"] {
        fs::write(folder.join(stranger), "x").unwrap();
        assert_eq!(step_of(stranger.as_ref()), None);
    }
    fs::write(folder.join(file_name(1_000_001)), "torn").unwrap();
    let (path, found) = latest(folder).unwrap().unwrap();
    assert_eq!((path, found), (folder.join("step-1000000.safetensors"), checkpoint(1_000_000, 4)));

    // A newer checkpoint that cannot be read is an error, because it may be good.
    fs::create_dir(folder.join(file_name(1_000_002))).unwrap();
    let sentence = latest(folder).unwrap_err().to_string();
    assert!(sentence.contains("step-1000002.safetensors`: it is a folder") && sentence.contains("older"), "{sentence}");
    fs::remove_dir(folder.join(file_name(1_000_002))).unwrap();

    fs::write(folder.join(".unfinished-abc"), "half").unwrap();
    prune(folder, 2).unwrap();
    let strangers = ["notes.txt", "step-+00200.safetensors", "step-1000000.safetensors", "step-1000001.safetensors"];
    assert_eq!(names(folder), [&strangers[..], &["step-7.safetensors", "step-x.safetensors"]].concat());
    prune(folder, 0).unwrap();
    assert!(folder.join("step-1000001.safetensors").exists(), "the newest one always stays");
    let sentence = latest(folder).unwrap_err().to_string();
    assert!(
        sentence.starts_with("none of the 1 checkpoints in") && sentence.ends_with("start a new run"),
        "{sentence}"
    );
}

const SMALL_DISK: &str = "SADDLE_TEST_SMALL_DISK";

/// Runs itself in a new mount namespace with a mounted disk of 64 KiB, which disappears with the process.
#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    if let Some(disk) = std::env::var_os(SMALL_DISK) {
        return fill(disk.as_ref());
    }
    let disk = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=64k tmpfs \"$SADDLE_TEST_SMALL_DISK\" || exit 77; exec \"$0\" \"$@\"";
    let child = Command::new("unshare")
        .args(["-rm", "sh", "-c", mount])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_leaves_the_old_checkpoint", "--nocapture"])
        .env(SMALL_DISK, disk.path())
        .output();
    match child {
        Ok(output) if output.status.success() => {}
        Ok(output) if output.status.code() == Some(101) => {
            panic!("{}", String::from_utf8_lossy(&output.stderr))
        }
        // Not `eprintln!`: the test harness hides its output if a test passes.
        other => writeln!(stderr(), "SKIPPED: no small disk could be mounted: {other:?}").unwrap(),
    }
}

fn fill(disk: &Path) {
    let path = disk.join(file_name(1));
    checkpoint(1, 4000).save(&path).unwrap();
    for (path, step) in [(disk.join(file_name(2)), 2), (path.clone(), 1)] {
        let sentence = checkpoint(step, 40_000).save(&path).unwrap_err().to_string();
        assert!(sentence.starts_with(&format!("cannot write `{}`: No space left", path.display())), "{sentence}");
        assert_eq!(names(disk), ["step-000001.safetensors"]);
    }
    assert_eq!(latest(disk).unwrap().unwrap(), (path, checkpoint(1, 4000)));
    checkpoint(3, 4000).save(&disk.join(file_name(3))).unwrap();
}

#[test]
fn an_unwritable_place_is_named() {
    let sentence = checkpoint(1, 4).save("none/c".as_ref()).unwrap_err().to_string();
    assert_eq!(sentence, "cannot write `none/c`: No such file or directory (os error 2)");
}
