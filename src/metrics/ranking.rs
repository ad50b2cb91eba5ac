//! How well scores rank what they should find.

/// The mean of the precision at each positive, where those of equal score come together: the sum over the scores, from
/// the highest, of what each adds to the recall times the precision down to it (scikit-learn's
/// `average_precision_score`). NaN without positives.
pub fn average_precision(scores: &[f64], labels: &[bool]) -> f64 {
    let mut sorted: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|(_, label)| *label).count() as f64;
        found += positive;
        seen += tied.len() as f64;
        sum += positive * found / seen;
    }
    sum / found
}

#[cfg(test)]
mod tests {
    use super::average_precision;

    #[test]
    fn it_is_scikit_learns() {
        // average_precision_score([1, 0, 1, 0, 1, 0], [.9, .8, .8, .4, .4, .1]) of scikit-learn 1.9.1.
        let labels = [true, false, true, false, true, false];
        let found = average_precision(&[0.9, 0.8, 0.8, 0.4, 0.4, 0.1], &labels);
        assert!((found - 0.755_555_555_555_555_5).abs() < 1e-12, "{found}");
        assert_eq!(average_precision(&[3.0, 2.0, 1.0], &[true, true, false]), 1.0);
        assert!(average_precision(&[1.0], &[false]).is_nan());
    }
}
