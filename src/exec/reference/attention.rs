//! Causal attention with shared key/value heads: query head `h` reads key/value head `h / group`.
//!
//! Sequences are `s`, heads `h`, tokens of a sequence `i` (of the query) and `j` (of the key), features of a head
//! `d`. Queries are `[s, i, h, d]`, keys and values `[s, j, h / group, d]`, scores `[s, h, i, j]`.

use crate::graph::Attention;

/// An array of four axes, row-major.
struct Array<'a> {
    extents: [usize; 4],
    values: &'a [f64],
}

impl Array<'_> {
    fn at(&self, [a, b, c, d]: [usize; 4]) -> f64 {
        let [_, bs, cs, ds] = self.extents;
        self.values[((a * bs + b) * cs + c) * ds + d]
    }
}

/// The array of these extents whose element at an index is `element(index)`.
fn array(extents: [usize; 4], element: impl Fn([usize; 4]) -> f64) -> Vec<f64> {
    let mut values = Vec::new();
    for a in 0..extents[0] {
        for b in 0..extents[1] {
            for c in 0..extents[2] {
                for d in 0..extents[3] {
                    values.push(element([a, b, c, d]));
                }
            }
        }
    }
    values
}

/// The extents of an attention's arrays, as indices.
struct Shape {
    tokens: usize,
    head_dim: usize,
    /// Query heads of a key/value head.
    group: usize,
    query: [usize; 4],
    key: [usize; 4],
    square: [usize; 4],
}

impl Shape {
    fn new(attention: Attention) -> Self {
        let Attention { sequences, tokens, heads, kv_heads, head_dim } = attention;
        let [sequences, tokens, heads, kv_heads, head_dim] =
            [sequences, tokens, heads, kv_heads, head_dim].map(|extent| extent as usize);
        Self {
            tokens,
            head_dim,
            group: heads / kv_heads,
            query: [sequences, tokens, heads, head_dim],
            key: [sequences, tokens, kv_heads, head_dim],
            square: [sequences, heads, tokens, tokens],
        }
    }

    fn query<'a>(&self, values: &'a [f64]) -> Array<'a> {
        Array { extents: self.query, values }
    }

    fn key<'a>(&self, values: &'a [f64]) -> Array<'a> {
        Array { extents: self.key, values }
    }

    fn square<'a>(&self, values: &'a [f64]) -> Array<'a> {
        Array { extents: self.square, values }
    }

    /// What scores are multiplied by.
    fn scale(&self) -> f64 {
        1.0 / (self.head_dim as f64).sqrt()
    }

    /// `[s, h, i, j]`: sum over d of `query[s, i, h, d] key[s, j, h / group, d]`.
    fn per_pair(&self, query: &Array<'_>, key: &Array<'_>, [s, h, i, j]: [usize; 4]) -> f64 {
        (0..self.head_dim).map(|d| query.at([s, i, h, d]) * key.at([s, j, h / self.group, d])).sum()
    }

    /// `[s, i, h, d]`: sum over j of `square[s, h, i, j] key[s, j, h / group, d]`.
    fn per_query(&self, square: &Array<'_>, key: &Array<'_>, [s, i, h, d]: [usize; 4]) -> f64 {
        (0..self.tokens).map(|j| square.at([s, h, i, j]) * key.at([s, j, h / self.group, d])).sum()
    }

    /// `[s, j, g, d]`: sum over the query heads h of key head g, and over i, of
    /// `square[s, h, i, j] query[s, i, h, d]`.
    fn per_key(&self, square: &Array<'_>, query: &Array<'_>, [s, j, g, d]: [usize; 4]) -> f64 {
        let heads = g * self.group..(g + 1) * self.group;
        let of_head = |h| (0..self.tokens).map(move |i| square.at([s, h, i, j]) * query.at([s, i, h, d]));
        heads.flat_map(of_head).sum()
    }
}

/// `s = q k^T / sqrt(head_dim)`, for all pairs of tokens.
pub(super) fn scores(q: &[f64], k: &[f64], attention: Attention) -> Vec<f64> {
    let shape = Shape::new(attention);
    let (q, k) = (shape.query(q), shape.key(k));
    array(shape.square, |at| shape.scale() * shape.per_pair(&q, &k, at))
}

/// `dq = ds k / sqrt(head_dim)`.
pub(super) fn scores_grad_q(ds: &[f64], k: &[f64], attention: Attention) -> Vec<f64> {
    let shape = Shape::new(attention);
    let (ds, k) = (shape.square(ds), shape.key(k));
    array(shape.query, |at| shape.scale() * shape.per_query(&ds, &k, at))
}

/// `dk = ds^T q / sqrt(head_dim)`, summed over the query heads of a key head.
pub(super) fn scores_grad_k(ds: &[f64], q: &[f64], attention: Attention) -> Vec<f64> {
    let shape = Shape::new(attention);
    let (ds, q) = (shape.square(ds), shape.query(q));
    array(shape.key, |at| shape.scale() * shape.per_key(&ds, &q, at))
}

/// `c = p v`.
pub(super) fn context(p: &[f64], v: &[f64], attention: Attention) -> Vec<f64> {
    let shape = Shape::new(attention);
    let (p, v) = (shape.square(p), shape.key(v));
    array(shape.query, |at| shape.per_query(&p, &v, at))
}

/// `dp = dc v^T`, for all pairs of tokens.
pub(super) fn context_grad_p(dc: &[f64], v: &[f64], attention: Attention) -> Vec<f64> {
    let shape = Shape::new(attention);
    let (dc, v) = (shape.query(dc), shape.key(v));
    array(shape.square, |at| shape.per_pair(&dc, &v, at))
}

/// `dv = p^T dc`, summed over the query heads of a value head.
pub(super) fn context_grad_v(p: &[f64], dc: &[f64], attention: Attention) -> Vec<f64> {
    let shape = Shape::new(attention);
    let (p, dc) = (shape.square(p), shape.query(dc));
    array(shape.key, |at| shape.per_key(&p, &dc, at))
}

/// Softmax of each row over the keys up to the query's own place; zero beyond.
pub(super) fn softmax(s: &[f64], attention: Attention) -> Vec<f64> {
    let shape = Shape::new(attention);
    let mut p = vec![0.0; s.len()];
    for (row, (s, p)) in s.chunks_exact(shape.tokens).zip(p.chunks_exact_mut(shape.tokens)).enumerate() {
        let seen = row % shape.tokens + 1;
        // Shifted by the largest score, which cancels, so that no exponential overflows.
        let largest = s[..seen].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = s[..seen].iter().map(|s| (s - largest).exp()).sum();
        for j in 0..seen {
            p[j] = (s[j] - largest).exp() / total;
        }
    }
    p
}

/// `ds = p (dp - sum of p dp over the row)`; zero, and `dp` not looked at, beyond the query's own place.
pub(super) fn softmax_grad(p: &[f64], dp: &[f64], attention: Attention) -> Vec<f64> {
    let shape = Shape::new(attention);
    let mut ds = vec![0.0; p.len()];
    let rows = p.chunks_exact(shape.tokens).zip(dp.chunks_exact(shape.tokens));
    for (row, ((p, dp), ds)) in rows.zip(ds.chunks_exact_mut(shape.tokens)).enumerate() {
        let seen = row % shape.tokens + 1;
        let mean: f64 = (0..seen).map(|j| p[j] * dp[j]).sum();
        for j in 0..seen {
            ds[j] = p[j] * (dp[j] - mean);
        }
    }
    ds
}
