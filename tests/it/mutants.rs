//! Programs and machines that are a little other than those of the library: the fast engine refuses them or gives what
//! the reference engine gives.

use proptest::prelude::*;
use wafersim::fabric::fast::{LANES, run_alike};
use wafersim::fabric::{compare, run};
use wafersim::ids::{BufferId, MicrothreadId, QueueId, TaskId};
use wafersim::program::{
    Launch, Length, Operand, Program, Role, Step, StreamItems, Trigger, VectorInstr, VectorOp, check,
};
use wafersim::spec::wafer::WaferSpec;
use wafersim::units::EighthCycles;

use crate::support::kernels::{Masked, PACE, Product, small};

/// Longest run; a mutant that hangs is one.
const LIMIT: u64 = 1 << 16;

/// Numbers one after the other, the same for the same seed.
struct Numbers(u64);

impl Numbers {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    /// One of `all`.
    fn pick<'a, T>(&mut self, all: &'a mut [T]) -> Option<&'a mut T> {
        let at = self.below(all.len());
        all.get_mut(at)
    }
}

/// A product that the fast engine knows.
fn product(numbers: &mut Numbers) -> Product {
    let width = 2 + numbers.below(4);
    let inner: Vec<u32> = (0..width).map(|_| 1 + numbers.below(6) as u32).collect();
    let owned: Vec<u32> = (0..width).map(|_| numbers.below(9) as u32 + u32::from(width < 4) * 4).collect();
    let rows: u32 = owned.iter().sum();
    let density = numbers.below(101);
    let counts = (0..rows).map(|_| {
        let kept = |&n: &u32| (0..n).filter(|_| numbers.below(100) < density).count() as u16;
        inner.iter().map(kept).collect()
    });
    let counts = counts.collect();
    let most = if numbers.below(2) == 0 { 16 } else { 130 };
    let tokens = 1 + numbers.below(most) as u32;
    Product { height: 1, tokens, inner, owned, counts, formats: crate::support::HALF, pace: PACE }
}

/// Change something about the machine.
fn other_machine(machine: &mut WaferSpec, numbers: &mut Numbers) {
    let small = |numbers: &mut Numbers| numbers.below(9) as u32;
    let depth = 1 << numbers.below(5);
    let overhead = &mut machine.pe.overhead;
    match numbers.below(14) {
        0 => machine.fabric.hop_latency_cycles = 1 + small(numbers),
        1 => machine.fabric.ramp_latency_cycles = 1 + small(numbers),
        2 => machine.fabric.link_interval = EighthCycles(4 + 3 * small(numbers)),
        3 => machine.fabric.router_buffer_wavelets = 1 + small(numbers),
        4 => machine.pe.fabric_wavelets_per_cycle = 1 + small(numbers) % 4,
        5 => machine.pe.input_queue_wavelets = vec![depth; 8],
        6 => machine.pe.output_queue_wavelets = vec![depth; 8],
        7 => overhead.weight_trigger_cycles = small(numbers),
        8 => overhead.control_task_cycles = small(numbers),
        9 => overhead.local_task_cycles = small(numbers),
        10 => overhead.microthread_launch_cycles = small(numbers) % 4,
        11 => overhead.microthread_start_cycles = small(numbers),
        12 => overhead.completion_cycles = small(numbers),
        _ => machine.pe.sram_read_bytes_per_cycle = 1.0 + 4.0 * f64::from(small(numbers)),
    }
}

/// Change something about a program.
fn other_program(program: &mut Program, numbers: &mut Numbers) {
    let pes = program.pe_count();
    match numbers.below(12) {
        0 => program.role_of.swap(numbers.below(pes), numbers.below(pes)),
        1 => program.route_of.swap(numbers.below(pes), numbers.below(pes)),
        2 => {
            if let Some(param) = numbers.pick(&mut program.params) {
                *param =
                    if numbers.below(2) == 0 { param.saturating_add(1) } else { param.saturating_sub(1) };
            }
        }
        3 => {
            if let Some(table) = numbers.pick(&mut program.routes) {
                let (one, other) = (numbers.below(table.len()), numbers.below(table.len()));
                table.swap(one, other);
            }
        }
        4 => {
            if let Some(stream) = numbers.pick(&mut program.streams) {
                match (&mut stream.items, numbers.below(3)) {
                    (StreamItems::Rows { end, .. } | StreamItems::Kept { end, .. }, 0) => *end = 1,
                    (StreamItems::Rows { column, .. } | StreamItems::Kept { column, .. }, 1) => {
                        *column = column.saturating_sub(1);
                    }
                    _ => stream.color.0 = numbers.below(6) as u8,
                }
            }
        }
        _ => {
            let Some(role) = numbers.pick(&mut program.roles) else { return };
            other_role(role, numbers);
        }
    }
}

/// Change something about a role.
fn other_role(role: &mut Role, numbers: &mut Numbers) {
    let buffers = role.buffers.len();
    match numbers.below(9) {
        0 => {
            let (one, other) = (numbers.below(role.tasks.len()), numbers.below(role.tasks.len()));
            role.tasks.swap(one, other);
        }
        1 => {
            if let Some(queue) = numbers.pick(&mut role.inputs) {
                queue.queue = QueueId(numbers.below(8) as u8);
            }
        }
        2 => {
            if let Some(buffer) = numbers.pick(&mut role.buffers) {
                match numbers.below(3) {
                    0 => buffer.loaded = !buffer.loaded,
                    1 => buffer.slots = 1 + numbers.below(12) as u16,
                    _ => buffer.elements = 1 + numbers.below(20) as u32,
                }
            }
        }
        _ => {
            let Some(task) = numbers.pick(&mut role.tasks) else { return };
            let ring = (numbers.below(2) == 0).then(|| BufferId(numbers.below(buffers) as u8));
            match numbers.below(10) {
                0 => task.blocked = true,
                1 => task.needs = ring,
                2 => task.room = ring,
                3 => {
                    task.trigger = if let Trigger::Weight(queue) = task.trigger {
                        Trigger::Data(queue)
                    } else {
                        Trigger::Local
                    }
                }
                4 => task.body.push(Step::Scalar(1)),
                5 => drop(task.body.pop()),
                _ => {
                    if let Some(step) = numbers.pick(&mut task.body) {
                        other_step(step, numbers);
                    }
                }
            }
        }
    }
}

/// Change something about a step.
fn other_step(step: &mut Step, numbers: &mut Numbers) {
    match step {
        Step::Vector(instr) => other_instruction(instr, numbers),
        Step::If { body, param, .. } => match numbers.below(3) {
            0 => *param = numbers.below(6) as u8,
            1 => drop(body.pop()),
            _ => body.push(Step::Scalar(2)),
        },
        Step::Activate(task) => *task = TaskId(numbers.below(5) as u8),
        Step::Push(buffer) | Step::Pop(buffer) => *buffer = BufferId(numbers.below(4) as u8),
        Step::Count(counter) => *counter = (*counter + 1) % 4,
        _ => {}
    }
}

/// Change something about an instruction.
fn other_instruction(instr: &mut VectorInstr, numbers: &mut Numbers) {
    let ops = [VectorOp::Move, VectorOp::Add, VectorOp::Mul, VectorOp::Fma, VectorOp::Exp];
    match numbers.below(6) {
        0 => instr.op = ops[numbers.below(ops.len())],
        1 => {
            instr.length = match instr.length {
                Length::Fixed(length) => {
                    Length::Fixed(length.saturating_sub(1) + 2 * numbers.below(2) as u32)
                }
                Length::PerParam { param, times } => Length::PerParam { param, times: times + 1 },
            }
        }
        2 => instr.dst = Operand::Ring(BufferId(numbers.below(4) as u8)),
        3 => instr.b = Operand::Constant(1.0),
        _ => {
            if let Launch::Micro { thread, endless, close_slot, close, activate } = &mut instr.launch {
                match numbers.below(5) {
                    0 => *thread = MicrothreadId(numbers.below(6) as u8),
                    1 => *endless = !*endless,
                    2 => *close_slot = Some(0),
                    3 => *close = if close.is_some() { None } else { Some(1) },
                    _ => *activate = vec![TaskId(numbers.below(5) as u8)],
                }
            } else {
                instr.launch = Launch::Repeated;
            }
        }
    }
}

/// A mutant on both engines; whether the fast one knew it.
fn agree(seed: u64, form: Masked) -> Result<Option<bool>, TestCaseError> {
    let mut numbers = Numbers(seed);
    let mut machine = small("cs3");
    let mut program = product(&mut numbers).program(form);
    for _ in 0..=numbers.below(2) {
        if numbers.below(3) == 0 {
            other_machine(&mut machine, &mut numbers);
        } else {
            other_program(&mut program, &mut numbers);
        }
    }
    if check(&program, &machine).is_err() {
        return Ok(None);
    }
    // Alone, and so many side by side that numbers are short.
    let fast = [1, LANES].map(|lanes| run_alike(&vec![&program; lanes], &machine));
    let (alone, many) = match fast {
        [Some(alone), Some(many)] => (alone, many),
        [None, None] => return Ok(Some(false)),
        _ => return Err(TestCaseError::fail("how many there are decides whether it is known")),
    };
    let reference = run(&program, &machine, LIMIT).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
    for fast in [&alone[0], &many[LANES - 1]] {
        compare(&reference, fast).map_err(|difference| TestCaseError::fail(difference.to_string()))?;
    }
    Ok(Some(true))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_mutant_is_refused_or_takes_the_same_cycles(seed in any::<u64>(), gradient in any::<bool>()) {
        agree(seed, if gradient { Masked::Gradient } else { Masked::Reduce })?;
    }
}

/// Some mutants are refused and some are known: the test above tries both.
#[test]
fn some_mutants_are_known_and_some_refused() {
    for form in [Masked::Reduce, Masked::Gradient] {
        let all: Vec<bool> = (0..300).filter_map(|seed| agree(seed * 7919, form).unwrap()).collect();
        let known = all.iter().filter(|known| **known).count();
        assert!(known > 20 && known + 20 < all.len(), "{form:?}: {known} of {}", all.len());
    }
}
