//! The threads of the CPU runner and of readers, started early, where a failure can still be reported.

use std::{
    env, fs, io,
    sync::mpsc::{Sender, channel},
    thread,
};

use rayon::ThreadBuilder;

use super::tell;
use crate::{
    error::{Error, Result},
    exchange::Launch,
};

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

/// The number of threads: what is asked for, or what this process may use beside other ranks of its machine.
fn wanted() -> usize {
    let asked = env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok()).filter(|&number| number > 0);
    asked.unwrap_or_else(|| of_rank(Launch::here().map_or(1, |launch| launch.local_ranks)))
}

/// The threads of each of so many ranks on this machine. A launcher may have bound this one to some cores, which it
/// then has for itself or shares with ranks that are bound to the same.
pub fn of_rank(ranks: usize) -> usize {
    let usable = thread::available_parallelism().map_or(1, usize::from);
    let is_bound = bound().is_some_and(|bound| bound < cores());
    if is_bound { usable.min(cores() / ranks).max(1) } else { (usable / ranks).max(1) }
}

/// The cores of this machine, whoever may use them.
pub fn cores() -> usize {
    let online = fs::read_to_string("/sys/devices/system/cpu/online").ok();
    let usable = || thread::available_parallelism().map_or(1, usize::from);
    online.and_then(|list| count(&list)).unwrap_or_else(usable)
}

/// The cores that this process is bound to.
fn bound() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    count(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?)
}

/// How many numbers a list such as `0-3,8` has.
fn count(list: &str) -> Option<usize> {
    let range = |part: &str| -> Option<usize> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    list.trim().split(',').map(range).sum()
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn lists_of_cores_are_counted() {
        assert_eq!([count("0"), count("0-3\n"), count("\t0-3,8,10-11"), count("")], [Some(1), Some(4), Some(7), None]);
    }
}
