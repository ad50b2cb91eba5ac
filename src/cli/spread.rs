//! How various the samples of a model of images are: a cheap sign of a collapse while it trains.

use crate::{
    data::Dataset,
    graph::numel,
    metrics::{Points, mean_distance},
};

/// Maximum number of images that are compared in pairs.
const IMAGES: usize = 64;
/// Share of the data's spread below which samples are said to collapse.
const FEW: f64 = 0.5;

/// The spread of samples: the mean distance of their pairs, over that of real images.
pub struct Spread {
    /// Mean distance of pairs of real images.
    real: f64,
    len: usize,
    /// Whether the last samples were various enough; unknown until some have been, as the first ones are all alike.
    is_wide: Option<bool>,
    /// That of the newest samples, and whether it was logged.
    newest: Option<f64>,
    is_logged: bool,
}

impl Spread {
    /// The spread of samples of a model that learns from these images; none for other data, and images all alike.
    pub fn of(dataset: &Dataset) -> Option<Self> {
        let len = numel(&dataset.shape);
        let real: Vec<f32> = dataset.evenly(IMAGES).flat_map(|i| dataset.example(i)).collect();
        let real = (dataset.shape.len() == 3).then(|| distance(&real, len)).filter(|distance| *distance > 0.0)?;
        Some(Self { real, len, is_wide: None, newest: None, is_logged: false })
    }

    /// Measures samples; returns what to tell where they begin to be alike, and where they no longer are.
    pub fn look(&mut self, samples: &[f32]) -> Option<String> {
        let spread = distance(&samples[..samples.len().min(IMAGES * self.len)], self.len) / self.real;
        (self.newest, self.is_logged) = (Some(spread), false);
        let (was_wide, is_wide) = (self.is_wide, spread >= FEW);
        if is_wide || was_wide.is_some() {
            self.is_wide = Some(is_wide);
        }
        match (was_wide, is_wide) {
            (Some(true), false) => Some(format!("{}: collapsing?", said(spread))),
            (Some(false), true) => Some(format!("{} again", said(spread))),
            _ => None,
        }
    }

    /// The spread of the newest samples, once.
    pub fn take(&mut self) -> Option<f64> {
        self.newest.filter(|_| !std::mem::replace(&mut self.is_logged, true))
    }

    /// A sentence for the end of a training, if the newest samples are alike.
    pub fn at_end(&self) -> Option<String> {
        self.newest
            .filter(|spread| *spread < FEW)
            .map(|spread| format!("{}: collapsed, or at its beginning", said(spread)))
    }
}

fn said(spread: f64) -> String {
    format!("samples have {:.0} % of the data's spread", 100.0 * spread)
}

fn distance(images: &[f32], len: usize) -> f64 {
    let values: Vec<f64> = images.iter().map(|&value| f64::from(value)).collect();
    mean_distance(Points::new(&values, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collapse_is_told_once_when_it_begins_and_once_when_it_ends() {
        let mut spread = Spread { real: 2.0, len: 1, is_wide: None, newest: None, is_logged: false };
        // Two images of one pixel: their distance is twice the spread.
        let mut look = |share: f32| spread.look(&[0.0, 2.0 * share]);
        assert_eq!([0.1, 0.9, 0.8].map(&mut look), [None, None, None], "the first samples are always alike");
        assert_eq!(look(0.31).unwrap(), "samples have 31 % of the data's spread: collapsing?");
        assert_eq!(look(0.2), None);
        assert_eq!(look(0.75).unwrap(), "samples have 75 % of the data's spread again");
        assert_eq!(look(1.0), None);
        assert_eq!((spread.at_end(), spread.take(), spread.take()), (None, Some(1.0), None));
        spread.look(&[0.0, 0.2]);
        assert_eq!(spread.at_end().unwrap(), "samples have 10 % of the data's spread: collapsed, or at its beginning");
    }
}
