//! Initial values of states: a function of the seed and of the tensor's name, shape and [`Init`].

use nalgebra::DMatrix;

use crate::{
    graph::{Init, numel},
    kernels::random::{PURPOSE_INIT, normal, philox, uniform},
    program::StateItem,
};

/// The values of a state before the first round, row-major.
pub fn values(item: &StateItem, seed: u64) -> Vec<f32> {
    let name = crc32fast::hash(item.name.as_bytes());
    let bits = |n: usize| philox([(n / 4) as u32, name, 0, PURPOSE_INIT], [seed as u32, (seed >> 32) as u32])[n % 4];
    let value = |n: usize| match item.init {
        Init::Const(c) => c,
        Init::Normal(mean, deviation) => mean + deviation * normal::<f32>(bits(n)),
        Init::Uniform(a) => a * (2.0 * uniform::<f32>(bits(n)) - 1.0),
        Init::Span { start, end, value } => {
            if (start..end).contains(&n) {
                value
            } else {
                0.0
            }
        }
        Init::Orthogonal(_) => normal::<f32>(bits(n)),
    };
    let drawn = (0..numel(&item.shape)).map(value).collect();
    match item.init {
        Init::Orthogonal(gain) => orthogonal(item.shape[0], drawn, gain),
        _ => drawn,
    }
}

/// The factor Q of the QR decomposition of a row-major matrix, or of its transpose if it has more columns than rows,
/// times a gain. The signs that make R's diagonal positive make Q uniform among orthogonal matrices (Mezzadri 2007,
/// section 5).
fn orthogonal(rows: usize, drawn: Vec<f32>, gain: f32) -> Vec<f32> {
    let cols = drawn.len() / rows;
    let drawn = DMatrix::from_row_iterator(rows, cols, drawn.into_iter().map(f64::from));
    let tall = if rows < cols { drawn.transpose() } else { drawn };
    let (mut q, r) = tall.qr().unpack();
    for (mut column, r) in q.column_iter_mut().zip(r.diagonal().iter()) {
        column *= f64::from(gain) * r.signum();
    }
    // nalgebra stores matrices column by column.
    let by_rows = if rows < cols { q } else { q.transpose() };
    by_rows.iter().map(|&v| v as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_of_an_orthogonal_matrix_is_orthonormal() {
        for [rows, cols] in [[1, 1], [1, 7], [7, 1], [5, 5], [3, 12], [12, 3], [33, 132]] {
            let (name, state) = ("w".to_string(), "g".to_string());
            let item =
                StateItem { name, shape: vec![rows, cols], parts: 1, init: Init::Orthogonal(1.5), state, offset: 0 };
            let w = values(&item, 7);
            assert!(rows * cols == 1 || w != values(&item, 8), "the seed counts");
            let at = |i: usize, k: usize| f64::from(if rows <= cols { w[i * cols + k] } else { w[k * cols + i] });
            let (short, long) = (rows.min(cols), rows.max(cols));
            for i in 0..short {
                for j in 0..=i {
                    let dot: f64 = (0..long).map(|k| at(i, k) * at(j, k)).sum();
                    let want = if i == j { 2.25 } else { 0.0 };
                    assert!((dot - want).abs() < 1e-5, "{rows} x {cols}: {i} times {j} is {dot}");
                }
            }
        }
    }

    #[test]
    fn a_span_is_a_value_between_zeros() {
        let init = Init::Span { start: 1, end: 3, value: 2.0 };
        let item = StateItem { name: "b".into(), shape: vec![4], parts: 1, init, state: "g".into(), offset: 0 };
        assert_eq!(values(&item, 0), [0.0, 2.0, 2.0, 0.0]);
    }
}
