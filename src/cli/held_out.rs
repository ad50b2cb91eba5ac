//! Held-out examples that are measured while training.

use crate::{
    data::{Dataset, Records, Series},
    error::Result,
    graph::numel,
    metrics::table::{Column, Table, overfitting_protection},
    models::{self, BOUND, Examples, JUDGE, RECONSTRUCT},
    objective, origin,
    session::{self, Session},
    settings::Settings,
};

/// Maximum number of held-out examples that are measured.
pub const MEASURED: usize = 512;

/// Maximum number of those that are no sequences of symbols or keys.
const NUMBERS: usize = 256;

/// Most bytes of held-out examples of numbers.
const BYTES: usize = 16 << 20;

/// Number of held-out examples from which on the discriminator's share of them says something.
const FEWEST: usize = 16;

/// Least number of held-out rows, and number of samples, for the share that is known by heart.
const ROWS: usize = 100;
const SAMPLES: usize = 2000;
/// Most rows to learn from for that: more of them are hardly learned by heart.
const MOST: usize = 20_000;

/// Largest standard error of that share: half of the share from which on training warns.
const CLEAR: f64 = 0.1;

/// Examples that a training does not learn from.
pub struct HeldOut {
    /// Sequences of symbols or keys, which choose the best checkpoint.
    pub sequences: Option<Sequences>,
    /// SHA-256 of the part that they are of.
    pub digest: String,
    /// For the discriminator: examples, and as many of the training part, flat.
    judged: Option<[Vec<f32>; 2]>,
    /// Number of these examples.
    count: usize,
    /// Other examples, flat, and the name of the graph that measures them.
    numbers: Option<(&'static str, Vec<f32>)>,
    /// Rows of a table that are learned, and those that are held out.
    rows: Option<(Records, [Table; 2])>,
}

/// Sequences of symbols or keys.
pub struct Sequences {
    /// Their values, flat.
    x: Vec<f32>,
    /// What [`Dataset::spelled`] says of them.
    pub spelled: [f64; 2],
}

impl Sequences {
    /// Nats of each symbol, by a model that has the graph [`BOUND`].
    pub fn nats(&self, session: &mut Session, seed: u64) -> Result<f64> {
        let bounds = session.answers(BOUND, &["elbo"], &self.x, seed)?.remove(0);
        Ok(-mean(&bounds) / self.spelled[0])
    }
}

impl HeldOut {
    /// The part of the data to choose with, as far as the models of these settings measure it; none if there is none,
    /// or none of the same kind.
    pub fn open(settings: &Settings, examples: &Examples, learned: &Dataset) -> Result<Option<Self>> {
        // A discriminator that looks at classes is not asked.
        let variant = models::variant(&settings.variant)?;
        let is_game = variant.options.contains(&"Objective");
        let judges = is_game && !settings.conditional;
        let spells = examples.symbols() || examples.roll();
        // Rows that are drawn by their values are not those of the table.
        let records = match &examples.series {
            Some(Series::Table(records)) if !settings.by_value => Some(records),
            _ => None,
        };
        let encodes = variant.options.contains(&"Autoencoder");
        let model = (!spells && (encodes || !is_game)).then(|| variant.model(settings, examples)).transpose()?;
        let has = |graph| model.as_ref().is_some_and(|model| model.named(&[graph]).next().is_some());
        // Choices of a row are no numbers that an error could be squared of, and a game changes what an error is.
        let rebuilds = encodes && !is_game && examples.heads().is_none();
        let by = if has(BOUND) { Some(BOUND) } else { Some(RECONSTRUCT).filter(|graph| rebuilds && has(graph)) };
        if !judges && !spells && records.is_none() && by.is_none() {
            return Ok(None);
        }
        let Some(dataset) = session::open_validation(settings)?.filter(|dataset| dataset.shape == examples.shape)
        else {
            return Ok(None);
        };
        // Evenly over the part, as a text changes along the way.
        let items = dataset.evenly(MEASURED);
        let sequences = dataset
            .spelled(items.clone())
            .filter(|_| spells)
            .map(|spelled| Sequences { x: items.flat_map(|i| dataset.example(i)).collect(), spelled });
        // Whole batches, as a discriminator may normalise its batch; the examples of a small part repeat. Batches of
        // more than is measured take too long.
        let most = MEASURED.min(BYTES / (4 * numel(&examples.shape)));
        let count = settings.batch * (dataset.len().min(most) / settings.batch).max(1);
        let values =
            |part: &Dataset| (0..count).flat_map(|i| part.example(i * part.len() / count)).collect::<Vec<f32>>();
        let is_fit = dataset.len() >= FEWEST && settings.batch <= most;
        let judged = (judges && is_fit).then(|| [values(&dataset), values(learned)]);
        let some = dataset.evenly(NUMBERS.min(most));
        let numbers = by.map(|graph| (graph, some.flat_map(|i| dataset.example(i)).collect()));
        let all = |part: &Dataset| (0..part.len()).flat_map(|i| part.example(i)).collect::<Vec<f32>>();
        let has_rows = dataset.len() >= ROWS && learned.len() <= MOST;
        let rows = records.filter(|_| has_rows);
        let rows = rows.map(|records| (records.clone(), [learned, &dataset].map(|part| table(records, &all(part)))));
        let held_out = Self { sequences, digest: origin::identity(&dataset), judged, count, numbers, rows };
        let measures = held_out.rows.is_some() || held_out.numbers.is_some() || !held_out.graphs().is_empty();
        Ok(measures.then_some(held_out))
    }

    /// The share of samples that lie nearer to rows that are learned than to held-out ones, beyond chance; of tables
    /// where the rows are enough to tell.
    pub fn by_heart(&self, session: &mut Session, settings: &Settings) -> Result<Option<f64>> {
        let Some((records, [learned, held_out])) = &self.rows else { return Ok(None) };
        let samples = table(records, &session.generate(SAMPLES, settings.seed, None)?);
        let found = overfitting_protection(learned, held_out, &samples, SAMPLES, settings.seed);
        Ok(found.filter(|found| found.error <= CLEAR).map(|found| found.known))
    }

    /// So many of the examples that a discriminator judges, or all of them, flat; none without any.
    pub fn examples(&self, most: usize) -> Option<Vec<f32>> {
        let [held, _] = self.judged.as_ref()?;
        let (len, count) = (held.len() / self.count, self.count.min(most));
        // Evenly over the part, whose order may be that of classes or of time.
        let places = (0..count).map(|i| i * self.count / count);
        Some(places.flat_map(|place| &held[place * len..][..len]).copied().collect())
    }

    /// Names of the graphs that measure them.
    pub fn graphs(&self) -> Vec<&'static str> {
        let graphs = [(BOUND, self.sequences.is_some()), (JUDGE, self.judged.is_some())];
        let graphs = graphs.into_iter().filter(|(_, is_asked)| *is_asked).map(|(name, _)| name);
        // A training has the graph of reconstructions anyway.
        graphs.chain(self.numbers.as_ref().map(|(graph, _)| *graph).filter(|graph| *graph == BOUND)).collect()
    }

    /// The column of metrics on examples that are no sequences of symbols or keys, and its value, where less is better:
    /// nats of an example, by the bound, or the mean squared error of its reconstruction.
    pub fn of_numbers(&self, session: &mut Session, settings: &Settings) -> Result<Option<(&'static str, f64)>> {
        let Some((graph, x)) = self.numbers.as_ref().filter(|(graph, _)| session.has(graph)) else { return Ok(None) };
        if *graph == BOUND {
            let bounds = session.answers(BOUND, &["elbo"], x, settings.seed)?.remove(0);
            return Ok(Some(("held_out_nats", -mean(&bounds))));
        }
        let rebuilt = session.reconstruct(x)?;
        let squares: Vec<f32> = x.iter().zip(&rebuilt).map(|(x, rebuilt)| (x - rebuilt).powi(2)).collect();
        Ok(Some(("held_out_squared_error", mean(&squares))))
    }

    /// How much more often the discriminator takes examples that it learns from for real than held-out ones, as a
    /// difference of shares; none if there is none. `samples` are generated.
    pub fn lead(
        &self,
        session: &mut Session,
        settings: &Settings,
        samples: impl FnOnce(&mut Session) -> Result<Vec<f32>>,
    ) -> Result<Option<f64>> {
        let Some(parts) = self.judged.as_ref().filter(|_| session.has(JUDGE)) else { return Ok(None) };
        let judge = |session: &mut Session, x: &[f32]| {
            session.answers(JUDGE, &["logits"], x, settings.seed).map(|mut outputs| outputs.remove(0))
        };
        let [held, learned] = [judge(session, &parts[0])?, judge(session, &parts[1])?];
        let border = match objective::border(settings.objective) {
            Some(border) => border,
            None => {
                let samples = samples(session)?;
                (mean(&learned) + mean(&judge(session, &samples)?)) / 2.0
            }
        };
        let share = |logits: &[f32]| {
            logits.iter().filter(|logit| f64::from(**logit) > border).count() as f64 / logits.len() as f64
        };
        Ok(Some(share(&learned) - share(&held)))
    }
}

/// Encoded rows as a table: the choices are categories.
fn table(records: &Records, rows: &[f32]) -> Table {
    let (width, choices) = (records.len(), records.choices().len());
    let cells = |n: usize| rows.iter().skip(n).step_by(width);
    let column = |n: usize| match n < choices {
        true => Column::Category(cells(n).map(|choice| *choice as i32 as u32).collect()),
        false => Column::Number(cells(n).map(|score| f64::from(*score)).collect()),
    };
    Table::new(records.names().to_vec(), (0..width).map(column).collect())
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
}
