//! Control groups, which limit the memory or the threads of a process.

use super::*;

/// A control group with a limit; it is deleted when the value is dropped.
pub struct Group(PathBuf);

impl Group {
    /// A group limited to this much main memory, in MiB.
    pub fn of_memory(mib: u64) -> Option<Self> {
        let kinds = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        Self::new("memory", kinds, mib << 20)
    }

    /// A group limited to this many processes and threads.
    pub fn of_threads(most: u64) -> Option<Self> {
        Self::new("threads", [("/sys/fs/cgroup/pids", "pids.max"), ("/sys/fs/cgroup", "pids.max")], most)
    }

    /// `None` if this process may not create a group.
    fn new(what: &str, kinds: [(&str, &str); 2], most: u64) -> Option<Self> {
        let name = format!("saddle-test-{}-{what}-{most}", std::process::id());
        let made = kinds.iter().find_map(|(top, limit)| {
            let group = Self(PathBuf::from(top).join(&name));
            fs::create_dir(&group.0).ok()?;
            // Without this check, writing would create a file if the folder is not a control group.
            let limit = group.0.join(limit);
            (limit.exists() && fs::write(limit, most.to_string()).is_ok()).then_some(group)
        });
        if made.is_none() {
            // Not `eprintln!`: the test harness hides its output if a test passes.
            std::io::stderr().write_all(b"SKIPPED: no control group can be made here\n").unwrap();
        }
        made
    }

    /// The output of `saddle LINE` in the group, with `threads` threads requested. A shell enters the group and then
    /// executes the program.
    pub fn saddle(&self, place: &Place, threads: usize, line: &str) -> Said {
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display());
        let mut shell = Process::new("sh");
        shell.args(["-c", &enter, "sh", SADDLE]).args(line.split_whitespace()).current_dir(place.0.path());
        shell.env("RAYON_NUM_THREADS", threads.to_string()).env("SADDLE_CACHE", place.path("cache"));
        said(Command::from_std(shell).timeout(Duration::from_secs(300)).output().unwrap())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group stays busy for a moment after its last process has ended.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
