//! Signals that stop a run from outside, such as Ctrl-C.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::error::{Error, Result};

/// Offset from a signal's number to the exit status of a run that it ended, by the convention of shells.
const BY_SIGNAL: u8 = 128;

/// Signals that have arrived. An ending signal exits at once until there is something to save; after that, the first
/// one asks the run to end and the second one exits at once.
#[derive(Clone, Default)]
pub struct Signals {
    /// Number of the signal that asked the run to end; 0: none.
    end: Arc<AtomicUsize>,
    /// Whether the next ending signal exits at once.
    at_once: Arc<AtomicBool>,
    /// Whether a picture and a checkpoint are asked for.
    show: Arc<AtomicBool>,
}

impl Signals {
    /// The exit status for the signal that asked the run to end, if one did.
    pub fn ended(&self) -> Option<u8> {
        match self.end.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(BY_SIGNAL + signal as u8),
        }
    }

    /// From now on, the first ending signal lets the run write its checkpoint before it ends.
    pub fn defer(&self) {
        self.at_once.store(false, Ordering::SeqCst);
    }

    /// Whether a picture and a checkpoint were asked for since the last call.
    pub fn shows(&self) -> bool {
        self.show.swap(false, Ordering::SeqCst)
    }

    /// Begins to watch.
    #[cfg(unix)]
    pub fn watch() -> Result<Self> {
        use signal_hook::{
            consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
            flag,
        };
        let signals = Self { at_once: Arc::new(true.into()), ..Self::default() };
        let watch = |signal: i32| {
            // The order matters: the first signal after `defer` must test `at_once` before it sets it for the second.
            flag::register_conditional_shutdown(signal, i32::from(BY_SIGNAL) + signal, signals.at_once.clone())?;
            flag::register(signal, signals.at_once.clone())?;
            flag::register_usize(signal, signals.end.clone(), signal as usize)
        };
        let ending = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| *signal != SIGHUP || !is_ignored(SIGHUP));
        ending
            .map(watch)
            .chain([flag::register(SIGUSR1, signals.show.clone())])
            .try_for_each(|watched| watched.map(|_| ()))
            .map_err(|error| Error::failure(format!("cannot watch for Ctrl-C: {error}")))?;
        Ok(signals)
    }

    /// Begins to watch.
    #[cfg(not(unix))]
    pub fn watch() -> Result<Self> {
        const CTRL_C: usize = 2;
        let signals = Self { at_once: Arc::new(true.into()), ..Self::default() };
        let (end, at_once) = (signals.end.clone(), signals.at_once.clone());
        ctrlc::set_handler(move || {
            if at_once.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(BY_SIGNAL) + CTRL_C as i32);
            }
            end.store(CTRL_C, Ordering::SeqCst);
        })
        .map_err(|error| Error::failure(format!("cannot watch for Ctrl-C: {error}")))?;
        Ok(signals)
    }
}

/// Whether the parent process had this signal ignored, as `nohup` does, so that the run outlives it.
#[cfg(unix)]
#[expect(unsafe_code, reason = "only the C library tells what is done about a signal")]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: without a new action, `sigaction` only writes the present action into `action`, for which all zeros are a
    // valid value.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}
