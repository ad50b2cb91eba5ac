//! One launch between guard bands.
//!
//! Each binding is followed, inside the bound range, by a guard band: a stray read returns NaN, a stray write damages
//! the band.

use super::inputs::{Data, POISON};
use crate::{
    cpu::Cpu,
    error::{Error, Result},
    gpu::{Device, Job, Pipelines},
    kernels::{Caps, Kernel},
    program::{Buffer, Content, Launch, Output, Program, Slice},
    runner::Runner,
};

const GUARD_WORD: u32 = 0xdead_beef;
/// Elements of a guard band: 256 bytes.
pub const GUARD: usize = 64;

/// The output of a launch.
#[derive(Clone, Debug)]
pub struct Written {
    /// See [`crate::kernels::Buffers::writes`].
    pub floats: Vec<Vec<f32>>,
    /// See [`crate::kernels::Buffers::words_out`].
    pub words: Vec<Vec<u32>>,
}

/// The words of a launch's buffers, each between two guard bands.
pub struct Guarded {
    /// In the order of the kernel's bindings.
    pub bindings: Vec<Vec<u32>>,
    /// The chain's.
    pub operands: Vec<Vec<u32>>,
    /// Bindings that are only read.
    pub reads: usize,
}

impl Guarded {
    /// Contents with their bands.
    pub fn new(data: &Data) -> Self {
        let floats = |v: &[Vec<f32>]| v.iter().map(|x| guarded(bits(x), POISON)).collect::<Vec<_>>();
        let words = |v: &[Vec<u32>]| v.iter().map(|x| guarded(x.clone(), GUARD_WORD)).collect::<Vec<_>>();
        let reads = [floats(&data.reads), words(&data.words)].concat();
        let bindings = [reads.clone(), floats(&data.writes), words(&data.words_out)].concat();
        Self { bindings, operands: floats(&data.operands), reads: reads.len() }
    }

    /// What was written, by the words of all written buffers after the run, one after the other.
    ///
    /// # Errors
    /// A damaged band.
    pub fn written(data: &Data, words: &[u32]) -> Result<Written> {
        let mut rest = words;
        let mut take = |len: usize, guard: u32, what: String| {
            let (before, others) = rest.split_at(GUARD);
            let (inside, others) = others.split_at(len);
            let (after, others) = others.split_at(GUARD);
            rest = others;
            for (band, place) in [(before, "before"), (after, "behind")] {
                if band.iter().any(|&w| w != guard) {
                    return Err(Error::failure(format!("wrote {place} {what}")));
                }
            }
            Ok(inside.to_vec())
        };
        let mut written = Written { floats: vec![], words: vec![] };
        for (i, x) in data.writes.iter().enumerate() {
            let words = take(x.len(), POISON, format!("output {i}"))?;
            written.floats.push(words.into_iter().map(f32::from_bits).collect());
        }
        for (i, x) in data.words_out.iter().enumerate() {
            written.words.push(take(x.len(), GUARD_WORD, format!("output words {i}"))?);
        }
        Ok(written)
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn guarded(words: Vec<u32>, guard: u32) -> Vec<u32> {
    [vec![guard; GUARD], words, vec![guard; GUARD]].concat()
}

/// Runs a kernel once on a GPU, with other capabilities than the adapter's where `caps` says so.
pub fn on_gpu(device: &Device, pipelines: &Pipelines, caps: &Caps, kernel: &Kernel, data: &Data) -> Result<Written> {
    let Guarded { bindings, operands, reads } = Guarded::new(data);
    let offset = 4 * GUARD as u64;
    let job = Job { bindings: &bindings, operands: &operands, reads, offset };
    Guarded::written(data, &pipelines.once(device, kernel, kernel.dispatch(caps), &job)?)
}

/// Runs a kernel once on the CPU runner, whose slices end where the contents do.
pub fn on_cpu(kernel: &Kernel, data: &Data) -> Result<Written> {
    let words = |v: &[Vec<u32>]| -> Vec<Vec<f32>> {
        v.iter().map(|x| x.iter().map(|&w| f32::from_bits(w)).collect()).collect()
    };
    let (read, written) =
        ([data.reads.clone(), words(&data.words)].concat(), [data.writes.clone(), words(&data.words_out)].concat());
    let contents = [read.clone(), written.clone(), data.operands.clone()].concat();
    let range = |(buffer, x): (usize, &Vec<f32>)| Slice { buffer, offset: 0, len: x.len() };
    let ranges: Vec<Slice> = contents.iter().enumerate().map(range).collect();
    let (bindings, operands) = ranges.split_at(read.len() + written.len());
    let output = |range: &Slice| Output { name: range.buffer.to_string(), shape: vec![range.len], range: *range };
    let launch = Launch {
        kernel: kernel.clone(),
        bindings: bindings.to_vec(),
        operands: operands.to_vec(),
        label: kernel.name().into(),
        every: 1,
    };
    let buffer = |range: &Slice| Buffer { content: Content::Input(range.buffer.to_string()), len: range.len };
    let program = Program {
        buffers: ranges.iter().map(buffer).collect(),
        launches: vec![launch],
        outputs: bindings[read.len()..].iter().map(output).collect(),
        ..Default::default()
    };
    let mut cpu = Cpu::new();
    let id = cpu.load(&program)?;
    contents.iter().enumerate().try_for_each(|(i, x)| cpu.write_input(id, &i.to_string(), x))?;
    cpu.run(id, 1)?;
    let results = program.outputs.iter().map(|output| cpu.read_output(id, &output.name));
    let mut floats = results.collect::<Result<Vec<_>>>()?;
    let words = floats.split_off(data.writes.len());
    Ok(Written { floats, words: words.iter().map(|x| bits(x)).collect() })
}
