//! The lock of a run, which the process that trains it holds.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    thread,
    time::Duration,
};

use crate::{
    error::{Error, Result},
    files,
};

/// Name of the file that is locked.
pub(super) const LOCK: &str = ".lock";
/// How long [`is_training`] holds the lock at most.
const LOOKED: Duration = Duration::from_millis(50);

/// Whether a process trains the run in a folder; also if that cannot be told, as on file systems without locks.
pub fn is_training(folder: &Path) -> bool {
    let path = folder.join(LOCK);
    match files::regular(&path).and_then(|()| File::open(path)) {
        // The lock goes with the file, at once.
        Ok(file) => file.try_lock_shared().is_err(),
        Err(_) => false,
    }
}

/// Locks the run in a folder.
///
/// # Errors
/// A run that another process trains.
pub(super) fn lock(folder: &Path) -> Result<File> {
    let name = folder.display();
    let path = folder.join(LOCK);
    let there = if path.exists() { files::regular(&path) } else { Ok(()) };
    let file = there.and_then(|()| OpenOptions::new().create(true).truncate(false).write(true).open(path));
    let file = file.map_err(|error| Error::failure(format!("cannot lock the run `{name}`: {error}")))?;
    let locked = match file.try_lock() {
        // Somebody may only look whether the run trains.
        Err(TryLockError::WouldBlock) => {
            thread::sleep(LOOKED);
            file.try_lock()
        }
        locked => locked,
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::failure(format!("the run `{name}` is being trained by another process")));
        }
        // Some network file systems have no locks; a run there is better than none.
        Err(TryLockError::Error(error)) => tracing::warn!("cannot lock the run `{name}`: {error}"),
    }
    Ok(file)
}
