//! The tables: what other tools call things.

use super::Hint;

const fn hint(typed: &'static [&'static str], is: &'static str, instead: &'static str) -> Hint {
    Hint { typed, is, instead }
}

/// Names of models.
pub const MODELS: &[Hint] = &[
    hint(&["wgan"], "is an objective", "saddle train gan --set objective=wgan --set clip=0.01"),
    hint(
        &["wgan-gp", "wgangp", "wgan_gp"],
        "is an objective with a penalty",
        "saddle train gan --set objective=wgan --set gp=10 --set critic_steps=5 --set norm_d=layer \
         --set r1=0 --set r2=0",
    ),
    hint(&["lsgan"], "is an objective", "saddle train gan --set objective=lsgan"),
    hint(
        &["sngan", "sn-gan", "snresgan"],
        "is a normalisation and an objective",
        "saddle train dcgan --set spectral=true --set norm_d=none --set objective=hinge",
    ),
    hint(
        &["rgan", "ragan", "rsgan", "rpgan", "r3gan"],
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
    hint(&["ctgan"], "is a preset for tables", "saddle train gan --preset ctgan"),
    hint(&["tvae"], "is a preset for tables", "saddle train vae --preset tvae"),
    hint(
        &["tabddpm", "copula", "gaussian-copula", "copulagan"],
        "is not here; tables are learned best by",
        "saddle train vae",
    ),
    hint(&["beta-vae", "betavae"], "is a setting", "saddle train vae --set beta=4"),
    hint(&["iwae"], "is a setting", "saddle train vae --set importance=50"),
    hint(&["vaegan", "vae_gan"], "is written with a dash", "saddle train vae-gan"),
    hint(&["rbm", "dbn"], "is a machine of one layer", "saddle train dbm --set layers=500"),
    hint(&["gru", "rnn"], "is a kind of layer", "saddle train lstm --set cell=gru"),
    hint(
        &["char-rnn", "charrnn", "gpt", "gpt2", "gpt-2", "nanogpt", "transformer"],
        "is an LSTM on a text here",
        "saddle train lstm --data book.txt",
    ),
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
        &["epochs", "n-epochs", "n_epochs", "num-epochs", "num_epochs", "max-epochs", "max_epochs"],
        "is counted in steps, one batch each",
        "saddle train --steps 5000",
    ),
    hint(
        &["iters", "iterations", "niter", "max-steps", "max_steps", "num-steps", "num_steps", "total-steps"],
        "is a number of steps",
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
    hint(&["b1"], "is a setting", "saddle train gan --set beta1=0.5"),
    hint(&["b2"], "is a setting", "saddle train gan --set beta2=0.999"),
    hint(&["n-critic", "n_critic", "d-steps", "d_steps"], "is a setting", "saddle train gan --set critic_steps=5"),
    hint(&["clip-value", "clip_value", "weight-clip"], "is a setting", "saddle train gan --set clip=0.01"),
    hint(&["ema", "ema-decay"], "is a setting", "saddle train dcgan --set ema=0.995"),
    hint(&["loss", "gan-mode", "gan_mode", "adv-loss"], "is a setting", "saddle train gan --set objective=hinge"),
    hint(&["optimizer", "opt"], "is a setting", "saddle train gan --set optimizer=adamw"),
    hint(&["sample-interval", "sample_interval"], "is a setting", "saddle train --set sample_every=500"),
    hint(&["save-every", "save-interval", "save_interval"], "is a setting", "saddle train --set checkpoint_every=1000"),
    hint(&["log-interval", "log_interval", "print-freq"], "is a setting", "saddle train --set log_every=10"),
    hint(
        &["scheduler", "lr-scheduler", "lr_scheduler", "lr-schedule", "lr_policy"],
        "is a setting: constant, linear or cosine",
        "saddle train --set schedule=cosine",
    ),
    hint(
        &["clip-grad", "clip_grad", "grad-clip", "max-grad-norm", "max_grad_norm", "gradient-clip"],
        "is a setting",
        "saddle train --set grad_clip=1",
    ),
    hint(
        &["model", "arch", "net", "network", "gan-type", "gan_type"],
        "is the first word after the command, without an option",
        "saddle train gan",
    ),
    hint(
        &["seeds", "n-seeds", "num-seeds", "runs"],
        "is a run each, such as those of `seed = [0, 1, 2]` in a file of settings (docs/sweeps.md), and `saddle \
         compare` shows their means; the first is",
        "saddle train gan --seed 0",
    ),
    hint(
        &["group-by", "group_by", "groupby"],
        "is not needed: runs that differ in nothing but their seeds are one column",
        "",
    ),
    hint(&["temp"], "is spelled out", "saddle sample RUN --temperature 0.8"),
    hint(&["format"], "is told by the ending of --out", "saddle sample RUN --out rows.csv"),
    hint(&["opset"], "is told by --to", "saddle export RUN --to onnx"),
    hint(
        &["grid", "grid-size", "grid_size", "nrow", "n-rows", "n_rows", "rows-cols"],
        "is a number of columns, and of images in all",
        "saddle sample RUN --columns 6 --count 36",
    ),
    hint(
        &["load", "checkpoint-path", "ckpt", "resume-from", "pretrained"],
        "is the folder of a run, and --checkpoint one of its steps: saddle sample RUN --checkpoint 800; \
         --init RUN starts another run from it; to train on",
        "saddle train --out RUN --resume",
    ),
    hint(
        &[
            "rows",
            "num-rows",
            "num_rows",
            "n",
            "num-samples",
            "num",
            "num_samples",
            "n-samples",
            "n_samples",
            "num-images",
            "num_images",
            "number",
        ],
        "is a count",
        "saddle sample RUN --count 64",
    ),
    hint(
        &["max-tokens", "max_tokens", "max-new-tokens", "max_new_tokens", "max-length", "max_length"],
        "is a length, in characters or tokens",
        "saddle sample RUN --length 500",
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
    hint(
        &["sep", "delimiter", "delim"],
        "is a setting: comma, semicolon, tab, pipe or blank",
        "saddle train vae --set separator=semicolon",
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
    hint(
        &["diffaug", "diffaugment", "diff_aug", "policy", "aug", "ada"],
        "is named by its changes, or adaptive",
        "saddle train dcgan --set augment=colour,translation,cutout",
    ),
    hint(&["lambda_cr", "cr_weight", "bcr"], "has another name", "saddle train dcgan augment=translation,flip cr=10"),
    hint(&["lambda_lecam", "lecam_ratio", "lecam_weight"], "has another name", "saddle train dcgan --set lecam=0.3"),
    hint(&["freezed", "freezeD", "freeze_layer"], "has another name", "saddle train --init RUN --set freeze_d=2"),
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
