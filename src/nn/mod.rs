//! Layers. A [`Net`] owns the names and initial values of its parameters; its layers only add nodes to the graph.

mod recurrent;

use std::f32::consts::PI;

use crate::{
    graph::{Dist, Form, Graph, Init, Real, Role, Var},
    settings::{LatentDist, Norm},
};
pub use recurrent::{Cell, Recurrence, last_step};

/// Denominator guard of normalisation layers (Ioffe and Szegedy 2015; PyTorch's default).
pub const NORM_EPS: f64 = 1e-5;
/// Share of the newest batch in running statistics (PyTorch's sense of momentum).
const RUNNING: f64 = 0.1;

/// Initial values of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Uniform(-1/sqrt(fan in), 1/sqrt(fan in)): PyTorch's default.
    Uniform,
    /// Uniform(-sqrt(6 / fan in), sqrt(6 / fan in)), which keeps variances through ReLUs (He et al. 2015, section 2.2).
    He,
    /// Uniform(-sqrt(6 / (fan in + fan out)), ..), biases 0 (Glorot and Bengio 2010, equation 16): TensorFlow's
    /// default.
    Xavier,
    /// Normal(0, 0.02), norm scales Normal(1, 0.02): DCGAN (Radford et al. 2016, section 4).
    Dcgan,
}

/// Which moments batch norm uses, and whether dropout is active.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// The batch's own moments.
    Train,
    /// The batch's own moments, which also update the running moments.
    Track,
    /// The batch's own moments; the running moments become their plain average over all rounds.
    Calibrate,
    /// The running moments; dropout is off.
    Eval,
}

/// The filters of a convolution, each pair down and across.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filter {
    /// Rows and columns of a filter.
    pub sides: [usize; 2],
    /// Steps of the filter.
    pub stride: [usize; 2],
    /// Zeros on each of the two sides of an axis.
    pub pad: [usize; 2],
}

impl From<[usize; 3]> for Filter {
    /// Square filters: side, stride, padding.
    fn from([side, stride, pad]: [usize; 3]) -> Self {
        Self { sides: [side; 2], stride: [stride; 2], pad: [pad; 2] }
    }
}

/// A network's parameters, by name.
#[derive(Clone)]
pub struct Net<'g> {
    /// The graph in which its layers are built.
    pub graph: &'g Graph,
    /// State group of the parameters.
    pub params: usize,
    stats: usize,
    powers: usize,
    start: Start,
    /// Which moments batch norm uses, and whether dropout is active.
    pub mode: Mode,
    /// Whether weights are divided by their largest singular value (Miyato et al. 2018).
    pub spectral: bool,
    /// Whether the rows of weights have a learned length each (Salimans and Kingma 2016).
    pub weight_norm: bool,
    /// Deviation of the noise that [`Net::noisy`] adds.
    pub noise: f64,
    /// Classes of real samples that a discriminator tells; 0: only real ones from generated ones.
    pub classes: usize,
    batches: usize,
    copies: usize,
}

impl<'g> Net<'g> {
    /// A network whose parameters are the state group `name`.
    pub fn new(graph: &'g Graph, name: &str, start: Start, mode: Mode) -> Self {
        let stats = graph.group(&format!("{name}.stats"));
        let powers = graph.group(&format!("{name}.powers"));
        let params = graph.group(name);
        Self {
            graph,
            params,
            stats,
            powers,
            start,
            mode,
            spectral: false,
            weight_norm: false,
            noise: 0.0,
            classes: 0,
            batches: 1,
            copies: 1,
        }
    }

    /// The same network, with other initial values for the layers to come.
    pub fn starting(&self, start: Start) -> Self {
        Self { start, ..self.clone() }
    }

    /// The same network, which leaves running statistics as they are.
    pub fn untracked(&self) -> Self {
        Self { mode: if self.mode == Mode::Track { Mode::Train } else { self.mode }, ..self.clone() }
    }

    /// The same network, for several batches that are joined along the batch axis: batch norm normalises each of them
    /// by its own moments.
    pub fn of_batches(&self, batches: usize) -> Self {
        Self { batches, ..self.clone() }
    }

    /// The same network, for so many copies of a batch, one after the other: each draws noise of its own.
    pub fn of_copies(&self, copies: usize) -> Self {
        Self { copies, ..self.clone() }
    }

    /// See [`Net::of_copies`].
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// The number of blocks of rows of a batch in x `[B, ..]`, or in the states x `[T, B, units]` of sequences.
    pub fn blocks(&self, x: Var) -> usize {
        let steps = if x.rank() == 3 { x.dim(0) } else { 1 };
        steps * self.batches * self.copies
    }

    /// The parameters at their current version, as arguments of [`grad`](crate::grad::grad).
    pub fn parameters(&self) -> Vec<Var<'g>> {
        self.graph.items(self.params)
    }

    fn init(&self, [fan_in, fan_out]: [usize; 2]) -> Init {
        match self.start {
            Start::Uniform => Init::Uniform(1.0 / (fan_in as f32).sqrt()),
            Start::He => Init::Uniform((6.0 / fan_in as f32).sqrt()),
            Start::Xavier => xavier(fan_in, fan_out),
            Start::Dcgan => Init::Normal(0.0, 0.02),
        }
    }

    fn weight(&self, name: &str, shape: &[usize], fans: [usize; 2]) -> Var<'g> {
        let w = self.parameter(name, "weight", shape, self.init(fans));
        let w = if self.weight_norm { self.of_learned_length(name, w) } else { w };
        if self.spectral { self.spectral_norm(name, w) } else { w }
    }

    /// Weight normalisation: the direction of each row of w `[out, ..]`, times a learned length that starts at 1
    /// (Salimans and Kingma 2016, equation 2).
    fn of_learned_length(&self, name: &str, w: Var<'g>) -> Var<'g> {
        let length = self.parameter(name, "length", &w.shape()[..1], Init::Const(1.0));
        let squares = w.square().sum(&(1..w.rank()).collect::<Vec<_>>());
        w * (length * (squares + 1e-12).sqrt().recip()).along(0, &w.shape())
    }

    fn bias(&self, name: &str, len: usize, fans: [usize; 2]) -> Var<'g> {
        let zero = matches!(self.start, Start::Dcgan | Start::Xavier);
        self.parameter(name, "bias", &[len], if zero { Init::Const(0.0) } else { self.init(fans) })
    }

    /// The tensor `part` of the layer `name`.
    fn parameter(&self, name: &str, part: &str, shape: &[usize], init: Init) -> Var<'g> {
        self.graph.state(self.params, &format!("{name}.{part}"), shape, init)
    }

    /// w / sigma, with sigma from one step of a persistent power iteration; no gradient flows through the singular
    /// vectors.
    fn spectral_norm(&self, name: &str, w: Var<'g>) -> Var<'g> {
        let (rows, cols) = (w.dim(0), w.len() / w.dim(0));
        let matrix = w.reshape(&[rows, cols]);
        let unit = |t: Var<'g>| t * (t.square().sum_all() + 1e-12).sqrt().recip();
        let old = self.graph.state(self.powers, name, &[1, rows], Init::Normal(0.0, 1.0));
        let v = unit(old.matmul(matrix.detach())).detach();
        let u = unit(v.matmul(matrix.detach().transpose())).detach();
        if self.mode != Mode::Eval {
            self.graph.assign(old, u);
        }
        let sigma = (u.matmul(matrix) * v).sum_all();
        w * sigma.recip()
    }

    /// x `[B, in]` -> x wᵀ + b, `[B, out]`.
    #[track_caller]
    pub fn dense(&self, name: &str, x: Var<'g>, out: usize) -> Var<'g> {
        let y = self.dense_without_bias(name, x, out);
        y + self.bias(name, out, [x.dim(1), out]).along(1, &y.shape())
    }

    /// x `[B, in]` -> x wᵀ, `[B, out]`.
    #[track_caller]
    pub fn dense_without_bias(&self, name: &str, x: Var<'g>, out: usize) -> Var<'g> {
        assert_eq!(x.rank(), 2, "dense {name}: wants [B, in], got {:?}", x.shape());
        let w = self.weight(name, &[out, x.dim(1)], [x.dim(1), out]);
        // With role X the product reads w as it is stored, and the gradient of w has the same layout: no transposes.
        w.contract(Form::MatMul, Role::X, x, vec![x.dim(0), out])
    }

    /// Weights of symbols `[N, symbols]`, nearly all of it on one symbol in each row -> vectors `[N, out]`, which are
    /// therefore no smaller where there are more symbols.
    #[track_caller]
    pub fn embedding(&self, name: &str, x: Var<'g>, out: usize) -> Var<'g> {
        let w = self.starting(Start::Uniform).weight(name, &[out, x.dim(1)], [1, out]);
        w.contract(Form::MatMul, Role::X, x, vec![x.dim(0), out])
    }

    /// x `[B, in]` -> cos(x wᵀ + b), `[B, out]`: random Fourier features (Rahimi and Recht 2007). Their frequencies
    /// start uniform up to `frequency` and are learned too. Plain layers learn fine detail late (Tancik et al. 2020).
    #[track_caller]
    pub fn fourier_features(&self, name: &str, x: Var<'g>, out: usize, frequency: f32) -> Var<'g> {
        let state = |part, shape: &[usize], reach| self.parameter(name, part, shape, Init::Uniform(reach));
        let w = state("weight", &[out, x.dim(1)], frequency);
        let y = w.contract(Form::MatMul, Role::X, x, vec![x.dim(0), out]);
        (y + state("bias", &[out], PI).along(1, &y.shape())).cos()
    }

    /// x `[B, C, H, W]` -> `[B, out, P, Q]` with these filters.
    #[track_caller]
    pub fn conv2d(&self, name: &str, x: Var<'g>, out: usize, filter: impl Into<Filter>, bias: bool) -> Var<'g> {
        let Filter { sides: [r, s], stride, pad } = filter.into();
        let fans = [x.dim(1) * r * s, out * r * s];
        let y = x.conv2d_by_axis(self.weight(name, &[out, x.dim(1), r, s], fans), stride, pad);
        if bias { y + self.bias(name, out, fans).along(1, &y.shape()) } else { y }
    }

    /// x `[B, C, H, W]` -> `[B, out, (H-1)*stride - 2*pad + side, ..]`.
    #[track_caller]
    pub fn conv_transpose2d(
        &self,
        name: &str,
        x: Var<'g>,
        out: usize,
        filter: impl Into<Filter>,
        bias: bool,
    ) -> Var<'g> {
        let Filter { sides: [r, s], stride, pad } = filter.into();
        let fans = [out * r * s, x.dim(1) * r * s];
        let y = x.conv_transpose2d_by_axis(self.weight(name, &[x.dim(1), out, r, s], fans), stride, pad);
        if bias { y + self.bias(name, out, fans).along(1, &y.shape()) } else { y }
    }

    /// Normalisation with scale and shift per channel (axis 1) of `[B, C, ..]`.
    pub fn norm(&self, kind: Norm, name: &str, x: Var<'g>) -> Var<'g> {
        match kind {
            Norm::None => x,
            Norm::Batch => self.batch_norm(name, x),
            Norm::Layer => self.layer_norm(name, x),
        }
    }

    /// Batch norm over all axes but the channels (Ioffe and Szegedy 2015).
    pub fn batch_norm(&self, name: &str, x: Var<'g>) -> Var<'g> {
        let channels = x.dim(1);
        let (scale, shift) = self.affine(name, channels);
        if self.batches > 1 {
            let apart = [&[self.batches, x.dim(0) / self.batches], &x.shape()[1..]].concat();
            let (split, axes) = (x.reshape(&apart), all_but(apart.len(), &[0, 2]));
            let each = |t: Var<'g>| t.along(1, &[self.batches, channels]);
            return split
                .batch_norm(split.moments(&axes), each(scale), each(shift), &axes, NORM_EPS)
                .reshape(&x.shape());
        }
        let axes = all_but(x.rank(), &[1]);
        // Mean 0 and variance 1 before the first batch, as in PyTorch.
        let init = Init::Span { start: channels, end: 2 * channels, value: 1.0 };
        let running = || self.graph.state(self.stats, name, &[2, channels], init);
        let moments = if self.mode == Mode::Eval { running() } else { x.moments(&axes) };
        match self.mode {
            Mode::Track => {
                let newest = unbiased(moments.detach(), x.len() / channels).whole();
                self.graph.assign(running(), running() * (1.0 - RUNNING) + newest * RUNNING);
            }
            Mode::Calibrate => {
                let (newest, share) =
                    (unbiased(moments.detach(), x.len() / channels), (self.graph.clock() + 1.0).recip());
                // In this form the first round, with share 1, overwrites the old value exactly.
                self.graph.assign(running(), running() * (1.0 - share) + newest * share);
            }
            Mode::Train | Mode::Eval => {}
        }
        x.batch_norm(moments, scale, shift, &axes, NORM_EPS)
    }

    /// Layer norm over all axes but the batch (Ba et al. 2016), scale and shift per channel.
    pub fn layer_norm(&self, name: &str, x: Var<'g>) -> Var<'g> {
        let axes: Vec<usize> = (1..x.rank()).collect();
        let (scale, shift) = self.affine(name, x.dim(1));
        x.normalize(x.moments(&axes), &axes, NORM_EPS) * scale.along(1, &x.shape()) + shift.along(1, &x.shape())
    }

    /// Scale and shift of a normalisation.
    fn affine(&self, name: &str, channels: usize) -> (Var<'g>, Var<'g>) {
        let init = if self.start == Start::Dcgan { Init::Normal(1.0, 0.02) } else { Init::Const(1.0) };
        let scale = self.parameter(name, "weight", &[channels], init);
        (scale, self.parameter(name, "bias", &[channels], Init::Const(0.0)))
    }

    /// x `[B, ..]` with the noise of this network; x itself in [`Mode::Eval`].
    pub fn noisy(&self, x: Var<'g>) -> Var<'g> {
        if self.mode == Mode::Eval || self.noise == 0.0 {
            return x;
        }
        x + self.graph.random_of(self.blocks(x), Dist::Normal, &x.shape()) * self.noise
    }

    /// Sets each element of x `[B, ..]`, or of states `[T, B, units]`, to zero with probability p and divides the
    /// others by 1 - p (Srivastava et al. 2014, in PyTorch's form); returns x itself in [`Mode::Eval`].
    pub fn dropout(&self, x: Var<'g>, p: f64) -> Var<'g> {
        assert!((0.0..1.0).contains(&p), "dropout: a probability below 1, not {p}");
        if self.mode == Mode::Eval || p == 0.0 {
            return x;
        }
        let kept = self.graph.random_of(self.blocks(x), Dist::Bernoulli(Real::new(1.0 - p)), &x.shape());
        x * kept * (1.0 / (1.0 - p))
    }
}

/// Moments `[2, C]` of `count` values each, with the unbiased variance, which running statistics average (Ioffe and
/// Szegedy 2015, algorithm 2; PyTorch).
fn unbiased(moments: Var, count: usize) -> Var {
    // 0 for the mean, 1 for the variance.
    let is_variance = moments.graph().full(1.0, &[1]).pad(&[1], &[2]);
    let factor = count as f64 / (count as f64 - 1.0).max(1.0);
    moments * (is_variance * (factor - 1.0) + 1.0).along(0, &moments.shape())
}

/// The axes of a tensor of this rank, except those in `kept`.
fn all_but(rank: usize, kept: &[usize]) -> Vec<usize> {
    (0..rank).filter(|a| !kept.contains(a)).collect()
}

/// See [`Start::Xavier`].
fn xavier(fan_in: usize, fan_out: usize) -> Init {
    Init::Uniform((6.0 / (fan_in + fan_out) as f32).sqrt())
}

/// Latent vectors of this shape.
pub fn latent<'g>(graph: &'g Graph, dist: LatentDist, shape: &[usize]) -> Var<'g> {
    match dist {
        LatentDist::Normal => graph.random(Dist::Normal, shape),
        LatentDist::Uniform => graph.random(Dist::Uniform, shape) * 2.0 - 1.0,
        LatentDist::Unit => graph.random(Dist::Uniform, shape),
    }
}
