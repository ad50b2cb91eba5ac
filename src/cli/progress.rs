//! Progress on the standard error: a bar on a terminal, else a line every few seconds.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::IsTerminal,
    time::{Duration, Instant},
};

use console::Term;
use indicatif::{ProgressBar, ProgressStyle};

use super::{is_quiet, tell_again};
use crate::error::plain;

/// Minimum time between two plain lines.
const PAUSE: Duration = Duration::from_secs(5);
/// Width of the bar, and of the gaps between what stands in its line.
const BAR: usize = 16;
const GAP: &str = "  ";

pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    last: Option<Instant>,
}

impl Progress {
    pub fn new(step: u64, total: u64) -> Self {
        let bar = (std::io::stderr().is_terminal() && !is_quiet()).then(|| {
            let style = ProgressStyle::with_template(&format!("{{bar:{BAR}}} {{pos}}/{{len}}{GAP}{{msg}}"))
                .expect("a constant template");
            ProgressBar::new(total).with_position(step).with_style(style)
        });
        Self { bar, total, last: None }
    }

    /// Shows the step that the run has reached, with these texts, the most important first. What does not fit the width
    /// of a terminal is left out whole.
    pub fn report(&mut self, step: u64, texts: &[String]) {
        match &self.bar {
            Some(bar) => {
                let width = usize::from(Term::stderr().size().1);
                let before = BAR + format!(" {step}/{}{GAP}", self.total).len();
                bar.set_position(step);
                bar.set_message(plain(&fitting(texts, width.saturating_sub(before + 1))));
            }
            None if step == self.total || self.last.is_none_or(|t| t.elapsed() > PAUSE) => {
                tell_again(format!("step {step}/{}{GAP}{}", self.total, texts.join(GAP)));
                self.last = Some(Instant::now());
            }
            None => {}
        }
    }

    /// Prints a sentence above the bar, where it stays.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell_again(text.to_owned())),
            None => tell_again(text.to_owned()),
        }
    }

    /// Prints a line for a person at a terminal, and nothing elsewhere.
    pub fn aside(&self, text: &str) {
        if self.bar.is_some() {
            self.note(text);
        }
    }

    /// Leaves the bar where it is, as the run may have been interrupted.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

/// How fast steps follow each other now: over the last minute, as phases and a machine's other work change it.
pub struct Speed(VecDeque<(Instant, u64)>);

impl Speed {
    const SPAN: Duration = Duration::from_secs(60);
    const GRAIN: Duration = Duration::from_secs(1);

    /// From this step and time on.
    pub fn new(step: u64) -> Self {
        Self([(Instant::now(), step)].into())
    }

    /// Steps a second, at this step.
    pub fn at(&mut self, step: u64) -> f64 {
        let now = Instant::now();
        while self.0.get(1).is_some_and(|(then, _)| now - *then >= Self::SPAN) {
            self.0.pop_front();
        }
        let (then, first) = self.0[0];
        if self.0.back().is_none_or(|(newest, _)| now - *newest >= Self::GRAIN) {
            self.0.push_back((now, step));
        }
        (step - first) as f64 / (now - then).as_secs_f64().max(1e-6)
    }
}

/// Time after which a task shows how far it is.
const PATIENCE: Duration = Duration::from_secs(3);

/// Progress of what is over in a moment, or takes long: only that shows how far it is.
pub struct Patient {
    task: String,
    started: Instant,
    progress: Option<Progress>,
}

impl Patient {
    pub fn new(task: &str) -> Self {
        Self { task: task.into(), started: Instant::now(), progress: None }
    }

    /// So many of all are done.
    pub fn seen(&mut self, done: usize, all: usize) {
        if self.started.elapsed() > PATIENCE {
            let progress = self.progress.get_or_insert_with(|| Progress::new(done as u64, all as u64));
            let left = self.started.elapsed().as_secs_f64() * (all - done) as f64 / done as f64;
            progress.report(done as u64, &[format!("{} left", duration(left)), self.task.clone()]);
        }
    }

    pub fn finish(&self) {
        self.progress.iter().for_each(Progress::finish);
    }
}

/// Progress of several tasks, one after the other.
#[derive(Default)]
pub struct Tasks(RefCell<Option<Patient>>);

impl Tasks {
    /// So many of all parts of a task are done.
    pub fn seen(&self, task: &str, done: u64, all: u64) {
        let mut current = self.0.borrow_mut();
        if current.as_ref().is_none_or(|patient| patient.task != task) {
            *current = Some(Patient::new(task));
        }
        current.iter_mut().for_each(|patient| patient.seen(done as usize, all as usize));
        if done == all {
            current.take().iter().for_each(Patient::finish);
        }
    }
}

/// Those of the texts that fit in so many columns, in their order; a later one may fit where an earlier one does not.
fn fitting(texts: &[String], columns: usize) -> String {
    let mut line = String::new();
    for text in texts {
        let gap = if line.is_empty() { "" } else { GAP };
        if console::measure_text_width(&line) + gap.len() + console::measure_text_width(text) <= columns {
            line += gap;
            line += text;
        }
    }
    line
}

/// A number in digits that a person reads: three decimals, or an exponent for what is very large or very small.
pub fn figure(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        magnitude if (1e-3..1e5).contains(&magnitude) || !x.is_finite() => format!("{x:.3}"),
        _ => format!("{x:.1e}"),
    }
}

/// A number of things a second: `77 k`.
pub fn per_second(x: f64) -> String {
    match x {
        _ if x < 10.0 => format!("{x:.1}"),
        _ if x < 1e3 => format!("{x:.0}"),
        _ if x < 1e4 => format!("{:.1} k", x / 1e3),
        _ if x < 1e6 => format!("{:.0} k", x / 1e3),
        _ => format!("{:.1} M", x / 1e6),
    }
}

/// A duration in seconds as a short text for people.
pub fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        _ if !seconds.is_finite() => "unknown time".into(),
        0..=119 => format!("{seconds:.1} s"),
        120..=7199 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let texts = ["3 min left", "d_loss 0.693", "g_loss 1.2e22", "77 k/s"].map(String::from);
        for (columns, line) in [
            (80, "3 min left  d_loss 0.693  g_loss 1.2e22  77 k/s"),
            (46, "3 min left  d_loss 0.693  g_loss 1.2e22"),
            (33, "3 min left  d_loss 0.693  77 k/s"),
            (11, "3 min left"),
            (9, "77 k/s"),
            (0, ""),
        ] {
            assert_eq!(fitting(&texts, columns), line, "{columns}");
        }
    }

    #[test]
    fn people_read_few_digits() {
        let figures = [0.0, 0.5, -12.0, 1e-5, 17753551599880279949312.0, f64::NAN, f64::INFINITY].map(figure);
        assert_eq!(figures, ["0", "0.500", "-12.000", "1.0e-5", "1.8e22", "NaN", "inf"]);
        let speeds = [3.21, 77.4, 999.0, 7744.0, 77441.0, 7.7e6].map(per_second);
        assert_eq!(speeds, ["3.2", "77", "999", "7.7 k", "77 k", "7.7 M"]);
    }
}
