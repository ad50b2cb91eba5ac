//! Scaling of columns of numbers: the values that a model sees as 0 and as 1. Constant columns are not learned.

use super::Columns;
use crate::settings::Scale;

/// For each of `width` columns, the values in the data's units that a model sees as 0 and as 1; `None` for a constant
/// column. `values` runs row by row.
pub(super) fn ends(width: usize, values: impl Iterator<Item = f64> + Clone, scale: Scale) -> Vec<Option<[f64; 2]>> {
    // One pass for all columns: a pass for each column would jump from row to row, which is slow for long rows.
    let folded = |start: f64, step: &dyn Fn(usize, f64, f64) -> f64| {
        let mut all = vec![start; width];
        (0..width).cycle().zip(values.clone()).for_each(|(i, value)| all[i] = step(i, all[i], value));
        all
    };
    let low = folded(f64::INFINITY, &|_, low, value| low.min(value));
    let high = folded(f64::NEG_INFINITY, &|_, high, value| high.max(value));
    let (zero, one) = match scale {
        Scale::None => (vec![0.0; width], vec![1.0; width]),
        Scale::Range => (low.clone(), high.clone()),
        Scale::Standard => {
            let rows = (values.clone().count() / width) as f64;
            let sums = folded(0.0, &|i, sum, value| sum + (value - low[i]));
            let means: Vec<f64> = low.iter().zip(sums).map(|(low, sum)| low + sum / rows).collect();
            let squares = folded(0.0, &|i, sum, value| sum + (value - means[i]).powi(2));
            let ones = means.iter().zip(squares).map(|(mean, square)| mean + (square / rows).sqrt()).collect();
            (means, ones)
        }
    };
    (0..width).map(|i| (low[i] < high[i] && zero[i] < one[i]).then(|| [zero[i], one[i]])).collect()
}

/// The columns that have ends: their indices among all columns, and their description for the model.
pub(super) fn kept(
    named: impl Iterator<Item = (String, Option<usize>)>,
    ends: &[Option<[f64; 2]>],
) -> (Vec<usize>, Columns) {
    let (mut kept, mut columns) = (vec![], Columns::default());
    for (i, ((name, decimals), ends)) in named.zip(ends).enumerate() {
        if let Some([zero, one]) = ends {
            kept.push(i);
            columns.names.push(name);
            columns.zero.push(*zero);
            columns.one.push(*one);
            columns.decimals.push(decimals);
        }
    }
    (kept, columns)
}

/// The rows, in `rows`, of the few values that lie far from all others, and the share of the range of all values in
/// which nine of ten lie; `None` if there are none, or more than few.
pub(super) fn outliers(values: &[f64], rows: &[usize]) -> Option<(Vec<usize>, f64)> {
    /// How far, in spans of nine of ten values, and how many of a thousand.
    const FAR: f64 = 4.0;
    const FEW: usize = 1;
    let mut sorted: Vec<f64> = rows.iter().map(|row| values[*row]).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| sorted.get(share * sorted.len() / 100).copied();
    let (low, high) = (at(5)?, at(95)?);
    let (span, all) = (high - low, sorted[sorted.len() - 1] - sorted[0]);
    let is_far = |row: &&usize| !(low - FAR * span..=high + FAR * span).contains(&values[**row]);
    let far: Vec<usize> = rows.iter().filter(is_far).copied().collect();
    let is_few = (1..=(FEW * rows.len()).div_ceil(1000)).contains(&far.len());
    (is_few && span > 0.0).then_some((far, span / all))
}

/// The reason why a column without ends is left out.
pub(super) fn in_every_row(value: f64) -> String {
    format!("{value} in every row")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_values_far_from_the_others_are_found() {
        let mut values: Vec<f64> = (0..2000).map(|i| f64::from(i % 100)).collect();
        let rows: Vec<usize> = (0..2000).collect();
        assert_eq!(outliers(&values, &rows), None);
        values[77] = -9000.0;
        let (far, share) = outliers(&values, &rows).unwrap();
        assert!(far == [77] && (share - 90.0 / 9099.0).abs() < 1e-3, "{far:?}, {share}");
        values[80..90].fill(9000.0);
        assert_eq!(outliers(&values, &rows), None, "ten are a part of the data");
        assert_eq!(outliers(&[1.0; 50], &rows[..50]), None);
    }

    #[test]
    fn many_columns_take_as_long_as_many_rows() {
        let rows = [1.0, 5.0, 7.0, 3.0, 5.0, 9.0, 2.0, 5.0, 8.0];
        let of = |scale| ends(3, rows.into_iter(), scale);
        assert_eq!(of(Scale::Range), [Some([1.0, 3.0]), None, Some([7.0, 9.0])]);
        let deviation = (2f64 / 3.0).sqrt();
        assert_eq!(of(Scale::Standard), [Some([2.0, 2.0 + deviation]), None, Some([8.0, 8.0 + deviation])]);
        assert_eq!(of(Scale::None), [Some([0.0, 1.0]), None, Some([0.0, 1.0])]);
        assert_eq!(ends(2, std::iter::empty(), Scale::Range), [None, None]);
        // Column by column this would be 10^11 steps.
        let width = 100_000;
        assert!(ends(width, (0..10 * width).map(|i| i as f64), Scale::Standard).iter().all(Option::is_some));
    }
}
