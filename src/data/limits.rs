//! The memory limit of decoding: a budget of bytes that threads share.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that several threads share. A thread that needs more than is left waits for the others.
pub(super) struct Budget {
    pub total: u64,
    left: Mutex<u64>,
    returned: Condvar,
}

/// A part of a budget, returned when it is dropped. A thread holds one at a time; with two, threads could deadlock.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub fn new(total: u64) -> Self {
        Self { total, left: Mutex::new(total), returned: Condvar::new() }
    }

    /// Takes `bytes` bytes, waiting until they are free; `None` if that exceeds the whole budget.
    pub fn take(&self, bytes: u64) -> Option<Share<'_>> {
        if bytes > self.total {
            return None;
        }
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.returned.wait_while(left, |left| *left < bytes);
        *left.unwrap_or_else(PoisonError::into_inner) -= bytes;
        Some(Share { budget: self, bytes })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.left.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn threads_share_a_budget() {
        let (budget, used, peak) = (Budget::new(100), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, used, peak) = (&budget, &used, &peak);
                scope.spawn(move || {
                    for turn in 0..50 {
                        let bytes = 1 + (thread * 37 + turn * 13) % 100;
                        let _share = budget.take(bytes).unwrap();
                        peak.fetch_max(used.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                        std::thread::yield_now();
                        used.fetch_sub(bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(peak.into_inner() <= 100);
        assert!(budget.take(101).is_none() && budget.take(100).is_some());
    }
}
