//! How a data set is opened.

use std::fmt::Display;

use crate::error::{Error, Result};
use crate::settings::{Decimal, Layout, Range, Scale, Separator};

/// Which part of a set to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// The examples to learn from.
    #[default]
    Train,
    /// Others of the same kind, held out.
    Test,
}

/// How to open a set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Side of the square images, 1 to 1024; without it images keep their size (folders: 64).
    pub size: Option<usize>,
    /// 1 for grey, 3 for RGB; without it as stored.
    pub channels: Option<usize>,
    /// 1, or 3 to make RGB examples of three grey items each.
    pub stack: usize,
    /// Steps of a sequence, 2 to 65,536; without it a table holds points, symbols come in windows of 64, and drawn
    /// sequences have the length of their definition.
    pub window: Option<usize>,
    /// Steps from one window to the next; without it 1 for tables and half a window for symbols.
    pub stride: Option<usize>,
    /// Seed of the drawn sets, and of the choice of what is held out.
    pub seed: u64,
    /// Which part to open.
    pub split: Split,
    /// What the model learns from: it decides between several readings of one file.
    pub wanted: Wanted,
    /// What the examples are, whatever else they look like.
    pub layout: Option<Layout>,
    /// Whether folders, files and members named train and test are parts of the data; else they are like any other.
    pub parts: bool,
    /// Share of the examples that is held out where the data has no part to test with, 0 to 0.9: the last ones of a
    /// series, else drawn by `seed`.
    pub holdout: f32,
    /// The values of black and white; without it by what occurs.
    pub range: Option<Range>,
    /// Whether a table's first row holds names; without it by what it looks like.
    pub header: Option<bool>,
    /// What stands between cells; without it by what the first rows look like.
    pub separator: Option<Separator>,
    /// What stands before decimals; without it by what the cells look like.
    pub decimal: Option<Decimal>,
    /// Names of the columns to learn, with commas between them; without it all that measure something.
    pub columns: Option<String>,
    /// Name of the column that says which series a row belongs to, or `none`; without it one that looks like it.
    pub group: Option<String>,
    /// Scaling of columns; without it mean 0 and deviation 1 for points, 0 to 1 for sequences.
    pub scale: Option<Scale>,
}

/// What a model learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Anything.
    #[default]
    Any,
    /// Images or points.
    Single,
    /// Sequences.
    Sequences,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            size: None,
            channels: None,
            stack: 1,
            window: None,
            stride: None,
            seed: 0,
            split: Split::Train,
            wanted: Wanted::Any,
            layout: None,
            parts: true,
            holdout: 0.0,
            range: None,
            header: None,
            separator: None,
            decimal: None,
            columns: None,
            group: None,
            scale: None,
        }
    }
}

impl Options {
    /// Refuses what only images have for `place`, a set of `what`.
    pub(super) fn refuse_image_options(&self, place: &dyn Display, what: &str) -> Result<()> {
        if self.size.is_some() || self.channels.is_some() || self.stack != 1 {
            return Err(Error::usage(format!("{place} holds {what}: leave out size, channels and stack")));
        }
        Ok(())
    }

    /// Refuses what only series have for `place`, a set of `what`.
    pub(super) fn refuse_windows(&self, place: &dyn Display, what: &str) -> Result<()> {
        if self.window.is_some() || self.stride.is_some() {
            return Err(Error::usage(format!("{place} holds {what}: leave out window and stride")));
        }
        Ok(())
    }

    /// Refuses another layout than that of the examples in `place`.
    pub(super) fn check_layout(&self, place: &dyn Display, layout: Layout) -> Result<()> {
        match self.layout {
            Some(asked) if asked != layout => Err(Error::usage(format!(
                "{place} holds {}, and layout={} asks for other examples",
                layout.word(),
                asked.word()
            ))),
            _ => Ok(()),
        }
    }
}
