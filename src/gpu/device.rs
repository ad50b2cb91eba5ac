//! An open adapter: memory, waiting and errors.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use wgpu::{
    Adapter, AdapterInfo, Buffer, BufferUsages, ComputePass, ErrorFilter, ExperimentalFeatures, Features, MapMode,
    PollError, PollType, SubmissionIndex,
};

use super::body;
use crate::{
    error::{Error, Result},
    kernels::Caps,
};

/// Default time limit for one submission.
const PATIENCE: Duration = Duration::from_secs(300);

/// A wgpu device and its queue.
pub struct Device {
    /// The wgpu device.
    pub raw: wgpu::Device,
    /// The queue that work is submitted to.
    pub queue: wgpu::Queue,
    /// Description of the adapter and its driver.
    pub info: AdapterInfo,
    /// Capabilities that plans and launches may rely on.
    pub caps: Caps,
    /// Whether shaders keep their run-time checks.
    pub checked: bool,
    /// How long to wait for a submission before the device counts as hung.
    pub patience: Duration,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Device {
    /// Opens an adapter with all the features and limits that the kernels can use.
    pub fn open(adapter: &Adapter, checked: bool) -> Result<Self> {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let wanted = Features::SUBGROUP
            | Features::SHADER_F16
            | Features::EXPERIMENTAL_COOPERATIVE_MATRIX
            | Features::PIPELINE_CACHE
            | Features::TIMESTAMP_QUERY
            | Features::TIMESTAMP_QUERY_INSIDE_ENCODERS
            | Features::TIMESTAMP_QUERY_INSIDE_PASSES;
        let features = adapter.features() & wanted;
        let caps = Caps {
            // Shaders count in 32 bits, bytes where a data set is of bytes.
            max_binding: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(u32::MAX.into()),
            max_groups: limits.max_compute_workgroups_per_dimension,
            product: body::bodies(adapter, false)[0],
            half: features.contains(Features::SHADER_F16),
            matrices: body::matrices(adapter),
            needs_many_workgroups: true,
            launches_are_expensive: true,
            runs_shaders: true,
        };
        // SAFETY: of what is experimental only cooperative matrices are asked for; our kernels that use them are
        // tested.
        #[expect(unsafe_code, reason = "wgpu wants to be told that experimental features may be unsound")]
        let experimental_features = unsafe { ExperimentalFeatures::enabled() };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("saddle"),
            required_features: features,
            required_limits: limits,
            experimental_features,
            ..Default::default()
        };
        let (raw, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| Error::failure(format!("{}: cannot be opened: {e}", info.name)))?;

        let trouble = Arc::new(Mutex::new(None));
        let (lost, uncaptured) = (trouble.clone(), trouble.clone());
        // A loss is why other calls fail: it takes the place of their errors.
        raw.set_device_lost_callback(move |reason, text| {
            *held(&lost) = Some(format!("the GPU was lost ({reason:?}): {text}"));
        });
        raw.on_uncaptured_error(Arc::new(move |e| {
            held(&uncaptured).get_or_insert(one_line(&e));
        }));
        Ok(Self { raw, queue, info, caps, checked, patience: PATIENCE, trouble })
    }

    /// Runs `make`, which creates GPU objects; an error of `make` is returned with `label` in front.
    pub fn scoped<R>(&self, label: impl FnOnce() -> String, make: impl FnOnce() -> R) -> Result<R> {
        let scopes = [ErrorFilter::Internal, ErrorFilter::Validation, ErrorFilter::OutOfMemory]
            .map(|f| self.raw.push_error_scope(f));
        let made = make();
        // Scopes must be popped in reverse order.
        let errors: Vec<_> = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop())).collect();
        match errors.first() {
            Some(wgpu::Error::OutOfMemory { .. }) => {
                let name = &self.info.name;
                Err(Error::device(format!("{}: {name} is out of memory; a smaller batch or model takes less", label())))
            }
            Some(e) => Err(Error::failure(format!("{}: {}", label(), one_line(e)))),
            None => Ok(made),
        }
    }

    /// A zero-filled buffer.
    pub fn buffer(&self, label: &str, bytes: u64, usage: BufferUsages) -> Result<Buffer> {
        let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
        let (what, limit) = (|| format!("{label}, {:.1} MiB", mib(bytes)), self.raw.limits().max_buffer_size);
        if bytes > limit {
            let (name, limit) = (&self.info.name, mib(limit));
            return Err(Error::failure(format!("{}: a buffer of {name} holds at most {limit:.1} MiB", what())));
        }
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size: bytes.max(4), usage, mapped_at_creation: false };
        self.scoped(what, || self.raw.create_buffer(&descriptor))
    }

    /// A copy of part of a buffer, in bytes. Waits for all work before it.
    pub fn read(&self, buffer: &Buffer, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        if bytes == 0 {
            return Ok(vec![]);
        }
        let staging = self.buffer("read-back", bytes, BufferUsages::COPY_DST | BufferUsages::MAP_READ)?;
        let submission = self.scoped(
            || "read-back".into(),
            || {
                let mut encoder = self.raw.create_command_encoder(&Default::default());
                encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, bytes);
                self.queue.submit([encoder.finish()])
            },
        )?;
        self.map(&staging, submission, |data| data.to_vec())
    }

    /// Waits for a submission and passes the contents of a mappable buffer to `look`.
    pub fn map<R>(&self, staging: &Buffer, submission: SubmissionIndex, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let (send, receive) = std::sync::mpsc::channel();
        staging.map_async(MapMode::Read, .., move |mapped| {
            send.send(mapped).ok();
        });
        self.wait(Some(submission))?;
        // Another thread's poll may be the one that delivers it.
        let mapped = receive.recv_timeout(self.patience).map_err(|e| Error::device(format!("read-back: {e}")))?;
        mapped.map_err(|e| Error::device(format!("read-back: {e}")))?;
        let seen = look(&staging.get_mapped_range(..).map_err(|e| Error::failure(format!("read-back: {e}")))?);
        staging.unmap();
        Ok(seen)
    }

    /// Waits for a submission, or for all of them.
    pub fn wait(&self, submission: Option<SubmissionIndex>) -> Result<()> {
        match self.raw.poll(PollType::Wait { submission_index: submission, timeout: Some(self.patience) }) {
            Err(PollError::Timeout) => {
                // To drop a device or its queue is to wait for its work without end: these stay.
                std::mem::forget((self.raw.clone(), self.queue.clone()));
                let seconds = self.patience.as_secs();
                Err(Error::device(format!("{} is hung: no answer for {seconds} s", self.info.name)))
            }
            Err(e) => {
                // A lost device refuses submissions without a word; polling delivers the news.
                self.raw.poll(PollType::Poll).ok();
                self.health()?;
                Err(Error::device(format!("{} stopped: {e}", self.info.name)))
            }
            Ok(_) => self.health(),
        }
    }

    /// Time that a pass takes, by the device's own clock where it has one.
    pub fn time(&self, fill: impl FnOnce(&mut ComputePass)) -> Result<Duration> {
        let mut encoder = self.raw.create_command_encoder(&Default::default());
        if !self.raw.features().contains(Features::TIMESTAMP_QUERY) {
            fill(&mut encoder.begin_compute_pass(&Default::default()));
            let start = Instant::now();
            self.wait(Some(self.queue.submit([encoder.finish()])))?;
            return Ok(start.elapsed());
        }
        let queries = wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: 2 };
        let queries = self.raw.create_query_set(&queries);
        let ticks = self.buffer("timestamps", 16, BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC)?;
        let writes = wgpu::ComputePassTimestampWrites {
            query_set: &queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        };
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
        fill(&mut encoder.begin_compute_pass(&descriptor));
        encoder.resolve_query_set(&queries, 0..2, &ticks, 0);
        self.queue.submit([encoder.finish()]);
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&self.read(&ticks, 0, 16)?);
        let nanoseconds = ticks[1].saturating_sub(ticks[0]) as f64 * f64::from(self.queue.get_timestamp_period());
        Ok(Duration::from_nanos(nanoseconds as u64))
    }

    /// The first error that no scope caught, such as the loss of the device.
    pub fn health(&self) -> Result<()> {
        if held(&self.trouble).is_some() {
            // The news of a loss may come after the errors that it causes.
            self.raw.poll(PollType::Poll).ok();
        }
        match &*held(&self.trouble) {
            Some(text) => Err(Error::device(text)),
            None => Ok(()),
        }
    }
}

/// What went wrong so far.
fn held(trouble: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    trouble.lock().unwrap_or_else(|e| e.into_inner())
}

fn one_line(e: &wgpu::Error) -> String {
    e.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
