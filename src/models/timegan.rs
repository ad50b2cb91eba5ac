//! TimeGAN (Yoon et al. 2019): the game is played between codes of sequences, whose next steps a supervisor predicts.
//! Losses and weights are those of the authors' code.

use super::{
    Examples, Model, Phase, SAMPLE, sample_rows,
    sequences::{by_time, head, states},
    training::Training,
};
use crate::{
    graph::{Graph, Var},
    nn::{Mode, Net, Start, latent},
    objective::{d_loss, g_loss, moment_distance},
    settings::Settings,
};

/// Updates of generator and embedder for one of the discriminator.
const GENERATOR_STEPS: usize = 2;

/// The model, whose `pretrain` steps each go to the embedding and to the supervisor first; `latent` is of all steps.
pub fn model(s: &Settings, examples: &Examples) -> Model {
    let stage = |name, until, build: fn(&Nets)| Phase::new(name, until, |graph| build(&Nets::new(graph, s, examples)));
    let mut phases = vec![];
    if s.pretrain > 0 {
        phases.push(stage("embedding", s.pretrain, |nets| nets.embedding()));
        phases.push(stage("supervision", 2 * s.pretrain, |nets| nets.supervision()));
    }
    phases.push(stage("round", u64::MAX, |nets| nets.game()));
    let sample = Graph::new();
    {
        let nets = Nets::new(&sample, s, examples);
        let z = sample.input("z", &[sample_rows(s, examples), s.latent]);
        sample.output("samples", nets.recover(nets.supervise(nets.generate(z))));
    }
    Model { phases, graphs: vec![(SAMPLE, sample)], calibration: 0 }
}

/// Five recurrent networks; codes are `[B, T, units]`, in 0 to 1.
struct Nets<'a, 'g> {
    training: Training<'a, 'g>,
    s: &'a Settings,
    examples: &'a Examples,
    embedder: Net<'g>,
    recovery: Net<'g>,
    generator: Net<'g>,
    supervisor: Net<'g>,
    discriminator: Net<'g>,
}

impl<'a, 'g> Nets<'a, 'g> {
    fn new(graph: &'g Graph, s: &'a Settings, examples: &'a Examples) -> Self {
        let net = |name| Net::new(graph, name, Start::Xavier, Mode::Train);
        Self {
            training: Training { graph, s },
            s,
            examples,
            embedder: net("e"),
            recovery: net("r"),
            generator: net("g"),
            supervisor: net("s"),
            discriminator: net("d"),
        }
    }

    fn layers(&self, net: &Net<'g>, x: Var<'g>, depth: usize, out: usize) -> Var<'g> {
        let s = Settings { depth, ..self.s.clone() };
        head(net, states(net, &s, by_time(x), None, false), out)
    }

    fn embed(&self, x: Var<'g>) -> Var<'g> {
        self.layers(&self.embedder, x, self.s.depth, self.s.units).sigmoid()
    }

    fn recover(&self, codes: Var<'g>) -> Var<'g> {
        self.layers(&self.recovery, codes, self.s.depth, self.examples.shape[1]).sigmoid()
    }

    fn generate(&self, z: Var<'g>) -> Var<'g> {
        let steps = self.examples.shape[0];
        let z = z.reshape(&[z.dim(0), steps, z.dim(1) / steps]);
        self.layers(&self.generator, z, self.s.depth, self.s.units).sigmoid()
    }

    fn supervise(&self, codes: Var<'g>) -> Var<'g> {
        self.layers(&self.supervisor, codes, (self.s.depth - 1).max(1), self.s.units).sigmoid()
    }

    fn judge(&self, codes: Var<'g>) -> Var<'g> {
        self.layers(&self.discriminator, codes, self.s.depth, 1)
    }

    fn batch(&self) -> Var<'g> {
        self.training.batch(self.examples)
    }

    /// Mean squared error of the supervisor's prediction of each next code.
    fn prediction_error(&self, codes: Var<'g>) -> Var<'g> {
        let [batch, steps, units] = [0, 1, 2].map(|axis| codes.dim(axis));
        let part = |t: Var<'g>, from: usize| t.slice(&[0, from, 0], &[batch, steps - 1, units]);
        (part(codes, 1) - part(self.supervise(codes), 0)).square().mean_all()
    }

    /// Ten times the root of the mean squared error of what is recovered.
    fn recovery_error(&self, x: Var<'g>, codes: Var<'g>) -> Var<'g> {
        root((x - self.recover(codes)).square().mean_all()) * 10.0
    }

    /// The first phase: embedder and recovery learn to reconstruct.
    fn embedding(&self) {
        let x = self.batch();
        let loss = self.recovery_error(x, self.embed(x));
        self.training.graph.metric("recovery", loss);
        let rate = self.training.rate(self.s.lr_g);
        self.training.descend_together(&[(&self.embedder, loss, rate), (&self.recovery, loss, rate)]);
    }

    /// The second phase: the supervisor learns to predict codes of real sequences.
    fn supervision(&self) {
        let loss = self.prediction_error(self.embed(self.batch()));
        self.training.graph.metric("supervision", loss);
        let rate = self.training.rate(self.s.lr_g) * self.training.late_start_factor(self.s.pretrain);
        self.training.descend_together(&[(&self.supervisor, loss, rate)]);
    }

    /// The third phase: all networks.
    fn game(&self) {
        let (s, training) = (self.s, &self.training);
        let graph = training.graph;
        let late = training.late_start_factor(2 * s.pretrain);
        let rate = training.rate(s.lr_g);
        for step in 0..GENERATOR_STEPS {
            let (x, z) = (self.batch(), latent(graph, s.latent_dist, &[s.batch, s.latent]));
            let codes = self.generate(z);
            let supervised = self.supervise(codes);
            let fool = |codes| g_loss(s.objective, || self.judge(self.embed(x)), self.judge(codes));
            let game = fool(supervised) + fool(codes);
            let prediction = self.prediction_error(self.embed(x));
            let moments = moment_distance(x, self.recover(supervised));
            let loss = game + root(prediction) * 100.0 + moments * f64::from(s.moments);
            if step == 0 {
                graph.metric("g_loss", game);
                graph.metric("supervision", prediction);
                graph.metric("moments", moments);
            }
            training.descend_together(&[(&self.generator, loss, rate * late), (&self.supervisor, loss, rate)]);
            let codes = self.embed(x);
            let loss = self.recovery_error(x, codes) + self.prediction_error(codes) * 0.1;
            training.descend_together(&[(&self.embedder, loss, rate), (&self.recovery, loss, rate)]);
        }
        let (x, z) = (self.batch(), latent(graph, s.latent_dist, &[s.batch, s.latent]));
        let codes = self.generate(z).detach();
        let on_real = self.judge(self.embed(x).detach());
        let loss = d_loss(s.objective, on_real, self.judge(self.supervise(codes).detach()), s.smooth.into());
        // Of the generator's own codes only what is generated counts: real ones count once.
        let loss = loss + self.judge(codes).softplus().mean_all();
        graph.metric("d_loss", loss);
        let learns = (loss - f64::from(s.critic_threshold)).is_positive();
        training.descend_together(&[(&self.discriminator, loss, training.rate(s.lr_d) * late * learns)]);
    }
}

/// The square root of what may be 0.
fn root(x: Var) -> Var {
    (x + 1e-12).sqrt()
}
