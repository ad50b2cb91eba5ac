//! Classes of examples from few labels, by the neighbours of their codes.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    path::Path,
};

use super::{CLASSES, Coder, Codes, Encoder, all, in_pieces, layer::is_judge};
use crate::{
    data::{Dataset, few},
    error::{Error, Result, counted},
    files,
    metrics::{
        Points, choose,
        probes::{JOINED, Neighbour, nearest, others, poisson_learning, weighted_majority},
    },
    models::HIDDEN,
    origin::Origin,
    settings::Settings,
    trained::Trained,
};

/// Most examples that labels spread among: the distances of all pairs are computed.
const MOST: usize = 60_000;

/// The labels of some examples of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The name of each class.
    pub names: Vec<String>,
    /// Numbers of examples, each at most once, and of their classes.
    pub labels: Vec<(usize, usize)>,
    /// Number of labels of examples that a run holds out, which are not used.
    pub held_out: usize,
}

impl Known {
    /// The labels that a data set has.
    ///
    /// # Errors
    /// None; fewer than two classes; a class without an example.
    pub fn of(data: &Dataset) -> Result<Self> {
        let labels = data.labels_of_examples().ok_or_else(|| {
            Error::usage(format!(
                "`{}` has no labels: --labels FILE.csv gives some of its examples a class (`name,class`)",
                data.name
            ))
        })?;
        Self { names: labels.names.clone(), labels: labels.known().collect(), held_out: 0 }
            .checked(&format!("`{}`", data.name))
    }

    /// The labels in a CSV table with columns `name` and `class`. Names are those of [`Dataset::name_of`]; an empty
    /// class is no label, and other columns are not read. Labels of the examples that a run holds out are only counted.
    ///
    /// # Errors
    /// A file that cannot be read or lacks these columns; a name that no example has, or several have; two classes for
    /// one example; fewer than two classes.
    pub fn read(path: &Path, data: &Dataset, held_out: Option<&Dataset>) -> Result<Self> {
        let file = format!("`{}`", path.display());
        let text = files::read_text(path).map_err(|error| Error::failure(format!("cannot read {file}: {error}")))?;
        let broken = |error: csv::Error| Error::failure(format!("{file}: {error}"));
        let mut table = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let header = table.headers().map_err(broken)?;
        let column = |wanted: &str| header.iter().position(|name| name.trim() == wanted);
        let (Some(name), Some(class)) = (column("name"), column("class")) else {
            return Err(Error::usage(format!("{file}: the first line has to name the columns `name` and `class`")));
        };
        let mut numbers: HashMap<String, Option<usize>> = HashMap::new();
        for i in 0..data.len() {
            numbers.entry(data.name_of(i)).and_modify(|number| *number = None).or_insert(Some(i));
        }
        let others: BTreeSet<String> = held_out.iter().flat_map(|set| (0..set.len()).map(|i| set.name_of(i))).collect();
        // The end of a path may stand for it, or a path that ends with it, where only one example is meant.
        let mut by_file: HashMap<&str, Vec<&String>> = HashMap::new();
        numbers.keys().chain(&others).for_each(|name| by_file.entry(file_of(name)).or_default().push(name));
        let meant = |name: &str| {
            let ends = |whole: &str, end: &str| whole.strip_suffix(end).is_some_and(|rest| rest.ends_with('/'));
            let alike = by_file.get(file_of(name)).into_iter().flatten();
            let mut alike = alike.filter(|other| ends(other, name) || ends(name, other));
            alike.next().filter(|_| alike.next().is_none()).map(|other| (*other).clone())
        };
        let (mut classes, mut left): (HashMap<usize, String>, usize) = (HashMap::new(), 0);
        for record in table.records() {
            let record = record.map_err(broken)?;
            let (name, class) = (&record[name], record[class].trim());
            let line = record.position().map_or(0, csv::Position::line);
            let wrong = |what: String| Err(Error::usage(format!("{file}, line {line}: {what}")));
            if class.is_empty() {
                continue;
            }
            let is_whole = numbers.contains_key(name) || others.contains(name);
            let name = &meant(name).filter(|_| !is_whole).unwrap_or_else(|| name.to_owned());
            match numbers.get(name) {
                None if others.contains(name) => left += 1,
                None => {
                    return wrong(format!("`{}` has no example `{name}`; `saddle encode` lists the names", data.name));
                }
                Some(None) => return wrong(format!("`{}` has several examples `{name}`", data.name)),
                Some(Some(number)) => match classes.entry(*number) {
                    Entry::Occupied(before) if before.get() != class => {
                        return wrong(format!("`{name}` is `{class}` here and `{}` before", before.get()));
                    }
                    Entry::Occupied(_) => {}
                    Entry::Vacant(free) => {
                        free.insert(class.to_owned());
                    }
                },
            }
        }
        let names: BTreeSet<&String> = classes.values().collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let number = |class: &String| names.binary_search(class).expect("all are there");
        let mut labels: Vec<(usize, usize)> =
            classes.iter().map(|(example, class)| (*example, number(class))).collect();
        labels.sort_unstable();
        Self { names, labels, held_out: left }.checked(&file)
    }

    /// The labels of a data set that a run with `labelled` has seen.
    ///
    /// # Errors
    /// Those of [`Known::of`].
    pub fn seen(data: &Dataset, s: &Settings) -> Result<Self> {
        let Self { names, labels, .. } = Self::of(data)?;
        let seen = few(labels.into_iter(), names.len(), s.labelled, s.seed).into_iter().enumerate();
        let labels = seen.flat_map(|(class, places)| places.into_iter().map(move |place| (place, class)));
        Ok(Self { labels: labels.collect(), names, held_out: 0 })
    }

    fn checked(self, whose: &str) -> Result<Self> {
        if self.names.len() < 2 {
            let found = self.names.first().map_or("none".into(), |name| format!("`{name}` alone"));
            return Err(Error::usage(format!(
                "{whose}: labels of two classes or more are needed, and there is {found}"
            )));
        }
        let mut counts = vec![0; self.names.len()];
        self.labels.iter().for_each(|(_, class)| counts[*class] += 1);
        match counts.iter().position(|count| *count == 0) {
            Some(class) => Err(Error::usage(format!(
                "{whose}: class `{}` has no example here, and each needs one or more",
                self.names[class]
            ))),
            None => Ok(self),
        }
    }
}

/// The last part of a name that is a path.
fn file_of(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A classifier of codes: labels spread over the graph of the nearest neighbours of examples (Poisson learning, Calder
/// et al. 2020), and others go by the weighted vote of the nearest of these.
pub struct Classifier {
    values: Vec<f64>,
    width: usize,
    classes: Vec<usize>,
    count: usize,
}

impl Classifier {
    /// The classifier by the codes of `own` examples, some of which have labels; of very many examples, those with
    /// labels and some of the others, by chance.
    ///
    /// # Errors
    /// Too few examples; those of [`Encoder::encode`].
    pub fn new(
        encoder: &mut Encoder,
        own: &Dataset,
        known: &Known,
        seen: &mut dyn FnMut(usize, usize),
    ) -> Result<Self> {
        if own.len() <= JOINED {
            let found = counted(own.len(), "example");
            return Err(Error::usage(format!("`{}` has {found}: too few for {JOINED} neighbours of each", own.name)));
        }
        let class_of: HashMap<usize, usize> = known.labels.iter().copied().collect();
        let items = chosen(own.len(), MOST, |i| class_of.contains_key(&i));
        let codes = encoder.encode_some(own, &items, 0, seen)?;
        let (width, values) = (codes.width(), widened(&codes));
        let places = items.iter().enumerate();
        let labels: Vec<(usize, usize)> =
            places.filter_map(|(n, i)| class_of.get(i).map(|class| (n, *class))).collect();
        let (points, count) = (Points::new(&values, width), known.names.len());
        let mut classes = match labels.len() < items.len() {
            true => poisson_learning(&nearest(points, points, JOINED, true), &labels, count),
            false => vec![0; items.len()],
        };
        // What is known stays, whatever spreads to it.
        labels.iter().for_each(|(place, class)| classes[*place] = *class);
        Ok(Self { values, width, classes, count })
    }

    /// The class of each code, and its share of the vote, 0 to 1. The class of an example itself has no vote, so that a
    /// wrong label can be found.
    pub fn classify(&self, codes: &Codes) -> Vec<(usize, f64)> {
        let values = widened(codes);
        let (points, known) = (Points::new(&values, self.width), Points::new(&self.values, self.width));
        let vote = |(code, near): (&[f64], Vec<Neighbour>)| {
            weighted_majority(&others(near, code, known), &self.classes, self.count)
        };
        values.chunks_exact(self.width).zip(nearest(points, known, JOINED + 1, false)).map(vote).collect()
    }
}

/// A discriminator, or a machine's classifier, that learned classes from labels.
pub struct Learned {
    coder: Coder,
    by: &'static str,
    /// The name of each class.
    pub names: Vec<String>,
}

impl Learned {
    /// That of a run; `None` if it learned no classes.
    ///
    /// # Errors
    /// Those of opening a session; for a discriminator with batch norm, data of the run that is gone; a machine that
    /// has not become a classifier yet.
    pub fn new(trained: &Trained, adapter: Option<&str>) -> Result<Option<Self>> {
        let model = trained.model()?;
        if !model.outputs(HIDDEN).iter().any(|output| output == CLASSES) {
            return Ok(None);
        }
        let (s, step) = (&trained.settings, trained.checkpoint.meta::<u64>("step")?);
        let begins = s.steps - s.finetune + 1;
        if s.finetune > 0 && step <= begins {
            return Err(Error::usage(format!(
                "the classifier of this run learns after step {begins}, and this checkpoint is of step {step}: train \
                 on, or --layer goes by neighbours"
            )));
        }
        let names = Origin::in_checkpoint(&trained.checkpoint)?.unwrap_or_default().classes;
        let by = if is_judge(&model) { "by the discriminator" } else { "by the classifier" };
        Ok(Some(Self { by, coder: Coder::new(trained, &model, &[(HIDDEN, vec![CLASSES])], adapter)?, names }))
    }

    /// What of the model tells the classes, in words.
    pub fn by(&self) -> &'static str {
        self.by
    }

    /// The class of each example of a data set that [`Trained::data_of`] opened, and its probability.
    ///
    /// # Errors
    /// A device that fails; logits that are not finite.
    pub fn classify(&mut self, data: &Dataset, seen: &mut dyn FnMut(usize, usize)) -> Result<Vec<(usize, f64)>> {
        self.classify_some(data, &all(data), seen)
    }

    /// [`Learned::classify`] for the examples with these numbers.
    ///
    /// # Errors
    /// Those of [`Learned::classify`].
    pub fn classify_some(
        &mut self,
        data: &Dataset,
        items: &[usize],
        seen: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<(usize, f64)>> {
        let rows = self.coder.session.rows(HIDDEN, CLASSES);
        let mut found = Vec::with_capacity(items.len());
        in_pieces(data, items, rows, seen, |items, x| {
            let logits = self.coder.rows(HIDDEN, &[CLASSES.to_owned()], &[("x", x)], items.len())?;
            if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
                let name = data.name_of(items[at * items.len() / logits.len()]);
                return Err(Error::failure(format!("the classes of `{name}` are not finite")));
            }
            found.extend(logits.chunks_exact(logits.len() / items.len()).map(likeliest));
            Ok(())
        })?;
        Ok(found)
    }
}

/// The class with the greatest logit, the first of equal ones, and its probability.
fn likeliest(logits: &[f32]) -> (usize, f64) {
    let greater = |best: usize, class: usize| if logits[class] > logits[best] { class } else { best };
    let class = (0..logits.len()).fold(0, greater);
    let off = |logit: &f32| (f64::from(*logit) - f64::from(logits[class])).exp();
    (class, 1.0 / logits.iter().map(off).sum::<f64>())
}

fn widened(codes: &Codes) -> Vec<f64> {
    codes.values.iter().map(|value| f64::from(*value)).collect()
}

/// The numbers of at most `most` of `count` examples, in order: the known ones, and by chance as many of the others as
/// there is room for.
fn chosen(count: usize, most: usize, is_known: impl Fn(usize) -> bool) -> Vec<usize> {
    let (known, others): (Vec<usize>, Vec<usize>) = (0..count).partition(|i| is_known(*i));
    let some = |of: &[usize], most: usize| -> Vec<usize> {
        choose(most.min(of.len()), of.len(), 0).into_iter().map(|n| of[n]).collect()
    };
    let mut all = [some(&known, most), some(&others, most - most.min(known.len()))].concat();
    all.sort_unstable();
    all
}

impl Trained {
    /// The number of the class of each example of `data` in `known`, and its share of the vote of the nearest examples
    /// of `own`, which are those that `known` gives labels to.
    ///
    /// # Errors
    /// Those of [`Encoder`]; too few examples.
    pub fn classify(&self, own: &Dataset, known: &Known, data: &Dataset) -> Result<Vec<(usize, f64)>> {
        let mut encoder = Encoder::new(self, None, None)?;
        let classifier = Classifier::new(&mut encoder, own, known, &mut |_, _| ())?;
        Ok(classifier.classify(&encoder.encode(data, 0, &mut |_, _| ())?))
    }
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn known_examples_are_chosen_first() {
        assert_eq!(chosen(5, 5, |_| false), [0, 1, 2, 3, 4]);
        let some = chosen(80, 40, |i| i % 5 == 2);
        assert!(some.len() == 40 && some.is_sorted() && (0..80).filter(|i| i % 5 == 2).all(|i| some.contains(&i)));
        let some = chosen(80, 20, |i| i != 3);
        assert!(some.len() == 20 && !some.contains(&3));
        // Classes that come in turn are all among them.
        assert!((0..10).all(|class| chosen(1000, 100, |_| true).iter().any(|i| i % 10 == class)));
    }
}
