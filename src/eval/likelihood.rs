//! Likelihood of held-out examples under a model with latent variables.

use super::{Better, Report, Row, widened};
use crate::{
    error::{Error, Result},
    metrics::{LogMeanExp, mean},
};

/// Numbers of importance samples that the literature reports.
pub const IMPORTANCE_SAMPLES: [usize; 2] = [200, 5000];

/// Set, number of importance samples, and the score of pythae's reproduction there.
const PUBLISHED: [(&str, usize, &str); 2] = [
    ("binarized_mnist", IMPORTANCE_SAMPLES[0], "VAE 784-400-40 89.78"),
    ("binarized_mnist", IMPORTANCE_SAMPLES[1], "IWAE 50, 2 x 200 units 86.82"),
];

/// For a seed: lower bounds of ln p(x), `[N]`, of N examples, and the ln weights p(x, z) / q(z | x), `[N, draws]`, of z
/// drawn from q with this seed. A model's graphs [`crate::models::BOUND`] and [`crate::models::WEIGHTS`] give them.
pub type Bound<'a> = dyn FnMut(u64) -> Result<[Vec<f32>; 2]> + 'a;

/// Evidence lower bound and importance-weighted negative log-likelihood in nats (Burda et al. 2016, equation 8): means
/// over the examples of `bound`, for each of these numbers of samples.
///
/// # Errors
/// An error of `bound`; bounds or weights that are NaN.
pub fn likelihood(set: &str, importance_samples: &[usize], seed: u64, bound: &mut Bound) -> Result<Report> {
    let most = importance_samples.iter().copied().max().unwrap_or(1);
    let (mut totals, mut bounds, mut rows, mut drawn) = (vec![], vec![], vec![], 0);
    while drawn < most {
        let [elbo, log_weights] = bound(seed.wrapping_add(drawn as u64))?;
        let [elbo, log_weights] = [widened(&elbo), widened(&log_weights)];
        if elbo.is_empty() || log_weights.is_empty() || !log_weights.len().is_multiple_of(elbo.len()) {
            return Err(Error::failure(format!("{} weights of {} examples", log_weights.len(), elbo.len())));
        }
        let draws = log_weights.len() / elbo.len();
        bounds.push(mean(&elbo));
        totals.resize(elbo.len(), LogMeanExp::default());
        for draw in 0..draws {
            let weights = log_weights[draw..].iter().step_by(draws);
            totals.iter_mut().zip(weights).for_each(|(total, &weight)| total.add(weight));
            drawn += 1;
            if importance_samples.contains(&drawn) {
                let estimates: Vec<f64> = totals.iter().map(|total| -total.value()).collect();
                let row = Row::new(format!("NLL, {drawn} importance samples"), mean(&estimates), Better::Lower);
                let published = PUBLISHED.iter().find(|(name, count, _)| *name == set && *count == drawn);
                rows.push(published.into_iter().fold(row, |row, (.., published)| row.published(*published)));
            }
        }
        if elbo.iter().chain(&log_weights).any(|v| v.is_nan()) {
            return Err(Error::failure(format!("the bound of `{set}` is not a number")));
        }
    }
    rows.insert(0, Row::new("evidence lower bound", mean(&bounds), Better::Higher));
    let notes = vec![
        format!("{} examples of `{set}`, in nats", totals.len()),
        "the NLL is an upper bound that tightens with the number of importance samples; a perfect model's score, the \
         entropy of the data, is not known"
            .into(),
    ];
    Ok(Report { title: format!("Likelihood of `{set}`"), rows, notes, ..Report::default() })
}
