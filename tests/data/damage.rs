//! Damaged files of every format: an answer or a sentence, never a panic.

use std::fs;

use saddle::data::Options;
use saddle::error::Error;
use saddle::settings::Voices;

use crate::arrays::{f32s, npy, npz};
use crate::music::small_mat;
use crate::symbols::scale;
use crate::{folder_of, gzip, open_at, windows};

/// Opens `content` truncated at every length, and with each byte changed in several ways.
fn damage(name: &str, content: &[u8], options: &Options) {
    let folder = folder_of(&[(name, content)]);
    let path = folder.path().join(name);
    let open = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        open_at(&path, options)
    };
    assert!(open(content).is_ok(), "{name}: {:?}", open(content).err());
    let flips = [0x01, 0x02, 0x10, 0x80, 0xff];
    let cut = (0..content.len()).map(|len| content[..len].to_vec());
    let changed = (0..content.len()).flat_map(|at| flips.map(|flip| (at, flip))).map(|(at, flip)| {
        let mut content = content.to_vec();
        content[at] ^= flip;
        content
    });
    for content in cut.chain(changed) {
        match open(&content) {
            Ok(set) => assert!(!set.is_empty(), "{name}: {content:?}"),
            Err(Error::Failure(sentence)) => {
                assert!(!sentence.contains('\n') && sentence.contains(name), "{name}: {sentence}");
            }
            Err(error) => panic!("{name}: {error} for {content:?}"),
        }
    }
}

#[test]
fn damaged_tables_and_texts_never_panic() {
    let table = "time,a,\"b\"\nx,1,2.5\ny,-2e1,3\nz,4,5\n";
    damage("a.csv", table.as_bytes(), &windows(2, None));
    damage("a.csv", table.as_bytes(), &Options::default());
    damage("a.csv.gz", &gzip(table.as_bytes()), &windows(2, None));
    let text = "Ein Text, in dem \u{e4} steht.\r\n";
    damage("a.txt", text.as_bytes(), &windows(4, None));
    damage("a.txt.gz", &gzip(text.as_bytes()), &windows(4, None));
}

#[test]
fn damaged_arrays_never_panic() {
    let sequences = f32s(&[2, 2, 2], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    damage("a.npy", &sequences, &Options::default());
    let members = [("x", npy("|u1", &[2, 1, 2, 3], &[7; 12])), ("y", npy("<i4", &[2], &[1, 0, 0, 0, 2, 0, 0, 0]))];
    damage("a.npz", &npz(&members), &Options::default());
}

#[test]
fn damaged_matrices_never_panic() {
    damage("a.mat", &small_mat(), &windows(2, None));
}

#[test]
fn damaged_melodies_never_panic() {
    damage("a.mid", &scale(), &windows(16, None));
    damage("a.mid", &scale(), &Options { voices: Voices::All, ..windows(16, None) });
}
