//! Rolls of all voices from training to MIDI files.

use saddle::data::{Chord, KEYS, Music, read_midi};

use super::{Place, refused};

/// Two voices: a scale over a note that is struck at each beat.
fn song() -> Vec<u8> {
    let chord = |step: usize| {
        let [high, low] = [1u128 << (60 + step / 4 % 8), 1 << 48];
        let begins = if step.is_multiple_of(4) { high | low } else { 0 };
        Chord { sounds: high | low, begins }
    };
    let piece: Vec<Chord> = (0..300).map(chord).collect();
    Music { tempo: 600_000, ..Music::default() }.to_midi(&piece).unwrap()
}

#[test]
fn rolls_are_learned_measured_and_written() {
    let place = Place::new();
    place.write("song.mid", &song());
    for variant in ["lstm", "lstm-gan", "rvae", "rvae-gan"] {
        let line = format!("train {variant} --data song.mid --set voices=all --set window=8 --set units=6 --batch 8");
        let line = format!("{line} --set samples=8 --steps 4 --set sample_every=2 --adapter cpu --out {variant}");
        let said = place.saddle(&line);
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
        let samples = ["step-000002.mid", "step-000002.png", "step-000004.mid", "step-000004.png"];
        assert_eq!(place.names(&format!("{variant}/samples")), samples);
        let said = place.saddle(&format!("eval {variant} --adapter cpu"));
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
        for measure in
            ["polyphony", "scale consistency", "repetitions of 9 tones", "empty bars", "distance of intervals"]
        {
            assert!(said.out.contains(measure), "{variant}: {measure}: {}", said.out);
        }
        assert_eq!(said.out.contains("NLL per step, whole pieces"), variant == "lstm", "{}", said.out);
        assert_eq!(said.out.contains("NLL per step, half a probability"), variant != "lstm-gan", "{}", said.out);
        // Several are numbered; one has the name that was asked for.
        let said = place.saddle(&format!("sample {variant} --count 2 --out {variant}-new/a.mid --adapter cpu"));
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
        assert_eq!(place.names(&format!("{variant}-new")), ["a-001.mid", "a-002.mid"]);
        assert!(said.out.contains("a-001.mid") && said.out.contains("a-002.mid"), "{}", said.out);
        let said = place.saddle(&format!("sample {variant} --out {variant}.png --adapter cpu"));
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
    }
    let said = place.saddle("sample lstm --prompt song.mid --length 20 --seed 3 --out b.mid --adapter cpu");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let [prompt, written] = ["song.mid", "b.mid"].map(|name| read_midi(&place.path(name), 4).unwrap());
    assert_eq!((&written.piece[..300], written.music), (&prompt.piece[..], prompt.music), "the prompt comes first");
    assert!(written.piece.len() > 300, "something follows");
    // Every form has the same sample.
    for ending in ["mid", "csv"] {
        let said =
            place.saddle(&format!("sample lstm --count 1 --length 12 --seed 5 --out same.{ending} --adapter cpu"));
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let piece = read_midi(&place.path("same.mid"), 4).unwrap().piece;
    assert!(!piece.is_empty());
    let table = String::from_utf8(place.read("same.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 12);
    for (row, chord) in table.lines().skip(1).zip(&piece) {
        let keys = row.split(',').skip(2).take(KEYS).map(|cell| cell == "1");
        assert_eq!(keys.collect::<Vec<_>>(), chord.values(KEYS).collect::<Vec<_>>(), "{row}");
    }
    place.saddle("sample lstm --prompt song.mid --length 20 --seed 3 --out c.mid --adapter cpu");
    assert_eq!(place.read("b.mid"), place.read("c.mid"));
    for (more, words) in [
        ("--prompt C4 --out d.mid", "the prompt is a MIDI file"),
        ("--prompt none.mid --out d.mid", "none.mid"),
        ("--top-k 3 --out d.mid", "choose among symbols"),
        ("--out d.txt", "png, csv, npy, mid"),
    ] {
        refused(
            &place,
            &format!("sample lstm {more} --adapter cpu"),
            if more.contains("none") { 1 } else { 2 },
            &[words],
        );
    }
    refused(&place, "train lstm --data song.mid --set voices=low --out x", 2, &["highest", "all"]);
    refused(&place, "train lstm --data song.mid --set voices=all --set size=8 --out x", 2, &["size"]);
}

#[test]
fn melodies_go_on_from_midi_files() {
    let place = Place::new();
    place.write("song.mid", &song());
    let line =
        "train lstm --data song.mid --set window=8 --set units=6 --batch 8 --set samples=8 --steps 4 --adapter cpu";
    assert_eq!(place.saddle(&format!("{line} --set transpose=true --out run")).code, Some(0));
    assert_eq!(place.names("run/samples"), ["step-000004.mid", "step-000004.png"]);
    let said = place.saddle("sample run --prompt song.mid --length 9 --out b.mid --adapter cpu");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let [prompt, written] = ["song.mid", "b.mid"].map(|name| read_midi(&place.path(name), 4).unwrap());
    let high = |piece: &[Chord]| piece[..290].iter().map(|chord| chord.sounds.ilog2()).collect::<Vec<_>>();
    assert_eq!((high(&written.piece), written.music.tempo), (high(&prompt.piece), 600_000));
    let said = place.saddle("eval run --adapter cpu");
    assert!(said.code == Some(0) && said.out.contains("polyphony") && said.out.contains("6-gram"), "{}", said.out);
}
