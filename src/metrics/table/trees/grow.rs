//! Growing one tree.

use std::ops::Range;

use rayon::prelude::*;

use super::bins::{Binning, Bins, GAP};

/// Maximum number of leaves.
const LEAVES: usize = 31;
/// Minimum number of rows of a leaf.
const LEAF_ROWS: usize = 20;
/// Minimum sum of second derivatives of a leaf.
const LEAF_CURVATURE: f64 = 1e-3;
/// Rows that a category must have to be sorted among the others, and by which the rare ones are drawn to 0.
const CATEGORY_ROWS: f64 = 10.0;

/// A set of bins.
#[derive(Clone, Copy, Debug, Default)]
struct BinSet([u64; 4]);

impl BinSet {
    fn insert(&mut self, bin: u8) {
        self.0[usize::from(bin / 64)] |= 1 << (bin % 64);
    }

    fn has(self, bin: u8) -> bool {
        self.0[usize::from(bin / 64)] >> (bin % 64) & 1 == 1
    }
}

/// What the rows of a bin, or of a node, sum up to.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// First derivatives of the loss.
    slope: f64,
    /// Second derivatives.
    curvature: f64,
    rows: usize,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self {
            slope: self.slope + other.slope,
            curvature: self.curvature + other.curvature,
            rows: self.rows + other.rows,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            slope: self.slope - other.slope,
            curvature: self.curvature - other.curvature,
            rows: self.rows - other.rows,
        }
    }

    /// The prediction that lowers the loss most.
    fn value(self) -> f64 {
        -self.slope / (self.curvature + 1e-15)
    }

    /// By how much it lowers the loss, twice.
    fn gain(self) -> f64 {
        -self.slope * self.value()
    }

    fn may_be_leaf(self) -> bool {
        self.rows >= LEAF_ROWS && self.curvature >= LEAF_CURVATURE
    }
}

/// The sums of each bin.
type Histogram = Vec<Sums>;

/// A way to part the rows of a node.
#[derive(Clone, Copy, Debug)]
struct Split {
    /// By how much more than the node itself its two sides lower the loss.
    gain: f64,
    feature: usize,
    left: BinSet,
    sums: [Sums; 2],
}

/// A node that may be split.
struct Open {
    place: usize,
    /// Where its rows lie.
    rows: Range<usize>,
    histograms: Vec<Histogram>,
    split: Split,
}

enum Node {
    Leaf(f64),
    /// Rows whose bin is in the set go to the first place, others to the second.
    Branch(usize, BinSet, [usize; 2]),
}

/// A tree; its root comes first.
pub struct Tree(Vec<Node>);

impl Tree {
    /// The prediction for a row with these bins.
    pub fn value(&self, bin: impl Fn(usize) -> u8) -> f64 {
        let mut place = 0;
        loop {
            match &self.0[place] {
                Node::Leaf(value) => return *value,
                Node::Branch(feature, left, sides) => place = sides[usize::from(!left.has(bin(*feature)))],
            }
        }
    }
}

/// Grows a tree.
pub struct Grower<'a> {
    bins: &'a Bins,
    /// The bin of each row, feature by feature.
    cells: &'a [Vec<u8>],
    slopes: &'a [[f32; 2]],
    /// The rows of a node lie together.
    order: Vec<u32>,
    nodes: Vec<Node>,
    open: Vec<Open>,
}

impl<'a> Grower<'a> {
    pub fn new(bins: &'a Bins, cells: &'a [Vec<u8>], slopes: &'a [[f32; 2]]) -> Self {
        let order = (0..slopes.len() as u32).collect();
        Self { bins, cells, slopes, order, nodes: vec![], open: vec![] }
    }

    /// The tree, and for each leaf the rows that it holds and its value.
    pub fn grow(mut self) -> (Tree, Vec<(Vec<u32>, f64)>) {
        let rows = 0..self.order.len();
        let sums = self.slopes.iter().fold(Sums::default(), |sums, &slope| sums.plus(of_row(slope)));
        let mut leaves = vec![(0, rows.clone())];
        self.nodes.push(Node::Leaf(sums.value()));
        if sums.rows >= 2 * LEAF_ROWS {
            let histograms = self.histograms(&rows);
            self.offer(0, rows, sums, histograms);
        }
        while leaves.len() < LEAVES
            && let Some(best) =
                (0..self.open.len()).max_by(|&a, &b| self.open[a].split.gain.total_cmp(&self.open[b].split.gain))
        {
            let node = self.open.swap_remove(best);
            leaves.retain(|&(place, _)| place != node.place);
            leaves.extend(self.split(node));
        }
        let value = |place: usize| if let Node::Leaf(value) = self.nodes[place] { value } else { 0.0 };
        let leaves = leaves.into_iter().map(|(place, rows)| (self.order[rows].to_vec(), value(place))).collect();
        (Tree(self.nodes), leaves)
    }

    /// Makes two leaves of a node and returns their places and rows.
    fn split(&mut self, node: Open) -> [(usize, Range<usize>); 2] {
        let Split { feature, left, sums, .. } = node.split;
        let cells = &self.cells[feature];
        let (mut first, second): (Vec<u32>, Vec<u32>) =
            self.order[node.rows.clone()].iter().partition(|&&row| left.has(cells[row as usize]));
        let middle = node.rows.start + first.len();
        first.extend(second);
        self.order[node.rows.clone()].copy_from_slice(&first);
        let rows = [node.rows.start..middle, middle..node.rows.end];
        let places = [self.nodes.len(), self.nodes.len() + 1];
        self.nodes.extend(sums.map(|sums| Node::Leaf(sums.value())));
        self.nodes[node.place] = Node::Branch(feature, left, places);
        if sums.iter().any(|sums| sums.rows >= 2 * LEAF_ROWS) {
            // The larger side has what the smaller one leaves of the sums of both.
            let small = usize::from(sums[1].rows <= sums[0].rows);
            let counted = self.histograms(&rows[small]);
            let mut rest = node.histograms;
            for (sum, part) in rest.iter_mut().flatten().zip(counted.iter().flatten()) {
                *sum = sum.minus(*part);
            }
            let histograms = if small == 0 { [counted, rest] } else { [rest, counted] };
            for (side, histograms) in histograms.into_iter().enumerate() {
                if sums[side].rows >= 2 * LEAF_ROWS {
                    self.offer(places[side], rows[side].clone(), sums[side], histograms);
                }
            }
        }
        [0, 1].map(|side| (places[side], rows[side].clone()))
    }

    /// Puts a leaf among those that may be split, if a split lowers the loss.
    fn offer(&mut self, place: usize, rows: Range<usize>, sums: Sums, histograms: Vec<Histogram>) {
        let best = |feature: usize| best_split(feature, &self.bins.columns[feature], &histograms[feature], sums);
        let splits: Vec<Option<Split>> = (0..histograms.len()).map(best).collect();
        // The first of equal ones.
        let better = |best: Split, next: Split| if next.gain > best.gain { next } else { best };
        if let Some(split) = splits.into_iter().flatten().reduce(better)
            && split.gain > 0.0
        {
            self.open.push(Open { place, rows, histograms, split });
        }
    }

    fn histograms(&self, rows: &Range<usize>) -> Vec<Histogram> {
        let rows = &self.order[rows.clone()];
        let slopes: Vec<[f32; 2]> = rows.iter().map(|&row| self.slopes[row as usize]).collect();
        let of_feature = |cells: &Vec<u8>| {
            let mut histogram = vec![Sums::default(); usize::from(GAP) + 1];
            for (&row, &slope) in rows.iter().zip(&slopes) {
                let sums = &mut histogram[usize::from(cells[row as usize])];
                *sums = sums.plus(of_row(slope));
            }
            histogram
        };
        self.cells.par_iter().map(of_feature).collect()
    }
}

fn of_row([slope, curvature]: [f32; 2]) -> Sums {
    Sums { slope: f64::from(slope), curvature: f64::from(curvature), rows: 1 }
}

/// The best split of a node by one feature.
fn best_split(feature: usize, binning: &Binning, histogram: &Histogram, node: Sums) -> Option<Split> {
    let mut best: Option<Split> = None;
    let mut consider = |taken: Sums, bins: &mut dyn Iterator<Item = u8>, are_left: bool| {
        let other = Sums { rows: node.rows - taken.rows, ..node.minus(taken) };
        let gain = taken.gain() + other.gain() - node.gain();
        if taken.may_be_leaf() && other.may_be_leaf() && best.is_none_or(|best| gain > best.gain) {
            let mut left = BinSet::default();
            bins.for_each(|bin| left.insert(bin));
            let sums = if are_left { [taken, other] } else { [other, taken] };
            best = Some(Split { gain, feature, left, sums });
        }
    };
    let at = |bin: u8| histogram[usize::from(bin)];
    let bins = || 0..binning.count as u8;
    if binning.is_category() {
        let per_curvature = node.rows as f64 / node.curvature;
        let gaps = binning.gaps.then_some(GAP);
        let mut sorted: Vec<u8> =
            bins().chain(gaps).filter(|&bin| at(bin).curvature * per_curvature >= CATEGORY_ROWS).collect();
        let mean = |&bin: &u8| at(bin).slope / (at(bin).curvature + CATEGORY_ROWS);
        sorted.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
        // From both ends to the middle: rare values stay with the larger half.
        let half = sorted.len().div_ceil(2);
        for (take, reversed) in [(half.min(sorted.len().saturating_sub(1)), false), (half.saturating_sub(1), true)] {
            if reversed {
                sorted.reverse();
            }
            let mut taken = Sums::default();
            for count in 1..=take {
                taken = taken.plus(at(sorted[count - 1]));
                consider(taken, &mut sorted[..count].iter().copied(), true);
            }
        }
    } else {
        let mut taken = Sums::default();
        for bin in bins().take((binning.count + usize::from(binning.gaps)).saturating_sub(1)) {
            taken = taken.plus(at(bin));
            consider(taken, &mut (0..=bin), true);
        }
        if binning.gaps {
            let mut taken = Sums::default();
            for bin in bins().skip(1).rev() {
                taken = taken.plus(at(bin));
                consider(taken, &mut (0..bin).chain([GAP]), false);
            }
        }
    }
    best.map(|mut best| {
        // Gaps that only rows to come have go where most rows went.
        if !binning.gaps && best.sums[0].rows > best.sums[1].rows {
            best.left.insert(GAP);
        }
        best
    })
}
