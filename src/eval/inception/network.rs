//! Inception-v3 as of 2015-12-05, which all published FID and Inception Scores are of (Szegedy et al. 2016, with the
//! pools of the file from which it was ported).

use crate::graph::{Graph, Init, Var};

/// Side of the images that it reads.
pub const SIDE: usize = 299;
/// Its features of an image, those before the last layer.
pub const FEATURES: usize = 2048;
/// Its classes: those of ImageNet, and some that are none.
pub const CLASSES: usize = 1008;

/// The network in a graph. Its batch norms are part of the filters and biases, which are states.
pub struct Network<'g> {
    /// The graph.
    pub graph: &'g Graph,
    /// The state group of its parameters.
    pub group: usize,
}

/// Sides, stride and padding of a filter.
type Filter = ([usize; 2], usize, [usize; 2]);

const ONE: Filter = ([1, 1], 1, [0, 0]);
const THREE: Filter = ([3, 3], 1, [1, 1]);
const FIVE: Filter = ([5, 5], 1, [2, 2]);
/// Without padding; the second one halves the sides.
const INSIDE: Filter = ([3, 3], 1, [0, 0]);
const HALVING: Filter = ([3, 3], 2, [0, 0]);

/// One row, or one column, of `side` numbers.
const fn across(side: usize) -> Filter {
    ([1, side], 1, [0, side / 2])
}

const fn down(side: usize) -> Filter {
    ([side, 1], 1, [side / 2, 0])
}

impl<'g> Network<'g> {
    /// x `[B, 3, 299, 299]` in -1 to 1 -> features `[B, 2048]`, and probabilities of the classes `[B, 1008]`. Like the
    /// Inception Score (Salimans et al. 2016, code), these leave the last layer's bias out.
    pub fn answer(&self, x: Var<'g>) -> [Var<'g>; 2] {
        let h = self.chain(x, "Conv2d_", &[("1a_3x3", 32, HALVING), ("2a_3x3", 32, INSIDE), ("2b_3x3", 64, THREE)]);
        let h = self.chain(halved(h), "Conv2d_", &[("3b_1x1", 80, ONE), ("4a_3x3", 192, INSIDE)]);
        let h = self.a("Mixed_5b.", halved(h), 32);
        let h = self.a("Mixed_5c.", h, 64);
        let h = self.a("Mixed_5d.", h, 64);
        let h = self.b("Mixed_6a.", h);
        let h = self.c("Mixed_6b.", h, 128);
        let h = self.c("Mixed_6c.", h, 160);
        let h = self.c("Mixed_6d.", h, 160);
        let h = self.c("Mixed_6e.", h, 192);
        let h = self.d("Mixed_7a.", h);
        let mean = self.averaged("Mixed_7b.branch_pool", h, 192);
        let h = self.e("Mixed_7b.", h, mean);
        // A quirk of the file: this block takes the maximum.
        let peak = self.conv("Mixed_7c.branch_pool", peaks(h), 192, ONE);
        let features = self.e("Mixed_7c.", h, peak).mean(&[2, 3]);
        let classes = self.graph.state(self.group, "fc.weight", &[CLASSES, FEATURES], Init::Const(0.0));
        [features, features.matmul(classes.transpose()).softmax()]
    }

    /// The convolution of x with a filter, and its bias.
    fn filtered(&self, name: &str, x: Var<'g>, width: usize, (sides, stride, pad): Filter) -> [Var<'g>; 2] {
        let state = |kind: &str, shape: &[usize]| {
            self.graph.state(self.group, &format!("{name}.{kind}"), shape, Init::Const(0.0))
        };
        let y = x.conv2d_by_axis(state("weight", &[width, x.dim(1), sides[0], sides[1]]), [stride; 2], pad);
        [y, state("bias", &[width]).along(1, &y.shape())]
    }

    fn conv(&self, name: &str, x: Var<'g>, width: usize, filter: Filter) -> Var<'g> {
        let [y, bias] = self.filtered(name, x, width, filter);
        (y + bias).relu()
    }

    /// A filter of one pixel on the mean of each pixel's neighbours. The two change places, as they are linear: most
    /// filters leave few channels to average.
    fn averaged(&self, name: &str, x: Var<'g>, width: usize) -> Var<'g> {
        let [y, bias] = self.filtered(name, x, width, ONE);
        let ones = self.graph.full(1.0, &y.shape()[2..]);
        let share = neighbours(ones).recip();
        (neighbours(y) * share.broadcast(&y.shape(), &[0, 1]) + bias).relu()
    }

    /// Convolutions after each other.
    fn chain(&self, x: Var<'g>, block: &str, filters: &[(&str, usize, Filter)]) -> Var<'g> {
        filters.iter().fold(x, |x, (name, width, filter)| self.conv(&format!("{block}{name}"), x, *width, *filter))
    }

    fn a(&self, block: &str, x: Var<'g>, pool: usize) -> Var<'g> {
        let chain = |filters: &[(&str, usize, Filter)]| self.chain(x, block, filters);
        let one = chain(&[("branch1x1", 64, ONE)]);
        let five = chain(&[("branch5x5_1", 48, ONE), ("branch5x5_2", 64, FIVE)]);
        let double =
            chain(&[("branch3x3dbl_1", 64, ONE), ("branch3x3dbl_2", 96, THREE), ("branch3x3dbl_3", 96, THREE)]);
        let mean = self.averaged(&format!("{block}branch_pool"), x, pool);
        Var::joined(&[one, five, double, mean], 1)
    }

    fn b(&self, block: &str, x: Var<'g>) -> Var<'g> {
        let chain = |filters: &[(&str, usize, Filter)]| self.chain(x, block, filters);
        let three = chain(&[("branch3x3", 384, HALVING)]);
        let double =
            chain(&[("branch3x3dbl_1", 64, ONE), ("branch3x3dbl_2", 96, THREE), ("branch3x3dbl_3", 96, HALVING)]);
        Var::joined(&[three, double, halved(x)], 1)
    }

    fn c(&self, block: &str, x: Var<'g>, inner: usize) -> Var<'g> {
        let chain = |filters: &[(&str, usize, Filter)]| self.chain(x, block, filters);
        let one = chain(&[("branch1x1", 192, ONE)]);
        let seven =
            chain(&[("branch7x7_1", inner, ONE), ("branch7x7_2", inner, across(7)), ("branch7x7_3", 192, down(7))]);
        let double = chain(&[
            ("branch7x7dbl_1", inner, ONE),
            ("branch7x7dbl_2", inner, down(7)),
            ("branch7x7dbl_3", inner, across(7)),
            ("branch7x7dbl_4", inner, down(7)),
            ("branch7x7dbl_5", 192, across(7)),
        ]);
        let mean = self.averaged(&format!("{block}branch_pool"), x, 192);
        Var::joined(&[one, seven, double, mean], 1)
    }

    fn d(&self, block: &str, x: Var<'g>) -> Var<'g> {
        let chain = |filters: &[(&str, usize, Filter)]| self.chain(x, block, filters);
        let three = chain(&[("branch3x3_1", 192, ONE), ("branch3x3_2", 320, HALVING)]);
        let seven = chain(&[
            ("branch7x7x3_1", 192, ONE),
            ("branch7x7x3_2", 192, across(7)),
            ("branch7x7x3_3", 192, down(7)),
            ("branch7x7x3_4", 192, HALVING),
        ]);
        Var::joined(&[three, seven, halved(x)], 1)
    }

    fn e(&self, block: &str, x: Var<'g>, pooled: Var<'g>) -> Var<'g> {
        let chain = |x, filters: &[(&str, usize, Filter)]| self.chain(x, block, filters);
        let one = chain(x, &[("branch1x1", 320, ONE)]);
        let three = chain(x, &[("branch3x3_1", 384, ONE)]);
        let double = chain(x, &[("branch3x3dbl_1", 448, ONE), ("branch3x3dbl_2", 384, THREE)]);
        let both = |x, name: &str| {
            [("a", across(3)), ("b", down(3))].map(|(end, filter)| chain(x, &[(&format!("{name}{end}"), 384, filter)]))
        };
        let ([wide, high], [wide2, high2]) = (both(three, "branch3x3_2"), both(double, "branch3x3dbl_3"));
        Var::joined(&[one, wide, high, wide2, high2, pooled], 1)
    }
}

/// A window of `len` numbers along an axis.
fn window<'g>(x: Var<'g>, axis: usize, start: usize, len: usize) -> Var<'g> {
    let (mut begin, mut shape) = (vec![0; x.rank()], x.shape());
    (begin[axis], shape[axis]) = (start, len);
    x.slice(&begin, &shape)
}

/// The three shifts of x along an axis that bring each number's neighbours to its place; outside are zeros.
fn shifts<'g>(x: Var<'g>, axis: usize) -> [Var<'g>; 3] {
    let (mut before, mut shape) = (vec![0; x.rank()], x.shape());
    before[axis] = 1;
    shape[axis] += 2;
    let padded = x.pad(&before, &shape);
    [0, 1, 2].map(|start| window(padded, axis, start, x.dim(axis)))
}

/// Sums of 3 x 3 neighbours over the last two axes.
fn neighbours<'g>(x: Var<'g>) -> Var<'g> {
    let sum = |x: Var<'g>, axis: usize| {
        let [a, b, c] = shifts(x, axis);
        a + b + c
    };
    sum(sum(x, x.rank() - 2), x.rank() - 1)
}

/// The larger numbers; as max(a, b) = a + relu(b - a) they are one launch, with views as operands.
fn largest<'g>([a, b, c]: [Var<'g>; 3]) -> Var<'g> {
    let larger = |a: Var<'g>, b: Var<'g>| a + (b - a).relu();
    larger(larger(a, b), c)
}

/// Maxima of 3 x 3 neighbours in `[B, C, H, W]`. Zeros at the edge do not show, as no number is below 0.
fn peaks<'g>(x: Var<'g>) -> Var<'g> {
    largest(shifts(largest(shifts(x, 2)), 3))
}

/// Maxima of 3 x 3 neighbours at every second place, of sides that are odd.
fn halved<'g>(x: Var<'g>) -> Var<'g> {
    let along = |x: Var<'g>, axis: usize| {
        let half = x.dim(axis) / 2;
        let place = |start: usize, odd: usize| {
            let mut pairs = x.shape();
            pairs[axis] = half;
            pairs.insert(axis + 1, 2);
            let mut shape = x.shape();
            shape[axis] = half;
            window(window(x, axis, start, 2 * half).reshape(&pairs), axis + 1, odd, 1).reshape(&shape)
        };
        largest([place(0, 0), place(0, 1), place(1, 1)])
    };
    along(along(x, 2), 3)
}
