//! Gradients of weights: one row of PEs, whose vectors all hear, and sums that leave over the south edge.
//!
//! ```text
//! main thread   positions of a stream from the north, each a dot product with the vector of the row and a push; a
//!               control wavelet ends a row and gives the vector back
//! microthreads  receive vectors into a ring; send its own ones when the turn comes; pass sums on to the south
//! router        stream: north to ramp; vectors: from the PE whose turn it is to all, by three switch positions
//! ```

use crate::fabric::code::{NONE8, Op, RoleCode, VectorCode, compile};
use crate::fabric::counters::Activity;
use crate::fabric::fast::weights::{Stream, Weights, weights};
use crate::program::{Compare, Port, PortSet, Program};
use crate::spec::wafer::WaferSpec;

/// Most words that any buffer may hold, and that a vector may have.
pub(super) const DEPTH: usize = 8;
/// Most words of a step.
pub(super) const WIDE: usize = 2;

/// What the columns do, without the weights themselves.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fabric::fast) struct Shape {
    /// Rows that each column sends the vectors of.
    pub(super) own: Vec<u32>,
    pub(super) rows: u32,
    /// Words of each step of a vector.
    pub(super) steps: Vec<u32>,
    /// Multiply-adds of one weight.
    pub(super) macs: u64,
    pub(super) costs: Costs,
}

/// Cycles and depths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Costs {
    /// Dispatch and work of a weight; dispatch of the end of a row, of the end of a block, and of the sender.
    pub(super) weight_setup: u32,
    pub(super) weight_work: u32,
    pub(super) row_end: u32,
    pub(super) turn: u32,
    pub(super) local: u32,
    pub(super) launch: u32,
    pub(super) start: u32,
    /// Slots of the ring of vectors.
    pub(super) slots: u32,
    /// Words that fit the input queue of vectors, a router buffer, and the sender's output queue.
    pub(super) queue: u32,
    pub(super) lane: u32,
    pub(super) output: u32,
    pub(super) stream_queue: u32,
    pub(super) hop: u32,
    pub(super) ramp: u32,
    pub(super) interval: u32,
}

/// Places of the tasks.
const SEND: usize = 0;
const TURN: usize = 1;
const WEIGHT: usize = 2;
const ROW_END: usize = 3;
const START: usize = 4;

/// The parts of a role.
struct Parts<'a> {
    weight: &'a VectorCode,
    send: &'a VectorCode,
    receive: &'a VectorCode,
    pass: &'a VectorCode,
    stream: u8,
    vectors: u8,
    end: u8,
    first: bool,
    /// Parameters that the end of a block is compared with: one before the PE, and the PE.
    before: u8,
    at: Option<u8>,
    color: u8,
}

/// What `program` is, and its weights; `None` where it is something else.
pub(in crate::fabric::fast) fn recognize<'a>(
    program: &'a Program,
    spec: &WaferSpec,
) -> Option<(Shape, Weights<'a>)> {
    let width = usize::from(program.width);
    if program.height != 1 || width < 2 || program.streams.len() != width {
        return None;
    }
    let code = compile(program, &spec.pe);
    let parts: Option<Vec<Parts<'_>>> =
        program.role_of.iter().map(|role| parts(&code[role.index()])).collect();
    let parts = parts?;
    let mut own = Vec::with_capacity(width);
    let mut shared: Option<(Costs, Vec<u32>, u64)> = None;
    for (pe, part) in parts.iter().enumerate() {
        if !is_placed(program, pe, part) {
            return None;
        }
        own.push(part.send.instr.length.elements(program.params_of(pe)) / part.send.slot);
        let mine = (costs(program, spec, pe, &code[program.role_of[pe].index()], part), steps(part.send), {
            part.weight.macs_per_element * u64::from(part.weight.instr.length.elements(program.params_of(pe)))
        });
        if steps(part.receive) != mine.1 || *shared.get_or_insert(mine.clone()) != mine {
            return None;
        }
    }
    let (costs, steps, macs) = shared?;
    let rows = own.iter().sum();
    let shape = Shape { own, rows, steps, macs, costs };
    (fits(&shape) && spec.pe.fabric_wavelets_per_cycle >= 2).then_some(())?;
    Some((shape, weights(program, parts[0].end, rows)?))
}

/// The parts of a role, if it is such a role.
fn parts(code: &RoleCode) -> Option<Parts<'_>> {
    let [send, turn, weight, row_end, start] = code.tasks.as_slice() else { return None };
    let body = |task: usize| {
        let from = usize::from(code.tasks[task].entry);
        let len = code.ops[from..].iter().position(|op| matches!(op, Op::End)).unwrap_or(0);
        &code.ops[from..from + len]
    };
    let vector = |at: u16| code.vectors.get(usize::from(at));
    let [Op::Vector(sender)] = *body(SEND) else { return None };
    let [Op::Vector(dot), Op::Push(sums)] = *body(WEIGHT) else { return None };
    let [Op::Pop(ring)] = *body(ROW_END) else { return None };
    let (receive, pass, first) = match *body(START) {
        [Op::Vector(receive), Op::Vector(pass)] => (receive, pass, false),
        [Op::Vector(receive), Op::Activate(0), Op::Vector(pass)] => (receive, pass, true),
        _ => return None,
    };
    let equal = |op: &Op| match *op {
        Op::SkipUnless { counter, compare: Compare::Equal, param, .. } => Some((counter, param)),
        _ => None,
    };
    let (before, at, counter, color) = match body(TURN) {
        [one, Op::AdvanceSwitch { color }, Op::Activate(0), Op::Count(counted)] => {
            let (counter, param) = equal(one)?;
            (param, None, [counter, *counted], *color)
        }
        [
            one,
            Op::AdvanceSwitch { color },
            Op::Activate(0),
            two,
            Op::AdvanceSwitch { color: other },
            Op::Count(counted),
        ] => {
            let ((counter, param), (second, at)) = (equal(one)?, equal(two)?);
            (counter == second && color == other).then_some(())?;
            (param, Some(at), [counter, *counted], *color)
        }
        _ => return None,
    };
    let (weight_code, send_code, receive, pass) =
        (vector(dot)?, vector(sender)?, vector(receive)?, vector(pass)?);
    let moves = |code: &VectorCode| {
        code.is_move && code.cost.step_cycles == 1 && code.close_slot.is_none() && code.activates == 0
    };
    let sound = counter[0] == counter[1]
        && (send.queue, send.needs, send.room) == (NONE8, NONE8, NONE8)
        && (turn.needs, turn.room) == (NONE8, NONE8)
        && weight.queue != NONE8
        && weight.code.is_none()
        && weight.dispatches_as == Activity::Setup
        && (weight.needs, weight.room) == (ring, sums)
        && (row_end.queue, row_end.needs, row_end.room) == (weight.queue, ring, NONE8)
        && (start.queue, start.dispatch, start.needs, start.room) == (NONE8, 0, NONE8, NONE8)
        && weight_code.thread == NONE8
        && !weight_code.on_fabric()
        && moves(send_code)
        && (send_code.thread, send_code.endless, send_code.fills) == (1, false, NONE8)
        && send_code.drains != NONE8
        && send_code.close == turn.code
        && send_code.close.is_some()
        && moves(receive)
        && (receive.thread, receive.endless, receive.fills, receive.drains) == (2, true, ring, NONE8)
        && receive.inputs == [turn.queue, NONE8]
        && receive.close.is_none()
        && (pass.thread, pass.endless, pass.drains, pass.fills) == (0, true, sums, NONE8)
        && pass.inputs == [NONE8; 2]
        && (pass.slot, pass.cost.step_cycles, pass.activates, pass.is_move) == (1, 1, 0, false)
        && (pass.close, pass.close_slot) == (None, None)
        && send_code.slot == receive.slot
        && u32::from(code.slots[usize::from(sums)]) >= 3;
    sound.then_some(Parts {
        weight: weight_code,
        send: send_code,
        receive,
        pass,
        stream: weight.queue,
        vectors: turn.queue,
        end: row_end.code?,
        first,
        before,
        at,
        color,
    })
}

/// Words of each step of a vector.
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

/// Whether colors and parameters of a PE are those of its place in the row.
fn is_placed(program: &Program, pe: usize, part: &Parts<'_>) -> bool {
    let role = program.role(pe);
    let table = &program.routes[usize::from(program.route_of[pe])];
    let params = program.params_of(pe);
    let last = pe + 1 == usize::from(program.width);
    let place = pe as u32;
    let color = |place: u8| role.inputs[usize::from(place)].color;
    let (stream, vectors) = (color(part.stream), color(part.vectors));
    let sums = role.outputs[usize::from(part.pass.output)].color;
    let mut wanted = Vec::new();
    let ports = |wanted: &[(Port, bool)]| {
        PortSet::of(&wanted.iter().filter(|(_, there)| *there).map(|(port, _)| *port).collect::<Vec<_>>())
    };
    if pe > 0 {
        wanted.push((Port::West, ports(&[(Port::Ramp, true), (Port::East, !last)])));
    }
    wanted.push((Port::Ramp, ports(&[(Port::Ramp, true), (Port::West, pe > 0), (Port::East, !last)])));
    if !last {
        wanted.push((Port::East, ports(&[(Port::Ramp, true), (Port::West, pe > 0)])));
    }
    let of = |color| table.iter().find(|route| route.color == color);
    let one = |color, from: Port, to: Port| {
        of(color).is_some_and(
            |route| matches!(*route.positions, [p] if p.from == from && p.to == PortSet::of(&[to])),
        )
    };
    let turns = of(vectors)
        .is_some_and(|route| route.positions.iter().map(|p| (p.from, p.to)).eq(wanted.iter().copied()));
    turns
        && table.len() == 3
        && role.inputs.len() == 2
        && role.outputs.len() == 2
        && one(stream, Port::North, Port::Ramp)
        && one(sums, Port::Ramp, Port::South)
        && role.outputs[usize::from(part.send.output)].color == vectors
        && vectors.0 == part.color
        && part.first == (pe == 0)
        && params[usize::from(part.before)] == place.wrapping_sub(1)
        && part.at.map(|at| params[usize::from(at)]) == (!last).then_some(place)
        && role.tasks.iter().all(|task| !task.blocked)
}

fn costs(program: &Program, spec: &WaferSpec, pe: usize, role: &RoleCode, part: &Parts<'_>) -> Costs {
    let names = program.role(pe);
    let depth = |depths: &[u32], queue: usize| depths.get(queue).copied().unwrap_or(0);
    let input =
        |place: u8| depth(&spec.pe.input_queue_wavelets, names.inputs[usize::from(place)].queue.index());
    let total = part.weight.instr.length.elements(program.params_of(pe));
    Costs {
        weight_setup: role.tasks[WEIGHT].dispatch,
        weight_work: part.weight.cost.cycles(u64::from(total)) as u32,
        row_end: role.tasks[ROW_END].dispatch,
        turn: role.tasks[TURN].dispatch,
        local: role.tasks[SEND].dispatch,
        launch: spec.pe.overhead.microthread_launch_cycles,
        start: spec.pe.overhead.microthread_start_cycles,
        slots: u32::from(role.slots[usize::from(part.receive.fills)]),
        queue: input(part.vectors),
        lane: spec.fabric.router_buffer_wavelets,
        output: depth(
            &spec.pe.output_queue_wavelets,
            names.outputs[usize::from(part.send.output)].queue.index(),
        ),
        stream_queue: input(part.stream),
        hop: spec.fabric.hop_latency_cycles,
        ramp: spec.fabric.ramp_latency_cycles,
        interval: u32::from(spec.fabric.link_interval.0 as u16),
    }
}

impl Shape {
    /// The stream of a column.
    pub(super) fn stream(&self) -> Stream {
        let costs = &self.costs;
        let Costs { stream_queue: queue, lane, hop, ramp, interval, .. } = *costs;
        let least = costs.row_end.min(costs.weight_setup + costs.weight_work);
        Stream { queue, lane, hop, ramp, interval, least }
    }
}

/// Whether what the fast engine takes for granted holds.
fn fits(shape: &Shape) -> bool {
    let costs = &shape.costs;
    let words: u32 = shape.steps.iter().sum();
    words > 0
        && shape.rows > 0
        && shape.steps.iter().all(|&step| step as usize <= WIDE)
        && words <= costs.queue
        && [costs.queue, costs.lane, costs.output, costs.slots]
            .into_iter()
            .all(|depth| depth as usize <= DEPTH && depth.is_power_of_two())
        && costs.lane as usize >= 2 * WIDE
        && costs.slots >= 2
        && costs.interval >= 8
        && costs.launch > 0
        && costs.weight_work > 0
        // Microthreads still start when the stream is there.
        && costs.hop + costs.ramp <= 2 * costs.launch + costs.start
        // Sums leave faster than they come.
        && 8 * (costs.weight_setup + costs.weight_work) > costs.interval
        && shape.stream().is_ahead()
        // A block has ended at a PE before the next one begins there.
        && costs.turn > 0
        && costs.local > 0
}
