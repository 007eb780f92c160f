//! State of compute elements: queues, threads, rings, and what each was found doing.

use crate::fabric::ces::First;
use crate::fabric::counters::{Activity, Breakdown};
use crate::fabric::fifo::{Arena, Fifo};
use crate::fabric::observe::Observer;

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
    pub(super) spent: [u32; Activity::ALL.len()],
    /// Where its parts start.
    pub(super) first: First,
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

    /// Account for the cycles before `cycle`, in which nobody but the main thread moved; `pe` is whose they are.
    #[inline]
    pub(crate) fn settle<O: Observer>(&mut self, cycle: u64, pe: usize, observer: &mut O) {
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
            if O::WATCHES {
                observer.spent(pe, self.main.kind.0, from, setup);
                observer.spent(pe, self.main.kind.1, from + setup, work);
            }
        }
        self.count(self.resting, span as u32);
        if O::WATCHES {
            observer.spent(pe, self.resting, cycle - span, span);
        }
    }
}
