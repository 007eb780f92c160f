//! Routes that lead back to where they came from: a wavelet on one would go round for ever.

use crate::ids::ColorId;
use crate::program::{Port, Program, RoutePosition, neighbour};

/// Every color with routes that form a circle, and the PEs of one such circle in the order in which a wavelet
/// visits them. Routes that are switched are left out: which of their positions hold together is a matter of
/// time.
pub(super) fn circles(program: &Program) -> Vec<(ColorId, Vec<usize>)> {
    let mut colors: Vec<ColorId> = program.routes.iter().flatten().map(|route| route.color).collect();
    colors.sort_unstable();
    colors.dedup();
    colors.into_iter().filter_map(|color| Some((color, circle(program, color)?))).collect()
}

fn circle(program: &Program, color: ColorId) -> Option<Vec<usize>> {
    let fixed = |routes: &Vec<crate::program::ColorRoute>| {
        let route = routes.iter().find(|route| route.color == color)?;
        (route.positions.len() == 1).then(|| route.positions[0])
    };
    let tables: Vec<Option<RoutePosition>> = program.routes.iter().map(fixed).collect();
    let position = |pe: usize| tables[usize::from(program.route_of[pe])];
    // A router takes a color from one side, so every PE has at most one before it.
    let before = |pe: usize| {
        let from = position(pe)?.from;
        let sender = neighbour(program, pe, from).filter(|_| from != Port::Ramp)?;
        position(sender)?.to.contains(from.opposite()).then_some(sender)
    };
    const UNSEEN: u32 = u32::MAX;
    let mut walk_of = vec![UNSEEN; program.pe_count()];
    for start in 0..program.pe_count() {
        let mut at = Some(start);
        while let Some(pe) = at.filter(|&pe| walk_of[pe] == UNSEEN) {
            walk_of[pe] = start as u32;
            at = before(pe);
        }
        let Some(first) = at.filter(|&pe| walk_of[pe] == start as u32) else { continue };
        let mut found = vec![first];
        while let Some(pe) = found.last().and_then(|&pe| before(pe)).filter(|&pe| pe != first) {
            found.push(pe);
        }
        found.reverse();
        return Some(found);
    }
    None
}
