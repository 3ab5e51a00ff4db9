//! The different tokens of a segment, numbered in the order in which they first appear.
//!
//! Text repeats its words: a million tokens are some fifty thousand different ones. What depends
//! on the token alone, its hash first of all, is then done once for each of them.

use crate::Span;
use crate::fingerprint::token_hash;

/// Maps tokens to ordinals.
///
/// Open addressing with linear probing. A token of up to [`SHORT`] bytes is sought by its bytes, so that a hash that is
/// cheap and has no branch on its length chooses its place; a longer one by the hash that it has in n-grams. So it can happen,
/// to those who seek such tokens, that two have the same hash. Of tokens that were chosen to have the same place (S. Crosby and
/// D. Wallach, *Denial of service via algorithmic complexity attacks*, 2003) the searches soon cost more than other
/// places for all: then all get others. Ordinals do not depend on places.
///
/// Memory: 24 bytes per different token, and 8 to 32 of table.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    hashes: Vec<u64>,
    /// As `hashes`.
    keys: Vec<Key>,
    /// 1 + ordinal; 0 is an empty slot. A power of two of them, at least twice as many as there are tokens.
    slots: Vec<u32>,
    shift: u32,
    /// Decides about places, like the seed of hashes.
    salt: u64,
    /// Steps of long searches since places were last given.
    excess: usize,
}

/// Steps of a search that are no sign of anything.
const USUAL_STEPS: usize = 16;
/// Steps per token that long searches may take before all tokens get other places.
const EXCESS: usize = 4;

/// Slots of the smallest table.
const LEAST_SLOTS: usize = 1 << 10;

/// Multiplier of a linear congruential generator, from one salt to the next.
const SALT_STEP: u64 = 0xd134_2543_de82_ef95;

/// Bytes of the longest token that is compared by its bytes.
const SHORT: usize = 15;

/// What distinguishes a token from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    /// The first eight bytes; the hash of a long token.
    low: u64,
    /// The length, and above it the other bytes; all ones for a long token.
    high: u64,
}

impl Key {
    /// The key of `bytes[start..end]`.
    #[inline]
    fn new(bytes: &[u8], start: usize, end: usize, seed: u64) -> Self {
        let length = end - start;
        if length > SHORT {
            return Self::long(&bytes[start..end], seed);
        }
        let token = u128::from_le_bytes(sixteen(&bytes[start..])) & MASKS[length];
        Self { low: token as u64, high: (token >> 64 << 8) as u64 | length as u64 }
    }

    #[cold]
    fn long(token: &[u8], seed: u64) -> Self {
        Self { low: token_hash(token, seed), high: u64::MAX }
    }

    /// About uniform in the upper bits, if the token was not chosen for the salt.
    #[inline]
    fn hash(self, salt: u64) -> u64 {
        /// Without a pattern: digits of the square roots of 2 and 3.
        const SALTS: [u64; 2] = [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b];
        (self.low ^ SALTS[0]).wrapping_mul((self.high ^ SALTS[1] ^ salt) | 1)
    }
}

/// The lowest bytes, by their number.
const MASKS: [u128; SHORT + 1] = {
    let (mut masks, mut bytes) = ([0; SHORT + 1], 1);
    while bytes <= SHORT {
        masks[bytes] = masks[bytes - 1] << 8 | 0xff;
        bytes += 1;
    }
    masks
};

/// The first sixteen bytes, or fewer and zeros.
#[inline]
fn sixteen(bytes: &[u8]) -> [u8; 16] {
    if let Some(all) = bytes.first_chunk() {
        return *all;
    }
    let mut all = [0; 16];
    all[..bytes.len()].copy_from_slice(bytes);
    all
}

impl Vocabulary {
    /// Hashes of the different tokens, by ordinal.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Forgets all tokens and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.hashes.clear();
        self.keys.clear();
        self.slots.fill(0);
        self.excess = 0;
    }

    /// Replaces the tokens by those with these hashes. What is numbered afterwards would not find them: for reading only.
    pub(crate) fn set(&mut self, hashes: impl Iterator<Item = u64>) {
        self.hashes.clear();
        self.hashes.extend(hashes);
    }

    /// Appends the ordinals of the tokens of `text` to `ordinals`, new ones included. The seed must be the same for all.
    pub(crate) fn number(
        &mut self,
        text: &str,
        tokens: &[Span],
        seed: u64,
        ordinals: &mut Vec<u32>,
    ) {
        if self.keys.is_empty() {
            self.salt = seed;
        }
        let bytes = text.as_bytes();
        ordinals.extend(tokens.iter().map(|token| self.ordinal(bytes, *token, seed)));
    }

    #[inline]
    fn ordinal(&mut self, bytes: &[u8], token: Span, seed: u64) -> u32 {
        let (start, end) = (token.start as usize, token.end as usize);
        let key = Key::new(bytes, start, end, seed);
        let home = self.home(key);
        match self.get(home) {
            Some(ordinal) if self.keys[ordinal] == key => ordinal as u32,
            _ => self.seek(home, key, &bytes[start..end], seed),
        }
    }

    /// The slot where a search begins.
    #[inline]
    fn home(&self, key: Key) -> usize {
        (key.hash(self.salt) >> self.shift) as usize & self.slots.len().wrapping_sub(1)
    }

    /// The ordinal in a slot, if there is one.
    #[inline]
    fn get(&self, slot: usize) -> Option<usize> {
        (*self.slots.get(slot)? as usize).checked_sub(1)
    }

    /// The ordinal of a token that is not where its search begins.
    #[inline(never)]
    fn seek(&mut self, mut slot: usize, key: Key, token: &[u8], seed: u64) -> u32 {
        let (mut known, mut steps) = (self.get(slot), 0_usize);
        while let Some(ordinal) = known
            && self.keys[ordinal] != key
        {
            slot = self.after(slot);
            (known, steps) = (self.get(slot), steps + 1);
        }
        self.excess += steps.saturating_sub(USUAL_STEPS);
        let ordinal = known.unwrap_or_else(|| self.add(slot, key, token_hash(token, seed)));
        if self.excess > EXCESS * self.keys.len() {
            self.salt = self.salt.wrapping_mul(SALT_STEP).wrapping_add(1);
            self.place(self.slots.len());
        }
        ordinal as u32
    }

    /// Adds a token of which `slot` is the place.
    fn add(&mut self, slot: usize, key: Key, hash: u64) -> usize {
        self.hashes.push(hash);
        self.keys.push(key);
        match 2 * self.keys.len() > self.slots.len() {
            true => self.place((2 * self.slots.len()).max(LEAST_SLOTS)),
            false => self.slots[slot] = self.keys.len() as u32,
        }
        self.keys.len() - 1
    }

    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// Gives all tokens places anew, among so many slots.
    fn place(&mut self, slots: usize) {
        self.excess = 0;
        self.shift = u64::BITS - slots.ilog2();
        self.slots.clear();
        self.slots.resize(slots, 0);
        for (key, next) in self.keys.iter().zip(1..) {
            let mut slot = self.home(*key);
            while self.slots[slot] != 0 {
                slot = self.after(slot);
            }
            self.slots[slot] = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Tokens one after the other in a text, and where each of them is.
    fn text(tokens: &[String]) -> (String, Vec<Span>) {
        let mut start = 0;
        let span = |token: &String| {
            let end = start + token.len() as u32;
            Span { start: std::mem::replace(&mut start, end), end }
        };
        (tokens.concat(), tokens.iter().map(span).collect())
    }

    fn token() -> impl Strategy<Value = String> {
        // Those that differ in length alone are different.
        prop_oneof![
            "[\0\x01]{0,40}",
            "\\PC{0,5}",
            (14usize..18).prop_map(|length| "a".repeat(length))
        ]
    }

    proptest! {
        #[test]
        fn numbers_in_order_of_appearance(tokens in prop::collection::vec(token(), 0..3000), again: bool, seed: u64) {
            let mut vocabulary = Vocabulary::default();
            if again {
                vocabulary.number("before", &[Span { start: 0, end: 6 }], !seed, &mut Vec::new());
                vocabulary.clear();
            }
            let (mut ordinals, mut seen) = (Vec::new(), Vec::new());
            for part in tokens.chunks(tokens.len() / 2 + 1) {
                let (text, spans) = text(part);
                vocabulary.number(&text, &spans, seed, &mut ordinals);
            }
            prop_assert_eq!(ordinals.len(), tokens.len());
            for (token, ordinal) in tokens.iter().zip(ordinals) {
                if !seen.contains(token) {
                    seen.push(token.clone());
                }
                prop_assert_eq!(&seen[ordinal as usize], token);
            }
            let hashes: Vec<u64> = seen.iter().map(|token| token_hash(token.as_bytes(), seed)).collect();
            prop_assert_eq!(vocabulary.hashes(), hashes);
        }
    }

    /// Different tokens that a table of some size gives the same place.
    fn colliding(count: usize, salt: u64) -> Vec<String> {
        let tokens = (0..).map(|number: u32| format!("t{number:x}"));
        let is_near =
            |token: &String| Key::new(token.as_bytes(), 0, token.len(), salt).hash(salt) >> 54 == 5;
        tokens.filter(is_near).take(count).collect()
    }

    #[test]
    fn tokens_chosen_for_their_places_get_others() {
        let tokens = colliding(4000, 9);
        let (text, spans) = text(&tokens);
        let (mut vocabulary, mut ordinals) = (Vocabulary::default(), Vec::new());
        for _ in 0..3 {
            vocabulary.number(&text, &spans, 9, &mut ordinals);
        }
        assert_ne!(vocabulary.salt, 9);
        let expected = (0..3).flat_map(|_| 0..4000);
        assert!(ordinals.into_iter().eq(expected));
        let steps = |token: &String| {
            let key = Key::new(token.as_bytes(), 0, token.len(), 9);
            let (mut slot, mut steps) = (vocabulary.home(key), 0);
            while vocabulary.get(slot).is_some_and(|ordinal| vocabulary.keys[ordinal] != key) {
                (slot, steps) = (vocabulary.after(slot), steps + 1);
            }
            steps
        };
        let all: usize = tokens.iter().map(steps).sum();
        assert!(all < 4 * tokens.len(), "{all} steps");
        // The salt of one segment is not that of the next.
        vocabulary.clear();
        vocabulary.number("a", &[Span { start: 0, end: 1 }], 9, &mut Vec::new());
        assert_eq!(vocabulary.salt, 9);
    }
}
