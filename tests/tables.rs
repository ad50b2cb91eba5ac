//! Tables with types from end to end: rows of a known law, the autoencoder of preset `table`, and what its samples
//! keep.

mod common;
mod training;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::LazyLock,
};

use common::Rng;
use saddle::{
    checkpoint::Checkpoint,
    data::{Condition, Dataset, Items, Records, TableCell, Values},
    eval::tables::column,
    metrics::table::{Column, Table, column_shapes, pair_trends},
    session::Session,
    settings::Settings,
};
use training::{Device, same, settings, table};

const ROWS: usize = 4000;
const STEPS: u64 = 1000;
/// Samples by which shares are counted.
const MANY: usize = 60_000;

/// One of the places of `weights`, by its weight.
fn pick(rng: &mut Rng, weights: &[usize]) -> usize {
    let mut left = rng.below(weights.iter().sum());
    let is_here = |weight: &usize| match left.checked_sub(*weight) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    };
    weights.iter().position(is_here).unwrap()
}

/// Rows of a known law: the place depends on the kind, the size on both, the day on the place; the size is missing
/// exactly where the kind is `c`; the customer tells rows apart.
fn law(seed: u64, rows: usize) -> String {
    const PLACES: [[usize; 4]; 3] = [[7, 1, 1, 1], [1, 6, 2, 1], [1, 3, 4, 12]];
    let mut rng = Rng(seed);
    let mut text = "customer,kind,place,size,day\n".to_owned();
    for n in 0..rows {
        let kind = pick(&mut rng, &[5, 3, 2]);
        let place = pick(&mut rng, &PLACES[kind]);
        let tenths = 200 + 250 * kind + 30 * place + (0..4).map(|_| rng.below(60)).sum::<usize>();
        let size = if kind == 2 { String::new() } else { format!("{}.{}", tenths / 10, tenths % 10) };
        let [one, other] = [rng.below(308), rng.below(308)];
        let day = [one, one.min(other), one.max(other), one][place];
        let (kind, place) = (["a", "b", "c"][kind], ["w", "x", "y", "z"][place]);
        text += &format!("C-{},{kind},{place},{size},2020-{:02}-{:02}\n", 700_000 + 37 * n, day / 28 + 1, day % 28 + 1);
    }
    text
}

/// The preset for this law: small networks, a high rate for the few steps, an average over the last ones.
fn small(steps: u64) -> Settings {
    let steps = format!("steps={steps}");
    let nets = ["hidden_e=64,64", "latent=12", "codes=30", "batch=256", "lr_g=0.005", "ema=0.99"];
    settings(&[&["variant=vae", "preset=table", &steps], &nets[..]].concat())
}

fn floats(set: &Dataset) -> &[f32] {
    match &set.items {
        Items::Floats(floats) => floats,
        _ => panic!("rows are floats"),
    }
}

fn train(session: &mut Session, until: u64) {
    while session.step() < until {
        session.train(until - session.step()).unwrap();
    }
}

/// All states of a session.
fn states(session: &mut Session) -> BTreeMap<String, Vec<f32>> {
    let engine = session.engine();
    engine.items().to_vec().into_iter().map(|item| (item.name.clone(), engine.read(&item).unwrap())).collect()
}

/// A trained model, and what it gives.
struct Learned {
    records: Records,
    /// What it learned from.
    rows: Vec<f32>,
    /// Samples before anything was fitted, and the states then.
    raw: Vec<f32>,
    before: BTreeMap<String, Vec<f32>>,
    end: Checkpoint,
    samples: Vec<f32>,
}

static LEARNED: LazyLock<Learned> = LazyLock::new(|| {
    let s = small(STEPS);
    let set = table(&law(1, ROWS), &s);
    let mut session = Device::Cpu.session(&s, &set);
    train(&mut session, STEPS);
    let (raw, before) = (session.generate(MANY, 1, None).unwrap(), states(&mut session));
    let end = session.checkpoint().unwrap();
    let samples = session.generate(MANY, 2, None).unwrap();
    Learned { records: set.records().unwrap().clone(), rows: floats(&set).to_vec(), raw, before, end, samples }
});

/// Rows of the law that the model has not seen, as it was read by itself.
static FRESH: LazyLock<(Records, Vec<f32>)> = LazyLock::new(|| {
    let set = table(&law(2, 20_000), &small(1));
    (set.records().unwrap().clone(), floats(&set).to_vec())
});

/// The columns that are learned of some rows, for scores; equal texts have equal numbers.
fn scored(values: &[Values], ids: &mut HashMap<String, u32>) -> Table {
    let columns: Vec<Column> = values.iter().map(|values| column((values, &mut *ids))).collect();
    Table::new(["kind", "place", "size", "day"].map(String::from).into(), columns)
}

#[test]
fn samples_have_the_shapes_and_trends_of_the_data() {
    let (learned, mut ids) = (&*LEARNED, HashMap::new());
    let real = scored(&learned.records.values(learned.records.rows(&learned.rows, 0, 0)), &mut ids);
    let found = scored(&learned.records.values(learned.records.rows(&learned.samples, 0, 0)), &mut ids);
    let (shapes, trends) = (column_shapes(&real, &found), pair_trends(&real, &found));
    println!("shapes {shapes:?}, trends {trends:?}");
    assert!(shapes.mean.unwrap() > 0.98, "{shapes:?}");
    assert!(trends.mean.unwrap() > 0.95, "{trends:?}");
}

#[test]
fn gaps_stay_where_they_belong_and_ids_do_not_come_out() {
    let learned = &*LEARNED;
    let (mut right, mut rows) = (0, 0);
    let known: HashSet<String> = law(1, ROWS).lines().map(|row| row.split(',').next().unwrap().to_owned()).collect();
    for row in learned.records.rows(&learned.samples, 0, 0) {
        right += usize::from((row[1].text == "c") == row[3].text.is_empty());
        rows += 1;
        assert!(!known.contains(&row[0].text), "{} is in the data", row[0].text);
        assert!(row[0].text.starts_with("C-"), "{}", row[0].text);
    }
    assert!(right as f64 > 0.98 * rows as f64, "{right} of {rows}");
}

/// Shares of the values of each choice, one after the other.
fn shares(records: &Records, samples: &[f32]) -> Vec<f64> {
    let rows = samples.len() / records.len();
    let of = |(choice, len): (usize, usize)| {
        let mut counts = vec![0.0; len];
        samples.chunks(records.len()).for_each(|row| counts[row[choice] as usize] += 1.0 / rows as f64);
        counts
    };
    records.choices().into_iter().enumerate().flat_map(of).collect()
}

#[test]
fn calibration_sets_shares_right_and_touches_nothing_else() {
    let learned = &*LEARNED;
    let worst = |samples: &[f32]| {
        let (got, want) = (shares(&learned.records, samples), learned.records.shares());
        got.iter().zip(&want).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max)
    };
    let [raw, calibrated] = [&learned.raw, &learned.samples].map(|samples| worst(samples));
    println!("worst share: off by {raw:.4} before, {calibrated:.4} after");
    assert!(raw > 0.015 && calibrated < 0.01, "{raw} before, {calibrated} after");
    let mut moved = HashSet::new();
    for (name, values) in &learned.before {
        let tensor = &learned.end.tensors[name];
        if values.iter().zip(&tensor.data).any(|(a, b)| a.to_bits() != b.to_bits()) {
            moved.insert(name.split('.').next().unwrap());
        }
    }
    assert_eq!(moved, HashSet::from(["calibration", "prior"]));
    assert_eq!(learned.before.len(), learned.end.tensors.len());
}

#[test]
fn an_interrupted_run_ends_in_the_same_bits() {
    let s = Settings { hidden_e: vec![16], ..small(60) };
    let set = table(&law(3, 600), &s);
    let records = set.records().unwrap();
    let csv = |session: &mut Session| records.to_csv(records.rows(&session.generate(500, 7, None).unwrap(), 0, 7));
    let mut whole = Device::Cpu.session(&s, &set);
    train(&mut whole, 60);
    let end = whole.checkpoint().unwrap();
    let rows = csv(&mut whole);
    let mut first = Device::Cpu.session(&s, &set);
    train(&mut first, 23);
    let middle = first.checkpoint().unwrap();
    assert!(middle.tensors["calibration.offsets"].data != end.tensors["calibration.offsets"].data);
    let mut second = Device::Cpu.session(&s, &set);
    second.restore(&middle).unwrap();
    train(&mut second, 60);
    same(&second.checkpoint().unwrap(), &end, "cut at 23");
    assert!(csv(&mut second) == rows, "rows after a resume");
    // From the checkpoint alone.
    let mut restored = Device::Cpu.session(&s, &set);
    restored.restore(&end).unwrap();
    assert!(csv(&mut restored) == rows, "rows of a checkpoint");
}

#[test]
fn samples_under_conditions_obey_and_keep_the_other_columns() {
    let learned = &*LEARNED;
    let records = &learned.records;
    let real: Vec<Vec<TableCell>> = FRESH.0.rows(&FRESH.1, 0, 0).collect();
    let samples: Vec<Vec<TableCell>> = records.rows(&learned.samples, 0, 0).collect();
    for texts in [&["kind=b"][..], &["day<2020-03-01"], &["size>=40"], &["place!=w", "size<35"], &["size=", "place=z"]]
    {
        let conditions: Vec<Condition> = texts.iter().map(|text| Condition::of(records, text).unwrap()).collect();
        let kept = |rows: &'static str| {
            let rows = if rows == "real" { &real } else { &samples };
            rows.iter().filter(|row| conditions.iter().all(|c| c.holds(row))).collect::<Vec<_>>()
        };
        let [real, found] = ["real", "samples"].map(kept);
        assert!(real.len() > 300 && found.len() > 900, "{texts:?}: {} and {}", real.len(), found.len());
        for row in &found {
            for text in texts {
                let is_so = match *text {
                    "kind=b" => row[1].text == "b",
                    "day<2020-03-01" => row[4].text.as_str() < "2020-03-01",
                    "size>=40" => row[3].text.parse::<f64>().is_ok_and(|size| size >= 40.0),
                    "place!=w" => row[2].text != "w",
                    "size<35" => row[3].text.parse::<f64>().is_ok_and(|size| size < 35.0),
                    "size=" => row[3].text.is_empty(),
                    "place=z" => row[2].text == "z",
                    _ => unreachable!(),
                };
                assert!(is_so, "{text}: {row:?}");
            }
        }
        let share = |rows: &[&Vec<TableCell>], column: usize, value: &str| {
            rows.iter().filter(|row| row[column].text == value).count() as f64 / rows.len() as f64
        };
        for (column, value) in ["a", "b", "c"].map(|v| (1, v)).into_iter().chain(["w", "x", "y", "z"].map(|v| (2, v))) {
            let [real_share, found_share] = [&real, &found].map(|rows| share(rows, column, value));
            // Five standard errors, and what the model misses.
            let noise = 5.0 * (0.25 / real.len().min(found.len()) as f64).sqrt();
            assert!(
                (real_share - found_share).abs() < noise.min(0.04) + 0.03,
                "{texts:?}: {value} has {found_share:.3}, not {real_share:.3}"
            );
        }
    }
}
