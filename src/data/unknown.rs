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
/// File name endings of spreadsheets.
const SPREADSHEETS: [&str; 6] = ["xlsx", "xls", "xlsm", "xlsb", "ods", "numbers"];
/// File name endings of archives.
const ARCHIVES: [&str; 8] = ["zip", "tar", "tgz", "7z", "rar", "xz", "bz2", "zst"];

/// What to say of data that there is not, with what may have been meant.
pub(super) fn unknown(spec: &str) -> Error {
    if spec.contains(['/', '.', std::path::MAIN_SEPARATOR]) {
        let hint = near(Path::new(spec)).map_or(String::new(), |near| format!(": did you mean `{}`?", near.display()));
        return Error::usage(format!("the path `{spec}` does not exist{hint}"));
    }
    let names = BUILT_IN.iter().map(|(name, _)| *name);
    let all = names.clone().collect::<Vec<_>>().join(", ");
    let built_in = nearest(spec, names).map(String::from);
    let meant = near(Path::new(spec)).map(|path| path.display().to_string()).or(built_in);
    let hint = meant.map_or(String::new(), |meant| format!(": did you mean `{meant}`?"));
    Error::usage(format!("`{spec}` is neither a path nor a built-in data set ({all}){hint}"))
}

/// What lies beside a path that does not exist and is named much like it, perhaps with another ending.
fn near(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names = files::names(folder).ok()?;
    names.retain(|name| is_understood(Path::new(name)) || folder.join(name).is_dir());
    let wanted = path.file_name()?.to_str()?;
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let same = names.iter().find(|name| stem(name) == stem(wanted)).cloned();
    let name = same.or_else(|| nearest(wanted, names.iter().map(String::as_str)).map(String::from))?;
    Some(path.with_file_name(name))
}

/// Whether a file is named like one of Parquet, which is only packed.
pub(super) fn is_parquet(path: &Path) -> bool {
    unpack::last_ending(path) == "parquet"
}

/// The error for a single image or an archive; `None` for other files.
pub(super) fn refused(path: &Path, ending: &str) -> Option<Error> {
    let advice = match () {
        () if decode::is_image(path) => "one image: name the folder that it lies in, all images of which are read",
        () if SPREADSHEETS.contains(&ending) => "a spreadsheet: save its table as CSV there, and name that file",
        () if ARCHIVES.contains(&ending) => "an archive: unpack it and name the folder or the file that was in it",
        () if is_parquet(path) => "a Parquet file: `saddle pack` makes an array of it, which is read",
        () => return None,
    };
    Some(Error::failure(format!("`{}` is {advice}", path.display())))
}
