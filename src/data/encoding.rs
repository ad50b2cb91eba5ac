//! Decoding the bytes of a text file to characters.

use std::path::Path;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::unpack::{read_up_to, source};
use crate::error::{Error, Result, counted, unknown};

/// Number of bytes to examine for zeros at every second place, which mean UTF-16.
const START: usize = 1024;
/// So many zeros, and one in this many characters, are the least of UTF-16: every script has spaces or line ends.
const SOME: usize = 4;
const FEWEST: usize = 40;
/// A text that is no UTF-8 is read as such all the same if there are this many characters of several bytes for each
/// fault: one damaged byte shall not turn all others into those of another encoding.
const PER_FAULT: usize = 20;
/// Of a guessed encoding, one control character in this many is too many for text.
const PER_CONTROL: usize = 50;

/// Names of encodings, for advice.
const NAMES: [&str; 22] = [
    "utf-8",
    "utf-16",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
    "macintosh",
    "koi8-r",
    "ibm866",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "shift_jis",
    "euc-kr",
];

/// The encoding of this name, any that the web knows (WHATWG Encoding, section 4.2).
///
/// # Errors
/// `Usage` for an unknown name, with the nearest known one.
pub(super) fn named(name: &str) -> Result<&'static Encoding> {
    let lower = name.to_lowercase();
    let page = ["cp", "ibm"].iter().find_map(|prefix| lower.strip_prefix(prefix));
    let page = page.filter(|page| page.len() == 3 && page.bytes().all(|byte| byte.is_ascii_digit()));
    let known = Encoding::for_label_no_replacement(name.as_bytes());
    known.ok_or_else(|| match page {
        Some(page) => Error::usage(format!(
            "unknown encoding `{name}`: of the code pages of DOS only ibm866 is known; `iconv -f CP{page} -t UTF-8 \
             FILE` converts the file"
        )),
        None => unknown("encoding", name, NAMES),
    })
}

/// The text in a file, packed by gzip or not, and the name of its encoding unless it is UTF-8. `asked` decides on the
/// encoding where it is given.
///
/// # Errors
/// A file that cannot be read, and one that is no text.
pub fn read_text(path: &Path, asked: Option<&str>) -> Result<(String, Option<String>)> {
    decode(path, super::unpack::read(path)?, asked)
}

/// The text in `bytes`, without its mark (BOM), and the name of its encoding, with how that was found, unless it is
/// UTF-8. `asked` decides where it is given; else the mark, zeros at every second place (UTF-16), UTF-8 if it fits, and
/// a guess by the frequency of characters.
pub(super) fn decode(path: &Path, mut bytes: Vec<u8>, asked: Option<&str>) -> Result<(String, Option<String>)> {
    let refuse = |what: String| Err(Error::failure(format!("`{}` {what}", path.display())));
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return refuse("is a spreadsheet or an archive, not text: save the table as CSV".into());
    }
    let asked = asked.map(named).transpose()?;
    let marked = Encoding::for_bom(&bytes);
    let is_wide = |encoding| [UTF_16LE, UTF_16BE].contains(&encoding);
    let mut guessed = false;
    let encoding = match (asked, marked.map(|(encoding, _)| encoding).or_else(|| wide(&bytes))) {
        (Some(asked), Some(found)) if asked == UTF_16LE && is_wide(found) => found,
        (Some(asked), _) => asked,
        (None, Some(found)) => found,
        (None, None) if is_nearly_utf8(&bytes) => UTF_8,
        (None, None) => {
            guessed = true;
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
            detector.feed(&bytes, true);
            detector.guess(None, Utf8Detection::Deny)
        }
    };
    let mark = marked.filter(|(marked, _)| *marked == encoding).map_or(0, |(_, len)| len);
    if let Some(at) = bytes.iter().position(|byte| *byte == 0).filter(|_| !is_wide(encoding)) {
        return refuse(format!("is no text: byte {} is 0 (encoding=utf-16 reads UTF-16)", at + 1));
    }
    let (text, is_faulty) = if encoding == UTF_8 {
        bytes.drain(..mark);
        match String::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(error) if asked.is_some() => {
                let valid = error.utf8_error().valid_up_to() + mark;
                return refuse(format!("is not UTF-8: what follows its first {valid} bytes is no character"));
            }
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
        }
    } else {
        let (text, is_faulty) = encoding.decode_without_bom_handling(&bytes[mark..]);
        (text.into_owned(), is_faulty)
    };
    if is_faulty && asked.is_some() {
        return refuse(format!("is not {}, as `encoding` says: some of its bytes are no characters", encoding.name()));
    }
    if let Some(at) = text.find('\0') {
        return refuse(format!("is no text: byte {} is 0", mark + 2 * text[..at].encode_utf16().count() + 1));
    }
    if guessed {
        let odd = |c: &char| c.is_control() && !"\t\n\r\u{c}\u{1b}".contains(*c);
        let (all, controls) = (text.chars().count(), text.chars().filter(odd).count());
        if controls * PER_CONTROL > all {
            return refuse(format!("is no text: {controls} of its {all} characters are control characters"));
        }
    }
    let how = if guessed { ", a guess, as it is no UTF-8 (`encoding` decides)" } else { "" };
    let faults = counted(text.matches('\u{fffd}').count(), "fault");
    let faults = if is_faulty { format!(", with {faults}") } else { String::new() };
    let said = (encoding != UTF_8 || is_faulty).then(|| format!("{}{how}{faults}", encoding.name()));
    Ok((text, said))
}

/// Whether a file begins as text does: without control characters, or as UTF-16.
pub(super) fn is_text(path: &Path) -> Result<bool> {
    let head = read_up_to(&mut source(path)?.0, START as u64, path)?;
    let is_control = |byte: &u8| byte.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(byte);
    let is_wide = wide(&head).is_some() || Encoding::for_bom(&head).is_some_and(|(encoding, _)| encoding != UTF_8);
    Ok(is_wide || !head.iter().any(is_control))
}

/// UTF-16 without a mark: zeros at nearly every second place.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = &bytes[..bytes.len().min(START)];
    let zeros = |odd: usize| start.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (encoding, zeros) = match (zeros(0), zeros(1)) {
        (0, zeros) => (UTF_16LE, zeros),
        (zeros, 0) => (UTF_16BE, zeros),
        _ => return None,
    };
    let half = start.len() / 2;
    // Latin letters have their zeros at one kind of place; of other scripts spaces and signs have.
    let is_latin = half > 1 && zeros * 10 > half * 9;
    (is_latin || zeros >= SOME && zeros * FEWEST >= half).then_some(encoding)
}

/// Whether bytes are UTF-8, but for a few faults.
fn is_nearly_utf8(bytes: &[u8]) -> bool {
    if std::str::from_utf8(bytes).is_ok() {
        return true;
    }
    let (mut faults, mut long) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        faults += usize::from(!chunk.invalid().is_empty());
        long += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
    }
    long >= PER_FAULT * faults
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

    fn read(bytes: &[u8], asked: Option<&str>) -> Result<(String, Option<String>)> {
        decode(Path::new("a"), bytes.to_vec(), asked)
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "é;1\n€;2\n";
        let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        let cases = [
            (text.as_bytes().to_vec(), None, None),
            ([b"\xef\xbb\xbf", text.as_bytes()].concat(), None, None),
            (b"\xe9;1\n\x80;2\n".to_vec(), None, Some("windows-1252, a guess")),
            (b"\xe9;1\n\x80;2\n".to_vec(), Some("latin1"), Some("windows-1252")),
            ([b"\xff\xfe".to_vec(), little.clone()].concat(), None, Some("UTF-16LE")),
            ([b"\xfe\xff".to_vec(), big.clone()].concat(), None, Some("UTF-16BE")),
            ([b"\xfe\xff".to_vec(), big.clone()].concat(), Some("utf-16"), Some("UTF-16BE")),
            (little, Some("UTF-16"), Some("UTF-16LE")),
            (big, Some("utf-16be"), Some("UTF-16BE")),
        ];
        for (bytes, asked, encoding) in cases {
            let (found, said) = read(&bytes, asked).unwrap();
            assert_eq!(found, text, "{bytes:?}");
            assert_eq!(said.is_some(), encoding.is_some());
            assert!(said.unwrap_or_default().starts_with(encoding.unwrap_or_default()));
        }
        let unmarked: Vec<u8> = "1;2\n3;4\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&unmarked, None).unwrap().0, "1;2\n3;4\n");
        let russian = "Широкая электрификация южных губерний\n".repeat(3);
        let unmarked: Vec<u8> = russian.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&unmarked, None).unwrap().0, russian);
    }

    #[test]
    fn encodings_are_guessed() {
        let text = "Широкая электрификация южных губерний даст мощный толчок подъёму сельского хозяйства. ";
        for name in ["windows-1251", "koi8-r", "ibm866"] {
            let (bytes, ..) = named(name).unwrap().encode(text);
            let (found, said) = read(&bytes.repeat(5), None).unwrap();
            assert_eq!(found, text.repeat(5), "{name}: {said:?}");
        }
        let japanese = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。";
        for name in ["shift_jis", "euc-jp"] {
            let (bytes, ..) = named(name).unwrap().encode(japanese);
            assert_eq!(read(&bytes, None).unwrap().0, japanese, "{name}");
        }
        // One damaged byte in a text of UTF-8 leaves the others as they are.
        let mut damaged = text.repeat(2).into_bytes();
        damaged.insert(41, 0xff);
        let (found, said) = read(&damaged, None).unwrap();
        assert_eq!(found.replace('\u{fffd}', ""), text.repeat(2));
        assert_eq!(said.unwrap(), "UTF-8, with 1 fault");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let noise: Vec<u8> = (0..400u32).map(|i| (i * 97 % 255 + 1) as u8).collect();
        let cases: [(&[u8], Option<&str>, &str); 7] = [
            (b"ab\0c", None, "byte 3 is 0"),
            (b"PK\x03\x04", None, "archive"),
            (b"\0\0\0\0", None, "byte 1 is 0"),
            (b"\xff\xfea\0\0\0b\0", None, "byte 5 is 0"),
            (b"abcd\xff", Some("utf-8"), "first 4 bytes"),
            (b"\x81", Some("shift_jis"), "not Shift_JIS"),
            (&noise, None, "control characters"),
        ];
        for (bytes, asked, words) in cases {
            let error = read(bytes, asked).unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
        for (name, near) in [
            ("utf8-", "utf-8"),
            ("window-1252", "windows-1252"),
            ("hz-gb-2312", "unknown encoding"),
            ("ibm850", "iconv -f CP850"),
        ] {
            assert!(named(name).unwrap_err().to_string().contains(near), "{name}");
        }
    }

    #[test]
    fn lines_end_in_three_ways() {
        assert_eq!([0, 2, 5, 7].map(|at| line("a\r\nb\n\rc\rd", at)), [1, 1, 3, 4]);
    }
}
