//! How much work goes into one submission.

use std::time::Duration;

use crate::kernels::Cost;

/// Waits shorter than this mean that the submission was done before anyone looked.
const PROMPT: Duration = Duration::from_micros(200);
/// Most launches of a submission.
const MOST: usize = 1 << 16;

/// Launches per submission, adapted so that a submission takes about as long as wanted.
///
/// How long a launch takes is not known, only which ones are heavier: that a short submission was quick says little
/// about one that has the heavy launches of the same program in it.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Weight of each launch of a round.
    weights: Vec<f64>,
    /// Maximum weight of a submission.
    budget: f64,
}

impl Pace {
    /// Starts with single launches: nothing is known about the device, and a watchdog may be near.
    pub fn new(launches: impl Iterator<Item = Cost>) -> Self {
        // A byte moved takes about as long as ten operations, and the smallest launch as long as a million.
        let weights = launches.map(|cost| cost.flops + 10.0 * cost.bytes + 1e6).collect();
        Self { weights, budget: 0.0 }
    }

    /// Number of launches to submit next, and their weight, from launch `next` of `total` in consecutive rounds.
    pub fn next(&self, next: usize, total: usize) -> (usize, f64) {
        let weight = |i: usize| self.weights[i % self.weights.len()];
        let (mut launches, mut sum) = (1, weight(next));
        while next + launches < total && launches < MOST && sum + weight(next + launches) <= self.budget {
            sum += weight(next + launches);
            launches += 1;
        }
        (launches, sum)
    }

    /// Takes note of a submission of this weight that took `spent`, of which the host waited for `waited`.
    pub fn learn(&mut self, weight: f64, spent: Duration, waited: Duration, target: Duration) {
        let fits = weight * target.as_secs_f64() / spent.as_secs_f64().max(1e-9);
        // Without a wait, the end of the submission is not known: it can only have been earlier.
        if waited >= PROMPT || fits > self.budget {
            self.budget = fits.min(2.0 * self.budget.max(weight));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(50);

    /// Submits rounds to a device on which launches take so long; returns how many launches each submission had, and
    /// its time.
    fn submissions(costs: &[Cost], time: impl Fn(&Cost) -> f64, rounds: usize) -> Vec<(usize, f64)> {
        let (mut pace, total, mut next, mut all) = (Pace::new(costs.iter().copied()), rounds * costs.len(), 0, vec![]);
        while next < total {
            let (launches, weight) = pace.next(next, total);
            let seconds = (next..next + launches).map(|i| time(&costs[i % costs.len()])).sum();
            let spent = Duration::from_secs_f64(seconds);
            pace.learn(weight, spent, spent, TARGET);
            all.push((launches, seconds));
            next += launches;
        }
        all
    }

    #[test]
    fn settles_at_the_target() {
        let costs = [Cost { flops: 1e6, bytes: 0.0 }; 7];
        let all = submissions(&costs, |_| 1e-4, 1000);
        assert_eq!(all[0].0, 1);
        assert!(all[10..all.len() - 1].iter().all(|(launches, _)| (499..=501).contains(launches)), "{all:?}");
    }

    /// Many light launches and a few heavy ones, on devices from a slow processor's to a fast GPU's.
    #[test]
    fn heavy_launches_do_not_come_as_a_surprise() {
        let mut costs = vec![Cost { flops: 1e4, bytes: 1e5 }; 100];
        costs.extend(vec![Cost { flops: 2e9, bytes: 4e6 }; 20]);
        for (flops, bytes) in [(2e10, 5e9), (3e11, 2e10), (1e13, 5e11)] {
            let all = submissions(&costs, |c| 2e-5 + c.flops / flops + c.bytes / bytes, 20);
            let longest = all.iter().filter(|(launches, _)| *launches > 1).map(|(_, s)| *s).fold(0.0, f64::max);
            assert!(longest < 2.0 * TARGET.as_secs_f64(), "{longest} s at {flops} operations a second");
        }
    }

    #[test]
    fn a_late_look_does_not_slow_it_down() {
        let mut pace = Pace { weights: vec![1.0], budget: 32.0 };
        pace.learn(32.0, Duration::from_secs(5), Duration::ZERO, TARGET);
        assert_eq!(pace.next(0, 100).0, 32);
    }
}
