//! `saddle report`.

use std::{path::PathBuf, sync::Arc};

use super::{ReportArgs, print, runs, shown};
use crate::{
    error::Result,
    files::{ensure_writable, write_atomically},
    page::{Feed, html},
    record::Record,
};

/// Writes a page of runs that needs no network.
pub fn report(args: &ReportArgs) -> Result<()> {
    let records = records(&args.runs)?;
    let out = match (&args.out, &records[..]) {
        (Some(out), _) => out.clone(),
        (None, [one]) => one.run.folder().join("report.html"),
        (None, _) => "report.html".into(),
    };
    ensure_writable(&out)?;
    let news = Feed::new(&records, true).news();
    write_atomically(&out, html(Some(&news)).as_bytes())?;
    print(shown(&out))
}

/// The runs in these folders.
///
/// # Errors
/// A folder without a run; no folder at all.
pub fn records(folders: &[PathBuf]) -> Result<Vec<Arc<Record>>> {
    match folders {
        [] => runs::ask(),
        folders => folders.iter().map(|folder| Record::read(folder).map(Arc::new)).collect(),
    }
}
