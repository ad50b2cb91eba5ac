//! `saddle devices`.

use super::{DevicesArgs, print};
use crate::{
    error::{Result, counted},
    gpu,
};

/// Lists the devices, and prints which one would be chosen and why.
pub fn devices(args: &DevicesArgs) -> Result<()> {
    let (list, reason) = gpu::list()?;
    if args.json {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "devices": list, "reason": reason }));
        return print(text.expect("plain data is JSON"));
    }
    for d in list {
        let features = [
            (d.f16, "f16"),
            (d.subgroups, "subgroups"),
            (d.cooperative_matrix, "matrix units"),
            (d.timestamps, "timestamps"),
        ];
        let features: Vec<&str> = features.iter().filter(|f| f.0).map(|f| f.1).collect();
        print(format!("{}  {} ({}, {}, {})", d.index, d.name, d.kind, d.backend, d.driver))?;
        let (binding, shared) = (d.max_binding >> 20, d.workgroup_memory >> 10);
        let [narrow, wide] = d.subgroup_size;
        print(format!(
            "   binding {binding} MiB, workgroup memory {shared} KiB, subgroups {narrow} to {wide}, {}",
            features.join(", ")
        ))?;
        if let Some(unfit) = d.unfit {
            print(format!("   cannot be used: {unfit}"))?;
        }
    }
    print(format!("cpu  this machine's processor, {}", counted(rayon::current_num_threads(), "thread")))?;
    print(format!("\nwould train on: {reason}"))
}
