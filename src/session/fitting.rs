//! What is fitted after rounds of training, for samples of tables: a prior of codes, and the corrections that give each
//! value its share of the rows.

use super::{SAMPLING, Session};
use crate::{
    data::{Records, Series, normal_quantile},
    error::Result,
    kernels::Clock,
    mixture::Mixture,
    models::{
        CODES,
        parts::{
            fitted::PRIOR,
            heads::{CALIBRATION, Heads, KNOTS},
        },
    },
};

/// Number of samples by which corrections are found, and of rounds.
const SAMPLES: usize = 20_000;
const ROUNDS: usize = 15;
/// Share of the difference that a round corrects, and the largest offset of a logit.
const STEP: f64 = 0.7;
const LARGEST: f64 = 8.0;
/// Seed of the fits.
const SEED: u64 = 0x0ca1_1b8a;

impl Session {
    /// Whether samples are drawn by what is fitted after rounds of training, which may take a while.
    pub fn is_fitted(&self) -> bool {
        let is_table = matches!(self.examples.series, Some(Series::Table(_)));
        self.has(CODES) || is_table && self.settings.calibrate
    }

    /// Fits to the states as they are now what only samples read, once for each step: rounds of training do not.
    ///
    /// # Errors
    /// Those of running the model.
    pub fn fit(&mut self) -> Result<()> {
        if self.fitted == Some(self.step) {
            return Ok(());
        }
        if self.has(CODES) {
            self.fit_prior()?;
        }
        if let Some(Series::Table(records)) = self.examples.series.as_ref().filter(|_| self.settings.by_value) {
            let (shares, spans) = (records.shares(), Heads::of(records).spans().collect::<Vec<_>>());
            let of = |choice: usize| {
                shares[spans[choice].0..][..spans[choice].1].iter().map(|share| share.max(1e-9).ln() as f32)
            };
            let log_shares: Vec<f32> = records.given().into_iter().flat_map(of).collect();
            self.set_correction("log_shares", &log_shares)?;
        }
        if let (Some(Series::Table(records)), true) = (&self.examples.series, self.settings.calibrate) {
            self.correct(&records.clone())?;
        }
        self.fitted = Some(self.step);
        Ok(())
    }

    fn fit_prior(&mut self) -> Result<()> {
        self.calibrate()?;
        let codes = self.engine.aside(CODES, |engine| {
            engine.set_clock(Clock { step: 0, seed: SEED ^ SAMPLING })?;
            engine.ask(CODES, &[])
        })?;
        let (latent, gaussians) = (self.settings.latent, self.settings.codes);
        // Each row once: of codes of the same rows, a Gaussian for few rows would be learned.
        let rows = match &self.examples.series {
            Some(Series::Table(records)) => records.learned_from(),
            _ => usize::MAX,
        };
        let some = codes.len().min(rows.saturating_mul(latent));
        let mixture = Mixture::fit(&codes[..some], latent, gaussians, SEED);
        let fitted = mixture.log_weights.len();
        // Gaussians that the codes are too few for are never chosen.
        let mut log_weights = vec![-1e9; gaussians];
        let mut means = vec![0.0; gaussians * latent];
        let mut factors = vec![0.0; latent * gaussians * latent];
        for k in 0..fitted {
            log_weights[k] = mixture.log_weights[k] as f32;
            for j in 0..latent {
                means[k * latent + j] = mixture.means[k * latent + j] as f32;
                for i in 0..=j {
                    factors[i * gaussians * latent + k * latent + j] =
                        mixture.factors[(k * latent + j) * latent + i] as f32;
                }
            }
        }
        let states = [("log_weights", log_weights), ("means", means), ("factors", factors), ("unfitted", vec![0.0])];
        states.into_iter().try_for_each(|(name, values)| self.set(&format!("{PRIOR}.{name}"), &values))
    }

    /// Finds the offsets of logits, then, with these, the maps of scalars.
    fn correct(&mut self, records: &Records) -> Result<()> {
        let heads = Heads::of(records);
        let has_maps = heads.scalars() > 0 && !records.is_bounded();
        if has_maps {
            self.set_correction("bends", &vec![0.0; heads.scalars() * KNOTS])?;
            self.set_correction("shift", &vec![0.0; heads.scalars()])?;
        }
        self.fit_offsets(records, &heads)?;
        if has_maps { self.fit_maps(records, &heads) } else { Ok(()) }
    }

    /// Moves the offset of each value of a choice until it has its share of the samples.
    fn fit_offsets(&mut self, records: &Records, heads: &Heads) -> Result<()> {
        let wanted = records.shares();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut offsets = vec![0.0; wanted.len()];
        let set = |session: &mut Self, offsets: &[f64]| {
            session.set_correction("offsets", &offsets.iter().map(|offset| *offset as f32).collect::<Vec<_>>())
        };
        set(self, &offsets)?;
        for _ in 0..ROUNDS {
            let samples = self.generate(SAMPLES, SEED, None)?;
            for (choice, (at, len)) in heads.spans().enumerate() {
                let mut counts = vec![0.5; len];
                let rows = samples.chunks_exact(records.len());
                rows.for_each(|row| counts[(row[choice] as usize).min(len - 1)] += 1.0);
                for (n, count) in counts.into_iter().enumerate() {
                    let (real, generated) = (wanted[at + n].max(0.5 / SAMPLES as f64), count / SAMPLES as f64);
                    offsets[at + n] = (offsets[at + n] + STEP * (real / generated).ln()).clamp(-LARGEST, LARGEST);
                }
            }
            set(self, &offsets)?;
        }
        Ok(())
    }

    /// Maps each scalar to the distribution that it has in the data.
    fn fit_maps(&mut self, records: &Records, heads: &Heads) -> Result<()> {
        let samples = self.generate(SAMPLES, SEED, None)?;
        let first = heads.spans().count();
        let (mut at, mut bends, mut shift) = (vec![], vec![], vec![]);
        for (scalar, counts) in heads.counting().enumerate() {
            let does_count = |row: &&[f32]| counts.is_none_or(|(choice, from)| row[choice] as usize >= from);
            let rows = samples.chunks_exact(records.len()).filter(does_count);
            let map = Map::to_normal(rows.map(|row| row[first + scalar]).collect());
            at.extend(map.at);
            bends.extend(map.bends);
            shift.push(map.shift);
        }
        self.set_correction("at", &at)?;
        self.set_correction("bends", &bends)?;
        self.set_correction("shift", &shift)
    }

    fn set_correction(&mut self, name: &str, values: &[f32]) -> Result<()> {
        self.set(&format!("{CALIBRATION}.{name}"), values)
    }

    /// Gives the state of this name new values, if the model has it.
    fn set(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let item = self.engine.items().iter().find(|item| item.name == name).cloned();
        item.map_or(Ok(()), |item| self.engine.write(&item, values))
    }
}

/// A rising map by line segments: s + shift + the sum of bends * relu(s - at).
struct Map {
    at: Vec<f32>,
    bends: Vec<f32>,
    shift: f32,
}

impl Map {
    /// The map that takes values to N(0, 1), and keeps distances beyond the first and the last knot; that of values
    /// to themselves if they are too few.
    fn to_normal(mut values: Vec<f32>) -> Self {
        values.sort_by(f32::total_cmp);
        let same = Self { at: vec![0.0; KNOTS], bends: vec![0.0; KNOTS], shift: 0.0 };
        if values.len() < 4 * KNOTS {
            return same;
        }
        let knots: Vec<(f64, f64)> = (0..KNOTS)
            .map(|knot| {
                let share = (knot as f64 + 0.5) / KNOTS as f64;
                (f64::from(values[(share * values.len() as f64) as usize]), normal_quantile(share))
            })
            .collect();
        let (first, last) = (knots[0], knots[KNOTS - 1]);
        if last.0 - first.0 < 1e-3 {
            return same;
        }
        // Equal knots have no slope of their own: the next one bridges them.
        let mut kept = vec![first];
        for knot in &knots[1..] {
            if knot.0 - kept[kept.len() - 1].0 > 1e-6 {
                kept.push(*knot);
            }
        }
        let slopes = kept.windows(2).map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0));
        let slopes: Vec<f64> = std::iter::once(1.0).chain(slopes).chain([1.0]).collect();
        let mut at: Vec<f32> = kept.iter().map(|knot| knot.0 as f32).collect();
        let mut bends: Vec<f32> = slopes.windows(2).map(|pair| (pair[1] - pair[0]) as f32).collect();
        at.resize(KNOTS, last.0 as f32);
        bends.resize(KNOTS, 0.0);
        Self { at, bends, shift: (first.1 - first.0) as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_takes_any_distribution_to_the_normal_one() {
        let uniform = |n: usize| ((n * 7919) % 10_007) as f64 / 10_007.0 + 1e-5;
        let values: Vec<f32> = (0..10_000).map(|n| (3.0 * normal_quantile(uniform(n)) + 1.0) as f32).collect();
        let map = Map::to_normal(values.clone());
        let of = |s: f32| {
            let bent: f32 = map.at.iter().zip(&map.bends).map(|(at, bend)| (s - at).max(0.0) * bend).sum();
            s + map.shift + bent
        };
        let mut mapped: Vec<f32> = values.into_iter().map(of).collect();
        mapped.sort_by(f32::total_cmp);
        assert!(mapped.windows(2).all(|pair| pair[0] <= pair[1]));
        for share in [0.01, 0.1, 0.5, 0.9, 0.99] {
            let got = f64::from(mapped[(share * 10_000.0) as usize]);
            assert!((got - normal_quantile(share)).abs() < 0.03, "{share}: {got}");
        }
    }
}
