//! What the metrics of a training say of its health, in sentences. One table of rules, which read nothing but a line of
//! metrics; where a column is missing, a rule says nothing.

mod rules;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::settings::Settings;
use rules::{AT_END, GRADIENTS, network};
pub use rules::{RULES, Rule, mixes};

/// The key of what is wrong in a line of metrics: sentences by the names of their rules.
pub const HEALTH: &str = "health";

/// Columns that are for rules: their sentences say more to a person at a terminal.
pub const BEHIND: [&str; 4] = ["d_acc_real", "d_acc_fake", "grad_d", "grad_g"];

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

    /// The least number so far in a column.
    pub fn least(&self, name: &str) -> Option<f64> {
        self.columns.get(name).map(|column| column.least)
    }

    /// The greatest number so far in a column.
    pub fn greatest(&self, name: &str) -> Option<f64> {
        self.columns.get(name).map(|column| column.greatest)
    }

    /// Whether samples were more various before. The first samples of every run are alike.
    fn was_various(&self) -> Option<bool> {
        let greatest = self.greatest("spread").unwrap_or(0.0);
        Some(greatest >= 0.5 || self.number("spread")? < 0.2 * greatest)
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
/// Lines on which something has to be wrong before it is said: what is measured with each picture has few.
const LINES: u64 = 3;
/// The end of fewer steps says nothing: all networks are young.
const YOUNG: u64 = 100;
/// Lines after which a magnitude is known, and the share of a new line in it.
const KNOWN: u64 = 20;
const NEW: f64 = 0.02;

/// What lines so far said in a column.
struct Column {
    /// Those of another number than 0.
    lines: u64,
    least: f64,
    greatest: f64,
    /// Running mean of the logarithm of the magnitude.
    logarithm: f64,
}

impl Default for Column {
    fn default() -> Self {
        Self { lines: 0, least: f64::INFINITY, greatest: 0.0, logarithm: 0.0 }
    }
}

impl Column {
    fn add(&mut self, number: f64) {
        (self.least, self.greatest) = (self.least.min(number), self.greatest.max(number));
        // Where nothing was learned, nothing is said of how much is usual.
        if number == 0.0 {
            return;
        }
        self.lines += 1;
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
    /// Whether it is wrong on the newest line that says.
    is_wrong: bool,
}

/// The health of a training, line by line.
pub struct Health {
    settings: Settings,
    troubles: Vec<Trouble>,
    columns: BTreeMap<String, Column>,
    phase: Option<Value>,
    /// The steps before this phase, and the newest.
    steps: [u64; 2],
}

impl Health {
    /// A training with these settings that has written no line yet.
    pub fn new(settings: &Settings) -> Self {
        let troubles = vec![Trouble::default(); RULES.len()];
        Self { settings: settings.clone(), troubles, columns: BTreeMap::new(), phase: None, steps: [0; 2] }
    }

    /// Looks at the next line of metrics, and adds to it what is wrong. Returns sentences for what begins and ends.
    pub fn look(&mut self, line: &mut Map<String, Value>) -> Vec<String> {
        let step = line.get("step").and_then(Value::as_u64).unwrap_or(0);
        let phase = line.get("phase").cloned();
        if phase != self.phase {
            // Other networks learn now, by other losses.
            (self.troubles, self.phase) = (vec![Trouble::default(); RULES.len()], phase);
            self.columns.clear();
            self.steps[0] = self.steps[1];
        }
        self.steps[1] = step;
        let (mut wrong, mut news) = (Map::new(), vec![]);
        let seen = Line { settings: &self.settings, numbers: line, columns: &self.columns };
        for (rule, trouble) in RULES.iter().zip(&mut self.troubles) {
            let is_wrong = (rule.is_wrong)(&seen);
            trouble.is_wrong = is_wrong.unwrap_or(trouble.is_wrong);
            match (is_wrong, trouble.span) {
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
            let is_sure = |(first, last): &(u64, u64)| last - first >= rule.steps && trouble.lines[0] >= LINES;
            let Some((first, last)) = trouble.span.filter(is_sure) else { continue };
            let sentence = rule.said(last - first, trouble.column, &self.settings);
            if !trouble.is_told {
                news.push(format!("warning: step {step}: {sentence}"));
                trouble.is_told = true;
            }
            wrong.insert(rule.name.into(), sentence.into());
        }
        for (name, number) in line.iter().filter_map(|(name, value)| Some((name, value.as_f64()?))) {
            self.columns.entry(name.clone()).or_default().add(number);
        }
        if step >= self.settings.steps {
            wrong.extend(self.at_end());
        }
        if !wrong.is_empty() {
            line.insert(HEALTH.into(), wrong.into());
        }
        news
    }

    /// What is wrong at the end, in sentences by rules: what was said and is not over, and of a training too short for
    /// a rule's steps also what has been wrong for half of it.
    fn at_end(&self) -> Map<String, Value> {
        let [before, now] = self.steps;
        let done = now - before;
        let mut left: Map<String, Value> = RULES
            .iter()
            .zip(&self.troubles)
            .filter_map(|(rule, trouble)| {
                let (first, last) = trouble.span?;
                let is_short = done >= YOUNG && (done < rule.steps.saturating_mul(2) || trouble.lines[0] < LINES);
                let is_long = rule.steps == AT_END || 2 * (last - first) >= done;
                let is_said = trouble.is_told || trouble.is_wrong && is_short && is_long;
                is_said.then(|| (rule.name.to_owned(), rule.said(last - first, trouble.column, &self.settings).into()))
            })
            .collect();
        // A collapse says it already.
        if left.contains_key("samples_alike") {
            left.remove("samples_lack_spread");
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::{Norm, Objective};

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
                   "spread": 1.0, "modes": 8, "high_quality": 0.9,
                   "active": 4.0, "divergence": 9.0, "bound": -90.0, "starved": 0.0,
                   "known_by_heart": 0.1, "held_out_nats_per_step": 2.0,
                   "held_out_squared_error": 0.10}),
            json!({"d_loss": 1e-3, "d_acc_real": 1.0, "d_acc_fake": 1.0, "d_lead": 0.5, "grad_g": 1e-6, "grad_d": 200.0,
                   "spread": 0.1, "modes": 4, "high_quality": 0.1,
                   "active": 0.0, "divergence": 0.01, "bound": -1e8, "starved": 0.5,
                   "known_by_heart": 0.3, "held_out_nats_per_step": 2.5,
                   "held_out_squared_error": 0.12}),
        );
        for rule in RULES.iter().filter(|rule| rule.steps != AT_END) {
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
    fn nats_that_rise_with_those_of_the_training_are_no_overfitting() {
        let said = |held_out: f64, bound: f64| {
            let line = |nats: f64, bound: f64| vec![json!({ "held_out_nats": nats, "bound": bound }); 30];
            let lines = [line(100.0, -100.0), line(held_out, bound)].concat();
            looked(&Settings::default(), "examples_by_heart", lines).1.first().copied()
        };
        assert_eq!(said(112.0, -80.0), Some(510), "from step 310 on");
        assert_eq!(said(112.0, -110.0), None, "the training is worse too");
        assert_eq!(said(108.0, -80.0), None, "less than a tenth");
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
    fn a_network_that_waits_first_has_no_gradient_that_explodes() {
        let gan = Settings { relevant: vec!["lr_g", "lr_d", "latent"], ..Settings::default() };
        let of =
            |waits: u64| (0..90).map(move |i| json!({ "grad_d": if i < waits { 0.0 } else { 1.0 + 0.01 * i as f64 } }));
        assert_eq!(looked(&gan, "", of(30)).0, [""; 0], "no gradient is no measure of one");
        assert_eq!(looked(&gan, "", of(0)).0, [""; 0]);
    }

    #[test]
    fn samples_that_were_never_various_can_lose_what_they_had() {
        let spread = |spread: f64| vec![json!({ "spread": spread }); 30];
        let looked = |lines: &[Vec<Value>]| looked(&Settings::default(), "samples_alike", lines.concat()).1;
        assert_eq!(looked(&[spread(0.1), spread(0.3), spread(0.2)]), [0; 0]);
        assert_eq!(looked(&[spread(0.3), spread(0.05)])[0], 410, "from step 310 on");
    }

    #[test]
    fn an_end_says_what_is_wrong_still_and_a_short_training_what_has_been_mostly() {
        let ended = |lines: &[(usize, Value)]| {
            let all: usize = lines.iter().map(|(count, _)| count).sum();
            let mut health = Health::new(&Settings { steps: 10 * all as u64, ..Settings::default() });
            let lines = lines.iter().flat_map(|(count, line)| vec![line; *count]);
            let mut last = Map::new();
            for (i, line) in lines.enumerate() {
                let mut line = line.as_object().unwrap().clone();
                line.insert("step".into(), (10 * (i as u64 + 1)).into());
                health.look(&mut line);
                last = line;
            }
            let Some(Value::Object(wrong)) = last.remove(HEALTH) else { return vec![] };
            wrong.values().map(|sentence| sentence.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let apart = json!({"d_loss": 0.001, "d_acc_real": 1.0, "d_acc_fake": 1.0});
        let level = json!({"d_loss": 1.3, "d_acc_real": 0.6, "d_acc_fake": 0.6});
        let spread = |spread: f64| json!({ "spread": spread });
        let wins = |steps: u64| {
            format!(
                "the discriminator has told all real samples from generated ones for {steps} steps; try r1=0.1 with \
                 norm_d=none, or lr_d=0.00005"
            )
        };
        let quiet: [String; 0] = [];
        assert_eq!(ended(&[(20, apart.clone())]), [wins(190)], "never for 400 steps");
        assert_eq!(ended(&[(8, level.clone()), (12, apart.clone())]), [wins(110)]);
        assert_eq!(ended(&[(12, level.clone()), (8, apart.clone())]), quiet, "for less than half of it");
        assert_eq!(ended(&[(12, apart.clone()), (8, level.clone())]), quiet, "over");
        assert_eq!(ended(&[(5, apart.clone())]), quiet, "too young");
        assert_eq!(ended(&[(120, level), (20, apart)]), quiet, "the last part of a long training");
        let low = "samples have less than half of the data's spread at the end; try more --steps; if the \
                   spread does not grow, pack=2, or objective=relativistic with r1=0.1, r2=0.1 and norm_d=none";
        let said = ended(&[(10, spread(0.2)), (10, spread(0.3))]);
        assert_eq!(said, [low]);
        assert_eq!(ended(&[(12, spread(0.2)), (10, spread(0.9))]), quiet);
        assert_eq!(ended(&[(12, spread(0.9)), (1, spread(0.2))]), [low], "on the newest picture only");
        assert_eq!(ended(&[(12, spread(7e-4)), (1, spread(1e-5))]), [low], "never more than noise");
        let said = ended(&[(4, spread(0.9)), (10, spread(0.2))]);
        assert!(said.len() == 1 && said[0].contains(": collapse; "), "{said:?}");
        // Two pictures, and all that they show.
        let modes = |steps: u64, modes: [u64; 2]| {
            let mut health = Health::new(&Settings { steps, data: "ring".into(), ..Settings::default() });
            let lines = modes.map(|modes| json!({ "modes": modes })).into_iter().zip([1000, 2000]);
            lines.fold((vec![], false), |(news, _), (line, step)| {
                let Value::Object(mut line) = line else { unreachable!() };
                line.insert("step".into(), step.into());
                ([news, health.look(&mut line)].concat(), line.contains_key(HEALTH))
            })
        };
        assert_eq!(modes(9000, [2, 3]), (vec![], false), "more pictures come");
        assert_eq!(modes(2000, [2, 3]), (vec![], true), "no more pictures come");
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
        assert_eq!((news.len(), wrong[0]), (1, 410), "{news:?}");
    }
}
