//! Ops added up by group, the grain of figures and of the op table.

use std::collections::BTreeMap;

use crate::record::{CategoryCycles, OpRow, RunRecord};

/// The ops of one group together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group<'a> {
    /// The group's name.
    pub(super) name: String,
    /// Its ops, most cycles first.
    pub(super) ops: Vec<&'a OpRow>,
    /// Elapsed cycles.
    pub(super) cycles: f64,
    /// Elapsed cycles of the dense step.
    pub(super) dense_cycles: f64,
    /// Dense cycles, each op's divided by its theory: what the group would take at its ceiling.
    ceiling_cycles: f64,
    /// Operations that are done, of matrix products.
    pub(super) flops: f64,
    /// Onto the wafer.
    pub(super) bytes_in: f64,
    /// Off the wafer.
    pub(super) bytes_out: f64,
    /// PE-cycles by category, in order of the categories' names.
    pub(super) categories: BTreeMap<&'a str, f64>,
}

impl<'a> Group<'a> {
    fn add(&mut self, op: &'a OpRow) {
        self.ops.push(op);
        self.cycles += op.cycles.as_f64();
        self.dense_cycles += op.dense_cycles.as_f64();
        self.ceiling_cycles += op.dense_cycles.as_f64() / op.theory_speedup.max(1.0);
        self.flops += op.macs_effective.as_f64() * 2.0;
        self.bytes_in += op.bytes_in.as_f64();
        self.bytes_out += op.bytes_out.as_f64();
        for CategoryCycles { category, pe_cycles } in &op.stalls {
            *self.categories.entry(category).or_default() += *pe_cycles as f64;
        }
    }

    /// Dense cycles over cycles; 1 for a group that takes no time.
    pub(super) fn achieved(&self) -> f64 {
        if self.cycles > 0.0 { self.dense_cycles / self.cycles } else { 1.0 }
    }

    /// Dense cycles over the cycles at the ceiling; 1 for a group that takes no time.
    pub(super) fn theory(&self) -> f64 {
        if self.ceiling_cycles > 0.0 { self.dense_cycles / self.ceiling_cycles } else { 1.0 }
    }
}

/// The groups of a record, most cycles first (equal ones by name).
pub(super) fn groups(record: &RunRecord) -> Vec<Group<'_>> {
    let mut by_name: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for op in &record.ops {
        let group = by_name.entry(&op.group).or_default();
        group.name.clone_from(&op.group);
        group.add(op);
    }
    let mut groups: Vec<_> = by_name.into_values().collect();
    groups.sort_by(|a, b| b.cycles.total_cmp(&a.cycles));
    for group in &mut groups {
        group.ops.sort_by_key(|op| std::cmp::Reverse(op.cycles));
    }
    groups
}

/// The groups of a record, those after the first `limit - 1` added up in one row when there are more than
/// `limit`.
pub(super) fn largest_groups(record: &RunRecord, limit: usize) -> Vec<Group<'_>> {
    let mut groups = groups(record);
    if groups.len() > limit {
        let rest = groups.split_off(limit - 1);
        let mut other = Group { name: format!("{} others", rest.len()), ..Group::default() };
        for op in rest.iter().flat_map(|group| &group.ops) {
            other.add(op);
        }
        groups.push(other);
    }
    groups
}
