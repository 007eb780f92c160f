//! How kernels put a program together: roles buffer by buffer, PEs one by one, equal routes once.

use std::collections::BTreeMap;

use crate::dtype::Dtype;
use crate::ids::{BufferId, ColorId, MicrothreadId, QueueId, RoleId, TaskId};
use crate::program::{
    Buffer, ColorRoute, Compare, EdgeStream, Fold, Launch, Length, Operand, Place, Port, PortSet, Program,
    QueueBinding, Role, RoutePosition, Step, Task, Trigger, VectorInstr, VectorOp,
};

/// A program in the making.
#[derive(Debug)]
pub struct Builder {
    program: Program,
    roles: BTreeMap<String, Vec<RoleId>>,
}

impl Builder {
    /// An empty program on `width` x `height` PEs, each with `params` parameters.
    pub fn new(name: &str, width: u16, height: u16, params: usize) -> Self {
        let count = usize::from(width) * usize::from(height);
        Self {
            program: Program {
                name: name.to_owned(),
                width,
                height,
                role_of: vec![RoleId(0); count],
                route_of: vec![0; count],
                params: vec![0; count * params],
                params_per_pe: params,
                ..Program::default()
            },
            roles: BTreeMap::new(),
        }
    }

    /// Give the PE at column `x` and row `y` a role, routes and parameters; equal ones are stored once.
    pub fn place(&mut self, x: u16, y: u16, role: Role, routes: Vec<ColorRoute>, params: &[u32]) {
        let pe = usize::from(y) * usize::from(self.program.width) + usize::from(x);
        let known = self.roles.entry(role.name.clone()).or_default();
        let id =
            known.iter().copied().find(|id| self.program.roles[id.index()] == role).unwrap_or_else(|| {
                let id = RoleId(self.program.roles.len() as u16);
                self.program.roles.push(role);
                known.push(id);
                id
            });
        self.program.role_of[pe] = id;
        let table = self.program.routes.iter().position(|t| *t == routes).unwrap_or_else(|| {
            self.program.routes.push(routes);
            self.program.routes.len() - 1
        });
        self.program.route_of[pe] = table as u16;
        let size = self.program.params_per_pe;
        self.program.params[pe * size..(pe + 1) * size].copy_from_slice(params);
    }

    /// Add an edge stream.
    pub fn stream(&mut self, stream: EdgeStream) {
        self.program.streams.push(stream);
    }

    /// The program.
    pub fn finish(mut self, fold: Fold) -> Program {
        self.program.fold = fold;
        self.program
    }
}

/// A role in the making.
#[derive(Debug)]
pub struct RoleBuilder(Role);

impl RoleBuilder {
    /// A role without anything.
    pub fn new(name: String) -> Self {
        Self(Role { name, counters: 6, ..Role::default() })
    }

    /// A buffer of `elements` values.
    pub fn buffer(&mut self, name: &str, elements: u32, dtype: Dtype) -> BufferId {
        self.ring(name, elements, 1, dtype)
    }

    /// A ring of `slots` empty slots.
    pub fn ring(&mut self, name: &str, elements: u32, slots: u16, dtype: Dtype) -> BufferId {
        self.0.buffers.push(Buffer {
            name: name.to_owned(),
            elements,
            slots,
            loaded: false,
            dtype,
            place: Place::Apart,
        });
        BufferId(self.0.buffers.len() as u8 - 1)
    }

    /// A ring whose slots are filled before the start.
    pub fn loaded(&mut self, name: &str, elements: u32, slots: u16, dtype: Dtype) -> BufferId {
        let id = self.ring(name, elements, slots, dtype);
        self.0.buffers[id.index()].loaded = true;
        id
    }

    /// Say where a buffer lies.
    pub fn put(&mut self, buffer: BufferId, place: Place) {
        self.0.buffers[buffer.index()].place = place;
    }

    /// Bind an input queue.
    pub fn input(&mut self, queue: u8, color: u8) -> QueueId {
        self.0.inputs.push(QueueBinding { queue: QueueId(queue), color: ColorId(color) });
        QueueId(queue)
    }

    /// Bind an output queue.
    pub fn output(&mut self, queue: u8, color: u8) -> QueueId {
        self.0.outputs.push(QueueBinding { queue: QueueId(queue), color: ColorId(color) });
        QueueId(queue)
    }

    /// The id that the next task will have.
    pub fn next_task(&self) -> TaskId {
        TaskId(self.0.tasks.len() as u8)
    }

    /// Let the task that was added last wait for room in a ring.
    pub fn with_room(&mut self, ring: BufferId) {
        if let Some(task) = self.0.tasks.last_mut() {
            task.room = Some(ring);
        }
    }

    /// Add a task.
    pub fn task(&mut self, name: &str, trigger: Trigger, needs: Option<BufferId>, body: Vec<Step>) -> TaskId {
        let id = self.next_task();
        self.0.tasks.push(Task { name: name.to_owned(), trigger, needs, room: None, blocked: false, body });
        id
    }

    /// The role.
    pub fn finish(self) -> Role {
        self.0
    }
}

/// A route with one position.
pub fn route(color: u8, from: Port, to: &[Port]) -> ColorRoute {
    switched(color, &[(from, to)])
}

/// A route with switch positions.
pub fn switched(color: u8, positions: &[(Port, &[Port])]) -> ColorRoute {
    ColorRoute {
        color: ColorId(color),
        positions: positions.iter().map(|&(from, to)| RoutePosition { from, to: PortSet::of(to) }).collect(),
    }
}

/// A vector instruction on the main thread.
pub fn main(op: VectorOp, dtype: Dtype, dst: Operand, a: Operand, b: Operand, length: u32) -> Step {
    Step::Vector(VectorInstr { op, dtype, dst, a, b, length: Length::Fixed(length), launch: Launch::Main })
}

/// The same again, with its descriptors in registers.
pub fn repeated(op: VectorOp, dtype: Dtype, dst: Operand, a: Operand, b: Operand, length: u32) -> Step {
    Step::Vector(VectorInstr {
        op,
        dtype,
        dst,
        a,
        b,
        length: Length::Fixed(length),
        launch: Launch::Repeated,
    })
}

/// A vector instruction on a microthread.
#[derive(Clone, Debug)]
pub struct Micro {
    /// Microthread.
    pub thread: u8,
    /// Starts again at its end.
    pub endless: bool,
    /// Control wavelet after each slot of the ring that it reads.
    pub close_slot: Option<u8>,
    /// Control wavelet after its last element.
    pub close: Option<u8>,
    /// Task activated at its end.
    pub activate: Option<TaskId>,
}

impl Micro {
    /// On a thread, with nothing at its end.
    pub fn on(thread: u8) -> Self {
        Self { thread, endless: false, close_slot: None, close: None, activate: None }
    }

    /// The instruction as a step.
    pub fn run(
        self,
        op: VectorOp,
        dtype: Dtype,
        dst: Operand,
        a: Operand,
        b: Operand,
        length: Length,
    ) -> Step {
        Step::Vector(VectorInstr {
            op,
            dtype,
            dst,
            a,
            b,
            length,
            launch: Launch::Micro {
                thread: MicrothreadId(self.thread),
                endless: self.endless,
                close_slot: self.close_slot,
                close: self.close,
                activate: self.activate.into_iter().collect(),
            },
        })
    }
}

/// `body` where the counter is the parameter.
pub fn equal(counter: u8, param: u8, body: Vec<Step>) -> Step {
    Step::If { counter, compare: Compare::Equal, param, body }
}
