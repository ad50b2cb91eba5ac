//! Ranks that are processes: `mpirun -n 4 saddle train ...`. Where there is no `mpirun`, these tests say so and pass.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use saddle::checkpoint::{Checkpoint, Tensor};

const SADDLE: &str = env!("CARGO_BIN_EXE_saddle");
/// A small net, whose rounds take some milliseconds.
const SMALL: &str = "train gan --data ring --seed 3 --adapter cpu --set log_every=10";

/// A folder with runs.
struct Place(tempfile::TempDir);

impl Place {
    /// None where there is no `mpirun`.
    fn new() -> Option<Self> {
        let found = Command::new("mpirun").arg("--version").output().is_ok_and(|output| output.status.success());
        if !found {
            println!("skipped: there is no mpirun here (openmpi-bin)");
        }
        found.then(|| Self(tempfile::tempdir().unwrap()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `mpirun` of so many ranks of what follows in words.
    fn mpirun(&self, ranks: usize, line: &str) -> Command {
        let mut mpirun = Command::new("mpirun");
        mpirun.args(["--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string()]);
        mpirun.args(line.split(' ')).current_dir(self.0.path());
        // Tests may run as root, and in a container.
        mpirun.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
        mpirun.env_remove("SADDLE_MPI").stdin(Stdio::null());
        mpirun
    }

    fn saddle(&self, line: &str) -> Output {
        Command::new(SADDLE).args(line.split(' ')).current_dir(self.0.path()).output().unwrap()
    }

    fn states(&self, run: &str, step: u64) -> BTreeMap<String, Tensor> {
        Checkpoint::load(&self.path(&format!("{run}/checkpoints/step-{step:06}.safetensors"))).unwrap().tensors
    }
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    words.iter().for_each(|word| assert!(errors[0].contains(word), "{word}: {text}"));
}

#[test]
fn processes_make_the_bits_of_one() {
    let Some(place) = Place::new() else { return };
    let said =
        succeeded(&place.mpirun(4, &format!("{SADDLE} {SMALL} --batch 24 --steps 12 --out four")).output().unwrap());
    assert!(said.contains("4 ranks (Open MPI"), "{said}");
    assert_eq!(said.matches("step 12/12").count(), 1, "{said}");
    succeeded(&place.mpirun(2, &format!("{SADDLE} train --out four --resume --steps 20")).output().unwrap());
    succeeded(&place.saddle(&format!("{SMALL} --batch 24 --steps 12 --set accumulate=4 --out one")));
    succeeded(&place.saddle("train --out one --resume --steps 20"));
    assert_eq!(place.states("four", 20), place.states("one", 20));
    // Three parts on each rank, told one by one.
    succeeded(
        &place
            .mpirun(2, &format!("{SADDLE} {SMALL} --batch 24 --steps 4 --set accumulate=6 --out six"))
            .output()
            .unwrap(),
    );
    succeeded(&place.saddle(&format!("{SMALL} --batch 24 --steps 4 --set accumulate=6 --out alone")));
    assert_eq!(place.states("six", 4), place.states("alone", 4));
    // Chains, a copy of which each part has, and examples that are streamed.
    let machine = "train dbm --data digits --batch 16 --seed 1 --adapter cpu --steps 8 --set layers=12,9 \
                   --set pretrain=3 --set chains=16 --set stream=true";
    succeeded(&place.mpirun(2, &format!("{SADDLE} {machine} --out two-dbm")).output().unwrap());
    succeeded(&place.saddle(&format!("{machine} --set accumulate=2 --out one-dbm")));
    assert_eq!(place.states("two-dbm", 8), place.states("one-dbm", 8));
}

#[test]
fn one_process_opens_no_library() {
    let Some(place) = Place::new() else { return };
    let mut alone = place.mpirun(1, &format!("{SADDLE} {SMALL} --batch 24 --steps 2 --out alone"));
    succeeded(&alone.env("SADDLE_MPI", "/nowhere/libmpi.so").output().unwrap());
    let mut two = place.mpirun(2, &format!("{SADDLE} {SMALL} --batch 24 --steps 2 --out two"));
    let output = two.env("SADDLE_MPI", "/nowhere/libmpi.so").output().unwrap();
    refused(&output, 1, &["no library of MPI can be opened", "/nowhere/libmpi.so"]);
    // A library, and none of MPI.
    let mut two = place.mpirun(2, &format!("{SADDLE} {SMALL} --batch 24 --steps 2 --out two"));
    refused(&two.env("SADDLE_MPI", "libc.so.6").output().unwrap(), 1, &["`libc.so.6` is no library of MPI"]);
    assert!(!place.path("two").exists());
}

#[test]
fn ranks_that_differ_are_refused() {
    let Some(place) = Place::new() else { return };
    let pair = |first: &str, second: &str| {
        place.mpirun(1, &format!("{first} : --oversubscribe -n 1 {second}")).output().unwrap()
    };
    let command = format!("{SADDLE} {SMALL} --batch 24 --steps 5 --out run");
    refused(&pair(&command, &command.replace("24", "48")), 2, &["the command is `", "on rank 0", "on rank 1"]);
    // The same program but for its last byte.
    let copy = place.path("copy");
    let mut bytes = fs::read(SADDLE).unwrap();
    bytes.push(0);
    fs::write(&copy, bytes).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    refused(&pair(&command, &command.replace(SADDLE, "./copy")), 2, &["the program is `saddle", "on rank 1"]);
    // Data of the same name that is not the same.
    for (folder, row) in [("a", "1,2"), ("b", "1,3")] {
        fs::create_dir(place.path(folder)).unwrap();
        fs::write(place.path(&format!("{folder}/t.csv")), format!("x,y\n{}", format!("{row}\n2,1\n").repeat(60)))
            .unwrap();
    }
    let train = format!("{SADDLE} train gan --data t.csv --batch 8 --steps 2 --adapter cpu --out ../run");
    let line = format!("-wdir a {train} : --oversubscribe -n 1 -wdir b {train}");
    refused(&place.mpirun(1, &line).output().unwrap(), 2, &["the digest of the data"]);
    assert!(!place.path("run").exists());
}

#[test]
fn what_does_not_fit_the_ranks_is_refused() {
    let Some(place) = Place::new() else { return };
    let run = |ranks, more: &str| {
        place.mpirun(ranks, &format!("{SADDLE} {SMALL} --steps 5 --out run {more}")).output().unwrap()
    };
    refused(&run(2, "--batch 25"), 2, &["2 ranks share each batch", "no 2 such parts of 25"]);
    refused(&run(2, "--batch 24 --set accumulate=3"), 2, &["2 devices cannot share the 3 parts", "1, 3 devices"]);
    let list = place.mpirun(2, &format!("{SADDLE} train gan --data ring --adapter cpu,cpu")).output().unwrap();
    refused(&list, 2, &["--adapter takes one device"]);
    refused(&run(2, "--set breadth=3"), 2, &["breadth"]);
    assert!(!place.path("run").exists());
}

/// The processes that `mpirun` has started, in the order of their ranks.
fn ranks_of(mpirun: &Child) -> Vec<String> {
    let output = Command::new("pgrep").args(["-P", &mpirun.id().to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn wait_for(what: &Path) {
    let since = Instant::now();
    while !what.exists() {
        assert!(since.elapsed() < Duration::from_secs(60), "{}", what.display());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_rank_that_dies_or_hangs_ends_the_job() {
    let Some(place) = Place::new() else { return };
    let line = format!("{SMALL} --batch 24 --steps 1000000 --set checkpoint_every=20 --set accumulate=4");
    for (signal, victim) in [("KILL", 1), ("STOP", 1), ("KILL", 0), ("STOP", 0)] {
        let run = format!("{signal}{victim}");
        let mut start = place.mpirun(2, &format!("{SADDLE} {line} --out {run}"));
        let mpirun = start.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(&place.path(&format!("{run}/checkpoints/step-000020.safetensors")));
        let pid = ranks_of(&mpirun)[victim].clone();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        let since = Instant::now();
        let output = mpirun.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(since.elapsed() < Duration::from_secs(10), "{run}: {:?}", since.elapsed());
        assert!(!output.status.success(), "{run}: {text}");
        assert!(text.contains(&format!("rank {victim} has ")), "{run}: {text}");
        assert!(text.contains(&format!("go on with: saddle train --out {run} --resume")), "{run}: {text}");
    }
}

#[test]
fn a_killed_run_goes_on_with_other_ranks() {
    let Some(place) = Place::new() else { return };
    let line =
        format!("{SMALL} --batch 24 --steps 400 --set checkpoint_every=20 --set schedule=constant --set accumulate=4");
    succeeded(&place.saddle(&format!("{line} --out whole")));
    let mut start = place.mpirun(4, &format!("{SADDLE} {line} --out killed"));
    let mpirun = start.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&place.path("killed/checkpoints/step-000020.safetensors"));
    assert!(Command::new("kill").args(["-KILL", &ranks_of(&mpirun)[2]]).status().unwrap().success());
    assert!(!mpirun.wait_with_output().unwrap().status.success());
    assert!(!place.path("killed/checkpoints/step-000400.safetensors").exists(), "it was too fast to be killed");
    succeeded(&place.mpirun(2, &format!("{SADDLE} train --out killed --resume")).output().unwrap());
    assert_eq!(place.states("killed", 400), place.states("whole", 400));
}
