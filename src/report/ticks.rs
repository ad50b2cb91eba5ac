//! Numbers along an axis: few, round, and with no more digits than tell them apart.

/// What is smaller counts as 0.
const SMALLEST: f64 = 1e-290;
/// Superscripts of the digits.
const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

/// Marked places of an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marked {
    /// Each place and its name, in order.
    pub places: Vec<(f64, String)>,
    /// A power of ten by which the numbers are to be multiplied, such as `×10⁶`; empty for 1.
    pub factor: String,
}

/// A range that holds all finite ones of `values` and has some extent, also where there are none or all are equal.
pub fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let finite = values.filter(|value| value.is_finite());
    let [low, high] =
        finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)]);
    if low > high {
        return [0.0, 1.0];
    }
    let size = low.abs().max(high.abs());
    // Below this, neighbouring marks could not be told apart.
    if high - low > 1e-9 * size && size > SMALLEST {
        return [low, high];
    }
    let half = if size > SMALLEST { 0.1 * size } else { 1.0 };
    let middle = low / 2.0 + high / 2.0;
    [middle - half, middle + half]
}

/// The range with a share of it as air at both ends.
pub fn aired([low, high]: [f64; 2], share: f64) -> [f64; 2] {
    let air = share * (high - low);
    [low - air, high + air]
}

/// At most about `most` round numbers in a range, `whole` ones where steps are counted.
pub fn numbers([low, high]: [f64; 2], most: usize, whole: bool) -> Marked {
    let apart = (high - low) / most.max(1) as f64;
    if !(apart.is_finite() && apart > 0.0) {
        return Marked::default();
    }
    let mut power = apart.log10().floor() as i32;
    let mut leading =
        [1.0, 2.0, 5.0, 10.0].into_iter().find(|n| n * 10f64.powi(power) >= 0.999 * apart).unwrap_or(10.0);
    if leading == 10.0 {
        (leading, power) = (1.0, power + 1);
    }
    if whole && power < 0 {
        (leading, power) = (1.0, 0);
    }
    let step = leading * 10f64.powi(power);
    let size = low.abs().max(high.abs());
    let by = match size.log10() {
        digits if (-3.0..5.0).contains(&digits) => 0,
        digits => (digits / 3.0).floor() as i32 * 3,
    };
    let decimals = (by - power).clamp(0, 15) as usize;
    let [first, last] = [(low / step - 1e-9).ceil(), (high / step + 1e-9).floor()];
    let count = (last - first + 1.0).clamp(0.0, 4.0 * most as f64) as usize;
    let place = |n: usize| {
        let value = (first + n as f64) * step;
        let text = format!("{:.decimals$}", value / 10f64.powi(by));
        let digits = text.trim_start_matches('-');
        let is_zero = digits.bytes().all(|byte| b"0.".contains(&byte));
        (value, if text.len() > digits.len() && !is_zero { format!("−{digits}") } else { digits.into() })
    };
    Marked { places: (0..count).map(place).collect(), factor: if by == 0 { String::new() } else { factor(by) } }
}

fn factor(power: i32) -> String {
    let digits = power.unsigned_abs().to_string();
    let raised = digits.bytes().map(|digit| RAISED[usize::from(digit - b'0')]);
    let sign = if power < 0 { "⁻" } else { "" };
    format!("×10{sign}{}", raised.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(range: [f64; 2], most: usize, whole: bool) -> (String, String) {
        let marked = numbers(range, most, whole);
        let names: Vec<String> = marked.places.into_iter().map(|(_, name)| name).collect();
        (names.join(" "), marked.factor)
    }

    #[test]
    fn marks_are_round_and_short() {
        for (range, most, whole, names, factor) in [
            ([0.0, 1.0], 5, false, "0.0 0.2 0.4 0.6 0.8 1.0", ""),
            ([-1.2, 1.2], 5, false, "−1.0 −0.5 0.0 0.5 1.0", ""),
            ([0.0, 23.0], 5, true, "0 5 10 15 20", ""),
            ([0.0, 3.0], 8, true, "0 1 2 3", ""),
            ([49.3, 1280.0], 5, false, "500 1000", ""),
            ([3.1e5, 4.7e7], 5, false, "10 20 30 40", "×10⁶"),
            ([-2e-5, 2e-5], 4, false, "−20 −10 0 10 20", "×10⁻⁶"),
            ([1e300, 9e300], 4, false, "2 4 6 8", "×10³⁰⁰"),
        ] {
            assert_eq!(named(range, most, whole), (names.into(), factor.into()), "{range:?}");
        }
    }

    #[test]
    fn any_values_have_a_range_and_few_marks() {
        for values in [
            vec![],
            vec![f64::NAN],
            vec![7.0],
            vec![0.0, 0.0],
            vec![1e20, 1e20 + 1.0],
            vec![f64::from(f32::MIN), f64::from(f32::MAX), f64::INFINITY],
            vec![1e-310, 2e-310],
            vec![-1e-9, 1e9],
        ] {
            let range = range(values.iter().copied());
            let marks = numbers(aired(range, 0.05), 5, false).places;
            assert!(range[0] < range[1] && (2..=20).contains(&marks.len()), "{values:?}: {range:?} {marks:?}");
        }
    }
}
