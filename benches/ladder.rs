//! The gain of each optimisation: a product and a convolution with its two adjoints, with every body that the adapter
//! can run, from one invocation for each result to matrix units. `cargo bench --bench ladder -- [ADAPTER]`;
//! benches/NOTES.md has predictions beside outcomes.

use std::time::Duration;

use saddle::{
    error::{Error, Result},
    gpu::{self, Choice, Device, Pipelines},
    kernels::{Body, Caps, Chain, Conv2d, Conv2dFilter, ConvTranspose2d, Geometry, Kernel, MatMul, MultiplyAdd},
};

/// Minimum time to run each body.
const ENOUGH: Duration = Duration::from_millis(200);

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let request = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or("0".into());
    let Choice::Gpu { adapter, .. } = gpu::choose(Some(&request))? else {
        return Err(Error::usage("a ladder needs an adapter, not the CPU runner"));
    };
    let device = Device::open(&adapter, false)?;
    let pipelines = Pipelines::new(&device)?;
    let rate = |kernel: &Kernel, caps: &Caps| {
        Ok(kernel.cost().flops / pipelines.time(&device, kernel, caps, ENOUGH)?.as_secs_f64() / 1e9)
    };
    let ceiling = rate(&MultiplyAdd { len: 1 << 18, rounds: 256, half: false }.into(), &device.caps)?;
    println!("{}: {ceiling:.0} GFLOP/s of multiply-adds in single precision\n", device.info.name);

    let own = gpu::bodies(&adapter, true);
    let others = own.iter().copied().filter(|&body| body != Body::Tiled);
    let bodies: Vec<Body> = [Body::Plain, Body::Tiled].into_iter().chain(others).collect();
    // Software adapters get smaller problems: they are slower by orders of magnitude.
    let is_software = adapter.get_info().device_type == gpu::wgpu::DeviceType::Cpu;
    println!("| kernel | body | GFLOP/s | of the ceiling | plain = 1 |\n|---|---|---|---|---|");
    for (name, kernel) in kernels(if is_software { 4 } else { 64 }, if is_software { 256 } else { 2048 }) {
        let mut plain = None;
        for &body in &bodies {
            let rate = rate(&kernel, &Caps { product: body, ..device.caps.clone() })?;
            let plain = *plain.get_or_insert(rate);
            println!("| {name} | {body:?} | {rate:.1} | {:.0} % | {:.1} |", 100.0 * rate / ceiling, rate / plain);
        }
    }
    Ok(())
}

/// A square product, and a layer of `dcgan` with `images` images.
fn kernels(images: usize, side: usize) -> Vec<(String, Kernel)> {
    let (a_transposed, b_transposed) = (false, false);
    let product = MatMul { batch: 1, m: side, n: side, k: side, a_transposed, b_transposed, chain: Chain::default() };
    let (stride, pad) = ([2; 2], [1; 2]);
    let geometry = Geometry { b: images, c: 64, h: 28, w: 28, k: 128, r: 4, s: 4, p: 14, q: 14, stride, pad };
    let splits = Conv2dFilter::splits_for(&geometry);
    vec![
        (format!("matmul {side}"), product.into()),
        ("conv2d 64 to 128".into(), Conv2d { geometry, chain: Chain::default() }.into()),
        ("its input".into(), ConvTranspose2d { geometry, chain: Chain::default() }.into()),
        ("its filter".into(), Conv2dFilter { geometry, splits }.into()),
    ]
}
