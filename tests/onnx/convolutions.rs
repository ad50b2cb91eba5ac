//! Conv and ConvTranspose with one and two axes. A dilated filter becomes a filter with zeros between its taps, and
//! each group a convolution.

use saddle::graph::{Form, Role, Var};

use crate::operations::{Operation, Said};

/// The attributes along one axis of the images.
#[derive(Clone, Copy, Debug)]
struct Axis {
    stride: usize,
    dilation: usize,
    /// Number of zeros before and after the image.
    pad: [usize; 2],
    /// Additional extent at the end of a transposed convolution's result.
    output_pad: usize,
}

/// Extent of a dilated filter of `k` taps.
fn reach(k: usize, axis: &Axis) -> usize {
    (k - 1) * axis.dilation + 1
}

/// x and w with two image axes, and the attributes along each axis.
fn read<'g>(o: &Operation<'_, 'g>, transposed: bool) -> Said<(Var<'g>, Var<'g>, [Axis; 2])> {
    let (x, w) = (o.tensor(0)?, o.tensor(1)?);
    let count = x.rank() - 2;
    if count > 2 {
        return Err(format!("of {count} axes"));
    }
    let list = |name: &str, default: usize| -> Vec<usize> {
        let given = o.integers(name, usize::MAX).unwrap_or_default();
        (0..count).map(|a| given.get(a).map_or(default, |&n| n as usize)).collect()
    };
    let (strides, dilations, output_pads) = (list("strides", 1), list("dilations", 1), list("output_padding", 0));
    let pads = o.integers("pads", usize::MAX).unwrap_or_else(|| vec![0; 2 * count]);
    let wanted = o.integers("output_shape", usize::MAX);
    let mut axes = vec![];
    for a in 0..count {
        let pad = [pads[a] as usize, pads[count + a] as usize];
        let mut axis = Axis { stride: strides[a], dilation: dilations[a], pad, output_pad: output_pads[a] };
        let (extent, k) = (x.dim(2 + a), w.dim(2 + a));
        // The total padding that a rule asks for, instead of explicit numbers.
        let total = match (o.text("auto_pad"), &wanted) {
            (_, Some(shape)) => {
                let out = shape[shape.len() - count + a] as usize;
                let whole = axis.stride * (extent - 1) + axis.output_pad + reach(k, &axis);
                axis.output_pad += out.saturating_sub(whole);
                Some(whole.saturating_sub(out))
            }
            ("SAME_UPPER" | "SAME_LOWER", _) if transposed => {
                Some((axis.output_pad + reach(k, &axis)).saturating_sub(axis.stride))
            }
            ("SAME_UPPER" | "SAME_LOWER", _) => {
                let out = extent.div_ceil(axis.stride);
                Some(((out - 1) * axis.stride + reach(k, &axis)).saturating_sub(extent))
            }
            _ => None,
        };
        if let Some(total) = total {
            // An odd zero goes to the end for SAME_UPPER, and by default for other transposed convolutions.
            let lower = o.text("auto_pad") == "SAME_LOWER";
            let before = if lower { total.div_ceil(2) } else { total / 2 };
            axis.pad = [before, total - before];
        }
        axes.push(axis);
    }
    let still = Axis { stride: 1, dilation: 1, pad: [0; 2], output_pad: 0 };
    let flat = |t: Var<'g>| if count == 1 { t.reshape(&[t.dim(0), t.dim(1), 1, t.dim(2)]) } else { t };
    let both = if count == 1 { [still, axes[0]] } else { [axes[0], axes[1]] };
    Ok((flat(x), spread(flat(w), both.map(|a| a.dilation)), both))
}

/// Inserts zeros between the taps of a filter.
fn spread<'g>(w: Var<'g>, [down, across]: [usize; 2]) -> Var<'g> {
    let (filters, channels, r, s) = (w.dim(0), w.dim(1), w.dim(2), w.dim(3));
    let along = |t: Var<'g>, outer: usize, taps: usize, inner: usize, holes: usize| {
        let padded = t.reshape(&[outer * taps, 1, inner]).pad(&[0; 3], &[outer * taps, holes, inner]);
        let reach = (taps - 1) * holes + 1;
        padded.reshape(&[outer, taps * holes, inner]).slice(&[0; 3], &[outer, reach, inner])
    };
    let tall = along(w, filters * channels, r, s, down);
    let r = (r - 1) * down + 1;
    let wide = along(tall, filters * channels * r, s, 1, across);
    wide.reshape(&[filters, channels, r, (s - 1) * across + 1])
}

/// `count` positions of axis `axis`, from position `first` on.
fn part<'g>(t: Var<'g>, axis: usize, first: usize, count: usize) -> Var<'g> {
    let (mut start, mut shape) = (vec![0; t.rank()], t.shape());
    (start[axis], shape[axis]) = (first, count);
    t.slice(&start, &shape)
}

/// One convolution for each group of channels, with the bias, in a shape with the operator's own axes.
fn grouped<'g>(
    o: &Operation<'_, 'g>,
    (x, w): (Var<'g>, Var<'g>),
    one: impl Fn(Var<'g>, Var<'g>) -> Var<'g>,
) -> Said<Var<'g>> {
    let groups = o.integer("group", 1) as usize;
    let (channels, filters) = (x.dim(1) / groups, w.dim(0) / groups);
    let group = |g: usize| one(part(x, 1, g * channels, channels), part(w, 0, g * filters, filters));
    let y = (0..groups).map(group).reduce(|a, b| a.concat(b, 1)).unwrap();
    let y = o.optional(2)?.map_or(y, |bias| y + bias.along(1, &y.shape()));
    Ok(if o.tensor(0)?.rank() == 3 { y.reshape(&[y.dim(0), y.dim(1), y.dim(3)]) } else { y })
}

pub fn conv<'g>(o: &Operation<'_, 'g>) -> Said<Var<'g>> {
    let (x, w, axes) = read(o, false)?;
    let form = Form::Conv2d { stride: axes.map(|a| a.stride), pad: axes.map(|a| a.pad[0]) };
    // The filter is already dilated.
    let out = |a: usize| (x.dim(2 + a) + axes[a].pad[0] + axes[a].pad[1] - w.dim(2 + a)) / axes[a].stride + 1;
    grouped(o, (x, w), |x, w| x.contract(form, Role::Y, w, vec![x.dim(0), w.dim(0), out(0), out(1)]))
}

pub fn conv_transpose<'g>(o: &Operation<'_, 'g>) -> Said<Var<'g>> {
    let (x, w, axes) = read(o, true)?;
    let form = Form::Conv2d { stride: axes.map(|a| a.stride), pad: axes.map(|a| a.pad[0]) };
    let out = |a: usize| {
        let whole = axes[a].stride * (x.dim(2 + a) - 1) + w.dim(2 + a) + axes[a].output_pad;
        whole - axes[a].pad[0] - axes[a].pad[1]
    };
    grouped(o, (x, w), |x, w| w.contract(form, Role::X, x, vec![x.dim(0), w.dim(1), out(0), out(1)]))
}
