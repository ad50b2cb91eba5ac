//! Control characters in names, cells and arguments are escaped before they reach the terminal.

use super::*;

/// Terminal commands, line feeds, and a name that is displayed as another name.
const HOSTILE: &str = "\x1b]0;owned\x07\n\r\x7f\u{9b}31m\u{202e}gpj.exe";

fn said(place: &Place, args: &[&str]) -> Said {
    let output = place.process("").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said = Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    for c in said.out.chars().chain(said.err.chars()) {
        assert!(c == '\n' || !c.is_control() && c != '\u{202e}', "{args:?} printed {c:?}: {}{}", said.out, said.err);
    }
    said
}

#[test]
fn control_characters_are_escaped() {
    let place = Place::new();
    let long = "x".repeat(5000);
    place.write("cells.csv", format!("a,b\n1,2\n\"{HOSTILE}\",3\n4,5\n").as_bytes());
    place.write("header.csv", format!("\"{HOSTILE}\",b\n1,2\n\"{HOSTILE}\",3\n").as_bytes());
    place.write("long.csv", format!("a,b\n1,2\n{long},3\n").as_bytes());
    place.write(&format!("odd{HOSTILE}.csv"), b"a,b\n1,x\n");
    place.write(&format!("photos/{HOSTILE}.png"), b"not a picture");
    place.write("odd.toml", "steps = 3\n\"l\\u001br\" = \"\\u001b[31m\\n\"\n".as_bytes());
    let odd = format!("odd{HOSTILE}.csv");
    let assignment = format!("lr_g={HOSTILE}");
    let long_assignment = format!("lr_g={long}");
    for args in [
        &["train", "gan", "--adapter", "cpu", "--steps", "1", "--data", "cells.csv"][..],
        &["train", "gan", "--adapter", "cpu", "--steps", "1", "--data", "header.csv"],
        &["train", "gan", "--adapter", "cpu", "--steps", "1", "--data", "long.csv"],
        &["train", "gan", "--adapter", "cpu", "--steps", "1", "--data", &odd],
        &["train", "gan", "--adapter", "cpu", "--steps", "1", "--data", "photos"],
        &["train", "gan", "--config", "odd.toml"],
        &["train", "gan", "--set", &assignment],
        &["train", "gan", "--set", &long_assignment],
        &["train", HOSTILE],
        &["train", "gan", "--data", HOSTILE],
        &["sample", HOSTILE],
        &["train", "--batch", "8", HOSTILE, HOSTILE],
        &["devices", HOSTILE],
    ] {
        let said = said(&place, args);
        // A command may accept or refuse the text.
        assert!(matches!(said.code, Some(0..=2)), "{args:?} ended with {:?}: {}", said.code, said.err);
        assert!(said.err.len() < 1300, "{args:?}: {} bytes", said.err.len());
    }
}

#[test]
fn a_hostile_name_of_a_run_is_shown_escaped_and_works() {
    let place = Place::new();
    let run = "run\x1b[31m\u{202e}x";
    let trained = said(&place, &["train", "--config", "gan.toml", "--out", run]);
    assert_eq!(trained.code, Some(0), "{}", trained.err);
    assert!(trained.out.contains("run\\u001b[31m\\u202ex"), "{}", trained.out);
    assert!(place.path(run).is_dir());
}
