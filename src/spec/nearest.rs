//! The name that the user probably meant.

/// The candidate nearest to `name` by edit distance, or `None` where none is near.
///
/// A candidate that ends in the whole of `name` after a dot is the nearest of all: the user left out the
/// section. Among equals the first wins.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 100;
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let enough = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let section_left_out = candidate.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
            (if section_left_out { 0 } else { distance(name, candidate) }, candidate)
        })
        .filter(|(distance, _)| *distance <= enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Fewest insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits_and_swaps() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("levle", "level"), 1);
    }

    #[test]
    fn the_nearest_name_is_near_enough() {
        let keys = ["sparsity.level", "sparsity.seed", "model.layers"];
        assert_eq!(nearest("sparsity.levle", keys), Some("sparsity.level"));
        assert_eq!(nearest("layers", keys), Some("model.layers"));
        assert_eq!(nearest("fabric", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
