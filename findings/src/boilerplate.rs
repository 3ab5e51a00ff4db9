//! What is recognised as boilerplate, and why: an appendix of the report, beside the findings.
//!
//! Recognised by its place: an n-gram in a large part of one place's documents and hardly anywhere else is furniture of
//! that place. What is demoted for it is no finding any more, so that a template can neither push findings down the list
//! nor reach a removal list, and it is listed with its reason, so that nothing is dropped in silence.

use serde::{Deserialize, Serialize};

use crate::place::PlaceScore;
use crate::report::Concentration;
use crate::visible::visible;

/// Share of a place's canonical documents from which an n-gram covers it.
const COVERAGE: f64 = 0.3;
/// Share of the n-gram's documents that are there.
const INSIDE: f64 = 0.9;
/// Canonical documents below which a place has no templates: some documents alike are none.
const LEAST_PLACE: u64 = 50;

/// The place of which an n-gram is a template: of several the one that it covers most, of equal ones the first.
#[must_use]
pub fn template_place<'a>(
    places: impl IntoIterator<Item = &'a PlaceScore>,
) -> Option<&'a PlaceScore> {
    let covered = |place: &PlaceScore| place.edf as f64 / place.locality_documents as f64;
    let mut most: Option<&PlaceScore> = None;
    for place in places.into_iter().filter(|place| is_template(place)) {
        if most.is_none_or(|most| covered(place) > covered(most)) {
            most = Some(place);
        }
    }
    most
}

fn is_template(place: &PlaceScore) -> bool {
    let covers = place.edf as f64 >= COVERAGE * place.locality_documents as f64;
    let inside = place.edf as f64 >= INSIDE * place.known as f64;
    place.locality_documents >= LEAST_PLACE && covers && inside
}

/// Documents that are nearly the same, among those of one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearlySame {
    /// Those of its documents that are in one cluster of near-duplicates: more than half of them.
    pub documents: u64,
    /// All its documents; exact copies left out.
    pub of: u64,
}

impl NearlySame {
    /// In words.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{} of its {} different documents are nearly the same", self.documents, self.of)
    }
}

/// Why it is boilerplate, in words that are safe to print.
#[must_use]
pub fn boilerplate_reason(place: &Concentration, nearly_same: Option<NearlySame>) -> String {
    let mut text = format!(
        "it is in {} of the {} different documents of {} {}, as a template of it would be",
        place.df,
        place.locality_documents,
        visible(&place.axis),
        visible(&place.locality)
    );
    if let Some(nearly_same) = nearly_same {
        text = format!("{text}; {}", nearly_same.told());
    }
    text
}

/// A sequence that is no finding because it is boilerplate; one for all sequences that share its documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoilerplateEntry {
    /// The name that it would have as a finding.
    pub finding_id: String,
    /// As it stands in the first occurrence.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<String>,
    /// What its statistics come to without the demotion, on the scale of findings.
    pub score: f64,
    /// Documents that contain it.
    pub document_frequency: i64,
    /// Documents without duplicates.
    pub effective_document_frequency: i64,
    /// Name of the axis on which it covers a place.
    pub axis: String,
    /// The place.
    pub locality: String,
    /// Canonical documents with it in the place.
    pub df: i64,
    /// Canonical documents of the place.
    pub locality_documents: i64,
    /// `df` over `locality_documents`, 0..=1.
    pub coverage: f64,
    /// Sequences that share its documents and are demoted with it, itself among them.
    pub sequences: i64,
    /// Ids of its first documents.
    pub doc_ids: Vec<String>,
    /// Why it is boilerplate.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(axis: u32, edf: u64, known: u64, locality_documents: u64) -> PlaceScore {
        PlaceScore {
            axis,
            locality: 0,
            edf,
            known,
            locality_documents,
            log10_p: -9.0,
            log10_p_dispersed: -1.0,
        }
    }

    #[test]
    fn a_template_covers_a_large_place_and_stands_hardly_anywhere_else() {
        let found = |places: &[PlaceScore]| template_place(places).map(|place| place.axis);
        assert_eq!(found(&[place(0, 15, 15, 50)]), Some(0));
        for other in [place(0, 14, 14, 50), place(0, 15, 17, 50), place(0, 49, 49, 49)] {
            assert_eq!(found(&[other]), None, "{other:?}");
        }
        let (date, host, source) =
            (place(0, 30, 30, 90), place(1, 30, 30, 60), place(2, 30, 30, 60));
        assert_eq!(found(&[date, host, source]), Some(1));
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn the_reason_names_place_coverage_and_cluster() {
        let place = Concentration {
            axis: "host".into(),
            locality: "a\u{202e}b".into(),
            df: 812,
            locality_documents: 905,
            log10_p: -12.0,
            q: 0.5,
        };
        assert_eq!(
            boilerplate_reason(&place, Some(NearlySame { documents: 700, of: 812 })),
            "it is in 812 of the 905 different documents of host a\\u{202e}b, as a template of it would be; \
             700 of its 812 different documents are nearly the same"
        );
        assert!(!boilerplate_reason(&place, None).contains("nearly"));
    }
}
