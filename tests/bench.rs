//! What `saddle bench` measures.

use std::{collections::BTreeSet, fs, path::Path};

use saddle::{bench::CASES, kernels::Caps};

/// All kernels but those that only measure the device, by the files that they live in.
#[test]
fn every_kernel_is_in_a_measured_round() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels");
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let kernels = paths.filter(|path| fs::read_to_string(path).unwrap().contains("impl Spec for"));
    let mut kernels: BTreeSet<String> =
        kernels.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    kernels.retain(|name| !name.ends_with("multiply_add"));
    for case in CASES {
        let planned = case.plan(&Caps::default()).unwrap();
        kernels.retain(|name| planned.programs().flat_map(|p| &p.launches).all(|launch| launch.kernel.name() != name));
    }
    assert!(kernels.is_empty(), "in no round of `bench::CASES`: {kernels:?}");
}
