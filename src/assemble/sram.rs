//! SRAM of the PEs of each column at the fullest moment of the step.

use std::collections::BTreeMap;

use crate::lower::mapping::Mapping;
use crate::lower::memory;
use crate::lower::plan::Plan;
use crate::sparsity::{Slices, SlicesError};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;

/// Bytes of a PE in use, column by column; none in columns that hold nothing.
pub(super) fn by_column(plan: &Plan, workload: &WorkloadSpec, machine: &WaferSpec) -> Vec<u64> {
    let mapping = &plan.mapping;
    let mut known: BTreeMap<[u32; 6], u64> = BTreeMap::new();
    let of_replica: Vec<u64> = (0..mapping.width)
        .map(|column| {
            let widths = widths(mapping, column);
            *known.entry(widths).or_insert_with(|| match alone(mapping, widths) {
                Ok(alone) => {
                    let precision = workload.training.precision;
                    memory::plan(&plan.graph, &alone, plan.recompute, precision, machine).used().0
                }
                Err(_) => 0,
            })
        })
        .collect();
    of_replica.repeat(usize::from(mapping.replicas.max(1)))
}

/// Features that a column holds of each set.
fn widths(mapping: &Mapping, column: u16) -> [u32; 6] {
    let width = |slices: &Slices, column: u16| slices.range(column).len() as u32;
    let groups = u32::from(mapping.group_columns) * mapping.groups;
    let keys =
        if u32::from(column) < groups { width(&mapping.keys, column % mapping.group_columns) } else { 0 };
    [
        width(&mapping.hidden, column),
        width(&mapping.ffn, column),
        width(&mapping.vocab, column),
        width(&mapping.query, column),
        width(&mapping.key, column),
        keys,
    ]
}

/// A mapping whose fullest column is one with these features.
fn alone(mapping: &Mapping, widths: [u32; 6]) -> Result<Mapping, SlicesError> {
    let [hidden, ffn, vocab, query, key, keys] = widths.map(|width| Slices::of_widths(&[width]));
    let (hidden, ffn, vocab, query, key, keys) = (hidden?, ffn?, vocab?, query?, key?, keys?);
    Ok(Mapping { hidden, ffn, vocab, query, key, keys, ..mapping.clone() })
}
