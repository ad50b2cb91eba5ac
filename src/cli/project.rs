//! `saddle sample --project`: the latent vectors whose samples are nearest to given examples.

use std::path::{Path, PathBuf};

use super::{
    arrays::{npy, table},
    destination::Destination,
    print,
    progress::Patient,
    sample::{Drawn, Wanted},
    shown, tell,
    trained::{Asked, given_to},
};
use crate::{
    checkpoint::Tensor,
    cpu::Cpu,
    data::Given,
    engine::Plans,
    error::{Error, Result},
    files::write_atomically,
    graph::numel,
    models::{LATENT, Model, PROJECT, SAMPLE, projection},
    report::Way,
    session::{Session, mean_square},
    trained::Trained,
};

/// Most examples with a line of distances of their own.
const LINES: usize = 16;
/// Most training examples that are compared with each given one.
const COMPARED: usize = 20_000;

/// The examples of a file or folder. Gives the trained model as many rows as their projection takes, and room for the
/// latent vectors.
///
/// # Errors
/// A model that draws no samples of numbers from latent vectors alone; a file that has no such examples.
pub fn read(path: &Path, trained: &mut Trained) -> Result<Given> {
    let given = given_to(path, trained, "--project")?;
    trained.settings.samples = Session::projection_rows(given.values.len() / numel(&trained.examples.shape));
    Ok(given)
}

/// Adds the graph [`PROJECT`] to a model, and its first states to the checkpoint.
///
/// # Errors
/// Samples that are no function of a latent vector alone.
pub fn add(model: &mut Model, trained: &mut Trained) -> Result<()> {
    let sample = trained.model()?.graphs.into_iter().find(|(name, _)| *name == SAMPLE).map(|(_, graph)| graph);
    let graph = sample.and_then(|graph| projection(graph, trained.settings.latent_dist)).ok_or_else(|| {
        let variant = &trained.settings.variant;
        Error::usage(format!("--project: the samples of `{variant}` are drawn with more than a latent vector"))
    })?;
    let plans = Plans::new([(PROJECT, &graph)], &Cpu::caps(), None)?;
    for item in plans.items().into_iter().filter(|item| item.name.split('.').next() == LATENT.split('.').next()) {
        let data = vec![0.0; numel(&item.shape)];
        trained.checkpoint.tensors.insert(item.name, Tensor { shape: item.shape, data });
    }
    model.graphs.push((PROJECT, graph));
    Ok(())
}

/// The samples nearest to given examples, with these. Their latent vectors are written beside them, with names and how
/// near they are, which is printed too.
pub fn draw(
    wanted: &Wanted,
    given: &Given,
    class: Option<usize>,
    trained: &Asked,
    session: &mut Session,
) -> Result<Drawn> {
    if trained.settings.conditional && class.is_none() {
        return Err(Error::usage("--project: the model draws a class at a time; say which by --class"));
    }
    let (len, seed) = (numel(&trained.examples.shape), wanted.args.seed);
    let mut patient = Patient::new("latent vectors");
    let found = session.project(&given.values, seed, class, &mut |done, all| patient.seen(done, all))?;
    patient.finish();
    let samples = session.decode(&found.z, found.errors.len(), seed, class)?;
    let [place, names] = files(&wanted.to)?;
    let count = found.errors.len();
    let root = |square: &f32| format!("{:.3}", square.sqrt());
    let row = |n: usize| [n.to_string(), given.name(n), root(&found.errors[n])];
    write_atomically(&place, &npy(found.z, &[session.latent_size()])?)?;
    write_atomically(&names, &table(&["row", "name", "distance"].map(String::from), (0..count).map(row)))?;
    print(format!("latent vectors in {}, their names and distances in {}", shown(&place), shown(&names)))?;
    let nearest = nearest(&given.values, len, trained);
    for n in 0..count.min(LINES) {
        let of_data =
            nearest.as_ref().map_or(String::new(), |(squares, what)| format!(", {what} {}", root(&squares[n])));
        let (own, random) = (root(&found.errors[n]), root(&found.random[n]));
        print(format!("{}: found at distance {own}{of_data}, random samples {random}", given.name(n)))?;
    }
    if count > LINES {
        print(format!("and {} more", count - LINES))?;
    }
    if count > 1 {
        let mean = |squares: &[f32]| {
            let sum: f32 = squares.iter().map(|square| square.sqrt()).sum();
            format!("{:.3}", sum / squares.len() as f32)
        };
        let of_data = nearest.map_or(String::new(), |(squares, what)| format!(", {what} {}", mean(&squares)));
        let (own, random) = (mean(&found.errors), mean(&found.random));
        print(format!("mean: found at distance {own}{of_data}, random samples {random}"))?;
    }
    Ok(Drawn { samples, originals: given.values.clone(), name: "given", way: Way::Pairs("found"), what: "projection" })
}

/// Where latent vectors and their names go: beside the samples.
pub fn files(to: &Destination) -> Result<[PathBuf; 2]> {
    let vectors = to.beside("z.npy");
    let vectors = vectors
        .ok_or_else(|| Error::usage("--out -: --project writes files, samples and latent vectors with names"))?;
    let names = vectors.with_extension("names.csv");
    Ok([vectors, names])
}

/// The mean squared difference of each given example and the nearest that the model learned from, and what that is
/// called; if the data cannot be used, that is told, and there is none.
fn nearest(given: &[f32], len: usize, trained: &Asked) -> Option<(Vec<f32>, String)> {
    let set = trained.data().map_err(|error| tell(format_args!("no distance to training data: {error}"))).ok()?;
    let mut squares = vec![f32::INFINITY; given.len() / len];
    let compared = set.evenly(COMPARED);
    let count = compared.clone().count();
    for example in compared.map(|i| set.example(i)) {
        for (x, least) in given.chunks(len).zip(&mut squares) {
            *least = least.min(mean_square(x, &example));
        }
    }
    Some((squares, format!("nearest of {count} training examples")))
}
