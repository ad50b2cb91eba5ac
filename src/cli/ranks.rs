//! Several devices of one machine: a rank for each, in a thread of its own.

use std::{thread, time::Duration};

use super::tell;
use crate::{
    data::Dataset,
    error::{Error, Result},
    exchange::{Exchange, Threads},
    models,
    session::{self, Session},
    settings::Settings,
};

/// The devices of the setting `adapter`: several where it is a list of indices, or of `cpu`.
pub fn devices(settings: &Settings) -> Vec<Option<String>> {
    let all: Vec<&str> = settings.adapter.iter().flat_map(|adapter| adapter.split(',')).map(str::trim).collect();
    let is_one = |device: &&str| *device == "cpu" || device.parse::<usize>().is_ok();
    match all.len() > 1 && all.iter().all(is_one) {
        true => all.into_iter().map(|device| Some(device.to_owned())).collect(),
        false => vec![settings.adapter.clone()],
    }
}

/// Starts the ranks of all devices but the first, whose session is here.
///
/// # Errors
/// Devices that do not share the parts of a batch evenly, or of which one cannot train.
pub fn start(
    devices: &[Option<String>],
    settings: &Settings,
    dataset: &Dataset,
    submission: Duration,
    session: &mut Session,
) -> Result<()> {
    if devices.len() == 1 {
        return Ok(());
    }
    let all: Vec<&str> = devices.iter().flatten().map(String::as_str).collect();
    tell(format_args!("{} ranks share each batch: {}", all.len(), all.join(", ")));
    let mut ranks = Threads::new(devices.len()).into_iter();
    let first = ranks.next();
    for (exchange, device) in ranks.zip(&devices[1..]) {
        let (device, settings, dataset, rank) =
            (device.clone().unwrap_or_default(), settings.clone(), dataset.clone(), exchange.rank());
        let follow = move || {
            let ends = Ends(exchange.line());
            let name = format!("the device {device} (rank {rank})");
            let followed = follow(&device, &settings, &dataset, submission, exchange);
            if let Err(error) = followed {
                ends.0.leave(error.at(&name));
            }
        };
        let named = thread::Builder::new().name(format!("rank {rank}"));
        named
            .spawn(follow)
            .map_err(|error| Error::failure(format!("cannot start a thread for rank {rank}: {error}")))?;
    }
    first.map_or(Ok(()), |exchange| session.join(Box::new(exchange)))
}

/// Trains on a device as the first rank says, until that one ends.
fn follow(device: &str, settings: &Settings, dataset: &Dataset, submission: Duration, exchange: Threads) -> Result<()> {
    let (mut runner, caps, _) = session::open_device(Some(device))?;
    if settings.half {
        runner.allow_half()?;
    }
    runner.set_submission_time(submission);
    let model = models::variant(&settings.variant)?.model(settings, &session::examples(dataset))?;
    model.share(exchange.ranks());
    let mut session = Session::on(runner, &caps, &model, settings, dataset)?;
    session.join(Box::new(exchange))?;
    session.share()?;
    session.follow().map(drop)
}

/// Lets no rank wait for one whose thread has ended, whatever the reason.
struct Ends(Threads);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.leave(Error::device(format!("rank {} has ended", self.0.rank())));
    }
}
