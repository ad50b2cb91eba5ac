//! `saddle check`.

use super::*;

#[test]
fn a_device_that_is_right_is_found_right() {
    let place = Place::new();
    let said = place.saddle("check --adapter cpu --json here.json");
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("all right") && !said.out.contains("FAILED"), "{}", said.out);
    let report: Value = serde_json::from_slice(&place.read("here.json")).unwrap();
    for key in ["saddle", "wgpu", "host", "device", "adapter", "caps", "kernels"] {
        assert!(report.get(key).is_some(), "{key}");
    }
    let ratios: Vec<f64> =
        report["kernels"].as_array().unwrap().iter().map(|kernel| kernel["ratio"].as_f64().unwrap()).collect();
    assert!(ratios.len() > 100 && ratios.iter().all(|ratio| *ratio <= 1.0) && ratios.iter().any(|ratio| *ratio > 0.1));
}

#[test]
fn rounds_go_beside_the_cpu_runners() {
    let place = Place::new();
    let said = place.saddle("check --adapter 0 --only gan,tick --json here.json");
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let report: Value = serde_json::from_slice(&place.read("here.json")).unwrap();
    assert!(report["adapter"]["driver"].is_string(), "{}", report["adapter"]);
    let losses = &report["trainings"][0];
    assert_eq!(losses["training"], "gan");
    assert!(losses["device"] != losses["cpu"], "two runners do not agree to the bit: {losses}");
    refused(&place, "check --only ticks", 2, &["--only", "`ticks`", "did you mean `tick`?"]);
}

/// The program contains the text of its shaders; in a copy of the program, the step counter counts down.
#[test]
fn a_kernel_that_is_wrong_is_found() {
    let place = Place::new();
    let (right, wrong) = (b"clock[0]++", b"clock[0]--");
    let mut program = fs::read(SADDLE).unwrap();
    let places: Vec<usize> =
        program.windows(right.len()).enumerate().filter(|(_, w)| w == right).map(|w| w.0).collect();
    assert!(!places.is_empty(), "tick.wgsl reads otherwise now");
    places.into_iter().for_each(|at| program[at..][..wrong.len()].copy_from_slice(wrong));
    let copy = place.path("saddle");
    fs::copy(SADDLE, &copy).unwrap(); // with its permissions
    fs::write(&copy, program).unwrap();
    let run = || {
        let words = ["check", "--adapter", "0", "--only", "tick,pad"];
        Process::new(&copy).args(words).current_dir(place.0.path()).output()
    };
    // A process that another test starts just now may hold the copy open for a moment.
    let is_busy = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ExecutableFileBusy;
    let mut output = run();
    while output.as_ref().is_err_and(is_busy) {
        std::thread::sleep(Duration::from_millis(20));
        output = run();
    }
    let output = output.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    let line = |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap().to_string();
    assert!(line("tick").contains("FAILED") && line("pad").contains(" ok "), "{out}");
    assert!(err.contains("word 0[0] is") && err.contains("error: 1 of the checks of"), "{err}");
}
