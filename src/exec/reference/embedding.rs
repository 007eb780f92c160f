//! Tables of rows by token or position, and sums over rows.

/// Row `rows[t]` of the table for each token t.
pub(super) fn embedding(rows: &[usize], table: &[f64], width: usize) -> Vec<f64> {
    rows.iter().flat_map(|row| table[row * width..][..width].to_vec()).collect()
}

/// Rows of `dx` added to the rows of a table of `size` elements that they came from.
pub(super) fn embedding_grad(rows: &[usize], dx: &[f64], size: usize, width: usize) -> Vec<f64> {
    let mut table = vec![0.0; size];
    for (row, dx) in rows.iter().zip(dx.chunks_exact(width)) {
        for (sum, dx) in table[row * width..].iter_mut().zip(dx) {
            *sum += dx;
        }
    }
    table
}

/// `dy`, cut into pieces of `width` elements, summed over the pieces.
pub(super) fn column_sum(dy: &[f64], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for dy in dy.chunks_exact(width) {
        for (sum, dy) in sums.iter_mut().zip(dy) {
            *sum += dy;
        }
    }
    sums
}
