//! Holding out examples of data without a test part: images and points at random, of series the last ones.

use std::path::Path;

use super::random::Root;
use super::windows::{self, Cut};
use super::{About, Dataset, Items, Labels, Options, Split, SymbolKind, Symbols, items};
use crate::error::{Error, Result};

/// Smallest number of examples to hold some out of.
const FEWEST: usize = 20;

/// The number of held-out items of `count`.
fn share(count: usize, options: &Options) -> usize {
    (count as f64 * f64::from(options.holdout)).round() as usize
}

/// Whether some of `examples` examples are held out.
fn is_enough(examples: usize, options: &Options) -> bool {
    options.holdout > 0.0 && examples >= FEWEST
}

/// Whether each of `count` examples is held out: the last ones of a series, else a random choice.
pub(super) fn held(count: usize, is_series: bool, options: &Options) -> Vec<bool> {
    match is_enough(count, options) {
        false => vec![false; count],
        true => {
            let held = share(count, options).clamp(1, count - 1);
            if is_series { (0..count).map(|i| i >= count - held).collect() } else { drawn(count, held, options.seed) }
        }
    }
}

/// Whether each row is held out, where those of each group are together.
pub(super) fn of_groups(groups: &[u32], options: &Options) -> Vec<bool> {
    let mut rows = vec![0; groups.iter().max().map_or(0, |last| *last as usize + 1)];
    groups.iter().for_each(|group| rows[*group as usize] += 1);
    let mut left = if is_enough(groups.len(), options) { share(groups.len(), options) } else { 0 };
    // In a random order, those that fit into the share of the rows.
    let mut stream = Root::new("holdout", options.seed, Split::Train).stream(rows.len());
    let mut chosen = vec![false; rows.len()];
    for group in stream.order(rows.len()) {
        let group = group as usize;
        if rows[group] <= left {
            left -= rows[group];
            chosen[group] = true;
        }
    }
    groups.iter().map(|group| chosen[*group as usize]).collect()
}

/// The rows to learn from and the rows to test with, by series: see [`ends`].
pub(super) fn of_series(mut series: Vec<Vec<usize>>, cut: &Cut, options: &Options) -> [Vec<Vec<usize>>; 2] {
    let lengths: Vec<usize> = series.iter().map(Vec::len).collect();
    let held = ends(&lengths, cut, options).into_iter();
    let split = series.iter_mut().zip(held).map(|(rows, held)| rows.split_off(rows.len() - held));
    let test = split.filter(|rows| !rows.is_empty()).collect();
    series.retain(|rows| !rows.is_empty());
    [series, test]
}

/// How many rows at the end of series of these lengths are held out: a share of each series if a window fits in both
/// parts; if no series is long enough for this, all rows of some series, chosen at random.
pub(super) fn ends(lengths: &[usize], cut: &Cut, options: &Options) -> Vec<usize> {
    if !is_enough(cut.total(lengths), options) {
        return vec![0; lengths.len()];
    }
    let end = |&rows: &usize| {
        let held = share(rows, options);
        if held >= cut.window && cut.count(rows - held) > 0 { held } else { 0 }
    };
    let held: Vec<usize> = lengths.iter().map(end).collect();
    if held.iter().any(|held| *held > 0) {
        return held;
    }
    let chosen = drawn(lengths.len(), share(lengths.len(), options), options.seed);
    let whole = |(&rows, chosen): (&usize, bool)| if chosen && rows >= cut.window { rows } else { 0 };
    lengths.iter().zip(chosen).map(whole).collect()
}

/// Whether a set without parts certainly has no test part, so that there is no need to read it.
pub(super) fn is_empty(options: &Options) -> bool {
    options.split == Split::Test && options.holdout <= 0.0
}

/// Chooses `count` of `of` items at random, by `seed`.
fn drawn(of: usize, count: usize, seed: u64) -> Vec<bool> {
    let mut stream = Root::new("holdout", seed, Split::Train).stream(of);
    let mut chosen = vec![false; of];
    // Floyd's algorithm: each subset is equally likely, and no list is shuffled.
    for last in of - count..of {
        let at = stream.below(last + 1);
        let at = if chosen[at] { last } else { at };
        chosen[at] = true;
    }
    chosen
}

/// The sentence on a part of a set with `of` examples, rows or steps, of which `held` are held out.
pub(super) fn said(of: usize, held: usize, unit: &str, options: &Options) -> String {
    match (options.holdout > 0.0, held, options.split) {
        (false, _, _) => String::new(),
        (true, 0, _) => "all, as a part of them would be too small to measure with".into(),
        (true, _, Split::Train) => format!("{} of {of} {unit}, {held} held out", of - held),
        (true, _, Split::Test) => format!("{held} of {of} {unit}, held out"),
    }
}

/// The requested part of a set without parts; `None` for a test part without held-out examples.
pub(super) fn part(mut set: Dataset, options: &Options) -> Option<Dataset> {
    let is_held = held(set.len(), set.shape.len() == 2, options);
    let held = is_held.iter().filter(|held| **held).count();
    let is_test = options.split == Split::Test;
    if held == 0 && is_test {
        return None;
    }
    let part = said(set.len(), held, "examples", options);
    if options.known.is_some() && set.about.rows.is_empty() {
        set.about.rows = (0..set.len() as u32).collect();
    }
    if held > 0 {
        set.retain(|i| is_held[i] == is_test);
    }
    set.about.held_out = (options.holdout > 0.0).then_some(held);
    set.about.part = [set.about.part, part].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    Some(set)
}

/// The windows of the requested part of pieces of symbols; `None` for a test part that does not exist.
pub(super) fn of_symbols(
    path: &Path,
    pieces: Vec<Vec<u16>>,
    symbols: Symbols,
    about: About,
    options: &Options,
) -> Result<Option<Dataset>> {
    let (window, stride) = (windows::symbol_window(options), windows::symbol_stride(options));
    let of_piece = |len: usize| windows::count(len, window, stride);
    let unit = if symbols.kind == SymbolKind::Text { symbols.noun() } else { "step" };
    let Some((pieces, part)) = cut(pieces, window, of_piece, unit, options) else {
        return Ok(None);
    };
    let set = windows::of_symbols(path, pieces, symbols, options)?;
    Ok(Some(Dataset { about: About { part, ..about }, ..set }))
}

/// Splits pieces of symbols or chords: the last share of the steps is the test part, and no window lies in both parts.
///
/// `windows` counts the windows of `window` steps in a piece of some length. Returns the requested part and the
/// sentence on it; `None` for a test part without held-out steps.
pub(super) fn cut<T>(
    mut pieces: Vec<Vec<T>>,
    window: usize,
    windows: impl Fn(usize) -> usize,
    unit: &str,
    options: &Options,
) -> Option<(Vec<Vec<T>>, String)> {
    let steps: usize = pieces.iter().map(Vec::len).sum();
    let cut = match is_enough(pieces.iter().map(|piece| windows(piece.len())).sum(), options) {
        false => steps,
        true => steps - share(steps, options).clamp(window.min(steps), steps),
    };
    // Of each piece, how many of its steps lie before the cut.
    let before: Vec<usize> = pieces
        .iter()
        .scan(0, |at, piece| Some(cut.saturating_sub(std::mem::replace(at, *at + piece.len())).min(piece.len())))
        .collect();
    let parts = || pieces.iter().zip(&before);
    let is_cut = parts().any(|(_, before)| windows(*before) > 0)
        && parts().any(|(piece, before)| windows(piece.len() - before) > 0);
    if options.split == Split::Test && !is_cut {
        return None;
    }
    // Both parts count a piece that gives to both.
    let in_two = pieces.len() > 1 && parts().any(|(piece, before)| (1..piece.len()).contains(before));
    if is_cut {
        // In place, as a text may fill much of the memory.
        for (piece, before) in pieces.iter_mut().zip(before) {
            match options.split {
                Split::Train => piece.truncate(before),
                Split::Test => drop(piece.drain(..before)),
            }
        }
        pieces.retain(|piece| !piece.is_empty());
    }
    let mut part = said(steps, if is_cut { steps - cut } else { 0 }, &format!("{unit}s"), options);
    part += if is_cut && in_two { "; one lies in both parts" } else { "" };
    Some((pieces, part))
}

/// Whether each of `count` files is held out: every tenth for a share of a tenth.
pub(super) fn files(count: usize, options: &Options) -> Vec<bool> {
    // The share is rounded up a little, so that the tenth file, not the eleventh, is the first.
    let done = |files: usize| (files as f64 * (f64::from(options.holdout) + 1e-9)).floor();
    (0..count).map(|i| done(i + 1) > done(i)).collect()
}

impl Dataset {
    /// Leaves out items whose class has no name: a test part may have classes that the training part lacks.
    pub(super) fn without_unknown_classes(mut self) -> Result<Self> {
        let Some(labels) = &self.labels else { return Ok(self) };
        let classes = labels.names.len() as u32;
        let is_known: Vec<bool> = labels.ids.iter().map(|&id| id < classes || id == Labels::NONE).collect();
        match is_known.iter().filter(|known| !**known).count() {
            0 => return Ok(self),
            all if all == is_known.len() => {
                return Err(Error::failure(format!(
                    "`{}`: no example to test with has a class that the part to learn from has",
                    self.name
                )));
            }
            some => {
                let reason = "examples of classes that the part to learn from has not";
                self.about.left_out.add_many(reason, some);
            }
        }
        self.retain(|i| is_known[i]);
        Ok(self)
    }

    /// Keeps the items for which `is_kept` holds. They have to be in memory.
    pub fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        self.take(&(0..self.len()).filter(|&i| is_kept(i)).collect::<Vec<_>>());
    }

    /// Keeps the items with these numbers, in this order. They have to be in memory.
    pub(super) fn take(&mut self, kept: &[usize]) {
        let (len, count) = (self.item_len(), self.len());
        let kept = || kept.iter().copied();
        self.items = match &self.items {
            Items::Bytes(bytes) => {
                let mut some = Vec::with_capacity(len * kept().count());
                kept().for_each(|i| some.extend(&bytes[i * len..][..len]));
                Items::Bytes(some.into())
            }
            Items::Symbols { ids, starts } => {
                let starts: Vec<u32> = kept().map(|i| starts[i]).collect();
                Items::Symbols { ids: ids.clone(), starts: starts.into() }
            }
            Items::Floats(floats) => {
                let mut some = Vec::with_capacity(len * kept().count());
                kept().for_each(|i| some.extend(&floats[i * len..][..len]));
                Items::Floats(some.into())
            }
            Items::File(_) => panic!("{}", items::IN_FILE),
        };
        if let Some(labels) = &mut self.labels {
            labels.ids = kept().map(|i| labels.ids[i]).collect();
        }
        if !self.about.names.is_empty() {
            self.about.names = kept().map(|i| self.about.names[i].clone()).collect();
        }
        if !self.about.faults.is_empty() {
            self.about.faults = kept().map(|i| self.about.faults[i].clone()).collect();
        }
        let each = self.about.rows.len() / count.max(1);
        self.about.rows = kept().flat_map(|i| &self.about.rows[i * each..][..each]).copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(holdout: f32, split: Split) -> Options {
        Options { holdout, split, ..Options::default() }
    }

    #[test]
    fn a_share_is_never_nothing_nor_everything() {
        let count = |count, holdout, is_series| {
            held(count, is_series, &options(holdout, Split::Train)).iter().filter(|held| **held).count()
        };
        for is_series in [false, true] {
            let count = |of, holdout| count(of, holdout, is_series);
            assert_eq!([count(19, 0.5), count(20, 0.0), count(20, 0.001), count(20, 0.1)], [0, 0, 1, 2]);
            assert_eq!([count(1000, 0.1), count(27, 0.1), count(20, 0.89), count(20, 0.99)], [100, 3, 18, 19]);
        }
    }

    #[test]
    fn the_last_rows_of_series_are_held_out_or_whole_series() {
        let of = |lengths: &[usize], share| {
            let series = lengths.iter().map(|rows| (0..*rows).collect()).collect();
            let parts = of_series(series, &Cut { window: 4, stride: 1, spare: 1 }, &options(share, Split::Train));
            parts.map(|part| part.iter().map(Vec::len).collect::<Vec<_>>())
        };
        assert_eq!(of(&[50, 10], 0.15), [vec![42, 10], vec![8]]);
        assert_eq!(of(&[23], 0.2), [vec![23], vec![]], "19 windows are too few");
        assert_eq!(of(&[24], 0.2), [vec![19], vec![5]]);
        assert_eq!(of(&[24], 0.1), [vec![24], vec![]], "of one series not all");
        assert_eq!(of(&[6; 10], 0.2), [vec![6; 8], vec![6; 2]]);
    }

    #[test]
    fn what_is_held_out_follows_from_seed_and_count() {
        let chosen = |seed| drawn(1000, 100, seed);
        assert_eq!(chosen(1), chosen(1));
        assert_ne!(chosen(1), chosen(2));
        for seed in 0..20 {
            let at: Vec<usize> = (0..1000).filter(|i| chosen(seed)[*i]).collect();
            assert_eq!(at.len(), 100);
            // The mean of 100 of 1000 has a standard error of 27.4.
            let mean = at.iter().sum::<usize>() as f64 / 100.0;
            assert!((mean - 499.5).abs() < 110.0, "{mean}");
        }
    }

    #[test]
    fn every_tenth_file_is_held_out() {
        let held = |count, share| -> Vec<usize> {
            let held = files(count, &options(share, Split::Train)).into_iter().enumerate();
            held.filter(|(_, held)| *held).map(|(i, _)| i).collect()
        };
        assert_eq!(held(9, 0.1), [0; 0]);
        assert_eq!(held(29, 0.1), [9, 19]);
        assert_eq!(held(10, 0.3), [3, 6, 9]);
        assert_eq!(held(30, 0.0), [0; 0]);
    }

    #[test]
    fn pieces_are_cut_between_windows() {
        let all = vec![(0..60).collect::<Vec<u16>>(), (60..100).collect()];
        let windows = |len: usize| len.saturating_sub(3);
        let part = |holdout, split| cut(all.clone(), 4, windows, "step", &options(holdout, split));
        let (learned, said) = part(0.1, Split::Train).unwrap();
        assert_eq!((learned[0].len(), learned[1].len(), said.contains("90 of 100 steps, 10 held out")), (60, 30, true));
        assert_eq!(part(0.1, Split::Test).unwrap().0, [(90..100).collect::<Vec<u16>>()]);
        assert_eq!(part(0.5, Split::Test).unwrap().0.concat(), (50..100).collect::<Vec<u16>>());
        assert_eq!(part(0.01, Split::Test).unwrap().0.concat(), (96..100).collect::<Vec<u16>>());
        assert_eq!(part(0.0, Split::Test), None);
        assert_eq!(part(0.0, Split::Train).unwrap(), (all.clone(), String::new()));
        let short = cut(vec![vec![0; 21]], 4, windows, "step", &options(0.1, Split::Test));
        assert_eq!(short, None);
    }
}
