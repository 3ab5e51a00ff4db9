//! One finding as it is shown.

use std::ops::Range;

use taster_findings::{Concentration, Kind, SIGNIFICANT_Q};

use crate::example::{Example, example};
use crate::quantity::count;
use crate::selection::{examples, examples_of};
use crate::subject::{Shading, Subject};
use crate::text::{Piece, line, pieces};

/// Characters of a sequence that are shown; all are in `findings.jsonl`.
const SHOWN_TEXT: usize = 800;
/// Characters of a sequence in a heading.
const SHOWN_TITLE: usize = 160;
/// Characters of an explanation.
const SHOWN_EXPLANATION: usize = 4000;
/// Places and ids that are shown.
const SHOWN_PLACES: usize = 4;
const SHOWN_IDS: usize = 5;

/// A finding as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct FindingView {
    pub rank: i32,
    pub id: String,
    pub severity: &'static str,
    pub kinds: Vec<&'static str>,
    pub title: Vec<Piece>,
    /// The sequence, with more of it than the title; empty if the title is all.
    pub text: Vec<Piece>,
    pub tokens: i32,
    pub explanation: String,
    pub documents: String,
    pub without_duplicates: String,
    pub occurrences: String,
    pub novelty: String,
    pub asymmetry: String,
    pub code_points: String,
    pub score: String,
    /// Where chance does not explain how many of its documents there are.
    pub places: Vec<PlaceView>,
    pub examples: Vec<Example>,
    pub ids: Vec<String>,
    pub more_ids: String,
}

/// A place in which a finding is concentrated.
#[derive(Debug, Clone)]
pub(crate) struct PlaceView {
    pub axis: String,
    pub locality: String,
    pub documents: String,
    pub of: String,
    /// log10 of the chance under random placement.
    pub exponent: String,
    pub q: String,
}

impl FindingView {
    /// Shows the finding at `index`, whose occurrences are in `range`.
    pub(crate) fn new(subject: &Subject<'_>, index: usize, range: &Range<usize>) -> Self {
        let finding = &subject.report.findings[index];
        let text: String = finding.text.chars().take(SHOWN_TEXT).collect();
        let title: String = text.chars().take(SHOWN_TITLE).collect();
        let is_long = title.len() < text.len();
        let more_ids = finding.document_frequency - finding.doc_ids.len().min(SHOWN_IDS) as i64;
        Self {
            rank: finding.rank,
            id: finding.finding_id.clone(),
            severity: finding.severity.name(),
            kinds: finding.kinds.iter().map(|kind| kind_name(*kind)).collect(),
            title: cut(&title, is_long),
            text: if is_long { cut(&text, text.len() < finding.text.len()) } else { vec![] },
            tokens: finding.order,
            explanation: line(&finding.explanation, SHOWN_EXPLANATION),
            documents: count(finding.document_frequency),
            without_duplicates: count(finding.effective_document_frequency),
            occurrences: count(finding.collection_frequency),
            novelty: statistic(finding.novelty),
            asymmetry: statistic(finding.asymmetry),
            code_points: statistic(finding.code_points),
            score: format!("{:.1}", finding.score),
            places: finding
                .concentration
                .iter()
                .filter(is_local)
                .take(SHOWN_PLACES)
                .map(place)
                .collect(),
            examples: shown_examples(subject, index, range),
            ids: finding.doc_ids.iter().take(SHOWN_IDS).map(|id| line(id, 80)).collect(),
            more_ids: if more_ids > 0 { count(more_ids) } else { String::new() },
        }
    }
}

fn cut(text: &str, is_cut: bool) -> Vec<Piece> {
    let mut pieces = pieces(text);
    if is_cut {
        pieces.push(Piece { class: "sp", text: " …".into(), title: "" });
    }
    pieces
}

fn shown_examples(subject: &Subject<'_>, index: usize, range: &Range<usize>) -> Vec<Example> {
    let finding = &subject.report.findings[index];
    let shown = examples(subject.occurrences, range, examples_of(index, finding.severity));
    let view = |place: usize| {
        let shading = shading(subject.shadings, place);
        example(finding, &subject.occurrences[place], shading, subject.report.parameters.floor)
    };
    shown.into_iter().map(view).collect()
}

fn shading(shadings: &[Shading], occurrence: usize) -> Option<&Shading> {
    let place = shadings.binary_search_by_key(&occurrence, |shading| shading.occurrence).ok()?;
    shadings.get(place)
}

fn statistic(value: f64) -> String {
    signed(value, 2)
}

/// A number with a minus as long as a digit, and never with one before nothing but zeros.
fn signed(value: f64, digits: usize) -> String {
    let shown = format!("{:.digits$}", value.abs());
    let is_zero = shown.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if value < 0.0 && !is_zero { format!("−{shown}") } else { shown }
}

fn is_local(place: &&Concentration) -> bool {
    place.q <= SIGNIFICANT_Q
}

fn place(place: &Concentration) -> PlaceView {
    PlaceView {
        axis: line(&place.axis, 40),
        locality: line(&place.locality, 80),
        documents: count(place.df),
        of: count(place.locality_documents),
        exponent: signed(place.log10_p, 1),
        q: if place.q < 0.001 { "below 0.001".into() } else { format!("{:.3}", place.q) },
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Novelty => "novelty",
        Kind::Asymmetry => "asymmetry",
        Kind::CodePoints => "code points",
        Kind::Concentration => "place",
        Kind::Signature => "signature",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use taster_findings::{Finding, Severity, finding_id};

    pub(crate) fn finding() -> Finding {
        let tokens = vec!["unlock".to_owned(), "mode".to_owned()];
        Finding {
            rank: 1,
            finding_id: finding_id(&tokens),
            severity: Severity::High,
            kinds: Kind::ALL.to_vec(),
            text: "unlock mode".into(),
            order: 2,
            score: 6.5,
            document_frequency: 12,
            effective_document_frequency: 10,
            collection_frequency: 14,
            novelty: 0.4,
            asymmetry: -0.001,
            code_points: 0.0,
            concentration: vec![],
            campaign: 1,
            doc_ids: vec!["part-0#7".into()],
            explanation: "because".into(),
            tokens,
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(statistic(-0.001), "0.00");
        assert_eq!(statistic(0.456), "0.46");
        let concentration = Concentration {
            axis: "host".into(),
            locality: "a".into(),
            df: 9,
            locality_documents: 4000,
            log10_p: -12.53,
            q: 1e-9,
        };
        let shown = place(&concentration);
        assert_eq!((shown.exponent.as_str(), shown.q.as_str()), ("−12.5", "below 0.001"));
    }
}
