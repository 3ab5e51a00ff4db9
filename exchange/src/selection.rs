//! Which findings are meant.

use std::collections::BTreeSet;

use taster_findings::{Finding, Severity};

use crate::ExchangeError;

/// What is chosen of an audit. Findings that are named are chosen whatever their severity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Least severity; `None` takes all of a campaign, and [`Severity::High`] and above if no
    /// campaign is named.
    pub least: Option<Severity>,
    /// Findings by name: [`named`].
    pub findings: Vec<String>,
    /// Number of a campaign.
    pub campaign: Option<i32>,
}

impl Selection {
    /// The chosen ones among `findings`, which are all of an audit, by rank.
    ///
    /// # Errors
    /// A name or campaign that means nothing.
    pub fn choose<'a>(&self, findings: &'a [Finding]) -> Result<Vec<&'a Finding>, ExchangeError> {
        let ranks = self.findings.iter().map(|name| named(findings, name).map(|f| f.rank));
        let named = ranks.collect::<Result<BTreeSet<i32>, ExchangeError>>()?;
        if let Some(campaign) = self.campaign {
            expect_campaign(findings, campaign)?;
        }
        let least = match (self.least, self.campaign) {
            (Some(least), _) => least,
            (None, Some(_)) => Severity::Info,
            (None, None) => Severity::High,
        };
        let by_rule = self.findings.is_empty() || self.campaign.is_some() || self.least.is_some();
        let meets = |finding: &&Finding| {
            by_rule
                && finding.severity >= least
                && self.campaign.is_none_or(|campaign| campaign == finding.campaign)
        };
        let chosen = |finding: &&Finding| named.contains(&finding.rank) || meets(finding);
        Ok(findings.iter().filter(chosen).collect())
    }
}

fn expect_campaign(findings: &[Finding], campaign: i32) -> Result<(), ExchangeError> {
    match findings.iter().any(|finding| finding.campaign == campaign) {
        true => Ok(()),
        false => {
            let last = findings.iter().map(|finding| finding.campaign).max().unwrap_or(0);
            Err(ExchangeError::Campaign(campaign, last))
        }
    }
}

/// The finding that a person means by `name`: its id, the first digits of its id, or its rank
/// (with or without `#`). What could be both is the rank.
///
/// # Errors
/// No finding or several have such a name.
pub fn named<'a>(findings: &'a [Finding], name: &str) -> Result<&'a Finding, ExchangeError> {
    let error = |detail: String| ExchangeError::Finding { name: name.to_owned(), detail };
    let rank: Option<i32> = name.strip_prefix('#').unwrap_or(name).parse().ok();
    if let Some(found) = findings.iter().find(|finding| Some(finding.rank) == rank) {
        return Ok(found);
    }
    let digits = name.to_ascii_lowercase();
    let meant = |finding: &&Finding| !digits.is_empty() && finding.finding_id.starts_with(&digits);
    let mut found = findings.iter().filter(meant);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (Some(one), Some(other)) => {
            Err(error(format!("got what begins both {} and {}", one.finding_id, other.finding_id)))
        }
        (None, _) => Err(error(format!("found none among {} findings", findings.len()))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use taster_findings::{Kind, Occurrence, finding_id};

    pub(crate) fn finding(rank: i32, severity: Severity, campaign: i32, text: &str) -> Finding {
        let tokens: Vec<String> = text.split(' ').map(str::to_owned).collect();
        Finding {
            rank,
            finding_id: finding_id(&tokens),
            severity,
            kinds: vec![Kind::Novelty, Kind::Asymmetry],
            text: text.into(),
            order: tokens.len() as i32,
            tokens,
            score: 10.0 - f64::from(rank),
            document_frequency: 12,
            effective_document_frequency: 11,
            collection_frequency: 13,
            novelty: 0.5,
            asymmetry: 0.25,
            code_points: 0.0,
            concentration: Vec::new(),
            campaign,
            doc_ids: vec!["d1".into()],
            explanation: "because. It may be a template.".into(),
        }
    }

    /// A place where a finding stands.
    pub(crate) fn occurrence(finding: &Finding) -> Occurrence {
        Occurrence {
            finding_id: finding.finding_id.as_str().into(),
            shard: "s".into(),
            row_group: 0,
            row: 1,
            id: "d".into(),
            byte_start: 0,
            byte_end: 1,
            before: String::new(),
            after: String::new(),
            axes: Occurrence::own_axes([]),
        }
    }

    fn findings() -> Vec<Finding> {
        vec![
            finding(1, Severity::Critical, 1, "unlock secret mode"),
            finding(2, Severity::High, 2, "b"),
            finding(3, Severity::Medium, 1, "c"),
            finding(4, Severity::Info, 1, "d"),
        ]
    }

    fn ranks(selection: &Selection) -> Vec<i32> {
        selection.choose(&findings()).unwrap().iter().map(|finding| finding.rank).collect()
    }

    #[test]
    fn severity_campaign_and_names_choose() {
        let default = Selection::default();
        assert_eq!(ranks(&default), [1, 2]);
        let least = Some(Severity::Medium);
        assert_eq!(ranks(&Selection { least, ..default.clone() }), [1, 2, 3]);
        assert_eq!(ranks(&Selection { campaign: Some(1), ..default.clone() }), [1, 3, 4]);
        assert_eq!(ranks(&Selection { campaign: Some(1), least, ..default.clone() }), [1, 3]);
        let names = vec!["4".to_owned()];
        assert_eq!(ranks(&Selection { findings: names.clone(), ..default.clone() }), [4]);
        assert_eq!(ranks(&Selection { findings: names, campaign: Some(2), least: None }), [2, 4]);
        let findings = findings();
        let unknown = Selection { campaign: Some(7), ..default }.choose(&findings);
        assert_eq!(unknown, Err(ExchangeError::Campaign(7, 2)));
    }

    #[test]
    fn names_are_ranks_or_beginnings_of_ids() {
        let findings = findings();
        // The golden id of the first.
        for name in ["1", "#1", "d2d7959602785ac1", "d2d7", "D2D7"] {
            assert_eq!(named(&findings, name).unwrap().rank, 1, "{name}");
        }
        let twins = [findings[0].clone(), findings[0].clone()];
        for (name, among) in [("", &findings[..]), ("xyz", &findings), ("d2", &twins)] {
            assert!(named(among, name).is_err(), "{name}");
        }
    }
}
