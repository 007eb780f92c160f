//! The two loops in which almost all of the arithmetic is: long runs of memory, in which nothing has to be looked up
//! element by element. They compute what the general way computes, to the bit.

use crate::dtype::Dtype;

/// `y = round(x w + y)` element by element: the product of two fp32 values is exact in f64.
pub(super) fn axpy(y: &mut [f32], x: &[f32], w: f32, dtype: Dtype) {
    let w = f64::from(w);
    let sum = |y: f32, x: f32| (f64::from(x) * w + f64::from(y)) as f32;
    // A loop for each format, so that none asks which one it is.
    match dtype {
        Dtype::Fp32 => y.iter_mut().zip(x).for_each(|(y, &x)| *y = sum(*y, x)),
        Dtype::Bf16 => y.iter_mut().zip(x).for_each(|(y, &x)| *y = Dtype::Bf16.round(sum(*y, x))),
        Dtype::Fp16 => y.iter_mut().zip(x).for_each(|(y, &x)| *y = Dtype::Fp16.round(sum(*y, x))),
    }
}

/// The sum of products in fp32, from the first pair to the last.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum: f32, (&a, &b)| (f64::from(a) * f64::from(b) + f64::from(sum)) as f32)
}
