//! Fingerprints: seeded 64-bit hashes of (order, tokens).
//!
//! A token is hashed by XXH3 with the audit's seed; the lowest bit says instead whether it is a number. An n-gram's
//! fingerprint is the polynomial
//! `Σ h(tokenᵢ) · M^(n-1-i)` in the ring of 64-bit integers, to which the order is added, finished
//! by the avalanche of Stafford's variant 13 of MurmurHash3's mixer, so that all bits are usable
//! for partitioning. Two given different n-grams collide with a chance of at most about 2⁻⁶³; findings
//! are verified token by token, so a collision can only cost a finding, never forge one.

use std::ops::Range;

use multiversion::multiversion;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::room::make_room;

/// Version of the hash; changes whenever any fingerprint would. The digest of counting (`Parameters::counting` of the
/// planning crate, which knows no n-grams) must change with it, or counts with other fingerprints are reused.
pub const VERSION: u32 = 2;

/// Odd multiplier of the polynomial (2⁶⁴ divided by the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// What one order adds before the finish: an odd constant, so that orders never share inputs by chance of small numbers.
const ORDER_STEP: u64 = 0xd6e8_feb8_6659_fd93;

/// Hash of one token's bytes: 63 bits of hash above one that says whether it is a number.
#[inline]
#[must_use]
pub fn token_hash(token: &[u8], seed: u64) -> u64 {
    let is_number = !token.is_empty() && token.iter().all(u8::is_ascii_digit);
    xxh3_64_with_seed(token, seed) & !1 | u64::from(is_number)
}

/// Whether the token with this hash is a number: nothing but digits 0 to 9.
#[inline]
#[must_use]
pub fn is_number(token_hash: u64) -> bool {
    token_hash & 1 == 1
}

/// Fingerprint of the n-gram whose tokens have these hashes; the order is their number.
#[inline]
#[must_use]
pub fn fingerprint(hashes: &[u64]) -> u64 {
    finish(polynomial(hashes), hashes.len() as u64)
}

/// The polynomial of tokens with these hashes, not finished.
#[inline]
pub(crate) fn polynomial(hashes: &[u64]) -> u64 {
    hashes.iter().fold(0, |sum, &hash| step(sum, hash))
}

#[inline]
fn step(sum: u64, hash: u64) -> u64 {
    sum.wrapping_mul(MULTIPLIER).wrapping_add(hash)
}

#[inline]
fn finish(sum: u64, order: u64) -> u64 {
    let mut x = sum.wrapping_add(order.wrapping_mul(ORDER_STEP));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Tokens whose polynomials are worked out together.
const TOGETHER: usize = 4;
/// The multiplier to the power of 1 to [`TOGETHER`].
const POWERS: [u64; TOGETHER] = {
    let (mut powers, mut at) = ([MULTIPLIER; TOGETHER], 1);
    while at < TOGETHER {
        powers[at] = powers[at - 1].wrapping_mul(MULTIPLIER);
        at += 1;
    }
    powers
};

/// The polynomial after each of some tokens that follow those of `sum`. Each waits for one multiplication of `sum`, not for
/// those of all tokens before it.
#[inline]
fn ends(sum: u64, hashes: &[u64; TOGETHER]) -> [u64; TOGETHER] {
    let mut own = 0;
    std::array::from_fn(|at| {
        own = step(own, hashes[at]);
        sum.wrapping_mul(POWERS[at]).wrapping_add(own)
    })
}

/// Fingerprints of all n-grams of a token stream.
///
/// It holds the polynomial of every beginning of the stream: that of the n-gram at a position is what the beginning up to its
/// end has beyond the beginning before it, moved up by n places (R. Karp and M. Rabin, *Efficient randomized
/// pattern-matching algorithms*, 1987). So any n-gram of any order costs one multiplication besides the finish.
///
/// Memory: 8 bytes per token.
#[derive(Debug, Default)]
pub struct Fingerprinter {
    /// Polynomial of the tokens before each position, and of all.
    beginnings: Vec<u64>,
}

impl Fingerprinter {
    /// Starts over with another stream.
    pub fn restart(&mut self, hashes: &[u64]) {
        make_room(&mut self.beginnings, hashes.len() + 1);
        self.beginnings.push(0);
        let mut sum = 0;
        let (fours, rest) = hashes.as_chunks::<TOGETHER>();
        for four in fours {
            self.beginnings.extend_from_slice(&ends(sum, four));
            sum = self.beginnings[self.beginnings.len() - 1];
        }
        self.beginnings.extend(rest.iter().map(|&hash| {
            sum = step(sum, hash);
            sum
        }));
    }

    /// The n-grams of one order.
    #[inline]
    #[must_use]
    pub fn of(&self, order: usize) -> Ngrams<'_> {
        let power = MULTIPLIER.wrapping_pow(order as u32);
        Ngrams { beginnings: &self.beginnings, power, order }
    }
}

/// The n-grams of one order of a token stream, by position.
#[derive(Debug, Clone, Copy)]
pub struct Ngrams<'a> {
    beginnings: &'a [u64],
    power: u64,
    order: usize,
}

impl Ngrams<'_> {
    /// Fingerprint of the n-gram at position `at`. The caller keeps inside one document: the
    /// last `order - 1` positions of a document have no n-gram.
    #[inline]
    #[must_use]
    pub fn get(&self, at: usize) -> u64 {
        finish(self.sum(at), self.order as u64)
    }

    /// The polynomial of the n-gram at position `at`, not finished: its upper bits depend on all tokens.
    #[inline]
    pub(crate) fn sum(&self, at: usize) -> u64 {
        let before = self.beginnings[at].wrapping_mul(self.power);
        self.beginnings[at + self.order].wrapping_sub(before)
    }

    /// Appends the fingerprints at the positions `range`, in order.
    pub fn append(&self, range: Range<usize>, out: &mut Vec<u64>) {
        // An empty range may stand where no n-gram fits.
        let ends = self.beginnings.get(range.start + self.order..).unwrap_or(&[]);
        append(&self.beginnings[range], ends, self.power, self.order as u64, out);
    }

    /// Appends the fingerprints at some positions, of each as [`Ngrams::get`].
    pub fn append_at(&self, positions: impl Iterator<Item = usize>, out: &mut Vec<u64>) {
        let before = out.len();
        out.extend(positions.map(|at| self.sum(at)));
        finish_all(&mut out[before..], self.order as u64);
    }
}

/// Appends the fingerprint of each n-gram that has beyond one of the `beginnings` what one of the `ends` has. A loop over
/// nothing but multiplications, of which a processor does up to eight at the same time: with the instructions that are asked
/// for here it takes 0.1 or 0.7 ns for each, without 1.3.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+bmi2", "x86_64+avx2+bmi2"))]
fn append(beginnings: &[u64], ends: &[u64], power: u64, order: u64, out: &mut Vec<u64>) {
    let ngrams = beginnings.iter().zip(ends);
    out.extend(
        ngrams.map(|(before, end)| finish(end.wrapping_sub(before.wrapping_mul(power)), order)),
    );
}

/// Finishes polynomials; as [`append`].
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+bmi2", "x86_64+avx2+bmi2"))]
fn finish_all(sums: &mut [u64], order: u64) {
    sums.iter_mut().for_each(|sum| *sum = finish(*sum, order));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_agrees_with_the_definition() {
        // More than the widest loop takes at once, several times, and some that are left over.
        let hashes: Vec<u64> = (0..150).map(|i: u8| token_hash(&[i], 7)).collect();
        let mut fingerprinter = Fingerprinter::default();
        fingerprinter.restart(&hashes[..5]);
        fingerprinter.restart(&hashes);
        for order in 1..=20 {
            let ngrams = fingerprinter.of(order);
            let positions = 0..hashes.len() + 1 - order;
            let (mut got, mut one_by_one) = (vec![7], vec![7]);
            ngrams.append(positions.clone(), &mut got);
            ngrams.append_at(positions, &mut one_by_one);
            assert_eq!(got, one_by_one);
            assert_eq!(got.remove(0), 7);
            let expected: Vec<u64> = hashes.windows(order).map(fingerprint).collect();
            assert_eq!(got, expected);
            assert!((0..expected.len()).all(|at| ngrams.get(at) == expected[at]));
        }
    }

    #[test]
    fn order_seed_and_sequence_matter() {
        let (a, b) = (token_hash(b"a", 1), token_hash(b"b", 1));
        let all =
            [fingerprint(&[a]), fingerprint(&[a, a]), fingerprint(&[a, b]), fingerprint(&[b, a])];
        for (i, x) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|y| x != y));
        }
        assert_ne!(token_hash(b"a", 1), token_hash(b"a", 2));
    }

    #[test]
    fn a_hash_tells_numbers_from_words() {
        let numbers: [&[u8]; 2] = [b"0", b"2024"];
        assert!(numbers.iter().all(|token| is_number(token_hash(token, 7))));
        let words: [&[u8]; 7] = [b"", b"3rd", b"0x4f", b"a1", b"1_000", b".", "\u{661}".as_bytes()];
        assert!(words.iter().all(|token| !is_number(token_hash(token, 7))));
    }

    #[test]
    fn golden_values_pin_the_version() {
        assert_eq!(VERSION, 2);
        let hashes =
            [token_hash(b"unlock", 42), token_hash(b"secret", 42), token_hash(b"mode", 42)];
        assert_eq!(format!("{:016x}", fingerprint(&hashes)), GOLDEN);
    }

    const GOLDEN: &str = "4d2572bcb097438a";
}
