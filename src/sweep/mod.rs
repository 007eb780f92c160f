//! Many points: planned, run on all cores and on many machines, kept as a record each, and merged into tables.
//!
//! ```text
//! SweepSpec -> Plan: numbered points, each with its key -> Store: a record a point -> SweepRecord -> tables, report
//! ```
//!
//! The key of a point is the hash of all that it depends on: its resolved specs and the program. What has a record need not
//! run again, in this sweep or in another one in the same folder; a process that dies loses the points that it was at.

mod estimate;
mod plan;
mod point;
mod query;
mod run;
mod status;
mod store;

pub use estimate::{Estimate, estimate};
pub use plan::{Plan, PlanError, Planned, plan};
pub use query::{Query, QueryError, Table};
pub use run::{Ended, Resources, SweepProgress, open, run};
pub use status::{Status, status};
pub use store::{Store, StoreError};
