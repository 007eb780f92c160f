//! State of compute elements: queues, threads, rings, and what each was found doing.

use crate::fabric::code::NONE8;
use crate::fabric::counters::{Activity, Breakdown};
use crate::fabric::mesh::{Arena, Fifo, Mesh, NONE};
use crate::fabric::values::Ring;
use crate::ids::QueueId;
use crate::program::{MAX_BUFFERS, Port, Program};
use crate::spec::wafer::WaferSpec;

/// Counters that a role may have.
pub(crate) const MAX_COUNTERS: usize = 6;
/// Microthreads that the engine provides for; the arch may have fewer.
pub(crate) const MAX_THREADS: usize = 8;

/// An input queue.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InputQueue {
    pub(crate) fifo: Fifo,
    pub(crate) pe: u32,
    pub(crate) queue: u8,
    pub(crate) slot: u32,
}

/// A vector instruction on its way through its elements.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) vector: u16,
    pub(crate) done: u32,
    pub(crate) total: u32,
}

/// What a microthread is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Off,
    /// Launched; may step from this cycle on.
    Starting(u64),
    Running,
    /// Holds the datapath until this cycle.
    Busy(u64),
    /// Its end takes effect in this cycle.
    Ending(u64),
}

/// A microthread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Micro {
    pub(crate) phase: Phase,
    pub(crate) at: Progress,
}

/// The main thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Main<W> {
    /// Running task, or [`NONE8`].
    pub(crate) task: u8,
    pub(crate) pc: u16,
    /// Cycles until the current operation begins its work, and of work.
    pub(crate) setup: u32,
    pub(crate) work: u32,
    /// What `setup` and `work` count as.
    pub(crate) kind: (Activity, Activity),
    /// An instruction with operands on the fabric.
    pub(crate) stream: Option<Progress>,
    /// The wavelet that started the task.
    pub(crate) weight: W,
}

/// One compute element.
#[derive(Clone, Debug)]
pub(crate) struct Ce<W> {
    /// Cycles before this one are accounted for.
    pub(crate) settled: u64,
    /// What it does while nothing wakes it.
    pub(crate) resting: Activity,
    pub(crate) main: Main<W>,
    pub(crate) micros: [Micro; MAX_THREADS],
    /// Highest microthread in use, plus one.
    pub(crate) threads: u8,
    /// Tasks activated, blocked (bit sets); where the scheduler looks first.
    pub(crate) active: u32,
    pub(crate) blocked: u32,
    pub(crate) next_task: u8,
    /// Input queues whose arrivals matter now (bit set).
    pub(crate) listen: u8,
    /// It waits for room in an output queue.
    pub(crate) wants_room: bool,
    pub(crate) rings: [Ring; MAX_BUFFERS],
    pub(crate) counters: [u32; MAX_COUNTERS],
    /// Input queues (indices into the table of all), output lanes and their room, by queue id.
    pub(crate) inputs: [u32; 8],
    pub(crate) outputs: [u32; 8],
    pub(crate) room: [u16; 8],
    pub(crate) breakdown: Breakdown,
    /// Cycle after the last in which it did something.
    pub(crate) finish: u64,
}

impl<W: Copy + Default> Ce<W> {
    fn new() -> Self {
        Self {
            settled: 0,
            resting: Activity::Idle,
            main: Main {
                task: NONE8,
                pc: 0,
                setup: 0,
                work: 0,
                kind: (Activity::Control, Activity::Control),
                stream: None,
                weight: W::default(),
            },
            micros: [Micro::default(); MAX_THREADS],
            threads: 0,
            active: 0,
            blocked: 0,
            next_task: 0,
            listen: u8::MAX,
            wants_room: false,
            rings: [Ring::default(); MAX_BUFFERS],
            counters: [0; MAX_COUNTERS],
            inputs: [NONE; 8],
            outputs: [NONE; 8],
            room: [0; 8],
            breakdown: Breakdown::default(),
            finish: 0,
        }
    }

    /// Whether the main thread has cycles to spend that need nothing from outside.
    #[inline]
    pub(crate) fn main_busy(&self) -> bool {
        self.main.setup + self.main.work > 0
    }

    /// Account for the cycles before `cycle`, in which nobody but the main thread moved.
    #[inline]
    pub(crate) fn settle(&mut self, cycle: u64) {
        let mut span = cycle - self.settled;
        self.settled = cycle;
        if span == 0 {
            return;
        }
        if self.main_busy() {
            let setup = span.min(u64::from(self.main.setup));
            self.main.setup -= setup as u32;
            self.breakdown.add(self.main.kind.0, setup);
            let work = (span - setup).min(u64::from(self.main.work));
            self.main.work -= work as u32;
            self.breakdown.add(self.main.kind.1, work);
            span -= setup + work;
        }
        self.breakdown.add(self.resting, span);
    }
}

/// Compute elements of a program, their queues bound to the routers.
pub(crate) fn build<W: Copy + Default>(
    program: &Program,
    spec: &WaferSpec,
    mesh: &mut Mesh<W>,
) -> (Vec<Ce<W>>, Vec<InputQueue>) {
    let mut ces = Vec::with_capacity(program.pe_count());
    let mut queues = Vec::new();
    for pe in 0..program.pe_count() {
        let role = program.role(pe);
        let mut ce = Ce::new();
        for (id, task) in role.tasks.iter().enumerate() {
            ce.blocked |= u32::from(task.blocked) << id;
            ce.active |= u32::from(task.trigger == crate::program::Trigger::Start) << id;
        }
        for (ring, buffer) in ce.rings.iter_mut().zip(&role.buffers) {
            ring.filled = if buffer.loaded { buffer.slots } else { 0 };
        }
        for binding in &role.inputs {
            let Some(slot) = mesh.slot(pe, binding.color) else { continue };
            let depth = depth(&spec.pe.input_queue_wavelets, binding.queue);
            let index = queues.len() as u32;
            ce.inputs[binding.queue.index()] = index;
            queues.push(InputQueue {
                fifo: mesh.arena.fifo(depth),
                pe: pe as u32,
                queue: binding.queue.0,
                slot: slot as u32,
            });
            mesh.bind_queue(slot, index, depth as u16);
        }
        for binding in &role.outputs {
            let Some(lane) = mesh.lane(pe, binding.color, Port::Ramp) else { continue };
            ce.outputs[binding.queue.index()] = lane as u32;
            ce.room[binding.queue.index()] = depth(&spec.pe.output_queue_wavelets, binding.queue) as u16;
        }
        ces.push(ce);
    }
    (ces, queues)
}

fn depth(depths: &[u32], queue: QueueId) -> u32 {
    depths.get(queue.index()).copied().unwrap_or(0)
}

/// Room of an empty output queue.
pub(crate) fn full_room(spec: &WaferSpec, queue: usize) -> u16 {
    spec.pe.output_queue_wavelets[queue] as u16
}

/// A view of one queue's head.
#[inline]
pub(crate) fn head<W: Copy + Default>(arena: &Arena<W>, queue: &InputQueue) -> Option<(u64, W)> {
    (queue.fifo.len > 0).then(|| arena.head(&queue.fifo))
}
