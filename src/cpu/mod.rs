//! TODO
pub mod products;
