//! The timeline as a trace that Perfetto and Chrome open, within a size.

use serde::Serialize;

use crate::record::{Lane, RunRecord, Span};

/// Largest trace, in bytes: what a browser opens at once and a mail takes.
pub const TRACE_BYTES: usize = 8 << 20;

/// An event of the trace format: a stretch of work (`X`), or the name of a lane (`M`).
#[derive(Serialize)]
struct Event {
    name: String,
    cat: String,
    ph: &'static str,
    /// In microseconds of the machine's clock.
    ts: f64,
    dur: f64,
    pid: u32,
    tid: usize,
    args: Args,
}

#[derive(Serialize)]
struct Args {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_cycle: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles: Option<u64>,
}

/// The spans of a record, a lane each for compute, weights, gradients and store, in at most `bytes`: where there are too
/// many, the shortest are drawn together with those beside them.
pub fn trace(record: &RunRecord, bytes: usize) -> String {
    let mut most = record.timeline.len();
    loop {
        let text = written(record, most);
        if text.len() <= bytes || most == 0 {
            return text;
        }
        // By as much as is too much, and a little more.
        most = (most as f64 * bytes as f64 / text.len() as f64 * 0.9) as usize;
    }
}

/// The trace with the `most` longest spans by themselves.
fn written(record: &RunRecord, most: usize) -> String {
    let clock = record.machine.fabric.clock.0 as f64;
    let microseconds = |cycles: u64| cycles as f64 / clock * 1e6;
    let mut events: Vec<Event> = Vec::new();
    for (tid, lane) in Lane::ALL.into_iter().enumerate() {
        let args = Args { name: Some(lane.name()), start_cycle: None, cycles: None };
        let (name, cat) = ("thread_name".to_owned(), String::new());
        events.push(Event { name, cat, ph: "M", ts: 0.0, dur: 0.0, pid: 1, tid, args });
    }
    for span in joined(&record.timeline, most) {
        let (start, cycles) = (span.start_cycle.0, span.end_cycle.0.saturating_sub(span.start_cycle.0));
        events.push(Event {
            name: span.label,
            cat: span.group,
            ph: "X",
            ts: microseconds(start),
            dur: microseconds(cycles),
            pid: 1,
            tid: Lane::ALL.iter().position(|&lane| lane == span.lane).unwrap_or(0),
            args: Args { name: None, start_cycle: Some(start), cycles: Some(cycles) },
        });
    }
    let events = serde_json::to_string(&events).unwrap_or_default();
    format!("{{\"displayTimeUnit\":\"ms\",\"traceEvents\":{events}}}\n")
}

/// The `most` longest spans, and between them what is left, neighbours of a lane as one.
fn joined(spans: &[Span], most: usize) -> Vec<Span> {
    let length = |span: &Span| span.end_cycle.0.saturating_sub(span.start_cycle.0);
    let mut lengths: Vec<u64> = spans.iter().map(length).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let short =
        |span: &Span| most < spans.len() && lengths.get(most).is_some_and(|&least| length(span) <= least);
    let mut joined: Vec<Span> = Vec::new();
    for lane in Lane::ALL {
        let mut together = 0u32;
        for span in spans.iter().filter(|span| span.lane == lane) {
            if !short(span) {
                together = 0;
                joined.push(span.clone());
                continue;
            }
            together += 1;
            match joined.last_mut().filter(|_| together > 1) {
                Some(last) => {
                    last.end_cycle = last.end_cycle.max(span.end_cycle);
                    last.label = format!("{together} short spans");
                    last.group = "short".to_owned();
                }
                None => joined.push(span.clone()),
            }
        }
    }
    joined
}
