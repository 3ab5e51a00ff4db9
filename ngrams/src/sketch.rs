//! Sketches of documents: how much of two documents is the same, without their texts.
//!
//! A document is the set of its pieces, [`PIECE`] tokens each. One permutation of all pieces (their fingerprints) is cut
//! into bins, of which each keeps its least; two documents agree in a bin with the chance of their Jaccard index
//! (one-permutation hashing, P. Li, A. Owen and C. Zhang, NIPS 2012). An empty bin borrows from others in an order that is
//! the same for all documents (optimal densification, A. Shrivastava, ICML 2017). Of every least fingerprint one byte is
//! kept (b-bit minwise hashing, P. Li and C. König, WWW 2010).

use crate::fingerprint::fingerprint;

/// Tokens of a piece.
pub const PIECE: usize = 3;
/// Bins of a sketch: bytes of it. The standard deviation of an estimate is at most 0.045.
pub const BINS: usize = 126;
/// Documents of fewer pieces have no sketch: what they share says too little.
pub const LEAST_PIECES: usize = 48;
/// Bins of a band; documents that agree in a whole band are compared.
const BAND: usize = 6;
/// Bands of a sketch. Documents with a Jaccard index of 0.8 agree in none of them with a chance of 0.2 %.
pub const BANDS: usize = BINS / BAND;

/// The sketch of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sketch(pub [u8; BINS]);

impl Sketch {
    /// Estimate of the Jaccard index of two documents' pieces, 0..=1; without bias but for being cut at 0.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> f64 {
        let agreeing = self.0.iter().zip(&other.0).map(|(a, b)| u32::from(a == b)).sum::<u32>();
        // Different pieces have the same byte once in 256.
        let (agreeing, chance) = (f64::from(agreeing) / BINS as f64, 1.0 / 256.0);
        ((agreeing - chance) / (1.0 - chance)).max(0.0)
    }

    /// A band, 0..[`BANDS`], as a number below 2⁴⁸.
    #[must_use]
    pub fn band(&self, band: usize) -> u64 {
        let bytes = &self.0[BAND * band..BAND * (band + 1)];
        bytes.iter().fold(0, |key, &byte| key << 8 | u64::from(byte))
    }
}

/// The sketch of a document whose pieces have these fingerprints; `None` if there are fewer than [`LEAST_PIECES`].
///
/// Cost: about 1 ns per piece.
#[must_use]
pub fn sketch(pieces: &[u64]) -> Option<Sketch> {
    if pieces.len() < LEAST_PIECES {
        return None;
    }
    let mut least = [EMPTY; BINS];
    for &piece in pieces {
        let bin = &mut least[(((piece >> 32) * BINS as u64) >> 32) as usize];
        *bin = piece.min(*bin);
    }
    let mut bytes = [0; BINS];
    for (bin, byte) in bytes.iter_mut().enumerate() {
        *byte = filled(&least, bin) as u8;
    }
    Some(Sketch(bytes))
}

/// The fingerprint of no piece.
const EMPTY: u64 = u64::MAX;

/// What a bin holds, or what it borrows.
fn filled(least: &[u64; BINS], bin: usize) -> u64 {
    // Every document of [`LEAST_PIECES`] positions has a piece; the last look is at all bins in turn.
    let random = (0..64 * BINS as u64).map(|step| lender(bin as u64, step));
    let lenders = std::iter::once(bin).chain(random).chain(0..BINS);
    lenders.map(|bin| least[bin]).find(|&piece| piece != EMPTY).unwrap_or(0)
}

/// The bin that an empty one asks at a step.
fn lender(bin: u64, step: u64) -> usize {
    (((fingerprint(&[bin, step]) >> 32) * BINS as u64) >> 32) as usize
}

/// The sketch of a document with these token hashes.
#[cfg(test)]
pub(crate) fn sketched(hashes: &[u64]) -> Option<Sketch> {
    let pieces: Vec<u64> = hashes.windows(PIECE).map(fingerprint).collect();
    sketch(&pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Token hashes that no other number has.
    fn tokens(numbers: impl Iterator<Item = u64>) -> Vec<u64> {
        numbers.map(|number| fingerprint(&[number])).collect()
    }

    fn exact(one: &[u64], other: &[u64]) -> f64 {
        let pieces = |hashes: &[u64]| -> BTreeSet<Vec<u64>> {
            hashes.windows(PIECE).map(<[u64]>::to_vec).collect()
        };
        let (one, other) = (pieces(one), pieces(other));
        one.intersection(&other).count() as f64 / one.union(&other).count() as f64
    }

    /// Two documents of `length` tokens of which the last `differing` are not the same.
    fn pair(seed: u64, length: u64, differing: u64) -> [Vec<u64>; 2] {
        let number = |at: u64, side: u64| {
            let own = if at >= length - differing { side } else { 0 };
            seed << 40 | own << 32 | at
        };
        [1, 2].map(|side| tokens((0..length).map(move |at| number(at, side))))
    }

    #[test]
    fn short_documents_have_none() {
        assert_eq!(sketched(&[]), None);
        assert_eq!(sketched(&tokens(0..49)), None);
        assert!(sketched(&tokens(0..50)).is_some());
        // One piece alone fills all bins.
        let same = sketched(&[7; 60]).map(|sketch| sketch.0.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(same, Some(1));
    }

    /// Mean error and spread of the estimate, for short documents with many borrowed bins and long ones.
    #[test]
    fn estimates_are_without_bias() {
        for (length, differing) in
            [(60, 6), (60, 30), (300, 20), (300, 100), (4000, 2000), (4000, 200)]
        {
            let errors: Vec<f64> = (0..400)
                .filter_map(|seed| {
                    let [one, other] = pair(seed, length, differing);
                    Some(sketched(&one)?.similarity(&sketched(&other)?) - exact(&one, &other))
                })
                .collect();
            let n = errors.len() as f64;
            let mean = errors.iter().sum::<f64>() / n;
            let deviation =
                (errors.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / n).sqrt();
            assert!(mean.abs() < 0.012, "{length} {differing}: mean error {mean}");
            assert!(deviation < 0.09, "{length} {differing}: deviation {deviation}");
        }
    }

    proptest! {
        #[test]
        fn depends_on_the_set_of_pieces_alone(numbers in prop::collection::vec(0u64..40, 60..200)) {
            let hashes = tokens(numbers.iter().copied());
            let twice: Vec<u64> = hashes.iter().chain(&hashes).copied().collect();
            // Only pieces over the seam are new.
            let (Some(once), Some(again)) = (sketched(&hashes), sketched(&twice)) else {
                return Err(TestCaseError::fail("long enough"));
            };
            prop_assert!(once.similarity(&again) > 0.7);
            prop_assert_eq!(once.similarity(&once), 1.0);
            prop_assert!((0..BANDS).all(|band| once.band(band) < 1 << 48));
        }
    }
}
