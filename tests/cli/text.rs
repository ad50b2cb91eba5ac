//! Runs on words, byte pairs and lines, from the data to a sample.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Place, metrics, refused};

const SMALL: &str = "--set units=12 --batch 16 --steps 30 --set samples=4 --set lr_g=0.02 --adapter cpu";

fn trained(name: &str, text: &str, settings: &str) -> Place {
    let place = Place::new();
    place.write(name, text.as_bytes());
    let said = place.saddle(&format!("train lstm --data {name} --out a {SMALL} {settings}"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    place
}

fn text(place: &Place, line: &str) -> String {
    let said = place.saddle(&format!("{line} --adapter cpu"));
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    said.out
}

#[test]
fn lines_of_words_are_learned_and_written() {
    let captions = "a dog runs\na red dog runs away\n\na cat sleeps\na red cat sleeps here\n".repeat(20);
    let place = trained("captions.txt", &captions, "--set lines=true --set tokens=words");
    let settings = String::from_utf8(place.read("a/run.toml")).unwrap();
    assert!(settings.contains("tokens = \"words\"") && settings.contains("lines = true"), "{settings}");
    let shown = String::from_utf8(place.read("a/samples/step-000030.txt")).unwrap();
    assert_eq!(shown.lines().count(), 4, "a line a sample: {shown}");
    assert!(!shown.contains("end") && !shown.contains("---"), "{shown}");
    let written = text(&place, "sample a --count 9 --out x.txt");
    assert_eq!(written, "9 samples of step 30 in x.txt\n");
    let written = String::from_utf8(place.read("x.txt")).unwrap();
    let known = ["a", "dog", "runs", "red", "away", "cat", "sleeps", "here"];
    assert!(
        written.lines().all(|line| line.split(' ').all(|word| word.is_empty() || known.contains(&word))),
        "{written}"
    );
    assert!(text(&place, "sample a --prompt red --seed 2").starts_with("red"));
    // A table has the samples of the text, which stop where they end.
    for options in ["--seed 3", "--seed 3 --prompt red --temperature 2 --length 5"] {
        for ending in ["txt", "csv", "png"] {
            text(&place, &format!("sample a --count 9 {options} --force --out x.{ending}"));
        }
        let lines = String::from_utf8(place.read("x.txt")).unwrap();
        let mut of_table = vec![String::new(); 9];
        for row in String::from_utf8(place.read("x.csv")).unwrap().lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            let line = &mut of_table[cells[0].parse::<usize>().unwrap()];
            *line = format!("{line} {}", cells[2]).trim().to_owned();
        }
        assert_eq!(lines.lines().collect::<Vec<_>>(), of_table, "{options}");
    }
    refused(&place, "sample a --prompt read --adapter cpu", 2, &["does not know `read`: it knows `red`"]);
    // A line of words counts its end, and the characters of all.
    let line = metrics(&place.read("a/metrics.jsonl"));
    let nats = |name: &str| line.last().unwrap()[name].as_f64().unwrap();
    assert!(nats("nats_per_step") > 0.0 && nats("held_out_nats_per_step") > 0.0);
    let report = text(&place, "eval a");
    assert!(report.contains("bits per character") && report.contains("6-gram"), "{report}");
    // The number of samples does not change on what the likelihood is measured.
    let row = |report: &str| report.lines().find(|line| line.starts_with("  NLL per step ")).unwrap().to_owned();
    assert_eq!(row(&report), row(&text(&place, "eval a --count 3")), "{report}");
    let said = place.saddle("train --out a --resume --steps 32 --adapter cpu");
    assert_eq!(said.code, Some(0), "{}", said.err);
    refused(&place, "train --out a --resume --steps 40 --set tokens=bpe", 2, &["`tokens` is words in this run"]);
}

#[test]
fn byte_pairs_spell_any_prompt() {
    let place = trained(
        "book.txt",
        &"She sells sea shells. ".repeat(60),
        "--set tokens=bpe --set vocabulary=300 --set window=8",
    );
    let file: serde_json::Value = serde_json::from_slice(&place.read("a/tokenizer.json")).unwrap();
    assert_eq!(file["model"]["type"], "BPE");
    let written = text(&place, "sample a --prompt Łódź! --length 20");
    assert!(written.starts_with("Łódź!"), "{written}");
    assert_eq!(written, text(&place, "sample a --prompt Łódź! --length 20"));
    let report = text(&place, "eval a");
    assert!(report.contains("bits per character"), "{report}");
}

#[test]
fn what_text_cannot_be_is_said() {
    let place = Place::new();
    place.write("a.txt", "ab".repeat(100).as_bytes());
    place.write("b.bin", b"\x7fELF\x02\x01\x01\0");
    place.write("long.txt", [b"a\n".to_vec(), b"ab".repeat(500_000)].concat().as_slice());
    for (line, status, words) in [
        ("lstm --data a.txt --set encoding=utf9", 2, &["unknown encoding `utf9`"][..]),
        ("lstm --data a.txt --set tokens=word", 2, &["tokens", "words"]),
        ("lstm --data a.txt --set vocabulary=7", 2, &["`vocabulary` is for words and byte pairs"]),
        ("lstm --data sines --set lines=true", 2, &["lines, which is for text"]),
        ("dcgan --data digits --set encoding=utf-8", 2, &["encoding, which is for text and tables"]),
        ("lstm --data b.bin", 1, &["of no kind that is read"]),
        ("lstm --data long.txt --set lines=true", 1, &["line 2 of `long.txt` has 1000000 characters"]),
    ] {
        refused(&place, &format!("train {line}"), status, words);
    }
}

#[test]
fn reconstructions_of_text_are_text_and_the_best_checkpoint_is_kept() {
    let place = Place::new();
    place.write("letters.txt", "abcabdabcabd".repeat(60).as_bytes());
    let line = "train rvae --data letters.txt --set window=12 --set latent=2 --set sample_every=10 --out a";
    let said = place.saddle(&format!("{line} {SMALL}"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let written = text(&place, "sample a --reconstruct --count 2");
    let heads: Vec<&str> = written.lines().filter(|line| line.starts_with("---")).collect();
    let wanted = ["1 of 2, original", "1 of 2, reconstruction", "2 of 2, original", "2 of 2, reconstruction"];
    assert_eq!(heads, wanted.map(|what| format!("--- {what}")));
    assert_eq!(text(&place, "sample a --interpolate 3 --count 3").matches("---").count(), 3);
    let [cold, again] = [1, 2].map(|seed| text(&place, &format!("sample a --temperature 0 --count 1 --seed {seed}")));
    assert_eq!(cold.len(), again.len());

    let best = std::fs::metadata(place.path("a/checkpoints/best.safetensors"));
    assert!(best.is_ok(), "held-out text chooses the best checkpoint");
    assert_eq!(text(&place, "sample a --checkpoint best --count 2 --out best.txt"), {
        let lines = metrics(&place.read("a/metrics.jsonl"));
        let nats = |line: &BTreeMap<String, Value>| line.get("held_out_nats_per_step")?.as_f64();
        let least = lines.iter().filter_map(nats).fold(f64::INFINITY, f64::min);
        let step = lines.iter().find(|line| nats(line) == Some(least)).unwrap()["step"].clone();
        format!("2 samples of step {step} in best.txt\n")
    });
    let said = place.saddle("sample a --checkpoint first");
    assert!(said.code == Some(2) && said.err.contains("want a step, newest or best"), "{}", said.err);
    refused(&place, "sample a --reconstruct --temperature 0.5 --top-k 2", 2, &["does not go with --reconstruct"]);
}

#[test]
fn a_stray_long_line_is_said_and_lines_on_a_way_stand_together() {
    let names: String = (0..200).map(|i| format!("name {}\n", i % 7)).collect();
    let line = format!("train rvae --data names.txt --set latent=2 --out a {SMALL} --set lines=true");
    let place = Place::new();
    place.write("names.txt", names.as_bytes());
    let said = place.saddle(&line);
    assert!(said.code == Some(0) && !said.err.contains("filled up"), "{}", said.err);
    let ways = text(&place, "sample a --interpolate 3 --count 6");
    let lines: Vec<&str> = ways.lines().collect();
    assert!(lines.len() == 8 && lines[0] == "--- 1 of 2" && lines[4] == "--- 2 of 2", "{ways}");
    place.write("names.txt", format!("{names}{}\n", "long ".repeat(40)).as_bytes());
    let said = place.saddle("data names.txt --set lines=true --variant lstm");
    let note = "1 line of up to 200 characters, and all are filled up to that; 99 % have at most 6: window=7 leaves \
                longer ones out";
    assert!(said.out.contains(note), "{}", said.out);
    place.write("one.txt", "ab".repeat(3000).as_bytes());
    let wanted = &["leave out lines=true, and it is one long text"];
    refused(&place, "train lstm --data one.txt --set lines=true --set window=9", 1, wanted);
}

#[test]
fn lines_to_test_with_are_as_long_as_those_to_learn_from() {
    let learned = "a red cat sleeps here\na cat runs\n".repeat(20);
    for (to_test, left_out) in [("a cat\nred cat\n", false), ("a cat\na red red red red cat sleeps here\n", true)] {
        let place = Place::new();
        place.write("pets/train/lines.txt", learned.as_bytes());
        place.write("pets/test/lines.txt", to_test.as_bytes());
        let said = place.saddle(&format!("train lstm --data pets --out a {SMALL} --set lines=true --set tokens=words"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        let said = place.saddle("eval a --adapter cpu");
        assert!(said.code == Some(0) && said.out.contains("NLL per step "), "{}{}", said.out, said.err);
        let said = place.saddle("data pets --variant lstm --set lines=true --set tokens=words");
        let note = "lines that do not fit into a window of 6 with their end, which window=auto has room for (1)";
        assert_eq!(said.out.contains(note), left_out, "{}", said.out);
    }
}
