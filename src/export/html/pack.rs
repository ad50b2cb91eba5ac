//! What a page runs, packed into one text.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};

use crate::{
    data::Dataset,
    engine::{Plans, written_states},
    error::{Error, Result},
    graph::numel,
    kernels::{Caps, chain},
    program::{Content, Launch, Program, Slice, StateItem},
    session::table,
};

/// Values in the order in which they came, each once.
#[derive(Default)]
struct Once {
    values: Vec<Value>,
    places: HashMap<String, usize>,
}

impl Once {
    fn place(&mut self, value: Value) -> usize {
        let values = &mut self.values;
        *self.places.entry(value.to_string()).or_insert_with(|| {
            values.push(value);
            values.len() - 1
        })
    }
}

/// Programs with the WGSL and constants of their kernels, and the contents of buffers.
///
/// [`Pack::text`] is the base64 of a gzip stream of: the length of a header in 4 bytes, the lowest first; the header,
/// in JSON, filled up with blanks to a multiple of 4 bytes; and bytes, of which the header names places `[offset,
/// length]`. The header has
/// * `sources`: texts of WGSL, without comments;
/// * `pipelines`: `source`, `constants` by name, `bindings` and how many of them are only `reads`, and whether it has a
///   `chain`, whose operands are bound from 8 on;
/// * `programs` by name: `buffers` `[kind, what, elements]`, a constant by its bits; `launches` `[pipeline, workgroups,
///   ranges, operands, every]`, a range being `[buffer, first element, elements]`; `outputs` `[name, shape, range]`;
///   `metrics`, names of the columns of the buffer `ring`; `written`, names of the states that it changes;
/// * `states` by name: `length` in elements, and the `place` of its values, or `null` for zeros;
/// * `data`: places of the shared buffers of the data set;
/// * `bindings`: the most storage buffers of a launch;
/// * what the caller adds.
#[derive(Default)]
pub struct Pack {
    sources: Once,
    pipelines: Once,
    programs: Map<String, Value>,
    states: Map<String, Value>,
    data: Map<String, Value>,
    bindings: usize,
    bytes: Vec<u8>,
}

impl Pack {
    /// Adds programs, with the values of their states.
    ///
    /// # Errors
    /// Those of `values`.
    pub fn add(
        &mut self,
        plans: &Plans,
        caps: &Caps,
        mut values: impl FnMut(&StateItem) -> Result<Vec<f32>>,
    ) -> Result<()> {
        for (name, program) in &plans.0 {
            let program = self.program(program, caps);
            self.programs.insert(name.clone(), program);
        }
        let mut states: BTreeMap<String, Vec<f32>> =
            plans.states().into_iter().map(|(name, len)| (name, vec![0.0; len])).collect();
        for item in plans.items() {
            let state = states.get_mut(&item.state).expect("items lie in states");
            state[item.offset..][..numel(&item.shape)].copy_from_slice(&values(&item)?);
        }
        for (name, values) in states {
            let is_zero = values.iter().all(|value| *value == 0.0);
            let place = if is_zero { Value::Null } else { self.store(bytemuck::cast_slice(&values)) };
            self.states.insert(Content::State(name).to_string(), json!({ "length": values.len(), "place": place }));
        }
        Ok(())
    }

    /// Adds the examples that rounds draw.
    pub fn add_data(&mut self, set: &Dataset) {
        for (content, words) in [(Content::Items, set.items.words()), (Content::Table, &table(set))] {
            let place = self.store(bytemuck::cast_slice(words));
            self.data.insert(content.to_string(), place);
        }
    }

    /// Keeps bytes, and returns their place. Places begin and end at multiples of 4 bytes.
    pub fn store(&mut self, bytes: &[u8]) -> Value {
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        json!([start, self.bytes.len() - start])
    }

    fn program(&mut self, program: &Program, caps: &Caps) -> Value {
        let buffers = program.buffers.iter().map(|buffer| {
            let len = buffer.len;
            match &buffer.content {
                Content::Slot | Content::Gradients(_) | Content::Ring => json!(["own", "", len]),
                Content::Input(name) => json!(["input", name, len]),
                Content::Constant(value) => json!(["constant", value.to_bits(), len]),
                Content::Arange => json!(["arange", "", len]),
                shared @ (Content::State(_) | Content::Clock | Content::Items | Content::Table) => {
                    json!(["shared", shared.to_string(), len])
                }
            }
        });
        let buffers: Vec<Value> = buffers.collect();
        let ring = program.buffers.iter().position(|buffer| buffer.content == Content::Ring);
        let outputs: Vec<Value> =
            program.outputs.iter().map(|output| json!([output.name, output.shape, range(&output.range)])).collect();
        let written = written_states(program).into_keys().map(|name| Content::State(name).to_string());
        let launches: Vec<Value> = program.launches.iter().map(|launch| self.launch(launch, caps)).collect();
        json!({
            "buffers": buffers,
            "launches": launches,
            "outputs": outputs,
            "metrics": program.metrics,
            "ring": ring,
            "written": written.collect::<Vec<_>>(),
        })
    }

    fn launch(&mut self, launch: &Launch, caps: &Caps) -> Value {
        let (kernel, dispatch) = (&launch.kernel, launch.kernel.dispatch(caps));
        let (buffers, chain) = (kernel.buffers(), kernel.chain().is_some());
        let operands = if chain { chain::OPERANDS } else { 0 };
        self.bindings = self.bindings.max(launch.bindings.len() + operands);
        let source = self.sources.place(bare(&kernel.source(&dispatch)).into());
        let pipeline = self.pipelines.place(json!({
            "source": source,
            "constants": dispatch.overrides.iter().cloned().collect::<BTreeMap<_, _>>(),
            "reads": buffers.reads.len() + buffers.words.len(),
            "bindings": launch.bindings.len(),
            "chain": chain,
        }));
        let ranges = |all: &[Slice]| all.iter().map(range).collect::<Vec<_>>();
        json!([pipeline, dispatch.groups, ranges(&launch.bindings), ranges(&launch.operands), launch.every])
    }

    /// The pack with more entries of its header.
    ///
    /// # Errors
    /// None but those of memory.
    pub fn text(self, entries: Value) -> Result<String> {
        let mut header = json!({
            "sources": self.sources.values,
            "pipelines": self.pipelines.values,
            "programs": self.programs,
            "states": self.states,
            "data": self.data,
            "bindings": self.bindings,
        });
        if let (Value::Object(header), Value::Object(entries)) = (&mut header, entries) {
            header.extend(entries);
        }
        let mut header = header.to_string();
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(4) - header.len()));
        let mut packed = GzEncoder::new(vec![], Compression::best());
        let parts = [&(header.len() as u32).to_le_bytes(), header.as_bytes(), &self.bytes];
        let written = parts.iter().try_for_each(|part| packed.write_all(part)).and_then(|()| packed.finish());
        let packed = written.map_err(|error| Error::failure(format!("the page cannot be packed: {error}")))?;
        Ok(STANDARD.encode(packed))
    }
}

/// WGSL without its comments, so that these may change while pages stay.
fn bare(source: &str) -> String {
    let lines = source.lines().map(|line| line.split("//").next().unwrap_or_default().trim_end());
    lines.filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
}

fn range(slice: &Slice) -> Value {
    json!([slice.buffer, slice.offset, slice.len])
}
