//! Where few threads can be started, or none.

use super::*;

/// A control group that admits so many processes and threads; none where one cannot be made.
struct Limit(PathBuf);

impl Limit {
    fn new(most: usize) -> Option<Self> {
        let name = format!("saddle-test-{}-{most}", std::process::id());
        let parents = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(PathBuf::from);
        let limit = parents.into_iter().find_map(|parent| {
            let limit = Self(parent.join(&name));
            fs::create_dir(&limit.0).ok()?;
            let set = fs::write(limit.0.join("pids.max"), most.to_string());
            set.is_ok().then_some(limit)
        });
        if limit.is_none() {
            println!("skipped: no limit on processes can be set here");
        }
        limit
    }

    /// Runs saddle in the group, in place of the shell that enters it.
    fn saddle(&self, place: &Place, line: &str) -> Said {
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display());
        let mut shell = Process::new("sh");
        shell.args(["-c", &enter, "sh", SADDLE]).args(line.split_whitespace()).current_dir(place.0.path());
        shell.env("RAYON_NUM_THREADS", "4").env("SADDLE_CACHE", place.path("cache"));
        let output = Command::from_std(shell).timeout(Duration::from_secs(120)).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // A group is busy for a moment after its last process has ended.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn without_a_thread_a_run_is_refused_before_it_begins() {
    let Some(limit) = Limit::new(1) else { return };
    let place = Place::new();
    let said = limit.saddle(&place, "train --config gan.toml --out run");
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    for word in ["error: no thread can be started", "pids.max", "ulimit -u"] {
        assert!(said.err.contains(word), "{}", said.err);
    }
    assert!(!place.path("run").exists());
    assert_eq!(limit.saddle(&place, "variants gan").code, Some(0), "what needs no threads works");
}

#[test]
fn with_few_threads_a_run_is_slower_and_the_same() {
    let place = Place::new();
    place.trained("--out whole");
    for most in [2, 3, 4, 5, 6] {
        let Some(limit) = Limit::new(most) else { return };
        let said = limit.saddle(&place, &format!("train --config gan.toml --out few-{most}"));
        assert_eq!(said.code, Some(0), "{most}: {}", said.err);
        let warned = said.err.contains("of 4 threads work here");
        assert_eq!(warned, most < 6, "{most}: {}", said.err);
        assert!(place.result(&format!("few-{most}")) == place.result("whole"), "{most}");
    }
}
