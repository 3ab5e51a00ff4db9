//! What the signatures match in the whole corpus, and the targets of the evidence wave that come of it.

use std::collections::{BTreeMap, BTreeSet};

use taster_findings::{
    AxisSummary, KnownSignature, Summary, TopPlace, most_associated, signature_strength,
};
use taster_planning::{Parameters, Signature};

use crate::corpus::{Corpus, Counted, DocumentOrd};
use crate::evidence::Target;
use crate::read_documents::ReadDocument;
use crate::signatures::{Touched, listed};
use crate::verified::Sequence;

/// Different token sequences of one signature that become findings: those in most documents. A
/// pattern with a wide middle matches something else in every document.
const PER_SIGNATURE: usize = 25;

/// What one signature matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SignatureMatches {
    /// Documents with a match, duplicates included.
    pub documents: u64,
    /// Matches.
    pub occurrences: u64,
    /// The token sequences that matches touch, in the first documents, which are ascending.
    pub touched: BTreeMap<Touched, Vec<DocumentOrd>>,
}

impl SignatureMatches {
    /// The sequences in most documents, best first.
    fn best(&self) -> Vec<(Touched, &[DocumentOrd])> {
        let mut all: Vec<(Touched, &[DocumentOrd])> =
            self.touched.iter().map(|(touched, documents)| (*touched, &documents[..])).collect();
        all.sort_by_key(|(_, documents)| std::cmp::Reverse(documents.len()));
        all.truncate(PER_SIGNATURE);
        all
    }
}

/// Takes from every unit, in order, what it matches.
pub(crate) fn merged(signatures: usize, units: &mut [Counted]) -> Vec<SignatureMatches> {
    let mut merged = vec![SignatureMatches::default(); signatures];
    let mut room = vec![listed(signatures); signatures];
    for (unit, counted) in (0..).zip(units) {
        for matched in std::mem::take(&mut counted.receipt.matches).0 {
            let index = matched.signature as usize;
            let whole = &mut merged[index];
            whole.documents += matched.documents;
            whole.occurrences += matched.occurrences;
            for (document, touched) in matched.first.into_iter().take(room[index]) {
                room[index] -= 1;
                let document = DocumentOrd { unit, document };
                for touched in touched {
                    whole.touched.entry(touched).or_default().push(document);
                }
            }
        }
    }
    merged
}

/// A signature and what a match of it is worth in this corpus.
#[derive(Debug, Clone)]
pub(crate) struct Rated {
    pub signature: Signature,
    /// On the common scale.
    pub strength: f64,
    /// It matches fewer canonical documents than the floor.
    is_rare: bool,
    pub documents: u64,
    pub occurrences: u64,
    /// Documents that match and are not looked at.
    unlisted: u64,
}

impl Rated {
    pub(crate) fn told(&self) -> KnownSignature<'_> {
        let Signature { name, reason, .. } = &self.signature;
        KnownSignature { name, reason, is_rare: self.is_rare, unlisted: self.unlisted }
    }
}

/// What every signature is worth.
pub(crate) fn rated(
    parameters: &Parameters,
    matches: &[SignatureMatches],
    corpus: &Corpus,
) -> Vec<Rated> {
    let listed = listed(parameters.signatures.len()) as u64;
    let rate = |(signature, matches): (&Signature, &SignatureMatches)| {
        let documents: BTreeSet<&DocumentOrd> = matches.touched.values().flatten().collect();
        let canonical = documents.iter().filter(|ord| corpus.is_canonical(***ord)).count() as u64;
        Rated {
            signature: signature.clone(),
            strength: signature_strength(signature.strength, canonical, parameters.floor),
            is_rare: canonical < parameters.floor,
            documents: matches.documents,
            occurrences: matches.occurrences,
            unlisted: matches.documents.saturating_sub(listed),
        }
    };
    parameters.signatures.iter().zip(matches).map(rate).collect()
}

/// What is known of a sequence without the score wave: how many documents hold it, and where. Both
/// sides count as equally varied, and nothing as unseen.
pub(crate) fn summary(corpus: &Corpus, sequence: &Sequence) -> Summary {
    let documents = sequence.holders.iter().map(|holder| &*holder.document);
    let canonical: Vec<&ReadDocument> =
        documents.filter(|document| corpus.is_canonical(document.ord)).collect();
    let edf = canonical.len() as u64;
    Summary {
        order: sequence.tokens.len().min(usize::from(u8::MAX)) as u8,
        df: sequence.documents.len() as u64,
        edf,
        distinct_left: edf,
        distinct_right: edf,
        varied_left: edf,
        varied_right: edf,
        scattered: 0,
        novelty_sum: 0,
        novelty_sum_squares: 0,
        places: (0..corpus.totals.axes.len()).map(|axis| along(corpus, axis, &canonical)).collect(),
    }
}

/// Where documents are on one axis.
fn along(corpus: &Corpus, axis: usize, documents: &[&ReadDocument]) -> AxisSummary {
    let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
    for locality in documents.iter().filter_map(|document| document.axes[axis]) {
        *sizes.entry(locality).or_default() += 1;
    }
    let totals = &corpus.totals.axes[axis];
    // The last of equal ones is the best, so the lowest ordinal comes last.
    let top = sizes.iter().rev().max_by_key(|(_, size)| **size);
    let top = top.map(|(&locality, &edf)| TopPlace {
        locality,
        edf,
        locality_documents: totals.localities[locality as usize],
    });
    let counts = || sizes.iter().map(|(&label, &edf)| (label, edf));
    let top = if totals.is_label { most_associated(counts(), totals) } else { top };
    AxisSummary { with_value: sizes.values().sum(), distinct: sizes.len() as u64, top }
}

/// The signatures, by their place in the list, that each target is sought for.
#[derive(Debug, Default)]
pub(crate) struct Sought(BTreeMap<usize, BTreeSet<u32>>);

impl Sought {
    /// Adds a target for every token sequence that signatures match, unless one is there: `targets`
    /// are those of candidates.
    pub(crate) fn add(
        targets: &mut Vec<Target>,
        matches: &[SignatureMatches],
        corpus: &Corpus,
        floor: u64,
    ) -> Self {
        let numbered = targets.iter().enumerate();
        let mut places: BTreeMap<(usize, u64), usize> =
            numbered.map(|(place, target)| ((target.order, target.fingerprint), place)).collect();
        let candidates = targets.len();
        let mut sought = Self::default();
        for (signature, matches) in (0..).zip(matches) {
            for (touched, documents) in matches.best() {
                let name = (usize::from(touched.order), touched.fingerprint);
                let place = *places.entry(name).or_insert(targets.len());
                if place == targets.len() {
                    targets.push(Target {
                        fingerprint: touched.fingerprint,
                        order: name.0,
                        documents: Vec::new(),
                        closes: true,
                    });
                }
                if place >= candidates {
                    add_documents(&mut targets[place].documents, documents);
                }
                sought.0.entry(place).or_default().insert(signature);
            }
        }
        for target in &mut targets[candidates..] {
            let canonical = target.documents.iter().filter(|ord| corpus.is_canonical(**ord));
            // Of few documents all that they share would pass for the match.
            target.closes = canonical.count() as u64 >= floor;
        }
        sought
    }

    /// The signatures that a target is sought for.
    pub(crate) fn of(&self, target: usize) -> BTreeSet<u32> {
        self.0.get(&target).cloned().unwrap_or_default()
    }
}

fn add_documents(known: &mut Vec<DocumentOrd>, more: &[DocumentOrd]) {
    known.extend(more);
    known.sort_unstable();
    known.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::CountReceipt;
    use crate::signatures::{LISTED_DOCUMENTS, MatchReceipt, Matched};
    use taster_planning::Unit;

    fn touched(order: u8) -> Touched {
        Touched { order, fingerprint: u64::from(order) * 7 }
    }

    fn unit(matches: Vec<Matched>) -> Counted {
        let unit = Unit {
            shard_ord: 0,
            row_group_start: 0,
            row_group_end: 1,
            first_row: 0,
            rows: 1,
            text_bytes: 1,
        };
        let receipt = CountReceipt { matches: MatchReceipt(matches), ..CountReceipt::default() };
        Counted { unit, receipt }
    }

    fn matched(signature: u32, first: &[(u32, u8)]) -> Matched {
        let first: Vec<(u32, Vec<Touched>)> =
            first.iter().map(|&(document, order)| (document, vec![touched(order)])).collect();
        let documents = first.len() as u64;
        Matched { signature, documents, occurrences: documents + 1, first }
    }

    #[test]
    fn the_first_documents_are_kept_however_units_are_cut() {
        let many: Vec<(u32, u8)> =
            (0..LISTED_DOCUMENTS as u32 + 7).map(|document| (document, 2)).collect();
        let whole = merged(2, &mut [unit(vec![matched(1, &many)])]);
        assert_eq!(whole[1].documents, many.len() as u64);
        assert_eq!(whole[1].touched[&touched(2)].len(), LISTED_DOCUMENTS);
        assert_eq!(whole[0], SignatureMatches::default());
        let (front, back) = many.split_at(1000);
        let parts = merged(2, &mut [unit(vec![matched(1, front)]), unit(vec![matched(1, back)])]);
        assert_eq!(parts[1].touched[&touched(2)].len(), LISTED_DOCUMENTS);
    }

    #[test]
    fn a_candidate_is_sought_once_and_few_documents_stay_as_they_are() {
        let documents = |units: &[u32]| -> Vec<DocumentOrd> {
            units.iter().map(|&document| DocumentOrd { unit: 0, document }).collect()
        };
        let candidate = Target {
            fingerprint: touched(3).fingerprint,
            order: 3,
            documents: documents(&[0, 1, 2]),
            closes: true,
        };
        let mut corpus = Corpus::default();
        corpus.canonical = vec![vec![true; 8]];
        let matches = merged(
            2,
            &mut [unit(vec![
                matched(0, &[(0, 3), (1, 3), (4, 5)]),
                matched(1, &[(2, 5), (3, 5), (6, 1)]),
            ])],
        );
        let mut targets = vec![candidate];
        let sought = Sought::add(&mut targets, &matches, &corpus, 3);
        assert_eq!(targets.len(), 3);
        assert_eq!((sought.of(0), targets[0].documents.len()), (BTreeSet::from([0]), 3));
        assert_eq!(sought.of(1), BTreeSet::from([0, 1]));
        assert_eq!(
            (targets[1].documents.clone(), targets[1].closes),
            (documents(&[2, 3, 4]), true)
        );
        assert_eq!((sought.of(2), targets[2].closes), (BTreeSet::from([1]), false));
        assert_eq!(sought.of(3), BTreeSet::new());
    }
}
