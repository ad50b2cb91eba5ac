//! The CPU runner's products: f32 matrix products and convolutions on all cores.
//!
//! [`matmul`] multiplies (batches of) matrices. A convolution is trilinear in its input `x[B,C,H,W]`, its filters
//! `w[K,C,R,S]` and its output `y[B,K,P,Q]`; each of [`conv2d`], [`conv2d_input`] and [`conv2d_filter`] computes one of
//! them from the other two, so they are also each other's gradients, and `conv2d_input` is the transposed convolution.
//!
//! Every product is cut into tasks by its shape alone, each task runs one single-threaded GEMM after another on data
//! that it has just laid out in its own cache, and sums that cross tasks are added in a fixed order. So the result is
//! the same, bit for bit, whatever the number of threads. Call these from inside a rayon pool (`ThreadPool::install`):
//! from outside, each call pays for waking the pool and going to sleep until it has finished.
//!
//! Every function takes an `epilogue(start, elements)`, called with each finished block of the result while that block
//! is still in cache, exactly once for each element; `start` is the index of the block's first element. [`nothing`] is
//! the empty one.

mod convolution;
mod filter;
mod gemm;
mod matmul;
mod pixels;
mod scratch;
mod taps;
#[cfg(test)]
mod tests;
mod tiles;
mod transpose;

pub use convolution::{conv2d, conv2d_filter, conv2d_input};
pub use matmul::{Matmul, matmul};
pub use scratch::Scratch;
pub(super) use scratch::{Buffer, PerThread};

/// The epilogue that does nothing.
pub fn nothing(_start: usize, _elements: &mut [f32]) {}
