//! Convolutional networks for images (Radford et al. 2016), with one stage for each halving of the sides.

use super::hidden::Hidden;
use crate::{
    graph::Var,
    nn::{Filter, Net},
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
    pub fn channels(&self, above: usize) -> usize {
        self.width << above.min(3)
    }

    /// z `[B, latent]` -> `[B, C, H, W]`: a dense layer to the smallest plane, a transposed convolution per stage that
    /// doubles the sides, then a 3x3 convolution to the image's channels.
    pub fn decode<'g>(&self, net: &Net<'g>, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let Stages { plane: [rows, columns], filters } = Stages::of([shape[1], shape[2]]);
        let c = self.channels(filters.len());
        let h = net.dense_without_bias("dense", z, c * rows * columns).reshape(&[z.dim(0), c, rows, columns]);
        let mut h = net.norm(self.norms[0], "norm0", h).relu();
        let stages = filters.len();
        for i in 1..=stages {
            let above = stages - i;
            h = net.conv_transpose2d(&format!("up{i}"), h, self.channels(above), filters[above], false);
            h = net.norm(self.norms[0], &format!("norm{i}"), h).relu();
        }
        net.conv2d("out", h, shape[0], [3, 1, 1], true)
    }

    /// x `[B, C, H, W]` -> features `[B, F]`: a convolution per stage that halves the sides; the first has no
    /// normalisation.
    pub fn encode<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Hidden<'g> {
        let (mut h, mut maps) = (x, vec![]);
        for (i, filter) in Stages::of([x.dim(2), x.dim(3)]).filters.into_iter().enumerate() {
            h = net.conv2d(&format!("down{i}"), net.noisy(h), self.channels(i), filter, i == 0);
            h = if i == 0 { h } else { net.norm(self.norms[1], &format!("norm{i}"), h) }.leaky_relu(0.2);
            maps.push(h);
        }
        Hidden::of_maps(maps)
    }
}

/// How often the sides of images are halved.
pub struct Stages {
    /// Height and width of the smallest plane.
    pub plane: [usize; 2],
    /// The filters of each stage, the one next to the image first.
    pub filters: Vec<Filter>,
}

impl Stages {
    /// Each side of `[height, width]` is halved while it is even and above 7. The stages next to the image halve both;
    /// where one side is as small as it gets, the others leave it as it is.
    pub fn of(sides: [usize; 2]) -> Self {
        let halvings = |side: usize| (0..).take_while(|i| side >> i > 7 && (side >> i).is_multiple_of(2)).count();
        let times = sides.map(halvings);
        let filter = |stage: usize| {
            let axis = |a: usize| if stage < times[a] { [4, 2, 1] } else { [3, 1, 1] };
            let [down, across] = [axis(0), axis(1)];
            let pair = |part: usize| [down[part], across[part]];
            Filter { sides: pair(0), stride: pair(1), pad: pair(2) }
        };
        let plane = [sides[0] >> times[0], sides[1] >> times[1]];
        Self { plane, filters: (0..times[0].max(times[1])).map(filter).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_halved_each_as_often_as_it_goes() {
        for (sides, plane, strides) in [
            ([28, 28], [7, 7], vec![[2, 2]; 2]),
            ([8, 8], [4, 4], vec![[2, 2]]),
            ([128, 192], [4, 6], vec![[2, 2]; 5]),
            ([60, 100], [15, 25], vec![[2, 2]; 2]),
            ([20, 28], [5, 7], vec![[2, 2]; 2]),
            ([16, 64], [4, 4], vec![[2, 2], [2, 2], [1, 2], [1, 2]]),
            ([6, 31], [6, 31], vec![]),
        ] {
            let stages = Stages::of(sides);
            let found: Vec<_> = stages.filters.iter().map(|filter| filter.stride).collect();
            assert_eq!((stages.plane, found), (plane, strides), "{sides:?}");
        }
    }
}
