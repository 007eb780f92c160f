//! Every latency of the machine counts where it should, once for each time that it is paid, and not a cycle
//! more: a transfer has a closed form, and one cycle more of any constant is seen to the cycle.

use wafersim::dtype::Dtype;
use wafersim::fabric::run;
use wafersim::ids::TaskId;
use wafersim::lower::kernel::build::{Builder, Micro, RoleBuilder, main, route};
use wafersim::program::{Fold, Length, Operand, Port, Program, Step, Trigger, VectorOp};
use wafersim::spec::wafer::WaferSpec;

use crate::support::kernels::{cycles, small, wafer};

/// `words` go from the first PE of a row to one `hops` away, where a task of one instruction follows.
fn transfer(hops: u16, words: u32) -> Program {
    let mut builder = Builder::new("transfer", hops + 1, 1, 0);
    for x in 0..=hops {
        let mut role = RoleBuilder::new(format!("{x}"));
        let buffer = Operand::whole(role.buffer("words", words, Dtype::Fp32));
        let length = Length::Fixed(words);
        let (from, to): (Port, &[Port]) = if x == 0 {
            let output = Operand::Output(role.output(2, 0));
            let send = Micro::on(0).run(VectorOp::Move, Dtype::Fp32, output, buffer, Operand::None, length);
            role.task("start", Trigger::Start, None, vec![send]);
            (Port::Ramp, &[Port::East])
        } else if x == hops {
            let input = Operand::Input(role.input(0, 0));
            let micro = Micro { activate: Some(TaskId(1)), ..Micro::on(0) };
            let receive = micro.run(VectorOp::Move, Dtype::Fp32, buffer, input, Operand::None, length);
            role.task("start", Trigger::Start, None, vec![receive]);
            role.task("then", Trigger::Local, None, vec![Step::Scalar(1)]);
            (Port::West, &[Port::Ramp])
        } else {
            (Port::West, &[Port::East])
        };
        builder.place(x, 0, role.finish(), vec![route(0, from, to)], &[]);
    }
    builder.finish(Fold::None)
}

/// One vector instruction of the main thread.
fn instruction(op: VectorOp, a: bool, dtype: Dtype) -> Program {
    let mut builder = Builder::new("instruction", 1, 1, 0);
    let mut role = RoleBuilder::new("one".to_owned());
    let [x, y] = ["x", "y"].map(|name| Operand::whole(role.buffer(name, 64, dtype)));
    let (first, second) =
        if a { (x, Operand::Constant(1.0)) } else { (Operand::Constant(1.0), Operand::None) };
    let second = if op == VectorOp::Move { Operand::None } else { second };
    role.task("start", Trigger::Start, None, vec![main(op, dtype, y, first, second, 64)]);
    builder.place(0, 0, role.finish(), Vec::new(), &[]);
    builder.finish(Fold::None)
}

/// A CS-3 as the vendor's simulator has it (a wavelet a cycle), with one value changed.
fn changed(key: &str, value: u32) -> WaferSpec {
    let set = format!("{key}={value}");
    wafer("cs3-simfabric", &["fabric.width_pes=64", "fabric.height_pes=8", "io.prefetch_mib=1", &set])
}

/// The sum that a reader of the machine model would write down.
fn expected(machine: &WaferSpec, hops: u64, words: u64) -> u64 {
    let (fabric, overhead) = (&machine.fabric, &machine.pe.overhead);
    let start = overhead.microthread_launch_cycles + overhead.microthread_start_cycles;
    let path = 2 * u64::from(fabric.ramp_latency_cycles) + hops * u64::from(fabric.hop_latency_cycles);
    let end = overhead.completion_cycles + overhead.local_task_cycles + overhead.scalar_cycles;
    // A step gives what it has computed at its end, and takes what it computes with at its beginning.
    u64::from(start) + 1 + path + (words - 1) + 1 + u64::from(end)
}

#[test]
fn a_transfer_takes_its_latencies_and_nothing_else() {
    let machine =
        wafer("cs3-simfabric", &["fabric.width_pes=64", "fabric.height_pes=8", "io.prefetch_mib=1"]);
    for (hops, words) in [(1, 1), (1, 9), (5, 1), (5, 33), (40, 100)] {
        let found = cycles(&transfer(hops, words), &machine);
        let words = u64::from(words);
        // Two wavelets a step: the last step of an even number takes both of them at once.
        let early = expected(&machine, u64::from(hops), words) - found;
        assert!(early <= 1, "{hops} hops, {words} words: {found}, {early} early");
    }
}

#[test]
fn a_cycle_more_of_a_constant_is_seen_as_often_as_it_is_paid() {
    let (hops, words) = (7, 12);
    let program = transfer(hops, words);
    let base = cycles(&program, &small_simfabric());
    let overhead = small_simfabric().pe.overhead;
    let fabric = small_simfabric().fabric;
    for (key, value, times) in [
        ("fabric.hop_latency_cycles", fabric.hop_latency_cycles, u64::from(hops)),
        ("fabric.ramp_latency_cycles", fabric.ramp_latency_cycles, 2),
        ("pe.overhead.microthread_launch_cycles", overhead.microthread_launch_cycles, 1),
        ("pe.overhead.microthread_start_cycles", overhead.microthread_start_cycles, 1),
        ("pe.overhead.completion_cycles", overhead.completion_cycles, 1),
        ("pe.overhead.local_task_cycles", overhead.local_task_cycles, 1),
        ("pe.overhead.scalar_cycles", overhead.scalar_cycles, 1),
        ("pe.overhead.fma_setup_cycles", overhead.fma_setup_cycles, 0),
    ] {
        let more = cycles(&program, &changed(key, value + 1));
        assert_eq!(more - base, times, "{key}");
    }
}

fn small_simfabric() -> WaferSpec {
    changed("fabric.colors", 24)
}

#[test]
fn each_kind_of_instruction_has_its_own_setup() {
    let machine = small("cs3");
    let overhead = &machine.pe.overhead;
    for (op, a, dtype, key, setup) in [
        (VectorOp::Move, true, Dtype::Fp16, "move_setup_cycles", overhead.move_setup_cycles),
        (VectorOp::Move, false, Dtype::Fp16, "fill_setup_cycles", overhead.fill_setup_cycles),
        (VectorOp::Add, true, Dtype::Fp16, "add_setup_cycles", overhead.add_setup_cycles),
        (VectorOp::Fma, true, Dtype::Fp16, "fma_setup_cycles", overhead.fma_setup_cycles),
        (VectorOp::Fma, true, Dtype::Fp32, "fma_32_setup_cycles", overhead.fma_32_setup_cycles),
    ] {
        let program = instruction(op, a, dtype);
        let set = format!("pe.overhead.{key}={}", setup + 1);
        let more = wafer("cs3", &["fabric.width_pes=8", "fabric.height_pes=8", "io.prefetch_mib=1", &set]);
        assert_eq!(cycles(&program, &more), cycles(&program, &machine) + 1, "{key}");
    }
}

/// A run ends within its limit or says that it did not, and the limit is exact.
#[test]
fn a_limit_is_kept_to_the_cycle() {
    let machine = small("cs3");
    let program = instruction(VectorOp::Add, true, Dtype::Fp16);
    let enough = cycles(&program, &machine);
    assert!(run(&program, &machine, enough).is_ok());
    let fault = run(&program, &machine, enough - 1).expect_err("a cycle too few");
    assert!(fault.to_string().ends_with(&format!("no end within {} cycles", enough - 1)), "{fault}");
}
