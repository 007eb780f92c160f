//! A program as text that a person can read, and that golden tests compare.

use std::fmt;

use crate::program::{Place, Program, Step};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program {} on {} x {} PEs, fold {:?}", self.name, self.width, self.height, self.fold)?;
        for (id, role) in self.roles.iter().enumerate() {
            let count = self.role_of.iter().filter(|r| r.index() == id).count();
            writeln!(f, "role {} ({count} PEs, {} of SRAM)", role.name, role.sram())?;
            for (n, b) in role.buffers.iter().enumerate() {
                writeln!(
                    f,
                    "  buffer {n} {}: {} x {} {}{}{}",
                    b.name,
                    b.slots,
                    b.elements,
                    b.dtype,
                    if b.loaded { ", loaded" } else { "" },
                    match b.place {
                        Place::Apart => String::new(),
                        Place::Bank(bank) => format!(", from bank {bank}"),
                        Place::Cache => ", in cache".to_owned(),
                    }
                )?;
            }
            for b in &role.inputs {
                writeln!(f, "  input queue {} <- color {}", b.queue, b.color)?;
            }
            for b in &role.outputs {
                writeln!(f, "  output queue {} -> color {}", b.queue, b.color)?;
            }
            for (n, task) in role.tasks.iter().enumerate() {
                let room = task.room.map_or(String::new(), |b| format!(", room in buffer {b}"));
                let blocked = if task.blocked { ", blocked" } else { "" };
                let needs = task.needs.map_or(String::new(), |b| format!(", needs buffer {b}"));
                writeln!(f, "  task {n} {} on {:?}{needs}{room}{blocked}", task.name, task.trigger)?;
                steps(f, &task.body, 2)?;
            }
        }
        for (id, table) in self.routes.iter().enumerate() {
            let count = self.route_of.iter().filter(|&&r| usize::from(r) == id).count();
            writeln!(f, "routes {id} ({count} PEs)")?;
            for route in table {
                let positions: Vec<String> = route
                    .positions
                    .iter()
                    .map(|p| format!("{:?} -> {:?}", p.from, p.to.iter().collect::<Vec<_>>()))
                    .collect();
                writeln!(f, "  color {}: {}", route.color, positions.join(" | "))?;
            }
        }
        for stream in &self.streams {
            writeln!(
                f,
                "stream color {} at {} from {:?}: {} wavelets",
                stream.color,
                stream.at,
                stream.port,
                stream.items.len()
            )?;
        }
        Ok(())
    }
}

fn steps(f: &mut fmt::Formatter<'_>, body: &[Step], depth: usize) -> fmt::Result {
    let pad = "  ".repeat(depth);
    for step in body {
        match step {
            Step::If { counter, compare, param, body } => {
                writeln!(f, "{pad}if counter {counter} {compare:?} param {param}")?;
                steps(f, body, depth + 1)?;
            }
            Step::Repeat { counter, times, body } => {
                writeln!(f, "{pad}repeat {times:?}, counter {counter}")?;
                steps(f, body, depth + 1)?;
            }
            Step::Vector(v) => {
                writeln!(
                    f,
                    "{pad}{:?} {:?} <- {:?}, {:?} x {:?} {} on {:?}",
                    v.op, v.dst, v.a, v.b, v.length, v.dtype, v.launch
                )?;
            }
            other => writeln!(f, "{pad}{other:?}")?,
        }
    }
    Ok(())
}
