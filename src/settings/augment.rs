//! The setting `augment`: how images change before a discriminator sees them.

use serde::{Serialize, Serializer};

use super::{Error, Result, Settings, rule::Value};

/// The random changes of images before a discriminator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Augment {
    /// Images as they are.
    Off,
    /// Adaptive discriminator augmentation (Karras et al. 2020).
    Adaptive,
    /// These changes of every image, in the order of [`Augmentation`] (Zhao et al. 2020).
    By(Vec<Augmentation>),
}

/// One kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Augmentation {
    /// Brightness, saturation and contrast.
    Colour,
    /// Left to right, for half of the images.
    Flip,
    /// Up to an eighth of the side in each direction; zeros move in.
    Translation,
    /// A rectangle of half of the sides becomes zeros.
    Cutout,
}

const OFF: &str = "none";
const ADAPTIVE: &str = "adaptive";
const CHANGES: [(&str, Augmentation); 4] = [
    ("colour", Augmentation::Colour),
    ("flip", Augmentation::Flip),
    ("translation", Augmentation::Translation),
    ("cutout", Augmentation::Cutout),
];

impl Augment {
    /// The words that it is made of.
    pub const WORDS: &[&str] = &[OFF, ADAPTIVE, "colour", "flip", "translation", "cutout"];

    /// The accepted values, to follow "takes".
    pub(super) fn describe() -> String {
        let names = CHANGES.map(|(name, _)| name).join(", ");
        format!("{OFF}, {ADAPTIVE}, or any of {names} with commas between them")
    }
}

impl Value for Augment {
    fn parse(text: &str) -> Option<Self> {
        match text {
            OFF => return Some(Self::Off),
            ADAPTIVE => return Some(Self::Adaptive),
            _ => {}
        }
        let change = |word: &str| {
            // The authors of DiffAugment write `color`.
            let word = if word == "color" { "colour" } else { word };
            CHANGES.iter().find(|(name, _)| *name == word).map(|(_, change)| *change)
        };
        let mut changes = text.split(',').map(|word| change(word.trim())).collect::<Option<Vec<_>>>()?;
        changes.sort_unstable();
        changes.dedup();
        Some(Self::By(changes))
    }
    fn text(&self) -> String {
        match self {
            Self::Off => OFF.into(),
            Self::Adaptive => ADAPTIVE.into(),
            Self::By(changes) => {
                let names = CHANGES.iter().filter(|(_, change)| changes.contains(change)).map(|(name, _)| *name);
                names.collect::<Vec<_>>().join(",")
            }
        }
    }
    fn toml(&self) -> String {
        self.text().toml()
    }
}

impl Serialize for Augment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

impl Settings {
    /// Whether `augment` serves to compare logits, and not the game (CR, bCR).
    pub fn compares_changed(&self) -> bool {
        self.cr > 0.0 || self.cr_fake > 0.0
    }

    /// Refuses settings of augmentation that contradict each other.
    pub(super) fn augment_is_sound(&self) -> Result<()> {
        if self.compares_changed() && !matches!(self.augment, Augment::By(_)) {
            return Err(Error::usage(
                "`cr` and `cr_fake` compare images with changed ones: say which changes, such as \
                 augment=translation,flip",
            ));
        }
        if self.augment == Augment::Adaptive && self.ada_kimg == 0.0 {
            return Err(Error::usage(
                "`ada_kimg` takes a number above 0: the probability moves by 1 in so many images",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_in_any_order_and_written_in_one() {
        let read = |text: &str| Augment::parse(text).map(|augment| augment.text());
        assert_eq!(read("cutout, color,translation").as_deref(), Some("colour,translation,cutout"));
        assert_eq!(read("flip,flip").as_deref(), Some("flip"));
        assert_eq!(read("adaptive").as_deref(), Some("adaptive"));
        assert_eq!(read("none").as_deref(), Some("none"));
        for wrong in ["", "rotation", "colour,none", "adaptive,cutout"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_word_is_accepted() {
        assert!(Augment::WORDS.iter().all(|word| Augment::parse(word).is_some()));
        assert_eq!(Augment::WORDS.len(), 2 + CHANGES.len());
    }
}
