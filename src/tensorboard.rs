//! Event files of TensorBoard, which other trackers import: metrics as scalars, pictures of samples.
//!
//! A file is a sequence of records: length, masked CRC-32C of the length, bytes, masked CRC-32C of the bytes. The bytes
//! are a protocol buffer `Event`; the numbers of fields below are those of TensorFlow's event.proto and summary.proto.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};

use crate::{error::Result, files::cannot_write, protobuf::Message};

/// Fields of `Event`.
const WALL_TIME: u64 = 1;
const STEP: u64 = 2;
const FILE_VERSION: u64 = 3;
const SUMMARY: u64 = 5;
const SESSION_LOG: u64 = 7;
/// Fields of `Summary`, of its values, and of their pictures.
const VALUE: u64 = 1;
const TAG: u64 = 1;
const SIMPLE_VALUE: u64 = 2;
const IMAGE: u64 = 4;
const HEIGHT: u64 = 1;
const WIDTH: u64 = 2;
const COLORSPACE: u64 = 3;
const ENCODED: u64 = 4;
const RGB: i64 = 3;
/// Field of `SessionLog`, and its value START.
const STATUS: u64 = 1;
const START: i64 = 1;

/// The event file of a process that trains.
pub struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// Begins a file in a folder, for a training that goes on after `step` steps: readers forget what an earlier file
    /// has of later steps.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn create(folder: &Path, step: u64) -> Result<Self> {
        // Readers take the files of a folder by name.
        let seconds = now() as u64;
        let path = folder.join(format!("events.out.tfevents.{seconds:010}.saddle.{}", process::id()));
        let cannot = |error| cannot_write(&path, &error);
        fs::create_dir_all(folder).map_err(cannot)?;
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(cannot)?;
        let mut events = Self { path, file };
        events.write(&event(0, Message::new().text(FILE_VERSION, "brain.Event:2")))?;
        if step > 0 {
            let start = Message::new().int(STATUS, START);
            events.write(&event(step + 1, Message::new().message(SESSION_LOG, &start)))?;
        }
        Ok(events)
    }

    /// Writes the numbers of a line of metrics.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn scalars(&mut self, step: u64, line: &Map<String, Value>) -> Result<()> {
        let numbers = line.iter().filter(|(name, _)| *name != "step");
        let summary = numbers.filter_map(|(name, value)| Some((name, value.as_f64()?))).fold(
            Message::new(),
            |summary, (name, number)| {
                let value = Message::new().text(TAG, name).float(SIMPLE_VALUE, number as f32);
                summary.message(VALUE, &value)
            },
        );
        self.write(&event(step, Message::new().message(SUMMARY, &summary)))
    }

    /// Writes a picture, a PNG file, under the name `samples`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn picture(&mut self, step: u64, png: &[u8], [width, height]: [u32; 2]) -> Result<()> {
        let image = Message::new().int(HEIGHT, height.into()).int(WIDTH, width.into());
        let image = image.int(COLORSPACE, RGB).bytes(ENCODED, png);
        let value = Message::new().text(TAG, "samples").message(IMAGE, &image);
        let summary = Message::new().message(VALUE, &value);
        self.write(&event(step, Message::new().message(SUMMARY, &summary)))
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        let written = self.file.write_all(&record(event));
        written.map_err(|error| cannot_write(&self.path, &error))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn event(step: u64, what: Message) -> Vec<u8> {
    Message::new().double(WALL_TIME, now()).int(STEP, step as i64).and(what).into_bytes()
}

/// A record of an event file.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let [of_length, of_bytes] = [&length[..], bytes].map(|bytes| masked(crc32c(bytes)).to_le_bytes());
    [&length[..], &of_length, bytes, &of_bytes].concat()
}

fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32 by Castagnoli's polynomial.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let (mut crc, mut bit) = (i as u32, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The records of a file, whose checksums are right.
    fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut all = vec![];
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_at(8);
            let crc = |bytes: &[u8]| masked(crc32c(bytes)).to_le_bytes();
            assert_eq!(rest[..4], crc(length));
            let (record, rest) = rest[4..].split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
            assert_eq!(rest[..4], crc(record));
            all.push(record.to_vec());
            bytes = &rest[4..];
        }
        all
    }

    /// The fields of a message: number, and value (of numbers its eight bytes).
    fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let len = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
            let (own, rest) = bytes.split_at(len);
            *bytes = rest;
            own.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f))
        }
        let mut all = vec![];
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = match key & 7 {
                0 => varint(&mut bytes).to_le_bytes().to_vec(),
                layout => {
                    let len = match layout {
                        1 => 8,
                        5 => 4,
                        _ => varint(&mut bytes) as usize,
                    };
                    let (own, rest) = bytes.split_at(len);
                    bytes = rest;
                    own.to_vec()
                }
            };
            all.push((key >> 3, value));
        }
        all
    }

    fn field(bytes: &[u8], number: u64) -> Vec<u8> {
        fields(bytes).into_iter().find(|(found, _)| *found == number).unwrap().1
    }

    #[test]
    fn files_hold_what_was_written() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::create(&folder.path().join("tensorboard"), 300).unwrap();
        let Value::Object(line) = json!({"step": 310, "d_loss": 0.25, "phase": "game", "modes": 8}) else { panic!() };
        events.scalars(310, &line).unwrap();
        let png = vec![7; 300];
        events.picture(310, &png, [20, 1000]).unwrap();
        let records = records(&fs::read(&events.path).unwrap());
        assert_eq!(records.len(), 4);
        assert_eq!(field(&records[0], FILE_VERSION), b"brain.Event:2");
        assert_eq!(field(&records[1], STEP), 301u64.to_le_bytes());
        assert_eq!(field(&field(&records[1], SESSION_LOG), STATUS), START.to_le_bytes());
        assert_eq!(field(&records[2], STEP), 310u64.to_le_bytes());
        assert!((f64::from_le_bytes(field(&records[2], WALL_TIME).try_into().unwrap()) - now()).abs() < 60.0);
        let values: Vec<(String, f32)> = fields(&field(&records[2], SUMMARY))
            .into_iter()
            .map(|(_, value)| {
                let number = f32::from_le_bytes(field(&value, SIMPLE_VALUE).try_into().unwrap());
                (String::from_utf8(field(&value, TAG)).unwrap(), number)
            })
            .collect();
        assert_eq!(values, [("d_loss".into(), 0.25), ("modes".into(), 8.0)]);
        let image = field(&field(&field(&records[3], SUMMARY), VALUE), IMAGE);
        assert_eq!((field(&image, WIDTH), field(&image, ENCODED)), (20u64.to_le_bytes().to_vec(), png));
    }
}
