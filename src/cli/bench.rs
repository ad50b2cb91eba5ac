//! `saddle bench`.

use std::path::{Path, PathBuf};

use super::{BenchArgs, BenchCommand, print, progress::Progress, tell};
use crate::{
    bench::{self, CASES, Effort, Report, SCHEMA, Subject},
    error::{Error, Result, unknown},
    files::{ensure_writable, read_text, write_atomically},
    gpu::{self, Listed},
    session,
};

/// Measures devices, or compares earlier results.
pub fn bench(args: &BenchArgs) -> Result<()> {
    if let Some(BenchCommand::Compare { files, out }) = &args.command {
        return compare(files, out);
    }
    let cases = cases(args)?;
    args.json.as_deref().map_or(Ok(()), ensure_writable)?;
    let (list, _) = gpu::list()?;
    let usable = list.iter().filter(|listed| listed.unfit.is_none());
    let adapters: Vec<Option<String>> = match args.adapter.as_deref() {
        Some("all") => usable.map(|listed| Some(listed.index.to_string())).chain([Some("cpu".into())]).collect(),
        one => vec![one.map(String::from)],
    };
    for adapter in &adapters {
        let report = measured(args, adapter.as_deref(), &list, &cases)?;
        print(bench::table(&report))?;
        if let Some(file) = &args.json {
            let name = adapter.as_deref().filter(|_| adapters.len() > 1);
            let file = name.map_or(file.clone(), |name| numbered(file, name));
            let json = serde_json::to_string_pretty(&report).expect("plain data is JSON");
            write_atomically(&file, json.as_bytes())?;
            tell(format_args!("written to {}", file.display()));
        }
    }
    Ok(())
}

/// The cases that `--only` names, or all of them.
fn cases(args: &BenchArgs) -> Result<Vec<&'static bench::Case>> {
    let find = |name: &String| {
        let found = CASES.iter().find(|case| case.name == name);
        found.ok_or_else(|| unknown("case", name, CASES.iter().map(|case| case.name)).at("--only"))
    };
    match args.only.is_empty() {
        true => Ok(CASES.iter().collect()),
        false => args.only.iter().map(find).collect(),
    }
}

/// The file for one of several devices: the device's index, or `cpu`, goes before the ending.
fn numbered(file: &Path, device: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = file.extension().map_or(String::new(), |ending| format!(".{}", ending.to_string_lossy()));
    file.with_file_name(format!("{stem}-{device}{ending}"))
}

fn measured(args: &BenchArgs, adapter: Option<&str>, list: &[Listed], cases: &[&bench::Case]) -> Result<Report> {
    let open = || {
        let (mut runner, caps, _) = session::open_device(adapter)?;
        if args.half {
            runner.allow_half()?;
        }
        Ok((runner, caps))
    };
    let (mut runner, caps) = open()?;
    let half = if args.half && runner.allow_half()? { ", products in half precision" } else { "" };
    let device = runner.describe() + half;
    drop(runner);
    let effort = Effort { seconds: args.seconds, limit: args.limit };
    tell(format_args!("{device}: what it can do at most"));
    let ceilings = bench::ceilings(&open, effort)?;
    let (mut rounds, mut programs) = (vec![], vec![]);
    for (i, case) in cases.iter().enumerate() {
        tell(format_args!("{device}: {} ({} of {})", case.name, i + 1, cases.len()));
        let planned = match case.plan(&caps) {
            Ok(planned) => planned,
            Err(error) => {
                tell(format_args!("{} is left out: {error}", case.name));
                continue;
            }
        };
        programs.extend(planned.programs().map(|program| (case.name, program.clone())));
        let least = planned.least(&ceilings);
        if least > args.limit {
            tell(format_args!(
                "{} is left out: two rounds take {least:.0} s or more (--limit {})",
                case.name, args.limit
            ));
            continue;
        }
        rounds.push(planned.measure(&open, effort)?);
    }
    let kinds = bench::kinds(&programs, &ceilings, args.shapes);
    let mut progress = Progress::new(0, kinds.len() as u64);
    let mut kernels = vec![];
    for (i, kind) in kinds.iter().enumerate() {
        progress.report(i as u64 + 1, &[format!("{} {}", kind.kernel, kind.shape)]);
        kernels.push(kind.measure(&open, effort, &ceilings)?);
    }
    Ok(Report { subject: Subject::new(SCHEMA, device, &caps, list), ceilings, rounds, kernels })
}

fn compare(files: &[PathBuf], out: &Path) -> Result<()> {
    let reports: Vec<Report> = files.iter().map(|file| read(file)).collect::<Result<_>>()?;
    print(bench::compared(&reports))?;
    write_atomically(out, bench::html(&reports).as_bytes())?;
    tell(format_args!("written to {}", out.display()));
    Ok(())
}

fn read(file: &Path) -> Result<Report> {
    let name = file.display();
    let text = read_text(file).map_err(|e| Error::usage(format!("`{name}` cannot be read: {e}")))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| Error::usage(format!("`{name}` is not JSON: {e}")))?;
    match value["schema"].as_u64() {
        Some(schema) if schema == u64::from(SCHEMA) => {}
        Some(schema) => {
            return Err(Error::usage(format!("`{name}` has schema {schema}, and this Saddle reads schema {SCHEMA}")));
        }
        None => return Err(Error::usage(format!("`{name}` is no report of `saddle bench --json`"))),
    }
    serde_json::from_value(value).map_err(|e| Error::usage(format!("`{name}` is damaged: {e}")))
}
