//! Watches a run and keeps what a rectangle of PEs does in a window of cycles.

use std::ops::Range;

use crate::fabric::{Activity, Doing, Observer};
use crate::ids::{ColorId, TaskId};
use crate::program::{Port, Program};
use crate::spec::wafer::WaferSpec;
use crate::trace::track::Track;

/// PEs and cycles that are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Columns of the program.
    pub columns: Range<u16>,
    /// Rows.
    pub rows: Range<u16>,
    /// Cycles from the start of the run.
    pub cycles: Range<u64>,
}

/// A line of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What the PE spends its cycles on: every cycle is one thing.
    Pe,
    /// Tasks of the main thread.
    Main,
    /// A microthread.
    Micro(u8),
    /// What goes out over a link.
    Link(Port),
}

/// Links out of a PE.
const LINKS: [Port; 4] = [Port::North, Port::East, Port::South, Port::West];

/// Not looked at.
const NONE: u32 = u32::MAX;

/// What was seen, a track for each line of each PE.
pub(super) struct Recorder {
    window: Window,
    /// Place of each PE among those that are looked at, or [`NONE`].
    place: Vec<u32>,
    lines: Vec<Line>,
    /// The lines of the first PE, then of the next.
    tracks: Vec<Track>,
    /// What each line is about at the moment and since when, for those that are told when it changes.
    now: Vec<Option<(u8, u64)>>,
    /// What microthreads do, by code.
    names: Vec<&'static str>,
    /// Cycles without a wavelet within an unbroken stream.
    gap: u64,
    /// Spans in all tracks, and how many of them fit the memory.
    spans: usize,
    most: usize,
    /// Neighbours that are all shorter than this were drawn together.
    grain: u64,
}

impl Recorder {
    /// For a run of `program`, with `most` spans at a time, or some for each line if that is more.
    pub(super) fn new(program: &Program, spec: &WaferSpec, window: Window, most: usize) -> Self {
        let mut lines = vec![Line::Pe, Line::Main];
        lines.extend((0..spec.pe.microthreads).map(Line::Micro));
        lines.extend(LINKS.map(Line::Link));
        let mut place = vec![NONE; program.pe_count()];
        let mut places = 0;
        for (pe, place) in place.iter_mut().enumerate() {
            let at = program.coord(pe);
            if window.columns.contains(&at.x) && window.rows.contains(&at.y) {
                *place = places;
                places += 1;
            }
        }
        let count = places as usize * lines.len();
        Self {
            window,
            place,
            tracks: vec![Track::default(); count],
            now: vec![None; count],
            lines,
            names: Vec::new(),
            gap: u64::from(spec.fabric.link_interval.0).div_ceil(8) - 1,
            spans: 0,
            most: most.max(8 * count),
            grain: 1,
        }
    }

    /// The run has ended: nothing goes on after `cycle`.
    pub(super) fn end(&mut self, cycle: u64) {
        self.window.cycles.end = self.window.cycles.end.min(cycle);
        for at in 0..self.now.len() {
            self.change(at, None, cycle);
        }
        self.draw_together();
    }

    /// The window, as far as there was something to see.
    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    /// Neighbours that are all shorter than this were drawn together.
    pub(super) fn grain(&self) -> u64 {
        self.grain
    }

    /// Every PE that was looked at, with its lines and what was seen on them.
    pub(super) fn pes(&self) -> impl Iterator<Item = (usize, impl Iterator<Item = (Line, &Track)>)> {
        let seen = self.place.iter().enumerate().filter(|(_, place)| **place != NONE);
        let tracks = self.tracks.chunks(self.lines.len());
        seen.zip(tracks).map(|((pe, _), tracks)| (pe, self.lines.iter().copied().zip(tracks)))
    }

    /// Draw what is shorter than twice the grain together.
    pub(super) fn coarsen(&mut self) {
        self.grain *= 2;
        self.draw_together();
    }

    /// Draw what is shorter than the grain together.
    fn draw_together(&mut self) {
        self.tracks.iter_mut().for_each(|track| track.coarsen(self.grain));
        self.spans = self.tracks.iter().map(|track| track.0.len()).sum();
    }

    /// Whether drawing more together would leave fewer spans.
    pub(super) fn can_coarsen(&self) -> bool {
        self.grain <= self.window.cycles.end - self.window.cycles.start
    }

    /// The track of a line of a PE.
    fn track(&self, pe: usize, line: usize) -> Option<usize> {
        let place = self.place[pe];
        (place != NONE).then(|| place as usize * self.lines.len() + line)
    }

    /// Add to a track what lies in the window.
    fn add(&mut self, track: usize, what: u8, (from, to): (u64, u64), gap: u64) {
        let Range { start, end } = self.window.cycles;
        let (from, to) = (from.max(start), to.min(end));
        if from >= to {
            return;
        }
        self.spans += usize::from(self.tracks[track].add(what, (from, to), to - from, gap));
        if self.spans > self.most {
            self.draw_together();
            while self.spans > self.most / 2 && self.can_coarsen() {
                self.coarsen();
            }
        }
    }

    /// From `cycle` on, a line is about something else.
    fn change(&mut self, track: usize, what: Option<u8>, cycle: u64) {
        match self.now[track] {
            Some((before, _)) if Some(before) == what => return,
            Some((before, since)) => self.add(track, before, (since, cycle), 0),
            None => {}
        }
        self.now[track] = what.map(|what| (what, cycle));
    }

    /// A name as a code.
    fn code(&mut self, name: &'static str) -> u8 {
        let known = self.names.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        }) as u8
    }

    /// The name that a code of a microthread stands for.
    pub(super) fn name(&self, code: u8) -> &'static str {
        self.names.get(usize::from(code)).copied().unwrap_or_default()
    }

    /// Place of a line among those of a PE.
    fn line(&self, line: Line) -> usize {
        let micros = self.lines.len() - 2 - LINKS.len();
        match line {
            Line::Pe => 0,
            Line::Main => 1,
            Line::Micro(thread) => 2 + usize::from(thread),
            Line::Link(port) => 2 + micros + port as usize,
        }
    }
}

impl Observer for Recorder {
    const WATCHES: bool = true;

    fn spent(&mut self, pe: usize, activity: Activity, from: u64, cycles: u64) {
        if let Some(track) = self.track(pe, self.line(Line::Pe)) {
            self.add(track, activity as u8, (from, from + cycles), 0);
        }
    }

    fn task(&mut self, pe: usize, task: Option<TaskId>, cycle: u64) {
        if let Some(track) = self.track(pe, self.line(Line::Main)) {
            self.change(track, task.map(|task| task.0), cycle);
        }
    }

    fn thread(&mut self, pe: usize, thread: u8, doing: Doing, cycle: u64) {
        if let Some(track) = self.track(pe, self.line(Line::Micro(thread))) {
            let code = name(doing).map(|name| self.code(name));
            self.change(track, code, cycle);
        }
    }

    fn carried(&mut self, pe: usize, port: Port, color: ColorId, cycle: u64) {
        if let Some(track) = self.track(pe, self.line(Line::Link(port))) {
            self.add(track, color.0, (cycle, cycle + 1), self.gap);
        }
    }
}

/// What a microthread does, in words; `None` where that is nothing.
fn name(doing: Doing) -> Option<&'static str> {
    match doing {
        Doing::Nothing => None,
        Doing::Elements(op) => Some(op.name()),
        Doing::Datapath => Some("wait for the datapath"),
        Doing::Waits(activity) => Some(activity.label()),
    }
}
