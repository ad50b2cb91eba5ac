//! Fused operations, each *defined* in primitives. The definition is the documentation and the reference; `vjp`, made of
//! primitives and composites, and a kernel exist only for speed.

use crate::graph::{Composite, Graph, Op, Real, T, numel, without};

impl Composite {
    /// The composite in primitives.
    pub fn define<'g>(&self, x: &[T<'g>]) -> T<'g> {
        match self {
            Self::Moments { axes } => {
                let mean = x[0].mean(axes);
                let variance = (x[0] - spread(mean, x[0], axes)).square().mean(axes);
                stack(mean, variance)
            }
            Self::Normalize { axes, eps } => {
                let (mean, variance) = (x[1].index(0), x[1].index(1));
                let scale = (variance + eps.get()).sqrt().recip();
                (x[0] - spread(mean, x[0], axes)) * spread(scale, x[0], axes)
            }
            Self::NormSums { axes } => {
                let (dy, x, mean) = (x[0], x[1], x[2].index(0));
                stack(dy.sum(axes), (dy * (x - spread(mean, x, axes))).sum(axes))
            }
            Self::Softmax => {
                let peak = x[0].max(&[1]).detach().along(0, &x[0].shape());
                let e = (x[0] - peak).exp();
                e * e.sum(&[1]).recip().along(0, &x[0].shape())
            }
            Self::CrossEntropy => {
                let (logits, targets) = (x[0], x[1]);
                let peak = logits.max(&[1]).detach();
                let shifted = logits - peak.along(0, &logits.shape());
                let total = shifted.exp().sum(&[1]).log().along(0, &logits.shape());
                (targets * (total - shifted)).sum(&[1])
            }
        }
    }

    /// Cotangents of the inputs for the cotangent `dy` of the result; `None` means zero.
    pub fn vjp<'g>(&self, x: &[T<'g>], y: T<'g>, dy: T<'g>) -> Vec<Option<T<'g>>> {
        match self {
            // d mean / dx = 1 / n; d variance / dx = 2 (x - mean) / n, the mean's own share being zero.
            Self::Moments { axes } => {
                let count = axes.iter().map(|&a| x[0].dim(a)).product::<usize>() as f64;
                let spread = |t: T<'g>| spread(t, x[0], axes);
                let (dmean, dvariance) = (dy.index(0) * (1.0 / count), dy.index(1) * (2.0 / count));
                vec![Some(spread(dmean) + spread(dvariance) * (x[0] - spread(y.index(0))))]
            }
            // With s = 1 / sqrt(variance + eps): dx = s dy, dmean = -s sum(dy), dvariance = -s^3 / 2 sum(dy (x - mean)).
            Self::Normalize { axes, eps } => {
                let sums = x[0].graph().composite(Self::NormSums { axes: axes.clone() }, &[dy, x[0], x[1]]);
                let s = (x[1].index(1) + eps.get()).sqrt().recip();
                let dmoments = stack(-(s * sums.index(0)), s * s * s * sums.index(1) * -0.5);
                vec![Some(dy * spread(s, x[0], axes)), Some(dmoments)]
            }
            // With z, x and moments for the inputs: sum(z) and sum(z (x - mean)) are linear in z, x and the mean.
            Self::NormSums { axes } => {
                let (z, x, mean) = (x[0], x[1], x[2].index(0));
                let spread = |t: T<'g>| spread(t, x, axes);
                let (dsum, dproduct) = (dy.index(0), dy.index(1));
                let dmean = -(dproduct * z.sum(axes));
                let dmoments = stack(dmean, dmean * 0.0);
                vec![
                    Some(spread(dsum) + spread(dproduct) * (x - spread(mean))),
                    Some(spread(dproduct) * z),
                    Some(dmoments),
                ]
            }
            Self::Softmax => {
                let inner = (y * dy).sum(&[1]).along(0, &y.shape());
                vec![Some(y * (dy - inner))]
            }
            Self::CrossEntropy => {
                let (logits, targets) = (x[0], x[1]);
                let across = |t: T<'g>| t.along(0, &logits.shape());
                let softmax = logits.softmax();
                let dlogits = across(dy) * (softmax * across(targets.sum(&[1])) - targets);
                vec![Some(dlogits), Some(across(dy) * -softmax.log())]
            }
        }
    }
}

impl Graph {
    /// A composite's node.
    pub fn composite<'g>(&'g self, c: Composite, x: &[T<'g>]) -> T<'g> {
        let shape = match &c {
            Composite::Moments { axes } | Composite::NormSums { axes } => {
                [vec![2], without(&x[0].shape(), axes)].concat()
            }
            Composite::Normalize { .. } | Composite::Softmax => x[0].shape(),
            Composite::CrossEntropy => vec![x[0].dim(0)],
        };
        self.node(Op::Composite(c), x, shape)
    }
}

impl<'g> T<'g> {
    /// Mean and biased variance over the axes, `[2, kept..]`.
    pub fn moments(self, axes: &[usize]) -> T<'g> {
        self.graph().composite(Composite::Moments { axes: axes.to_vec() }, &[self])
    }

    /// (x - mean) / sqrt(variance + eps) with moments of the given axes.
    pub fn normalize(self, moments: T<'g>, axes: &[usize], eps: f64) -> T<'g> {
        self.graph().composite(Composite::Normalize { axes: axes.to_vec(), eps: Real::new(eps) }, &[self, moments])
    }

    /// Softmax over the last axis of `[B, N]`.
    #[track_caller]
    pub fn softmax(self) -> T<'g> {
        assert_eq!(self.rank(), 2, "softmax: wants [B, N], got {:?}", self.shape());
        self.graph().composite(Composite::Softmax, &[self])
    }

    /// Cross-entropy `[B]` of logits `[B, N]` against target probabilities of the same shape.
    #[track_caller]
    pub fn cross_entropy(self, targets: T<'g>) -> T<'g> {
        assert_eq!(self.shape(), targets.shape(), "cross_entropy: logits and targets differ in shape");
        self.graph().composite(Composite::CrossEntropy, &[self, targets])
    }
}

/// A tensor without `axes`, repeated along them to the shape of `like`.
fn spread<'g>(t: T<'g>, like: T<'g>, axes: &[usize]) -> T<'g> {
    t.broadcast(&like.shape(), axes)
}

/// Two equal shapes as `[2, ..]`.
fn stack<'g>(first: T<'g>, second: T<'g>) -> T<'g> {
    let row = [vec![1], first.shape()].concat();
    debug_assert_eq!(numel(&row), second.len());
    first.reshape(&row).concat(second.reshape(&row), 0)
}
