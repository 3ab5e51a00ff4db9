//! Fingerprints: seeded 64-bit hashes of (order, tokens).
//!
//! A token is hashed by XXH3 with the audit's seed. An n-gram's fingerprint is the polynomial
//! `Σ h(tokenᵢ) · M^(n-1-i)` in the ring of 64-bit integers, started from the order and finished
//! by the avalanche of Stafford's variant 13 of MurmurHash3's mixer, so that all bits are usable
//! for partitioning. Two given different n-grams collide with a chance of about 2⁻⁶⁴; findings
//! are verified token by token, so a collision can only cost a finding, never forge one.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Version of the hash; changes whenever any fingerprint would.
pub const VERSION: u32 = 1;

/// Odd multiplier of the polynomial (2⁶⁴ divided by the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hash of one token's bytes.
#[inline]
#[must_use]
pub fn token_hash(token: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(token, seed)
}

/// Fingerprint of the n-gram whose tokens have these hashes; the order is their number.
#[inline]
#[must_use]
pub fn fingerprint(hashes: &[u64]) -> u64 {
    let start = hashes.len() as u64;
    finish(hashes.iter().fold(start, |sum, &hash| step(sum, hash)))
}

#[inline]
fn step(sum: u64, hash: u64) -> u64 {
    sum.wrapping_mul(MULTIPLIER).wrapping_add(hash)
}

#[inline]
fn finish(sum: u64) -> u64 {
    let mut x = sum;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Fingerprints of all n-grams of one order in a token stream.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprinter {
    order: usize,
}

impl Fingerprinter {
    /// For n-grams of `order` tokens, 1..=8.
    #[must_use]
    pub fn new(order: u8) -> Self {
        debug_assert!((1..=8).contains(&order), "orders are 1 to 8");
        Self { order: usize::from(order) }
    }

    /// The fingerprint of every n-gram of one document's token hashes, in text order.
    #[inline]
    pub fn each(self, hashes: &[u64], mut emit: impl FnMut(u64)) {
        match self.order {
            1 => windows::<1>(hashes, &mut emit),
            2 => windows::<2>(hashes, &mut emit),
            3 => windows::<3>(hashes, &mut emit),
            4 => windows::<4>(hashes, &mut emit),
            5 => windows::<5>(hashes, &mut emit),
            6 => windows::<6>(hashes, &mut emit),
            7 => windows::<7>(hashes, &mut emit),
            _ => windows::<8>(hashes, &mut emit),
        }
    }

    /// Replaces `out` by the fingerprints of one document, in text order.
    pub fn collect(self, hashes: &[u64], out: &mut Vec<u64>) {
        out.clear();
        self.each(hashes, |fingerprint| out.push(fingerprint));
    }
}

/// A constant order lets the compiler unroll the polynomial.
#[inline]
fn windows<const N: usize>(hashes: &[u64], emit: &mut impl FnMut(u64)) {
    for window in hashes.windows(N) {
        emit(fingerprint(window));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_agrees_with_the_definition() {
        let hashes: Vec<u64> = (0..20).map(|i: u8| token_hash(&[i], 7)).collect();
        for order in 1..=8 {
            let mut got = Vec::new();
            Fingerprinter::new(order).collect(&hashes, &mut got);
            let expected: Vec<u64> = hashes.windows(usize::from(order)).map(fingerprint).collect();
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn order_seed_and_sequence_matter() {
        let (a, b) = (token_hash(b"a", 1), token_hash(b"b", 1));
        let all = [fingerprint(&[a]), fingerprint(&[a, a]), fingerprint(&[a, b]), fingerprint(&[b, a])];
        for (i, x) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|y| x != y));
        }
        assert_ne!(token_hash(b"a", 1), token_hash(b"a", 2));
    }

    #[test]
    fn golden_values_pin_the_version() {
        assert_eq!(VERSION, 1);
        let hashes = [token_hash(b"unlock", 42), token_hash(b"secret", 42), token_hash(b"mode", 42)];
        assert_eq!(format!("{:016x}", fingerprint(&hashes)), GOLDEN);
    }

    const GOLDEN: &str = "69262e0d52599d13";
}
