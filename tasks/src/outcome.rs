//! From verified sequences to the report: verdicts, campaigns, ranks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use taster_findings::{
    Calibration, Campaign, CampaignEntry, CampaignMember, Candidate, Combined, Company,
    Concentration, Dispersion, Evidence, Explanation, Finding, FindingDocument, Folded,
    KnownSignature, Occurrence, PlaceScore, Scorer, SharedLabel, combine, explain, group,
    place_scores, q_values, shared_label, template_place, z_score,
};

use crate::appendix::Appendix;
use crate::corpus::{Corpus, DocumentOrd};
use crate::dispatch::each;
use crate::joined::Verified;
use crate::sought::Rated;
use crate::verified::{Holder, Place};

/// Document ids listed per finding.
const LISTED_IDS: usize = 1000;

/// The nulls of one corpus and what scoring needs besides.
#[derive(Debug)]
pub(crate) struct Judge {
    pub scorer: Scorer,
    pub calibration: Calibration,
    pub dispersion: Dispersion,
    /// (n-gram, axis) pairs in the whole corpus.
    pub tests: u64,
    /// The signatures, in the order of the list.
    pub signatures: Vec<Rated>,
}

/// Where a candidate sits, with q-values.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub scores: Vec<(PlaceScore, f64)>,
}

impl Placed {
    /// -log10 q of the most concentrated place.
    fn strongest(&self) -> f64 {
        self.scores.iter().fold(0.0, |most, (_, q)| most.max(-q))
    }

    /// The place of which it is a template.
    fn template_place(&self) -> Option<&PlaceScore> {
        template_place(self.scores.iter().map(|(place, _)| place))
    }
}

impl Judge {
    /// Places of a candidate.
    pub(crate) fn scores(&self, candidate: &Candidate) -> Vec<PlaceScore> {
        place_scores(&candidate.summary, self.scorer.totals(), Some(&self.dispersion))
    }

    /// Places of all candidates, corrected for the whole corpus.
    pub(crate) fn places<'c>(
        &self,
        candidates: impl Iterator<Item = &'c Candidate>,
    ) -> Vec<Placed> {
        self.corrected(candidates.map(|candidate| self.scores(candidate)).collect())
    }

    /// The same from the places of each.
    pub(crate) fn corrected(&self, scores: Vec<Vec<PlaceScore>>) -> Vec<Placed> {
        let q = q_values(&scores.concat(), self.tests);
        let mut q = q.into_iter();
        scores
            .into_iter()
            .map(|places| Placed { scores: places.into_iter().zip(q.by_ref()).collect() })
            .collect()
    }

    /// Strength of the strongest of some signatures.
    fn signature_strength(&self, signatures: &BTreeSet<u32>) -> f64 {
        let strengths = signatures.iter().map(|&index| self.signatures[index as usize].strength);
        strengths.fold(0.0, f64::max)
    }

    /// The verdict on a candidate; U is 0 and its company unknown as long as its text is.
    pub(crate) fn verdict(
        &self,
        candidate: &Candidate,
        placed: &Placed,
        code_points: f64,
        company: Company,
        signature: f64,
    ) -> Combined {
        let evidence = Evidence {
            edf: candidate.summary.edf,
            scores: candidate.scores,
            code_points,
            concentration: placed.strongest(),
            signature,
            boilerplate: placed.template_place().is_some(),
            company,
        };
        combine(&evidence, &self.calibration)
    }
}

/// Findings with their occurrences and campaigns.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub findings: Vec<Finding>,
    pub occurrences: Vec<Occurrence>,
    /// The document of every occurrence.
    pub listed: Vec<DocumentOrd>,
    /// Every document of every finding.
    pub documents: Vec<FindingDocument>,
    pub campaigns: Vec<CampaignEntry>,
    /// The signatures of every finding.
    pub sought: Vec<BTreeSet<u32>>,
    /// What is no finding because it is boilerplate.
    pub appendix: Appendix,
}

/// Judges all verified candidates, takes boilerplate out, groups them and keeps the `max_findings` best; on up to `threads`
/// threads.
pub(crate) fn outcome(
    judge: &Judge,
    corpus: &Corpus,
    verified: Vec<Verified>,
    max_findings: usize,
    threads: usize,
) -> Outcome {
    let judged = verified.into_iter().map(|verified| Judged::new(judge, verified));
    let (demoted, mut judged): (Vec<Judged>, Vec<Judged>) =
        judged.partition(|judged| judged.combined.is_appended());
    judged.sort_by(|a, b| {
        b.combined
            .score
            .total_cmp(&a.combined.score)
            .then_with(|| a.verified.id.cmp(&b.verified.id))
    });
    let sets = document_sets(&judged);
    let campaigns = group(&members(&judged, &sets, threads));
    let shown = shown(&campaigns, &judged, max_findings);
    let findings = each(threads, &shown, |&(rank, folded, campaign)| {
        judged[folded.member].finding(judge, corpus, rank, campaign)
    });
    let appendix = Appendix::new(corpus, demoted, threads);
    let mut outcome = Outcome { appendix, ..Outcome::default() };
    let mut listing = Listing::new(corpus);
    for (finding, (_, folded, _)) in findings.into_iter().zip(&shown) {
        let Verified { sequence, sought, .. } = &mut judged[folded.member].verified;
        let id = Arc::from(finding.finding_id.as_str());
        outcome.documents.extend(listing.documents(&id, &std::mem::take(&mut sequence.holders)));
        outcome.sought.push(std::mem::take(sought));
        outcome.findings.push(finding);
        for place in std::mem::take(&mut sequence.listed) {
            outcome.listed.push(place.document.ord);
            outcome.occurrences.push(listing.occurrence(&id, place));
        }
    }
    outcome.campaigns = campaigns
        .iter()
        .filter_map(|campaign| campaign_entry(campaign, &sets, &outcome.findings))
        .collect();
    outcome
}

/// The findings that are shown, each with its rank and its campaign.
fn shown<'a>(
    campaigns: &'a [Campaign],
    judged: &[Judged],
    max_findings: usize,
) -> Vec<(usize, &'a Folded, u32)> {
    let mut shown: Vec<(&Folded, u32)> = campaigns
        .iter()
        .flat_map(|campaign| campaign.findings.iter().map(|folded| (folded, campaign.number)))
        .collect();
    let leaders: BTreeSet<usize> = campaigns.iter().map(|c| c.findings[0].rank).collect();
    // The first of every campaign before what else it has: a page of findings shows as many campaigns as it can.
    shown.sort_by_key(|(folded, _)| {
        let severity = judged[folded.member].combined.severity;
        (Reverse(severity), !leaders.contains(&folded.rank), folded.rank)
    });
    shown.truncate(max_findings);
    let ranked = (1..).zip(shown);
    ranked.map(|(rank, (folded, campaign))| (rank, folded, campaign)).collect()
}

/// What grouping needs to know of sequences with these documents.
pub(crate) fn members<'a>(
    judged: &'a [Judged],
    sets: &'a [Vec<u64>],
    threads: usize,
) -> Vec<CampaignMember<'a>> {
    let signatures = each(threads, sets, |documents| document_signature(documents));
    let tokens = judged.iter().map(|judged| &judged.verified.sequence.tokens);
    let all = tokens.zip(sets).zip(signatures);
    all.map(|((tokens, documents), signature)| CampaignMember { signature, documents, tokens })
        .collect()
}

fn campaign_entry(
    campaign: &Campaign,
    sets: &[Vec<u64>],
    findings: &[Finding],
) -> Option<CampaignEntry> {
    let number = campaign.number.cast_signed();
    let listed: Vec<String> = findings
        .iter()
        .filter(|finding| finding.campaign == number)
        .map(|finding| finding.finding_id.clone())
        .collect();
    let documents: BTreeSet<u64> =
        campaign.findings.iter().flat_map(|folded| sets[folded.member].iter().copied()).collect();
    Some(CampaignEntry {
        campaign: number,
        leader: listed.first()?.clone(),
        covers: campaign.findings.iter().map(|folded| folded.covers.len() as i64).sum(),
        documents: documents.len() as i64,
        findings: listed,
    })
}

fn document_number(ord: DocumentOrd) -> u64 {
    u64::from(ord.unit) << 32 | u64::from(ord.document)
}

/// The documents of every sequence, as numbers.
pub(crate) fn document_sets(judged: &[Judged]) -> Vec<Vec<u64>> {
    let sequences = judged.iter().map(|judged| &judged.verified.sequence);
    sequences.map(|s| s.documents.iter().map(|&ord| document_number(ord)).collect()).collect()
}

/// Sum of a 128-bit hash per document: equal sets have equal sums.
fn document_signature(documents: &[u64]) -> u128 {
    let hash = |number: &u64| {
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(&number.to_le_bytes()).as_bytes()[..16]);
        u128::from_le_bytes(half)
    };
    documents.iter().fold(0, |sum, number| sum.wrapping_add(hash(number)))
}

/// A verified sequence with its verdict.
pub(crate) struct Judged {
    pub verified: Verified,
    pub combined: Combined,
}

impl Judged {
    fn new(judge: &Judge, verified: Verified) -> Self {
        let code_points = verified.sequence.code_points.score;
        let company = verified.sequence.company;
        let signature = judge.signature_strength(&verified.sought);
        let (candidate, placed) = (&verified.candidate, &verified.placed);
        let combined = judge.verdict(candidate, placed, code_points, company, signature);
        Self { verified, combined }
    }

    fn concentration(&self, corpus: &Corpus) -> Vec<Concentration> {
        let mut places: Vec<&(PlaceScore, f64)> = self.verified.placed.scores.iter().collect();
        places.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.axis.cmp(&b.0.axis)));
        places.iter().map(|(place, q)| described(corpus, place, *q)).collect()
    }

    /// The place of which it is a template, if it was demoted for that.
    pub(crate) fn template_place(&self, corpus: &Corpus) -> Option<Concentration> {
        let template =
            self.verified.placed.template_place().filter(|_| self.combined.boilerplate)?;
        let mut scores = self.verified.placed.scores.iter();
        let (place, q) = scores.find(|(place, _)| place.axis == template.axis)?;
        Some(described(corpus, place, *q))
    }

    /// The label of its documents, if it is one.
    fn label<'c>(&self, corpus: &'c Corpus) -> Option<SharedLabel<'c>> {
        let place = shared_label(&self.verified.candidate.summary, &corpus.totals)?;
        let axis = place.axis as usize;
        let share = place.locality_documents as f64 / corpus.totals.axes[axis].with_value as f64;
        Some(SharedLabel {
            label: &corpus.values[axis][place.locality as usize],
            documents: place.known,
            share,
            z: z_score(place.edf, place.known, share),
        })
    }

    fn finding(&self, judge: &Judge, corpus: &Corpus, rank: usize, campaign: u32) -> Finding {
        let Verified { candidate, sequence, id, sought, .. } = &self.verified;
        let signatures: Vec<KnownSignature<'_>> =
            sought.iter().map(|&index| judge.signatures[index as usize].told()).collect();
        let concentration = self.concentration(corpus);
        let explanation = explain(&Explanation {
            summary: &candidate.summary,
            scores: &candidate.scores,
            combined: &self.combined,
            concentration: &concentration,
            code_points: &sequence.code_points.reasons,
            template: sequence.template.as_ref(),
            boilerplate: self.template_place(corpus).as_ref(),
            nearly_same: corpus.nearly_same(&sequence.documents),
            pinned: sequence.company.pinned,
            signatures: &signatures,
            label: self.label(corpus),
        });
        let effective = corpus.effective(&sequence.documents);
        Finding {
            rank: rank as i32,
            finding_id: id.clone(),
            severity: self.combined.severity,
            kinds: self.combined.kinds.clone(),
            text: sequence.text.clone(),
            tokens: sequence.tokens.clone(),
            order: sequence.tokens.len() as i32,
            score: self.combined.score,
            document_frequency: sequence.documents.len() as i64,
            effective_document_frequency: effective as i64,
            collection_frequency: sequence.occurrences().cast_signed(),
            novelty: candidate.scores.novelty,
            asymmetry: candidate.scores.asymmetry.weighted,
            code_points: sequence.code_points.score,
            concentration,
            campaign: campaign.cast_signed(),
            doc_ids: self.ids(),
            explanation,
        }
    }

    /// Ids of the first documents, in shard and row order.
    fn ids(&self) -> Vec<String> {
        let first = self.verified.sequence.holders.iter().take(LISTED_IDS);
        first.map(|holder| holder.document.id.as_ref().to_owned()).collect()
    }
}

/// A place with its names.
fn described(corpus: &Corpus, place: &PlaceScore, log10_q: f64) -> Concentration {
    let axis = place.axis as usize;
    let locality = &corpus.values[axis][place.locality as usize];
    place.describe(&corpus.totals.axes[axis].name, locality, log10_q)
}

/// Makes the rows of the tables beside the findings; what is the same in many of them is shared.
struct Listing<'a> {
    corpus: &'a Corpus,
    names: Vec<String>,
    /// The axes of every document that is listed. Asked for what it holds, never for its order.
    axes: HashMap<DocumentOrd, Arc<BTreeMap<String, Option<String>>>>,
}

impl<'a> Listing<'a> {
    fn new(corpus: &'a Corpus) -> Self {
        let names = corpus.totals.axes.iter().map(|axis| axis.name.clone()).collect();
        Self { corpus, names, axes: HashMap::new() }
    }

    /// All documents of a finding, in shard and row order.
    fn documents(
        &self,
        id: &Arc<str>,
        holders: &[Holder],
    ) -> impl Iterator<Item = FindingDocument> {
        holders.iter().map(|Holder { document, .. }| FindingDocument {
            finding_id: Arc::clone(id),
            shard: Arc::clone(self.corpus.shard_of(document.ord)),
            row_group: document.row_group.cast_signed(),
            row: document.row.cast_signed(),
            id: Arc::clone(&document.id),
        })
    }

    fn occurrence(&mut self, id: &Arc<str>, place: Place) -> Occurrence {
        let Place { document, byte_start, byte_end, before, after } = place;
        let (corpus, names) = (self.corpus, &self.names);
        let axes = self.axes.entry(document.ord).or_insert_with(|| {
            let values = document.values(corpus).map(|value| value.map(str::to_owned));
            Occurrence::own_axes(names.iter().cloned().zip(values))
        });
        Occurrence {
            finding_id: Arc::clone(id),
            shard: Arc::clone(corpus.shard_of(document.ord)),
            row_group: document.row_group.cast_signed(),
            row: document.row.cast_signed(),
            id: Arc::clone(&document.id),
            byte_start: byte_start as i64,
            byte_end: byte_end as i64,
            before: before.into(),
            after: after.into(),
            axes: Arc::clone(axes),
        }
    }
}
