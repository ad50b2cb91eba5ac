//! What the metrics of a training say of its health, in sentences. One table of rules, which read nothing but a line of
//! metrics; where a column is missing, a rule says nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    data,
    settings::{Norm, Objective, Settings},
};

/// The key of what is wrong in a line of metrics: sentences by the names of their rules.
pub const HEALTH: &str = "health";

/// Columns that are for rules: their sentences say more to a person at a terminal.
pub const BEHIND: [&str; 4] = ["d_acc_real", "d_acc_fake", "grad_d", "grad_g"];

/// One thing that can be wrong with a training.
pub struct Rule {
    /// Its name in lines of metrics.
    pub name: &'static str,
    /// Whether it is wrong in a line; `None` if the line does not say.
    pub is_wrong: fn(&Line) -> Option<bool>,
    /// Steps for which it has to be wrong before it is said, on three of four lines. A quarter of them without it, and
    /// it is over.
    pub steps: u64,
    /// Columns of which one alone may be wrong: the greatest, which the sentence names as `{which}`.
    pub columns: &'static [&'static str],
    /// What is wrong; `{steps}` is for how many steps, `{g}` the network of the group `g`.
    pub sentence: &'static str,
    /// The same when it is over.
    pub over: &'static str,
    /// What usually helps with these settings.
    pub advice: fn(&Settings) -> String,
}

/// Columns of gradients, and of losses.
const GRADIENTS: &[&str] = &["grad_g", "grad_d"];
const LOSSES: &[&str] = &["d_loss", "g_loss", "bound", "reconstruction"];

/// All rules. The bounds were found with healthy runs of all variants, and with runs that were spoiled on purpose.
pub const RULES: &[Rule] = &[
    Rule {
        name: "discriminator_wins",
        // A Wasserstein critic may: its gradient does not vanish.
        is_wrong: |line| {
            let right = line.number("d_acc_real")?.min(line.number("d_acc_fake")?);
            // Small networks are behind at first, and learn all the same while the discriminator is not certain.
            Some(right >= 0.99 && line.number("d_loss")? <= 0.05 && line.settings.objective != Objective::Wgan)
        },
        steps: 400,
        columns: &[],
        sentence: "the discriminator has told all real samples from generated ones for {steps} steps",
        over: "the discriminator no longer tells all samples apart",
        advice: |s| match s.r1 + s.r2 + s.gp {
            0.0 if mixes(s) => format!("r1=0.1 with norm_d=none, or {}", lower("lr_d", s.lr_d)),
            0.0 => format!("r1=0.1, or {}", lower("lr_d", s.lr_d)),
            _ => lower("lr_d", s.lr_d),
        },
    },
    Rule {
        name: "discriminator_overfits",
        is_wrong: |line| Some(line.number("d_lead")? >= 0.25),
        steps: 200,
        columns: &[],
        sentence: "the discriminator has known the examples that it learns from by heart for {steps} steps: it takes \
                   fewer of those that were held out for real",
        over: "the discriminator judges held-out examples as it judges those that it learns from",
        advice: |s| match s.r1 {
            0.0 if mixes(s) => "more data, r1=0.1 with norm_d=none, or a smaller discriminator".into(),
            0.0 => "more data, r1=0.1, or a smaller discriminator".into(),
            r1 => format!("more data, r1={}, or a smaller discriminator", times(r1, 10.0)),
        },
    },
    Rule {
        name: "known_by_heart",
        is_wrong: |line| Some(line.number("by_heart")? >= 0.2),
        steps: 200,
        columns: &[],
        sentence: "a fifth of the samples or more have lain nearer to rows that were learned than to held-out ones, \
                   beyond chance, for {steps} steps: the table is learned by heart",
        over: "samples lie no nearer to rows that were learned than to held-out ones",
        advice: |_| "fewer steps, more rows, or a smaller model".into(),
    },
    Rule {
        name: "starved",
        is_wrong: |line| Some(line.number("starved")? >= 0.2),
        steps: 200,
        columns: &[],
        sentence: "rounds have waited for data a fifth of the time or more for {steps} steps",
        over: "rounds no longer wait for data",
        advice: |_| "a file that `saddle pack` wrote, on a faster disk".into(),
    },
    Rule {
        name: "no_gradient",
        is_wrong: |line| Some(line.number("grad_g")? < 1e-4),
        steps: 200,
        columns: &[],
        sentence: "the {g} has had no gradient for {steps} steps: it learns nothing",
        over: "the {g} has a gradient again",
        advice: |s| match s.objective {
            Objective::Minimax => "objective=non-saturating".into(),
            _ => format!("r1=0.1, or {}", lower("lr_d", s.lr_d)),
        },
    },
    Rule {
        name: "gradient_explodes",
        is_wrong: |line| line.worst(GRADIENTS).map(|(_, times)| times > EXPLODED),
        steps: 50,
        columns: GRADIENTS,
        sentence: "{which} has been a hundred times as large as it was for {steps} steps",
        over: "the gradients are as large as they were before",
        advice: |s| format!("grad_clip=1, or {}", lower("lr_g", s.lr_g)),
    },
    Rule {
        name: "diverged",
        // Larger than any loss of data: 5.5 nats a value of an image of 600 pixels square.
        is_wrong: |line| line.worst(LOSSES).map(|(_, loss)| loss > 1e7),
        steps: 20,
        columns: LOSSES,
        sentence: "{which} has been beyond ten millions for {steps} steps: the training has diverged",
        over: "the losses are below ten millions",
        // Of a rate that is far off, a quarter is far off as well.
        advice: |s| format!("{} from the start", lower("lr_g", s.lr_g.min(4e-3))),
    },
    Rule {
        name: "samples_alike",
        // The first samples of every run are alike, so that they have to have been less so before.
        is_wrong: |line| {
            let (spread, greatest) = (line.number("spread")?, line.greatest("spread").unwrap_or(0.0));
            Some(spread < 0.5 && (greatest >= 0.5 || spread < 0.2 * greatest))
        },
        steps: 100,
        columns: &[],
        sentence: "samples have had less than half of the data's spread for {steps} steps: collapse",
        over: "samples have more than half of the data's spread",
        advice: varied,
    },
    Rule {
        name: "modes_missing",
        is_wrong: |line| {
            let all = data::modes(&line.settings.data)?.centres.len();
            Some(line.number("modes")? <= all as f64 / 2.0)
        },
        steps: 1000,
        columns: &[],
        sentence: "samples have been of half of the modes at most for {steps} steps: collapse",
        over: "samples are of more than half of the modes",
        advice: varied,
    },
    Rule {
        name: "code_unused",
        is_wrong: |line| Some(line.number("active")? < 1.0 && line.number("divergence")? < 0.1),
        steps: 400,
        columns: &[],
        sentence: "the decoder has not used the latent vector for {steps} steps: every code says the same",
        over: "the decoder uses the latent vector",
        advice: |s| match s.word_dropout {
            0.0 => "cycles=4, free_bits=0.1, or of sequences word_dropout=0.3".into(),
            _ => "cycles=4 or free_bits=0.1".into(),
        },
    },
];

/// The network of a state group in words.
fn network(group: &str, s: &Settings) -> &'static str {
    match group {
        "d" => "discriminator",
        _ if s.relevant.contains(&"lr_d") => "generator",
        _ if s.relevant.contains(&"latent") => "decoder",
        _ => "network",
    }
}

/// A column of gradients or losses in words, with the network that it belongs to.
fn named(column: &str, s: &Settings) -> String {
    match column.split_once('_') {
        Some(("grad", group)) => format!("the gradient of the {}", network(group, s)),
        Some((group, "loss")) => format!("the loss of the {}", network(group, s)),
        _ => format!("the {column}"),
    }
}

/// Whether the discriminator's normalisation mixes the samples of a batch, which a gradient penalty does not allow.
pub fn mixes(s: &Settings) -> bool {
    s.relevant.contains(&"norm_d") && s.norm_d == Norm::Batch
}

/// A multiple of a number, from its decimal text, so that it has few digits too.
fn times(number: f32, factor: f64) -> f32 {
    (number.to_string().parse::<f64>().unwrap_or_default() * factor) as f32
}

/// A quarter of a rate, in words.
fn lower(name: &str, rate: f32) -> String {
    format!("{name}={}", times(rate, 0.25))
}

/// What helps against samples that are alike.
fn varied(s: &Settings) -> String {
    match (s.pack, s.objective) {
        (1, Objective::Relativistic) => "pack=2, or r1=0.1 and r2=0.1".into(),
        (1, _) => "pack=2, or objective=relativistic with r1=0.1 and r2=0.1".into(),
        _ => "r1=0.1 and r2=0.1, or a lower lr_g".into(),
    }
}

/// A line of metrics, with what earlier lines said.
pub struct Line<'a> {
    /// The settings of the run.
    pub settings: &'a Settings,
    numbers: &'a Map<String, Value>,
    columns: &'a BTreeMap<String, Column>,
}

impl Line<'_> {
    /// The number in a column.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name)?.as_f64()
    }

    /// The greatest number so far in a column.
    pub fn greatest(&self, name: &str) -> Option<f64> {
        self.columns.get(name).map(|column| column.greatest)
    }

    /// The column with the greatest magnitude, and that; of gradients in multiples of what is usual there.
    pub fn worst(&self, columns: &'static [&'static str]) -> Option<(&'static str, f64)> {
        let magnitude = |name: &'static str| {
            let unit = if GRADIENTS.contains(&name) { self.usual(name)? } else { 1.0 };
            Some((name, self.number(name)?.abs() / unit))
        };
        columns.iter().filter_map(|name| magnitude(name)).max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// The usual magnitude in a column, once there were some lines.
    pub fn usual(&self, name: &str) -> Option<f64> {
        self.columns.get(name).filter(|column| column.lines >= KNOWN).map(|column| column.logarithm.exp())
    }
}

/// How many times its usual magnitude a gradient has that explodes.
const EXPLODED: f64 = 100.0;
/// Lines after which a magnitude is known, and the share of a new line in it.
const KNOWN: u64 = 20;
const NEW: f64 = 0.02;

/// What lines so far said in a column.
#[derive(Default)]
struct Column {
    lines: u64,
    greatest: f64,
    /// Running mean of the logarithm of the magnitude.
    logarithm: f64,
}

impl Column {
    fn add(&mut self, number: f64) {
        self.lines += 1;
        self.greatest = self.greatest.max(number);
        let share = (1.0 / self.lines as f64).max(NEW);
        let logarithm = number.abs().max(f64::MIN_POSITIVE).ln();
        // What explodes does not move it.
        if self.lines > KNOWN && logarithm - self.logarithm > EXPLODED.ln() {
            return;
        }
        let step = if self.lines == 1 { f64::INFINITY } else { 1.0 };
        self.logarithm += share * (logarithm - self.logarithm).clamp(-step, step);
    }
}

/// How long something has been wrong.
#[derive(Clone, Copy, Default)]
struct Trouble {
    /// The first and the last step at which it was wrong.
    span: Option<(u64, u64)>,
    /// The lines since then that say it is wrong, and those that say it is not.
    lines: [u64; 2],
    /// The column that was wrong last, of a rule that names one.
    column: Option<&'static str>,
    /// Whether that was said.
    is_told: bool,
}

/// The health of a training, line by line.
pub struct Health {
    settings: Settings,
    troubles: Vec<Trouble>,
    columns: BTreeMap<String, Column>,
    phase: Option<Value>,
}

impl Health {
    /// A training with these settings that has written no line yet.
    pub fn new(settings: &Settings) -> Self {
        let troubles = vec![Trouble::default(); RULES.len()];
        Self { settings: settings.clone(), troubles, columns: BTreeMap::new(), phase: None }
    }

    /// Looks at the next line of metrics, and adds to it what is wrong. Returns sentences for what begins and ends.
    pub fn look(&mut self, line: &mut Map<String, Value>) -> Vec<String> {
        let step = line.get("step").and_then(Value::as_u64).unwrap_or(0);
        let phase = line.get("phase").cloned();
        if phase != self.phase {
            // Other networks learn now, by other losses.
            (self.troubles, self.phase) = (vec![Trouble::default(); RULES.len()], phase);
            self.columns.clear();
        }
        let (mut wrong, mut news) = (Map::new(), vec![]);
        let seen = Line { settings: &self.settings, numbers: line, columns: &self.columns };
        for (rule, trouble) in RULES.iter().zip(&mut self.troubles) {
            match ((rule.is_wrong)(&seen), trouble.span) {
                (Some(true), span) => {
                    trouble.span = Some((span.map_or(step, |(first, _)| first), step));
                    trouble.lines[0] += 1;
                    trouble.column = seen.worst(rule.columns).map(|(name, _)| name);
                }
                (Some(false), Some((_, last))) => {
                    trouble.lines[1] += 1;
                    let [wrong, right] = trouble.lines;
                    let is_over = if trouble.is_told { step - last >= rule.steps / 4 } else { 3 * right > wrong };
                    if is_over && trouble.is_told {
                        news.push(format!("step {step}: {}", rule.over.replace("{g}", network("g", &self.settings))));
                    }
                    if is_over {
                        *trouble = Trouble::default();
                    }
                }
                _ => {}
            }
            let Some((first, last)) = trouble.span.filter(|(first, last)| last - first >= rule.steps) else { continue };
            let which = trouble.column.map_or(String::new(), |column| named(column, &self.settings));
            let sentence = rule.sentence.replace("{steps}", &(last - first).to_string()).replace("{which}", &which);
            let sentence = sentence.replace("{g}", network("g", &self.settings));
            let sentence = format!("{sentence}; try {}", (rule.advice)(&self.settings));
            if !trouble.is_told {
                news.push(format!("warning: step {step}: {sentence}"));
                trouble.is_told = true;
            }
            wrong.insert(rule.name.into(), sentence.into());
        }
        for (name, number) in line.iter().filter_map(|(name, value)| Some((name, value.as_f64()?))) {
            self.columns.entry(name.clone()).or_default().add(number);
        }
        if !wrong.is_empty() {
            line.insert(HEALTH.into(), wrong.into());
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The sentences of lines every ten steps with these columns, and the steps whose lines say that a rule is broken.
    fn looked(settings: &Settings, rule: &str, lines: impl IntoIterator<Item = Value>) -> (Vec<String>, Vec<u64>) {
        let (mut health, mut news, mut wrong) = (Health::new(settings), vec![], vec![]);
        for (i, line) in lines.into_iter().enumerate() {
            let Value::Object(mut line) = line else { panic!("no object") };
            let step = 10 * (i as u64 + 1);
            line.insert("step".into(), step.into());
            news.extend(health.look(&mut line));
            wrong.extend(line.get(HEALTH).and_then(|wrong| wrong.get(rule)).map(|_| step));
        }
        (news, wrong)
    }

    #[test]
    fn a_sentence_begins_after_its_time_and_ends_a_quarter_of_it_later() {
        let apart = |is: bool| json!({"d_loss": 0.001, "d_acc_real": 1.0, "d_acc_fake": if is { 0.995 } else { 0.9 }});
        let lines = |spans: &[(usize, bool)]| -> Vec<Value> {
            spans.iter().flat_map(|(count, is)| vec![apart(*is); *count]).collect()
        };
        let settings = Settings { norm_d: Norm::Batch, ..Settings::default() };
        let name = "discriminator_wins";
        // 10, 20, .. 410: the 41st line is 400 steps after the first.
        let (news, wrong) =
            looked(&settings, name, lines(&[(41, true), (9, false), (1, true), (10, false), (5, true)]));
        let sentence = "warning: step 410: the discriminator has told all real samples from generated ones for 400 \
                        steps; try r1=0.1 with norm_d=none, or lr_d=0.00005";
        assert_eq!(news, [sentence, "step 610: the discriminator no longer tells all samples apart"]);
        assert_eq!((wrong[0], wrong.len()), (410, 20), "from the sentence to its end, gaps included: {wrong:?}");
        assert_eq!(
            looked(&settings, name, lines(&[(20, true), (8, false), (36, true)])).0,
            [""; 0],
            "never for 400 steps"
        );
        let wgan = Settings { objective: Objective::Wgan, ..settings };
        assert_eq!(looked(&wgan, name, lines(&[(60, true)])).0, [""; 0]);
    }

    #[test]
    fn every_rule_can_be_broken() {
        let settings = Settings { data: "ring".into(), ..Settings::default() };
        let (good, bad) = (
            json!({"d_loss": 0.5, "d_acc_real": 0.8, "d_acc_fake": 0.8, "d_lead": 0.1, "grad_g": 1.0, "grad_d": 1.0,
                   "spread": 1.0, "modes": 8, "active": 4.0, "divergence": 9.0, "bound": -90.0, "starved": 0.0,
                   "by_heart": 0.1}),
            json!({"d_loss": 1e-3, "d_acc_real": 1.0, "d_acc_fake": 1.0, "d_lead": 0.5, "grad_g": 1e-6, "grad_d": 200.0,
                   "spread": 0.1, "modes": 4, "active": 0.0, "divergence": 0.01, "bound": -1e8, "starved": 0.5,
                   "by_heart": 0.3}),
        );
        for rule in RULES {
            let none = looked(&settings, rule.name, vec![good.clone(); 300]);
            assert_eq!((none.0, none.1), (vec![], vec![]), "{}", rule.name);
            let (news, wrong) = looked(&settings, rule.name, [vec![good.clone(); 30], vec![bad.clone(); 120]].concat());
            assert_eq!(wrong.first(), Some(&(310 + rule.steps)), "{}", rule.name);
            assert!(news.iter().all(|sentence| !sentence.contains(rule.over)), "{}: {news:?}", rule.name);
            let (_, wrong) = looked(&settings, rule.name, vec![json!({"seconds": 1.0}); 300]);
            assert_eq!(wrong, [0; 0], "{}: lines without its columns", rule.name);
        }
    }

    #[test]
    fn what_belongs_to_a_network_names_it() {
        let said = |settings: &Settings, column: &str| {
            let lines = (0..60).map(|i| json!({ column: if i < 30 { 1.0 } else { 2e7 } }));
            looked(settings, "", lines).0.join(" ")
        };
        let gan = Settings { relevant: vec!["lr_g", "lr_d", "latent"], ..Settings::default() };
        let vae = Settings { relevant: vec!["lr_g", "latent"], ..Settings::default() };
        for (settings, column, named) in [
            (&gan, "grad_g", "the gradient of the generator has been a hundred times"),
            (&gan, "grad_d", "the gradient of the discriminator has been a hundred times"),
            (&vae, "grad_g", "the gradient of the decoder has been a hundred times"),
            (&gan, "d_loss", "the loss of the discriminator has been beyond ten millions"),
            (&vae, "bound", "the bound has been beyond ten millions"),
        ] {
            assert!(said(settings, column).contains(named), "{column}: {}", said(settings, column));
        }
    }

    #[test]
    fn samples_that_were_never_various_can_lose_what_they_had() {
        let spread = |spread: f64| vec![json!({ "spread": spread }); 30];
        let looked = |lines: &[Vec<Value>]| looked(&Settings::default(), "samples_alike", lines.concat()).1;
        assert_eq!(looked(&[spread(0.1), spread(0.3), spread(0.2)]), [0; 0]);
        assert_eq!(looked(&[spread(0.3), spread(0.05)])[0], 410, "from step 310 on");
    }

    #[test]
    fn single_lines_do_not_interrupt() {
        let lines = |good: usize| {
            let loss = move |i: usize| if i.is_multiple_of(good) { 0.2 } else { 0.01 };
            (1..60).map(move |i| json!({"d_loss": loss(i), "d_acc_real": 1, "d_acc_fake": 1}))
        };
        let (news, wrong) = looked(&Settings::default(), "discriminator_wins", lines(5));
        assert_eq!((news.len(), wrong[0]), (1, 410), "{news:?}");
        assert_eq!(looked(&Settings::default(), "discriminator_wins", lines(3)).0, [""; 0]);
    }

    #[test]
    fn a_column_that_is_seldom_measured_keeps_what_it_said() {
        let held = |i: usize| match i % 20 {
            0 => json!({"d_loss": 0.95, "d_lead": 0.35}),
            _ => json!({"d_loss": 0.95}),
        };
        let (news, wrong) = looked(&Settings::default(), "discriminator_overfits", (0..60).map(held));
        assert_eq!((news.len(), wrong[0]), (1, 210), "{news:?}");
    }
}
