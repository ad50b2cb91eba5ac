//! A session as one of several ranks: the first one trains as if it were alone, the others follow its orders.

use std::time::Duration;

use super::Session;
use crate::{
    engine::Order,
    error::Result,
    exchange::{Exchange, broadcast},
    kernels::Clock,
};

impl Session {
    /// Makes this one of several ranks, all of which have the same settings, model and data.
    ///
    /// # Errors
    /// A number of ranks that cannot share the parts of a batch; a rank that has left.
    pub fn join(&mut self, exchange: Box<dyn Exchange>) -> Result<()> {
        self.engine.join(exchange)?;
        // Nobody goes on before all are here.
        self.engine.exchange().map_or(Ok(()), |exchange| exchange.gather(vec![]).map(drop))
    }

    /// See [`Engine::summed`](crate::engine::Engine::summed).
    pub fn summed(&mut self) -> Option<Duration> {
        self.engine.summed()
    }

    /// Whether this is the only rank.
    pub fn is_alone(&mut self) -> bool {
        self.engine.exchange().is_none()
    }

    /// Gives all ranks the step and the states of the first one.
    ///
    /// # Errors
    /// A rank that has left.
    pub fn share(&mut self) -> Result<()> {
        let Some(exchange) = self.engine.exchange() else { return Ok(()) };
        // Halves of a word are exact as numbers.
        let halves = (0..4).map(|n| (self.step >> (16 * n) & 0xffff) as f32).collect();
        let step = broadcast(exchange, halves)?;
        self.step = step.iter().enumerate().map(|(n, half)| (*half as u64) << (16 * n)).sum();
        self.begun = self.step;
        self.engine.share_states()?;
        self.engine.set_clock(Clock { step: self.step, seed: self.settings.seed })
    }

    /// Trains as one of several ranks, after the orders of the first, until that one ends; returns its exit status.
    ///
    /// # Errors
    /// Those of [`Session::train`]; a rank that has left.
    pub fn follow(&mut self) -> Result<u8> {
        loop {
            match self.engine.ordered()? {
                Order::Train { rounds, compares } => {
                    self.phase = self.phase_of(self.step);
                    self.rounds(self.step + rounds, compares)?;
                }
                Order::Rows => self.engine.gather_rows()?,
                Order::End { status } => return Ok(status),
            }
        }
    }

    /// Lets the other ranks end with this exit status.
    ///
    /// # Errors
    /// A rank that has left.
    pub fn end(&mut self, status: u8) -> Result<()> {
        self.engine.order(Order::End { status })
    }
}
