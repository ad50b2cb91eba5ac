//! Signals that stop a run from outside, such as Ctrl-C.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::error::{Error, Result};

/// Offset from a signal's number to the exit status of a run that it ended, by the convention of shells.
const BY_SIGNAL: u8 = 128;

/// Time within which ending signals count as one.
const TOGETHER: Duration = Duration::from_millis(500);

/// Signals that have arrived. An ending signal exits at once until there is something to save; after that, the first
/// one asks the run to end and the second one exits at once.
#[derive(Clone, Default)]
pub struct Signals {
    /// Number of the signal that asked the run to end; 0: none.
    end: Arc<AtomicUsize>,
    /// Whether the next ending signal exits at once.
    at_once: Arc<AtomicBool>,
    /// Time of the last ending signal.
    last: Arc<Mutex<Option<Instant>>>,
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
            iterator,
        };
        let signals = Self { at_once: Arc::new(true.into()), ..Self::default() };
        let ending = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| *signal != SIGHUP || !is_ignored(SIGHUP));
        let fail = |error: std::io::Error| Error::failure(format!("cannot watch for Ctrl-C: {error}"));
        let mut arriving = iterator::Signals::new(ending.chain([SIGUSR1])).map_err(fail)?;
        let watching = signals.clone();
        let watch = move || {
            for signal in arriving.forever() {
                match signal {
                    SIGUSR1 => watching.show.store(true, Ordering::SeqCst),
                    signal => watching.end(signal as u8),
                }
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(watch).map_err(fail)?;
        Ok(signals)
    }

    /// Begins to watch.
    #[cfg(not(unix))]
    pub fn watch() -> Result<Self> {
        const CTRL_C: u8 = 2;
        let signals = Self { at_once: Arc::new(true.into()), ..Self::default() };
        let watching = signals.clone();
        ctrlc::set_handler(move || watching.end(CTRL_C))
            .map_err(|error| Error::failure(format!("cannot watch for Ctrl-C: {error}")))?;
        Ok(signals)
    }

    /// An ending signal has arrived.
    fn end(&self, signal: u8) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Process managers send a signal to a process and to its group: both are one.
        let again = last.is_some_and(|last| last.elapsed() < TOGETHER);
        if !again {
            *last = Some(Instant::now());
        }
        if self.at_once.swap(true, Ordering::SeqCst) && !again {
            std::process::exit(i32::from(BY_SIGNAL + signal));
        }
        self.end.store(signal.into(), Ordering::SeqCst);
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
