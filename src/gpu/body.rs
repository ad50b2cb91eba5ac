//! The body that computes products on an adapter: from its capabilities, or from a short measurement that is cached.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use wgpu::{Adapter, CooperativeMatrixProperties, CooperativeScalarType, DeviceType, Features};

use super::{Device, Pipelines};
use crate::{
    error::Result,
    files,
    kernels::{Body, Caps, Chain, MatMul, Matrix},
};

/// Lanes of the subgroups that [`Body::Subgroup`] is for.
const SUBGROUP: u32 = 8;
/// Workgroup memory in bytes, and lanes, that [`Body::Matrix`] needs of a workgroup; [`matrices`] checks both.
const MEMORY: u32 = 32 << 10;
const LANES: u32 = 256;
/// Side of the measured product, and the minimum time of the measurement.
const SIDE: usize = 1024;
const ENOUGH: Duration = Duration::from_millis(20);
/// Minimum speed-up over the first body for another body to be chosen, so that noise does not decide.
const FASTER: f64 = 1.1;

/// Matrices that an adapter's matrix units multiply, if kernels can use these units.
pub fn matrices(adapter: &Adapter) -> Vec<Matrix> {
    let (limits, features) = (adapter.limits(), adapter.features());
    let roomy = limits.max_compute_workgroup_storage_size >= MEMORY
        && limits.max_compute_invocations_per_workgroup >= LANES
        && features.contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
    let properties = adapter.cooperative_matrix_properties();
    let multiplies = |matrix: &Matrix| {
        let half = matrix.is_half();
        let element = if half { CooperativeScalarType::F16 } else { CooperativeScalarType::F32 };
        let fits = |p: &CooperativeMatrixProperties| {
            [p.m_size, p.n_size, p.k_size] == [matrix.side() as u32; 3]
                && (p.ab_type, p.cr_type) == (element, CooperativeScalarType::F32)
        };
        roomy && (!half || features.contains(Features::SHADER_F16)) && properties.iter().any(fits)
    };
    [Matrix::Single8, Matrix::Half8, Matrix::Half16].into_iter().filter(multiplies).collect()
}

/// The bodies that suit an adapter, among them, with `half`, those that round operands to half precision. Where there
/// are several, only a measurement can tell which is the fastest.
pub fn bodies(adapter: &Adapter, half: bool) -> Vec<Body> {
    let info = adapter.get_info();
    let narrow = [info.subgroup_min_size, info.subgroup_max_size] == [SUBGROUP; 2];
    let on_processor = info.device_type == DeviceType::Cpu && narrow && adapter.features().contains(Features::SUBGROUP);
    let matrices = matrices(adapter).into_iter().filter(|matrix| half || !matrix.is_half()).map(Body::Matrix);
    [if on_processor { Body::Subgroup } else { Body::Tiled }].into_iter().chain(matrices).collect()
}

/// The fastest of some bodies on this device. It is measured once: bodies add in different orders, so that another
/// choice would change the bits of a run.
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

/// The minimum time of a product.
fn time(device: &Device, pipelines: &Pipelines, body: Body) -> Result<Duration> {
    let (a_transposed, b_transposed, chain) = (false, false, Chain::default());
    let kernel = MatMul { batch: 1, m: SIDE, n: SIDE, k: SIDE, a_transposed, b_transposed, chain };
    pipelines.time(device, &kernel.into(), &Caps { product: body, ..device.caps.clone() }, ENOUGH)
}

fn path() -> Option<PathBuf> {
    files::cache_folder().map(|folder| folder.join("products.json"))
}

/// The cached bodies by device; empty if the cache cannot be read.
fn read() -> BTreeMap<String, Body> {
    let text = path().and_then(|path| files::read_text(&path).ok());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Writes the cache. On failure, the next run measures again.
fn write(known: &BTreeMap<String, Body>) {
    let Some(path) = path() else { return };
    let json = serde_json::to_string_pretty(known).expect("plain data is JSON");
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    if made.is_err() || files::write_atomically(&path, json.as_bytes()).is_err() {
        tracing::debug!("{} cannot be written", path.display());
    }
}
