//! The table of rules: what can be wrong with a training, from when on it is said, and what usually helps.

use super::{EXPLODED, Line};
use crate::{
    data,
    settings::{Augment, Norm, Objective, Settings},
};

/// One thing that can be wrong with a training.
pub struct Rule {
    /// Its name in lines of metrics.
    pub name: &'static str,
    /// Whether it is wrong in a line; `None` if the line does not say.
    pub is_wrong: fn(&Line) -> Option<bool>,
    /// Steps for which it has to be wrong before it is said, on three of four lines. A quarter of them without it, and
    /// it is over. `u64::MAX`: it is said at the end only.
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

/// The steps of a rule that has nothing to say while a training can still change it.
pub(super) const AT_END: u64 = u64::MAX;

/// Columns of gradients, and of losses.
pub(super) const GRADIENTS: &[&str] = &["grad_g", "grad_d"];
const LOSSES: &[&str] = &["d_loss", "g_loss", "bound", "reconstruction"];

/// All rules. The bounds were found with healthy runs of all variants, and with runs that were spoiled on purpose.
pub const RULES: &[Rule] = &[
    Rule {
        name: "discriminator_wins",
        // A Wasserstein critic may: its gradient does not vanish.
        is_wrong: |line| {
            let right = line.number("d_acc_real")?.min(line.number("d_acc_fake")?);
            // One of a batch of 64 may be wrong. Small networks are behind at first, and learn all the same while the
            // discriminator is not certain.
            Some(right >= 0.98 && line.number("d_loss")? <= 0.05 && line.settings.objective != Objective::Wgan)
        },
        steps: 400,
        columns: &[],
        sentence: "the discriminator has told all real samples from generated ones for {steps} steps",
        over: "the discriminator no longer tells all samples apart",
        advice: |s| match s.r1 + s.r2 + s.gp {
            0.0 if mixes(s) => format!("r1=0.1 with norm_d=none, or {}", lower(s, "lr_d", s.lr_d)),
            0.0 => format!("r1=0.1, or {}", lower(s, "lr_d", s.lr_d)),
            _ => lower(s, "lr_d", s.lr_d),
        },
    },
    Rule {
        name: "discriminator_overfits",
        is_wrong: |line| Some(line.number("d_lead")? >= 0.25),
        steps: 200,
        columns: &[],
        sentence: "the discriminator has known the examples that it learns from by heart for {steps} steps: of those \
                   that were held out it takes fewer as real",
        over: "the discriminator judges held-out examples as it judges those that it learns from",
        advice: |s| {
            let augment = s.relevant.contains(&"augment") && s.augment == Augment::Off;
            let augment = if augment { ", of images augment=adaptive" } else { "" };
            let penalty = match s.r1 {
                0.0 if mixes(s) => "r1=0.1 with norm_d=none".into(),
                0.0 => "r1=0.1".into(),
                r1 => format!("r1={}", times(r1, 10.0)),
            };
            format!("more data{augment}, {penalty}, or a smaller discriminator")
        },
    },
    Rule {
        name: "known_by_heart",
        is_wrong: |line| Some(line.number("known_by_heart")? >= 0.2),
        steps: 200,
        columns: &[],
        sentence: "a fifth of the samples or more have lain nearer to rows that were learned than to held-out ones, \
                   beyond chance, for {steps} steps: the table is learned by heart",
        over: "samples lie no nearer to rows that were learned than to held-out ones",
        advice: |_| "fewer steps, more rows, or a smaller model".into(),
    },
    Rule {
        name: "held_out_worsens",
        is_wrong: |line| Some(line.number("held_out_nats_per_step")? > 1.1 * line.least("held_out_nats_per_step")?),
        steps: 200,
        columns: &[],
        sentence: "held-out sequences have been a tenth less likely than at their best for {steps} steps: what is \
                   learned is learned by heart",
        over: "held-out sequences are about as likely as at their best",
        advice: |s| match s.relevant.contains(&"dropout") && s.dropout == 0.0 {
            true => "dropout=0.3, fewer steps, or --checkpoint best afterwards".into(),
            false => "fewer steps, a smaller model, or --checkpoint best afterwards".into(),
        },
    },
    Rule {
        name: "examples_by_heart",
        is_wrong: |line| {
            let Some((now, least)) = line.number("held_out_nats").zip(line.least("held_out_nats")) else {
                let column = "held_out_squared_error";
                return Some(line.number(column)? > 1.1 * line.least(column)?);
            };
            // A density may have nats about 0, of which a tenth is nothing. Nats that rise with those of the training
            // are no overfitting.
            Some(now - least > (0.1 * least.abs()).max(1.0) && -line.number("bound")? < least)
        },
        steps: 200,
        columns: &[],
        sentence: "held-out examples have been a tenth worse than at their best for {steps} steps: what is learned is \
                   learned by heart",
        over: "held-out examples are about as good as at their best",
        advice: |_| "more data, fewer steps, or a smaller model".into(),
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
            _ => format!("r1=0.1, or {}", lower(s, "lr_d", s.lr_d)),
        },
    },
    Rule {
        name: "gradient_explodes",
        is_wrong: |line| line.worst(GRADIENTS).map(|(_, times)| times > EXPLODED),
        steps: 50,
        columns: GRADIENTS,
        sentence: "{which} has been a hundred times as large as it was for {steps} steps",
        over: "the gradients are as large as they were before",
        advice: |s| match s.grad_clip {
            0.0 => format!("grad_clip=1, or {}", lower(s, "lr_g", s.lr_g)),
            _ => lower(s, "lr_g", s.lr_g),
        },
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
        advice: |s| format!("{} from the start", lower(s, "lr_g", s.lr_g.min(4e-3))),
    },
    Rule {
        name: "samples_alike",
        is_wrong: |line| Some(line.number("spread")? < 0.5 && line.was_various()?),
        steps: 100,
        columns: &[],
        sentence: "samples have had less than half of the data's spread for {steps} steps: collapse",
        over: "samples have more than half of the data's spread",
        advice: varied,
    },
    Rule {
        // Also where the newest picture is the first that shows it, or none ever showed anything else.
        name: "samples_lack_spread",
        is_wrong: |line| Some(line.number("spread")? < 0.5),
        steps: AT_END,
        columns: &[],
        sentence: "samples have less than half of the data's spread at the end",
        over: "samples have more than half of the data's spread",
        advice: |s| match s.relevant.contains(&"pack") {
            true => format!("more --steps; if the spread does not grow, {}", varied(s)),
            false => "more --steps".into(),
        },
    },
    Rule {
        name: "samples_scatter",
        is_wrong: |line| Some(line.number("spread")? > 1.75),
        steps: AT_END,
        columns: &[],
        sentence: "samples differ far more from each other than the data does at the end",
        over: "samples differ from each other about as the data does",
        advice: |s| format!("more --steps, or {}", lower(s, "lr_g", s.lr_g)),
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
        name: "modes_missed",
        is_wrong: |line| Some(line.number("high_quality")? < 0.5),
        steps: AT_END,
        columns: &[],
        sentence: "more than half of the samples lie at no mode at the end",
        over: "more than half of the samples lie at a mode",
        advice: |s| format!("more --steps, or {}", lower(s, "lr_g", s.lr_g)),
    },
    Rule {
        name: "code_unused",
        is_wrong: |line| Some(line.number("active")? < 1.0),
        steps: 400,
        columns: &[],
        sentence: "the decoder has not used the latent vector for {steps} steps: every code says the same",
        over: "the decoder uses the latent vector",
        advice: |s| match (s.free_bits, s.word_dropout) {
            (0.0, 0.0) => "cycles=4, free_bits=0.1, or of sequences word_dropout=0.3".into(),
            (0.0, _) => "cycles=4 or free_bits=0.1".into(),
            _ => format!("cycles=4 or {}", lower(s, "lr_g", s.lr_g)),
        },
    },
];

impl Rule {
    /// What has been wrong for some steps, and what usually helps.
    pub(super) fn said(&self, steps: u64, column: Option<&'static str>, s: &Settings) -> String {
        let which = column.map_or(String::new(), |column| named(column, s));
        let sentence = self.sentence.replace("{steps}", &steps.to_string());
        let sentence = sentence.replace("{which}", &which).replace("{g}", network("g", s));
        format!("{sentence}; try {}", (self.advice)(s))
    }
}

/// The network of a state group in words.
pub(super) fn network(group: &str, s: &Settings) -> &'static str {
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

/// A quarter of a rate, in words, or a usual one in place of a rate far off.
fn lower(s: &Settings, name: &str, rate: f32) -> String {
    format!("{name}={}", if s.is_too_fast(name, rate) { 0.001 } else { times(rate, 0.25) })
}

/// What helps against samples that are alike.
fn varied(s: &Settings) -> String {
    let penalties = if mixes(s) { "r1=0.1, r2=0.1 and norm_d=none" } else { "r1=0.1 and r2=0.1" };
    // Early samples that are all alike are those of a generator that learns too fast.
    let slower = match s.r1 + s.r2 + s.gp {
        0.0 if s.lr_g > 1e-3 => format!("{}, ", lower(s, "lr_g", s.lr_g)),
        _ => String::new(),
    };
    match (s.pack, s.objective) {
        (1, Objective::Relativistic) => format!("{slower}pack=2, or {penalties}"),
        (1, _) => format!("{slower}pack=2, or objective=relativistic with {penalties}"),
        _ => format!("{penalties}, or a lower lr_g"),
    }
}
