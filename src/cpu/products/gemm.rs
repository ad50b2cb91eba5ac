//! Single-threaded matrix products, and the transposes around them.

/// A matrix inside a slice: element (i, j) is `data[i * row + j * col]`.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub col: usize,
}

impl<'a> View<'a> {
    /// Rows of contiguous elements, `row` apart.
    pub fn rows(data: &'a [f32], row: usize) -> Self {
        View { data, row, col: 1 }
    }

    pub fn transposed(self) -> Self {
        View { data: self.data, row: self.col, col: self.row }
    }

    fn assert_holds(&self, rows: usize, cols: usize) {
        assert!((rows - 1) * self.row + (cols - 1) * self.col < self.data.len(), "matrix reaches past its data");
    }
}

/// y\[m,n\] = a\[m,k\] b\[k,n\], or y += a b if `accumulate`; rows of y are `y_row` apart.
#[allow(clippy::too_many_arguments, reason = "three sizes, three matrices")]
pub(super) fn gemm(m: usize, n: usize, k: usize, a: View, b: View, y: &mut [f32], y_row: usize, accumulate: bool) {
    if m == 0 || n == 0 || k == 0 {
        if !accumulate {
            (0..m).for_each(|i| y[i * y_row..][..n].fill(0.0));
        }
        return;
    }
    a.assert_holds(m, k);
    b.assert_holds(k, n);
    assert!((m - 1) * y_row + n <= y.len() && n <= y_row, "matrix reaches past its data");
    let beta = if accumulate { 1.0 } else { 0.0 };
    // SAFETY: the assertions above keep every element of the three matrices inside its slice and rows of y apart from each
    // other; y is borrowed mutably, so it overlaps neither a nor b.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            y.as_mut_ptr(),
            1,
            y_row as isize,
            accumulate,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            beta,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// to\[cols,rows\] = from\[rows,cols\] transposed; rows are `from_row` and `to_row` apart.
pub(super) fn transpose(rows: usize, cols: usize, from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
    const TILE: usize = 16;
    let whole = rows / TILE * TILE;
    for i in (0..whole).step_by(TILE) {
        let lines: [&[f32]; TILE] = std::array::from_fn(|t| &from[(i + t) * from_row..][..cols]);
        for j in 0..cols {
            let line: &mut [f32; TILE] = (&mut to[j * to_row + i..][..TILE]).try_into().expect("a tile's width");
            *line = std::array::from_fn(|t| lines[t][j]);
        }
    }
    for i in whole..rows {
        for (j, &value) in from[i * from_row..][..cols].iter().enumerate() {
            to[j * to_row + i] = value;
        }
    }
}

/// to\[c * to_row + i * step\] = from\[i, c\] for `count` rows of `cols` elements: channels last to channels first.
pub(super) fn spread(count: usize, cols: usize, from: &[f32], to: &mut [f32], to_row: usize, step: usize) {
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
