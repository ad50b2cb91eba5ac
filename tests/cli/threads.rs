//! Systems that allow few new threads, or none.

use super::{Place, group::Group};

#[test]
fn without_a_thread_a_run_is_refused_before_it_begins() {
    let Some(group) = Group::of_threads(1) else { return };
    let place = Place::new();
    let said = group.saddle(&place, 4, "train --config gan.toml --out run");
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    for word in ["error: no thread can be started", "pids.max", "ulimit -u"] {
        assert!(said.err.contains(word), "{}", said.err);
    }
    assert!(!place.path("run").exists());
    assert_eq!(group.saddle(&place, 4, "variants gan").code, Some(0), "what needs no threads works");
}

#[test]
fn with_few_threads_a_run_is_slower_and_the_same() {
    let place = Place::new();
    place.trained("--out whole");
    for most in [2, 3, 4, 5, 6] {
        let Some(group) = Group::of_threads(most) else { return };
        let said = group.saddle(&place, 4, &format!("train --config gan.toml --out few-{most}"));
        assert_eq!(said.code, Some(0), "{most}: {}", said.err);
        let warned = said.err.contains("of 4 threads work here");
        assert_eq!(warned, most < 6, "{most}: {}", said.err);
        assert!(place.result(&format!("few-{most}")) == place.result("whole"), "{most}");
    }
}
