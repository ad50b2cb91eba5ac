//! What computes products on an adapter: known from its capabilities, or found out by a short measurement that is kept.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use wgpu::{Adapter, BufferUsages, CooperativeScalarType, DeviceType, Features};

use super::{Binding, Device, Pipelines};
use crate::{
    error::Result,
    files,
    kernels::{Body, Caps, Chain, Kernel, MatMul, Matrix},
};

/// Lanes of the subgroups that [`Body::Subgroup`] is for.
const SUBGROUP: u32 = 8;
/// What [`Body::Matrix`] wants of workgroups, and has wherever there are matrix units.
const MEMORY: u32 = 32 << 10;
const LANES: u32 = 256;
/// Side of the product that is measured, and for how long at least.
const SIDE: usize = 1024;
const ENOUGH: Duration = Duration::from_millis(20);
/// How much faster another body must be than the first one, so that chance does not choose.
const FASTER: f64 = 1.1;

/// The bodies that suit an adapter, among them, with `half`, those that round operands to half precision. Where there are several,
/// only a measurement can tell which is the fastest.
pub fn bodies(adapter: &Adapter, half: bool) -> Vec<Body> {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let narrow = [info.subgroup_min_size, info.subgroup_max_size] == [SUBGROUP; 2];
    let on_processor = info.device_type == DeviceType::Cpu && narrow && features.contains(Features::SUBGROUP);
    let roomy = limits.max_compute_workgroup_storage_size >= MEMORY
        && limits.max_compute_invocations_per_workgroup >= LANES
        && features.contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
    let multiplies = |matrix: Matrix| {
        let element = if matrix.is_half() { CooperativeScalarType::F16 } else { CooperativeScalarType::F32 };
        let side = matrix.side() as u32;
        adapter.cooperative_matrix_properties().iter().any(|p| {
            [p.m_size, p.n_size, p.k_size] == [side; 3]
                && (p.ab_type, p.cr_type) == (element, CooperativeScalarType::F32)
        })
    };
    let wanted = |matrix: Matrix| !matrix.is_half() || (half && features.contains(Features::SHADER_F16));
    let matrices = [Matrix::Single8, Matrix::Half8, Matrix::Half16].into_iter();
    let matrices = matrices.filter(|&matrix| roomy && wanted(matrix) && multiplies(matrix)).map(Body::Matrix);
    [if on_processor { Body::Subgroup } else { Body::Tiled }].into_iter().chain(matrices).collect()
}

/// The fastest of some bodies on this device. It is measured once: bodies add in different orders, so that another choice would
/// change the bits of a run.
pub fn fastest(device: &Device, pipelines: &Pipelines, bodies: &[Body]) -> Result<Body> {
    let [first, others @ ..] = bodies else { unreachable!("every adapter has a body") };
    if others.is_empty() {
        return Ok(*first);
    }
    let key = format!("{} {} {} {bodies:?}", device.info.name, device.info.driver, device.info.driver_info);
    let mut known = read();
    if let Some(&body) = known.get(&key).filter(|body| bodies.contains(body)) {
        return Ok(body);
    }
    let seconds = |body| time(device, pipelines, body).map(|time| time.as_secs_f64());
    let mut best = (*first, seconds(*first)? / FASTER);
    for &body in others {
        let seconds = seconds(body)?;
        if seconds < best.1 {
            best = (body, seconds);
        }
    }
    known.insert(key, best.0);
    write(&known);
    Ok(best.0)
}

/// The least time that a product takes.
fn time(device: &Device, pipelines: &Pipelines, body: Body) -> Result<Duration> {
    let (a_transposed, b_transposed, chain) = (false, false, Chain::default());
    let kernel: Kernel = MatMul { batch: 1, m: SIDE, n: SIDE, k: SIDE, a_transposed, b_transposed, chain }.into();
    let launch = kernel.launch(&Caps { product: body, ..device.caps.clone() });
    let groups = launch.groups;
    let pipeline = pipelines.get(device, &[(&kernel, launch)])?.remove(0);
    let bytes = 4 * (SIDE * SIDE) as u64;
    let buffer = |name| device.buffer(name, bytes, BufferUsages::STORAGE);
    let buffers = [buffer("a")?, buffer("b")?, buffer("y")?];
    let bindings = buffers.each_ref().map(|buffer| Binding { buffer, offset: 0, bytes });
    let bound = pipelines.bind(device, &pipeline, "measured", &bindings, &[])?;
    let once = || {
        device.time(|pass| {
            pass.set_pipeline(&pipeline.raw);
            pass.set_bind_group(0, &bound, &[]);
            pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
        })
    };
    let (mut least, mut total) = (once()?, Duration::ZERO);
    while total < ENOUGH {
        let time = once()?;
        (least, total) = (least.min(time), total + time.max(ENOUGH / 100));
    }
    Ok(least)
}

fn path() -> Option<PathBuf> {
    files::cache_folder().map(|folder| folder.join("products.json"))
}

/// What was measured before, by device; nothing, if it cannot be read.
fn read() -> BTreeMap<String, Body> {
    let text = path().and_then(|path| std::fs::read_to_string(path).ok());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// A cache that cannot be written is measured again.
fn write(known: &BTreeMap<String, Body>) {
    let Some(path) = path() else { return };
    let json = serde_json::to_string_pretty(known).expect("plain data is JSON");
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    if made.is_err() || files::write_atomically(&path, json.as_bytes()).is_err() {
        tracing::debug!("{} cannot be written", path.display());
    }
}
