//! The networks of a model: one interface to dense, convolutional and recurrent networks.

use super::{
    conv::Conv,
    dense::Dense,
    distribution::{Distribution, Values},
    game::Judgement,
    heads::Heads,
    hidden::Hidden,
    recurrent::Recurrent,
    residual::Residual,
};
use crate::{
    error::{Error, Result},
    graph::Var,
    models::{Examples, image_shape},
    nn::{Mode, Net, Start},
    settings::{Architecture, Likelihood, Norm, Settings},
};

/// The networks that a variant's `build` has chosen for its examples.
pub struct Networks {
    /// How weights start.
    pub start: Start,
    /// Normalisation in generator and discriminator.
    pub norms: [Norm; 2],
    /// Number of values in a latent vector.
    pub latent: usize,
    /// The distribution p(x | z) whose parameters a decoder returns.
    pub distribution: Distribution,
    /// Shape of an example, as networks see it.
    pub shape: Vec<usize>,
    /// The choices and scalars of a row of a table.
    heads: Option<Heads>,
    /// Whether samples are corrected by what calibration finds.
    calibrate: bool,
    /// Whether draws of choices follow their probabilities, whatever the temperature.
    is_in_game: bool,
    family: Family,
}

enum Family {
    Dense(Dense),
    Conv(Conv),
    Residual(Residual),
    Recurrent(Recurrent),
}

impl Networks {
    /// Dense networks, for images and points.
    pub fn dense(s: &Settings, examples: &Examples) -> Self {
        let distribution = distribution(s, examples);
        let norms = [s.norm_g, s.norm_d];
        let family = Family::Dense(Dense::of(s));
        let heads = examples.heads();
        let shape = heads.as_ref().map_or(examples.shape.clone(), |heads| vec![heads.width()]);
        let (calibrate, is_in_game) = (s.calibrate && heads.is_some(), false);
        Self {
            start: Start::Uniform,
            norms,
            latent: s.latent,
            distribution,
            family,
            shape,
            heads,
            calibrate,
            is_in_game,
        }
    }

    /// Convolutional networks, for images.
    ///
    /// # Errors
    /// Examples that are not images, or whose sides cannot be halved.
    pub fn conv(s: &Settings, examples: &Examples) -> Result<Self> {
        image_shape(&s.variant, examples)?;
        Ok(Self { start: Start::Dcgan, family: Family::Conv(Conv::of(s)), ..Self::dense(s, examples) })
    }

    /// Residual networks, for images.
    ///
    /// # Errors
    /// Those of [`Networks::conv`].
    pub fn residual(s: &Settings, examples: &Examples) -> Result<Self> {
        let classes = if s.conditional { examples.classes } else { 0 };
        let family = Family::Residual(Residual { conv: Conv::of(s), classes });
        Ok(Self { start: Start::Xavier, family, ..Self::conv(s, examples)? })
    }

    /// Recurrent networks, for sequences: without normalisation. The latent vector holds the static values first, then
    /// the values of each time step.
    pub fn recurrent(s: &Settings, examples: &Examples) -> Self {
        let recurrent = Recurrent::of(s, examples);
        // A generator of symbols draws each of them, and needs no other noise at each step.
        let fresh = if recurrent.symbols > 0 && recurrent.feedback { 0 } else { s.latent * examples.shape[0] };
        let latent = (s.latent_static + fresh).max(1);
        Self {
            start: Start::Xavier,
            norms: [Norm::None; 2],
            latent,
            family: Family::Recurrent(recurrent),
            ..Self::dense(s, examples)
        }
    }

    /// The networks of an autoencoder: recurrent for sequences; for other examples the setting `net` chooses.
    ///
    /// # Errors
    /// Settings that do not fit the examples.
    pub fn autoencoder(s: &Settings, examples: &Examples) -> Result<Self> {
        if examples.shape.len() == 2 {
            let start = if examples.symbols() || examples.roll() { Start::Xavier } else { Start::Uniform };
            return Ok(Self { start, latent: s.latent, ..Self::recurrent(s, examples) });
        }
        match s.net {
            Architecture::Conv => return Self::conv(s, examples),
            Architecture::Residual => return Self::residual(s, examples),
            Architecture::Dense => {}
        }
        if examples.shape.len() == 1 && examples.heads().is_none() && s.likelihood == Likelihood::Bernoulli {
            return Err(Error::usage(
                "points have no Bernoulli likelihood: set likelihood=gaussian, or, for rows of a table, encode=rank",
            ));
        }
        if examples.shape.len() == 1 && s.binarize {
            return Err(Error::usage("`binarize` is for images"));
        }
        Ok(Self::dense(s, examples))
    }

    /// The same in a game of symbols: a critic sees draws that follow the probabilities, so samples follow them too,
    /// and the setting `temperature` is only that of soft draws.
    pub fn in_game(mut self) -> Self {
        self.is_in_game = true;
        if self.distribution.likelihood == Likelihood::Categorical {
            self.distribution.temperature = 1.0;
        }
        self
    }

    /// z `[B, latent]` -> samples of a GAN's generator, `[B, ..shape]`.
    pub fn generate<'g>(&self, net: &Net<'g>, z: Var<'g>) -> Var<'g> {
        match &self.family {
            Family::Dense(dense) => {
                let y = dense.generate(net, z, &self.shape);
                self.heads.as_ref().map_or(y, |heads| self.drawn(net, heads, y, 1.0, false))
            }
            Family::Conv(conv) => conv.decode(net, z, &self.shape).tanh(),
            Family::Residual(residual) => residual.decode(net, z, &self.shape).tanh(),
            Family::Recurrent(recurrent) => recurrent.generate(net, &self.distribution, z, &self.shape),
        }
    }

    /// What a GAN's dense generator gives for z, before draws of the values of a table: `[B, width]`.
    pub fn undrawn<'g>(&self, net: &Net<'g>, z: Var<'g>) -> Var<'g> {
        match &self.family {
            Family::Dense(dense) => dense.generate(net, z, &self.shape),
            Family::Conv(_) | Family::Residual(_) | Family::Recurrent(_) => self.generate(net, z),
        }
    }

    /// The features and logits of a GAN's discriminator for samples x `[B, ..shape]`.
    pub fn judge<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Judgement<'g> {
        match &self.family {
            Family::Dense(dense) => dense.judge(net, x),
            Family::Conv(conv) => Judgement::of(net, conv.encode(net, x)),
            Family::Residual(residual) => Judgement::of(net, residual.summed(net, x)),
            Family::Recurrent(recurrent) => recurrent.judge(net, x),
        }
    }

    /// x `[B, ..shape]` -> features `[B, F]` of an encoder.
    pub fn encode<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Var<'g> {
        self.hidden(net, x).features
    }

    /// x `[B, ..shape]` -> the hidden layers of an encoder.
    pub fn hidden<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Hidden<'g> {
        match &self.family {
            Family::Dense(dense) => dense.encode(net, x).into(),
            Family::Conv(conv) => conv.encode(net, x),
            Family::Residual(residual) => residual.encode(net, x),
            Family::Recurrent(recurrent) => recurrent.encode(net, x),
        }
    }

    /// x `[B, ..shape]` -> the hidden layers of a critic beside an autoencoder.
    pub fn critic<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Hidden<'g> {
        match &self.family {
            Family::Recurrent(recurrent) => recurrent.features(net, x),
            _ => self.hidden(net, x),
        }
    }

    /// z `[B, latent]` -> the parameters of the distribution of an example, `[B, ..shape]`: logits of pixels and
    /// symbols, means of points, means of series before their sigmoid.
    pub fn decode<'g>(&self, net: &Net<'g>, z: Var<'g>) -> Var<'g> {
        match &self.family {
            Family::Dense(dense) => dense.decode(net, z, &self.shape),
            Family::Conv(conv) => conv.decode(net, z, &self.shape),
            Family::Residual(residual) => residual.decode(net, z, &self.shape),
            Family::Recurrent(recurrent) => recurrent.decode(net, z, &self.shape),
        }
    }

    /// Whether decoder or generator see the steps before, so that [`Networks::predict`] is more than
    /// [`Networks::decode`].
    pub fn predicts(&self) -> bool {
        matches!(&self.family, Family::Recurrent(recurrent) if recurrent.feedback)
    }

    /// The parameters of the distribution of the examples x, as [`Networks::decode`] gives them; a decoder with
    /// `feedback` predicts each step given z and the steps before it (Bowman et al. 2016).
    pub fn predict<'g>(&self, net: &Net<'g>, z: Var<'g>, x: Var<'g>) -> Var<'g> {
        match &self.family {
            Family::Recurrent(recurrent) if recurrent.feedback => recurrent.predict(net, z, x, &self.shape),
            _ => self.decode(net, z),
        }
    }

    /// log p of each symbol of x `[B, T]`, given z and the symbols before it.
    pub fn log_likelihood_of_symbols<'g>(&self, net: &Net<'g>, z: Var<'g>, x: Var<'g>) -> Var<'g> {
        self.distribution.log_likelihood_of_symbols(x, self.predict(net, z, x))
    }

    /// z `[B, latent]` -> samples of a decoder, `[B, ..shape]`; those of one with `feedback` as
    /// [`Recurrent::write`] gives them.
    pub fn draw<'g>(&self, net: &Net<'g>, z: Var<'g>) -> Var<'g> {
        match &self.family {
            Family::Recurrent(recurrent) if recurrent.feedback => {
                recurrent.write(net, &self.distribution, z, &self.shape)
            }
            _ => match &self.heads {
                Some(heads) => {
                    let noise = if self.is_in_game { 1.0 } else { self.distribution.temperature };
                    self.drawn(net, heads, self.decode(net, z), noise, true)
                }
                None => self.distribution.soft_draw(self.decode(net, z)),
            },
        }
    }

    /// Draws of the rows of a table; in the graph that samples, with the corrections of calibration.
    fn drawn<'g>(&self, net: &Net<'g>, heads: &Heads, decoded: Var<'g>, noise: f64, deviates: bool) -> Var<'g> {
        if self.calibrate && net.mode == Mode::Eval {
            let decoded = heads.corrected(net.graph, decoded);
            return heads.mapped(net.graph, heads.drawn(net, decoded, noise, deviates));
        }
        heads.drawn(net, decoded, noise, deviates)
    }

    /// z `[B, latent]` -> reconstructions: [`Networks::draw`], and of the rows of a table what is likeliest.
    pub fn likeliest<'g>(&self, net: &Net<'g>, z: Var<'g>) -> Var<'g> {
        if self.heads.is_some() { self.mean(self.decode(net, z)) } else { self.draw(net, z) }
    }

    /// The mean of each value, given the parameters of its distribution.
    pub fn mean<'g>(&self, decoded: Var<'g>) -> Var<'g> {
        self.heads.as_ref().map_or_else(|| self.distribution.mean(decoded), |heads| heads.mean(decoded))
    }

    /// log p(x | z) of each step of sequences, `[B, T]`, else of each row, `[B, 1]`, in nats, given the parameters of
    /// its distribution.
    pub fn log_likelihood_by_step<'g>(&self, net: &Net<'g>, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        match self.distribution.values {
            Values::Steps => self.distribution.log_likelihood_by_step(net, x, decoded),
            _ => self.log_likelihood(net, x, decoded).reshape(&[x.dim(0), 1]),
        }
    }

    /// log p(x | z) of each row `[B]` in nats, given the parameters of its distribution.
    pub fn log_likelihood<'g>(&self, net: &Net<'g>, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        match &self.heads {
            Some(heads) => heads.log_likelihood(net, x, decoded),
            None => self.distribution.log_likelihood(net, x, decoded),
        }
    }
}

/// The distribution of examples: categorical for symbols, Bernoulli for the keys of rolls, Gaussian for other
/// sequences, else by the setting `likelihood`.
fn distribution(s: &Settings, examples: &Examples) -> Distribution {
    let (likelihood, values) = match examples.shape.len() {
        2 if examples.symbols() => (Likelihood::Categorical, Values::Steps),
        2 if examples.roll() => (Likelihood::Bernoulli, Values::Steps),
        2 => (Likelihood::Gaussian, Values::Steps),
        3 => (s.likelihood, Values::Pixels),
        _ => (s.likelihood, Values::Points),
    };
    let end = s.temperature_end.unwrap_or(s.temperature);
    Distribution {
        likelihood,
        values,
        temperature: s.temperature.into(),
        soft_temperatures: [s.temperature.into(), end.into()],
        annealing: [s.pretrain, s.steps],
        estimator: s.estimator,
        end: examples.end(),
    }
}
