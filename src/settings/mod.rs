//! The settings of a run: their values, the sources of the values, and the values that they accept.
//!
//! Values come in layers, and later layers override earlier ones: built-in defaults, the variant's preset, `--config`,
//! flags and `--set`.

mod augment;
mod layer;
mod rule;
mod table;
mod words;

use std::collections::BTreeMap;

use crate::error::{Error, Result, nearest, unknown};
pub use augment::{Augment, Augmentation};
use layer::RUN_HEADING;
pub use layer::{Change, Layer, RUN_FILE};
use rule::Value;
pub use rule::{Rule, SIGNS, Size};
use table::KEYS;
pub use table::Settings;
pub use words::{
    Architecture, Cell, Critic, DcganArchitecture, Decimal, Encode, Estimator, Fit, Fusion, LatentDist, Layout,
    Likelihood, Matching, Norm, Objective, Optimizer, Order, Prior, Range, Scale, Schedule, Separator, Tokens, Voices,
};

/// One setting, as `saddle variants` and the error messages describe it.
#[derive(Debug)]
pub struct Key {
    /// The name in TOML files and after `--set`.
    pub name: &'static str,
    /// The heading under which it is listed.
    pub group: &'static str,
    /// The built-in default, as text.
    pub default: &'static str,
    /// Its value in runs that were written before the setting existed, as text.
    pub before: &'static str,
    /// Its name in earlier versions, which is still accepted.
    pub was: Option<&'static str>,
    /// The values that it accepts.
    pub rule: Rule,
    /// Whether a resumed run may change it.
    pub resume: Resume,
    /// One line that explains it.
    pub help: &'static str,
}

/// Whether a resumed run may change a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It cannot change: another value would make another run.
    Never,
    /// It can change, and the change is not recorded: what is written and where, the device, and the path of the data,
    /// whose content is compared.
    Freely,
    /// It can change, and the numbers change with it; `run.toml` records the step of the change.
    Recorded,
}

/// A named group of settings of a variant.
#[derive(Clone, Copy, Debug)]
pub struct Preset<'a> {
    /// The name after `preset=`.
    pub name: &'a str,
    base: &'a [(&'a str, &'a str)],
    own: &'a [(&'a str, &'a str)],
}

impl<'a> Preset<'a> {
    /// A preset of these `(key, value)` pairs.
    pub const fn of(name: &'a str, own: &'a [(&'a str, &'a str)]) -> Self {
        Self::over(name, &[], own)
    }

    /// A preset of what several share and of its own pairs over that.
    pub const fn over(name: &'a str, base: &'a [(&'a str, &'a str)], own: &'a [(&'a str, &'a str)]) -> Self {
        Self { name, base, own }
    }

    /// All `(key, value)` pairs, the later ones over the earlier ones.
    pub fn values(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.base.iter().chain(self.own).copied()
    }
}

/// A variant as the settings see it.
#[derive(Clone, Copy, Debug)]
pub struct Menu<'a> {
    /// Its name on the command line.
    pub name: &'a str,
    /// Its default data set.
    pub data: &'a str,
    /// Its named groups of settings.
    pub presets: &'a [Preset<'a>],
    /// Names of groups of settings, or of single settings, that it has besides the groups of [`COMMON`].
    pub options: &'a [&'a str],
}

impl Menu<'_> {
    /// Whether the variant has this setting.
    pub fn has(&self, key: &Key) -> bool {
        COMMON.contains(&key.group) || self.options.contains(&key.group) || self.options.contains(&key.name)
    }
}

/// The groups of settings that every variant has.
pub const COMMON: &[&str] = &["What is trained, and on what", "How data is read", "The run", "What is written"];

/// Settings of variants that did nothing there and are refused now: a `run.toml` of an earlier version may have them.
const FORMER: &[(&str, &str)] = &[
    ("dbm", "optimizer"),
    ("dbm", "beta1"),
    ("dbm", "beta2"),
    ("dbm", "grad_clip"),
    ("rvae-gan", "each_step"),
    ("rvae-gan", "embedding"),
];

/// The value of `init` in a run that starts from no other.
pub const NO_RUN: &str = "none";

/// The preset when no other is chosen. Every variant has it; it is empty if the variant does not define it.
pub const DEFAULT_PRESET: &str = "default";

/// The text and the origin of every setting; layers are applied to it.
struct Texts {
    values: BTreeMap<&'static str, (String, String)>,
    relevant: Vec<&'static str>,
}

impl Texts {
    /// The defaults; the settings for which `has` holds are relevant.
    fn defaults(has: impl Fn(&Key) -> bool) -> Self {
        let values = KEYS.iter().map(|key| (key.name, (key.default.into(), String::new()))).collect();
        Self { values, relevant: KEYS.iter().filter(|key| has(key)).map(|key| key.name).collect() }
    }

    /// As `defaults`, for a run that was written when some of the relevant settings did not exist.
    fn before(has: impl Fn(&Key) -> bool) -> Self {
        let mut texts = Self::defaults(&has);
        let relevant = KEYS.iter().filter(|key| has(key));
        texts.values.extend(relevant.map(|key| (key.name, (key.before.into(), String::new()))));
        texts
    }

    fn set(&mut self, name: &str, text: &str, origin: &str) -> Result<()> {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let names = KEYS.iter().map(|key| key.name);
            let error = match nearest(name, names.clone()) {
                Some(_) => unknown("setting", name, names),
                None => {
                    Error::usage(format!("unknown setting `{name}`: `saddle variants NAME` lists those of a variant"))
                }
            };
            return Err(error.at(origin));
        };
        if !key.rule.accepts(text) {
            return Err(key.refuse(text).at(origin));
        }
        if !self.relevant.contains(&key.name) {
            let variant = &self.values["variant"].0;
            let sentence = format!("`{name}` is no option of {variant}: `saddle variants {variant}` lists those");
            return Err(Error::usage(sentence).at(origin));
        }
        self.values.insert(key.name, (text.into(), origin.into()));
        Ok(())
    }

    fn apply(&mut self, layers: &[Layer]) -> Result<()> {
        for (layer, entry) in layers.iter().flat_map(|layer| layer.entries.iter().map(move |entry| (layer, entry))) {
            let is_former = FORMER.contains(&(self.values["variant"].0.as_str(), entry.key.as_str()));
            if !(layer.is_run && is_former) {
                self.set(&entry.key, &entry.text, &entry.origin)?;
            }
        }
        Ok(())
    }

    fn value<T: Value>(&self, name: &str) -> Result<T> {
        let (text, origin) = &self.values[name];
        let wrong = || KEYS.iter().find(|key| key.name == name).expect("every field is a key").refuse(text).at(origin);
        T::parse(text).ok_or_else(wrong)
    }

    fn finish(&self) -> Result<Settings> {
        let settings = self.build()?;
        let Settings { batch, pack, accumulate, .. } = settings;
        if !batch.is_multiple_of(pack) {
            return Err(Error::usage(format!("`batch` takes a multiple of `pack`, and {batch} is not one of {pack}")));
        }
        if !batch.is_multiple_of(pack * accumulate) {
            let groups = if pack > 1 { format!(" of groups of {pack} (`pack`)") } else { String::new() };
            return Err(Error::usage(format!(
                "`accumulate` cuts batches into equal parts{groups}: there are no {accumulate} such parts of {batch}"
            )));
        }
        let has_chains = settings.relevant.contains(&"chains");
        if has_chains && !settings.chains.is_multiple_of(accumulate) {
            return Err(Error::usage(format!(
                "`accumulate` shares out the chains, and {} `chains` have no {accumulate} equal parts",
                settings.chains
            )));
        }
        settings.augment_is_sound()?;
        if settings.freeze_d > 0 && settings.init == NO_RUN {
            return Err(Error::usage("`freeze_d` keeps layers as another run learned them: name it with --init RUN"));
        }
        if settings.freeze_d > 0 && settings.has_decay_of_d() {
            return Err(Error::usage(
                "`freeze_d` keeps weights as they are, which decay, clip and adamw would change: leave these out",
            ));
        }
        if settings.conditional && settings.stack > 1 {
            return Err(Error::usage(
                "`conditional` takes stack=1: the draws that a stack is made of are of several classes",
            ));
        }
        Ok(settings)
    }
}

impl Key {
    fn refuse(&self, text: &str) -> Error {
        let hint = nearest(text, self.rule.words().iter().copied());
        let hint = hint.map_or(String::new(), |word| format!("; did you mean `{word}`?"));
        Error::usage(format!("`{}` takes {}, not `{text}`{hint}", self.name, self.rule.describe()))
    }
}

/// Ratio of the first to the last rate of a geometric schedule.
pub const GEOMETRIC: f64 = 100.0;

impl Schedule {
    /// The share of its first value that a rate has, where `remaining` falls from 1 at the start of the run to 0.
    pub fn share(self, remaining: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Linear => remaining,
            Self::Cosine => 0.5 * (1.0 - (remaining * std::f64::consts::PI).cos()),
            Self::Geometric => GEOMETRIC.powf(remaining - 1.0),
        }
    }
}

/// A rate above this one is seldom meant: Adam and RMSprop move each weight by about the rate, whatever its gradient
/// (Kingma and Ba 2015, section 2.1).
const FAST: f32 = 0.1;

impl Settings {
    /// The settings of a new run: defaults, then the preset of the chosen variant, then the layers in order.
    ///
    /// If no layer names a preset, the variant's preset with the name of the data is used, if there is one: `data =
    /// ring` selects the preset `ring`. A preset of that kind has the data among its values, so that it selects them
    /// too.
    pub fn resolve(variants: &[Menu], layers: &[Layer]) -> Result<Self> {
        let mut texts = Texts::defaults(|_| true);
        texts.apply(layers)?;
        let (variant, origin) = &texts.values["variant"];
        let Some(menu) = variants.iter().find(|menu| menu.name == variant) else {
            return Err(unknown("variant", variant, variants.iter().map(|menu| menu.name)).at(origin));
        };
        let values = |name: &str| {
            menu.presets.iter().find(|preset| preset.name == name).map(|preset| preset.values().collect::<Vec<_>>())
        };
        let data = match &texts.values["data"] {
            (_, none) if none.is_empty() => menu.data,
            (data, _) => data,
        };
        let (preset, origin) = match &texts.values["preset"] {
            (_, none) if none.is_empty() && values(data).is_some() => (data.to_owned(), format!("data {data}")),
            chosen => chosen.clone(),
        };
        let values = match values(&preset) {
            Some(values) => values,
            None if preset == DEFAULT_PRESET => vec![],
            None => {
                let others = menu.presets.iter().map(|preset| preset.name).filter(|name| *name != DEFAULT_PRESET);
                let names = [DEFAULT_PRESET].into_iter().chain(others);
                if let Some(other) = variants.iter().find(|menu| menu.presets.iter().any(|other| other.name == preset))
                {
                    let (other, names) = (other.name, names.collect::<Vec<_>>().join(", "));
                    let sentence = format!("`{preset}` is a preset of `{other}`; those of `{variant}` are {names}");
                    return Err(Error::usage(sentence).at(&origin));
                }
                return Err(unknown(&format!("preset of {variant}"), &preset, names).at(&origin));
            }
        };
        let origin = format!("preset {preset} of {variant}");
        let has = |key: &Key| menu.has(key);
        let is_of_run = layers.iter().any(|layer| layer.is_run);
        let mut texts = if is_of_run { Texts::before(has) } else { Texts::defaults(has) };
        texts.set("variant", menu.name, "")?;
        texts.set("data", menu.data, "")?;
        texts.set("preset", &preset, &origin)?;
        values.iter().try_for_each(|(key, value)| texts.set(key, value, &origin))?;
        texts.apply(layers)?;
        texts.finish()
    }

    /// Reads the text that [`Settings::to_toml`] wrote, now or in an earlier version; `name` stands for it in error
    /// messages.
    ///
    /// A setting that did not exist then has the value [`Key::before`].
    pub fn from_toml(variants: &[Menu], text: &str, name: &str) -> Result<Self> {
        Self::written(variants, &Layer::from_toml(text, name)?)
    }

    /// The settings of a run, from the layer of its `run.toml`.
    pub fn written(variants: &[Menu], layer: &Layer) -> Result<Self> {
        let mut texts = Texts::before(|_| true);
        texts.apply(std::slice::from_ref(layer))?;
        let (variant, origin) = &texts.values["variant"];
        let Some(menu) = variants.iter().find(|menu| menu.name == variant) else {
            return Err(unknown("variant", variant, variants.iter().map(|menu| menu.name)).at(origin));
        };
        let (variant, preset) = (variant.clone(), texts.values["preset"].0.clone());
        let mut texts = Texts::before(|key| menu.has(key));
        texts.set("variant", menu.name, "")?;
        if variant == "dcgan" && preset == "article" {
            // Earlier versions told these networks by the name of their preset.
            texts.set("architecture", "article", "")?;
        }
        texts.apply(std::slice::from_ref(layer))?;
        Ok(Self { changes: layer.changes.clone(), ..texts.finish()? })
    }

    /// These settings with `layers` on top, for a run that is resumed after `step` steps. Refuses changes of
    /// [`Resume::Never`] settings and records changes of [`Resume::Recorded`] settings.
    pub fn resumed(&self, layers: &[Layer], step: u64) -> Result<Self> {
        let mut texts = self.texts();
        texts.apply(layers)?;
        let mut settings = texts.finish()?;
        let different = self.differences(&settings);
        if let Some((key, old, new)) = different.iter().find(|(key, ..)| key.resume == Resume::Never) {
            let (name, can) = (key.name, self.resumable());
            let sentence = format!(
                "`{name}` is {old} in this run and cannot become {new}; a resumed run can change {can}; for the \
                 others begin a new one with the run.toml of this: saddle train --config RUN/run.toml --set \
                 {name}={new}"
            );
            return Err(Error::usage(sentence).at(&texts.values[name].1));
        }
        let recorded = different.into_iter().filter(|(key, ..)| key.resume == Resume::Recorded);
        let change = |(key, from, to): (&Key, String, String)| Change { step, key: key.name.into(), from, to };
        // If the run goes back to a step before an earlier change, that change now happens at this step.
        let before = self.changes.iter().map(|change| Change { step: change.step.min(step), ..change.clone() });
        settings.changes = before.chain(recorded.map(change)).collect();
        Ok(settings)
    }

    /// These settings with a layer on top, whichever settings it changes.
    pub fn overlaid(&self, layer: &Layer) -> Result<Self> {
        let mut texts = self.texts();
        texts.apply(std::slice::from_ref(layer))?;
        texts.finish()
    }

    fn texts(&self) -> Texts {
        let own = KEYS.iter().zip(self.values()).map(|(key, (text, _))| (key.name, (text, String::new())));
        Texts { values: own.collect(), relevant: self.relevant.clone() }
    }

    /// The settings that differ from `others`: the setting, its value here, and its value there.
    pub fn differences(&self, others: &Self) -> Vec<(&'static Key, String, String)> {
        let pairs = KEYS.iter().zip(self.values()).zip(others.values());
        let differ = pairs.filter(|((_, here), there)| here != there);
        differ.map(|((key, (here, _)), (there, _))| (key, here, there)).collect()
    }

    /// The settings that the variant has, with their values as text.
    pub fn own(&self) -> impl Iterator<Item = (&'static Key, String)> {
        let own = KEYS.iter().zip(self.values()).filter(|(key, _)| self.relevant.contains(&key.name));
        own.map(|(key, (text, _))| (key, text))
    }

    /// The learning rates that apply, above 0.
    pub fn rates(&self) -> Vec<(&'static str, f32)> {
        let rates = self.own().filter(|(key, _)| key.name.starts_with("lr_"));
        let rates = rates.filter_map(|(key, text)| Some((key.name, text.parse().ok()?)));
        rates.filter(|(_, rate)| *rate > 0.0).collect()
    }

    /// The rule that learns at this rate.
    fn rule_of(&self, rate: &str) -> Optimizer {
        if rate == "lr_d" { self.optimizer_d.unwrap_or(self.optimizer) } else { self.optimizer }
    }

    /// Whether more than its gradient moves the discriminator's weights.
    fn has_decay_of_d(&self) -> bool {
        self.decay > 0.0 || self.clip > 0.0 || self.rule_of("lr_d") == Optimizer::Adamw
    }

    /// Whether a learning rate is far above what its rule is used with.
    pub fn is_too_fast(&self, name: &str, rate: f32) -> bool {
        rate > FAST && self.relevant.contains(&"optimizer") && self.rule_of(name) != Optimizer::Sgd
    }

    /// Learning rates that are far above what their rules are used with, in sentences.
    pub fn too_fast(&self) -> Vec<String> {
        let rates = self.rates().into_iter().filter(|(name, rate)| self.is_too_fast(name, *rate));
        let said = rates.map(|(name, rate)| {
            let rule = self.rule_of(name).word();
            format!("{name}={rate} moves each weight by about {rate} a step ({rule}): 0.0001 to 0.01 is usual")
        });
        said.collect()
    }

    /// These settings for one part of a batch, as models are built; all parts together are the batch.
    pub fn of_part(&self) -> Self {
        let parts = self.accumulate;
        Self { batch: self.batch / parts, chains: self.chains / parts, ..self.clone() }
    }

    /// The same with that part as the whole batch.
    pub fn of_one_part(&self) -> Self {
        Self { accumulate: 1, ..self.of_part() }
    }

    /// Names of the settings that a resume of this run can change, separated by commas.
    pub fn resumable(&self) -> String {
        let can = KEYS.iter().filter(|key| key.resume != Resume::Never && self.relevant.contains(&key.name));
        can.map(|key| key.name).collect::<Vec<_>>().join(", ")
    }

    /// All settings of the variant as TOML, in groups, with help lines; then the changes made by resumes.
    pub fn to_toml(&self) -> String {
        let way = match self.changes.is_empty() {
            true => "repeats it",
            false => "begins with the last values of what it changed",
        };
        let mut toml = format!("{RUN_HEADING}; `saddle train --config` on this file {way}.\n");
        let mut group = "";
        for (key, (_, value)) in KEYS.iter().zip(self.values()).filter(|(key, _)| self.relevant.contains(&key.name)) {
            if key.group != group {
                group = key.group;
                toml += &format!("\n# {group}\n");
            }
            let assignment = format!("{} = {value}", key.name);
            toml += &format!("{assignment:<30} # {}\n", key.help);
        }
        toml + &layer::to_toml(&self.changes)
    }

    /// All settings, for listings and help texts.
    pub fn describe() -> &'static [Key] {
        KEYS
    }
}

impl Default for Settings {
    fn default() -> Self {
        Texts::defaults(|_| true).finish().expect("the built-in defaults follow their own rules")
    }
}
