//! Gradients of weights: one row of PEs, whose vectors all hear, and sums that leave over the south edge.
//!
//! ```text
//! main thread   positions of a stream from the north, each a dot product with the vector of the row and a push; a
//!               control wavelet ends a row and gives the vector back
//! microthreads  receive vectors into a ring; send its own ones when the turn comes; pass sums on to the south
//! router        stream: north to ramp; vectors: from the PE whose turn it is to all, by three switch positions
//! ```

use crate::fabric::code::{NONE8, Op, VectorCode};
use crate::fabric::fast::source::{Fabric, Pe, Source, WIDE, is_kept, steps, waits_for};
use crate::fabric::fast::weights::{Stream, Weights, weights};
use crate::program::{Compare, Port, PortSet};

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
    pub(super) fabric: Fabric,
    /// Before the start.
    pub(super) wait: u32,
    /// Dispatch and work of a weight; dispatch of the end of a row, of the end of a block, and of the sender.
    pub(super) weight_setup: u32,
    pub(super) weight_work: u32,
    pub(super) row_end: u32,
    pub(super) turn: u32,
    pub(super) local: u32,
    /// Slots of the ring of vectors.
    pub(super) slots: u32,
    /// Words that fit the input queue of vectors, the sender's output queue, that of sums, and the input queue of the
    /// stream.
    pub(super) queue: u32,
    pub(super) output: u32,
    pub(super) sums: u32,
    pub(super) stream_queue: u32,
}

/// Places of the tasks.
const SEND: usize = 0;
const TURN: usize = 1;
const WEIGHT: usize = 2;
const ROW_END: usize = 3;
const START: usize = 4;

/// The parts of a PE, if it has these parts and no others.
#[derive(Clone, Copy)]
struct Parts<'a> {
    pe: Pe<'a>,
    weight: &'a VectorCode,
    send: &'a VectorCode,
    receive: &'a VectorCode,
    pass: &'a VectorCode,
    /// Cycles before it starts.
    wait: u32,
    stream: u8,
    vectors: u8,
    end: u8,
    /// It sends first.
    first: bool,
    /// Parameters that the end of a block is compared with: one before the PE, and the PE.
    before: u8,
    at: Option<u8>,
    /// Color whose switch goes on then.
    color: u8,
}

/// What a program is, and its weights; `None` where it is something else, or where the machine has a part that the
/// fast engine does not model.
pub(in crate::fabric::fast) fn recognize<'a>(source: &Source<'a>) -> Option<(Shape, Weights<'a>)> {
    let parts: Option<Vec<Parts<'_>>> = source.pes().map(parts).collect();
    let parts = parts?;
    let Parts { pe, weight, send, .. } = parts[0];
    let (costs, steps) = (parts[0].costs(source)?, steps(send));
    let macs = weight.macs_per_element * u64::from(pe.elements(weight));
    let mut own = Vec::with_capacity(parts.len());
    for part in &parts {
        let same = part.costs(source)? == costs && part.weight.macs_per_element == weight.macs_per_element;
        (same && part.pe.elements(part.weight) == pe.elements(weight)).then_some(())?;
        (part.is_placed(source.width()) && part.is_alike(send)).then_some(())?;
        own.push(part.own()?);
    }
    let shape = Shape { rows: own.iter().sum(), own, steps, macs, costs };
    fits(&shape).then_some(())?;
    let weights = weights(source, parts.iter().map(|part| (part.stream, part.end)), shape.rows)?;
    Some((shape, weights))
}

fn parts(pe: Pe<'_>) -> Option<Parts<'_>> {
    let [_, turn, weight, row_end, _] = pe.code.tasks.as_slice() else { return None };
    let ([Op::Vector(send)], _) = pe.body(SEND) else { return None };
    let ([Op::Vector(dot), Op::Push(sums)], _) = pe.body(WEIGHT) else { return None };
    let ([Op::Pop(ring)], _) = pe.body(ROW_END) else { return None };
    let (param, receive, pass, first) = match *pe.body(START).0 {
        [Op::Wait { param }, Op::Vector(receive), Op::Vector(pass)] => (param, receive, pass, false),
        [Op::Wait { param }, Op::Vector(receive), Op::Activate(0), Op::Vector(pass)] => {
            (param, receive, pass, true)
        }
        _ => return None,
    };
    let (body, entry) = pe.body(TURN);
    // If the counter is a parameter, do what stands before the operation so many places from the first one.
    let equal = |op: &Op, past: u16| match *op {
        Op::SkipUnless { counter, compare: Compare::Equal, param, to } if to == entry + past => {
            Some((counter, param))
        }
        _ => None,
    };
    let (before, at, counters, color) = match *body {
        [ref one, Op::AdvanceSwitch { color }, Op::Activate(0), Op::Count(counted)] => {
            let (counter, param) = equal(one, 3)?;
            (param, None, [counter, counter, counted], [color; 2])
        }
        [
            ref one,
            Op::AdvanceSwitch { color },
            Op::Activate(0),
            ref two,
            Op::AdvanceSwitch { color: other },
            Op::Count(counted),
        ] => {
            let ((counter, param), (second, at)) = (equal(one, 3)?, equal(two, 5)?);
            (param, Some(at), [counter, second, counted], [color, other])
        }
        _ => return None,
    };
    let (send, receive, pass) = (pe.vector(*send)?, pe.vector(receive)?, pe.vector(pass)?);
    let sound = counters == [counters[0]; 3]
        && color[0] == color[1]
        && pe.is_local(SEND)
        && pe.is_start(START)
        && waits_for(turn, NONE8, NONE8)
        && waits_for(weight, *ring, *sums)
        && waits_for(row_end, *ring, NONE8)
        && row_end.queue == weight.queue
        && (send.thread, send.endless, send.fills, send.inputs) == (1, false, NONE8, [NONE8; 2])
        && send.close.is_some()
        && send.close == turn.code
        && (receive.thread, receive.endless, receive.fills, receive.drains) == (2, true, *ring, NONE8)
        && (receive.inputs, receive.output, receive.close) == ([turn.queue, NONE8], NONE8, None)
        && (pass.thread, pass.endless, pass.drains, pass.fills) == (0, true, *sums, NONE8)
        && (pass.inputs, pass.close) == ([NONE8; 2], None)
        && pe.slots(*sums, false).is_some_and(|slots| slots >= 3);
    sound.then_some(Parts {
        pe,
        weight: pe.weight(WEIGHT, *dot)?,
        send,
        receive,
        pass,
        wait: pe.params[usize::from(param)],
        stream: weight.queue,
        vectors: turn.queue,
        end: row_end.code?,
        first,
        before,
        at,
        color: color[0],
    })
}

impl Parts<'_> {
    /// Rows that it sends: all that its ring holds at the start.
    fn own(&self) -> Option<u32> {
        let rows = self.pe.rows(self.send)?;
        let held = if rows == 0 { Some(0) } else { self.pe.slots(self.send.drains, true) };
        held.filter(|&held| held == rows)
    }

    /// Whether vectors take the same steps as `like` at either end, and a sum one step.
    fn is_alike(&self, like: &VectorCode) -> bool {
        let once = [self.send, self.receive, self.pass].into_iter().all(|code| {
            code.cost.step_cycles == 1
                && (code.close_slot, code.activates, code.macs_per_element) == (None, 0, 0)
        });
        once && [self.send, self.receive].into_iter().all(|code| {
            code.is_move
                && code.cost.step_elements == like.cost.step_elements
                && code.cost.per_wavelet == like.cost.per_wavelet
                && code.slot == like.slot
        }) && self.pe.elements(self.receive) == self.receive.slot
            && (self.pass.slot, self.pe.elements(self.pass), self.pass.is_move) == (1, 1, false)
    }

    /// Whether colors and parameters are those of its place in the row.
    fn is_placed(&self, width: usize) -> bool {
        let pe = self.pe;
        let (first, last, place) = (pe.at == 0, pe.at + 1 == width, pe.at as u32);
        let others = [(Port::West, !first), (Port::East, !last)];
        // From one side (or the PE itself) to the PE and to the other sides that there are.
        let position = |from: Port| {
            let to = others.into_iter().filter(|&(side, there)| there && side != from).map(|(side, _)| side);
            (from, PortSet::of(&to.chain([Port::Ramp]).collect::<Vec<_>>()))
        };
        let sides = [(Port::West, !first), (Port::Ramp, true), (Port::East, !last)];
        let turns = sides.into_iter().filter(|(_, there)| *there).map(|(from, _)| position(from));
        let heard = |queue: u8| pe.role.inputs.get(usize::from(queue)).map(|binding| binding.color);
        let (Some(stream), Some(vectors)) = (heard(self.stream), heard(self.vectors)) else { return false };
        let sent = pe.role.outputs.get(usize::from(self.send.output)).map(|binding| binding.color);
        pe.route(vectors).is_some_and(|route| route.positions.iter().map(|p| (p.from, p.to)).eq(turns))
            && (pe.table.len(), pe.role.inputs.len(), pe.role.outputs.len()) == (3, 2, 2)
            && pe.goes(stream, Port::North, Port::Ramp)
            && pe.sends(self.pass, Port::South)
            && sent == Some(vectors)
            && vectors.0 == self.color
            && self.first == first
            && pe.params[usize::from(self.before)] == place.wrapping_sub(1)
            && self.at.map(|at| pe.params[usize::from(at)]) == (!last).then_some(place)
    }

    /// Its cycles and depths.
    fn costs(&self, source: &Source<'_>) -> Option<Costs> {
        let (pe, tasks) = (self.pe, &self.pe.code.tasks);
        Some(Costs {
            fabric: source.fabric(),
            wait: self.wait,
            weight_setup: tasks[WEIGHT].dispatch,
            weight_work: pe.weight_work(self.weight),
            row_end: tasks[ROW_END].dispatch,
            turn: tasks[TURN].dispatch,
            local: tasks[SEND].dispatch,
            slots: pe.slots(self.receive.fills, false)?,
            queue: pe.input_depth(self.vectors)?,
            output: pe.output_depth(self.send.output)?,
            sums: pe.output_depth(self.pass.output)?,
            stream_queue: pe.input_depth(self.stream)?,
        })
    }
}

impl Shape {
    /// The stream of a column.
    pub(super) fn stream(&self) -> Stream {
        let Costs { fabric, weight_setup, weight_work, row_end, stream_queue: queue, .. } = self.costs;
        Stream { fabric, queue, least: row_end.min(weight_setup + weight_work) }
    }
}

/// Whether what the fast engine takes for granted holds.
fn fits(shape: &Shape) -> bool {
    let costs = &shape.costs;
    let Fabric { lane, hop, ramp, interval, launch, .. } = costs.fabric;
    let words: u32 = shape.steps.iter().sum();
    let weight = costs.weight_setup + costs.weight_work;
    words > 0
        && shape.rows > 0
        && shape.steps.iter().all(|&step| step as usize <= WIDE)
        // A step of a receiver fits its queue, and no queue was ever fuller than that of the stream.
        && shape.steps.iter().all(|&step| step <= costs.queue)
        && costs.queue <= costs.stream_queue
        && [costs.queue, lane, costs.output, costs.slots].into_iter().all(is_kept)
        && [lane, costs.output].into_iter().all(|depth| depth as usize >= 2 * WIDE)
        && costs.slots >= 2
        && interval >= 8
        && launch > 0
        // The stream is there when a row starts.
        && hop + ramp <= costs.wait
        && weight < 4096
        // Sums leave faster than they come.
        && 8 * weight > interval
        && weight * costs.sums >= ramp + 3
        && shape.stream().is_ahead()
        // A block has ended at a PE before the next one begins there.
        && costs.turn > 0
        && costs.local > 0
}
