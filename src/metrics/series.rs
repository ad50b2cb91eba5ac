//! Autocorrelation of windows of series.

/// Autocorrelation of each feature of `windows`, `[N, T, F]` row-major, at the lags 0 to T - 1: `[F, T]`.
///
/// Means and variances are those of a feature over all windows and times. The products of a lag are averaged over all
/// windows and times, because the mean of one short window would be too noisy. A feature that never changes has 0
/// everywhere.
pub fn autocorrelation(windows: &[f64], [steps, features]: [usize; 2]) -> Vec<f64> {
    let count = windows.len() / (steps * features);
    let correlate = |feature: usize| {
        let mut series: Vec<f64> = windows.iter().skip(feature).step_by(features).copied().collect();
        let mean = super::mean(&series);
        series.iter_mut().for_each(|v| *v -= mean);
        let variance = series.iter().map(|v| v * v).sum::<f64>() / series.len() as f64;
        let at_lag = |lag: usize| {
            let pairs = |window: &[f64]| window.iter().zip(&window[lag..]).map(|(a, b)| a * b).sum::<f64>();
            let products: f64 = series.chunks_exact(steps).map(pairs).sum();
            let normal = (count * (steps - lag)) as f64 * variance;
            if normal > 0.0 { products / normal } else { 0.0 }
        };
        (0..steps).map(at_lag).collect::<Vec<f64>>()
    };
    (0..features).flat_map(correlate).collect()
}

/// Mean absolute difference between the autocorrelations of two sets of windows, over features and the lags 1 to T - 1
/// (the ACF score of Wiese et al. 2020, section 6, as a mean).
pub fn autocorrelation_error(first: &[f64], second: &[f64], shape: [usize; 2]) -> f64 {
    let (first, second) = (autocorrelation(first, shape), autocorrelation(second, shape));
    let differences = first.iter().zip(&second).map(|(a, b)| (a - b).abs()).enumerate();
    let later: Vec<f64> = differences.filter(|(n, _)| n % shape[0] > 0).map(|(_, difference)| difference).collect();
    super::mean(&later)
}
