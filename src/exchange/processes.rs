//! Ranks that are processes, on one or several machines, which MPI connects.
//!
//! A thread of its own carries all messages, so that a rank answers while it computes: every second it tells those that
//! watch it that it is there. Rank 0 watches all others, and they watch rank 0. A rank that is silent for [`SILENCE`],
//! or whose process is gone, ends them all. Messages go from rank to rank and are asked for with `MPI_Test`: a blocking
//! call would neither keep a deadline nor watch, and a collective one adds in an order of the library's choice.

use std::{
    iter,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Exchange, Values,
    launch::Launch,
    mpi::{Mpi, Transfer},
};
use crate::error::{Error, Result};

/// Time between two signs of life.
const BEAT: Duration = Duration::from_secs(1);
/// A rank that gives no sign of life for so long is lost.
const SILENCE: Duration = Duration::from_secs(6);
/// The longest time that one look counts for: a job that was stopped as a whole, and goes on, has lost nobody.
const LOOK: Duration = Duration::from_millis(250);
/// Time between two looks at the others.
const PAUSE: Duration = Duration::from_millis(100);
/// Time in which this rank may say itself why it ends, once another one is lost.
const GRACE: Duration = Duration::from_millis(500);
/// Time in which all say goodbye.
const TOGETHER: Duration = Duration::from_secs(5);
/// Waiting for others: first without sleeping, then with such sleeps.
const EAGER: Duration = Duration::from_micros(200);
const SLEEP: Duration = Duration::from_micros(50);
/// More values than this are sent when all ranks are ready to take them.
const LARGE: usize = 1 << 14;
/// Length of a sign of life, in values: a word, and the bytes of a sentence.
const SIGN: usize = 1024;

/// Tags of messages.
const PASS: i32 = 1;
const READY: i32 = 2;
const LIFE: i32 = 3;

/// Words of a sign of life.
const ALIVE: f32 = 0.0;
const GOODBYE: f32 = 1.0;
/// This and the exit status of an error.
const LEFT: f32 = 2.0;

/// One rank of several processes.
pub struct Processes {
    rank: usize,
    ranks: usize,
    version: String,
    line: Line,
}

/// The way to the thread that carries the messages.
#[derive(Clone)]
pub struct Line(Sender<Job>);

/// What that thread is asked to do.
enum Job {
    /// To pass values on to all ranks, whole or in shares.
    Pass { own: Vec<f32>, whole: bool, answer: Sender<Result<Vec<Values>>> },
    /// To tell the others why this rank ends, and to end all of them.
    Leave { why: Error },
    /// To leave in order, when all do.
    Goodbye { done: Sender<()> },
}

/// Says why all ranks end, when the rank itself does not come to it.
pub type LastWords = Box<dyn Fn(&Error) + Send>;

impl Processes {
    /// Joins the other processes that were started together with this one.
    ///
    /// # Errors
    /// No library of MPI that belongs to what has started the processes.
    pub fn open(launch: &Launch, last_words: LastWords) -> Result<Self> {
        let (names, is_open, ranks) = (launch.libraries(), launch.is_open, launch.ranks);
        let ((send, jobs), (started, starts)) = (channel(), channel());
        let carry = move || {
            let carrier = Mpi::open(&names, is_open).and_then(|mpi| Carrier::new(mpi, ranks, last_words));
            match carrier {
                Ok(mut carrier) => {
                    let mpi = &carrier.mpi;
                    let _ = started.send(Ok((mpi.rank, mpi.ranks, mpi.version.clone())));
                    if let Some(done) = carrier.work(&jobs) {
                        if carrier.goodbye().unwrap_or(false) {
                            let Carrier { mpi, .. } = carrier;
                            mpi.finalize();
                        }
                        let _ = done.send(());
                    }
                }
                Err(error) => drop(started.send(Err(error))),
            }
        };
        let thread = thread::Builder::new().name("messages".into()).spawn(carry);
        thread.map_err(|error| Error::failure(format!("no thread for messages can be started: {error}")))?;
        let (rank, ranks, version) = starts.recv().unwrap_or_else(|_| Err(gone()))?;
        Ok(Self { rank, ranks, version, line: Line(send) })
    }

    /// Another handle, to end with when the exchange is elsewhere.
    pub fn line(&self) -> Line {
        self.line.clone()
    }

    /// The library's own name and version.
    pub fn version(&self) -> &str {
        &self.version
    }

    fn pass(&self, own: Vec<f32>, whole: bool) -> Result<Vec<Values>> {
        let (answer, answered) = channel();
        self.line.0.send(Job::Pass { own, whole, answer }).map_err(|_| gone())?;
        answered.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Exchange for Processes {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn gather(&mut self, own: Vec<f32>) -> Result<Vec<Values>> {
        self.pass(own, true)
    }

    fn shares(&mut self, own: Vec<f32>) -> Result<Vec<Values>> {
        self.pass(own, false)
    }
}

impl Line {
    /// Ends all ranks. The first one does it at once, with the status of the error; another one tells the first, which
    /// has the last words. Does not return.
    pub fn leave(&self, why: Error) -> ! {
        let status = why.exit_code();
        let _ = self.0.send(Job::Leave { why });
        // The thread ends the process, or another rank ends all.
        thread::sleep(SILENCE + GRACE);
        std::process::exit(status.into())
    }

    /// Leaves in order; all ranks do.
    pub fn goodbye(&self) {
        let (done, is_done) = channel();
        if self.0.send(Job::Goodbye { done }).is_ok() {
            let _ = is_done.recv();
        }
    }
}

/// What the thread that carries messages has.
struct Carrier {
    mpi: Mpi,
    peers: Vec<Peer>,
    looked: Instant,
    /// Why a rank is lost, and since when.
    lost: Option<(Error, Instant)>,
    /// Why this rank ends.
    leaves: Option<Error>,
    last_words: LastWords,
}

/// A rank that is watched.
struct Peer {
    rank: usize,
    silent: Duration,
    /// Its next sign of life; none after its goodbye.
    next: Option<Transfer>,
    /// The last sign that it was given, and when.
    given: Option<Transfer>,
    beat: Instant,
    /// What is there as long as its process is, if that runs on this machine.
    process: Option<PathBuf>,
}

impl Carrier {
    fn new(mpi: Mpi, started: usize, last_words: LastWords) -> Result<Self> {
        if mpi.ranks != started {
            return Err(Error::failure(format!(
                "{started} processes were started, and {} knows of {}: name the library that belongs to the command \
                 which started them with SADDLE_MPI=/path/to/libmpi.so.40",
                mpi.version, mpi.ranks
            )));
        }
        let mut carrier = Self { mpi, peers: vec![], looked: Instant::now(), lost: None, leaves: None, last_words };
        // Processes that see each other are watched more closely.
        let here = text_values(&format!("{} {}", place(), std::process::id()));
        let places: Vec<String> = carrier.pass(here, true)?.iter().map(|values| text_of(values)).collect();
        let watched = if carrier.mpi.rank == 0 { 1..carrier.mpi.ranks } else { 0..1 };
        for rank in watched {
            let process = places[rank].strip_prefix(&place()).filter(|id| id.starts_with(' '));
            let process = process.map(|id| PathBuf::from(format!("/proc/{}", id.trim())));
            let next = Some(carrier.mpi.receive(rank, LIFE, SIGN)?);
            carrier.peers.push(Peer {
                rank,
                silent: Duration::ZERO,
                next,
                given: None,
                beat: Instant::now(),
                process: process.filter(|process| process.exists()),
            });
        }
        Ok(carrier)
    }

    /// Carries messages until this rank leaves in order, or nobody asks for more. Returns whom to tell that it has
    /// left.
    fn work(&mut self, jobs: &Receiver<Job>) -> Option<Sender<()>> {
        loop {
            match jobs.recv_timeout(PAUSE) {
                Ok(Job::Pass { own, whole, answer }) => {
                    let passed = self.pass(own, whole);
                    let _ = answer.send(passed);
                }
                Ok(Job::Leave { why }) => self.leave(why),
                Ok(Job::Goodbye { done }) => return Some(done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            self.look();
        }
    }

    /// Passes values on to all ranks, and returns theirs.
    fn pass(&mut self, own: Vec<f32>, whole: bool) -> Result<Vec<Values>> {
        let Mpi { rank, ranks, .. } = self.mpi;
        let len = if whole { own.len() } else { own.len() / ranks };
        if len > LARGE {
            // Nobody looks for large messages all the time before the last rank is there.
            self.swap(&Arc::new(vec![0.0]), true, 1, READY)?;
        }
        let own = Arc::new(own);
        let mut all = self.swap(&own, whole, len, PASS)?;
        let range = if whole { 0..len } else { rank * len..(rank + 1) * len };
        all.insert(rank, Values { all: own, range });
        Ok(all)
    }

    /// Sends values, or the shares of others, and returns what the other ranks have sent.
    fn swap(&mut self, own: &Arc<Vec<f32>>, whole: bool, len: usize, tag: i32) -> Result<Vec<Values>> {
        let Mpi { rank, ranks, .. } = self.mpi;
        let others = || (0..ranks).filter(|other| *other != rank);
        let mut transfers = vec![];
        for other in others() {
            transfers.push(self.mpi.receive(other, tag, len)?);
        }
        // Everyone begins with the rank after its own, so that not all send to one.
        for other in (rank + 1..ranks).chain(0..rank) {
            let range = if whole { 0..len } else { other * len..(other + 1) * len };
            transfers.push(self.mpi.send(other, tag, range, own.clone())?);
        }
        let is_large = len > LARGE;
        let since = Instant::now();
        loop {
            let mut waits = false;
            for transfer in &mut transfers {
                waits |= !self.mpi.test(transfer)?;
            }
            if !waits {
                break;
            }
            if let Some((error, _)) = self.look() {
                return Err(error.clone());
            }
            if is_large || since.elapsed() < EAGER {
                thread::yield_now();
            } else {
                thread::sleep(SLEEP);
            }
        }
        transfers.truncate(ranks - 1);
        Ok(transfers.into_iter().filter_map(Transfer::received).map(Values::from).collect())
    }

    /// Gives and takes signs of life, and ends all ranks if one is lost. Returns why it is.
    fn look(&mut self) -> Option<&(Error, Instant)> {
        let spent = self.looked.elapsed();
        if spent >= PAUSE {
            self.looked = Instant::now();
            let mut lost = None;
            for n in 0..self.peers.len() {
                if let Err(error) = self.meet(n, spent.min(LOOK)) {
                    lost.get_or_insert(error);
                }
            }
            if let (Some(error), None) = (lost, &self.lost) {
                self.lost = Some((error, Instant::now()));
            }
        }
        if let Some((error, since)) = &self.lost {
            // Of those that miss rank 0, one speaks first.
            let mine = GRACE + if self.mpi.rank > 1 { GRACE } else { Duration::ZERO };
            if since.elapsed() > mine {
                let status = error.exit_code();
                if self.mpi.rank < 2 {
                    (self.last_words)(error);
                }
                self.mpi.abort(status);
            }
        }
        self.lost.as_ref()
    }

    /// Gives a rank a sign of life, and takes its own.
    fn meet(&mut self, n: usize, spent: Duration) -> Result<()> {
        let (mpi, peer) = (&self.mpi, &mut self.peers[n]);
        if let Some(sign) = peer.sign(mpi)? {
            peer.silent = Duration::ZERO;
            let text = format!("rank {}: {}", peer.rank, text_of(&sign[1..]));
            match sign[0] {
                ALIVE | GOODBYE => {}
                word if word == LEFT + 2.0 => return Err(Error::usage(text)),
                _ => return Err(Error::device(text)),
            }
        }
        if peer.next.is_none() {
            return Ok(());
        }
        peer.silent += spent;
        if peer.process.as_ref().is_some_and(|process| !process.exists()) {
            return Err(Error::device(format!("rank {} has ended", peer.rank)));
        }
        if peer.silent > SILENCE {
            let (rank, seconds) = (peer.rank, SILENCE.as_secs());
            return Err(Error::device(format!("rank {rank} has given no sign of life for {seconds} s")));
        }
        let is_due = peer.given.is_none() || peer.beat.elapsed() > BEAT || self.leaves.is_some();
        if is_due && peer.is_free(mpi)? {
            let (word, why) = match &self.leaves {
                Some(why) => (LEFT + f32::from(why.exit_code()), why.to_string()),
                None => (ALIVE, String::new()),
            };
            peer.given = Some(mpi.send(peer.rank, LIFE, 0..SIGN, sign(word, &why))?);
            peer.beat = Instant::now();
        }
        Ok(())
    }

    /// Ends all ranks: rank 0 at once, another one when rank 0 knows.
    fn leave(&mut self, why: Error) {
        let status = why.exit_code();
        if self.mpi.rank == 0 {
            self.mpi.abort(status);
        }
        self.leaves = Some(why);
    }

    /// Tells all that are watched that this rank leaves in order, and waits until they do. Returns whether they did.
    fn goodbye(&mut self) -> Result<bool> {
        let since = Instant::now();
        let mut told = vec![false; self.peers.len()];
        while since.elapsed() < TOGETHER {
            let mut waits = false;
            for (peer, told) in self.peers.iter_mut().zip(&mut told) {
                let is_free = peer.is_free(&self.mpi)?;
                if is_free && !*told {
                    peer.given = Some(self.mpi.send(peer.rank, LIFE, 0..SIGN, sign(GOODBYE, ""))?);
                    *told = true;
                }
                peer.sign(&self.mpi)?;
                waits |= !*told || !peer.is_free(&self.mpi)? || peer.next.is_some();
            }
            if !waits {
                return Ok(true);
            }
            thread::sleep(SLEEP);
        }
        Ok(false)
    }
}

impl Peer {
    /// Its sign of life, if there is a new one.
    fn sign(&mut self, mpi: &Mpi) -> Result<Option<Vec<f32>>> {
        let has_come = self.next.as_mut().map_or(Ok(false), |next| mpi.test(next))?;
        let sign = if has_come { self.next.take().and_then(Transfer::received) } else { None };
        if sign.as_ref().is_some_and(|sign| sign[0] != GOODBYE) {
            self.next = Some(mpi.receive(self.rank, LIFE, SIGN)?);
        }
        Ok(sign)
    }

    /// Whether it has the last sign that it was given.
    fn is_free(&mut self, mpi: &Mpi) -> Result<bool> {
        self.given.as_mut().map_or(Ok(true), |given| mpi.test(given))
    }
}

/// A sign of life: a word, and a sentence as far as there is room.
fn sign(word: f32, text: &str) -> Arc<Vec<f32>> {
    let mut values = vec![word];
    values.extend(text_values(text));
    Arc::new(values)
}

/// So many values as there are in a sign of life after its word: the bytes of a text, and zeros.
fn text_values(text: &str) -> Vec<f32> {
    text.bytes().map(f32::from).chain(iter::repeat(0.0)).take(SIGN - 1).collect()
}

fn text_of(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Something that processes have in common if each sees the other in `/proc`; empty where there is none.
fn place() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if boot.is_empty() { boot } else { format!("{} {}", boot.trim(), space.display()) }
}

fn gone() -> Error {
    Error::device("the thread that carries messages between ranks has ended")
}
