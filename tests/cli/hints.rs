//! What people type who know other tools.

use std::fs;
use std::path::Path;

use clap::Parser;
use saddle::cli::{Cli, Command, hints};
use saddle::{models, settings::Settings};

use super::Place;

/// Every command that a hint names is one, for settings that its variant has.
#[test]
fn commands_that_hints_name_exist() {
    let tables = [hints::COMMANDS, hints::MODELS, hints::DATA, hints::OPTIONS, hints::SETTINGS];
    for hint in tables.into_iter().flatten() {
        if hint.instead.is_empty() {
            continue;
        }
        let cli = Cli::try_parse_from(hint.instead.split(' ')).unwrap_or_else(|error| panic!("{hint}: {error}"));
        let Command::Train(args) = cli.command else { continue };
        if !args.resume {
            let settings = args.layers().and_then(|layers| Settings::resolve(&models::menu(), &layers));
            assert!(settings.is_ok(), "{hint}: {}", settings.unwrap_err());
        }
    }
}

#[test]
fn names_of_other_tools_are_answered() {
    let place = Place::new();
    for (line, sentence) in [
        ("train wgan", "`wgan` is an objective: saddle train gan --set objective=wgan --set clip=0.01"),
        ("train WGAN-GP", "`WGAN-GP` is an objective with a penalty: saddle train gan --set objective=wgan"),
        ("train digits", "`digits` is a data set: saddle train --data digits"),
        ("train mnist", "`mnist` is not built in: name the folder of its IDX files"),
        ("train cyclegan", "`cyclegan` learns from pairs of sets, and a model here from one"),
        ("train --data mnist", "`mnist` is not built in"),
        ("train gan --lr 0.1", "`--lr` is a setting of each network: saddle train gan --set lr_g=0.1 --set lr_d=0.1"),
        ("train --lr=0.1", "`--lr` is a setting of each network: saddle train --set lr_g=0.1 --set lr_d=0.1"),
        ("train --lr 0.1 VAE", "`--lr` is a setting of each network: saddle train --set lr_g=0.1 VAE\n"),
        // What else was typed stays.
        (
            "train vae --data ring --lr 0.1 --out a",
            "`--lr` is a setting of each network: saddle train vae --data ring --set lr_g=0.1 --out a\n",
        ),
        (
            "train wgan --data ring --seed 3",
            "`wgan` is an objective: saddle train gan --set objective=wgan --set clip=0.01 --data ring --seed 3\n",
        ),
        ("train --amp vae --out a", "`--amp` is a setting: saddle train --set half=true vae --out a\n"),
        ("train gan --set nz=8 --out a", "`nz` is short here: saddle train gan --set latent=8 --out a\n"),
        // Every word of other tools is replaced, not the first one alone.
        (
            "train wgan-gp --data ring --lr 0.001 --epochs 2 --n_critic 3 --workers 4 --out 'a'",
            "`--lr` is a setting of each network: saddle train gan --set objective=wgan --set gp=10 --set \
             norm_d=layer --set r1=0 --set r2=0 --data ring --set lr_g=0.001 --set lr_d=0.001 \
             --set critic_steps=3 --out",
        ),
        (
            "train gpt --data t.txt --block-size 48",
            "`--block-size` has another name: saddle train lstm --data t.txt --set window=48\n",
        ),
        (
            "train gan --data ring --seeds 3,4,5 --steps 500",
            "`--seeds` is a run each, such as those of `seed = [0, 1, 2]` in a file of settings (docs/sweeps.md), and \
             `saddle compare` shows their means; the first is: saddle train gan --data ring --seed 3 --steps 500\n",
        ),
        (
            "compare a b --format latex",
            "`--format` is told by the ending of --out: saddle compare a b --out rows.tex\n",
        ),
        ("eval a --format json", "`--format` is told by the ending of --out: saddle eval a --json\n"),
        ("train dcgan objective=rpgan", "objective `rpgan` is an objective: saddle train dcgan"),
        (
            "train gan --loss wgan-gp --data ring",
            "`--loss` is a setting: saddle train gan --set objective=wgan --set gp=10",
        ),
        ("train hinge --data ring", "`hinge` is an objective: saddle train gan --set objective=hinge --data ring\n"),
        (
            "train --model vae --lr 1 --out a",
            "`--model` is the first word after the command, without an option: saddle train vae",
        ),
        (
            "train gan --data ring --iters 9 --seed 2",
            "`--iters` is a number of steps: saddle train gan --data ring --steps 9",
        ),
        ("generate a --max_new_tokens 50", "`generate` draws samples here: saddle sample a --length 50\n"),
        (
            "wgan --data ring",
            "`wgan` comes after a command: saddle train gan --set objective=wgan --set clip=0.01 --data ring",
        ),
        (
            "sample a --grid 6x4",
            "`--grid` is a number of columns, and of images in all: saddle sample a --columns 6 --count 24",
        ),
        ("eval a --num-samples 5", "`--num-samples` is a count: saddle eval a --count 5\n"),
        ("train gan --target y", "`--target` is an option of `saddle eval`\n"),
        (
            "sample a --size 64",
            "`--size` is an option of `saddle train`, `saddle data`, `saddle pack`; --scale 4 enlarges",
        ),
        // The values of options are no models.
        (
            "train wgan --data ring --out vae",
            "`wgan` is an objective: saddle train gan --set objective=wgan --set clip=0.01 --data ring --out vae\n",
        ),
        ("train gan --amp=false --seed 1", "`--amp` is a setting: saddle train gan --set half=false --seed 1\n"),
        ("train gan --fp16 yes --seed 1", "`--fp16` is a setting: saddle train gan --set half=true --seed 1\n"),
        (
            "train gan --data ring --no-cuda --seed 3",
            "`--no-cuda` is a device: saddle train gan --data ring --adapter cpu --seed 3\n",
        ),
        (
            "train lstm --data t.txt --seq-len 64",
            "`--seq-len` has another name: saddle train lstm --data t.txt --set window=64\n",
        ),
        ("sample a -n 16 --seed 2", "`-n` is a count: saddle sample a --count 16 --seed 2\n"),
        ("sample a --rows 16", "`--rows` is a count: saddle sample a --count 16\n"),
        (
            "train vae --sep ;",
            "`--sep` is a setting: comma, semicolon, tab, pipe or blank: saddle train vae --set separator=semicolon\n",
        ),
        (
            "train dcgan --set lr=0.1",
            "`lr` is a setting of each network: saddle train dcgan --set lr_g=0.1 --set lr_d=0.1",
        ),
        ("train vae lr=0.1", "`lr` is a setting of each network: saddle train vae --set lr_g=0.1\n"),
        ("train vae --beta1 0.5", "`--beta1` is a setting: saddle train vae --set beta1=0.5\n"),
        ("train vae --n-critic 3", "`--n-critic` is a setting: saddle train gan --set critic_steps=3"),
        (
            "train gan --data ring --epochs 3 --batch 100",
            "`--epochs` is counted in steps, one batch each: 3 epochs of 100000 examples in batches of 100 are --steps \
             3000: saddle train gan --data ring --batch 100 --steps 3000\n",
        ),
        (
            "train gan --data ring --set epochs=3 --batch 100",
            "`epochs` is counted in steps, one batch each: 3 epochs of 100000 examples in batches of 100 are --steps \
             3000: saddle train gan --data ring --batch 100 --steps 3000\n",
        ),
        ("train gan epochs=5 epochs=6", "`epochs` is counted in steps, one batch each"),
        (
            "train gan --data ring epochs=1 --batch 100",
            "`epochs` is counted in steps, one batch each: 1 epoch of 100000",
        ),
        ("train gan --data ring --gpu", "`--adapter` (`--gpu`, `--device`) takes the number or name of a device"),
        ("train --epochs", "`--epochs` is counted in steps, one batch each: saddle train --steps 5000"),
        ("train --iters=7", "`--iters` is a number of steps: saddle train --steps 7\n"),
        ("train --workers 4", "`--workers` has no part"),
        ("eval a --temperature 0.8", "`--temperature` is an option of `saddle sample`\n"),
        ("data a.txt lines=true", "`lines=true` is a setting: saddle data a.txt --set lines=true\n"),
        ("train --amp", "`--amp` is a setting: saddle train --set half=true"),
        ("train gan --set lr=0.1", "`lr` is a setting of each network"),
        ("train gan lr=0.1", "`lr` is a setting of each network"),
        ("train gan vae", "`gan` and `vae`: a run trains one model"),
        ("train gan ring", "`ring` is data: saddle train gan --data ring"),
        ("train ring gan", "`ring` is data: saddle train gan --data ring"),
        ("train gan --latent_dim 8", "`--latent_dim` is a setting: saddle train gan --set latent=8"),
        ("train vae --nz 8", "`--nz` is a setting: saddle train vae --set latent=8"),
        ("train gan --n-critic=3", "`--n-critic` is a setting: saddle train gan --set critic_steps=3"),
        ("train gan n_epochs=3", "`n_epochs` is counted in steps, one batch each"),
        ("train gan --set loss=lsgan", "`loss` has another name: saddle train gan --set objective=lsgan"),
        ("train gan objective=wgan-gp", "objective `wgan-gp` is an objective with a penalty"),
        ("sample RUN -n 16", "`-n` is a count: saddle sample RUN --count 16"),
        ("sample RUN --num_samples 16", "`--num_samples` is a count"),
        ("sample RUN --ckpt 800", "`--ckpt` is the folder of a run, and --checkpoint one of its steps"),
        ("train --dataroot x", "`--dataroot` is the path or the name of the data: saddle train --data x"),
        ("generate RUN", "`generate` draws samples here: saddle sample RUN"),
        ("fid RUN", "`fid` is part of the evaluation: saddle eval RUN"),
        ("resume a", "`resume` is an option of a training: saddle train --out a --resume\n"),
        ("dcgan train", "`dcgan` comes after a command: saddle train dcgan\n"),
        ("train lstm --set hidden=8", "`hidden` has another name: saddle train lstm --set units=8\n"),
    ] {
        let said = place.saddle(line);
        assert_eq!(said.code, Some(2), "{line}: {}", said.err);
        assert!(said.err.starts_with(&format!("error: {sentence}")), "{line}: {}", said.err);
    }
    // Options of other names, settings without `--set`, and a folder that has the name of a known set.
    fs::create_dir(place.path("mnist")).unwrap();
    let said = place.saddle("train --data mnist --dry-run");
    assert!(said.err.contains("holds no images"), "{}", said.err);
    let said = place.saddle("train gan steps=7 lr_g=0.5 --device cpu --batch-size 3 --data ring --dry-run");
    assert_eq!(said.code, Some(0), "{}", said.err);
    for line in ["steps = 7", "lr_g = 0.5", "adapter = \"cpu\"", "batch = 3"] {
        assert!(said.out.contains(line), "no `{line}` in {}", said.out);
    }
}

/// Files of settings are answered as command lines are, with lines of such a file.
#[test]
fn files_of_settings_are_answered_with_their_lines() {
    let place = Place::new();
    for (name, text, words) in [
        ("a.toml", "steps = 5\nn_critic = 3\n", "a.toml:2: `n_critic` has another name: critic_steps = 3"),
        ("a.toml", "latent_dim = 8\n", "a.toml:1: `latent_dim` is short here: latent = 8"),
        ("a.toml", "batch_size = 8\n", "`batch_size` is short here: batch = 8"),
        ("a.toml", "lambda_gp = 10\n", "gp = 10"),
        ("a.toml", "loss = 'lsgan'\n", "`loss` has another name: objective = \"lsgan\""),
        ("a.toml", "objective = 'wgan-gp'\n", "objective = \"wgan\", gp = 10, critic_steps = 5"),
        ("a.toml", "[[case]]\nlr = 0.1\n", "lr_g = 0.1, lr_d = 0.1"),
        ("a.toml", "seed = [0, 1, 2]\n", "`a.toml` has 3 cases: choose one with --case 0 to --case 2"),
        ("a.toml", "seed = []\n", "a.toml:1: the list of `seed` is empty"),
        ("a.toml", "seed = ['x', [1, 2]]\n", "`a.toml` has 2 cases"),
        ("a.yaml", "lr_g: 0.1\n", "settings are TOML, lines such as `lr_g = 0.0002`, and this is YAML"),
        ("a.json", "{\"lr_g\": 0.1}\n", "and this is JSON"),
    ] {
        place.write(name, text.as_bytes());
        let case = if text.starts_with("[[") { "--case 0" } else { "" };
        let said = place.saddle(&format!("train gan --config {name} {case}"));
        assert_eq!(said.code, Some(2), "{text}: {}", said.err);
        assert!(said.err.contains(words), "{text}: {}", said.err);
    }
}

#[test]
fn data_in_the_place_of_a_variant_is_answered_with_a_model() {
    let place = Place::new();
    for name in ["shake.txt", "tunes/a.mid", "rows.csv", "photos/cats/1.png", "x.docx", "songs/a.mp3", "points.npy"] {
        place.write(name, b"");
    }
    place.write("my book.txt", b"");
    place.trained("--out runs/a");
    for (word, sentence) in [
        ("shake.txt", "`shake.txt` is data: saddle train lstm --data shake.txt\n"),
        ("tunes", "`tunes` is data: saddle train lstm --data tunes\n"),
        (
            "rows.csv",
            "`rows.csv` is data: saddle train vae --data rows.csv; rows that follow each other in time: saddle",
        ),
        ("photos/", "`photos/` is data: saddle train dcgan --data photos/\n"),
        ("train-images-idx3-ubyte", "`train-images-idx3-ubyte` is data: saddle train dcgan --data train-images-idx3"),
        ("points.npy", "`points.npy` is data: saddle train gan --data points.npy\n"),
        ("x.docx", "`x.docx` is a document: save its text as a .txt file, and name that file\n"),
        ("songs", "`songs` holds no images, MIDI files, IDX files or texts: it has 1 .mp3 files, and `a.mp3` is sound"),
        ("shakes.txt", "the path `shakes.txt` does not exist: did you mean `shake.txt`?\n"),
        ("runs/a", "`runs/a` is a run: saddle train --out runs/a --resume\n"),
        ("gam", "unknown variant `gam`; did you mean `gan`?\n"),
    ] {
        let said = place.saddle(&format!("train {word}"));
        assert_eq!(said.code, Some(2), "{word}: {}", said.err);
        assert!(said.err.starts_with(&format!("error: {sentence}")), "{word}: {}", said.err);
    }
    for line in ["train lstm --data my book.txt", "train --data my book.txt", "train lstm my book.txt"] {
        let said = place.saddle(line);
        assert_eq!(said.code, Some(2), "{line}: {}", said.err);
        assert_eq!(said.err, "error: `my book.txt` has spaces: --data 'my book.txt'\n", "{line}");
    }
    let said = place.saddle("train dcgan --data photos/cats/1.png photos/cats/2.png photos/cats/3.png");
    assert_eq!(said.err, "error: 3 paths where one is wanted: --data photos/cats\n");
    for (line, sentence) in [
        ("data my book.txt", "`my book.txt` has spaces: 'my book.txt'\n"),
        ("encode runs/a shake.txt", "`shake.txt` is data: --data shake.txt\n"),
        ("train --data photos/cats/*.png", "`photos/cats/*.png` is many files: name their folder, `photos/cats`\n"),
        ("sample run/a", "cannot open the run `run/a`: it does not exist; did you mean `runs/a`?\n"),
    ] {
        let said = place.saddle(line);
        assert_eq!((said.code, said.err), (Some(2), format!("error: {sentence}")), "{line}");
    }
    let said = place.process("train").arg("my book.txt").output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("lstm --data 'my book.txt'"), "{said:?}");
}

/// `docs/other-tools.md` is made from the tables; SADDLE_UPDATE_DOCS=1 writes it.
#[test]
fn the_documentation_lists_the_hints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/other-tools.md");
    if std::env::var_os("SADDLE_UPDATE_DOCS").is_some() {
        fs::write(&path, hints::markdown()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), hints::markdown(), "SADDLE_UPDATE_DOCS=1 writes it");
}
