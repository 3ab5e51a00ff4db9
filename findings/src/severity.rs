//! How urgent a finding is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// From here a finding can be critical: a thousand times less likely than the most extreme n-gram
/// expected in a clean corpus of the same size (score 5, see `combination`).
pub(crate) const CRITICAL_FROM: f64 = 8.0;

/// From here high: a third of an n-gram of this score expected per clean corpus.
pub(crate) const HIGH_FROM: f64 = 5.5;

/// From here medium: about ten expected per clean corpus; worth a look when time allows.
pub(crate) const MEDIUM_FROM: f64 = 4.0;

/// From here low: some hundreds expected; below is information only.
pub(crate) const LOW_FROM: f64 = 2.5;

/// Urgency, least first, so that `>=` means "at least as urgent".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Kept for the record: boilerplate and the merely unusual.
    Info,
    /// Unusual; has harmless explanations.
    Low,
    /// Deserves a look.
    Medium,
    /// Looks like poison.
    High,
    /// Looks like poison, and clearly so by an absolute measure too.
    Critical,
}

impl Severity {
    /// Its name in output: `critical`, `high`, `medium`, `low`, `info`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Severity of a score. `clear` says that a statistic is large in absolute terms: without it
/// nothing is critical, however unusual it is among its peers.
#[must_use]
pub fn severity(score: f64, clear: bool) -> Severity {
    match score {
        score if score >= CRITICAL_FROM && clear => Severity::Critical,
        score if score >= HIGH_FROM => Severity::High,
        score if score >= MEDIUM_FROM => Severity::Medium,
        score if score >= LOW_FROM => Severity::Low,
        _ => Severity::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_and_order() {
        assert_eq!(severity(9.0, true), Severity::Critical);
        assert_eq!(severity(9.0, false), Severity::High);
        assert_eq!(severity(5.5, true), Severity::High);
        assert_eq!(severity(4.0, true), Severity::Medium);
        assert_eq!(severity(2.5, true), Severity::Low);
        assert_eq!(severity(f64::NAN, true), Severity::Info);
        assert!(Severity::Critical > Severity::High && Severity::Low > Severity::Info);
        assert_eq!(format!("{:>6}", Severity::Low), "   low");
    }
}
