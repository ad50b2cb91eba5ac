//! Streamed examples give the bits of resident ones: on either runner, in pieces, and after a resume in the middle of
//! an epoch.

mod common;
mod training;

use std::{fs, path::Path};

use saddle::{
    data::{self, Dataset, Items, Options, Split},
    session::{self, Session},
    settings::{Order, Settings},
};
use training::{Device, discs, letters, same, settings, steps};

/// Models that draw images, classes, stacks, points, sequences and symbols, once or several times a round, in phases,
/// and also beside their rounds.
fn cases() -> Vec<(Settings, Dataset)> {
    let of = |more: &[&str]| settings(&[more, &["steps=40"]].concat());
    let image = ["size=16", "batch=8", "latent=5", "width=3"];
    let ring = data::open("ring", &Options::default()).unwrap();
    let stacked = Dataset { shape: vec![3, 16, 16], stack: 3, labels: None, ..discs(16) };
    // Items of 49 bytes, which fill no whole words.
    let odd = Dataset { shape: vec![1, 7, 7], ..discs(7) };
    let odd = Dataset { labels: None, ..odd };
    let dcgan = |more: &[&str]| of(&[&["variant=dcgan"], &image[..], more].concat());
    vec![
        (dcgan(&["conditional=true", "critic_steps=2", "ema=0.9", "pack=2"]), discs(16)),
        (dcgan(&["stack=3"]), stacked),
        (of(&["variant=gan", "batch=8", "latent=5", "hidden_g=16,24", "hidden_d=24,16"]), odd),
        (of(&["variant=gan", "data=ring", "batch=24", "latent=5", "hidden_g=16,24", "hidden_d=24,16"]), ring),
        (of(&["variant=lstm-gan", "batch=8", "latent=3", "units=8"]), steps()),
        (of(&["variant=lstm", "data=letters", "batch=8", "units=8"]), letters()),
        (
            of(&["variant=dbm-gan", "layers=20,10", "pretrain=4", "joint=4", "batch=8", "chains=8", "hidden_g=16"]),
            discs(16),
        ),
    ]
}

#[test]
fn streamed_examples_give_the_bits_of_resident_ones() {
    for device in Device::ALL {
        for (resident, dataset) in cases() {
            let streamed = Settings { stream: Some(true), ..resident.clone() };
            agree(device, [&resident, &streamed], [&dataset, &dataset]);
        }
    }
}

/// Trains to this step.
fn train(session: &mut Session, end: u64) {
    while session.step() < end {
        session.train(end - session.step()).unwrap();
    }
}

/// Asserts that a resident and a streamed training, in pieces and resumed, end in the same bits.
fn agree(device: Device, [resident, streamed]: [&Settings; 2], [all, some]: [&Dataset; 2]) {
    let what = format!("{} on {device:?}", resident.variant);
    let mut session = device.session(resident, all);
    assert!(session.waited().is_none(), "{what} is streamed");
    train(&mut session, 20);
    let whole = session.checkpoint().unwrap();
    let mut session = device.session(streamed, some);
    [1, 3, 11].into_iter().for_each(|end| train(&mut session, end));
    assert!(session.waited().is_some(), "{what} is not streamed");
    let middle = session.checkpoint().unwrap();
    let mut restored = device.session(streamed, some);
    restored.restore(&middle).unwrap();
    for mut session in [session, restored] {
        train(&mut session, 20);
        same(&session.checkpoint().unwrap(), &whole, &what);
    }
}

/// A packed file of a built-in set, and the settings to learn from it.
fn packed(folder: &Path, set: &str, more: &[&str]) -> Settings {
    let file = folder.join(format!("{set}.npy"));
    let options = Options { size: (set == "digits").then_some(16.into()), ..Options::default() };
    data::pack(set, &file, &options, &mut |_, _| ()).unwrap();
    settings(&[more, &["steps=40", "batch=8", "latent=3", &format!("data={}", file.display())]].concat())
}

#[test]
fn packed_files_give_the_same_bits_from_memory_and_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for s in [
        packed(folder.path(), "digits", &["variant=dcgan", "width=3", "conditional=true"]),
        packed(folder.path(), "ring", &["variant=gan", "hidden_g=16,24", "hidden_d=24,16"]),
        packed(folder.path(), "sines", &["variant=lstm-gan", "units=8"]),
    ] {
        let [resident, streamed] = [false, true].map(|stream| Settings { stream: Some(stream), ..s.clone() });
        let open = |s: &Settings| data::open(&s.data, &session::data_options(s, Split::Train)).unwrap();
        let [all, some] = [open(&resident), open(&streamed)];
        assert!(matches!(some.items, Items::File(_)) && !matches!(all.items, Items::File(_)));
        assert_eq!((all.len(), &all.labels, &all.about), (some.len(), &some.labels, &some.about));
        for i in [0, 1, all.len() / 2, all.len() - 1] {
            assert_eq!(all.item(i), some.item(i), "item {i} of {}", s.data);
        }
        Device::ALL.into_iter().for_each(|device| agree(device, [&resident, &streamed], [&all, &some]));
    }
}

/// Blocks of a file give other bits, and the same ones after a resume.
#[test]
fn the_order_of_blocks_follows_from_the_step_too() {
    let folder = tempfile::tempdir().unwrap();
    let s = packed(folder.path(), "digits", &["variant=gan", "hidden_g=8", "hidden_d=8", "stream=true"]);
    let blocks = Settings { order: Order::Blocks, ..s.clone() };
    let dataset = data::open(&s.data, &session::data_options(&blocks, Split::Train)).unwrap();
    let trained = |s: &Settings, from: Option<&_>, end| {
        let mut session = Device::Cpu.session(s, &dataset);
        from.into_iter().for_each(|checkpoint| session.restore(checkpoint).unwrap());
        train(&mut session, end);
        session.checkpoint().unwrap()
    };
    let whole = trained(&blocks, None, 30);
    same(&trained(&blocks, Some(&trained(&blocks, None, 13)), 30), &whole, "blocks");
    assert_ne!(trained(&s, None, 30).tensors, whole.tensors);
    let resident = dataset.resident().unwrap();
    let model = training::model(&blocks, &resident);
    let graphs = || model.training();
    let error = session::placed(&resident, graphs(), &blocks, &saddle::cpu::Cpu::caps()).unwrap_err();
    assert!(error.to_string().starts_with("order=blocks is for files"), "{error}");
}

/// A file that changes ends the training with one sentence, and what was trained before stays.
#[test]
fn a_file_that_changes_while_training_is_refused() {
    for device in Device::ALL {
        let folder = tempfile::tempdir().unwrap();
        let s = packed(folder.path(), "ring", &["variant=gan", "hidden_g=8", "hidden_d=8", "stream=true"]);
        let s = Settings { steps: 100_000, ..s };
        let dataset = data::open(&s.data, &session::data_options(&s, Split::Train)).unwrap();
        let mut session = device.session(&s, &dataset);
        let mut resident =
            device.session(&Settings { stream: Some(false), ..s.clone() }, &dataset.clone().resident().unwrap());
        train(&mut session, 3);
        fs::OpenOptions::new().write(true).open(&s.data).unwrap().set_len(5000).unwrap();
        // What was read ahead, if anything was, can still be trained on.
        let error = (0..100).find_map(|_| session.train(1000).err()).expect("an error");
        assert!(error.to_string().contains("was cut short after it was opened"), "{error}");
        assert!(session.step() >= 3);
        train(&mut resident, session.step());
        same(&session.checkpoint().unwrap(), &resident.checkpoint().unwrap(), "what was trained before");
        let error = data::open(&s.data, &session::data_options(&s, Split::Train)).unwrap_err().to_string();
        assert!(error.contains("is cut short: it has 5000 bytes"), "{error}");
    }
}
