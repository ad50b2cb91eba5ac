//! Sine waves, by the two definitions that the literature on generated series uses for comparison.

use std::f32::consts::{PI, TAU};

use rayon::prelude::*;

use super::random::{Root, Stream};
use super::{Columns, Dataset, Options, Series, Split};
use crate::error::Result;

/// One definition of the waves.
struct Waves {
    train: usize,
    test: usize,
    /// Steps of a sequence if the options give none.
    steps: usize,
    features: usize,
    /// The range of the values.
    range: [f64; 2],
    /// Draws one wave and writes its value at each step.
    draw: fn(&mut Stream, &mut dyn Iterator<Item = &mut f32>, usize),
}

/// The waves of TimeGAN's code (Yoon et al., 2019, `data_loading.py`): sin(f t + p) mapped to 0..1, with f and p
/// uniform in 0..0.1, each feature on its own. The paper says f in 0..1 and p in -pi..pi, which is harder; results
/// published for `sines` use the code.
const TIMEGAN: Waves = Waves {
    train: 10_000,
    test: 2_000,
    steps: 24,
    features: 5,
    range: [0.0, 1.0],
    draw: |stream, wave, _| {
        let (frequency, phase) = (stream.within(0.0..0.1), stream.within(0.0..0.1));
        wave.enumerate().for_each(|(t, value)| *value = 0.5 + 0.5 * (frequency * t as f32 + phase).sin());
    },
};

/// The waves of RCGAN (Esteban, Hyland, Rätsch, 2017, `data_utils.py`): a sin(2 pi f t / T + p) for t = 1 to T, with f
/// uniform in 1..5, a in 0.1..0.9 and p in -pi..pi. A model sees (1 + wave) / 2.
const RCGAN: Waves = Waves {
    train: 14_000,
    test: 2_800,
    steps: 30,
    features: 1,
    range: [-1.0, 1.0],
    draw: |stream, wave, steps| {
        let (frequency, amplitude) = (stream.within(1.0..5.0), stream.within(0.1..0.9));
        let phase = stream.within(-PI..PI);
        let at = |t: usize| amplitude * (TAU * frequency * (t + 1) as f32 / steps as f32 + phase).sin();
        wave.enumerate().for_each(|(t, value)| *value = 0.5 + 0.5 * at(t));
    },
};

/// Draws the set `name`, `sines` or `sines-rcgan`; the `window` option sets the length of its sequences.
pub(super) fn open(name: &str, options: &Options) -> Result<Dataset> {
    let waves = if name == "sines" { TIMEGAN } else { RCGAN };
    let steps = options.window.unwrap_or(waves.steps);
    let count = if options.split == Split::Train { waves.train } else { waves.test };
    let root = Root::new(name, options.seed, options.split);
    let mut values = vec![0.0; count * steps * waves.features];
    values.par_chunks_mut(steps * waves.features).enumerate().for_each(|(i, sequence)| {
        let mut stream = root.stream(i);
        for feature in 0..waves.features {
            (waves.draw)(&mut stream, &mut sequence.iter_mut().skip(feature).step_by(waves.features), steps);
        }
    });
    let columns = Columns {
        names: (0..waves.features).map(|feature| format!("x{feature}")).collect(),
        zero: vec![waves.range[0]; waves.features],
        one: vec![waves.range[1]; waves.features],
        decimals: vec![None; waves.features],
        ..Columns::default()
    };
    Ok(Dataset::of_floats(name.to_owned(), vec![steps, waves.features], values, Some(Series::Columns(columns))))
}
