//! Likelihood of held-out images under a Boltzmann machine, beside published machines.

use super::{Better, Report, Row, Setup, binarized};
use crate::{
    checkpoint::Checkpoint,
    error::Result,
    likelihood::{Annealing, Parameters},
    metrics::mean,
};

/// Rounds of mean-field updates for the bound; more no longer change it.
const MEAN_FIELD: usize = 50;
/// Published values for MNIST: log Z, and the bound of grey images.
const PUBLISHED: [&str; 2] =
    ["784-500-1000 (2009) 356.2, 784-512-1024 (yell) 1040.4", "784-500-1000 (2009) -84.62, 784-512-1024 (yell) -86.37"];

/// The partition function by annealed importance sampling, and the variational bound on log p of images `[N, n_0]`, 0
/// to 1, as they are and binarised (Salakhutdinov and Hinton 2009, section 4.1).
///
/// # Errors
/// A checkpoint without a machine, a device that fails.
pub fn boltzmann(
    set: &str,
    checkpoint: &Checkpoint,
    grey: &[f32],
    annealing: Annealing,
    setup: &Setup,
) -> Result<Report> {
    let machine = Parameters::of(checkpoint)?;
    let base = machine.base_rates(checkpoint)?;
    let (runner, caps) = (setup.device)()?;
    let ais = machine.annealed_log_z((runner, &caps), &base, annealing)?;
    let bound = |images: &[f32]| -> Result<f64> {
        let (runner, caps) = (setup.device)()?;
        Ok(mean(&machine.bounds((runner, &caps), images, MEAN_FIELD)?) - ais.log_z)
    };
    let binary = binarized(grey);
    let log_z = Row::new("log Z", ais.log_z, Better::Neither).note(format!(
        "{:.2} to {:.2} at three standard errors, of {} runs through {} temperatures",
        ais.low, ais.high, ais.runs, ais.temperatures
    ));
    let mut rows = vec![log_z, Row::new("bound on log p", bound(grey)?, Better::Higher)];
    if set == "mnist" {
        rows = rows.into_iter().zip(PUBLISHED).map(|(row, published)| row.published(published)).collect();
    }
    if binary != grey {
        rows[1].note = Some("of grey levels, taken as probabilities of the pixels, as published".into());
        let row = Row::new("bound on log p, binarised", bound(&binary)?, Better::Higher);
        rows.push(row.note("of images that were binarised once, with a fixed seed"));
    }
    let widths: Vec<String> = machine.widths.iter().map(usize::to_string).collect();
    let notes = vec![
        format!("a machine of {} units; {} images of `{set}`, in \
        nats", widths.join("-"), grey.len() / machine.widths[0]),
        "the bounds are lower bounds on log p; with too few temperatures log Z is too small and the bounds are too high"
            .into(),
    ];
    Ok(Report { title: format!("Boltzmann machine on `{set}`"), rows, notes, ..Report::default() })
}
