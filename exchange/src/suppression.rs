//! Findings that need no alarm: suppressed by a person with a reason, or known from an earlier
//! audit. The report holds them as ever; the verdict leaves them out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use taster_findings::{Finding, Severity};

/// A day as `YYYY-MM-DD`, which sorts as it should.
pub type Day = String;

/// A finding that somebody has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// Its stable id, in full.
    pub id: String,
    /// Why it needs no alarm.
    pub reason: String,
    /// The last day on which that holds; `None` for always.
    pub expires: Option<Day>,
}

/// Which findings of an audit need no alarm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exceptions {
    suppressed: BTreeMap<String, Suppression>,
    expired: Vec<Suppression>,
    known: BTreeSet<String>,
}

impl Exceptions {
    /// Suppressions as they stand on the day `today`, and the ids of a baseline's findings.
    #[must_use]
    pub fn new(suppressions: Vec<Suppression>, known: BTreeSet<String>, today: &str) -> Self {
        let has_expired = |s: &Suppression| s.expires.as_deref().is_some_and(|day| day < today);
        let (expired, current): (Vec<_>, Vec<_>) = suppressions.into_iter().partition(has_expired);
        let suppressed = current.into_iter().map(|s| (s.id.clone(), s)).collect();
        Self { suppressed, expired, known }
    }

    /// Whether a finding needs no alarm.
    #[must_use]
    pub fn excuse(&self, finding: &Finding) -> bool {
        let id = &finding.finding_id;
        self.suppressed.contains_key(id) || self.known.contains(id)
    }

    /// What became of `findings`.
    #[must_use]
    pub fn outcome(&self, findings: &[Finding]) -> ExceptionsOutcome {
        let ids: BTreeSet<&str> = findings.iter().map(|f| f.finding_id.as_str()).collect();
        let suppressed = ids.iter().filter(|id| self.suppressed.contains_key(**id)).count();
        let excused = findings.iter().filter(|finding| self.excuse(finding)).count();
        let unused = self.suppressed.keys().filter(|id| !ids.contains(id.as_str()));
        let expired = self.expired.iter().filter(|s| ids.contains(s.id.as_str()));
        ExceptionsOutcome {
            suppressed: suppressed as u64,
            known: (excused - suppressed) as u64,
            unused: unused.cloned().collect(),
            expired: expired.cloned().collect(),
        }
    }

    /// Whether any finding that needs an alarm is at or above `threshold`.
    #[must_use]
    pub fn any_at(&self, findings: &[Finding], threshold: Option<Severity>) -> bool {
        let urgent =
            |finding: &Finding, threshold| finding.severity >= threshold && !self.excuse(finding);
        threshold.is_some_and(|threshold| findings.iter().any(|f| urgent(f, threshold)))
    }
}

/// How exceptions met the findings of one audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExceptionsOutcome {
    /// Findings that a current suppression names.
    pub suppressed: u64,
    /// Other findings that the baseline has.
    pub known: u64,
    /// Ids of current suppressions that name no finding of this audit.
    pub unused: Vec<String>,
    /// Suppressions of findings of this audit that are past their day and do not count.
    pub expired: Vec<Suppression>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::tests::finding;

    fn suppression(finding: &Finding, expires: Option<&str>) -> Suppression {
        Suppression {
            id: finding.finding_id.clone(),
            reason: "reviewed".into(),
            expires: expires.map(str::to_owned),
        }
    }

    #[test]
    fn suppressions_hold_through_their_last_day() {
        let findings = [finding(1, Severity::High, 1, "a"), finding(2, Severity::High, 1, "b")];
        let suppressions =
            vec![suppression(&findings[0], Some("2026-05-09")), suppression(&findings[1], None)];
        let on = |today| Exceptions::new(suppressions.clone(), BTreeSet::new(), today);
        let held = on("2026-05-09");
        assert!(!held.any_at(&findings, Some(Severity::High)));
        assert_eq!(held.outcome(&findings).suppressed, 2);
        let past = on("2026-05-10");
        assert!(past.any_at(&findings, Some(Severity::High)));
        let outcome = past.outcome(&findings);
        assert_eq!((outcome.suppressed, outcome.expired.len()), (1, 1));
        assert_eq!(outcome.expired[0].id, findings[0].finding_id);
    }

    #[test]
    fn a_baseline_hides_what_it_knows_and_nothing_else() {
        let findings = [finding(1, Severity::High, 1, "a"), finding(2, Severity::Low, 1, "b")];
        let known = BTreeSet::from([findings[0].finding_id.clone(), "gone".to_owned()]);
        let exceptions = Exceptions::new(Vec::new(), known, "2026-01-01");
        assert!(!exceptions.any_at(&findings, Some(Severity::High)));
        assert!(exceptions.any_at(&findings, Some(Severity::Low)));
        assert!(!exceptions.any_at(&findings, None));
        let outcome = exceptions.outcome(&findings);
        assert_eq!((outcome.suppressed, outcome.known), (0, 1));
    }

    #[test]
    fn suppressions_of_nothing_are_told() {
        let stranger = finding(9, Severity::High, 1, "x");
        let exceptions =
            Exceptions::new(vec![suppression(&stranger, None)], BTreeSet::new(), "2026-01-01");
        assert_eq!(exceptions.outcome(&[]).unused, [stranger.finding_id]);
    }
}
