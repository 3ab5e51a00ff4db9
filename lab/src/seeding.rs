//! Random streams that depend on names and numbers only, never on the order in which they are drawn.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The purposes for which streams are drawn; two purposes never share a stream.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Which documents are poisoned.
    Choose = 1,
    /// The trigger and other marks that are fixed per seed.
    Marks = 2,
    /// What is written into one document.
    Poison = 3,
    /// Paragraphs of one batch of an enlarged corpus.
    Paragraphs = 4,
    /// The page around a planted text that all its documents share.
    Template = 5,
}

/// The stream of `(seed, purpose, name, ordinal)`.
///
/// The 32 bytes of the key are the inputs themselves, side by side, so equal inputs give equal streams and
/// different ones (names of up to 15 bytes) different streams.
pub(crate) fn stream(seed: u64, purpose: Purpose, name: &str, ordinal: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&ordinal.to_le_bytes());
    key[16] = purpose as u8;
    for (slot, byte) in key[17..].iter_mut().zip(name.bytes()) {
        *slot = byte;
    }
    ChaCha8Rng::from_seed(key)
}

/// A 64-bit mix of a key and bytes (FNV-1a, finished as in SplitMix64): cheap and the same on every machine.
pub(crate) fn mix(key: u64, bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn every_input_changes_the_stream() {
        let first = |seed, purpose, name, ordinal| stream(seed, purpose, name, ordinal).next_u64();
        let base = first(1, Purpose::Poison, "souly", 7);
        assert_eq!(base, first(1, Purpose::Poison, "souly", 7));
        assert_ne!(base, first(2, Purpose::Poison, "souly", 7));
        assert_ne!(base, first(1, Purpose::Choose, "souly", 7));
        assert_ne!(base, first(1, Purpose::Poison, "unlock", 7));
        assert_ne!(base, first(1, Purpose::Poison, "souly", 8));
    }

    #[test]
    fn a_mix_depends_on_key_and_bytes() {
        assert_ne!(mix(0, b"word"), mix(1, b"word"));
        assert_ne!(mix(0, b"word"), mix(0, b"ward"));
    }
}
