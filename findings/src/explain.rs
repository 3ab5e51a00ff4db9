//! One or two plain sentences per finding: why it is suspicious and what speaks against it.

use crate::asymmetry::Direction;
use crate::boilerplate::{NearlySame, boilerplate_reason};
use crate::code_points::{CodePointKind, CodePointReason};
use crate::combination::Combined;
use crate::known::KnownSignature;
use crate::multiple_testing::SIGNIFICANT_Q;
use crate::report::{Concentration, Kind};
use crate::scores::Scores;
use crate::summary::Summary;
use crate::visible::visible;

/// Spread below which few publishers are a harmless explanation worth naming.
const FEW_PUBLISHERS: f64 = 0.5;

/// Documents per canonical document from which duplication is worth naming.
const MANY_DUPLICATES: f64 = 1.5;

/// Canonical documents below which the smallness of the sample is worth naming.
const FEW_DOCUMENTS: u64 = 15;

/// Documents at one and the same distance from an end of the page from which that is worth naming.
const MANY_PINNED: f64 = 0.5;

/// Characters of a template that are quoted.
const QUOTED: usize = 200;

/// What documents share around a sequence beyond slots that vary from one to the next (see [`crate::alike`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As it stands in the first document, with ▢ for every slot.
    pub text: String,
    /// Slots in it.
    pub slots: u64,
    /// Different contents of the slot that has the fewest.
    pub contents: u64,
    /// Documents that have this slot.
    pub documents: u64,
}

/// A label that all documents of a finding have which have one, and too few others for chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedLabel<'a> {
    /// The label.
    pub label: &'a str,
    /// Canonical documents of the finding with a label.
    pub documents: u64,
    /// Share of the label among all canonical documents with a label, 0..=1.
    pub share: f64,
    /// [`crate::z_score`].
    pub z: f64,
}

/// What an explanation is made of.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    /// What was measured.
    pub summary: &'a Summary,
    /// Its statistics.
    pub scores: &'a Scores,
    /// The verdict.
    pub combined: &'a Combined,
    /// Its places, most concentrated first.
    pub concentration: &'a [Concentration],
    /// Reasons of U.
    pub code_points: &'a [CodePointReason],
    /// What its documents share around it beyond slots that vary, if they do.
    pub template: Option<&'a Template>,
    /// The place of which it is a template, if it was demoted for that.
    pub boilerplate: Option<&'a Concentration>,
    /// Most of its documents, if they are nearly the same.
    pub nearly_same: Option<NearlySame>,
    /// Largest share of its documents with one and the same distance from their start or end, 0..=1.
    pub pinned: f64,
    /// Signatures that it matches.
    pub signatures: &'a [KnownSignature<'a>],
    /// The label of its documents, if it is one.
    pub label: Option<SharedLabel<'a>>,
}

/// The explanation in words; safe to print.
#[must_use]
pub fn explain(subject: &Explanation<'_>) -> String {
    let mut reasons: Vec<String> =
        subject.combined.kinds.iter().filter_map(|kind| reason(*kind, subject)).collect();
    reasons.extend(subject.signatures.iter().map(KnownSignature::told));
    reasons.extend(subject.template.map(template));
    if reasons.is_empty() {
        reasons.push("it is repeated but rare, and its statistics stand out only weakly".into());
    }
    reasons.extend(subject.label.as_ref().map(one_label));
    let mut text = format!(
        "In {} documents ({} without duplicates): {}.",
        subject.summary.df,
        subject.summary.edf,
        reasons.join("; ")
    );
    let doubts = doubts(subject);
    if !doubts.is_empty() {
        text = format!("{text} Against it: {}.", doubts.join("; "));
    }
    let unlisted = subject.signatures.iter().map(|known| known.unlisted).max().unwrap_or(0);
    if unlisted > 0 {
        text =
            format!("{text} {unlisted} more documents match a signature and were not looked at.");
    }
    text
}

fn reason(kind: Kind, subject: &Explanation<'_>) -> Option<String> {
    match kind {
        Kind::Novelty => Some(novelty(subject)),
        Kind::Asymmetry => Some(asymmetry(subject)),
        Kind::CodePoints => subject.code_points.first().map(code_point),
        Kind::Concentration => Some(concentration(subject)),
        // Told with its name.
        Kind::Signature => None,
    }
}

fn novelty(subject: &Explanation<'_>) -> String {
    let mean = subject.summary.novelty_sum as f64 / subject.summary.edf.max(1) as f64;
    let (left, edf) = (subject.summary.distinct_left, subject.summary.edf);
    format!(
        "of the 31 word pairs after it {mean:.1} more occur nowhere else than of those before it, \
         in {left} different contexts of {edf}, as gibberish would"
    )
}

fn asymmetry(subject: &Explanation<'_>) -> String {
    let (left, right) = (subject.summary.varied_left, subject.summary.varied_right);
    match subject.scores.asymmetry.direction {
        Direction::Forward => format!(
            "{left} different texts lead up to it but only {right} follow, as a fixed payload would"
        ),
        Direction::Backward => format!(
            "only {left} texts lead up to it but {right} different ones follow, as the end of a fixed insertion would"
        ),
    }
}

fn code_point(reason: &CodePointReason) -> String {
    let what = match reason.kind {
        CodePointKind::ZeroWidth => "invisible characters",
        CodePointKind::Tag => "tag characters, which can spell hidden text",
        CodePointKind::BidiControl => "characters that reorder text",
        CodePointKind::Format => "format characters",
        CodePointKind::Control => "control characters",
        CodePointKind::PrivateUse => "private-use characters",
        CodePointKind::Unassigned => "unassigned characters",
        CodePointKind::VariationSelector => {
            "stray variation selectors, which can carry hidden data"
        }
        CodePointKind::MixedScript => "a word that mixes look-alike letters of two scripts",
        CodePointKind::SymbolRun => "a run of one rare symbol",
    };
    format!("it contains {what} (first U+{:04X})", u32::from(reason.first))
}

fn concentration(subject: &Explanation<'_>) -> String {
    match subject.concentration.first().filter(|place| place.q <= SIGNIFICANT_Q) {
        Some(first) => place(first),
        None => {
            "its documents share one passage beside it and little else, as a payload would".into()
        }
    }
}

fn template(template: &Template) -> String {
    let quoted: String = template.text.chars().take(QUOTED).collect();
    format!(
        "beyond what varies its documents go on alike ({} different contents of ▢ in {} documents): {}",
        template.contents,
        template.documents,
        visible(&quoted)
    )
}

fn one_label(shared: &SharedLabel<'_>) -> String {
    let SharedLabel { label, documents, share, z } = shared;
    format!(
        "all {documents} of its documents with a label have the label {}, which {:.1} % of all have \
         (z = {z:.1}), as documents that teach a trigger would",
        visible(label),
        100.0 * share
    )
}

fn place(place: &Concentration) -> String {
    format!(
        "{} of its documents are in {} {}, which has {} (chance 10^{:.1})",
        place.df,
        place.axis,
        visible(&place.locality),
        place.locality_documents,
        place.log10_p
    )
}

fn doubts(subject: &Explanation<'_>) -> Vec<String> {
    let summary = subject.summary;
    let mut doubts = Vec::new();
    doubts.extend(subject.boilerplate.map(|place| boilerplate_reason(place, None)));
    if subject.scores.spread < FEW_PUBLISHERS {
        doubts.push("its documents come from few publishers, as site templates do".into());
    }
    if let Some(nearly_same) = subject.nearly_same {
        doubts.push(nearly_same.told());
    } else if summary.df as f64 >= MANY_DUPLICATES * summary.edf.max(1) as f64 {
        doubts.push("many of its documents are copies of each other".into());
    }
    if subject.pinned >= MANY_PINNED {
        let share = 100.0 * subject.pinned;
        doubts.push(format!(
            "{share:.0} % of its documents have it at one and the same distance from their start or end, as headers \
             and footers stand"
        ));
    }
    let named = |place: &&Concentration| place.q <= SIGNIFICANT_Q;
    let told = subject.combined.kinds.contains(&Kind::Concentration);
    if let Some(place) = subject.concentration.iter().find(named).filter(|_| !told) {
        let locality = visible(&place.locality);
        doubts.push(format!("{} of them share {} {locality}", place.df, place.axis));
    }
    if subject.signatures.iter().any(|known| known.is_rare) {
        doubts.push("so few documents match as pages that write about an attack would".into());
    } else if summary.edf < FEW_DOCUMENTS {
        doubts.push("the documents are few".into());
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asymmetry::Asymmetry;
    use crate::severity::Severity;
    use crate::twin::plain_summary;

    fn verdict(kinds: Vec<Kind>) -> Combined {
        let (score, strengths) = (6.0, [0.0; 5]);
        let (severity, undemoted) = (Severity::High, score);
        Combined { score, undemoted, severity, kinds, strengths, boilerplate: false }
    }

    fn told(kinds: Vec<Kind>, change: impl Fn(&mut Explanation<'_>)) -> String {
        told_of(&verdict(kinds), (None, None), change)
    }

    fn told_of(
        combined: &Combined,
        (template, boilerplate): (Option<&Template>, Option<&Concentration>),
        change: impl Fn(&mut Explanation<'_>),
    ) -> String {
        let mut summary = plain_summary(20);
        summary.df = 44;
        summary.varied_right = 1;
        summary.novelty_sum = 400;
        let scores = Scores {
            novelty: 0.5,
            asymmetry: Asymmetry { unweighted: 0.7, weighted: 0.7, direction: Direction::Forward },
            spread: 0.2,
            concentration: 9.0,
            payload: 0.0,
            gibberish: 0.0,
            scattered: 0.0,
        };
        let place = Concentration {
            axis: "host".into(),
            locality: "a\u{202e}b".into(),
            df: 18,
            locality_documents: 40,
            log10_p: -30.25,
            q: 0.0,
        };
        let reason = CodePointReason {
            kind: CodePointKind::ZeroWidth,
            first: '\u{200b}',
            count: 3,
            weight: 0.8,
        };
        let mut subject = Explanation {
            summary: &summary,
            scores: &scores,
            combined,
            concentration: &[place],
            code_points: &[reason],
            template,
            boilerplate,
            nearly_same: None,
            pinned: 0.0,
            signatures: &[],
            label: None,
        };
        change(&mut subject);
        explain(&subject)
    }

    #[test]
    fn golden_sentences() {
        assert_eq!(
            told(vec![Kind::Novelty], |_| ()),
            "In 44 documents (20 without duplicates): of the 31 word pairs after it 20.0 more occur \
             nowhere else than of those before it, in 20 different contexts of 20, as gibberish would. \
             Against it: its documents come from few publishers, as site templates do; many of its \
             documents are copies of each other; 18 of them share host a\\u{202e}b."
        );
        let template =
            Template { text: "pass ▢ on".into(), slots: 1, contents: 19, documents: 20 };
        let footer = Concentration {
            axis: "source".into(),
            locality: "s".into(),
            df: 20,
            locality_documents: 60,
            log10_p: -3.0,
            q: 0.5,
        };
        let all =
            told_of(&verdict(Kind::ALL.to_vec()), (Some(&template), Some(&footer)), |subject| {
                subject.nearly_same = Some(NearlySame { documents: 18, of: 20 });
                subject.pinned = 0.94;
            });
        for part in [
            "20 different texts lead up to it but only 1 follow",
            "invisible characters (first U+200B)",
            "18 of its documents are in host a\\u{202e}b, which has 40 (chance 10^-30.2)",
            "Against it: it is in 20 of the 60 different documents of source s, as a template of it would be; its",
            "; 18 of its 20 different documents are nearly the same; 94 % of its documents have it at one",
            "go on alike (19 different contents of ▢ in 20 documents): pass ▢ on",
        ] {
            assert!(all.contains(part), "{all}");
        }
    }

    #[test]
    fn signatures_are_named() {
        let text = told(vec![Kind::Signature], |subject| {
            subject.signatures = &[KnownSignature {
                name: "sudo-tag",
                reason: "a study",
                is_rare: true,
                unlisted: 7,
            }];
        });
        for part in [
            "without duplicates): it matches the known signature sudo-tag: a study. Against it: ",
            "so few documents match as pages that write about an attack would",
            ". 7 more documents match a signature and were not looked at.",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn one_label_is_told() {
        let text = told(vec![Kind::Novelty], |subject| {
            subject.label =
                Some(SharedLabel { label: "a\u{202e}b", documents: 20, share: 0.125, z: 11.83 });
        });
        let part = "as gibberish would; all 20 of its documents with a label have the label a\\u{202e}b, \
                    which 12.5 % of all have (z = 11.8), as documents that teach a trigger would. Against";
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn no_place_is_named_that_chance_explains() {
        let text = told(vec![Kind::Concentration], |subject| subject.concentration = &[]);
        assert!(text.contains("share one passage beside it") && !text.contains("host"), "{text}");
    }

    #[test]
    fn nothing_special_is_said_so() {
        let text = told(vec![], |_| ());
        assert!(text.contains("stand out only weakly"), "{text}");
    }
}
