//! Names of data that there is not, and files that are none.

use std::path::{Path, PathBuf};

use super::{BUILT_IN, decode, is_understood, unpack};
use crate::{
    error::{Error, nearest},
    files,
};

/// The supported kinds of data, for messages.
pub(super) const UNDERSTOOD: &str = "a folder of images, of MIDI, of text or of IDX files (train-images-idx3-ubyte), \
    or a file that ends in .csv, .tsv, .tab, .psv, .dat, .npy, .npz, .txt, .text, .md, .mid, .midi or .mat, all but \
    .npz also with .gz";
/// Endings of files that hold data in a form which is not read: what such a file is, and what to do.
const ELSEWHERE: [(&[&str], &str); 11] = [
    (
        &["xlsx", "xls", "xlsm", "xlsb", "ods", "numbers"],
        "a spreadsheet: save its table as CSV there, and name that file",
    ),
    (
        &["zip", "tar", "tgz", "7z", "rar", "xz", "bz2", "zst"],
        "an archive: unpack it and name the folder or the file that was in it",
    ),
    (&["parquet"], "a Parquet file: `saddle pack` makes an array of it, which is read"),
    (
        &["docx", "doc", "odt", "rtf", "pages", "epub", "mobi", "html", "htm", "tex"],
        "a document: save its text as a .txt file, and name that file",
    ),
    (
        &["pdf", "ps", "djvu"],
        "printed pages: save their text as a .txt file (pdftotext does it), and name that file; pages as images belong \
         in a folder",
    ),
    (
        &["mp3", "wav", "flac", "ogg", "opus", "m4a", "aac", "aiff", "aif", "wma"],
        "sound, and music is read as notes: name a MIDI file (.mid), or save windows of the sound as an array (.npy)",
    ),
    (
        &["mp4", "mov", "avi", "mkv", "webm", "m4v", "mpg", "mpeg", "wmv"],
        "a film: save its frames as images in a folder (ffmpeg -i FILM FOLDER/%05d.png), and name that folder",
    ),
    (
        &["json", "jsonl", "ndjson", "xml", "yaml", "yml", "toml"],
        "structured text: save its records as a table (.csv), or its texts as a .txt file, and name that file",
    ),
    (
        &["sqlite", "sqlite3", "db", "mdb", "accdb", "sav", "dta", "sas7bdat", "rds", "rdata", "arrow", "feather"],
        "a table of another program: export it as CSV there, and name that file",
    ),
    (
        &["pkl", "pickle", "pt", "pth", "h5", "hdf5", "tfrecord", "safetensors"],
        "an array of another program: save it as .npy there (numpy.save), and name that file",
    ),
    (
        &["heic", "heif", "avif", "svg", "psd", "raw", "dng", "cr2", "nef", "arw"],
        "an image of a kind that is not read: save such images as PNG or JPEG in a folder, and name that folder",
    ),
];

/// What to say of data that there is not, with what may have been meant.
pub(super) fn unknown(spec: &str) -> Error {
    if let Some(folder) = Path::new(spec).parent().filter(|folder| spec.contains(['*', '?']) && folder.is_dir()) {
        return Error::usage(format!("`{spec}` is many files: name their folder, `{}`", folder.display()));
    }
    if spec.contains(['/', '.', std::path::MAIN_SEPARATOR]) {
        let hint = near(Path::new(spec)).map_or(String::new(), |near| format!(": did you mean `{}`?", near.display()));
        return Error::usage(format!("the path `{spec}` does not exist{hint}"));
    }
    let names = BUILT_IN.iter().map(|(name, ..)| *name);
    let all = names.clone().collect::<Vec<_>>().join(", ");
    let built_in = nearest(spec, names).map(String::from);
    let meant = near(Path::new(spec)).map(|path| path.display().to_string()).or(built_in);
    let hint = meant.map_or(String::new(), |meant| format!(": did you mean `{meant}`?"));
    Error::usage(format!("`{spec}` is neither a path nor a built-in data set ({all}){hint}"))
}

/// What lies beside a path that does not exist and is named much like it, if it may be data.
fn near(path: &Path) -> Option<PathBuf> {
    files::near(path, |near| is_understood(near) || near.is_dir())
}

/// Whether a file is named like one of Parquet, which is only packed.
pub(super) fn is_parquet(path: &Path) -> bool {
    unpack::last_ending(path) == "parquet"
}

/// What a file of this name is, in a form that is not read, and what to do with it; `None` for other files.
pub(super) fn elsewhere(path: &Path) -> Option<&'static str> {
    let ending = unpack::ending(path);
    ELSEWHERE.iter().find(|(endings, _)| endings.contains(&ending.as_str())).map(|(_, advice)| *advice)
}

/// The error for a single image, and for data in a form that is not read; `None` for other files.
pub(super) fn refused(path: &Path) -> Option<Error> {
    let image = "one image: name the folder that it lies in, all images of which are read";
    let advice = if decode::is_image(path) { image } else { elsewhere(path)? };
    Some(Error::failure(format!("`{}` is {advice}", path.display())))
}
