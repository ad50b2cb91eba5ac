//! Pictures of samples, by the kind of their data; `sample`, `train` and `data` draw with them.

use std::ops::RangeInclusive;

use image::RgbImage;

use crate::{
    data::{Columns, Dataset, Series, Symbols},
    error::{Error, Result},
    graph::numel,
    models::Examples,
    report::{self, Compared, Figure, Grid, Way},
};

/// Numbers of classes that have a column each; others have rows, up to a largest number of classes, of so many images
/// at most: more are too small on a page.
const COLUMNS: RangeInclusive<usize> = 8..=10;
const ROWS: usize = 64;
const WIDEST: usize = 10;
/// Columns of a grid of reconstructions.
const PAIRS: usize = 16;
/// Number of samples in a picture, or about that.
const SAMPLES: usize = 64;
/// Numbers of real points and sequences that stand beside generated ones.
const POINTS: usize = 2500;
const SEQUENCES: usize = 6;

/// What a picture shows of examples besides their values.
#[derive(Clone)]
pub struct Look<'a> {
    pub examples: &'a Examples,
    /// Names of the classes that samples have in turn; empty if they do not.
    pub classes: Vec<String>,
    /// Columns of a grid of images, and the factor by which these are enlarged, if the user asks for some.
    pub columns: Option<usize>,
    pub scale: Option<u32>,
    /// The title of a figure.
    pub title: String,
}

impl Look<'_> {
    /// The number of samples that fill a picture.
    pub fn count(&self) -> usize {
        match self.classes.len() {
            0 => SAMPLES,
            classes if COLUMNS.contains(&classes) => SAMPLES.next_multiple_of(classes),
            classes if classes <= ROWS => classes * (SAMPLES / classes).clamp(4, 16),
            classes => classes,
        }
    }

    /// The grid for `count` images, whose originals have this name.
    pub fn grid(&self, way: Way, count: usize, name: &str) -> Grid {
        let classes = self.classes.len();
        let grid = Grid { scale: self.scale, ..Grid::of(self.columns.unwrap_or(0)) };
        match way {
            Way::Pairs(made) => {
                let columns = self.columns.unwrap_or(PAIRS).min(count.max(1));
                let rows = (0..count.div_ceil(columns)).flat_map(|_| [name.to_owned(), made.into()]);
                Grid { columns, beside: rows.collect(), ..grid }
            }
            Way::Paths(steps) => {
                let ways = (0..count.div_ceil(steps)).filter(|_| classes > 0);
                Grid { columns: steps, beside: ways.map(|n| self.classes[n % classes].clone()).collect(), ..grid }
            }
            _ if COLUMNS.contains(&classes) && self.columns.is_none_or(|n| n == classes) => {
                Grid { columns: classes, above: self.classes.clone(), ..grid }
            }
            _ => {
                if let Some([columns, rows]) = self.rows(count) {
                    let beside = self.classes.iter().flat_map(|name| vec![name.clone(); rows]).collect();
                    return Grid { columns, beside, ..grid };
                }
                let grid = Grid { columns: self.columns.unwrap_or((count as f64).sqrt().ceil() as usize), ..grid };
                match self.columns {
                    Some(_) => grid,
                    None => Grid { columns: grid.fitting(&self.examples.shape, count).0, ..grid },
                }
            }
        }
    }

    /// The columns of the grid and the rows of each class, where classes have rows of their own.
    fn rows(&self, count: usize) -> Option<[usize; 2]> {
        let classes = self.classes.len();
        let has_rows = (1..=ROWS).contains(&classes) && !COLUMNS.contains(&classes) && self.columns.is_none();
        let each = count.checked_div(classes).filter(|each| has_rows && *each > 0 && count.is_multiple_of(classes))?;
        let rows = each.div_ceil(WIDEST);
        Some([each.div_ceil(rows), rows])
    }

    /// Refuses `--count`, `--columns` and `--scale` with which a picture would be too large.
    ///
    /// # Errors
    /// The sentence for that.
    pub fn check(&self, way: Way, count: usize) -> Result<()> {
        let grid = self.grid(way, count, "held out");
        let cells = match way {
            Way::Pairs(_) => 2 * count.next_multiple_of(grid.columns),
            Way::Paths(steps) => count.next_multiple_of(steps),
            Way::Beside | Way::Alone => {
                self.rows(count).map_or(count, |[columns, rows]| columns * rows * self.classes.len())
            }
        };
        let (columns, fit) = grid.fitting(&self.examples.shape, cells);
        let most = if matches!(way, Way::Pairs(_)) { fit / 2 } else { fit };
        let larger = if self.scale.is_some_and(|scale| scale > 1) { " at this --scale" } else { "" };
        if let Some(wanted) = self.columns.filter(|wanted| columns < *wanted.min(&cells)) {
            let sentence =
                format!("--columns {wanted}: a picture has room for {columns} such images side by side{larger}");
            return Err(Error::usage(sentence));
        }
        if fit < cells {
            return Err(Error::usage(format!(
                "--count {count}: a png shows {most} such images at most{larger}; csv and npy take more"
            )));
        }
        Ok(())
    }

    /// The picture, and what it leaves out, if anything.
    ///
    /// # Errors
    /// A picture that is too large, or that such examples do not have.
    pub fn draw(&self, compared: &Compared) -> Result<(RgbImage, Option<String>)> {
        let (shape, series) = (&self.examples.shape[..], self.examples.series.as_ref());
        if let Some((series, music)) = series.and_then(|series| Some((series, series.music()?))) {
            let [pieces, originals] = [compared.generated, compared.real].map(|part| series.pieces(part, shape[0]));
            return Ok((report::rolls(&pieces?, &originals?, compared.name, &music)?, None));
        }
        if let Some(Series::Symbols(symbols)) = series {
            let [pieces, originals] = [compared.generated, compared.real].map(|part| spelled(symbols, part, shape[0]));
            return Ok((report::texts(&pieces, &originals, compared.name)?, None));
        }
        match shape {
            [_, _, _] => self.images(compared).map(|picture| (picture, None)),
            _ => {
                let figure = self.figure(compared)?;
                Ok((figure.draw()?, (!figure.note.is_empty()).then_some(figure.note)))
            }
        }
    }

    /// The bytes of a file with this ending, png or svg, and what the picture leaves out, if anything.
    ///
    /// # Errors
    /// As of [`Look::draw`]; examples that have no figure, for an svg.
    pub fn file(&self, compared: &Compared, ending: &str) -> Result<(Vec<u8>, Option<String>)> {
        if ending == "svg" {
            let figure = self.figure(compared)?;
            return Ok((figure.file(ending)?, (!figure.note.is_empty()).then_some(figure.note)));
        }
        let (picture, note) = self.draw(compared)?;
        Ok((report::png(&picture)?, note))
    }

    /// The figure of points, of sequences of numbers or of a table.
    ///
    /// # Errors
    /// Points of too many dimensions.
    pub fn figure(&self, compared: &Compared) -> Result<Figure> {
        let columns: Option<&Columns> = match &self.examples.series {
            Some(Series::Columns(columns)) => Some(columns),
            _ => None,
        };
        if let Some(Series::Table(records)) = &self.examples.series {
            return Ok(Figure { title: self.title.clone(), ..report::shares(compared, records) });
        }
        let figure = match self.examples.shape[..] {
            [steps, features] => report::curves(compared, [steps, features], columns)?,
            _ => report::points(compared, numel(&self.examples.shape), columns)?,
        };
        Ok(Figure { title: self.title.clone(), ..figure })
    }

    fn images(&self, compared: &Compared) -> Result<RgbImage> {
        let (shape, len) = (&self.examples.shape, numel(&self.examples.shape));
        let count = compared.generated.len() / len;
        let grid = self.grid(compared.way, count, compared.name);
        let images = match (compared.way, self.rows(count)) {
            (Way::Pairs(_), _) => woven(compared.real, compared.generated, grid.columns * len),
            // Samples have the classes in turn, and here each class has rows, the last of which black fills up.
            (Way::Beside, Some([columns, rows])) => {
                let classes = self.classes.len();
                let of_class = |class: usize| {
                    let images = (class..count).step_by(classes).flat_map(|n| &compared.generated[n * len..][..len]);
                    images.copied().chain(std::iter::repeat(-1.0)).take(columns * rows * len)
                };
                (0..classes).flat_map(of_class).collect()
            }
            _ => compared.generated.to_vec(),
        };
        grid.draw(&images, shape)
    }
}

/// Real examples to stand beside generated ones: none of images, texts and music, which show themselves.
pub fn real(set: &Dataset) -> Vec<f32> {
    let count = match (&set.series, set.shape.len()) {
        (_, 1) => POINTS,
        (None | Some(Series::Columns(_)), 2) => SEQUENCES,
        _ => return vec![],
    };
    set.evenly(count).flat_map(|n| set.example(n)).collect()
}

fn spelled(symbols: &Symbols, samples: &[f32], steps: usize) -> Vec<String> {
    symbols.sequences(samples, steps).iter().map(|sequence| symbols.spelled(sequence)).collect()
}

/// Rows of `row` values, originals and samples in turn; black fills up the last rows.
fn woven(originals: &[f32], samples: &[f32], row: usize) -> Vec<f32> {
    let filled = |part: &[f32]| [part, &vec![-1.0; row - part.len()]].concat();
    originals
        .chunks(row)
        .zip(samples.chunks(row))
        .flat_map(|(above, below)| [filled(above), filled(below)].concat())
        .collect()
}
