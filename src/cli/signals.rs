//! What stops a run from outside: Ctrl-C and its kin.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::error::{Error, Result};

/// What a signal adds to a process's exit status, by a shell's custom.
const BY_SIGNAL: u8 = 128;

/// Signals that have arrived. The second that ends a run does so at once.
#[derive(Clone, Default)]
pub struct Signals {
    /// The one that asked the run to end; 0: none.
    end: Arc<AtomicUsize>,
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
        let signals = Self::default();
        let begun = Arc::new(AtomicBool::new(false));
        let watch = |signal: i32| {
            // In this order: the first signal finds nothing begun.
            flag::register_conditional_shutdown(signal, i32::from(BY_SIGNAL) + signal, begun.clone())?;
            flag::register(signal, begun.clone())?;
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
        let signals = Self::default();
        let end = signals.end.clone();
        ctrlc::set_handler(move || {
            if end.swap(CTRL_C, Ordering::SeqCst) != 0 {
                std::process::exit(i32::from(BY_SIGNAL) + CTRL_C as i32);
            }
        })
        .map_err(|error| Error::failure(format!("cannot watch for Ctrl-C: {error}")))?;
        Ok(signals)
    }
}

/// Whether whoever started this process wants it to outlive a signal, as `nohup` does.
#[cfg(unix)]
#[expect(unsafe_code, reason = "only the C library tells what is done about a signal")]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: without a new action, `sigaction` only writes the present one, and all zeros are one.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}
