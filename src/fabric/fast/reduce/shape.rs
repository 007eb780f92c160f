//! Which programs the fast engine knows: a row of PEs that multiplies weights from the edge and adds up along the row.
//!
//! Every PE runs the same three parts, and nothing else:
//!
//! ```text
//! main thread   weights of a stream from the north, each a multiply-add; a control wavelet ends a row and
//!               pushes the partial sums of that row into a ring
//! chain         microthreads that take the ring slot by slot, in three phases: send to the west, keep, send to the east
//! router        stream: north to ramp; chain: from either neighbour to the ramp, from the ramp to either neighbour
//! ```

use crate::fabric::code::{NONE8, Op, RoleCode, VectorCode, compile};
use crate::fabric::counters::Activity;
use crate::fabric::fast::weights::{Stream, Weights, weights};
use crate::ids::ColorId;
use crate::program::{Port, PortSet, Program};
use crate::spec::wafer::WaferSpec;

/// Most words that any buffer between two compute elements may hold, and that a slot may have.
pub(super) const DEPTH: usize = 8;
/// Most words of a step.
pub(super) const WIDE: usize = 2;

/// Slots of the ring between the two chains that meet in a PE: the first chain is one row ahead at most.
const SCRATCH: u32 = 2;

/// What the columns of a row of PEs do, without the weights themselves.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fabric::fast) struct Shape {
    /// Rows of results that each column keeps, and how many come before it.
    pub(super) columns: Vec<Column>,
    /// Rows of results.
    pub(super) rows: u32,
    /// Words of each step of a slot, and of the slot.
    pub(super) steps: Vec<u32>,
    pub(super) slot_words: u32,
    pub(super) costs: Costs,
}

/// Rows of results of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) low: u32,
    pub(super) own: u32,
    /// Cycles and multiply-adds of one weight.
    pub(super) weight_work: u32,
    pub(super) macs: u64,
}

/// Cycles and depths that all columns share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Costs {
    /// Dispatch of a weight, of the end of a row, and of a task of the chain.
    pub(super) weight_setup: u32,
    pub(super) row_end: u32,
    pub(super) local: u32,
    /// Launch of a microthread, from then to its first step, and from its end to what it activates.
    pub(super) launch: u32,
    pub(super) start: u32,
    pub(super) completion: u32,
    /// Slots of the ring of partial sums, and of the ring between the two chains that meet.
    pub(super) slots: u32,
    pub(super) scratch: u32,
    /// Words that fit the input queues of the chains, a router buffer, and an output queue.
    pub(super) queue: u32,
    pub(super) lane: u32,
    pub(super) output: u32,
    /// Words that fit the input queue of the stream.
    pub(super) stream_queue: u32,
    /// Cycles of a hop and of the ramp; eighths of a cycle between two words of a link.
    pub(super) hop: u32,
    pub(super) ramp: u32,
    pub(super) interval: u32,
}

/// The parts of a role, if it is such a role.
#[derive(Clone, Copy, Debug)]
struct Parts<'a> {
    stream: u8,
    end: u8,
    partial: u8,
    weight: &'a VectorCode,
    /// Results before, of and behind the PE.
    down: Option<&'a VectorCode>,
    keep: &'a VectorCode,
    second: Option<&'a VectorCode>,
    up: Option<&'a VectorCode>,
}

/// Places of the tasks.
const WEIGHT: usize = 0;
const ROW_END: usize = 1;
const DOWN: usize = 2;
const KEEP: usize = 3;
const UP: usize = 4;
const START: usize = 5;

/// What `program` is, and its weights; `None` where it is something else, or where the machine has a part that the
/// fast engine does not model.
pub(in crate::fabric::fast) fn recognize<'a>(
    program: &'a Program,
    spec: &WaferSpec,
) -> Option<(Shape, Weights<'a>)> {
    if program.height != 1 || program.width < 2 || program.streams.len() != usize::from(program.width) {
        return None;
    }
    let code = compile(program, &spec.pe);
    let parts: Option<Vec<Parts<'_>>> =
        program.role_of.iter().map(|role| parts(&code[role.index()])).collect();
    let parts = parts?;
    let keep = parts[0].keep;
    let length = |pe: usize, code: Option<&VectorCode>| {
        code.map_or(0, |code| code.instr.length.elements(program.params_of(pe)) / code.slot)
    };
    let mut columns = Vec::with_capacity(parts.len());
    let mut low = 0;
    for (pe, part) in parts.iter().enumerate() {
        let own = length(pe, Some(part.keep));
        let total = part.weight.instr.length.elements(program.params_of(pe));
        let weight_work = part.weight.cost.cycles(u64::from(total)) as u32;
        columns.push(Column { low, own, weight_work, macs: part.weight.macs_per_element * u64::from(total) });
        if length(pe, part.down) != if pe == 0 { 0 } else { low }
            || part.second.is_some_and(|second| length(pe, Some(second)) != own)
        {
            return None;
        }
        low += own;
    }
    let rows = low;
    for (pe, (part, column)) in parts.iter().zip(&columns).enumerate() {
        let behind = rows - column.low - column.own;
        if part.up.is_some() && length(pe, part.up) != behind || (part.up.is_none() && behind != 0) {
            return None;
        }
        if !is_routed(program, pe, part) || !chains_are_alike(part, keep) || column.weight_work == 0 {
            return None;
        }
    }
    let steps = steps(keep);
    let costs = costs(program, spec, &code, &parts)?;
    let shape = Shape { columns, rows, slot_words: steps.iter().sum(), steps, costs };
    (fits(&shape) && spec.pe.fabric_wavelets_per_cycle >= 2).then_some(())?;
    let weights = weights(program, parts[0].end, rows)?;
    Some((shape, weights))
}

/// The parts of a role.
fn parts(code: &RoleCode) -> Option<Parts<'_>> {
    let [weight, row_end, down, keep, up, start] = code.tasks.as_slice() else { return None };
    let body = |task: usize| {
        let from = usize::from(code.tasks[task].entry);
        let len = code.ops[from..].iter().position(|op| matches!(op, Op::End)).unwrap_or(0);
        &code.ops[from..from + len]
    };
    let vector = |op: &Op| match op {
        Op::Vector(at) => code.vectors.get(usize::from(*at)),
        _ => None,
    };
    let local = |task: &crate::fabric::code::TaskCode| {
        task.queue == NONE8 && task.needs == NONE8 && task.room == NONE8
    };
    if weight.code.is_some()
        || weight.needs != NONE8
        || weight.room != NONE8
        || weight.dispatches_as != Activity::Setup
        || weight.queue == NONE8
        || row_end.queue != weight.queue
        || row_end.needs != NONE8
        || ![down, keep, up, start].into_iter().all(local)
        || start.dispatch != 0
    {
        return None;
    }
    let [multiply] = body(WEIGHT) else { return None };
    let multiply = vector(multiply).filter(|code| code.thread == NONE8 && !code.on_fabric())?;
    let [Op::Push(partial)] = *body(ROW_END) else { return None };
    let one = |task: usize| match body(task) {
        [] => Some(None),
        [op] => vector(op).map(Some),
        _ => None,
    };
    let (keep, second) = match body(KEEP) {
        [keep] => (vector(keep)?, None),
        [keep, second] => (vector(keep)?, Some(vector(second)?)),
        _ => return None,
    };
    let (down, up) = (one(DOWN)?, one(UP)?);
    let first = if down.is_some() { DOWN } else { KEEP };
    let starts = matches!(*body(START), [Op::Activate(task)] if usize::from(task) == first);
    let scratch = second.map_or(NONE8, |second| second.drains);
    let sound = starts
        && row_end.room == partial
        && down.is_none_or(|c| {
            c.drains == partial && c.fills == NONE8 && c.output != NONE8 && c.activates == 1 << KEEP
        })
        && keep.drains == partial
        && keep.output == NONE8
        && keep.fills != NONE8
        && keep.activates == 1 << UP
        && (second.is_none() || keep.fills == scratch)
        && second.is_none_or(|c| {
            c.fills != NONE8 && c.fills != partial && c.output == NONE8 && c.activates == 0 && c.thread == 1
        })
        && up
            .is_none_or(|c| c.drains == partial && c.fills == NONE8 && c.output != NONE8 && c.activates == 0)
        && [down, Some(keep), up].into_iter().flatten().all(|c| c.thread == 0);
    sound.then_some(Parts {
        stream: weight.queue,
        end: row_end.code?,
        partial,
        weight: multiply,
        down,
        keep,
        second,
        up,
    })
}

/// Whether all instructions of the chain take the same steps as `like`, one operand from the fabric at most.
fn chains_are_alike(part: &Parts<'_>, like: &VectorCode) -> bool {
    [part.down, Some(part.keep), part.second, part.up].into_iter().flatten().all(|code| {
        code.cost.step_cycles == 1
            && code.cost.step_elements == like.cost.step_elements
            && code.cost.per_wavelet == like.cost.per_wavelet
            && code.slot == like.slot
            && !code.is_move
            && !code.endless
            && code.close.is_none()
            && code.close_slot.is_none()
            && code.inputs[1] == NONE8
            && code.macs_per_element == 0
    })
}

/// Words of each step of a slot.
fn steps(code: &VectorCode) -> Vec<u32> {
    let mut left = code.slot;
    let mut steps = Vec::new();
    while left > 0 {
        let count = code.cost.step_elements.min(left);
        steps.push(u32::from(code.wavelets(count)));
        left -= count;
    }
    steps
}

/// Whether the colors of a PE go where a chain needs them, and its stream from the north down the ramp.
fn is_routed(program: &Program, pe: usize, part: &Parts<'_>) -> bool {
    let role = program.role(pe);
    let table = &program.routes[usize::from(program.route_of[pe])];
    let goes = |color: ColorId, from: Port, to: Port| {
        table.iter().any(|route| {
            route.color == color
                && matches!(*route.positions, [p] if p.from == from && p.to == PortSet::of(&[to]))
        })
    };
    let input = |code: Option<&VectorCode>| {
        code.filter(|c| c.inputs[0] != NONE8).map(|c| role.inputs[usize::from(c.inputs[0])].color)
    };
    let output = |code: Option<&VectorCode>| code.map(|c| role.outputs[usize::from(c.output)].color);
    let last = pe + 1 == usize::from(program.width);
    let neighbour = |pe: usize, up: bool| {
        let role = program.role(pe);
        let binding = role.outputs.iter().find(|binding| {
            let port = if up { Port::East } else { Port::West };
            program.routes[usize::from(program.route_of[pe])].iter().any(|route| {
                route.color == binding.color
                    && matches!(*route.positions, [p] if p.from == Port::Ramp && p.to == PortSet::of(&[port]))
            })
        });
        binding.map(|binding| binding.color)
    };
    let from_west = |color: Option<ColorId>| match color {
        Some(color) => {
            pe > 0 && neighbour(pe - 1, true) == Some(color) && goes(color, Port::West, Port::Ramp)
        }
        None => pe == 0,
    };
    let from_east = |color: Option<ColorId>| match color {
        Some(color) => {
            !last && neighbour(pe + 1, false) == Some(color) && goes(color, Port::East, Port::Ramp)
        }
        None => last,
    };
    let keeps = match (pe == 0, last) {
        (true, _) => part.second.is_none() && from_east(input(Some(part.keep))),
        (_, true) => part.second.is_none() && from_west(input(Some(part.keep))),
        _ => part.second.is_some() && from_west(input(Some(part.keep))) && from_east(input(part.second)),
    };
    let stream = role.inputs[usize::from(part.stream)].color;
    // Where three colors want down a ramp for two, the stream must be the one that waits.
    let behind = table.last().is_some_and(|route| route.color == stream);
    let tasks_free = role.tasks.iter().all(|task| !task.blocked);
    let down = part.down.is_none_or(|_| from_east(input(part.down)))
        && output(part.down).is_none_or(|color| goes(color, Port::Ramp, Port::West));
    let up = part.up.is_none_or(|_| from_west(input(part.up)))
        && output(part.up).is_none_or(|color| goes(color, Port::Ramp, Port::East));
    let colors = table.len() == role.inputs.len() + role.outputs.len();
    keeps
        && down
        && up
        && colors
        && behind
        && tasks_free
        && part.down.is_some() == (pe > 0)
        && part.up.is_some() != last
        && goes(stream, Port::North, Port::Ramp)
}

/// What all columns share; `None` where they do not.
fn costs(program: &Program, spec: &WaferSpec, code: &[RoleCode], parts: &[Parts<'_>]) -> Option<Costs> {
    let overhead = &spec.pe.overhead;
    let mut shared: Option<Costs> = None;
    for (pe, part) in parts.iter().enumerate() {
        let (role, names) = (&code[program.role_of[pe].index()], program.role(pe));
        let queue = |place: u8| {
            let queue = names.inputs[usize::from(place)].queue.index();
            spec.pe.input_queue_wavelets.get(queue).copied().unwrap_or(0)
        };
        let ends = [part.down, Some(part.keep), part.second, part.up].into_iter().flatten();
        let mut depths = ends.map(|c| (c.inputs[0], c.output));
        let (mut chain, mut output) = (None, None);
        let agree = depths.all(|(input, out)| {
            let same = |seen: &mut Option<u32>, depth: u32| *seen.get_or_insert(depth) == depth;
            let output_depth = |place: u8| {
                let queue = names.outputs[usize::from(place)].queue.index();
                spec.pe.output_queue_wavelets.get(queue).copied().unwrap_or(0)
            };
            (input == NONE8 || same(&mut chain, queue(input)))
                && (out == NONE8 || same(&mut output, output_depth(out)))
        });
        let mine = Costs {
            weight_setup: role.tasks[WEIGHT].dispatch,
            row_end: role.tasks[ROW_END].dispatch,
            local: role.tasks[KEEP].dispatch,
            launch: overhead.microthread_launch_cycles,
            start: overhead.microthread_start_cycles,
            completion: overhead.completion_cycles,
            slots: u32::from(role.slots[usize::from(part.partial)]),
            scratch: part.second.map_or(SCRATCH, |second| u32::from(role.slots[usize::from(second.drains)])),
            queue: chain?,
            lane: spec.fabric.router_buffer_wavelets,
            output: output?,
            stream_queue: queue(part.stream),
            hop: spec.fabric.hop_latency_cycles,
            ramp: spec.fabric.ramp_latency_cycles,
            interval: u32::from(spec.fabric.link_interval.0 as u16),
        };
        if !agree || *shared.get_or_insert(mine) != mine {
            return None;
        }
    }
    shared
}

impl Shape {
    /// The stream of a column.
    pub(super) fn stream(&self) -> Stream {
        let Costs { weight_setup, row_end, stream_queue: queue, lane, hop, ramp, interval, .. } = self.costs;
        let weights = self.columns.iter().map(|column| weight_setup + column.weight_work);
        Stream { queue, lane, hop, ramp, interval, least: weights.fold(row_end, u32::min) }
    }
}

/// Whether the machine and the program are such that what the fast engine takes for granted holds.
fn fits(shape: &Shape) -> bool {
    let Costs { slots, scratch, queue, lane, output, stream_queue, interval, .. } = shape.costs;
    let costs = &shape.costs;
    let words = shape.slot_words;
    words > 0
        && shape.rows > 0
        && shape.steps.iter().all(|&step| step as usize <= WIDE)
        // A slot fits what lies between two compute elements, so that its sender never waits for this very slot.
        && words <= queue + lane
        && words <= output
        && words as usize <= DEPTH
        && [queue, lane, output].into_iter().all(|depth| depth as usize <= DEPTH && depth.is_power_of_two())
        && lane <= output
        && queue <= stream_queue
        && slots >= 3
        && scratch == SCRATCH
        && interval >= 8
        && costs.launch > 0
        && shape.stream().is_ahead()
}
