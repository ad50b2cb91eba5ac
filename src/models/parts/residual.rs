//! Residual networks for images (He et al. 2016; Gulrajani et al. 2017, appendix F; Miyato et al. 2018, table 3): for
//! each halving of the sides, a block of two 3x3 convolutions beside a 1x1 convolution.

use super::{
    conv::{Conv, Stages},
    hidden::Hidden,
};
use crate::{
    graph::Var,
    nn::{Net, Start},
};

/// Side, stride and padding of filters that keep the sides of an image.
const SAME: [usize; 3] = [3, 1, 1];
const POINT: [usize; 3] = [1, 1, 0];

/// The widths and the normalisation of residual networks.
#[derive(Clone, Copy, Debug)]
pub struct Residual {
    /// The same of the convolutional networks beside which they stand.
    pub conv: Conv,
    /// Classes at the end of latent vectors, each with normalisations of its own; 0: none.
    pub classes: usize,
}

impl Residual {
    /// z `[B, latent (+ classes)]` -> `[B, C, H, W]`: a dense layer to the smallest plane, a block per stage that
    /// doubles the sides, then a 3x3 convolution to the image's channels.
    pub fn decode<'g>(&self, net: &Net<'g>, z: Var<'g>, shape: &[usize]) -> Var<'g> {
        let Stages { plane: [rows, columns], filters } = Stages::of([shape[1], shape[2]]);
        let (batch, latent, stages) = (z.dim(0), z.dim(1) - self.classes, filters.len());
        let classes = (self.classes > 0).then(|| z.slice(&[0, latent], &[batch, self.classes]));
        let c = self.conv.channels(stages);
        let h = net.dense("dense", z.slice(&[0, 0], &[batch, latent]), c * rows * columns);
        let mut h = h.reshape(&[batch, c, rows, columns]);
        for above in (0..stages).rev() {
            let (name, out, factors) =
                (format!("up{}", stages - above), self.conv.channels(above), filters[above].stride);
            let norm = |n: usize, x| self.norm(net, &format!("{name}_norm{n}"), x, classes).relu();
            let inner = net.conv2d(&format!("{name}_conv1"), enlarged(norm(1, h), factors), out, SAME, true);
            let inner = net.conv2d(&format!("{name}_conv2"), norm(2, inner), out, SAME, true);
            h = inner + enlarged(net.conv2d(&format!("{name}_skip"), h, out, POINT, true), factors);
        }
        net.conv2d("out", net.norm(self.conv.norms[0], "norm", h).relu(), shape[0], SAME, true)
    }

    /// Normalisation whose scale and shift depend on classes `[B, classes]` too (Dumoulin et al. 2017).
    fn norm<'g>(&self, net: &Net<'g>, name: &str, x: Var<'g>, classes: Option<Var<'g>>) -> Var<'g> {
        let x = net.norm(self.conv.norms[0], name, x);
        let Some(classes) = classes else { return x };
        let of = |part: &str| {
            let net = net.starting(Start::Dcgan);
            net.dense_without_bias(&format!("{name}_{part}"), classes, x.dim(1)).broadcast(&x.shape(), &[2, 3])
        };
        x * (of("scale") + 1.0) + of("shift")
    }

    /// x `[B, C, H, W]` -> a map of features: a block per stage that halves the sides, and one that keeps them.
    pub fn encode<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Hidden<'g> {
        let stages = Stages::of([x.dim(2), x.dim(3)]).filters;
        let (mut h, mut maps) = (x, vec![]);
        for (i, filter) in stages.iter().enumerate() {
            h = self.down(net, &format!("down{i}"), h, self.conv.channels(i), filter.stride);
            maps.push(h);
        }
        let last = self.down(net, "last", h, self.conv.channels(stages.len().saturating_sub(1)), [1; 2]);
        Hidden::of_maps([maps, vec![last.relu()]].concat())
    }

    /// The same with features `[B, F]` that are the sums of its last map.
    pub fn summed<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Hidden<'g> {
        let hidden = self.encode(net, x);
        Hidden { features: hidden.maps[hidden.maps.len() - 1].sum(&[2, 3]), ..hidden }
    }

    /// A block; the one that sees the image neither normalises nor cuts it.
    fn down<'g>(&self, net: &Net<'g>, name: &str, x: Var<'g>, out: usize, factors: [usize; 2]) -> Var<'g> {
        let norm = |n: usize, x| net.norm(self.conv.norms[1], &format!("{name}_norm{n}"), x).relu();
        let h = if name == "down0" { x } else { norm(1, x) };
        let h = net.conv2d(&format!("{name}_conv1"), net.noisy(h), out, SAME, true);
        let h = net.conv2d(&format!("{name}_conv2"), net.noisy(norm(2, h)), out, SAME, true);
        let beside = reduced(x, factors);
        let is_as_wide = factors == [1; 2] && x.dim(1) == out;
        reduced(h, factors)
            + if is_as_wide { beside } else { net.conv2d(&format!("{name}_skip"), beside, out, POINT, true) }
    }
}

/// Each pixel of x `[B, C, H, W]` as many times down and across.
fn enlarged<'g>(x: Var<'g>, [down, across]: [usize; 2]) -> Var<'g> {
    let [b, c, h, w] = [0, 1, 2, 3].map(|axis| x.dim(axis));
    x.broadcast(&[b, c, h, down, w, across], &[3, 5]).reshape(&[b, c, h * down, w * across])
}

/// The means of cells of so many pixels down and across.
fn reduced<'g>(x: Var<'g>, [down, across]: [usize; 2]) -> Var<'g> {
    let [b, c, h, w] = [0, 1, 2, 3].map(|axis| x.dim(axis));
    x.reshape(&[b, c, h / down, down, w / across, across]).mean(&[3, 5])
}
