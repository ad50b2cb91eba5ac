//! An engine as one of several ranks, each of which computes its parts of every batch.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{Engine, written_states};
use crate::{
    error::{Error, Result, counted},
    exchange::{self, Exchange, broadcast},
    memory,
    program::{StateItem, Sums},
    runner::ProgramId,
};

/// What the first rank tells the others to do with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// To train for so many rounds, and to compare the states then.
    Train {
        /// The rounds.
        rounds: u64,
        /// Whether states are compared.
        compares: bool,
    },
    /// To hand over the rows of their parts.
    Rows,
    /// To end with this exit status.
    End {
        /// The status.
        status: u8,
    },
}

impl Engine {
    /// Makes this the engine of one of several ranks, each of which computes equally many parts of each batch.
    ///
    /// # Errors
    /// A number of parts that the ranks do not divide.
    pub fn join(&mut self, exchange: Box<dyn Exchange>) -> Result<()> {
        let ranks = exchange.ranks();
        let parts = self.programs.values().find_map(|(_, program)| program.parts.as_ref());
        let count = parts.map_or(1, |parts| parts.count);
        let is_fit = |ranks: &usize| count.is_multiple_of(*ranks);
        if !is_fit(&ranks) {
            let fit: Vec<String> = (1..=count).filter(is_fit).map(|ranks| ranks.to_string()).collect();
            return Err(Error::usage(format!(
                "{ranks} devices cannot share the {} of a batch (`accumulate`): each takes as many as the others, so \
                 that there may be {} devices",
                counted(count, "part"),
                fit.join(", ")
            )));
        }
        let (own, first) = (count / ranks, exchange.rank() * count / ranks);
        self.load_rows(first)?;
        self.runner.set_part(first)?;
        self.runner.stream_parts(first..first + own);
        self.exchange = Some(exchange);
        Ok(())
    }

    /// The way to the other ranks, if there are any.
    pub fn exchange(&mut self) -> Option<&mut dyn Exchange> {
        self.exchange.as_deref_mut().map(|exchange| exchange as _)
    }

    /// The tensors that rounds write; what is calibrated for samples only the first rank has.
    fn trained(&self) -> Vec<StateItem> {
        let rounds = self.programs.values().map(|(_, program)| program).filter(|program| program.parts.is_some());
        let states: BTreeSet<String> = rounds.flat_map(written_states).map(|(state, _)| state).collect();
        self.items.iter().filter(|item| states.contains(&item.state)).cloned().collect()
    }

    /// Gives all ranks the states of the first one.
    pub fn share_states(&mut self) -> Result<()> {
        for item in self.trained() {
            let own = self.read(&item)?;
            let Some(exchange) = &mut self.exchange else { return Ok(()) };
            let values = broadcast(exchange.as_mut(), own)?;
            self.write(&item, &values)?;
        }
        Ok(())
    }

    /// Tells the other ranks what to do, if this is the first of several.
    pub fn order(&mut self, order: Order) -> Result<()> {
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.rank() == 0) else { return Ok(()) };
        let words = match order {
            Order::Train { rounds, compares } => [rounds as f32, f32::from(u8::from(compares))],
            Order::Rows => [0.0, 0.0],
            Order::End { status } => [-1.0, status.into()],
        };
        exchange.gather(words.to_vec()).map(drop)
    }

    /// What the first rank tells this one to do.
    pub fn ordered(&mut self) -> Result<Order> {
        let exchange = self.exchange.as_mut().ok_or_else(|| Error::failure("this is the only rank"))?;
        let words = exchange.gather(vec![0.0; 2])?;
        Ok(match words[0][..] {
            [-1.0, status] => Order::End { status: status as u8 },
            [0.0, _] => Order::Rows,
            [rounds, compares] => Order::Train { rounds: rounds as u64, compares: compares != 0.0 },
            _ => return Err(Error::failure("rank 0 says what no rank knows")),
        })
    }

    /// Compares the states that all ranks share.
    ///
    /// # Errors
    /// A rank whose states differ from the first one's.
    pub fn compare(&mut self) -> Result<()> {
        if self.exchange.is_none() {
            return Ok(());
        }
        let mut sum = crc32fast::Hasher::new();
        for item in self.trained().iter().filter(|item| item.parts == 1) {
            sum.update(bytemuck::cast_slice(&self.read(item)?));
        }
        let sum = sum.finalize();
        let own = vec![(sum & 0xffff) as f32, (sum >> 16) as f32];
        let Some(exchange) = &mut self.exchange else { return Ok(()) };
        let all = exchange.gather(own)?;
        match all.iter().position(|other| other[..] != all[0][..]) {
            Some(rank) => Err(Error::device(format!(
                "the states of ranks 0 and {rank} differ at step {}: one of their devices computes wrongly",
                self.runner.clock()
            ))),
            None => Ok(()),
        }
    }

    /// Gives every rank the rows of all parts.
    pub fn gather_rows(&mut self) -> Result<()> {
        let Self { rows, exchange: Some(exchange), runner, .. } = self else { return Ok(()) };
        for (state, parts) in &mut rows.states {
            let len = parts[0].len();
            parts[rows.on_device] = runner.read_state(state, 0, len)?;
            let count = parts.len() / exchange.ranks();
            let own = parts[exchange.rank() * count..][..count].concat();
            let all = exchange.gather(own)?;
            let of_parts = all.iter().flat_map(|of_rank| of_rank.chunks(len));
            parts.iter_mut().zip(of_parts).for_each(|(part, values)| part.copy_from_slice(values));
        }
        Ok(())
    }

    /// The time since the last call in which this rank added up with the others, and waited for them; `None` if there
    /// are none.
    pub fn summed(&mut self) -> Option<Duration> {
        self.exchange.as_ref().map(|_| std::mem::take(&mut self.summed))
    }

    /// What lies where parts leave their values: those of one part, or sums.
    pub(super) fn left(&mut self, id: ProgramId, sums: &Sums) -> Result<Vec<f32>> {
        let mut left = memory::room(sums.values.iter().map(|value| value.len).sum())?;
        for value in &sums.values {
            left.extend(self.runner.read_range(id, *value)?);
        }
        Ok(left)
    }

    /// Puts the sums of all ranks where parts leave their values; `own` are the lists of this rank.
    pub(super) fn sum_over_ranks(&mut self, id: ProgramId, sums: &Sums, own: Vec<Vec<f32>>) -> Result<()> {
        let Self { runner, exchange: Some(exchange), summed, .. } = self else { return Ok(()) };
        let since = Instant::now();
        let sum = exchange::sum(exchange.as_mut(), own)?;
        *summed += since.elapsed();
        let mut sum = &sum[..];
        for value in &sums.values {
            let (values, rest) = sum.split_at(value.len);
            runner.write_range(id, *value, values)?;
            sum = rest;
        }
        Ok(())
    }
}
