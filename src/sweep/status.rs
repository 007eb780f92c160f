//! How far a sweep is.

use crate::record::{Cell, PointStatus};
use crate::sweep::{Plan, Store, StoreError};

/// Points by state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Status {
    /// They ran.
    pub done: usize,
    /// They cannot be run.
    pub refused: usize,
    /// They should have run.
    pub failed: usize,
    /// Some process is at them.
    pub running: usize,
    /// Nobody has begun them.
    pub left: usize,
    /// Time of those that ran, on average, in seconds; `None` where none has.
    pub seconds_a_point: Option<f64>,
}

impl Status {
    /// Time until all is done, in seconds, if as many points go on being run at a time; `None` where none is running or
    /// none has ended.
    pub fn seconds_left(&self) -> Option<f64> {
        // A point that runs is half done, on average.
        let points = self.left as f64 + 0.5 * self.running as f64;
        (self.running > 0).then_some(points / self.running as f64 * self.seconds_a_point?)
    }
}

/// The state of a sweep.
///
/// # Errors
/// [`StoreError`] where a record cannot be read.
pub fn status(plan: &Plan, store: &Store) -> Result<Status, StoreError> {
    let mut status = Status::default();
    let mut seconds = 0.0;
    for point in &plan.points {
        match store.outcome(&point.key)? {
            Some(record) => {
                if record.status == PointStatus::Done {
                    seconds += record.metric("wall_seconds").and_then(Cell::number).unwrap_or(0.0);
                }
                match record.status {
                    PointStatus::Done => status.done += 1,
                    PointStatus::Refused => status.refused += 1,
                    PointStatus::Failed => status.failed += 1,
                }
            }
            None if store.is_running(&point.key) => status.running += 1,
            None => status.left += 1,
        }
    }
    status.seconds_a_point = (status.done > 0).then(|| seconds / status.done as f64);
    Ok(status)
}
