//! Main memory: how much this process may still allocate, what limits it, and checks before large allocations.

use std::{
    env,
    fmt::{self, Display},
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::error::{Error, Result};

/// Environment variable with the memory that this process may have, in place of the system's limits.
const MEMORY: &str = "SADDLE_MEMORY";
/// Environment variable with the maximum size of data in memory.
const MAX_DATA: &str = "SADDLE_MAX_DATA";
/// Environment variable with the maximum size of examples that stay in the memory of a device.
const RESIDENT: &str = "SADDLE_RESIDENT";
/// Size up to which allocations are not compared with the free memory; also the reserve for small allocations.
const UNASKED_BYTES: u64 = 8 << 20;
/// Maximum size of data if the free memory is unknown.
const UNKNOWN: u64 = 16 << 30;

/// Memory that this process may still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// Bytes.
    pub bytes: u64,
    /// The limit that gives this number.
    pub limit: Limit,
}

/// What limits the memory of this process, with the limit in bytes if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `SADDLE_MEMORY`.
    Set(u64),
    /// The control group that the process runs in, or one around it.
    Container(u64),
    /// The limit of the process itself, as `ulimit -v` sets it.
    Process(u64),
    /// The memory of the machine.
    System,
}

impl Display for Free {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} are free", mib(self.bytes))?;
        match self.limit {
            Limit::Set(limit) => write!(f, " ({MEMORY} allows {})", mib(limit)),
            Limit::Container(limit) => write!(f, " (the container's limit is {})", mib(limit)),
            Limit::Process(limit) => write!(f, " (the process's limit, `ulimit`, is {})", mib(limit)),
            Limit::System => Ok(()),
        }
    }
}

/// The memory that is free now; `None` if the system does not tell.
///
/// # Errors
/// `Usage` if `SADDLE_MEMORY` is set and not a size.
pub fn free() -> Result<Option<Free>> {
    let kib = |file: &str, name: &str| kibibytes(&fs::read_to_string(file).unwrap_or_default(), name);
    if let Some(limit) = variable(MEMORY)? {
        let used = kib("/proc/self/status", "RssAnon").unwrap_or(0);
        return Ok(Some(Free { bytes: limit.saturating_sub(used), limit: Limit::Set(limit) }));
    }
    let swap = kib("/proc/meminfo", "SwapFree").unwrap_or(0);
    let system = kib("/proc/meminfo", "MemAvailable").map(|bytes| Free { bytes: bytes + swap, limit: Limit::System });
    let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let groups = group_folders(&text("/proc/self/cgroup"), &text("/proc/self/mountinfo"));
    let containers = groups.iter().filter_map(|folder| in_group(folder, swap));
    let process = in_process(&text("/proc/self/limits"), &text("/proc/self/status"));
    Ok(containers.chain(process).chain(system).min_by_key(|free| free.bytes))
}

/// Maximum size of a data set in memory, its unpacked bytes included.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Bytes.
    pub bytes: u64,
    /// The reason for this number, for messages.
    why: &'static str,
}

impl Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "the {} {}", mib(self.bytes), self.why)
    }
}

/// The one bound on sizes that files claim or unpack to: `SADDLE_MAX_DATA`, else half of the memory that was free at
/// the first call, if known.
///
/// # Errors
/// `Usage` if a variable is set and not a size.
pub fn most() -> Result<Most> {
    static FOUND: OnceLock<Most> = OnceLock::new();
    if let Some(bytes) = variable(MAX_DATA)? {
        return Ok(Most { bytes, why: "that SADDLE_MAX_DATA allows" });
    }
    if let Some(&found) = FOUND.get() {
        return Ok(found);
    }
    let found = match free()? {
        Some(free) => {
            Most { bytes: free.bytes / 2, why: "that are half of the free memory (SADDLE_MAX_DATA sets another limit)" }
        }
        None => Most {
            bytes: UNKNOWN,
            why: "that data may take where what is free is not known (SADDLE_MAX_DATA sets another limit)",
        },
    };
    Ok(*FOUND.get_or_init(|| found))
}

/// The bound on examples that stay on a device, `SADDLE_RESIDENT`; `None`: what the device holds.
///
/// # Errors
/// `Usage` if the variable is set and not a size.
pub fn resident() -> Result<Option<u64>> {
    variable(RESIDENT)
}

/// Fails if `bytes` cannot be allocated, so that the allocation that follows neither aborts the process nor gets it
/// killed.
///
/// # Errors
/// `Device`: the request can be tried again with more memory.
pub fn ensure(bytes: u64) -> Result<()> {
    let lacking = || format!("there is no memory for {}", mib(bytes));
    if bytes > UNASKED_BYTES
        && let Some(free) = free()?.filter(|free| free.bytes < bytes)
    {
        return Err(Error::device(format!("{}: {free}", lacking())));
    }
    let mut room: Vec<u8> = vec![];
    let had =
        usize::try_from(bytes.saturating_add(UNASKED_BYTES)).is_ok_and(|bytes| room.try_reserve_exact(bytes).is_ok());
    black_box(&room); // else the compiler removes the allocation
    if had { Ok(()) } else { Err(Error::device(lacking())) }
}

/// An empty vector with room for `len` elements.
///
/// # Errors
/// As [`ensure`].
pub fn room<T>(len: usize) -> Result<Vec<T>> {
    let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
    let mut room = vec![];
    ensure(bytes)?;
    room.try_reserve_exact(len).map_err(|_| Error::device(format!("there is no memory for {}", mib(bytes))))?;
    Ok(room)
}

/// A number of bytes as a text in MiB.
pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The size in an environment variable, if it is set.
fn variable(name: &str) -> Result<Option<u64>> {
    let Some(text) = env::var_os(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let text = text.to_string_lossy();
    let refused = || Error::usage(format!("{name}: `{text}` is no size, such as 2G, 512M or 1000000 (bytes)"));
    size(&text).map(Some).ok_or_else(refused)
}

/// The bytes that a text such as `1.5G` stands for.
fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_uppercase();
    let text = text.strip_suffix("IB").or(text.strip_suffix('B')).unwrap_or(&text);
    let unit = text.chars().next_back().and_then(|unit| "KMGT".find(unit));
    let number = if unit.is_some() { &text[..text.len() - 1] } else { text };
    let bytes = number.trim().parse::<f64>().ok()? * 1024f64.powi(unit.map_or(0, |unit| unit as i32 + 1));
    (bytes.is_finite() && bytes >= 1.0).then_some(bytes as u64)
}

/// The bytes in a line such as `VmSize:   1024 kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(1024 * value.split_whitespace().next()?.parse::<u64>().ok()?)
}

/// The folders of the control groups that limit memory: the process's own and those around it, of both versions.
fn group_folders(groups: &str, mounts: &str) -> Vec<PathBuf> {
    let mut folders = vec![];
    for group in groups.lines() {
        let mut parts = group.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let is_new = controllers.is_empty();
        if !is_new && !controllers.split(',').any(|controller| controller == "memory") {
            continue;
        }
        for mount in mounts.lines() {
            let Some((place, kind)) = mount.split_once(" - ") else { continue };
            let (place, kind): (Vec<&str>, Vec<&str>) = (place.split(' ').collect(), kind.split(' ').collect());
            let (&[_, _, _, root, top, ..], &[kind, _, options, ..]) = (&place[..], &kind[..]) else { continue };
            let is_it =
                if is_new { kind == "cgroup2" } else { kind == "cgroup" && options.split(',').any(|o| o == "memory") };
            if !is_it {
                continue;
            }
            // In a container the path may be the host's, whose beginning is what is mounted.
            let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
            folders.extend(below.ancestors().map(|below| Path::new(top).join(below)));
        }
    }
    folders
}

/// The memory that a control group leaves free, if it limits memory. Cached files count as free because the system can
/// drop them, and so does free swap space.
fn in_group(folder: &Path, swap: u64) -> Option<Free> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let stat = text("memory.stat")?;
    let cached = |prefix: &str| {
        let of = |name: &str| {
            let value = stat.lines().find_map(|line| line.strip_prefix(prefix)?.strip_prefix(name));
            value.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        of("active_file") + of("inactive_file")
    };
    let (limit, bytes) = match number("memory.limit_in_bytes") {
        Some(limit) => {
            let both =
                |limit: Option<u64>, used: Option<u64>| limit.zip(used).map_or(u64::MAX, |(l, u)| l.saturating_sub(u));
            let free = limit.saturating_sub(number("memory.usage_in_bytes")?).saturating_add(swap);
            let swapped = both(number("memory.memsw.limit_in_bytes"), number("memory.memsw.usage_in_bytes"));
            (limit, free.min(swapped).saturating_add(cached("total_")))
        }
        None => {
            let limit = number("memory.max")?;
            let swapped = number("memory.swap.current").unwrap_or(0);
            let swap = number("memory.swap.max").map_or(swap, |limit| swap.min(limit.saturating_sub(swapped)));
            (limit, limit.saturating_sub(number("memory.current")?) + cached("") + swap)
        }
    };
    const NONE: u64 = 1 << 60; // version 1 reports almost 2^63 if there is no limit
    (limit < NONE).then_some(Free { bytes, limit: Limit::Container(limit) })
}

/// The memory that the limits of the process leave free: those on its address space and on its data size.
fn in_process(limits: &str, status: &str) -> Option<Free> {
    let free = |name: &str, used: &str| {
        let limit = limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
        let (limit, used) = (limit.parse::<u64>().ok()?, kibibytes(status, used)?);
        Some(Free { bytes: limit.saturating_sub(used), limit: Limit::Process(limit) })
    };
    let all = [free("Max address space", "VmSize"), free("Max data size", "VmData")];
    all.into_iter().flatten().min_by_key(|free| free.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let known = [
            ("1000", 1000),
            ("2K", 2048),
            ("512M", 512 << 20),
            ("1.5g", 3 << 29),
            ("2 GiB", 2 << 30),
            ("1TB", 1 << 40),
        ];
        for (text, bytes) in known {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "G", "-1M", "0", "many", "1Q", "nan", "inf"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn control_groups_are_found_with_those_around_them() {
        let of =
            |groups, mounts| group_folders(groups, mounts).iter().map(|p| p.display().to_string()).collect::<Vec<_>>();
        let old = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                   36 31 0:3 / /sys/fs/cgroup/cpu rw - cgroup c rw,cpu";
        let here = ["/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory/"];
        assert_eq!(of("4:memory:/a/b\n2:cpu:/x", old), here);
        let new = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(of("0::/user.slice/x.scope", new)[0], "/sys/fs/cgroup/user.slice/x.scope");
        // A container sees its part of the host's tree.
        let docker = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory";
        assert_eq!(of("4:memory:/docker/abc/in", docker), ["/sys/fs/cgroup/memory/in", "/sys/fs/cgroup/memory/"]);
        assert!(of("", new).is_empty() && of("4:memory:/a", "").is_empty() && of("nonsense", "nonsense").is_empty());
    }

    #[test]
    fn what_groups_and_processes_leave_free() {
        let group = |files: &[(&str, &str)], swap| {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
            in_group(folder.path(), swap).map(|free| (free.bytes, free.limit))
        };
        let stat = (
            "memory.stat",
            "anon 1\ninactive_file 20\nactive_file 10\ntotal_inactive_file 200\ntotal_active_file 100\n",
        );
        let new = [stat, ("memory.max", "1000\n"), ("memory.current", "400\n")];
        assert_eq!(group(&new, 0), Some((630, Limit::Container(1000))));
        assert_eq!(
            group(&[&new[..], &[("memory.swap.max", "50\n"), ("memory.swap.current", "20\n")]].concat(), 99),
            Some((660, Limit::Container(1000)))
        );
        assert_eq!(group(&[stat, ("memory.max", "max\n"), ("memory.current", "400\n")], 0), None);
        let old = [stat, ("memory.limit_in_bytes", "1000\n"), ("memory.usage_in_bytes", "400\n")];
        assert_eq!(group(&old, 0), Some((900, Limit::Container(1000))));
        assert_eq!(group(&[stat, ("memory.limit_in_bytes", "9223372036854771712\n"), old[2]], 0), None);
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
            Max data size             unlimited            unlimited            bytes\n\
            Max address space         4096000              unlimited            bytes\n";
        let status = "Name:\tsaddle\nVmSize:\t    1000 kB\nVmData:\t 500 kB\n";
        let process = in_process(limits, status).unwrap();
        assert_eq!((process.bytes, process.limit), (4_096_000 - 1_024_000, Limit::Process(4_096_000)));
        assert_eq!(in_process("", status), None);
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        assert!(ensure(0).is_ok() && ensure(20 << 20).is_ok());
        for bytes in [1 << 50, u64::MAX - UNASKED_BYTES] {
            let error = ensure(bytes).unwrap_err();
            assert!(matches!(&error, Error::Device(s) if s.starts_with("there is no memory for ")), "{error}");
        }
        assert!(room::<u64>(usize::MAX).is_err() && room::<u64>(1000).unwrap().capacity() >= 1000);
    }
}
