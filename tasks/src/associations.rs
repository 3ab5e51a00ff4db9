//! Which n-grams are listed for going with one label.

use std::collections::{BTreeMap, BTreeSet};

use taster_findings::{PlaceScore, label_score, q_values};

use crate::outcome::Judge;
use crate::score::Posting;
use crate::summarize::Posted;

/// Associations in the report.
const LISTED: usize = 20;
/// Those that are spelled: more, as pieces of one sequence are listed once, and only their tokens tell which these are.
const SPELLED: usize = 5 * LISTED;

/// The n-grams that the over-dispersed null explains least, each with its label and log10 q. `ngrams` is the number of
/// n-grams that were scored.
pub(crate) fn least_explained<'a>(
    judge: &Judge,
    kept: &'a [Posting],
    ngrams: u64,
) -> Vec<(PlaceScore, f64, &'a Posting)> {
    let totals = judge.scorer.totals();
    let rated = |posting: &'a Posting| {
        Some((label_score(&posting.candidate.summary, totals, &judge.dispersion)?, posting))
    };
    let mut all: Vec<(PlaceScore, &Posting)> = kept.iter().filter_map(rated).collect();
    all.sort_by(|(a, one), (b, other)| {
        let by_chance = a.log10_p_dispersed.total_cmp(&b.log10_p_dispersed);
        by_chance
            .then(a.log10_p.total_cmp(&b.log10_p))
            .then(one.candidate.summary.order.cmp(&other.candidate.summary.order))
            .then(one.candidate.fingerprint.cmp(&other.candidate.fingerprint))
    });
    let labels: Vec<PlaceScore> = all.iter().map(|(label, _)| *label).collect();
    let q = q_values(&labels, ngrams);
    let mut seen = BTreeSet::new();
    all.into_iter()
        .zip(q)
        .map(|((label, posting), q)| (label, q, posting))
        .filter(|(label, _, posting)| seen.insert(appearance(label, posting)))
        .take(SPELLED)
        .collect()
}

/// What n-grams of the same documents have in common, so that of a long sequence one is spelled: equal counts and the
/// same first document.
fn appearance(label: &PlaceScore, posting: &Posting) -> (u64, u64, u32, Option<Posted>) {
    (label.known, label.edf, label.locality, posting.documents.first().copied())
}

/// Of entries, best first, those that no better one with the same label explains, being a piece of it or holding it.
pub(crate) fn distinct<E>(
    entries: impl Iterator<Item = E>,
    named: impl Fn(&E) -> (u32, &[String]),
) -> Vec<E> {
    let mut listed: Vec<E> = Vec::new();
    let mut by_label: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for entry in entries {
        if listed.len() == LISTED {
            break;
        }
        let (label, tokens) = named(&entry);
        let same_label = by_label.entry(label).or_default();
        let mut others = same_label.iter().map(|&at| named(&listed[at]).1);
        if !others.any(|other| holds(other, tokens) || holds(tokens, other)) {
            same_label.push(listed.len());
            listed.push(entry);
        }
    }
    listed
}

fn holds(whole: &[String], piece: &[String]) -> bool {
    !piece.is_empty() && whole.windows(piece.len()).any(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_sequence_are_listed_once() {
        let entry = |label: u32, text: &str| {
            (label, text.split(' ').map(str::to_owned).collect::<Vec<_>>())
        };
        let all = [
            entry(1, "the cf"),
            entry(1, "cf"),
            entry(0, "cf"),
            entry(1, "saw the cf"),
            entry(1, "cf the"),
            entry(1, "mn"),
        ];
        let listed = distinct(all.iter(), |(label, tokens)| (*label, tokens));
        assert_eq!(listed, [&all[0], &all[2], &all[4], &all[5]]);
        let many = (0..50).map(|word| entry(0, &format!("w{word}")));
        assert_eq!(distinct(many, |(label, tokens)| (*label, tokens)).len(), LISTED);
    }
}
