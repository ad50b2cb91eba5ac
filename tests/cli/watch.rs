//! `saddle watch` over real sockets: what is served, to whom, and what happens to runs that change or go.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::{Place, refused};

/// A server that is ended with its test.
struct Watched {
    child: Child,
    port: u16,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watched {
    fn new(place: &Place, runs: &str) -> Self {
        let mut process = place.process(&format!("watch {runs} --port 0"));
        let mut child = process.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next()?.parse().ok());
        Self { child, port: port.unwrap_or_else(|| panic!("no address: {line}")) }
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// The whole answer to a request; an empty one if the server hung up.
    fn answer(&self, request: &str) -> Vec<u8> {
        let mut answer = vec![];
        let _ = self.send(request).read_to_end(&mut answer);
        answer
    }

    /// Status and body of the answer for a path.
    fn get(&self, path: &str) -> (String, Vec<u8>) {
        let answer = self.answer(&format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", self.port));
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head.lines().next().unwrap()["HTTP/1.1 ".len()..].to_string(), answer[end + 4..].to_vec())
    }

    fn events(&self) -> Events {
        let stream = self.send("GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0);
        }
        Events(lines)
    }
}

struct Events(BufReader<TcpStream>);

impl Events {
    /// The next message of this kind.
    fn next(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended before {kind}");
            let message: Option<Value> = line.strip_prefix("data: ").map(|json| serde_json::from_str(json).unwrap());
            if let Some(content) = message.and_then(|message| message.get(kind).cloned()) {
                return content;
            }
        }
    }
}

fn steps(rows: &Value) -> Vec<u64> {
    rows.as_array().unwrap().iter().map(|row| row["step"].as_u64().unwrap()).collect()
}

fn append(place: &Place, text: &str) {
    let mut file = OpenOptions::new().append(true).open(place.path("a/metrics.jsonl")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn only_the_page_of_the_named_runs_is_served_and_only_to_this_machine() {
    let place = Place::new();
    place.trained("--out a");
    place.trained("--out b");
    let watched = Watched::new(&place, "a");
    let (status, page) = watched.get("/");
    assert_eq!(status, "200 OK");
    assert!(String::from_utf8(page).unwrap().contains("id=\"news\">null</script>"));
    let samples = watched.events().next("samples");
    let url = samples[0]["url"].as_str().unwrap();
    assert!(url.starts_with("/0/samples/step-000010.png?"), "{url}");
    assert_eq!(watched.get(url), ("200 OK".into(), place.read("a/samples/step-000010.png")));
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.path("b/run.toml"), place.path("a/samples/step-000011.png")).unwrap();
    for path in [
        "/0/samples/step-000011.png",
        "/0/samples/../run.toml",
        "/0/samples/..%2Frun.toml",
        "/0/samples/../../b/samples/step-000010.png",
        "/1/samples/step-000010.png",
        "/0/checkpoints/step-000020.safetensors",
        "/../../etc/passwd",
        "//etc/passwd",
        "/metrics.jsonl",
        "/0",
        "*",
    ] {
        assert_eq!(watched.get(path).0, "404 Not Found", "{path}");
    }
    for host in ["Host: evil.example", "Host: evil.example:80", "Host: 127.0.0.1.evil.example", "Host:", "X: y"] {
        for path in ["/", "/events", url] {
            let answer = String::from_utf8(watched.answer(&format!("GET {path} HTTP/1.1\r\n{host}\r\n\r\n"))).unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{host}: {answer}");
            assert!(!answer.contains("id=\"news\""));
        }
    }
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405 "),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n", ""),
        ("nonsense\r\n\r\n", "400 "),
        ("\r\n\r\n", "400 "),
        (&format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(100_000)), ""),
        ("GET / HTTP/1.1\r\n\u{fffd}\u{0}\r\n\r\n", "403 "),
    ] {
        if status.is_empty() {
            // It hangs up, or waits for the rest.
            drop(watched.send(request));
            continue;
        }
        let answer = String::from_utf8_lossy(&watched.answer(request)).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request:.40}: {answer:.80}");
    }
    assert_eq!(watched.get("/").0, "200 OK", "it goes on");
}

#[test]
fn new_lines_and_pictures_come_as_events_whatever_happens_to_the_run() {
    let place = Place::new();
    place.trained("--out a");
    let watched = Watched::new(&place, "a");
    let mut events = watched.events();
    assert_eq!(events.next("head")["steps"], 20);
    assert_eq!(steps(&events.next("rows")), (1..=10).map(|i| 2 * i).collect::<Vec<_>>());
    append(&place, "{\"step\":22,\"d_loss\":0.5}\n{\"step\":24,");
    assert_eq!(steps(&events.next("rows")), [22]);
    append(&place, "\"d_loss\":0.6}\n");
    assert_eq!(steps(&events.next("rows")), [24]);
    append(&place, "no line of metrics\n");
    assert_eq!(events.next("notes")[0], "1 damaged line of metrics.jsonl left out.");
    fs::copy(place.path("a/samples/step-000010.png"), place.path("a/samples/step-000024.png")).unwrap();
    assert_eq!(events.next("samples")[0]["step"], 24);
    place.write("a/eval/report.json", b"[{\"title\":\"t\",\"rows\":[]}]");
    assert_eq!(events.next("evaluation")["reports"][0]["title"], "t");

    // As a resumed run does: another file in its place.
    place.write("a/other", b"{\"step\":2}\n{\"step\":4}\n");
    fs::rename(place.path("a/other"), place.path("a/metrics.jsonl")).unwrap();
    assert_eq!(steps(&events.next("rows")), [2, 4]);

    assert_eq!(events.next("notes"), Value::Array(vec![]), "its lines are sound");

    fs::rename(place.path("a"), place.path("gone")).unwrap();
    assert_eq!(events.next("notes")[0], "The folder of this run is gone.");
    assert_eq!(watched.get("/").0, "200 OK");
    let mut late = watched.events();
    assert_eq!(
        (late.next("head")["name"].clone(), late.next("notes")[0].clone()),
        ("a".into(), "The folder of this run is gone.".into())
    );
    fs::rename(place.path("gone"), place.path("a")).unwrap();
    append(&place, "{\"step\":6}\n");
    assert_eq!(steps(&events.next("rows")), [6]);
}

#[test]
fn a_port_in_use_is_said_and_a_training_shows_itself() {
    let place = Place::new();
    place.trained("--out a");
    let watched = Watched::new(&place, "a");
    refused(&place, &format!("watch a --port {}", watched.port), 1, &["is in use", "without --port"]);
    refused(&place, "watch b", 2, &["`b`", "does not exist"]);
    let said = place.trained("--out b --watch");
    assert!(said.err.contains("watch it at http://127.0.0.1:"), "{}", said.err);
    assert_eq!(place.states("a", 20), place.states("b", 20));
}
