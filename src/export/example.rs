//! Inputs and outputs of networks, to check what other programs make of them.

use std::collections::BTreeMap;

use super::{File, Input, Kind, Portable, batches, model, open::opened};
use crate::{
    checkpoint::Tensor,
    engine::Plans,
    error::{Error, Result, counted},
    graph::{Dist, numel},
    kernels::random::{PURPOSE_SAMPLE, normal, philox, uniform},
    models::sample_rows,
    session::{self, Session},
    settings::{LatentDist, Settings},
    trained::Trained,
};

/// A file in safetensors with `rows` rows of inputs, and what each network makes of them here, on the best device if
/// `adapter` is `None`: `sample.z`, `sample.samples` and so on. `seed` determines the inputs.
///
/// # Errors
/// Those of [`Trained::session`]; more rows than there is memory for.
pub fn example(trained: &Trained, portable: &Portable, rows: usize, seed: u64, adapter: Option<&str>) -> Result<File> {
    let model = model(trained, rows)?;
    let mut graphs = vec![];
    for network in &portable.networks {
        let graph = model.named(&[&network.name]).next().expect("the same model with another number of rows").1;
        graphs.push((network.name.as_str(), opened(graph)?.0));
    }
    let (runner, caps, _) = session::open_device(adapter)?;
    let plans = Plans::new(graphs.iter().map(|(name, graph)| (*name, graph)), &caps, None)?;
    session::ensure_memory(&plans, runner.as_ref())?;
    let mut session = Session::new(runner, &trained.settings, trained.examples.clone(), &model, plans)?;
    session.restore(&trained.checkpoint)?;
    let at_once = sample_rows(&Settings { samples: rows, ..trained.settings.clone() }, &trained.examples);
    let mut tensors = BTreeMap::new();
    for (network, (_, graph)) in portable.networks.iter().zip(&graphs) {
        let of_rows = |shape: &[usize]| -> Vec<usize> {
            shape.iter().map(|&extent| batches(extent).map_or(extent, |times| times * rows)).collect()
        };
        let mut inputs = vec![];
        let mut fed = vec![];
        for (stream, input) in (0..).zip(&network.inputs) {
            let shape = of_rows(&input.shape);
            let data = values(input, numel(&shape), [stream, rows as u32], seed);
            // A graph may take more rows at once.
            let mut padded = data.clone();
            padded.resize(data.len() / rows * at_once, 0.0);
            fed.push((input.name.as_str(), padded));
            inputs.push((input.name.as_str(), Tensor { shape, data }));
        }
        let fed: Vec<(&str, &[f32])> = fed.iter().map(|(name, values)| (*name, values.as_slice())).collect();
        session.engine().feed(&network.name, &fed)?;
        let key = |name: &str| format!("{}.{name}", network.name);
        for ((name, place), (own, _)) in network.outputs.iter().zip(graph.outputs()) {
            let (shape, mut data) = (of_rows(network.shape(*place)), session.engine().output(&network.name, &own)?);
            data.truncate(numel(&shape));
            tensors.insert(key(name), Tensor { shape, data });
        }
        tensors.extend(inputs.into_iter().map(|(name, tensor)| (key(name), tensor)));
    }
    let bytes = safetensors::serialize(tensors.iter(), None)
        .map_err(|error| Error::failure(format!("the example cannot be written: {error}")))?;
    let about = format!("{} of inputs and outputs", counted(rows, "row"));
    Ok(File { name: "example.safetensors".into(), bytes, about })
}

/// `count` values for an input.
fn values(input: &Input, count: usize, stream: [u32; 2], seed: u64) -> Vec<f32> {
    let key = [seed as u32, (seed >> 32) as u32];
    let bits = |n: usize| philox([(n / 4) as u32, stream[0], stream[1], PURPOSE_SAMPLE], key)[n % 4];
    let classes = input.shape.last().copied().unwrap_or(1);
    let value = |n: usize| match input.kind {
        Kind::Latent(LatentDist::Normal) | Kind::Noise(Dist::Normal) | Kind::Values => normal::<f32>(bits(n)),
        Kind::Latent(LatentDist::Uniform) => 2.0 * uniform::<f32>(bits(n)) - 1.0,
        Kind::Latent(LatentDist::Unit) | Kind::Noise(Dist::Uniform) | Kind::Examples => uniform::<f32>(bits(n)),
        Kind::Noise(Dist::Bernoulli(p)) => f32::from(uniform::<f32>(bits(n)) < p.get() as f32),
        Kind::Classes => f32::from(n / classes % classes == n % classes),
        Kind::Symbols(symbols) if n == 0 && input.shape.len() == 1 => {
            if symbols > 0 {
                -1.0
            } else {
                0.0
            }
        }
        Kind::Symbols(symbols) => (bits(n) as usize % symbols.max(1)) as f32,
        Kind::Bits => (bits(n) & 1) as f32,
    };
    (0..count).map(value).collect()
}
