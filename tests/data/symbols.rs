//! Texts and melodies as sequences of symbols.

use saddle::data::{Dataset, Items, Options, Series, Split, SymbolKind, Symbols};

use crate::{assert_failure, assert_usage, folder_of, gzip, open_at, open_file, windows};

fn symbols(set: &Dataset) -> &Symbols {
    match &set.series {
        Some(Series::Symbols(symbols)) => symbols,
        other => panic!("not symbols: {other:?}"),
    }
}

/// The names of the symbols of each example.
fn spelt(set: &Dataset) -> Vec<Vec<&str>> {
    let names = &symbols(set).names;
    let name = |number: f32| names[number as usize].as_str();
    (0..set.len()).map(|i| set.example(i).into_iter().map(name).collect()).collect()
}

/// A melody as a MIDI file.
fn midi_of(symbols: &Symbols, melody: &[usize]) -> Vec<u8> {
    symbols.music.unwrap().to_midi(&symbols.piece(melody).unwrap()).unwrap()
}

/// The numbers of the symbols of all examples.
fn numbers(set: &Dataset) -> Vec<f32> {
    (0..set.len()).flat_map(|i| set.example(i)).collect()
}

/// A MIDI file of format 1 with `ticks` ticks per beat and these tracks of events.
pub fn midi(ticks: u16, tracks: &[&[u8]]) -> Vec<u8> {
    let mut file = b"MThd\0\0\0\x06\0\x01".to_vec();
    file.extend((tracks.len() as u16).to_be_bytes());
    file.extend(ticks.to_be_bytes());
    for track in tracks {
        let track = [track, b"\0\xff\x2f\0".as_slice()].concat();
        file.extend(b"MTrk");
        file.extend((track.len() as u32).to_be_bytes());
        file.extend(track);
    }
    file
}

/// A scale of quarter notes from middle C, in ticks of a sixteenth.
pub fn scale() -> Vec<u8> {
    let notes = [60u8, 62, 64, 65, 67, 69, 71, 72].map(|key| [0, 0x90, key, 80, 4, 0x80, key, 0]).concat();
    midi(4, &[&notes])
}

#[test]
fn a_text_is_windows_of_its_characters() {
    let text = "ab\u{e9}\r\nab";
    for (name, content) in [("a.txt", text.as_bytes().to_vec()), ("a.txt.gz", gzip(text.as_bytes()))] {
        let set = open_file(name, content, &windows(4, None)).unwrap();
        assert_eq!((set.shape.as_slice(), set.len()), ([4, 4].as_slice(), 2));
        assert_eq!(symbols(&set).names, ["\n", "a", "b", "\u{e9}"]);
        assert_eq!(spelt(&set), [["a", "b", "\u{e9}", "\n"], ["\u{e9}", "\n", "a", "b"]]);
        let sequences = symbols(&set).sequences(&numbers(&set), 4);
        assert_eq!(symbols(&set).to_text(&sequences), "--- 1 of 2\nab\u{e9}\n\n--- 2 of 2\n\u{e9}\nab\n");
        assert_eq!(symbols(&set).to_text(&sequences[..1]), "ab\u{e9}\n\n");
        assert_eq!(symbols(&set).read("ab\u{e9}\r\n").unwrap(), sequences[0]);
        for (prompt, words) in [("aB", ["`B`", "knows `b`"]), ("ax", ["`x`", "knows \\nab"])] {
            assert_usage(symbols(&set).read(prompt).map(|_| set.clone()), &words);
        }
        let csv = String::from_utf8(set.series.as_ref().unwrap().to_csv(&set.example(1), 4)).unwrap();
        assert_eq!(csv, "series,step,symbol\n0,0,\u{e9}\n0,1,\"\n\"\n0,2,a\n0,3,b\n");
        assert_usage(symbols(&set).piece(&sequences[0]).map(|_| set.clone()), &["text", ".txt"]);
    }
    let set = open_file("a.txt", "abc".repeat(100), &Options::default()).unwrap();
    assert_eq!((set.shape.as_slice(), set.len()), ([64, 3].as_slice(), (300 - 64) / 32 + 1));
    assert_eq!(open_file("a.txt", "abcd", &windows(4, Some(1))).unwrap().len(), 1);
}

/// Two bytes for each symbol of a window, whatever the alphabet.
#[test]
fn a_text_of_many_signs_is_small() {
    let text: String = (0x4e00..0x4e00 + 3000).filter_map(char::from_u32).collect();
    let set = open_file("a.txt", text, &windows(100, Some(100))).unwrap();
    assert_eq!((set.shape.as_slice(), set.len()), ([100, 3000].as_slice(), 30));
    let Items::Symbols { ids, .. } = &set.items else { panic!("not symbols") };
    assert_eq!(ids.len(), 2 * 3000);
    assert_eq!(spelt(&set)[29][99], "\u{59b7}");
}

#[test]
fn broken_texts_are_explained() {
    let signs = (0x4e00..0x9fff).chain(0xac00..0xd7a3).chain(0x20000..0x2a6df).filter_map(char::from_u32);
    let many: String = signs.take((1 << 16) + 1).collect();
    let cases: [(&[u8], &[&str]); 3] = [
        (b"", &["is empty"]),
        (b"abc", &["3 characters in a row", "4 of a window"]),
        (many.as_bytes(), &["65537 characters", "65536", "tokens=bpe"]),
    ];
    for (content, parts) in cases {
        assert_failure(open_file("a.txt", content, &windows(4, None)), &[parts, &["a.txt"]].concat());
    }
    let test = Options { split: Split::Test, ..windows(4, None) };
    assert_failure(open_file("a.txt", "abcdef", &test), &["no part to test"]);
    let held =
        |split| open_file("a.txt", "abcdefghij".repeat(10), &Options { holdout: 0.2, split, ..windows(4, None) });
    let [train, test] = [Split::Train, Split::Test].map(|split| held(split).unwrap());
    assert_eq!((train.len(), test.len()), ((80 - 4) / 2 + 1, (20 - 4) / 2 + 1));
    assert!(
        train.to_string().contains("80 of 100 characters, 20 held out") && test.to_string().contains("held out"),
        "{train}"
    );
    assert_eq!(train.series, test.series);
    assert_usage(open_file("a.txt", "abcdef", &Options { stack: 3, ..Options::default() }), &["holds text"]);
}

#[test]
fn a_melody_is_the_highest_notes_on_sixteenth_notes() {
    // Ticks of a 32nd note. High voice: 72 for two steps, silent for one, 72 again, 74 beginning half a tick early.
    let high = [0, 0x90, 72, 80, 4, 0x90, 72, 0, 2, 0x90, 72, 80, 1, 0x80, 72, 0, 0, 0x90, 74, 80, 2, 0x80, 74, 0];
    let low = [0, 0x91, 48, 80, 16, 0x81, 48, 0];
    let drums = [0, 0x99, 99, 80, 60, 0x89, 99, 0];
    let set = open_file("a.mid", midi(8, &[&high, &drums]), &windows(4, None)).unwrap();
    assert_eq!(symbols(&set).names, ["rest", "hold", "72", "74"]);
    assert_eq!(spelt(&set), [["72", "hold", "rest", "72"]]);
    let set = open_file("a.midi", midi(8, &[&high, &low]), &windows(8, None)).unwrap();
    // The low note goes on where the high voice is silent, and does not begin there.
    assert_eq!(spelt(&set), [["72", "hold", "rest", "72", "74", "rest", "rest", "rest"]]);
}

#[test]
fn melodies_return_as_midi_files() {
    let folder = folder_of(&[("scale.mid", &scale())]);
    let set = open_at(&folder.path().join("scale.mid"), &windows(32, None)).unwrap();
    assert_eq!((set.shape.as_slice(), set.len()), ([32, 10].as_slice(), 1));
    let symbols = symbols(&set);
    let melody = symbols.sequences(&numbers(&set), 32).remove(0);
    let spelled = symbols.spelled(&melody);
    assert!(symbols.kind == SymbolKind::Midi && spelled.starts_with("60 hold hold hold 62 hold"), "{spelled}");
    assert_eq!(symbols.read(&spelled).unwrap(), melody);
    let again = open_file("b.mid", midi_of(symbols, &melody), &windows(32, None)).unwrap();
    assert_eq!((&again.items, &again.series), (&set.items, &set.series));

    let odd = symbols.read("hold hold 60 60 rest hold 72 hold").unwrap();
    let odd = open_file("b.mid", midi_of(symbols, &odd), &windows(8, None)).unwrap();
    assert_eq!(spelt(&odd), [["rest", "rest", "60", "60", "rest", "rest", "72", "hold"]]);
    let wrong = Symbols::new(vec!["128".into()], SymbolKind::Midi);
    assert!(wrong.piece(&[0]).unwrap_err().to_string().contains("`128` is no MIDI pitch"));
}

#[test]
fn folders_of_melodies_are_cut_one_by_one() {
    let short = midi(4, &[&[0, 0x90, 40, 80, 3, 0x80, 40, 0]]);
    let folder = folder_of(&[("a.mid", &scale()), ("b.MID", &short), ("c.mid", b"MThd"), ("notes.md", b"text")]);
    let set = open_at(folder.path(), &windows(16, Some(8))).unwrap();
    assert_eq!((set.len(), symbols(&set).names.len()), (3 + 1, 2 + 9));
    assert_eq!(spelt(&set)[3][..5], ["40", "hold", "hold", "rest", "rest"]);
    let text = set.to_string();
    for words in ["2 melodies", "MIDI files that cannot be read (1: ", "c.mid", ".md files (1: notes.md)"] {
        assert!(text.contains(words), "{text}");
    }
    let test = Options { split: Split::Test, ..Options::default() };
    assert_failure(open_at(folder.path(), &test), &["no part to test"]);
    assert_usage(open_at(folder.path(), &Options { size: Some(8.into()), ..Options::default() }), &["holds melodies"]);
}

#[test]
fn broken_midi_files_are_explained() {
    let whole = scale();
    let endless = [0xff, 0xff, 0xff, 0x7f, 0x90, 60, 80, 4, 0x80, 60, 0];
    let cases: [(Vec<u8>, &[&str]); 7] = [
        (vec![], &["is empty"]),
        (b"1,2\n3,4\n".to_vec(), &["no MIDI file"]),
        (whole[..whole.len() - 9].to_vec(), &["cut short", "0 of its 1 tracks"]),
        (midi(4, &[&[0, 0xb0, 7, 100]]), &["holds no notes"]),
        (midi(0, &[&endless]), &["a beat has 0 ticks"]),
        (midi(0xe728, &[&endless]), &["ticks of a beat"]),
        (midi(1, &[&endless]), &["steps long, 4 to a beat", "65536"]),
    ];
    for (content, parts) in cases {
        assert_failure(open_file("a.mid", content, &windows(4, None)), &[parts, &["a.mid"]].concat());
    }
}
