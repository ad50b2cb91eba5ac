//! The command in the place of one that was typed: each word that means something elsewhere is replaced by what means
//! the same here, and all others stay.

use std::path::Path;

use clap::CommandFactory;

use super::{COMMANDS, Hint, MODELS, OPTIONS, SETTINGS, find, is_objective, is_setting, is_variant, learner, variant};
use crate::{
    cli::{Cli, epochs},
    data,
    files::quoted_word,
    models,
    settings::{Layer, RUN_FILE, SIGNS, Settings},
};

/// Options whose values mean what they mean elsewhere.
const SAME: [&str; 6] = ["--count", "--data", "--length", "--out", "--size", "--steps"];

/// What was typed, the program's name first.
pub fn typed() -> Vec<String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// What a hint says: with the corrected command where it can be told, else with that of the table, for the variant
/// that was typed and with its value.
pub fn said(hint: &Hint, value: Option<&str>, variant: Option<&str>) -> String {
    let words = split(hint.instead);
    let filled = |words: Vec<String>| match value {
        Some(value) => with_value(hint, words.clone(), value).unwrap_or(words),
        None => words,
    };
    match corrected(&typed()) {
        _ if words.is_empty() => hint.is.to_owned(),
        Some(Corrected { command, .. }) => format!("{}: {command}", hint.is),
        None => format!("{}: {}", hint.is, filled(for_variant(&words, variant).unwrap_or(words)).join(" ")),
    }
}

/// A corrected command line.
pub struct Corrected {
    pub command: String,
    /// How many steps the epochs are that were typed.
    pub epochs: Option<String>,
}

/// The corrected command line, where words that nobody knows stay; `None` if some word has no counterpart in the
/// command.
pub fn corrected(typed: &[String]) -> Option<Corrected> {
    let mut cli = Cli::command();
    cli.build();
    let word = typed.get(1)?;
    let (first, rest) = match find(COMMANDS, word) {
        _ if cli.find_subcommand(word).is_some() => (vec![word.clone()], typed[2..].to_vec()),
        Some(hint) => (split(hint.instead)[1..].to_vec(), typed[2..].to_vec()),
        None if is_variant(word) || model(word).is_some() => {
            (vec!["train".into()], typed[1..].iter().filter(|word| *word != "train").cloned().collect())
        }
        None => return None,
    };
    let (mut first, mut rest) = (first, rest);
    if let Some(place) = first.iter().position(|word| word == "RUN")
        && rest.first().is_some_and(|word| !word.starts_with('-'))
    {
        first[place] = rest.remove(0);
    }
    let command = cli.find_subcommand(&first[0])?;
    let mut line = Line { command, variant: None, has_model: false, parts: vec![], epochs: vec![] };
    line.variant = line.variant_of(&rest);
    let is_named = |word: &&String| *word != "RUN" || rest.is_empty();
    line.parts.push((first.iter().filter(is_named).cloned().collect(), false));
    line.read(&rest)?;
    let (mut words, mut said) = (line.words(), None);
    match &line.epochs[..] {
        [] => {}
        [one] => {
            let (steps, sentence) = epochs::in_steps(&words, one)?;
            words.extend(["--steps".into(), steps.to_string()]);
            said = Some(sentence);
        }
        _ => return None,
    }
    let command = words.iter().map(|word| quoted_word(word.as_ref())).collect::<Vec<_>>().join(" ");
    Some(Corrected { command, epochs: said })
}

/// The commands that have an option of this name.
pub fn commands_with(name: &str) -> Vec<String> {
    let has = |command: &&clap::Command| command.get_arguments().any(|arg| arg.get_long() == Some(name));
    Cli::command().get_subcommands().filter(has).map(|command| format!("`saddle {}`", command.get_name())).collect()
}

/// A model or an objective of other tools: the model here, and its settings.
pub fn model(word: &str) -> Option<Vec<String>> {
    let by_hint = find(MODELS, word).filter(|hint| !hint.instead.is_empty());
    let objective = || is_objective(word).then(|| split(&format!("saddle train gan --set objective={word}")));
    by_hint.map(|hint| split(hint.instead)).or_else(objective).map(|words| words[2..].to_vec())
}

/// A command line while it is corrected.
struct Line<'a> {
    command: &'a clap::Command,
    /// The model that it trains, and whether the words have it.
    variant: Option<String>,
    has_model: bool,
    /// Words that belong together, and whether they come from a hint.
    parts: Vec<(Vec<String>, bool)>,
    /// Numbers of epochs.
    epochs: Vec<String>,
}

impl Line<'_> {
    /// Whether the command has an option of this name, and whether it takes a value.
    fn option(&self, name: &str) -> Option<bool> {
        let is_it = |arg: &&clap::Arg| {
            let is_short = name.chars().count() == 1 && arg.get_short() == name.chars().next();
            let others = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || others.contains(&name) || is_short
        };
        self.command.get_arguments().find(is_it).map(|arg| arg.get_action().takes_values())
    }

    /// The words that are no options, nor their values.
    fn positional<'w>(&self, words: &'w [String]) -> impl Iterator<Item = &'w String> {
        let takes_value = |word: &String| {
            let name = word.trim_start_matches('-');
            let is_switch = || find(OPTIONS, name).is_some_and(|hint| hint.is_switch() || hint.instead.is_empty());
            word.starts_with('-') && !word.contains('=') && self.option(name).unwrap_or_else(|| !is_switch())
        };
        (0..words.len())
            .filter(move |n| !(words[*n].starts_with('-') || *n > 0 && takes_value(&words[n - 1])))
            .map(|n| &words[n])
    }

    /// The model that words name, or that learns the data that they name.
    fn variant_of(&self, words: &[String]) -> Option<String> {
        let positional: Vec<&String> = self.positional(words).collect();
        let named = positional.iter().map(|word| variant(word)).find(|word| is_variant(word));
        let data = words.iter().enumerate().find_map(|(n, word)| match word.split_once('=') {
            Some(("--data" | "data", data)) => Some(data),
            _ if word == "--data" => words.get(n + 1).map(String::as_str),
            _ => None,
        });
        let own = data.and_then(|data| data::seems(Path::new(data)).ok()).map(learner);
        // A network for images learns no points.
        let of_hint = positional.iter().find_map(|word| model(word)).map(|words| words[0].clone());
        let of_hint = of_hint.map(|model| if model == "dcgan" { own.unwrap_or("dcgan").to_owned() } else { model });
        named.or(of_hint).or(own.map(str::to_owned))
    }

    fn read(&mut self, all: &[String]) -> Option<()> {
        let mut words = all.iter().peekable();
        let has_model = self.positional(all).any(|word| is_variant(&variant(word)));
        self.has_model = has_model;
        while let Some(word) = words.next() {
            let dashes = word.len() - word.trim_start_matches('-').len();
            let (name, inline) = match word[dashes..].split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (&word[dashes..], None),
            };
            let mut value = || inline.clone().or_else(|| words.next_if(|next| !next.starts_with("--")).cloned());
            if dashes == 0 {
                match model(word).filter(|_| !self.has_model) {
                    Some(instead) => self.train(&instead)?,
                    None if inline.is_some() => self.assign(word, std::slice::from_ref(word))?,
                    None => self.parts.push((vec![word.clone()], false)),
                }
            } else if name == "set" && self.option(name).is_some() {
                let assignment = value()?;
                self.assign(&assignment, &["--set".into(), assignment.clone()])?;
            } else if let Some(takes_value) = self.option(name) {
                let value = if takes_value && inline.is_none() { value() } else { None };
                self.parts.push(([Some(word.clone()), value].into_iter().flatten().collect(), false));
            } else if let Some(hint) = find(OPTIONS, name) {
                let truth = |word: &str| ["true", "false", "yes", "no", "0", "1"].contains(&word);
                let value = match hint.is_switch() {
                    true => inline.clone().or_else(|| words.next_if(|next| truth(next)).cloned()),
                    false => value(),
                };
                self.replace(hint, value.as_deref())?;
            } else if is_setting(&name.replace('-', "_")) && self.option("set").is_some() {
                self.parts.push((vec!["--set".into(), format!("{}={}", name.replace('-', "_"), value()?)], false));
            } else if let Some(hint) = find(SETTINGS, &name.replace('-', "_")) {
                let value = value();
                self.replace(hint, value.as_deref())?;
            } else {
                self.parts.push((vec![word.clone()], false));
            }
        }
        Some(())
    }

    /// Adds a model and its settings.
    fn train(&mut self, instead: &[String]) -> Option<()> {
        let variant = self.variant.get_or_insert_with(|| instead[0].clone()).clone();
        if !std::mem::replace(&mut self.has_model, true) {
            self.parts.push((vec![variant], false));
        }
        self.add_settings(&instead[1..])
    }

    /// Adds the settings of a model of other tools, those that this one has.
    fn add_settings(&mut self, settings: &[String]) -> Option<()> {
        let settings = self.known(settings)?;
        self.parts.extend(settings.chunks(2).map(|pair| (pair.to_vec(), true)));
        Some(())
    }

    /// Adds an assignment, typed as `own`.
    fn assign(&mut self, assignment: &str, own: &[String]) -> Option<()> {
        let (key, value) = assignment.split_once('=').map(|(key, value)| (key.trim(), value.trim()))?;
        if key == "objective" && !is_objective(value) {
            return self.add_settings(&model(value)?[1..]);
        }
        let option = || find(OPTIONS, key).filter(|_| !is_setting(key));
        match find(SETTINGS, key).or_else(option) {
            Some(hint) => self.replace(hint, Some(value)),
            None => {
                // A training alone takes settings without an option.
                let takes_words = self.command.get_name() == "train" || self.option("set").is_none();
                let own = if takes_words { own.to_vec() } else { vec!["--set".into(), assignment.to_owned()] };
                self.parts.push((own, false));
                Some(())
            }
        }
    }

    /// Adds what a hint says, with this value.
    fn replace(&mut self, hint: &Hint, value: Option<&str>) -> Option<()> {
        if hint.instead.is_empty() {
            return Some(());
        }
        if let Some(name) = value.filter(|_| hint.typed.contains(&"model")) {
            return self.train(&model(name).unwrap_or_else(|| vec![variant(name)]));
        }
        if hint.is_of_epochs() {
            self.epochs.push(value?.to_owned());
            return Some(());
        }
        if value == Some("json") && hint.is_of_endings() && self.option("json") == Some(false) {
            self.parts.push((vec!["--json".into()], true));
            return Some(());
        }
        let words = self.known(&split(hint.instead)[2..])?;
        let words = match value {
            // Yes is true.
            Some(value) if hint.is_switch() => {
                let is_on = ["true", "yes", "1"].contains(&value);
                let switched = |word: String| if is_on { word } else { word.replace("=true", "=false") };
                words.into_iter().map(switched).collect()
            }
            Some(value) => match with_value(hint, words, value)? {
                words if words.iter().any(|word| word.starts_with("objective=")) && !is_objective(value) => {
                    self.known(&model(value)?[1..])?
                }
                words => words,
            },
            None => Some(words).filter(|_| hint.is_switch())?,
        };
        let is_word = |word: &String| !is_variant(word) && word != "RUN";
        let words: Vec<String> = words.into_iter().filter(is_word).collect();
        // Options without values stand alone.
        let is_pair =
            |pair: &[String]| pair[0].starts_with("--") && pair.get(1).is_some_and(|word| !word.starts_with("--"));
        match words.chunks(2).all(is_pair) {
            true => self.parts.extend(words.chunks(2).map(|pair| (pair.to_vec(), true))),
            false => self.parts.push((words, true)),
        }
        Some(())
    }

    /// Words of a hint whose options the command has, without settings that the model has not.
    fn known(&self, words: &[String]) -> Option<Vec<String>> {
        let is_known = |word: &&str| !word.starts_with("--") || self.option(&word[2..]).is_some();
        words.iter().map(String::as_str).all(|word| is_known(&word)).then_some(())?;
        for_variant(words, self.variant.as_deref())
    }

    /// The words, without those of hints that say again what was typed.
    fn words(&self) -> Vec<String> {
        let key = |part: &[String]| match part.first().map(String::as_str) {
            Some("--set") => part.get(1)?.split_once('=').map(|(key, _)| key.to_owned()),
            Some(option) if option.starts_with("--") => Some(option.split('=').next().unwrap_or_default().to_owned()),
            Some(word) => word.split_once('=').map(|(key, _)| key.to_owned()),
            None => None,
        };
        let said = |from: usize, (part, is_new): &(Vec<String>, bool)| {
            let again = |(other, is_other_new): &(Vec<String>, bool)| key(other) == key(part) && !is_other_new;
            let later = |(other, _): &(Vec<String>, bool)| key(other) == key(part);
            *is_new && key(part).is_some() && (self.parts.iter().any(again) || self.parts[from + 1..].iter().any(later))
        };
        let parts = self.parts.iter().enumerate().filter(|(n, part)| !said(*n, part));
        let parts = parts.flat_map(|(_, (part, _))| part.clone());
        std::iter::once("saddle".to_owned()).chain(parts).collect()
    }
}

fn split(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

/// Words with only the settings that a variant has, or the usual one, and its name in place of another; `None` if it
/// has none of them.
fn for_variant(words: &[String], variant: Option<&str>) -> Option<Vec<String>> {
    let (mut layer, default) = (Layer::default(), Settings::default());
    layer.set("variant", variant.unwrap_or(&default.variant), "");
    let own = Settings::resolve(&models::menu(), &[layer]).ok()?;
    let has = |word: &str| word.split_once('=').is_none_or(|(key, _)| own.own().any(|(own, _)| own.name == key));
    let has_any = words.iter().any(|word| word.contains('=') && has(word));
    if words.iter().any(|word| word.contains('=')) && !has_any {
        return None;
    }
    // The word before a setting is `--set`.
    let lacks = |n: usize| words.get(n).is_some_and(|word| !has(word));
    let kept = (0..words.len()).filter(|n| !lacks(*n) && !lacks(n + 1));
    let named = |word: &String| match variant.filter(|_| is_variant(word)) {
        Some(variant) => variant.to_owned(),
        None => word.clone(),
    };
    Some(kept.map(|n| named(&words[n])).collect())
}

/// The lines of a file of settings that stand for a hint's command, with this value.
pub fn assignments(hint: &Hint, value: &str) -> Vec<String> {
    if hint.is_of_epochs() {
        return vec!["steps = epochs x examples / batch".into()];
    }
    let words = split(hint.instead);
    let words = with_value(hint, words.clone(), value).unwrap_or(words);
    let line = |n: usize| match (words[n].split_once('='), words[n].strip_prefix("--")) {
        (Some((key, value)), _) => Some([key, value]),
        (None, Some(key)) if super::is_setting(key) => Some([key, words.get(n + 1)?.as_str()]),
        _ => None,
    };
    let toml = |[key, value]: [&str; 2]| match value.parse::<f64>().is_ok() || ["true", "false"].contains(&value) {
        true => format!("{key} = {value}"),
        false => format!("{key} = \"{value}\""),
    };
    (0..words.len()).filter_map(line).map(toml).collect()
}

/// The words of a hint with the value that was typed in place of theirs; `None` where it means something else.
fn with_value(hint: &Hint, mut words: Vec<String>, value: &str) -> Option<Vec<String>> {
    if let Some(run) = words.iter_mut().find(|word| *word == "RUN").filter(|_| Path::new(value).join(RUN_FILE).exists())
    {
        value.clone_into(run);
        return Some(words);
    }
    if let Some(at) = words.iter().position(|word| word == "--columns") {
        let sides = value.split_once('x')?;
        let [columns, rows] = [sides.0, sides.1].map(|side| side.parse::<usize>().ok());
        [words[at + 1], words[at + 3]] = [columns?, columns?.checked_mul(rows?)?].map(|number| number.to_string());
        return Some(words);
    }
    if let (true, Some(out)) = (hint.is_of_endings(), words.last_mut()) {
        let ending = match value.to_lowercase().as_str() {
            "latex" => "tex".to_owned(),
            "markdown" => "md".to_owned(),
            other => other.trim_start_matches('.').to_owned(),
        };
        *out = Path::new(out).with_extension(ending).to_string_lossy().into_owned();
        return Some(words);
    }
    // Of several seeds this is the first run's.
    if words.iter().any(|word| word == "--seed") {
        if let (Some((first, _)), Some(last)) = (value.split_once(','), words.last_mut()) {
            first.clone_into(last);
        }
        return Some(words);
    }
    let set: Vec<&str> = words.iter().filter_map(|word| Some(word.split_once('=')?.1)).collect();
    match set.first() {
        // An epoch is many steps.
        _ if hint.is_of_epochs() => None,
        // A sign is a word.
        Some(_) if SIGNS.iter().any(|(sign, _)| *sign == value) => {
            let word = SIGNS.iter().find(|(sign, _)| *sign == value).map_or(value, |(_, word)| word);
            with_value(hint, words, word)
        }
        Some(one) if set.iter().all(|other| other == one) => {
            let fill = |word: &String| word.split_once('=').map_or(word.clone(), |(key, _)| format!("{key}={value}"));
            Some(words.iter().map(fill).collect())
        }
        // Other options count something else.
        None if words.len() > 1 && SAME.contains(&words[words.len() - 2].as_str()) => {
            words.pop();
            words.push(value.to_owned());
            Some(words)
        }
        _ => None,
    }
}
