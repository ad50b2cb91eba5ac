//! A training whose ranks are processes that a launcher of MPI, such as `mpirun`, has started.

use std::{
    env, fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{say, silence, threads};
use crate::{
    error::{Error, Result, counted},
    exchange::{LastWords, Launch, Line, Processes, gather_text},
    files::sha256,
    gpu, models,
    origin::Origin,
    session::Session,
    settings::{Layer, Settings},
};

/// This process as one of several.
pub struct Job {
    launch: Launch,
    exchange: Option<Processes>,
    line: Line,
    version: String,
    /// The command that goes on after a failure, once there is a run.
    resumption: Arc<Mutex<Option<String>>>,
    /// Whether the reason of the end was printed.
    is_said: Arc<AtomicBool>,
}

impl Job {
    /// Joins the processes that were started together with this one; none if it is alone.
    ///
    /// # Errors
    /// No library of MPI that belongs to the launcher; only the first process says so.
    pub fn open() -> Result<Option<Self>> {
        let Some(launch) = Launch::here() else { return Ok(None) };
        if launch.rank > 0 {
            silence();
        }
        let resumption = Arc::new(Mutex::new(None::<String>));
        let is_said = Arc::new(AtomicBool::new(false));
        let (rank, of_run, said) = (launch.rank, resumption.clone(), is_said.clone());
        let last_words: LastWords = Box::new(move |error: &Error| {
            let back = of_run.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let back = back.map_or(String::new(), |resumption| format!("; go on with: {resumption}"));
            let speaker = if rank > 0 { format!("rank {rank}: ") } else { String::new() };
            if !said.swap(true, Ordering::SeqCst) {
                say(format_args!("error: {speaker}{error}{back}"));
            }
        });
        let exchange = match Processes::open(&launch, last_words) {
            Ok(exchange) => exchange,
            Err(error) if launch.rank == 0 => return Err(error),
            Err(error) => std::process::exit(error.exit_code().into()),
        };
        let (line, version) = (exchange.line(), exchange.version().to_owned());
        Ok(Some(Self { launch, exchange: Some(exchange), line, version, resumption, is_said }))
    }

    /// Compares what each process runs; adapters may differ.
    ///
    /// # Errors
    /// Another program, or other arguments.
    pub fn compare_programs(&mut self) -> Result<()> {
        let program = env::current_exe().and_then(fs::read).map(|bytes| sha256([bytes])).unwrap_or_default();
        let program = format!("saddle {} ({program:.12})", env!("CARGO_PKG_VERSION"));
        let mut arguments: Vec<String> =
            env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        while let Some(at) = arguments.iter().position(|word| word == "--adapter" || word.starts_with("--adapter=")) {
            let words = if arguments[at].contains('=') { 1 } else { 2 };
            arguments.drain(at..(at + words).min(arguments.len()));
        }
        self.compare(&[("the program", program), ("the command", arguments.join(" "))])
    }

    /// Whether this is the rank that writes and prints.
    pub fn is_first(&self) -> bool {
        self.launch.rank == 0
    }

    /// The number of ranks.
    pub fn ranks(&self) -> usize {
        self.launch.ranks
    }

    /// The device of this rank, by the setting `adapter`; by default the GPUs of a machine take turns.
    ///
    /// # Errors
    /// A list: each rank has one device.
    pub fn device(&self, settings: &Settings, is_list: bool) -> Result<Option<String>> {
        if is_list {
            return Err(Error::usage(
                "--adapter takes one device where MPI has started several processes; without it, the GPUs of each \
                 machine take turns",
            ));
        }
        Ok(settings.adapter.clone().or_else(|| gpu::in_turn(self.launch.local_rank)))
    }

    /// The settings and the data of a run that goes on, which only the first rank has read.
    pub fn told(&mut self, own: Option<(&Settings, &str)>) -> Result<(Settings, String)> {
        let text = own.map_or(String::new(), |(settings, data)| format!("{data}\0{}", settings.to_toml()));
        let exchange = self.exchange.as_mut().ok_or_else(|| Error::failure("the training has begun"))?;
        let all = gather_text(exchange, &text)?;
        let (data, settings) = all[0].split_once('\0').unwrap_or_default();
        let layer = Layer::from_toml(settings, "rank 0")?;
        Ok((Settings::written(&models::menu(), &layer)?, data.to_owned()))
    }

    /// Compares settings, but for the adapter, and data.
    ///
    /// # Errors
    /// What differs, and on which rank.
    pub fn compare_settings(&mut self, settings: &Settings, data: &Origin) -> Result<()> {
        let digest = sha256([&data.source, &data.items]);
        let own = settings.own().filter(|(key, _)| key.name != "adapter").map(|(key, value)| (key.name, value));
        self.compare(&own.chain([("the digest of the data", format!("{digest:.12}"))]).collect::<Vec<_>>())
    }

    fn compare(&mut self, own: &[(&str, String)]) -> Result<()> {
        let own: Vec<String> = own.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
        let exchange = self.exchange.as_mut().ok_or_else(|| Error::failure("the training has begun"))?;
        let all = gather_text(exchange, &own.concat())?;
        match all.iter().position(|other| *other != all[0]) {
            None => Ok(()),
            Some(rank) => Err(Error::usage(difference(&all[0], &all[rank], rank))),
        }
    }

    /// Makes the session one of the ranks.
    ///
    /// # Errors
    /// Those of [`Session::join`].
    pub fn join(&mut self, session: &mut Session) -> Result<()> {
        self.exchange.take().map_or(Ok(()), |exchange| session.join(Box::new(exchange)))
    }

    /// Gives all ranks the states of the first one, and the command that goes on with its run.
    ///
    /// # Errors
    /// A rank that is lost.
    pub fn share(&self, session: &mut Session, resumption: &str) -> Result<()> {
        session.share()?;
        let Some(exchange) = session.engine().exchange() else { return Ok(()) };
        let all = gather_text(exchange, resumption)?;
        *self.resumption.lock().unwrap_or_else(PoisonError::into_inner) = all.into_iter().next();
        Ok(())
    }

    /// The ranks in words.
    pub fn describe(&self) -> String {
        let (here, cores) = (self.launch.local_ranks, threads::cores());
        let own = threads::of_rank(here);
        let bound = match own < cores / here {
            true => format!(" of {cores} cores, to which it is bound (`mpirun --bind-to none` shares out all)"),
            false => String::new(),
        };
        let (ranks, threads) = (counted(self.launch.ranks, "rank"), counted(own, "thread"));
        format!("{ranks} ({}), {here} on this machine, {threads} each{bound}", self.version)
    }

    /// Ends all ranks: in order, or with an error, which the first one prints.
    pub fn end(self, result: Result<u8>) -> Result<u8> {
        match result {
            Ok(status) => {
                self.line.goodbye();
                Ok(status)
            }
            Err(error) => {
                if self.is_first() && !self.is_said.swap(true, Ordering::SeqCst) {
                    say(format_args!("error: {error}"));
                }
                self.line.leave(error)
            }
        }
    }
}

/// What differs between rank 0 and another one, in words; both are names and values that end with a zero.
fn difference(first: &str, other: &str, rank: usize) -> String {
    let words = |text: &str| text.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>();
    let (first, other) = (words(first), words(other));
    match first.chunks(2).zip(other.chunks(2)).find(|(a, b)| a != b) {
        Some(([name, here], [same, there])) if name == same => {
            format!("ranks differ: {name} is `{here}` on rank 0, and `{there}` on rank {rank}; all need the same")
        }
        _ => format!("ranks differ: rank {rank} has settings that rank 0 does not have"),
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn what_differs_is_named() {
        let sentence = difference("batch\x0064\0data\0a\0", "batch\x0064\0data\0b\0", 3);
        assert_eq!(sentence, "ranks differ: data is `a` on rank 0, and `b` on rank 3; all need the same");
    }
}
