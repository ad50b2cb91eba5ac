//! `saddle watch`, and `saddle train --watch`.

use std::{fmt::Display, path::Path, sync::Arc, thread};

use super::{WatchArgs, print, report::records, tell};
use crate::{error::Result, files::quoted, page::Server, record::Record};

/// Serves a page of runs until the process is ended.
pub fn watch(args: &WatchArgs) -> Result<()> {
    let server = Server::bind(records(&args.runs)?, args.port)?;
    print(format!("{}  (Ctrl-C ends it)", server.address()?))?;
    server.run();
    Ok(())
}

/// Serves the page of a run that this process trains, from a thread that only reads its files, until [`Server::end`].
/// Training goes on without a page if there can be none.
pub fn beside(folder: &Path) -> Option<Arc<Server>> {
    let begun = Record::read(folder).and_then(|record| {
        let server = Arc::new(Server::bind(vec![Arc::new(record)], None)?);
        let address = server.address()?;
        let serving = server.clone();
        let spawned = thread::Builder::new().name("watch".into()).spawn(move || serving.run());
        Ok(spawned.map(|_| (server, address)))
    });
    let warn = |error: &dyn Display| tell(format_args!("warning: there is no page to watch: {error}"));
    match begun {
        Ok(Ok((server, address))) => {
            tell(format_args!(
                "watch it at {address}; the page ends with the training, and saddle watch {} shows it again",
                quoted(folder)
            ));
            return Some(server);
        }
        Ok(Err(error)) => warn(&error),
        Err(error) => warn(&error),
    }
    None
}
