//! Codes and scores of trained models: they depend on their examples alone, decode to what `sample --reconstruct`
//! shows, and agree with PyTorch's layers from the same weights.

mod common;
mod training;

use std::{path::Path, process::Command};

use saddle::{
    codes::{Decoder, Encoder, Scorer, layers},
    cpu::Cpu,
    data::{Dataset, Items, Split},
    engine::Plans,
    gpu::Gpu,
    kernels::Caps,
    models::{ENCODE, HIDDEN, RECONSTRUCT},
    runner::Runner,
    session::{self, Session},
    trained::Trained,
};
use serde_json::Value;
use training::{model, settings};

/// Tiny runs: a name and the rest of the command line.
const RUNS: &[(&str, &str)] = &[
    ("gan", "gan --data images hidden_g=8 hidden_d=8 latent=3 norm_d=batch"),
    ("dcgan", "dcgan --data images width=2 latent=3"),
    ("ae", "ae --data images net=conv width=2 latent=3"),
    ("vae", "vae --data images hidden_e=8 latent=3"),
    ("vae-gan", "vae-gan --data images width=2 latent=3"),
    ("ae-gan", "ae-gan --data images width=2 latent=3 pretrain=2"),
    ("boundary", "ae-gan --preset boundary --data images width=2 latent=3"),
    ("dbm", "dbm --data images layers=6,5 chains=8"),
    ("dbm-gan", "dbm-gan --data images chains=8 layers=6,5 pretrain=1 joint=2 steps=8 hidden_g=6 hidden_d=6"),
    ("associative", "dbm-gan --preset associative --data images chains=8 layers=6,5 hidden_g=6 hidden_d=6 steps=6"),
    ("lstm", "lstm --data series.csv units=6 window=5"),
    ("lstm-gan", "lstm-gan --data series.csv units=6 window=5 latent=2"),
    ("timegan", "lstm-gan --preset timegan --data series.csv units=4 depth=1 window=5 pretrain=1 steps=4 latent=2"),
    ("rvae", "rvae --data letters.txt units=6 latent=3 window=6"),
    ("rvae-gan", "rvae-gan --data letters.txt units=6 latent=3 window=6 pretrain=1"),
    ("table", "vae --data rows.csv hidden_e=8 latent=3"),
];

/// A folder with tiny data and the runs of [`RUNS`].
fn trained(folder: &Path, name: &str, line: &str) -> Trained {
    let images = |count: usize| (0..count * 256).map(|n| (n * n / 7 % 251) as u8).collect::<Vec<u8>>();
    let idx = |magic: u32, dims: &[u32]| [magic].iter().chain(dims).flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    std::fs::create_dir_all(folder.join("images")).unwrap();
    let file = [idx(0x803, &[40, 16, 16]), images(40)].concat();
    std::fs::write(folder.join("images/train-images-idx3-ubyte"), file).unwrap();
    let rows: String = (0..60).map(|t: i32| format!("{},{}\n", t % 7, 100 + t * t % 11)).collect();
    std::fs::write(folder.join("series.csv"), format!("price,size\n{rows}")).unwrap();
    let typed: String = (0..60).map(|t: i32| format!("{},{}\n", ["a", "b", "c"][t as usize % 3], t * t % 31)).collect();
    std::fs::write(folder.join("rows.csv"), format!("kind,size\n{typed}")).unwrap();
    std::fs::write(folder.join("letters.txt"), "abcabdcbadbcab".repeat(20)).unwrap();
    let run = folder.join(name);
    let said = Command::new(env!("CARGO_BIN_EXE_saddle"))
        .current_dir(folder)
        .arg("train")
        .args(line.split(' ').take_while(|word| !word.contains('=')))
        .args("--steps 5 --batch 8 --adapter cpu samples=6".split(' '))
        .args(line.split(' ').skip_while(|word| !word.contains('=')))
        .args(["--out".as_ref(), run.as_os_str()])
        .output()
        .unwrap();
    assert!(said.status.success(), "{name}: {}", String::from_utf8_lossy(&said.stderr));
    Trained::open(run).unwrap()
}

/// The items with these numbers, in this order.
fn picked(data: &Dataset, items: &[usize]) -> Dataset {
    let len = data.item_len();
    let picked = match &data.items {
        Items::Bytes(bytes) => {
            Items::Bytes(items.iter().flat_map(|i| bytes[i * len..][..len].to_vec()).collect::<Vec<u8>>().into())
        }
        Items::Floats(floats) => {
            Items::Floats(items.iter().flat_map(|i| floats[i * len..][..len].to_vec()).collect::<Vec<f32>>().into())
        }
        Items::Symbols { ids, starts } => {
            let starts: Vec<u32> = items.iter().map(|i| starts[*i]).collect();
            Items::Symbols { ids: ids.clone(), starts: starts.into() }
        }
        Items::File(_) => panic!("these sets lie in memory"),
    };
    Dataset { items: picked, labels: None, about: Default::default(), ..data.clone() }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The largest difference, in units of 1 or of the value.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max)
}

#[test]
fn codes_depend_on_their_examples_alone() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = common::adapter().get_info().name;
    for (name, line) in RUNS {
        let trained = trained(folder.path(), name, line);
        let data = trained.data_of(Some(&folder.path().join(&trained.settings.data).to_string_lossy()), Split::Train);
        let data = data.unwrap().unwrap();
        let model = trained.model().unwrap();
        let names: Vec<String> = layers(&model).into_iter().map(|layer| layer.name).collect();
        println!("{name}: {}", names.join(", "));
        assert!(names.contains(&"features".to_string()), "{name}");
        // Another order, from the last to the first in steps of 7.
        let count = data.len();
        let order: Vec<usize> = (0..count).map(|i| count - 1 - (i * 7) % count).collect();
        for layer in &names {
            let mut encoder = Encoder::new(&trained, Some(layer), Some("cpu")).unwrap();
            let mut encode = |data: &Dataset| encoder.encode(data, 3, &mut |_, _| ()).unwrap();
            let whole = encode(&data);
            let width = whole.width();
            assert_eq!(whole.len(), count);
            for size in [1, 7, 256] {
                let pieces: Vec<usize> = (0..count).collect();
                let pieces: Vec<f32> =
                    pieces.chunks(size).take(9).flat_map(|items| encode(&picked(&data, items)).values).collect();
                assert_eq!(bits(&pieces), bits(&whole.values[..pieces.len()]), "{name} {layer} in pieces of {size}");
            }
            let shuffled = encode(&picked(&data, &order));
            for (code, i) in shuffled.values.chunks(width).zip(&order) {
                assert_eq!(bits(code), bits(&whole.values[i * width..][..width]), "{name} {layer}, shuffled");
            }
            let again = Encoder::new(&trained, Some(layer), Some("cpu")).unwrap().encode(&data, 3, &mut |_, _| ());
            assert_eq!(bits(&again.unwrap().values), bits(&whole.values), "{name} {layer} twice");
            if ["gan", "dcgan", "vae", "ae-gan", "dbm", "lstm", "rvae"].contains(name) {
                let mut encoder = Encoder::new(&trained, Some(layer), Some(&adapter)).unwrap();
                let other = encoder.encode(&data, 3, &mut |_, _| ()).unwrap();
                let worst = apart(&other.values, &whole.values);
                assert!(worst < 1e-5, "{name} {layer}: {worst} on {adapter}");
                let first = encoder.encode(&picked(&data, &[5]), 3, &mut |_, _| ()).unwrap();
                assert_eq!(bits(&first.values), bits(&other.values[5 * width..][..width]), "{name} {layer}");
            }
        }
        if model.named(&[RECONSTRUCT]).next().is_some() {
            let mut encoder = Encoder::new(&trained, Some("code"), Some("cpu")).unwrap();
            let codes = encoder.encode(&data, 0, &mut |_, _| ()).unwrap().values;
            let decoded = Decoder::new(&trained, Some("cpu")).unwrap().decode(&codes, 0).unwrap();
            let x: Vec<f32> = (0..count).flat_map(|i| data.example(i)).collect();
            let wanted = trained.session(&[RECONSTRUCT], Some("cpu")).unwrap().reconstruct(&x).unwrap();
            assert_eq!(bits(&decoded), bits(&wanted), "{name}: decoded codes are reconstructions");
        }
        if ["boundary", "timegan"].contains(name) {
            continue;
        }
        let mut scorer = Scorer::new(&trained, None, Some("cpu")).unwrap();
        let whole = scorer.score(&data, &mut |_, _| ()).unwrap();
        let some = scorer.score(&picked(&data, &[7, 2]), &mut |_, _| ()).unwrap();
        assert_eq!(some.values, [whole.values[7], whole.values[2]], "{name}: {:?}", scorer.by);
    }
}

/// A session with the graphs of codes and these states.
fn with_states(device: (Box<dyn Runner>, Caps), case: &Value, side: usize) -> Session {
    let assignments: Vec<&str> = case["settings"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let (s, (runner, caps)) = (settings(&assignments), device);
    let dataset = training::discs(side);
    let model = model(&s, &dataset);
    let plans = Plans::new(model.named(&[ENCODE, HIDDEN]), &caps, None).unwrap();
    let mut session = Session::new(runner, &s, session::examples(&dataset), &model, plans).unwrap();
    let items = session.engine().items().to_vec();
    for (name, tensor) in case["states"].as_object().unwrap() {
        let item = items.iter().find(|item| item.name == *name).unwrap_or_else(|| panic!("no state is called {name}"));
        session.engine().write(item, &numbers(&tensor["data"])).unwrap();
    }
    session
}

fn numbers(json: &Value) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

#[test]
fn layers_agree_with_pytorch() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/codes.json")).unwrap();
    let side = fixture["side"].as_u64().unwrap() as usize;
    let x: Vec<f32> = numbers(&fixture["pixels"]).iter().map(|pixel| pixel / 127.5 - 1.0).collect();
    for (name, case) in fixture["cases"].as_object().unwrap() {
        let gpu = Gpu::open(&common::adapter(), false).unwrap();
        let caps = gpu.device().caps.clone();
        for device in [(Box::new(Cpu::new()) as Box<dyn Runner>, Cpu::caps()), (Box::new(gpu), caps)] {
            let mut session = with_states(device, case, side);
            for (graph, part) in [(ENCODE, "encode"), (HIDDEN, "hidden")] {
                for (output, wanted) in case[part].as_object().unwrap() {
                    let found = session.answers(graph, &[output], &x, 0).unwrap().remove(0);
                    let worst = apart(&found, &numbers(&wanted["data"]));
                    assert!(worst < 5e-5, "{name} {output}: {worst}");
                }
            }
        }
    }
}
