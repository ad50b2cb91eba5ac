//! Whether a device computes what it should: every kernel against its reference in f64 under a derived bound, and some
//! rounds of training beside the CPU runner.

mod bound;
pub mod cases;
mod inputs;
mod report;
mod rounds;
mod run;

pub use bound::{Bound, EPS, Expected, TINY, Worst, chain_error};
pub use inputs::{Data, Inputs, POISON, Rng, clock};
pub use report::{Checked, Losses, Report, SCHEMA, table};
pub use rounds::{ROUNDS, TRAININGS, Training};
pub use run::{GUARD, Guarded, Written, on_cpu, on_gpu};

use cases::{Case, cases};

use crate::{
    error::{Error, Result},
    gpu::{Device, Pipelines},
    kernels::{Body, Caps, Kernel, MatrixMultiplyAdd, MultiplyAdd},
};

/// Shapes of each kernel that are checked; the tests of kernels take all of them.
const SHAPES: usize = 5;
/// Workgroups along an axis where launches are to be folded over two, in every other case.
const FOLDED: u32 = 3;

/// Where kernels run.
pub enum Place<'a> {
    /// On the CPU runner.
    Cpu,
    /// On a GPU, by these bodies of products.
    Gpu {
        /// The GPU.
        device: &'a Device,
        /// Its pipelines.
        pipelines: &'a Pipelines,
        /// The bodies that compute its products.
        bodies: &'a [Body],
    },
}

/// Checks a kernel, by its file's name, at some of its shapes; on a GPU products by each body.
///
/// # Errors
/// The device failed: later results would say nothing about kernels.
pub fn kernel(place: &Place, name: &str) -> Result<Vec<Checked>> {
    let cases = thinned(of_device(place, name));
    let Place::Gpu { device, pipelines, bodies } = place else {
        let on_cpu = |case: &Case| against_reference(case, None, |data| on_cpu(&case.kernel, data));
        return cases.iter().map(on_cpu).collect();
    };
    let mut launches = vec![];
    for (n, case) in cases.iter().enumerate() {
        let max_groups = if n % 2 == 1 { FOLDED } else { device.caps.max_groups };
        let bodies = if is_product(&case.kernel) { bodies } else { &bodies[..1] };
        launches.extend(bodies.iter().map(|&product| (case, Caps { product, max_groups, ..device.caps.clone() })));
    }
    // Compiled together, on all cores; what cannot be compiled says so at its launch.
    let all: Vec<_> = launches.iter().map(|(case, caps)| (&case.kernel, case.kernel.dispatch(caps))).collect();
    pipelines.get(device, &all).ok();
    let on_gpu = |(case, caps): &(&Case, Caps)| {
        let body = is_product(&case.kernel).then_some(caps.product);
        against_reference(case, body, |data| on_gpu(device, pipelines, caps, &case.kernel, data))
    };
    launches.iter().map(on_gpu).collect()
}

/// A kernel's cases, with those that only this device has.
fn of_device(place: &Place, name: &str) -> Vec<Case> {
    let mut all = cases(name);
    let mut add = |kernel: Kernel| all.push(Case { inputs: Inputs::suited(&kernel, 1), kernel });
    if let Place::Gpu { device, .. } = place {
        match name {
            "multiply_add" if device.caps.half => add(MultiplyAdd { len: 1009, rounds: 13, half: true }.into()),
            "matrix_multiply_add" => {
                let kernel = |&matrix| MatrixMultiplyAdd { matrix, groups: 3, rounds: 256 };
                device.caps.matrices.iter().map(kernel).for_each(|kernel| add(kernel.into()));
            }
            _ => {}
        }
    }
    all
}

/// A few of many, the first and the last among them; of chains all functions.
fn thinned(cases: Vec<Case>) -> Vec<Case> {
    let wanted =
        if matches!(cases.first(), Some(Case { kernel: Kernel::Pointwise(_), .. })) { cases.len() } else { SHAPES };
    let (last, steps) = (cases.len().saturating_sub(1), wanted.min(cases.len()).saturating_sub(1).max(1));
    let kept: Vec<usize> = (0..=steps).map(|k| k * last / steps).collect();
    cases.into_iter().enumerate().filter(|(n, _)| kept.contains(n)).map(|(_, case)| case).collect()
}

fn is_product(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::MatMul(_) | Kernel::Conv2d(_) | Kernel::ConvTranspose2d(_) | Kernel::Conv2dFilter(_))
}

fn against_reference(case: &Case, body: Option<Body>, run: impl FnOnce(&Data) -> Result<Written>) -> Result<Checked> {
    let (kernel, data) = (&case.kernel, case.inputs.filled(&case.kernel));
    let half = matches!(body, Some(Body::Matrix(matrix)) if matrix.is_half());
    let mut checked = Checked {
        kernel: kernel.name().into(),
        shape: format!("{} {}", kernel.form(), kernel.shape()).trim().into(),
        body: body.map(|body| format!("{body:?}").to_lowercase()),
        ratio: None,
        failure: None,
    };
    match run(&data) {
        Ok(written) => {
            let worst = Expected::new(kernel, &data, &Bound::of(kernel, &data, half)).worst(&written);
            checked.ratio = worst.ratio.is_finite().then_some(worst.ratio);
            checked.failure = (worst.ratio > 1.0).then_some(worst.place);
        }
        Err(error @ Error::Device(_)) => return Err(error.at(&format!("{} {}", checked.kernel, checked.shape))),
        Err(error) => checked.failure = Some(error.to_string()),
    }
    Ok(checked)
}
