//! Runs a kernel on the GPU between guard bands and compares it with its twins on the CPU.
//!
//! `check(kernel, Inputs::random(seed), bound)` is a whole test. Each binding is followed, inside the bound range, by a guard
//! band: a stray read returns NaN, a stray write damages the band. Outputs start as NaN: what is not written is seen.
//!
//! The adapter is the one that SADDLE_TEST_ADAPTER or WGPU_ADAPTER_NAME names, else the first, software adapters included.
//! With SADDLE_TEST_BROWSER, kernels run in a browser instead ([`browser`]). The file that SADDLE_TEST_LOG names gets a line
//! for each run, to count what was tested.
#![allow(dead_code)] // no test uses all of it

pub mod browser;

use std::{fs::File, io::Write, sync::OnceLock};

use saddle::{
    gpu::{self, Binding, Choice, Device, Pipelines},
    kernels::{Body, Caps, Chain, Io, Kernel, chain::Code},
};
use wgpu::BufferUsages;

/// Distance from 1 to the next `f32`.
pub const EPS: f64 = f32::EPSILON as f64;
/// Below every normal `f32`: implementations may flush what is smaller.
pub const TINY: f64 = f32::MIN_POSITIVE as f64;
/// A quiet NaN with a recognisable payload.
pub const POISON: u32 = 0x7fc0_dead;
const GUARD_WORD: u32 = 0xdead_beef;
/// Elements of a guard band: 256 bytes.
const GUARD: usize = 64;

/// What a kernel runs on. Contents that are not given are drawn uniformly from `range`, except that outputs start as NaN
/// and output words as 0.
#[derive(Clone)]
pub struct Inputs {
    pub seed: u64,
    pub range: (f32, f32),
    pub reads: Option<Vec<Vec<f32>>>,
    pub words: Option<Vec<Vec<u32>>>,
    pub operands: Option<Vec<Vec<f32>>>,
    /// What the outputs hold before the run: give it to kernels that work in place.
    pub writes: Option<Vec<Vec<f32>>>,
    pub words_out: Option<Vec<Vec<u32>>>,
}

impl Inputs {
    /// Random numbers on [-1, 1).
    pub fn random(seed: u64) -> Self {
        Self { seed, range: (-1.0, 1.0), reads: None, words: None, operands: None, writes: None, words_out: None }
    }
    pub fn range(mut self, low: f32, high: f32) -> Self {
        self.range = (low, high);
        self
    }
    pub fn reads(mut self, reads: Vec<Vec<f32>>) -> Self {
        self.reads = Some(reads);
        self
    }
    pub fn words(mut self, words: Vec<Vec<u32>>) -> Self {
        self.words = Some(words);
        self
    }
    pub fn operands(mut self, operands: Vec<Vec<f32>>) -> Self {
        self.operands = Some(operands);
        self
    }
    pub fn writes(mut self, writes: Vec<Vec<f32>>) -> Self {
        self.writes = Some(writes);
        self
    }
    pub fn words_out(mut self, words_out: Vec<Vec<u32>>) -> Self {
        self.words_out = Some(words_out);
        self
    }

    /// All contents, with the lengths that the kernel declares. Operands that are not given have the length that a chain
    /// over the elements of the first output needs.
    pub fn filled(&self, kernel: &Kernel) -> Data {
        let lens = kernel.buffers();
        let operand_lens = kernel.chain().map_or(vec![], |c| c.operand_lens(lens.writes.first().copied().unwrap_or(0)));
        let mut rng = Rng(self.seed);
        let mut random =
            |lens: &[usize]| lens.iter().map(|&n| rng.uniform(n, self.range.0, self.range.1)).collect::<Vec<_>>();
        let data = Data {
            reads: self.reads.clone().unwrap_or_else(|| random(&lens.reads)),
            operands: self.operands.clone().unwrap_or_else(|| random(&operand_lens)),
            words: self.words.clone().unwrap_or_else(|| lens.words.iter().map(|&n| rng.words(n)).collect()),
            writes: self
                .writes
                .clone()
                .unwrap_or_else(|| lens.writes.iter().map(|&n| vec![f32::from_bits(POISON); n]).collect()),
            words_out: self.words_out.clone().unwrap_or_else(|| lens.words_out.iter().map(|&n| vec![0; n]).collect()),
        };
        let count = |v: &[Vec<f32>]| v.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(count(&data.reads), lens.reads, "{}: lengths of the reads", kernel.name());
        assert_eq!(count(&data.writes), lens.writes, "{}: lengths of the writes", kernel.name());
        data
    }
}

/// The contents of all of a kernel's bindings.
#[derive(Clone, Debug)]
pub struct Data {
    pub reads: Vec<Vec<f32>>,
    pub words: Vec<Vec<u32>>,
    pub writes: Vec<Vec<f32>>,
    pub words_out: Vec<Vec<u32>>,
    pub operands: Vec<Vec<f32>>,
}

impl Data {
    /// What the kernel's twin in `f32` makes of it.
    pub fn twin32(&self, kernel: &Kernel) -> (Vec<Vec<f32>>, Vec<Vec<u32>>) {
        self.twin(kernel, |x| x)
    }

    /// What the kernel's twin in `f64` makes of it.
    pub fn twin64(&self, kernel: &Kernel) -> (Vec<Vec<f64>>, Vec<Vec<u32>>) {
        self.twin(kernel, f64::from)
    }

    /// The `f64` twin on absolute values: the sum of |a||b| for a kernel that adds products.
    pub fn magnitude(&self, kernel: &Kernel) -> Vec<Vec<f64>> {
        self.twin(kernel, |x| f64::from(x.abs())).0
    }

    fn twin<F: num_traits::Float>(
        &self,
        kernel: &Kernel,
        convert: impl Fn(f32) -> F + Copy,
    ) -> (Vec<Vec<F>>, Vec<Vec<u32>>) {
        let all = |v: &[Vec<f32>]| v.iter().map(|x| x.iter().map(|&x| convert(x)).collect()).collect::<Vec<Vec<F>>>();
        let (reads, operands, mut writes) = (all(&self.reads), all(&self.operands), all(&self.writes));
        let mut words_out = self.words_out.clone();
        kernel.twin(Io {
            reads: reads.iter().map(Vec::as_slice).collect(),
            words: self.words.iter().map(Vec::as_slice).collect(),
            writes: writes.iter_mut().map(Vec::as_mut_slice).collect(),
            words_out: words_out.iter_mut().map(Vec::as_mut_slice).collect(),
            operands: operands.iter().map(Vec::as_slice).collect(),
        });
        (writes, words_out)
    }
}

/// How far from the `f64` twin a result may lie. Words must always be equal.
#[derive(Clone)]
pub enum Bound {
    /// The bits of the `f32` twin: data movement, integers, comparisons.
    Exact,
    /// c * eps * sqrt(terms) * S + tiny, where S is the twin on absolute values: kernels that add `terms` products.
    Sum { c: f64, terms: usize },
    /// The same for operands that were rounded to half precision: each term is off by two roundings of 2^-11, or by less than
    /// 2^-24 where an operand has no normal half.
    Half { terms: usize },
    /// absolute + relative * |reference|.
    Within { absolute: f64, relative: f64 },
    /// A bound for each element of each output, derived by the test; see [`chain_error`].
    Each(Vec<Vec<f64>>),
}

/// Runs the kernel on the GPU and panics unless it keeps to the bound and to its bindings. Returns the largest error as a
/// fraction of the bound.
pub fn check(kernel: impl Into<Kernel>, inputs: Inputs, bound: Bound) -> f64 {
    check_with(&device().0.caps.clone(), kernel, inputs, bound)
}

/// [`check`] with other capabilities than the adapter's, such as fewer workgroups along an axis.
pub fn check_with(caps: &Caps, kernel: impl Into<Kernel>, inputs: Inputs, bound: Bound) -> f64 {
    let kernel = kernel.into();
    let data = inputs.filled(&kernel);
    let (exact, words) = data.twin64(&kernel);
    let (single, _) = data.twin32(&kernel);
    let (gpu, gpu_words) = run(caps, &kernel, &data);
    assert_eq!(gpu_words, words, "{kernel:?}: words");
    let bounds: Vec<Vec<f64>> = match bound {
        Bound::Exact => {
            for (w, (got, want)) in gpu.iter().zip(&single).enumerate() {
                if let Some(i) = (0..want.len()).find(|&i| got[i].to_bits() != want[i].to_bits()) {
                    panic!("{kernel:?}: output {w}[{i}] is {:e}, not {:e}", got[i], want[i]);
                }
            }
            return 0.0;
        }
        Bound::Sum { c, terms } => {
            let scale = c * EPS * (terms as f64).sqrt();
            data.magnitude(&kernel).iter().map(|s| s.iter().map(|s| scale * s + TINY).collect()).collect()
        }
        Bound::Half { terms } => {
            let (relative, absolute) = (2f64.powi(-10) + EPS * terms as f64, terms as f64 * 2f64.powi(-24));
            data.magnitude(&kernel).iter().map(|s| s.iter().map(|s| relative * s + absolute).collect()).collect()
        }
        Bound::Within { absolute, relative } => {
            exact.iter().map(|y| y.iter().map(|y| absolute + relative * y.abs() + TINY).collect()).collect()
        }
        Bound::Each(bounds) => bounds,
    };
    let on_cpu = worst(&kernel, "the f32 twin", &single, &exact, &bounds);
    let on_gpu = worst(&kernel, "the GPU", &gpu, &exact, &bounds);
    println!("{}: error / bound {on_gpu:.3} on the GPU, {on_cpu:.3} in the f32 twin", kernel.name());
    on_gpu
}

fn worst(kernel: &Kernel, who: &str, got: &[Vec<f32>], want: &[Vec<f64>], bounds: &[Vec<f64>]) -> f64 {
    let mut worst = 0.0f64;
    for w in 0..want.len() {
        for i in 0..want[w].len() {
            let (x, y, bound) = (f64::from(got[w][i]), want[w][i], bounds[w][i]);
            let ratio = if x.is_nan() && y.is_nan() || x == y { 0.0 } else { (x - y).abs() / bound };
            // Written so that NaN fails.
            assert!(
                ratio <= 1.0,
                "{kernel:?}: output {w}[{i}] of {who} is {x:e}, not {y:e}: {ratio:.2} of the bound {bound:e}"
            );
            worst = worst.max(ratio);
        }
    }
    worst
}

/// Runs a kernel once, on the GPU or in a browser, between guard bands.
pub fn run(caps: &Caps, kernel: &Kernel, data: &Data) -> (Vec<Vec<f32>>, Vec<Vec<u32>>) {
    let bits =
        |v: &[Vec<f32>]| v.iter().map(|x| x.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()).collect::<Vec<_>>();
    let floats = |v: &[Vec<f32>]| bits(v).iter().map(|x| guarded(x, POISON)).collect::<Vec<_>>();
    let words = |v: &[Vec<u32>]| v.iter().map(|x| guarded(x, GUARD_WORD)).collect::<Vec<_>>();
    let reads = [floats(&data.reads), words(&data.words)].concat();
    let bindings = [reads.clone(), floats(&data.writes), words(&data.words_out)].concat();
    let execute = if browser::wanted().is_some() { in_browser } else { on_gpu };
    let written = execute(caps, kernel, &bindings, &floats(&data.operands), reads.len());
    let written = written.unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
    if let Some(log) = std::env::var_os("SADDLE_TEST_LOG") {
        let mut log = File::options().create(true).append(true).open(log).expect("SADDLE_TEST_LOG can be written");
        log.write_all(format!("{kernel:?}\n").as_bytes()).expect("SADDLE_TEST_LOG can be written");
    }

    let mut rest = written.as_slice();
    let mut take = |lens: Vec<usize>, guard: u32, what: &str| -> Vec<Vec<u32>> {
        let take = |(i, len): (usize, usize)| {
            let (before, others) = rest.split_at(GUARD);
            let (inside, others) = others.split_at(len);
            let (after, others) = others.split_at(GUARD);
            rest = others;
            assert!(before.iter().all(|&w| w == guard), "{kernel:?}: wrote before {what} {i}");
            assert!(after.iter().all(|&w| w == guard), "{kernel:?}: wrote behind {what} {i}");
            inside.to_vec()
        };
        lens.into_iter().enumerate().map(take).collect()
    };
    let floats = take(data.writes.iter().map(Vec::len).collect(), POISON, "output");
    let words = take(data.words_out.iter().map(Vec::len).collect(), GUARD_WORD, "output words");
    (floats.into_iter().map(|x| x.into_iter().map(f32::from_bits).collect()).collect(), words)
}

/// Contents between two guard bands.
fn guarded(words: &[u32], guard: u32) -> Vec<u32> {
    let band = [guard; GUARD];
    [&band, words, &band].concat()
}

/// What the bindings from `reads` on hold after a run, one after the other, with their bands.
fn on_gpu(
    caps: &Caps,
    kernel: &Kernel,
    bindings: &[Vec<u32>],
    operands: &[Vec<u32>],
    reads: usize,
) -> Result<Vec<u32>, String> {
    let (device, pipelines) = device();
    let launch = kernel.launch(caps);
    let groups = launch.groups;
    let pipeline = pipelines.get(device, &[(kernel, launch)]).map_err(|e| e.to_string())?.remove(0);
    let buffer = |words: &Vec<u32>| {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let buffer = device.buffer("guarded", 4 * words.len() as u64, usage).map_err(|e| e.to_string())?;
        device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
        Ok(buffer)
    };
    let buffers: Vec<wgpu::Buffer> = bindings.iter().map(buffer).collect::<Result<_, String>>()?;
    let operands: Vec<wgpu::Buffer> = operands.iter().map(buffer).collect::<Result<_, String>>()?;
    let [bound, operands]: [Vec<Binding>; 2] = [&buffers, &operands].map(|all| all.iter().map(inner).collect());
    let bound = pipelines.bind(device, &pipeline, kernel.name(), &bound, &operands).map_err(|e| e.to_string())?;
    let dispatch = || {
        let mut encoder = device.raw.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline.raw);
        pass.set_bind_group(0, &bound, &[]);
        pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
        drop(pass);
        device.queue.submit([encoder.finish()]);
    };
    device.scoped(|| kernel.name().into(), dispatch).map_err(|e| e.to_string())?;
    let read = |buffer: &wgpu::Buffer| -> Result<Vec<u32>, String> {
        let bytes = device.read(buffer, 0, buffer.size()).map_err(|e| e.to_string())?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    };
    Ok(buffers[reads..].iter().map(read).collect::<Result<Vec<_>, _>>()?.concat())
}

/// The same in a browser, whose subgroups are not those of the adapter.
fn in_browser(
    caps: &Caps,
    kernel: &Kernel,
    bindings: &[Vec<u32>],
    operands: &[Vec<u32>],
    reads: usize,
) -> Result<Vec<u32>, String> {
    let product = if caps.product == Body::Plain { Body::Plain } else { Body::Tiled };
    let launch = kernel.launch(&Caps { product, ..caps.clone() });
    browser::run(&browser::Job { kernel, launch: &launch, bindings, operands, reads, offset: 4 * GUARD })
}

/// The contents and the band behind them: inside the binding, since drivers drop accesses outside it.
fn inner(buffer: &wgpu::Buffer) -> Binding<'_> {
    let before = 4 * GUARD as u64;
    Binding { buffer, offset: before, bytes: buffer.size() - before }
}

/// The one device of this test process.
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
        "no GPU adapter: install a software Vulkan driver, e.g. `apt-get install mesa-vulkan-drivers`, or set VK_ICD_FILENAMES to one's manifest",
    )
}

/// A chain's value for element n in `f64`, and a bound on the error of computing it in `f32` by WGSL's accuracy table
/// (<https://www.w3.org/TR/WGSL/#floating-point-accuracy>), carried from instruction to instruction.
/// `acc` is the accumulator with its own error.
pub fn chain_error(chain: &Chain, n: usize, acc: (f64, f64), operands: &[Vec<f32>]) -> (f64, f64) {
    let mut registers = vec![acc];
    registers.extend(chain.loads.iter().map(|l| (f64::from(operands[l.operand][l.index.at(n)]), 0.0)));
    for i in &chain.instrs {
        registers.push(instruction_error(i.code, registers[i.a], registers[i.b], f64::from(i.c())));
    }
    if chain.instrs.is_empty() { acc } else { registers[registers.len() - 1] }
}

fn instruction_error(code: Code, (a, da): (f64, f64), (b, db): (f64, f64), c: f64) -> (f64, f64) {
    let value = saddle::kernels::chain::step(code, a, b, c);
    let ulp = EPS * value.abs() + TINY;
    let unsure = |x: f64, dx: f64| dx > 0.0 && x.abs() <= dx;
    let exp_ulps = |x: f64| 3.0 + 2.0 * x.abs();
    let small_exp = (-a.abs()).exp();
    let error = match code {
        Code::Add | Code::Sub => da + db + ulp,
        Code::Mul => a.abs() * db + b.abs() * da + da * db + ulp,
        Code::AddC => da + ulp,
        Code::MulC => c.abs() * da + ulp,
        Code::Exp => value * da.exp_m1() + exp_ulps(a.abs() + da) * ulp,
        Code::Log => {
            let near_one = if (0.45..2.2).contains(&a) { (-21.0f64).exp2() } else { 0.0 };
            -(-da / a).ln_1p() + near_one.max(3.0 * ulp)
        }
        Code::Sqrt => da / value.max(TINY) + 5.0 * ulp,
        Code::Recip => da / (a.abs() * (a.abs() - da)) + 2.5 * ulp,
        Code::Tanh => da + 1e-5,
        Code::Sigmoid => 0.25 * da + ((1.0 - value) * exp_ulps(a) + 4.0) * ulp,
        Code::Softplus => da + small_exp * exp_ulps(a) * EPS + 2.0 * EPS + (-21.0f64).exp2() + ulp,
        Code::Step => f64::from(unsure(a, da)),
        Code::Abs | Code::Clamp => da,
        Code::Sin | Code::Cos => da + (-11.0f64).exp2(),
        Code::Leaky => c.abs().max(1.0) * da + ulp,
        Code::Mask if unsure(b, db) => (a - c * a).abs() + c.abs().max(1.0) * da + ulp,
        Code::Mask => c.abs().max(1.0) * da + ulp,
        Code::Const => 0.0,
    };
    (value, error)
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers everywhere.
pub struct Rng(pub u64);

impl Rng {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.word() % n as u64) as usize
    }
    pub fn uniform(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count).map(|_| low + (high - low) * (self.word() >> 40) as f32 / (1u32 << 24) as f32).collect()
    }
    pub fn words(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.word() as u32).collect()
    }
}
