//! Packing Parquet files: encoded images in a column, as data sets of Hugging Face have them, or a table.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use ::parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Stored};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, reader::RowIter};
use ::parquet::schema::types::{Type, TypePtr};

use super::archives::{Archives, Member};
use super::pictures::{self, Listed, Source};
use super::{Packing, Watch, table};
use crate::data::columns::{joined, listed};
use crate::data::folder::{TRAIN_NAMES, dotted};
use crate::data::listing::{self, below};
use crate::data::{LeftOut, Options, unpack};
use crate::error::{Error, Result, counted};
use crate::files;
use crate::settings::{Decimal, Separator};

/// Rows that are read together.
const TOGETHER: usize = 64;
/// Names of columns of classes, and the key of what Hugging Face says of columns.
const LABELS: [&str; 3] = ["label", "labels", "class"];
const KEY: &str = "huggingface";

/// What a column holds.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Numbers,
    Texts,
    Bytes,
    /// Structures of bytes and texts, such as an image and its path.
    Files,
    Times,
    Other,
}

impl Kind {
    fn of(column: &Type) -> Self {
        let info = column.get_basic_info();
        let kind = info.converted_type();
        if info.repetition() == Repetition::REPEATED {
            return Self::Other;
        }
        if column.is_group() {
            let is_part = |part: &TypePtr| [Self::Bytes, Self::Texts].contains(&Self::of(part));
            let parts = column.get_fields();
            let is_file = kind == ConvertedType::NONE && parts.iter().all(is_part);
            let has_bytes = parts.iter().any(|part| part.name() == "bytes" && Self::of(part) == Self::Bytes);
            return if is_file && has_bytes { Self::Files } else { Self::Other };
        }
        let is_time =
            || matches!(info.logical_type_ref(), Some(LogicalType::Timestamp { .. } | LogicalType::Time { .. }));
        match (column.get_physical_type(), kind) {
            (Stored::INT96, _) | (_, ConvertedType::DATE) => Self::Times,
            // Of nanoseconds, the logical type alone tells.
            (Stored::INT32 | Stored::INT64, _) if is_time() => Self::Times,
            (Stored::BYTE_ARRAY | Stored::FIXED_LEN_BYTE_ARRAY, ConvertedType::DECIMAL) => Self::Numbers,
            (Stored::BYTE_ARRAY, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => Self::Texts,
            (Stored::BYTE_ARRAY, ConvertedType::NONE | ConvertedType::BSON) => Self::Bytes,
            (Stored::FIXED_LEN_BYTE_ARRAY, _) if info.logical_type_ref() == Some(&LogicalType::Float16) => {
                Self::Numbers
            }
            (Stored::BYTE_ARRAY | Stored::FIXED_LEN_BYTE_ARRAY, _) => Self::Other,
            _ => Self::Numbers,
        }
    }
}

/// Packs the Parquet files that `path` is or has; of a folder whose files are named so, the part to learn from.
pub fn pack(files: Vec<PathBuf>, path: &Path, out: &Path, options: &Options, watch: Watch) -> Result<Packing> {
    let shards = Shards::of(files, path, options)?;
    match shards.image()? {
        Some(image) => shards.pack_images(&image, out, options, watch),
        None => shards.pack_table(out, options, watch),
    }
}

/// Files of rows with the same columns.
struct Shards<'a> {
    /// What the user named.
    path: &'a Path,
    files: Vec<PathBuf>,
    /// The columns of the first file, and the names of the classes that are numbered in some of them.
    columns: Vec<TypePtr>,
    classes: HashMap<String, Vec<String>>,
    left_out: LeftOut,
    note: String,
}

impl<'a> Shards<'a> {
    fn of(files: Vec<PathBuf>, path: &'a Path, options: &Options) -> Result<Self> {
        let mut left_out = LeftOut::default();
        let all = if path.is_dir() { listing::files(path, &mut left_out)? } else { vec![] };
        for other in all.iter().filter(|file| !files.contains(file)) {
            left_out.add(&format!("{} files", dotted(other)), below(path, other));
        }
        let (train, others): (Vec<PathBuf>, Vec<PathBuf>) =
            files.into_iter().partition(|file| options.parts && path.is_dir() && is_to_learn_from(&below(path, file)));
        let (files, what) = match (train.is_empty(), others.is_empty()) {
            (false, false) => (train, "only the part to learn from: "),
            (false, true) => (train, ""),
            (true, _) => (others.clone(), ""),
        };
        others.iter().filter(|file| !files.contains(file)).for_each(|file| {
            left_out.add("files of other parts", below(path, file));
        });
        let names = files.iter().map(|file| if path.is_dir() { below(path, file) } else { path.display().to_string() });
        let note = format!("{what}{}: {}", counted(files.len(), "file"), joined(names.collect()));
        let first = open(&files[0])?;
        let about = first.metadata().file_metadata();
        let columns = about.schema().get_fields().to_vec();
        let said = about.key_value_metadata().into_iter().flatten().find(|said| said.key == KEY);
        let classes = said.and_then(|said| classes_in(said.value.as_ref()?)).unwrap_or_default();
        Ok(Self { path, files, columns, classes, left_out, note })
    }

    /// The rows of a file: these columns, as it stores them.
    fn rows(&self, file: &Path, columns: &[TypePtr]) -> Result<RowIter<'static>> {
        let reader = open(file)?;
        let schema = reader.metadata().file_metadata().schema();
        let own = |column: &TypePtr| {
            let is_same = |own: &&TypePtr| own.name() == column.name() && Kind::of(own) == Kind::of(column);
            schema.get_fields().iter().find(is_same).cloned()
        };
        let Some(fields) = columns.iter().map(own).collect() else {
            let (file, first) = (file.display(), self.files[0].display());
            return Err(Error::failure(format!("`{file}` has other columns than `{first}`: pack one of them")));
        };
        let wanted = Type::group_type_builder(schema.name()).with_fields(fields).build();
        let rows = wanted.and_then(|wanted| RowIter::from_file_into(Box::new(reader)).project(Some(wanted)));
        rows.map(|rows| rows.with_batch_size(TOGETHER)).map_err(|error| broken(file, &error))
    }

    /// The column of images, if there is one: of several, the one that is called so, or the first.
    fn image(&self) -> Result<Option<TypePtr>> {
        let mut found = None;
        for column in self.columns.iter().filter(|column| [Kind::Bytes, Kind::Files].contains(&Kind::of(column))) {
            let is_named = column.name() == "image";
            if (found.is_none() || is_named) && self.has_images(column)? {
                found = Some(column.clone());
            }
        }
        Ok(found)
    }

    /// Whether the first bytes in a column are those of an image.
    fn has_images(&self, column: &TypePtr) -> Result<bool> {
        for row in self.rows(&self.files[0], std::slice::from_ref(column))? {
            let row = row.map_err(|error| broken(&self.files[0], &error))?;
            if let Some((bytes, _)) = row.get_column_iter().next().and_then(|(_, field)| image_in(field)) {
                return Ok(image::guess_format(bytes).is_ok());
            }
        }
        Ok(false)
    }

    /// The column of classes beside images.
    fn label(&self) -> Option<&TypePtr> {
        let is_label = |column: &&TypePtr| [Kind::Numbers, Kind::Texts].contains(&Kind::of(column));
        let find = |is: &dyn Fn(&str) -> bool| self.columns.iter().filter(is_label).find(|column| is(column.name()));
        let named = LABELS.iter().find_map(|label| find(&|name| name == *label));
        named.or_else(|| find(&|name| self.classes.contains_key(name)))
    }

    /// Copies the encoded images to a file, where they can be read in any order, and packs them like those of an
    /// archive: rows of Parquet are read from the first to the last only.
    fn pack_images(self, image: &TypePtr, out: &Path, options: &Options, watch: Watch) -> Result<Packing> {
        pictures::check(self.path, options)?;
        let before = lengths(&self.files);
        let label = self.label().filter(|_| options.classes);
        let columns: Vec<TypePtr> = [image].into_iter().chain(label).cloned().collect();
        let others = self.columns.iter().filter(|column| !columns.contains(column)).map(|column| column.name());
        let mut notes =
            vec![self.note.clone(), format!("images from the column {}", listed([image.name()].into_iter()))];
        if let Some(label) = label {
            notes[1] += &format!(", classes from {}", listed([label.name()].into_iter()));
        }
        if others.clone().next().is_some() {
            notes[1] += &format!("; left out the columns {}", listed(others));
        }
        let mut left_out = self.left_out.clone();
        let archives = self.copied(&columns, out, &mut left_out, watch)?;
        let unnamed = archives.members.iter().filter(|member| member.class.is_none()).count();
        if let Some(label) = label.filter(|_| unnamed > 0) {
            let (name, images) = (label.name(), counted(unnamed, "image"));
            notes.push(format!("without classes, as `{name}` says none of {images}"));
        }
        let source = Source::of_members(archives, &self.files[0], left_out, notes, options)?;
        let mut packed = pictures::pack(source, self.path, out, options, watch)?;
        packed.notes.extend(pictures::growth(&before, &lengths(&self.files), "file", self.path));
        Ok(packed)
    }

    /// The images of all files in one file without a name beside `out`, which goes with the process.
    fn copied(&self, columns: &[TypePtr], out: &Path, left_out: &mut LeftOut, watch: Watch) -> Result<Archives> {
        let cannot = |error: io::Error| {
            Error::failure(format!("cannot write a copy of the images beside `{}`: {error}", out.display()))
        };
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::tempfile_in(folder).map_err(cannot)?;
        let mut copy = BufWriter::with_capacity(1 << 20, file);
        let (mut members, mut start) = (vec![], 0);
        for file in &self.files {
            let shard = if self.path.is_dir() { below(self.path, file) } else { self.path.display().to_string() };
            for (n, row) in self.rows(file, columns)?.enumerate() {
                let row = row.map_err(|error| broken(file, &error))?;
                let fields: Vec<(&String, &Field)> = row.get_column_iter().collect();
                let Some((bytes, name)) = image_in(fields[0].1) else {
                    left_out.add("rows without an image", format!("{shard} row {}", n + 1));
                    continue;
                };
                copy.write_all(bytes).map_err(cannot)?;
                let name = name.map_or_else(|| format!("{shard} row {}", n + 1), str::to_owned);
                let class = fields.get(1).and_then(|(name, field)| class_of(field, self.classes.get(*name)));
                let len = bytes.len() as u64;
                members.push(Member { name, class, archive: 0, start, packed: len, len, is_deflated: false });
                start += len;
                watch(0, members.len());
            }
        }
        let file = copy.into_inner().map_err(|error| cannot(error.into_error()))?;
        Ok(Archives { files: vec![(out.to_owned(), file)], members })
    }

    /// Packs the rows as those of the same table in text.
    fn pack_table(self, out: &Path, options: &Options, watch: Watch) -> Result<Packing> {
        let said = [
            ("header", options.header.is_some()),
            ("separator", options.separator.is_some()),
            ("decimal", options.decimal.is_some()),
            ("encoding", options.encoding.is_some()),
        ];
        let place = self.path.display();
        if let Some((name, _)) = said.iter().find(|(_, is_said)| *is_said) {
            return Err(Error::usage(format!("`{place}`: {name} is for tables in text: leave it out")));
        }
        let (cells, others): (Vec<TypePtr>, Vec<TypePtr>) =
            self.columns.iter().cloned().partition(|column| [Kind::Numbers, Kind::Texts].contains(&Kind::of(column)));
        let reason = |column: &TypePtr| match Kind::of(column) {
            Kind::Times => format!("{} (times)", column.name()),
            Kind::Bytes | Kind::Files => format!("{} (bytes of no image)", column.name()),
            _ => format!("{} (lists or structures)", column.name()),
        };
        let mut notes = vec![self.note.clone()];
        if !others.is_empty() {
            notes.push(format!("`{place}`: left out {}", joined(others.iter().map(reason).collect())));
        }
        if !cells.iter().any(|column| Kind::of(column) == Kind::Numbers) {
            let all = listed(self.columns.iter().map(|column| column.name()));
            let first = self.files[0].display();
            return Err(Error::failure(format!(
                "`{first}` has no column of images or of numbers: its columns are {all}"
            )));
        }
        let options = Options {
            header: Some(true),
            separator: Some(Separator::Comma),
            decimal: Some(Decimal::Point),
            encoding: Some("utf-8".into()),
            ..options.clone()
        };
        let open = || Ok((Box::new(Text::of(&self, &cells)?) as Box<dyn Read>, None));
        let mut packed = table::pack(self.path, &open, out, &options, watch)?;
        packed.notes.splice(0..0, notes);
        packed.left_out.extend(&self.left_out);
        Ok(packed)
    }
}

/// The rows of files as text with commas between cells, below the names of the columns.
struct Text<'a> {
    shards: &'a Shards<'a>,
    columns: &'a [TypePtr],
    /// Number of files whose rows were begun, and the rest of the rows of the last one.
    begun: usize,
    rows: Option<RowIter<'static>>,
    /// Lines, and how much of them was handed on.
    text: io::Cursor<Vec<u8>>,
}

impl<'a> Text<'a> {
    fn of(shards: &'a Shards, columns: &'a [TypePtr]) -> Result<Self> {
        let names = columns.iter().map(|column| column.name().to_owned());
        let text = lines(&[names.collect()]).map_err(|error| broken(&shards.files[0], &error))?;
        Ok(Self { shards, columns, begun: 0, rows: None, text: io::Cursor::new(text) })
    }

    /// The cells of the next row.
    fn row(&mut self) -> Result<Option<Vec<String>>> {
        loop {
            if let Some(row) = self.rows.as_mut().and_then(Iterator::next) {
                let row = row.map_err(|error| broken(&self.shards.files[self.begun - 1], &error))?;
                return Ok(Some(row.get_column_iter().map(|(_, field)| cell(field)).collect()));
            }
            let Some(file) = self.shards.files.get(self.begun) else { return Ok(None) };
            self.rows = Some(self.shards.rows(file, self.columns)?);
            self.begun += 1;
        }
    }
}

impl Read for Text<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.text.position() == self.text.get_ref().len() as u64 {
            let rows = std::iter::from_fn(|| self.row().transpose()).take(TOGETHER);
            let rows: Vec<Vec<String>> = rows.collect::<Result<_>>().map_err(io::Error::other)?;
            self.text = io::Cursor::new(lines(&rows)?);
        }
        self.text.read(to)
    }
}

/// Rows as lines of text.
fn lines(rows: &[Vec<String>]) -> io::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(vec![]);
    rows.iter().try_for_each(|row| csv.write_record(row))?;
    csv.into_inner().map_err(|error| error.into_error())
}

/// A value as a cell: nothing where there is none, or no finite number.
fn cell(field: &Field) -> String {
    match field {
        Field::Bool(value) => u8::from(*value).to_string(),
        Field::Float16(value) if value.is_finite() => value.to_f32().to_string(),
        Field::Float(value) if value.is_finite() => value.to_string(),
        Field::Double(value) if value.is_finite() => value.to_string(),
        Field::Float16(_) | Field::Float(_) | Field::Double(_) | Field::Null => String::new(),
        // A row is a line.
        Field::Str(text) => text.replace(['\n', '\r'], " "),
        number => number.to_string(),
    }
}

/// The bytes of an image, and its path if the column has one.
fn image_in(field: &Field) -> Option<(&[u8], Option<&str>)> {
    match field {
        Field::Bytes(bytes) => Some((bytes.data(), None)),
        Field::Group(parts) => {
            let part = |name: &str| parts.get_column_iter().find(|(part, _)| *part == name).map(|(_, field)| field);
            let path = match part("path") {
                Some(Field::Str(path)) => Some(path.as_str()),
                _ => None,
            };
            match part("bytes")? {
                Field::Bytes(bytes) => Some((bytes.data(), path)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The class that a label says: of a number its name, if numbers have some. Negative numbers say that there is none.
fn class_of(field: &Field, names: Option<&Vec<String>>) -> Option<String> {
    match field {
        Field::Null => None,
        Field::Str(name) => Some(name.clone()),
        Field::Bool(value) => Some(value.to_string()),
        number => {
            let number = number.to_string();
            let index: usize = number.parse().ok()?;
            names.map_or(Some(number), |names| names.get(index).cloned())
        }
    }
}

/// The names of classes, column by column, in what Hugging Face writes of them:
/// `{"info": {"features": {COLUMN: {"names": [..], "_type": "ClassLabel"}}}}`.
fn classes_in(said: &str) -> Option<HashMap<String, Vec<String>>> {
    let said: serde_json::Value = serde_json::from_str(said).ok()?;
    let names = |feature: &serde_json::Value| {
        feature["names"].as_array()?.iter().map(|name| Some(name.as_str()?.to_owned())).collect::<Option<Vec<_>>>()
    };
    let features = said["info"]["features"].as_object()?;
    Some(features.iter().filter_map(|(column, feature)| Some((column.clone(), names(feature)?))).collect())
}

/// Whether a file is of the part to learn from, by the first word of its name or of a folder's.
fn is_to_learn_from(name: &str) -> bool {
    let word = |part: &str| part.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    Path::new(name).components().any(|part| TRAIN_NAMES.contains(&&*word(&part.as_os_str().to_string_lossy())))
}

/// Files with their lengths, of those that are there.
fn lengths(files: &[PathBuf]) -> Vec<Listed> {
    let of = |file: &PathBuf| Some((file.display().to_string(), file.metadata().ok()?.len()));
    files.iter().filter_map(of).collect()
}

fn open(file: &Path) -> Result<SerializedFileReader<File>> {
    let opened = files::open(file).map_err(|error| unpack::unreadable(file, error))?;
    SerializedFileReader::new(opened).map_err(|error| broken(file, &error))
}

fn broken(file: &Path, error: &dyn Display) -> Error {
    Error::failure(format!("`{}` is no Parquet file that can be read: {error}", file.display()))
}
