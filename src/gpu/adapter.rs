//! Which adapters there are and which one to run on.

use serde::Serialize;
use wgpu::{Adapter, Backends, DeviceType, DownlevelFlags, Features, Instance, InstanceDescriptor};

use crate::error::{Error, Result};

/// Storage buffers that a kernel may bind at once.
const STORAGE_BUFFERS: u32 = 8;

/// The device to run on, and the reason for the choice.
#[derive(Debug)]
pub enum Choice {
    /// On the CPU runner.
    Cpu {
        /// The reason for the choice.
        reason: String,
    },
    /// On this adapter.
    Gpu {
        /// The adapter.
        adapter: Box<Adapter>,
        /// The reason for the choice.
        reason: String,
    },
}

impl Choice {
    /// The reason for the choice, as a phrase.
    pub fn reason(&self) -> &str {
        match self {
            Self::Cpu { reason } | Self::Gpu { reason, .. } => reason,
        }
    }
}

/// One adapter as `saddle devices` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// Index for `--adapter`.
    pub index: usize,
    /// Name of the adapter, from its driver.
    pub name: String,
    /// Graphics API: Vulkan, Metal, DX12.
    pub backend: String,
    /// discrete, integrated, virtual, software or other.
    pub kind: &'static str,
    /// Driver and version.
    pub driver: String,
    /// Maximum size of one storage binding, in bytes.
    pub max_binding: u64,
    /// Maximum size of one buffer, in bytes.
    pub max_buffer: u64,
    /// Maximum workgroup memory, in bytes.
    pub workgroup_memory: u32,
    /// Maximum number of invocations of a workgroup.
    pub workgroup_invocations: u32,
    /// Minimum and maximum number of invocations of a subgroup.
    pub subgroup_size: [u32; 2],
    /// Whether shaders can compute in half precision.
    pub f16: bool,
    /// Whether shaders have subgroup operations.
    pub subgroups: bool,
    /// Whether shaders can use its matrix units.
    pub cooperative_matrix: bool,
    /// Whether it can time its own work.
    pub timestamps: bool,
    /// The reason why the adapter cannot be used, if there is one.
    pub unfit: Option<String>,
    /// The reason why a run without `--adapter` picks this adapter, if it does.
    pub picked: Option<String>,
}

/// Keeps Mesa's device-selection layer from complaining on stderr where there is no display.
///
/// # Safety
/// Call it before any other thread is started: it sets an environment variable.
#[expect(unsafe_code, reason = "the environment is shared by all threads")]
pub unsafe fn quiet_loader() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() && std::env::var_os("NODEVICE_SELECT").is_none() {
        // SAFETY: the caller promises that no other thread reads the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// All adapters, best first. `WGPU_BACKEND` narrows them down; GLES is looked at only when it asks for it.
pub fn adapters() -> Vec<Adapter> {
    let backends = Backends::from_env().unwrap_or(Backends::PRIMARY);
    let instance =
        Instance::new(InstanceDescriptor { backends, ..InstanceDescriptor::new_without_display_handle().with_env() });
    let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
    adapters.sort_by_key(|a| (unfit(a).is_some(), rank(a)));
    adapters
}

fn rank(adapter: &Adapter) -> u8 {
    match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    }
}

fn kind(adapter: &Adapter) -> &'static str {
    ["discrete", "integrated", "virtual", "other", "software"][rank(adapter) as usize]
}

fn is_software(adapter: &Adapter) -> bool {
    adapter.get_info().device_type == DeviceType::Cpu
}

fn unfit(adapter: &Adapter) -> Option<String> {
    let bindings = adapter.limits().max_storage_buffers_per_shader_stage;
    if !adapter.get_downlevel_capabilities().flags.contains(DownlevelFlags::COMPUTE_SHADERS) {
        Some("it has no compute shaders".into())
    } else if bindings < STORAGE_BUFFERS {
        Some(format!("it binds {bindings} storage buffers, {STORAGE_BUFFERS} are needed"))
    } else {
        None
    }
}

fn title(adapter: &Adapter) -> String {
    let info = adapter.get_info();
    format!("{} ({}, {})", info.name, info.backend, kind(adapter))
}

/// Picks by `--adapter` (an index, part of a name, or `cpu`), else by `WGPU_ADAPTER_NAME`, else the best real GPU,
/// else the CPU runner.
pub fn choose(requested: Option<&str>) -> Result<Choice> {
    let named = std::env::var("WGPU_ADAPTER_NAME").ok().filter(|name| !name.is_empty());
    match requested {
        Some(request) => pick(request, "--adapter"),
        None => match named {
            Some(name) => pick(&name, "WGPU_ADAPTER_NAME"),
            None => Ok(best(adapters())),
        },
    }
}

/// The index of the GPU for the n-th process of this machine that takes the next one; none where a GPU is named, or
/// there is none.
pub fn in_turn(n: usize) -> Option<String> {
    let is_named = std::env::var("WGPU_ADAPTER_NAME").is_ok_and(|name| !name.is_empty());
    let all = adapters();
    let fit: Vec<usize> = (0..all.len()).filter(|&i| !is_software(&all[i]) && unfit(&all[i]).is_none()).collect();
    (!is_named && !fit.is_empty()).then(|| fit[n % fit.len()].to_string())
}

fn best(adapters: Vec<Adapter>) -> Choice {
    let software = adapters.iter().find(|a| is_software(a)).map(title);
    match adapters.into_iter().find(|a| !is_software(a) && unfit(a).is_none()) {
        Some(adapter) => {
            Choice::Gpu { reason: format!("the best GPU here: {}", title(&adapter)), adapter: Box::new(adapter) }
        }
        None => Choice::Cpu {
            reason: match software {
                Some(name) => format!("no GPU here, and the CPU runner is faster than {name}"),
                None => "no GPU here".into(),
            },
        },
    }
}

fn pick(request: &str, source: &str) -> Result<Choice> {
    let wanted = request.trim().to_lowercase();
    if wanted == "cpu" {
        return Ok(Choice::Cpu { reason: format!("{source} asks for it") });
    }
    let adapters = adapters();
    let found = match wanted.parse::<usize>() {
        Ok(index) => (index < adapters.len()).then_some(index),
        Err(_) => adapters.iter().position(|a| !wanted.is_empty() && title(a).to_lowercase().contains(&wanted)),
    };
    let Some(index) = found else {
        return Err(Error::usage(unknown(&adapters, request, source)));
    };
    let adapter = adapters.into_iter().nth(index).expect("an index that was just found");
    match unfit(&adapter) {
        Some(why) => Err(Error::usage(format!("{source} {request}: {} cannot be used: {why}", title(&adapter)))),
        None => {
            let slow = if is_software(&adapter) { ", no GPU but software on the processor: cpu is faster" } else { "" };
            let reason = format!("{source} asks for {}{slow}", title(&adapter));
            Ok(Choice::Gpu { reason, adapter: Box::new(adapter) })
        }
    }
}

fn unknown(adapters: &[Adapter], request: &str, source: &str) -> String {
    let there: Vec<String> =
        adapters.iter().enumerate().map(|(i, a)| format!("{i}: {}", title(a))).chain(["cpu".into()]).collect();
    format!("{source} {request}: no such adapter; by number or name there are {}", there.join("; "))
}

/// What `saddle devices` shows: every adapter, and why a run would use the one that it would; where none is picked, the
/// CPU runner is, for the reason given beside the list.
pub fn list() -> Result<(Vec<Listed>, String)> {
    let choice = choose(None)?;
    let picked = match &choice {
        Choice::Gpu { adapter, .. } => Some(adapter.get_info()),
        Choice::Cpu { .. } => None,
    };
    let describe = |(index, a): (usize, Adapter)| {
        let (info, limits, features) = (a.get_info(), a.limits(), a.features());
        Listed {
            index,
            kind: kind(&a),
            backend: info.backend.to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            max_binding: limits.max_storage_buffer_binding_size,
            max_buffer: limits.max_buffer_size,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            subgroup_size: [info.subgroup_min_size, info.subgroup_max_size],
            f16: features.contains(Features::SHADER_F16),
            subgroups: features.contains(Features::SUBGROUP),
            cooperative_matrix: features.contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
            timestamps: features.contains(Features::TIMESTAMP_QUERY),
            unfit: unfit(&a),
            picked: (picked.as_ref() == Some(&info)).then(|| choice.reason().to_string()),
            name: info.name,
        }
    };
    Ok((adapters().into_iter().enumerate().map(describe).collect(), choice.reason().to_string()))
}
