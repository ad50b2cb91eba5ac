//! `saddle variants`.

use super::VariantsArgs;
use crate::error::{Error, Result};

pub(super) fn variants(_args: &VariantsArgs) -> Result<()> {
    Err(Error::failure("`saddle variants` is not connected yet"))
}
