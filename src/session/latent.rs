//! Latent vectors: random ones, those on the way between them, and those whose samples are nearest to given examples.

use super::{SAMPLING, Session};
use crate::{
    error::{Error, Result},
    graph::numel,
    kernels::{
        Clock,
        random::{PURPOSE_SAMPLE, normal, philox, uniform},
    },
    models::{ENCODE, LATENT, PROJECT, PROJECTION_ROUNDS},
    settings::LatentDist,
};

/// Number of frames of a walk from one latent vector to the next, or more.
const FRAMES: usize = 20;
/// Descents for each given example, from the best of so many random latent vectors.
const STARTS: usize = 8;
const CANDIDATES: usize = 256;

/// The latent vectors whose samples are nearest to given examples.
pub struct Projected {
    /// The vectors `[count, latent]`, flat.
    pub z: Vec<f32>,
    /// Mean squared difference of each example and the sample of its vector.
    pub errors: Vec<f32>,
    /// The same of each example and a random sample, in the mean.
    pub random: Vec<f32>,
}

impl Session {
    /// Pulls all random latent vectors toward their mean: 1 leaves them, at 0 all samples are the same. This is
    /// StyleGAN's truncation (Karras et al. 2019, appendix B) in the space of z.
    pub fn truncate(&mut self, psi: f32) {
        self.truncation = psi;
    }

    /// Takes these latent vectors, again and again from the first, for random ones.
    pub fn start_from(&mut self, vectors: Vec<f32>) {
        self.vectors = vectors;
    }

    /// Latent vectors `[pairs, steps, latent]`, flat: for each pair, `steps` points on the way from one random vector
    /// to another, along the sphere if they are normal, else along a line.
    ///
    /// # Errors
    /// More than there is memory for.
    pub fn interpolated(&self, pairs: usize, steps: usize, seed: u64) -> Result<Vec<f32>> {
        self.ensure(pairs.saturating_mul(steps))?;
        let stops = |pair: usize| [2 * pair, 2 * pair + 1].map(|n| self.stop(n, seed));
        let way = |pair: usize| {
            let [from, to] = stops(pair);
            let share = move |step: usize| step as f32 / (steps - 1) as f32;
            (0..steps).flat_map(move |step| self.between(&from, &to, share(step)))
        };
        Ok((0..pairs).flat_map(way).collect())
    }

    /// Latent vectors `[count, frames, latent]`, flat: for each of `count` walks, `frames` points on the way through
    /// several random vectors and back to the first, along the sphere if they are normal, else along lines.
    ///
    /// # Errors
    /// More than there is memory for.
    pub fn walk(&self, count: usize, frames: usize, seed: u64) -> Result<Vec<f32>> {
        self.ensure(count.saturating_mul(frames))?;
        let stops = (frames / FRAMES).max(3).min(frames);
        let way = |walk: usize| {
            (0..frames).flat_map(move |frame| {
                let place = (frame * stops) as f32 / frames as f32;
                let [from, to] = [0, 1].map(|n| self.stop(walk * stops + (place as usize + n) % stops, seed));
                self.between(&from, &to, place.fract())
            })
        };
        Ok((0..count).flat_map(way).collect())
    }

    /// Latent vector number `n` of the endless sequence that a seed defines.
    fn stop(&self, n: usize, seed: u64) -> Vec<f32> {
        let size = self.latent_size();
        self.noise(n * size..(n + 1) * size, seed)
    }

    /// The latent vector at a share of the way from one to another, along the sphere if they are normal.
    fn between(&self, from: &[f32], to: &[f32], share: f32) -> Vec<f32> {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        let angle = (dot(from, to) / (dot(from, from) * dot(to, to)).sqrt()).clamp(-1.0, 1.0).acos();
        // Vectors in one line, as all of a single value are, have no arc between them.
        let is_arc = self.settings.latent_dist == LatentDist::Normal && angle.sin() > 1e-3;
        let along = |share: f32| if is_arc { (share * angle).sin() / angle.sin() } else { share };
        let [first, second] = [along(1.0 - share), along(share)];
        from.iter().zip(to).map(|(x, y)| first * x + second * y).collect()
    }

    /// The latent values at the positions `range` of the endless sequence that a seed defines.
    pub(super) fn noise(&self, range: std::ops::Range<usize>, seed: u64) -> Vec<f32> {
        let dist = self.settings.latent_dist;
        let mean = if dist == LatentDist::Unit { 0.5 } else { 0.0 };
        let key = [seed as u32, (seed >> 32) as u32];
        let bits = |n: usize| philox([(n / 4) as u32, 0, 0, PURPOSE_SAMPLE], key)[n % 4];
        let value = |n: usize| match dist {
            _ if !self.vectors.is_empty() => self.vectors[n % self.vectors.len()],
            LatentDist::Normal => normal::<f32>(bits(n)),
            LatentDist::Uniform => 2.0 * uniform::<f32>(bits(n)) - 1.0,
            LatentDist::Unit => uniform::<f32>(bits(n)),
        };
        let psi = self.truncation;
        range.map(|n| if psi == 1.0 { value(n) } else { mean + psi * (value(n) - mean) }).collect()
    }

    /// The latent vectors whose samples are nearest to the values `x` of examples, by several descents for each: from
    /// its code, where the model has an encoder of such vectors, and from the nearest of some random samples. The model
    /// must have the graph [`PROJECT`]. `seen` hears how many of all are found.
    ///
    /// # Errors
    /// More examples than there is memory for; a device that fails.
    pub fn project(
        &mut self,
        x: &[f32],
        seed: u64,
        class: Option<usize>,
        seen: &mut dyn FnMut(usize, usize),
    ) -> Result<Projected> {
        let (len, size) = (numel(&self.examples.values(1)), self.latent_size());
        let count = x.len() / len;
        self.ensure(count)?;
        let codes = if self.has(ENCODE) { self.codes(x)? } else { vec![] };
        let candidates = self.noise(0..CANDIDATES * size, seed);
        let samples = self.decode(&candidates, CANDIDATES, seed, class)?;
        let mut starts = vec![];
        let mut random = vec![];
        for (n, x) in x.chunks(len).enumerate() {
            let mut found: Vec<_> = samples.chunks(len).map(|sample| mean_square(x, sample)).zip(0..).collect();
            random.push(found.iter().map(|(error, _)| error).sum::<f32>() / CANDIDATES as f32);
            found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            let code = codes.get(n * size..(n + 1) * size).unwrap_or_default();
            let nearest = found.iter().flat_map(|&(_, i)| &candidates[i * size..][..size]);
            starts.extend(code.iter().chain(nearest).copied().take(STARTS * size));
        }
        let at_once = self.rows(PROJECT, "errors") / STARTS;
        let mut projected = Projected { z: vec![], errors: vec![], random };
        for (x, starts) in x.chunks(at_once * len).zip(starts.chunks(at_once * STARTS * size)) {
            let (z, errors) = self.descend(x, starts, class)?;
            for (z, errors) in z.chunks(STARTS * size).zip(errors.chunks(STARTS)).take(x.len() / len) {
                let best = (0..STARTS).min_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap_or(0);
                projected.z.extend(&z[best * size..][..size]);
                projected.errors.push(errors[best]);
            }
            seen(projected.errors.len(), count);
        }
        Ok(projected)
    }

    /// The number of rows of the graph [`PROJECT`] for so many examples.
    pub fn projection_rows(count: usize) -> usize {
        STARTS * count.clamp(1, CANDIDATES / STARTS)
    }

    /// The codes of examples, if they are latent vectors of samples; else none.
    fn codes(&mut self, x: &[f32]) -> Result<Vec<f32>> {
        let output = self.engine.program(ENCODE).and_then(|program| program.outputs.first());
        let Some(output) = output.filter(|output| numel(&output.shape[1..]) == self.latent_size()) else {
            return Ok(vec![]);
        };
        let name = output.name.clone();
        Ok(self.answers(ENCODE, &[&name], x, 0)?.remove(0))
    }

    /// Descends from latent vectors, [`STARTS`] for each example; returns where that led, and the errors there.
    fn descend(&mut self, x: &[f32], starts: &[f32], class: Option<usize>) -> Result<(Vec<f32>, Vec<f32>)> {
        let len = numel(&self.examples.values(1));
        let rows = self.rows(PROJECT, "errors");
        let mut each: Vec<f32> = x.chunks(len).flat_map(|x| x.repeat(STARTS)).collect();
        each.resize(rows * len, 0.0);
        let item = self.engine.items().iter().find(|item| item.name == LATENT).cloned();
        let item = item.ok_or_else(|| Error::failure("the model has no latent vectors to find"))?;
        let mut starts = starts.to_vec();
        starts.resize(numel(&item.shape), 0.0);
        let classes = self.examples.classes;
        let one_hot: Vec<f32> = (0..rows * classes).map(|n| f32::from(Some(n % classes) == class)).collect();
        self.engine.aside(PROJECT, |engine| {
            engine.set_clock(Clock { step: 0, seed: SAMPLING })?;
            engine.write(&item, &starts)?;
            engine.feed(PROJECT, &[("x", &each), ("classes", &one_hot)])?;
            engine.start(PROJECT, PROJECTION_ROUNDS)?;
            // The errors are those before the last round, whose rate is 0.
            Ok((engine.read(&item)?, engine.output(PROJECT, "errors")?))
        })
    }
}

/// The mean squared difference of two examples.
pub fn mean_square(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / a.len() as f32
}
