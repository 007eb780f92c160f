//! Roles as flat code: nested steps become a list with jumps, instructions carry their cost, and queues and
//! microthreads are numbered without gaps, so that a PE holds state for those that it uses and no others.

use crate::fabric::cost::{VectorCost, vector_cost};
use crate::fabric::counters::Activity;
use crate::ids::QueueId;
use crate::program::{
    Compare, Launch, Operand, Program, QueueBinding, Role, Step, Times, Trigger, VectorInstr,
};
use crate::spec::wafer::PeSpec;

/// "No queue", "no buffer", "no lane".
pub(crate) const NONE8: u8 = u8::MAX;

/// A role, ready to run.
#[derive(Debug)]
pub(crate) struct RoleCode {
    pub(crate) tasks: Vec<TaskCode>,
    pub(crate) ops: Vec<Op>,
    pub(crate) vectors: Vec<VectorCode>,
    /// Slots of each buffer.
    pub(crate) slots: Vec<u16>,
    /// Microthreads in use, ascending: everywhere else in the engine a microthread is its place in this list.
    pub(crate) threads: Vec<u8>,
    /// Input queues, output queues.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Tasks that wavelets start, as a bit set.
    pub(crate) started_by_queue: u32,
}

/// A task: where its code starts, and when it may.
#[derive(Debug)]
pub(crate) struct TaskCode {
    /// Input queue whose head starts it, or [`NONE8`] for a task that is activated.
    pub(crate) queue: u8,
    /// The control code that the head must be, `None` for data.
    pub(crate) code: Option<u8>,
    /// What the cycles of its dispatch count as.
    pub(crate) dispatches_as: Activity,
    /// Ring that must hold a filled slot, or [`NONE8`].
    pub(crate) needs: u8,
    /// Ring that must have a free slot besides the one being filled, or [`NONE8`].
    pub(crate) room: u8,
    pub(crate) entry: u16,
    /// Cycles from its trigger to its first instruction.
    pub(crate) dispatch: u32,
}

/// One operation of flat code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Vector(u16),
    Activate(u8),
    Block(u8),
    Unblock(u8),
    Push(u8),
    Pop(u8),
    AdvanceSwitch {
        color: u8,
    },
    Count(u8),
    SkipUnless {
        counter: u8,
        compare: Compare,
        param: u8,
        to: u16,
    },
    /// Enter a loop, or go past its end if it runs not once.
    Begin {
        counter: u8,
        times: Times,
        past: u16,
    },
    /// The end of a loop's body: once more, or go on.
    Again {
        counter: u8,
        times: Times,
        body: u16,
    },
    Fetch {
        value: u8,
        index: u8,
        at: u8,
    },
    Load {
        counter: u8,
        from: u8,
        at: u8,
    },
    Scalar(u32),
    Wait {
        param: u8,
    },
    End,
}

/// A vector instruction with all that the engine asks of it in the hot loop.
#[derive(Debug)]
pub(crate) struct VectorCode {
    pub(crate) instr: VectorInstr,
    pub(crate) cost: VectorCost,
    /// Input queues by their place among the role's, or [`NONE8`].
    pub(crate) inputs: [u8; 2],
    /// The same as a bit set.
    pub(crate) listens: u8,
    /// Output queue by its place among the role's, or [`NONE8`].
    pub(crate) output: u8,
    /// Wavelets of a whole step.
    pub(crate) step_wavelets: u16,
    /// Ring that it writes and ring that it reads, or [`NONE8`], and elements of a slot of either.
    pub(crate) fills: u8,
    pub(crate) drains: u8,
    pub(crate) slot: u32,
    /// Microthread by its place among the role's, or [`NONE8`] for the main thread.
    pub(crate) thread: u8,
    pub(crate) endless: bool,
    /// Control wavelets after each slot and after the last element.
    pub(crate) close_slot: Option<u8>,
    pub(crate) close: Option<u8>,
    /// It only moves values between fabric and memory: no datapath needed.
    pub(crate) is_move: bool,
    /// Tasks activated at the end, as a bit set.
    pub(crate) activates: u32,
    /// MACs of one element.
    pub(crate) macs_per_element: u64,
}

/// Flat code of every role of `program`.
pub(crate) fn compile(program: &Program, spec: &PeSpec) -> Vec<RoleCode> {
    program.roles.iter().map(|role| compile_role(role, spec)).collect()
}

fn compile_role(role: &Role, spec: &PeSpec) -> RoleCode {
    let mut code = RoleCode {
        tasks: Vec::new(),
        ops: Vec::new(),
        vectors: Vec::new(),
        slots: role.buffers.iter().map(|b| b.slots).collect(),
        threads: Vec::new(),
        inputs: role.inputs.len(),
        outputs: role.outputs.len(),
        started_by_queue: 0,
    };
    for task in &role.tasks {
        threads(&task.body, &mut code.threads);
    }
    code.threads.sort_unstable();
    code.threads.dedup();
    let overhead = &spec.overhead;
    for (id, task) in role.tasks.iter().enumerate() {
        let entry = code.ops.len() as u16;
        let by_hardware = matches!(task.trigger, Trigger::Weight(_));
        for step in &task.body {
            emit(&mut code, role, spec, step, by_hardware);
        }
        code.ops.push(Op::End);
        let (queue, wanted) = match task.trigger {
            Trigger::Start | Trigger::Local => (NONE8, None),
            Trigger::Data(queue) | Trigger::Weight(queue) => (place(&role.inputs, queue), None),
            Trigger::Control(queue, wanted) => (place(&role.inputs, queue), Some(wanted)),
        };
        code.started_by_queue |= u32::from(queue != NONE8) << id;
        code.tasks.push(TaskCode {
            queue,
            code: wanted,
            dispatches_as: if by_hardware { Activity::Setup } else { Activity::Control },
            needs: task.needs.map_or(NONE8, |b| b.0),
            room: task.room.map_or(NONE8, |b| b.0),
            entry,
            dispatch: match task.trigger {
                Trigger::Start => 0,
                Trigger::Local => overhead.local_task_cycles,
                Trigger::Data(_) => overhead.data_task_cycles,
                Trigger::Weight(_) => overhead.weight_trigger_cycles,
                Trigger::Control(..) => overhead.control_task_cycles,
            },
        });
    }
    code
}

/// Place of a queue among the bound ones.
fn place(bindings: &[QueueBinding], queue: QueueId) -> u8 {
    bindings.iter().position(|binding| binding.queue == queue).map_or(NONE8, |place| place as u8)
}

/// All microthreads that steps use.
fn threads(steps: &[Step], into: &mut Vec<u8>) {
    for step in steps {
        match step {
            Step::Vector(VectorInstr { launch: Launch::Micro { thread, .. }, .. }) => into.push(thread.0),
            Step::If { body, .. } | Step::Repeat { body, .. } => threads(body, into),
            _ => {}
        }
    }
}

fn emit(code: &mut RoleCode, role: &Role, spec: &PeSpec, step: &Step, by_hardware: bool) {
    let op = match step {
        Step::Vector(instr) => {
            let vector = vector(role, &code.threads, spec, instr, by_hardware);
            code.vectors.push(vector);
            Op::Vector(code.vectors.len() as u16 - 1)
        }
        Step::Activate(task) => Op::Activate(task.0),
        Step::Block(task) => Op::Block(task.0),
        Step::Unblock(task) => Op::Unblock(task.0),
        Step::Push(buffer) => Op::Push(buffer.0),
        Step::Pop(buffer) => Op::Pop(buffer.0),
        Step::AdvanceSwitch(color) => Op::AdvanceSwitch { color: color.0 },
        Step::Count(counter) => Op::Count(*counter),
        Step::Scalar(count) => Op::Scalar(count.saturating_mul(spec.overhead.scalar_cycles)),
        Step::Wait { param } => Op::Wait { param: *param },
        Step::Fetch { value, index, at } => {
            Op::Fetch { value: value.0, index: index.map_or(NONE8, |b| b.0), at: *at }
        }
        Step::Load { counter, from, at } => Op::Load { counter: *counter, from: from.0, at: *at },
        Step::Repeat { counter, times, body } => {
            let (counter, times) = (*counter, *times);
            let begin = code.ops.len();
            code.ops.push(Op::End);
            for inner in body {
                emit(code, role, spec, inner, by_hardware);
            }
            code.ops.push(Op::Again { counter, times, body: begin as u16 + 1 });
            code.ops[begin] = Op::Begin { counter, times, past: code.ops.len() as u16 };
            return;
        }
        Step::If { counter, compare, param, body } => {
            let skip = code.ops.len();
            code.ops.push(Op::End);
            for inner in body {
                emit(code, role, spec, inner, by_hardware);
            }
            let to = code.ops.len() as u16;
            code.ops[skip] = Op::SkipUnless { counter: *counter, compare: *compare, param: *param, to };
            return;
        }
    };
    code.ops.push(op);
}

fn vector(role: &Role, threads: &[u8], spec: &PeSpec, instr: &VectorInstr, by_hardware: bool) -> VectorCode {
    let mut cost = vector_cost(spec, role, instr);
    if by_hardware {
        cost.setup_cycles = 0;
    }
    let mut inputs = [NONE8; 2];
    for (slot, operand) in inputs.iter_mut().zip([instr.a, instr.b]) {
        if let Operand::Input(queue) = operand {
            *slot = place(&role.inputs, queue);
        }
    }
    let ring = |operand| if let Operand::Ring(buffer) = operand { buffer.0 } else { NONE8 };
    let fills = ring(instr.dst);
    let drains = ring(instr.a).min(ring(instr.b));
    let slot = [fills, drains]
        .into_iter()
        .filter(|&b| b != NONE8)
        .map(|b| role.buffers[usize::from(b)].elements)
        .min()
        .unwrap_or(u32::MAX);
    let bits = |tasks: &[crate::ids::TaskId]| tasks.iter().fold(0u32, |set, task| set | 1 << task.0);
    let (thread, endless, close_slot, close, activates) = match &instr.launch {
        Launch::Main | Launch::Repeated => (NONE8, false, None, None, 0),
        Launch::Micro { thread, endless, close_slot, close, activate } => {
            let place = threads.iter().position(|t| *t == thread.0).map_or(NONE8, |place| place as u8);
            (place, *endless, *close_slot, *close, bits(activate))
        }
    };
    VectorCode {
        cost,
        inputs,
        listens: inputs.iter().filter(|&&q| q != NONE8).fold(0, |set, q| set | 1 << q),
        output: if let Operand::Output(queue) = instr.dst { place(&role.outputs, queue) } else { NONE8 },
        step_wavelets: cost.step_elements.div_ceil(cost.per_wavelet) as u16,
        fills,
        drains,
        slot,
        thread,
        endless,
        close_slot,
        close,
        is_move: instr.op.is_move(),
        activates,
        macs_per_element: u64::from(instr.op.is_mac()),
        instr: instr.clone(),
    }
}

impl VectorCode {
    /// Wavelets of a step of so many elements.
    #[inline]
    pub(crate) fn wavelets(&self, elements: u32) -> u16 {
        if elements == self.cost.step_elements {
            self.step_wavelets
        } else {
            elements.div_ceil(self.cost.per_wavelet) as u16
        }
    }

    /// Whether any operand is on the fabric.
    pub(crate) fn on_fabric(&self) -> bool {
        self.cost.step_elements > 0
    }
}
