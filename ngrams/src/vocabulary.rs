//! The different tokens of a segment, numbered in the order in which they first appear.
//!
//! Text repeats its words: a million tokens are some fifty thousand different ones. What depends
//! on the token alone is then done once for each of them.

/// Maps token hashes to ordinals.
///
/// Open addressing with linear probing; hashes are uniform, so their top bits choose the home.
/// Memory: 8 bytes per different token, and 12 to 48 of table.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    hashes: Vec<u64>,
    /// Hash and 1 + ordinal; 0 is an empty slot. A power of two of them, at least twice as many
    /// as there are hashes.
    slots: Vec<(u64, u32)>,
    shift: u32,
}

/// Slots of the smallest table.
const LEAST_SLOTS: usize = 1 << 10;

impl Vocabulary {
    /// Hashes of the different tokens, by ordinal.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Forgets all tokens and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.hashes.clear();
        self.slots.fill((0, 0));
    }

    /// Appends the ordinals of `tokens`, new ones included.
    pub(crate) fn number(&mut self, tokens: &[u64], ordinals: &mut Vec<u32>) {
        let before = ordinals.len();
        ordinals.resize(before + tokens.len(), 0);
        for (ordinal, &hash) in ordinals[before..].iter_mut().zip(tokens) {
            *ordinal = self.ordinal(hash);
        }
    }

    /// Replaces the tokens by those with these hashes, which are different from each other.
    /// What is numbered afterwards would not find them: for reading only.
    pub(crate) fn set(&mut self, hashes: impl Iterator<Item = u64>) {
        self.hashes.clear();
        self.hashes.extend(hashes);
    }

    #[inline]
    fn ordinal(&mut self, hash: u64) -> u32 {
        if 2 * (self.hashes.len() + 1) > self.slots.len() {
            self.grow();
        }
        let slot = self.probe(hash);
        if self.slots[slot].1 == 0 {
            self.hashes.push(hash);
            self.slots[slot] = (hash, self.hashes.len() as u32);
        }
        self.slots[slot].1 - 1
    }

    /// The slot that holds `hash`, or the empty one where it belongs.
    #[inline]
    fn probe(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> self.shift) as usize & mask;
        while self.slots[at].0 != hash && self.slots[at].1 != 0 {
            at = (at + 1) & mask;
        }
        // A hash of 0 equals that of an empty slot, which is then the place to end at as well.
        at
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (2 * self.slots.len()).max(LEAST_SLOTS);
        self.shift = u64::BITS - slots.ilog2();
        self.slots.clear();
        self.slots.resize(slots, (0, 0));
        for index in 0..self.hashes.len() {
            let slot = self.probe(self.hashes[index]);
            self.slots[slot] = (self.hashes[index], index as u32 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_in_order_of_appearance(tokens in prop::collection::vec(prop_oneof![0u64..40, any::<u64>(), u64::MAX - 9..=u64::MAX], 0..3000), again: bool) {
            let mut vocabulary = Vocabulary::default();
            if again {
                vocabulary.number(&[7, 8, 9], &mut Vec::new());
                vocabulary.clear();
            }
            let mut ordinals = Vec::new();
            let (first, second) = tokens.split_at(tokens.len() / 3);
            vocabulary.number(first, &mut ordinals);
            vocabulary.number(second, &mut ordinals);
            let mut seen = Vec::new();
            for (token, ordinal) in tokens.iter().zip(&ordinals) {
                if !seen.contains(token) {
                    seen.push(*token);
                }
                prop_assert_eq!(seen[*ordinal as usize], *token);
            }
            prop_assert_eq!(vocabulary.hashes(), seen);
        }
    }
}
