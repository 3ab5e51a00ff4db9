//! What stands around a verified sequence in its documents: what they share beyond slots that vary, and what else.

use std::ops::Range;

use taster_findings::{Alike, Beside, Slot, Surroundings, Template, alike};

use crate::evidence::REACH;
use crate::sighting::Sighting;
use crate::verified::same_document;

/// Stands for a slot in the text of a template.
const SLOT_MARK: char = '▢';

/// The first occurrence of a sequence in a document, with the tokens that belong to what the documents share.
pub(crate) type First<'a> = (&'a Sighting<'a>, Range<usize>);

/// Of the sequence of `length` tokens that starts `left` tokens before each sighting, at its first occurrence in every
/// document: what the documents share beyond slots, if they do.
pub(crate) fn around<'a>(
    sightings: &[&'a Sighting<'a>],
    left: usize,
    length: usize,
) -> (Option<Template>, Vec<First<'a>>) {
    let firsts: Vec<&Sighting<'_>> =
        sightings.chunk_by(|a, b| same_document(a, b)).map(|same| same[0]).collect();
    let start = |sighting: &Sighting<'_>| sighting.first - left;
    let before = firsts.iter().map(|s| &s.hashes[..start(s)]);
    let before = alike(&Before(before.collect()));
    let after = firsts.iter().map(|s| &s.hashes[start(s) + length..]);
    let after = alike(&After(after.collect()));
    let template = firsts.first().and_then(|first| {
        let from = start(first);
        template(first, from..from + length, &before, &after)
    });
    let shared = before.tokens.iter().zip(&after.tokens);
    let firsts = firsts.into_iter().zip(shared).map(|(sighting, (before, after))| {
        (sighting, start(sighting) - before..start(sighting) + length + after)
    });
    (template, firsts.collect())
}

/// What stands around all of that.
pub(crate) fn surround(firsts: &[First<'_>], surroundings: &mut Surroundings) {
    surroundings.clear();
    for (sighting, own) in firsts {
        let (before, after) = (&sighting.hashes[..own.start], &sighting.hashes[own.end..]);
        // A snippet that is shorter than it could be ends where its text does.
        let behind = sighting.hashes.len() - sighting.first;
        surroundings.push(before, after, sighting.first < REACH, behind <= REACH);
    }
}

/// Tokens before the sequence in every document.
struct Before<'a>(Vec<&'a [u64]>);

impl Beside for Before<'_> {
    fn documents(&self) -> usize {
        self.0.len()
    }

    fn token(&self, document: usize, distance: usize) -> Option<u64> {
        let tokens = self.0[document];
        tokens.len().checked_sub(distance + 1).map(|at| tokens[at])
    }
}

/// Tokens after it.
struct After<'a>(Vec<&'a [u64]>);

impl Beside for After<'_> {
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
        let (template, firsts) = around(&all, 0, 8);
        let template = template.map(|t| (t.text, t.slots, t.contents, t.documents));
        // Before the first slot a single token is shared, which is no piece.
        let text = "on to the page\n load the page ( ▢ ) now at".to_owned();
        assert_eq!(template, Some((text, 1, 5, 5)));
        assert!(firsts.iter().all(|(first, own)| *own == (4..first.hashes.len() - 3)));
    }

    #[test]
    fn without_slots_there_is_no_template() {
        let pages: Vec<_> = (0..4).map(|at| page(at, &format!("x{at} a b y{at} z{at}"))).collect();
        let sightings: Vec<_> = pages.iter().map(|page| sighting(page, 1)).collect();
        let (template, firsts) = around(&sightings.iter().collect::<Vec<_>>(), 0, 2);
        assert_eq!(template, None);
        assert!(firsts.iter().all(|(_, own)| *own == (1..3)));
    }
}
