//! Saddle trains adversarial generative models on any GPU.

pub mod checkpoint;
pub mod cli;
pub mod composite;
pub mod cpu;
pub mod data;
pub mod error;
pub mod files;
pub mod gpu;
pub mod grad;
pub mod graph;
pub mod initial;
pub mod kernels;
pub mod models;
pub mod nn;
pub mod objective;
pub mod plan;
pub mod program;
pub mod reference;
pub mod report;
pub mod run;
pub mod runner;
pub mod session;
pub mod settings;
