//! How various the samples of a model are: a cheap sign of a collapse.

use super::{Estimate, Points, mean_distance};
use crate::data::{Dataset, Series};

/// Maximum number of examples that are compared in pairs.
const COMPARED: usize = 64;

/// The spread of examples of numbers: the mean distance of their pairs, over that of real ones.
pub struct Spread {
    /// Mean distance of pairs of real examples.
    real: f64,
    len: usize,
}

impl Spread {
    /// A measure for samples of a model that learns from these examples; none for symbols and rolls, and examples all
    /// alike.
    pub fn beside(dataset: &Dataset) -> Option<Self> {
        let len = dataset.shape.iter().product();
        let real: Vec<f32> = dataset.evenly(COMPARED).flat_map(|i| dataset.example(i)).collect();
        let is_of_numbers = matches!(dataset.series, None | Some(Series::Columns(_)));
        let real = is_of_numbers.then(|| distance(&real, len)).filter(|distance| *distance > 0.0)?;
        Some(Self { real, len })
    }

    /// The spread of samples, flat.
    pub fn of(&self, samples: &[f32]) -> f64 {
        distance(&samples[..samples.len().min(COMPARED * self.len)], self.len) / self.real
    }

    /// The spread of samples, flat, and its standard error, by those of as many parts of them as there are.
    pub fn of_parts(&self, samples: &[f32]) -> Estimate {
        let each = samples.len().min(COMPARED * self.len);
        Estimate::of(&samples.chunks_exact(each).map(|part| self.of(part)).collect::<Vec<_>>())
    }
}

fn distance(examples: &[f32], len: usize) -> f64 {
    let values: Vec<f64> = examples.iter().map(|&value| f64::from(value)).collect();
    mean_distance(Points::new(&values, len))
}
