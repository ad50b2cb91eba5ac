//! Inputs of a kernel under test.

use crate::kernels::{Clock, Io, Kernel, gather::Elements};

/// A quiet NaN with a recognisable payload.
pub const POISON: u32 = 0x7fc0_dead;
/// Seed in the clock.
const SEED: u64 = 0x5eed_0bad_cafe;

/// Inputs of a kernel under test. Contents that are not given are drawn uniformly from `range`, except that outputs
/// start as NaN and output words as 0.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Start of the random numbers.
    pub seed: u64,
    /// Range of the uniform random numbers.
    pub range: (f32, f32),
    /// See [`crate::kernels::Buffers::reads`].
    pub reads: Option<Vec<Vec<f32>>>,
    /// See [`crate::kernels::Buffers::words`].
    pub words: Option<Vec<Vec<u32>>>,
    /// The chain's operands.
    pub operands: Option<Vec<Vec<f32>>>,
    /// Contents of the outputs before the run: give them to kernels that work in place.
    pub writes: Option<Vec<Vec<f32>>>,
    /// See [`crate::kernels::Buffers::words_out`].
    pub words_out: Option<Vec<Vec<u32>>>,
}

impl Inputs {
    /// Random numbers on [-1, 1).
    pub fn random(seed: u64) -> Self {
        Self { seed, range: (-1.0, 1.0), reads: None, words: None, operands: None, writes: None, words_out: None }
    }

    /// Inputs as a kernel meets them in training: a rate and moments for an optimiser, a clock and items for a gather,
    /// weights of the size at which layers start and a mask for a recurrence.
    pub fn suited(kernel: &Kernel, seed: u64) -> Self {
        let (lens, random) = (kernel.buffers(), Self::random(seed));
        let mut rng = Rng(seed);
        let mut draw = |place: usize, low: f32, high: f32| rng.uniform(lens.reads[place], low, high);
        // Its first moments are writes 1 up to `second`, its reads the gradient and these scalars.
        let optimiser = |second: usize, scalars: &[f32]| {
            let mut rng = Rng(seed ^ 1);
            let mut writes: Vec<_> = lens.writes.iter().map(|&n| rng.uniform(n, -1.0, 1.0)).collect();
            // Means of squares are not negative.
            writes.iter_mut().skip(second).flatten().for_each(|v| *v = v.abs());
            let gradient = rng.uniform(lens.reads[0], -1.0, 1.0);
            let reads = [gradient].into_iter().chain(scalars.iter().map(|&x| vec![x])).collect();
            random.clone().reads(reads).writes(writes)
        };
        match kernel {
            // The rate, and the number of the update.
            Kernel::Adam(_) => optimiser(2, &[2e-4, [1.0, 2.0, 11.0, 1001.0, 1e5, 2f32.powi(24)][seed as usize % 6]]),
            Kernel::Sgd(_) => optimiser(2, &[0.01]),
            Kernel::RmsProp(_) => optimiser(1, &[0.001]),
            Kernel::Gather(k) => {
                let mut rng = Rng(seed);
                let items = match k.data.elements {
                    Elements::Bytes => rng.words(lens.words[1]),
                    Elements::Floats => rng.uniform(lens.words[1], -3.0, 3.0).iter().map(|x| x.to_bits()).collect(),
                    Elements::Symbols { .. } => rng.words(lens.words[1]),
                };
                let entries = match k.data.elements {
                    Elements::Symbols { stored } => stored - k.data.item_len + 1,
                    _ => k.data.classes.max(1),
                };
                let table = (0..lens.words[2]).map(|_| rng.below(entries) as u32).collect();
                // A ring turns with the steps.
                let mut clock = clock_of(lens.words[0]);
                if k.data.ring.is_some() {
                    clock[0] = seed as u32 % 100;
                }
                random.words(vec![clock, items, table])
            }
            Kernel::Finite(k) => {
                let mut x: Vec<u32> = Rng(seed).uniform(lens.words[1], -3.0, 3.0).iter().map(|x| x.to_bits()).collect();
                x[k.len / 2] = f32::INFINITY.to_bits();
                random.words(vec![clock(0), x])
            }
            Kernel::Random(_) => random.words(vec![clock_of(lens.words[0])]),
            Kernel::Record(_) => random.words(vec![clock(0)]),
            Kernel::Tick(_) => random.words_out(vec![clock(0)]),
            Kernel::Lstm(k) => recurrent(random, &lens.reads, k.sequence.units, 1, 4),
            Kernel::LstmGrad(k) => recurrent(random, &lens.reads, k.sequence.units, 2, 3),
            Kernel::Gru(k) => recurrent(random, &lens.reads, k.sequence.units, 1, 4),
            Kernel::GruGrad(k) => recurrent(random, &lens.reads, k.sequence.units, 2, 3),
            Kernel::NormSums(_) => {
                let reads = vec![draw(0, -1.0, 1.0), draw(1, -1.0, 3.0), draw(2, 0.5, 1.5)];
                random.reads(reads)
            }
            Kernel::Softmax(_) => random.range(480.0, 520.0),
            Kernel::CrossEntropy(k) if !k.at_index => {
                let reads = vec![draw(0, -320.0, -280.0), draw(1, 0.0, 1.0)];
                random.reads(reads)
            }
            Kernel::CrossEntropy(k) => random.reads(vec![draw(0, -320.0, -280.0), indices(k.rows, k.cols, seed)]),
            Kernel::Rows(k) => random.reads(vec![indices(k.indices, k.rows, seed), draw(1, -1.0, 1.0)]),
            Kernel::RowSums(k) => random.reads(vec![indices(k.indices, k.rows, seed), draw(1, -1.0, 1.0)]),
            Kernel::MultiplyAdd(_) => {
                let reads = vec![draw(0, -1.0, 1.0), vec![0.75, 0.5]];
                random.reads(reads)
            }
            Kernel::Pointwise(k) if k.in_place => {
                let before = Rng(seed).uniform(k.len, -1.0, 1.0);
                random.writes(vec![before])
            }
            _ => random,
        }
    }

    /// Where random numbers are drawn from.
    pub fn range(mut self, low: f32, high: f32) -> Self {
        self.range = (low, high);
        self
    }

    /// With these reads.
    pub fn reads(mut self, reads: Vec<Vec<f32>>) -> Self {
        self.reads = Some(reads);
        self
    }

    /// With these words.
    pub fn words(mut self, words: Vec<Vec<u32>>) -> Self {
        self.words = Some(words);
        self
    }

    /// With these operands of the chain.
    pub fn operands(mut self, operands: Vec<Vec<f32>>) -> Self {
        self.operands = Some(operands);
        self
    }

    /// With outputs that hold this before the run.
    pub fn writes(mut self, writes: Vec<Vec<f32>>) -> Self {
        self.writes = Some(writes);
        self
    }

    /// With output words that hold this before the run.
    pub fn words_out(mut self, words_out: Vec<Vec<u32>>) -> Self {
        self.words_out = Some(words_out);
        self
    }

    /// With this step on the clock, for kernels that have one.
    pub fn at_step(mut self, step: u32) -> Self {
        let clock = self.words.iter_mut().chain(&mut self.words_out).flatten().next();
        if let Some(clock) = clock {
            clock[0] = step;
        }
        self
    }

    /// All contents, with the lengths that the kernel declares. Operands that are not given have the length that a
    /// chain over the elements of the kernel needs.
    pub fn filled(&self, kernel: &Kernel) -> Data {
        let lens = kernel.buffers();
        let elements = match kernel {
            Kernel::Reduce(k) => k.outer.iter().chain(&k.inner).map(|axis| axis.extent).product(),
            _ => lens.writes.first().copied().unwrap_or(0),
        };
        let operand_lens = kernel.chain().map_or(vec![], |c| c.operand_lens(elements));
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

/// Indices of a table of so many rows: the first and the last of them, some on either side, and one twice.
fn indices(count: usize, rows: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng(seed ^ 2);
    let drawn = (0..count).map(|_| rng.below(rows + 2) as f32 - 1.0);
    let mut indices: Vec<f32> = [0.0, rows as f32 - 1.0, -1.0, rows as f32, 0.0].into_iter().chain(drawn).collect();
    indices.truncate(count);
    indices
}

/// A weight of the size at which layers start, a mask of zeros and ones, and the rest on [-1, 1).
fn recurrent(inputs: Inputs, lens: &[usize], units: usize, weight: usize, mask: usize) -> Inputs {
    let mut rng = Rng(inputs.seed);
    let mut draw = |(i, &len): (usize, &usize)| {
        let reach = if i == weight { 1.0 / (units as f32).sqrt() } else { 1.0 };
        let mut values = rng.uniform(len, -reach, reach);
        if i == mask {
            values.iter_mut().for_each(|v| *v = f32::from(u8::from(*v > -0.6)));
        }
        values
    };
    let reads = lens.iter().enumerate().map(&mut draw).collect();
    inputs.reads(reads)
}

/// The clock at a step.
pub fn clock(step: u32) -> Vec<u32> {
    Clock { step: step.into(), seed: SEED }.words().to_vec()
}

/// The clock with so many words, the last of which may be the second part of a batch.
fn clock_of(words: usize) -> Vec<u32> {
    let mut clock = clock(0);
    clock.resize(words, 1);
    clock
}

/// The contents of all of a kernel's bindings.
#[derive(Clone, Debug)]
pub struct Data {
    /// See [`crate::kernels::Buffers::reads`].
    pub reads: Vec<Vec<f32>>,
    /// See [`crate::kernels::Buffers::words`].
    pub words: Vec<Vec<u32>>,
    /// See [`crate::kernels::Buffers::writes`].
    pub writes: Vec<Vec<f32>>,
    /// See [`crate::kernels::Buffers::words_out`].
    pub words_out: Vec<Vec<u32>>,
    /// The chain's.
    pub operands: Vec<Vec<f32>>,
}

impl Data {
    /// Output of the kernel's reference in `f32` for these inputs.
    pub fn reference32(&self, kernel: &Kernel) -> (Vec<Vec<f32>>, Vec<Vec<u32>>) {
        self.reference(kernel, |x| x)
    }

    /// Output of the kernel's reference in `f64` for these inputs.
    pub fn reference64(&self, kernel: &Kernel) -> (Vec<Vec<f64>>, Vec<Vec<u32>>) {
        self.reference(kernel, f64::from)
    }

    /// The `f64` reference on absolute values: the sum of |a||b| for a kernel that adds products.
    pub fn magnitude(&self, kernel: &Kernel) -> Vec<Vec<f64>> {
        self.reference(kernel, |x| f64::from(x.abs())).0
    }

    fn reference<F: num_traits::Float>(
        &self,
        kernel: &Kernel,
        convert: impl Fn(f32) -> F + Copy,
    ) -> (Vec<Vec<F>>, Vec<Vec<u32>>) {
        let all = |v: &[Vec<f32>]| v.iter().map(|x| x.iter().map(|&x| convert(x)).collect()).collect::<Vec<Vec<F>>>();
        let (reads, operands, mut writes) = (all(&self.reads), all(&self.operands), all(&self.writes));
        let mut words_out = self.words_out.clone();
        kernel.reference(Io {
            reads: reads.iter().map(Vec::as_slice).collect(),
            words: self.words.iter().map(Vec::as_slice).collect(),
            writes: writes.iter_mut().map(Vec::as_mut_slice).collect(),
            words_out: words_out.iter_mut().map(Vec::as_mut_slice).collect(),
            operands: operands.iter().map(Vec::as_slice).collect(),
        });
        (writes, words_out)
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers everywhere.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below n.
    pub fn below(&mut self, n: usize) -> usize {
        (self.word() % n as u64) as usize
    }

    /// Numbers on [low, high).
    pub fn uniform(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count).map(|_| low + (high - low) * (self.word() >> 40) as f32 / (1u32 << 24) as f32).collect()
    }

    /// Words of 32 random bits.
    pub fn words(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.word() as u32).collect()
    }
}
