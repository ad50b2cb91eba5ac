//! The two sides of the game, and penalties on the critic's gradient. D gives logits `[B, 1]`; softplus(-d) is
//! -log D and softplus(d) is -log(1 - D).

use crate::{
    grad::grad,
    graph::{Dist, Var},
    settings::{Objective, Settings},
};

/// The discriminator's loss on logits of real and of generated samples. `smooth` lowers the target of real samples by
/// this much (Salimans et al. 2016, section 3.4), for the objectives that have targets.
pub fn d_loss<'g>(objective: Objective, real: Var<'g>, fake: Var<'g>, smooth: f64) -> Var<'g> {
    let each = match (terms_of_real(objective, real, smooth), terms_of_fake(objective, fake)) {
        (Some(real), Some(fake)) => real + fake,
        // RpGAN: Jolicoeur-Martineau 2019; paired by position as in R3GAN (Huang et al. 2024).
        _ => (fake - real).softplus(),
    };
    each.mean_all()
}

/// The part of [`d_loss`] that generated samples cause; the relativistic loss has no such part.
pub fn d_loss_on_fake(objective: Objective, fake: Var) -> Option<Var> {
    Some(terms_of_fake(objective, fake)?.mean_all())
}

fn terms_of_real(objective: Objective, real: Var, smooth: f64) -> Option<Var> {
    Some(match objective {
        // Goodfellow et al. 2014, section 3; the two differ in the generator's loss.
        Objective::Minimax | Objective::NonSaturating => (real * -1.0).softplus() + real * smooth,
        // Mao et al. 2017, equation 9.
        Objective::Lsgan => (real - (1.0 - smooth)).square() * 0.5,
        // Arjovsky et al. 2017, equation 2.
        Objective::Wgan => -real,
        // Lim and Ye 2017; Miyato et al. 2018, equation 16.
        Objective::Hinge => (1.0 - real).relu(),
        Objective::Relativistic => return None,
    })
}

fn terms_of_fake(objective: Objective, fake: Var) -> Option<Var> {
    Some(match objective {
        Objective::Minimax | Objective::NonSaturating => fake.softplus(),
        Objective::Lsgan => fake.square() * 0.5,
        Objective::Wgan => fake,
        Objective::Hinge => (fake + 1.0).relu(),
        Objective::Relativistic => return None,
    })
}

/// Whether the settings ask for a penalty on the critic's gradient.
pub fn penalised(s: &Settings) -> bool {
    s.gp > 0.0 || s.dragan > 0.0 || s.r1 > 0.0 || s.r2 > 0.0
}

/// What the authors of objectives and penalties would object to in these settings.
pub fn doubts(s: &Settings) -> Vec<String> {
    let has = |key: &str| s.relevant.contains(&key);
    let mut doubts = vec![];
    let is_bounded = penalised(s) || s.clip > 0.0 || s.spectral;
    if has("objective") && has("gp") && s.objective == Objective::Wgan && !is_bounded {
        // Arjovsky et al. 2017, section 3: the critic has to be Lipschitz.
        let spectral = if has("spectral") { ", spectral=true" } else { "" };
        doubts.push(format!(
            "nothing bounds the slope of the critic, which objective=wgan wants: gp=10{spectral} or clip=0.01 does"
        ));
    }
    if has("gp") && s.gp > 0.0 && (s.r1 > 0.0 || s.r2 > 0.0) {
        doubts.push(format!(
            "gp={} and r1={}, r2={} are penalties on the same gradient, and all are added: r1=0 r2=0 leaves gp alone",
            s.gp, s.r1, s.r2
        ));
    }
    doubts
}

/// The generator's loss; only the relativistic loss uses the logits of real samples.
pub fn g_loss<'g>(objective: Objective, real: impl FnOnce() -> Var<'g>, fake: Var<'g>) -> Var<'g> {
    match objective {
        Objective::Minimax => -fake.softplus().mean_all(),
        Objective::NonSaturating => (fake * -1.0).softplus().mean_all(),
        Objective::Lsgan => (fake - 1.0).square().mean_all() * 0.5,
        Objective::Wgan | Objective::Hinge => -fake.mean_all(),
        Objective::Relativistic => (real() - fake).softplus().mean_all(),
    }
}

/// The logit between real and generated samples; `None` for objectives that only compare logits.
pub fn border(objective: Objective) -> Option<f64> {
    match objective {
        Objective::Minimax | Objective::NonSaturating | Objective::Hinge => Some(0.0),
        Objective::Lsgan => Some(0.5),
        Objective::Wgan | Objective::Relativistic => None,
    }
}

/// Shares `[]` of real and of generated samples that a critic judges right: whose logits lie on their side of the
/// [`border`], or of the middle between the means of both where the objective has none.
pub fn shares_judged_right<'g>(objective: Objective, [real, fake]: [Var<'g>; 2]) -> [Var<'g>; 2] {
    let border = match border(objective) {
        Some(border) => real.graph().scalar(border),
        None => (real.mean_all() + fake.mean_all()) * 0.5,
    };
    [real - border, border - fake].map(|lead| lead.is_positive().mean_all())
}

/// The critic's loss on logits of real and generated samples, with its penalties.
pub fn critic_loss<'g>(
    s: &Settings,
    judge: impl Fn(Var<'g>) -> Var<'g>,
    [real, fake]: [Var<'g>; 2],
    [on_real, on_fake]: [Var<'g>; 2],
) -> Var<'g> {
    let mut loss = d_loss(s.objective, on_real, on_fake, s.smooth.into());
    if s.r1 > 0.0 {
        loss = loss + zero_centred(on_real, real, s.pack) * f64::from(s.r1);
    }
    if s.r2 > 0.0 {
        loss = loss + zero_centred(on_fake, fake, s.pack) * f64::from(s.r2);
    }
    if s.gp > 0.0 {
        loss = loss + one_centred(&judge, [real, fake], s.pack) * f64::from(s.gp);
    }
    if s.dragan > 0.0 {
        loss = loss + one_centred(&judge, [real, perturbed(real)], s.pack) * f64::from(s.dragan);
    }
    loss
}

/// The samples with noise of half their deviation: towards these DRAGAN's penalty looks from real samples (Kodali et
/// al. 2017, algorithm 1 and their code).
fn perturbed(x: Var) -> Var {
    let variance = x.moments(&(0..x.rank()).collect::<Vec<_>>()).index(1);
    x + x.graph().random(Dist::Uniform, &x.shape()) * (variance + 1e-12).sqrt() * 0.5
}

/// The LeCam regulariser on logits of real and of generated samples, given running means `[]` of these: logits are
/// pulled back that lie beyond the mean of the other kind (Tseng et al. 2021, equation 4 and their code).
pub fn lecam<'g>([real, fake]: [Var<'g>; 2], [mean_real, mean_fake]: [Var<'g>; 2]) -> Var<'g> {
    (real - mean_fake).relu().square().mean_all() + (mean_real - fake).relu().square().mean_all()
}

/// Mean absolute difference between the means of two batches, plus that between their deviations, value by value (Yoon
/// et al. 2019, their code's V).
pub fn moment_distance<'g>(real: Var<'g>, fake: Var<'g>) -> Var<'g> {
    let (real, fake) = (real.moments(&[0]), fake.moments(&[0]));
    let deviation = |moments: Var<'g>| (moments.index(1) + 1e-6).sqrt();
    let distance = |a: Var<'g>, b: Var<'g>| (a - b).abs().mean_all();
    distance(real.index(0), fake.index(0)) + distance(deviation(real), deviation(fake))
}

/// Squared distance between the means of a discriminator's features `[B, F]` (Salimans et al. 2016, section 3.1).
pub fn feature_distance<'g>(real: Var<'g>, fake: Var<'g>) -> Var<'g> {
    (real.mean(&[0]) - fake.mean(&[0])).square().sum_all()
}

/// Sum of the squared differences between a discriminator's features `[B, F]` of real and of generated samples, paired
/// by position (Mogren 2016, their code's feature loss).
pub fn paired_feature_distance<'g>(real: Var<'g>, fake: Var<'g>) -> Var<'g> {
    (real - fake).square().sum_all()
}

/// Samples `[B, C, ..]` in groups of `pack`, which a discriminator judges as one: `[B / pack, pack * C, ..]` (PacGAN,
/// Lin et al. 2018).
pub fn packed<'g>(x: Var<'g>, pack: usize) -> Var<'g> {
    let mut shape = x.shape();
    (shape[0], shape[1]) = (shape[0] / pack, shape[1] * pack);
    x.reshape(&shape)
}

/// Squared norm of the gradient of the logits with respect to their samples, per input of the critic: `[B / pack]`.
fn squared_norms<'g>(logits: Var<'g>, x: Var<'g>, pack: usize) -> Var<'g> {
    let dx = packed(grad(logits.sum_all(), &[x])[0], pack);
    dx.square().sum(&(1..x.rank()).collect::<Vec<_>>())
}

/// R1 on real, R2 on generated samples: half the mean squared gradient norm (Mescheder et al. 2018, equation 9). A
/// group of `pack` samples is one input of the critic.
pub fn zero_centred<'g>(logits: Var<'g>, x: Var<'g>, pack: usize) -> Var<'g> {
    squared_norms(logits, x, pack).mean_all() * 0.5
}

/// The mean of (gradient norm - 1)² at random points between real and generated inputs of the critic, one point per
/// pair (Gulrajani et al. 2017, equation 3; with perturbed samples in place of generated ones DRAGAN's). A group of
/// `pack` samples is one input.
pub fn one_centred<'g>(critic: impl FnOnce(Var<'g>) -> Var<'g>, [real, fake]: [Var<'g>; 2], pack: usize) -> Var<'g> {
    let groups = packed(real, pack).shape();
    let share = real.graph().random(Dist::Uniform, &groups[..1]).along(0, &groups).reshape(&real.shape());
    let between = real * share + fake * (1.0 - share);
    let norm = (squared_norms(critic(between), between, pack) + 1e-12).sqrt();
    (norm - 1.0).square().mean_all()
}
