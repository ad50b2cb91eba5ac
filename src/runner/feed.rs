//! Streamed data: threads read the items of the next rounds, which the runner writes into a ring on the device.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::ProgramId;
use crate::{
    data::Items,
    error::{Error, Result},
    kernels::{
        Clock, Gather, Kernel,
        order::{BLOCK, WINDOW},
    },
    program::Program,
};

/// Most bytes of rounds that are read ahead, beside one round for each thread.
pub const AHEAD: usize = 32 << 20;
/// Most rounds that are read ahead.
const ROUNDS: usize = 256;
/// Threads that read a file: the requests of one alone leave a disk idle.
const READERS: usize = 4;

/// Items of one draw of a round, in the order of their places.
pub struct Block {
    /// Where the ring has them: the first word of the items, and of their classes.
    pub at: [usize; 2],
    /// As they lie on the device, each from a word of its own on.
    pub items: Vec<u32>,
    /// The class of each; empty without classes.
    pub classes: Vec<u32>,
}

/// Rounds that can run now.
pub struct Ready {
    /// Their number; at least one.
    pub rounds: usize,
    /// What the ring lacks: the blocks of each of the rounds, or none if they lie there already.
    pub blocks: Vec<Vec<Block>>,
}

/// What a runner streams in place of a resident data set.
pub struct Stream {
    source: Arc<Source>,
    feeds: HashMap<ProgramId, Feed>,
    /// The parts of each batch that are read; `None`: all.
    parts: Option<Range<usize>>,
    /// What each slot of the ring holds: the round of a program.
    held: Vec<Option<(ProgramId, Clock)>>,
    waited: Duration,
}

/// Items, and the class of each.
struct Source {
    items: Items,
    classes: Vec<u32>,
    /// Blocks that are in the system's cache, where items are picked in blocks.
    warm: Mutex<VecDeque<usize>>,
}

/// The reading of one program's rounds.
struct Feed {
    /// The draws, and the rows of their batches that are read.
    draws: Arc<[(Gather, Range<usize>)]>,
    /// Whether a round ends with a tick of the clock.
    ticks: bool,
    /// The threads that read, and the round that comes next from them.
    readers: Vec<Receiver<Result<Vec<Block>>>>,
    next: Clock,
    /// What came already.
    ready: Option<Result<Vec<Block>>>,
}

impl Stream {
    /// A stream of items and their classes, if they have any.
    pub fn new(items: Items, classes: &[u32]) -> Self {
        let source = Source { items, classes: classes.to_vec(), warm: Mutex::default() }.into();
        Self { source, feeds: HashMap::new(), parts: None, held: vec![], waited: Duration::ZERO }
    }

    /// Takes note of a program: what it draws.
    pub fn load(&mut self, id: ProgramId, program: &Program) {
        let mut draws: Vec<Gather> = vec![];
        for launch in &program.launches {
            if let Kernel::Gather(gather) = &launch.kernel
                && !draws.iter().any(|known| known.draw == gather.draw)
            {
                draws.push(gather.clone());
            }
        }
        let Some(ring) = draws.first().and_then(|gather| gather.data.ring) else { return };
        self.held.resize(ring.rounds, None);
        let ticks = program.launches.iter().any(|launch| matches!(launch.kernel, Kernel::Tick(_)));
        let draws = draws.into_iter().map(|gather| (self.rows(&gather), gather)).map(|(rows, gather)| (gather, rows));
        let feed = Feed { draws: draws.collect(), ticks, readers: vec![], next: Clock::default(), ready: None };
        self.feeds.insert(id, feed);
    }

    /// Reads only these parts of each batch from now on.
    pub fn set_parts(&mut self, parts: Range<usize>) {
        self.parts = Some(parts);
        self.held.fill(None);
        let mut feeds = std::mem::take(&mut self.feeds);
        for feed in feeds.values_mut() {
            feed.readers.clear();
            feed.draws = feed.draws.iter().map(|(gather, _)| (gather.clone(), self.rows(gather))).collect();
        }
        self.feeds = feeds;
    }

    /// The rows of a draw that are read. What is not a round has its batch in one part.
    fn rows(&self, gather: &Gather) -> Range<usize> {
        match &self.parts {
            Some(parts) if gather.parts > 1 => parts.start * gather.batch..parts.end * gather.batch,
            _ => 0..gather.whole(),
        }
    }

    /// The rounds of a program, `most` at most, that can run from this clock on when their blocks are in the ring.
    ///
    /// # Errors
    /// Items that cannot be read; the rounds before are not affected.
    pub fn next(&mut self, id: ProgramId, clock: Clock, most: usize) -> Result<Ready> {
        let Some(feed) = self.feeds.get_mut(&id) else { return Ok(Ready { rounds: most, blocks: vec![] }) };
        let slot = clock.step as u32 as usize % self.held.len();
        // Without a tick all rounds draw the same items.
        let span = if feed.ticks { most.min(self.held.len() - slot) } else { 1 };
        let round = |n: usize| Some((id, Clock { step: clock.step + n as u64, ..clock }));
        let there = (0..span).take_while(|&n| self.held[slot + n] == round(n)).count();
        let blocks = if there > 0 { vec![] } else { feed.take(&self.source, clock, span, &mut self.waited)? };
        (0..blocks.len()).for_each(|n| self.held[slot + n] = round(n));
        Ok(Ready { rounds: if feed.ticks { there.max(blocks.len()) } else { most }, blocks })
    }

    /// The time that was spent waiting for items since the last call.
    pub fn waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }
}

impl Feed {
    /// Blocks of consecutive rounds: the first one, and those after it that are read already, `most` at most.
    fn take(
        &mut self,
        source: &Arc<Source>,
        clock: Clock,
        most: usize,
        waited: &mut Duration,
    ) -> Result<Vec<Vec<Block>>> {
        if self.readers.is_empty() || self.next != clock {
            self.start(source, clock)?;
        }
        let mut blocks = vec![];
        while blocks.len() < most {
            let reader = &self.readers[self.next.step as usize % self.readers.len()];
            let read = match (self.ready.take(), blocks.is_empty()) {
                (Some(read), _) => read,
                (None, true) => {
                    let since = Instant::now();
                    let read = reader.recv().unwrap_or_else(|_| Err(ended()));
                    *waited += since.elapsed();
                    read
                }
                (None, false) => match reader.try_recv() {
                    Ok(read) => read,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => Err(ended()),
                },
            };
            match read {
                Ok(block) => blocks.push(block),
                // The rounds before can run, and the next call finds the error.
                Err(error) if !blocks.is_empty() => {
                    self.ready = Some(Err(error));
                    break;
                }
                Err(error) => {
                    self.readers.clear();
                    return Err(error);
                }
            }
            self.next.step += 1;
        }
        Ok(blocks)
    }

    /// Starts threads that read this round and those after it, each every so many rounds.
    fn start(&mut self, source: &Arc<Source>, clock: Clock) -> Result<()> {
        // Threads end when nobody takes what they read.
        self.readers.clear();
        (self.next, self.ready) = (clock, None);
        let count = if source.items.is_in_file() && self.ticks { READERS } else { 1 };
        let ahead = AHEAD / count / (4 * self.words());
        for reader in 0..count as u64 {
            let (send, receive) = sync_channel(ahead.clamp(1, ROUNDS / count));
            let (source, draws, ticks) = (source.clone(), self.draws.clone(), self.ticks);
            let first = (0..count as u64).find(|n| (clock.step + n) % count as u64 == reader).unwrap_or(0);
            let read = move || {
                let mut round = Clock { step: clock.step + first, ..clock };
                loop {
                    let block: Result<Vec<Block>> =
                        draws.iter().map(|(gather, rows)| source.block(gather, rows.clone(), round)).collect();
                    let is_last = block.is_err() || !ticks;
                    if send.send(block).is_err() || is_last {
                        return;
                    }
                    round.step += count as u64;
                }
            };
            let spawned = thread::Builder::new().name(format!("reader {reader}")).spawn(read);
            spawned.map_err(|error| Error::device(format!("no thread to read data can be started: {error}")))?;
            self.readers.push(receive);
        }
        Ok(())
    }

    /// Words of the blocks of a round.
    fn words(&self) -> usize {
        let words = |(gather, rows): &(Gather, Range<usize>)| rows.len() * gather.data.stack * gather.data.item_words();
        self.draws.iter().map(words).sum::<usize>().max(1)
    }
}

impl Source {
    /// Has a block read from its first to its last item, once for all items that are picked from it.
    fn warm(&self, block: usize) -> Result<()> {
        let Items::File(packed) = &self.items else { return Ok(()) };
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        if !warm.contains(&block) {
            packed.warm(block * BLOCK, BLOCK)?;
            warm.push_back(block);
            // Those of the window before and of this one, the last of which may be longer.
            if warm.len() > 4 * WINDOW {
                warm.pop_front();
            }
        }
        Ok(())
    }

    /// The items of these rows of a draw.
    fn block(&self, gather: &Gather, rows: Range<usize>, clock: Clock) -> Result<Block> {
        let data = gather.data;
        let (words, places) = (data.item_words(), rows.len() * data.stack);
        let classes = if data.classes > 0 { places } else { 0 };
        let slot = data.ring.map_or(0, |ring| clock.step as u32 as usize % ring.rounds * ring.places);
        let first = slot + gather.place(rows.start, 0);
        let at = [first * words, if classes > 0 { first } else { 0 }];
        let mut block = Block { at, items: vec![0; places * words], classes: vec![0; classes] };
        for (n, item) in gather.picks(&clock.words(), rows).enumerate() {
            if data.ring.is_some_and(|ring| ring.blocks) {
                self.warm(item / BLOCK)?;
            }
            self.items.read(item, data.item_len, &mut block.items[n * words..][..words])?;
            if let Some(class) = block.classes.get_mut(n) {
                *class = self.classes[item];
            }
        }
        Ok(block)
    }
}

fn ended() -> Error {
    Error::failure("the thread that reads the data has ended")
}
