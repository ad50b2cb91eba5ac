//! Evaluations on small data.

use std::path::Path;

use saddle::{
    cpu::Cpu,
    data::{self, Columns, Dataset, Items, Labels, Options, Split},
    error::Result,
    eval::{
        Better, Report, Row, Setup, Verdict,
        classifier::Classifier,
        images::{Images, images},
        likelihood::likelihood,
        modes,
        sequences::{Layout, Sequences, picture, sequences},
        statics::statics,
    },
    kernels::{
        Caps,
        random::{normal, philox},
    },
    report::save_png,
    runner::Runner,
};

fn cpu() -> Result<(Box<dyn Runner>, Caps)> {
    Ok((Box::new(Cpu::new()), Cpu::caps()))
}

fn setup() -> Setup<'static> {
    Setup { device: &cpu, cache: None, seed: 1, effort: 1.0, seen: &|_, _, _| () }
}

/// A setup in which networks are hardly trained.
fn hasty() -> Setup<'static> {
    Setup { effort: 0.02, ..setup() }
}

/// 8x8 images, half dark and half bright, with noise; `stack` as in [`Dataset`].
fn dashes(count: usize, seed: u64, labelled: bool, stack: usize) -> Dataset {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 59) as u8
    };
    let ids: Vec<u32> = (0..count as u32).map(|i| i % 2).collect();
    let pixel = |class: u32, n: usize| if (n / 8 < 4) == (class == 0) { 20 } else { 200 };
    let pixels: Vec<u8> =
        ids.iter().flat_map(|&class| (0..64).map(move |n| pixel(class, n))).map(|p| p + noise()).collect();
    let labels = Labels { ids, names: vec!["below".into(), "above".into()] };
    Dataset {
        name: "dashes".into(),
        shape: vec![stack, 8, 8],
        items: Items::Bytes(pixels.into()),
        labels: labelled.then_some(labels),
        stack,
        mirror: false,
        series: None,
        pieces: vec![],
        about: Default::default(),
    }
}

#[track_caller]
fn row<'a>(report: &'a Report, measure: &str) -> &'a Row {
    report.rows.iter().find(|row| row.measure == measure).unwrap_or_else(|| panic!("no {measure}: {:?}", report.rows))
}

#[track_caller]
fn assert_refused<T>(result: Result<T>, part: &str) {
    match result {
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.contains(part) && !sentence.contains('\n'), "{sentence}");
        }
        Ok(_) => panic!("nothing was refused"),
    }
}

#[test]
fn images_like_the_real_ones_score_better_than_others() {
    let (train, test) = (dashes(240, 1, true, 1), dashes(80, 2, true, 1));
    let fresh = examples(&dashes(80, 3, true, 1), 0..80);
    let wanted: Vec<u32> = (0..80).map(|i| i % 2).collect();
    let measure = |generated: &[f32], wanted| {
        images(&Images { train: &train, test: Some(&test), generated, wanted, more: "it takes more images" }, &hasty())
            .unwrap()
    };
    let good = measure(&fresh, Some(&wanted));
    let inverted: Vec<f32> = fresh.iter().map(|v| -v).collect();
    let bad = measure(&inverted, Some(&wanted));
    let grey = measure(&vec![0.1; fresh.len()], None);
    assert!(row(&good, "Fréchet distance").value < row(&grey, "Fréchet distance").value);
    assert!(row(&good, "kernel distance").value < row(&grey, "kernel distance").value);
    assert!(row(&good, "coverage").value > 0.8 && row(&grey, "coverage").value < 0.1);
    // The images of each class are the inverse of the other class's.
    for measure in ["GAN-test accuracy", "GAN-train accuracy"] {
        assert!(row(&good, measure).value > 0.95 && row(&bad, measure).value < 0.05, "{good:?} {bad:?}");
        assert!(row(&good, measure).real.unwrap() > 0.95);
    }
    assert!(row(&grey, "GAN-test confidence").value < row(&grey, "GAN-test confidence").real.unwrap());
    assert!(row(&good, "memorised share").value < 0.2);
    // Copies of one image, hardly blurred: every measure of quality praises them.
    let one = &fresh[..64];
    let alike: Vec<f32> = (0..80).flat_map(|i| one.iter().map(move |v| v + 1e-3 * i as f32)).collect();
    let mut alike = measure(&alike, None);
    for measure in ["precision", "density"] {
        assert_eq!(row(&alike, measure).verdict, Some(Verdict::Unsure), "{measure}");
        assert_eq!(row(&good, measure).verdict, None, "{measure}");
    }
    alike.judge();
    let spread = row(&alike, "spread");
    assert!(spread.value < 0.1 && spread.verdict == Some(Verdict::Far), "{spread:?}");
    assert!(spread.note.as_ref().unwrap().contains("samples are alike"), "{spread:?}");
    assert!((0.8..1.25).contains(&row(&good, "spread").value), "{:?}", row(&good, "spread"));
    assert!(good.notes.iter().any(|note| note.ends_with("needs fewer; it takes more images")), "{:?}", good.notes);
    let few = measure(&fresh[..40 * 64], None);
    assert!(few.notes.iter().any(|note| note.ends_with("a higher --count compares up to 80")), "{:?}", few.notes);
    let repeated = measure(&examples(&train, 0..80), None);
    assert_eq!(row(&repeated, "memorised share").value, 1.0);
    assert_eq!(measure(&fresh, Some(&wanted)), good, "a function of its inputs and the seed");
}

#[test]
fn images_without_labels_or_held_out_part_are_measured_with_a_word_on_it() {
    let train = dashes(120, 1, false, 1);
    let fresh = examples(&dashes(40, 3, false, 1), 0..40);
    let report =
        images(&Images { train: &train, test: None, generated: &fresh, wanted: None, more: "" }, &hasty()).unwrap();
    let measures: Vec<&str> = report.rows.iter().map(|row| row.measure.as_str()).collect();
    assert_eq!(
        measures,
        ["Fréchet distance", "kernel distance", "precision", "recall", "density", "coverage", "spread"]
    );
    let notes = report.notes.join("; ");
    assert!(notes.contains("tells turns of its images apart") && notes.contains("no held-out part"), "{notes}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let train = dashes(40, 1, true, 1);
    let measure =
        |generated: &[f32]| images(&Images { train: &train, test: None, generated, wanted: None, more: "" }, &hasty());
    assert_refused(measure(&[0.0; 100]), "no samples of 64 values");
    assert_refused(measure(&[f32::NAN; 640]), "sample 0 holds NaN");
    assert_refused(measure(&[0.0; 128]), "too few");
    assert_refused(modes::points("digits", &[0.0; 2], &hasty()), "modes of `digits`");
    assert_refused(modes::stacked(&train, None, &[0.0; 64], &hasty()), "stacked");
    assert_refused(Classifier::train(&dashes(40, 1, false, 1), 1, &hasty()), "no labels");
    let windows = Sequences { set: "a", real: &[0.0; 8], generated: &[0.0; 8], shape: [1, 2] };
    assert_refused(sequences(&windows, &hasty()), "too few");
    assert_refused(picture(&windows, Layout::Pca, 0), "one step");
}

#[test]
fn a_classifier_is_kept_and_a_damaged_one_is_trained_anew() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { cache: Some(folder.path().join("new")), effort: 0.005, ..setup() };
    let train = dashes(60, 1, true, 1);
    let look = |set: &Dataset| Classifier::of(set, &setup).unwrap().look_at(&examples(&train, 0..7)).unwrap();
    let kept = || {
        let files = std::fs::read_dir(folder.path().join("new/classifiers")).unwrap();
        files.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let first = look(&train);
    assert_eq!(kept().len(), 1);
    let written = kept()[0].metadata().unwrap().modified().unwrap();
    assert_eq!(look(&train).features, first.features);
    assert_eq!(kept()[0].metadata().unwrap().modified().unwrap(), written);
    std::fs::write(&kept()[0], b"not a checkpoint").unwrap();
    assert_eq!(look(&train).features, first.features);
    look(&dashes(60, 2, true, 1));
    assert_eq!(kept().len(), 2, "other items are another classifier's");
}

#[test]
fn modes_of_points_are_counted_beside_a_perfect_sampler() {
    let perfect = match data::open("ring", &Options { seed: 77, ..Default::default() }).unwrap().items {
        Items::Floats(points) => points[..2 * 5000].to_vec(),
        _ => unreachable!("points are floats"),
    };
    let good = modes::points("ring", &perfect, &setup()).unwrap();
    let high_quality = row(&good, "high-quality share");
    assert!((high_quality.value - high_quality.floor.unwrap()).abs() < 0.01, "{high_quality:?}");
    assert!((row(&good, "reverse KL, nats").floor.unwrap() - 0.0014).abs() < 0.0006);
    assert_eq!(row(&good, "modes of 8").value, 8.0);
    let one = modes::points("ring", &[1.0, 0.0].repeat(2500), &setup()).unwrap();
    assert_eq!(row(&one, "modes of 8").value, 1.0);
    assert!(row(&one, "modes of 8").deviation.is_none());
}

#[test]
fn triples_of_stacked_images_are_counted() {
    let train = dashes(200, 1, true, 3);
    let setup = Setup { effort: 0.05, ..setup() };
    let all = modes::stacked(&train, None, &examples(&train, 0..200), &setup).unwrap();
    assert_eq!(row(&all, "modes of 8").value, 8.0);
    let kl = row(&all, "KL to uniform, nats");
    // The expected value is (K - 1) / 2N.
    assert!((kl.floor.unwrap() - 7.0 / 400.0).abs() < 0.01 && kl.value < 0.06, "{kl:?}");
    let one = modes::stacked(&train, None, &examples(&train, 4..5).repeat(50), &setup).unwrap();
    assert_eq!(row(&one, "modes of 8").value, 1.0);
    assert!((row(&one, "KL to uniform, nats").value - 8f64.ln()).abs() < 1e-9);
}

/// z ~ N(0, 1), x | z ~ N(z, 1): x ~ N(0, 2), and q(z | x) = N(x / 2, 1) is wider than the posterior, N(x / 2, 1 / 2).
#[test]
fn importance_weights_approach_a_known_likelihood() {
    let x = [0.3, -1.2, 2.0];
    let ln_normal = |v: f64, mean: f64, variance: f64| {
        -0.5 * ((v - mean).powi(2) / variance + (std::f64::consts::TAU * variance).ln())
    };
    let truth: f64 = x.iter().map(|&x| ln_normal(x, 0.0, 2.0)).sum::<f64>() / 3.0;
    let divergence = 0.5 * (2.0 - 1.0 - 2f64.ln());
    let mut bound = |seed: u64| {
        let noise = |n: usize| philox([n as u32, 0, 0, 0], [seed as u32, 0]).map(normal::<f64>);
        let weights = x.iter().enumerate().flat_map(|(n, &x)| {
            noise(n).map(|e| {
                let z = x / 2.0 + e;
                (ln_normal(z, 0.0, 1.0) + ln_normal(x, z, 1.0) - ln_normal(z, x / 2.0, 1.0)) as f32
            })
        });
        let weights: Vec<f32> = weights.collect();
        Ok([weights.chunks(4).map(|some| some.iter().sum::<f32>() / 4.0).collect(), weights])
    };
    let report = likelihood("binarized_mnist", &[200, 5000], 1, &mut bound).unwrap();
    let value = |measure| row(&report, measure).value;
    // The standard deviation of a weight is about 1, that of its logarithm about 0.7, over 3 times as many draws.
    assert!((value("evidence lower bound") - (truth - divergence)).abs() < 0.03);
    assert!((value("NLL, 5000 importance samples") + truth).abs() < 0.04);
    assert!((value("NLL, 200 importance samples") + truth).abs() < 0.2);
    assert!(row(&report, "NLL, 200 importance samples").published.as_ref().unwrap().contains("89.78"));
    let mut broken = |_| Ok([vec![f32::NAN], vec![0.0]]);
    assert_refused(likelihood("a", &[2], 1, &mut broken), "not a number");
}

/// Sines of random phase, `[count, 6, 2]`, in 0 to 1.
fn waves(count: usize, frequency: f32, seed: u64) -> Vec<f32> {
    let phase = |i: usize| philox([i as u32, 0, 0, 0], [seed as u32, 0])[0] as f32 / 4e9 * 6.0;
    let value = |n: usize| 0.5 + 0.4 * (frequency * (n / 2 % 6) as f32 + phase(n / 12) + (n % 2) as f32).sin();
    (0..count * 12).map(value).collect()
}

#[test]
fn sequences_like_the_real_ones_score_better_than_others() {
    let real = waves(200, 0.5, 1);
    let measure = |generated: &[f32]| {
        let input = Sequences { set: "sines", real: &real, generated, shape: [6, 2] };
        sequences(&input, &Setup { effort: 0.05, ..setup() }).unwrap()
    };
    let (same, other) = (measure(&waves(200, 0.5, 2)), measure(&waves(200, 1.7, 3)));
    for measure in ["discriminative score", "predictive score", "MMD²", "autocorrelation error"] {
        assert!(row(&same, measure).value < row(&other, measure).value, "{measure}: {same:?} {other:?}");
    }
    let discriminative = row(&same, "discriminative score");
    // sqrt(2 / pi) / 2 / sqrt(80).
    assert!((discriminative.floor.unwrap() - 0.0446).abs() < 1e-4 && discriminative.published.is_some());
    assert_eq!(measure(&waves(200, 0.5, 2)), same, "a function of its inputs and the seed");
}

#[test]
fn sequences_of_one_feature_have_no_predictive_score() {
    let input = Sequences { set: "a", real: &waves(60, 0.5, 1), generated: &waves(60, 0.5, 2), shape: [12, 1] };
    let report = sequences(&input, &Setup { effort: 0.001, ..setup() }).unwrap();
    assert!(report.rows.iter().all(|row| row.measure != "predictive score"));
    assert!(report.notes.iter().any(|note| note.contains("one feature")));
}

#[test]
fn pictures_show_both_kinds_of_windows() {
    let input = Sequences { set: "a", real: &waves(60, 0.5, 1), generated: &waves(50, 1.7, 2), shape: [6, 2] };
    for layout in [Layout::Pca, Layout::Tsne] {
        let picture = picture(&input, layout, 1).unwrap();
        let red = picture.pixels().filter(|p| p.0[0] > 180 && p.0[1] < 120).count();
        let grey = picture.pixels().filter(|p| p.0[0] < 250 && p.0[1] > 180).count();
        assert!(red > 50 && grey > 50, "{layout:?}: {red} red, {grey} grey");
    }
}

#[test]
fn a_note_of_several_reports_stands_below_the_first() {
    let report = |notes: &[&str]| {
        let notes = notes.iter().map(|note| (*note).into()).collect();
        Report { title: "t".into(), notes, ..Report::default() }
    };
    let mut said = vec![];
    let reports = [report(&["no held-out part"]), report(&["no held-out part", "few"])];
    let tables: Vec<String> = reports.iter().map(|report| report.table_after(&mut said)).collect();
    assert_eq!(tables.join("\n"), "t\n\n  no held-out part.\n\nt\n\n  few.\n");
}

#[test]
fn a_table_is_aligned_and_json_has_every_field() {
    let report = Report {
        title: "Images of `a`".into(),
        rows: vec![
            Row::new("recall", 0.51236, Better::Higher).floor(0.9).real(1.0).published("other 0.4"),
            Row::new("distance", 12345.678, Better::Lower).deviation(0.25).note("± is of 3"),
            Row::new("tiny", 0.0000123, Better::Lower),
        ],
        notes: vec!["10 samples".into()],
        ..Report::default()
    };
    let want = "Images of `a`

                 value           perfect  real  published
  recall ↑      0.5124            0.9000     1  other 0.4
  distance ↓     12346 ± 0.2500
  tiny ↓      1.230e-5

  10 samples.
  distance: ± is of 3.
";
    assert_eq!(report.table(), want);
    let plain = Report { rows: vec![Row::new("tiny", 0.5, Better::Lower)], ..Report::default() };
    assert_eq!(plain.table(), "\n\n           value\n  tiny ↓  0.5000\n", "columns without a cell are left out");
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["rows"][0]["better"], "higher");
    assert_eq!(json["rows"][1]["deviation"], 0.25);
    assert_eq!(json["rows"][1]["floor"], serde_json::Value::Null);
    assert_eq!(json["notes"][0], "10 samples");
}

/// Few examples allow no word but `far`, and chance is as far from the best as can be.
#[test]
fn verdicts_know_how_few_examples_there_are_and_what_chance_is() {
    let verdicts = |compared| {
        let rows = [("good", 0.98), ("chance", 0.55), ("poor", 0.2)];
        let row = |(name, value)| Row::new(name, value, Better::Higher).real(1.0).chance(0.5);
        let mut report = Report { rows: rows.map(row).into(), compared: Some(compared), ..Report::default() };
        report.judge();
        report.rows.iter().map(|row| row.verdict.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(100), [Verdict::AsGood, Verdict::Far, Verdict::Far]);
    assert_eq!(verdicts(99), [Verdict::Unsure, Verdict::Far, Verdict::Far]);
}

/// The values of a range of examples, one example after the other.
fn examples(set: &Dataset, range: std::ops::Range<usize>) -> Vec<f32> {
    range.flat_map(|i| set.example(i)).collect()
}

/// MNIST, if it is present beside the project.
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

/// The scores of a model that repeats its training set.
#[test]
#[ignore = "prints every measure of MNIST's own training images, and takes minutes"]
fn training_images_are_measured_in_the_place_of_samples() {
    let (Some(train), Some(test)) = (mnist(Split::Train), mnist(Split::Test)) else { return };
    let cache = tempfile::tempdir().unwrap();
    let setup = Setup { cache: Some(cache.path().to_path_buf()), ..setup() };
    let generated = examples(&train, 0..10_000);
    for wanted in [None, Some(&train.labels.as_ref().unwrap().ids[..10_000])] {
        let start = std::time::Instant::now();
        let report =
            images(&Images { train: &train, test: Some(&test), generated: &generated, wanted, more: "" }, &setup)
                .unwrap();
        println!("{}after {:.0} s\n", report.table(), start.elapsed().as_secs_f64());
    }
}

/// Windows of 24 steps of a table, `[N, 24, F]`, if the table is present beside the project.
fn windows(table: &str) -> Option<(Vec<f32>, [usize; 2])> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/timegan").join(table);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return None;
    }
    let set = data::open(path.to_str().unwrap(), &Options { window: Some(24), ..Default::default() }).unwrap();
    Some((examples(&set, 0..set.len()), [set.shape[0], set.shape[1]]))
}

/// The TimeGAN paper gives 0.036 as the predictive score of the original data.
#[test]
#[ignore = "trains 40 networks on stock prices for minutes"]
fn real_stock_scores_as_published() {
    let Some((real, shape)) = windows("stock_data.csv") else { return };
    let start = std::time::Instant::now();
    let input = Sequences { set: "stock_data.csv", real: &real, generated: &real, shape };
    let report = sequences(&input, &setup()).unwrap();
    println!("{}after {:.0} s", report.table(), start.elapsed().as_secs_f64());
    let predictive = row(&report, "predictive score");
    assert!((predictive.value - 0.036).abs() < 0.003, "{predictive:?}");
    let discriminative = row(&report, "discriminative score");
    assert!(discriminative.value < 0.03, "{discriminative:?}");
}

/// Plots real windows in grey, and in red windows with half the deviation from the mean of their column.
#[test]
#[ignore = "writes pictures, to be looked at, into the folder for temporary files"]
fn pictures_of_stock() {
    let Some((real, shape)) = windows("stock_data.csv") else { return };
    let generated: Vec<f32> = real.iter().map(|v| 0.5 * v + 0.1).collect();
    let input = Sequences { set: "stock_data.csv", real: &real, generated: &generated, shape };
    for layout in [Layout::Pca, Layout::Tsne] {
        let path = std::env::temp_dir().join(format!("saddle-stock-{layout:?}.png"));
        save_png(&path, &picture(&input, layout, 1).unwrap()).unwrap();
        println!("{}", path.display());
    }
}

#[test]
fn what_is_the_same_in_a_series_is_counted() {
    let columns = Columns {
        names: ["k=a", "k=b", "m=x", "m=y", "v"].map(String::from).to_vec(),
        zero: vec![0.0; 5],
        one: vec![1.0; 5],
        statics: serde_json::from_str(
            r#"[{"name":"k","first":0,"values":["a","b"]},{"name":"m","first":2,"values":["x","y"]}]"#,
        )
        .unwrap(),
        ..Columns::default()
    };
    // In the real ones k tells m.
    let sequences = |of: &[[f32; 2]]| -> Vec<f32> {
        of.iter().flat_map(|[k, m]| [*k, 1.0 - k, *m, 1.0 - m, 0.5].repeat(2)).collect()
    };
    let real = sequences(&[[1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]);
    let generated = sequences(&[[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]);
    let mut report = Report::default();
    statics(&mut report, &columns, [&real, &generated], [2, 5]);
    let of = |name: &str| row(&report, name).value;
    assert_eq!((of("shares of `k`"), of("shares of `m`"), of("shares of `k, m`")), (1.0, 1.0, 0.5));
    assert_eq!(report.tables[2].rows[0], ("a, x".to_owned(), vec![0.25, 0.5]));
}
