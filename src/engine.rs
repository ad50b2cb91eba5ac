//! The programs of one model on a device. They share states by name: some train, others sample or evaluate.

mod ranks;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    error::{Error, Result},
    exchange::Exchange,
    graph::{Graph, numel},
    initial,
    kernels::{Caps, Clock, gather::DataLayout},
    memory,
    plan::plan,
    program::{self, Content, Memory, Parts, Program, StateItem, Sums},
    runner::{ProgramId, Runner},
};

pub use ranks::Order;

/// Planned graphs by name. Planning runs nothing on a device.
pub struct Plans(pub Vec<(String, Program)>);

impl Plans {
    /// Plans graphs for a device. Graphs that draw batches need `data`, the layout of the data set.
    ///
    /// # Errors
    /// A graph that [`plan`] refuses, such as one with a tensor that the device cannot bind.
    pub fn new<'a>(
        graphs: impl IntoIterator<Item = (&'a str, &'a Graph)>,
        caps: &Caps,
        data: Option<DataLayout>,
    ) -> Result<Self> {
        let planned = graphs.into_iter().map(|(name, graph)| Ok((name.to_string(), plan(graph, caps, data)?)));
        Ok(Self(planned.collect::<Result<_>>()?))
    }

    /// The program of this name.
    pub fn get(&self, name: &str) -> Option<&Program> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, p)| p)
    }

    /// Bytes of all programs together.
    pub fn memory(&self) -> Memory {
        program::memory(self.0.iter().map(|(_, program)| program))
    }

    /// Number of elements of every state. A program that does not use the last tensors of a state knows it as shorter;
    /// the longest length counts.
    pub fn states(&self) -> BTreeMap<String, usize> {
        let mut lengths: BTreeMap<String, usize> = BTreeMap::new();
        for buffer in self.0.iter().flat_map(|(_, program)| &program.buffers) {
            if let Content::State(name) = &buffer.content {
                let length = lengths.entry(name.clone()).or_default();
                *length = buffer.len.max(*length);
            }
        }
        lengths
    }

    /// Gives the buffers of a state the same length in all programs.
    fn share_states(&mut self) {
        let lengths = self.states();
        for buffer in self.0.iter_mut().flat_map(|(_, program)| &mut program.buffers) {
            if let Content::State(name) = &buffer.content {
                buffer.len = lengths[name];
            }
        }
    }

    /// Refuses programs that look for a tensor in different places of a state that they share.
    fn check_places(&self) -> Result<()> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for item in self.0.iter().flat_map(|(_, program)| &program.items) {
            if *places.entry(&item.name).or_insert(item.offset) != item.offset {
                return Err(Error::failure(format!("plans: `{}` lies in two places of its state", item.name)));
            }
        }
        Ok(())
    }

    /// All tensors of all states, once each, by name.
    pub fn items(&self) -> Vec<StateItem> {
        let all = self.0.iter().flat_map(|(_, program)| &program.items);
        let named: BTreeMap<String, StateItem> = all.map(|i| (i.name.clone(), i.clone())).collect();
        named.into_values().collect()
    }
}

/// The programs of one model, loaded on one runner, with their states.
pub struct Engine {
    runner: Box<dyn Runner>,
    programs: BTreeMap<String, (ProgramId, Program)>,
    items: Vec<StateItem>,
    seed: u64,
    rows: Rows,
    /// The way to other ranks, which compute other parts of each batch.
    exchange: Option<Box<dyn Exchange>>,
    /// See [`Engine::summed`].
    summed: Duration,
}

/// The states of which each part of a batch has rows of its own. One part's are on the device.
#[derive(Default)]
struct Rows {
    /// For each state and part, the contents of its buffer; those of the part on the device are out of date.
    states: BTreeMap<String, Vec<Vec<f32>>>,
    on_device: usize,
}

impl Engine {
    /// Loads programs, and gives every state its initial value. The runner must already have their data set
    /// ([`Runner::set_data`], [`Runner::stream`]).
    pub fn new(mut runner: Box<dyn Runner>, mut plans: Plans, seed: u64) -> Result<Self> {
        plans.share_states();
        plans.check_places()?;
        let (items, lengths) = (plans.items(), plans.states());
        let mut programs = BTreeMap::new();
        for (name, program) in plans.0 {
            programs.insert(name, (runner.load(&program)?, program));
        }
        runner.set_clock(Clock { step: 0, seed })?;
        let of_parts = items.iter().filter(|item| item.parts > 1);
        let rows = of_parts.map(|item| (item.state.clone(), vec![vec![0.0; lengths[&item.state]]; item.parts]));
        let rows = Rows { states: rows.collect(), on_device: 0 };
        let mut engine = Self { runner, programs, items, seed, rows, exchange: None, summed: Duration::ZERO };
        for item in engine.items.clone() {
            engine.write(&item, &initial::values(&item, seed))?;
        }
        Ok(engine)
    }

    /// The program of this name, if it is loaded.
    pub fn program(&self, name: &str) -> Option<&Program> {
        self.programs.get(name).map(|(_, program)| program)
    }

    fn loaded(&self, name: &str) -> Result<&(ProgramId, Program)> {
        self.programs.get(name).ok_or_else(|| Error::failure(format!("this model has no `{name}`")))
    }

    /// Runs `rounds` rounds of a program. Returns one row of metrics per round, for the last 256 rounds at most, in the
    /// order of [`Program::metrics`].
    ///
    /// # Errors
    /// A metric that is not finite; the error names the step and the metric. The states are lost then.
    pub fn run(&mut self, name: &str, rounds: u64) -> Result<Vec<Vec<f32>>> {
        self.start(name, rounds)?;
        let rows = self.rows(name)?;
        match self.bad_metric(name, &rows) {
            Some((_, what)) => Err(Error::Diverged(what)),
            None => Ok(rows),
        }
    }

    /// Starts `rounds` rounds of a program and does not wait for them.
    pub fn start(&mut self, name: &str, rounds: u64) -> Result<()> {
        let (id, program) = self.loaded(name)?;
        let id = *id;
        match program.parts.clone() {
            None => self.runner.run(id, rounds as usize),
            Some(parts) => (0..rounds).try_for_each(|_| self.round(id, &parts)),
        }
    }

    /// Runs one round of several parts: those of this rank.
    fn round(&mut self, id: ProgramId, parts: &Parts) -> Result<()> {
        self.runner.supply(id, 1)?;
        let (rank, ranks) = self.exchange.as_ref().map_or((0, 1), |exchange| (exchange.rank(), exchange.ranks()));
        let count = parts.count / ranks;
        if count > parts.own {
            return Err(Error::failure(format!("{count} parts of a batch, in a plan for {} on each rank", parts.own)));
        }
        let first = rank * count;
        // Parts that are no power of two have no sum in the tree of all: ranks tell each of them.
        let adds = ranks == 1 || count.is_power_of_two();
        for (n, span) in parts.spans.iter().enumerate() {
            let Some(sums) = &span.sums else {
                self.runner.run_span(id, span.launches.clone(), n + 1 == parts.spans.len())?;
                continue;
            };
            if span.launches.is_empty() && sums.values.is_empty() {
                continue;
            }
            let mut told = vec![];
            for n in 0..count {
                self.load_rows(first + n)?;
                self.runner.set_part(first + n)?;
                self.runner.run_span(id, span.launches.clone(), false)?;
                let is_last = n + 1 == count;
                if adds {
                    self.add_up(id, sums, n, is_last)?;
                }
                if self.exchange.is_some() && (is_last || !adds) {
                    told.push(self.left(id, sums)?);
                }
            }
            self.sum_over_ranks(id, sums, told)?;
        }
        self.load_rows(first)?;
        self.runner.set_part(first)
    }

    /// Adds what part number n of this rank has left to the parts before. A binary counter: level l keeps a sum of 2^l
    /// parts where bit l of n is 1.
    fn add_up(&mut self, id: ProgramId, sums: &Sums, n: usize, is_last: bool) -> Result<()> {
        let (mut level, mut carries) = (0, true);
        while n >> level > 0 {
            carries &= n >> level & 1 == 1;
            if carries || (is_last && n >> level & 1 == 1) {
                self.runner.run_span(id, sums.add[level].clone(), false)?;
            }
            level += 1;
        }
        if is_last {
            return Ok(());
        }
        self.runner.run_span(id, sums.store[n.trailing_ones() as usize].clone(), false)
    }

    /// Puts a part's rows on the device, in place of those that are there.
    fn load_rows(&mut self, part: usize) -> Result<()> {
        let Rows { states, on_device } = &mut self.rows;
        if *on_device == part || states.is_empty() {
            return Ok(());
        }
        for (state, rows) in states {
            let len = rows[part].len();
            rows[*on_device] = self.runner.read_state(state, 0, len)?;
            self.runner.write_state(state, 0, &rows[part])?;
        }
        *on_device = part;
        Ok(())
    }

    /// The metrics of the program's rounds since the last call, one row per round, for the last 256 rounds at most. The
    /// last row is that of the newest round, after which the clock has its present value.
    pub fn rows(&mut self, name: &str) -> Result<Vec<Vec<f32>>> {
        let id = self.loaded(name)?.0;
        self.runner.metrics(id)
    }

    /// The first metric in `rows`, the newest rows, that is not finite: its step, and a sentence.
    pub fn bad_metric(&self, name: &str, rows: &[Vec<f32>]) -> Option<(u64, String)> {
        let names = &self.program(name)?.metrics;
        let first = self.clock() + 1 - rows.len() as u64;
        rows.iter().zip(first..).find_map(|(row, step)| {
            let bad = row.iter().position(|v| !v.is_finite())?;
            Some((step, format!("{} became {} at step {step}", names[bad], row[bad])))
        })
    }

    /// Writes inputs and runs a program once; inputs that the program does not have are ignored. Read the results with
    /// [`Engine::output`].
    pub fn feed(&mut self, name: &str, inputs: &[(&str, &[f32])]) -> Result<()> {
        let (id, program) = self.loaded(name)?;
        let (id, had) = (*id, inputs.iter().filter(|(input, _)| program.input(input).is_some()).collect::<Vec<_>>());
        had.into_iter().try_for_each(|(input, values)| self.runner.write_input(id, input, values))?;
        self.runner.run(id, 1)
    }

    /// An output as the program's last run left it.
    pub fn output(&mut self, name: &str, output: &str) -> Result<Vec<f32>> {
        let id = self.loaded(name)?.0;
        self.runner.read_output(id, output)
    }

    /// Runs a program once on these inputs and returns its first output.
    pub fn ask(&mut self, name: &str, inputs: &[(&str, &[f32])]) -> Result<Vec<f32>> {
        self.feed(name, inputs)?;
        let first = self.loaded(name)?.1.outputs.first().map(|o| o.name.clone());
        self.output(name, &first.ok_or_else(|| Error::failure(format!("`{name}` has no output")))?)
    }

    /// Number of rounds done: the value that the clock was set to, plus the rounds since then.
    pub fn clock(&self) -> u64 {
        self.runner.clock()
    }

    /// Sets the number of rounds done, and the seed of noise and batches.
    pub fn set_clock(&mut self, clock: Clock) -> Result<()> {
        self.runner.set_clock(clock)
    }

    /// Calls `what`, then restores the clock and the states that the program `name` writes.
    pub fn aside<R>(&mut self, name: &str, what: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let step = self.runner.clock();
        let written = self.loaded(name).map(|(_, program)| written_states(program))?;
        let saved = written.iter().map(|(state, len)| self.runner.read_state(state, 0, *len));
        let saved = saved.collect::<Result<Vec<_>>>()?;
        let result = what(self);
        for ((state, _), values) in written.iter().zip(&saved) {
            self.runner.write_state(state, 0, values)?;
        }
        self.runner.set_clock(Clock { step, seed: self.seed })?;
        result
    }

    /// Every tensor of every state of the loaded programs, by name.
    pub fn items(&self) -> &[StateItem] {
        &self.items
    }

    /// The values of a state's tensor.
    pub fn read(&mut self, item: &StateItem) -> Result<Vec<f32>> {
        let len = numel(&item.shape) / item.parts;
        let mut values = memory::room(numel(&item.shape))?;
        for part in 0..item.parts {
            if part == self.rows.on_device || item.parts == 1 {
                values.extend(self.runner.read_state(&item.state, item.offset, len)?);
            } else {
                values.extend_from_slice(&self.rows.states[&item.state][part][item.offset..item.offset + len]);
            }
        }
        Ok(values)
    }

    /// Gives a state's tensor new values.
    pub fn write(&mut self, item: &StateItem, values: &[f32]) -> Result<()> {
        for (part, values) in values.chunks(values.len().div_ceil(item.parts)).enumerate() {
            if part == self.rows.on_device || item.parts == 1 {
                self.runner.write_state(&item.state, item.offset, values)?;
            } else if let Some(rows) = self.rows.states.get_mut(&item.state) {
                rows[part][item.offset..item.offset + values.len()].copy_from_slice(values);
            }
        }
        Ok(())
    }

    /// See [`Meter::time`](crate::runner::Meter::time).
    pub fn time(&mut self, name: &str, launch: usize, times: usize) -> Result<Duration> {
        let id = self.loaded(name)?.0;
        self.runner.time(id, launch, times)
    }

    /// See [`Meter::encode_cost`](crate::runner::Meter::encode_cost).
    pub fn encode_cost(&self, name: &str) -> Result<Option<Duration>> {
        self.runner.encode_cost(self.loaded(name)?.0)
    }

    /// See [`Meter::waited`](crate::runner::Meter::waited).
    pub fn waited(&mut self) -> Option<Duration> {
        self.runner.waited()
    }

    /// See [`Meter::allocated`](crate::runner::Meter::allocated).
    pub fn allocated(&self) -> Option<u64> {
        self.runner.allocated()
    }

    /// The device and its driver, for people.
    pub fn describe(&self) -> String {
        self.runner.describe()
    }
}

/// Name and length of the states that a program's launches write.
pub(crate) fn written_states(program: &Program) -> BTreeMap<String, usize> {
    let written = program.launches.iter().flat_map(|launch| {
        let buffers = launch.kernel.buffers();
        launch.bindings.iter().skip(buffers.reads.len() + buffers.words.len())
    });
    let state = |buffer: usize| match &program.buffers[buffer].content {
        Content::State(name) => Some((name.clone(), program.buffers[buffer].len)),
        _ => None,
    };
    written.filter_map(|range| state(range.buffer)).collect()
}
