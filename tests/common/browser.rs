//! Runs kernels in Chromium: through its own WGSL compiler, Tint, and its own WebGPU, on the software Vulkan that it
//! brings.
//!
//! SADDLE_TEST_BROWSER names the program, such as `chromium`. A page (`browser.html`) asks for jobs, one after the
//! other.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use saddle::kernels::{Dispatch, Kernel};
use tiny_http::{Header, Method, Request, Response, Server};

const PAGE: &str = include_str!("browser.html");
/// Maximum duration of a job.
const PATIENCE: Duration = Duration::from_secs(120);
/// Starts the browser, and ends it after this process has ended.
const SCRIPT: &str = r#"
folder=$(mktemp -d)
"$1" --headless=new --no-sandbox --disable-quic --disable-background-networking --no-first-run \
    --disable-component-update --user-data-dir="$folder" --enable-unsafe-webgpu "$2" &
browser=$!
trap 'kill $browser; rm -rf "$folder"; exit' TERM
while kill -0 "$3" 2>/dev/null && kill -0 $browser 2>/dev/null; do sleep 0.5; done
kill $browser 2>/dev/null
wait $browser
rm -rf "$folder"
"#;

/// A shader with its constants, and the words of its bindings and operands.
pub struct Job<'a> {
    pub kernel: &'a Kernel,
    pub dispatch: &'a Dispatch,
    /// The words of the bindings: first those that are read, then those that are written; empty to compile only.
    pub bindings: &'a [Vec<u32>],
    pub operands: &'a [Vec<u32>],
    /// Number of bindings that are only read.
    pub reads: usize,
    /// Offset of each binding in its buffer, in bytes.
    pub offset: usize,
}

/// The bytes of a job, and the channel for its answer.
type Sent = (Vec<u8>, Sender<Result<Vec<u8>, String>>);

/// The browser that kernels should run in; `None`: they run on the adapter.
pub fn wanted() -> Option<String> {
    std::env::var("SADDLE_TEST_BROWSER").ok().filter(|program| !program.is_empty())
}

/// Runs a job, and returns the words of all written bindings, one after the other.
pub fn run(job: &Job) -> Result<Vec<u32>, String> {
    static BROWSER: OnceLock<Mutex<Sender<Sent>>> = OnceLock::new();
    let browser = BROWSER.get_or_init(|| Mutex::new(start(&wanted().expect("SADDLE_TEST_BROWSER is set"))));
    let (send, receive) = channel();
    browser.lock().unwrap().send((job.bytes(), send)).expect("the server runs");
    let answer = receive.recv_timeout(PATIENCE).map_err(|_| "the browser does not answer".to_string())??;
    Ok(bytemuck::pod_collect_to_vec(&answer))
}

impl Job<'_> {
    /// The length of the header, the header in JSON, padded to whole words, and the words.
    fn bytes(&self) -> Vec<u8> {
        let code = self.kernel.source(self.dispatch);
        let lens = |all: &[Vec<u32>]| all.iter().map(Vec::len).collect::<Vec<_>>();
        let header = serde_json::json!({
            "name": self.kernel.name(),
            // Browsers need the directive; naga does not know it.
            "code": (if code.contains("subgroup") { "enable subgroups;\n" } else { "" }).to_string() + &code,
            "constants": self.dispatch.overrides.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "groups": self.dispatch.groups,
            "reads": self.reads,
            "bindings": lens(self.bindings),
            "operands": lens(self.operands),
            "chain": self.kernel.chain().is_some(),
            "offset": self.offset,
        });
        let mut header = header.to_string();
        header.push_str(&" ".repeat(header.len().next_multiple_of(4) - header.len()));
        let words = self.bindings.iter().chain(self.operands).flatten().copied();
        let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(words.flat_map(u32::to_le_bytes));
        bytes
    }
}

/// Starts the browser with this page. It ends with this process, or when the child that is returned is killed.
pub fn open(program: &str, page: &str) -> Child {
    let parent = std::process::id().to_string();
    Command::new("sh")
        .args(["-c", SCRIPT, "browser", program, page, &parent])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

/// Ends the browser. Its shell is asked to, so that nothing of it stays.
pub fn close(mut browser: Child) {
    Command::new("kill").arg(browser.id().to_string()).status().ok();
    browser.wait().ok();
}

/// Starts a server, and a browser that asks the server for jobs.
fn start(program: &str) -> Sender<Sent> {
    let server = Server::http("127.0.0.1:0").expect("a port of this machine");
    let page = format!("http://{}/", server.server_addr());
    let mut browser = open(program, &page);
    let (send, receive) = channel();
    std::thread::spawn(move || {
        serve(&server, &receive);
        browser.wait().ok();
    });
    send
}

fn serve(server: &Server, jobs: &Receiver<Sent>) {
    let mut waiting: Option<Sender<Result<Vec<u8>, String>>> = None;
    for mut request in server.incoming_requests() {
        match (request.method(), request.url()) {
            (Method::Get, "/") => {
                let html = Header::from_bytes("Content-Type", "text/html").expect("a valid header");
                reply(request, Response::from_string(PAGE).with_header(html));
            }
            (Method::Get, "/job") => {
                let Ok((bytes, answer)) = jobs.recv() else { return };
                waiting = Some(answer);
                reply(request, Response::from_data(bytes));
            }
            (Method::Post, url) => {
                let failed = url == "/failed";
                let mut body = vec![];
                request.as_reader().read_to_end(&mut body).ok();
                let result = if failed { Err(String::from_utf8_lossy(&body).into_owned()) } else { Ok(body) };
                if let Some(answer) = waiting.take() {
                    answer.send(result).ok();
                }
                reply(request, Response::from_string(""));
            }
            _ => reply(request, Response::from_string("").with_status_code(404)),
        }
    }
}

fn reply<R: Read>(request: Request, response: Response<R>) {
    // If the browser has ended, the next job fails, so an error is ignored here.
    request.respond(response).ok();
}
