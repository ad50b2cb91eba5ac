//! Files that are either complete or absent.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::error::{Error, Result, nearest};
use crate::memory;

/// Prefix of the names of half-written files; a file that keeps it was left by a process that died.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// Opens a file to read. Anything but a regular file is refused before it is opened, because opening a pipe would
/// block.
///
/// # Errors
/// Those of the system, and one that says what the path is instead of a file.
pub fn open(path: &Path) -> io::Result<File> {
    regular(path)?;
    File::open(path)
}

/// All bytes of a file.
///
/// # Errors
/// Those of [`open`], and `OutOfMemory` if there is no memory for the bytes.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let room = memory::room(file.metadata()?.len() as usize);
    let mut bytes = room.map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file, within the bound on sizes ([`memory::most`]).
///
/// # Errors
/// Those of [`read`], and those for a file that is too large or not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    regular(path)?;
    let (len, most) = (fs::metadata(path)?.len(), memory::most().map_err(io::Error::other)?);
    if len > most.bytes {
        return Err(io::Error::other(format!("it has {}, more than {most}", memory::mib(len))));
    }
    String::from_utf8(read(path)?).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// Refuses a path that is not a regular file.
///
/// # Errors
/// One that says what it is instead, or those of the system.
pub fn regular(path: &Path) -> io::Result<()> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() { "a folder" } else { special(kind) };
    Err(io::Error::other(format!("it is {what}, and only a file will do")))
}

#[cfg(unix)]
fn special(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> &'static str {
    "a device"
}

/// Writes `path` so that a crash or a full disk leaves the old file or the new one, never a part.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes).map_err(|error| cannot_write(path, &error))
}

/// The error of a file that cannot be written; a full disk is [`Error::Full`].
pub fn cannot_write(path: &Path, error: &io::Error) -> Error {
    let sentence = format!("cannot write `{}`: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full(sentence),
        _ => Error::failure(sentence),
    }
}

/// Refuses a path at which there is something else than a regular file, such as /dev/null.
fn replaceable(path: &Path) -> io::Result<()> {
    regular(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// A temporary file in `folder`, which is removed when it is dropped unless it gets its final name first.
fn unfinished(folder: &Path) -> io::Result<NamedTempFile> {
    fs::metadata(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less the umask, like any other file
    }
    // The full error would name the temporary file; the caller names the one that matters.
    builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))
}

/// Refuses the path of `--out` where a file exists, unless `force` allows to write over it, and as [`ensure_writable`]
/// does.
pub fn ensure_new(path: &Path, force: bool) -> Result<()> {
    match path.is_file() && !force {
        true => Err(Error::usage(format!("--out: `{}` exists; --force writes over it", path.display()))),
        false => ensure_writable(path),
    }
}

/// Refuses a path that [`write_atomically`] cannot write to; called before the work whose result goes there.
pub fn ensure_writable(path: &Path) -> Result<()> {
    let begun = replaceable(path).and_then(|()| unfinished(folder_of(path)));
    begun.map(drop).map_err(|error| cannot_write(path, &error))
}

/// Refuses a folder that cannot be written to, or that does not exist and cannot be made.
pub fn ensure_folder(folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let cannot = |error| Error::failure(format!("cannot write to the folder `{}`: {error}", folder.display()));
    unfinished(there).map(drop).map_err(cannot)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replaceable(path)?;
    let folder = folder_of(path);
    // A rename is durable only once its folder is synced; Windows cannot open a folder and needs no such step.
    #[cfg(unix)]
    let folder_on_disk = File::open(folder)?;
    let mut file = unfinished(folder)?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    #[cfg(unix)]
    folder_on_disk.sync_all()?;
    Ok(())
}

/// Removes the half-written files of dead processes in a folder that are at least `age` old.
///
/// An age of 0 is safe only if no other process writes there.
pub fn remove_unfinished(folder: &Path, age: Duration) -> Result<()> {
    let paths = names(folder)?.into_iter().filter(|name| name.starts_with(UNFINISHED)).map(|name| folder.join(name));
    for path in paths {
        let written = fs::symlink_metadata(&path).and_then(|found| found.modified());
        let is_old = written.is_ok_and(|time| time.elapsed().unwrap_or_default() >= age);
        if is_old
            && let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(Error::failure(format!("cannot remove `{}`: {error}", path.display())));
        }
    }
    Ok(())
}

/// The folder for files that can be made again: `$SADDLE_CACHE`, else `saddle` in the platform's folder for caches, if
/// it has one.
pub fn cache_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let platform = || variable("XDG_CACHE_HOME").or_else(|| variable("LOCALAPPDATA"));
    let home = || variable("HOME").map(|home| home.join(".cache"));
    variable("SADDLE_CACHE").or_else(|| platform().or_else(home).map(|folder| folder.join("saddle")))
}

/// Removes half-written files that are a day old from the cache folder; newer ones may belong to running processes.
pub fn tidy_cache() -> Result<()> {
    const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
    let Some(cache) = cache_folder() else { return Ok(()) };
    let folders = names(&cache)?.into_iter().map(|name| cache.join(name)).filter(|path| path.is_dir());
    folders.chain([cache.clone()]).try_for_each(|folder| remove_unfinished(&folder, ABANDONED))
}

/// SHA-256 of bytes that lie in parts, in hexadecimal.
pub fn sha256(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path quoted as one word of a shell's command line.
pub fn quoted(path: &Path) -> String {
    // Else it would be an option.
    let is_option = path.as_os_str().as_encoded_bytes().starts_with(b"-");
    if is_option { quoted_word(Path::new(".").join(path).as_os_str()) } else { quoted_word(path.as_os_str()) }
}

/// A word of a shell's command line, quoted if it must be.
pub fn quoted_word(word: &OsStr) -> String {
    let bytes = word.as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(byte);
    match word.to_str() {
        Some(text) if !text.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let escaped = |byte: &u8| if plain(byte) { char::from(*byte).into() } else { format!("\\x{byte:02x}") };
            format!("$'{}'", bytes.iter().map(escaped).collect::<String>())
        }
    }
}

/// What lies beside a path that does not exist and is named much like it, perhaps with another ending, of the paths
/// that `fits` takes.
pub fn near(path: &Path, fits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names = names(folder).ok()?;
    names.retain(|name| fits(&folder.join(name)));
    let wanted = path.file_name()?.to_str()?;
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let same = || names.iter().map(String::as_str).find(|name| stem(name) == stem(wanted));
    nearest(wanted, names.iter().map(String::as_str)).or_else(same).map(|name| path.with_file_name(name))
}

/// The names in a folder; a folder that does not exist has none.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.and_then(|entries| entries.collect::<io::Result<Vec<_>>>()),
    };
    match listed {
        Ok(entries) => Ok(entries.iter().map(|e| e.file_name().to_string_lossy().into_owned()).collect()),
        Err(error) => Err(Error::failure(format!("cannot list `{}`: {error}", folder.display()))),
    }
}

/// The folder that a link leads to; else the folder itself.
pub fn own(folder: &Path) -> PathBuf {
    let target = fs::read_link(folder).map(|target| folder.parent().unwrap_or(Path::new("")).join(target));
    target.unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_is_one_word_of_a_shell() {
        for (path, word) in [
            ("runs/dcgan-digits-001", "runs/dcgan-digits-001"),
            ("my run 2", "'my run 2'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("größe", "'größe'"),
            ("-x", "./-x"),
            ("", "''"),
            ("a\nb'", r"$'a\x0ab\x27'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }

    #[test]
    fn only_what_is_old_enough_and_unfinished_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kept", ".unfinished-a"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        remove_unfinished(folder.path(), Duration::from_secs(3600)).unwrap();
        assert_eq!(names(folder.path()).unwrap().len(), 2);
        remove_unfinished(folder.path(), Duration::ZERO).unwrap();
        assert_eq!(names(folder.path()).unwrap(), ["kept"]);
        remove_unfinished(&folder.path().join("none"), Duration::ZERO).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        use std::os::unix::ffi::OsStrExt;
        for bytes in [&b"a b"[..], b"it's \"$HOME\" `x` \\", b"g\xff\n\t", "größe".as_bytes(), b"!~*?[x]{1,2}#;&|<>()"]
        {
            let path = Path::new(std::ffi::OsStr::from_bytes(bytes));
            let script = format!("printf %s {}", quoted(path));
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(output.stdout, bytes, "{script}");
        }
    }
}
