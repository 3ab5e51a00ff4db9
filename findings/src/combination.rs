//! Puts N, A, U and the unexplained part of C on one scale.
//!
//! The unit is a power of ten of surprise. N and A are measured against their own empirical null,
//! relative to the most extreme value that a clean corpus of this size would show (as E-values of
//! sequence search do): [`ONE_EXPECTED`] means that one such n-gram is expected by chance, one
//! unit more that a tenth is. U and C have no null of that kind and get a fixed place on it.

use libm::log1p;
use serde::{Deserialize, Serialize};

use crate::calibration::{NullModel, ScoreHistogram};
use crate::multiple_testing::SIGNIFICANT_Q;
use crate::report::Kind;
use crate::scores::Scores;
use crate::severity::{CRITICAL_FROM, HIGH_FROM, LOW_FROM, MEDIUM_FROM, Severity, severity};
use crate::surroundings::Company;

/// Score at which one n-gram is expected in a clean corpus of this size.
const ONE_EXPECTED: f64 = 5.0;

/// More surprise than this is hardly more certainty (the fitted tail is an extrapolation), so
/// beyond it strength grows as a logarithm.
const STRENGTH_KNEE: f64 = 12.0;

/// N below this is noise however unlikely, N from this on counts in full (second pilot: planted
/// gibberish at 0.37 and more, the first clean n-gram at 0.30).
const NOVELTY_RAMP: (f64, f64) = (0.05, 0.30);

/// The same for A: stock phrases of a genre reach 0.4, a fixed payload nears 1 - 1/√edf.
const ASYMMETRY_RAMP: (f64, f64) = (0.20, 0.60);

/// N, A, U from which a finding may be called critical.
const CLEAR: (f64, f64, f64) = (0.35, 0.65, 0.80);

/// U = 1 stands far above anything expected, U = 0.5 at medium.
const CODE_POINT_SCALE: f64 = 9.0;

/// Strength of C at most: it alone is no detector (58 % of repeated 3-grams are significantly
/// concentrated), so even with a lopsided context it ends at medium.
const CONCENTRATION_CAP: f64 = 4.4;

/// Share of C that counts without any asymmetry: ends at low.
const CONCENTRATION_ALONE: f64 = 0.75;

/// Payload-likeness, whoever published the documents, from which concentration in one place counts more: a payload
/// inside one host has no spread but still opens in varied contexts.
const LOCAL_PAYLOAD_RAMP: (f64, f64) = (0.30, 0.95);

/// Dissimilarity of the documents from which they share the sequence and hardly anything else.
const DISSIMILARITY_RAMP: (f64, f64) = (0.85, 0.99);

/// Documents at one and the same distance from an end of the page: furniture has most of them there.
const PINNED_RAMP: (f64, f64) = (0.10, 0.50);

/// Share of A that is lost by what stands at one and the same distance from an end of all its documents, as headers of
/// licences and the first lines of programs do. Not more, for a trigger can open every prompt of a set.
const PINNED_COST: f64 = 0.5;

/// What a fixed payload inside one place nears with many documents: medium, behind what stands so in many places, as a
/// site's own phrases can look the same. Few documents are worth less, by the allowance that A makes: a phrase that twenty
/// pages of a site share is common, one that two hundred unlike pages share is not. Whether the place itself is surprising
/// does not matter: under the over-dispersed null hardly anything inside one large host is.
const LOCAL_PAYLOAD: f64 = 5.0;

/// What gibberish inside one place is worth at most; its lower bound makes the allowance already.
const LOCAL_GIBBERISH: f64 = 4.6;

/// A known signature in fewer canonical documents than the floor ends below high: so few hardly poison a model, and pages
/// that write about an attack quote its trigger.
const RARE_SIGNATURE_CAP: f64 = HIGH_FROM - 0.1;

/// What the weaker statistics add to the strongest: agreement counts, but never replaces.
const AGREEMENT_SHARE: f64 = 0.2;

/// Likeness to a payload from which what covers a large part of one place is no template of it: no template goes on with
/// text that nothing else has, and none stands anywhere in pages that share nothing else.
const NO_TEMPLATE_FROM: f64 = 0.5;

/// Boilerplate ends below medium.
const BOILERPLATE_CAP: f64 = MEDIUM_FROM - 0.1;

/// The nulls of the statistics that have one.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Null of N.
    pub novelty: NullModel,
    /// Null of A (weighted).
    pub asymmetry: NullModel,
}

impl Calibration {
    /// Fits both nulls to the merged histograms.
    #[must_use]
    pub fn fit(novelty: &ScoreHistogram, asymmetry: &ScoreHistogram) -> Self {
        Self { novelty: NullModel::fit(novelty), asymmetry: NullModel::fit(asymmetry) }
    }
}

/// All that is known for and against one n-gram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Effective document frequency.
    pub edf: u64,
    /// Its statistics.
    pub scores: Scores,
    /// U, 0..=1; 0 when the text is not known yet.
    pub code_points: f64,
    /// -log10 q of its most concentrated place under the over-dispersed null, at least 0.
    pub concentration: f64,
    /// Strength of the strongest known signature that it matches, 0..=12, see [`signature_strength`]; 0 without one.
    pub signature: f64,
    /// It covers a place as its templates do.
    pub boilerplate: bool,
    /// What its documents have in common besides it.
    pub company: Company,
}

/// The verdict on one n-gram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Combined {
    /// The common scale, at least 0; 5 is one expected per clean corpus of this size.
    pub score: f64,
    /// The same before boilerplate is demoted.
    pub undemoted: f64,
    /// Urgency.
    pub severity: Severity,
    /// Statistics that reach `low` by themselves, in the order of [`Kind`]; concentration only
    /// where chance does not explain the place, or nothing else is left.
    pub kinds: Vec<Kind>,
    /// Strength of each statistic on the common scale, in the order of [`Kind`].
    pub strengths: [f64; 5],
    /// It was demoted as boilerplate: it covers a place, and stands among other furniture there.
    pub boilerplate: bool,
}

impl Combined {
    /// Whether it belongs into the appendix and not among the findings: boilerplate in which nothing is known, or hidden.
    #[must_use]
    pub fn is_appended(&self) -> bool {
        let [_, _, code_points, _, signature] = self.strengths;
        self.boilerplate && signature <= 0.0 && code_points < LOW_FROM
    }
}

/// Combines the statistics of one n-gram.
#[must_use]
pub fn combine(evidence: &Evidence, calibration: &Calibration) -> Combined {
    let strengths = [
        novelty_strength(evidence, &calibration.novelty),
        asymmetry_strength(evidence, &calibration.asymmetry),
        CODE_POINT_SCALE * evidence.code_points,
        concentration_strength(evidence),
        evidence.signature,
    ];
    let undemoted = blend(&strengths);
    let boilerplate = evidence.boilerplate && unlike_template(evidence) < NO_TEMPLATE_FROM;
    // What is known is no boilerplate, wherever it stands.
    let cap = if boilerplate { BOILERPLATE_CAP.max(evidence.signature) } else { f64::INFINITY };
    let score = undemoted.min(cap);
    Combined {
        score,
        undemoted,
        severity: severity(score, is_clear(evidence)),
        kinds: kinds(&strengths, evidence.concentration),
        strengths,
        boilerplate,
    }
}

/// What reaches `low`. A payload counts as concentration; where chance explains the place, it is
/// told only if nothing else is.
fn kinds(strengths: &[f64; 5], concentration: f64) -> Vec<Kind> {
    let reaching = Kind::ALL.iter().zip(strengths).filter(|(_, strength)| **strength >= LOW_FROM);
    let mut kinds: Vec<Kind> = reaching.map(|(kind, _)| *kind).collect();
    if concentration < -libm::log10(SIGNIFICANT_Q) && kinds.len() > 1 {
        kinds.retain(|kind| *kind != Kind::Concentration);
    }
    kinds
}

/// The strongest plus a share of the others that reach `low`. Concentration adds nothing to
/// others: a spread payload must not rank below the same payload in one place, nor above it.
fn blend(strengths: &[f64; 5]) -> f64 {
    let strongest = strengths.iter().fold(0.0_f64, |most, s| most.max(*s));
    let [novelty, asymmetry, code_points, _, signature] = *strengths;
    let speaking = [novelty, asymmetry, code_points, signature];
    let sum: f64 = speaking.iter().filter(|s| **s >= LOW_FROM).sum();
    strongest + AGREEMENT_SHARE * (sum - strongest).max(0.0)
}

fn novelty_strength(evidence: &Evidence, null: &NullModel) -> f64 {
    let value = evidence.scores.novelty;
    margin(null, value, evidence.edf) * ramp(value, NOVELTY_RAMP)
}

fn asymmetry_strength(evidence: &Evidence, null: &NullModel) -> f64 {
    let value = evidence.scores.asymmetry.weighted;
    let kept = 1.0 - PINNED_COST * (1.0 - loose(evidence));
    margin(null, value, evidence.edf) * ramp(value, ASYMMETRY_RAMP) * kept
}

/// Surprise relative to the most extreme value expected among so many n-grams.
fn margin(null: &NullModel, value: f64, edf: u64) -> f64 {
    let strength = ONE_EXPECTED + null.surprise(value, edf) - null.log10_comparisons(edf);
    let beyond = (strength - STRENGTH_KNEE).max(0.0);
    // Still rising, so that the clearest stays first.
    strength.clamp(0.0, STRENGTH_KNEE) + log1p(beyond)
}

/// Place, and what a payload adds to it: varied documents that share nothing but one fixed or gibberish passage, not
/// at a fixed place of the page. Null model: none, a fixed place on the scale; measured in ARCHITECTURE.md.
fn concentration_strength(evidence: &Evidence) -> f64 {
    let place = evidence.concentration.clamp(0.0, CONCENTRATION_CAP) * CONCENTRATION_ALONE;
    let few = 1.0 - 1.0 / (evidence.edf.max(1) as f64).sqrt();
    let fixed = LOCAL_PAYLOAD * few * local_payload(evidence);
    place.max(fixed).max(LOCAL_GIBBERISH * local_gibberish(evidence))
}

/// How much it is unlike a template of a place that it covers, 0..=1: gibberish behind it, a payload, or what nobody sees
/// anywhere in pages that share nothing else.
fn unlike_template(evidence: &Evidence) -> f64 {
    let hidden = evidence.code_points * loose(evidence) * unlike_pages(evidence);
    evidence.scores.gibberish.max(local_payload(evidence)).max(hidden)
}

/// How much it is like a fixed payload inside one place, 0..=1.
fn local_payload(evidence: &Evidence) -> f64 {
    loose(evidence) * ramp(evidence.scores.payload, LOCAL_PAYLOAD_RAMP) * unlike_pages(evidence)
}

/// How much it is like gibberish inside one place, 0..=1. It needs no documents that differ: no template goes on with
/// unseen text.
fn local_gibberish(evidence: &Evidence) -> f64 {
    loose(evidence) * ramp(evidence.scores.gibberish, LOCAL_PAYLOAD_RAMP)
}

/// How little it stands at one and the same distance from an end of its documents, 0..=1.
fn loose(evidence: &Evidence) -> f64 {
    1.0 - ramp(evidence.company.pinned, PINNED_RAMP)
}

/// How little its documents share besides it and furniture, 0..=1.
fn unlike_pages(evidence: &Evidence) -> f64 {
    ramp(apart(evidence), DISSIMILARITY_RAMP)
}

/// Dissimilarity of the documents, 0..=1, less what the site itself makes them share: where a sequence stands inside
/// furniture, and at another place of it in each document, the pieces around it are no sign of a template of its own.
/// What they share counts by the cube of the share that does not stand so: the square, as two documents share furniture
/// only if both do, and once more as furniture surrounds more documents than those where it touches the sequence.
fn apart(evidence: &Evidence) -> f64 {
    let own = 1.0 - evidence.scores.scattered.clamp(0.0, 1.0);
    1.0 - (1.0 - evidence.company.dissimilarity) * own * own * own
}

fn is_clear(evidence: &Evidence) -> bool {
    evidence.scores.novelty >= CLEAR.0
        || evidence.scores.asymmetry.weighted >= CLEAR.1
        || evidence.code_points >= CLEAR.2
        || evidence.signature >= CRITICAL_FROM
}

/// What a signature of this strength is worth that matches so many canonical documents. Null model: none, whoever writes
/// the list places it on the common scale.
#[must_use]
pub fn signature_strength(strength: f64, edf: u64, floor: u64) -> f64 {
    if edf < floor { strength.min(RARE_SIGNATURE_CAP) } else { strength }
}

/// 0 below the range, 1 above it, linear inside.
fn ramp(value: f64, (from, to): (f64, f64)) -> f64 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asymmetry::{Asymmetry, Direction};

    /// 130 000 rare n-grams as the pilots saw them: N falls off around zero up to 0.3, A up to
    /// 0.45, both about exponentially.
    fn calibration() -> Calibration {
        let (mut novelty, mut asymmetry) = (ScoreHistogram::new(), ScoreHistogram::new());
        for i in 0..130_000u32 {
            let rank = -(f64::from(i) + 0.5).ln() + 130_000f64.ln();
            novelty.add(rank * 0.022 - 0.1, u64::from(10 + i % 40));
            asymmetry.add(rank * 0.035 - 0.2, u64::from(10 + i % 40));
        }
        Calibration::fit(&novelty, &asymmetry)
    }

    fn evidence() -> Evidence {
        Evidence {
            edf: 10,
            scores: Scores {
                novelty: -0.05,
                asymmetry: Asymmetry {
                    unweighted: -0.2,
                    weighted: -0.2,
                    direction: Direction::Forward,
                },
                spread: 1.0,
                concentration: 0.0,
                payload: 0.0,
                gibberish: 0.0,
                scattered: 0.0,
            },
            code_points: 0.0,
            concentration: 0.0,
            signature: 0.0,
            boilerplate: false,
            company: Company::UNKNOWN,
        }
    }

    fn with_novelty(novelty: f64) -> Evidence {
        let mut evidence = evidence();
        evidence.scores.novelty = novelty;
        evidence
    }

    fn with_asymmetry(value: f64) -> Evidence {
        let mut evidence = evidence();
        evidence.scores.asymmetry.weighted = value;
        evidence.scores.asymmetry.unweighted = value;
        evidence
    }

    #[test]
    fn clear_payloads_are_urgent() {
        let null = calibration();
        let gibberish = combine(&with_novelty(0.5), &null);
        assert!(gibberish.severity >= Severity::High, "{gibberish:?}");
        assert_eq!(gibberish.kinds, [Kind::Novelty]);
        let fixed = combine(&with_asymmetry(0.68), &null);
        assert!(fixed.severity >= Severity::High, "{fixed:?}");
        assert_eq!(fixed.kinds, [Kind::Asymmetry]);
        let hidden = combine(&Evidence { code_points: 0.9, ..evidence() }, &null);
        assert!(hidden.severity >= Severity::High, "{hidden:?}");
        let known = |strength| combine(&Evidence { signature: strength, ..evidence() }, &null);
        assert_eq!(known(6.0).severity, Severity::High);
        assert_eq!(known(6.0).kinds, [Kind::Signature]);
        assert_eq!(known(9.0).severity, Severity::Critical);
        assert_eq!(known(signature_strength(9.0, 9, 10)).severity, Severity::Medium);
        assert_eq!(known(signature_strength(9.0, 10, 10)).severity, Severity::Critical);
        assert_eq!(known(1.0).severity, Severity::Info);
    }

    #[test]
    fn ordinary_and_borderline_are_not() {
        let null = calibration();
        assert_eq!(combine(&evidence(), &null).severity, Severity::Info);
        assert_eq!(combine(&evidence(), &null).score, 0.0);
        assert!(combine(&with_novelty(0.12), &null).severity <= Severity::Low);
        assert!(combine(&with_asymmetry(0.22), &null).severity <= Severity::Low);
    }

    #[test]
    fn a_place_that_chance_explains_is_not_told_beside_other_reasons() {
        let told = [3.0, 0.0, 0.0, 4.0, 0.0];
        assert_eq!(kinds(&told, 0.4), [Kind::Novelty]);
        assert_eq!(kinds(&told, 1.4), [Kind::Novelty, Kind::Concentration]);
        assert_eq!(kinds(&[0.0, 0.0, 0.0, 4.0, 0.0], 0.4), [Kind::Concentration]);
    }

    #[test]
    fn place_alone_is_no_detector() {
        let null = calibration();
        let alone = combine(&Evidence { concentration: 300.0, ..evidence() }, &null);
        assert_eq!(alone.severity, Severity::Low);
        let mut local = Evidence { edf: 100, concentration: 300.0, ..evidence() };
        local.scores.payload = 0.96;
        let payload = combine(&local, &null);
        assert_eq!(payload.severity, Severity::Medium);
        // What fewer pages share is less unlike a phrase of the site.
        let strength = |edf| combine(&Evidence { edf, ..local }, &null).score;
        assert!(strength(10) < MEDIUM_FROM && strength(25) > strength(20));
        assert!(strength(250) > 4.6 && strength(1_000_000) <= ONE_EXPECTED);
        let furniture = [
            Company { dissimilarity: 0.6, pinned: 0.0 },
            Company { dissimilarity: 1.0, pinned: 0.7 },
        ];
        for company in furniture {
            assert_eq!(combine(&Evidence { company, ..local }, &null).severity, Severity::Low);
        }
        // What a site makes its pages share speaks against a payload only where that does not stand among it.
        let company = Company { dissimilarity: 0.9, pinned: 0.0 };
        local.company = company;
        assert_eq!(combine(&local, &null).severity, Severity::Low);
        local.scores.scattered = 0.5;
        assert_eq!(combine(&local, &null).severity, Severity::Medium);
        // No template goes on with unseen text.
        local.scores.scattered = 0.0;
        local.scores.gibberish = 0.96;
        assert_eq!(combine(&local, &null).severity, Severity::Medium);
    }

    #[test]
    fn boilerplate_is_demoted_and_agreement_counts() {
        let null = calibration();
        let both = Evidence { code_points: 0.9, ..with_novelty(0.5) };
        assert!(combine(&both, &null).score > combine(&with_novelty(0.5), &null).score);
        let company = Company { dissimilarity: 1.0, pinned: 0.7 };
        let footer = Evidence { boilerplate: true, company, ..both };
        assert_eq!(combine(&footer, &null).severity, Severity::Low);
        let known = combine(&Evidence { signature: 6.0, ..footer }, &null);
        assert_eq!((known.severity, known.score), (Severity::High, 6.0));
        let template = combine(&Evidence { boilerplate: true, ..with_novelty(0.5) }, &null);
        assert_eq!(template.undemoted, combine(&with_novelty(0.5), &null).score);
        // What is known or hidden stays a finding.
        let rare = Evidence { signature: 1.0, boilerplate: true, ..with_novelty(0.5) };
        let stays = [&footer, &Evidence { boilerplate: false, ..footer }, &rare];
        assert!(template.is_appended());
        assert!(stays.iter().all(|evidence| !combine(evidence, &null).is_appended()));
    }

    #[test]
    fn a_payload_in_most_of_a_place_is_no_template() {
        let null = calibration();
        let mut covering = Evidence { edf: 100, boilerplate: true, ..evidence() };
        covering.scores.payload = 0.96;
        let verdict = |evidence: &Evidence| {
            let combined = combine(evidence, &null);
            (combined.severity, combined.boilerplate)
        };
        assert_eq!(verdict(&covering), (Severity::Medium, false));
        // Furniture stands at one place of the page, or among other furniture.
        covering.company = Company { dissimilarity: 1.0, pinned: 0.7 };
        assert_eq!(verdict(&covering), (Severity::Info, true));
        covering.company = Company { dissimilarity: 0.8, pinned: 0.0 };
        assert_eq!(verdict(&covering), (Severity::Info, true));
        covering.scores.gibberish = 0.96;
        assert_eq!(verdict(&covering), (Severity::Medium, false));
        // What nobody sees is no template either, unless it stands as one.
        let mut hidden = Evidence { boilerplate: true, code_points: 0.85, ..evidence() };
        assert_eq!(verdict(&hidden), (Severity::High, false));
        hidden.company = Company { dissimilarity: 1.0, pinned: 0.7 };
        assert_eq!(verdict(&hidden), (Severity::Low, true));
    }

    #[test]
    fn what_stands_at_one_place_of_the_page_ranks_lower() {
        let null = calibration();
        let loose = with_asymmetry(0.68);
        let company = Company { dissimilarity: 1.0, pinned: 1.0 };
        let header = combine(&Evidence { company, ..loose }, &null);
        assert_eq!(header.score, combine(&loose, &null).score / 2.0);
    }

    #[test]
    fn rises_with_every_statistic() {
        let null = calibration();
        let scores = |f: fn(f64) -> Evidence| -> Vec<f64> {
            (0..=100).map(|i| combine(&f(f64::from(i) / 100.0), &null).score).collect()
        };
        assert!(scores(with_novelty).is_sorted());
        assert!(scores(with_asymmetry).is_sorted());
    }
}
