//! The classes of items, and a choice of a few of them.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use super::{Dataset, npy::Array, product};
use crate::error::{Error, Result, counted};
use crate::memory;

/// Labels are whole numbers of at most this magnitude.
const MAX_LABEL: f64 = 16_777_215.0;

/// The class of each item, or of some of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// One class per item, each below `names.len()`, or [`Labels::NONE`].
    pub ids: Vec<u32>,
    /// The name of each class.
    pub names: Vec<String>,
}

impl Labels {
    /// In place of the class of an item that has no label.
    pub const NONE: u32 = u32::MAX;

    /// Number of items without a label.
    pub fn missing(&self) -> usize {
        self.ids.iter().filter(|id| **id == Self::NONE).count()
    }

    /// Number of items of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.names.len()];
        self.known().for_each(|(_, class)| counts[class] += 1);
        counts
    }

    /// The items that have a label, and their classes.
    pub fn known(&self) -> impl Iterator<Item = (usize, usize)> {
        let classes = self.ids.iter().enumerate();
        classes.filter(|(_, id)| **id != Self::NONE).map(|(place, id)| (place, *id as usize))
    }
}

/// The places of `wanted` examples, for each class below `count`, of those with these places and classes: of each class
/// as many as of the others, as far as there are. Those with the smallest hashes of seed and place, so that the choice
/// is a function of seed and data alone.
pub fn few(classes: impl Iterator<Item = (usize, usize)>, count: usize, wanted: usize, seed: u64) -> Vec<Vec<usize>> {
    let hash = |place: usize| Xoshiro256PlusPlus::seed_from_u64(seed ^ (place as u64).rotate_left(32)).next_u64();
    let mut of_class = vec![vec![]; count];
    classes.for_each(|(place, class)| of_class[class].push((hash(place), place)));
    of_class.iter_mut().for_each(|places| places.sort_unstable());
    let (mut chosen, mut left) = (vec![vec![]; count], wanted);
    for turn in 0..of_class.iter().map(Vec::len).max().unwrap_or(0) {
        for (places, chosen) in of_class.iter().zip(&mut chosen) {
            if let Some((_, place)) = places.get(turn).filter(|_| left > 0) {
                chosen.push(*place);
                left -= 1;
            }
        }
    }
    chosen
}

/// The different labels in order, but for those that stand for none; or the reason why they are no classes.
pub(super) fn classes(labels: &Array, missing: impl Fn(f64) -> bool) -> Result<Vec<i64>, String> {
    if labels.shape[1..].iter().any(|&extent| extent != 1) {
        return Err(format!("its shape is [{}], and a class is one whole number an example", product(&labels.shape)));
    }
    let values = || labels.values().filter(|value| !missing(*value));
    if let Some(value) = values().find(|value| !(value.abs() <= MAX_LABEL && value.fract() == 0.0)) {
        return Err(format!("it holds {value}, and a class is a whole number"));
    }
    let mut numbers: Vec<i64> = values().map(|value| value as i64).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

impl Dataset {
    /// Number of items without a class, of data with classes.
    pub fn unlabelled(&self) -> usize {
        self.labels.as_ref().map_or(0, Labels::missing)
    }

    /// The class of each item; `None` where some have none.
    pub fn complete_labels(&self) -> Option<&Labels> {
        self.labels.as_ref().filter(|labels| labels.missing() == 0)
    }

    /// The class of each example; `None` where some have none, and where an example is made of several items.
    pub fn classes_of_examples(&self) -> Option<&Labels> {
        self.complete_labels().filter(|_| self.stack == 1)
    }

    /// The classes that are known of examples; `None` without, and where an example is made of several items.
    pub fn labels_of_examples(&self) -> Option<&Labels> {
        self.labels.as_ref().filter(|_| self.stack == 1)
    }

    /// The examples, `wanted` in all, whose labels a model with few labels sees, by class: see [`few`].
    ///
    /// # Errors
    /// `Usage` for data without classes, with fewer labels than wanted, or with a class of which there is none.
    pub fn labelled(&self, wanted: usize, seed: u64) -> Result<Vec<Vec<usize>>> {
        let name = &self.name;
        let Some(labels) = self.labels_of_examples() else {
            return Err(Error::usage(format!("labelled={wanted} needs classes, and `{name}` has none")));
        };
        let chosen = few(labels.known(), labels.names.len(), wanted, seed);
        if let Some(class) = chosen.iter().position(Vec::is_empty) {
            return Err(Error::usage(format!(
                "labelled={wanted} has to show one example or more of each of the {}, and shows none of `{}`",
                counted(labels.names.len(), "class"),
                labels.names[class]
            )));
        }
        match chosen.iter().map(Vec::len).sum::<usize>() {
            found if found < wanted => Err(Error::usage(format!(
                "labelled={wanted}: `{name}` has {} whose class is known",
                counted(found, "example")
            ))),
            _ => Ok(chosen),
        }
    }

    /// The set with the examples of [`Dataset::labelled`] in front.
    ///
    /// # Errors
    /// Those of [`Dataset::labelled`]; too little memory for a second copy.
    ///
    /// # Panics
    /// If the items are in a file.
    pub fn with_labelled_first(&self, wanted: usize, seed: u64) -> Result<Self> {
        let mut order = self.labelled(wanted, seed)?.concat();
        memory::ensure(self.content()[0].len() as u64)?;
        let mut is_chosen = vec![false; self.len()];
        order.iter().for_each(|&place| is_chosen[place] = true);
        order.extend((0..self.len()).filter(|&place| !is_chosen[place]));
        let mut set = self.clone();
        set.take(&order);
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_of_each_class_are_chosen_by_the_seed_alone() {
        let classes = || (0..100).map(|i| (i, usize::from(i % 10 == 3)));
        let chosen = few(classes(), 2, 12, 7);
        assert_eq!([chosen[0].len(), chosen[1].len()], [6, 6]);
        assert!(chosen[1].iter().all(|place| place % 10 == 3));
        assert_eq!(chosen, few(classes(), 2, 12, 7));
        assert_ne!(chosen, few(classes(), 2, 12, 8));
        // The class with few gives all, and the other one more.
        let all = few(classes(), 2, 30, 7);
        assert_eq!([all[0].len(), all[1].len()], [20, 10]);
        assert!(chosen.iter().zip(&all).all(|(some, all)| some.iter().all(|place| all.contains(place))));
    }
}
