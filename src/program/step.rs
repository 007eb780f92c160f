//! What a task does: vector instructions, and the little scalar code between them.

use crate::dtype::Dtype;
use crate::ids::{BufferId, ColorId, MicrothreadId, QueueId, TaskId};

/// One step of a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A vector instruction.
    Vector(VectorInstr),
    /// Let a local task run.
    Activate(TaskId),
    /// Keep a task from starting.
    Block(TaskId),
    /// Let a task start again.
    Unblock(TaskId),
    /// Mark the current write slot of a ring as filled and go to the next.
    Push(BufferId),
    /// Give back the oldest filled slot of a ring.
    Pop(BufferId),
    /// Once the color's output queue has drained, put its route into the next position.
    AdvanceSwitch(ColorId),
    /// Add one to a counter.
    Count(u8),
    /// Do `body` if the counter compares so with the PE's parameter.
    If {
        /// Counter of the role.
        counter: u8,
        /// Comparison.
        compare: Compare,
        /// Index into the PE's parameters.
        param: u8,
        /// Steps to do.
        body: Vec<Step>,
    },
    /// Do `body` so often; the counter says how often it was done.
    Repeat {
        /// Counter of the role: from zero on, one more each time.
        counter: u8,
        /// How often.
        times: Times,
        /// Steps to do.
        body: Vec<Step>,
    },
    /// Load a value, and the index that belongs to it, into the registers that an arriving weight fills:
    /// [`Operand::Weight`] and [`Operand::Indexed`] mean them from then on. A scalar instruction for each.
    Fetch {
        /// Where the values are.
        value: BufferId,
        /// Where the indices are.
        index: Option<BufferId>,
        /// Counter that says which one.
        at: u8,
    },
    /// Load a whole number into a counter: one scalar instruction.
    Load {
        /// Counter of the role.
        counter: u8,
        /// Where the numbers are.
        from: BufferId,
        /// Counter that says which one.
        at: u8,
    },
    /// So many scalar instructions.
    Scalar(u32),
    /// Read the PE's clock until as many cycles have passed since the start of the program as its parameter says.
    Wait {
        /// Index into the PE's parameters.
        param: u8,
    },
}

/// How often a loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// So often.
    Fixed(u32),
    /// As often as the PE's parameter says that a counter points to.
    Param {
        /// Counter of the role.
        counter: u8,
    },
}

/// A comparison of a counter (left) with a parameter (right).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Counter below parameter.
    Below,
    /// Counter equal to parameter.
    Equal,
    /// Counter equal to parameter or above it.
    AtLeast,
}

/// One vector instruction.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorInstr {
    /// Arithmetic.
    pub op: VectorOp,
    /// Format of the operands, which decides elements per cycle and elements per wavelet.
    pub dtype: Dtype,
    /// Where results go.
    pub dst: Operand,
    /// First operand.
    pub a: Operand,
    /// Second operand; [`Operand::None`] for moves and functions of one value.
    pub b: Operand,
    /// How many elements.
    pub length: Length,
    /// On which thread.
    pub launch: Launch,
}

impl VectorInstr {
    /// Elements that one wavelet carries for this instruction.
    pub fn per_wavelet(&self) -> u32 {
        if self.op == VectorOp::MoveIndexed { 1 } else { self.dtype.per_wavelet() as u32 }
    }
}

/// Element-wise arithmetic, but for [`VectorOp::Dot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VectorOp {
    /// `dst = a`
    Move,
    /// `dst = a` onto the fabric, one element a wavelet with its position as index: a stream of weights.
    MoveIndexed,
    /// `dst = a + b`
    Add,
    /// `dst = a - b`
    Sub,
    /// `dst = a * b`
    Mul,
    /// `dst = max(a, b)`
    Max,
    /// `dst += a * b`
    Fma,
    /// One element for each `inner` pairs: `dst[i] = sum_j a[i][j] * b[i][j]`, the sum in accumulation format.
    Dot {
        /// Pairs in one sum.
        inner: u32,
    },
    /// `dst = exp(a)`
    Exp,
    /// `dst = ln(a)`
    Log,
    /// `dst = 1 / a`
    Reciprocal,
    /// `dst = 1 / sqrt(a)`
    ReciprocalRoot,
}

impl VectorOp {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::MoveIndexed => "move with index",
            Self::Add => "add",
            Self::Sub => "subtract",
            Self::Mul => "multiply",
            Self::Max => "maximum",
            Self::Fma => "multiply-add",
            Self::Dot { .. } => "dot product",
            Self::Exp => "exponential",
            Self::Log => "logarithm",
            Self::Reciprocal => "reciprocal",
            Self::ReciprocalRoot => "reciprocal root",
        }
    }

    /// Whether it only moves values.
    pub fn is_move(self) -> bool {
        matches!(self, Self::Move | Self::MoveIndexed)
    }

    /// Multiply-accumulates for one element of the instruction's length.
    pub fn is_mac(self) -> bool {
        matches!(self, Self::Fma | Self::Dot { .. })
    }
}

/// Elements of a vector instruction (for a dot product: pairs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many.
    Fixed(u32),
    /// A parameter of the PE times so many.
    PerParam {
        /// Index into the PE's parameters.
        param: u8,
        /// Elements for each.
        times: u32,
    },
}

impl Length {
    /// Elements on a PE with these parameters.
    pub fn elements(self, params: &[u32]) -> u32 {
        match self {
            Self::Fixed(count) => count,
            Self::PerParam { param, times } => params[usize::from(param)] * times,
        }
    }
}

/// Which thread runs a vector instruction.
#[derive(Clone, Debug, PartialEq)]
pub enum Launch {
    /// The main thread, which waits for its end.
    Main,
    /// The same, as the instruction before it but for where its operands begin: their descriptors are in registers
    /// already.
    Repeated,
    /// A microthread, which at its end activates and unblocks tasks.
    Micro {
        /// Microthread.
        thread: MicrothreadId,
        /// Starts again at its end, for as long as wavelets come.
        endless: bool,
        /// Code of a control wavelet that follows each slot of the ring that it reads.
        close_slot: Option<u8>,
        /// Code of a control wavelet that follows the last element.
        close: Option<u8>,
        /// Tasks to activate at the end.
        activate: Vec<TaskId>,
    },
}

/// Where a vector instruction reads or writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// Not used.
    None,
    /// Element k is at `offset + (k / inner) * outer_stride + (k % inner) * stride` of the buffer; rings are
    /// read in their oldest filled slot and written in the slot that is being filled.
    Memory {
        /// Buffer.
        buffer: BufferId,
        /// First element.
        offset: u32,
        /// Step within a row.
        stride: i32,
        /// Length of a row.
        inner: u32,
        /// Step from row to row.
        outer_stride: i32,
    },
    /// Row `index` of the buffer, rows of the instruction's length, where `index` came with the weight.
    Indexed(BufferId),
    /// Element k is at `counter * step + k * stride` of the buffer: a row or a column of a matrix, by number.
    Stepped {
        /// Buffer.
        buffer: BufferId,
        /// Counter of the role.
        counter: u8,
        /// From number to number.
        step: u32,
        /// From element to element.
        stride: i32,
    },
    /// A ring, slot after slot: as a source each filled slot is given back when it was read, as a destination
    /// each slot counts as filled when it was written. An instruction waits where it finds none.
    Ring(BufferId),
    /// An input queue.
    Input(QueueId),
    /// An output queue.
    Output(QueueId),
    /// The value of the weight that started the task.
    Weight,
    /// A constant.
    Constant(f32),
}

impl Operand {
    /// `elements` consecutive values of a buffer from its start.
    pub fn whole(buffer: BufferId) -> Self {
        Self::Memory { buffer, offset: 0, stride: 1, inner: u32::MAX, outer_stride: 0 }
    }

    /// Consecutive values from `offset`.
    pub fn from(buffer: BufferId, offset: u32) -> Self {
        Self::Memory { buffer, offset, stride: 1, inner: u32::MAX, outer_stride: 0 }
    }

    /// The first `inner` values, over and over: a row vector broadcast over rows, or summed into.
    pub fn repeat(buffer: BufferId, inner: u32) -> Self {
        Self::Memory { buffer, offset: 0, stride: 1, inner, outer_stride: 0 }
    }

    /// Whether it is read from or written to SRAM.
    pub fn in_memory(self) -> bool {
        matches!(self, Self::Memory { .. } | Self::Indexed(_) | Self::Stepped { .. } | Self::Ring(_))
    }
}
