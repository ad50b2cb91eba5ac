//! Working memory that is reused between products and only grows.

use std::sync::Mutex;

/// A cache line: the alignment of [`Buffer`], so that vector loads of its rows do not straddle lines.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Floats in a cache line.
pub(in crate::cpu) const LINE: usize = 16;

/// An aligned buffer of floats.
#[derive(Default)]
pub(in crate::cpu) struct Buffer(Vec<Line>);

impl Buffer {
    /// The first `len` floats, with unspecified contents.
    pub fn take(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(LINE);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; LINE]));
        }
        &mut bytemuck::cast_slice_mut(&mut self.0)[..len]
    }

    /// `N` slices of the given lengths, each on its own cache lines.
    pub fn split<const N: usize>(&mut self, lens: [usize; N]) -> [&mut [f32]; N] {
        let mut rest = self.take(lens.iter().map(|len| len.next_multiple_of(LINE)).sum());
        lens.map(|len| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(len.next_multiple_of(LINE));
            rest = tail;
            &mut head[..len]
        })
    }
}

/// The working memory of the products. Keep one for as long as products are computed: it grows to the size that the
/// largest product needs.
pub struct Scratch {
    /// Written before the tasks of a product start, or by the tasks, each in its own part.
    pub(in crate::cpu) shared: Buffer,
    pub(in crate::cpu) threads: PerThread,
}

/// One buffer for each thread of the pool. A lock is only contended if several pools share one `Scratch`.
pub(in crate::cpu) struct PerThread(Vec<Mutex<Buffer>>);

impl Scratch {
    /// Working memory for the threads of the current rayon pool.
    pub fn new() -> Self {
        let threads = (0..rayon::current_num_threads()).map(|_| Mutex::default()).collect();
        Scratch { shared: Buffer::default(), threads: PerThread(threads) }
    }

    /// Current number of floats.
    pub fn floats(&self) -> usize {
        let PerThread(threads) = &self.threads;
        let own = |buffer: &Mutex<Buffer>| buffer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).0.len();
        LINE * (self.shared.0.len() + threads.iter().map(own).sum::<usize>())
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl PerThread {
    /// Runs `task` with the calling thread's buffer. The task must not enter rayon: its thread could then steal another
    /// task that waits for the same buffer.
    pub fn with<T>(&self, task: impl FnOnce(&mut Buffer) -> T) -> T {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.0.len();
        // A poisoned buffer is as good as any other: no task reads the contents that another task left.
        task(&mut self.0[thread].lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}
