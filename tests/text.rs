//! Models of symbols: what they learn, and states that are carried from window to window.

mod common;
mod training;

use saddle::{
    cpu::Cpu,
    data::{Dataset, Items, Series, SymbolKind, Symbols},
    engine::Plans,
    models::{BOUND, CONTINUE},
    session::{self, Session},
};
use training::{Device, letters, model, settings};

/// A session that evaluates the model of these settings with its initial weights.
fn evaluated(assignments: &[&str], dataset: &Dataset) -> Session {
    let s = settings(assignments);
    let (model, caps) = (model(&s, dataset), Cpu::caps());
    let plans = Plans::new(model.named(&[BOUND, CONTINUE]), &caps, None).unwrap();
    Session::new(Box::new(Cpu::new()), &s, session::examples(dataset), &model, plans).unwrap()
}

/// All symbols of a text.
fn text(dataset: &Dataset) -> Vec<u16> {
    let Items::Symbols { ids, .. } = &dataset.items else { panic!("not symbols") };
    ids.chunks_exact(2).map(|id| u16::from_le_bytes([id[0], id[1]])).collect()
}

/// At a rate of 0, windows with carried states cost what their lanes cost in one go, from a state of zeros.
#[test]
fn windows_in_order_continue_each_other() {
    let dataset = letters();
    for cell in ["cell=lstm", "cell=gru", "cell=tensorflow-gru"] {
        let assignments = [
            "variant=lstm",
            "data=letters",
            "units=5",
            "depth=2",
            "batch=2",
            "samples=2",
            "carry=true",
            "lr_g=0",
            cell,
        ];
        // Two lanes of 120 letters are 20 windows of 6.
        let rows = Device::Cpu.session(&settings(&assignments), &dataset).train(40).unwrap();
        let mean = |rows: &[Vec<f32>]| rows.iter().map(|row| f64::from(row[0])).sum::<f64>() / rows.len() as f64;
        let (text, mut session) = (text(&dataset), evaluated(&assignments, &dataset));
        let whole = text.chunks(120).map(|lane| session.nats(lane).unwrap()).sum::<f64>() / 2.0;
        for turn in rows.chunks(20) {
            assert!((mean(turn) - whole).abs() < 1e-5, "{cell}: {} in windows, {whole} in one go", mean(turn));
        }
    }
}

/// A window in one launch costs what its symbols cost one by one.
#[test]
fn symbols_one_by_one_cost_what_a_window_costs() {
    let dataset = letters();
    let assignments = ["variant=lstm", "data=letters", "units=7", "samples=1"];
    let mut session = evaluated(&assignments, &dataset);
    let window = dataset.example(4);
    let bound = session.answers(BOUND, &["elbo"], &window, 0).unwrap();
    let ids: Vec<u16> = window.iter().map(|&id| id as u16).collect();
    let nats = 6.0 * session.nats(&ids).unwrap();
    assert!((nats + f64::from(bound[0][0])).abs() < 1e-5, "{nats} {}", bound[0][0]);
}

/// The first symbol is learnt as fast as the others.
#[test]
fn an_lstm_learns_how_lines_begin() {
    let names = ["a", "b", "c"].map(String::from).into();
    // Windows that all begin with `a`, the second letter is `b` or `c` by chance, and the others follow it.
    let window = |n: usize| [vec![0u8, 1 + (n * 7919 % 101 % 2) as u8], vec![(n * 7919 % 101 % 2) as u8; 6]].concat();
    let ids: Vec<u8> = (0..400).flat_map(window).flat_map(|id| [id, 0]).collect();
    let dataset = Dataset {
        shape: vec![8, 3],
        items: Items::Symbols { ids: ids.into(), starts: (0..400).map(|n| 8 * n).collect::<Vec<u32>>().into() },
        series: Some(Series::Symbols(Symbols::new(names, SymbolKind::Text))),
        ..letters()
    };
    let assignments = ["variant=lstm", "data=letters", "units=16", "batch=16", "lr_g=0.01", "samples=64"];
    let mut session = Device::Cpu.session(&settings(&assignments), &dataset);
    session.train(200).unwrap();
    let samples = session.generate(64, 1, None).unwrap();
    let first = samples.chunks(8).filter(|sample| sample[0] == 0.0).count();
    assert!(first >= 60, "{first} of 64 begin as all lines do");
}

/// Text that repeats is learnt by heart.
#[test]
fn an_lstm_learns_a_rhythm() {
    let names = ["a", "b", "c"].map(String::from).into();
    let ids: Vec<u8> = (0..3000).flat_map(|n| [(n % 3) as u8, 0]).collect();
    let dataset = Dataset {
        shape: vec![24, 3],
        items: Items::Symbols { ids: ids.into(), starts: (0..=2976).step_by(11).collect::<Vec<u32>>().into() },
        series: Some(Series::Symbols(Symbols::new(names, SymbolKind::Text))),
        ..letters()
    };
    let shared = ["variant=lstm", "data=letters", "units=16", "batch=16", "lr_g=0.02"];
    // A batch has 16 lanes of 187 letters, which are 7 windows.
    let lane = 7;
    for (more, known) in [("carry=true", lane), ("carry=false", 1)] {
        let mut session = Device::Cpu.session(&settings(&[&shared[..], &[more]].concat()), &dataset);
        let rows = session.train(300).unwrap();
        let nats = rows[rows.len() - lane..].iter().map(|row| f64::from(row[0])).sum::<f64>() / lane as f64;
        // Only a state that is carried tells with which letter a window begins.
        let least = 3f64.ln() / (24 * known) as f64;
        assert!(nats < least + 0.01, "{more}: {nats} nats a letter, {least} at least");
    }
}
