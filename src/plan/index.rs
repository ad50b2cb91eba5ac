//! Index arithmetic: the place in a tensor of each element of an iteration, followed through views.
//!
//! The iteration counts n = 0.. in row-major order of the consumer's shape. Each axis of a viewed tensor has a
//! coordinate `offset + sum of weight * ((n / div) % extent)`. Views only rearrange these digits. A view that digits
//! cannot express needs a copy.

use crate::{
    graph::{Op, numel},
    kernels::{
        Index,
        chain::{DIGITS, Digit},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Term {
    div: usize,
    extent: usize,
    weight: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Axis {
    offset: usize,
    terms: Vec<Term>,
}

/// The coordinates of a tensor, one per axis, as functions of n.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coords(Vec<Axis>);

impl Coords {
    /// Every element of a shape in order.
    pub fn identity(shape: &[usize]) -> Self {
        let axis = |a: usize| {
            let digit = Term { div: numel(&shape[a + 1..]), extent: shape[a], weight: 1 };
            Axis { offset: 0, terms: if shape[a] > 1 { vec![digit] } else { vec![] } }
        };
        Self((0..shape.len()).map(axis).collect())
    }

    /// Turns the coordinates in a view's result into those in its input; `None` if digits cannot express them.
    pub fn through(&self, view: &Op, input: &[usize], output: &[usize]) -> Option<Self> {
        let axes = &self.0;
        match view {
            Op::Detach => Some(self.clone()),
            Op::Broadcast(new) => {
                Some(Self((0..axes.len()).filter(|a| !new.contains(a)).map(|a| axes[a].clone()).collect()))
            }
            Op::Slice(start) => {
                let shifted =
                    axes.iter().zip(start).map(|(axis, s)| Axis { offset: axis.offset + s, terms: axis.terms.clone() });
                Some(Self(shifted.collect()))
            }
            Op::Permute(perm) => {
                let mut moved = vec![Axis::default(); axes.len()];
                perm.iter().enumerate().for_each(|(i, &p)| moved[p] = axes[i].clone());
                Some(Self(moved))
            }
            Op::Reshape => self.reshape(input, output),
            _ => None,
        }
    }

    fn reshape(&self, input: &[usize], output: &[usize]) -> Option<Self> {
        let mut result = vec![];
        let (mut i, mut o) = (0, 0);
        while i < input.len() || o < output.len() {
            // The shortest runs of axes on both sides that hold equally many elements.
            let (i0, o0) = (i, o);
            let (mut a, mut b) = (1, 1);
            loop {
                if a <= b && i < input.len() && (a < b || i == i0) {
                    a *= input[i];
                    i += 1;
                } else if o < output.len() && (b < a || o == o0) {
                    b *= output[o];
                    o += 1;
                } else {
                    break;
                }
            }
            let flat = flatten(&self.0[o0..o], &output[o0..o]);
            result.extend(split(flat, &input[i0..i])?);
        }
        Some(Self(result))
    }

    /// The flat index into a tensor of this shape for an iteration of `count` elements, or `None` if it needs more
    /// digits than a kernel has.
    pub fn index(&self, shape: &[usize], count: usize) -> Option<Index> {
        let Axis { offset, terms } = flatten(&self.0, shape);
        let identity = terms == [Term { div: 1, extent: count, weight: 1 }] || (count == 1 && terms.is_empty());
        let digits = terms.iter().map(|t| Digit { div: t.div, extent: t.extent, stride: t.weight }).collect();
        (terms.len() <= DIGITS).then_some(Index { offset, digits: (!identity).then_some(digits) })
    }
}

/// Joins axes into one whose coordinate counts their elements in row-major order, and merges digits that continue each
/// other.
fn flatten(axes: &[Axis], shape: &[usize]) -> Axis {
    let (mut offset, mut terms) = (0, vec![]);
    for (a, axis) in axes.iter().enumerate() {
        let stride = numel(&shape[a + 1..]);
        offset += axis.offset * stride;
        terms.extend(axis.terms.iter().map(|t| Term { weight: t.weight * stride, ..*t }));
    }
    terms.retain(|t| t.weight > 0 && t.extent > 1);
    terms.sort_by_key(|t| std::cmp::Reverse(t.div));
    let mut merged: Vec<Term> = vec![];
    for t in terms {
        match merged.last_mut() {
            Some(high) if high.div == t.div * t.extent && high.weight == t.weight * t.extent => {
                *high = Term { div: t.div, extent: high.extent * t.extent, weight: t.weight };
            }
            _ => merged.push(t),
        }
    }
    Axis { offset, terms: merged }
}

/// Splits one axis into several. Every digit must fall into one of them, if necessary after a cut at their border; else
/// `None`.
fn split(flat: Axis, shape: &[usize]) -> Option<Vec<Axis>> {
    if shape.len() == 1 {
        return Some(vec![flat]);
    }
    if flat.offset != 0 {
        return None;
    }
    let mut terms = flat.terms;
    let mut result = vec![];
    for a in 0..shape.len() {
        let stride = numel(&shape[a + 1..]);
        let mut axis = Axis::default();
        let mut rest = vec![];
        for t in terms {
            if t.weight >= stride {
                if t.weight % stride != 0 {
                    return None;
                }
                axis.terms.push(Term { weight: t.weight / stride, ..t });
            } else if t.weight * (t.extent - 1) < stride {
                rest.push(t);
            } else {
                let low = stride / t.weight;
                if !stride.is_multiple_of(t.weight) || !t.extent.is_multiple_of(low) {
                    return None;
                }
                axis.terms.push(Term { div: t.div * low, extent: t.extent / low, weight: 1 });
                rest.push(Term { extent: low, ..t });
            }
        }
        // Digits of several terms must not carry into each other.
        if axis.terms.iter().map(|t| t.weight * (t.extent - 1)).sum::<usize>() >= shape[a].max(1) {
            return None;
        }
        result.push(axis);
        terms = rest;
    }
    terms.is_empty().then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_of_the_identity_is_the_identity() {
        for (from, to) in [
            (vec![6, 4], vec![24]),
            (vec![24], vec![2, 3, 4]),
            (vec![4, 6], vec![2, 2, 6, 1]),
            (vec![1, 5], vec![5]),
            (vec![], vec![1]),
        ] {
            let coords = Coords::identity(&to).through(&Op::Reshape, &from, &to).unwrap();
            assert_eq!(coords.index(&from, numel(&from)), Some(Index::default()), "{from:?} -> {to:?}");
        }
    }

    /// Where old and new axes share no borders, a reshape treats them as one run of elements.
    #[test]
    fn a_reshape_across_borders_is_the_identity() {
        let coords = Coords::identity(&[10, 6]).through(&Op::Reshape, &[4, 3, 5], &[10, 6]).unwrap();
        assert_eq!(coords.index(&[4, 3, 5], 60), Some(Index::default()));
        let back = coords.through(&Op::Reshape, &[10, 6], &[4, 3, 5]).unwrap();
        assert_eq!(back, Coords::identity(&[10, 6]));
    }

    #[test]
    fn a_channel_vector_repeats_over_batch_and_plane() {
        let shape = [2, 3, 4, 5];
        let coords = Coords::identity(&shape).through(&Op::Broadcast(vec![0, 2, 3]), &[3], &shape).unwrap();
        let index = coords.index(&[3], 120).unwrap();
        assert!((0..120).all(|n| index.at(n) == n / 20 % 3));
    }

    #[test]
    fn a_permuted_tensor_is_read_in_place() {
        let (from, to) = ([2, 3, 4], [4, 2, 3]);
        let coords = Coords::identity(&to).through(&Op::Permute(vec![2, 0, 1]), &from, &to).unwrap();
        let index = coords.index(&from, 24).unwrap();
        assert!((0..24).all(|n| index.at(n) == n % 6 * 4 + n / 6));
    }

    #[test]
    fn merging_permuted_axes_needs_a_copy() {
        let (from, to) = ([2, 3], [3, 2]);
        let merged = Coords::identity(&[6]).through(&Op::Reshape, &to, &[6]).unwrap();
        let index = merged.through(&Op::Permute(vec![1, 0]), &from, &to).unwrap().index(&from, 6).unwrap();
        assert!((0..6).all(|n| index.at(n) == n % 2 * 3 + n / 2));
        let cut = Coords::identity(&[3, 2]).through(&Op::Slice(vec![0, 1]), &[3, 4], &[3, 2]).unwrap();
        assert!(cut.through(&Op::Reshape, &[12], &[3, 4]).is_some());
        let odd = Coords::identity(&[4]).through(&Op::Slice(vec![1]), &[6], &[4]).unwrap();
        assert_eq!(odd.through(&Op::Reshape, &[2, 3], &[6]), None);
    }
}
