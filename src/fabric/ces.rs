//! All compute elements of a program, and where their parts lie.

use crate::fabric::code::{NONE8, RoleCode};
use crate::fabric::counters::Activity;
use crate::fabric::footprint::of_vec;
use crate::fabric::mesh::{Mesh, NONE};
use crate::fabric::pe::{Ce, InputQueue, Main, Micro, OutputQueue};
use crate::fabric::values::Ring;
use crate::ids::QueueId;
use crate::program::{MAX_COUNTERS, Port, Program, Trigger};
use crate::spec::wafer::WaferSpec;

/// Where the parts of a compute element start in [`Parts`].
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
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
