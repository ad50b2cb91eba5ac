//! Spans of a round of several parts, and the launches that sum over the parts.

use std::ops::Range;

use super::{Emitter, Place, Split, SplitSpan};
use crate::{
    graph::{ALIGN, Id},
    kernels::{
        Chain, Pointwise,
        chain::{Code, Index, Instr},
    },
    program::Content,
};

impl Emitter<'_> {
    /// Begins the spans whose first node is this one.
    pub(super) fn pass_borders(&mut self, id: Id) {
        while self.round.borders.get(self.spans.len() - 1) == Some(&id) {
            let launches = self.placed.len()..self.placed.len();
            self.spans.last_mut().expect("there is a first span").launches.end = launches.start;
            let sums = (self.spans.len() % 2 == 1).then(Vec::new);
            self.spans.push(SplitSpan { launches, sums, ..SplitSpan::default() });
        }
    }

    /// Adds the launches that sum what parts compute, by adjacent pairs: level l keeps the sum of 2^l parts. A rank
    /// whose parts are no power of two adds nothing up alone.
    pub(super) fn split(&mut self) -> Split {
        let (parts, own) = (self.round.parts, self.round.own);
        let adds = own == parts || own.is_power_of_two();
        let mut spans = std::mem::take(&mut self.spans);
        spans.last_mut().expect("there is a first span").launches.end = self.placed.len();
        for SplitSpan { sums, add, store, .. } in &mut spans {
            for level in (0..).take_while(|level| adds && (own - 1) >> level > 0) {
                let values = sums.as_deref().unwrap_or_default();
                add.push(self.level(level, values, true));
                store.push(self.level(level, values, false));
            }
        }
        Split { parts, own, spans }
    }

    /// The launches that add what is kept on a level to these values, or keep them there. Values that are measured
    /// seldom are added in every round, as ranks send all values of a span at once; nobody reads those sums.
    fn level(&mut self, level: usize, values: &[Place], adds: bool) -> Range<usize> {
        let (start, mut offset) = (self.placed.len(), 0);
        for value in values {
            let kept = self.layout.whole(format!("sum {level}"), Content::Slot, offset + value.len);
            let kept = Place { offset, len: value.len, ..kept };
            for part in self.layout.parts_of(value.len) {
                self.add_or_copy(value.part(&part), kept.part(&part), adds);
            }
            offset = (offset + value.len).next_multiple_of(ALIGN);
        }
        start..self.placed.len()
    }

    /// Adds what is kept to a value, or keeps the value.
    fn add_or_copy(&mut self, value: Place, kept: Place, adds: bool) {
        let code = if adds { Code::Add } else { Code::MulC };
        let instr = Instr { code, a: 1, b: if adds { 0 } else { 1 }, c: 1f32.to_bits() };
        let chain = Chain::new(vec![Index::default()], vec![instr]);
        let (y, x, label) = if adds { (value, kept, "sum of parts") } else { (kept, value, "part") };
        self.push(Pointwise { len: y.len, in_place: adds, chain }, vec![y], vec![x], label.into());
    }

    /// Takes part in the sum over all parts, and makes it a mean.
    pub(super) fn mean_of_parts(&mut self, id: Id) {
        let y = self.layout.place(id);
        let (count, before) = (self.round.parts, self.spans.len() - 2);
        let sums = self.spans[before].sums.as_mut().expect("parts come before what follows from their sums");
        if sums.contains(&y) {
            return;
        }
        sums.push(y);
        // Several nodes can have this place, of which one is needed in every round.
        self.every = 1;
        let scale = Instr { code: Code::MulC, a: 0, b: 0, c: (1.0 / count as f32).to_bits() };
        for part in self.layout.parts_of(y.len) {
            let y = y.part(&part);
            let kernel = Pointwise { len: y.len, in_place: true, chain: Chain::new(vec![], vec![scale]) };
            self.push(kernel, vec![y], vec![], "mean over parts".into());
        }
    }
}
