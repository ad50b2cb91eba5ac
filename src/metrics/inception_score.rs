//! The Inception Score.

use super::Estimate;

/// The Inception Score of images that come one after the other: exp of the mean divergence KL(p(y|x) ‖ p(y)) within
/// each of some parts of them (Salimans et al. 2016, section 4).
#[derive(Clone, Debug)]
pub struct InceptionScore {
    total: usize,
    seen: usize,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    count: usize,
    /// Sum of p(y|x).
    sum: Vec<f64>,
    /// Sum of p(y|x) ln p(y|x).
    information: f64,
}

impl InceptionScore {
    /// Of `total` images in `parts` parts, by the probabilities of `classes` classes.
    pub fn new(total: usize, parts: usize, classes: usize) -> Self {
        Self { total, seen: 0, parts: vec![Part { count: 0, sum: vec![0.0; classes], information: 0.0 }; parts] }
    }

    /// Takes the probabilities of more images, `[N, classes]`.
    ///
    /// # Panics
    /// If they are more than `total` by then.
    pub fn add(&mut self, probabilities: &[f32]) {
        let (total, count) = (self.total, self.parts.len());
        for row in probabilities.chunks_exact(self.parts[0].sum.len()) {
            assert!(self.seen < total, "more than {total} images");
            let part = &mut self.parts[((self.seen + 1) * count - 1) / total];
            for (sum, p) in part.sum.iter_mut().zip(row.iter().map(|p| f64::from(*p))) {
                *sum += p;
                part.information += if p > 0.0 { p * p.ln() } else { 0.0 };
            }
            part.count += 1;
            self.seen += 1;
        }
    }

    /// Mean and deviation over the parts; as published, the latter is without Bessel's correction.
    pub fn estimate(&self) -> Estimate {
        let score = |part: &Part| {
            let mean = part.sum.iter().map(|sum| sum / part.count as f64);
            let all: f64 = mean.filter(|p| *p > 0.0).map(|p| p * p.ln()).sum();
            (part.information / part.count as f64 - all).exp()
        };
        let parts = self.parts.iter().filter(|part| part.count > 0);
        let estimate = Estimate::of(&parts.map(score).collect::<Vec<f64>>());
        let count = estimate.count as f64;
        Estimate { deviation: estimate.deviation * ((count - 1.0) / count).sqrt(), ..estimate }
    }
}
