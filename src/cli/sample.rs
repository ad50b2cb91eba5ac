//! `saddle sample`.

use super::SampleArgs;
use crate::error::{Error, Result};

pub(super) fn sample(_args: &SampleArgs) -> Result<()> {
    Err(Error::failure("`saddle sample` is not connected yet"))
}
