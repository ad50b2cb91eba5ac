//! Saddle trains adversarial generative models on any GPU.
pub mod checkpoint;
pub mod cli;
pub mod cpu;
pub mod data;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod kernels;
pub mod program;
pub mod report;
pub mod run;
pub mod runner;
pub mod settings;
