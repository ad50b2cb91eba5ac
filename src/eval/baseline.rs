//! The baseline of models of text: an `lstm` that learns by likelihood alone. At a lower temperature it beats GANs of
//! text in quality and diversity at once (Caccia et al. 2020), so it stands beside each.

use super::{Setup, cached_name};
use crate::{
    checkpoint::Checkpoint,
    data::Dataset,
    engine::Plans,
    error::{Error, Result},
    models::{self, CONTINUE},
    session::{self, Session},
    settings::{Layer, Settings},
};

/// Version of the training in this file: change it whenever a trained baseline would differ.
const RECIPE: u32 = 1;
/// Updates of a full training.
const ROUNDS: u64 = 4000;
/// Updates between two looks at whether the numbers are still finite.
const PIECE: u64 = 200;
/// Sequences that are drawn together.
const ROWS: &str = "250";

/// An `lstm` with the layers of the settings `like`, which learned the training part by likelihood: from the cache if
/// it was trained before. It can only go on with sequences ([`Session::write`]).
///
/// # Errors
/// A set that is not of sequences, a training that diverges, a device that fails.
pub fn baseline(train: &Dataset, like: &Settings, setup: &Setup) -> Result<Session> {
    let rounds = setup.updates(ROUNDS);
    let mut layer = Layer::default();
    let sizes = [("units", like.units), ("depth", like.depth)].map(|(key, size)| (key, size.to_string()));
    let counts = [("steps", rounds), ("seed", setup.seed)].map(|(key, count)| (key, count.to_string()));
    for (key, text) in sizes.iter().chain(&counts) {
        layer.set(key, text, "");
    }
    layer.set("variant", "lstm", "");
    layer.set("samples", ROWS, "");
    let settings = Settings::resolve(&models::menu(), &[layer])?;
    let examples = session::examples(train);
    let model = models::variant("lstm")?.model(&settings, &examples)?;
    let [units, depth] = [like.units, like.depth];
    let name = format!("{units}x{depth}-{rounds}-{}-v{RECIPE}", setup.seed);
    let name = cached_name("baselines", train, &train.shape, &name);
    let fit = || -> Result<Checkpoint> {
        let (runner, caps) = (setup.device)()?;
        let mut session = Session::on(runner, &caps, &model, &settings, train)?;
        while session.step() < rounds {
            session.train(PIECE.min(rounds - session.step()))?;
            (setup.seen)("an lstm learns the same data, to stand beside", session.step(), rounds);
        }
        session.checkpoint()
    };
    let open = |checkpoint: &Checkpoint| {
        let (runner, caps) = (setup.device)()?;
        let plans = Plans::new(model.named(&[CONTINUE]), &caps, None)?;
        session::check_states(checkpoint, &plans)?;
        let mut session = Session::new(runner, &settings, examples.clone(), &model, plans)?;
        session.restore(checkpoint)?;
        Ok(session)
    };
    let here = |error: Error| error.at("the baseline, an `lstm`");
    setup.kept(&name, fit, open).map_err(here)
}
