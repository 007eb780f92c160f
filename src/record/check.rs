//! The arithmetic that a record must satisfy.

use super::RunRecord;

pub(super) fn faults(_record: &RunRecord) -> Vec<String> {
    Vec::new()
}
