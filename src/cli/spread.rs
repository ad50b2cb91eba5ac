//! How various the samples of a model of images are: a cheap sign of a collapse while it trains.

use crate::{
    data::Dataset,
    graph::numel,
    metrics::{Points, mean_distance},
};

/// Maximum number of images that are compared in pairs.
const IMAGES: usize = 64;

/// The spread of images: the mean distance of their pairs, over that of real ones.
pub struct Spread {
    /// Mean distance of pairs of real images.
    real: f64,
    len: usize,
}

impl Spread {
    /// A measure for samples of a model that learns from these images; none for other data, and images all alike.
    pub fn beside(dataset: &Dataset) -> Option<Self> {
        let len = numel(&dataset.shape);
        let real: Vec<f32> = dataset.evenly(IMAGES).flat_map(|i| dataset.example(i)).collect();
        let real = (dataset.shape.len() == 3).then(|| distance(&real, len)).filter(|distance| *distance > 0.0)?;
        Some(Self { real, len })
    }

    /// The spread of samples, flat.
    pub fn of(&self, samples: &[f32]) -> f64 {
        distance(&samples[..samples.len().min(IMAGES * self.len)], self.len) / self.real
    }
}

fn distance(images: &[f32], len: usize) -> f64 {
    let values: Vec<f64> = images.iter().map(|&value| f64::from(value)).collect();
    mean_distance(Points::new(&values, len))
}
