//! Measures of music against those of other packages, and the likelihood of rolls.

use std::path::Path;

use saddle::{
    data::{Chord, Note, Options, Split, open},
    metrics::music::{Piece, key_nats},
};
use serde_json::Value;

/// `tests/fixtures/music.py` makes them.
#[test]
fn measures_are_those_of_muspy() {
    let pieces: Vec<Value> = serde_json::from_str(include_str!("fixtures/music.json")).unwrap();
    for piece in &pieces {
        let note = |note: &Value| {
            let [start, end, pitch] = [0, 1, 2].map(|n| note[n].as_u64().unwrap() as usize);
            Note { start, end, pitch: pitch as u8 }
        };
        let notes: Vec<Note> = piece["notes"].as_array().unwrap().iter().map(note).collect();
        let ours = Piece::new(&notes, 96, 16, 4).unwrap();
        for (name, value) in [
            ("tone_span", ours.tone_span()),
            ("entropy", ours.pitch_class_entropy()),
            ("empty_bars", ours.empty_bars()),
            ("scale_consistency", ours.scale_consistency()),
            ("pitch_classes", ours.pitch_classes()),
        ] {
            let theirs = piece[name].as_f64().unwrap();
            assert!((value - theirs).abs() < 1e-12, "{name}: {value}, not {theirs}");
        }
        assert!(ours.scale_consistency() >= piece["muspy_scale_consistency"].as_f64().unwrap());
    }
}

/// Boulanger-Lewandowski's chorales, where they are at hand: the parts, and what simple rules reach on them.
#[test]
fn chorales_have_their_parts_and_floors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/music/JSB_Chorales.mat");
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return;
    }
    let part = |split, window| {
        open(path.to_str().unwrap(), &Options { split, window, holdout: 0.1, ..Options::default() }).unwrap()
    };
    let [train, test] = [Split::Train, Split::Test].map(|split| part(split, None));
    assert_eq!([train.pieces.len(), test.pieces.len()], [229, 77]);
    let steps = |pieces: &[Vec<Chord>]| pieces.iter().map(Vec::len).sum::<usize>();
    assert_eq!([steps(&train.pieces), steps(&test.pieces)], [13_807, 4_725]);
    let options = Options { split: Split::Test, chooses: true, ..Options::default() };
    assert_eq!(open(path.to_str().unwrap(), &options).unwrap().pieces.len(), 76);
    for (nats, expected) in [
        (key_nats(&[], &test.pieces, 88, false), 60.997),
        (key_nats(&train.pieces, &test.pieces, 88, false), 11.06),
        (key_nats(&train.pieces, &test.pieces, 88, true), 10.48),
    ] {
        assert!((nats - expected).abs() < 0.006, "{nats}, not {expected}");
    }
}
