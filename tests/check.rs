//! `saddle check` compares every kernel in every shape, and finds wrong results.

use saddle::{
    check::{Bound, Expected, Guarded, Inputs, cases::cases, on_cpu},
    kernels::{Kernel, Pad, Softmax, Tick},
};

/// The kernels that need matrix units, which only some adapters have.
const OF_DEVICES: [&str; 1] = ["matrix_multiply_add"];

#[test]
fn every_kernel_has_cases() {
    for name in Kernel::NAMES {
        let cases = cases(name);
        assert_eq!(cases.is_empty(), OF_DEVICES.contains(name), "{name}: add its shapes to check::cases");
        assert!(cases.iter().all(|case| case.kernel.name() == *name), "{name}");
    }
}

#[test]
fn the_cpu_runner_keeps_to_every_bound() {
    for case in Kernel::NAMES.iter().flat_map(|name| cases(name)) {
        let data = case.inputs.filled(&case.kernel);
        let expected = Expected::new(&case.kernel, &data, &Bound::of(&case.kernel, &data, false));
        let worst = expected.worst(&on_cpu(&case.kernel, &data).unwrap());
        assert!(worst.ratio <= 1.0, "{}", worst.place);
    }
}

#[test]
fn what_is_wrong_is_seen() {
    let kernel: Kernel = Softmax { rows: 3, cols: 5 }.into();
    let data = Inputs::suited(&kernel, 1).filled(&kernel);
    let expected = Expected::new(&kernel, &data, &Bound::of(&kernel, &data, false));
    let mut written = on_cpu(&kernel, &data).unwrap();
    assert!(expected.worst(&written).ratio <= 1.0);
    written.floats[0][7] *= 1.001;
    let worst = expected.worst(&written);
    assert!(worst.ratio > 1.0 && worst.place.contains("output 0[7]"), "{worst:?}");
    written.floats[0][7] = f32::NAN;
    assert_eq!(expected.worst(&written).ratio, f64::INFINITY);

    let kernel: Kernel = Tick {}.into();
    let data = Inputs::suited(&kernel, 1).filled(&kernel);
    let expected = Expected::new(&kernel, &data, &Bound::of(&kernel, &data, false));
    let mut written = on_cpu(&kernel, &data).unwrap();
    written.words[0][0] += 1;
    assert_eq!(expected.worst(&written).ratio, f64::INFINITY);
}

#[test]
fn a_damaged_band_is_seen() {
    let kernel: Kernel = Pad { from: vec![3], to: vec![5], before: vec![1] }.into();
    let data = Inputs::suited(&kernel, 1).filled(&kernel);
    let whole = Guarded::new(&data).bindings.pop().unwrap();
    assert!(Guarded::written(&data, &whole).is_ok());
    for (place, what) in [(0, "before"), (whole.len() - 1, "behind")] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        assert_eq!(Guarded::written(&data, &damaged).unwrap_err().to_string(), format!("wrote {what} output 0"));
    }
}
