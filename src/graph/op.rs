//! The closed op set, and the plain data that operations are made of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Extents of a tensor, outermost first; rank 0 is a scalar.
pub type Shape = Vec<usize>;
/// Position of a node in its graph.
pub type Id = usize;

/// A scalar function of one argument. The real-valued parameters are stored as bits so that nodes can be hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Map {
    /// e^x.
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root; its gradient at 0 is infinite, hence `sqrt(sum + eps)` wherever a norm is taken.
    Sqrt,
    /// 1 / x.
    Recip,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// ln(1 + e^x), computed as max(x, 0) + ln(1 + e^-|x|).
    Softplus,
    /// 1 where x > 0, else 0.
    IsPositive,
    /// |x|; its gradient at 0 is -1.
    Abs,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// x where x > 0, else slope * x. Slope 0 is ReLU.
    Leaky(Real),
    /// min(max(x, -c), c).
    Clamp(Real),
}

/// A constant that is compared by its bits, so that it can be part of a hashed node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Real(u64);

impl Real {
    /// Wraps a number.
    pub const fn new(value: f64) -> Self {
        Self(value.to_bits())
    }
    /// The number.
    pub const fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

/// Distribution of a [`Op::Random`] tensor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Dist {
    /// Uniform on (0, 1).
    Uniform,
    /// Standard normal.
    Normal,
    /// 1 with this probability, else 0.
    Bernoulli(Real),
}

/// One draw of examples in a round.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Draw {
    /// Its number among the draws of the round from the same items.
    pub number: u32,
    /// The first so many items are drawn from, in an order of their own; `None`: all.
    pub among: Option<usize>,
}

impl Draw {
    /// The draw of this number from all items.
    pub const fn of_all(number: u32) -> Self {
        Self { number, among: None }
    }
}

/// The part of each drawn example that an [`Op::Batch`] leaf gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Field {
    /// The example itself, `[B, ..example shape]`; bytes become [-1, 1], symbols their numbers, `[B, T]`.
    Items,
    /// Its class as one-hot rows `[B, classes]`.
    OneHot,
    /// Windows in order, for states that are carried from one to the next: the data is cut in B lanes of equal length,
    /// and each draw gives the next window of each lane, from the start again after the last.
    InOrder,
    /// `[B]`: 1 where a window in order begins its lane, else 0.
    Begins,
}

/// The trilinear forms T(x, w, y); see [`Op::Contract`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Form {
    /// x `[.., M, K]`, w `[.., K, N]`, y `[.., M, N]`; the leading extents are a shared batch.
    MatMul,
    /// x `[B, C, H, W]`, w `[K, C, R, S]`, y `[B, K, P, Q]`: y(p, q) sums x(p*stride + r - pad, ..) w(r, ..).
    /// The bottom and right padding follow from P and Q.
    Conv2d {
        /// Steps of the filter, down and across.
        stride: [usize; 2],
        /// Zeros above and to the left of x.
        pad: [usize; 2],
    },
}

/// The slot of a trilinear form that a node produces from the other two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Role {
    /// The input of a convolution, the left factor of a product.
    X,
    /// The filters of a convolution, the right factor of a product.
    W,
    /// The result of a convolution or product.
    Y,
}

/// A fused operation that is *defined* in primitives; see [`crate::composite`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the equations speak of the fields")]
pub enum Composite {
    /// x -> `[2, kept..]`: mean and biased variance over the axes.
    Moments { axes: Vec<usize> },
    /// (x, moments) -> (x - mean) / sqrt(variance + eps), shape of x.
    Normalize { axes: Vec<usize>, eps: Real },
    /// (x, moments, scale, shift) -> scale * (x - mean) / sqrt(variance + eps) + shift; scale and shift have the kept
    /// axes.
    BatchNorm { axes: Vec<usize>, eps: Real },
    /// (dy, x, moments) -> `[2, kept..]`: -sum(dy) and -sum(dy * (x - mean)) / (2 (variance + eps)) over the axes.
    /// These are the cotangents of the moments that normalised x, without their common factor 1 / sqrt(variance + eps).
    NormSums { axes: Vec<usize>, eps: Real },
    /// Softmax over the last axis of `[B, N]`.
    Softmax,
    /// (logits `[B, N]`, targets `[B, N]`) -> `[B]`: -sum(targets * log softmax(logits)).
    CrossEntropy,
    /// (logits `[B, N]`, indices `[B]`) -> `[B]`: -log softmax(logits) at each row's index; 0 where the index is
    /// outside of the row.
    IndexCrossEntropy,
    /// (indices `[N]`, x `[R, D]`) -> `[N, D]`: the rows of x with these indices; zeros where x has no such row.
    Rows,
    /// (indices `[N]`, x `[N, D]`) -> `[rows, D]`: row r is the sum of the rows of x whose index is r.
    RowSums { rows: usize },
    /// (gates `[T, B, 4H]`, weight `[H, 4H]`, h0 `[B, H]`, c0 `[B, H]`, mask `[T, B]`) -> an LSTM's h `[T + 1, B, H]`,
    /// c `[T + 1, B, H]` and values of the gates i, f, g, o `[T, B, 4H]`, flat and back to back. h and c are in the
    /// order of time and include the initial state. The input `gates` is the inputs' share of the pre-activations.
    /// Where the mask is 0, h and c stay.
    Lstm { reverse: bool },
    /// (values of the gates `[T, B, 4H]`, c `[T + 1, B, H]`, weight's transpose `[4H, H]`, mask, dh `[T, B, H]`, dc
    /// `[T, B, H]`) -> the cotangents of the pre-activations, of h0 and of c0, flat and back to back.
    LstmGrad { reverse: bool },
    /// (gates `[T, B, 3H]`, weight `[H, 3H]`, bias `[H]` of n's recurrent part, h0 `[B, H]`, mask `[T, B]`) -> flat and
    /// back to back, a GRU's h `[T + 1, B, H]`, as in [`Self::Lstm`], and the values of r, z, n and of n's recurrent
    /// part `[T, B, 4H]`.
    Gru { reverse: bool, reset: Reset },
    /// (values `[T, B, 4H]`, h `[T + 1, B, H]`, weight's transpose `[3H, H]`, mask, dh `[T, B, H]`) -> the cotangents
    /// of the gates and of h0, flat and back to back.
    GruGrad { reverse: bool, reset: Reset },
}

/// Where the reset gate of a GRU acts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Reset {
    /// On the state, before its product with the weight: Cho et al. 2014; TensorFlow 1's `GRUCell`.
    Before,
    /// On the product, after it: cuDNN, PyTorch.
    #[default]
    After,
}

/// How [`Op::Update`] turns a flat gradient into new parameters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015, algorithm 1), two moments; AdamW (Loshchilov and Hutter 2019, algorithm 2) where
    /// `decay` is above 0.
    Adam {
        /// Decay of the first moment.
        beta1: Real,
        /// Decay of the second moment.
        beta2: Real,
        /// Added to the root of the second moment.
        eps: Real,
        /// Weight decay: each update first multiplies the parameters by 1 - rate * decay.
        decay: Real,
    },
    /// v = momentum * v + g; p -= rate * v, one moment (PyTorch's form).
    Sgd {
        /// Share of the old velocity that stays.
        momentum: Real,
    },
    /// s = decay * s + (1 - decay) * g^2; p -= rate * g / (sqrt(s) + eps), one moment.
    RmsProp {
        /// Decay of the mean square.
        decay: Real,
        /// Added to the root of the mean square.
        eps: Real,
    },
}

impl Optimizer {
    /// Names of the flat moment buffers that the optimiser keeps beside the parameters.
    pub fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::Adam { .. } => &["m", "v"],
            Self::Sgd { .. } => &["v"],
            Self::RmsProp { .. } => &["s"],
        }
    }
}

/// One operation. Where the inputs do not determine the shape of the result, [`Node::shape`] does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// A scalar.
    Const(Real),
    /// Written by the host before a run.
    Input(String),
    /// Tensor `item` of state `group` (or [`super::WHOLE`]) after `version` updates and assignments of the group.
    State {
        /// Position of the state group.
        group: usize,
        /// Position of the tensor in its group.
        item: usize,
        /// Updates and assignments of the group before this read.
        version: usize,
    },
    /// Counter-based noise, keyed by (seed, stream, step, element).
    Random {
        /// Number of the stream within the graph.
        stream: u32,
        /// Distribution of the elements.
        dist: Dist,
        /// Number of blocks in which the rows of the batch lie, one after the other: 1 for `[B, ..]`, T for
        /// `[T, B, ..]`. An element's number counts the rows of all parts of a batch.
        blocks: usize,
    },
    /// A batch gathered from the data set; nodes with equal `draw` hold the same examples.
    Batch {
        /// Which draw of the round.
        draw: Draw,
        /// The examples themselves, or their classes.
        field: Field,
    },
    /// The number of rounds done, a scalar.
    Clock,
    /// 0, 1, 2, .. along the only axis.
    Arange,
    /// Sum of two tensors of one shape.
    Add,
    /// Product, element by element, of two tensors of one shape.
    Mul,
    /// A function of each element.
    Map(Map),
    /// Sum over the axes, which disappear.
    Sum(Vec<usize>),
    /// Maximum over the axes, which disappear.
    Max(Vec<usize>),
    /// New axes at these positions of the result, along which the input repeats.
    Broadcast(Vec<usize>),
    /// The window of the node's shape that begins at this index.
    Slice(Vec<usize>),
    /// Zeros of the node's shape, with the input placed at this index.
    Pad(Vec<usize>),
    /// The same elements in row-major order under another shape.
    Reshape,
    /// Axis i of the result is axis `perm[i]` of the input.
    Permute(Vec<usize>),
    /// The identity, through which no gradient flows.
    Detach,
    /// The mean over all parts of a batch of what each part computes: the identity where a batch has one part.
    Whole,
    /// A trilinear form: inputs are the two slots other than the role, in the order x, w, y.
    Contract {
        /// The trilinear form.
        form: Form,
        /// The slot that this node produces.
        role: Role,
    },
    /// A fused operation; see [`crate::composite`].
    Composite(Composite),
    /// One gradient per tensor of the group, flat, in the group's layout.
    Pack {
        /// The group whose layout it takes.
        group: usize,
    },
    /// (flat gradient, rate) -> the group's next version, in place. Adam has a third input: the number of the group's
    /// updates so far, this one included. A rate of 0 leaves parameters and moments as they are.
    Update {
        /// The group that changes.
        group: usize,
        /// The update rule.
        optimizer: Optimizer,
        /// Updates of the group in this round before this one.
        before: usize,
    },
    /// value -> one tensor of a group, in place.
    Assign {
        /// The group that changes.
        group: usize,
        /// Its tensor that changes, or [`super::WHOLE`].
        item: usize,
    },
}

/// An operation, its inputs and the shape of its result.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// Inputs; always earlier nodes.
    pub inputs: Vec<Id>,
    /// Shape of the result.
    pub shape: Shape,
}

/// Number of elements of a shape.
pub fn numel(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// A shape without some of its axes.
pub fn without(shape: &[usize], axes: &[usize]) -> Shape {
    shape.iter().enumerate().filter(|(a, _)| !axes.contains(a)).map(|(_, &n)| n).collect()
}
