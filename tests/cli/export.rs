//! `saddle export`: the files for other programs, and the refusals. `.ci/export.py` runs what they hold.

use std::collections::BTreeMap;

use super::{Place, refused};

/// The fields of a message in the wire format of Protocol Buffers: number and value, a number or the bytes of the rest.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    let varint = |bytes: &mut &[u8]| {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if *first < 0x80 {
                break;
            }
        }
        value
    };
    let mut found = vec![];
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (number, len) = match key & 7 {
            0 => (varint(&mut bytes), 0),
            2 => (0, varint(&mut bytes) as usize),
            5 => (0, 4),
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(len);
        found.push((key >> 3, number, value));
        bytes = rest;
    }
    found
}

/// All fields of this number.
fn all(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    fields(bytes).into_iter().filter(|field| field.0 == number).map(|field| field.2).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The name and the extents of an input or output; the type of its elements.
fn value(bytes: &[u8]) -> (String, Vec<String>, u64) {
    let tensor = all(all(bytes, 2)[0], 1)[0];
    let extent = |bytes: &&[u8]| match fields(bytes)[0] {
        (1, number, _) => number.to_string(),
        (_, _, name) => text(name),
    };
    let shape = all(tensor, 2)[0];
    (text(all(bytes, 1)[0]), all(shape, 1).iter().map(extent).collect(), fields(tensor)[0].1)
}

fn shape(extents: &[&str]) -> Vec<String> {
    extents.iter().map(|extent| extent.to_string()).collect()
}

/// A place with a conditional dcgan.
fn place() -> Place {
    let place = Place::new();
    place.trained("dcgan --out a --conditional --steps 4 --set ema=0.9 --set checkpoint_every=4");
    place
}

#[test]
fn onnx_has_layers_shapes_and_facts() {
    let place = place();
    let said = place.saddle("export a --to onnx");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let line = "sample.onnx (9935 bytes): z [batch, 8], classes [batch, 4] -> samples [batch, 1, 8, 8]";
    assert!(said.out.contains(line), "{}", said.out);
    let file = place.read("a/onnx/sample.onnx");
    let graph = all(&file, 7)[0];
    let inputs: Vec<_> = all(graph, 11).into_iter().map(value).collect();
    assert_eq!(inputs[0], ("z".into(), shape(&["batch", "8"]), 1));
    assert_eq!(inputs[1], ("classes".into(), shape(&["batch", "4"]), 1));
    assert_eq!(value(all(graph, 12)[0]), ("samples".into(), shape(&["batch", "1", "8", "8"]), 1));
    let operators: Vec<String> = all(graph, 1).iter().map(|node| text(all(node, 4)[0])).collect();
    let expected = ["Concat", "Gemm", "Reshape", "BatchNormalization", "Relu", "ConvTranspose", "BatchNormalization"];
    assert_eq!(operators, [&expected[..], &["Relu", "Conv", "Tanh"]].concat());
    let weights: Vec<String> = all(graph, 5).iter().map(|tensor| text(all(tensor, 8)[0])).collect();
    for name in ["dense.weight", "norm0.running_mean", "up1.weight", "norm1.running_var", "out.weight", "out.bias"] {
        assert!(weights.contains(&name.to_string()), "{name}: {weights:?}");
    }
    let facts = all(&file, 14).into_iter().map(|fact| (text(all(fact, 1)[0]), text(all(fact, 2)[0])));
    let facts: BTreeMap<String, String> = facts.collect();
    assert_eq!(facts["variant"], "dcgan");
    assert_eq!(facts["step"], "4");
    assert_eq!(facts["values"], "pixels in -1 to 1, channels first");
    assert_eq!(facts["classes"], r#"["0","1","2","3"]"#);
    assert_eq!(facts["inputs"], r#"{"z":"normal"}"#);

    let said = place.saddle("export a --to onnx --bytes nhwc --out digits.onnx");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("-> samples [batch, 8, 8, 1]"), "{}", said.out);
    let file = place.read("digits.onnx");
    assert_eq!(value(all(all(&file, 7)[0], 12)[0]), ("samples".into(), shape(&["batch", "8", "8", "1"]), 2));
}

#[test]
fn pytorch_has_weights_by_their_usual_names() {
    let place = place();
    let said = place.saddle("export a --to pytorch --out port --example 3 --adapter cpu");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(place.names("port"), ["example.safetensors", "model.py", "model.safetensors"]);
    let module = text(&place.read("port/model.py"));
    for line in [
        "        self.dense = nn.Linear(12, 128, bias=False)",
        "        self.norm0 = nn.BatchNorm2d(8)",
        "        self.up1 = nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1, bias=False)",
        "        h = F.relu(self.norm1(self.up1(h)))",
        "        return torch.tanh(self.out(h))",
        "def sample(n, seed=0, classes=None, model=None):",
        "    classes: the name of one class or its number in CLASSES, for all samples, or a list or tensor of one for",
        "    classes = F.one_hot(class_numbers(classes, n), 4).float()",
    ] {
        assert!(module.lines().any(|found| found == line), "{line}: {module}");
    }
    let file = place.read("port/model.safetensors");
    let weights = safetensors::SafeTensors::deserialize(&file).unwrap();
    let mut names = weights.names();
    names.sort();
    let norm = |n: usize| ["bias", "running_mean", "running_var", "weight"].map(|part| format!("norm{n}.{part}"));
    let expected = [
        &["dense.weight".to_string()],
        &norm(0)[..],
        &norm(1),
        &["out.bias", "out.weight", "up1.weight"].map(String::from),
    ];
    assert_eq!(names, expected.concat());
    let kept = place.states("a", 4);
    let values = |name: &str| weights.tensor(name).unwrap().data().to_vec();
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(values("up1.weight"), bytes(&kept["ema.up1.weight"].data));
    assert_eq!(values("norm1.running_var"), bytes(&kept["ema.stats.norm1"].data[4..]));

    let file = place.read("port/example.safetensors");
    let example = safetensors::SafeTensors::deserialize(&file).unwrap();
    assert_eq!(example.tensor("sample.z").unwrap().shape(), [3, 8]);
    assert_eq!(example.tensor("sample.samples").unwrap().shape(), [3, 1, 8, 8]);
}

#[test]
fn sequences_are_loops_around_layers() {
    let place = Place::new();
    place.write("text.txt", "a cat sat on a mat and saw a dog ".repeat(20).as_bytes());
    let settings = "--data text.txt units=4 window=8 steps=2 batch=4 samples=4 holdout=0 adapter=cpu";
    for (variant, lines) in [
        ("lstm-gan", ["        self.layer0 = nn.LSTM(28, 4)", "        for t in range(7):"]),
        ("lstm", ["        self.layer0 = nn.LSTM(12, 4)", "        logits, *states = model(x, *states)"]),
    ] {
        assert_eq!(place.saddle(&format!("train {variant} --out {variant} {settings}")).code, Some(0));
        let said = place.saddle(&format!("export {variant} --to pytorch"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        let module = text(&place.read(&format!("{variant}/pytorch/model.py")));
        for line in lines {
            assert!(module.lines().any(|found| found == line), "{line}: {module}");
        }
        assert!(module.contains(r#"return ["".join(SYMBOLS[int(x)] for x in line) for line in samples]"#), "{module}");
    }
    let said = place.saddle("export lstm --to onnx");
    assert!(said.out.contains("continue.onnx"), "{} {}", said.out, said.err);
    let file = place.read("lstm/onnx/continue.onnx");
    let operators: Vec<String> = all(all(&file, 7)[0], 1).iter().map(|node| text(all(node, 4)[0])).collect();
    assert_eq!(operators.iter().filter(|operator| *operator == "LSTM").count(), 1, "{operators:?}");
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let place = place();
    let said = place.saddle("export a");
    assert!(said.code == Some(2) && said.err.contains("--to <onnx|pytorch|html>"), "{}", said.err);
    assert_eq!(place.saddle("export a --to onnx --out there").code, Some(0));
    refused(&place, "export a --to onnx --out there", 2, &["sample.onnx", "exists", "--force"]);
    assert_eq!(place.saddle("export a --to onnx --out there --force").code, Some(0));
    refused(&place, "export a --to onx", 2, &["--to", "`onx`", "onnx"]);
    refused(&place, "export a --to onnx --network sampel", 2, &["--network", "sampel", "sample"]);
    refused(&place, "export a --to onnx --out digits.onnx --example 2", 2, &["several files", "--network"]);
    refused(&place, "export a --to pytorch --bytes nhwc", 2, &["--bytes", "pytorch"]);
    refused(&place, "export a --to pytorch --draws", 2, &["--draws", "pytorch"]);
    refused(&place, "export a --to onnx --checkpoint 3", 2, &["--checkpoint 3", "it has 4"]);
    refused(&place, "export nowhere --to onnx", 2, &["nowhere"]);
    place.write("file", b"");
    refused(&place, "export a --to onnx --out file/there", 1, &["cannot write"]);
    place.trained("--out b --steps 4 --set checkpoint_every=4");
    std::fs::remove_dir_all(place.path("b/checkpoints")).unwrap();
    refused(&place, "export b --to onnx", 1, &["`b` has no checkpoint yet"]);
}
