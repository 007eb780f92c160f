//! Illegal programs are refused before they run or in the cycle in which they go wrong, and told in these words.

use wafersim::dtype::Dtype;
use wafersim::fabric::run;
use wafersim::ids::TaskId;
use wafersim::lower::kernel::build::{Builder, Micro, RoleBuilder, main, route, switched};
use wafersim::program::{
    ColorRoute, Fold, Length, Operand, Place, Port, Program, Role, Step, Times, Trigger, VectorOp, check,
};

use crate::support::kernels::small;

/// PEs in a row, each with a role and routes.
fn row(pes: Vec<(RoleBuilder, Vec<ColorRoute>)>) -> Program {
    let mut builder = Builder::new("odd", pes.len() as u16, 1, 0);
    for (x, (role, routes)) in pes.into_iter().enumerate() {
        builder.place(x as u16, 0, role.finish(), routes, &[]);
    }
    builder.finish(Fold::None)
}

fn idle(name: &str) -> RoleBuilder {
    RoleBuilder::new(name.to_owned())
}

/// What the check says, a line for each fault.
fn refused(program: &Program) -> Vec<String> {
    check(program, &small("cs3")).unwrap_err().iter().map(ToString::to_string).collect()
}

/// What the run says.
fn fails(program: &Program, limit: u64) -> String {
    let machine = small("cs3");
    check(program, &machine).unwrap_or_else(|faults| panic!("{}", faults.first));
    run(program, &machine, limit).unwrap_err().to_string()
}

/// A role that sends `words` on color 0, and one that receives them if it is asked to.
fn sender(name: &str, words: u32) -> RoleBuilder {
    let mut role = idle(name);
    let from = Operand::whole(role.buffer("words", words, Dtype::Fp32));
    let to = Operand::Output(role.output(2, 0));
    let send = Micro::on(0).run(VectorOp::Move, Dtype::Fp32, to, from, Operand::None, Length::Fixed(words));
    role.task("send", Trigger::Start, None, vec![send]);
    role
}

#[test]
fn routes_that_lead_nowhere_back_or_round() {
    let nowhere = row(vec![(idle("a"), vec![route(3, Port::Ramp, &[Port::East])]), (idle("b"), vec![])]);
    assert_eq!(
        refused(&nowhere),
        ["program `odd`, PE (0,0): color 3 is sent East to PE (1,0), which has no route for it"]
    );
    let back = row(vec![(idle("a"), vec![route(1, Port::West, &[Port::West])])]);
    assert_eq!(
        refused(&back),
        ["program `odd`, PE (0,0): color 1 is sent back to West, from where it comes"]
    );
    let unheard = row(vec![(idle("a"), vec![route(1, Port::West, &[Port::Ramp])])]);
    assert_eq!(
        refused(&unheard),
        ["program `odd`, PE (0,0): color 1 goes to the ramp, but no input queue of role `a` takes it"]
    );
    let around = {
        let mut builder = Builder::new("odd", 2, 2, 0);
        let corners = [
            (0, 0, Port::South, Port::East),
            (1, 0, Port::West, Port::South),
            (1, 1, Port::North, Port::West),
            (0, 1, Port::East, Port::North),
        ];
        for (x, y, from, to) in corners {
            builder.place(x, y, idle("a").finish(), vec![route(5, from, &[to])], &[]);
        }
        builder.finish(Fold::None)
    };
    let circle = "color 5 goes in a circle of 4 PEs: PE (1,0) -> PE (1,1) -> PE (0,1) -> PE (0,0)";
    assert_eq!(refused(&around), [format!("program `odd`, PE (1,0): {circle}")]);
    // The same ways, but one of them left open.
    let mut open = around;
    open.routes[1][0].positions[0].from = Port::East;
    assert!(refused(&open).iter().all(|fault| !fault.contains("circle")), "{:?}", refused(&open));
}

#[test]
fn what_the_machine_does_not_have() {
    let mut role = idle("a");
    role.input(8, 0);
    role.output(9, 0);
    role.buffer("big", 20_000, Dtype::Fp16);
    let cached = role.buffer("near", 300, Dtype::Fp16);
    role.put(cached, Place::Cache);
    let again = Step::Repeat { counter: 6, times: Times::Fixed(1), body: vec![] };
    let whole = Operand::whole(cached);
    let instr = Micro::on(8).run(VectorOp::Move, Dtype::Fp16, whole, whole, Operand::None, Length::Fixed(1));
    role.task("t", Trigger::Start, None, vec![again, instr]);
    let program = row(vec![(role, vec![route(24, Port::Ramp, &[Port::East])])]);
    let expected = [
        "role `a` needs 40000 B of SRAM and 36864 B are free (3136 B over); the largest buffer is `big` with 40000 B",
        "role `a` keeps 600 B in the software-managed cache, which has 512 B",
        "role `a` uses input queue 8; the machine has 0 to 7",
        "role `a` uses output queue 9; the machine has 0 to 7",
        "task `t` of role `a` uses counter 6; the role has 6",
        "task `t` of role `a` launches microthread 8; the machine has 0 to 7",
        "color 24 is routed; the machine has 0 to 23",
    ];
    let expected = expected.map(|message| format!("program `odd`, PE (0,0): {message}"));
    assert_eq!(refused(&program), expected);
}

#[test]
fn two_directions_of_one_color_in_one_cycle() {
    let mut middle = idle("middle");
    middle.input(0, 0);
    let turns: &[(Port, &[Port])] = &[(Port::West, &[Port::Ramp]), (Port::East, &[Port::Ramp])];
    let program = row(vec![
        (sender("left", 1), vec![route(0, Port::Ramp, &[Port::East])]),
        (middle, vec![switched(0, turns)]),
        (sender("right", 1), vec![route(0, Port::Ramp, &[Port::West])]),
    ]);
    assert_eq!(
        fails(&program, 1000),
        "program `odd`, cycle 7, PE (1,0): color 0 arrived from West and from East in one cycle"
    );
}

#[test]
fn a_deadlock_names_who_waits_for_what() {
    // The receiver takes 2 of 12 words: the rest fills its queue, the router and the sender's queue.
    let mut receiver = idle("receiver");
    let to = Operand::whole(receiver.buffer("words", 2, Dtype::Fp32));
    let from = Operand::Input(receiver.input(2, 0));
    let take = Micro::on(2).run(VectorOp::Move, Dtype::Fp32, to, from, Operand::None, Length::Fixed(2));
    receiver.task("take", Trigger::Start, None, vec![take]);
    let program = row(vec![
        (sender("sender", 30), vec![route(0, Port::Ramp, &[Port::East])]),
        (receiver, vec![route(0, Port::West, &[Port::Ramp])]),
    ]);
    let told = fails(&program, 1000);
    let (first, rest) = told.split_once(": ").unwrap();
    assert!(first.starts_with("program `odd`, cycle "), "{told}");
    assert_eq!(
        rest.lines().collect::<Vec<_>>(),
        [
            "deadlock",
            "  PE (0,0): microthread 0 has done 18 of 30 elements to color 0",
            "  PE (1,0): 4 wavelets of color 0 that no task takes",
            "  PE (0,0): 8 wavelets of color 0 from Ramp that the router cannot forward",
            "  PE (1,0): 4 wavelets of color 0 from West that the router cannot forward",
        ]
    );
}

fn alone(role: RoleBuilder) -> Program {
    row(vec![(role, vec![])])
}

#[test]
fn broken_rings_and_busy_threads() {
    let mut role = idle("a");
    let ring = role.ring("parts", 1, 2, Dtype::Fp16);
    role.task(
        "fill",
        Trigger::Start,
        None,
        vec![Step::Scalar(4), Step::Push(ring), Step::Push(ring), Step::Push(ring)],
    );
    assert_eq!(
        fails(&alone(role), 1000),
        "program `odd`, cycle 4, PE (0,0): ring `parts` was pushed while full"
    );

    let mut role = idle("a");
    let ring = role.ring("parts", 1, 2, Dtype::Fp16);
    role.task("empty", Trigger::Start, None, vec![Step::Pop(ring)]);
    assert_eq!(
        fails(&alone(role), 1000),
        "program `odd`, cycle 0, PE (0,0): ring `parts` was popped while empty"
    );

    let mut role = idle("a");
    let words = Operand::whole(role.buffer("words", 64, Dtype::Fp16));
    let copy =
        || Micro::on(1).run(VectorOp::Move, Dtype::Fp16, words, words, Operand::None, Length::Fixed(64));
    role.task("twice", Trigger::Start, None, vec![copy(), copy()]);
    assert_eq!(
        fails(&alone(role), 1000),
        "program `odd`, cycle 1, PE (0,0): microthread 1 was launched while running"
    );
}

#[test]
fn a_run_without_end_stops_at_its_limit() {
    let mut role = idle("a");
    role.task("again", Trigger::Start, None, vec![Step::Activate(TaskId(1))]);
    role.task("and again", Trigger::Local, None, vec![Step::Scalar(10), Step::Activate(TaskId(1))]);
    assert_eq!(fails(&alone(role), 500), "program `odd`, cycle 500: no end within 500 cycles");
}

/// Loops: nothing for zero times, the body and the way back for each of the others.
#[test]
fn loops_cost_their_bodies_and_their_ways_back() {
    let machine = small("cs3");
    let back = u64::from(machine.pe.overhead.loop_cycles);
    let cycles = |times, params: &[u32]| {
        let mut role = idle("a");
        let inner = Step::Repeat { counter: 1, times, body: vec![Step::Scalar(3)] };
        let outer = Step::Repeat { counter: 0, times: Times::Fixed(params.len() as u32), body: vec![inner] };
        role.task("loops", Trigger::Start, None, vec![outer]);
        let mut builder = Builder::new("loops", 1, 1, params.len());
        builder.place(0, 0, role.finish(), Vec::new(), params);
        run(&builder.finish(Fold::None), &machine, 1000).unwrap().counters.cycles.0
    };
    assert_eq!(cycles(Times::Fixed(0), &[7, 7]), 2 * back);
    assert_eq!(cycles(Times::Fixed(4), &[0]), 4 * (3 + back) + back);
    assert_eq!(cycles(Times::Param { counter: 0 }, &[2, 0, 5]), 7 * (3 + back) + 3 * back);
}

/// What lies in the cache takes no SRAM port: a multiply-add from it is as fast as the datapath.
#[test]
fn operands_in_the_cache_leave_the_ports_alone() {
    let machine = small("cs3");
    let cycles = |places: [Place; 2]| {
        let mut role: RoleBuilder = idle("a");
        let [x, y] = ["x", "y"].map(|name| role.buffer(name, 64, Dtype::Fp16));
        role.put(x, places[0]);
        role.put(y, places[1]);
        let (x, y) = (Operand::whole(x), Operand::whole(y));
        let instr = main(VectorOp::Fma, Dtype::Fp16, y, x, Operand::Constant(2.0), 64);
        role.task("multiply", Trigger::Start, None, vec![instr]);
        let role: Role = role.finish();
        let mut builder = Builder::new("one", 1, 1, 0);
        builder.place(0, 0, role, Vec::new(), &[]);
        run(&builder.finish(Fold::None), &machine, 1000).unwrap().counters.cycles.0
    };
    let setup = u64::from(machine.pe.overhead.fma_setup_cycles);
    let ports = |read: f64, write: f64| {
        let pe = &machine.pe;
        setup
            + (64.0 * (read / pe.sram_read_bytes_per_cycle + write / pe.sram_write_bytes_per_cycle)).ceil()
                as u64
    };
    assert_eq!(cycles([Place::Apart, Place::Apart]), ports(4.0, 2.0));
    assert_eq!(cycles([Place::Apart, Place::Cache]), ports(2.0, 0.0));
    assert_eq!(cycles([Place::Cache, Place::Cache]), setup + 64 / machine.pe.simd.fma_16 as u64);
}
