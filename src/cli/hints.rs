//! What people type who know other tools, and what to type here. The documentation lists the same tables
//! (`docs/other-tools.md`).

mod correct;
mod tables;
mod words;

use std::{fmt, path::Path};

use correct::Corrected;
pub use correct::typed;
pub use tables::{COMMANDS, DATA, MODELS, OPTIONS, SETTINGS};
pub use words::{check_words, path};

use crate::{
    data::{self, BUILT_IN, Seems},
    error::{Error, Result},
    files::quoted,
    models::VARIANTS,
    settings::{Layer, RUN_FILE, Settings},
};

/// Words that mean something elsewhere, and a sentence on them.
pub struct Hint {
    /// The words, the usual one first.
    pub typed: &'static [&'static str],
    /// What the thing is here; goes on after the word.
    pub is: &'static str,
    /// A command that does it; empty if there is none.
    pub instead: &'static str,
}

impl Hint {
    /// Whether it is on or off, and takes no value.
    fn is_switch(&self) -> bool {
        self.instead.ends_with("=true") || self.instead.ends_with("--adapter cpu")
    }

    /// Whether it counts epochs.
    fn is_of_epochs(&self) -> bool {
        self.typed.contains(&"epochs")
    }

    /// Whether it names the form of a file.
    fn is_of_endings(&self) -> bool {
        self.typed.contains(&"format")
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.instead {
            "" => f.write_str(self.is),
            instead => write!(f, "{}: {instead}", self.is),
        }
    }
}

fn find(hints: &'static [Hint], word: &str) -> Option<&'static Hint> {
    hints.iter().find(|hint| hint.typed.contains(&word.to_lowercase().as_str()))
}

/// The variant of this name, in whatever case it was typed; else the word as it is.
pub fn variant(word: &str) -> String {
    let same = VARIANTS.iter().find(|variant| variant.name.eq_ignore_ascii_case(word));
    same.map_or(word, |variant| variant.name).to_owned()
}

/// What to say of a command that there is not.
pub fn command(typed: &str) -> Option<String> {
    let hint = || find(COMMANDS, typed).map(|hint| format!("`{typed}` {}", correct::said(hint, None, None)));
    let is_of_training = is_variant(typed) || find(MODELS, typed).is_some();
    hint().or_else(|| {
        let command = || Some(correct::corrected(&correct::typed())?.command);
        let usual = || format!("saddle train {}", quoted(Path::new(typed)));
        is_of_training.then(|| format!("`{typed}` comes after a command: {}", command().unwrap_or_else(usual)))
    })
}

fn is_variant(word: &str) -> bool {
    VARIANTS.iter().any(|variant| variant.name == word)
}

fn is_data(word: &str) -> bool {
    BUILT_IN.iter().any(|(name, ..)| *name == word) || Path::new(word).exists()
}

/// Refuses a word in the place of a variant that means something else, with what to type.
///
/// # Errors
/// Such a word.
pub fn check_variant(word: &str) -> Result<()> {
    if is_variant(word) {
        return Ok(());
    }
    if BUILT_IN.iter().any(|(name, ..)| *name == word) {
        return Err(Error::usage(format!("`{word}` is a data set: saddle train --data {word}")));
    }
    let path = Path::new(word);
    if path.exists() || word.contains(['/', '.', std::path::MAIN_SEPARATOR]) {
        return Err(data_as_variant(path));
    }
    if let Some(hint) = find(MODELS, word) {
        return Err(Error::usage(format!("`{word}` {}", correct::said(hint, None, None))));
    }
    if is_objective(word) {
        let command = correct::corrected(&correct::typed()).map(|corrected| corrected.command);
        let command = command.unwrap_or_else(|| format!("saddle train gan --set objective={word}"));
        return Err(Error::usage(format!("`{word}` is an objective: {command}")));
    }
    match find(DATA, word) {
        Some(hint) => Err(Error::usage(format!("`{word}` {hint}"))),
        None => Ok(()),
    }
}

/// The model that learns such data best without settings.
pub fn learner(data: Seems) -> &'static str {
    match data {
        Seems::Images => "dcgan",
        Seems::Symbols => "lstm",
        Seems::Rows => "vae",
        Seems::Array => "gan",
        Seems::Series => "lstm-gan",
    }
}

/// What to say of a path in the place of a variant: the model that learns from such data.
fn data_as_variant(path: &Path) -> Error {
    let data = quoted(path);
    if path.join(RUN_FILE).exists() {
        return Error::usage(format!("`{}` is a run: saddle train --out {data} --resume", path.display()));
    }
    let seems = match data::seems(path) {
        Ok(seems) => seems,
        Err(error) => return Error::usage(error),
    };
    let variant = learner(seems);
    let series = format!("; rows that follow each other in time: saddle train lstm-gan --data {data} --set window=24");
    let series = if seems == Seems::Rows { series.as_str() } else { "" };
    Error::usage(format!("`{}` is data: saddle train {variant} --data {data}{series}", path.display()))
}

/// Refuses the name of a data set that is known elsewhere, unless there is a file or folder of this name.
///
/// # Errors
/// Such a name.
pub fn check_data(word: &str) -> Result<()> {
    match find(DATA, word) {
        Some(hint) if !Path::new(word).exists() => Err(Error::usage(format!("`{word}` {hint}"))),
        _ => Ok(()),
    }
}

/// Refuses an assignment whose key has another name here, for the variant that was typed, if any was.
///
/// # Errors
/// Such a key.
pub fn check_assignment(assignment: &str, variant: Option<&str>) -> Result<()> {
    let (key, value) = assignment.split_once('=').map_or((assignment, None), |(key, value)| (key, Some(value.trim())));
    let key = key.trim();
    let model = value.filter(|_| key == "objective").and_then(|value| find(MODELS, value));
    if let (Some(hint), Some(value)) = (model, value.filter(|value| !is_objective(value))) {
        return Err(Error::usage(format!("objective `{value}` {}", correct::said(hint, None, variant))));
    }
    let option = || find(OPTIONS, key).filter(|_| !is_setting(key));
    let Some(hint) = find(SETTINGS, key).or_else(option) else { return Ok(()) };
    let said = value.filter(|_| hint.is_of_epochs()).and_then(|_| counted_in_steps(&correct::typed()));
    Err(Error::usage(format!("`{key}` {}", said.unwrap_or_else(|| correct::said(hint, value, variant)))))
}

/// Refuses the first assignment of a file of settings whose key has another name here, or an objective that has.
///
/// # Errors
/// Such an assignment.
pub fn check_file(file: &Layer) -> Result<()> {
    for (key, value, place) in file.assigned() {
        let model = find(MODELS, value).filter(|_| key == "objective" && !is_objective(value));
        let named = || find(SETTINGS, key).or_else(|| find(OPTIONS, key).filter(|_| !is_setting(key)));
        let Some(hint) = model.or_else(named) else { continue };
        let what = if model.is_some() { format!("objective `{value}`") } else { format!("`{key}`") };
        let lines = correct::assignments(hint, value);
        let advice = if lines.is_empty() { hint.instead.to_owned() } else { lines.join(", ") };
        return Err(Error::usage(format!("{what} {}: {advice}", hint.is)).at(place));
    }
    Ok(())
}

/// What to say of a number of epochs: how many steps they are, and the command with these.
fn counted_in_steps(words: &[String]) -> Option<String> {
    let Corrected { command, epochs } = correct::corrected(words)?;
    Some(format!("is counted in steps, one batch each: {}: {command}", epochs?))
}

fn is_setting(key: &str) -> bool {
    Settings::describe().iter().any(|setting| setting.name == key)
}

fn is_objective(word: &str) -> bool {
    Settings::describe().iter().any(|setting| setting.name == "objective" && setting.rule.words().contains(&word))
}

/// The commands that take settings.
const TAKE_SETTINGS: [&str; 4] = ["train", "data", "pack", "bench"];

/// What to say of an option without its value, beyond what the parser does.
pub fn valueless(option: &str) -> Option<&'static str> {
    option.starts_with("--adapter").then_some(
        "`--adapter` (`--gpu`, `--device`) takes the number or name of a device, which `saddle devices` lists; without \
         it the best GPU is taken",
    )
}

/// What to say of an option that there is not, `--lr` or `--objective=wgan`, by the words of the command line.
pub fn option(typed: &str, words: &[String]) -> Option<String> {
    let name = typed.trim_start_matches('-').split('=').next().unwrap_or_default();
    let at = words.iter().position(|word| word.trim_start_matches('-').split('=').next() == Some(name));
    let value = at.and_then(|at| match words[at].split_once('=') {
        Some((_, value)) => Some(value),
        None => words.get(at + 1).map(String::as_str).filter(|next| !next.starts_with("--")),
    });
    let key = name.replace('-', "_");
    let (command, dashes) =
        (words.get(1).map_or("", String::as_str), &typed[..typed.len() - typed.trim_start_matches('-').len()]);
    let takes_settings = TAKE_SETTINGS.contains(&command);
    let setting = || {
        let typed = at.map_or(typed, |at| &words[at]);
        match correct::corrected(words) {
            Some(Corrected { command, .. }) if takes_settings => format!("`{typed}` is a setting: {command}"),
            _ => {
                let value = value.unwrap_or("VALUE");
                let there = if takes_settings { "" } else { ", of `saddle train`" };
                format!("`{typed}` is a setting of a training{there}: --set {key}={value}")
            }
        }
    };
    let variants = words.iter().map(|word| variant(word));
    let variant = variants.into_iter().find(|word| is_variant(word));
    let hint = |hint: &'static Hint| {
        let value = value.filter(|_| !hint.is_switch());
        let said = value.filter(|_| hint.is_of_epochs()).and_then(|_| counted_in_steps(words));
        format!("`{dashes}{name}` {}", said.unwrap_or_else(|| correct::said(hint, value, variant.as_deref())))
    };
    let elsewhere = || {
        let scale = if command == "sample" && name == "size" { "; --scale 4 enlarges pictures of samples" } else { "" };
        let others = correct::commands_with(name);
        (!others.is_empty()).then(|| format!("`{dashes}{name}` is an option of {}{scale}", others.join(", ")))
    };
    let is_of_training = is_setting(&key);
    let own = (is_of_training && takes_settings).then(setting);
    let other = || own.or_else(elsewhere).or_else(|| is_of_training.then(setting));
    find(OPTIONS, name).map(hint).or_else(other).or_else(|| find(SETTINGS, &key).map(hint))
}

/// The tables as Markdown.
pub fn markdown() -> String {
    let mut text =
        String::from("# Coming from other tools\n\nWhat people type, and what to type here. `saddle` says the same.\n");
    let parts = [
        ("Commands", COMMANDS),
        ("Models", MODELS),
        ("Data", DATA),
        ("Options", OPTIONS),
        ("Settings, `--set KEY=VALUE`", SETTINGS),
    ];
    for (title, hints) in parts {
        text += &format!("\n## {title}\n\n| typed | here | |\n|---|---|---|\n");
        for Hint { typed, is, instead } in hints {
            let dashes = |word: &str| match (title, word.len()) {
                ("Options", 1) => "-",
                ("Options", _) => "--",
                _ => "",
            };
            let typed: Vec<String> = typed.iter().map(|word| format!("`{}{word}`", dashes(word))).collect();
            let instead = if instead.is_empty() { String::new() } else { format!("`{instead}`") };
            text += &format!("| {} | {is} | {instead} |\n", typed.join(", "));
        }
    }
    text
}
