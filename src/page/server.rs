//! The page of runs while they train, for browsers on this machine.
//!
//! A thread for each connection, on the standard library alone: a browser asks for a page, a few pictures and one
//! stream of events, and each answer ends its connection.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Feed, html};
use crate::{
    error::{Error, Result},
    files,
    record::Record,
};

/// The first port that is tried where none is asked for, and how many after it.
const PORT: u16 = 7777;
const TRIED: u16 = 100;
/// Most bytes of a request.
const REQUEST: u64 = 16 << 10;
/// How long a browser may take to ask, or to take an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time from one look at the files to the next, and longest silence of a stream.
const PAUSE: Duration = Duration::from_millis(400);
const SILENCE: Duration = Duration::from_secs(10);
/// How long the end of a training waits for browsers.
const ENDING: Duration = Duration::from_secs(3);
/// How long a browser takes to ask for a picture that it was told of.
const FETCHING: Duration = Duration::from_secs(1);
/// Most connections at once.
const CONNECTIONS: usize = 64;

/// A server of the page of some runs, on the loopback interface.
pub struct Server {
    listener: TcpListener,
    records: Vec<Arc<Record>>,
    open: AtomicUsize,
    is_ending: AtomicBool,
}

impl Server {
    /// Listens on a port; without one, on the first free one from 7777 on. Port 0 is any free one.
    ///
    /// # Errors
    /// A port that is in use.
    pub fn bind(records: Vec<Arc<Record>>, port: Option<u16>) -> Result<Self> {
        let listen = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = match port {
            Some(port) => listen(port).map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => {
                    Error::failure(format!("port {port} is in use; without --port, the next free one is taken"))
                }
                _ => Error::failure(format!("cannot listen on port {port}: {error}")),
            })?,
            None => (PORT..PORT + TRIED)
                .find_map(|port| listen(port).ok())
                .map_or_else(|| listen(0), Ok)
                .map_err(|error| Error::failure(format!("cannot listen on any port: {error}")))?,
        };
        Ok(Self { listener, records, open: AtomicUsize::new(0), is_ending: AtomicBool::new(false) })
    }

    /// Where a browser finds the page.
    ///
    /// # Errors
    /// A socket that the system has closed.
    pub fn address(&self) -> Result<String> {
        let address = self.listener.local_addr();
        address.map(|at| format!("http://{at}/")).map_err(|error| Error::failure(format!("cannot listen: {error}")))
    }

    /// Lets browsers have what is there by now, and waits for those that take it: the process may end after this.
    pub fn end(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
        let (begun, mut busy) = (Instant::now(), None);
        loop {
            let is_open = self.open.load(Ordering::SeqCst) > 0;
            busy = if is_open { Some(Instant::now()) } else { busy };
            // A browser asks for the last pictures after it was told of them.
            let may_ask = busy.is_some_and(|last| last.elapsed() < FETCHING);
            if !(is_open || may_ask) || begun.elapsed() > ENDING {
                return;
            }
            thread::sleep(PAUSE / 10);
        }
    }

    /// Answers until the process ends. What goes wrong with one connection ends that one only.
    pub fn run(&self) {
        thread::scope(|scope| {
            for stream in self.listener.incoming() {
                let Ok(stream) = stream else {
                    // Too many open files, as a rule.
                    thread::sleep(PAUSE);
                    continue;
                };
                if self.open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS {
                    self.open.fetch_sub(1, Ordering::SeqCst);
                    continue;
                }
                let answer = || {
                    // A browser that goes is no fault.
                    let _ = self.answer(stream);
                    self.open.fetch_sub(1, Ordering::SeqCst);
                };
                if thread::Builder::new().spawn_scoped(scope, answer).is_err() {
                    self.open.fetch_sub(1, Ordering::SeqCst);
                }
            }
        });
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let Some(Request { method, path, host }) = Request::read(&stream)? else {
            return reply(&mut stream, "400 Bad Request", "text/plain", b"this is no request for a page\n");
        };
        // A page from elsewhere whose name was made to point here (DNS rebinding) asks under its own name.
        if !host.is_some_and(|host| is_local(&host)) {
            let sentence = b"this page is for 127.0.0.1 and localhost only\n";
            return reply(&mut stream, "403 Forbidden", "text/plain", sentence);
        }
        if method != "GET" {
            return reply(&mut stream, "405 Method Not Allowed", "text/plain", b"this page can only be read\n");
        }
        match path.split('?').next().unwrap_or_default() {
            "/" => reply(&mut stream, "200 OK", "text/html; charset=utf-8", html(None).as_bytes()),
            "/events" => self.stream(&mut stream),
            // A name is looked for among the pictures that are there, and never becomes part of a path.
            path => match self.picture(path) {
                Some(png) => reply(&mut stream, "200 OK", "image/png", &png),
                None => reply(&mut stream, "404 Not Found", "text/plain", b"there is nothing here\n"),
            },
        }
    }

    /// The picture with this address.
    fn picture(&self, address: &str) -> Option<Vec<u8>> {
        let (_, path) = Feed::new(&self.records, false).pictures().find(|(known, _)| known == address)?;
        files::read(&path).ok()
    }

    /// Tells all that there is, and then what is new, until the browser goes.
    fn stream(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut feed = Feed::new(&self.records, false);
        head(stream, "200 OK", "text/event-stream", None)?;
        let mut told = Instant::now();
        loop {
            // What is written before the end is told.
            let is_last = self.is_ending.load(Ordering::SeqCst);
            let mut text = String::new();
            for message in feed.news() {
                text += &format!("data: {message}\n\n");
            }
            if text.is_empty() && told.elapsed() > SILENCE {
                text = ": nothing new\n\n".into();
            }
            if !text.is_empty() {
                stream.write_all(text.as_bytes())?;
                told = Instant::now();
            }
            if is_last {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
    }
}

/// What of a request is looked at.
struct Request {
    method: String,
    path: String,
    host: Option<String>,
}

impl Request {
    /// Reads the head of a request; none if it is none.
    fn read(stream: &TcpStream) -> io::Result<Option<Self>> {
        let mut lines = BufReader::new(stream.take(REQUEST)).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let [method, path, _] = first.split(' ').collect::<Vec<_>>()[..] else { return Ok(None) };
        let mut request = Self { method: method.into(), path: path.into(), host: None };
        for line in lines {
            let line = line?;
            if line.is_empty() {
                return Ok(Some(request));
            }
            let host = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("host"));
            if let Some((_, host)) = host {
                request.host = Some(host.trim().to_lowercase());
            }
        }
        Ok(None)
    }
}

/// Whether a `Host` header names this machine; a tunnel may have another port.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost"].contains(&name)
}

fn head(stream: &mut TcpStream, status: &str, kind: &str, length: Option<usize>) -> io::Result<()> {
    let length = length.map_or(String::new(), |length| format!("Content-Length: {length}\r\n"));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{length}Connection: close\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}

fn reply(stream: &mut TcpStream, status: &str, kind: &str, body: &[u8]) -> io::Result<()> {
    head(stream, status, kind, Some(body.len()))?;
    stream.write_all(body)
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_names_of_this_machine_are_served() {
        for host in ["127.0.0.1:7777", "localhost", "localhost:9000", "127.0.0.1"] {
            assert!(is_local(host), "{host}");
        }
        for host in
            ["", "evil.example", "evil.example:7777", "127.0.0.1.evil.example:7777", "localhost:evil", "0.0.0.0"]
        {
            assert!(!is_local(host), "{host}");
        }
    }
}
