//! Compute pipelines of kernels: modules shared by source, pipelines by module and constants, compiled in parallel.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use rayon::prelude::*;
use wgpu::{
    BindGroupLayout, BindGroupLayoutEntry, BindingType, Buffer, BufferBindingType, BufferUsages, ComputePipeline,
    ShaderModule, ShaderRuntimeChecks, ShaderStages,
};

use super::Device;
use crate::{
    error::Result,
    kernels::{Buffers, Caps, Chain, Dispatch, Kernel, Spec, chain},
};

/// The facts about a kernel that a pipeline needs, for a [`Kernel`] or any other type with a [`Spec`].
#[derive(Clone)]
pub struct Shader {
    name: &'static str,
    sources: &'static [&'static str],
    buffers: Buffers,
    /// The function of its chain, if it has one.
    chain: Option<String>,
    /// Whether the run-time checks may be left out.
    trusted: bool,
}

impl From<&Kernel> for Shader {
    fn from(k: &Kernel) -> Self {
        let (buffers, chain) = (k.buffers(), k.chain().map(Chain::wgsl));
        Self { name: k.name(), sources: k.sources(), buffers, chain, trusted: true }
    }
}

/// A kernel of the caller's own keeps its run-time checks: nobody has vouched for it.
impl<K: Spec> From<&K> for Shader {
    fn from(k: &K) -> Self {
        let (buffers, chain) = (k.buffers(), k.chain().map(Chain::wgsl));
        Self { name: K::NAME, sources: K::SOURCES, buffers, chain, trusted: false }
    }
}

/// What distinguishes one pipeline from another; constants are kept as bits so that they can be hashed.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    source: String,
    constants: Vec<(String, u64)>,
    reads: usize,
    writes: usize,
    chain: bool,
    checked: bool,
}

impl Key {
    fn new(device: &Device, shader: &Shader, dispatch: &Dispatch) -> Self {
        let Buffers { reads, words, writes, words_out } = &shader.buffers;
        Self {
            source: dispatch.joined(shader.sources, shader.chain.as_deref().unwrap_or_default()),
            constants: dispatch.overrides.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect(),
            reads: reads.len() + words.len(),
            writes: writes.len() + words_out.len(),
            chain: shader.chain.is_some(),
            checked: device.checked || !shader.trusted,
        }
    }
}

/// A compiled kernel and the layout of its bind group.
pub struct Pipeline {
    /// The wgpu pipeline.
    pub raw: ComputePipeline,
    layout: BindGroupLayout,
    chain: bool,
}

/// Part of a buffer, in bytes.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    /// The buffer.
    pub buffer: &'a Buffer,
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}

/// Contents of the buffers of a single launch: the words of its bindings and of its chain's operands.
pub struct Job<'a> {
    /// Buffers that the kernel reads, then buffers that it writes.
    pub bindings: &'a [Vec<u32>],
    /// Buffers of the chain's operands.
    pub operands: &'a [Vec<u32>],
    /// Number of bindings that the kernel only reads.
    pub reads: usize,
    /// Bytes of each buffer before the bound range.
    pub offset: u64,
}

/// Shader modules by source and by whether they have run-time checks; a module is missing while it is parsed.
type Modules = HashMap<(String, bool), Arc<Mutex<Option<ShaderModule>>>>;

/// The pipelines of one device.
pub struct Pipelines {
    modules: Mutex<Modules>,
    made: Mutex<HashMap<Key, Arc<Pipeline>>>,
    /// Placeholder for the operands that a chain does not use.
    dummy: Buffer,
}

impl Pipelines {
    /// An empty set of pipelines.
    pub fn new(device: &Device) -> Result<Self> {
        let dummy = device.buffer("no operand", 256, BufferUsages::STORAGE)?;
        Ok(Self { modules: Default::default(), made: Default::default(), dummy })
    }

    /// The pipelines of these launches; missing pipelines are compiled, on all cores. The kernel of each is
    /// a `&Kernel`, or a reference to any other type that implements [`Spec`].
    pub fn get<S>(&self, device: &Device, launches: &[(S, Dispatch)]) -> Result<Vec<Arc<Pipeline>>>
    where
        S: Copy + Into<Shader>,
    {
        let shaders: Vec<Shader> = launches.iter().map(|&(shader, _)| shader.into()).collect();
        let keys: Vec<Key> =
            shaders.iter().zip(launches).map(|(s, (_, dispatch))| Key::new(device, s, dispatch)).collect();
        let mut missing: HashMap<&Key, &str> = HashMap::new();
        {
            let made = lock(&self.made);
            let named = keys.iter().zip(&shaders).map(|(key, shader)| (key, shader.name));
            missing.extend(named.filter(|(key, _)| !made.contains_key(key)));
        }
        let missing: Vec<_> = missing.into_iter().collect();
        let compile = |&(key, name): &(&Key, &str)| Ok((key.clone(), Arc::new(self.compile(device, key, name)?)));
        let compiled: Vec<_> = missing.par_iter().map(compile).collect::<Result<_>>()?;
        let mut made = lock(&self.made);
        made.extend(compiled);
        Ok(keys.iter().map(|key| made[key].clone()).collect())
    }

    fn compile(&self, device: &Device, key: &Key, name: &str) -> Result<Pipeline> {
        let module = self.module(device, key, name)?;
        let constants: Vec<(&str, f64)> =
            key.constants.iter().map(|(name, bits)| (name.as_str(), f64::from_bits(*bits))).collect();
        let options =
            wgpu::PipelineCompilationOptions { constants: &constants, zero_initialize_workgroup_memory: false };
        let label = || format!("{name} with {constants:?}");
        device.scoped(label, || {
            let bindings = layout(device, key);
            let layout = wgpu::PipelineLayoutDescriptor {
                label: Some(name),
                bind_group_layouts: &[Some(&bindings)],
                immediate_size: 0,
            };
            let raw = device.raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(name),
                layout: Some(&device.raw.create_pipeline_layout(&layout)),
                module: &module,
                entry_point: Some("main"),
                compilation_options: options,
                cache: None,
            });
            Pipeline { raw, layout: bindings, chain: key.chain }
        })
    }

    fn module(&self, device: &Device, key: &Key, name: &str) -> Result<ShaderModule> {
        let place = lock(&self.modules).entry((key.source.clone(), key.checked)).or_default().clone();
        // Held while it is parsed: a second thread that wants the same module must wait for it.
        let mut place = lock(&place);
        if let Some(module) = &*place {
            return Ok(module.clone());
        }
        let source = wgpu::ShaderSource::Wgsl(key.source.as_str().into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(name), source };
        let checks = if key.checked { ShaderRuntimeChecks::checked() } else { ShaderRuntimeChecks::unchecked() };
        // SAFETY: only our own shaders go unchecked; tests run each of them between guard bands.
        #[expect(unsafe_code, reason = "checks on every access and loop would cost much of the speed")]
        let make = || unsafe { device.raw.create_shader_module_trusted(descriptor, checks) };
        Ok(place.insert(device.scoped(|| format!("{name}.wgsl"), make)?).clone())
    }

    /// The bind group of one launch: its bindings, and its operands where the kernel has a chain.
    pub fn bind(
        &self,
        device: &Device,
        pipeline: &Pipeline,
        label: &str,
        bindings: &[Binding],
        operands: &[Binding],
    ) -> Result<wgpu::BindGroup> {
        let dummy = Binding { buffer: &self.dummy, offset: 0, bytes: self.dummy.size() };
        let places = if pipeline.chain { chain::OPERANDS } else { 0 };
        let operands = operands.iter().copied().chain(std::iter::repeat(dummy)).take(places.max(operands.len()));
        let own = bindings.iter().copied().enumerate().map(entry);
        let entries: Vec<_> = own.chain((chain::FIRST_BINDING..).zip(operands).map(entry)).collect();
        let descriptor = wgpu::BindGroupDescriptor { label: Some(label), layout: &pipeline.layout, entries: &entries };
        device.scoped(|| label.to_string(), || device.raw.create_bind_group(&descriptor))
    }

    /// Runs a launch once on buffers of its own and returns the words of all that are written, one buffer after the
    /// other.
    ///
    /// # Errors
    /// The launch cannot run; the error gives the reason.
    pub fn once<S>(&self, device: &Device, shader: S, dispatch: Dispatch, job: &Job) -> Result<Vec<u32>>
    where
        S: Copy + Into<Shader>,
    {
        let (name, groups) = (shader.into().name, dispatch.groups);
        let pipeline = self.get(device, &[(shader, dispatch)])?.remove(0);
        let buffer = |words: &Vec<u32>| {
            let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
            let buffer = device.buffer(name, 4 * words.len() as u64, usage)?;
            device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
            Ok(buffer)
        };
        let own = job.bindings.iter().map(buffer).collect::<Result<Vec<_>>>()?;
        let operands = job.operands.iter().map(buffer).collect::<Result<Vec<_>>>()?;
        let offset = job.offset;
        let from = |buffer| Binding { buffer, offset, bytes: Buffer::size(buffer) - offset };
        let [bound, operands] = [&own, &operands].map(|all| all.iter().map(from).collect::<Vec<_>>());
        let bound = self.bind(device, &pipeline, name, &bound, &operands)?;
        let dispatch = || {
            let mut encoder = device.raw.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline.raw);
            pass.set_bind_group(0, &bound, &[]);
            pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
            drop(pass);
            device.queue.submit([encoder.finish()]);
        };
        device.scoped(|| name.into(), dispatch)?;
        let read = |buffer: &Buffer| Ok(bytemuck::pod_collect_to_vec(&device.read(buffer, 0, buffer.size())?));
        Ok(own[job.reads..].iter().map(read).collect::<Result<Vec<Vec<u32>>>>()?.concat())
    }

    /// The minimum time of one launch of a kernel, over runs that add up to `enough`, on buffers of zeros.
    ///
    /// # Errors
    /// The launch cannot run; the error gives the reason.
    pub fn time(&self, device: &Device, kernel: &Kernel, caps: &Caps, enough: Duration) -> Result<Duration> {
        let dispatch = kernel.dispatch(caps);
        let groups = dispatch.groups;
        let pipeline = self.get(device, &[(kernel, dispatch)])?.remove(0);
        let Buffers { reads, words, writes, words_out } = kernel.buffers();
        let operands = kernel.chain().map_or(vec![], |chain| chain.operand_lens(writes.iter().sum()));
        let buffers = |lens: &[usize]| {
            let buffer = |&len: &usize| device.buffer(kernel.name(), 4 * len as u64, BufferUsages::STORAGE);
            lens.iter().map(buffer).collect::<Result<Vec<_>>>()
        };
        let (own, operands) = (buffers(&[reads, words, writes, words_out].concat())?, buffers(&operands)?);
        let [own, operands] = [&own, &operands].map(|all| {
            all.iter().map(|buffer| Binding { buffer, offset: 0, bytes: buffer.size() }).collect::<Vec<_>>()
        });
        let bound = self.bind(device, &pipeline, kernel.name(), &own, &operands)?;
        let once = || {
            device.time(|pass| {
                pass.set_pipeline(&pipeline.raw);
                pass.set_bind_group(0, &bound, &[]);
                pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
            })
        };
        let (mut least, mut total) = (once()?, Duration::ZERO);
        while total < enough {
            let time = once()?;
            (least, total) = (least.min(time), total + time.max(enough / 100));
        }
        Ok(least)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

fn entry<'a>((place, b): (usize, Binding<'a>)) -> wgpu::BindGroupEntry<'a> {
    let size = wgpu::BufferSize::new(b.bytes);
    let range = wgpu::BufferBinding { buffer: b.buffer, offset: b.offset, size };
    wgpu::BindGroupEntry { binding: place as u32, resource: wgpu::BindingResource::Buffer(range) }
}

fn layout(device: &Device, key: &Key) -> BindGroupLayout {
    let entry = |(binding, read_only): (usize, bool)| BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer {
            ty: BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let own = (0..key.reads + key.writes).map(|i| (i, i < key.reads));
    let operands = if key.chain { chain::OPERANDS } else { 0 };
    let operands = (chain::FIRST_BINDING..).take(operands).map(|i| (i, true));
    let entries: Vec<_> = own.chain(operands).map(entry).collect();
    device.raw.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
}
