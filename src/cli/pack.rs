//! `saddle pack`: writes data once as a file that training reads item by item.

use std::time::{Duration, Instant};

use super::{PackArgs, data::settings, print, tell};
use crate::{
    data::{self, LeftOut, Split, Wanted},
    error::Result,
    files::ensure_new,
    session,
};

/// Time between two lines of progress.
const PAUSE: Duration = Duration::from_secs(5);

/// Packs data, and says what was written and what was left out.
pub fn pack(args: &PackArgs) -> Result<()> {
    ensure_new(&args.out, args.force)?;
    let settings = settings(&args.layers()?, false)?;
    let options = data::Options { wanted: Wanted::Any, ..session::data_options(&settings, Split::Train) };
    let mut last = Instant::now();
    let mut watch = |done: usize, all: usize| {
        if last.elapsed() >= PAUSE {
            last = Instant::now();
            tell(format_args!("packed {:.1} %, {done} of {all}", 100.0 * done as f64 / all as f64));
        }
    };
    let packed = data::pack(&settings.data, &args.out, &options, &mut watch)?;
    packed.notes.iter().for_each(tell);
    print(packed.said)?;
    if packed.left_out != LeftOut::default() {
        print(packed.left_out)?;
    }
    Ok(())
}
