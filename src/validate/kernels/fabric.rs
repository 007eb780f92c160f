//! Words that travel: to one PE, over a link that others use too, to many PEs, and on from PE to PE.

use crate::ids::TaskId;
use crate::lower::kernel::build::{RoleBuilder, route};
use crate::lower::kernel::chain::Axis;
use crate::program::{Port, Program, Step, Trigger};
use crate::validate::kernels::{OUT, line, receive, send};

/// One PE sends `words` to a PE `hops` away.
pub fn point_to_point(axis: Axis, hops: u16, words: u32) -> Program {
    let (low, high) = axis.ports();
    let mut pes = Vec::new();
    for at in 0..=hops {
        let mut role = RoleBuilder::new(format!("{}", if at == 0 { 0 } else { u8::from(at == hops) + 1 }));
        let to = if at == 0 {
            let step = send(&mut role, words, (OUT, 0), 0);
            role.task("start", Trigger::Start, None, vec![step]);
            route(0, Port::Ramp, &[high])
        } else if at == hops {
            let (_, step) = receive(&mut role, words, (0, 0), None);
            role.task("start", Trigger::Start, None, vec![step]);
            route(0, low, &[Port::Ramp])
        } else {
            route(0, low, &[high])
        };
        pes.push((role.finish(), vec![to]));
    }
    line("point to point", axis, pes)
}

/// `sources` PEs in a row send `words` each, all over the link into the last PE.
pub fn shared_link(sources: u16, words: u32) -> Program {
    let mut pes = Vec::new();
    for at in 0..=sources {
        let mut role = RoleBuilder::new(format!("{at}"));
        let mut routes = Vec::new();
        let mut steps = Vec::new();
        for color in 0..at.min(sources) as u8 {
            let to = if at == sources { Port::Ramp } else { Port::East };
            routes.push(route(color, Port::West, &[to]));
            if at == sources {
                steps.push(receive(&mut role, words, (color, color), None).1);
            }
        }
        if at < sources {
            steps.push(send(&mut role, words, (OUT, at as u8), 0));
            routes.push(route(at as u8, Port::Ramp, &[Port::East]));
        }
        role.task("start", Trigger::Start, None, steps);
        pes.push((role.finish(), routes));
    }
    line("shared link", Axis::Row, pes)
}

/// The first PE of a row sends `words` to `receivers` PEs; with `tasks`, a task starts the sending and a task
/// ends each receiving, as in a measured program.
pub fn multicast(receivers: u16, words: u32, tasks: bool) -> Program {
    let mut pes = Vec::new();
    for at in 0..=receivers {
        let last = at == receivers;
        let mut role = RoleBuilder::new(format!("{}", if at == 0 { 0 } else { u8::from(last) + 1 }));
        let to = if at == 0 {
            let step = send(&mut role, words, (OUT, 0), 0);
            if tasks {
                role.task("start", Trigger::Start, None, vec![Step::Activate(TaskId(1))]);
                role.task("send", Trigger::Local, None, vec![step]);
            } else {
                role.task("start", Trigger::Start, None, vec![step]);
            }
            route(0, Port::Ramp, &[Port::East])
        } else {
            let (_, step) = receive(&mut role, words, (0, 0), tasks.then_some(TaskId(1)));
            role.task("start", Trigger::Start, None, vec![step]);
            if tasks {
                role.task("end", Trigger::Local, None, Vec::new());
            }
            let ports: &[Port] = if last { &[Port::Ramp] } else { &[Port::Ramp, Port::East] };
            route(0, Port::West, ports)
        };
        pes.push((role.finish(), vec![to]));
    }
    line("multicast", Axis::Row, pes)
}

/// `words` are handed on by `stages` PEs, each of which stores all of them before it sends the first; a task of
/// the last reads the time, which takes `stamp` instructions.
pub fn relay(stages: u16, words: u32, stamp: u32) -> Program {
    let mut pes = Vec::new();
    for at in 0..=stages {
        let (mine, theirs) = ((at % 2) as u8, ((at + 1) % 2) as u8);
        let mut role = RoleBuilder::new(format!("{at}"));
        let mut routes = Vec::new();
        if at < stages {
            routes.push(route(mine, Port::Ramp, &[Port::East]));
        }
        if at == 0 {
            let step = send(&mut role, words, (OUT, mine), 0);
            role.task("start", Trigger::Start, None, vec![step]);
        } else {
            routes.push(route(theirs, Port::West, &[Port::Ramp]));
            let (_, step) = receive(&mut role, words, (0, theirs), Some(TaskId(1)));
            role.task("start", Trigger::Start, None, vec![step]);
            if at < stages {
                let step = send(&mut role, words, (OUT, mine), 1);
                role.task("hand on", Trigger::Local, None, vec![step]);
            } else {
                role.task("read the time", Trigger::Local, None, vec![Step::Scalar(stamp)]);
            }
        }
        pes.push((role.finish(), routes));
    }
    line("relay", Axis::Row, pes)
}
