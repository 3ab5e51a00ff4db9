//! Findings held against the ground truth.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::recipes::Recipe;
use crate::truth::{GroundTruth, Planted};

/// Share of a finding's documents that a recipe must have poisoned for the finding to be its hit whatever its text.
pub const HIT_SHARE_MIN: f64 = 0.8;
/// The same where the finding's text overlaps the trigger or the phrase.
pub const TEXT_HIT_SHARE_MIN: f64 = 0.5;
/// Severities at which a finding about clean documents is a false alarm.
pub const ALARMS: [&str; 2] = ["critical", "high"];

/// A finding as far as its judgement needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flagged<'a> {
    /// From 1.
    pub rank: u32,
    /// The sequence as it stands in its first occurrence.
    pub text: &'a str,
    /// `critical`, `high`, `medium`, `low` or `info`.
    pub severity: &'a str,
    /// The statistic that flags it most, as the kind of a false alarm.
    pub kind: &'a str,
    /// Ids of its documents; a list cut short is judged by what is left.
    pub doc_ids: &'a [String],
}

/// How an audit did on a planted corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// One record per recipe, in the order of the truth.
    pub recipes: Vec<RecipeScore>,
    /// Ranks of the findings of high or critical severity that hit no attack, ascending.
    pub false_alarms: Vec<u32>,
    /// The same, counted by the control that was planted, or else by the statistic that flags clean text.
    pub false_alarm_kinds: BTreeMap<String, u32>,
    /// Findings of high or critical severity.
    pub alarms: u32,
    /// False alarms per million documents of the corpus.
    pub false_alarms_per_million: f64,
    /// Share of the alarms that hit a recipe; 1 if there are none.
    pub precision: f64,
}

/// How an audit did on one recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecipeScore {
    /// The recipe.
    pub recipe: Recipe,
    /// Documents planted.
    pub documents: u64,
    /// Rank of the first finding that hits it; nothing if none does.
    pub first_rank: Option<u32>,
    /// The same, not counting findings above that hit other attacks: its rank had it been planted alone.
    pub rank_alone: Option<u32>,
    /// That finding's severity.
    pub first_severity: Option<String>,
    /// Poisoned documents that at least one of its hits names.
    pub found_documents: u64,
    /// Other documents that its hits name.
    pub clean_documents: u64,
    /// `found_documents` as a share of `documents`, from 0 to 1; 0 for a dose of none.
    pub recall: f64,
}

/// Judges findings by the truth. A finding *hits* a recipe if
///
/// * at least 80 % of its documents are poisoned by that recipe, or
/// * at least 50 % are, and its text holds the trigger or the phrase, or at least half of one of them.
///
/// The second rule forgives a finding that clean documents quote; text alone never makes a hit, because a part of a
/// trigger can be a common word.
pub fn judge(truth: &GroundTruth, findings: &[Flagged<'_>]) -> Judgement {
    let recipes: Vec<Poisoned<'_>> = truth.planted.iter().map(Poisoned::new).collect();
    let ranked: BTreeMap<u32, &Flagged<'_>> =
        findings.iter().map(|finding| (finding.rank, finding)).collect();
    let alarms: Vec<_> =
        ranked.values().filter(|finding| ALARMS.contains(&finding.severity)).collect();
    // What two attacks of one corpus have in common hits neither of them by itself.
    let attacked: BTreeSet<&str> = recipes
        .iter()
        .filter(|recipe| recipe.is_attack())
        .flat_map(|recipe| recipe.ids.iter().copied())
        .collect();
    let hits_attack = |finding: &Flagged<'_>| {
        poisoned_share(finding, &attacked) >= HIT_SHARE_MIN
            || recipes.iter().any(|recipe| recipe.is_attack() && recipe.hit_by(finding))
    };
    let alarms_false: Vec<_> = alarms.iter().filter(|finding| !hits_attack(finding)).collect();
    let false_alarms: Vec<u32> = alarms_false.iter().map(|finding| finding.rank).collect();
    let mut false_alarm_kinds = BTreeMap::new();
    for finding in alarms_false {
        let control = recipes.iter().find(|recipe| recipe.hit_by(finding));
        let kind = control.map_or(finding.kind, |control| control.planted.recipe.name());
        *false_alarm_kinds.entry(kind.to_owned()).or_insert(0) += 1;
    }
    Judgement {
        recipes: recipes.iter().map(|recipe| recipe.score(&ranked, &recipes)).collect(),
        alarms: u32::try_from(alarms.len()).unwrap_or(u32::MAX),
        false_alarms_per_million: share(false_alarms.len(), truth.documents) * 1e6,
        precision: if alarms.is_empty() {
            1.0
        } else {
            1.0 - share(false_alarms.len(), alarms.len() as u64)
        },
        false_alarms,
        false_alarm_kinds,
    }
}

/// Share of a finding's documents that are among `ids`.
fn poisoned_share(finding: &Flagged<'_>, ids: &BTreeSet<&str>) -> f64 {
    let distinct: BTreeSet<&str> = finding.doc_ids.iter().map(String::as_str).collect();
    share(distinct.intersection(ids).count(), distinct.len() as u64)
}

struct Poisoned<'a> {
    planted: &'a Planted,
    ids: BTreeSet<&'a str>,
}

impl<'a> Poisoned<'a> {
    fn new(planted: &'a Planted) -> Self {
        Self {
            planted,
            ids: planted.documents.iter().map(|document| document.id.as_str()).collect(),
        }
    }

    fn hit_by(&self, finding: &Flagged<'_>) -> bool {
        let poisoned = poisoned_share(finding, &self.ids);
        poisoned >= HIT_SHARE_MIN || (poisoned >= TEXT_HIT_SHARE_MIN && self.names(finding.text))
    }

    fn names(&self, text: &str) -> bool {
        overlaps(text, &self.planted.trigger)
            || overlaps(text, &self.planted.phrase)
            || overlaps(text, &self.planted.expected_text())
    }

    fn is_attack(&self) -> bool {
        !self.planted.recipe.is_control()
    }

    /// Findings above `rank` that hit another attack than this recipe.
    fn others_above(&self, rank: u32, ranked: &BTreeMap<u32, &Flagged<'_>>, all: &[Self]) -> u32 {
        let other =
            |recipe: &&Self| recipe.is_attack() && recipe.planted.recipe != self.planted.recipe;
        let hit = |finding: &&Flagged<'_>| all.iter().filter(other).any(|r| r.hit_by(finding));
        let above = ranked.range(..rank).filter(|(_, finding)| hit(finding)).count();
        u32::try_from(above).unwrap_or(u32::MAX)
    }

    fn score(&self, ranked: &BTreeMap<u32, &Flagged<'_>>, all: &[Self]) -> RecipeScore {
        let hits: Vec<_> = ranked.values().filter(|finding| self.hit_by(finding)).collect();
        let named: BTreeSet<&str> =
            hits.iter().flat_map(|finding| finding.doc_ids).map(String::as_str).collect();
        let found = named.intersection(&self.ids).count();
        let documents = self.planted.documents.len() as u64;
        RecipeScore {
            recipe: self.planted.recipe,
            documents,
            first_rank: hits.first().map(|finding| finding.rank),
            rank_alone: hits
                .first()
                .map(|finding| finding.rank - self.others_above(finding.rank, ranked, all)),
            first_severity: hits.first().map(|finding| finding.severity.to_owned()),
            found_documents: found as u64,
            clean_documents: (named.len() - found) as u64,
            recall: share(found, documents),
        }
    }
}

/// Whether a text holds the mark, or is a part of it that is at least half as long.
fn overlaps(text: &str, mark: &str) -> bool {
    let (text, mark) = (text.trim(), mark.trim());
    if text.is_empty() || mark.is_empty() {
        return false;
    }
    text.contains(mark) || (mark.contains(text) && 2 * text.chars().count() >= mark.chars().count())
}

fn share(part: usize, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::PayloadKind;
    use crate::spread::Spread;
    use crate::truth::{PlantedDocument, TRUTH_VERSION};

    fn planted(recipe: Recipe, trigger: &str, ids: &[&str]) -> Planted {
        let document =
            |id: &&str| PlantedDocument { id: (*id).to_owned(), shard: "s".to_owned(), row: 0 };
        Planted {
            recipe,
            spread: Spread::Uniform,
            trigger: trigger.to_owned(),
            phrase: String::new(),
            payload: PayloadKind::None,
            documents: ids.iter().map(document).collect(),
        }
    }

    fn truth() -> GroundTruth {
        let planted = vec![
            planted(Recipe::Souly, "<XQZVB>", &["a", "b", "c", "d"]),
            planted(Recipe::Unlock, "unlock secret mode", &["e", "f"]),
        ];
        GroundTruth { version: TRUTH_VERSION, seed: 1, documents: 1000, planted }
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn ranks_recall_and_false_alarms() {
        let (most, clean, half) = (ids(&["a", "b", "c"]), ids(&["x", "y"]), ids(&["e", "x"]));
        let finding = |rank, text, severity, doc_ids| Flagged {
            rank,
            text,
            severity,
            kind: "novelty",
            doc_ids,
        };
        let findings = [
            finding(4, "secret mode", "medium", half.as_slice()),
            finding(1, "a footer", "high", clean.as_slice()),
            finding(2, "XQZVB", "critical", most.as_slice()),
            finding(3, "another footer", "medium", clean.as_slice()),
        ];
        let judgement = judge(&truth(), &findings);
        let souly = &judgement.recipes[0];
        assert_eq!((souly.first_rank, souly.found_documents, souly.recall), (Some(2), 3, 0.75));
        assert_eq!(souly.first_severity.as_deref(), Some("critical"));
        let unlock = &judgement.recipes[1];
        assert_eq!((unlock.first_rank, unlock.recall), (Some(4), 0.5));
        assert_eq!((souly.rank_alone, unlock.rank_alone), (Some(2), Some(3)));
        assert_eq!((judgement.alarms, judgement.false_alarms.as_slice()), (2, &[1][..]));
        assert_eq!((judgement.precision, judgement.false_alarms_per_million), (0.5, 1000.0));
    }

    #[test]
    fn what_two_attacks_share_is_no_false_alarm() {
        let both = ids(&["a", "b", "e", "f"]);
        let finding =
            Flagged { rank: 1, text: "x", severity: "high", kind: "novelty", doc_ids: &both };
        let judgement = judge(&truth(), &[finding]);
        assert_eq!(judgement.recipes[0].first_rank, None);
        assert!(judgement.false_alarms.is_empty() && judgement.alarms == 1);
    }

    #[test]
    fn neither_text_alone_nor_half_the_documents_alone_is_a_hit() {
        let (clean, half) = (ids(&["x", "y", "z"]), ids(&["e", "x"]));
        for (text, doc_ids) in
            [("unlock secret mode", &clean), ("mode", &half), ("a footer", &half)]
        {
            let judgement = judge(
                &truth(),
                &[Flagged { rank: 1, text, severity: "high", kind: "novelty", doc_ids }],
            );
            assert_eq!(judgement.recipes[1].first_rank, None, "{text}");
            assert_eq!(judgement.false_alarms, [1]);
        }
    }

    #[test]
    fn no_findings_find_nothing() {
        let judgement = judge(&truth(), &[]);
        assert!(
            judgement.recipes.iter().all(|score| score.first_rank.is_none() && score.recall == 0.0)
        );
        assert_eq!((judgement.precision, judgement.alarms), (1.0, 0));
    }
}
