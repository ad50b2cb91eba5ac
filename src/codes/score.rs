//! How unusual examples are.

use std::path::Path;

use clap::ValueEnum;

use super::{
    Coder, Encoder, FEATURES, all, drawn, in_pieces,
    layer::{LOGITS, Layer, layers},
    noise,
};
use crate::{
    data::{Dataset, Series, Split},
    error::{Error, Result, counted},
    files::quoted,
    metrics::{
        LogMeanExp, Points, average_precision, choose,
        probes::{JOINED, Neighbour, nearest, others},
        table::area_under_curve,
    },
    models::{DECODE, ENCODE, Examples, HIDDEN, LIKELIHOOD, Model, SWEEP, variant},
    trained::Trained,
};

/// Draws of the posterior for [`By::Bound`], and for [`By::Nll`] unless another number is asked for.
const DRAWS: usize = 16;
const IMPORTANCE: usize = 200;
/// Most of the run's examples whose codes others are compared with, for [`By::Neighbours`].
const COMPARED: usize = 20_000;

/// A formula; x' is the example x, encoded and decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Mean of (x - x')^2
    Squared,
    /// What log p(x given its code) lacks of the most that pixels can have; else -log p, of sequences a step
    Likelihood,
    /// Minus the variational bound, by 16 draws
    Bound,
    /// Minus log p(x) by importance samples
    Nll,
    /// Mean of (x - x')^2, plus that of the last hidden layers of x and x' (f-AnoGAN: Schlegl et al. 2019)
    Features,
    /// Minus the bound of a Boltzmann machine, without log Z
    Energy,
    /// Minus the discriminator's logit
    Critic,
    /// Mean distance of the code to the ten nearest ones of the run's examples, its own aside (Angiulli, Pizzuti 2002)
    Neighbours,
}

impl By {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Squared => "squared",
            Self::Likelihood => "likelihood",
            Self::Bound => "bound",
            Self::Nll => "nll",
            Self::Features => "features",
            Self::Energy => "energy",
            Self::Critic => "critic",
            Self::Neighbours => "neighbours",
        }
    }

    /// The formulas that a model has, the usual one first.
    fn of(model: &Model, name: &str, examples: &Examples) -> Vec<Self> {
        let has = |graph: &str| model.named(&[graph]).next().is_some();
        let (encodes, decodes) = (has(ENCODE), has(ENCODE) && has(DECODE));
        // Differences of numbers of symbols or choices say nothing.
        let subtracts = decodes && !has(SWEEP) && !examples.symbols() && examples.heads().is_none();
        let is_bayesian = model.outputs(ENCODE).len() > 1 && has(LIKELIHOOD);
        let is_game =
            variant(name).is_ok_and(|variant| variant.options.iter().any(|o| o.eq_ignore_ascii_case("objective")));
        let has_likelihood = has(LIKELIHOOD) && !has(SWEEP);
        let is_of_steps = examples.shape.len() == 2 || examples.heads().is_some();
        let there = [
            (Self::Features, subtracts && is_game && !is_of_steps && has(HIDDEN)),
            (Self::Likelihood, has_likelihood && is_of_steps),
            (Self::Squared, subtracts),
            (Self::Likelihood, has_likelihood && !is_of_steps),
            (Self::Energy, has(LIKELIHOOD) && has(SWEEP)),
            (Self::Bound, is_bayesian && encodes),
            (Self::Nll, is_bayesian && encodes),
            (Self::Features, subtracts && has(HIDDEN) && (!is_game || is_of_steps)),
            (Self::Critic, model.outputs(HIDDEN).iter().any(|output| output == LOGITS)),
            (Self::Neighbours, !layers(model).is_empty()),
        ];
        there.into_iter().filter(|(_, is_there)| *is_there).map(|(by, _)| by).collect()
    }
}

/// Scores of examples; higher is more unusual.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// One for each example.
    pub values: Vec<f64>,
    /// -log p of each step of each example, for [`By::Likelihood`] of sequences; NaN for steps that only fill up. Else
    /// empty.
    pub steps: Vec<f64>,
}

/// A model that scores examples.
pub struct Scorer {
    coder: Coder,
    /// The formula.
    pub by: By,
    /// The formulas that the model has, the usual one first.
    pub there: Vec<By>,
    /// Number of importance samples.
    pub importance: usize,
    examples: Examples,
    codes: Vec<String>,
    likelihoods: Vec<String>,
    reads_code: bool,
    neighbours: Option<Neighbours>,
}

/// What codes are compared with.
struct Neighbours {
    layer: Layer,
    /// Number of values of a code.
    width: usize,
    /// What the run learned from, and the codes of some of it, which the first scores find.
    own: Dataset,
    codes: Vec<f64>,
}

impl Neighbours {
    /// The mean distance of the code of each example to the nearest ones, less that of the example itself.
    fn distances(&mut self, coder: &mut Coder, data: &Dataset, seen: &mut dyn FnMut(usize, usize)) -> Result<Vec<f64>> {
        let Self { layer, width, own, codes: known } = self;
        let width = *width;
        let mut of = |data: &Dataset, items: &[usize]| -> Result<Vec<f64>> {
            let codes = coder.codes(layer, width, (data, items), 0, seen)?;
            Ok(codes.into_iter().map(f64::from).collect())
        };
        if known.is_empty() {
            *known = of(own, &choose(COMPARED.min(own.len()), own.len(), 0))?;
        }
        let codes = of(data, &all(data))?;
        let known = Points::new(known, width);
        let near = nearest(Points::new(&codes, width), known, JOINED + 1, false);
        let mean = |(code, near): (&[f64], Vec<Neighbour>)| {
            others(near, code, known).iter().map(|other| other.square.sqrt()).sum::<f64>() / JOINED as f64
        };
        Ok(codes.chunks_exact(width).zip(near).map(mean).collect())
    }
}

impl Scorer {
    /// The scorer by a formula, or by the usual one.
    ///
    /// # Errors
    /// A formula that the model lacks; those of opening a session.
    pub fn new(trained: &Trained, by: Option<By>, adapter: Option<&str>) -> Result<Self> {
        let (model, name) = (trained.model()?, &trained.settings.variant);
        let there = By::of(&model, name, &trained.examples);
        let words = || there.iter().map(|by| by.name()).collect::<Vec<_>>().join(", ");
        let by = match (by, there.first()) {
            (_, None) => return Err(without(trained)),
            (None, Some(by)) => *by,
            (Some(by), _) if there.contains(&by) => by,
            (Some(by), _) => {
                let (by, words) = (by.name(), words());
                return Err(Error::usage(format!("--by {by}: `{name}` has no such score; it has {words}")));
            }
        };
        if by == By::Neighbours {
            return Self::by_neighbours(trained, there, adapter);
        }
        let (codes, likelihoods) = (model.outputs(ENCODE), model.outputs(LIKELIHOOD));
        let reads_code = matches!(by, By::Squared | By::Features | By::Bound | By::Nll)
            || by == By::Likelihood && model.named(&[DECODE]).next().is_some();
        let codes = if matches!(by, By::Bound | By::Nll) { codes } else { codes.into_iter().take(1).collect() };
        let mut wanted: Vec<(&'static str, Vec<&str>)> = vec![];
        if reads_code {
            wanted.push((ENCODE, codes.iter().map(String::as_str).collect()));
        }
        match by {
            By::Squared | By::Features => wanted.push((DECODE, vec!["samples"])),
            By::Critic => wanted.push((HIDDEN, vec![LOGITS])),
            _ => wanted.push((LIKELIHOOD, likelihoods.iter().map(String::as_str).collect())),
        }
        if by == By::Features {
            wanted.push((HIDDEN, vec![FEATURES]));
        }
        let coder = Coder::new(trained, &model, &wanted, adapter)?;
        let examples = trained.examples.clone();
        Ok(Self {
            coder,
            by,
            there,
            importance: IMPORTANCE,
            examples,
            codes,
            likelihoods,
            reads_code,
            neighbours: None,
        })
    }

    fn by_neighbours(trained: &Trained, there: Vec<By>, adapter: Option<&str>) -> Result<Self> {
        let own = trained.data_of(None, Split::Train).map_err(|e| e.at("codes are compared with the run's data"))?;
        let own = own.expect("a part to learn from");
        if own.len() <= JOINED {
            let found = counted(own.len(), "example");
            return Err(Error::usage(format!("--by neighbours: the run learned from {found}: too few for {JOINED}")));
        }
        let encoder = Encoder::new(trained, None, adapter)?;
        let width = encoder.width();
        let Encoder { coder, layer, .. } = encoder;
        Ok(Self {
            coder,
            by: By::Neighbours,
            there,
            importance: IMPORTANCE,
            examples: trained.examples.clone(),
            codes: vec![],
            likelihoods: vec![],
            reads_code: false,
            neighbours: Some(Neighbours { layer, width, own, codes: vec![] }),
        })
    }

    /// Scores of all examples; `seen` is told how many of how many are done.
    ///
    /// # Errors
    /// Scores that are not finite; a device that fails.
    pub fn score(&mut self, data: &Dataset, seen: &mut dyn FnMut(usize, usize)) -> Result<Scores> {
        let finite = |values: &[f64], items: &[usize]| match values.iter().position(|score| !score.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::failure(format!("the score of `{}` is not finite", data.name_of(items[at])))),
        };
        if let Some(neighbours) = &mut self.neighbours {
            let values = neighbours.distances(&mut self.coder, data, seen)?;
            finite(&values, &all(data))?;
            return Ok(Scores { values, steps: vec![] });
        }
        let mut scores = Scores { values: vec![], steps: vec![] };
        let (graph, output) = match self.by {
            By::Critic => (HIDDEN, LOGITS),
            By::Squared | By::Features => (DECODE, "samples"),
            _ => (LIKELIHOOD, "log_p"),
        };
        let rows = self.coder.session.rows(graph, output);
        in_pieces(data, &all(data), rows, seen, |items, x| {
            let found = self.piece(x, items.len())?;
            finite(&found.values, items)?;
            scores.values.extend(found.values);
            scores.steps.extend(found.steps);
            Ok(())
        })?;
        if matches!(self.by, By::Likelihood | By::Bound | By::Nll) {
            let nats = self.of_one_row();
            scores.values.iter_mut().zip(&data.about.faults).for_each(|(nll, found)| *nll += nats * found.len() as f64);
        }
        Ok(scores)
    }

    /// Scores of `count` examples.
    fn piece(&mut self, x: &[f32], count: usize) -> Result<Scores> {
        let codes = self.codes.clone();
        let z = if self.reads_code { self.coder.rows(ENCODE, &codes, &[("x", x)], count)? } else { vec![] };
        let of_values = |values| Ok(Scores { values, steps: vec![] });
        match self.by {
            By::Squared => of_values(distances(x, &self.decoded(&z, count)?, count)),
            By::Features => {
                let made = self.decoded(&z, count)?;
                let [own, of_made] = [x, &made].map(|x| self.one(HIDDEN, FEATURES, &[("x", x)], count));
                let (of_values_, of_features) = (distances(x, &made, count), distances(&own?, &of_made?, count));
                of_values(of_values_.iter().zip(of_features).map(|(a, b)| a + b).collect())
            }
            By::Critic => {
                let logits = self.one(HIDDEN, LOGITS, &[("x", x)], count)?;
                of_values(logits.iter().map(|logit| -f64::from(*logit)).collect())
            }
            By::Energy => {
                let bounds = self.one(LIKELIHOOD, "log_p", &[("x", x)], count)?;
                of_values(bounds.iter().map(|bound| -f64::from(*bound)).collect())
            }
            By::Likelihood => self.likelihood(x, &z, count),
            By::Bound | By::Nll => of_values(self.bounds(x, &z, count)?),
            By::Neighbours => unreachable!("these come from all codes at once"),
        }
    }

    fn one(&mut self, graph: &'static str, output: &str, inputs: &[(&str, &[f32])], count: usize) -> Result<Vec<f32>> {
        self.coder.rows(graph, &[output.to_owned()], inputs, count)
    }

    fn decoded(&mut self, z: &[f32], count: usize) -> Result<Vec<f32>> {
        self.one(DECODE, "samples", &[("z", z)], count)
    }

    fn likelihood(&mut self, x: &[f32], z: &[f32], count: usize) -> Result<Scores> {
        let outputs: Vec<&str> = self.likelihoods.iter().map(String::as_str).collect();
        let found = self.coder.session.answers_to(LIKELIHOOD, &outputs, &[("x", x), ("z", z)], 0)?;
        let of = |name: &str| outputs.iter().position(|output| *output == name).map(|place| &found[place]);
        let log_p = of("log_p").expect("every such graph has it");
        let each = log_p.len() / count;
        let row = |n: usize| log_p[n * each..][..each].iter().map(|log_p| f64::from(*log_p));
        if let Some(ceilings) = of("ceiling") {
            let values = (0..count).map(|n| f64::from(ceilings[n]) - row(n).sum::<f64>()).collect();
            return Ok(Scores { values, steps: vec![] });
        }
        if self.examples.shape.len() == 1 {
            return Ok(Scores { values: (0..count).map(|n| -row(n).sum::<f64>()).collect(), steps: vec![] });
        }
        let does_count = |place: usize| of("counted").is_none_or(|counted| counted[place] > 0.5);
        let steps: Vec<f64> =
            (0..log_p.len()).map(|place| if does_count(place) { -f64::from(log_p[place]) } else { f64::NAN }).collect();
        let mean = |steps: &[f64]| {
            let counted = steps.iter().filter(|nats| !nats.is_nan());
            counted.clone().sum::<f64>() / counted.count().max(1) as f64
        };
        Ok(Scores { values: steps.chunks_exact(each).map(mean).collect(), steps })
    }

    /// The nats of what no row of a table has, as one row more would have made it: see [`About::faults`].
    ///
    /// [`About::faults`]: crate::data::About::faults
    fn of_one_row(&self) -> f64 {
        match &self.examples.series {
            Some(Series::Table(records)) => ((records.learned_from() + 1) as f64).ln(),
            _ => 0.0,
        }
    }

    /// Minus the bound, or minus log p(x), of each example; `posteriors` are means and log variances.
    fn bounds(&mut self, x: &[f32], posteriors: &[f32], count: usize) -> Result<Vec<f64>> {
        let (len, width) = (x.len() / count, posteriors.len() / count);
        let draws = if self.by == By::Bound { DRAWS } else { self.importance };
        let each = || posteriors.chunks_exact(width).zip(x.chunks_exact(len));
        let mut weights = vec![LogMeanExp::default(); count];
        let mut sums = vec![0.0; count];
        for draw in 0..draws {
            let z: Vec<f32> = each().flat_map(|(posterior, x)| drawn(posterior, noise(x, 0, draw))).collect();
            let log_p = self.one(LIKELIHOOD, "log_p", &[("x", x), ("z", &z)], count)?;
            let steps = log_p.len() / count;
            for (n, z) in z.chunks_exact(width / 2).enumerate() {
                let log_p: f64 = log_p[n * steps..][..steps].iter().map(|log_p| f64::from(*log_p)).sum();
                sums[n] += log_p;
                weights[n].add(log_p + log_ratio(z, &posteriors[n * width..][..width]));
            }
        }
        Ok((0..count)
            .map(|n| match self.by {
                By::Bound => divergence(&posteriors[n * width..][..width]) - sums[n] / draws as f64,
                _ => -weights[n].value(),
            })
            .collect())
    }
}

/// Why a model has no score.
fn without(trained: &Trained) -> Error {
    let (s, variant) = (&trained.settings, &trained.settings.variant);
    let why = match () {
        () if s.conditional => {
            "with `conditional`: its networks ask for the class of an example, which is to be judged"
        }
        () => "with these settings: its discriminator looks at conditions or at several examples together",
    };
    let other = if trained.examples.shape.len() == 2 { "rvae" } else { "vae" };
    Error::usage(format!(
        "`{variant}` has no score {why}; train one without, or an autoencoder: saddle train {other} --data {}",
        quoted(Path::new(&s.data))
    ))
}

/// The mean squared difference of each of `count` examples and the one made of it.
fn distances(x: &[f32], made: &[f32], count: usize) -> Vec<f64> {
    let len = x.len() / count;
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    let mean = |(x, made): (&[f32], &[f32])| x.iter().zip(made).map(square).sum::<f64>() / len as f64;
    x.chunks_exact(len).zip(made.chunks_exact(len)).map(mean).collect()
}

/// Means and log variances of a posterior, in pairs.
fn pairs(posterior: &[f32]) -> impl Iterator<Item = [f64; 2]> + '_ {
    let (mean, log_variance) = posterior.split_at(posterior.len() / 2);
    mean.iter().zip(log_variance).map(|(mean, v)| [f64::from(*mean), f64::from(*v)])
}

/// log p(z) - log q(z given x).
fn log_ratio(z: &[f32], posterior: &[f32]) -> f64 {
    let each =
        |(z, [mean, v]): (&f32, [f64; 2])| (f64::from(*z) - mean).powi(2) * (-v).exp() + v - f64::from(*z).powi(2);
    z.iter().zip(pairs(posterior)).map(each).sum::<f64>() / 2.0
}

/// The divergence of a posterior from the prior, in nats.
fn divergence(posterior: &[f32]) -> f64 {
    pairs(posterior).map(|[mean, v]| (mean * mean + v.exp() - v - 1.0) / 2.0).sum()
}

/// The score of each row of a table, the mean over the examples that hold it: its number and that. Examples of one row
/// each, or that are not of a table, are given back. Means over windows find lasting faults better than the likelihoods
/// of the rows' own steps do (results/codes.md).
pub fn by_rows(data: &Dataset, scores: &[f64]) -> Vec<(u32, f64)> {
    let mut sums: std::collections::BTreeMap<u32, (f64, usize)> = std::collections::BTreeMap::new();
    for (i, score) in scores.iter().enumerate() {
        for row in data.rows_of(i) {
            let (sum, count) = sums.entry(*row).or_default();
            *sum += score;
            *count += 1;
        }
    }
    sums.into_iter().map(|(row, (sum, count))| (row, sum / count as f64)).collect()
}

/// The value below which a share of the scores lies, between two of them by their distances, as numpy has it.
pub fn quantile(scores: &[f64], share: f64) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    sorted[below] + part * (sorted[(below + 1).min(sorted.len() - 1)] - sorted[below])
}

/// How well scores tell unusual examples from the others: the area under the ROC curve, where ties count half, and the
/// average precision.
pub fn area_and_precision(scores: &[f64], is_unusual: &[bool]) -> [f64; 2] {
    [area_under_curve(scores, is_unusual), average_precision(scores, is_unusual)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        let scores = [3.0, 1.0, 2.0, 10.0];
        assert_eq!([0.0, 0.5, 1.0].map(|share| quantile(&scores, share)), [1.0, 2.5, 10.0]);
        assert!((quantile(&scores, 0.99) - 9.79).abs() < 1e-12);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
    }

    #[test]
    fn the_divergence_and_the_ratio_agree() {
        let posterior = [0.5, -1.0, 0.2, -0.7];
        // The divergence is the mean of the ratio over draws from the posterior.
        let draws = 200_000;
        let mean =
            (0..draws).map(|draw| -log_ratio(&drawn(&posterior, noise(&[1.0], 3, draw)), &posterior)).sum::<f64>()
                / draws as f64;
        assert!((mean - divergence(&posterior)).abs() < 0.01, "{mean} {}", divergence(&posterior));
    }
}
