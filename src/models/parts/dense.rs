//! Dense networks for images and points.

use super::game::Judgement;
use crate::{
    graph::{Var, numel},
    nn::{Net, Start},
    settings::{Norm, Settings},
};

/// Widths and options of dense networks.
#[derive(Clone, Debug)]
pub struct Dense {
    /// Hidden widths of a generator.
    pub generator: Vec<usize>,
    /// Hidden widths of a discriminator.
    pub discriminator: Vec<usize>,
    /// Hidden widths of an encoder; a decoder has them in reverse.
    pub encoder: Vec<usize>,
    /// Normalisation in generator and discriminator.
    pub norms: [Norm; 2],
    /// Whether a generator's layers pass on their inputs.
    pub residual: bool,
    /// Share of a discriminator's outputs that is dropped.
    pub dropout: f32,
    /// Random Fourier features in front of a discriminator, and their largest frequency.
    pub fourier_features: (usize, f32),
}

impl Dense {
    /// The networks that the settings ask for.
    pub fn of(s: &Settings) -> Self {
        Self {
            generator: s.hidden_g.clone(),
            discriminator: s.hidden_d.clone(),
            encoder: s.hidden_e.clone(),
            norms: [s.norm_g, s.norm_d],
            residual: s.residual_g,
            dropout: s.dropout_d,
            fourier_features: (s.fourier_features, s.frequency),
        }
    }

    /// z `[B, latent]` -> `[B, ..shape]`; images end in tanh, points are unbounded.
    pub fn generate<'g>(&self, net: &Net<'g>, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let mut h = z;
        for (i, &width) in self.generator.iter().enumerate() {
            let y = net.norm(self.norms[0], &format!("norm{i}"), net.dense(&format!("dense{i}"), h, width));
            // Xu et al. have no slope below 0.
            h = if self.residual { y.relu().concat(h, 1) } else { y.leaky_relu(0.2) };
        }
        let y = net.dense("out", h, numel(shape));
        let y = if shape.len() == 3 { y.tanh() } else { y };
        y.reshape(&[vec![z.dim(0)], shape.to_vec()].concat())
    }

    /// Judges x `[B, ..]`.
    pub fn judge<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Judgement<'g> {
        let mut h = x.reshape(&[x.dim(0), x.len() / x.dim(0)]);
        let mut net = net.clone();
        if let (features @ 1.., frequency) = self.fourier_features {
            // Fourier features look alike everywhere; the coordinates beside them give distant samples a slope back to
            // the data.
            h = net.fourier_features("waves", h, features, frequency).concat(h, 1);
            net = net.starting(Start::He);
        }
        Judgement::of(&net, self.hidden(&net, h, &self.discriminator))
    }

    /// The hidden layers of a discriminator: x `[B, ..]` -> `[B, last width]`.
    pub fn hidden<'g>(&self, net: &Net<'g>, x: Var<'g>, widths: &[usize]) -> Var<'g> {
        let h = x.reshape(&[x.dim(0), x.len() / x.dim(0)]);
        widths.iter().enumerate().fold(h, |h, (i, &width)| {
            let y = net.dense(&format!("dense{i}"), net.noisy(h), width);
            let y = net.norm(self.norms[1], &format!("norm{i}"), y);
            net.dropout(y.leaky_relu(0.2), self.dropout.into())
        })
    }

    /// x `[B, ..]` -> features `[B, F]`. Dense layers learn faster from images in 0 to 1, where the background is 0.
    pub fn encode<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Var<'g> {
        let images = x.rank() == 4;
        let x = x.reshape(&[x.dim(0), x.len() / x.dim(0)]);
        let x = if images { (x + 1.0) * 0.5 } else { x };
        self.encoder.iter().enumerate().fold(x, |h, (i, &width)| net.dense(&format!("dense{i}"), h, width).relu())
    }

    /// z `[B, latent]` -> `[B, ..shape]`: logits of pixels, means of points.
    pub fn decode<'g>(&self, net: &Net<'g>, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let widths = self.encoder.iter().rev().enumerate();
        let h = widths.fold(z, |h, (i, &width)| net.dense(&format!("dense{i}"), h, width).relu());
        net.dense("out", h, numel(shape)).reshape(&[&[z.dim(0)], shape].concat())
    }
}
