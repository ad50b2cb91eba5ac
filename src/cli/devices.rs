//! `saddle devices`.

use super::DevicesArgs;
use crate::error::{Error, Result};

pub(super) fn devices(_args: &DevicesArgs) -> Result<()> {
    Err(Error::failure("`saddle devices` is not connected yet"))
}
