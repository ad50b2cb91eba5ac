//! `saddle data`: shows how a data set is read, without training.

use std::path::{Path, PathBuf};

use super::{
    DataArgs,
    picture::{Look, real},
    print, shown,
};
use crate::{
    data::{self, Dataset, Series, Split, Wanted},
    error::{Error, Result},
    files::{ensure_new, write_atomically},
    graph::numel,
    models,
    report::{Compared, Way},
    session,
    settings::{Layer, Menu, Settings},
};

/// Maximum number of images in the picture, and maximum width of the picture in pixels.
const IMAGES: usize = 64;
const WIDTH: usize = 2048;
/// Maximum number of classes that have a column or rows of their own.
const CLASSES: usize = 16;

/// Prints in full how a data set is read, and draws some of its examples.
pub fn data(args: &DataArgs) -> Result<()> {
    args.out.as_deref().map_or(Ok(()), |out| ensure_new(out, args.force))?;
    let settings = settings(&args.layers()?, args.names_variant())?;
    let mut options = session::data_options(&settings, Split::Train);
    if !args.names_variant() {
        options.wanted = Wanted::Any;
    }
    let set = data::open(&settings.data, &options)?;
    let picture = picture_path(args, &set, &settings.data)?;
    print(set.in_full())?;
    match data::open_test(&settings.data, &options)? {
        Some(mut test) => {
            test.about.notes.retain(|note| !set.about.notes.contains(note));
            print(format!("to test    {}", test.to_string().replace('\n', "\n           ")))?;
        }
        None => print("to test    nothing: the data has no such part, and none is held out")?,
    }
    if args.names_variant() {
        // Checks that the variant accepts the data, as far as this is possible without a device.
        models::variant(&settings.variant)?.model(&settings, &session::examples(&set))?;
    }
    match picture {
        Picture::Path(path) => {
            write_atomically(&path, &drawn(&set, &ending(&path))?)?;
            print(format!("picture    {}", shown(&path)))
        }
        Picture::InData => print("picture    none, as it would lie in the data: name a file with --out"),
        Picture::None => Ok(()),
    }
}

/// The settings of a command line, for its variant or, if it names none, with the settings of all groups.
pub fn settings(layers: &[Layer], names_variant: bool) -> Result<Settings> {
    if names_variant {
        return Settings::resolve(&models::menu(), layers);
    }
    let all: Vec<&str> = Settings::describe().iter().map(|key| key.group).collect();
    let default = Settings::default();
    Settings::resolve(&[Menu { name: &default.variant, data: &default.data, presets: &[], options: &all }], layers)
}

/// The ending of a file's name, in small letters.
fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// Where the picture goes.
enum Picture {
    /// No picture: there is nothing to show, or no free file name.
    None,
    /// No picture: in the data's folder it would be read as data the next time.
    InData,
    Path(PathBuf),
}

fn picture_path(args: &DataArgs, set: &Dataset, spec: &str) -> Result<Picture> {
    let is_in_data = |folder: &Path| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let data = Path::new(spec).canonicalize();
        data.is_ok_and(|data| folder.canonicalize().is_ok_and(|folder| folder.starts_with(data)))
    };
    if matches!(set.series, Some(Series::Symbols(_) | Series::Roll(_))) {
        return match &args.out {
            Some(out) => {
                let sentence = "a picture is of images, points or sequences of numbers";
                Err(Error::usage(format!("--out `{}`: {sentence}", out.display())))
            }
            None => Ok(Picture::None),
        };
    }
    let forms: &[&str] = if session::examples(set).has_figure() { &["png", "svg"] } else { &["png"] };
    match &args.out {
        Some(out) if !forms.iter().any(|form| ending(out) == *form) => {
            Err(Error::usage(format!("--out `{}`: a picture is a {}", out.display(), forms.join(" or an "))))
        }
        Some(out) if is_in_data(out.parent().unwrap_or(Path::new("."))) => {
            Err(Error::usage(format!("--out `{}` lies in the data, of which it would be a part", out.display())))
        }
        Some(out) => Ok(Picture::Path(out.clone())),
        None if is_in_data(Path::new(".")) => Ok(Picture::InData),
        None => {
            let name = Path::new(&set.name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let numbered = (2..).map(|number| format!("{name}-{number}.png"));
            let free =
                [format!("{name}.png")].into_iter().chain(numbered).map(PathBuf::from).find(|path| !path.exists());
            Ok(free.map_or(Picture::None, Picture::Path))
        }
    }
}

/// The picture: images of each class side by side, or simply some, evenly from the first to the last; of other data
/// some examples. As a file with this ending.
fn drawn(set: &Dataset, ending: &str) -> Result<Vec<u8>> {
    let examples = session::examples(set);
    let mut look = Look { examples: &examples, classes: vec![], columns: None, scale: None, title: set.name.clone() };
    if set.shape.len() != 3 {
        let alone = Compared { real: &real(set), way: Way::Alone, ..Compared::beside(&[], &[]) };
        return look.file(&alone, ending).map(|(picture, _)| picture);
    }
    let most = (WIDTH / set.shape[2].max(64)).clamp(1, CLASSES);
    let labels = set.labels_of_examples().filter(|labels| (2..=most).contains(&labels.names.len()));
    let Some(labels) = labels else {
        look.columns = Some(8.min(most));
        let images: Vec<f32> = set.evenly(IMAGES).flat_map(|i| set.example(i)).collect();
        return look.file(&Compared::beside(&images, &[]), ending).map(|(picture, _)| picture);
    };
    look.classes = labels.names.clone();
    let rows = IMAGES.div_ceil(labels.names.len());
    let mut of_class: Vec<Vec<usize>> = vec![vec![]; labels.names.len()];
    for (i, class) in labels.known() {
        of_class[class].push(i);
    }
    for images in &mut of_class {
        *images = data::evenly(images.len(), rows).map(|at| images[at]).collect();
    }
    let rows = of_class.iter().map(Vec::len).max().unwrap_or(0);
    let black = vec![-1.0; numel(&set.shape)];
    let cell = |row: usize, class: &Vec<usize>| class.get(row).map_or(black.clone(), |&i| set.example(i));
    let images: Vec<f32> =
        (0..rows).flat_map(|row| of_class.iter().flat_map(|class| cell(row, class)).collect::<Vec<_>>()).collect();
    look.file(&Compared::beside(&images, &[]), ending).map(|(picture, _)| picture)
}
