//! Settings: layers, error sentences, round trip; the run's folder; exit statuses of the command line.

use assert_cmd::Command;
use proptest::prelude::*;
use saddle::error::{Error, Result, nearest, unknown};
use saddle::run::Run;
use saddle::settings::{Change, Layer, Menu, Objective, Optimizer, Preset, Settings, Size};

const PRESETS: &[Preset] = &[
    Preset::of("default", &[("latent", "64"), ("objective", "hinge")]),
    Preset::of("article", &[("lr_g", "0.001"), ("hidden_g", "256,800")]),
    Preset::of("broken", &[("latent", "none")]),
    Preset::of("ring", &[("latent", "2"), ("steps", "9")]),
];
const OPTIONS: &[&str] = &[
    "Optimiser",
    "Images",
    "Sequences",
    "Objective",
    "Game",
    "Few images",
    "Networks",
    "Labels",
    "Classifier",
    "Boltzmann machine",
    "Boltzmann machine in a game",
    "Autoencoder",
    "Recurrent",
    "Prediction",
    "Variational bound",
    "Fusion",
    "Tables",
];
const VARIANTS: &[Menu] = &[
    Menu { name: "dcgan", data: "digits", presets: &[], options: OPTIONS },
    Menu { name: "gan", data: "digits", presets: PRESETS, options: OPTIONS },
];

fn layer(assignments: &[&str]) -> Layer {
    let mut layer = Layer::default();
    assignments.iter().for_each(|a| layer.assign(a).unwrap());
    layer
}

fn set(assignments: &[&str]) -> Result<Settings> {
    Settings::resolve(VARIANTS, &[layer(assignments)])
}

fn toml(text: &str) -> Result<Settings> {
    Settings::resolve(VARIANTS, &[Layer::from_toml(text, "a.toml")?])
}

#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T>, sentence: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), sentence);
    assert_eq!(error.exit_code(), if matches!(error, Error::Usage(_)) { 2 } else { 1 });
}

#[test]
fn each_layer_wins_over_the_one_before() {
    assert_eq!(set(&[]).unwrap(), Settings::default());
    let file =
        Layer::from_toml("variant = 'gan'\nlr_g = 0.01\nlr_d = 1e-3\nhidden_d = [8, 0x10]\nseed = 1_000", "a.toml")
            .unwrap();
    let settings =
        Settings::resolve(VARIANTS, &[file, layer(&["lr_g=0.1", "spectral=true", "size=28", "size=auto"])]).unwrap();
    assert_eq!((settings.latent, settings.objective), (64, Objective::Hinge), "preset over default");
    assert_eq!((settings.lr_g, settings.lr_d), (0.1, 0.001), "--set over file");
    assert_eq!((settings.hidden_d, settings.seed), (vec![8, 16], 1000));
    assert_eq!((settings.spectral, settings.size, settings.optimizer), (true, None, Optimizer::Adam));

    let article = set(&["variant=gan", "preset=article", "hidden_g=1, 2"]).unwrap();
    assert_eq!((article.lr_g, article.hidden_g, article.latent), (0.001, vec![1, 2], 100));
}

#[test]
fn a_preset_named_as_the_data_is_taken_unless_one_is_named() {
    let ring = set(&["variant=gan", "data=ring", "steps=7"]).unwrap();
    assert_eq!((ring.preset.as_str(), ring.latent, ring.steps), ("ring", 2, 7));
    let named = set(&["variant=gan", "data=ring", "preset=default"]).unwrap();
    assert_eq!((named.preset.as_str(), named.latent), ("default", 64));
    let other = set(&["data=ring"]).unwrap();
    assert_eq!((other.preset.as_str(), other.latent), ("default", 100), "a variant without such a preset");
    let again = Settings::resolve(VARIANTS, &[Layer::from_toml(&named.to_toml(), "run.toml").unwrap()]);
    assert_eq!(again.unwrap(), named, "run.toml repeats the run");
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    says(set(&["stpes=5"]), "--set: unknown setting `stpes`; did you mean `steps`?");
    says(set(&["lr=5"]), "--set: unknown setting `lr`; did you mean `lr_g`?");
    says(set(&["steps=0"]), "--set: `steps` takes a whole number, 1 or more, not `0`");
    says(set(&["steps=-1"]), "--set: `steps` takes a whole number, 1 or more, not `-1`");
    says(set(&["latent="]), "--set: `latent` takes a whole number from 0 to 65536, not ``");
    says(set(&["beta1=1"]), "--set: `beta1` takes a number from 0 up to but not 1, not `1`");
    says(set(&["gp=nan"]), "--set: `gp` takes a number, 0 or more, not `nan`");
    says(set(&["gp=1e39"]), "--set: `gp` takes a number, 0 or more, not `1e39`");
    for wrong in ["3", "64x", "x64", "64x2", "64x64x3", "16385", "64 x 64"] {
        let takes = "auto or a side in pixels or WIDTHxHEIGHT, such as 64 or 192x128, from 4 to 16384";
        says(set(&[&format!("size={wrong}")]), &format!("--set: `size` takes {takes}, not `{wrong}`"));
    }
    says(set(&["channels=5"]), "--set: `channels` takes auto or a whole number from 1 to 4, not `5`");
    says(set(&["spectral=ture"]), "--set: `spectral` takes true or false, not `ture`; did you mean `true`?");
    says(set(&["norm_g=bacth"]), "--set: `norm_g` takes batch, layer or none, not `bacth`; did you mean `batch`?");
    says(
        set(&["hidden_g=2,0"]),
        "--set: `hidden_g` takes 1 to 16 widths such as 256,512, each from 1 to 65536, not `2,0`",
    );
    says(set(&["batch=10", "pack=4"]), "`batch` takes a multiple of `pack`, and 10 is not one of 4");
    says(set(&["variant=dgan"]), "--set: unknown variant `dgan`; did you mean `dcgan`?");
    says(set(&["variant=x"]), "--set: unknown variant `x`; the valid ones are dcgan, gan");
    says(set(&["variant=gan", "preset=artcle"]), "--set: unknown preset of gan `artcle`; did you mean `article`?");
    says(
        set(&["variant=gan", "preset=broken"]),
        "preset broken of gan: `latent` takes a whole number from 0 to 65536, not `none`",
    );
    says(Layer::default().assign("steps"), "--set: `steps` has no `=`; write KEY=VALUE, such as lr_g=0.0001");

    says(toml("steps = 5\n\nbatch = 'many'"), "a.toml:3: `batch` takes a whole number from 1 to 65536, not `many`");
    says(toml("# é\nstep = 5"), "a.toml:2: unknown setting `step`; did you mean `steps`?");
    says(toml("steps = 1.5"), "a.toml:1: `steps` takes a whole number, 1 or more, not `1.5`");
    says(
        toml("seed = 99999999999999999999"),
        "a.toml:1: `seed` takes a whole number, 0 or more, not `99999999999999999999`",
    );
    says(
        toml("steps = 3\nlr_g = [0.1, 0.2]"),
        "a.toml:2: `lr_g` is a list of values, which are for the runs of `saddle train --config`",
    );
    assert_eq!(toml("hidden_g = [7, 8]").unwrap().hidden_g, [7, 8]);
    let near = "a.toml:1: `lrg` is a table; settings are plain `key = value` lines; did you mean `lr_g = value`?";
    says(toml("[lrg]\ng = 1"), near);
    says(toml("[optimizer]\nlr_g = 1"), "a.toml:1: `optimizer` is a table; settings are plain `key = value` lines");
    let broken = toml("steps = 5\nsteps = 6").unwrap_err().to_string();
    assert!(broken.starts_with("a.toml:2: not valid TOML, ") && !broken.contains('\n'), "{broken}");
    let broken = toml("steps = \n\nbatch = 7").unwrap_err().to_string();
    assert!(broken.starts_with("a.toml:1: not valid TOML, ") && !broken.contains('\n'), "{broken}");
    says(
        Layer::from_file("none.toml".as_ref(), None),
        "cannot read the settings `none.toml`: No such file or directory (os error 2)",
    );
}

#[test]
fn a_name_that_does_not_exist_is_answered_with_the_nearest() {
    assert_eq!(nearest("digts", ["grid", "digits"]), Some("digits"));
    assert_eq!(nearest("DIGITS", ["grid", "digits"]), Some("digits"));
    assert_eq!(nearest("qqq", ["grid", "digits"]), None);
    assert_eq!(nearest("", []), None);
    assert_eq!(
        unknown("data set", "digts", ["digits"]).to_string(),
        "unknown data set `digts`; did you mean `digits`?"
    );
}

#[test]
fn a_resumed_run_changes_only_what_leaves_it_the_same_run() {
    let old = set(&["variant=gan", "latent=32"]).unwrap();
    let longer = old.resumed(&[layer(&["steps=9", "latent=32", "lr_g=0.00020", "keep=4"])], 7).unwrap();
    let change =
        |step, key: &str, from: &str, to: &str| Change { step, key: key.into(), from: from.into(), to: to.into() };
    let steps = change(7, "steps", "2000", "9");
    assert_eq!(longer, Settings { steps: 9, keep: 4, changes: vec![steps.clone()], ..old.clone() });
    let slower = longer.resumed(&[layer(&["lr_g=0.1"])], 8).unwrap();
    assert_eq!(slower.changes, [steps, change(8, "lr_g", "0.0002", "0.1")]);
    assert_eq!(Settings::from_toml(VARIANTS, &slower.to_toml(), "run.toml").unwrap(), slower);
    says(
        old.resumed(&[layer(&["latent=33"])], 7),
        "--set: `latent` is 32 in this run and cannot become 33; a resumed run can change \
         data, steps, adapter, stream, lr_g, beta1, beta2, momentum, weight_decay, decay, schedule, \
         grad_clip, r1, r2, gp, dragan, lecam, lr_d, beta1_d, beta2_d, momentum_d, weight_decay_d, clip, freeze_d, \
         ada_target, ada_kimg, cr, cr_fake, lr_rbm, lr_finetune, lr_dbm, \
         log_every, sample_every, checkpoint_every, keep, samples, keep_samples, tensorboard; for the \
         others begin a new one with the run.toml of this: saddle train --config RUN/run.toml --set latent=33",
    );
    for wrong in [
        "changed = 1",
        "[changed]\nstep = 1",
        "[[changed]]\nstep = 1",
        "[[changed]]\nstep = -1\nkey = 'a'\nfrom = 'b'\nto = 'c'",
    ] {
        says(Layer::from_toml(wrong, "a.toml"), "a.toml:1: `changed` is a list of tables with step, key, from and to");
    }
}

/// Settings that a variant ignored in earlier versions are refused today, but accepted in the run of an earlier
/// version.
#[test]
fn an_earlier_run_may_have_settings_that_are_gone() {
    let menu = saddle::models::menu();
    for (variant, line) in [("dbm", "optimizer = 'sgd'"), ("rvae-gan", "each_step = false")] {
        let new = Settings::resolve(&menu, &[layer(&[&format!("variant={variant}")])]).unwrap();
        let old = format!("{}{line}\n", new.to_toml());
        assert_eq!(Settings::from_toml(&menu, &old, "run.toml").unwrap(), new);
        assert_eq!(Settings::resolve(&menu, &[Layer::from_toml(&old, "run.toml").unwrap()]).unwrap(), new);
        let own = Layer::from_toml(&format!("variant = '{variant}'\n{line}"), "a.toml").unwrap();
        let sentence = Settings::resolve(&menu, &[own]).unwrap_err().to_string();
        assert!(sentence.starts_with("a.toml:2: ") && sentence.contains("is no option of"), "{sentence}");
    }
}

#[test]
fn every_key_is_described_and_its_default_accepted() {
    let toml = Settings::default().to_toml();
    for key in Settings::describe() {
        assert!(key.rule.accepts(key.default), "{key:?}");
        assert!(!key.help.starts_with(' ') && key.help.len() > 5, "{key:?}");
        assert!(toml.contains(&format!("\n{} = ", key.name)), "{key:?}");
    }
    let json = serde_json::to_value(Settings::default()).unwrap();
    assert_eq!((json["objective"].as_str(), json["size"].is_null()), (Some("non-saturating"), true));
}

proptest! {
    #[test]
    fn toml_reads_back_as_the_same_settings(
        data in "[^\\x00]{1,20}", adapter in proptest::option::of("[a-zA-Z \"'\\\\#]{1,12}"),
        rates in any::<[f32; 2]>(),
        seed in 0..i64::MAX as u64, widths in proptest::collection::vec(1usize..65536, 1..16), word in 0..6usize,
        size in proptest::option::of([4usize..16_385, 4usize..16_385]),
    ) {
        prop_assume!(rates.iter().all(|r| r.is_finite()) && adapter.as_deref() != Some("auto"));
        use Objective::*;
        let objective = [Minimax, NonSaturating, Lsgan, Wgan, Hinge, Relativistic][word];
        let settings = Settings {
            data, adapter, lr_g: rates[0].abs(), gp: rates[1].abs(), seed, hidden_g: widths, objective,
            size: size.map(|[width, height]| Size { width, height }),
            ..Settings::default()
        };
        prop_assert_eq!(Settings::from_toml(VARIANTS, &settings.to_toml(), "run.toml").unwrap(), settings);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}", key in 0usize..60) {
        let _ = toml(&text);
        let name = Settings::describe().get(key).map_or("", |key| key.name);
        let _ = toml(&format!("{name} = {text}"));
        let _ = set(&[&format!("{name}={text}")]);
    }
}

#[test]
fn the_earlier_name_of_a_setting_still_stands_for_it() {
    let renamed: Vec<_> = Settings::describe().iter().filter_map(|key| Some((key.was?, key.name))).collect();
    assert!(renamed.contains(&("hold", "critic_threshold")));
    for (was, name) in renamed {
        let names = || Settings::describe().iter().map(|key| key.name);
        assert!(names().all(|now| now != was), "`{was}` is a setting of its own");
        assert!(layer(&[&format!("{was}=1")]).has(name));
    }
    let text = set(&["variant=gan", "critic_threshold=0.15"]).unwrap().to_toml();
    let earlier = text.replace("critic_threshold = ", "hold = ")
        + "\n[[changed]]\nstep = 3\nkey = \"hold\"\nfrom = \"0\"\nto = \"0.15\"\n";
    assert_ne!(earlier, text);
    let settings = Settings::from_toml(VARIANTS, &earlier, "run.toml").unwrap();
    assert_eq!((settings.critic_threshold, settings.changes[0].key.as_str()), (0.15, "critic_threshold"));
}

#[test]
fn a_run_folder_is_made_locked_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("deep/run");
    let name = out.display();
    let settings = set(&["variant=gan", "latent=32"]).unwrap();

    let run = Run::create(Some(&out), &settings).unwrap();
    assert_eq!(run.checkpoint_path(200), out.join("checkpoints/step-000200.safetensors"));
    assert_eq!(run.sample_path(1234567, "png"), out.join("samples/step-1234567.png"));
    assert!(run.checkpoints().is_dir() && out.join("samples").is_dir());
    assert_eq!(Run::open(&out, VARIANTS).unwrap().settings(), &settings, "reading needs no lock");
    let busy = format!("the run `{name}` is being trained by another process");
    says(Run::resume(&out, VARIANTS, &[], None), &busy);
    drop(run);

    let taken = format!("--out: `{name}` already holds a run; continue it with --resume or name another folder");
    says(Run::create(Some(&out), &settings), &taken);
    let resumed = Run::resume(&out, VARIANTS, &[layer(&["steps=9"])], None).unwrap().run;
    assert_eq!(resumed.settings().steps, 9);
    assert_ne!(Run::open(&out, VARIANTS).unwrap().settings().steps, 9);
    resumed.save_settings().unwrap();
    assert_eq!(Run::open(&out, VARIANTS).unwrap().settings().steps, 9);

    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let (root, file) = (folder.path(), file.as_path());
    says(
        Run::create(Some(root), &settings),
        &format!("--out: `{}` is not empty; name a folder that is empty or does not exist", root.display()),
    );
    assert!(!root.join(".lock").exists());
    says(
        Run::create(Some(file), &settings),
        &format!("--out: `{}` is a file; name a folder that is empty or does not exist", file.display()),
    );
    says(Run::open("none".as_ref(), VARIANTS), "cannot open the run `none`: it does not exist");
    says(
        Run::open(root, VARIANTS),
        &format!(
            "cannot open the run `{0}`: it has no run.toml, so it is not the folder of a run; `saddle runs {0}` lists \
             those in it, and {0}/* names them all",
            root.display()
        ),
    );
    says(
        Run::open(file, VARIANTS),
        &format!(
            "cannot open the run `{}`: it is a file, and a run is a folder such as runs/dcgan-digits-001",
            file.display()
        ),
    );
}

#[test]
fn metrics_go_on_after_the_step_of_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::create(Some(&folder.path().join("run")), &Settings::default()).unwrap();
    let line = |step: u64| serde_json::json!({"step": step, "seconds": 0.5}).as_object().unwrap().clone();
    let text = |step: u64| format!("{{\"seconds\":0.5,\"step\":{step}}}\n");
    run.metrics(0).unwrap().append(&line(1)).unwrap();
    let there = || std::fs::read_to_string(run.metrics_path()).unwrap();
    assert_eq!(there(), text(1));
    // A line cut by a crash, an empty line, and steps that an earlier version repeated.
    std::fs::write(run.metrics_path(), [&text(1), &text(2), &text(3), "\n", &text(2), &text(4), "{\"d_lo"].concat())
        .unwrap();
    let mut metrics = run.metrics(3).unwrap();
    assert_eq!((metrics.damaged, metrics.seconds), (2, 0.5));
    metrics.append(&line(4)).unwrap();
    assert_eq!(there(), [text(1), text(2), text(4)].concat());
}

fn saddle(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saddle"));
    command.args(arguments);
    command
}

#[test]
fn wrong_usage_exits_with_2_and_help_with_0() {
    for arguments in [
        &[][..],
        &["trian"],
        &["train", "--stpes", "3"],
        &["train", "--resume"],
        &["sample"],
        &["sample", "x", "--count", "0"],
        &["sample", "x", "--interpolate", "1"],
        &["sample", "x", "--interpolate", "4", "--reconstruct"],
        &["eval"],
        &["eval", "x", "--effort", "0"],
        &["eval", "x", "--effort", "2"],
        &["eval", "x", "--count", "0"],
        &["devices", "x"],
    ] {
        let output = saddle(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    }
    for command in ["train", "sample", "eval", "devices", "variants"] {
        saddle(&[command, "--help"]).assert().success();
    }
    let version = saddle(&["--version"]).output().unwrap();
    assert_eq!(version.stdout, format!("saddle {}\n", env!("CARGO_PKG_VERSION")).as_bytes());
}

#[test]
fn flags_become_settings() {
    use clap::Parser;
    use saddle::cli::{Cli, Command};
    let parse = |line: &str| match Cli::try_parse_from(line.split(' ')).unwrap().command {
        Command::Train(args) => Settings::resolve(VARIANTS, &args.layers()?),
        other => panic!("{other:?}"),
    };
    let settings =
        parse("saddle train gan --steps 7 --set steps=8 --set hidden_g=3,4 --conditional --size 32 --preset article")
            .unwrap();
    assert_eq!((settings.steps, settings.hidden_g, settings.conditional), (8, vec![3, 4], true));
    assert_eq!((settings.size, settings.variant.as_str(), settings.lr_g), (Some(32.into()), "gan", 0.001));
    says(parse("saddle train --steps -5"), "--steps: `steps` takes a whole number, 1 or more, not `-5`");
    says(parse("saddle train dcgn"), "unknown variant `dcgn`; did you mean `dcgan`?");
    says(parse("saddle train --set batch"), "--set: `batch` has no `=`; write KEY=VALUE, such as lr_g=0.0001");
}
