//! `saddle watch`, and `saddle train --watch`.

use std::{path::Path, sync::Arc, thread};

use super::{WatchArgs, print, report::records, tell};
use crate::{error::Result, page::Server, record::Record};

/// Serves a page of runs until the process is ended.
pub fn watch(args: &WatchArgs) -> Result<()> {
    let server = Server::bind(records(&args.runs)?, args.port)?;
    print(format!("{}  (Ctrl-C ends it)", server.address()?))?;
    server.run();
    Ok(())
}

/// Serves the page of a run that this process trains, from a thread that only reads its files. Training goes on without
/// a page if there can be none.
pub fn beside(folder: &Path) {
    let begun = Record::read(folder).and_then(|record| {
        let server = Server::bind(vec![Arc::new(record)], None)?;
        let address = server.address()?;
        let spawned = thread::Builder::new().name("watch".into()).spawn(move || server.run());
        Ok(spawned.map(|_| address))
    });
    match begun {
        Ok(Ok(address)) => tell(format_args!("watch it at {address}")),
        Ok(Err(error)) => tell(format_args!("warning: there is no page to watch: {error}")),
        Err(error) => tell(format_args!("warning: there is no page to watch: {error}")),
    }
}
