//! The settings whose values are words, as enums.

use serde::{Deserialize, Serialize};

use super::rule::{AUTO, Value};

/// Enums whose values are words.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $help:literal])+ $variant:ident = $word:literal,)+
    })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[doc = $help])+ #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word, in the order of the enum.
            pub const WORDS: &[&str] = &[$($word),+];

            /// `auto` and every word, for settings that may be left to the data.
            pub const OPTIONS: &[&str] = &[AUTO, $($word),+];

            /// The word that stands for this value in settings.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl Value for $name {
            fn parse(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
            fn text(&self) -> String {
                self.word().into()
            }
            fn toml(&self) -> String {
                format!("\"{}\"", self.word())
            }
        }
    )+};
}

words! {
    /// The game that the two networks play.
    Objective {
        /// The value function with logs; the generator's side saturates.
        Minimax = "minimax",
        /// The generator maximises log D(G(z)).
        NonSaturating = "non-saturating",
        /// Least squares.
        Lsgan = "lsgan",
        /// Wasserstein distance through a critic.
        Wgan = "wgan",
        /// Margins of one around zero.
        Hinge = "hinge",
        /// Real and generated samples compared in pairs.
        Relativistic = "relativistic",
    }
    /// The update rule of the networks.
    Optimizer {
        /// Adaptive moments.
        Adam = "adam",
        /// Adaptive moments, with decoupled weight decay.
        Adamw = "adamw",
        /// Gradient descent with momentum.
        Sgd = "sgd",
        /// Steps divided by a running root mean square.
        Rmsprop = "rmsprop",
    }
    /// How the learning rates change over the run.
    Schedule {
        /// Constant rates.
        Constant = "constant",
        /// Down to 0 in a straight line.
        Linear = "linear",
        /// Down to 0 along half a cosine.
        Cosine = "cosine",
        /// Down to a hundredth by the same factor at each step.
        Geometric = "geometric",
    }
    /// The kind of layers that a network is made of.
    Architecture {
        /// Dense layers.
        Dense = "dense",
        /// Strided convolutions and their transposes.
        Conv = "conv",
        /// Blocks of two convolutions beside a shorter way.
        Residual = "residual",
    }
    /// The layers of dcgan's networks.
    DcganArchitecture {
        /// A convolution for each halving of the side, down to 7 pixels or less.
        Stages = "stages",
        /// The layers of the article.
        Article = "article",
        /// Blocks of two convolutions beside a shorter way.
        Residual = "residual",
    }
    /// The distribution of each value that a decoder gives.
    Likelihood {
        /// A probability, for values that are 0 or 1.
        Bernoulli = "bernoulli",
        /// A mean, with one learned deviation for all.
        Gaussian = "gaussian",
        /// Probabilities of the symbols; sequences of symbols always have this one.
        Categorical = "categorical",
    }
    /// The kind of recurrent layers.
    Cell {
        /// Long short-term memory.
        Lstm = "lstm",
        /// Gated recurrent units, with the reset gate after the product.
        Gru = "gru",
        /// Gated recurrent units of TensorFlow 1: the reset gate before the product, and its initial values.
        TensorFlowGru = "tensorflow-gru",
    }
    /// The kind of layers that judge sequences.
    Critic {
        /// Recurrent layers.
        Recurrent = "recurrent",
        /// Convolutions along time.
        Conv = "conv",
    }
    /// The role of an autoencoder's encoder and decoder in the game.
    Fusion {
        /// The discriminator's trunk encodes, the generator decodes.
        Trunk = "trunk",
        /// The encoder judges by its own bound, the decoder generates (Soft-IntroVAE).
        Introspective = "introspective",
        /// The discriminator is an autoencoder that judges by its error (BEGAN).
        Boundary = "boundary",
    }
    /// The distribution of the latent vector.
    LatentDist {
        /// Independent standard normals.
        Normal = "normal",
        /// Independent uniforms on (-1, 1).
        Uniform = "uniform",
        /// Independent uniforms on (0, 1).
        Unit = "unit",
    }
    /// How gradients pass through generated symbols.
    Estimator {
        /// Critics see soft symbols, weights by Gumbel-softmax (Jang et al. 2017).
        Soft = "soft",
        /// Critics see hard symbols, whose gradient is that of soft ones (Jang et al. 2017, section 2.2).
        StraightThrough = "straight-through",
        /// Critics see hard symbols, and their judgement is a reward (Yu et al. 2017).
        Policy = "policy",
    }
    /// The features that a generator matches in place of its objective.
    Matching {
        /// None.
        Off = "false",
        /// The mean features of real samples.
        Means = "true",
        /// The features of one real sample for each generated one.
        Pairs = "pairs",
    }
    /// The input of the generator on top of a Boltzmann machine.
    Prior {
        /// The machine's top layer; the machine stays as it is.
        Frozen = "frozen",
        /// The machine's top layer, while the machine goes on learning slowly.
        Refreshed = "refreshed",
        /// The discriminator's features, which a machine learns while the game is on.
        Features = "features",
        /// Standard normals, as many as the top layer has units.
        Normal = "normal",
        /// Uniforms on [-1, 1].
        Uniform = "uniform",
        /// Fair coins.
        Bernoulli = "bernoulli",
    }
    /// What the symbols of a text are.
    Tokens {
        /// Characters.
        Characters = "characters",
        /// The most frequent words, and single signs.
        Words = "words",
        /// Bytes, and pairs of symbols that often follow each other.
        Bpe = "bpe",
    }
    /// The kind of examples of a data set.
    Layout {
        /// Images.
        Images = "images",
        /// Points: rows of numbers without order.
        Points = "points",
        /// Sequences of steps.
        Sequences = "sequences",
    }
    /// How images of other proportions are brought to the size.
    Fit {
        /// The middle of the image is cut out, as large as the proportions allow.
        Crop = "crop",
        /// The whole image, with borders at two sides.
        Pad = "pad",
        /// The whole image, out of proportion.
        Stretch = "stretch",
    }
    /// The values that stand for black and white.
    Range {
        /// 0 and 1.
        Unit = "0..1",
        /// -1 and 1.
        Symmetric = "-1..1",
        /// 0 and 255, whatever the type.
        Byte = "0..255",
        /// 0 and 65,535.
        Word = "0..65535",
        /// The smallest and the largest value that occur in the data.
        Data = "data",
    }
    /// The separator between the cells of a table.
    Separator {
        /// `,`
        Comma = "comma",
        /// `;`
        Semicolon = "semicolon",
        /// A tabulator.
        Tab = "tab",
        /// `|`
        Pipe = "pipe",
        /// One or more blanks.
        Blank = "blank",
    }
    /// The encoding of the rows of a table.
    Encode {
        /// Columns of plain numbers, scaled; all others are left out.
        None = "none",
        /// Numbers and dates by their ranks, as normal scores; texts as categories.
        Rank = "rank",
        /// Numbers by the components of a mixture of Gaussians (Xu et al. 2019).
        Modes = "modes",
    }
    /// The decimal mark of numbers.
    Decimal {
        /// `.`
        Point = "point",
        /// `,`
        Comma = "comma",
    }
    /// How the columns of a table are scaled for the model.
    Scale {
        /// No scaling.
        None = "none",
        /// 0 for the smallest value of a column, 1 for the largest.
        Range = "range",
        /// Mean 0 and standard deviation 1.
        Standard = "standard",
    }
    /// The order in which examples are picked.
    Order {
        /// A random order of all of them in each epoch.
        Random = "random",
        /// A random order of blocks of a file, and of the examples of a few blocks at a time.
        Blocks = "blocks",
    }
    /// The voices of music that are learned.
    Voices {
        /// The highest one, as symbols.
        Highest = "highest",
        /// All, as a roll of a piano's keys.
        All = "all",
    }
    /// The normalisation of a network's layers.
    Norm {
        /// Over the batch.
        Batch = "batch",
        /// Over each sample.
        Layer = "layer",
        /// None.
        None = "none",
    }
}
