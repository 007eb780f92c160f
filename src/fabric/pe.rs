//! State of compute elements: queues, threads, rings, and what each was found doing.

use crate::fabric::code::{NONE8, RoleCode};
use crate::fabric::counters::{Activity, Breakdown};
use crate::fabric::fifo::{Arena, Fifo};
use crate::fabric::footprint::of_box;
use crate::fabric::mesh::{Mesh, NONE};
use crate::fabric::values::Ring;
use crate::ids::QueueId;
use crate::program::{Port, Program, Trigger};
use crate::spec::wafer::WaferSpec;

/// Counters that a role may have.
pub(crate) const MAX_COUNTERS: usize = 6;

/// An input queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputQueue {
    pub(crate) fifo: Fifo,
    /// Color slot that fills it.
    pub(crate) slot: u32,
}

impl InputQueue {
    /// Its head, and the cycle from which it can be used.
    #[inline]
    pub(crate) fn head<W: Copy + Default>(&self, arena: &Arena<W>) -> Option<(u64, W)> {
        (self.fifo.len > 0).then(|| arena.head(&self.fifo))
    }
}

/// An output queue: its words wait in the ramp lane of the router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputQueue {
    pub(crate) lane: u32,
    /// Free places, now and when it is empty.
    pub(crate) room: u16,
    pub(crate) depth: u16,
}

/// A vector instruction on its way through its elements.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) vector: u16,
    pub(crate) done: u32,
    pub(crate) total: u32,
    /// Elements done of the current slot of a ring.
    pub(crate) within: u32,
    /// Control wavelets that are due and have found no room yet.
    pub(crate) owed: [Option<u8>; 2],
}

impl Progress {
    /// Whether nothing is left to do.
    pub(crate) fn is_through(&self) -> bool {
        self.done == self.total && self.owed == [None; 2]
    }
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

impl<W> Main<W> {
    /// Whether it has cycles to spend that need nothing from outside.
    #[inline]
    pub(crate) fn busy(&self) -> bool {
        self.setup + self.work > 0
    }
}

/// One compute element.
#[derive(Clone, Debug)]
pub(crate) struct Ce<W> {
    /// Cycles before this one are accounted for.
    pub(crate) settled: u64,
    /// Cycle after the last in which it did something.
    pub(crate) finish: u64,
    pub(crate) main: Main<W>,
    /// Tasks activated, blocked (bit sets); where the scheduler looks first.
    pub(crate) active: u32,
    pub(crate) blocked: u32,
    pub(crate) next_task: u8,
    /// What it does while nothing wakes it.
    pub(crate) resting: Activity,
    /// Input queues of which every arrival matters now (bit set). Beside them, the first word of any queue
    /// matters to a main thread without a task: it may start one.
    pub(crate) listen: u8,
    /// It waits for room in an output queue.
    pub(crate) wants_room: bool,
    pub(crate) breakdown: Breakdown,
    pub(crate) micros: Box<[Micro]>,
    pub(crate) rings: Box<[Ring]>,
    /// Queues in the order in which the role binds them.
    pub(crate) inputs: Box<[InputQueue]>,
    pub(crate) outputs: Box<[OutputQueue]>,
    pub(crate) counters: Box<[u32; MAX_COUNTERS]>,
}

impl<W: Copy + Default> Ce<W> {
    /// The compute element of a PE, its queues bound to its router.
    fn new(program: &Program, code: &RoleCode, spec: &WaferSpec, mesh: &mut Mesh<'_, W>, pe: usize) -> Self {
        let role = program.role(pe);
        let mut inputs = Vec::with_capacity(role.inputs.len());
        for (place, binding) in role.inputs.iter().enumerate() {
            let depth = depth(&spec.pe.input_queue_wavelets, binding.queue);
            let slot = mesh.slot(pe, binding.color);
            if let Some(slot) = slot {
                mesh.bind_queue(slot, place as u8, depth as u16);
            }
            let slot = slot.map_or(NONE, |slot| slot as u32);
            inputs.push(InputQueue { fifo: mesh.arena.fifo(depth), slot });
        }
        let output = |binding: &crate::program::QueueBinding| {
            let lane = mesh.lane(pe, binding.color, Port::Ramp);
            let depth = depth(&spec.pe.output_queue_wavelets, binding.queue) as u16;
            OutputQueue {
                lane: lane.map_or(NONE, |lane| lane as u32),
                room: if lane.is_some() { depth } else { 0 },
                depth,
            }
        };
        let bits = |pick: fn(&crate::program::Task) -> bool| {
            role.tasks.iter().enumerate().fold(0, |set, (id, task)| set | u32::from(pick(task)) << id)
        };
        Self {
            settled: 0,
            finish: 0,
            main: Main {
                task: NONE8,
                pc: 0,
                setup: 0,
                work: 0,
                kind: (Activity::Control, Activity::Control),
                stream: None,
                weight: W::default(),
            },
            active: bits(|task| task.trigger == Trigger::Start),
            blocked: bits(|task| task.blocked),
            next_task: 0,
            resting: Activity::Idle,
            listen: 0,
            wants_room: false,
            breakdown: Breakdown::default(),
            micros: vec![Micro::default(); code.threads.len()].into(),
            rings: role
                .buffers
                .iter()
                .map(|buffer| Ring {
                    filled: if buffer.loaded { buffer.slots } else { 0 },
                    ..Ring::default()
                })
                .collect(),
            outputs: role.outputs.iter().map(output).collect(),
            inputs: inputs.into(),
            counters: Box::default(),
        }
    }

    /// Bytes behind it.
    pub(crate) fn footprint(&self) -> usize {
        of_box(&self.micros)
            + of_box(&self.rings)
            + of_box(&self.inputs)
            + of_box(&self.outputs)
            + of_box(&*self.counters)
    }

    /// Account for the cycles before `cycle`, in which nobody but the main thread moved.
    #[inline]
    pub(crate) fn settle(&mut self, cycle: u64) {
        let (mut span, from) = (cycle - self.settled, self.settled);
        self.settled = cycle;
        if span == 0 {
            return;
        }
        if self.main.busy() {
            let setup = span.min(u64::from(self.main.setup));
            self.main.setup -= setup as u32;
            self.breakdown.add(self.main.kind.0, setup);
            let work = (span - setup).min(u64::from(self.main.work));
            self.main.work -= work as u32;
            self.breakdown.add(self.main.kind.1, work);
            span -= setup + work;
            self.finish = from + setup + work;
        }
        self.breakdown.add(self.resting, span);
    }
}

/// Compute elements of a program, their queues bound to the routers.
pub(crate) fn build<W: Copy + Default>(
    program: &Program,
    code: &[RoleCode],
    spec: &WaferSpec,
    mesh: &mut Mesh<'_, W>,
) -> Vec<Ce<W>> {
    (0..program.pe_count())
        .map(|pe| Ce::new(program, &code[program.role_of[pe].index()], spec, mesh, pe))
        .collect()
}

fn depth(depths: &[u32], queue: QueueId) -> u32 {
    depths.get(queue.index()).copied().unwrap_or(0)
}
