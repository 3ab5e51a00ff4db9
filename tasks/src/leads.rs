//! Finds many short byte strings in a text at the same time, wherever they stand.

use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;
use aho_corasick::{AhoCorasick, Anchored, MatchKind, StartKind};

/// Bytes of all strings up to which the automaton is the faster kind, of a few megabytes.
const FAST_BYTES: usize = 8 << 10;

/// Places of a text that are read at the same time: a step of the automaton waits for the one before it, but not for those of
/// other places.
const LANES: usize = 4;

/// An automaton over the strings (A. Aho and M. Corasick, *Efficient string matching*, 1975).
#[derive(Debug)]
pub(crate) enum Leads {
    Few(Box<Few>),
    Many(AhoCorasick),
}

impl Leads {
    /// # Errors
    /// If the strings make too large an automaton.
    pub(crate) fn new(strings: &[Vec<u8>]) -> Result<Self, String> {
        if strings.iter().map(Vec::len).sum::<usize>() > FAST_BYTES {
            return AhoCorasick::new(strings).map(Self::Many).map_err(|error| error.to_string());
        }
        Few::new(strings).map(|few| Self::Few(Box::new(few)))
    }

    /// Calls `found` with the number and the first byte of every string in `text`, overlapping ones too, in no
    /// particular order.
    pub(crate) fn find(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        match self {
            Self::Few(few) => few.find(text, found),
            Self::Many(many) => many
                .find_overlapping_iter(text)
                .for_each(|one| found(one.pattern().as_usize(), one.start())),
        }
    }
}

/// Few strings, as an automaton that takes one step per byte.
#[derive(Debug)]
pub(crate) struct Few {
    automaton: DFA,
    start: State,
    /// Bytes of the longest string.
    longest: usize,
}

/// A state of the automaton.
type State = aho_corasick::automaton::StateID;

impl Few {
    fn new(strings: &[Vec<u8>]) -> Result<Self, String> {
        let automaton = DFA::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .prefilter(false)
            .build(strings)
            .map_err(|error| error.to_string())?;
        let start = automaton.start_state(Anchored::No).map_err(|error| error.to_string())?;
        Ok(Self { automaton, start, longest: strings.iter().map(Vec::len).max().unwrap_or(0) })
    }

    fn find(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        let length = text.len() / LANES;
        let mut states = [self.start; LANES];
        for (lane, state) in states.iter_mut().enumerate() {
            // What ends in a lane may begin in the one before.
            let before = text[..lane * length].iter().rev().take(self.longest.saturating_sub(1));
            *state = before.rev().fold(*state, |state, &byte| self.step(state, byte));
        }
        let lanes: [&[u8]; LANES] = std::array::from_fn(|lane| &text[lane * length..][..length]);
        for at in 0..length {
            for (state, lane) in states.iter_mut().zip(lanes) {
                *state = self.step(*state, lane[at]);
            }
            if states.iter().any(|&state| self.automaton.is_special(state)) {
                let ends = states.iter().enumerate();
                ends.for_each(|(lane, &state)| self.tell(state, lane * length + at, &mut found));
            }
        }
        let mut state = states[LANES - 1];
        for (at, &byte) in text.iter().enumerate().skip(LANES * length) {
            state = self.step(state, byte);
            self.tell(state, at, &mut found);
        }
    }

    #[inline]
    fn step(&self, state: State, byte: u8) -> State {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// Tells of the strings whose last byte is that at `at`.
    fn tell(&self, state: State, at: usize, found: &mut impl FnMut(usize, usize)) {
        if !self.automaton.is_match(state) {
            return;
        }
        for index in 0..self.automaton.match_len(state) {
            let string = self.automaton.match_pattern(state, index);
            found(string.as_usize(), at + 1 - self.automaton.pattern_len(string));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn all(leads: &Leads, text: &[u8]) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        leads.find(text, |string, at| all.push((string, at)));
        all.sort_unstable();
        all
    }

    fn naive(strings: &[Vec<u8>], text: &[u8]) -> Vec<(usize, usize)> {
        let starts = |string: &Vec<u8>| {
            let starts = (0..text.len()).filter(|&at| text[at..].starts_with(string));
            starts.collect::<Vec<usize>>()
        };
        let each = strings.iter().enumerate();
        each.flat_map(|(number, string)| starts(string).into_iter().map(move |at| (number, at)))
            .collect()
    }

    proptest! {
        #[test]
        fn every_string_is_found_at_every_place(
            strings in prop::collection::vec(prop::collection::vec(b'a'..=b'c', 1..6), 0..8),
            text in prop::collection::vec(b'a'..=b'd', 0..90),
        ) {
            let few = Leads::Few(Box::new(Few::new(&strings).unwrap()));
            prop_assert_eq!(all(&few, &text), naive(&strings, &text));
            let many = Leads::Many(AhoCorasick::new(&strings).unwrap());
            prop_assert_eq!(all(&many, &text), naive(&strings, &text));
        }
    }
}
