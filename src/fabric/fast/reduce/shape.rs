//! Which programs are products with weights: a row of PEs that multiplies weights from the edge and adds up along the row.
//!
//! Every PE runs the same three parts, and nothing else:
//!
//! ```text
//! main thread   weights of a stream from the north, each a multiply-add; a control wavelet ends a row and
//!               pushes the partial sums of that row into a ring
//! chain         microthreads that take the ring slot by slot, in three phases: send to the west, keep, send to the east
//! router        stream: north to ramp; chain: from either neighbour to the ramp, from the ramp to either neighbour
//! ```

use crate::fabric::code::{NONE8, Op, VectorCode};
use crate::fabric::fast::source::{DEPTH, Fabric, Pe, Source, WIDE, is_kept, steps, waits_for};
use crate::fabric::fast::weights::{Stream, Weights, weights};
use crate::program::Port;

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
    pub(super) fabric: Fabric,
    /// Dispatch of a weight, of the end of a row, and of a task of the chain.
    pub(super) weight_setup: u32,
    pub(super) row_end: u32,
    pub(super) local: u32,
    /// From the end of a microthread's instruction to what it activates.
    pub(super) completion: u32,
    /// Slots of the ring of partial sums, and of the ring between the two chains that meet.
    pub(super) slots: u32,
    pub(super) scratch: u32,
    /// Words that fit the input queues of the chains, an output queue, and the input queue of the stream.
    pub(super) queue: u32,
    pub(super) output: u32,
    pub(super) stream_queue: u32,
}

/// The parts of a PE, if it has these parts and no others.
#[derive(Clone, Copy)]
struct Parts<'a> {
    pe: Pe<'a>,
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

/// What a program is, and its weights; `None` where it is something else, or where the machine has a part that the
/// fast engine does not model.
pub(in crate::fabric::fast) fn recognize<'a>(source: &Source<'a>) -> Option<(Shape, Weights<'a>)> {
    let parts: Option<Vec<Parts<'_>>> = source.pes().map(parts).collect();
    let parts = parts?;
    let keep = parts[0].keep;
    let mut columns = Vec::with_capacity(parts.len());
    let mut rows = 0;
    for Parts { pe, weight, keep, .. } in &parts {
        let (low, own) = (rows, pe.rows(keep)?);
        let macs = weight.macs_per_element * u64::from(pe.elements(weight));
        columns.push(Column { low, own, weight_work: pe.weight_work(weight), macs });
        rows += own;
    }
    let (costs, slot) = (parts[0].costs(source)?, steps(keep));
    for (part, column) in parts.iter().zip(&columns) {
        let fits = part.has_rows(*column, rows)
            && part.is_routed(source)
            && part.is_alike(keep)
            && part.costs(source)? == costs;
        fits.then_some(())?;
    }
    let shape = Shape { columns, rows, slot_words: slot.iter().sum(), steps: slot, costs };
    fits(&shape).then_some(())?;
    let weights = weights(source, parts.iter().map(|part| (part.stream, part.end)), rows)?;
    Some((shape, weights))
}

fn parts(pe: Pe<'_>) -> Option<Parts<'_>> {
    let [weight, row_end, ..] = pe.code.tasks.as_slice() else { return None };
    (pe.code.tasks.len() == START + 1).then_some(())?;
    let vector = |op: &Op| if let Op::Vector(at) = op { pe.vector(*at) } else { None };
    let ([Op::Vector(multiply)], _) = pe.body(WEIGHT) else { return None };
    let ([Op::Push(partial)], _) = pe.body(ROW_END) else { return None };
    let one = |task: usize| match pe.body(task).0 {
        [] => Some(None),
        [op] => vector(op).map(Some),
        _ => None,
    };
    let (keep, second) = match pe.body(KEEP).0 {
        [keep] => (vector(keep)?, None),
        [keep, second] => (vector(keep)?, Some(vector(second)?)),
        _ => return None,
    };
    let (down, up) = (one(DOWN)?, one(UP)?);
    let first = if down.is_some() { DOWN } else { KEEP };
    let sends = |code: &VectorCode, activates: u32| {
        (code.thread, code.drains, code.fills, code.activates) == (0, *partial, NONE8, activates)
    };
    let keeps = (keep.thread, keep.drains, keep.activates, keep.output) == (0, *partial, 1 << UP, NONE8);
    let meets = |code: &VectorCode| {
        (code.thread, code.drains, code.activates, code.output) == (1, keep.fills, 0, NONE8)
    };
    let sound = matches!(*pe.body(START).0, [Op::Activate(task)] if usize::from(task) == first)
        && pe.is_start(START)
        && [DOWN, KEEP, UP].into_iter().all(|task| pe.is_local(task))
        && waits_for(weight, NONE8, NONE8)
        && waits_for(row_end, NONE8, *partial)
        && row_end.queue == weight.queue
        && down.is_none_or(|code| sends(code, 1 << KEEP))
        && up.is_none_or(|code| sends(code, 0))
        && keeps
        && second.is_none_or(meets);
    sound.then_some(Parts {
        pe,
        stream: weight.queue,
        end: row_end.code?,
        partial: *partial,
        weight: pe.weight(WEIGHT, *multiply)?,
        down,
        keep,
        second,
        up,
    })
}

impl Parts<'_> {
    /// Instructions of the chain.
    fn chain(&self) -> impl Iterator<Item = &VectorCode> {
        [self.down, Some(self.keep), self.second, self.up].into_iter().flatten()
    }

    /// Whether it sends the rows before it and behind it, and has room for its own.
    fn has_rows(&self, column: Column, rows: u32) -> bool {
        let of = |code: Option<&VectorCode>| code.map_or(Some(0), |code| self.pe.rows(code));
        let last = self.second.unwrap_or(self.keep);
        let kept = self.pe.slots(last.fills, false);
        of(self.down) == Some(column.low)
            && of(self.up) == Some(rows - column.low - column.own)
            && of(Some(last)) == Some(column.own)
            && kept.is_some_and(|slots| slots >= column.own)
            && last.fills != self.partial
    }

    /// Whether all instructions of the chain take the same steps as `like`, one operand from the fabric at most.
    fn is_alike(&self, like: &VectorCode) -> bool {
        self.chain().all(|code| {
            code.cost.step_cycles == 1
                && code.cost.step_elements == like.cost.step_elements
                && code.cost.per_wavelet == like.cost.per_wavelet
                && code.slot == like.slot
                && !code.is_move
                && !code.endless
                && (code.close, code.close_slot) == (None, None)
                && (code.inputs[1], code.macs_per_element) == (NONE8, 0)
        })
    }

    /// Whether its colors go where a chain needs them, and its stream from the north down the ramp.
    fn is_routed(&self, source: &Source<'_>) -> bool {
        let (pe, first, last) = (self.pe, self.pe.at == 0, self.pe.at + 1 == source.width());
        // At the ends of the row, a constant comes in.
        let from = |code: &VectorCode, side: Port, ends: bool| {
            if ends { code.inputs[0] == NONE8 } else { source.hears(pe, code, side) }
        };
        let ends = if first {
            self.second.is_none() && from(self.keep, Port::East, false)
        } else if last {
            self.second.is_none() && from(self.keep, Port::West, false)
        } else {
            from(self.keep, Port::West, false)
                && self.second.is_some_and(|second| from(second, Port::East, false))
        };
        let down = match self.down {
            Some(code) => !first && from(code, Port::East, last) && pe.sends(code, Port::West),
            None => first,
        };
        let up = match self.up {
            Some(code) => !last && from(code, Port::West, first) && pe.sends(code, Port::East),
            None => last,
        };
        let stream = pe.role.inputs.get(usize::from(self.stream)).map(|binding| binding.color);
        // Where three colors want down a ramp for two, the stream must be the one that waits.
        let waits = pe.table.last().map(|route| route.color) == stream;
        let no_others = pe.table.len() == pe.role.inputs.len() + pe.role.outputs.len();
        ends && down
            && up
            && waits
            && no_others
            && stream.is_some_and(|color| pe.goes(color, Port::North, Port::Ramp))
    }

    /// Its cycles and depths; `None` where its parts do not agree on them.
    fn costs(&self, source: &Source<'_>) -> Option<Costs> {
        let (pe, tasks) = (self.pe, &self.pe.code.tasks);
        let (mut queue, mut output) = (None, None);
        for code in self.chain() {
            let same = |seen: &mut Option<u32>, depth: u32| *seen.get_or_insert(depth) == depth;
            let heard = code.inputs[0] == NONE8 || same(&mut queue, pe.input_depth(code.inputs[0])?);
            let sent = code.output == NONE8 || same(&mut output, pe.output_depth(code.output)?);
            (heard && sent).then_some(())?;
        }
        Some(Costs {
            fabric: source.fabric(),
            weight_setup: tasks[WEIGHT].dispatch,
            row_end: tasks[ROW_END].dispatch,
            local: tasks[KEEP].dispatch,
            completion: source.completion(),
            slots: pe.slots(self.partial, false)?,
            scratch: match self.second {
                Some(second) => pe.slots(second.drains, false)?,
                None => SCRATCH,
            },
            queue: queue?,
            output: output?,
            stream_queue: pe.input_depth(self.stream)?,
        })
    }
}

impl Shape {
    /// The stream of a column.
    pub(super) fn stream(&self) -> Stream {
        let Costs { fabric, weight_setup, row_end, stream_queue: queue, .. } = self.costs;
        let weights = self.columns.iter().map(|column| weight_setup + column.weight_work);
        Stream { fabric, queue, least: weights.fold(row_end, u32::min) }
    }
}

impl Costs {
    /// Most words of a piece of a slot: as many as fit what lies between two compute elements, so that their sender waits
    /// for what was taken of pieces before and never of this one.
    pub(super) fn piece(&self) -> u32 {
        (self.queue + self.fabric.lane).min(self.output).min(DEPTH as u32)
    }
}

/// Whether the machine and the program are such that what the fast engine takes for granted holds.
fn fits(shape: &Shape) -> bool {
    let Costs { fabric, slots, scratch, queue, output, stream_queue, .. } = shape.costs;
    let words = shape.slot_words;
    words > 0
        && shape.rows > 0
        && shape.steps.iter().all(|&step| step as usize <= WIDE)
        // A step fits a queue, and so a piece.
        && shape.steps.iter().all(|&step| step <= queue.min(output))
        && [queue, fabric.lane, output].into_iter().all(is_kept)
        && fabric.lane <= output
        && queue <= stream_queue
        && slots >= 3
        && scratch == SCRATCH
        && fabric.interval >= 8
        && fabric.launch > 0
        && shape.costs.local > 0
        // A phase of the chain has ended in a cycle before that in which the task of the next one is dispatched.
        && shape.costs.completion > 0
        && shape.stream().is_ahead()
}
