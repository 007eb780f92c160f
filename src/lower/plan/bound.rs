//! The fewest cycles that a step can take on a mapping: what ranks mappings before any of them is simulated.
//!
//! A PE does one thing in a cycle, so that the PE with most weights is busy at least for all of its multiply-adds, its
//! part of the sums along the row and the ends of all rows; and what streams over the wafer's links takes its time
//! there. Costs are read off the programs themselves.

use std::collections::BTreeMap;

use crate::dtype::Dtype;
use crate::fabric::vector_cost;
use crate::graph::TrainGraph;
use crate::lower::job::{AttentionKernel, Direction, Features, Job, Kernel};
use crate::lower::kernel::matmul::{Feed, Form, Pace, Shape, program, timing_streams};
use crate::lower::mapping::Mapping;
use crate::lower::memory::recomputed;
use crate::lower::shape::formats;
use crate::program::{Launch, Operand, Role, Step, StreamItems, Trigger, VectorInstr, VectorOp};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::Recompute;

/// Kernels that take the same time on any mapping, but for their masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Product {
    Weights(Direction, Features, Features),
    Attention(AttentionKernel),
}

/// How much of a product there is in a micro-batch.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    /// Runs.
    runs: f64,
    /// Sum of the shares of weights that masks leave.
    density: f64,
    /// On the links, in bytes.
    bytes_in: f64,
    bytes_out: f64,
}

/// The products of a micro-batch.
pub(super) struct Products {
    once: BTreeMap<Product, Amount>,
    /// More of them where the backward pass runs blocks again.
    again: BTreeMap<Product, Amount>,
}

impl Products {
    /// Those of `jobs`, which are those of `graph` on a single replica.
    pub(super) fn of(graph: &TrainGraph, jobs: &[Job]) -> Self {
        let again = (0..graph.model().layers).flat_map(|layer| recomputed(graph, layer));
        Self { once: amounts(jobs.iter()), again: amounts(again.map(|op| &jobs[op.id.index()])) }
    }

    /// Cycles of a micro-batch at least.
    pub(super) fn cycles(
        &self,
        mapping: &Mapping,
        recompute: Recompute,
        precision: Dtype,
        machine: &WaferSpec,
    ) -> f64 {
        let place = Place::new(mapping, precision, machine);
        let again = (recompute == Recompute::Block).then_some(&self.again);
        let (mut busy, mut bytes_in, mut bytes_out) = (0.0, 0.0, 0.0);
        for (&product, amount) in self.once.iter().chain(again.into_iter().flatten()) {
            busy += place.busy(product, amount);
            bytes_in += amount.bytes_in;
            bytes_out += amount.bytes_out * f64::from(mapping.replicas);
        }
        let bytes_per_cycle = machine.io.bandwidth_gbit_per_s * 1e9 / 8.0 / machine.fabric.clock.0 as f64;
        busy.max(bytes_in.max(bytes_out) / bytes_per_cycle)
    }
}

fn amounts<'j>(jobs: impl Iterator<Item = &'j Job>) -> BTreeMap<Product, Amount> {
    let mut amounts: BTreeMap<Product, Amount> = BTreeMap::new();
    for job in jobs {
        let product = match job.kernel {
            Kernel::Weights(kernel) => Product::Weights(kernel.direction, kernel.input, kernel.output),
            Kernel::Attention(kernel) => Product::Attention(kernel),
            _ => continue,
        };
        let amount = amounts.entry(product).or_default();
        amount.runs += 1.0;
        amount.density += job.density();
        amount.bytes_in += job.bytes_in.as_f64();
        amount.bytes_out += job.bytes_out.as_f64();
    }
    amounts
}

/// A mapping, and what a PE in the middle of a row does there for each form of a product.
struct Place<'a> {
    mapping: &'a Mapping,
    /// With weights: products and their gradients.
    product: Work,
    gradient: Work,
    /// Within heads: scores, and a value for each feature and key, as many multiply-adds as an outer product.
    scores: Work,
    values: Work,
    /// A sum for each feature and key.
    sums: Work,
}

impl<'a> Place<'a> {
    fn new(mapping: &'a Mapping, precision: Dtype, machine: &'a WaferSpec) -> Self {
        let (tokens, of_heads) = (mapping.tokens, mapping.tokens * mapping.group_heads);
        let work = |vector, form: fn(_) -> _| Work::in_the_middle(vector, form, precision, machine);
        Self {
            mapping,
            product: work(tokens, |streams| Form::Reduce(Feed::Edge(streams))),
            gradient: work(tokens, Form::Gradient),
            scores: work(of_heads, |streams| Form::Reduce(Feed::Edge(streams))),
            values: work(of_heads, |streams| Form::Outer(Feed::Edge(streams))),
            sums: work(of_heads, Form::Gradient),
        }
    }

    /// Cycles of the busiest PE at least.
    fn busy(&self, product: Product, amount: &Amount) -> f64 {
        let mapping = self.mapping;
        match product {
            Product::Weights(direction, input, output) => {
                let (ins, outs) = (mapping.slices(input), mapping.slices(output));
                let (inner, rows) = match direction {
                    Direction::Data => (outs.widest(), ins.features()),
                    Direction::Forward | Direction::Weight => (ins.widest(), outs.features()),
                };
                let work = match direction {
                    Direction::Weight => self.gradient,
                    Direction::Forward | Direction::Data => self.product,
                };
                f64::from(rows) * (f64::from(inner) * amount.density * work.weight + amount.runs * work.row)
            }
            Product::Attention(kernel) => {
                let inner = f64::from(mapping.head().into_iter().max().unwrap_or(0));
                let work = match kernel {
                    AttentionKernel::Scores => self.scores,
                    AttentionKernel::Context => self.values,
                    AttentionKernel::Transposed => self.sums,
                };
                f64::from(mapping.keys.features()) * (inner * work.weight + work.row) * amount.runs
            }
        }
    }
}

/// Cycles of a PE.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    /// For an arriving weight.
    weight: f64,
    /// For a row: its end, and what microthreads do for it.
    row: f64,
}

impl Work {
    /// Of a PE in the middle of a row, by the program.
    fn in_the_middle(
        vector: u32,
        form: impl FnOnce(Vec<StreamItems>) -> Form,
        precision: Dtype,
        machine: &WaferSpec,
    ) -> Self {
        let shape = Shape {
            name: String::new(),
            width: 3,
            height: 1,
            vector,
            rows_per_pe: vector,
            inner: vec![1; 3],
            owned: vec![1; 3],
            formats: formats(precision, &machine.numerics),
            cache: machine.pe.cache,
            pace: Pace::of(machine),
        };
        let program = program(&shape, &form(timing_streams(&vec![1; 9].into(), 3)));
        Self::of(program.role(1), machine)
    }

    fn of(role: &Role, machine: &WaferSpec) -> Self {
        let overhead = &machine.pe.overhead;
        let mut work = Self::default();
        // Each of the phases of a chain takes the slot of a row once: the least of them counts.
        let mut chain: Option<f64> = None;
        for task in &role.tasks {
            for step in &task.body {
                let Step::Vector(instr) = step else { continue };
                match (task.trigger, &instr.launch) {
                    (Trigger::Weight(_), _) => {
                        let cost = vector_cost(&machine.pe, role, instr);
                        let elements = u64::from(instr.length.elements(&[]));
                        work.weight +=
                            f64::from(overhead.weight_trigger_cycles) + cost.cycles(elements) as f64;
                    }
                    (_, Launch::Micro { .. }) if instr.op == VectorOp::Add => {
                        let Operand::Ring(ring) = instr.b else { continue };
                        let steps = steps(role, instr, ring.index(), machine);
                        chain = Some(chain.map_or(steps, |least: f64| least.min(steps)));
                    }
                    _ => {}
                }
            }
        }
        let ends = role.tasks.iter().any(|task| matches!(task.trigger, Trigger::Control(..)));
        work.row = if ends { f64::from(overhead.control_task_cycles) } else { 0.0 };
        let gradient = role.tasks.iter().any(|task| is_dot(&task.body));
        // A gradient adds up weight by weight, a product row by row.
        *(if gradient { &mut work.weight } else { &mut work.row }) += chain.unwrap_or(0.0);
        work
    }
}

fn is_dot(body: &[Step]) -> bool {
    body.iter().any(|step| matches!(step, Step::Vector(VectorInstr { op: VectorOp::Dot { .. }, .. })))
}

/// Cycles in which a microthread holds the datapath for one slot of a ring.
fn steps(role: &Role, instr: &VectorInstr, ring: usize, machine: &WaferSpec) -> f64 {
    let cost = vector_cost(&machine.pe, role, instr);
    let elements = role.buffers[ring].elements;
    f64::from(elements.div_ceil(cost.step_elements.max(1)) * cost.step_cycles)
}
