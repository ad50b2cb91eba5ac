//! `--minutes`: as many steps as a time has, so that schedules end with it.

use std::time::{Duration, Instant};

use super::{best, progress::duration, tell};
use crate::{
    data::Dataset,
    error::{Error, Result, counted},
    models,
    session::{self, Session},
    settings::{Layer, Settings},
};

/// Rounds before those that are timed: the first ones prepare buffers and pipelines.
const WARM: u64 = 2;
/// Rounds that are timed at once, and for how long: a share of the time, within these bounds.
const BLOCK: u64 = 8;
const SHARE: f64 = 0.05;
const TIMED: [f64; 2] = [2.0, 20.0];
/// Least number of pictures, unless their interval is given.
const PICTURES: u64 = 5;
/// Share of the time that is planned, beside what is not timed.
const PLANNED: f64 = 0.95;

/// The settings with the steps that a training does in the minutes since `begun`, by rounds that are timed on the
/// device and forgotten.
///
/// # Errors
/// A time that has no step; those of running the model.
pub fn within(
    minutes: f64,
    begun: Instant,
    settings: &Settings,
    given: &[Layer],
    dataset: &Dataset,
    device: Option<&str>,
) -> Result<Settings> {
    let (runner, caps, _) = session::open_device(device)?;
    let model = models::variant(&settings.variant)?.model(settings, &session::examples(dataset))?;
    let mut session = Session::on(runner, &caps, &model, settings, dataset)?;
    let all = Duration::from_secs_f64(60.0 * minutes);
    let left = |begun: Instant| all.saturating_sub(begun.elapsed()).as_secs_f64() * PLANNED;
    let is_given = |key: &str| given.iter().any(|layer| layer.has(key));
    let beside = beside(&mut session, settings, dataset, is_given)?;
    let mut step = 0;
    // What the rounds of the phases before take, which are timed only.
    let mut taken = 0.0;
    for (n, phase) in model.phases.iter().enumerate() {
        session.go_to(step)?;
        let round = round(&mut session, (SHARE * all.as_secs_f64()).clamp(TIMED[0], TIMED[1]))?;
        let each = round + beside.each;
        let time = left(begun) - taken;
        let fitting = (time / each).min((time - beside.least) / round).max(0.0) as u64;
        let rounds = phase.until.saturating_sub(step);
        if n + 1 == model.phases.len() || fitting < rounds {
            step += fitting;
            break;
        }
        taken += rounds as f64 * each;
        step = phase.until;
    }
    if step == 0 {
        return Err(Error::usage(format!("--minutes {minutes}: a step takes longer than the time that is left")));
    }
    let mut layer = Layer::default();
    layer.set("steps", &step.to_string(), "--minutes");
    // Somebody with minutes wants to see something in them, and may want another checkpoint than the last.
    let every = step.div_ceil(PICTURES).max(1);
    let mut repeat = format!("--steps {step}");
    for (key, now) in [("sample_every", settings.sample_every), ("checkpoint_every", settings.checkpoint_every)] {
        if now > every && !is_given(key) {
            layer.set(key, &every.to_string(), "--minutes");
            repeat += &format!(" --set {key}={every}");
        }
    }
    let steps = counted(step as usize, "step");
    tell(format_args!("--minutes {minutes}: {steps} here; {repeat} repeats it, for other seeds too"));
    settings.overlaid(&layer)
}

/// A sentence once a training with so many seconds left will end long after its time, as the machine has become slower.
pub fn late(deadline: &mut Option<Instant>, left: f64) -> Option<String> {
    const LATE: Duration = Duration::from_secs(10);
    let end = Instant::now() + Duration::from_secs_f64(left.min(1e9));
    let by = end.checked_duration_since((*deadline)?).filter(|by| *by > LATE && by.as_secs_f64() > left / 3.0)?;
    *deadline = None;
    Some(format!(
        "warning: slower than it was timed: it will end about {} after its time; Ctrl-C keeps what is there",
        duration(by.as_secs_f64())
    ))
}

/// A sentence at the end of a training that took `spent` for `done` steps, up to `step`, if much of its time is left.
pub fn early(left: Duration, spent: Duration, done: u64, step: u64, resumption: &str) -> Option<String> {
    const EARLY: Duration = Duration::from_secs(10);
    let more = (PLANNED * left.as_secs_f64() / spent.as_secs_f64().max(1e-3) * done as f64) as u64;
    (left > EARLY && 4 * left > spent && more > 0).then(|| {
        let (left, all) = (duration(left.as_secs_f64()), step + more);
        format!("faster than it was timed: {left} of the time are left; {resumption} --steps {all} goes on")
    })
}

/// Seconds that pictures and checkpoints take.
#[derive(Default)]
struct Beside {
    /// For each round, at the intervals of the settings.
    each: f64,
    /// In all, where they are as few as may be.
    least: f64,
}

fn beside(
    session: &mut Session,
    settings: &Settings,
    dataset: &Dataset,
    is_given: impl Fn(&str) -> bool,
) -> Result<Beside> {
    let sliced = best::sliced(settings, dataset, None)?;
    let mut times = Beside::default();
    let mut time = |key: &str, every: u64, work: &mut dyn FnMut(&mut Session) -> Result<()>| {
        if every > 0 {
            let begun = Instant::now();
            work(session)?;
            let spent = begun.elapsed().as_secs_f64();
            times.each += spent / every as f64;
            times.least += if is_given(key) { 0.0 } else { PICTURES as f64 * spent };
        }
        Ok(())
    };
    time("sample_every", settings.sample_every, &mut |session| {
        session.generate(settings.samples, settings.seed, None).map(|_| ())
    })?;
    time("checkpoint_every", settings.checkpoint_every, &mut |session| {
        if let Some(sliced) = &sliced {
            best::distance(sliced, session, dataset, settings)?;
        }
        session.checkpoint().map(|_| ())
    })?;
    Ok(times)
}

/// Seconds that a round of the present phase takes, by so many seconds of them.
fn round(session: &mut Session, seconds: f64) -> Result<f64> {
    session.train(WARM)?;
    let (begun, first, end) = (Instant::now(), session.step(), session.phase_end());
    while begun.elapsed().as_secs_f64() < seconds && session.step() < end {
        session.train(BLOCK)?;
    }
    Ok(begun.elapsed().as_secs_f64() / (session.step() - first).max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::{Duration, early};

    #[test]
    fn much_time_left_is_said_with_the_steps_that_it_has() {
        let said = |left: u64, spent: u64| {
            early(Duration::from_secs(left), Duration::from_secs(spent), 1000, 1500, "saddle train --out a --resume")
        };
        let sentence = "faster than it was timed: 25.0 s of the time are left; saddle train --out a --resume --steps \
                        2450 goes on";
        assert_eq!(said(25, 25).as_deref(), Some(sentence));
        assert_eq!(said(9, 9), None, "a few seconds");
        assert_eq!(said(100, 500), None, "as was planned, about");
    }
}
