//! Lists beside the findings: what the score wave keeps for them, and the targets by which the evidence
//! wave spells it. Nothing here changes a finding.

use std::collections::BTreeMap;

use taster_findings::{
    Candidate, LabelAssociation, PlaceScore, Scorer, TokenSpike, TopK, label_surprise, q_values,
    spike,
};
use taster_ngrams::fingerprint::fingerprint;
use taster_ngrams::posting::Record;

use crate::associations::{distinct, least_explained};
use crate::corpus::Corpus;
use crate::evidence::Target;
use crate::outcome::Judge;
use crate::passes::RunPlaces;
use crate::score::{Posting, ScoreReceipt};
use crate::summarize::documents;
use crate::verified::Sequence;

/// N-grams kept per slice of the fingerprints and list, by what they would be under random placement.
const PER_SLICE: usize = 8;
/// Concentration below this, one chance in a hundred, is no spike and no association under any null.
const LEAST_CONCENTRATION: f64 = 2.0;
/// Spikes in the report, and those of them that share a place: all words of one template spike together.
const LISTED_SPIKES: usize = 20;
const LISTED_PER_PLACE: usize = 3;

/// The best of one slice.
#[derive(Debug)]
pub(crate) struct Kept {
    spikes: TopK<Posting>,
    associations: TopK<Posting>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { spikes: TopK::new(PER_SLICE), associations: TopK::new(PER_SLICE) }
    }
}

impl Kept {
    /// Offers an n-gram with the records that hold it.
    pub(crate) fn offer<'a>(
        &mut self,
        candidate: &Candidate,
        scorer: &Scorer,
        records: impl Iterator<Item = (u32, Record<'a>)> + Clone,
    ) {
        let Candidate { fingerprint, summary, .. } = candidate;
        let surprise = label_surprise(summary, scorer.totals());
        if admits(&self.associations, surprise, *fingerprint) {
            let posting = first_of(candidate, records.clone());
            self.associations.insert(surprise, *fingerprint, posting);
        }
        let may_spike = summary.order == 1;
        if !may_spike || !admits(&self.spikes, scorer.concentration_bound(summary), *fingerprint) {
            return;
        }
        let concentration = scorer.concentration(summary);
        if admits(&self.spikes, concentration, *fingerprint) {
            self.spikes.insert(concentration, *fingerprint, first_of(candidate, records));
        }
    }

    /// Hands over what was kept.
    pub(crate) fn into_receipt(self, receipt: &mut ScoreReceipt) {
        let postings = |top: TopK<Posting>| top.into_best_first().map(|(_, _, posting)| posting);
        receipt.spikes.extend(postings(self.spikes));
        receipt.associations.extend(postings(self.associations));
    }
}

fn admits(top: &TopK<Posting>, concentration: f64, fingerprint: u64) -> bool {
    concentration >= LEAST_CONCENTRATION && top.admits(concentration, fingerprint)
}

/// The n-gram with one document, which is enough to spell it.
fn first_of<'a>(
    candidate: &Candidate,
    records: impl Iterator<Item = (u32, Record<'a>)>,
) -> Posting {
    let mut documents = documents(records.take(1));
    documents.truncate(1);
    Posting { candidate: candidate.clone(), unusual: false, documents }
}

/// What is listed, and how it is spelled.
#[derive(Debug, Default)]
pub(crate) struct Asides {
    /// Targets from here on are there for these lists alone.
    pub first_target: usize,
    spikes: Vec<Listed>,
    associations: Vec<Listed>,
}

/// An n-gram with the place, or label, for which it is listed.
#[derive(Debug)]
struct Listed {
    place: PlaceScore,
    log10_q: f64,
    spelling: Spelling,
}

/// An n-gram and the target in whose sequence it stands.
#[derive(Debug, Clone, Copy)]
struct Spelling {
    target: usize,
    order: usize,
    fingerprint: u64,
}

/// Tokens and their hashes of the sequences of targets.
pub(crate) type Spelled = BTreeMap<usize, (Vec<String>, Vec<u64>)>;

impl Asides {
    /// Chooses what is listed of what was kept, and adds the targets that are not there yet.
    pub(crate) fn add(
        targets: &mut Vec<Target>,
        judge: &Judge,
        places: &RunPlaces,
        scored: &ScoreReceipt,
    ) -> Self {
        let first_target = targets.len();
        let mut spelling = Speller::new(targets, places);
        let mut listed = |(place, log10_q, posting): (PlaceScore, f64, &Posting)| Listed {
            place,
            log10_q,
            spelling: spelling.of(posting),
        };
        let spikes = listed_spikes(judge, &scored.spikes, scored.tokens);
        let spikes = spikes.into_iter().map(&mut listed).collect();
        let associations = least_explained(judge, &scored.associations, scored.ngrams);
        let associations = associations.into_iter().map(listed).collect();
        Self { first_target, spikes, associations }
    }

    /// Keeps the sequence of a target if a list needs it.
    pub(crate) fn spell(&self, target: usize, sequence: &Sequence, spelled: &mut Spelled) {
        let mut listed = self.spikes.iter().chain(&self.associations);
        if listed.any(|listed| listed.spelling.target == target) {
            spelled.insert(target, (sequence.tokens.clone(), sequence.hashes.clone()));
        }
    }

    /// The spikes in words, best first.
    pub(crate) fn token_spikes(&self, corpus: &Corpus, spelled: &Spelled) -> Vec<TokenSpike> {
        let describe = |spike: &Listed| {
            let axis = spike.place.axis as usize;
            let locality = &corpus.values[axis][spike.place.locality as usize];
            let token = spike.spelling.tokens(spelled)?.concat();
            let totals = &corpus.totals.axes[axis];
            Some(TokenSpike::describe(token, &spike.place, totals, locality, spike.log10_q))
        };
        self.spikes.iter().filter_map(describe).collect()
    }

    /// The associations in words, best first.
    pub(crate) fn label_associations(
        &self,
        corpus: &Corpus,
        spelled: &Spelled,
    ) -> Vec<LabelAssociation> {
        let named =
            self.associations.iter().filter_map(|one| Some((one, one.spelling.tokens(spelled)?)));
        let listed = distinct(named, |(one, tokens)| (one.place.locality, tokens));
        let describe = |(one, tokens): (&Listed, &[String])| {
            let axis = one.place.axis as usize;
            let label = &corpus.values[axis][one.place.locality as usize];
            let totals = &corpus.totals.axes[axis];
            LabelAssociation::describe(tokens.to_vec(), &one.place, totals, label, one.log10_q)
        };
        listed.into_iter().map(describe).collect()
    }
}

/// The tokens that the over-dispersed null explains least, each with its place and log10 q.
fn listed_spikes<'a>(
    judge: &Judge,
    kept: &'a [Posting],
    tokens: u64,
) -> Vec<(PlaceScore, f64, &'a Posting)> {
    let totals = judge.scorer.totals();
    let place = |posting: &'a Posting| {
        Some((spike(&posting.candidate.summary, totals, &judge.dispersion)?, posting))
    };
    let mut all: Vec<(PlaceScore, &Posting)> = kept.iter().filter_map(place).collect();
    all.sort_by(|(a, one), (b, other)| {
        let by_chance = a.log10_p_dispersed.total_cmp(&b.log10_p_dispersed);
        by_chance.then(one.candidate.fingerprint.cmp(&other.candidate.fingerprint))
    });
    let places: Vec<PlaceScore> = all.iter().map(|(place, _)| *place).collect();
    let q = q_values(&places, tokens * totals.place_axes());
    let rated = all.into_iter().zip(q).map(|((place, posting), q)| (place, q, posting));
    let mut known: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let has_room = |(place, ..): &(PlaceScore, f64, &Posting)| {
        let listed = known.entry((place.axis, place.locality)).or_default();
        *listed += 1;
        *listed <= LISTED_PER_PLACE
    };
    rated.filter(has_room).take(LISTED_SPIKES).collect()
}

/// Finds a target for every n-gram, or adds one.
struct Speller<'a> {
    targets: &'a mut Vec<Target>,
    known: BTreeMap<(usize, u64), usize>,
    places: &'a RunPlaces,
}

impl<'a> Speller<'a> {
    fn new(targets: &'a mut Vec<Target>, places: &'a RunPlaces) -> Self {
        let numbered = targets.iter().enumerate();
        let known =
            numbered.map(|(place, target)| ((target.order, target.fingerprint), place)).collect();
        Self { targets, known, places }
    }

    fn of(&mut self, posting: &Posting) -> Spelling {
        let fingerprint = posting.candidate.fingerprint;
        let order = usize::from(posting.candidate.summary.order);
        let (targets, places) = (&mut *self.targets, self.places);
        let target = *self.known.entry((order, fingerprint)).or_insert_with(|| {
            let documents = posting.documents.iter().map(|&posted| places.document(posted));
            let documents = documents.collect();
            targets.push(Target { fingerprint, order, documents, closes: false });
            targets.len() - 1
        });
        Spelling { target, order, fingerprint }
    }
}

impl Spelling {
    /// Its tokens, where the sequence of its target has them.
    fn tokens<'a>(&self, spelled: &'a Spelled) -> Option<&'a [String]> {
        let (tokens, hashes) = spelled.get(&self.target)?;
        let mut windows = hashes.windows(self.order);
        let at = windows.position(|window| fingerprint(window) == self.fingerprint)?;
        tokens.get(at..at + self.order)
    }
}
