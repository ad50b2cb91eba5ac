//! The table of settings: one row defines one setting completely.
//!
//! `name: type = default, rule, before value, was old => resume;` where `before` is the value in runs that were written
//! before the setting existed, `was` is an earlier name, which is still accepted, and `resume` (`freely` or `recorded`)
//! says how a resumed run may change the setting; without it, not at all.

use serde::Serialize;

use super::augment::Augment;
use super::rule::{MAX, Rule, Size, Value};
use super::words::{
    Architecture, Cell, Critic, DcganArchitecture, Decimal, Encode, Estimator, Fit, Fusion, LatentDist, Layout,
    Likelihood, Matching, Norm, Objective, Optimizer, Order, Prior, Range, Scale, Schedule, Separator, Tokens, Voices,
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
            /// Names of the settings that the variant has; only these are written to `run.toml`.
            #[serde(skip)]
            pub relevant: Vec<&'static str>,
            /// Changes of settings at resumes, in order.
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
        /// Model to train; `saddle variants` lists all models
        variant: String = "dcgan", Rule::Text;
        /// Named group of settings of the variant to start from; without one, the group with the name of the data, if
        /// it exists
        preset: String = "default", Rule::Text;
        /// Training data: a built-in set, or a path to IDX, images, CSV, npy, npz, txt or MIDI; `saddle variants` lists
        /// the sets
        data: String = "digits", Rule::Text => freely;
    }
    "How data is read" {
        /// Kind of the examples; auto: decided by the variant and the look of the data
        layout: Option<Layout> = "auto", Rule::OneOf(Layout::OPTIONS);
        /// Whether folders, files and npz members named train and test are the two parts of the data; false: they are
        /// like any other
        split: bool = "true", Rule::Switch;
        /// Whether the folders of images, or labels, are classes; false: all examples are one set without classes
        classes: bool = "true", Rule::Switch;
        /// Share of the examples to hold out for evaluation, if the data has no test part; 0: none
        holdout: f32 = "0.1", Rule::Below(0.9), before "0.0";
        /// Values of black and white in arrays and images; data: the smallest and largest value; auto: the narrowest
        /// range that fits
        range: Option<Range> = "auto", Rule::OneOf(Range::OPTIONS);
        /// Whether the first row of a table holds the names of its columns; auto: judged by its cells
        header: Option<bool> = "auto", Rule::Auto(&Rule::Switch);
        /// Separator between the cells of a table; auto: judged by its first rows
        separator: Option<Separator> = "auto", Rule::OneOf(Separator::OPTIONS);
        /// Decimal mark of the numbers of a table; auto: judged by its cells
        decimal: Option<Decimal> = "auto", Rule::OneOf(Decimal::OPTIONS);
        /// Columns of a table to learn, names separated by commas; auto: all numeric columns that measure something
        columns: Option<String> = "auto", Rule::Auto(&Rule::Text);
        /// Column of a table that names the series of each row; no window spans two series; none: one series; auto: a
        /// column that looks like it
        group: Option<String> = "auto", Rule::Auto(&Rule::Text);
        /// Whether texts, and numbers of few values, that are the same in all rows of a series are learned with it
        statics: bool = "true", Rule::Switch, before "false";
        /// How the rows of a table with texts, dates or gaps are learned; auto: by ranks where a column is not of plain
        /// numbers; modes: as CTGAN does; none: columns of plain numbers only
        encode: Option<Encode> = "auto", Rule::OneOf(Encode::OPTIONS), before "none";
        /// Types of columns of a table, COLUMN=TYPE separated by commas: number, category, date, date:d/m/Y, id, skip,
        /// or learned, though it follows from others; auto: found from the cells
        types: Option<String> = "auto", Rule::Auto(&Rule::Text);
        /// Whether columns of a table that follow from others in all rows are computed, and what is never below others
        /// is learned from there on, so that samples keep that too
        derive: bool = "true", Rule::Switch, before "false";
        /// Cells of a table that are gaps, separated by commas; auto: NA, N/A, NaN, null, None, ? and the like
        missing: Option<String> = "auto", Rule::Auto(&Rule::Text);
        /// Most values of a category that are learned one by one; the others are one
        levels: usize = "200", Rule::Whole(2, 65535);
        /// Rows that a value of a category has at least; rarer ones are one value, `other`, and none of them is kept;
        /// 0: all are kept
        rare: usize = "0", Rule::Whole(0, 65535);
        /// Scaling of the columns of files; auto: points to mean 0 and standard deviation 1, sequences to the range 0
        /// to 1
        scale: Option<Scale> = "auto", Rule::OneOf(Scale::OPTIONS), before "none";
        /// Symbols of a text: characters; the most frequent words; bpe, pairs of bytes, which spell everything
        tokens: Tokens = "characters", Rule::OneOf(Tokens::WORDS);
        /// Number of words or byte pairs in the alphabet of a text; 0: 10000 words, 2000 byte pairs
        vocabulary: usize = "0", Rule::Whole(0, 65000);
        /// Whether each line of a text is a sequence of its own, which ends where the line ends
        lines: bool = "false", Rule::Switch;
        /// Encoding of texts and tables, such as utf-8, utf-16 or windows-1252; auto: by its mark, else guessed
        encoding: Option<String> = "auto", Rule::Auto(&Rule::Text);
    }
    "The run" {
        /// Number of training steps, including pretraining
        steps: u64 = "2000", Rule::Whole(1, MAX) => recorded;
        /// Number of examples in a batch; a multiple of `pack`
        batch: usize = "64", Rule::Whole(1, 65536);
        /// Number of equal parts of a batch that are computed one after the other, which takes less memory; what looks
        /// at a batch as a whole, such as batch norm, sees one part
        accumulate: usize = "1", Rule::Whole(1, 1024);
        /// Seed of all random numbers of the run
        seed: u64 = "0", Rule::Whole(0, MAX);
        /// Run whose networks this one starts from, RUN or RUN@STEP, by the names and shapes of their tensors; none
        init: String = "none", Rule::Text;
        /// Device by index or name, or cpu; a list, such as 0,1: devices that share each batch; auto: the best one
        adapter: Option<String> = "auto", Rule::Auto(&Rule::Text) => freely;
        /// Whether examples are read while training, in place of lying on the device; auto: where they do not fit
        stream: Option<bool> = "auto", Rule::Auto(&Rule::Switch) => freely;
        /// Order of the examples of an epoch; blocks: whole blocks of a packed file are read one after the other, and
        /// mixed, for disks that dislike random reads
        order: Order = "random", Rule::OneOf(Order::WORDS);
        /// Whether matrix units, if the device has them, multiply in half precision; sums stay in single precision
        half: bool = "false", Rule::Switch;
    }
    "Optimiser" {
        /// Update rule of the networks; adamw: adam with decoupled weight decay
        optimizer: Optimizer = "adam", Rule::OneOf(Optimizer::WORDS);
        /// Learning rate; in a GAN, the generator's
        lr_g: f32 = "0.0002", Rule::Below(f32::INFINITY) => recorded;
        /// Decay per update of the first moment (adam)
        beta1: f32 = "0.5", Rule::Below(1.0) => recorded;
        /// Decay per update of the second moment (adam) or of the mean square (rmsprop)
        beta2: f32 = "0.999", Rule::Below(1.0) => recorded;
        /// Momentum: share of the last update that the next one keeps (sgd, Boltzmann machines)
        momentum: f32 = "0.9", Rule::Below(1.0) => recorded;
        /// Weight decay: share of every parameter, times the learning rate, that an update takes away (adamw)
        weight_decay: f32 = "0.01", Rule::Below(f32::INFINITY) => recorded;
        /// Factor of the parameters that is added to their gradient, as `weight_decay` of PyTorch's Adam is; 0: off
        decay: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Course of the learning rates over the run: linear and cosine fall to 0, geometric to a hundredth
        schedule: Schedule = "constant", Rule::OneOf(Schedule::WORDS) => recorded;
        /// Largest norm of a network's gradient, which is scaled down to it; 0: no limit
        grad_clip: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
    }
    "Images" {
        /// Grey images that are stacked as colour channels of one example; 1: none; 3: 1000 modes from ten digits
        stack: usize = "1", Rule::OneOf(&["1", "3"]);
        /// Side of square images in pixels, or WIDTHxHEIGHT; auto: that of the data, of folders 64
        size: Option<Size> = "auto", Rule::Auto(&Rule::Size);
        /// How images of other proportions are brought to the size; pad: with borders; auto: crop, but pad arrays that
        /// are at most 8 pixels smaller
        fit: Option<Fit> = "auto", Rule::OneOf(Fit::OPTIONS);
        /// Channels: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha); auto: those of the data
        channels: Option<usize> = "auto", Rule::Auto(&Rule::Whole(1, 4));
        /// Whether image files keep their transparency as a channel, if any has some; false: they lie on white; auto:
        /// if a tenth of them or more have some
        alpha: Option<bool> = "auto", Rule::Auto(&Rule::Switch), before "false";
        /// Whether each image that is drawn is mirrored, left to right, with probability 1/2
        mirror: bool = "false", Rule::Switch;
    }
    "Sequences" {
        /// Steps of a sequence; auto: 24 rows of a table, 64 symbols of text or MIDI, the longest of `lines`, else the
        /// length in the data
        window: Option<usize> = "auto", Rule::Auto(&Rule::Whole(2, 4096));
        /// Steps from the start of one sequence to the start of the next; auto: 1 row of a table, or half a window of
        /// symbols
        stride: Option<usize> = "auto", Rule::Auto(&Rule::Whole(1, 4096));
        /// Voices of music; highest: a melody, whose steps are symbols; all: a roll of a piano's 88 keys
        voices: Voices = "highest", Rule::OneOf(Voices::WORDS);
        /// Steps of a quarter note in music; 12 has room for triplets; auto: 4, in a .mat file 1
        steps_per_beat: Option<usize> = "auto", Rule::Auto(&Rule::Whole(1, 96));
        /// Whether music is learned in all keys: each piece also moved by -5 to +6 half tones
        transpose: bool = "false", Rule::Switch;
    }
    "Objective" {
        /// Objective of the game between generator and discriminator
        objective: Objective = "non-saturating", Rule::OneOf(Objective::WORDS);
        /// Weight of the penalty on the discriminator's gradient at real samples (R1); 0: off
        r1: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Weight of the penalty on the discriminator's gradient at generated samples (R2); 0: off
        r2: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Weight of the penalty that pulls the norm of the discriminator's gradient between real and generated samples
        /// to 1 (WGAN-GP); 0: off
        gp: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Weight of the penalty that pulls the norm of the discriminator's gradient near real samples to 1 (DRAGAN);
        /// 0: off
        dragan: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Weight of the penalty on logits that lie beyond the running mean of the other kind of samples (LeCam); 0:
        /// off
        lecam: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// One-sided label smoothing: the discriminator's target for real samples is 1 - smooth; 0: off
        smooth: f32 = "0.0", Rule::Below(0.5);
        /// Learning rate of the discriminator
        lr_d: f32 = "0.0002", Rule::Below(f32::INFINITY) => recorded;
        /// Update rule of the discriminator; auto: `optimizer`
        optimizer_d: Option<Optimizer> = "auto", Rule::OneOf(Optimizer::OPTIONS);
        /// `beta1` of the discriminator; auto: the same
        beta1_d: Option<f32> = "auto", Rule::Auto(&Rule::Below(1.0)) => recorded;
        /// `beta2` of the discriminator; auto: the same
        beta2_d: Option<f32> = "auto", Rule::Auto(&Rule::Below(1.0)) => recorded;
        /// `momentum` of the discriminator; auto: the same
        momentum_d: Option<f32> = "auto", Rule::Auto(&Rule::Below(1.0)) => recorded;
        /// `weight_decay` of the discriminator; auto: the same
        weight_decay_d: Option<f32> = "auto", Rule::Auto(&Rule::Below(f32::INFINITY)) => recorded;
    }
    "Game" {
        /// Discriminator updates per generator update
        critic_steps: usize = "1", Rule::Whole(1, 1000);
        /// Largest magnitude of every weight of the discriminator, enforced after each update (WGAN); 0: off
        clip: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// Standard deviation of noise added to the discriminator's input, falling linearly from this value to 0 over
        /// the run; 0: off
        noise: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Weight, in the generator's loss, of the distance between means and deviations of real and generated values;
        /// 0: off
        moments: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Whether the generator matches the discriminator's features of real samples, in place of its objective; true:
        /// their means; pairs: those of one real sample for each generated one
        matching: Matching = "false", Rule::OneOf(Matching::WORDS);
        /// Loss of the discriminator below which it skips its update; 0: never
        critic_threshold: f32 = "0.0", Rule::Below(f32::INFINITY), was "hold";
        /// A network skips its update while its last loss is below this share of the other network's; 0: never
        freeze: f32 = "0.0", Rule::Below(1.0);
        /// Number of first layers of the discriminator that stay as `init` has them (FreezeD); 0: none
        freeze_d: usize = "0", Rule::Whole(0, 64) => recorded;
    }
    "Few images" {
        /// Random changes of real and generated images before the discriminator sees them: any of colour, translation,
        /// cutout (DiffAugment) and flip; adaptive: colour and geometry, as often as the discriminator overfits (ADA);
        /// none. The images of a stack are changed together, as one
        augment: Augment = "none", Rule::Augment;
        /// Mean sign of the logits of real images above which `augment=adaptive` changes images more often
        ada_target: f32 = "0.6", Rule::Below(1.0) => recorded;
        /// Thousands of images in which the probability of `augment=adaptive` can rise from 0 to 1
        ada_kimg: f32 = "500.0", Rule::Below(f32::INFINITY) => recorded;
        /// Weight of the penalty on how far `augment` moves the logits of real images (CR); above 0, the game itself is
        /// played on images as they are
        cr: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
        /// The same for generated images (bCR)
        cr_fake: f32 = "0.0", Rule::Below(f32::INFINITY) => recorded;
    }
    "Labels" {
        /// Number of examples whose classes are learned, by the discriminator beside real from generated (the game,
        /// with its penalties, then counts half), or by what `finetune` makes of a machine; 0: none, or all by
        /// `finetune`. They are chosen by the seed, of each class as many as of the others; other labels stay unseen
        labelled: usize = "0", Rule::Whole(0, MAX);
        /// Deviation of Gaussian noise that is added to the inputs of each layer of a discriminator while training
        noise_d: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Whether the discriminator's weights are directions, each with a learned length (weight normalisation)
        weight_norm: bool = "false", Rule::Switch;
        /// Decay per step of the averaged discriminator weights with which `classify` and `encode` look at examples; 0:
        /// no average
        ema_d: f32 = "0.0", Rule::Below(1.0);
    }
    "Networks" {
        /// Whether the model learns to generate a chosen class, from the labels of the data
        conditional: bool = "false", Rule::Switch;
        /// Whether a conditional discriminator compares its features with a vector for each class, in place of a plane
        /// for each class beside the image (Miyato and Koyama 2018)
        projection: bool = "false", Rule::Switch;
        /// Length of the latent vector z; for sequences from a GAN, its length per step
        latent: usize = "100", Rule::Whole(0, 65536);
        /// Number of latent values that all steps of a sequence share, in addition to the `latent` ones of each step
        latent_static: usize = "0", Rule::Whole(0, 65536);
        /// Distribution of the latent vector z; uniform: on (-1, 1); unit: uniform on (0, 1)
        latent_dist: LatentDist = "normal", Rule::OneOf(LatentDist::WORDS);
        /// Layers of dcgan's networks: stages, one for each halving of the image's side; article, those of the article;
        /// residual, a block of two convolutions and a shorter way for each halving (Miyato et al. 2018)
        architecture: DcganArchitecture = "stages", Rule::OneOf(DcganArchitecture::WORDS);
        /// Base channel count of convolutional networks
        width: usize = "64", Rule::Whole(1, 4096);
        /// Widths of the hidden layers of a dense generator, input side first
        hidden_g: Vec<usize> = "256,512", Rule::Widths;
        /// Widths of the hidden layers of a dense discriminator, input side first
        hidden_d: Vec<usize> = "512,256", Rule::Widths;
        /// Whether each layer of a dense generator also passes on its input, beside its output (Xu et al. 2019)
        residual_g: bool = "false", Rule::Switch;
        /// Share of the outputs of each layer of a dense discriminator that is dropped while training
        dropout_d: f32 = "0.0", Rule::Below(1.0);
        /// Number of random Fourier features before a dense discriminator, which help with fine detail in few
        /// coordinates; 0: none
        fourier_features: usize = "0", Rule::Whole(0, 65536), was "waves";
        /// Largest initial frequency of the Fourier features, in radians per unit of a coordinate
        frequency: f32 = "3.0", Rule::Below(f32::INFINITY);
        /// Normalisation of the generator's layers
        norm_g: Norm = "batch", Rule::OneOf(Norm::WORDS);
        /// Normalisation of the discriminator's layers
        norm_d: Norm = "batch", Rule::OneOf(Norm::WORDS);
        /// Whether the discriminator's weights are divided by their largest singular value (spectral normalisation)
        spectral: bool = "false", Rule::Switch;
        /// Decay per step of the averaged generator weights with which samples are drawn, and `lstm` is measured; 0:
        /// no average
        ema: f32 = "0.0", Rule::Below(1.0);
        /// Number of samples that the discriminator judges together (PacGAN); 1: each alone
        pack: usize = "1", Rule::Whole(1, 64);
    }
    "Boltzmann machine" {
        /// Widths of the machine's hidden layers, lowest first; 3 layers at most
        layers: Vec<usize> = "500,1000", Rule::Widths;
        /// Gibbs sweeps per update of contrastive divergence in the pretraining; a list: one number after the other, in
        /// equal parts, 4 at most
        cd: Vec<usize> = "1", Rule::Widths;
        /// Learning rate of the pretraining; it is divided by the number of sweeps in `cd`
        lr_rbm: f32 = "0.05", Rule::Below(f32::INFINITY) => recorded;
        /// Rounds of mean-field updates that infer the hidden layers from an example
        mean_field: usize = "10", Rule::Whole(0, 1000);
        /// Number of persistent Markov chains, which represent the model's own distribution
        chains: usize = "100", Rule::Whole(1, 65536);
        /// Gibbs sweeps of the chains per training step
        gibbs: usize = "1", Rule::Whole(1, 100);
        /// Whether gradients are taken relative to the units' running means (Montavon and Müller 2012)
        centring: bool = "true", Rule::Switch;
        /// Coefficient of the weight decay (L2); 0: off
        l2: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Strength that pulls the mean activity of hidden units to `activity`; 0: off
        sparsity: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Mean activity, from 0 to 1, that `sparsity` pulls hidden units to
        activity: f32 = "0.1", Rule::Below(1.0);
        /// Largest norm of a hidden unit's weights from the layer below; 0: no limit
        max_norm: f32 = "0.0", Rule::Below(f32::INFINITY);
    }
    "Classifier" {
        /// Training steps, the last ones, in which a classifier that starts as the machine learns the classes of the
        /// data; 0: none
        finetune: u64 = "0", Rule::Whole(0, MAX);
        /// Learning rate of that classifier
        lr_finetune: f32 = "0.001", Rule::Below(f32::INFINITY) => recorded;
        /// Share of its hidden units that is dropped while it learns, and two fifths of it of the visible ones
        dropout_finetune: f32 = "0.5", Rule::Below(1.0);
    }
    "Boltzmann machine in a game" {
        /// Input of the generator: the machine's top layer (frozen, refreshed), noise of the same width, or features of
        /// the discriminator, which the machine learns only during the game
        prior: Prior = "frozen", Rule::OneOf(Prior::WORDS);
        /// Standard deviation of the noise added to the machine's values before the generator reads them; 0: none
        smoothing: f32 = "0.1", Rule::Below(f32::INFINITY);
        /// Share of the critic's gradient in the update of a refreshed machine, beside that of the likelihood (BEAM);
        /// 0: none
        critic_weight: f32 = "0.0", Rule::Below(1.0), was "opinion";
        /// Training steps in which all layers of the machine learn together, before the game
        joint: u64 = "2000", Rule::Whole(1, MAX);
        /// Learning rate of the machine while all its layers learn together
        lr_dbm: f32 = "0.005", Rule::Below(f32::INFINITY) => recorded;
    }
    "Autoencoder" {
        /// Kind of layers of the encoder, the decoder and the discriminator
        net: Architecture = "dense", Rule::OneOf(Architecture::WORDS);
        /// Widths of the hidden layers of a dense encoder, input side first; the decoder has them in reverse
        hidden_e: Vec<usize> = "512,256", Rule::Widths;
        /// Distribution of each decoded value: bernoulli for values between 0 and 1, gaussian with one learned
        /// deviation
        likelihood: Likelihood = "bernoulli", Rule::OneOf(&["bernoulli", "gaussian"]);
        /// Whether each pixel is drawn as black or white, with its grey level as the probability of white, anew at
        /// every step
        binarize: bool = "false", Rule::Switch;
    }
    "Recurrent" {
        /// Kind of the recurrent layers; tensorflow-gru: the reset gate before the product
        cell: Cell = "lstm", Rule::OneOf(Cell::WORDS);
        /// Units of each recurrent layer; channels of a convolutional critic
        units: usize = "64", Rule::Whole(1, 16384);
        /// Number of stacked recurrent layers
        depth: usize = "1", Rule::Whole(1, 8);
        /// Share of the states of each recurrent layer of what writes step by step (lstm, or with feedback) that is
        /// dropped on the way to the next layer while training
        dropout: f32 = "0.0", Rule::Below(1.0);
        /// Whether encoders and critics run in both directions of time
        bidirectional: bool = "true", Rule::Switch;
        /// Kind of layers of the critic, the discriminator of sequences
        critic: Critic = "recurrent", Rule::OneOf(Critic::WORDS);
        /// Whether a recurrent critic judges each step; false: the whole sequence
        each_step: bool = "false", Rule::Switch;
        /// Whether generators and decoders also read the step before; auto: where the steps are symbols
        feedback: Option<bool> = "auto", Rule::Auto(&Rule::Switch), before "false";
        /// Share of the steps before that a decoder does not see while training, so that it needs the latent vector
        word_dropout: f32 = "0.0", Rule::Below(1.0);
        /// Whether the game is played between codes of sequences, whose next steps a supervisor predicts (TimeGAN)
        embedding: bool = "false", Rule::Switch;
        /// Temperature of drawn values: 1 follows the model, less prefers likelier values; in GANs of symbols, whose
        /// samples follow the model: that of the Gumbel-softmax in training
        temperature: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Temperature of the Gumbel-softmax at the end of the training, which it approaches by equal factors; auto: as
        /// at the start
        temperature_end: Option<f32> = "auto", Rule::Auto(&Rule::Below(f32::INFINITY));
        /// How gradients pass through generated symbols; straight-through and policy: the critic sees hard symbols
        estimator: Estimator = "straight-through", Rule::OneOf(Estimator::WORDS), before "soft";
        /// Factor between the rewards of a symbol for the critic's judgements of one step and of the next (policy)
        discount: f32 = "0.23", Rule::Below(1.000001);
    }
    "Prediction" {
        /// Whether the windows of a text follow each other in training, and states are carried from one to the next
        carry: bool = "false", Rule::Switch;
    }
    "Variational bound" {
        /// Weight of the divergence from the prior in the loss
        beta: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Training steps over which the weight `beta` rises from 0 to its value; 0: at once
        warmup: u64 = "0", Rule::Whole(0, MAX);
        /// Number of times that the weight `beta` rises, in equal parts of the training (Fu et al. 2019); 1: once
        cycles: u64 = "1", Rule::Whole(1, 100);
        /// Nats of divergence of each latent variable that cost nothing; 0: all count
        free_bits: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Number of latent vectors drawn for each example; more than 1: the importance-weighted bound
        importance: usize = "1", Rule::Whole(1, 1000);
    }
    "Fusion" {
        /// Training steps of each stage of the pretraining; 0: no pretraining
        pretrain: u64 = "0", Rule::Whole(0, MAX);
        /// Learning rate of what is pretrained by likelihood or its bound; auto: as `lr_g`
        lr_pretrain: Option<f32> = "auto", Rule::Auto(&Rule::Below(f32::INFINITY));
        /// Role of the autoencoder in the game; trunk: its encoder is part of the discriminator; introspective:
        /// Soft-IntroVAE; boundary: BEGAN
        fusion: Fusion = "trunk", Rule::OneOf(Fusion::WORDS);
        /// Weight of the reconstruction error in the decoder's loss, and in the encoder's where it is the
        /// discriminator's trunk
        gamma: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Weight of reconstructions, and of samples, in the losses of the game; 0.5: both together count as much as
        /// the real samples
        fake_weight: f32 = "0.5", Rule::Below(f32::INFINITY);
        /// Cost of the discriminator, in nats, at which it and the decoder are in balance
        equilibrium: f32 = "0.68", Rule::Below(f32::INFINITY);
        /// How far a cost may be from `equilibrium` before the stronger side skips its update; 0: never
        margin: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Weight of the divergence of generated samples in the encoder's loss (introspective)
        beta_neg: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Target ratio of the error of generated samples to that of real ones (boundary)
        diversity: f32 = "0.5", Rule::Below(f32::INFINITY);
        /// Step size of the correction that keeps the ratio at `diversity` (boundary)
        gain: f32 = "0.001", Rule::Below(f32::INFINITY);
    }
    "Tables" {
        /// Number of Gaussians of the mixture that is fitted to the codes of rows, from which samples start; 0: samples
        /// start from the prior
        codes: usize = "0", Rule::Whole(0, 1000);
        /// Whether the generator is given a value of a category that its row has, and rows with rare values are learned
        /// more often: training by sampling (Xu et al. 2019)
        by_value: bool = "false", Rule::Switch;
        /// Whether samples are corrected so that each value has its share of the rows, and each number its ranks
        calibrate: bool = "false", Rule::Switch;
    }
    "What is written" {
        /// Training steps between lines of metrics.jsonl
        log_every: u64 = "10", Rule::Whole(1, MAX) => freely;
        /// Training steps between pictures of samples; 0: only at the end
        sample_every: u64 = "200", Rule::Whole(0, MAX) => freely;
        /// Training steps between checkpoints; 0: only at the end
        checkpoint_every: u64 = "200", Rule::Whole(0, MAX) => freely;
        /// Number of newest checkpoints to keep
        keep: usize = "3", Rule::Whole(1, MAX) => freely;
        /// Number of samples in each picture
        samples: usize = "64", Rule::Whole(1, 10000) => freely;
        /// Number of pictures in samples/ to keep, spread evenly over the run; 0: all
        keep_samples: usize = "0", Rule::Whole(0, MAX) => freely;
        /// Whether metrics and pictures are also written as event files of TensorBoard, to tensorboard/
        tensorboard: bool = "false", Rule::Switch => freely;
    }
}
