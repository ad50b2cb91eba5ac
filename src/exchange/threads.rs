//! Ranks that are threads of one process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Exchange, Values};
use crate::error::{Error, Result};

/// One rank of several in a process.
pub struct Threads {
    rank: usize,
    shared: Arc<Shared>,
}

struct Shared {
    ranks: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    given: Vec<Option<Arc<Vec<f32>>>>,
    /// How many ranks have read what all have given.
    read: usize,
    /// Why a rank has left.
    left: Option<Error>,
}

impl Threads {
    /// So many ranks.
    pub fn new(ranks: usize) -> Vec<Self> {
        let state = Mutex::new(State { given: vec![None; ranks], ..State::default() });
        let shared = Arc::new(Shared { ranks, state, changed: Condvar::new() });
        (0..ranks).map(|rank| Self { rank, shared: shared.clone() }).collect()
    }

    /// Another handle of this rank, to leave with when the first is gone.
    pub fn line(&self) -> Self {
        Self { rank: self.rank, shared: self.shared.clone() }
    }

    /// Leaves the others, who learn why.
    pub fn leave(&self, why: Error) {
        self.shared.lock().left.get_or_insert(why);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `is_done`, or a rank has left.
    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        is_done: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>> {
        let waits = |state: &mut State| !is_done(state) && state.left.is_none();
        let state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
        match &state.left {
            Some(why) if !is_done(&state) => Err(why.clone()),
            _ => Ok(state),
        }
    }
}

impl Exchange for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.shared.ranks
    }

    fn gather(&mut self, own: Vec<f32>) -> Result<Vec<Values>> {
        let Self { rank, shared } = self;
        // All have to have read what was given before.
        let mut state = shared.wait(shared.lock(), |state| state.given[*rank].is_none())?;
        state.given[*rank] = Some(Arc::new(own));
        shared.changed.notify_all();
        let mut state = shared.wait(state, |state| state.given.iter().all(Option::is_some))?;
        let all = state.given.iter().flatten().map(|all| Values { all: all.clone(), range: 0..all.len() }).collect();
        state.read += 1;
        if state.read == shared.ranks {
            state.read = 0;
            state.given.iter_mut().for_each(|given| *given = None);
            shared.changed.notify_all();
        }
        Ok(all)
    }

    fn shares(&mut self, own: Vec<f32>) -> Result<Vec<Values>> {
        let share = own.len() / self.ranks();
        let range = self.rank * share..(self.rank + 1) * share;
        let all = self.gather(own)?;
        Ok(all.into_iter().map(|values| Values { range: range.clone(), ..values }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_give_and_take_in_turn() {
        let threads = Threads::new(3).into_iter().map(|mut exchange| {
            std::thread::spawn(move || {
                for round in 0..200 {
                    let all = exchange.gather(vec![(10 * round + exchange.rank()) as f32]).unwrap();
                    let all: Vec<f32> = all.iter().map(|one| one[0]).collect();
                    assert_eq!(all, [0, 1, 2].map(|rank| (10 * round + rank) as f32));
                }
            })
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn a_rank_that_leaves_ends_the_others() {
        let mut ranks = Threads::new(2);
        ranks.pop().unwrap().leave(Error::device("adapter 1 is lost"));
        let error = ranks[0].gather(vec![]).unwrap_err().to_string();
        assert_eq!(error, "adapter 1 is lost");
    }
}
