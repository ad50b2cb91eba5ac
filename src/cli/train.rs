//! `saddle train`.

use super::TrainArgs;
use crate::error::{Error, Result};

pub(super) fn train(_args: &TrainArgs) -> Result<()> {
    Err(Error::failure("`saddle train` is not connected yet"))
}
