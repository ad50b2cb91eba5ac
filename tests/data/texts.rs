//! What text becomes: characters, words, byte pairs; lines; encodings; folders.

use saddle::data::{Dataset, Options, Series, Split, Symbols, open_test};
use saddle::settings::Tokens;
use serde::Deserialize;

use crate::{assert_failure, assert_usage, folder_of, open_at, open_file, windows};

fn symbols(set: &Dataset) -> &Symbols {
    match &set.series {
        Some(Series::Symbols(symbols)) => symbols,
        other => panic!("not symbols: {other:?}"),
    }
}

fn tokens(tokens: Tokens, vocabulary: usize) -> Options {
    Options { tokens, vocabulary, ..windows(4, Some(4)) }
}

fn lines(options: Options) -> Options {
    Options { lines: true, window: None, stride: None, ..options }
}

/// The text of each item.
fn spelled(set: &Dataset) -> Vec<String> {
    let ids = |i| set.symbols(i).unwrap().iter().map(|&id| usize::from(id)).collect::<Vec<_>>();
    (0..set.len()).map(|i| symbols(set).spelled(&ids(i))).collect()
}

/// Texts of all kinds that users have, as bytes, and what they say, with line feeds as ends of lines.
fn texts() -> Vec<(Vec<u8>, String)> {
    let plain = |text: &str| (text.as_bytes().to_vec(), text.to_owned());
    let chinese: String = (0x4e00..0x4e00 + 3000).filter_map(char::from_u32).collect();
    let wide = |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let words = "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison. ";
    vec![
        plain("To be, or not to be: that is the question -- whether 'tis nobler \"in the mind\" (or not).\n\n  Aye.\n"),
        plain(&chinese),
        plain("שלום עולם, מה שלומך היום? مرحبا بالعالم\n"),
        plain("e\u{301}te\u{301} et \u{e9}t\u{e9}, x\u{302}\n"),
        plain("a \u{1f469}\u{200d}\u{1f467}b \u{1f1e9}\u{1f1ea}\u{1f1eb}\u{1f1f7}\n"),
        plain("a bathroom with a toilet , sink and a man 's shower .\na red bus on the street .\n"),
        plain("17 4002 33\n4 4 17\n"),
        plain("fn main() {\n\tlet x_1 = foo(bar[0]);  // 10%\n}\n"),
        plain(&("word ".repeat(200_000) + "end")),
        (b"one\r\ntwo\rthree\n\r\nfour\r\r".to_vec(), "one\ntwo\nthree\n\nfour\n\n".into()),
        ([b"\xef\xbb\xbf", "caf\u{e9} noir et vert, doux".as_bytes()].concat(), "caf\u{e9} noir et vert, doux".into()),
        ([b"\xff\xfe".to_vec(), wide(words, u16::to_le_bytes)].concat(), words.into()),
        (wide(words, u16::to_be_bytes), words.into()),
        (words.chars().map(|c| c as u8).collect(), words.into()),
    ]
}

#[test]
fn byte_pairs_spell_everything() {
    for (bytes, text) in texts() {
        for vocabulary in [257, 400] {
            let set = open_file("a.txt", &bytes, &tokens(Tokens::Bpe, vocabulary)).unwrap();
            let symbols = symbols(&set);
            assert!((256..=vocabulary).contains(&symbols.names.len()));
            assert_eq!(symbols.spelled(&symbols.read(&text).unwrap()), text);
            // Also what the text has not.
            let other = "\u{10ffff}\u{1}\u{7f} née \u{2060}";
            assert_eq!(symbols.spelled(&symbols.read(other).unwrap()), other);
        }
    }
}

#[test]
fn characters_and_words_spell_the_text_that_they_come_from() {
    for (bytes, text) in texts() {
        let composed = text.replace("e\u{301}", "\u{e9}");
        for kind in [Tokens::Characters, Tokens::Words] {
            let set = open_file("a.txt", &bytes, &tokens(kind, 0)).unwrap();
            let symbols = symbols(&set);
            assert_eq!(symbols.spelled(&symbols.read(&text).unwrap()), composed, "{kind:?}");
            assert_eq!(symbols.characters(set.symbols(0).unwrap()), spelled(&set)[0].chars().count());
        }
    }
}

/// The `tokenizers` of Hugging Face, by tests/fixtures/tokenizer.py.
#[derive(Deserialize)]
struct Fixture {
    text: String,
    size: usize,
    names: Vec<String>,
    merges: Vec<[String; 2]>,
    samples: Vec<Sample>,
    pre_tokenizer: serde_json::Value,
}

#[derive(Deserialize)]
struct Sample {
    text: String,
    ids: Vec<usize>,
}

#[test]
fn ids_are_those_of_the_reference() {
    let fixture: Fixture = serde_json::from_str(include_str!("../fixtures/tokenizer.json")).unwrap();
    let set = open_file("a.txt", &fixture.text, &tokens(Tokens::Bpe, fixture.size)).unwrap();
    let symbols = symbols(&set);
    assert_eq!(symbols.names[256..], fixture.names);
    for Sample { text, ids } in &fixture.samples {
        assert_eq!(&symbols.read(text).unwrap(), ids, "{text}");
    }
    let file: serde_json::Value = serde_json::from_str(&symbols.tokenizer().unwrap()).unwrap();
    assert_eq!(file["pre_tokenizer"], fixture.pre_tokenizer);
    let merges: Vec<[String; 2]> = serde_json::from_value(file["model"]["merges"].clone()).unwrap();
    assert_eq!(merges, fixture.merges);
    let ids = symbols.names.iter().enumerate().map(|(id, name)| file["model"]["vocab"][name] == id);
    assert!(ids.into_iter().all(|same| same));
    // The end of lines is no merge, and no text spells it.
    let set = open_file("a.txt", &fixture.text, &lines(tokens(Tokens::Bpe, fixture.size))).unwrap();
    let file: serde_json::Value = serde_json::from_str(&self::symbols(&set).tokenizer().unwrap()).unwrap();
    assert_eq!(file["added_tokens"][0]["id"], self::symbols(&set).names.len() - 1);
    assert!(file["model"]["vocab"].get("<end>").is_none());
    assert!(self::symbols(&set).read("<end>").unwrap().len() > 1);
}

#[test]
fn joined_signs_are_one_symbol_where_they_are_frequent() {
    let (family, flag) = ("\u{1f469}\u{200d}\u{1f467}", "\u{1f1eb}\u{1f1f7}");
    let text = format!("{}{flag}e\u{301}", format!("a{family}").repeat(4));
    let set = open_file("a.txt", text, &windows(4, None)).unwrap();
    assert_eq!(symbols(&set).names, ["a", "\u{e9}", "\u{1f1eb}", "\u{1f1f7}", family]);
    assert_eq!(spelled(&set)[0], format!("a{family}a{family}"));
    assert_eq!(symbols(&set).characters(set.symbols(0).unwrap()), 8);
    assert!(set.to_string().contains("composed (NFC) in 1 line"), "{set}");
    assert_usage(symbols(&set).read("E\u{301}").map(|_| set.clone()), &["does not know `\u{c9}`", "knows `\u{e9}`"]);
}

#[test]
fn words_are_the_most_frequent_ones() {
    let text = "The cat saw the dog. The dog (a big dog) saw the cat-flap; 3.5 cats don't.\n".repeat(20);
    let set = open_file("a.txt", &text, &tokens(Tokens::Words, 0)).unwrap();
    assert_eq!(symbols(&set).names[..4], ["dog", "The", "cat", "saw"].map(String::from));
    assert!(["don't", "3.5", "flap", "("].iter().all(|word| symbols(&set).names.iter().any(|name| name == word)));
    assert!(!set.to_string().contains("unk"), "{set}");
    let set = open_file("a.txt", &text, &tokens(Tokens::Words, 6)).unwrap();
    assert_eq!((symbols(&set).names.len(), symbols(&set).names[0].as_str()), (7, "<unk>"));
    assert!(set.to_string().contains("% of the words are not among the 6 known ones: `<unk>`"), "{set}");
    assert_usage(symbols(&set).read("the cats").map(|_| set.clone()), &["does not know `cats`"]);
    // A text that is cut into tokens keeps them as they are, and its own sign of what is unknown.
    let cut = "a man 's dog , <unk> 3,000 N.Y. .\nthe u.s. dog runs .\n".repeat(20);
    let set = open_file("a.txt", &cut, &tokens(Tokens::Words, 10)).unwrap();
    assert_eq!(symbols(&set).names.iter().filter(|name| *name == "<unk>").count(), 1);
    assert!(symbols(&set).names.contains(&"N.Y.".to_owned()) && set.to_string().contains("single spaces"), "{set}");
}

#[test]
fn lines_are_sequences_with_an_end() {
    let text = "ab\n\nabc\r\n \na\n";
    let set = open_file("a.txt", text, &lines(tokens(Tokens::Characters, 0))).unwrap();
    assert_eq!((set.shape.as_slice(), set.len()), ([4, 4].as_slice(), 3));
    assert_eq!((symbols(&set).names.join(" ").as_str(), symbols(&set).end), ("a b c <end>", Some(3)));
    assert_eq!(set.symbols(0).unwrap(), [0, 1, 3, 3]);
    assert_eq!(spelled(&set), ["ab", "abc", "a"]);
    assert_eq!(set.spelled(0..3), Some([3.0, 3.0]), "the end counts");
    let all: Vec<Vec<usize>> =
        (0..3).map(|i| set.symbols(i).unwrap().iter().map(|&id| usize::from(id)).collect()).collect();
    assert_eq!(symbols(&set).to_text(&all), "ab\nabc\na\n");
    assert_eq!(symbols(&set).read("ab").unwrap(), [0, 1]);
    assert_usage(symbols(&set).read("a\nb").map(|_| set.clone()), &["`\\n`"]);
    assert!(set.to_string().contains("blank lines (2)"), "{set}");
    // Longer lines are left out where the window says so.
    let short = Options { window: Some(3), ..lines(tokens(Tokens::Characters, 0)) };
    let set = open_file("a.txt", text, &short).unwrap();
    assert_eq!((spelled(&set), set.shape[0]), (vec!["ab".to_owned(), "a".into()], 3));
    assert!(
        set.to_string()
            .contains("lines that do not fit into a window of 3 with their end, which window=auto has room for (1)"),
        "{set}"
    );
    let long = format!("ab\nb\n{}\na\n", "ab".repeat(500_000));
    let of = |window| open_file("a.txt", &long, &Options { window, ..lines(tokens(Tokens::Characters, 0)) });
    assert_failure(of(None), &["line 3 of `", "a.txt` has 1000000 characters", "4095", "window="]);
    assert_eq!(spelled(&of(Some(8)).unwrap()), ["ab", "b", "a"]);
    assert_eq!(spelled(&of(Some(2)).unwrap()), ["b", "a"]);
}

#[test]
fn a_tenth_of_the_lines_is_held_out() {
    let text: String = (0..200).map(|i| format!("{i} and {}\n", i * i)).collect();
    for kind in [Tokens::Characters, Tokens::Words, Tokens::Bpe] {
        let options = Options { holdout: 0.1, ..lines(tokens(kind, 0)) };
        let folder = folder_of(&[("a.txt", text.as_bytes())]);
        let path = folder.path().join("a.txt");
        let train = open_at(&path, &options).unwrap();
        let test = open_test(path.to_str().unwrap(), &options).unwrap().unwrap();
        assert_eq!((train.len(), test.len(), &train.shape), (180, 20, &test.shape));
        assert_eq!(train.series, test.series);
        let mut all = [spelled(&train), spelled(&test)].concat();
        all.sort();
        let mut expected: Vec<&str> = text.lines().collect();
        expected.sort_unstable();
        assert_eq!(all, expected, "{kind:?}");
        assert!(train.to_string().contains("180 of 200 lines, 20 held out"), "{train}");
    }
}

/// No window holds characters of both parts, and the tail is the tail of the file.
#[test]
fn the_end_of_a_text_is_held_out() {
    // Each place of the text is told by the characters around it.
    let text: String = (0..1000).map(|i| char::from_u32(0x4e00 + i).unwrap()).collect();
    for stride in [None, Some(1), Some(7)] {
        let of = |split| {
            let options = Options { holdout: 0.1, split, ..windows(20, stride) };
            spelled(&open_file("a.txt", &text, &options).unwrap())
        };
        let (train, test) = (of(Split::Train), of(Split::Test));
        let at = |c: char| u32::from(c) - 0x4e00;
        assert!(train.iter().all(|window| window.chars().all(|c| at(c) < 900)));
        assert!(test.iter().all(|window| window.chars().all(|c| at(c) >= 900)));
        assert!(test[0].starts_with(char::from_u32(0x4e00 + 900).unwrap()));
    }
}

#[test]
fn texts_of_a_folder_are_held_out_whole() {
    let text = |i: u32| char::from_u32(0x61 + i).unwrap().to_string().repeat(30) + "\n";
    let mut files: Vec<(String, Vec<u8>)> = (0..20).map(|i| (format!("{i:02}.txt"), text(i).into())).collect();
    files.push(("20.md".into(), b"xyz".repeat(10)));
    files.push(("30.txt".into(), b"ab\0c".into()));
    files.push(("31.text".into(), vec![]));
    files.push(("32.pdf".into(), b"%PDF".into()));
    let named: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let folder = folder_of(&named);
    let options = Options { holdout: 0.1, ..windows(10, None) };
    let train = open_at(folder.path(), &options).unwrap();
    let test = open_test(folder.path().to_str().unwrap(), &options).unwrap().unwrap();
    let test_text = spelled(&test).concat();
    assert!(test_text.chars().all(|c| "jt\n".contains(c)) && test_text.contains('t'), "the 10th and the 20th file");
    assert!(!spelled(&train).concat().contains(['j', 't']));
    assert_eq!(train.series, test.series);
    for words in [
        "21 texts",
        "19 of 21 files, 2 held out",
        "files that are empty or cannot be read as text (2: 30.txt, 31.text)",
        ".pdf files (1: 32.pdf)",
    ] {
        assert!(train.to_string().contains(words), "{words}: {train}");
    }
    // Texts beside other data describe it.
    let table = folder_of(&[("a.csv", b"x,y\n1,2\n"), ("readme.txt", b"what it is")]);
    assert_failure(open_at(table.path(), &windows(4, None)), &["name one of them"]);
    // Parts by name: lines with characters that the part to learn from has not are left out.
    let parts = folder_of(&[]);
    for (part, content) in [("train", "abcabcabc\n"), ("test", "abcabcabc\nabx\nabc\n")] {
        std::fs::create_dir(parts.path().join(part)).unwrap();
        std::fs::write(parts.path().join(part).join("a.txt"), content).unwrap();
    }
    let test = open_test(parts.path().to_str().unwrap(), &windows(14, Some(14))).unwrap().unwrap();
    assert_eq!(spelled(&test), ["abcabcabc\nabc\n"]);
    assert!(test.to_string().contains("has not (1)"), "{test}");
}

#[test]
fn texts_of_other_names_are_read() {
    for name in ["notes.md", "NOTES.Text", "README", "a.markdown"] {
        assert_eq!(open_file(name, "some text, more", &windows(4, None)).unwrap().shape[0], 4, "{name}");
    }
    let latin = open_file("a.txt", b"caf\xe9 caf\xe9", &windows(4, None)).unwrap();
    assert!(spelled(&latin)[0] == "caf\u{e9}" && latin.to_string().contains("windows-1252, a guess"), "{latin}");
    let greek = Options { encoding: Some("iso-8859-7".into()), ..windows(4, None) };
    let greek = open_file("a.txt", b"caf\xe9 caf\xe9", &greek).unwrap();
    assert!(spelled(&greek)[0] == "caf\u{3b9}" && greek.to_string().contains("read as ISO-8859-7"), "{greek}");
    let table = Options { encoding: Some("ibm866".into()), ..Options::default() };
    let table = open_file("a.csv", b"\x80,y\n1,2\n3,5\n", &table).unwrap();
    assert!(table.in_full().contains("`\u{410}`"), "{}", table.in_full());
}

#[test]
fn texts_that_teach_nothing_are_refused() {
    let of = |content: &[u8], options: &Options| open_file("a.txt", content, options);
    let plain = windows(4, None);
    for kind in [Tokens::Characters, Tokens::Words, Tokens::Bpe] {
        for content in [b"a".repeat(500), [b"a".repeat(500), b"\n".to_vec()].concat()] {
            assert_failure(of(&content, &tokens(kind, 0)), &["a.txt", "`a` 500 times", "one symbol teaches nothing"]);
        }
    }
    assert_failure(of(b"a a a a a a", &tokens(Tokens::Words, 0)), &["one word again and again", "teaches nothing"]);
    assert_failure(of(&b"acgt".repeat(100), &tokens(Tokens::Words, 0)), &["teaches nothing"]);
    assert_failure(of(b"", &plain), &["is empty"]);
    assert_failure(of(b"\n\r\n", &plain), &["holds only blank lines"]);
    assert_failure(of(b"abc", &plain), &["3 characters in a row", "the 4 of a window", "window=3 fits"]);
    assert_failure(of(b"ab\0c", &plain), &["is no text: byte 3 is 0"]);
    assert_failure(of(b"\n \n", &lines(tokens(Tokens::Characters, 0))), &["no line with text"]);
    let settings: [(Options, &[&str]); 5] = [
        (Options { vocabulary: 5, ..plain.clone() }, &["`vocabulary`", "tokens=words"]),
        (tokens(Tokens::Bpe, 256), &["vocabulary=256", "256 bytes"]),
        (Options { stride: Some(2), ..lines(plain.clone()) }, &["holds lines of text", "leave out stride"]),
        (Options { encoding: Some("utf9".into()), ..plain.clone() }, &["unknown encoding `utf9`", "utf-8"]),
        (Options { encoding: Some("utf-8".into()), stack: 3, ..plain }, &["holds text", "stack"]),
    ];
    for (options, words) in settings {
        assert_usage(of(b"some text, more", &options), words);
    }
    let table = |options| open_file("a.csv", "x,y\n1,2\n3,4\n", &options);
    assert_usage(table(Options { tokens: Tokens::Words, ..Options::default() }), &["tokens, which is for text"]);
    assert_usage(table(Options { lines: true, ..Options::default() }), &["lines, which is for text"]);
}
