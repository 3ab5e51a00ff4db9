//! Lines that change places between documents of one source.

use std::collections::BTreeMap;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::seeding::{Purpose, stream};

/// Share of the lines that move.
const MOVED: f64 = 0.25;

/// The texts with a quarter of their lines exchanged within each source; `rows` are sources and texts.
///
/// Every text keeps the number of its lines. `batch` tells one set of rows from another.
pub(super) fn exchange<'a>(
    rows: impl Iterator<Item = Option<(&'a str, &'a str)>>,
    seed: u64,
    batch: u64,
) -> Vec<Option<String>> {
    let mut rng = stream(seed, Purpose::Paragraphs, "", batch);
    let mut lines: Vec<&str> = Vec::new();
    let mut counts: Vec<Option<usize>> = Vec::new();
    let mut moving: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for row in rows {
        let first = lines.len();
        if let Some((source, text)) = row {
            lines.extend(text.split('\n'));
            let own = (first..lines.len())
                .filter(|line| !lines[*line].is_empty() && rng.random_bool(MOVED));
            moving.entry(source).or_default().extend(own);
        }
        counts.push(row.map(|_| lines.len() - first));
    }
    moving.values().for_each(|places| shuffle(&mut lines, places, &mut rng));
    join(&lines, &counts)
}

/// Fisher and Yates, on the lines at some places.
fn shuffle(lines: &mut [&str], places: &[usize], rng: &mut ChaCha8Rng) {
    for last in (1..places.len()).rev() {
        lines.swap(places[last], places[rng.random_range(0..=last)]);
    }
}

fn join(lines: &[&str], counts: &[Option<usize>]) -> Vec<Option<String>> {
    let mut rest = lines;
    let text = |count: &Option<usize>| {
        count.map(|count| {
            let (own, others) = rest.split_at(count);
            rest = others;
            own.join("\n")
        })
    };
    counts.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn lines_move_within_their_source_only() {
        let document = |source: &str, n: usize| {
            (0..50).map(|line| format!("{source}{n}.{line}")).collect::<Vec<_>>().join("\n")
        };
        let texts: Vec<_> = ["a", "b"]
            .iter()
            .flat_map(|source| (0..4).map(move |n| (*source, document(source, n))))
            .collect();
        let rows =
            || texts.iter().map(|(source, text)| Some((*source, text.as_str()))).chain([None]);
        let moved = exchange(rows(), 1, 0);
        assert_eq!(moved, exchange(rows(), 1, 0));
        assert_eq!(moved.len(), 9);
        assert_eq!(moved[8], None);
        for (half, source) in [(&moved[..4], "a"), (&moved[4..8], "b")] {
            let lines: BTreeSet<&str> =
                half.iter().flatten().flat_map(|text| text.split('\n')).collect();
            assert_eq!(lines.len(), 200);
            assert!(lines.iter().all(|line| line.starts_with(source)));
            assert!(half.iter().flatten().all(|text| text.split('\n').count() == 50));
        }
        let same = moved
            .iter()
            .flatten()
            .zip(&texts)
            .flat_map(|(after, (_, before))| after.split('\n').zip(before.split('\n')));
        let stayed = same.filter(|(after, before)| after == before).count();
        assert!((250..=350).contains(&stayed), "about three quarters of 400: {stayed}");
    }
}
