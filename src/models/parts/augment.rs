//! Random changes of images, real and generated, before a discriminator sees them. Of few images it would learn each by
//! heart; what it sees changed differently every time it cannot. Gradients flow through the changes to the generator
//! and into penalties, whose gradient is that by the image as it was, as in the authors' code.
//!
//! Two published forms: DiffAugment (Zhao et al. 2020) changes every image; adaptive discriminator augmentation (ADA,
//! Karras et al. 2020) each with a probability that follows how much the discriminator overfits.

use std::{array, f64::consts::PI};

use super::round::Round;
use crate::{
    error::{Error, Result},
    graph::{Dist, Graph, Init, Var},
    models::Examples,
    objective,
    settings::{Augment, Augmentation, Settings},
};

/// Share of the newest batch in the running mean of signs: the authors look at four batches at a time.
const NEWEST: f64 = 0.25;

/// Refuses settings that have images in view, for other examples.
///
/// # Errors
/// The sentence for that.
pub fn check(s: &Settings, examples: &Examples) -> Result<()> {
    match (&s.augment, &examples.shape[..]) {
        (Augment::Off, _) | (_, [_, _, _]) => Ok(()),
        (_, shape) => Err(Error::usage(format!(
            "`augment` changes images, and an example of this data has shape {shape:?}: leave it out"
        ))),
    }
}

/// Samples as a discriminator sees them in the game: images `[B, C, H, W]` with the changes of the setting `augment`.
/// The rows are those of `blocks` batches.
pub fn augmented<'g>(s: &Settings, x: Var<'g>, blocks: usize) -> Var<'g> {
    match &s.augment {
        Augment::By(changes) if !s.compares_changed() => changed(changes, x, blocks),
        Augment::Adaptive => adaptively(x, probability(x.graph()).reshape(&[]), blocks),
        Augment::Off | Augment::By(_) => x,
    }
}

/// Images with the named changes.
fn changed<'g>(changes: &[Augmentation], x: Var<'g>, blocks: usize) -> Var<'g> {
    changes.iter().fold(x, |x, change| match change {
        Augmentation::Colour => of_colours(x, |colours| colour(colours, blocks)),
        Augmentation::Flip => {
            let [u] = draws(x, Dist::Uniform, blocks);
            let places = places(x);
            resampled(x, [places[0], around_middle(places[1], 1.0 - coin(u) * 2.0)], nearest)
        }
        Augmentation::Translation => {
            let ([down, right], places) = (draws(x, Dist::Uniform, blocks), places(x));
            // Weights for the nearest pixel round these shifts: each whole number is equally likely.
            let shifts = |n: usize| 2.0 * (n as f64 / 8.0 + 0.5).floor() + 1.0;
            let moved = |u: Var<'g>, at: Var<'g>| at - ((u - 0.5) * shifts(at.dim(1))).along(0, &at.shape());
            resampled(x, [moved(down, places[0]), moved(right, places[1])], nearest)
        }
        Augmentation::Cutout => {
            let ([down, right], places) = (draws(x, Dist::Uniform, blocks), places(x));
            let [rows, columns] = [inside(down, places[0]), inside(right, places[1])];
            let shape = x.shape();
            x * (1.0 - rows.broadcast(&shape, &[1, 3]) * columns.broadcast(&shape, &[1, 2]))
        }
    })
}

/// The authors' brightness, saturation and contrast, of images `[B, C, H, W]`. Grey ones have no saturation.
fn colour<'g>(x: Var<'g>, blocks: usize) -> Var<'g> {
    let ([b, s, c], shape) = (draws(x, Dist::Uniform, blocks), x.shape());
    let x = x + (b - 0.5).along(0, &shape);
    let scaled = |mean: Var<'g>, x: Var<'g>, factor: Var<'g>| (x - mean) * factor.along(0, &shape) + mean;
    let x = if shape[1] == 1 { x } else { scaled(x.mean(&[1]).broadcast(&shape, &[1]), x, s * 2.0) };
    scaled(x.mean(&[1, 2, 3]).along(0, &shape), x, c + 0.5)
}

/// 1 for the places `[B, n]` on an axis that lie inside a hole of half its length, which begins anywhere; u `[B]`.
fn inside<'g>(u: Var<'g>, places: Var<'g>) -> Var<'g> {
    let n = places.dim(1);
    let size = n.div_ceil(2);
    // The whole numbers that are nearer than half a size: as many as the size, whatever lies in the middle.
    let middle = (u - 0.5) * (n + 1 - size % 2) as f64 + (n - 1) as f64 / 2.0;
    (size as f64 / 2.0 - (places - middle.along(0, &places.shape())).abs()).is_positive()
}

/// Images with each change of ADA's pipeline (Karras et al. 2020, appendix B) with probability p `[]`, in their order:
/// flips, quarter turns (half turns of images that are not square), translation by whole pixels, scaling of both sides,
/// of one against the other, translation by fractions; brightness, contrast, inversion, hue, saturation. Free rotation
/// is left out, as it is no product of changes of rows and of columns; pixels are interpolated linearly, without a
/// filter. Beyond its borders an image goes on as its mirror image.
fn adaptively<'g>(x: Var<'g>, p: Var<'g>, blocks: usize) -> Var<'g> {
    let on = draws(x, Dist::Uniform, blocks).map(|u: Var| (p - u).is_positive());
    let [flips, turns, shifts, scales, stretches, slides, brightens, contrasts, inverts, shades, saturates] = on;
    let [flip, quarter, half, down, right, invert, hue] = draws(x, Dist::Uniform, blocks);
    let [scale, stretch, slide_down, slide_right, bright, contrast, saturation] = draws(x, Dist::Normal, blocks);

    let (shape, [rows, columns]) = (x.shape(), places(x));
    let (quarter, half) = (coin(quarter) * turns, coin(half) * turns);
    let is_square = shape[2] == shape[3];
    let x = if is_square { x + (x.transpose() - x) * quarter.along(0, &shape) } else { x };
    let sign = |mirrored: Var<'g>| 1.0 - mirrored * 2.0;
    // A transposed image with one axis mirrored is a quarter turn, with the other its opposite.
    let upside_down = if is_square { sign(half) * sign(quarter) } else { sign(half) };
    let left_to_right = sign(half) * sign(coin(flip) * flips);
    let [scale, stretch] = [scale * scales, stretch * stretches].map(|exponent| exponent * 0.2);
    let source = |at: Var<'g>, mirrored, exponent: Var<'g>, whole: Var<'g>, fraction: Var<'g>| {
        let (shape, n) = (at.shape(), at.dim(1));
        let whole = rounded((whole - 0.5) * (n as f64 / 4.0), n.div_ceil(8)) * shifts;
        let slid = at - (fraction * slides * (n as f64 / 8.0)).along(0, &shape);
        let scaled = around_middle(slid, power_of_two(-exponent));
        folded(around_middle(scaled - whole.along(0, &shape), mirrored))
    };
    let rows = source(rows, upside_down, scale - stretch, down, slide_down);
    let columns = source(columns, left_to_right, scale + stretch, right, slide_right);
    let x = resampled(x, [rows, columns], |distance| (1.0 - distance.abs()).relu());

    let (bright, contrast) = (bright * brightens * 0.2, power_of_two(contrast * contrasts * 0.5));
    let luma = contrast * sign(coin(invert) * inverts);
    let (hue, saturation) = ((hue - 0.5) * shades * (2.0 * PI), power_of_two(saturation * saturates));
    of_colours(x, |x| match x.dim(1) {
        3 => mixed(x, luma, contrast * saturation, hue) + (bright * luma).along(0, &x.shape()),
        _ => (x + bright.along(0, &x.shape())) * luma.along(0, &x.shape()),
    })
}

/// Colours `[B, 3, H, W]` with their mean times `luma` `[B]`, and what differs from it times `chroma` `[B]`, turned by
/// the angle `hue` `[B]` around the axis of greys.
fn mixed<'g>(x: Var<'g>, luma: Var<'g>, chroma: Var<'g>, hue: Var<'g>) -> Var<'g> {
    let (shape, of) = (x.shape(), [x.dim(0), 3, 3]);
    let channels = x.graph().arange(3);
    // Turns around that axis are circulant matrices.
    let apart = (channels.along(2, &of) - channels.along(1, &of)) * (2.0 * PI / 3.0);
    let turn = (hue.along(0, &of) + apart).cos() * 2.0;
    let matrix = (luma.along(0, &of) + turn * chroma.along(0, &of)) * (1.0 / 3.0);
    matrix.matmul(x.reshape(&[shape[0], 3, shape[2] * shape[3]])).reshape(&shape)
}

/// The images with `change` applied to their colours, and their transparency, if it is their last channel, as it is.
fn of_colours<'g>(x: Var<'g>, change: impl Fn(Var<'g>) -> Var<'g>) -> Var<'g> {
    let shape = x.shape();
    let [b, c, h, w] = [0, 1, 2, 3].map(|axis| shape[axis]);
    match c {
        2 | 4 => {
            let colours = x.slice(&[0; 4], &[b, c - 1, h, w]);
            change(colours).concat(x.slice(&[0, c - 1, 0, 0], &[b, 1, h, w]), 1)
        }
        _ => change(x),
    }
}

/// The images whose pixel (i, j) is that of x `[B, C, H, W]` at `(rows[i], columns[j])`, `[B, H]` and `[B, W]`: one
/// product for each axis, with the weights that pixels have at a distance from there.
fn resampled<'g>(x: Var<'g>, [rows, columns]: [Var<'g>; 2], weight: impl Fn(Var<'g>) -> Var<'g>) -> Var<'g> {
    let [b, c, h, w] = [0, 1, 2, 3].map(|axis| x.dim(axis));
    let matrix = |at: Var<'g>, of_results: usize| {
        let square = [b, at.dim(1), at.dim(1)];
        let of_pixels = 3 - of_results;
        weight(at.broadcast(&square, &[of_pixels]) - x.graph().arange(at.dim(1)).along(of_pixels, &square))
    };
    // [B, H, H] x [B, H, C W], then [B, H C, W] x [B, W, W].
    let y = matrix(rows, 1).matmul(x.permute(&[0, 2, 1, 3]).reshape(&[b, h, c * w]));
    let y = y.reshape(&[b, h * c, w]).matmul(matrix(columns, 2));
    y.reshape(&[b, h, c, w]).permute(&[0, 2, 1, 3])
}

/// The weight of a pixel at this distance: 1 for the nearest one.
fn nearest(distance: Var) -> Var {
    (0.5 - distance.abs()).is_positive()
}

/// Where pixels lie along both axes of images: `[B, H]`, `[B, W]`.
fn places(x: Var) -> [Var; 2] {
    [2, 3].map(|axis| x.graph().arange(x.dim(axis)).along(1, &[x.dim(0), x.dim(axis)]))
}

/// Places `[B, n]` on an axis, with their distances from its middle times `factor` `[B]`.
fn around_middle<'g>(at: Var<'g>, factor: Var<'g>) -> Var<'g> {
    let middle = (at.dim(1) - 1) as f64 / 2.0;
    (at - middle) * factor.along(0, &at.shape()) + middle
}

/// Places `[B, n]` beyond the ends of an axis mirrored at these, twice if need be.
fn folded(at: Var) -> Var {
    let end = (at.dim(1) - 1) as f64;
    (0..2).fold(at, |at, _| end - (end - at.abs()).abs())
}

/// The nearest whole number to each x `[B]` within ± `bound`, through which no gradient flows.
fn rounded(x: Var, bound: usize) -> Var {
    let all = [x.dim(0), 2 * bound + 1];
    let numbers = (x.graph().arange(all[1]) - bound as f64).along(1, &all);
    (numbers * nearest(numbers - x.along(0, &all))).sum(&[1])
}

/// 1 or 0, equally likely, for a number drawn from (0, 1).
fn coin(u: Var) -> Var {
    (u - 0.5).is_positive()
}

fn power_of_two(x: Var) -> Var {
    (x * std::f64::consts::LN_2).exp()
}

/// N numbers for each image of x `[B, ..]`: `[B]` each, by one draw.
fn draws<'g, const N: usize>(x: Var<'g>, dist: Dist, blocks: usize) -> [Var<'g>; N] {
    let rows = x.dim(0);
    let all = x.graph().random_of(blocks, dist, &[rows, N]);
    array::from_fn(|i| all.slice(&[0, i], &[rows, 1]).reshape(&[rows]))
}

/// The state, `[1]`, with the probability of each change of [`adaptively`].
fn probability(graph: &Graph) -> Var<'_> {
    state(graph, "p")
}

fn state<'g>(graph: &'g Graph, name: &str) -> Var<'g> {
    graph.state(graph.group("augment"), name, &[1], Init::Const(0.0))
}

/// Moves the probability of `augment=adaptive` towards the r_t of the setting `ada_target`: the mean sign of the logits
/// of real images, 1 where the discriminator takes all of them as real (Karras et al. 2020, equation 1). For objectives
/// whose logits have no zero of their own, signs are those beside the middle between both kinds of images.
pub fn adapt<'g>(round: &Round<'_, 'g>, logits: [Var<'g>; 2]) {
    let (g, s) = (round.graph, round.s);
    if s.augment != Augment::Adaptive {
        return;
    }
    let (p, mean) = (probability(g), state(g, "r_t"));
    let [right, _] = objective::shares_judged_right(s.objective, logits);
    let newest = (right.whole() * 2.0 - 1.0).reshape(&[1]);
    let r_t = mean + (newest - mean) * NEWEST;
    let images = (s.batch * s.accumulate) as f64;
    let direction = (r_t - f64::from(s.ada_target)).is_positive() * 2.0 - 1.0;
    let moved = p + direction * (images / (1000.0 * f64::from(s.ada_kimg)));
    g.assign(mean, r_t);
    g.assign(p, 1.0 - (1.0 - moved.relu()).relu());
    round.metric("augment_p", p.reshape(&[]));
    round.metric("r_t", r_t.reshape(&[]));
}

/// The penalty on how far changes of images move their logits (CR: Zhang et al. 2020, equation 2; of generated images
/// too, bCR: Zhao et al. 2021, algorithm 1); `None` where the settings have none.
pub fn inconsistency<'g>(
    s: &Settings,
    judge: impl Fn(Var<'g>) -> Var<'g>,
    samples: [Var<'g>; 2],
    logits: [Var<'g>; 2],
) -> Option<Var<'g>> {
    let Augment::By(changes) = &s.augment else { return None };
    let each = [s.cr, s.cr_fake].into_iter().zip(samples).zip(logits).filter(|((weight, _), _)| *weight > 0.0);
    let terms =
        each.map(|((weight, x), on_x)| (on_x - judge(changed(changes, x, 1))).square().mean_all() * f64::from(weight));
    terms.reduce(|sum, term| sum + term)
}
