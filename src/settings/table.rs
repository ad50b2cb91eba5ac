//! The table of settings: a row for each, which is all there is to say about it.
//!
//! `name: type = default, rule, before value, was old => resume;` where `before` is the value that older runs had, which were
//! written before the setting was there, `was` an earlier name, which is still accepted, and `resume` says how a resumed run
//! may change the setting: `freely`, or `recorded`.

use serde::Serialize;

use super::rule::{
    Architecture, Cell, Critic, DcganArchitecture, Decimal, Fusion, LatentDist, Layout, Likelihood, MAX, Norm,
    Objective, Optimizer, Prior, Range, Rule, Scale, Schedule, Separator, Value,
};
use super::{Change, Key, Result, Resume, Texts};

/// The words that may follow a row's arrow.
macro_rules! resume {
    (freely) => {
        Resume::Freely
    };
    (recorded) => {
        Resume::Recorded
    };
}

macro_rules! settings {
    ($($group:literal { $($(#[doc = $help:literal])+ $name:ident: $type:ty = $default:literal, $rule:expr
        $(, before $before:literal)? $(, was $was:literal)? $(=> $resume:ident)?;)+ })+) => {
        /// Every setting of a run, resolved.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub struct Settings {
            $($($(#[doc = $help])+ pub $name: $type,)+)+
            /// The settings that the variant has: only they are written down.
            #[serde(skip)]
            pub relevant: Vec<&'static str>,
            /// What the run was resumed with, other than before, in order.
            #[serde(skip)]
            pub changes: Vec<Change>,
        }

        pub(super) const KEYS: &[Key] = &[$($(Key {
            name: stringify!($name),
            group: $group,
            default: $default,
            before: [$($before,)? $default][0],
            was: [$(Some($was),)? None][0],
            rule: $rule,
            resume: [$(resume!($resume),)? Resume::Never][0],
            help: concat!($($help),+).trim_ascii_start(),
        }),+),+];

        impl Texts {
            pub(super) fn build(&self) -> Result<Settings> {
                Ok(Settings {
                    $($($name: self.value(stringify!($name))?,)+)+
                    relevant: self.relevant.clone(),
                    changes: vec![],
                })
            }
        }

        impl Settings {
            /// One entry per setting, in the order of the table: its value as plain text and as TOML.
            pub(super) fn values(&self) -> Vec<(String, String)> {
                vec![$($((self.$name.text(), self.$name.toml())),+),+]
            }
        }
    };
}

settings! {
    "What is trained, and on what" {
        /// Model to train
        variant: String = "dcgan", Rule::Text;
        /// The variant's named group of settings to start from; unless given, the one named as the data, if any
        preset: String = "default", Rule::Text;
        /// Built-in set, or path: IDX, images, CSV, npy, npz, txt, MIDI; `saddle variants` lists the built-in ones
        data: String = "digits", Rule::Text => freely;
    }
    "How data is read" {
        /// What the examples are; auto: what the variant learns from and the file looks like
        layout: Option<Layout> = "auto", Rule::OneOf(Layout::OPTIONS);
        /// Take folders, files and members named train and test for the two parts of the data, not for classes
        split: bool = "true", Rule::Switch;
        /// Share of the examples to hold out for measuring, where the data has no part to test with; 0: none
        holdout: f32 = "0.1", Rule::Below(0.9), before "0.0";
        /// Values of black and white in arrays and images; data: the least and the greatest that occur
        range: Option<Range> = "auto", Rule::OneOf(Range::OPTIONS);
        /// Whether the first row of a table holds the names of its columns
        header: Option<bool> = "auto", Rule::Auto(&Rule::Switch);
        /// What stands between the cells of a table
        separator: Option<Separator> = "auto", Rule::OneOf(Separator::OPTIONS);
        /// What stands before the decimals of a table's numbers
        decimal: Option<Decimal> = "auto", Rule::OneOf(Decimal::OPTIONS);
        /// Columns of a table to learn, by name, with commas between them; auto: those of numbers that measure something
        columns: Option<String> = "auto", Rule::Auto(&Rule::Text);
        /// Column of a table that says which series a row belongs to; windows never cross from one to the next
        group: Option<String> = "auto", Rule::Auto(&Rule::Text);
        /// Scaling of the columns of files; auto: points to mean 0 and deviation 1, sequences to 0 to 1
        scale: Option<Scale> = "auto", Rule::OneOf(Scale::OPTIONS), before "none";
    }
    "The run" {
        /// Training steps, one generator update each
        steps: u64 = "2000", Rule::Whole(1, MAX) => recorded;
        /// Samples per step; a multiple of pack
        batch: usize = "64", Rule::Whole(1, 65536);
        /// Start of every random stream
        seed: u64 = "0", Rule::Whole(0, MAX);
        /// Device by index or name, or cpu; auto: the best one
        adapter: Option<String> = "auto", Rule::Auto(&Rule::Text) => freely;
        /// Let matrix units multiply in half precision, where the device has them; sums stay in single precision
        half: bool = "false", Rule::Switch;
    }
    "Optimiser" {
        /// Update rule of both networks
        optimizer: Optimizer = "adam", Rule::OneOf(Optimizer::WORDS);
        /// Learning rate: of the generator, where there are two networks
        lr_g: f32 = "0.0002", Rule::Below(f32::INFINITY) => recorded;
        /// Decay of the first moment (adam)
        beta1: f32 = "0.5", Rule::Below(1.0) => recorded;
        /// Decay of the second moment (adam, rmsprop)
        beta2: f32 = "0.999", Rule::Below(1.0) => recorded;
        /// Momentum (sgd)
        momentum: f32 = "0.9", Rule::Below(1.0) => recorded;
        /// Course of the learning rates over the run
        schedule: Schedule = "constant", Rule::OneOf(Schedule::WORDS) => recorded;
        /// Largest norm of a network's gradient; 0: off
        grad_clip: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
    }
    "Images" {
        /// Draws laid over each other as colour channels (3: 1000 modes from digits)
        stack: usize = "1", Rule::OneOf(&["1", "3"]);
        /// Side of the images in pixels; auto: that of the data
        size: Option<usize> = "auto", Rule::Auto(&Rule::Multiple(4, 8, 128));
        /// Colour channels; auto: those of the data
        channels: Option<usize> = "auto", Rule::OneOf(&["auto", "1", "3"]);
    }
    "Sequences" {
        /// Rows of a sequence; auto: 24 of a table, else what is natural for the data
        window: Option<usize> = "auto", Rule::Auto(&Rule::Whole(2, 4096));
        /// Rows from one sequence of a table to the next; auto: 1, or half a window of symbols
        stride: Option<usize> = "auto", Rule::Auto(&Rule::Whole(1, 4096));
    }
    "Objective" {
        /// Game between the two networks
        objective: Objective = "non-saturating", Rule::OneOf(Objective::WORDS);
        /// Weight of the penalty on the discriminator's gradient at real samples; 0: off
        r1: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Weight of the penalty on the discriminator's gradient at generated samples; 0: off
        r2: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Weight of the gradient penalty between real and generated samples, target norm 1; 0: off
        gp: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// One-sided label smoothing: real samples have the target 1 - smooth; 0: off
        smooth: f32 = "0.0", Rule::Below(0.5);
        /// Learning rate of the discriminator
        lr_d: f32 = "0.0002", Rule::Below(f32::INFINITY) => recorded;
    }
    "Game" {
        /// Discriminator updates per generator update
        critic_steps: usize = "1", Rule::Whole(1, 1000);
        /// Bound on every weight of the critic after its update (WGAN); 0: off
        clip: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Standard deviation of the noise on the discriminator's input at the start, falling to 0 over the run; 0: off
        noise: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Weight of the distance between the batches' means and deviations, value by value, in the generator's loss; 0: off
        moments: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// The generator matches the discriminator's mean features of real samples, in place of its objective
        matching: bool = "false", Rule::Switch;
        /// Loss below which the discriminator skips its update; 0: never
        critic_threshold: f32 = "0.0", Rule::Below(f32::INFINITY), was "hold";
    }
    "Networks" {
        /// Learn to generate a chosen class, from the data's labels
        conditional: bool = "false", Rule::Switch;
        /// Width of the latent vector z; of each step's, for sequences from a GAN
        latent: usize = "100", Rule::Whole(0, 65536);
        /// Latent values of a sequence that all its steps share, beside the `latent` ones of each step
        latent_static: usize = "0", Rule::Whole(0, 65536);
        /// Distribution of z
        latent_dist: LatentDist = "normal", Rule::OneOf(LatentDist::WORDS);
        /// Layers of dcgan's networks: stages, one for each halving of the image's side; article, those of the article
        architecture: DcganArchitecture = "stages", Rule::OneOf(DcganArchitecture::WORDS);
        /// Base channel count of convolutional networks
        width: usize = "64", Rule::Whole(1, 4096);
        /// Hidden widths of a dense generator, input side first
        hidden_g: Vec<usize> = "256,512", Rule::Widths;
        /// Hidden widths of a dense discriminator, input side first
        hidden_d: Vec<usize> = "512,256", Rule::Widths;
        /// Random Fourier features in front of a dense discriminator, which show it fine detail in few coordinates; 0: none
        fourier_features: usize = "0", Rule::Whole(0, 65536), was "waves";
        /// Largest frequency of the Fourier features at the start, in radians per unit of a coordinate
        frequency: f32 = "3.0", Rule::Below(f32::INFINITY);
        /// Normalisation in the generator
        norm_g: Norm = "batch", Rule::OneOf(Norm::WORDS);
        /// Normalisation in the discriminator
        norm_d: Norm = "batch", Rule::OneOf(Norm::WORDS);
        /// Spectral normalisation of the discriminator's weights
        spectral: bool = "false", Rule::Switch;
        /// Decay per step of the averaged generator that samples are drawn from; 0: off
        ema: f32 = "0.0", Rule::Below(1.0);
        /// Samples that the discriminator judges together (PacGAN)
        pack: usize = "1", Rule::Whole(1, 64);
    }
    "Boltzmann machine" {
        /// Widths of its hidden layers, from below; 3 at most
        layers: Vec<usize> = "500,1000", Rule::Widths;
        /// Gibbs sweeps of contrastive divergence in the pretraining; several: one after the other, in equal parts
        cd: Vec<usize> = "1", Rule::Widths;
        /// Learning rate of the pretraining, divided by the number of sweeps
        lr_rbm: f32 = "0.05", Rule::Below(f32::INFINITY) => recorded;
        /// Rounds of mean-field updates that infer the hidden layers
        mean_field: usize = "10", Rule::Whole(0, 1000);
        /// Persistent chains, which stand for the model's own distribution
        chains: usize = "100", Rule::Whole(1, 65536);
        /// Gibbs sweeps of the chains at each step
        gibbs: usize = "1", Rule::Whole(1, 100);
        /// Learn from what differs from the units' running means (Montavon and Müller 2012)
        centring: bool = "true", Rule::Switch;
        /// Decay of the weights
        l2: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Pull of the hidden units' means to a target; 0: off
        sparsity: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// That target
        activity: f32 = "0.1", Rule::Below(1.0);
        /// Largest norm of the weights from the layer below to a hidden unit; 0: any
        max_norm: f32 = "0.0", Rule::Below(f32::INFINITY);
    }
    "Boltzmann machine in a game" {
        /// What the generator starts from: the machine's top layer, or noise as wide; features: the discriminator's, which
        /// the machine learns in the game, without learning before it
        prior: Prior = "frozen", Rule::OneOf(Prior::WORDS);
        /// Standard deviation of the noise on what the machine gives
        smoothing: f32 = "0.1", Rule::Below(f32::INFINITY);
        /// Weight of the critic's gradient beside the likelihood's in what a refreshed machine learns from (BEAM)
        critic_weight: f32 = "0.0", Rule::Below(1.0), was "opinion";
        /// Steps in which all layers of the machine learn before the game
        joint: u64 = "2000", Rule::Whole(1, MAX);
        /// Learning rate of the machine
        lr_dbm: f32 = "0.005", Rule::Below(f32::INFINITY) => recorded;
    }
    "Autoencoder" {
        /// Layers of the encoder, the decoder and what judges them
        net: Architecture = "dense", Rule::OneOf(Architecture::WORDS);
        /// Hidden widths of a dense encoder, input side first; the decoder has them in reverse
        hidden_e: Vec<usize> = "512,256", Rule::Widths;
        /// What the decoder says about each value
        likelihood: Likelihood = "bernoulli", Rule::OneOf(&["bernoulli", "gaussian"]);
        /// Draw each pixel as black or white by its grey level, anew at every step
        binarize: bool = "false", Rule::Switch;
    }
    "Recurrent" {
        /// Kind of recurrent layers
        cell: Cell = "lstm", Rule::OneOf(Cell::WORDS);
        /// Units of each of them; channels of a convolutional critic
        units: usize = "64", Rule::Whole(1, 512);
        /// How many of them lie on each other
        depth: usize = "1", Rule::Whole(1, 8);
        /// Whether encoders and critics run in both directions
        bidirectional: bool = "true", Rule::Switch;
        /// Layers of the critic
        critic: Critic = "recurrent", Rule::OneOf(Critic::WORDS);
        /// Whether a recurrent critic judges each step, not the whole
        each_step: bool = "false", Rule::Switch;
        /// Whether the generator sees its own last output
        feedback: bool = "false", Rule::Switch;
        /// Play between codes of sequences, whose next steps a supervisor predicts (TimeGAN)
        embedding: bool = "false", Rule::Switch;
        /// How random drawn symbols are: 1 as the model says, less for likelier ones
        temperature: f32 = "1.0", Rule::Below(f32::INFINITY);
    }
    "Variational bound" {
        /// Weight of the divergence from the prior
        beta: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Steps over which that weight rises from 0; 0: none
        warmup: u64 = "0", Rule::Whole(0, MAX);
        /// Nats of each latent variable that cost nothing
        free_bits: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Latent vectors drawn for each example; more than 1: the importance-weighted bound
        importance: usize = "1", Rule::Whole(1, 1000);
    }
    "Fusion" {
        /// Steps of each stage of the pretraining; 0: none
        pretrain: u64 = "0", Rule::Whole(0, MAX);
        /// How encoder and decoder take part in the game
        fusion: Fusion = "trunk", Rule::OneOf(Fusion::WORDS);
        /// Weight of the reconstruction in the decoder's loss
        gamma: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Cost at which discriminator and decoder are in balance
        equilibrium: f32 = "0.68", Rule::Below(f32::INFINITY);
        /// Distance from it at which the stronger side waits; 0: neither ever does
        margin: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Weight of the divergence of generated samples (introspective)
        beta_neg: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Error of generated samples over that of real ones (boundary)
        diversity: f32 = "0.5", Rule::Below(f32::INFINITY);
        /// Rate at which the balance is corrected (boundary)
        gain: f32 = "0.001", Rule::Below(f32::INFINITY);
    }
    "What is written" {
        /// Steps between lines of metrics.jsonl
        log_every: u64 = "10", Rule::Whole(1, MAX) => freely;
        /// Steps between sample images; 0: only at the end
        sample_every: u64 = "200", Rule::Whole(0, MAX) => freely;
        /// Steps between checkpoints; 0: only at the end
        checkpoint_every: u64 = "200", Rule::Whole(0, MAX) => freely;
        /// Newest checkpoints to keep
        keep: usize = "3", Rule::Whole(1, MAX) => freely;
        /// Samples in each image
        samples: usize = "64", Rule::Whole(1, 10000) => freely;
        /// Pictures in samples/ to keep, evenly over the run; 0: all
        keep_samples: usize = "0", Rule::Whole(0, MAX) => freely;
    }
}
