//! Pages of trained models: what is packed fits together, and a browser computes with it what the CPU runner does.
//!
//! The browser is that of SADDLE_TEST_BROWSER, such as `chromium`; without it only the packs are looked at. All
//! variants in a browser, and the ring of docs, some minutes:
//! `SADDLE_TEST_BROWSER=chromium cargo test --release --test page -- --ignored --nocapture`.

mod common;

use std::{
    io::Read,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::browser;
use flate2::read::GzDecoder;
use saddle::{
    cpu::Cpu,
    engine::Plans,
    export::html::{self, Still},
    models::SAMPLE,
    session::{self, Session},
    settings::Settings,
    trained::Trained,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tiny_http::{Header, Method, Response, Server};

/// Small models of all variants, as `saddle train` takes them, on data that a page holds whole.
const MODELS: [&str; 14] = [
    "gan --data ring --set hidden_g=16 --set hidden_d=16 --set fourier_features=8",
    "dcgan --size 8 --set width=4",
    "dcgan --size 8 --set width=4 --conditional",
    "ae --size 8 --set hidden_e=16 --set net=dense",
    "vae --size 8 --set hidden_e=16 --set net=dense",
    "vae-gan --size 8 --set width=4",
    "ae-gan --size 8 --set width=4",
    "dbm --size 8 --set layers=16,8 --set pretrain=0",
    "dbm-gan --size 8 --set layers=16,8 --set pretrain=0 --set joint=1",
    "lstm --set units=8",
    "lstm-gan --data sines-rcgan --set units=8",
    "rvae --set units=8",
    "rvae-gan --set units=8",
    "gan --size 8 --set hidden_g=16 --set hidden_d=16",
];

/// Rounds that a browser trains.
const ROUNDS: usize = 11;
/// Maximum time for a page.
const PATIENCE: Duration = Duration::from_secs(3600);

fn trained(line: &str, folder: &Path) -> Trained {
    let run = folder.join("run");
    let output = Command::new(env!("CARGO_BIN_EXE_saddle"))
        .args(["train", "--adapter", "cpu", "--steps", "6", "--set", "samples=4", "--set", "batch=8", "--out"])
        .arg(&run)
        .args(line.split(' '))
        .output()
        .expect("saddle runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Trained::open(&run).unwrap()
}

/// The header of the pack in a page, and the number of bytes behind it.
fn header(page: &str) -> (Value, usize) {
    let (_, pack) = page.split_once("<script id=\"pack\" type=\"text/plain\">").unwrap();
    let mut bytes = vec![];
    let packed = STANDARD.decode(pack.split_once("</script>").unwrap().0).unwrap();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    let len = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    assert_eq!(len % 4, 0);
    (serde_json::from_slice(&bytes[4..4 + len]).unwrap(), bytes.len() - 4 - len)
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a number")) as usize
}

/// Checks that all parts of a pack refer to parts that are there.
fn check(name: &str, page: &str) -> Value {
    let (header, bytes) = header(page);
    let list = |value: &Value| value.as_array().unwrap().clone();
    let is_inside =
        |place: &Value| number(&place[0]).is_multiple_of(4) && number(&place[0]) + number(&place[1]) <= bytes;
    let (states, data) = (header["states"].as_object().unwrap(), header["data"].as_object().unwrap());
    for (state, described) in states {
        let place = &described["place"];
        assert!(
            place.is_null() || is_inside(place) && number(&place[1]) == 4 * number(&described["length"]),
            "{state}"
        );
    }
    assert!(data.values().all(is_inside), "{name}");
    let mut most = 0;
    for (program, plan) in header["programs"].as_object().unwrap() {
        let buffers = list(&plan["buffers"]);
        for buffer in buffers.iter().filter(|buffer| buffer[0] == "shared") {
            let what = buffer[1].as_str().unwrap();
            let len = number(&buffer[2]);
            let there = states.get(what).map(|state| number(&state["length"]));
            let there = there.or_else(|| data.get(what).map(|place| number(&place[1]) / 4));
            assert!(what == "clock" || there.is_some_and(|there| there >= len), "{name}, {program}: {what}");
        }
        for launch in list(&plan["launches"]) {
            let pipeline = &header["pipelines"][number(&launch[0])];
            let source = header["sources"][number(&pipeline["source"])].as_str().unwrap();
            assert!(source.contains("@compute"), "{name}, {program}");
            assert_eq!(list(&launch[2]).len(), number(&pipeline["bindings"]), "{name}, {program}");
            let operands = list(&launch[3]);
            assert!(operands.is_empty() || pipeline["chain"] == true, "{name}, {program}");
            most = most.max(number(&pipeline["bindings"]) + if pipeline["chain"] == true { 5 } else { 0 });
            for range in list(&launch[2]).iter().chain(&operands) {
                let end = number(&range[1]) + number(&range[2]);
                assert!(end <= number(&buffers[number(&range[0])][2]), "{name}, {program}: {range}");
            }
        }
    }
    assert_eq!(number(&header["bindings"]), most);
    // What every browser offers.
    assert!(most <= 8, "{name}: {most} storage buffers in a launch");
    header
}

fn page(trained: &Trained, trains: bool) -> String {
    let data = trains.then(|| session::open_data(&trained.settings).unwrap());
    html::page(trained, &Still::Text("<nothing & \"more\">"), data).unwrap()
}

#[test]
fn the_parts_of_pages_fit_together() {
    for line in MODELS {
        let folder = TempDir::new().unwrap();
        let trained = trained(line, folder.path());
        let page = page(&trained, true);
        let header = check(line, &page);
        let programs = header["programs"].as_object().unwrap();
        assert!(programs.contains_key("sample") && programs.contains_key("round"), "{line}");
        assert!(page.contains("&lt;nothing &amp; &quot;more&quot;&gt;"), "{line}");
        let smaller = html::page(&trained, &Still::Text(""), None).unwrap();
        assert!(check(line, &smaller)["programs"].get("round").is_none() && smaller.len() < page.len(), "{line}");
    }
}

/// `SADDLE_UPDATE_DOCS=1` writes the page anew.
#[test]
fn the_page_in_docs_is_of_these_kernels() {
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ring.html");
    let page = html::ring().unwrap();
    let header = check("ring", &page);
    if std::env::var_os("SADDLE_UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &page).unwrap();
    }
    let there = check("docs/ring.html", &std::fs::read_to_string(PATH).unwrap());
    for part in ["sources", "pipelines", "programs"] {
        assert!(
            there[part] == header[part],
            "the {part} of docs/ring.html are old: SADDLE_UPDATE_DOCS=1 writes it anew"
        );
    }
}

/// What a page sends to `/result` after `script` has run in it.
fn in_browser(page: &str, script: &str, files: &[(&str, String)]) -> Value {
    let page = page.replace("</html>", &format!("<script type=\"module\">{SCRIPT}{script}</script></html>"));
    let server = Server::http("127.0.0.1:0").expect("a port of this machine");
    let address = format!("http://{}/", server.server_addr());
    let browser = browser::open(&browser::wanted().expect("SADDLE_TEST_BROWSER is set"), &address);
    let start = Instant::now();
    let mut result = None;
    while result.is_none() {
        let left = PATIENCE.checked_sub(start.elapsed()).expect("the page does not answer");
        let Some(mut request) = server.recv_timeout(left).unwrap() else { continue };
        let found = files.iter().find(|(path, _)| request.url() == format!("/{path}"));
        let answer = match (request.method(), found) {
            (Method::Post, _) => {
                let mut body = String::new();
                request.as_reader().read_to_string(&mut body).unwrap();
                result = Some(serde_json::from_str(&body).unwrap());
                Response::from_string("")
            }
            (_, Some((_, text))) => Response::from_string(text),
            _ if request.url() == "/" => {
                Response::from_string(&page).with_header(Header::from_bytes("Content-Type", "text/html").unwrap())
            }
            _ => Response::from_string("").with_status_code(404),
        };
        request.respond(answer).ok();
    }
    browser::close(browser);
    result.expect("the loop ends with it")
}

const SCRIPT: &str = "
const send = (value) => fetch('/result', { method: 'POST', body: JSON.stringify(value) });
globalThis.onerror = (message) => send({ failed: String(message) });
const until = async (is) => {
  while (!is()) {
    if (globalThis.saddle?.failed) return send({ failed: saddle.failed });
    await new Promise((done) => setTimeout(done, 20));
  }
};
";

/// Samples of given latent vectors, then the metrics of some rounds.
const COMPUTE: &str = "
await until(() => globalThis.saddle?.ready);
const { z, rounds } = await (await fetch('/wanted')).json();
const samples = await saddle.sample(Float32Array.from(z), 0);
for (let i = 0; i < rounds; i++) await saddle.tick(1);
await send({ samples: Array.from(samples), rows: saddle.state.history });
";

/// Compares a page in a browser to the CPU runner: the greatest difference of samples, and of metrics where it trains.
fn compare(line: &str, trains: bool) -> [f64; 2] {
    let folder = TempDir::new().unwrap();
    let trained = trained(line, folder.path());
    let mut sampler = trained.session(&[SAMPLE], Some("cpu")).unwrap();
    let (rows, latent) = (sampler.sample_rows(), sampler.latent_size());
    let z: Vec<f32> = (0..rows * latent).map(|i| ((i as f32 * 12.9898).sin() * 43_758.547).fract()).collect();
    let wanted = json!({ "z": z, "rounds": if trains { ROUNDS } else { 0 } });
    let found = in_browser(&page(&trained, trains), COMPUTE, &[("wanted", wanted.to_string())]);
    assert!(found.get("failed").is_none(), "{line}: {found}");
    let difference = |a: f64, b: f64| (a - b).abs() / (1.0 + b.abs());
    let samples = sampler.decode(&z, rows, 0, None).unwrap();
    let theirs: Vec<f64> = found["samples"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(theirs.len(), samples.len(), "{line}");
    let of_samples = samples.iter().zip(&theirs).map(|(a, b)| difference(*b, f64::from(*a))).fold(0.0, f64::max);
    if !trains {
        return [of_samples, 0.0];
    }
    let set = session::open_data(&trained.settings).unwrap();
    let settings = Settings { steps: 2 * trained.settings.steps, ..trained.settings.clone() };
    let model = saddle::models::variant(&settings.variant).unwrap().model(&settings, &trained.examples).unwrap();
    let plans =
        Plans::new([(model.phases.last().unwrap().name, model.round())], &Cpu::caps(), Some(session::layout(&set)));
    let mut runner: Box<dyn saddle::runner::Runner> = Box::new(Cpu::new());
    session::upload(runner.as_mut(), &set).unwrap();
    let mut session = Session::new(runner, &settings, trained.examples.clone(), &model, plans.unwrap()).unwrap();
    session.restore(&trained.checkpoint).unwrap();
    let mut of_metrics = 0f64;
    for row in found["rows"].as_array().unwrap() {
        let ours = session.train(1).unwrap().remove(0);
        for (name, value) in session.metrics().iter().zip(ours) {
            of_metrics = of_metrics.max(difference(row[name].as_f64().unwrap(), value.into()));
        }
    }
    [of_samples, of_metrics]
}

#[test]
fn a_browser_samples_and_trains() {
    if browser::wanted().is_none() {
        return;
    }
    let [samples, metrics] = compare(MODELS[0], true);
    assert!(samples < 1e-5 && metrics < 1e-4, "{samples:e} {metrics:e}");
}

#[test]
#[ignore = "some minutes in a browser"]
fn a_browser_samples_every_variant_and_trains_four() {
    println!("| model | samples | metrics of {ROUNDS} rounds |\n|---|---|---|");
    for line in MODELS {
        let trains = ["gan ", "dcgan ", "vae-gan", "lstm-gan"].iter().any(|name| line.starts_with(name));
        let [samples, metrics] = compare(line, trains);
        println!("| {line} | {samples:.1e} | {} |", if trains { format!("{metrics:.1e}") } else { String::new() });
        assert!(samples < 1e-5 && metrics < 1e-4, "{line}");
    }
}

/// In Chromium on its software driver, SwiftShader: all modes since round 1,402 and 1,309 of 5,000, 5 to 12 rounds a
/// second.
#[test]
#[ignore = "some minutes in a browser"]
fn the_ring_is_found_in_a_browser() {
    let script = "
const { game, pack } = await (async () => { await until(() => globalThis.saddle); return saddle; })();
await until(() => game.step === pack.steps && performance.now() > game.next);
await send({ ...game.score, since: game.found, rounds: game.step, rate: game.rate });";
    let found = in_browser(&html::ring().unwrap(), script, &[]);
    println!("{found}");
    assert_eq!((found["modes"].as_u64(), found["rounds"].as_u64()), (Some(8), Some(5000)));
}
