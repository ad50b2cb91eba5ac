//! Replays programs on the GPU: loading makes all GPU objects, a round only encodes and submits.

mod command;
mod meter;

use std::{
    collections::{HashMap, VecDeque},
    ops,
    time::{Duration, Instant},
};

use wgpu::{Adapter, Buffer, BufferUsages, CommandBuffer, DeviceType, SubmissionIndex};

use command::Command;

use super::{Binding, Device, Pipelines, body, pace::Pace, ring::Ring};
use crate::{
    data::Items,
    error::{Error, Result},
    kernels::{Clock, Kernel},
    program::{self, BufferId, Content, Launch, Output, Program, Slice, is_due},
    runner::{ProgramId, Ready, Runner, Stream},
};

/// Submissions that may be in flight at once: one runs while the next is encoded.
const IN_FLIGHT: usize = 2;

/// Maximum number of words of the data set in one copy.
const UPLOADED: usize = 1 << 24;

/// The runner of programs on a GPU.
pub struct Gpu {
    adapter: Adapter,
    device: Device,
    pipelines: Pipelines,
    /// The buffers that programs share, by their content.
    shared: HashMap<String, Buffer>,
    programs: Vec<Loaded>,
    stream: Option<Stream>,
    in_flight: VecDeque<Submission>,
    last_done: Instant,
    submission_time: Duration,
    step: u64,
    seed: u64,
}

struct Submission {
    index: SubmissionIndex,
    program: usize,
    weight: f64,
    submitted: Instant,
}

struct Loaded {
    commands: Vec<Command>,
    buffers: Vec<Buffer>,
    inputs: HashMap<String, (Buffer, usize)>,
    outputs: Vec<Output>,
    ring: Option<Ring>,
    /// Whether a round ends with a tick of the clock.
    ticks: bool,
    pace: Pace,
}

impl Gpu {
    /// Opens an adapter. With `checked`, shaders keep their run-time checks.
    pub fn open(adapter: &Adapter, checked: bool) -> Result<Self> {
        let mut device = Device::open(adapter, checked)?;
        let pipelines = Pipelines::new(&device)?;
        device.caps.product = body::fastest(&device, &pipelines, &body::bodies(adapter, false))?;
        let mut gpu = Self {
            adapter: adapter.clone(),
            device,
            pipelines,
            shared: HashMap::new(),
            programs: vec![],
            stream: None,
            in_flight: VecDeque::new(),
            last_done: Instant::now(),
            submission_time: Duration::from_millis(50),
            step: 0,
            seed: 0,
        };
        gpu.shared(&Content::Clock, Clock::LEN_WITH_PART)?;
        gpu.set_clock(Clock::default())?;
        Ok(gpu)
    }

    /// The device of this runner.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How long to wait for a submission before the device counts as hung; the default is five minutes.
    pub fn set_patience(&mut self, patience: Duration) {
        self.device.patience = patience;
    }

    fn loaded(&self, id: ProgramId) -> Result<&Loaded> {
        self.programs.get(id.0).ok_or_else(|| Error::failure(format!("program {} is not loaded", id.0)))
    }

    fn storage(&self, label: &str, len: usize) -> Result<Buffer> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        self.device.buffer(label, 4 * len as u64, usage)
    }

    /// Finds a shared buffer, or makes it.
    fn shared(&mut self, content: &Content, len: usize) -> Result<Buffer> {
        let key = content.to_string();
        if let Some(buffer) = self.shared.get(&key) {
            let there = (buffer.size() / 4) as usize;
            return match there >= len {
                true => Ok(buffer.clone()),
                false => Err(Error::failure(format!("{key} has {there} elements, a program wants {len}"))),
            };
        }
        if matches!(content, Content::Items | Content::Table) && len > 0 && self.stream.is_none() {
            return Err(Error::failure(format!("{key}: the program reads a data set and none was set")));
        }
        let buffer = self.storage(&key, len)?;
        self.shared.insert(key, buffer.clone());
        Ok(buffer)
    }

    fn make_buffer(&mut self, program: &Program, id: BufferId) -> Result<Buffer> {
        let program::Buffer { content, len } = &program.buffers[id];
        match content {
            Content::State(_) | Content::Clock | Content::Items | Content::Table => self.shared(content, *len),
            Content::Slot | Content::Gradients(_) | Content::Input(_) | Content::Ring => {
                self.storage(&program.title(id), *len)
            }
            Content::Constant(_) | Content::Arange => {
                let values: Vec<f32> = match content {
                    Content::Constant(value) => vec![*value; *len],
                    _ => (0..*len).map(|n| n as f32).collect(),
                };
                let buffer = self.storage(&program.title(id), *len)?;
                self.device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&values));
                Ok(buffer)
            }
        }
    }

    /// The commands of all launches, each tried once without running it: an error names the launch.
    fn commands(&self, launches: &[Launch], buffers: &[Buffer]) -> Result<Vec<Command>> {
        let wanted: Vec<_> = launches.iter().map(|l| (&l.kernel, l.kernel.dispatch(&self.device.caps))).collect();
        let pipelines = self.pipelines.get(&self.device, &wanted)?;
        let mut commands: Vec<Command> = vec![];
        for ((launch, pipeline), (_, dispatch)) in launches.iter().zip(pipelines).zip(&wanted) {
            let label = launch.title();
            let bindings = bindings(&launch.bindings, buffers, &label)?;
            let operands = self::bindings(&launch.operands, buffers, &label)?;
            let command = Command {
                every: launch.every,
                bound: self.pipelines.bind(&self.device, &pipeline, &label, &bindings, &operands)?,
                pipeline,
                groups: dispatch.groups,
            };
            let try_it = || {
                let mut encoder = self.device.raw.create_command_encoder(&Default::default());
                command.encode(&mut encoder.begin_compute_pass(&Default::default()), None);
                encoder.finish()
            };
            self.device.scoped(|| label.clone(), try_it)?;
            commands.push(command);
        }
        Ok(commands)
    }

    /// Those of the launches `span` that are due, counted through consecutive rounds from this one on.
    fn due<'a>(&self, loaded: &'a Loaded, span: ops::Range<usize>) -> impl Iterator<Item = &'a Command> {
        let (step, count) = (self.step, loaded.commands.len());
        // A program without a ring measures nothing.
        let begins = loaded.ring.as_ref().is_some_and(|ring| ring.pending.end != step);
        let commands = span.map(move |i| (&loaded.commands[i % count], (i / count) as u64));
        let due = commands.filter(move |(command, round)| is_due(command.every, step + round, begins && *round == 0));
        due.map(|(command, _)| command)
    }

    /// Encodes those of the launches `span` that are due.
    fn encode(&self, loaded: &Loaded, span: ops::Range<usize>) -> CommandBuffer {
        let mut encoder = self.device.raw.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        let mut before = None;
        for command in self.due(loaded, span) {
            command.encode(&mut pass, before.replace(command));
        }
        drop(pass);
        encoder.finish()
    }

    /// Waits for the oldest submission and learns from the time that it took.
    fn finish_oldest(&mut self) -> Result<()> {
        let Some(oldest) = self.in_flight.pop_front() else { return Ok(()) };
        let looked = Instant::now();
        self.device.wait(Some(oldest.index))?;
        let spent = self.last_done.max(oldest.submitted).elapsed();
        self.programs[oldest.program].pace.learn(oldest.weight, spent, looked.elapsed(), self.submission_time);
        self.last_done = Instant::now();
        Ok(())
    }

    /// Submits whole rounds, in submissions that the device finishes quickly.
    fn submit(&mut self, id: ProgramId, rounds: usize) -> Result<()> {
        let total = rounds * self.loaded(id)?.commands.len();
        self.submit_launches(id, 0..total)
    }

    /// Submits launches, counted through consecutive rounds.
    fn submit_launches(&mut self, id: ProgramId, launches: ops::Range<usize>) -> Result<()> {
        let ops::Range { start: mut next, end: total } = launches;
        while next < total {
            while self.in_flight.len() >= IN_FLIGHT {
                self.finish_oldest()?;
            }
            let loaded = self.loaded(id)?;
            let (launches, weight) = loaded.pace.next(next, total);
            let commands = self.encode(loaded, next..next + launches);
            let submitted = Instant::now();
            let index = self.device.queue.submit([commands]);
            self.device.health()?;
            self.in_flight.push_back(Submission { index, program: id.0, weight, submitted });
            next += launches;
        }
        Ok(())
    }

    /// Moves the pending rows of a ring to the host.
    fn drain(&mut self, id: ProgramId) -> Result<()> {
        if self.loaded(id)?.ring.as_ref().is_none_or(|ring| ring.pending.is_empty()) {
            return Ok(());
        }
        self.wait()?;
        let Self { device, programs, .. } = self;
        if let Some(ring) = &mut programs[id.0].ring {
            let all: Vec<f32> = bytemuck::pod_collect_to_vec(&device.read(&ring.buffer, 0, ring.buffer.size())?);
            let row = |step: u64| {
                let start = (step % ring.rows) as usize * ring.columns;
                all[start..start + ring.columns].to_vec()
            };
            ring.read.extend(ring.pending.clone().map(row));
            ring.pending.start = ring.pending.end;
        }
        Ok(())
    }

    fn state(&self, name: &str, offset: usize, len: usize) -> Result<&Buffer> {
        let buffer = self
            .shared
            .get(&Content::State(name.into()).to_string())
            .ok_or_else(|| Error::failure(format!("there is no state `{name}`")))?;
        let there = (buffer.size() / 4) as usize;
        match offset.checked_add(len).is_some_and(|end| end <= there) {
            true => Ok(buffer),
            false => Err(Error::failure(format!("state `{name}` has {there} elements, not {len} from {offset} on"))),
        }
    }

    /// The buffer of a range of a program.
    fn buffer(&self, id: ProgramId, range: Slice) -> Result<Buffer> {
        let buffer = self.loaded(id)?.buffers.get(range.buffer).cloned();
        buffer.ok_or_else(|| Error::failure(format!("program {} has no buffer {}", id.0, range.buffer)))
    }

    fn read_floats(&mut self, buffer: &Buffer, offset: usize, len: usize) -> Result<Vec<f32>> {
        self.wait()?;
        Ok(bytemuck::pod_collect_to_vec(&self.device.read(buffer, 4 * offset as u64, 4 * len as u64)?))
    }
}

fn bindings<'a>(ranges: &[Slice], buffers: &'a [Buffer], label: &str) -> Result<Vec<Binding<'a>>> {
    let binding = |r: &Slice| {
        let buffer =
            buffers.get(r.buffer).ok_or_else(|| Error::failure(format!("{label}: there is no buffer {}", r.buffer)))?;
        Ok(Binding { buffer, offset: 4 * r.offset as u64, bytes: 4 * r.len as u64 })
    };
    ranges.iter().map(binding).collect()
}

impl Runner for Gpu {
    fn load(&mut self, program: &Program) -> Result<ProgramId> {
        let buffers = (0..program.buffers.len()).map(|id| self.make_buffer(program, id)).collect::<Result<Vec<_>>>()?;
        let commands = self.commands(&program.launches, &buffers)?;
        let mut inputs = HashMap::new();
        let mut ring = None;
        for (described, buffer) in program.buffers.iter().zip(&buffers) {
            match &described.content {
                Content::Input(name) => {
                    inputs.insert(name.clone(), (buffer.clone(), described.len));
                }
                Content::Ring if !program.metrics.is_empty() => {
                    let columns = program.metrics.len();
                    let rows = (described.len / columns) as u64;
                    if rows == 0 {
                        return Err(Error::failure(format!(
                            "a ring of {} elements has no room for {columns} metrics",
                            described.len
                        )));
                    }
                    ring = Some(Ring { buffer: buffer.clone(), rows, columns, pending: 0..0, read: vec![] });
                }
                _ => {}
            }
        }
        let ticks = program.launches.iter().any(|l| matches!(l.kernel, Kernel::Tick(_)));
        self.programs.push(Loaded {
            commands,
            buffers,
            inputs,
            outputs: program.outputs.clone(),
            ring,
            ticks,
            pace: Pace::new(program.launches.iter().map(|launch| launch.kernel.cost())),
        });
        let id = ProgramId(self.programs.len() - 1);
        self.stream.iter_mut().for_each(|stream| stream.load(id, program));
        Ok(id)
    }

    fn run(&mut self, id: ProgramId, times: usize) -> Result<()> {
        let mut left = times;
        while left > 0 {
            let loaded = self.loaded(id)?;
            let (ticks, step) = (loaded.ticks, self.step);
            let room = loaded.ring.as_ref().map_or(u64::MAX, |ring| ring.room(step, ticks));
            if room == 0 {
                self.drain(id)?;
                continue;
            }
            let rounds = self.supply(id, left.min(room.try_into().unwrap_or(usize::MAX)))?;
            self.submit(id, rounds)?;
            if ticks {
                self.step += rounds as u64;
            }
            if let Some(ring) = &mut self.programs[id.0].ring {
                ring.add(step..self.step.max(step + 1));
            }
            left -= rounds;
        }
        Ok(())
    }

    fn supply(&mut self, id: ProgramId, most: usize) -> Result<usize> {
        let Some(stream) = &mut self.stream else { return Ok(most) };
        let Ready { rounds, blocks } = stream.next(id, Clock { step: self.step, seed: self.seed }, most)?;
        // The queue keeps the order: what the ring held before, the rounds before have read by then.
        for block in blocks.iter().flatten() {
            for (content, at, words) in
                [(Content::Items, block.at[0], &block.items), (Content::Table, block.at[1], &block.classes)]
            {
                let buffer = &self.shared[&content.to_string()];
                self.device.queue.write_buffer(buffer, 4 * at as u64, bytemuck::cast_slice(words));
            }
        }
        self.device.health().map(|()| rounds)
    }

    fn run_span(&mut self, id: ProgramId, launches: ops::Range<usize>, ends: bool) -> Result<()> {
        if !ends {
            return self.submit_launches(id, launches);
        }
        if self.loaded(id)?.ring.as_ref().is_some_and(|ring| ring.room(self.step, true) == 0) {
            self.drain(id)?;
        }
        self.submit_launches(id, launches)?;
        let step = self.step;
        self.step += 1;
        if let Some(ring) = &mut self.programs[id.0].ring {
            ring.add(step..step + 1);
        }
        Ok(())
    }

    fn set_part(&mut self, part: usize) -> Result<()> {
        let buffer = &self.shared[&Content::Clock.to_string()];
        self.device.queue.write_buffer(buffer, 4 * Clock::PART as u64, bytemuck::bytes_of(&(part as u32)));
        self.device.health()
    }

    fn read_range(&mut self, id: ProgramId, range: Slice) -> Result<Vec<f32>> {
        let buffer = self.buffer(id, range)?;
        self.read_floats(&buffer, range.offset, range.len)
    }

    fn write_range(&mut self, id: ProgramId, range: Slice, data: &[f32]) -> Result<()> {
        let buffer = self.buffer(id, range)?;
        self.device.queue.write_buffer(&buffer, 4 * range.offset as u64, bytemuck::cast_slice(data));
        self.device.health()
    }

    fn write_state(&mut self, state: &str, offset: usize, data: &[f32]) -> Result<()> {
        let buffer = self.state(state, offset, data.len())?;
        self.device.queue.write_buffer(buffer, 4 * offset as u64, bytemuck::cast_slice(data));
        self.device.health()
    }

    fn read_state(&mut self, state: &str, offset: usize, len: usize) -> Result<Vec<f32>> {
        let buffer = self.state(state, offset, len)?.clone();
        self.read_floats(&buffer, offset, len)
    }

    fn write_input(&mut self, id: ProgramId, name: &str, data: &[f32]) -> Result<()> {
        let inputs = &self.loaded(id)?.inputs;
        let (buffer, len) = inputs.get(name).ok_or_else(|| Error::failure(format!("there is no input `{name}`")))?;
        if *len != data.len() {
            return Err(Error::failure(format!("input `{name}` has {len} elements, not {}", data.len())));
        }
        self.device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(data));
        self.device.health()
    }

    fn read_output(&mut self, id: ProgramId, name: &str) -> Result<Vec<f32>> {
        let loaded = self.loaded(id)?;
        let output = loaded
            .outputs
            .iter()
            .find(|o| o.name == name)
            .ok_or_else(|| Error::failure(format!("there is no output `{name}`")))?;
        self.read_range(id, output.range)
    }

    fn set_data(&mut self, items: &Items, table: &[u32]) -> Result<()> {
        for (content, words) in [(Content::Items, items.words()), (Content::Table, table)] {
            let key = content.to_string();
            let buffer = self.storage(&key, words.len())?;
            // In pieces that are on their way before the next is copied: each lies twice in main memory.
            for (i, piece) in words.chunks(UPLOADED).enumerate() {
                self.device.queue.write_buffer(&buffer, 4 * (i * UPLOADED) as u64, bytemuck::cast_slice(piece));
                self.device.queue.submit([]);
            }
            self.shared.insert(key, buffer);
        }
        self.device.health()
    }

    fn stream(&mut self, items: &Items, classes: &[u32]) {
        self.stream = Some(Stream::new(items.clone(), classes));
    }

    fn stream_parts(&mut self, parts: ops::Range<usize>) {
        self.stream.iter_mut().for_each(|stream| stream.set_parts(parts.clone()));
    }

    fn set_clock(&mut self, clock: Clock) -> Result<()> {
        for id in 0..self.programs.len() {
            self.drain(ProgramId(id))?;
        }
        (self.step, self.seed) = (clock.step, clock.seed);
        let buffer = &self.shared[&Content::Clock.to_string()];
        self.device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&clock.words()));
        self.device.health()
    }

    fn clock(&self) -> u64 {
        self.step
    }

    fn metrics(&mut self, id: ProgramId) -> Result<Vec<Vec<f32>>> {
        self.drain(id)?;
        Ok(self.programs[id.0].ring.as_mut().map(|ring| std::mem::take(&mut ring.read)).unwrap_or_default())
    }

    fn wait(&mut self) -> Result<()> {
        while !self.in_flight.is_empty() {
            self.finish_oldest()?;
        }
        self.device.health()
    }

    fn main_memory(&self, programs: &[&Program]) -> u64 {
        match self.device.info.device_type {
            DeviceType::Cpu | DeviceType::IntegratedGpu => program::memory(programs.iter().copied()).bytes(),
            _ => 0,
        }
    }

    fn describe(&self) -> String {
        let info = &self.device.info;
        format!("{} ({}, {} {})", info.name, info.backend, info.driver, info.driver_info)
    }
}
