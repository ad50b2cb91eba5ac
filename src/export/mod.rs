//! Trained models in the forms that other programs take.

pub mod html;
