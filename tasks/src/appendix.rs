//! The appendix: verified sequences that are boilerplate and hence no findings.

use taster_findings::{BoilerplateEntry, Campaign, boilerplate_reason, group};

use crate::corpus::Corpus;
use crate::outcome::{Judged, document_sets, members};

/// Sequences that are listed, one for all that share its documents.
const LISTED: usize = 50;
/// Document ids of each.
const LISTED_IDS: usize = 5;

/// What is demoted as boilerplate.
#[derive(Debug, Default)]
pub(crate) struct Appendix {
    pub entries: Vec<BoilerplateEntry>,
    /// All of them, listed or not.
    pub sequences: usize,
}

impl Appendix {
    /// The appendix of these sequences; what stands out most comes first, so that the cap leaves out what does least.
    pub(crate) fn new(corpus: &Corpus, mut demoted: Vec<Judged>, threads: usize) -> Self {
        demoted.sort_by(|a, b| {
            let by_score = b.combined.undemoted.total_cmp(&a.combined.undemoted);
            by_score.then_with(|| a.verified.id.cmp(&b.verified.id))
        });
        let sets = document_sets(&demoted);
        let entry = |campaign: &Campaign| {
            let leader = &demoted[campaign.findings.first()?.member];
            let sequences = campaign.findings.iter().map(|folded| 1 + folded.covers.len()).sum();
            entry(corpus, leader, sequences)
        };
        let entries = group(&members(&demoted, &sets, threads))
            .iter()
            .take(LISTED)
            .filter_map(entry)
            .collect();
        Self { entries, sequences: demoted.len() }
    }
}

/// A sequence that stands for so many.
fn entry(corpus: &Corpus, judged: &Judged, sequences: usize) -> Option<BoilerplateEntry> {
    let place = judged.template_place(corpus)?;
    let sequence = &judged.verified.sequence;
    let first = sequence.holders.iter().take(LISTED_IDS);
    Some(BoilerplateEntry {
        finding_id: judged.verified.id.clone(),
        text: sequence.text.clone(),
        tokens: sequence.tokens.clone(),
        score: judged.combined.undemoted,
        document_frequency: sequence.documents.len() as i64,
        effective_document_frequency: corpus.effective(&sequence.documents) as i64,
        df: place.df,
        locality_documents: place.locality_documents,
        coverage: place.df as f64 / place.locality_documents.max(1) as f64,
        sequences: sequences as i64,
        doc_ids: first.map(|holder| holder.document.id.as_ref().to_owned()).collect(),
        reason: boilerplate_reason(&place, corpus.nearly_same(&sequence.documents)),
        axis: place.axis,
        locality: place.locality,
    })
}
