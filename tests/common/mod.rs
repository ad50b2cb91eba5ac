//! Runs a kernel on the GPU between guard bands and compares it with its references on the CPU.
//!
//! `check(kernel, Inputs::random(seed), bound)` is a complete test. `saddle::check` has the guard bands, the bounds and
//! the shapes; `saddle check` uses some of these shapes. Outputs start as NaN, so that a missing write is noticed.
//!
//! SADDLE_TEST_ADAPTER or WGPU_ADAPTER_NAME names the adapter; the default is the first, software adapters included.
//! With SADDLE_TEST_BROWSER, kernels run in a browser instead ([`browser`]). Each run adds a line to the file that
//! SADDLE_TEST_LOG names, to count what was tested.
#![allow(dead_code, unused_imports, clippy::allow_attributes, reason = "no test uses all of it")]

pub mod browser;

use std::{fs::File, io::Write, sync::OnceLock};

pub use saddle::check::{Bound, Data, EPS, Inputs, Rng, clock};
use saddle::{
    check::{Expected, GUARD, Guarded, Written, cases, on_gpu},
    gpu::{self, Choice, Device, Pipelines},
    kernels::{Body, Caps, Kernel},
};

/// Runs the kernel on the GPU. Panics if an error exceeds the bound, or if the kernel writes outside its bindings.
/// Returns the largest error as a fraction of the bound.
pub fn check(kernel: impl Into<Kernel>, inputs: Inputs, bound: Bound) -> f64 {
    check_with(&device().0.caps.clone(), kernel, inputs, bound)
}

/// [`check`] with capabilities that differ from the adapter's, such as fewer workgroups along an axis.
pub fn check_with(caps: &Caps, kernel: impl Into<Kernel>, inputs: Inputs, bound: Bound) -> f64 {
    let kernel = kernel.into();
    let data = inputs.filled(&kernel);
    let expected = Expected::new(&kernel, &data, &bound);
    let [on_cpu, on_gpu] = [expected.single.clone(), run(caps, &kernel, &data)].map(|written| expected.worst(&written));
    assert!(on_cpu.ratio <= 1.0, "of the f32 reference: {}", on_cpu.place);
    assert!(on_gpu.ratio <= 1.0, "of the GPU: {}", on_gpu.place);
    println!(
        "{}: error / bound {:.3} on the GPU, {:.3} in the f32 reference",
        kernel.name(),
        on_gpu.ratio,
        on_cpu.ratio
    );
    on_gpu.ratio
}

/// [`check_with`] with the bound that is derived for the kernel.
pub fn check_derived(caps: &Caps, kernel: impl Into<Kernel>, inputs: Inputs) -> f64 {
    let kernel = kernel.into();
    let half = matches!(caps.product, Body::Matrix(matrix) if matrix.is_half());
    let bound = Bound::of(&kernel, &inputs.filled(&kernel), half);
    check_with(caps, kernel, inputs, bound)
}

/// Checks every case of a kernel; every second one has its workgroups folded over two axes.
pub fn check_cases(name: &str, max_groups: u32) {
    for (n, case) in cases::cases(name).into_iter().enumerate() {
        let caps = Caps { max_groups: [65_535, max_groups][n % 2], ..device().0.caps.clone() };
        check_derived(&caps, case.kernel, case.inputs);
    }
}

/// Runs a kernel once, on the GPU or in a browser, between guard bands.
pub fn run(caps: &Caps, kernel: &Kernel, data: &Data) -> Written {
    let (device, pipelines) = device();
    let written = match browser::wanted() {
        Some(_) => in_browser(caps, kernel, data),
        None => on_gpu(device, pipelines, caps, kernel, data).map_err(|e| e.to_string()),
    };
    let written = written.unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
    if let Some(log) = std::env::var_os("SADDLE_TEST_LOG") {
        let mut log = File::options().create(true).append(true).open(log).expect("SADDLE_TEST_LOG can be written");
        log.write_all(format!("{kernel:?}\n").as_bytes()).expect("SADDLE_TEST_LOG can be written");
    }
    written
}

/// As [`run`], in a browser; its subgroups differ from those of the adapter.
fn in_browser(caps: &Caps, kernel: &Kernel, data: &Data) -> Result<Written, String> {
    let product = if caps.product == Body::Plain { Body::Plain } else { Body::Tiled };
    let dispatch = kernel.dispatch(&Caps { product, ..caps.clone() });
    let Guarded { bindings, operands, reads } = Guarded::new(data);
    let job = browser::Job {
        kernel,
        dispatch: &dispatch,
        bindings: &bindings,
        operands: &operands,
        reads,
        offset: 4 * GUARD,
    };
    let words = browser::run(&job)?;
    Guarded::written(data, &words).map_err(|e| e.to_string())
}

/// The device that all tests of this process share.
pub fn device() -> &'static (Device, Pipelines) {
    static DEVICE: OnceLock<(Device, Pipelines)> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let device = Device::open(&adapter(), false).unwrap_or_else(|e| panic!("{e}"));
        let pipelines = Pipelines::new(&device).unwrap_or_else(|e| panic!("{e}"));
        println!("testing on {}", device.info.name);
        (device, pipelines)
    })
}

/// The adapter that tests run on.
pub fn adapter() -> wgpu::Adapter {
    let named = ["SADDLE_TEST_ADAPTER", "WGPU_ADAPTER_NAME"].iter().find_map(|name| std::env::var(name).ok());
    if let Some(name) = named.filter(|name| !name.is_empty()) {
        match gpu::choose(Some(&name)) {
            Ok(Choice::Gpu { adapter, .. }) => return *adapter,
            Ok(Choice::Cpu { .. }) => panic!("the tests of kernels need a GPU adapter, not the CPU runner"),
            Err(e) => panic!("{e}"),
        }
    }
    gpu::adapters().into_iter().next().expect(
        "no GPU adapter: install a software Vulkan driver, e.g. `apt-get install mesa-vulkan-drivers`, or set \
        VK_ICD_FILENAMES to one's manifest",
    )
}
