//! The features of real images that samples are compared with, in files as pytorch-fid writes and reads them.

use std::path::{Path, PathBuf};

use super::{FEATURES, Inception};
use crate::{
    data::{Dataset, numpy},
    error::{Error, Result},
    eval::{Setup, cached_name},
    files,
    metrics::{Moments, choose},
};

/// Version of what is kept: change it whenever features would differ.
const VERSION: u32 = 1;

/// What is known of the features of real images.
pub struct Reference {
    /// Their moments.
    pub moments: Moments,
    /// Features of at most [`KEPT`](super::KEPT) of them, `[N, 2048]`; none if the file is another tool's.
    pub features: Vec<f64>,
    /// Number of images; `None` if the file does not say.
    pub count: Option<usize>,
    /// The file.
    pub path: Option<PathBuf>,
}

impl Reference {
    /// Of all images of a set: from the cache if the network looked at them before.
    ///
    /// # Errors
    /// Those of [`Inception::look`].
    pub fn of(set: &Dataset, network: &mut Inception, setup: &Setup) -> Result<Self> {
        let rest = format!("{:.16}-{}-v{VERSION}", network.digest, network.resize.name());
        let name = cached_name("features", set, &set.shape, &rest).with_extension("npz");
        let path = setup.cache.as_ref().map(|folder| folder.join(name));
        if let Some(path) = path.as_ref().filter(|path| path.exists()) {
            match Self::read(path) {
                Ok(reference) => return Ok(reference),
                Err(error) => tracing::warn!("{error}; it is made anew"),
            }
        }
        // In random order, as folders may have one class after the other, and only some features are kept.
        let order = choose(set.len(), set.len(), 0);
        let mut draw = |range: std::ops::Range<usize>| Ok(order[range].iter().flat_map(|&i| set.item(i)).collect());
        let seen = network.look(&format!("`{}`", set.name), set.len(), &mut draw, setup)?;
        let mut reference =
            Self { moments: seen.moments, features: seen.features, count: Some(seen.count), path: None };
        if let Some(path) = path {
            match reference.write(&path) {
                Ok(()) => reference.path = Some(path),
                Err(error) => tracing::warn!("{error}; it will be made again next time"),
            }
        }
        Ok(reference)
    }

    /// From a file with the arrays `mu` `[2048]` and `sigma` `[2048, 2048]`, and perhaps those that
    /// [`Reference::write`] adds.
    ///
    /// # Errors
    /// A file that is none, or has other features.
    pub fn read(path: &Path) -> Result<Self> {
        let unreadable = |error| Error::usage(format!("`{}` cannot be read: {error}", path.display()));
        files::regular(path).map_err(unreadable)?;
        let member = |name: &str, shape: &[usize]| {
            let Some((found, values)) = numpy::member(path, name)? else { return Ok(None) };
            let fits = found.len() == shape.len() && found.iter().zip(shape).all(|(a, b)| *b == 0 || a == b);
            if !fits || values.iter().any(|v| !v.is_finite()) {
                return Err(Error::usage(format!(
                    "`{}`: `{name}` of shape {found:?} is no statistics of Inception's {FEATURES} features",
                    path.display()
                )));
            }
            Ok(Some(values))
        };
        let needed = |name: &str, shape: &[usize]| {
            let missing = || {
                Error::usage(format!("`{}` has no `{name}`; an npz file with mu and sigma is right", path.display()))
            };
            member(name, shape)?.ok_or_else(missing)
        };
        let (mean, covariance) = (needed("mu", &[FEATURES])?, needed("sigma", &[FEATURES, FEATURES])?);
        let features = member("features", &[0, FEATURES])?.unwrap_or_default();
        let count = member("count", &[1])?.map(|count| count[0] as usize);
        let moments = Moments::new(mean, covariance).expect("the lengths are right");
        Ok(Self { moments, features, count, path: Some(path.to_owned()) })
    }

    /// Writes such a file, with its folder.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            let refused = |error| Error::failure(format!("cannot make the folder `{}`: {error}", folder.display()));
            std::fs::create_dir_all(folder).map_err(refused)?;
        }
        let features: Vec<f32> = self.features.iter().map(|v| *v as f32).collect();
        let mut members = vec![
            ("mu", numpy::npy(self.moments.mean().to_vec(), &[])?),
            ("sigma", numpy::npy(self.moments.covariance().to_vec(), &[FEATURES])?),
            ("features", numpy::npy(features, &[FEATURES])?),
        ];
        if let Some(count) = self.count {
            members.push(("count", numpy::npy(vec![count as f64], &[])?));
        }
        files::write_atomically(path, &numpy::npz(&members)?)
    }
}
