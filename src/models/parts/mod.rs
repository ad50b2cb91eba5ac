//! What the variants are made of: the round of a training step, the networks, the game between two of them, the
//! posteriors of autoencoders, Boltzmann machines.

pub mod associative;
pub mod boltzmann;
pub mod conv;
pub mod dense;
pub mod distribution;
pub mod game;
pub mod networks;
pub mod posterior;
pub mod recurrent;
pub mod round;
pub mod timegan;
