//! Streamed and packed data on the command line: chosen by itself, said, measured, and refused where it cannot be.

use std::fs;

use crate::{Place, Said, metrics, refused, said, tiny};

/// Trains with at most this many bytes of examples on the device.
fn bounded(place: &Place, line: &str, most: &str) -> Said {
    said(place.process(&tiny(line)).env("SADDLE_RESIDENT", most).output().unwrap())
}

#[test]
fn what_does_not_fit_is_streamed_with_the_same_bits() {
    let place = Place::new();
    // 2,560 bytes of examples, 512 a round.
    let streamed = bounded(&place, "--out a --steps 10", "1100");
    assert_eq!(streamed.code, Some(0), "{}", streamed.err);
    assert!(streamed.err.contains("the data is streamed: the device holds 2 rounds of it"), "{}", streamed.err);
    assert!(metrics(&place.read("a/metrics.jsonl")).iter().all(|line| line.contains_key("starved")));
    let resident = place.trained("--out b");
    assert!(!resident.err.contains("streamed"), "{}", resident.err);
    assert!(!metrics(&place.read("b/metrics.jsonl"))[0].contains_key("starved"));
    // It goes on from memory.
    place.trained("--out a --resume --steps 20");
    assert_eq!(place.states("a", 20), place.states("b", 20));
    let small = bounded(&place, "--out c", "500");
    assert_eq!(small.code, Some(1));
    for words in ["the examples of one round, 8 of them, take 0.0 MiB", "SADDLE_RESIDENT allows", "`--batch 7` fits"] {
        assert!(small.err.contains(words), "{}", small.err);
    }
    refused(&place, &tiny("--out c --set order=blocks"), 2, &["order=blocks is for files that `saddle pack` wrote"]);
    place.write("a.txt", "To be, or not to be: that is the question.\n".repeat(40).as_bytes());
    let line = "train lstm --data a.txt --set carry=true --set stream=true --batch 4 --steps 2 --adapter cpu --out c";
    refused(&place, line, 2, &["`carry` reads the whole text in order"]);
    assert!(!place.path("c").exists());
}

#[test]
fn a_set_is_packed_looked_at_and_trained_on() {
    let place = Place::new();
    let packed = place.saddle("pack digits --size 8 --out digits.npy");
    assert_eq!(packed.out.trim(), "20000 images of 8x8, 1 channel, 1.2 MiB: digits.npy", "{}", packed.err);
    refused(&place, "pack digits --out digits.npy", 2, &["exists; --force writes over it"]);
    refused(&place, "pack digits --out digits.npz", 2, &["a packed file ends in .npy"]);
    let shown = place.saddle("data digits.npy --set holdout=0.1").out;
    for words in ["18000 grey images of 8x8", "packed from `digits`, in random order", "10 in all: 0 `0`"] {
        assert!(shown.contains(words), "{shown}");
    }
    place.trained("--data digits.npy --set stream=true --out a");
    place.trained("--data digits.npy --set stream=false --out b");
    assert_eq!(place.states("a", 20), place.states("b", 20));
    let file = fs::OpenOptions::new().write(true).open(place.path("digits.npy")).unwrap();
    file.set_len(10_000).unwrap();
    let cut = "is cut short: it has 10000 bytes, and should have 1280128";
    refused(&place, "train --out a --resume --steps 30", 1, &[cut]);
}

/// Arrays larger than memory are read piece by piece, and packed into the same files as those that memory holds.
#[test]
fn arrays_of_any_length_are_packed() {
    let place = Place::new();
    let byte = |i: usize| (i * i % 251) as u8;
    let bytes: Vec<u8> = (0..300 * 20 * 24 * 3).map(byte).collect();
    let masks: Vec<u8> = (0..400 * 30 * 30).map(|i| byte(i) & 1).collect();
    let floats = |n: usize| (0..n).flat_map(|i| (f32::from(byte(i)) / 7.0 - 3.0).to_le_bytes()).collect::<Vec<u8>>();
    let arrays = [
        ("last", "|u1", "(300, 20, 24, 3)", bytes.clone(), "--size 16", 300),
        ("first", "|u1", "(300, 3, 20, 24)", bytes.clone(), "", 300),
        ("mask", "|u1", "(400, 30, 30)", masks, "", 400),
        ("points", "<f4", "(9000, 7)", floats(63_000), "", 9000),
        ("steps", "<f4", "(900, 10, 7)", floats(63_000), "--set layout=sequences", 900),
        ("words", "<i2", "(9000, 7)", bytes[..126_000].to_vec(), "", 9000),
        ("unit", "<f4", "(200, 20, 20)", floats(80_000), "--set layout=images --set range=data", 200),
    ];
    for (name, kind, shape, values, options, count) in arrays {
        let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        header += &format!("{}\n", " ".repeat(117 - header.len()));
        place.write(&format!("{name}.npy"), &[b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), &values].concat());
        let pack = |out: &str, most: &str| {
            let line = format!("pack {name}.npy {options} --out {out}.npy");
            said(place.process(&line).env("SADDLE_MAX_DATA", most).output().unwrap())
        };
        let whole = pack("whole", "1G");
        assert_eq!(whole.code, Some(0), "{name}: {}", whole.err);
        let pieces = pack("pieces", "100K");
        if name == "unit" {
            assert!(pieces.code == Some(2) && pieces.err.contains("say which it is, as in"), "{}", pieces.err);
            fs::remove_file(place.path("whole.npy")).unwrap();
            continue;
        }
        assert_eq!(pieces.code, Some(0), "{name}: {}", pieces.err);
        assert!(pieces.out.starts_with(&count.to_string()), "{name}: {}", pieces.out);
        let [one, other] = ["pieces.npy", "whole.npy"].map(|file| place.read(file));
        let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        // A whole array of numbers is scaled for a model and back.
        let is_near = |(a, b): (&[u8], &[u8])| a == b || (number(a) - number(b)).abs() <= 1e-5;
        let are_alike = one.len() == other.len() && one.chunks(4).zip(other.chunks(4)).all(is_near);
        assert!(are_alike && (kind == "<f4" || one == other), "{name}");
        for file in ["whole", "pieces"] {
            fs::remove_file(place.path(&format!("{file}.npy"))).unwrap();
        }
    }
    let train = |line: &str| said(place.process(&tiny(line)).env("SADDLE_MAX_DATA", "100K").output().unwrap());
    let refused = train("--data last.npy --out none");
    let way = "more than the 0.1 MiB that SADDLE_MAX_DATA allows; `saddle pack last.npy --out packed.npy` makes a file";
    assert!(refused.code == Some(1) && refused.err.contains(way), "{}", refused.err);
    let [cut, pack] = ["cut.npy", "pack cut.npy --out none.npy"];
    place.write(cut, &fs::read(place.path("last.npy")).unwrap()[..200_000]);
    let refused = said(place.process(pack).env("SADDLE_MAX_DATA", "100K").output().unwrap());
    assert!(refused.code == Some(1) && refused.err.contains("says that it holds 300 x 20 x 24 x 3"), "{}", refused.err);
    assert!(!place.path("none").exists() && !place.path("none.npy").exists());
}
