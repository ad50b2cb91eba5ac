//! Single-threaded transposes between channels first, the layout of tensors, and channels last, the layout for
//! products.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vectors are loaded from and stored to strided places")
)]

/// Rows and columns of a block that a few shuffles transpose, and rows of a block with AVX.
const BLOCK: usize = 4;
const WIDE: usize = 8;
/// Number of rows whose elements fill a cache line of the result; the columns of these rows come before the next rows.
const LINE: usize = 16;

/// to\[cols,rows\] = from\[rows,cols\] transposed; rows are `from_row` and `to_row` apart.
pub(super) fn transpose(rows: usize, cols: usize, from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
    if rows < BLOCK || cols < BLOCK {
        (0..rows).for_each(|i| (0..cols).for_each(|j| to[j * to_row + i] = from[i * from_row + j]));
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if rows >= WIDE && is_x86_feature_detected!("avx") {
        // SAFETY: the processor has AVX.
        return unsafe { by_avx(rows, cols, from, from_row, to, to_row) };
    }
    for_each_block([rows, cols], BLOCK, |i, j| {
        let block: [[f32; BLOCK]; BLOCK] =
            std::array::from_fn(|t| *from[(i + t) * from_row + j..].first_chunk().expect("a block's width"));
        for c in 0..BLOCK {
            let to = to[(j + c) * to_row + i..].first_chunk_mut().expect("a block's width");
            *to = block.map(|row| row[c]);
        }
    });
}

/// Calls `block(first row, first column)` for blocks of `height` rows and [`BLOCK`] columns that cover a matrix; the
/// last blocks overlap earlier ones.
#[inline(always)]
fn for_each_block([rows, cols]: [usize; 2], height: usize, mut block: impl FnMut(usize, usize)) {
    for line in (0..rows).step_by(LINE) {
        for j in (0..cols).step_by(BLOCK) {
            for i in (line..rows.min(line + LINE)).step_by(height) {
                block(i.min(rows - height), j.min(cols - BLOCK));
            }
        }
    }
}

/// [`transpose`] with AVX, in blocks of eight rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn by_avx(rows: usize, cols: usize, from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
    use std::arch::x86_64::*;
    assert!((rows - 1) * from_row + cols <= from.len(), "matrix reaches past its data");
    assert!((cols - 1) * to_row + rows <= to.len(), "matrix reaches past its data");
    for_each_block([rows, cols], WIDE, |i, j| {
        // SAFETY: rows i to i + 7 and columns j to j + 3 lie inside the matrix, which lies inside its data.
        let load = |row: usize| unsafe { _mm_loadu_ps(from.as_ptr().add((i + row) * from_row + j)) };
        let both = |row: usize| _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(load(row)), load(row + 4));
        let [a, b, c, d] = [both(0), both(1), both(2), both(3)];
        let low = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
        let high = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
        let columns = [
            _mm256_shuffle_ps::<0x44>(low.0, low.1),
            _mm256_shuffle_ps::<0xee>(low.0, low.1),
            _mm256_shuffle_ps::<0x44>(high.0, high.1),
            _mm256_shuffle_ps::<0xee>(high.0, high.1),
        ];
        for (col, values) in columns.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr().add((j + col) * to_row + i), values) };
        }
    });
}

/// to\[c * to_row + i * step\] = from\[i, c\] for `count` rows of `cols` elements: channels last to channels first.
pub(super) fn spread(count: usize, cols: usize, from: &[f32], to: &mut [f32], to_row: usize, step: usize) {
    if step == 1 {
        return transpose(count, cols, from, cols, to, to_row);
    }
    const TILE: usize = 16;
    let reach = (count - 1) * step + 1;
    let (whole, mut rest) = (cols / TILE * TILE, to);
    for c in (0..whole).step_by(TILE) {
        let mut lines: [&mut [f32]; TILE] = std::array::from_fn(|_| {
            let line = std::mem::take(&mut rest);
            let (line, tail) = line.split_at_mut(to_row.min(line.len()));
            rest = tail;
            &mut line[..reach]
        });
        for i in 0..count {
            let values: &[f32; TILE] = from[i * cols + c..][..TILE].try_into().expect("a tile's width");
            lines.iter_mut().zip(values).for_each(|(line, value)| line[i * step] = *value);
        }
    }
    for c in whole..cols {
        for i in 0..count {
            rest[(c - whole) * to_row + i * step] = from[i * cols + c];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_turned_around_and_nothing_else_is_written() {
        for (rows, cols) in (1..=19).flat_map(|rows| (1..=19).map(move |cols| (rows, cols))) {
            let (from_row, to_row) = (cols + 3, rows + 2);
            let from: Vec<f32> = (0..rows * from_row).map(|i| i as f32).collect();
            let mut to = vec![-1.0; cols * to_row];
            transpose(rows, cols, &from, from_row, &mut to, to_row);
            for (n, value) in to.iter().enumerate() {
                let (j, i) = (n / to_row, n % to_row);
                let want = if i < rows { from[i * from_row + j] } else { -1.0 };
                assert_eq!(*value, want, "{rows} x {cols}: column {j}, row {i}");
            }
        }
    }
}
