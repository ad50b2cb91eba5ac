//! The entry points for untrusted bytes: data files, checkpoints, settings. The fuzz targets use them, and the test
//! that runs on stable Rust.

use std::{fs, path::Path};

use saddle::{
    checkpoint::Checkpoint,
    data::{self, Options, Split},
    error::Result,
    models,
    run::Run,
    session::Session,
    settings::{Layer, Settings},
    state_dict::StateDict,
    trained::Trained,
};
use sha2::{Digest, Sha256};

/// Gives bytes to their reader: as a file of this name in a new folder, or as settings. Returns whether they are
/// accepted; an error is correct, too.
pub fn feed(name: &str, bytes: &[u8]) -> bool {
    if name == "--set" {
        let mut layer = Layer::default();
        let text = String::from_utf8_lossy(bytes);
        let taken = text.lines().try_for_each(|line| layer.assign(line));
        return taken.and_then(|()| Settings::resolve(&models::menu(), &[layer])).is_ok();
    }
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a name in a folder")).expect("a folder can be made");
    let signed = name.starts_with("signed/");
    let bytes = if signed { &sign(bytes) } else { bytes };
    fs::write(&path, bytes).expect("a file can be written");
    match name {
        _ if signed => sampler(&path).is_ok(),
        "run.toml" => Run::open(folder.path(), &models::menu()).is_ok(),
        "step-000001.safetensors" => Checkpoint::load(&path).is_ok(),
        "a.pth" | "old.pth" | "weights.safetensors" => weights(&path).is_ok(),
        "train-labels-idx1-ubyte" => {
            fs::write(folder.path().join("train-images-idx3-ubyte"), IMAGES).expect("a file can be written");
            open(folder.path())
        }
        // A picture is read as part of a folder.
        _ if name.contains('/') => open(folder.path()),
        _ => open(&path),
    }
}

/// Two images of 2 x 2 in IDX.
pub const IMAGES: &[u8] = b"\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02\x01\x02\x03\x04\x05\x06\x07\x08";

/// The bytes of a checkpoint with a correct digest, which an attacker would also write.
fn sign(bytes: &[u8]) -> Vec<u8> {
    const BEFORE: &[u8] = br#"\"sha256\":\""#;
    let mut signed = bytes.to_vec();
    if let Some(at) = bytes.windows(BEFORE.len()).position(|part| part == BEFORE).map(|at| at + BEFORE.len())
        && let Some(digits) = signed.get_mut(at..at + 64)
    {
        digits.fill(b'0');
        let digest: String = Sha256::digest(&signed).iter().map(|byte| format!("{byte:02x}")).collect();
        signed[at..at + 64].copy_from_slice(digest.as_bytes());
    }
    signed
}

/// Opens a checkpoint as `saddle sample` does, in the folder of a run.
fn sampler(path: &Path) -> Result<Session> {
    let folder = path.parent().expect("a file lies in a folder");
    let checkpoints = folder.join("checkpoints");
    fs::create_dir(&checkpoints).expect("a folder can be made");
    fs::rename(path, checkpoints.join("step-000001.safetensors")).expect("a file can be moved");
    fs::write(folder.join("run.toml"), "variant = \"gan\"\ndata = \"ring\"\n").expect("a file can be written");
    Trained::open(folder)?.session(&[models::SAMPLE], Some("cpu"))
}

/// Reads every tensor of a file of weights.
fn weights(path: &Path) -> Result<()> {
    let weights = StateDict::open(path)?;
    weights.names().try_for_each(|name| weights.values(name, weights.shape(name).unwrap_or_default()).map(drop))
}

/// Opens a file as points, pictures or symbols and as windows of a series, in both parts and with and without a size.
/// Returns whether any combination is accepted; many are not, because series have no size and few sets have a test
/// part.
fn open(path: &Path) -> bool {
    let spec = path.to_str().expect("names of tests are UTF-8");
    let mut taken = false;
    for window in [None, Some(3)] {
        for split in [Split::Train, Split::Test] {
            for size in [None, Some(8.into())] {
                taken |= data::open(spec, &Options { window, split, size, ..Default::default() }).is_ok();
            }
        }
    }
    taken
}
