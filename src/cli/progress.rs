//! Progress on the standard error: a bar on a terminal, else a line every few seconds.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::tell;
use crate::error::plain;

/// Minimum time between two plain lines.
const PAUSE: Duration = Duration::from_secs(5);

pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    last: Option<Instant>,
}

impl Progress {
    pub fn new(step: u64, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {wide_msg}").expect("a constant template");
            ProgressBar::new(total).with_position(step).with_style(style)
        });
        Self { bar, total, last: None }
    }

    /// Shows the step that the run has reached, with a text.
    pub fn report(&mut self, step: u64, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(plain(text));
                bar.set_position(step);
            }
            None if step == self.total || self.last.is_none_or(|t| t.elapsed() > PAUSE) => {
                tell(format_args!("step {step}/{}  {text}", self.total));
                self.last = Some(Instant::now());
            }
            None => {}
        }
    }

    /// Prints a sentence above the bar, where it stays.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(text)),
            None => tell(text),
        }
    }

    /// Prints a line for a person at a terminal, and nothing elsewhere.
    pub fn aside(&self, text: &str) {
        if self.bar.is_some() {
            self.note(text);
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
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
