//! The two loops in which almost all of the arithmetic is: long runs of memory, in which nothing has to be looked up
//! element by element. They compute what the general way computes, to the bit.

use crate::dtype::Dtype;

/// `y = round(x w + y)` element by element: the product of two fp32 values is exact in f64.
pub(super) fn axpy(y: &mut [f32], x: &[f32], w: f32, dtype: Dtype) {
    let w = f64::from(w);
    let each = |y: &mut f32, x: f32| *y = (f64::from(x) * w + f64::from(*y)) as f32;
    match dtype {
        Dtype::Fp32 => y.iter_mut().zip(x).for_each(|(y, &x)| each(y, x)),
        _ => y.iter_mut().zip(x).for_each(|(y, &x)| {
            each(y, x);
            *y = dtype.round(*y);
        }),
    }
}

/// The sum of products in fp32, from the first pair to the last.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum: f32, (&a, &b)| (f64::from(a) * f64::from(b) + f64::from(sum)) as f32)
}
