//! `saddle bench`.

use super::*;

fn quick(place: &Place, more: &str) -> Said {
    place.saddle(&format!("bench --adapter cpu --seconds 0.001 --only gan,lstm {more}"))
}

#[test]
fn results_are_written_read_and_compared() {
    let place = Place::new();
    let said = quick(&place, "--shapes 2 --json here.json");
    assert_eq!(said.code, Some(0), "{}", said.err);
    for part in ["cpu", "GFLOP/s of multiply-adds", "gan", "lstm", "rounds/s", "of ceiling", "matmul aT b "] {
        assert!(said.out.contains(part), "{part} is not in {}", said.out);
    }
    let report: Value = serde_json::from_str(&fs::read_to_string(place.path("here.json")).unwrap()).unwrap();
    assert_eq!(report["schema"], 2);
    assert!(report["wgpu"].as_str().unwrap().starts_with("30."));
    for name in ["multiply_add", "bandwidth", "dispatch", "submit", "read_back"] {
        assert!(report["ceilings"][name].as_f64().unwrap() > 0.0, "{name}");
    }
    let ordered = |measured: &Value| {
        let [least, median, most] = ["least", "median", "most"].map(|k| measured["milliseconds"][k].as_f64().unwrap());
        assert!(0.0 < least && least <= median && median <= most, "{measured}");
    };
    let [rounds, kernels] = ["rounds", "kernels"].map(|list| report[list].as_array().unwrap());
    rounds.iter().chain(kernels).for_each(ordered);
    assert_eq!(rounds.len(), 2);
    assert!(rounds.iter().all(|round| round["allocated"].as_u64() >= round["planned"].as_u64()));
    let kinds: Vec<[&str; 2]> =
        kernels.iter().map(|kernel| ["kernel", "shape"].map(|k| kernel[k].as_str().unwrap())).collect();
    assert!(kinds.is_sorted_by(|a, b| a[0] <= b[0]), "{kinds:?}");
    for kind in &kinds {
        assert_eq!(kinds.iter().filter(|other| *other == kind).count(), 1, "{kind:?} is there twice");
        assert!(kinds.iter().filter(|other| other[0] == kind[0]).count() <= 2, "more than two shapes of {}", kind[0]);
    }
    let adam = kernels.iter().find(|kernel| kernel["kernel"] == "adam").unwrap();
    assert!(adam["rounds"].as_object().unwrap().values().all(|times| times.as_u64() >= Some(1)), "{adam}");

    let mut faster = report.clone();
    faster["device"] = "another <device>".into();
    faster["ceilings"]["bandwidth"] = (2.0 * report["ceilings"]["bandwidth"].as_f64().unwrap()).into();
    faster["rounds"].as_array_mut().unwrap().remove(1);
    faster["kernels"].as_array_mut().unwrap().retain(|kernel| kernel["kernel"] == "adam");
    place.write("there.json", faster.to_string().as_bytes());
    let said = place.saddle("bench compare here.json there.json --out page.html");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let line = |name: &str| said.out.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_string();
    assert!(line("copies").contains("(2.00x)"), "{}", line("copies"));
    assert!(line("gan").contains("(1.00x)"), "{}", line("gan"));
    assert!(line("lstm").ends_with('-'), "{}", line("lstm"));
    assert!(line("adam").contains("(1.00x)"), "{}", line("adam"));
    assert!(!said.out.contains("matmul"), "what only one device has is no comparison: {}", said.out);
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    assert!(page.contains("another &lt;device&gt;") && page.contains("width:50.00%"));
    assert!(!page.contains("http") && !page.contains("<script"), "a page that needs nothing else");
}

#[test]
fn what_would_take_too_long_is_left_out() {
    let place = Place::new();
    let said = place.saddle("bench --adapter cpu --seconds 0.001 --limit 0.001 --only gan --shapes 1 --json it.json");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("gan is left out: two rounds take"), "{}", said.err);
    let report: Value = serde_json::from_slice(&place.read("it.json")).unwrap();
    assert!(report["rounds"].as_array().unwrap().is_empty());
    assert!(report["kernels"].as_array().unwrap().iter().any(|kernel| kernel["kernel"] == "adam"));
}

#[test]
fn what_cannot_be_measured_or_compared_is_said() {
    let place = Place::new();
    place.write("run.json", b"{}");
    place.write("new.json", b"{\"schema\": 99}");
    place.write("torn.json", b"{\"schema\": 2, \"device\"");
    place.write("empty.json", b"{\"schema\": 2}");
    for (arguments, part) in [
        ("bench --only gann", "--only: unknown case `gann`; did you mean `gan`?"),
        ("bench --seconds 0", "a number from 0.001 to 3600 is right"),
        ("bench --adapter 99", "no such adapter"),
        ("bench compare run.json run.json", "`run.json` is no report"),
        ("bench compare new.json new.json", "has schema 99, and this Saddle reads schema 2"),
        ("bench compare torn.json torn.json", "`torn.json` is not JSON"),
        ("bench compare empty.json empty.json", "`empty.json` is damaged"),
        ("bench compare gone.json gone.json", "`gone.json` cannot be read"),
        ("bench compare run.json", "2 values required"),
    ] {
        let said = place.saddle(arguments);
        assert_eq!(said.code, Some(2), "{arguments}: {}", said.err);
        assert!(said.err.contains(part), "{arguments}: {}", said.err);
    }
}
