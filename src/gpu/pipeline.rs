//! Compute pipelines of kernels: modules shared by source, pipelines by module and constants, compiled in parallel.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use rayon::prelude::*;
use wgpu::{
    BindGroupLayout, BindGroupLayoutEntry, BindingType, Buffer, BufferBindingType, BufferUsages, ComputePipeline,
    ShaderModule, ShaderRuntimeChecks, ShaderStages,
};

use super::Device;
use crate::{
    error::Result,
    kernels::{Buffers, Kernel, Launch, chain},
};

/// What distinguishes one pipeline from another; constants are kept as bits so that they can be hashed.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    source: String,
    constants: Vec<(String, u64)>,
    reads: usize,
    writes: usize,
    chain: bool,
}

impl Key {
    fn new(kernel: &Kernel, launch: &Launch) -> Self {
        let Buffers { reads, words, writes, words_out } = kernel.buffers();
        Self {
            source: kernel.sources().concat(),
            constants: launch.overrides.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect(),
            reads: reads.len() + words.len(),
            writes: writes.len() + words_out.len(),
            chain: kernel.chain().is_some(),
        }
    }
}

/// A compiled kernel and the layouts of its bind groups.
pub struct Pipeline {
    pub raw: ComputePipeline,
    bindings: BindGroupLayout,
    operands: Option<BindGroupLayout>,
}

/// Part of a buffer, in bytes.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    pub buffer: &'a Buffer,
    pub offset: u64,
    pub bytes: u64,
}

/// The pipelines of one device.
pub struct Pipelines {
    modules: Mutex<HashMap<String, Arc<ShaderModule>>>,
    made: Mutex<HashMap<Key, Arc<Pipeline>>>,
    /// Stands in for the operands that a chain does not have.
    dummy: Buffer,
}

impl Pipelines {
    pub fn new(device: &Device) -> Result<Self> {
        let dummy = device.buffer("no operand", 256, BufferUsages::STORAGE)?;
        Ok(Self { modules: Default::default(), made: Default::default(), dummy })
    }

    /// The pipelines of these launches; those that are not there yet are compiled, on all cores.
    pub fn get(&self, device: &Device, launches: &[(&Kernel, Launch)]) -> Result<Vec<Arc<Pipeline>>> {
        let keys: Vec<Key> = launches.iter().map(|(kernel, launch)| Key::new(kernel, launch)).collect();
        let mut missing: HashMap<&Key, &Kernel> = HashMap::new();
        {
            let made = lock(&self.made);
            missing.extend(
                keys.iter()
                    .zip(launches)
                    .filter(|(key, _)| !made.contains_key(key))
                    .map(|(key, (kernel, _))| (key, *kernel)),
            );
        }
        let missing: Vec<_> = missing.into_iter().collect();
        let compile =
            |&(key, kernel): &(&Key, &Kernel)| Ok((key.clone(), Arc::new(self.compile(device, key, kernel)?)));
        let compiled: Vec<_> = missing.par_iter().map(compile).collect::<Result<_>>()?;
        let mut made = lock(&self.made);
        made.extend(compiled);
        Ok(keys.iter().map(|key| made[key].clone()).collect())
    }

    fn compile(&self, device: &Device, key: &Key, kernel: &Kernel) -> Result<Pipeline> {
        let module = self.module(device, key, kernel)?;
        let constants: Vec<(&str, f64)> =
            key.constants.iter().map(|(name, bits)| (name.as_str(), f64::from_bits(*bits))).collect();
        let options =
            wgpu::PipelineCompilationOptions { constants: &constants, zero_initialize_workgroup_memory: false };
        let label = || format!("{} with {constants:?}", kernel.name());
        device.scoped(label, || {
            let bindings = layout(device, key.reads, key.writes);
            let operands = key.chain.then(|| layout(device, chain::OPERANDS, 0));
            let groups: Vec<_> = [Some(&bindings), operands.as_ref()].into_iter().filter(Option::is_some).collect();
            let layout = wgpu::PipelineLayoutDescriptor {
                label: Some(kernel.name()),
                bind_group_layouts: &groups,
                immediate_size: 0,
            };
            let raw = device.raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.name()),
                layout: Some(&device.raw.create_pipeline_layout(&layout)),
                module: &module,
                entry_point: Some("main"),
                compilation_options: options,
                cache: None,
            });
            Pipeline { raw, bindings, operands }
        })
    }

    fn module(&self, device: &Device, key: &Key, kernel: &Kernel) -> Result<Arc<ShaderModule>> {
        // Held while parsing: a second thread that wants the same module must wait for it.
        let mut modules = lock(&self.modules);
        if let Some(module) = modules.get(&key.source) {
            return Ok(module.clone());
        }
        let source = wgpu::ShaderSource::Wgsl(key.source.as_str().into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(kernel.name()), source };
        let checks = if device.checked { ShaderRuntimeChecks::checked() } else { ShaderRuntimeChecks::unchecked() };
        // SAFETY: the shaders are our own; tests run each of them between guard bands.
        let make = || unsafe { device.raw.create_shader_module_trusted(descriptor, checks) };
        let module = Arc::new(device.scoped(|| format!("{}.wgsl", kernel.name()), make)?);
        modules.insert(key.source.clone(), module.clone());
        Ok(module)
    }

    /// The bind groups of one launch: its bindings, and its operands where the kernel has a chain.
    pub fn bind(
        &self,
        device: &Device,
        pipeline: &Pipeline,
        label: &str,
        bindings: &[Binding],
        operands: &[Binding],
    ) -> Result<Vec<wgpu::BindGroup>> {
        let dummy = Binding { buffer: &self.dummy, offset: 0, bytes: self.dummy.size() };
        let operands: Vec<Binding> = operands
            .iter()
            .copied()
            .chain(std::iter::repeat(dummy))
            .take(chain::OPERANDS.max(operands.len()))
            .collect();
        let groups = std::iter::once((&pipeline.bindings, bindings))
            .chain(pipeline.operands.as_ref().map(|layout| (layout, &operands[..])));
        device.scoped(
            || label.to_string(),
            || groups.map(|(layout, bindings)| bind_group(device, label, layout, bindings)).collect(),
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

fn layout(device: &Device, reads: usize, writes: usize) -> BindGroupLayout {
    let entry = |binding: usize| BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer {
            ty: BufferBindingType::Storage { read_only: binding < reads },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = (0..reads + writes).map(entry).collect();
    device.raw.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
}

fn bind_group<'a>(device: &Device, label: &str, layout: &BindGroupLayout, bindings: &[Binding<'a>]) -> wgpu::BindGroup {
    let entry = |(i, b): (usize, &Binding<'a>)| wgpu::BindGroupEntry {
        binding: i as u32,
        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: b.buffer,
            offset: b.offset,
            size: wgpu::BufferSize::new(b.bytes),
        }),
    };
    let entries: Vec<_> = bindings.iter().enumerate().map(entry).collect();
    device.raw.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout, entries: &entries })
}
