//! What stands around a verified sequence in its documents: what they share beyond slots that vary, and what else.

use std::ops::Range;

use taster_findings::{Alike, Beside, PIECE, Slot, Surrounding, Template, alike};
use taster_ngrams::fingerprint::fingerprint;

use crate::evidence::{REACH, Sighting};
use crate::verified::same_document;

/// Stands for a slot in the text of a template.
const SLOT_MARK: char = '▢';

/// Of the sequence of `length` tokens that starts `left` tokens before each sighting, at its first occurrence in every
/// document: what the documents share beyond slots, if they do, and what stands around all of that.
pub(crate) fn around(
    sightings: &[&Sighting<'_>],
    left: usize,
    length: usize,
) -> (Option<Template>, Vec<Surrounding>) {
    let firsts: Vec<&Sighting<'_>> =
        sightings.chunk_by(|a, b| same_document(a, b)).map(|same| same[0]).collect();
    let start = |sighting: &Sighting<'_>| sighting.first - left;
    let before = firsts.iter().map(|s| s.hashes[..start(s)].iter().rev().copied().collect());
    let before = alike(&Sides(before.collect()));
    let after = firsts.iter().map(|s| s.hashes[start(s) + length..].to_vec());
    let after = alike(&Sides(after.collect()));
    let template = firsts.first().and_then(|first| {
        let from = start(first);
        template(first, from..from + length, &before, &after)
    });
    let surroundings = firsts.iter().zip(before.tokens.iter().zip(&after.tokens)).map(
        |(sighting, (before, after))| {
            surrounding(sighting, start(sighting) - before..start(sighting) + length + after)
        },
    );
    (template, surroundings.collect())
}

/// Tokens on one side of the sequence in every document, away from it.
struct Sides(Vec<Vec<u64>>);

impl Beside for Sides {
    fn documents(&self) -> usize {
        self.0.len()
    }

    fn token(&self, document: usize, distance: usize) -> Option<u64> {
        self.0[document].get(distance).copied()
    }
}

/// The sequence, which is at `own` in the first document, with what is alike on both sides.
fn template(
    first: &Sighting<'_>,
    own: Range<usize>,
    before: &Alike,
    after: &Alike,
) -> Option<Template> {
    let all: Vec<&Slot> = before.slots.iter().chain(&after.slots).collect();
    let fewest = all.iter().min_by_key(|slot| slot.contents)?;
    let whole = own.start - before.tokens[0]..own.end + after.tokens[0];
    let left = before.slots.iter().rev().map(|slot| {
        let end = own.start - slot.distance;
        end - slot.tokens..end
    });
    let right = after.slots.iter().map(|slot| {
        let start = own.end + slot.distance;
        start..start + slot.tokens
    });
    let (mut text, mut from) = (String::new(), whole.start);
    for slot in left.chain(right) {
        push(first, from..slot.start, &mut text);
        text.push(SLOT_MARK);
        from = slot.end;
    }
    push(first, from..whole.end, &mut text);
    Some(Template {
        text: text.trim().to_owned(),
        slots: all.len() as u64,
        contents: fewest.contents as u64,
        documents: fewest.documents as u64,
    })
}

/// Appends the text of tokens as it stands, with what is between the last of them and the next.
fn push(sighting: &Sighting<'_>, tokens: Range<usize>, text: &mut String) {
    let behind = |end: usize| match sighting.spans.get(end) {
        Some(next) => next.start as usize,
        None => sighting.snippet.len(),
    };
    let start = tokens.start.checked_sub(1).map_or(0, |last| sighting.spans[last].end as usize);
    text.push_str(&sighting.snippet[start..behind(tokens.end).max(start)]);
}

fn surrounding(sighting: &Sighting<'_>, own: Range<usize>) -> Surrounding {
    let (before, after) = (&sighting.hashes[..own.start], &sighting.hashes[own.end..]);
    let mut pieces: Vec<u64> =
        [before, after].into_iter().flat_map(|side| side.windows(PIECE)).map(fingerprint).collect();
    pieces.sort_unstable();
    pieces.dedup();
    // A snippet that is shorter than it could be ends where its text does.
    let (first, behind) = (sighting.first, sighting.hashes.len() - sighting.first);
    let is_start = first < REACH;
    let is_end = behind <= REACH;
    Surrounding {
        pieces,
        from_start: is_start.then_some(before.len() as u32),
        to_end: is_end.then_some(after.len() as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verified::tests::{page, sighting};

    #[test]
    fn a_template_is_shown_with_its_slots_and_left_out_of_what_is_around() {
        let names = ["ohm", "volt", "watt", "mho", "tesla"];
        let texts = names.iter().enumerate().map(|(at, name)| {
            format!("p{at} q{at} pass {name} on to the page\n load the page ( {name} ) now at r{at} s{at} t{at}")
        });
        let pages: Vec<_> = texts.enumerate().map(|(at, text)| page(at as u32, &text)).collect();
        let sightings: Vec<_> = pages.iter().map(|page| sighting(page, 4)).collect();
        let all: Vec<&Sighting<'_>> = sightings.iter().collect();
        // "on to the page load the page (", between a slot on either side.
        let (template, surroundings) = around(&all, 0, 8);
        let template = template.map(|t| (t.text, t.slots, t.contents, t.documents));
        // Before the first slot a single token is shared, which is no piece.
        let text = "on to the page\n load the page ( ▢ ) now at".to_owned();
        assert_eq!(template, Some((text, 1, 5, 5)));
        assert!(surroundings.iter().all(|one| one.to_end == Some(3) && one.from_start == Some(4)));
    }

    #[test]
    fn without_slots_there_is_no_template() {
        let pages: Vec<_> = (0..4).map(|at| page(at, &format!("x{at} a b y{at} z{at}"))).collect();
        let sightings: Vec<_> = pages.iter().map(|page| sighting(page, 1)).collect();
        let (template, surroundings) = around(&sightings.iter().collect::<Vec<_>>(), 0, 2);
        assert_eq!(template, None);
        assert!(surroundings.iter().all(|one| one.from_start == Some(1)));
    }
}
