//! Saddle trains adversarial generative models on any GPU: kernels written by hand in WGSL, dispatched by wgpu, and a
//! runner for processors that replays the same programs.
//!
//! ```text
//! settings, data --> variant --build--> graph --grad--> bigger graph --plan--> program --replay--> GPU
//!                                                                                     '----------> CPU
//! ```
//!
//! A variant ([`models`]) writes one training step as a [`graph`]: networks, losses, gradients ([`grad`]), updates. The
//! planner ([`mod@plan`]) fuses the nodes into launches of [`kernels`] and gives them memory; the result is a
//! [`program`], which is plain data. A [`runner`] replays it: [`gpu`] or [`cpu`]. A [`session`] joins a model, a data
//! set and a device, and [`trained`] opens the folder of a run again.
//!
//! ```
//! use saddle::{models, session::Session, settings::{Layer, Settings}};
//!
//! let mut layer = Layer::default();
//! for (key, value) in [("variant", "gan"), ("data", "ring"), ("steps", "20"), ("adapter", "cpu")] {
//!     layer.set(key, value, "");
//! }
//! let settings = Settings::resolve(&models::menu(), &[layer])?;
//! let mut session = Session::open(&settings)?;
//! let rows = session.train(20)?;
//! assert_eq!((rows.len(), session.metrics()[0].as_str()), (20, "d_loss"));
//! let points = session.generate(100, 1, None)?;
//! assert_eq!(points.len(), 100 * 2);
//! # Ok::<(), saddle::error::Error>(())
//! ```
//!
//! `examples/1_first_gan.rs` is a whole GAN on the bare graph, `examples/2_custom_variant.rs` a variant of one's own,
//! `examples/3_custom_kernel.rs` a kernel. `ARCHITECTURE.md` explains each part, and follows a weight through the
//! files.

pub mod bench;
pub mod check;
pub mod checkpoint;
pub mod cli;
pub mod codes;
pub mod composite;
pub mod cpu;
pub mod data;
pub mod engine;
pub mod error;
pub mod eval;
pub mod exchange;
pub mod export;
pub mod files;
pub mod gpu;
pub mod grad;
pub mod graph;
pub mod health;
pub mod initial;
pub mod kernels;
pub mod likelihood;
pub mod memory;
pub mod metrics;
pub mod mixture;
pub mod models;
pub mod nn;
pub mod objective;
pub mod origin;
pub mod page;
pub mod plan;
pub mod probe;
pub mod program;
pub mod protobuf;
pub mod record;
pub mod reference;
pub mod report;
pub mod run;
pub mod runner;
pub mod session;
pub mod settings;
pub mod state_dict;
pub mod tensorboard;
pub mod trained;
