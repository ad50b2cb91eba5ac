//! The body of reductions: the dispatch of `shaders/shared/fold.wgsl`, and the loops of the references.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Caps, Dispatch, MAX_ELEMENTS, MAX_LOOP};
use crate::overrides;

/// One of the axes along which elements of a tensor are counted, outermost axis first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Axis {
    /// Number of elements along it.
    pub extent: usize,
    /// Distance between neighbours along it, in elements of the full tensor.
    pub stride: usize,
}

impl Axis {
    /// An axis of `extent` elements, `stride` apart.
    pub const fn new(extent: usize, stride: usize) -> Self {
        Self { extent, stride }
    }
}

/// Lanes of a workgroup.
const SIZE: usize = 256;
/// Maximum number of axes of an index.
const AXES: usize = 4;
/// Workgroups that fill a device.
pub const ENOUGH: usize = 64;

/// The tile of one workgroup: `cols` outputs by `rows` lanes, which share the elements of an output.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tile {
    cols: usize,
    rows: usize,
    inner_first: bool,
}

/// Number of elements of the axes.
pub fn len(axes: &[Axis]) -> usize {
    axes.iter().map(|a| a.extent).product()
}

/// The shape of a reduction for people: the number of results and of elements in each.
pub fn shape(outer: &[Axis], inner: &[Axis]) -> String {
    format!("{} of {}", len(outer), len(inner))
}

/// Offset of each element.
pub fn offsets(axes: &[Axis]) -> Vec<usize> {
    axes.iter().fold(vec![0], |at, &Axis { extent, stride }| {
        at.iter().flat_map(|a| (0..extent).map(move |i| a + i * stride)).collect()
    })
}

/// Offset of the i-th element.
pub fn offset(axes: &[Axis], mut i: usize) -> usize {
    let mut at = 0;
    for axis in axes.iter().rev() {
        at += i % axis.extent * axis.stride;
        i /= axis.extent;
    }
    at
}

/// The sum of the terms, in blocks of 512: the bound of its rounding error is far below that of one long sum.
pub fn sum<F: Float>(terms: &[usize], term: impl Fn(usize) -> F) -> F {
    let block = |b: &[usize]| b.iter().fold(F::zero(), |a, &n| a + term(n));
    terms.chunks(512).fold(F::zero(), |a, b| a + block(b))
}

impl Tile {
    /// Lanes run along the axes with the smallest stride, so that neighbouring lanes read neighbours. Along i, there is
    /// about one lane for four elements, up to the whole workgroup. Along o, a tile is up to 32 outputs wide, or down
    /// to 8 if there would be too few tiles.
    fn of(outer: &[Axis], inner: &[Axis], span: usize) -> Self {
        let smallest =
            |axes: &[Axis]| axes.iter().filter(|a| a.extent > 1).map(|a| a.stride).min().unwrap_or(usize::MAX);
        if smallest(inner) <= smallest(outer) {
            let rows = span.div_ceil(4).next_power_of_two().min(SIZE);
            return Self { cols: SIZE / rows, rows, inner_first: true };
        }
        let mut cols = len(outer).next_power_of_two().min(32);
        while cols > 8 && len(outer).div_ceil(cols) < ENOUGH && span * cols > 64 * SIZE {
            cols /= 2;
        }
        let rows = (SIZE / cols).min(span.next_power_of_two());
        Self { cols: SIZE / rows, rows, inner_first: false }
    }
}

/// The reason why one launch cannot reduce ranges of `span` inner elements, if there is one.
pub fn obstacle(outer: &[Axis], inner: &[Axis], span: usize) -> Option<String> {
    let elements = len(outer) * len(inner);
    if [outer, inner].iter().any(|axes| axes.iter().filter(|a| a.extent > 1).count() > AXES) {
        return Some(format!(
            "a reduction of {inner:?} for each of {outer:?}, where {AXES} axes of either can be told apart"
        ));
    }
    if elements >= MAX_ELEMENTS {
        return Some(format!("a reduction of {elements} elements, where a shader counts to {MAX_ELEMENTS}"));
    }
    // Four elements per iteration, then the remainder.
    let rounds = span.div_ceil(Tile::of(outer, inner, span).rows) / 4 + 4;
    (rounds > MAX_LOOP).then(|| format!("a reduction over {span} elements is too long for one launch"))
}

/// The dispatch of a reduction over `splits` ranges of the inner elements, each `span` long.
pub fn dispatch(
    outer: &[Axis],
    inner: &[Axis],
    splits: usize,
    span: usize,
    caps: &Caps,
    constants: Vec<(String, f64)>,
) -> Dispatch {
    let tile = Tile::of(outer, inner, span);
    let mut list = constants;
    list.extend(overrides!(
        OUTER = len(outer),
        INNER = len(inner),
        COLS = tile.cols,
        ROWS = tile.rows,
        INNER_FIRST = tile.inner_first as u32,
    ));
    digits("OUTER", outer, &mut list);
    digits("INNER", inner, &mut list);
    Dispatch::folded(len(outer).div_ceil(tile.cols) * splits, caps, list)
}

/// The pipeline constants of an index: the innermost stride, and for each further axis the number of steps after which
/// the axis advances (DIV) and the distance of that jump from the end of the axes below (JUMP, a wrapping difference).
fn digits(name: &str, axes: &[Axis], list: &mut Vec<(String, f64)>) {
    let digits: Vec<_> = axes.iter().rev().filter(|a| a.extent > 1).copied().collect();
    let Some(&Axis { extent, stride }) = digits.first() else { return };
    list.push((format!("{name}_STRIDE"), stride as f64));
    let (mut div, mut end) = (extent, extent * stride);
    for (k, &Axis { extent, stride }) in digits.iter().enumerate().skip(1) {
        list.push((format!("{name}_DIV{k}"), div as f64));
        list.push((format!("{name}_JUMP{k}"), (stride as u32).wrapping_sub(end as u32) as f64));
        (div, end) = (div * extent, extent * stride);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(axes: &[(usize, usize)]) -> Vec<Axis> {
        axes.iter().map(|&(extent, stride)| Axis::new(extent, stride)).collect()
    }

    /// The index as the shader computes it.
    fn at(list: &[(String, f64)], i: u32) -> u32 {
        let get = |name: &str, default| list.iter().find(|c| c.0 == name).map_or(default, |c| c.1 as u32);
        let jump = |k| (i / get(&format!("I_DIV{k}"), 1)).wrapping_mul(get(&format!("I_JUMP{k}"), 0));
        (1..4).fold(i.wrapping_mul(get("I_STRIDE", 0)), |n, k| n.wrapping_add(jump(k)))
    }

    #[test]
    fn an_index_counts_through_its_axes() {
        let cases: [&[(usize, usize)]; 8] = [
            &[],
            &[(1, 7)],
            &[(7, 3)],
            &[(4, 15), (5, 3)],
            &[(5, 3), (4, 15)],
            &[(3, 1), (4, 100), (2, 7)],
            &[(2, 1), (3, 2), (4, 6), (5, 24)],
            &[(3, 60), (1, 9), (4, 15), (5, 3), (2, 1)],
        ];
        for axes in cases.map(axes) {
            let axes = &axes;
            let mut list = vec![];
            digits("I", axes, &mut list);
            let computed: Vec<usize> = (0..len(axes)).map(|i| at(&list, i as u32) as usize).collect();
            assert_eq!(computed, offsets(axes), "{axes:?} {list:?}");
        }
    }

    #[test]
    fn tiles_follow_the_smallest_stride() {
        let tile = |cols, rows, inner_first| Tile { cols, rows, inner_first };
        assert_eq!(Tile::of(&axes(&[(64, 1000)]), &axes(&[(1000, 1)]), 1000), tile(1, 256, true), "rows");
        assert_eq!(Tile::of(&axes(&[(4096, 10)]), &axes(&[(10, 1)]), 10), tile(64, 4, true), "short rows");
        assert_eq!(Tile::of(&axes(&[(512, 1)]), &axes(&[(64, 512)]), 64), tile(32, 8, false), "bias gradient");
        assert_eq!(
            Tile::of(&axes(&[(64, 1024)]), &axes(&[(32, 65_536), (1024, 1)]), 32_768),
            tile(1, 256, true),
            "batch norm"
        );
        assert_eq!(
            Tile::of(&axes(&[(64, 1)]), &axes(&[(65_536, 64)]), 65_536),
            tile(8, 32, false),
            "few outputs, long columns"
        );
        assert_eq!(Tile::of(&axes(&[(100_000, 1)]), &axes(&[(3, 100_000)]), 3), tile(64, 4, false), "short columns");
        assert_eq!(Tile::of(&axes(&[]), &axes(&[(70_000, 1)]), 70_000), tile(1, 256, true), "everything");
        assert_eq!(Tile::of(&axes(&[(5, 1)]), &axes(&[(1, 5)]), 1).rows, 1, "nothing to reduce");
    }
}
