//! Points on all cores: several at a time, each on some threads of its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::host;
use crate::record::{PointRecord, PointStatus};
use crate::run::Progress;
use crate::simulate::Known;
use crate::spec::gpu::GpuSpec;
use crate::sweep::point::{Common, done, ended};
use crate::sweep::store::Claim;
use crate::sweep::{Plan, Planned, Store, StoreError};

/// What a sweep may use of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Points at a time.
    pub workers: usize,
    /// Threads of each.
    pub threads: usize,
}

/// What a sweep says while it runs.
pub trait SweepProgress: Sync {
    /// A point has begun.
    fn began(&self, point: &Planned);
    /// So many of so many kernels of a point are done.
    fn kernels(&self, point: &Planned, done: usize, of: usize);
    /// A point has ended, after so many seconds.
    fn ended(&self, point: &Planned, record: &PointRecord, seconds: f64);
}

/// How the points of a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// They had a record already.
    pub before: usize,
    /// They ran.
    pub done: usize,
    /// They cannot be run.
    pub refused: usize,
    /// They should have run.
    pub failed: usize,
    /// Other processes run them.
    pub elsewhere: usize,
}

/// Run some points of a plan, those that have a record already left out; with `again`, failed ones are run again.
///
/// # Errors
/// [`StoreError`]: the folder cannot be used. Points that were done before are kept.
pub fn run(
    store: &Store,
    plan: &Plan,
    points: &[usize],
    gpus: &[(String, GpuSpec)],
    (resources, again): (Resources, bool),
    progress: &dyn SweepProgress,
) -> Result<Ended, StoreError> {
    let open = open(store, plan, points, again)?;
    let mut ended = Ended { before: points.len() - open.len(), ..Ended::default() };
    let open: Vec<&Planned> = open.into_iter().filter_map(|index| plan.points.get(index)).collect();
    let common = Common { spec: &plan.spec, gpus };
    let sweep = Sweep { store, common, known: Known::default(), resources, again, progress };
    // What another process had at first may be free by the end: it was killed, or only asked about.
    let busy = sweep.all(&open, &mut ended)?;
    let still_busy = sweep.all(&busy, &mut ended)?;
    ended.elsewhere = still_busy.len();
    Ok(ended)
}

/// Those of some points of a plan that are to be run: without a record, or with one of a failure where `again`.
///
/// # Errors
/// [`StoreError`] where a record cannot be read.
pub fn open(store: &Store, plan: &Plan, points: &[usize], again: bool) -> Result<Vec<usize>, StoreError> {
    let mut open = Vec::new();
    for &index in points {
        if plan.points.get(index).map_or(Ok(false), |point| is_open(store, point, again))? {
            open.push(index);
        }
    }
    Ok(open)
}

fn is_open(store: &Store, point: &Planned, again: bool) -> Result<bool, StoreError> {
    let record = store.outcome(&point.key)?;
    Ok(record.is_none_or(|record| again && record.status == PointStatus::Failed))
}

struct Sweep<'a> {
    store: &'a Store,
    common: Common<'a>,
    /// Times of kernels that points share.
    known: Known,
    resources: Resources,
    again: bool,
    progress: &'a dyn SweepProgress,
}

impl Sweep<'_> {
    /// Run points, each worker taking the next one; gives back those that another process has.
    fn all<'p>(&self, points: &[&'p Planned], ended: &mut Ended) -> Result<Vec<&'p Planned>, StoreError> {
        let next = AtomicUsize::new(0);
        let shared = Mutex::new((Vec::new(), ended, None));
        let worker = || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(self.resources.threads).build();
            while let Some(&point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                let status = self.store.claim(&point.key).and_then(|claim| match claim {
                    Some(claim) => self.one(point, &claim, pool.as_ref().ok()).map(Some),
                    None => Ok(None),
                });
                let Ok(mut shared) = shared.lock() else { return };
                let (busy, ended, fault) = &mut *shared;
                match status {
                    Ok(Some(Some(PointStatus::Done))) => ended.done += 1,
                    Ok(Some(Some(PointStatus::Refused))) => ended.refused += 1,
                    Ok(Some(Some(PointStatus::Failed))) => ended.failed += 1,
                    Ok(Some(None)) => ended.before += 1,
                    Ok(None) => busy.push(point),
                    Err(error) => {
                        // Nobody takes another point.
                        next.store(points.len(), Ordering::Relaxed);
                        fault.get_or_insert(error);
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.resources.workers.min(points.len()) {
                scope.spawn(worker);
            }
        });
        let (mut busy, _, fault) = shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        busy.sort_by_key(|point: &&Planned| point.index);
        fault.map_or(Ok(busy), Err)
    }

    /// Run a point and keep its record; `None` where another process has done it meanwhile.
    fn one(
        &self,
        point: &Planned,
        claim: &Claim,
        pool: Option<&rayon::ThreadPool>,
    ) -> Result<Option<PointStatus>, StoreError> {
        if !is_open(self.store, point, self.again)? {
            return Ok(None);
        }
        self.progress.began(point);
        let began = Instant::now();
        let heard = Heard { point, progress: self.progress };
        let simulate = || self.common.run(point, &self.known, &heard);
        let run = catch_unwind(AssertUnwindSafe(|| match pool {
            Some(pool) => pool.install(simulate),
            None => simulate(),
        }));
        let seconds = began.elapsed().as_secs_f64();
        let (record, run) = match run {
            Ok(Ok(mut run)) => {
                run.summary.wall_seconds = seconds;
                run.summary.peak_memory_bytes = host::peak_memory();
                (done(point, &run), Some(run))
            }
            Ok(Err(record)) => (record, None),
            Err(panic) => (ended(point, PointStatus::Failed, said(panic.as_ref())), None),
        };
        self.store.write(claim, &record, run.as_ref())?;
        self.progress.ended(point, &record, seconds);
        Ok(Some(record.status))
    }
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    format!("a fault of the simulator: {}", text.unwrap_or("without a word"))
}

/// The kernels of a point.
struct Heard<'a> {
    point: &'a Planned,
    progress: &'a dyn SweepProgress,
}

impl Progress for Heard<'_> {
    fn stage(&self, _: &str) {}

    fn kernel(&self, done: usize, of: usize) {
        self.progress.kernels(self.point, done, of);
    }
}
