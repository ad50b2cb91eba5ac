//! `saddle devices`.

use super::{DevicesArgs, print};
use crate::{error::Result, gpu};

/// Lists the devices, and says which one would be picked and why.
pub fn devices(args: &DevicesArgs) -> Result<()> {
    let (list, reason) = gpu::list()?;
    if args.json {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "devices": list, "reason": reason }));
        return print(text.expect("plain data is JSON"));
    }
    for device in list {
        print(device)?;
    }
    print(reason)
}
