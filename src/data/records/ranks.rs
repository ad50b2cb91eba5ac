//! Ranks as normal scores: the encoding of numbers that gives every column the same distribution, N(0, 1), and has an
//! exact inverse (the quantile transformation of TabDDPM, Kotelnikov et al. 2023, section 3.3, with ties spread out).

use serde::{Deserialize, Serialize};

/// Most knots of a column.
const KNOTS: usize = 1000;

/// The distribution function of the values of a column, by knots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranks {
    /// Values in rising order.
    at: Vec<f64>,
    /// The share of rows that are below or at each value. None: the values are evenly spaced quantiles.
    upto: Option<Vec<f64>>,
    /// Number of rows.
    rows: usize,
}

impl Ranks {
    /// The distribution of `values`, which has at least one; they are sorted.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let rows = values.len();
        let mut counts: Vec<(f64, usize)> = vec![];
        for &value in &values {
            match counts.last_mut() {
                Some((last, count)) if *last == value => *count += 1,
                _ => counts.push((value, 1)),
            }
        }
        if counts.len() <= KNOTS {
            let upto = counts.iter().scan(0, |sum, (_, count)| {
                *sum += count;
                Some(*sum as f64 / rows as f64)
            });
            return Self { upto: Some(upto.collect()), at: counts.iter().map(|(value, _)| *value).collect(), rows };
        }
        let quantile = |n: usize| {
            let place = n as f64 / (KNOTS - 1) as f64 * (rows - 1) as f64;
            let (below, share) = (place.floor() as usize, place.fract());
            let above = (below + 1).min(rows - 1);
            values[below] + (values[above] - values[below]) * share
        };
        Self { at: (0..KNOTS).map(quantile).collect(), upto: None, rows }
    }

    /// Whether only values that occurred come back.
    pub fn is_discrete(&self) -> bool {
        self.upto.is_some()
    }

    /// The least and the greatest value.
    pub fn ends(&self) -> [f64; 2] {
        [self.at[0], self.at[self.at.len() - 1]]
    }

    /// The normal score of a value; `jitter`, in (0, 1), chooses a place among equal values.
    pub fn score(&self, value: f64, jitter: f64) -> f64 {
        let (first, last) = (self.at.partition_point(|at| *at < value), self.at.partition_point(|at| *at <= value));
        let [below, upto] = match &self.upto {
            Some(upto) => [first, last].map(|n| if n == 0 { 0.0 } else { upto[n - 1] }),
            None if first < last => {
                let share = |n: usize| n as f64 / (self.at.len() - 1) as f64;
                [share(first), share(last - 1)]
            }
            None => {
                let right = first.clamp(1, self.at.len() - 1);
                let [low, high] = [self.at[right - 1], self.at[right]];
                [((right - 1) as f64 + ((value - low) / (high - low)).clamp(0.0, 1.0)) / (self.at.len() - 1) as f64; 2]
            }
        };
        let (least, share) = (self.least(), below + (upto - below) * jitter);
        quantile(match &self.upto {
            Some(_) => share.clamp(least, 1.0 - least),
            None => least + share * (1.0 - 2.0 * least),
        })
    }

    /// The share that stands for the least value, as the score of 0 is infinite.
    fn least(&self) -> f64 {
        0.5 / self.rows as f64
    }

    /// The value of a normal score: any finite score has one, between the least and the greatest value.
    pub fn value(&self, score: f64) -> f64 {
        let share = distribution(score);
        match &self.upto {
            Some(upto) => self.at[upto.partition_point(|upto| *upto <= share).min(self.at.len() - 1)],
            None => {
                let share = (share - self.least()) / (1.0 - 2.0 * self.least());
                let place = share.clamp(0.0, 1.0) * (self.at.len() - 1) as f64;
                let below = (place.floor() as usize).min(self.at.len() - 2);
                self.at[below] + (self.at[below + 1] - self.at[below]) * (place - below as f64).clamp(0.0, 1.0)
            }
        }
    }

    /// Whether a file can hold it: values that rise, and shares that rise to 1.
    pub fn is_possible(&self) -> bool {
        let rises = |values: &[f64]| values.iter().all(|v| v.is_finite()) && values.windows(2).all(|p| p[0] <= p[1]);
        let least = if self.upto.is_some() { 1 } else { 2 };
        self.rows > 0
            && self.at.len() >= least
            && rises(&self.at)
            && self.upto.as_ref().is_none_or(|upto| upto.len() == self.at.len() && rises(upto))
    }
}

/// The distribution function of N(0, 1).
fn distribution(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// The quantile function of N(0, 1), for 0 < p < 1, by Acklam's approximation (2003) and one step of Halley's method.
pub fn quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    let x = if p < 0.02425 {
        tail(p)
    } else if p > 1.0 - 0.02425 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    };
    let error = (distribution(x) - p) * std::f64::consts::TAU.sqrt() * (x * x / 2.0).exp();
    x - error / (1.0 + x * error / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        for (p, x) in [(0.5, 0.0), (0.975, 1.959963984540054), (0.001, -3.090232306167813), (1e-9, -5.997807015007686)]
        {
            assert!((quantile(p) - x).abs() < 1e-12, "{p}: {}", quantile(p));
        }
    }

    #[test]
    fn values_come_back_and_scores_are_normal() {
        // Many values, few, ties among many.
        for (distinct, is_discrete) in [(10_000, false), (37, true), (1500, false)] {
            let values: Vec<f64> = (0..10_000).map(|n| ((n * 7919) % distinct) as f64 * 0.25 - 3.0).collect();
            let ranks = Ranks::of(values.clone());
            assert_eq!(ranks.is_discrete(), is_discrete);
            let jitter = |n: usize| ((n * 104_729) % 10_007) as f64 / 10_007.0 + 1e-5;
            let mut shares = vec![];
            for (n, &value) in values.iter().enumerate() {
                let score = ranks.score(value, jitter(n));
                shares.push(distribution(score));
                let back = ranks.value(score);
                let within = if is_discrete { 0.0 } else { (ranks.ends()[1] - ranks.ends()[0]) / 500.0 };
                assert!((back - value).abs() <= within, "{distinct}: {value} came back as {back}");
            }
            shares.sort_by(f64::total_cmp);
            let farthest =
                shares.iter().enumerate().map(|(n, share)| (share - n as f64 / 1e4).abs()).fold(0.0, f64::max);
            assert!(farthest < 0.02, "{distinct}: {farthest}");
        }
    }

    #[test]
    fn every_score_has_a_value_in_range_in_order() {
        for ranks in
            [Ranks::of(vec![4.0]), Ranks::of((0..5000).map(f64::from).collect()), Ranks::of(vec![1.0, 1.0, 9.0])]
        {
            let [low, high] = ranks.ends();
            let values: Vec<f64> = (-4000..4000).map(|n| ranks.value(f64::from(n) / 100.0)).collect();
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
            assert_eq!([values[0], values[values.len() - 1]], [low, high]);
            assert!(ranks.is_possible());
        }
    }
}
