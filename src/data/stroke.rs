//! A pen that draws smooth lines through control points on a canvas.

use crate::settings::Size;

/// A point `[x, y]`, y downwards.
pub(super) type Point = [f32; 2];

/// Points per span between two control points.
const STEPS: usize = 5;

/// A position of the pen: `[x, y]` and the radius of its tip, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Dot {
    pub at: Point,
    pub radius: f32,
}

/// A Catmull-Rom spline through `control`; a control point written twice is a corner.
pub(super) fn spline(control: &[Point]) -> Vec<Point> {
    let mut line = control.first().copied().into_iter().collect::<Vec<_>>();
    for (i, span) in control.windows(2).enumerate() {
        if span[0] == span[1] {
            continue;
        }
        let before = control[i.saturating_sub(1)];
        let after = control[(i + 2).min(control.len() - 1)];
        line.extend((1..=STEPS).map(|step| {
            let t = step as f32 / STEPS as f32;
            [0, 1].map(|axis| cubic([before[axis], span[0][axis], span[1][axis], after[axis]], t))
        }));
    }
    line
}

/// The Catmull-Rom cubic from `p[1]` at t = 0 to `p[2]` at t = 1.
fn cubic(p: [f32; 4], t: f32) -> f32 {
    let slope = p[2] - p[0];
    let bend = 2.0 * p[0] - 5.0 * p[1] + 4.0 * p[2] - p[3];
    let twist = 3.0 * (p[1] - p[2]) + p[3] - p[0];
    p[1] + 0.5 * t * (slope + t * (bend + t * twist))
}

/// Draws `line` on a `canvas` of this size, of values in 0 to 1; `softness` is the width of its edge in pixels.
pub(super) fn ink(canvas: &mut [f32], size: Size, line: &[Dot], softness: f32) {
    for ends in line.windows(2) {
        let reach = ends[0].radius.max(ends[1].radius) + softness;
        let covered = |axis: usize| {
            let (low, high) = (ends[0].at[axis].min(ends[1].at[axis]), ends[0].at[axis].max(ends[1].at[axis]));
            let first = (low - reach).max(0.0) as usize;
            first..((high + reach).max(0.0) as usize + 1).min([size.width, size.height][axis])
        };
        for y in covered(1) {
            for x in covered(0) {
                let depth = depth_inside(ends, [x as f32 + 0.5, y as f32 + 0.5]);
                let value = &mut canvas[y * size.width + x];
                *value = value.max((0.5 + depth / softness).clamp(0.0, 1.0));
            }
        }
    }
}

/// The distance from `point` inwards to the edge of the ink between two dots, in pixels; negative outside.
fn depth_inside(ends: &[Dot], point: Point) -> f32 {
    let [from, to] = [ends[0].at, ends[1].at];
    let along = [to[0] - from[0], to[1] - from[1]];
    let offset = [point[0] - from[0], point[1] - from[1]];
    let length = (along[0] * along[0] + along[1] * along[1]).max(f32::MIN_POSITIVE);
    let t = ((along[0] * offset[0] + along[1] * offset[1]) / length).clamp(0.0, 1.0);
    let radius = ends[0].radius + t * (ends[1].radius - ends[0].radius);
    let [dx, dy] = [offset[0] - t * along[0], offset[1] - t * along[1]];
    radius - (dx * dx + dy * dy).sqrt()
}
