//! Cycles in which a cell rests, and what they count as.

use crate::fabric::counters::Activity;
use crate::fabric::fast::reduce::cell::{Cell, Context, Doing, Thread};
use crate::fabric::fast::wide::{NEVER, Vector};

impl Cell {
    /// A microthread uses the datapath in `now`: the main thread does not.
    pub(super) fn spend(&mut self, now: u32) {
        if self.doing != Doing::Rest {
            self.end += 1;
        }
        self.seen = now + 1;
        self.finish = now + 1;
    }

    /// Account for the cycles before `now` in which nothing happened.
    pub(super) fn account<V: Vector>(&mut self, now: u32, context: &Context<'_, '_, V>) {
        if self.doing != Doing::Rest {
            self.seen = self.seen.max(now);
            self.finish = self.finish.max(self.seen);
            return;
        }
        while self.seen < now {
            let (activity, until) = self.rests(self.seen, context);
            let span = until.min(now) - self.seen;
            match activity {
                Activity::WaitInput => self.tally.input += span,
                Activity::WaitOutput => self.tally.output += span,
                Activity::WaitBuffer => self.tally.buffer += span,
                Activity::Latency => self.tally.latency += span,
                _ => {}
            }
            self.seen += span;
        }
    }

    /// What a cycle counts as in which the main thread rests and no microthread steps, and until when that holds.
    pub(super) fn rests<V: Vector>(&self, now: u32, context: &Context<'_, '_, V>) -> (Activity, u32) {
        let held = self.head_is_there(context)
            && self.left == 0
            && self.word_ready(context) <= now
            && !self.has_room(context);
        if held {
            return (Activity::WaitBuffer, NEVER);
        }
        if !self.first.on && self.active != NEVER && self.active > now {
            return (Activity::Latency, self.active);
        }
        let threads = [(self.first, self.first_step(context)), (self.second, self.second_step(context))];
        let rest = |(thread, wait): (Thread, Option<Wait>)| {
            if thread.starts_after(now) {
                Some((Activity::Latency, thread.from))
            } else {
                wait.and_then(|wait| wait.rest(now))
            }
        };
        threads.into_iter().find_map(rest).unwrap_or((Activity::Idle, NEVER))
    }
}

/// What a microthread waits for: the cycles from which it may go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) from: u32,
    pub(super) buffer: u32,
    pub(super) input: u32,
    pub(super) output: u32,
}

impl Wait {
    #[inline(always)]
    pub(super) fn step(self) -> u32 {
        self.from.max(self.buffer).max(self.input).max(self.output)
    }

    /// Whether words are missing that its neighbour has not given yet, and nothing before that.
    #[inline(always)]
    pub(super) fn misses_words(self) -> bool {
        self.input == NEVER && self.buffer != NEVER
    }

    /// The first thing that is missing in `now`.
    pub(super) fn rest(self, now: u32) -> Option<(Activity, u32)> {
        let reasons = [
            (Activity::WaitBuffer, self.buffer),
            (Activity::WaitInput, self.input),
            (Activity::WaitOutput, self.output),
        ];
        reasons.into_iter().find(|(_, until)| *until > now)
    }
}
