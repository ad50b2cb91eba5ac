//! The threads of the CPU runner and of readers, started early, where a failure can still be reported.

use std::{
    env, io,
    sync::mpsc::{Sender, channel},
    thread,
};

use rayon::ThreadBuilder;

use super::tell;
use crate::error::{Error, Result};

/// Starts rayon's global pool of threads. By default rayon would start it at its first use, and panic where a limit on
/// processes forbids a thread. With fewer threads than processors the pool is slower; results do not depend on the
/// number of threads.
///
/// # Errors
/// No thread can be started at all.
pub fn start() -> Result<()> {
    let wanted = wanted();
    let (mut started, mut refusal) = (vec![], None);
    // One more than the pool takes: the signal handler needs a thread on some systems.
    while started.len() <= wanted && refusal.is_none() {
        let (send, receive) = channel::<ThreadBuilder>();
        let work = move || receive.recv().into_iter().for_each(ThreadBuilder::run);
        match thread::Builder::new().spawn(work) {
            Ok(thread) => started.push((send, thread)),
            Err(error) => refusal = Some(error),
        }
    }
    let left = "a limit on processes (`ulimit -u`, or pids.max of a container) or on memory is reached";
    if let Some(error) = &refusal {
        match started.len() {
            0 => return Err(Error::failure(format!("no thread can be started ({error}): {left}"))),
            n => tell(format_args!("warning: {} of {wanted} threads work here ({error}): {left}", n.max(2) - 1)),
        }
    }
    let (senders, mut threads): (Vec<Sender<ThreadBuilder>>, Vec<_>) = started.into_iter().unzip();
    let mut senders = senders.into_iter();
    if let Some(spare) = threads.pop() {
        drop(senders.next_back());
        spare.join().ok();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.len().max(1));
    // The only possible error is that a pool exists already, and that is no problem.
    if threads.is_empty() {
        pool.use_current_thread().build_global().ok();
    } else {
        pool.spawn_handler(|worker| {
            let sender = senders.next().expect("a thread for each worker");
            sender.send(worker).map_err(|_| io::Error::other("the thread has ended"))
        })
        .build_global()
        .ok();
    }
    Ok(())
}

/// The number of threads that rayon would start.
fn wanted() -> usize {
    let asked = env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok()).filter(|&number| number > 0);
    asked.or_else(|| thread::available_parallelism().ok().map(usize::from)).unwrap_or(1)
}
