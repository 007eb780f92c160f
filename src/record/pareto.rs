//! What nothing else is better than in both of two ways.

use crate::record::{Better, SweepPoint};

/// Those of `points` that no other one beats in both of two columns, of the front, with their numbers there.
pub fn unbeaten<'p>(
    points: impl Iterator<Item = &'p SweepPoint>,
    [first, second]: &[(String, Better); 2],
) -> Vec<(&'p SweepPoint, (f64, f64))> {
    let pair = |point: &'p SweepPoint| Some((point, (point.number(&first.0)?, point.number(&second.0)?)));
    let points: Vec<(&SweepPoint, (f64, f64))> = points.filter_map(pair).collect();
    let pairs: Vec<(f64, f64)> = points.iter().map(|(_, pair)| *pair).collect();
    front(&pairs, [first.1, second.1]).into_iter().map(|at| points[at]).collect()
}

/// Numbers of the pairs on the front: those that no other pair matches in both and beats in one. In order of the first value,
/// the best first; of equal pairs the first one. Pairs with a number that is not finite are on no front.
fn front(pairs: &[(f64, f64)], better: [Better; 2]) -> Vec<usize> {
    let cost = |value: f64, better| if better == Better::Higher { -value } else { value };
    let costs = pairs.iter().map(|&(a, b)| (cost(a, better[0]), cost(b, better[1])));
    let mut order: Vec<(usize, (f64, f64))> =
        costs.enumerate().filter(|(_, (a, b))| a.is_finite() && b.is_finite()).collect();
    order.sort_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut lowest = f64::INFINITY;
    order.retain(|&(_, (_, second))| {
        let kept = second < lowest;
        lowest = lowest.min(second);
        kept
    });
    order.into_iter().map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_front_is_what_nothing_beats(pairs in prop::collection::vec((0..20i32, 0..20i32), 0..40), side in 0..4usize) {
            let sides = [Better::Lower, Better::Higher];
            let better = [sides[side % 2], sides[side / 2]];
            let pairs: Vec<(f64, f64)> = pairs.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
            let beats = |p: (f64, f64), q: (f64, f64)| {
                let as_good = |a: f64, b: f64, better| if better == Better::Lower { a <= b } else { a >= b };
                as_good(p.0, q.0, better[0]) && as_good(p.1, q.1, better[1]) && p != q
            };
            let on = front(&pairs, better);
            for (at, &pair) in pairs.iter().enumerate() {
                let beaten = pairs.iter().any(|&other| beats(other, pair));
                let first = pairs.iter().position(|&other| other == pair) == Some(at);
                prop_assert_eq!(on.contains(&at), !beaten && first);
            }
        }
    }
}
