//! Several ranks make the bits of one, in every variant, on both runners, also after a resume with another number.

mod common;
mod training;

use std::{env, thread};

use saddle::{
    checkpoint::Checkpoint,
    cpu::Cpu,
    data::{Dataset, Items},
    engine::Plans,
    exchange::Threads,
    kernels::Clock,
    runner::{ProgramId, Stream},
    session,
    settings::Settings,
};
use training::{
    Device, model, same,
    small::{SMALL, small, train, train_on},
};

/// The checkpoint of so many ranks after some rounds, from that of another run if there is one.
fn on_ranks(
    device: Device,
    ranks: usize,
    s: &Settings,
    dataset: &Dataset,
    from: Option<&Checkpoint>,
    rounds: u64,
) -> Checkpoint {
    thread::scope(|scope| {
        let mut exchanges = Threads::new(ranks).into_iter();
        let first = exchanges.next().unwrap();
        for exchange in exchanges {
            scope.spawn(move || {
                let mut session = device.session_of_rank(ranks, s, dataset);
                session.join(Box::new(exchange)).unwrap();
                session.share().unwrap();
                assert_eq!(session.follow().unwrap(), 3);
            });
        }
        let mut session = device.session_of_rank(ranks, s, dataset);
        if ranks == 1 {
            from.into_iter().for_each(|checkpoint| session.restore(checkpoint).unwrap());
            return train_on(&mut session, rounds).0;
        }
        session.join(Box::new(first)).unwrap();
        from.into_iter().for_each(|checkpoint| session.restore(checkpoint).unwrap());
        session.share().unwrap();
        let (checkpoint, _) = train_on(&mut session, rounds);
        session.end(3).unwrap();
        checkpoint
    })
}

#[test]
fn ranks_make_the_bits_of_one() {
    SMALL.iter().for_each(|(assignments, rounds)| in_parts(assignments, 2, &[2], *rounds));
}

/// `cargo test --release --test ranks -- --ignored`
#[test]
#[ignore = "50 rounds of all variants, 20 seconds of two cores"]
fn ranks_make_the_bits_of_one_for_long() {
    for (assignments, _) in SMALL {
        in_parts(assignments, 2, &[2], 50);
        in_parts(assignments, 4, &[2, 4], 50);
    }
}

/// Asserts that one rank and these numbers of ranks make the same of so many parts of a batch.
fn in_parts(assignments: &[&str], parts: usize, ranks: &[usize], rounds: u64) {
    let (s, dataset) = small(assignments, &[]);
    let s = Settings { accumulate: parts, ..s };
    let (one, _) = train(Device::Cpu, &s, &dataset, rounds);
    for &ranks in ranks {
        let what = format!("{}: {ranks} ranks", assignments.join(" "));
        same(&on_ranks(Device::Cpu, ranks, &s, &dataset, None, rounds), &one, &what);
    }
}

#[test]
fn ranks_on_a_gpu_make_the_bits_of_one() {
    for (n, (assignments, _)) in SMALL.iter().step_by(5).enumerate() {
        let (s, dataset) = small(assignments, &[]);
        let parts = [2, 6][n % 2];
        let s = Settings { batch: 4 * parts, chains: 4 * parts, accumulate: parts, ..s };
        let (one, _) = train(Device::Gpu, &s, &dataset, 2);
        same(&on_ranks(Device::Gpu, 2, &s, &dataset, None, 2), &one, &assignments.join(" "));
    }
}

#[test]
fn ranks_stream_the_same_examples() {
    for (assignments, rounds) in [(&["variant=gan", "hidden_g=8", "hidden_d=8", "stack=3"][..], 4), (SMALL[5].0, 4)] {
        for (device, parts) in [(Device::Cpu, 4), (Device::Cpu, 6), (Device::Gpu, 2)] {
            let (s, dataset) = small(assignments, &[]);
            let s = Settings { batch: 2 * parts, accumulate: parts, ..s };
            let (one, _) = train(device, &s, &dataset, rounds);
            let streamed = Settings { stream: Some(true), ..s };
            let what = format!("{}, {parts} parts on {device:?}", assignments.join(" "));
            same(&on_ranks(device, 2, &streamed, &dataset, None, rounds), &one, &what);
        }
    }
}

/// The second of four ranks reads the second quarter of each draw, and puts it where all items would have it.
#[test]
fn a_rank_reads_its_own_rows() {
    let (s, dataset) = small(SMALL[5].0, &["accumulate=4", "critic_steps=2", "stream=true"]);
    let model = model(&s, &dataset);
    let layout = session::placed(&dataset, model.training(), &s, &Cpu::caps()).unwrap();
    let plans = Plans::new(model.training(), &Cpu::caps(), Some(layout)).unwrap();
    let (id, clock) = (ProgramId(0), Clock { step: 5, seed: 3 });
    let mut stream = Stream::new(dataset.items.clone(), &dataset.labels.as_ref().unwrap().ids);
    stream.load(id, plans.get(model.phases[0].name).unwrap());
    let all = stream.next(id, clock, 1).unwrap().blocks.remove(0);
    stream.set_parts(1..2);
    let own = stream.next(id, clock, 1).unwrap().blocks.remove(0);
    assert!(all.len() > 1 && all.len() == own.len(), "{} and {} draws", all.len(), own.len());
    for (all, own) in all.iter().zip(&own) {
        let [items, classes] = [all.items.len() / 4, all.classes.len() / 4];
        assert_eq!(own.at, [all.at[0] + items, all.at[1] + classes]);
        assert!(classes > 0 && own.classes == all.classes[classes..][..classes]);
        assert!(own.items == all.items[items..][..items], "other items");
    }
}

/// Parts of 8 and 12, on numbers of ranks that can share them: 1, 2, 4, .. parts each, and 3 or 6.
#[test]
fn runs_go_on_with_other_numbers_of_ranks() {
    for (n, (assignments, rounds)) in SMALL.iter().step_by(3).enumerate() {
        let (parts, ranks) = [(8, [8, 2, 4]), (12, [3, 12, 6]), (12, [4, 1, 2])][n % 3];
        let (s, dataset) = small(assignments, &[]);
        let s = Settings { batch: 4 * parts, chains: 4 * parts, accumulate: parts, ..s };
        let what = assignments.join(" ");
        let (one, _) = train(Device::Cpu, &s, &dataset, *rounds);
        let mut checkpoint: Option<Checkpoint> = None;
        for (n, ranks) in ranks.into_iter().enumerate() {
            let until = rounds * (n as u64 + 1) / 3;
            checkpoint = Some(on_ranks(Device::Cpu, ranks, &s, &dataset, checkpoint.as_ref(), until));
        }
        same(&checkpoint.unwrap(), &one, &what);
    }
}

/// Random combinations of variant, shape, streaming, parts, ranks and a resume with other ranks make the bits of one
/// rank with resident data. More of them:
/// `SADDLE_LATTICE=200 cargo test --release --test ranks -- --nocapture lattice`.
#[test]
fn a_lattice_of_options() {
    let cases = env::var("SADDLE_LATTICE").map_or(12, |cases| cases.parse().unwrap());
    let mut rng = common::Rng(14);
    for case in 0..cases {
        let (assignments, _) = SMALL[rng.below(SMALL.len())];
        let (mut s, mut dataset) = small(assignments, &[]);
        if dataset.shape.len() == 3 {
            // A side at least can be halved.
            let [height, width] = [12 + 2 * rng.below(3), 12 + rng.below(6)];
            dataset = cropped(dataset, [height, width]);
        }
        let groups = 2 * [1, 2, 4, 3, 6][rng.below(5)];
        s = Settings { batch: 2 * groups * s.pack, chains: 2 * groups, ..s };
        let parts: Vec<usize> = (1..=groups).filter(|parts| groups.is_multiple_of(*parts)).collect();
        s.accumulate = parts[rng.below(parts.len())];
        let ranks: Vec<usize> = (1..=s.accumulate).filter(|ranks| s.accumulate.is_multiple_of(*ranks)).collect();
        let [before, after] = [ranks[rng.below(ranks.len())], ranks[rng.below(ranks.len())]];
        // Text that is read in order has to be on the device.
        let (middle, streams) = (1 + rng.below(4) as u64, rng.below(2) == 1 && !assignments.contains(&"carry=true"));
        let device = if case % 8 == 7 { Device::Gpu } else { Device::Cpu };
        let what = format!(
            "{case}: {} on {:?}, {device:?}, batch {} in {} parts, streamed: {streams}, {before} ranks to round \
             {middle}, then {after}",
            assignments.join(" "),
            dataset.shape,
            s.batch,
            s.accumulate
        );
        println!("{what}");
        let (one, _) = train(device, &s, &dataset, 5);
        let s = Settings { stream: streams.then_some(true), ..s };
        let begun = on_ranks(device, before, &s, &dataset, None, middle);
        let ended = on_ranks(device, after, &s, &dataset, Some(&begun), 5);
        same(&Checkpoint { meta: one.meta.clone(), ..ended }, &one, &what);
    }
}

/// The upper left part of grey images, stacked or not.
fn cropped(dataset: Dataset, [height, width]: [usize; 2]) -> Dataset {
    let [stack, rows, columns] = dataset.shape[..] else { panic!("{:?}", dataset.shape) };
    let Items::Bytes(pixels) = &dataset.items else { panic!("the images are bytes") };
    let inside = |p: &usize| p / columns % rows < height && p % columns < width;
    let kept: Vec<u8> = (0..pixels.len()).filter(inside).map(|p| pixels[p]).collect();
    Dataset { shape: vec![stack, height, width], items: Items::Bytes(kept.into()), ..dataset }
}

#[test]
fn ranks_have_equally_many_parts() {
    let (s, dataset) = small(&["variant=gan", "hidden_g=8", "hidden_d=8"], &[]);
    let s = Settings { batch: 24, accumulate: 12, ..s };
    let refused = Threads::new(5).into_iter().map(Box::new).map(|rank| Device::Cpu.session(&s, &dataset).join(rank));
    for error in refused.take(1) {
        let sentence = error.unwrap_err().to_string();
        assert!(sentence.contains("5 devices cannot share the 12 parts"), "{sentence}");
        assert!(sentence.contains("there may be 1, 2, 3, 4, 6, 12 devices"), "{sentence}");
    }
}
