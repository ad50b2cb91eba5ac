//! Minima of smooth functions by L-BFGS (Nocedal and Wright 2006, algorithm 7.5).

use std::collections::VecDeque;

/// Steps that are remembered.
const MEMORY: usize = 10;
/// Maximum number of steps.
const STEPS: usize = 500;
/// It stops where no derivative is larger.
const FLAT: f64 = 1e-6;

/// Where a convex function, given with its derivatives, is least, from a start.
pub(super) fn minimum(mut at: Vec<f64>, function: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut value, mut slopes) = function(&at);
    // Steps, changes of the slopes, and their products.
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    for _ in 0..STEPS {
        if slopes.iter().all(|slope| slope.abs() < FLAT) {
            break;
        }
        let mut direction: Vec<f64> = slopes.iter().map(|slope| -slope).collect();
        let mut shares = vec![];
        let add =
            |to: &mut [f64], factor: f64, what: &[f64]| to.iter_mut().zip(what).for_each(|(t, w)| *t += factor * w);
        for (step, change, product) in memory.iter().rev() {
            let share = dot(step, &direction) / product;
            add(&mut direction, -share, change);
            shares.push(share);
        }
        let scale = memory.back().map_or(1.0, |(_, change, product)| product / dot(change, change));
        direction.iter_mut().for_each(|d| *d *= scale);
        for ((step, change, product), share) in memory.iter().zip(shares.into_iter().rev()) {
            let share = share - dot(change, &direction) / product;
            add(&mut direction, share, step);
        }
        let fall = dot(&slopes, &direction);
        let mut length = 1.0;
        let (next, next_value, next_slopes) = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(a, d)| a + length * d).collect();
            let (next_value, next_slopes) = function(&next);
            if next_value <= value + 1e-4 * length * fall {
                break (next, next_value, next_slopes);
            }
            length /= 2.0;
            if length < 1e-10 {
                return at;
            }
        };
        let step: Vec<f64> = next.iter().zip(&at).map(|(next, at)| next - at).collect();
        let change: Vec<f64> = next_slopes.iter().zip(&slopes).map(|(next, slope)| next - slope).collect();
        let product = dot(&step, &change);
        if product > 0.0 {
            memory.push_back((step, change, product));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        (at, value, slopes) = (next, next_value, next_slopes);
    }
    at
}

/// The inner product of two vectors.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
