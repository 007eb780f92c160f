//! What was seen as a trace that Perfetto and Chrome open: a process for each PE, a thread for each of its lines.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fabric::Activity;
use crate::program::{Port, Program};
use crate::trace::recorder::{Line, Recorder};
use crate::trace::track::Span;

/// A complete event (`X`), or the name of a process or thread (`M`).
#[derive(Serialize)]
struct Event<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cat: &'static str,
    ph: &'static str,
    /// A cycle of the machine is told as a microsecond, the unit of the format: whole numbers stay exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<u64>,
    pid: usize,
    tid: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<&'a str, Arg<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Arg<'a> {
    Text(&'a str),
    Number(u64),
}

/// The whole file; `about` is what it says of itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace<'a> {
    display_time_unit: &'static str,
    other_data: BTreeMap<&'static str, String>,
    trace_events: Vec<Event<'a>>,
}

/// What `recorder` has seen of a run of `program`, and what is to be known about it.
pub(super) fn json(program: &Program, recorder: &Recorder, about: &BTreeMap<&'static str, String>) -> String {
    let names = Names::of(program, recorder);
    let mut events = Vec::new();
    for (number, (pe, lines)) in recorder.pes().enumerate() {
        let pid = number + 1;
        let mut named = false;
        for (place, (line, track)) in lines.enumerate() {
            if track.0.is_empty() {
                continue;
            }
            // No number of a thread is that of a process or of a thread of another one.
            let tid = 100 * pid + place;
            if !named {
                events.push(meta("process_name", (pid, tid), Arg::Text(&names.pes[pe])));
                events.push(meta("process_sort_index", (pid, tid), Arg::Number(pe as u64)));
                named = true;
            }
            events.push(meta("thread_name", (pid, tid), Arg::Text(names.line(line))));
            events.push(meta("thread_sort_index", (pid, tid), Arg::Number(place as u64)));
            events.extend(track.0.iter().map(|span| names.span(pe, line, span, (pid, tid))));
        }
    }
    let trace = Trace { display_time_unit: "ms", other_data: about.clone(), trace_events: events };
    serde_json::to_string(&trace).unwrap_or_default() + "\n"
}

/// The name or place of a process or thread.
fn meta<'a>(what: &'a str, (pid, tid): (usize, usize), value: Arg<'a>) -> Event<'a> {
    let key = if what.ends_with("_name") { "name" } else { "sort_index" };
    Event {
        name: what,
        cat: "",
        ph: "M",
        ts: None,
        dur: None,
        pid,
        tid,
        args: BTreeMap::from([(key, value)]),
    }
}

/// Names of everything.
struct Names<'a> {
    program: &'a Program,
    recorder: &'a Recorder,
    pes: Vec<String>,
    colors: Vec<String>,
    micros: Vec<String>,
}

/// As many as a PE can have of either at most.
const MOST: u8 = 64;

impl<'a> Names<'a> {
    fn of(program: &'a Program, recorder: &'a Recorder) -> Self {
        let name = |pe| format!("PE {} {}", program.coord(pe), program.role(pe).name);
        let numbered = |what: &str| (0..MOST).map(|number| format!("{what} {number}")).collect();
        Self {
            program,
            recorder,
            pes: (0..program.pe_count()).map(name).collect(),
            colors: numbered("color"),
            micros: numbered("microthread"),
        }
    }

    fn line(&self, line: Line) -> &str {
        match line {
            Line::Pe => "cycles of the PE",
            Line::Main => "main thread, tasks",
            Line::Micro(thread) => self.micros.get(usize::from(thread)).map_or("microthread", String::as_str),
            Line::Link(Port::North) => "link north",
            Line::Link(Port::East) => "link east",
            Line::Link(Port::South) => "link south",
            Line::Link(Port::West) => "link west",
            Line::Link(Port::Ramp) => "ramp",
        }
    }

    /// What a code of a line means.
    fn what(&self, pe: usize, line: Line, code: u8) -> &str {
        let code_index = usize::from(code);
        match line {
            Line::Pe => Activity::ALL.get(code_index).map_or("", |activity| activity.label()),
            Line::Main => self.program.role(pe).tasks.get(code_index).map_or("", |task| &task.name),
            Line::Micro(_) => self.recorder.name(code),
            Line::Link(_) => self.colors.get(code_index).map_or("", String::as_str),
        }
    }

    fn span(&self, pe: usize, line: Line, span: &Span, (pid, tid): (usize, usize)) -> Event<'_> {
        let parts = span.mixed.iter().flat_map(|parts| parts.iter());
        let mut args: BTreeMap<&str, Arg<'_>> =
            parts.map(|(&code, &amount)| (self.what(pe, line, code), Arg::Number(amount))).collect();
        if matches!(line, Line::Link(_)) && args.is_empty() {
            args.insert("wavelets", Arg::Number(span.amount));
        }
        let (name, cat) = match (&span.mixed, line) {
            (Some(_), _) => ("several, short", "mixed"),
            (None, Line::Pe) => (self.what(pe, line, span.what), category(span.what)),
            (None, _) => (self.what(pe, line, span.what), ""),
        };
        let (ts, dur) = (Some(span.from), Some(span.to - span.from));
        Event { name, cat, ph: "X", ts, dur, pid, tid, args }
    }
}

/// What a cycle of an activity is worth.
fn category(code: u8) -> &'static str {
    match Activity::ALL.get(usize::from(code)) {
        Some(Activity::Mac) => "useful",
        Some(Activity::WaitInput | Activity::WaitOutput | Activity::WaitBuffer) => "stall",
        Some(Activity::Idle) | None => "idle",
        Some(_) => "overhead",
    }
}
