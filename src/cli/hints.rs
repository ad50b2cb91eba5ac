//! What people type who know other tools, and what to type here. The documentation lists the same tables
//! (`docs/other-tools.md`).

mod words;

use std::{fmt, path::Path};

pub use words::{check_words, path};

use super::epochs;
use crate::{
    data::{self, BUILT_IN, Seems},
    error::{Error, Result},
    files::quoted,
    models::{self, VARIANTS},
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

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.instead {
            "" => f.write_str(self.is),
            instead => write!(f, "{}: {instead}", self.is),
        }
    }
}

const fn hint(typed: &'static [&'static str], is: &'static str, instead: &'static str) -> Hint {
    Hint { typed, is, instead }
}

/// Names of models.
pub const MODELS: &[Hint] = &[
    hint(&["wgan"], "is an objective", "saddle train gan --set objective=wgan --set clip=0.01"),
    hint(
        &["wgan-gp", "wgangp", "wgan_gp"],
        "is an objective with a penalty",
        "saddle train gan --set objective=wgan --set gp=10 --set critic_steps=5",
    ),
    hint(&["lsgan"], "is an objective", "saddle train gan --set objective=lsgan"),
    hint(
        &["sngan", "sn-gan", "snresgan"],
        "is a normalisation and an objective",
        "saddle train dcgan --set spectral=true --set norm_d=none --set objective=hinge",
    ),
    hint(
        &["rgan", "ragan", "rsgan", "r3gan"],
        "is an objective",
        "saddle train dcgan --set objective=relativistic --set norm_d=none --set r1=0.05 --set r2=0.05",
    ),
    hint(&["cgan", "cdcgan", "conditional-gan"], "is an option of a GAN", "saddle train dcgan --conditional"),
    hint(
        &["acgan", "ac-gan", "projgan"],
        "is not here, but conditional GANs are, whose discriminator sees the class",
        "saddle train dcgan --conditional",
    ),
    hint(
        &["infogan"],
        "is not here; nearest are the codes of an autoencoder with a discriminator",
        "saddle train vae-gan",
    ),
    hint(&["pacgan"], "is a setting", "saddle train gan --set pack=2"),
    hint(&["began"], "is a way to join a GAN and an autoencoder", "saddle train ae-gan --preset boundary"),
    hint(&["introvae", "soft-introvae"], "is a preset", "saddle train ae-gan --preset introspective"),
    hint(
        &["stylegan", "stylegan2", "stylegan3", "biggan", "progan", "pggan", "sagan"],
        "is not here; the convolutional GAN is",
        "saddle train dcgan",
    ),
    hint(&["cyclegan", "pix2pix", "unit", "stargan"], "learns from pairs of sets, and a model here from one", ""),
    hint(
        &["diffusion", "ddpm", "ddim", "score"],
        "is not here: Saddle has no diffusion models. Nearest is",
        "saddle train vae",
    ),
    hint(&["timegan", "rcgan", "c-rnn-gan", "crnngan"], "is a preset", "saddle train lstm-gan --preset timegan"),
    hint(
        &["seqgan", "rankgan", "leakgan"],
        "is not here; nearest is ScratchGAN's game",
        "saddle train lstm-gan --preset scratchgan",
    ),
    hint(&["relgan", "scratchgan"], "is a preset for text", "saddle train lstm-gan --preset relgan"),
    hint(&["beta-vae", "betavae"], "is a setting", "saddle train vae --set beta=4"),
    hint(&["iwae"], "is a setting", "saddle train vae --set importance=50"),
    hint(&["vaegan", "vae_gan"], "is written with a dash", "saddle train vae-gan"),
    hint(&["rbm", "dbn"], "is a machine of one layer", "saddle train dbm --set layers=500"),
    hint(&["gru", "rnn"], "is a kind of layer", "saddle train lstm --set cell=gru"),
    hint(&["char-rnn", "charrnn", "gpt", "nanogpt"], "is an LSTM on a text here", "saddle train lstm --data book.txt"),
    hint(&["autoencoder"], "is short here", "saddle train ae"),
];

/// Names of data sets.
pub const DATA: &[Hint] = &[
    hint(
        &["mnist", "fashion-mnist", "fashionmnist", "emnist", "kmnist"],
        "is not built in: name the folder of its IDX files; drawn digits are built in",
        "saddle train --data digits",
    ),
    hint(
        &["cifar10", "cifar-10", "cifar100", "celeba", "lsun", "ffhq", "imagenet", "imagenette", "svhn", "stl10"],
        "is not built in: name a folder of its pictures, or an .npz file; drawn shapes are built in",
        "saddle train --data shapes",
    ),
    hint(
        &["shakespeare", "ptb", "wikitext", "text8", "coco"],
        "is not built in: name its text file",
        "saddle train lstm --data book.txt",
    ),
    hint(&["8gaussians", "gaussians", "circle"], "is the ring", "saddle train gan --data ring"),
    hint(&["25gaussians"], "is the grid", "saddle train gan --data grid"),
    hint(&["sine", "sinus"], "has an s more", "saddle train lstm-gan --data sines"),
];

/// Options of the command line, without their dashes. Those that mean just the same as one here are its aliases in
/// `args`.
pub const OPTIONS: &[Hint] = &[
    hint(
        &["lr", "learning-rate", "learning_rate"],
        "is a setting of each network",
        "saddle train gan --set lr_g=0.0002 --set lr_d=0.0002",
    ),
    hint(
        &["epochs", "n-epochs", "n_epochs", "num-epochs", "iters", "iterations", "niter", "max-steps"],
        "is counted in steps, one batch each",
        "saddle train --steps 5000",
    ),
    hint(
        &["workers", "num-workers", "num_workers", "n-cpu", "n_cpu"],
        "has no part: data lies in memory. The variable RAYON_NUM_THREADS limits the threads",
        "",
    ),
    hint(
        &["amp", "fp16", "bf16", "half", "mixed-precision", "mixed_precision"],
        "is a setting",
        "saddle train --set half=true",
    ),
    hint(&["cpu", "no-cuda", "no_cuda"], "is a device", "saddle train --adapter cpu"),
    hint(
        &["latent-dim", "latent_dim", "z-dim", "z_dim", "nz", "latent"],
        "is a setting",
        "saddle train gan --set latent=64",
    ),
    hint(&["ngf", "ndf", "width", "channels-base"], "is a setting", "saddle train dcgan --set width=64"),
    hint(&["b1", "b2", "beta1", "beta2"], "is a setting", "saddle train gan --set beta1=0.5 --set beta2=0.999"),
    hint(&["n-critic", "n_critic", "d-steps", "d_steps"], "is a setting", "saddle train gan --set critic_steps=5"),
    hint(&["clip-value", "clip_value", "weight-clip"], "is a setting", "saddle train gan --set clip=0.01"),
    hint(&["ema", "ema-decay"], "is a setting", "saddle train dcgan --set ema=0.995"),
    hint(&["loss", "gan-mode", "gan_mode", "adv-loss"], "is a setting", "saddle train gan --set objective=hinge"),
    hint(&["optimizer", "opt"], "is a setting", "saddle train gan --set optimizer=adamw"),
    hint(
        &["sample-interval", "sample_interval", "sample-every", "save-every", "log-every"],
        "is a setting",
        "saddle train --set sample_every=500 --set checkpoint_every=1000 --set log_every=10",
    ),
    hint(
        &["load", "checkpoint-path", "ckpt", "resume-from", "pretrained"],
        "is the folder of a run, and --checkpoint one of its steps: saddle sample RUN --checkpoint 800; to train on",
        "saddle train --out RUN --resume",
    ),
    hint(
        &["n", "num-samples", "num_samples", "n-samples", "n_samples", "num-images", "num_images", "number"],
        "is a count",
        "saddle sample RUN --count 64",
    ),
    hint(
        &[
            "checkpoint-dir",
            "checkpoint_dir",
            "output-dir",
            "output_dir",
            "outdir",
            "save-dir",
            "save_dir",
            "result-dir",
            "results-dir",
            "results_dir",
            "sample-dir",
            "sample_dir",
            "log-dir",
            "log_dir",
            "name",
            "exp-name",
        ],
        "is the folder of a run, which has all that it writes",
        "saddle train --out runs/mine",
    ),
    hint(
        &[
            "dataroot",
            "data-dir",
            "data_dir",
            "data-path",
            "data_path",
            "dataset",
            "dataset-name",
            "dataset_name",
            "train-data-dir",
            "train_data_dir",
            "input",
            "source",
        ],
        "is the path or the name of the data",
        "saddle train --data photos/",
    ),
    hint(
        &["img_size", "image_size", "imsize", "load_size", "crop_size"],
        "is a side in pixels",
        "saddle train --size 64",
    ),
    hint(&["tensorboard", "logdir"], "is a setting, and RUN/tensorboard the folder", "saddle train tensorboard=true"),
    hint(&["wandb"], "takes event files in: `wandb sync RUN/tensorboard`", "saddle train tensorboard=true"),
];

/// Words in the place of a command.
pub const COMMANDS: &[Hint] = &[
    hint(&["generate", "gen", "infer", "inference", "predict", "test"], "draws samples here", "saddle sample RUN"),
    hint(&["evaluate", "fid", "metrics", "benchmark-fid"], "is part of the evaluation", "saddle eval RUN"),
    hint(&["reconstruct", "interpolate"], "is a kind of sample", "saddle sample RUN --reconstruct"),
    hint(&["plot", "visualize", "visualise", "curves"], "is part of the report", "saddle report RUN"),
    hint(&["tensorboard", "dashboard", "serve", "ui"], "is a page here", "saddle watch RUN"),
    hint(&["list", "ls", "status", "experiments"], "has another name", "saddle runs"),
    hint(&["convert", "onnx", "deploy"], "has another name", "saddle export RUN --to onnx"),
    hint(&["resume", "continue", "finetune"], "is an option of a training", "saddle train --out RUN --resume"),
    hint(&["models", "zoo"], "has another name", "saddle variants"),
    hint(&["gpus", "doctor", "info"], "has another name", "saddle devices"),
];

/// Keys of `--set`.
pub const SETTINGS: &[Hint] = &[
    hint(
        &["lr", "learning_rate", "learning-rate"],
        "is a setting of each network",
        "saddle train gan --set lr_g=0.0002 --set lr_d=0.0002",
    ),
    hint(
        &["epochs", "iters", "iterations", "niter"],
        "is counted in steps, one batch each",
        "saddle train --set steps=5000",
    ),
    hint(&["batch_size", "bs", "batchsize"], "is short here", "saddle train --set batch=64"),
    hint(&["z_dim", "nz", "latent_dim", "zdim"], "is short here", "saddle train gan --set latent=64"),
    hint(&["ngf", "ndf"], "is one setting for both networks", "saddle train dcgan --set width=64"),
    hint(&["n_critic", "d_steps"], "has another name", "saddle train gan --set critic_steps=5"),
    hint(&["lambda_gp", "gp_weight", "gradient_penalty"], "has another name", "saddle train gan --set gp=10"),
    hint(&["lambda_r1", "r1_lambda", "r1_gamma", "r1_weight"], "has another name", "saddle train gan --set r1=0.1"),
    hint(&["loss", "gan_mode", "adv_loss"], "has another name", "saddle train gan --set objective=hinge"),
    hint(&["opt", "optim"], "has another name", "saddle train gan --set optimizer=adamw"),
    hint(&["image_size", "img_size", "resolution"], "is short here", "saddle train dcgan --set size=64"),
    hint(&["amp", "fp16"], "has another name", "saddle train --set half=true"),
    hint(&["device", "gpu"], "has another name", "saddle train --set adapter=cpu"),
    hint(&["rnn_size", "hidden_size", "hidden"], "has another name", "saddle train lstm --set units=128"),
    hint(&["num_layers", "n_layers"], "has another name", "saddle train lstm --set depth=2"),
    hint(
        &["seq_length", "seq_len", "block_size"],
        "has another name",
        "saddle train lstm --data book.txt --set window=64",
    ),
];

fn find(hints: &'static [Hint], word: &str) -> Option<&'static Hint> {
    hints.iter().find(|hint| hint.typed.contains(&word.to_lowercase().as_str()))
}

/// Options whose values mean what they mean elsewhere.
const SAME: [&str; 4] = ["--count", "--data", "--out", "--size"];

/// The command of a hint for the variant that was typed, or the usual one: its name, and only the settings that it has.
/// As in the table where it has none of them.
fn for_variant(instead: &str, variant: Option<&str>) -> String {
    let mut words: Vec<&str> = instead.split(' ').collect();
    let (["saddle", "train", ..], default) = (&words[..], Settings::default()) else { return instead.into() };
    let mut layer = Layer::default();
    layer.set("variant", variant.unwrap_or(&default.variant), "");
    let Ok(own) = Settings::resolve(&models::menu(), &[layer]) else { return instead.into() };
    let has = |word: &str| word.split_once('=').is_none_or(|(key, _)| own.own().any(|(own, _)| own.name == key));
    if !words.iter().any(|word| word.contains('=') && has(word)) {
        return instead.into();
    }
    // The word before a setting is `--set`.
    let lacking: Vec<usize> = (0..words.len()).filter(|n| !has(words[*n])).flat_map(|n| [n - 1, n]).collect();
    let mut n = 0..;
    words.retain(|_| n.next().is_some_and(|n| !lacking.contains(&n)));
    words.retain(|word| !VARIANTS.iter().any(|variant| variant.name == *word));
    if let Some(variant) = variant {
        words.insert(2, variant);
    }
    words.join(" ")
}

/// The end of a command with the value that was typed in place of that in it, if all that it sets has one value.
fn with_value(hint: &Hint, value: Option<&str>, variant: Option<&str>) -> String {
    let instead = for_variant(hint.instead, variant);
    let set: Vec<&str> = instead.split(' ').filter_map(|word| Some(word.split_once('=')?.1)).collect();
    let one = set.first().filter(|one| set.iter().all(|other| other == *one));
    match (one, instead.rsplit_once(' ').filter(|_| set.is_empty()), value) {
        // An epoch is many steps.
        (Some(one), _, Some(value)) if !hint.typed.contains(&"epochs") => {
            format!("{}: {}", hint.is, instead.replace(&format!("={one}"), &format!("={value}")))
        }
        // Other options count something else.
        (None, Some((before, _)), Some(value)) if SAME.iter().any(|option| before.ends_with(option)) => {
            format!("{}: {before} {value}", hint.is)
        }
        _ if instead.is_empty() => hint.is.to_owned(),
        _ => format!("{}: {instead}", hint.is),
    }
}

/// The variant of this name, in whatever case it was typed; else the word as it is.
pub fn variant(word: &str) -> String {
    let same = VARIANTS.iter().find(|variant| variant.name.eq_ignore_ascii_case(word));
    same.map_or(word, |variant| variant.name).to_owned()
}

/// What to say of a command that there is not.
pub fn command(typed: &str) -> Option<String> {
    let hint = || find(COMMANDS, typed).map(|hint| format!("`{typed}` {hint}"));
    let is_of_training = is_variant(typed) || find(MODELS, typed).is_some();
    hint().or_else(|| {
        is_of_training.then(|| format!("`{typed}` comes after a command: saddle train {}", quoted(Path::new(typed))))
    })
}

fn is_variant(word: &str) -> bool {
    VARIANTS.iter().any(|variant| variant.name == word)
}

fn is_data(word: &str) -> bool {
    BUILT_IN.iter().any(|(name, _)| *name == word) || Path::new(word).exists()
}

/// Refuses a word in the place of a variant that means something else, with what to type.
///
/// # Errors
/// Such a word.
pub fn check_variant(word: &str) -> Result<()> {
    if is_variant(word) {
        return Ok(());
    }
    if BUILT_IN.iter().any(|(name, _)| *name == word) {
        return Err(Error::usage(format!("`{word}` is a data set: saddle train --data {word}")));
    }
    let path = Path::new(word);
    if path.exists() || word.contains(['/', '.', std::path::MAIN_SEPARATOR]) {
        return Err(data_as_variant(path));
    }
    match find(MODELS, word).or_else(|| find(DATA, word)) {
        Some(hint) => Err(Error::usage(format!("`{word}` {hint}"))),
        None => Ok(()),
    }
}

/// What to say of a path in the place of a variant: the model that learns from such data.
fn data_as_variant(path: &Path) -> Error {
    let data = quoted(path);
    if path.join(RUN_FILE).exists() {
        return Error::usage(format!("`{}` is a run: saddle train --out {data} --resume", path.display()));
    }
    let variant = match data::seems(path) {
        Ok(Seems::Images) => "dcgan",
        Ok(Seems::Symbols) => "lstm",
        Ok(Seems::Rows) => "vae",
        Ok(Seems::Array) => "gan",
        Err(error) => return Error::usage(error),
    };
    let series = format!("; rows that follow each other in time: saddle train lstm-gan --data {data} --set window=24");
    let series = if variant == "vae" { series.as_str() } else { "" };
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
        return Err(Error::usage(format!("objective `{value}` {hint}")));
    }
    let option = || find(OPTIONS, key).filter(|_| !is_setting(key));
    let Some(hint) = find(SETTINGS, key).or_else(option) else { return Ok(()) };
    let in_steps = value.filter(|_| key == "epochs").and_then(|epochs| {
        let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        // Of a second one the training without this one would have to be told.
        let are_several =
            words.iter().filter(|word| word.trim_start_matches("--set=").starts_with("epochs=")).count() > 1;
        let at = words.iter().position(|word| word.trim_start_matches("--set=") == assignment)?;
        let from = if are_several {
            return None;
        } else if words[at - 1] == "--set" {
            at - 1
        } else {
            at
        };
        epochs::in_steps(&words, from..at + 1, epochs)
    });
    Err(Error::usage(format!("`{key}` {}", in_steps.unwrap_or_else(|| with_value(hint, value, variant)))))
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
    let dashes = if name.chars().count() == 1 { "-" } else { "--" };
    let at = words.iter().position(|word| word.trim_start_matches('-').split('=').next() == Some(name));
    let value = at.and_then(|at| match words[at].split_once('=') {
        Some((_, value)) => Some(value),
        None => words.get(at + 1).map(String::as_str).filter(|next| !next.starts_with("--")),
    });
    let key = name.replace('-', "_");
    let setting = is_setting(&key).then(|| {
        let (command, value) = (words.get(1).map_or("", String::as_str), value.unwrap_or("VALUE"));
        let there = if TAKE_SETTINGS.contains(&command) { "" } else { ", of `saddle train`" };
        format!("`{}` is a setting of a training{there}: --set {key}={value}", at.map_or(typed, |at| &words[at]))
    });
    let variants = words.iter().map(|word| variant(word));
    let variant = variants.into_iter().find(|word| is_variant(word));
    let hint = |hint: &'static Hint| {
        let in_steps = value.filter(|_| hint.typed.contains(&"epochs") && name.ends_with("epochs"));
        let about = |at: usize| at..at + if words[at].contains('=') { 1 } else { 2 };
        let said = in_steps.and_then(|epochs| epochs::in_steps(words, about(at?), epochs));
        format!("`{dashes}{name}` {}", said.unwrap_or_else(|| with_value(hint, value, variant.as_deref())))
    };
    find(OPTIONS, name).map(hint).or(setting).or_else(|| find(SETTINGS, &key).map(hint))
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
