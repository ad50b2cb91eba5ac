//! Decoding the bytes of a text file to characters.

use std::path::Path;

use crate::error::{Error, Result};

/// The characters of Windows-1252 for bytes 0x80 to 0x9f, which are control characters in Latin-1. A byte without a
/// character stands for the code point of the same number.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];
/// Number of bytes to examine for zeros at every second place, which mean UTF-16.
const START: usize = 1024;

/// The text in `bytes`, and the name of its encoding unless it is UTF-8. Bytes that are neither UTF-8 nor UTF-16 are
/// read as Windows-1252, which extends printable Latin-1.
pub(super) fn decode(path: &Path, bytes: Vec<u8>) -> Result<(String, Option<&'static str>)> {
    let refuse = |what: &str| Err(Error::failure(format!("`{}` {what}", path.display())));
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return refuse("is a spreadsheet or an archive, not text: save the table as CSV");
    }
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let zeros = |odd: usize| {
        let half = bytes[..bytes.len().min(START)].iter().skip(odd).step_by(2);
        half.len() > 1 && half.clone().filter(|byte| **byte == 0).count() * 10 > half.len() * 9
    };
    let (text, encoding) = match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, ..] => narrow(&bytes[3..]),
        [0xff, 0xfe, rest @ ..] => (wide(rest, u16::from_le_bytes), Some("UTF-16")),
        [0xfe, 0xff, rest @ ..] => (wide(rest, u16::from_be_bytes), Some("UTF-16")),
        all if zeros(1) && !zeros(0) => (wide(all, u16::from_le_bytes), Some("UTF-16")),
        all if zeros(0) && !zeros(1) => (wide(all, u16::from_be_bytes), Some("UTF-16")),
        all => narrow(all),
    };
    match text.find('\0') {
        Some(at) => refuse(&format!("is no text: line {} holds a zero byte", line(&text, at))),
        None => Ok((text, encoding)),
    }
}

/// Text of bytes: UTF-8, or else Windows-1252.
fn narrow(bytes: &[u8]) -> (String, Option<&'static str>) {
    let character = |&byte: &u8| match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (bytes.iter().map(character).collect(), Some("Windows-1252, as it is no UTF-8")),
    }
}

/// The number of the line that holds byte `at`, from 1; lines end with LF, CR or both.
pub(super) fn line(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at];
    let ends = |(i, byte): (usize, &u8)| *byte == b'\n' || *byte == b'\r' && text.as_bytes().get(i + 1) != Some(&b'\n');
    1 + before.iter().enumerate().filter(|each| ends(*each)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_gives_the_same_text() {
        let wide = |unit: fn(u16) -> [u8; 2]| "é;1\n€;2\n".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        let cases = [
            ("é;1\n€;2\n".as_bytes().to_vec(), None),
            ("\u{feff}é;1\n€;2\n".as_bytes().to_vec(), None),
            (b"\xe9;1\n\x80;2\n".to_vec(), Some("Windows-1252, as it is no UTF-8")),
            ([b"\xff\xfe".to_vec(), little].concat(), Some("UTF-16")),
            ([b"\xfe\xff".to_vec(), big].concat(), Some("UTF-16")),
        ];
        for (bytes, encoding) in cases {
            assert_eq!(decode(Path::new("a"), bytes).unwrap(), ("é;1\n€;2\n".to_owned(), encoding));
        }
        let unmarked: Vec<u8> = "1;2\n3;4\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(Path::new("a"), unmarked).unwrap().0, "1;2\n3;4\n");
        for bytes in [b"1,2\n\0\x07\x01".as_slice(), b"PK\x03\x04", b"\0\0\0\0"] {
            assert!(decode(Path::new("a"), bytes.to_vec()).is_err());
        }
    }

    #[test]
    fn lines_end_in_three_ways() {
        assert_eq!([0, 2, 5, 7].map(|at| line("a\r\nb\n\rc\rd", at)), [1, 1, 3, 4]);
    }
}
