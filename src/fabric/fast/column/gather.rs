//! Up a column and over its north edge: a PE gives its values and then lets those of the rows below it pass.

use crate::fabric::fast::alone::Alone;
use crate::fabric::fast::column::shape::Shape;
use crate::fabric::fast::column::{Ended, Row, Times, hold, room};
use crate::fabric::fast::link::Link;
use crate::fabric::fast::source::DEPTH;

/// One PE and its router.
#[derive(Clone, Copy)]
struct Pe {
    /// When words left to the north: its own ones, and those that came from below.
    own: Times,
    passed: Times,
    link: Link<Alone>,
    /// First cycle in which those from below may pass.
    open: u32,
    row: Row,
}

/// Words that are counted on the way.
struct Way {
    lane: u32,
    drained: u32,
}

/// Run to the end.
pub(super) fn run(shape: &Shape) -> Ended {
    let row = Row {
        latency: shape.fabric.start + shape.completion,
        control: shape.fabric.launch + shape.local,
        ..Row::default()
    };
    let pe = Pe { own: [0; DEPTH], passed: [0; DEPTH], link: Link::new(), open: 0, row };
    let mut pes = vec![pe; shape.rows];
    let (mut way, mut end) = (Way { lane: 0, drained: 0 }, 0);
    for y in 0..shape.rows {
        let (mut from, mut word) = (shape.first_step(0), 0);
        for &words in &shape.steps {
            let step = from.max(room(&pes[y].own, word + words - 1, shape.output));
            pes[y].row.output += step - from;
            for own in word..word + words {
                goes_up(&mut pes[..=y], (own, shape), step + 1 + shape.fabric.ramp, &mut way);
            }
            word += words;
            from = step + 1;
        }
        // The switch goes on when the output queue is empty, and holds from the next cycle on.
        let dispatched = from + shape.completion + shape.local;
        let pe = &mut pes[y];
        let turned = dispatched.max(pe.own[(word - 1) as usize % DEPTH] + 1);
        pe.row.output += turned - dispatched;
        pe.row.finish = if shape.local > 0 { dispatched } else { shape.fabric.launch };
        pe.open = turned + 1;
        end = end.max(turned);
    }
    let rows = pes.iter().map(|pe| pe.row).collect();
    Ended { rows, end: end.max(way.drained), drained: way.drained, queue: 0, lane: way.lane }
}

/// A word that the last of `pes` gives goes through all of their routers.
#[inline(always)]
fn goes_up(pes: &mut [Pe], (own, shape): (u32, &Shape), given: u32, way: &mut Way) {
    let origin = pes.len() - 1;
    let mut there = given;
    for at in (0..=origin).rev() {
        // Its number among the words that come to the next router.
        let number = (origin - at) as u32 * shape.share + own;
        let (above, here) = pes.split_at_mut(at);
        let (pe, next) = (&mut here[0], above.last());
        let open = if at == origin { 0 } else { pe.open };
        let leaves =
            there.max(open).max(next.map_or(0, |next| room(&next.passed, number, shape.fabric.lane)));
        let left = pe.link.pass_lane(0, leaves, shape.fabric.interval);
        if let Some(next) = next {
            // Routers further up have sent in this cycle before.
            hold(&mut way.lane, shape.fabric.lane, number, &next.passed, |passed| passed > left);
        }
        if at == origin {
            pe.own[own as usize % DEPTH] = left;
        } else {
            pe.passed[(number - shape.share) as usize % DEPTH] = left;
        }
        pe.row.carried += 1;
        there = left + shape.fabric.hop;
        way.drained = left + 1;
    }
}
