//! Evaluations on small data.

use std::path::Path;

use saddle::{
    cpu::Cpu,
    data::{self, Dataset, Options, Split},
    error::Result,
    eval::{Setup, classifier::Classifier},
    kernels::Caps,
    runner::Runner,
};

fn cpu() -> Result<(Box<dyn Runner>, Caps)> {
    Ok((Box::new(Cpu::new()), Cpu::caps()))
}

fn setup() -> Setup<'static> {
    Setup { device: &cpu, cache: None, seed: 1 }
}

/// Examples back to back.
fn examples(set: &Dataset, range: std::ops::Range<usize>) -> Vec<f32> {
    range.flat_map(|i| set.example(i)).collect()
}

/// MNIST where it lies beside the project.
fn mnist(split: Split) -> Option<Dataset> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    if !folder.exists() {
        println!("skipped: there is no MNIST in {}", folder.display());
        return None;
    }
    Some(data::open(folder.to_str().unwrap(), &Options { split, ..Default::default() }).unwrap())
}

/// `cargo test --release --test eval -- --ignored --nocapture`
#[test]
#[ignore = "trains on MNIST for minutes"]
fn the_classifier_learns_mnist() {
    let (Some(train), Some(test)) = (mnist(Split::Train), mnist(Split::Test)) else { return };
    let start = std::time::Instant::now();
    let mut classifier = Classifier::of(&train, &setup()).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let answers = classifier.look_at(&examples(&test, 0..test.len())).unwrap();
    let accuracy = answers.accuracy(&test.labels.as_ref().unwrap().ids);
    println!("{:.2} % right on MNIST's test set after {seconds:.0} s", 100.0 * accuracy);
    assert!(accuracy > 0.985);
}
