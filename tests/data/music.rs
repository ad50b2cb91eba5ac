//! Music of all voices: MIDI files and matrices as rolls, and rolls as MIDI files.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use saddle::data::{Chord, Dataset, KEYS, Music, Options, Series, Split, notes, open_test, read_midi};
use saddle::settings::Voices;

use crate::symbols::{midi, scale};
use crate::{assert_failure, assert_usage, folder_of, open_at, open_file, windows};

fn rolls(window: usize) -> Options {
    Options { voices: Voices::All, ..windows(window, None) }
}

fn music_of(set: &Dataset) -> Music {
    set.series.as_ref().and_then(Series::music).unwrap()
}

/// A chord of pitches that sound and of pitches that begin.
fn chord(sounds: &[usize], begins: &[usize]) -> Chord {
    let bits = |pitches: &[usize]| pitches.iter().fold(0u128, |bits, pitch| bits | 1u128 << pitch);
    Chord { sounds: bits(sounds), begins: bits(begins) }
}

#[test]
fn a_roll_is_what_sounds_and_what_begins() {
    // Ticks of a sixteenth. 60 held for four steps over 64 that is struck twice; drums are no keys.
    let first = [0, 0x90, 60, 80, 4, 0x80, 60, 0];
    let second = [0, 0x91, 64, 80, 1, 0x81, 64, 0, 0, 0x91, 64, 80, 2, 0x81, 64, 0];
    let drums = [0, 0x99, 99, 80, 60, 0x89, 99, 0];
    let file = midi(4, &[&first, &second, &drums]);
    let set = open_file("a.mid", file.clone(), &rolls(4)).unwrap();
    let piece = [chord(&[60, 64], &[60, 64]), chord(&[60, 64], &[64]), chord(&[60, 64], &[]), chord(&[60], &[])];
    assert_eq!((set.shape.as_slice(), set.len(), &set.pieces), ([4, 2 * KEYS].as_slice(), 1, &vec![piece.to_vec()]));
    let example = set.example(0);
    assert!(example.iter().all(|key| [0.0, 1.0].contains(key)));
    let series = set.series.as_ref().unwrap();
    assert_eq!(series.pieces(&example, 4).unwrap(), set.pieces);
    let on: Vec<usize> = (0..2 * KEYS).filter(|n| example[*n] == 1.0).collect();
    assert_eq!(on, [39, 43, KEYS + 39, KEYS + 43], "the first step: C4 and E4 sound and begin");
    let csv = String::from_utf8(series.to_csv(&example, 4)).unwrap();
    assert!(csv.starts_with("series,step,A0,A#0,B0,C1,") && csv.lines().next().unwrap().ends_with(",C8 begins"));
    assert!(set.in_full().contains("C4 E4\n") && set.in_full().contains("(C4) (E4)\n"), "{}", set.in_full());
    // Melodies of the same file are the highest notes.
    let set = open_file("a.mid", file, &windows(4, None)).unwrap();
    let Some(Series::Symbols(symbols)) = &set.series else { panic!("no melody") };
    assert_eq!(symbols.names, ["rest", "hold", "64"]);
}

/// Pieces of random keys, held and struck again, come back from a MIDI file as they were, on every grid.
#[test]
fn pieces_return_from_midi_files() {
    let mut state = 1u64;
    let mut random = |of: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % of
    };
    for steps_per_beat in [1, 2, 3, 4, 7, 12, 24, 96] {
        for metre in [[4, 4], [3, 4], [6, 8]] {
            let mut piece = vec![];
            let mut last = 0u128;
            for _ in 0..100 {
                let keys = |bits: u64| (u128::from(bits) & 0xff) << 60;
                let sounds = last & keys(random(256)) | keys(random(256) & random(256));
                let begins = sounds & (!last | keys(random(256) & random(256)));
                piece.push(Chord { sounds, begins });
                last = sounds;
            }
            piece.push(chord(&[21, 108], &[21, 108]));
            let music = Music { steps_per_beat, tempo: 631_579, metre, program: 40 };
            let folder = folder_of(&[("a.mid", &music.to_midi(&piece).unwrap())]);
            let again = read_midi(&folder.path().join("a.mid"), steps_per_beat).unwrap();
            assert_eq!((again.piece, again.music), (piece.clone(), music), "{steps_per_beat} steps a beat");
            let options = Options { steps_per_beat: Some(steps_per_beat), ..rolls(10) };
            let set = open_at(&folder.path().join("a.mid"), &options).unwrap();
            assert_eq!((&set.pieces[0], music_of(&set)), (&piece, music));
        }
    }
}

#[test]
fn twelve_steps_have_room_for_triplets() {
    let triplet: Vec<u8> = [60u8, 62, 64].iter().flat_map(|key| [0, 0x90, *key, 80, 16, 0x80, *key, 0]).collect();
    let file = midi(48, &[&triplet]);
    let starts = |steps_per_beat| {
        let options = Options { steps_per_beat: Some(steps_per_beat), ..rolls(2) };
        let set = open_file("a.mid", file.clone(), &options).unwrap();
        notes(&set.pieces[0]).iter().map(|note| (note.start, note.end)).collect::<Vec<_>>()
    };
    assert_eq!(starts(12), [(0, 4), (4, 8), (8, 12)]);
    assert_eq!(starts(4), [(0, 1), (1, 3), (3, 4)]);
}

#[test]
fn tempo_metre_and_program_are_kept() {
    let meta = [
        &[0, 0xff, 0x51, 3, 0, 0, 0][..],                // a tempo of 0 is none
        &[0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40],           // 1,000,000 microseconds a beat
        &[0, 0xff, 0x58, 4, 3, 2, 24, 8],                // 3/4
        &[0, 0xc0, 19, 0, 0x90, 60, 80, 2, 0x80, 60, 0], // an organ
        &[0, 0xff, 0x51, 3, 0x07, 0xa1, 0x20],
    ];
    let slow = midi(2, &[&meta.concat()]);
    let expected = Music { steps_per_beat: 4, tempo: 1_000_000, metre: [3, 4], program: 19 };
    for options in [rolls(4), windows(4, None)] {
        let set = open_file("a.mid", slow.clone(), &options).unwrap();
        assert_eq!(music_of(&set), expected);
        assert!(set.in_full().contains("4 steps to a beat, 60 beats a minute, 3/4, program 19"), "{}", set.in_full());
        // Of several, the mean tempo, and what most have.
        let folder = folder_of(&[("a.mid", &slow), ("b.mid", &scale()), ("c.mid", &scale())]);
        let of_all = Music { tempo: 666_666, ..Music::default() };
        assert_eq!(music_of(&open_at(folder.path(), &options).unwrap()), of_all);
    }
}

#[test]
fn the_last_window_ends_with_the_piece_and_short_pieces_get_silence() {
    let short = midi(4, &[&[0, 0x90, 40, 80, 3, 0x80, 40, 0]]);
    let folder = folder_of(&[("a.mid", &scale()), ("b.mid", &short)]);
    let set = open_at(folder.path(), &rolls(12)).unwrap();
    // The scale has 32 steps: windows at 0, 6, 12, 18 and 20.
    assert_eq!((set.len(), set.pieces.iter().map(Vec::len).collect::<Vec<_>>()), (5 + 1, vec![32, 3]));
    let pieces = set.series.as_ref().unwrap().pieces(&set.example(4), 12).unwrap();
    assert_eq!(pieces[0], set.pieces[0][20..]);
    let pieces = set.series.as_ref().unwrap().pieces(&set.example(5), 12).unwrap();
    assert_eq!(pieces[0], [set.pieces[1].clone(), vec![Chord::default(); 9]].concat());
    assert!(set.to_string().contains("1 piece shorter than a window"), "{set}");
    // Of rolls only the steps of the music count.
    assert_eq!(set.spelled([4, 5].into_iter()), Some([7.5; 2]));
}

#[test]
fn the_part_to_learn_from_is_transposed() {
    for voices in [Voices::Highest, Voices::All] {
        let part = |transpose, split| {
            let options = Options { voices, transpose, split, holdout: 0.2, ..windows(4, Some(1)) };
            open_file("a.mid", scale(), &options).unwrap()
        };
        let [plain, moved] = [false, true].map(|transpose| part(transpose, Split::Train));
        assert_eq!(moved.len(), 12 * plain.len());
        let [plain, test] = [false, true].map(|transpose| part(transpose, Split::Test));
        assert_eq!((plain.len(), &plain.pieces), (test.len(), &test.pieces));
        assert_eq!(moved.series, test.series, "one alphabet");
        if voices == Voices::All {
            assert_eq!(plain.items, test.items);
        }
    }
    // What leaves the keys of a piano is left out: from C8 nothing is higher.
    let high = midi(4, &[&[0, 0x90, 108, 80, 8, 0x80, 108, 0]]);
    let set = open_file("a.mid", high, &Options { transpose: true, ..rolls(4) }).unwrap();
    assert_eq!(set.len(), 6 * 3);
    assert!(set.to_string().contains("pieces in some key, where they leave the keys that there are (6)"), "{set}");
}

#[test]
fn what_is_no_music_is_explained() {
    let note = [0, 0x90, 60, 80, 4, 0x80, 60, 0];
    let whole = midi(4, &[&note]);
    let cases: [(Vec<u8>, &[&str]); 5] = [
        (midi(4, &[&[0, 0x99, 40, 80, 4, 0x89, 40, 0]]), &["drums only"]),
        (midi(0xe728, &[&note]), &["counts time in frames"]),
        (whole[..whole.len() - 3].to_vec(), &["cut short"]),
        (midi(4, &[&[]]), &["holds no notes"]),
        (midi(4, &[&[0, 0x90, 5, 80, 4, 0x80, 5, 0]]), &["no piece with a note on a piano's keys"]),
    ];
    for (file, parts) in &cases {
        assert_failure(open_file("a.mid", file.clone(), &rolls(4)), &[*parts, &["a.mid"]].concat());
    }
    let folder = folder_of(&[("a.mid", &whole), ("b.mid", &cases[0].0), ("c.mid", &cases[1].0)]);
    let said = open_at(folder.path(), &rolls(4)).unwrap().to_string();
    assert!(said.contains("MIDI files that cannot be read (2") && said.contains("drums only"), "{said}");
    let low = midi(4, &[&note, &[0, 0x90, 5, 80, 4, 0x80, 5, 0]]);
    let said = open_file("a.mid", low, &rolls(4)).unwrap().to_string();
    assert!(said.contains("notes beyond the 88 keys of a piano (1)"), "{said}");

    let text = |options: Options| open_file("a.txt", "abc".repeat(100), &options);
    let all = [
        ("voices", Options { voices: Voices::All, ..Options::default() }),
        ("steps_per_beat", Options { steps_per_beat: Some(4), ..Options::default() }),
        ("transpose", Options { transpose: true, ..Options::default() }),
    ];
    for (name, options) in all {
        assert_usage(text(options), &["holds text", name, "music"]);
    }
}

/// An element of a MATLAB file: its tag, its bytes, and what fills them up.
fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A matrix, or an array of matrices, of a class.
fn matrix(class: u8, extents: [u32; 2], name: &str, content: &[u8]) -> Vec<u8> {
    let extents = extents.map(u32::to_le_bytes).concat();
    let parts = [element(6, &[class, 0, 0, 0, 0, 0, 0, 0]), element(5, &extents), element(1, name.as_bytes())];
    element(14, &[parts.concat(), content.to_vec()].concat())
}

/// A roll of `steps` steps in which key number n sounds at step n, as doubles or bytes.
fn roll(steps: u32, doubles: bool) -> Vec<u8> {
    let value = |n: usize| n / steps as usize == n % steps as usize;
    let values = (0..88 * steps as usize).map(value);
    match doubles {
        true => matrix(
            6,
            [steps, 88],
            "",
            &element(9, &values.flat_map(|v| f64::from(v).to_le_bytes()).collect::<Vec<_>>()),
        ),
        false => matrix(9, [steps, 88], "", &element(2, &values.map(u8::from).collect::<Vec<_>>())),
    }
}

fn array(name: &str, rolls: &[Vec<u8>]) -> Vec<u8> {
    matrix(1, [1, rolls.len() as u32], name, &rolls.concat())
}

fn mat(arrays: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"MATLAB 5.0 MAT-file".to_vec();
    file.resize(124, b' ');
    file.extend([0, 1, b'I', b'M']);
    [file, arrays.concat()].concat()
}

/// The element, compressed, which has no padding.
fn packed(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(vec![], Compression::default());
    encoder.write_all(data).unwrap();
    let data = encoder.finish().unwrap();
    [&15u32.to_le_bytes()[..], &(data.len() as u32).to_le_bytes(), &data].concat()
}

/// A file with two parts, of which one is compressed.
pub fn small_mat() -> Vec<u8> {
    mat(&[array("traindata", &[roll(3, false)]), packed(&array("testdata", &[roll(2, true)]))])
}

#[test]
fn matrices_are_rolls_in_parts() {
    let parts = [
        array("traindata", &[roll(10, false), roll(7, true)]),
        array("validdata", &[roll(9, false)]),
        packed(&array("testdata", &[roll(8, true)])),
    ];
    let folder = folder_of(&[("a.mat", &mat(&parts))]);
    let path = folder.path().join("a.mat");
    let set = open_at(&path, &windows(8, None)).unwrap();
    let lengths = |set: &Dataset| set.pieces.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!((set.shape.as_slice(), set.len(), lengths(&set)), ([8, 88].as_slice(), 2 + 1, vec![10, 7]));
    assert!((0..7).all(|n| set.pieces[1][n] == Chord { sounds: 1 << (21 + n), begins: 0 }));
    assert_eq!(music_of(&set).steps_per_beat, 1);
    let test = open_test(path.to_str().unwrap(), &windows(8, None)).unwrap().unwrap();
    assert_eq!((test.len(), lengths(&test)), (1, vec![8]));
    let said = set.to_string();
    assert!(said.contains("beside testdata to measure with and validdata to choose with"), "{said}");
    let chosen = open_test(path.to_str().unwrap(), &Options { chooses: true, ..windows(8, None) }).unwrap().unwrap();
    assert_eq!((lengths(&chosen), chosen.about.part.as_str()), (vec![9], "validdata, beside traindata to learn from"));
    let parts =
        [array("traindata", &[roll(10, false)]), array("testdata", &[roll(8, true)]), array("more", &[roll(9, true)])];
    let set = open_file("a.mat", mat(&parts), &windows(8, None)).unwrap();
    assert!(set.to_string().contains("`more` (1 piece) is neither learned nor measured"), "{set}");
    let whole = open_at(&path, &Options { parts: false, ..windows(8, None) }).unwrap();
    assert_eq!(lengths(&whole), [10, 7, 9, 8]);
}

#[test]
fn broken_matrices_are_explained() {
    let other = matrix(9, [2, 87], "", &element(2, &[0; 2 * 87]));
    let two = matrix(9, [1, 88], "", &element(2, &[2; 88]));
    let wrong = matrix(9, [3, 88], "", &element(2, &[0; 88]));
    let sparse = matrix(5, [3, 88], "", &element(2, &[0; 88]));
    let train = |roll: Vec<u8>| mat(&[array("traindata", &[roll])]);
    let good = train(roll(5, false));
    let cases: [(Vec<u8>, &str); 8] = [
        (vec![], "is empty"),
        (b"MATLAB 7.3 MAT-file".to_vec(), "version 7.3 (HDF5): save it with `-v7`"),
        (good[..good.len() - 100].to_vec(), "cut short"),
        (mat(&[roll(5, false)]), "holds no cell array of pieces, each a matrix of steps x 88 keys of a piano: `"),
        (train(other), "is 2 x 87, and not steps x 88"),
        (train(two), "values other than 0 and 1"),
        (train(wrong), "another number of values"),
        (train(sparse), "no plain numbers"),
    ];
    for (file, part) in cases {
        assert_failure(open_file("a.mat", file, &windows(4, None)), &[part, "a.mat"]);
    }
    let options = Options { size: Some(8.into()), ..Options::default() };
    assert_usage(open_file("a.mat", good, &options), &["holds piano rolls", "size, which is for images"]);
}
