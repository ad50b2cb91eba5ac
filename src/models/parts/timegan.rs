//! TimeGAN (Yoon et al. 2019): the game is played on codes of sequences, and a supervisor predicts each next code.
//! Losses and weights are those of the authors' code.

use super::{
    hidden::Hidden,
    recurrent::{Recurrent, by_time, head},
    round::Round,
};
use crate::{
    graph::{Graph, Var},
    models::{Examples, HIDDEN, Model, Phase, SAMPLE, sample_rows},
    nn::{Mode, Net, Start},
    objective::{d_loss, g_loss, moment_distance},
    settings::Settings,
};

/// Updates of generator and embedder per update of the discriminator.
const GENERATOR_STEPS: usize = 2;

/// The model. The first `pretrain` steps train the embedding, the next `pretrain` steps the supervisor. `latent` is the
/// number of latent values of a whole sequence.
pub fn model(s: &Settings, examples: &Examples, latent: usize) -> Model {
    let stage = |name, until, play: fn(&Nets)| {
        Phase::new(name, until, |graph| play(&Nets::new(Round { graph, s, examples }, latent)))
    };
    let mut phases = vec![];
    if s.pretrain > 0 {
        phases.push(stage("embedding", s.pretrain, |nets| nets.embedding()));
        phases.push(stage("supervision", 2 * s.pretrain, |nets| nets.supervision()));
    }
    phases.push(stage("round", u64::MAX, |nets| nets.game()));
    let sample = Graph::build(|graph| {
        let nets = Nets::new(Round { graph, s, examples }, latent);
        let z = graph.input("z", &[sample_rows(s, examples), latent]);
        graph.output("samples", nets.recover(nets.supervise(nets.generate(z))));
    });
    let hidden = Graph::build(|graph| {
        let nets = Nets::new(Round { graph, s, examples }, latent);
        let rows = sample_rows(s, examples);
        let states = by_time(nets.embed(graph.input("x", &examples.values(rows))));
        let hidden = Hidden { states: Some(states), ..states.index(states.dim(0) - 1).into() };
        hidden.layers(rows).into_iter().for_each(|(layer, value)| graph.output(layer, value));
    });
    Model { phases, graphs: vec![(SAMPLE, sample), (HIDDEN, hidden)], calibration: 0 }
}

/// Five recurrent networks; codes are `[B, T, units]`, in (0, 1).
struct Nets<'a, 'g> {
    round: Round<'a, 'g>,
    s: &'a Settings,
    latent: usize,
    embedder: Net<'g>,
    recovery: Net<'g>,
    generator: Net<'g>,
    supervisor: Net<'g>,
    discriminator: Net<'g>,
}

impl<'a, 'g> Nets<'a, 'g> {
    fn new(round: Round<'a, 'g>, latent: usize) -> Self {
        let names = ["e", "r", "g", "s", "d"];
        let [embedder, recovery, generator, supervisor, discriminator] = round.nets(names, Start::Xavier, Mode::Train);
        Self { round, s: round.s, latent, embedder, recovery, generator, supervisor, discriminator }
    }

    fn layers(&self, net: &Net<'g>, x: Var<'g>, depth: usize, out: usize) -> Var<'g> {
        let layers = Recurrent { depth, ..Recurrent::of(self.s, self.round.examples) };
        head(net, layers.states(net, by_time(x), None, false), out)
    }

    fn embed(&self, x: Var<'g>) -> Var<'g> {
        self.layers(&self.embedder, x, self.s.depth, self.s.units).sigmoid()
    }

    fn recover(&self, codes: Var<'g>) -> Var<'g> {
        self.layers(&self.recovery, codes, self.s.depth, self.round.examples.shape[1]).sigmoid()
    }

    fn generate(&self, z: Var<'g>) -> Var<'g> {
        let steps = self.round.examples.shape[0];
        let z = z.reshape(&[z.dim(0), steps, z.dim(1) / steps]);
        self.layers(&self.generator, z, self.s.depth, self.s.units).sigmoid()
    }

    fn supervise(&self, codes: Var<'g>) -> Var<'g> {
        self.layers(&self.supervisor, codes, (self.s.depth - 1).max(1), self.s.units).sigmoid()
    }

    fn judge(&self, codes: Var<'g>) -> Var<'g> {
        self.layers(&self.discriminator, codes, self.s.depth, 1)
    }

    /// Mean squared error of the supervisor's prediction of each next code.
    fn prediction_error(&self, codes: Var<'g>) -> Var<'g> {
        let [batch, steps, units] = [0, 1, 2].map(|axis| codes.dim(axis));
        let part = |t: Var<'g>, from: usize| t.slice(&[0, from, 0], &[batch, steps - 1, units]);
        (part(codes, 1) - part(self.supervise(codes), 0)).square().mean_all()
    }

    /// Ten times the root mean squared error of the recovered sequences.
    fn recovery_error(&self, x: Var<'g>, codes: Var<'g>) -> Var<'g> {
        root((x - self.recover(codes)).square().mean_all()) * 10.0
    }

    /// The first phase: embedder and recovery learn to reconstruct.
    fn embedding(&self) {
        let x = self.round.batch();
        let loss = self.recovery_error(x, self.embed(x));
        self.round.metric("recovery", loss);
        let descent = self.round.descent_g();
        self.round.descend_together(&[(&self.embedder, loss, descent), (&self.recovery, loss, descent)]);
    }

    /// The second phase: the supervisor learns to predict codes of real sequences.
    fn supervision(&self) {
        let loss = self.prediction_error(self.embed(self.round.batch()));
        self.round.metric("supervision", loss);
        self.round.descend(&self.supervisor, loss, self.round.descent_g());
    }

    /// The third phase: all networks learn. Its solvers are others than those of the first two phases, so that moments
    /// start anew.
    fn game(&self) {
        let (s, round) = (self.s, &self.round);
        round.start_anew(&[&self.embedder, &self.recovery, &self.supervisor], 2 * s.pretrain);
        let descent = round.descent_g();
        for step in 0..GENERATOR_STEPS {
            let (x, z) = (self.round.batch(), round.latent(self.latent));
            let codes = self.generate(z);
            let supervised = self.supervise(codes);
            let fool = |codes| g_loss(s.objective, || self.judge(self.embed(x)), self.judge(codes));
            let game = fool(supervised) + fool(codes);
            let prediction = self.prediction_error(self.embed(x));
            let moments = moment_distance(x, self.recover(supervised));
            let loss = game + root(prediction) * 100.0 + moments * f64::from(s.moments);
            if step == 0 {
                round.metric("g_loss", game);
                round.metric("supervision", prediction);
                round.metric("moments", moments);
            }
            round.descend_together(&[(&self.generator, loss, descent), (&self.supervisor, loss, descent)]);
            let codes = self.embed(x);
            let loss = self.recovery_error(x, codes) + self.prediction_error(codes) * 0.1;
            round.descend_together(&[(&self.embedder, loss, descent), (&self.recovery, loss, descent)]);
        }
        let (x, z) = (self.round.batch(), round.latent(self.latent));
        let codes = self.generate(z).detach();
        let on_real = self.judge(self.embed(x).detach());
        let on_fake = self.judge(self.supervise(codes).detach());
        round.judged_right([on_real, on_fake]);
        let loss = d_loss(s.objective, on_real, on_fake, s.smooth.into());
        // The generator's codes before supervision add a generated term only: the real term counts once.
        let loss = loss + self.judge(codes).softplus().mean_all();
        round.metric("d_loss", loss);
        let learns = (loss.whole() - f64::from(s.critic_threshold)).is_positive();
        round.descend(&self.discriminator, loss, round.descent_d().when(learns));
    }
}

/// Square root with a finite gradient at 0.
fn root(x: Var) -> Var {
    (x + 1e-12).sqrt()
}
