//! The command line: arguments in `args`, one file per command.

mod args;
mod arrays;
mod bench;
mod best;
mod check;
mod classify;
mod compare;
mod data;
mod destination;
mod devices;
mod encode;
mod epochs;
mod eval;
mod evaluated;
mod export;
mod fit;
mod held_out;
pub mod hints;
mod init;
mod job;
mod manual;
mod minutes;
mod opening;
mod pack;
mod picture;
mod preview;
mod probes;
mod progress;
mod project;
mod ranks;
mod report;
mod resume;
mod rows;
mod runs;
pub mod said;
mod sample;
mod score;
mod showing;
mod signals;
mod threads;
mod train;
mod trained;
mod training;
mod variants;
mod walk;
mod watch;
mod way_back;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

pub use args::{
    BenchArgs, BenchCommand, CheckArgs, ClassifyArgs, Cli, Command, CompareArgs, CompletionsArgs, DataArgs, DecodeArgs,
    DevicesArgs, EncodeArgs, EvalArgs, ExportArgs, ManArgs, PackArgs, ReportArgs, RunsArgs, SampleArgs, ScoreArgs,
    TrainArgs, VariantsArgs, WatchArgs,
};

use console::{Alignment, Term, measure_text_width, pad_str};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result, escaped, plain};
use crate::exchange::Launch;
use crate::memory;

/// Minimum free memory, in bytes, to start a command: threads and small allocations need it.
const STARTED: u64 = 8 << 20;

/// Carries out a parsed command line and returns the exit status: 0, or that of a training that a signal ended,
/// or the worst one of several runs.
pub fn run(cli: Cli) -> Result<u8> {
    QUIET.store(cli.quiet, Ordering::Relaxed);
    memory::ensure(STARTED)?;
    if !matches!(cli.command, Command::Variants(_) | Command::Completions(_) | Command::Man(_)) {
        // Threads start before any file is written.
        threads::start()?;
    }
    match cli.command {
        Command::Train(args) => return train::train(&args.with_run()?),
        Command::Sample(args) => sample::sample(&args),
        Command::Encode(args) => encode::encode(&args),
        Command::Decode(args) => encode::decode(&args),
        Command::Score(args) => score::score(&args),
        Command::Classify(args) => classify::classify(&args),
        Command::Eval(args) => return eval::eval(&args),
        Command::Export(args) => export::export(&args),
        Command::Data(args) => data::data(&args),
        Command::Pack(args) => pack::pack(&args),
        Command::Runs(args) => runs::runs(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Report(args) => report::report(&args),
        Command::Watch(args) => watch::watch(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Check(args) => check::check(&args),
        Command::Devices(args) => devices::devices(&args),
        Command::Variants(args) => variants::variants(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    }?;
    Ok(0)
}

/// Whether another one of the processes that were started together says what is wrong with their command.
pub fn is_told_elsewhere() -> bool {
    Launch::here().is_some_and(|launch| launch.rank > 0)
}

/// Whether only results, warnings and errors are printed.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Whether nothing is printed, as another rank prints it.
static SILENT: AtomicBool = AtomicBool::new(false);

fn silence() {
    SILENT.store(true, Ordering::Relaxed);
}

fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Prints a line to the standard error, unless the command has said it already, or it is no warning and only warnings
/// are wanted.
fn tell(text: impl Display) {
    let line = text.to_string();
    if said::is_new(&line) {
        tell_again(line);
    }
}

/// The same for what may be true several times, such as the news of a training. Unlike `eprintln!`, it does not panic
/// when the reader has gone.
fn tell_again(line: String) {
    if !SILENT.load(Ordering::Relaxed) && (!is_quiet() || line.starts_with("warning: ")) {
        say(line);
    }
}

/// Prints a line to the standard error in any case.
fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", plain(&text.to_string()));
}

/// Lines of cells, each as wide as the widest of its column. Columns that do not fit the width of a terminal follow
/// below, beside the first column again.
fn table(lines: &[Vec<String>]) -> Vec<String> {
    let room = io::stdout().is_terminal().then(|| usize::from(Term::stdout().size().1));
    blocks(lines, room.unwrap_or(usize::MAX)).join(&String::new())
}

/// The table in blocks of columns, each in so many characters as far as two columns are.
fn blocks(lines: &[Vec<String>], room: usize) -> Vec<Vec<String>> {
    const GAP: &str = "  ";
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| measure_text_width(&line[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let (mut blocks, mut next) = (vec![], 1);
    while next < columns || blocks.is_empty() {
        let (from, mut taken) = (next, widths.first().map_or(0, |width| *width));
        while next < columns && (next == from || taken + GAP.len() + widths[next] <= room) {
            taken += GAP.len() + widths[next];
            next += 1;
        }
        let joined = |line: &Vec<String>| {
            let cell = |column: usize| pad_str(&line[column], widths[column], Alignment::Left, None).into_owned();
            let cells: Vec<String> = (0..columns.min(1)).chain(from..next).map(cell).collect();
            cells.join(GAP).trim_end().to_owned()
        };
        blocks.push(lines.iter().map(joined).collect());
    }
    blocks
}

/// A path as part of a line, with characters escaped that a terminal would not print.
fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy(), "")
}

/// A text for a terminal, without halves of signs: joiners behind which nothing follows, single halves of flags.
fn whole(text: &str) -> String {
    const JOINER: char = '\u{200d}';
    let is_picture = |c: char| ('\u{2190}'..='\u{2bff}').contains(&c) || c >= '\u{1f000}';
    let is_half =
        |sign: &str| sign.chars().all(|c| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)) && sign.chars().count() == 1;
    let signs = text.graphemes(true).filter(|sign| !is_half(sign) && *sign != "\u{200d}");
    signs.map(|sign| if sign.starts_with(is_picture) { sign.trim_end_matches(JOINER) } else { sign }).collect()
}

/// Prints a result and a line feed, lines and tabs as they are; unlike `println!`, it does not panic when the reader
/// has gone (`| head`).
pub fn print(text: impl Display) -> Result<()> {
    if SILENT.load(Ordering::Relaxed) {
        return Ok(());
    }
    match writeln!(io::stdout(), "{}", escaped(&text.to_string(), "\n\t")) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failure(format!("cannot write to the standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{blocks, whole};

    #[test]
    fn columns_beyond_the_terminal_follow_below() {
        let lines = [["run", "step", "data"], ["a", "10/20", "\u{6570}"], ["bcd", "5", ""]];
        let lines = lines.map(|line| line.map(String::from).to_vec());
        assert_eq!(blocks(&lines, 80), [["run  step   data", "a    10/20  \u{6570}", "bcd  5"]]);
        assert_eq!(blocks(&lines, 16), [["run  step   data", "a    10/20  \u{6570}", "bcd  5"]]);
        let two = [["run  step", "a    10/20", "bcd  5"], ["run  data", "a    \u{6570}", "bcd"]];
        assert_eq!(blocks(&lines, 15), two);
        assert_eq!(blocks(&lines, 3), two);
    }

    #[test]
    fn terminals_get_whole_signs() {
        let family = "\u{1f469}\u{200d}\u{1f467}";
        let cases = [
            (family, family),
            ("a\u{1f469}\u{200d}", "a\u{1f469}"),
            ("\u{200d}\u{1f467}b", "\u{1f467}b"),
            ("\u{1f1e9}\u{1f1ea}\u{1f1eb}", "\u{1f1e9}\u{1f1ea}"),
            ("\u{915}\u{94d}\u{200d}", "\u{915}\u{94d}\u{200d}"),
            ("e\u{301}, text", "e\u{301}, text"),
        ];
        for (text, shown) in cases {
            assert_eq!(whole(text), shown);
        }
    }
}
