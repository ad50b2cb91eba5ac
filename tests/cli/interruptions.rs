//! Interruptions of a run: signals, kills, damaged files, a full disk. The resumed run gives the same result.

use std::{
    fs,
    io::{Write, stderr},
    process::{Command as Process, Stdio},
    time::Duration,
};

use super::{Place, SADDLE, STATEFUL, metrics, refused, signal, tiny, wait_for};

#[test]
fn damaged_checkpoints_are_passed_over() {
    let place = Place::new();
    type Harm = fn(&mut Vec<u8>);
    let harm: [(&str, Harm); 3] = [
        ("flipped", |bytes| *bytes.last_mut().unwrap() ^= 4),
        ("truncated", |bytes| bytes.truncate(bytes.len() / 2)),
        ("emptied", |bytes| bytes.clear()),
    ];
    place.trained("--out whole --steps 30");
    for (run, harm) in harm {
        place.trained(&format!("--out {run} --keep 2"));
        let newest = format!("{run}/checkpoints/step-000020.safetensors");
        let mut bytes = place.read(&newest);
        harm(&mut bytes);
        place.write(&newest, &bytes);

        let said = place.saddle(&format!("sample {run} --adapter cpu"));
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(0), format!("64 samples of step 15 in {run}/sample-001.png\n").as_str())
        );
        assert!(said.err.contains(&newest) && said.err.contains("falling back"), "{}", said.err);

        // With room for one, a damaged file must not push out the good one.
        let said = place.saddle(&format!("train --out {run} --resume --steps 30 --keep 1"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.err.contains("falling back") && said.err.contains("resumed at step 15"), "{}", said.err);
        assert_eq!(
            place.names(&format!("{run}/checkpoints")),
            ["best.safetensors", "step-000020.safetensors.damaged", "step-000030.safetensors"]
        );
        assert_eq!(place.read(&format!("{newest}.damaged")), bytes);
        assert_eq!(place.states(run, 30), place.states("whole", 30));
    }
    for name in place.names("flipped/checkpoints") {
        place.write(&format!("flipped/checkpoints/{name}"), b"gone");
    }
    for line in ["sample flipped", "train --out flipped --resume --steps 40"] {
        refused(&place, line, 1, &["none of the 1 checkpoints in `flipped/checkpoints` can be read"]);
    }
}

/// The forms of `run.toml` that a crash of the machine can leave.
#[test]
fn an_empty_or_cut_run_is_damaged() {
    let place = Place::new();
    place.trained("--out a --steps 5");
    let whole = String::from_utf8(place.read("a/run.toml")).unwrap();
    place.write("a/run.toml", b"");
    for line in ["train --out a --resume --steps 6", "sample a"] {
        refused(&place, line, 2, &["a/run.toml: it has no settings", "remove run.toml"]);
    }
    fs::remove_file(place.path("a/checkpoints/step-000005.safetensors")).unwrap();
    refused(&place, "train --out a --resume", 2, &["a/run.toml: it has no settings"]);
    place.write("a/run.toml", whole.lines().take(12).collect::<Vec<_>>().join("\n").as_bytes());
    refused(&place, "train --out a --resume", 2, &["a/run.toml` is cut short"]);
    refused(&place, "train --config empty.toml", 2, &["cannot read"]);
    place.write("empty.toml", b"# nothing");
    refused(&place, "train --config empty.toml", 2, &["empty.toml: it has no settings"]);
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let place = Place::new();
    place.trained("dcgan --out a");
    place.trained("--out b --steps 25");
    place.trained("dcgan --out c --steps 25 --set width=5");
    let put = |other: &str| {
        let name = "checkpoints/step-000025.safetensors";
        place.write(&format!("a/{name}"), &place.read(&format!("{other}/{name}")));
    };
    put("b");
    for line in ["sample a", "train --out a --resume --steps 30"] {
        refused(&place, line, 1, &["the checkpoint is of `gan`, and this run is of `dcgan`"]);
    }
    put("c");
    refused(&place, "train --out a --resume --steps 30", 2, &["`width` was 5, is 4"]);
    let said = place.saddle("sample a --adapter cpu");
    assert!(said.code == Some(0) && said.err.contains("`width` is 4; it was 5, and that is used"), "{}", said.err);
    // A checkpoint of an earlier version does not hold the settings.
    let path = place.path("a/checkpoints/step-000025.safetensors");
    let mut old = saddle::checkpoint::Checkpoint::load(&path).unwrap();
    old.meta.remove("settings").unwrap();
    old.save(&path).unwrap();
    for line in ["sample a", "train --out a --resume --steps 30"] {
        refused(&place, line, 1, &["a/checkpoints/step-000025.safetensors: ", "has shape"]);
    }
}

/// Before there is anything to save, a signal ends the process at once, with the status of the signal.
#[cfg(target_os = "linux")]
#[test]
fn signals_before_the_first_step_are_understood() {
    let place = Place::new();
    for (name, status) in [("-INT", 130), ("-TERM", 143)] {
        let child = place.process("train gan --data digits --out a").stderr(Stdio::null()).spawn().unwrap();
        wait_for("the watch", || {
            let text = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 9) != 0 // SIGUSR1, the last one
        });
        signal(&child, "-USR1");
        signal(&child, name);
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(status));
        assert!(!place.path("a").exists());
    }
}

#[test]
fn a_run_has_one_trainer_and_any_number_of_readers() {
    let place = Place::new();
    let child = place.start("--out a --steps 100000000", "a/checkpoints/step-000010.safetensors");
    refused(&place, "train --config gan.toml --out a", 2, &["already holds a run"]);
    refused(&place, "train --out a --resume", 1, &["the run `a` is being trained by another process"]);
    assert_eq!(place.saddle("sample a --adapter cpu").code, Some(0));
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Each signal ends the run with its own status, and a run started to ignore hangups (nohup) ignores them.
#[test]
fn signals_end_a_run_after_its_checkpoint() {
    let place = Place::new();
    let line = "--steps 100000000 --set checkpoint_every=0 --set sample_every=0";
    for (n, (name, status)) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)].into_iter().enumerate() {
        let child = place.start(&format!("--out a{n} {line}"), &format!("a{n}/metrics.jsonl"));
        // SIGUSR1 writes a picture and a checkpoint at once, and the run continues.
        signal(&child, "-USR1");
        wait_for("the picture", || !place.names(&format!("a{n}/samples")).is_empty());
        assert_eq!(place.names(&format!("a{n}/checkpoints")).len(), 1);
        // Process managers send a signal to a process and to its group at once.
        signal(&child, name);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(text.contains(&format!("; go on with: saddle train --out a{n} --resume")), "{text}");
    }
    let nohup = format!("trap '' HUP; exec \"$0\" {}", tiny(&format!("--out b {line}")));
    let mut process = Process::new("sh");
    process.args(["-c", &nohup, SADDLE]).current_dir(place.0.path()).stderr(Stdio::piped()).stdout(Stdio::null());
    let child = process.spawn().unwrap();
    wait_for("metrics", || place.path("b/metrics.jsonl").exists());
    signal(&child, "-HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert!(place.names("b/checkpoints").is_empty(), "it goes on");
    signal(&child, "-TERM");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
}

/// A printed command can be pasted into a shell, whatever the name of the run.
#[test]
fn printed_commands_can_be_pasted() {
    let place = Place::new();
    for name in ["my run 2", "it's a \"größe\"", "-x $HOME"] {
        let mut process = place.process(&tiny("--steps 100000000 --set sample_every=0"));
        process.arg(format!("--out={name}"));
        let child = process.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        wait_for("metrics", || place.path(&format!("{name}/metrics.jsonl")).exists());
        signal(&child, "-INT");
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let (_, command) = text.trim_end().split_once("go on with: saddle ").unwrap_or_else(|| panic!("{text}"));
        let script = format!("exec \"$0\" {command} --dry-run");
        let output = Process::new("sh").args(["-c", &script, SADDLE]).current_dir(place.0.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_interrupted_run_says_how_to_go_on_and_ends_the_same() {
    let place = Place::new();
    let line = format!("--steps 3000 --set checkpoint_every=1000 --set sample_every=0 --set log_every=7 {STATEFUL}");
    place.trained(&format!("--out whole {line}"));
    let child = place.start(&format!("--out a {line}"), "a/metrics.jsonl");
    std::thread::sleep(Duration::from_millis(50));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{text}");
    let last = text.lines().next_back().unwrap();
    let step: u64 = last
        .strip_prefix("stopped at step ")
        .and_then(|l| l.split(';').next())
        .unwrap_or_else(|| panic!("{text}"))
        .parse()
        .unwrap();
    assert!(
        (1..3000).contains(&step) && place.path(&format!("a/checkpoints/step-{step:06}.safetensors")).exists(),
        "{text}"
    );
    let (_, command) = last.split_once("go on with: saddle ").unwrap();
    let said = place.saddle(command);
    assert!(said.err.contains(&format!("resumed at step {step} ")), "{}", said.err);
    assert!(place.result("whole") == place.result("a"), "stopped at step {step}");
    let steps: Vec<u64> = metrics(&place.read("a/metrics.jsonl")).iter().map(|l| l["step"].as_u64().unwrap()).collect();
    assert!(steps.contains(&step) && steps.windows(2).all(|s| s[0] < s[1]) && steps.last() == Some(&3000));
}

#[test]
fn a_run_goes_on_in_the_phase_where_it_stopped() {
    let place = Place::new();
    let common = "--data train-images-idx3-ubyte --batch 8 --adapter cpu --set log_every=1 --set checkpoint_every=1 \
        --set sample_every=0 --keep 99";
    for (variant, own, phases) in [
        ("vae-gan", "--preset article --set pretrain=4 --set hidden_e=9 --steps 12", 3),
        ("ae-gan", "--preset article --set pretrain=4 --set hidden_e=9 --steps 8", 2),
        ("dbm", "--set pretrain=3 --set layers=7,5 --set chains=8 --steps 11", 4),
        ("dbm-gan", "--set pretrain=3 --set layers=7,5 --set chains=8 --set joint=3 --steps 15 --set hidden_g=6", 6),
    ] {
        let said = place.saddle(&format!("train {variant} {common} {own} --out {variant}"));
        assert_eq!(said.code, Some(0), "{variant}: {}", said.err);
        let lines = metrics(&place.read(&format!("{variant}/metrics.jsonl")));
        let mut names: Vec<&str> = lines.iter().map(|line| line["phase"].as_str().unwrap()).collect();
        names.dedup();
        assert_eq!(names.len(), phases, "{variant}: {names:?}");
        for checkpoint in place.names(&format!("{variant}/checkpoints")).iter().rev().skip(1) {
            let resumed = format!("{variant}-{checkpoint}");
            for name in ["run.toml", &format!("checkpoints/{checkpoint}")] {
                place.write(&format!("{resumed}/{name}"), &place.read(&format!("{variant}/{name}")));
            }
            let said = place.saddle(&format!("train --out {resumed} --resume"));
            assert_eq!(said.code, Some(0), "{resumed}: {}", said.err);
            assert!(place.result(variant) == place.result(&resumed), "{resumed} ends otherwise");
        }
    }
}

#[test]
fn a_pretraining_can_be_interrupted() {
    let place = Place::new();
    let line = "vae-gan --preset article --set pretrain=1000000 --set hidden_e=9 --steps 3000000 \
                --data train-images-idx3-ubyte";
    let mut process = place.process(&format!("train {line} --batch 8 --adapter cpu --set log_every=1 --out a"));
    let child = process.stderr(Stdio::piped()).spawn().unwrap();
    wait_for("metrics", || fs::read(place.path("a/metrics.jsonl")).is_ok_and(|bytes| bytes.len() > 1000));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(130)
            && text.contains("phase autoencoder  bound ")
            && text.contains("; go on with: "),
        "{text}"
    );
    let last = place.names("a/checkpoints").pop().unwrap();
    let step = saddle::checkpoint::step_of(last.as_ref()).unwrap();
    let said = place.saddle(&format!("train --out a --resume --steps {}", step + 3));
    assert!(said.code == Some(0) && said.err.contains(&format!("resumed at step {step} ")), "{}", said.err);
}

/// Kills runs of `steps` steps at ten moments spread over them, resumes them, and compares with an undisturbed run.
fn killed_runs_end_the_same(steps: u64, line: &str) {
    let place = Place::new();
    let line = format!("--steps {steps} {line}");
    place.trained(&format!("--out whole {line}"));
    let mut resumed = vec![];
    for kill in 0..10 {
        let run = format!("run{kill}");
        let mut child = place.start(&format!("--out {run} {line}"), &format!("{run}/run.toml"));
        let newest = || {
            let files = fs::read_dir(place.path(&format!("{run}/checkpoints"))).into_iter().flatten().flatten();
            files.filter_map(|file| saddle::checkpoint::step_of(&file.path())).max().unwrap_or(0)
        };
        wait_for("the step to kill at", || newest() >= kill * steps / 11);
        std::thread::sleep(Duration::from_micros(700 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = place.saddle(&format!("train --out {run} --resume"));
        let ended = said.code == Some(2) && said.err.contains(" already; ");
        assert!(said.code == Some(0) || ended, "{}", said.err);
        assert!(place.result("whole") == place.result(&run), "{}", said.err);
        resumed.extend(said.err.lines().find(|l| l.starts_with("resumed at")).map(str::to_string));
    }
    println!("{resumed:#?}");
    assert!(resumed.len() >= 7, "too few were killed while they trained: {resumed:?}");
}

#[test]
fn killed_runs_end_the_same_on_the_cpu() {
    killed_runs_end_the_same(600, "--set checkpoint_every=7 --set sample_every=50");
}

#[test]
fn killed_runs_end_the_same_with_every_kind_of_state() {
    killed_runs_end_the_same(150, &format!("dcgan --set checkpoint_every=4 --set sample_every=30 {STATEFUL}"));
}

#[test]
#[ignore = "takes minutes on a software adapter"]
fn killed_runs_end_the_same_on_the_first_gpu() {
    killed_runs_end_the_same(200, &format!("--adapter 0 --set checkpoint_every=4 --set sample_every=50 {STATEFUL}"));
}

/// Runs in a new mount namespace with a small mounted disk, which disappears with the process.
#[test]
fn a_full_disk_ends_a_run_at_once_and_it_goes_on_when_there_is_room() {
    let place = Place::new();
    let line = "train --config gan.toml --steps 4000 --set checkpoint_every=20 --set sample_every=100";
    assert_eq!(place.saddle(&format!("{line} --out whole")).code, Some(0));
    let script = format!(
        r#"
        mkdir disk && mount -t tmpfs -o size=3m tmpfs disk || exit 77
        "$SADDLE" {line} --out disk/a 2>full.err >full.out &
        until ls disk/a/checkpoints/step-* >/dev/null 2>&1; do sleep 0.01; done
        dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null
        wait $!; echo $? >full.code
        ls disk/a/checkpoints >full.kept; cp disk/a/trainings.jsonl full.ends
        rm disk/filler
        "$SADDLE" train --out disk/a --resume 2>on.err || exit 5
        cp -r disk/a .
        "#
    );
    let output = Process::new("unshare")
        .args(["-rm", "sh", "-c", &script])
        .current_dir(place.0.path())
        .env("SADDLE", SADDLE)
        .output();
    let Some(output) = output
        .ok()
        .filter(|o| o.status.code() != Some(77) && !String::from_utf8_lossy(&o.stderr).starts_with("unshare:"))
    else {
        // Not `eprintln!`: the test harness hides its output if a test passes.
        return writeln!(stderr(), "SKIPPED: no small disk could be mounted").unwrap();
    };
    let said = |name: &str| String::from_utf8(place.read(name)).unwrap();
    assert!(output.status.success(), "{output:?}\n{}", said("full.err"));
    assert_eq!(said("full.code"), "1\n");
    let sentence = said("full.err").lines().next_back().unwrap().to_string();
    assert!(sentence.starts_with("error: cannot write `disk/a/"), "{sentence}");
    assert!(sentence.contains("No space left on device") || sentence.contains("no storage space"), "{sentence}");
    let kept = said("full.kept");
    let last = kept.lines().next_back().unwrap();
    let back = format!("the last good checkpoint is disk/a/checkpoints/{last}; make room, and go on with: ");
    assert!(sentence.ends_with(&format!("{back}saddle train --out disk/a --resume")), "{sentence}");
    assert!(last < "step-004000", "it trained to its end on a full disk: {last}");
    assert!(said("on.err").contains("the last training of `disk/a` "), "{}", said("on.err"));
    assert!(said("on.err").contains("resumed at step "), "{}", said("on.err"));
    assert!(place.result("whole") == place.result("a"));
}
