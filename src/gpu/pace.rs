//! How much work goes into one submission.

use std::time::Duration;

/// Waits shorter than this mean that the submission was done before anyone looked.
const PROMPT: Duration = Duration::from_micros(200);

/// Launches per submission, adapted so that a submission takes about as long as wanted.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    launches: usize,
}

impl Pace {
    /// Starts low: nothing is known about the device, and a watchdog may be near.
    pub fn new() -> Self {
        Self { launches: 32 }
    }

    pub fn launches(&self) -> usize {
        self.launches
    }

    /// Takes note of a submission of `launches` that took `spent`, of which the host waited for `waited`.
    pub fn learn(&mut self, launches: usize, spent: Duration, waited: Duration, target: Duration) {
        let fits = launches as f64 * target.as_secs_f64() / spent.as_secs_f64().max(1e-9);
        // Without a wait, the end of the submission is not known: it can only have been earlier.
        if waited >= PROMPT || fits > self.launches as f64 {
            let most = (2 * self.launches).min(1 << 16);
            self.launches = (fits as usize).clamp(1, most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settles_at_the_target() {
        let (mut pace, target) = (Pace::new(), Duration::from_millis(50));
        for _ in 0..10 {
            let spent = Duration::from_micros(100) * pace.launches() as u32;
            pace.learn(pace.launches(), spent, spent, target);
        }
        assert_eq!(pace.launches(), 500);
    }

    #[test]
    fn a_late_look_does_not_slow_it_down() {
        let mut pace = Pace::new();
        pace.learn(32, Duration::from_secs(5), Duration::ZERO, Duration::from_millis(50));
        assert_eq!(pace.launches(), 32);
    }
}
