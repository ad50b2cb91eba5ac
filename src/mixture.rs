//! Stub.
/// Modes.
pub struct Modes {
    /// m
    pub means: Vec<f64>,
    /// d
    pub deviations: Vec<f64>,
    /// w
    pub weights: Vec<f64>,
}
impl Modes {
    /// fit
    pub fn fit(values: &[f64], _seed: u64) -> Self {
        let n = values.len() as f64;
        let m = values.iter().sum::<f64>() / n;
        let d = (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / n).sqrt().max(1e-12);
        Self { means: vec![m], deviations: vec![d], weights: vec![1.0] }
    }
}
/// Mixture.
pub struct Mixture {
    /// w
    pub log_weights: Vec<f64>,
    /// m
    pub means: Vec<f64>,
    /// f
    pub factors: Vec<f64>,
}
impl Mixture {
    /// fit
    pub fn fit(codes: &[f32], width: usize, _components: usize, _seed: u64) -> Self {
        let n = (codes.len() / width) as f64;
        let mean: Vec<f64> = (0..width).map(|i| codes.iter().skip(i).step_by(width).map(|v| f64::from(*v)).sum::<f64>() / n).collect();
        let sd = |i: usize| (codes.iter().skip(i).step_by(width).map(|v| (f64::from(*v) - mean[i]).powi(2)).sum::<f64>() / n).sqrt();
        let factors = (0..width * width).map(|k| if k / width == k % width { sd(k / width) } else { 0.0 }).collect();
        Self { log_weights: vec![0.0], means: mean.clone(), factors }
    }
}
