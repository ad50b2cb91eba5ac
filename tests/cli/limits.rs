//! Runs that need more memory than a device has: the error, and how the run continues with more memory.

use std::{
    io::{Write, stderr},
    process::Command as Process,
};

use serde_json::Value;

use super::{Place, SADDLE, Said, refused, tiny};

/// The kind of the first GPU adapter; prints a line if there is none.
fn first_adapter(place: &Place) -> Option<String> {
    let listed: Value = serde_json::from_str(&place.saddle("devices --json").out).unwrap();
    let kind = listed["devices"].get(0).map(|first| first["kind"].as_str().unwrap().to_string());
    if kind.is_none() {
        // Not `eprintln!`: the test harness hides its output if a test passes.
        stderr().write_all(b"SKIPPED: there is no GPU adapter\n").unwrap();
    }
    kind
}

/// The output of `saddle LINE` in a process limited to `kib` KiB of virtual memory.
fn within(place: &Place, kib: usize, line: &str) -> Said {
    let mut process = Process::new("sh");
    process.args(["-c", &format!("ulimit -v {kib}; exec \"$0\" {line}"), SADDLE]).current_dir(place.0.path());
    let output = process.env("RAYON_NUM_THREADS", "2").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[track_caller]
fn out_of_memory(said: &Said, words: &[&str]) {
    let error = said.err.lines().next_back().unwrap_or_default();
    assert_eq!(said.code, Some(1), "{}", said.err);
    for word in words.iter().chain(&["error: ", " MiB"]) {
        assert!(error.contains(word), "no `{word}` in {}", said.err);
    }
}

#[test]
fn the_largest_batch_that_fits_is_named() {
    let place = Place::new();
    if first_adapter(&place).is_none() {
        return;
    }
    let line = "train dcgan --data train-images-idx3-ubyte --size 64 --adapter 0 --dry-run --set pack=2 --batch";
    let sentence = place.saddle(&format!("{line} 65536")).err;
    refused(&place, &format!("{line} 65536"), 1, &["[65536, ", " MiB, but a binding of this adapter holds at most "]);
    let fits = sentence.rsplit_once("` fits").and_then(|(s, _)| s.rsplit_once("`--batch ")).unwrap().1;
    let fits: usize = fits.parse().unwrap_or_else(|_| panic!("{sentence}"));
    assert_eq!(place.saddle(&format!("{line} {fits}")).code, Some(0));
    refused(&place, &format!("{line} {}", fits + 2), 1, &[&format!("`--batch {fits}` fits")]);
}

#[test]
fn a_run_goes_on_where_there_is_memory() {
    let place = Place::new();
    // 35 MiB in each of four buffers.
    let line = "--set hidden_d=3000,3000 --set checkpoint_every=2 --set sample_every=0 --keep 1";
    place.trained(&format!("--out whole --steps 4 {line}"));
    let said = within(&place, 150_000, &tiny(&format!("--out none --steps 4 {line}")));
    out_of_memory(
        &said,
        &["this takes ", " are free (the process's limit, `ulimit`, is 146.5 MiB)", "a smaller model"],
    );
    assert!(!place.path("none").exists());
    place.trained(&format!("--out a --steps 2 {line}"));
    let said = within(&place, 150_000, "train --out a --resume --steps 4");
    out_of_memory(&said, &["checkpoints/step-000002.safetensors` there is no memory for "]);
    assert_eq!(place.saddle("train --out a --resume --steps 4").code, Some(0));
    assert!(place.states("whole", 4) == place.states("a", 4));
}

/// Software drivers allocate from the memory of the process.
#[test]
fn a_driver_without_memory_is_named() {
    let place = Place::new();
    if first_adapter(&place).is_none_or(|kind| kind != "software") {
        return;
    }
    let line = "--set hidden_d=5000,5000,5000,5000,5000,5000,5000,5000 --adapter 0 --out a";
    out_of_memory(&within(&place, 1_500_000, &tiny(line)), &["this takes ", "ulimit"]);
    assert!(!place.path("a").exists());
}
