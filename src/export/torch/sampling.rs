//! The function `sample` of the module, and what it needs to give samples as the data has them.

use super::{attribute, body::drawn, numbers, string};
use crate::{
    data::{Series, Spelling, SymbolKind, Symbols},
    export::{Kind, Network, Portable},
    models::{CONTINUE, DECODE, ENCODE, SAMPLE, SWEEP},
};

/// Sweeps of a machine's chains before samples.
const SWEEPS: usize = 50;

/// What the description of a conditional `sample` says more.
const OF_CLASSES: &str = "

    classes: the name of one class or its number in CLASSES, for all samples, or a list or tensor of one for
    each; without them the classes take turns.
    ";

const CLASS_NUMBERS: &str = r#"

def class_numbers(classes, n):
    """The numbers [n] of classes that are given by name or number."""
    if classes is None:
        return torch.arange(n) % len(CLASSES)
    classes = classes.tolist() if hasattr(classes, "tolist") else classes
    classes = [classes] * n if isinstance(classes, (str, int)) else list(classes)
    numbers = [CLASSES.index(name) if name in CLASSES else name for name in classes]
    for name, number in zip(classes, numbers):
        if number not in range(len(CLASSES)):
            raise ValueError(f"{name!r} is no class: they are {CLASSES}, or numbers from 0 to {len(CLASSES) - 1}")
    if len(numbers) != n:
        raise ValueError(f"{len(numbers)} classes for {n} samples: give one for all, or one for each")
    return torch.tensor(numbers, dtype=torch.long)
"#;

/// The constants of the module.
pub fn constants(portable: &Portable) -> String {
    let list = |names: &[String]| format!("[{}]", names.iter().map(|name| string(name)).collect::<Vec<_>>().join(", "));
    let mut text = String::new();
    if !portable.classes.is_empty() {
        text += &format!("CLASSES = {}\n", list(&portable.classes));
    }
    match &portable.examples.series {
        Some(Series::Columns(columns)) => {
            text += "# The columns of the data, and the values that the networks see as 0 and as 1.\n";
            text += &format!("COLUMNS = {}\n", list(&columns.names));
            text += &format!("ZERO = torch.tensor({:?})\nONE = torch.tensor({:?})\n", columns.zero, columns.one);
        }
        Some(Series::Symbols(symbols)) => text += &format!("SYMBOLS = {}\n", list(&symbols.names)),
        _ => {}
    }
    text
}

/// The function, where the model has a network that makes samples.
pub fn sampling(portable: &Portable) -> String {
    let part = |network: &Network| match portable.networks.len() {
        1 => "model".into(),
        _ => format!("model.{}", attribute(network)),
    };
    let (lines, more) = match (portable.network(SAMPLE), portable.network(CONTINUE), portable.network(SWEEP)) {
        (Some(sample), ..) => (from_latent(sample, &part(sample)), conditional(sample)),
        (_, Some(step), _) => (step_by_step(portable, step, &part(step)), with_length(portable)),
        (.., Some(sweep)) => (from_chains(portable, sweep, &part), format!(", sweeps={SWEEPS}")),
        _ => return String::new(),
    };
    let (about, result) = results(portable);
    let is_conditional = more.starts_with(", classes");
    let mut text = if is_conditional { CLASS_NUMBERS.to_owned() } else { String::new() };
    let about = if is_conditional { about + OF_CLASSES } else { about };
    text += &format!("\n\n@torch.no_grad()\ndef sample(n, seed=0{more}, model=None):\n    \"\"\"{about}\"\"\"\n");
    text += "    model = model or load()\n    random = torch.Generator().manual_seed(seed)\n";
    lines.iter().chain(&result).for_each(|line| text += &format!("    {line}\n"));
    text + &reconstruction(portable)
}

/// The function `reconstruct`, where there are an encoder and what decodes its codes.
fn reconstruction(portable: &Portable) -> String {
    let decoder = portable.network(DECODE).or(portable.network(SAMPLE));
    let (Some(encoder), Some(decoder)) = (portable.network(ENCODE), decoder) else { return String::new() };
    let code = if encoder.outputs.len() > 1 { "[0]" } else { "" };
    format!(
        "\n\n@torch.no_grad()\ndef reconstruct(x, model=None):\n    \"\"\"Examples x, encoded and decoded.\"\"\"\n    \
         model = model or load()\n    return model.{}(model.{}(x){code})\n",
        attribute(decoder),
        attribute(encoder)
    )
}

fn conditional(sample: &Network) -> String {
    let is_conditional = sample.inputs.iter().any(|input| input.kind == Kind::Classes);
    if is_conditional { ", classes=None".into() } else { String::new() }
}

fn with_length(portable: &Portable) -> String {
    format!(", length={}, temperature={:?}", portable.examples.shape[0], portable.temperature)
}

/// Samples for drawn latent vectors.
fn from_latent(sample: &Network, part: &str) -> Vec<String> {
    let mut lines = vec![];
    for input in &sample.inputs {
        if input.kind == Kind::Classes {
            let count = input.shape[1];
            lines.push(format!("classes = F.one_hot(class_numbers(classes, n), {count}).float()"));
        } else {
            lines.push(format!("{} = {}", input.name, drawn(input.kind, &input.shape, ", generator=random")));
        }
    }
    let names: Vec<&str> = sample.inputs.iter().map(|input| input.name.as_str()).collect();
    lines.push(format!("samples = {part}({})", names.join(", ")));
    lines
}

/// Samples one step after the other.
fn step_by_step(portable: &Portable, step: &Network, part: &str) -> Vec<String> {
    let states: Vec<_> = step.inputs.iter().filter(|input| input.name != "x").collect();
    let units = states.first().map_or(0, |state| state.shape[1]);
    let features = portable.examples.shape[1];
    let (before, outputs, draw): (String, _, &[&str]) = match &portable.examples.series {
        Some(Series::Symbols(_)) => (
            "torch.full((n,), -1.0)".into(),
            "logits, *states",
            &[
                "odds = (logits / temperature).softmax(-1)",
                "x = torch.multinomial(odds, 1, generator=random)[:, 0].float()",
            ],
        ),
        Some(Series::Roll(_)) => (
            format!("torch.full((n, {features}), -1.0)"),
            "logits, *states",
            &["x = torch.bernoulli((logits / temperature).sigmoid(), generator=random)"],
        ),
        _ => (
            format!("torch.zeros(n, {features})"),
            "logits, *states, deviation",
            &[
                "noise = torch.randn(logits.shape, generator=random)",
                "x = logits.sigmoid() + temperature * deviation * noise",
            ],
        ),
    };
    let mut lines = vec![
        format!("x = {before}  # before the first step"),
        format!("states = [torch.zeros(n, {units})] * {}", states.len()),
        "steps = []".into(),
        "for _ in range(length):".into(),
        format!("    {outputs} = {part}(x, *states)"),
    ];
    lines.extend(draw.iter().map(|line| format!("    {line}")));
    lines.extend(["    steps.append(x)".into(), "samples = torch.stack(steps, 1)".into()]);
    lines
}

/// Samples by a machine's chains, from where training left them.
fn from_chains(portable: &Portable, sweep: &Network, part: &dyn Fn(&Network) -> String) -> Vec<String> {
    let is_noise = |kind: Kind| matches!(kind, Kind::Noise(_));
    let layers = sweep.inputs.iter().filter(|input| !is_noise(input.kind));
    let layers = layers.map(|input| format!("start[\"chains.{}\"][chains]", input.name));
    let noise = sweep.inputs.iter().filter(|input| is_noise(input.kind));
    let noise = noise.map(|input| drawn(input.kind, &input.shape, ", generator=random"));
    let mut lines = vec![
        "# Chains go on from where training left them.".to_string(),
        format!("start = load_file(Path(__file__).with_name(\"{}\"))", super::WEIGHTS),
        "chains = torch.randint(len(start[\"chains.layer1\"]), (n,), generator=random)".into(),
        format!("layers = [{}]", numbers(layers)),
        "for _ in range(sweeps):".into(),
        format!("    noise = [{}]", numbers(noise)),
    ];
    let call = format!("{}(*layers, *noise)", part(sweep));
    let makes_codes = sweep.outputs.iter().any(|(name, _)| name == "z");
    match portable.network(DECODE).filter(|_| makes_codes) {
        Some(decode) => {
            lines.push(format!("    *layers, z = {call}"));
            lines.push(format!("samples = {}(z)", part(decode)));
        }
        None => lines.push(format!("    *layers, samples = {call}")),
    }
    lines
}

/// What `sample` returns, in words, and the lines that make it.
fn results(portable: &Portable) -> (String, Vec<String>) {
    let shape = numbers(&portable.examples.values(1)[1..]);
    let plain = || vec!["return samples".to_string()];
    match &portable.examples.series {
        Some(Series::Columns(_)) => (
            format!("n samples [n, {shape}] in the units of the data."),
            vec!["return ZERO + samples * (ONE - ZERO)".into()],
        ),
        Some(Series::Symbols(Symbols { kind: SymbolKind::Text, spelling: Spelling::Characters, end, .. })) => {
            let spelled = "[\"\".join(SYMBOLS[int(x)] for x in line) for line in samples]";
            let lines = match end {
                Some(end) => vec![
                    format!("texts = {spelled}"),
                    format!("return [text.split(SYMBOLS[{end}])[0] for text in texts]"),
                ],
                None => vec![format!("return {spelled}")],
            };
            ("n texts.".into(), lines)
        }
        Some(Series::Symbols(_)) => ("n sequences of numbers of SYMBOLS, [n, steps].".into(), plain()),
        _ => {
            let range = if portable.examples.shape.len() == 3 { " in -1 to 1" } else { "" };
            (format!("n samples [n, {shape}]{range}."), plain())
        }
    }
}
