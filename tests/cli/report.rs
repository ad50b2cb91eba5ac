//! `saddle report`: one page that needs no network.

use std::fs;

use serde_json::Value;

use super::{Place, refused};

/// The messages inside a page.
fn news(page: &str) -> Vec<Value> {
    let inside = page.split("id=\"news\">").nth(1).unwrap().split("</script>").next().unwrap();
    serde_json::from_str(inside).unwrap()
}

/// The content of messages about a run, of one kind.
fn told<'a>(news: &'a [Value], run: u64, kind: &str) -> Vec<&'a Value> {
    news.iter().filter(|message| message["run"] == run).filter_map(|message| message.get(kind)).collect()
}

#[test]
fn a_page_holds_all_that_it_shows() {
    let place = Place::new();
    place.trained("--out a");
    place.trained("--out b --seed 5 --set lr_g=0.001");
    let reports = r#"[{"title":"t","rows":[{"measure":"<b>share</b></script>","value":0.5,"better":"higher"}]}]"#;
    place.write("a/eval/report.json", reports.as_bytes());
    fs::copy(place.path("a/samples/step-000010.png"), place.path("a/eval/pca.png")).unwrap();
    let metrics = [&place.read("a/metrics.jsonl")[..], b"{\"step\":99,\"d_lo\nnothing\n{\"step\":100"].concat();
    place.write("a/metrics.jsonl", &metrics);
    let said = place.saddle("report a b --out both.html");
    assert_eq!((said.code, said.out.trim()), (Some(0), "both.html"), "{}", said.err);

    let page = String::from_utf8(place.read("both.html")).unwrap();
    for foreign in ["http://", "https://", "src=\"/", "href=\"/", "@import", "//cdn"] {
        let found = page.split(foreign).skip(1).find(|rest| !rest.starts_with("www.w3.org/2000/svg"));
        assert!(found.is_none(), "the page fetches {foreign}{:.40}", found.unwrap());
    }
    assert_eq!(page.matches("</script>").count(), 2, "a text ends the element that holds it");
    let news = news(&page);
    let [a, b] = [0, 1].map(|run| told(&news, run, "head")[0]);
    assert_eq!((&a["name"], &b["name"]), (&"a".into(), &"b".into()));
    assert_eq!(b["differs"].as_object().unwrap().keys().collect::<Vec<_>>(), ["lr_g", "seed"]);
    assert_eq!(a["commands"][0], "saddle train --config a/run.toml");
    assert_eq!((&a["trains"], &a["every"]), (&false.into(), &10.into()));
    assert_eq!(a["commands"][1], "saddle train --out a --resume --steps 40", "it is done: more steps go on");
    let rows = told(&news, 0, "rows")[0].as_array().unwrap();
    assert_eq!(rows.len(), 10, "one for each whole line");
    assert!(rows[0]["device"].as_str().unwrap().starts_with("cpu"), "{}", rows[0]);
    assert!(rows[1].get("device").is_none(), "a process names its device once");
    for column in ["d_acc_real", "d_acc_fake", "grad_d", "grad_g"] {
        assert!(rows.iter().all(|row| row[column].as_f64().is_some_and(|number| number >= 0.0)), "{column}");
    }
    assert_eq!(told(&news, 0, "notes")[0][0], "2 damaged lines of metrics.jsonl left out.");
    let samples = told(&news, 1, "samples")[0].as_array().unwrap();
    assert_eq!(samples.iter().map(|sample| sample["step"].as_u64().unwrap()).collect::<Vec<_>>(), [10, 20]);
    assert!(samples[0]["url"].as_str().unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
    let evaluation = told(&news, 0, "evaluation")[0];
    assert_eq!(evaluation["reports"][0]["rows"][0]["measure"], "<b>share</b></script>");
    assert_eq!(evaluation["plots"][0]["name"], "pca");

    place.saddle("report a");
    assert!(place.path("a/report.html").exists());
}

#[test]
fn a_run_that_broke_off_is_no_training() {
    let place = Place::new();
    place.trained("--out a");
    fs::remove_file(place.path("a/checkpoints/step-000020.safetensors")).unwrap();
    let lock = fs::OpenOptions::new().write(true).open(place.path("a/.lock")).unwrap();
    let head = || {
        place.saddle("report a");
        told(&news(&String::from_utf8(place.read("a/report.html")).unwrap()), 0, "head")[0].clone()
    };
    assert_eq!((&head()["trains"], &head()["commands"][1]), (&false.into(), &"saddle train --out a --resume".into()));
    lock.lock().unwrap();
    assert_eq!((&head()["trains"], &head()["commands"][1]), (&true.into(), &"saddle sample a".into()));
}

#[test]
fn what_is_no_run_is_refused() {
    let place = Place::new();
    place.trained("--out a");
    refused(&place, "report b", 2, &["`b`", "does not exist"]);
    refused(&place, "report a --out none/a.html", 1, &["none/a.html"]);
    refused(&place, "report", 2, &["name the folder of a run"]);
}
