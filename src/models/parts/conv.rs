//! Convolutional networks for square images (Radford et al. 2016), with one stage for each halving of the side.

use super::hidden::Hidden;
use crate::{
    graph::Var,
    nn::Net,
    settings::{Norm, Settings},
};

/// The base width and the normalisation of convolutional networks.
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    /// Channels of the stage next to the image; they double with each stage, up to 8 times this number.
    pub width: usize,
    /// Normalisation in generator and discriminator.
    pub norms: [Norm; 2],
}

impl Conv {
    /// The networks that the settings ask for.
    pub fn of(s: &Settings) -> Self {
        Self { width: s.width, norms: [s.norm_g, s.norm_d] }
    }

    /// Number of channels `above` stages away from the image.
    fn channels(&self, above: usize) -> usize {
        self.width << above.min(3)
    }

    /// z `[B, latent]` -> `[B, C, H, W]`: a dense layer to the smallest plane, a transposed convolution per stage that
    /// doubles the side, then a 3x3 convolution to the image's channels.
    pub fn decode<'g>(&self, net: &Net<'g>, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let (side, stages) = stages(shape[1]);
        let c = self.channels(stages);
        let h = net.dense_without_bias("dense", z, c * side * side).reshape(&[z.dim(0), c, side, side]);
        let mut h = net.norm(self.norms[0], "norm0", h).relu();
        for i in 1..=stages {
            h = net.conv_transpose2d(&format!("up{i}"), h, self.channels(stages - i), [4, 2, 1], false);
            h = net.norm(self.norms[0], &format!("norm{i}"), h).relu();
        }
        net.conv2d("out", h, shape[0], [3, 1, 1], true)
    }

    /// x `[B, C, H, W]` -> features `[B, F]`: a convolution per stage that halves the side; the first has no
    /// normalisation.
    pub fn encode<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Hidden<'g> {
        let (mut h, mut maps) = (x, vec![]);
        for i in 0..stages(x.dim(2)).1 {
            h = net.conv2d(&format!("down{i}"), h, self.channels(i), [4, 2, 1], i == 0);
            h = if i == 0 { h } else { net.norm(self.norms[1], &format!("norm{i}"), h) }.leaky_relu(0.2);
            maps.push(h);
        }
        Hidden::of_maps(maps)
    }
}

/// The side of the smallest plane, and the number of stages: the side is halved while it is even and above 7.
fn stages(side: usize) -> (usize, usize) {
    let halvings = (0..).take_while(|i| side >> i > 7 && (side >> i).is_multiple_of(2)).count();
    (side >> halvings, halvings)
}
