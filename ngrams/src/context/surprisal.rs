//! How surprising a document is under the document frequencies of its own corpus: bits per token, and the stretch of it
//! that takes most.
//!
//! Stupid back-off (Brants and others, EMNLP-CoNLL 2007) on document frequencies, the document itself left out: a token
//! after another takes log2((df(before) - 1) / (df(pair) - 1)) bits if some other document has the pair, else
//! log2(1 / 0.4) + log2(N / (df(token) - 1)). The table knows tokens from the floor on; one that it does not know counts as
//! being in one other document. Everything is an integer, in 256ths of a bit, so that no order of sums matters.

/// Tokens of the stretch that is looked for; shorter documents are not measured.
pub const STRETCH: usize = 32;

/// Steps of a bit.
pub const STEPS: u32 = 1 << STEP_BITS;
const STEP_BITS: u32 = 8;

/// log2(1 / 0.4), the penalty of backing off, in steps.
const BACK_OFF: u32 = 338;

/// What the tokens of one document take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surprisal {
    /// Ordinal of the document in its segment.
    pub document: u32,
    /// Its tokens, at least [`STRETCH`].
    pub tokens: u32,
    /// Steps that all of them take.
    pub total: u64,
    /// Steps that the [`STRETCH`] consecutive tokens take which take most.
    pub peak: u32,
    /// Where these begin, in tokens; of several the first.
    pub peak_at: u32,
}

/// Measures documents; keeps its memory from one to the next: 2 bytes per token of the longest.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Steps that every token takes.
    steps: Vec<u16>,
}

impl Meter {
    /// Measures a document of which `tokens` and `pairs` are the df of the n-grams of orders 1 and 2, each between two empty places;
    /// `documents` are those of the corpus. `None` if it is shorter than a stretch. Cost: a few ns per token.
    pub(super) fn measure(
        &mut self,
        document: u32,
        tokens: &[u32],
        pairs: &[u32],
        documents: u32,
    ) -> Option<Surprisal> {
        let length = tokens.len() - 2;
        if length < STRETCH {
            return None;
        }
        // A token and the pair that ends in it stand at the same place of the two lists.
        self.steps.clear();
        let alone = BACK_OFF + log2(documents.max(1));
        let mut before = 0_u32;
        self.steps.extend(tokens[1..=length].iter().zip(pairs).map(|(&token, &pair)| {
            let (own, both) = (others(token), others(pair));
            let known = before.saturating_sub(both);
            before = own;
            (if pair < 2 { alone.saturating_sub(own) } else { known }) as u16
        }));
        let total = self.steps.iter().map(|&steps| u64::from(steps)).sum();
        let (peak, peak_at) = self.peak();
        Some(Surprisal { document, tokens: length as u32, total, peak, peak_at })
    }

    /// The largest sum of a stretch, and where it begins.
    fn peak(&self) -> (u32, u32) {
        let mut sum: u32 = self.steps[..STRETCH].iter().map(|&steps| u32::from(steps)).sum();
        let (mut peak, mut peak_at) = (sum, 0);
        let ends = self.steps[STRETCH..].iter().zip(&self.steps);
        for (at, (&enters, &leaves)) in (1..).zip(ends) {
            sum = sum + u32::from(enters) - u32::from(leaves);
            if sum > peak {
                (peak, peak_at) = (sum, at);
            }
        }
        (peak, peak_at)
    }
}

/// log2 of the other documents that have an n-gram of this df, in steps: at least one.
#[inline]
fn others(df: u32) -> u32 {
    log2(df.max(2) - 1)
}

/// log2 in steps, of a number of at least 1: rounded below 512, from there on up to one step less.
#[inline]
fn log2(number: u32) -> u32 {
    let exponent = number.ilog2();
    let fraction = (number << (31 - exponent)) >> (31 - STEP_BITS) & (STEPS - 1);
    exponent << STEP_BITS | FRACTIONS[fraction as usize] as u32
}

/// Steps of log2(1 + i / 256).
static FRACTIONS: [u8; STEPS as usize] = fractions();

/// Bit by bit: each squaring doubles the logarithm (H. Briggs's method, in binary). No floating point.
const fn fractions() -> [u8; STEPS as usize] {
    let mut table = [0; STEPS as usize];
    let mut entry = 0;
    while entry < table.len() {
        let mut square = (STEPS as u64 + entry as u64) << (31 - STEP_BITS);
        let (mut bits, mut bit) = (0u32, 0);
        while bit <= STEP_BITS {
            square = (square * square) >> 31;
            let carries = square >> 32;
            square >>= carries;
            bits = bits << 1 | carries as u32;
            bit += 1;
        }
        // One bit more than a step has rounds it.
        table[entry] = ((bits + 1) >> 1) as u8;
        entry += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn logarithms_are_right_to_two_steps() {
        let exact = |number: u32| f64::from(number).log2() * f64::from(STEPS);
        for number in 1..512 {
            assert!((f64::from(log2(number)) - exact(number)).abs() < 0.51, "{number}");
        }
        let steps = (512..100_000).chain((0..32).map(|bit| u32::MAX >> bit));
        for number in steps {
            assert!((f64::from(log2(number)) - exact(number)).abs() < 2.0, "{number}");
        }
        assert!((1..10_000).map(log2).is_sorted());
    }

    /// The definition, with floating point.
    fn naive(tokens: &[u32], pairs: &[u32], documents: u32) -> Vec<f64> {
        let others = |df: u32| f64::from(df.max(2) - 1);
        let bits = |at: usize| match at.checked_sub(1) {
            Some(before) if pairs[before] >= 2 => {
                (others(tokens[before]) / others(pairs[before])).log2().max(0.0)
            }
            _ => (f64::from(documents) / others(tokens[at]) / 0.4).log2(),
        };
        (0..tokens.len()).map(bits).collect()
    }

    fn places(df: &[u32]) -> Vec<u32> {
        [&[0], df, &[0]].concat()
    }

    proptest! {
        #[test]
        fn equals_the_twin(df in prop::collection::vec((0u32..3000, 0u32..40), STRETCH..200), documents in 3000u32..1_000_000) {
            let (tokens, pairs): (Vec<u32>, Vec<u32>) = df.into_iter().unzip();
            let pairs = &pairs[1..];
            let bits = naive(&tokens, pairs, documents);
            let found = Meter::default().measure(7, &places(&tokens), &places(pairs), documents);
            let sum = |bits: &[f64]| bits.iter().sum::<f64>() * f64::from(STEPS);
            let close = |steps: u64, bits: &[f64]| (steps as f64 - sum(bits)).abs() <= 4.0 * bits.len() as f64;
            let found = found.unwrap();
            prop_assert_eq!((found.document, found.tokens as usize), (7, tokens.len()));
            prop_assert!(close(found.total, &bits));
            let at = found.peak_at as usize;
            prop_assert!(close(u64::from(found.peak), &bits[at..at + STRETCH]));
            let most = bits.windows(STRETCH).map(sum).fold(0.0, f64::max);
            prop_assert!((f64::from(found.peak) - most).abs() <= 4.0 * STRETCH as f64);
        }
    }

    #[test]
    fn short_documents_are_not_measured() {
        let short = places(&[5; STRETCH - 1]);
        assert_eq!(Meter::default().measure(0, &short, &places(&[5; STRETCH - 2]), 9), None);
        assert_eq!(Meter::default().measure(0, &places(&[]), &places(&[]), 9), None);
    }

    #[test]
    fn the_first_of_equal_stretches_is_told() {
        let mut tokens = [1000; 3 * STRETCH];
        tokens[40] = 3;
        tokens[80] = 3;
        let none = places(&[0; 3 * STRETCH - 1]);
        let found = Meter::default().measure(0, &places(&tokens), &none, 1000);
        assert_eq!(found.map(|found| found.peak_at), Some(40 - STRETCH as u32 + 1));
    }
}
