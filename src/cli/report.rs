//! `saddle report`.

use std::{path::PathBuf, sync::Arc};

use super::{ReportArgs, print, runs, shown};
use crate::{
    error::{Error, Result},
    files::{ensure_new, write_atomically},
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
    if !out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html")) {
        return Err(Error::usage(format!("--out `{}`: a report is a page, and its name ends in .html", shown(&out))));
    }
    // A page that has its usual name is an older one of these runs.
    ensure_new(&out, args.force || args.out.is_none())?;
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
        folders => Ok(Record::read_all(folders)?.into_iter().map(Arc::new).collect()),
    }
}
