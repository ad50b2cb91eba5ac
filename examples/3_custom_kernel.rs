//! A custom kernel, swish: its WGSL lies beside this file, its reference is here, and the GPU is checked against the
//! reference.
//!
//! `cargo run --release --example 3_custom_kernel -- [ADAPTER]`: on the first adapter, which may be a software one.
//!
//! A kernel outside the crate runs on its own, as here. It cannot take part in a graph, and so not in training: the
//! planner launches only the kernels of `kernels::Kernel`. "To add .." in ARCHITECTURE.md says how one gets there. In a
//! crate of your own, Cargo.toml needs `num-traits = "0.2"` and `bytemuck = "1.25"` beside `saddle-gan`; wgpu is there
//! as `saddle::gpu::wgpu`.

use num_traits::Float;
use saddle::{
    error::{Error, Result},
    gpu::{self, Binding, Choice, Device, Pipelines, wgpu::BufferUsages},
    kernels::{Buffers, Caps, Cost, Dispatch, Io, Spec},
    overrides,
};

/// y = x * sigmoid(beta * x).
struct Swish {
    len: usize,
    beta: f64,
}

impl Spec for Swish {
    const NAME: &'static str = "swish";
    const SOURCES: &'static [&'static str] = &[include_str!("custom_kernel.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { reads: vec![self.len], writes: vec![self.len], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        Dispatch::folded(self.len.div_ceil(256), caps, overrides!(N = self.len, BETA = self.beta))
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let beta = F::from(self.beta).expect("a finite number");
        for (y, &x) in io.writes[0].iter_mut().zip(io.reads[0]) {
            *y = x / (F::one() + (-beta * x).exp());
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 4.0 * self.len as f64, bytes: 8.0 * self.len as f64 }
    }
}

/// Runs the kernel once on the GPU.
fn on_gpu(device: &Device, kernel: &Swish, x: &[f32]) -> Result<Vec<f32>> {
    let pipelines = Pipelines::new(device)?;
    let dispatch = kernel.dispatch(&device.caps);
    let [columns, rows, layers] = dispatch.groups;
    // One launch is asked for, so there is one pipeline.
    let pipeline = pipelines.get(device, &[(kernel, dispatch)])?.remove(0);

    let bytes = 4 * kernel.len as u64;
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
    let buffers = [device.buffer("x", bytes, usage)?, device.buffer("y", bytes, usage)?];
    device.queue.write_buffer(&buffers[0], 0, bytemuck::cast_slice(x));
    let bindings = buffers.each_ref().map(|buffer| Binding { buffer, offset: 0, bytes });
    let no_chain = &[]; // operands of a pointwise chain, which this kernel does not have
    let bound = pipelines.bind(device, &pipeline, Swish::NAME, &bindings, no_chain)?;

    let mut encoder = device.raw.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline.raw);
    let no_offsets = &[]; // nothing is bound at an offset that changes
    pass.set_bind_group(0, &bound, no_offsets);
    pass.dispatch_workgroups(columns, rows, layers);
    drop(pass);
    device.queue.submit([encoder.finish()]);
    Ok(bytemuck::pod_collect_to_vec(&device.read(&buffers[1], 0, bytes)?))
}

fn main() -> Result<()> {
    let adapter = match gpu::choose(Some(&std::env::args().nth(1).unwrap_or("0".into())))? {
        Choice::Gpu { adapter, .. } => adapter,
        Choice::Cpu { .. } => return Err(Error::usage("a shader needs an adapter, not the CPU runner")),
    };
    let checked = true; // a new shader keeps its run-time checks, which cost speed
    let device = Device::open(&adapter, checked)?;
    let kernel = Swish { len: 100_003, beta: 1.5 };
    let x: Vec<f32> = (0..kernel.len).map(|n| 20.0 * n as f32 / kernel.len as f32 - 10.0).collect();

    let exact: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    let mut expected = vec![0.0; kernel.len];
    let (reads, writes) = (vec![exact.as_slice()], vec![expected.as_mut_slice()]);
    kernel.reference(Io { reads, words: vec![], writes, words_out: vec![], operands: vec![] });

    // WGSL grants exp 3 + 2 |x| units in the last place, a product or sum half a one, and a division 2.5.
    let bound =
        |x: f32, y: f64| f64::from(f32::EPSILON) * (7.0 + 3.0 * kernel.beta * f64::from(x).abs()) * y.abs() + 1e-37;
    let errors = on_gpu(&device, &kernel, &x)?.into_iter().zip(&expected).map(|(y, e)| (f64::from(y) - e).abs());
    let worst = errors.zip(x.iter().zip(&expected)).map(|(error, (&x, &y))| error / bound(x, y)).fold(0.0, f64::max);
    println!("swish on {}: error at most {worst:.2} of the bound", device.info.name);
    if worst > 1.0 {
        return Err(Error::failure("the kernel and its reference disagree"));
    }
    Ok(())
}
