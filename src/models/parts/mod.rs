//! Building blocks of the variants: the round of a training step, networks, the game between generator and
//! discriminator, posteriors of autoencoders, Boltzmann machines.

pub mod associative;
pub mod augment;
pub mod boltzmann;
pub mod conv;
pub mod dense;
pub mod distribution;
pub mod fitted;
pub mod game;
pub mod heads;
pub mod hidden;
pub mod likely;
pub mod networks;
pub mod policy;
pub mod posterior;
pub mod recurrent;
pub mod residual;
pub mod round;
pub mod stepwise;
pub mod timegan;
