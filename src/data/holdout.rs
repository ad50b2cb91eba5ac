//! Examples held out of data that has no part to test with: some of images and points by chance, the last of series.

use std::path::Path;

use super::random::Root;
use super::{About, Dataset, Items, Options, Split, Symbols, windows};
use crate::error::Result;

/// Of fewer examples none are held out.
const FEWEST: usize = 20;

/// How many of `count` examples are held out; 0 where that is not asked for, or where they are too few.
pub(super) fn share(count: usize, options: &Options) -> usize {
    match options.holdout {
        share if share > 0.0 && count >= FEWEST => {
            ((count as f64 * f64::from(share)).round() as usize).clamp(1, count - 1)
        }
        _ => 0,
    }
}

/// Whether a set without parts has certainly nothing to test with, so that it need not be read.
pub(super) fn is_empty(options: &Options) -> bool {
    options.split == Split::Test && options.holdout <= 0.0
}

/// Chooses `count` of `of`, by a seed.
pub(super) fn drawn(of: usize, count: usize, seed: u64) -> Vec<bool> {
    let mut stream = Root::new("holdout", seed, Split::Train).stream(of);
    let mut chosen = vec![false; of];
    // Floyd's way: each subset is equally likely, and no list is shuffled.
    for last in of - count..of {
        let at = stream.below(last + 1);
        let at = if chosen[at] { last } else { at };
        chosen[at] = true;
    }
    chosen
}

/// What is said of a part of so many of `of` examples, `held` of which are held out.
pub(super) fn said(of: usize, held: usize, options: &Options) -> String {
    match (options.holdout > 0.0, held, options.split) {
        (false, _, _) => String::new(),
        (true, 0, _) => format!("all, as they are too few to hold some out ({FEWEST} would do)"),
        (true, _, Split::Train) => format!("{} of {of}, {held} are held out to measure with", of - held),
        (true, _, Split::Test) => format!("{held} of {of}, held out"),
    }
}

/// The part that the options ask for of a set without parts; nothing, where nothing is held out to test with.
pub(super) fn part(mut set: Dataset, options: &Options) -> Option<Dataset> {
    let count = set.len();
    let held = share(count, options);
    if held == 0 && options.split == Split::Test {
        return None;
    }
    let part = said(count, held, options);
    if held > 0 {
        let is_series = set.shape.len() == 2;
        let is_held =
            if is_series { (0..count).map(|i| i >= count - held).collect() } else { drawn(count, held, options.seed) };
        let wanted = options.split == Split::Test;
        set.retain(|i| is_held[i] == wanted);
    }
    set.about.part = [set.about.part, part].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    Some(set)
}

/// The windows of pieces of symbols, of the part that the options ask for; nothing, where there is none to test with.
pub(super) fn of_symbols(
    path: &Path,
    pieces: Vec<Vec<u8>>,
    symbols: Symbols,
    about: About,
    options: &Options,
) -> Result<Option<Dataset>> {
    let window = windows::symbol_window(options);
    let stride = options.stride.unwrap_or(window / 2);
    let of_piece = |piece: &Vec<u8>| piece.len().checked_sub(window).map_or(0, |rest| rest / stride + 1);
    let Some((pieces, part)) = cut(pieces, window, |pieces| pieces.iter().map(of_piece).sum(), options) else {
        return Ok(None);
    };
    let set = windows::of_symbols(path, &pieces, symbols, options)?;
    Ok(Some(Dataset { about: About { part, ..about }, ..set }))
}

/// Cuts pieces of symbols in two, the last share of the steps to test with, so that no window lies in both parts.
///
/// `windows` says how many windows of `window` steps lie in pieces. Gives the part that the options ask for, and what
/// is said of it; nothing, where nothing is held out to test with.
fn cut(
    pieces: Vec<Vec<u8>>,
    window: usize,
    windows: impl Fn(&[Vec<u8>]) -> usize,
    options: &Options,
) -> Option<(Vec<Vec<u8>>, String)> {
    let steps: usize = pieces.iter().map(Vec::len).sum();
    let cut = match share(windows(&pieces), options) {
        0 => steps,
        _ => steps - ((steps as f64 * f64::from(options.holdout)) as usize).clamp(window.min(steps), steps),
    };
    let (mut learned, mut held, mut at) = (vec![], vec![], 0);
    for piece in &pieces {
        let (first, last) = piece.split_at(cut.saturating_sub(at).min(piece.len()));
        at += piece.len();
        learned.extend((!first.is_empty()).then(|| first.to_vec()));
        held.extend((!last.is_empty()).then(|| last.to_vec()));
    }
    let is_cut = windows(&learned) > 0 && windows(&held) > 0;
    let steps_of = |part: &str, count: usize| format!("the {part} {count} of {steps} steps");
    match (options.split, is_cut) {
        (Split::Test, false) => None,
        (Split::Test, true) => Some((held, format!("{}, held out", steps_of("last", steps - cut)))),
        (Split::Train, true) => {
            Some((learned, format!("{}, the others are held out to measure with", steps_of("first", cut))))
        }
        (Split::Train, false) => Some((pieces, said(0, 0, options))),
    }
}

impl Dataset {
    /// Keeps the items for which `is_kept` holds.
    pub(super) fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        let (len, count) = (self.item_len(), self.len());
        let kept = || (0..count).filter(|&i| is_kept(i));
        self.items = match &self.items {
            Items::Bytes(bytes) => {
                let mut some = Vec::with_capacity(len * kept().count());
                kept().for_each(|i| some.extend(&bytes[i * len..][..len]));
                Items::Bytes(some.into())
            }
            Items::Floats(floats) => {
                let mut some = Vec::with_capacity(len * kept().count());
                kept().for_each(|i| some.extend(&floats[i * len..][..len]));
                Items::Floats(some.into())
            }
        };
        if let Some(labels) = &mut self.labels {
            labels.ids = kept().map(|i| labels.ids[i]).collect();
        }
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
        let share = |count, holdout| share(count, &options(holdout, Split::Train));
        assert_eq!([share(19, 0.5), share(20, 0.0), share(20, 0.001), share(20, 0.1)], [0, 0, 1, 2]);
        assert_eq!([share(1000, 0.1), share(20, 0.89)], [100, 18]);
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
    fn pieces_are_cut_between_windows() {
        let all = vec![(0..60).collect::<Vec<u8>>(), (60..100).collect()];
        let windows = |pieces: &[Vec<u8>]| pieces.iter().map(|piece| piece.len().saturating_sub(3)).sum();
        let part = |holdout, split| cut(all.clone(), 4, windows, &options(holdout, split));
        let (learned, said) = part(0.1, Split::Train).unwrap();
        assert_eq!((learned[0].len(), learned[1].len(), said.contains("first 90 of 100")), (60, 30, true));
        assert_eq!(part(0.1, Split::Test).unwrap().0, [(90..100).collect::<Vec<u8>>()]);
        assert_eq!(part(0.5, Split::Test).unwrap().0.concat(), (50..100).collect::<Vec<u8>>());
        assert_eq!(part(0.01, Split::Test).unwrap().0.concat(), (96..100).collect::<Vec<u8>>());
        assert_eq!(part(0.0, Split::Test), None);
        assert_eq!(part(0.0, Split::Train).unwrap(), (all.clone(), String::new()));
        let short = cut(vec![vec![0; 21]], 4, windows, &options(0.1, Split::Test));
        assert_eq!(short, None);
    }
}
