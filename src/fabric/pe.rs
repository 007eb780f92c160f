//! State of compute elements: queues, threads, rings, and what each was found doing.

use crate::fabric::code::{NONE8, RoleCode};
use crate::fabric::counters::{Activity, Breakdown};
use crate::fabric::fifo::{Arena, Fifo};
use crate::fabric::footprint::of_vec;
use crate::fabric::mesh::{Mesh, NONE};
use crate::fabric::values::Ring;
use crate::ids::QueueId;
use crate::program::{MAX_COUNTERS, Port, Program, Trigger};
use crate::spec::wafer::WaferSpec;

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
    Starting(u32),
    Running,
    /// Holds the datapath until this cycle.
    Busy(u32),
    /// Its end takes effect in this cycle.
    Ending(u32),
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
    /// Cycles of each activity: 32 bits are enough for those of a run.
    spent: [u32; Activity::ALL.len()],
    /// Where its parts start.
    first: First,
}

/// Where the parts of a compute element start in [`Parts`].
#[derive(Clone, Copy, Debug)]
struct First {
    micro: u32,
    ring: u32,
    input: u32,
    output: u32,
}

/// All compute elements. What their roles make more or less of lies in one array for each kind, so that the
/// parts of neighbours lie next to each other.
#[derive(Debug)]
pub(crate) struct Ces<W> {
    all: Vec<Ce<W>>,
    micros: Vec<Micro>,
    rings: Vec<Ring>,
    /// Queues in the order in which the role binds them.
    inputs: Vec<InputQueue>,
    outputs: Vec<OutputQueue>,
    counters: Vec<[u32; MAX_COUNTERS]>,
}

/// The parts of one compute element.
pub(crate) struct Parts<'a> {
    pub(crate) micros: &'a mut [Micro],
    pub(crate) rings: &'a mut [Ring],
    pub(crate) inputs: &'a mut [InputQueue],
    pub(crate) outputs: &'a mut [OutputQueue],
    pub(crate) counters: &'a mut [u32; MAX_COUNTERS],
}

impl<W> Ces<W> {
    /// Where the parts of the next one start.
    fn end(&self) -> First {
        First {
            micro: self.micros.len() as u32,
            ring: self.rings.len() as u32,
            input: self.inputs.len() as u32,
            output: self.outputs.len() as u32,
        }
    }

    /// Every compute element.
    pub(crate) fn all(&self) -> &[Ce<W>] {
        &self.all
    }

    /// Every compute element.
    pub(crate) fn all_mut(&mut self) -> &mut [Ce<W>] {
        &mut self.all
    }

    /// The compute element of a PE and one of its input queues.
    #[inline]
    pub(crate) fn input(&mut self, pe: usize, queue: u8) -> (&Ce<W>, &mut InputQueue) {
        let ce = &self.all[pe];
        (ce, &mut self.inputs[ce.first.input as usize + usize::from(queue)])
    }

    /// The compute element of a PE and one of its output queues.
    #[inline]
    pub(crate) fn output(&mut self, pe: usize, queue: u8) -> (&Ce<W>, &mut OutputQueue) {
        let ce = &self.all[pe];
        (ce, &mut self.outputs[ce.first.output as usize + usize::from(queue)])
    }

    /// The compute element of a PE and all its parts.
    #[inline]
    pub(crate) fn split(&mut self, pe: usize, role: &RoleCode) -> (&mut Ce<W>, Parts<'_>) {
        let ce = &mut self.all[pe];
        let parts = Parts {
            micros: &mut self.micros[ce.first.micro as usize..][..role.threads.len()],
            rings: &mut self.rings[ce.first.ring as usize..][..role.slots.len()],
            inputs: &mut self.inputs[ce.first.input as usize..][..role.inputs],
            outputs: &mut self.outputs[ce.first.output as usize..][..role.outputs],
            counters: &mut self.counters[pe],
        };
        (ce, parts)
    }

    /// Microthreads and input queues of a PE.
    pub(crate) fn parts_of(&self, pe: usize, role: &RoleCode) -> (&[Micro], &[InputQueue]) {
        let first = &self.all[pe].first;
        (
            &self.micros[first.micro as usize..][..role.threads.len()],
            &self.inputs[first.input as usize..][..role.inputs],
        )
    }

    /// Bytes that they take.
    pub(crate) fn footprint(&self) -> usize {
        of_vec(&self.all)
            + of_vec(&self.micros)
            + of_vec(&self.rings)
            + of_vec(&self.inputs)
            + of_vec(&self.outputs)
            + of_vec(&self.counters)
    }
}

impl<W: Copy + Default> Ces<W> {
    /// Add the compute element of a PE, its queues bound to its router.
    fn add(
        &mut self,
        program: &Program,
        code: &RoleCode,
        spec: &WaferSpec,
        mesh: &mut Mesh<'_, W>,
        pe: usize,
    ) {
        let role = program.role(pe);
        let first = self.end();
        for (place, binding) in role.inputs.iter().enumerate() {
            let depth = depth(&spec.pe.input_queue_wavelets, binding.queue);
            let slot = mesh.slot(pe, binding.color);
            if let Some(slot) = slot {
                mesh.bind_queue(slot, place as u8, depth as u16);
            }
            let slot = slot.map_or(NONE, |slot| slot as u32);
            self.inputs.push(InputQueue { fifo: mesh.arena.fifo(depth), slot });
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
        self.outputs.extend(role.outputs.iter().map(output));
        self.micros.resize(self.micros.len() + code.threads.len(), Micro::default());
        self.rings.extend(
            role.buffers.iter().map(|buffer| Ring {
                filled: if buffer.loaded { buffer.slots } else { 0 },
                ..Ring::default()
            }),
        );
        self.counters.push([0; MAX_COUNTERS]);
        self.all.push(Ce {
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
            spent: [0; Activity::ALL.len()],
            first,
        });
    }
}

impl<W> Ce<W> {
    /// Count cycles of an activity.
    #[inline]
    pub(crate) fn count(&mut self, activity: Activity, cycles: u32) {
        self.spent[activity as usize] += cycles;
    }

    /// Its cycles so far.
    pub(crate) fn breakdown(&self) -> Breakdown {
        Breakdown(self.spent.map(u64::from))
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
            self.count(self.main.kind.0, setup as u32);
            let work = (span - setup).min(u64::from(self.main.work));
            self.main.work -= work as u32;
            self.count(self.main.kind.1, work as u32);
            span -= setup + work;
            self.finish = from + setup + work;
        }
        self.count(self.resting, span as u32);
    }
}

/// Compute elements of a program, their queues bound to the routers.
pub(crate) fn build<W: Copy + Default>(
    program: &Program,
    code: &[RoleCode],
    spec: &WaferSpec,
    mesh: &mut Mesh<'_, W>,
) -> Ces<W> {
    // Room for exactly what comes: vectors that grow would take up to twice as much.
    let roles = || program.role_of.iter().map(|role| &code[role.index()]);
    let mut ces = Ces {
        all: Vec::with_capacity(program.pe_count()),
        micros: Vec::with_capacity(roles().map(|role| role.threads.len()).sum()),
        rings: Vec::with_capacity(roles().map(|role| role.slots.len()).sum()),
        inputs: Vec::with_capacity(roles().map(|role| role.inputs).sum()),
        outputs: Vec::with_capacity(roles().map(|role| role.outputs).sum()),
        counters: Vec::with_capacity(program.pe_count()),
    };
    for (pe, role) in roles().enumerate() {
        ces.add(program, role, spec, mesh, pe);
    }
    ces
}

fn depth(depths: &[u32], queue: QueueId) -> u32 {
    depths.get(queue.index()).copied().unwrap_or(0)
}
