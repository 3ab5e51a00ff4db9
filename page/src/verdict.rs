//! What a reader sees first.

use taster_findings::{CampaignEntry, Severity, Totals};

use crate::dose::sentence;
use crate::quantity::{count, of, percent};

/// The answer, in one line and some sentences.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    /// Class of the style sheet.
    pub tone: &'static str,
    pub headline: &'static str,
    pub sentences: Vec<String>,
    /// That something was not read, if so.
    pub incomplete: Option<String>,
}

/// Judges campaigns, each with its severity.
pub(crate) fn verdict(campaigns: &[(&CampaignEntry, Severity)], totals: &Totals) -> Verdict {
    let worst = campaigns.iter().map(|(_, severity)| *severity).max();
    let (tone, headline) = match worst {
        Some(Severity::Critical) => ("alarm", "This corpus looks poisoned"),
        Some(Severity::High) => ("alarm", "This corpus may be poisoned"),
        Some(Severity::Medium) => ("warn", "No clear poison, but something to look at"),
        _ => ("calm", "No sign of poison that leaves repeated words"),
    };
    let sentences = match worst {
        Some(Severity::Critical | Severity::High) => urgent(campaigns, totals),
        Some(Severity::Medium) => vec![medium(campaigns)],
        _ => vec![
            "Nothing that was counted is both rare and concentrated enough to deserve a look."
                .into(),
        ],
    };
    Verdict { tone, headline, sentences, incomplete: incomplete(totals) }
}

fn urgent(campaigns: &[(&CampaignEntry, Severity)], totals: &Totals) -> Vec<String> {
    let urgent = campaigns.iter().filter(|(_, severity)| *severity >= Severity::High);
    let documents: Vec<i64> = urgent.map(|(campaign, _)| campaign.documents).collect();
    let sum = documents.iter().sum::<i64>().min(totals.documents);
    let stand = if documents.len() == 1 { "stands" } else { "stand" };
    vec![
        format!(
            "{} of severity critical or high {stand} in at most {} of {} ({}).",
            of(documents.len() as i64, "campaign"),
            count(sum),
            of(totals.documents, "document"),
            percent(sum, totals.documents)
        ),
        sentence(documents.into_iter().max().unwrap_or(0)),
    ]
}

fn medium(campaigns: &[(&CampaignEntry, Severity)]) -> String {
    let medium = campaigns.iter().filter(|(_, severity)| *severity == Severity::Medium).count();
    let have = if medium == 1 { "has" } else { "have" };
    format!(
        "{} {have} medium severity: unusual, and most likely the habit of a site or a genre. None is high or critical.",
        of(medium as i64, "campaign")
    )
}

fn incomplete(totals: &Totals) -> Option<String> {
    let all = totals.shards + totals.shards_quarantined;
    (totals.shards_quarantined > 0).then(|| {
        format!(
            "{} of {} could not be read. What they hold is not judged.",
            count(totals.shards_quarantined),
            of(all, "shard")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(severities: &[Severity]) -> Verdict {
        let campaign = CampaignEntry {
            campaign: 1,
            leader: String::new(),
            findings: vec![],
            covers: 0,
            documents: 25,
        };
        let campaigns: Vec<_> = severities.iter().map(|severity| (&campaign, *severity)).collect();
        verdict(&campaigns, &Totals { documents: 6500, shards: 3, ..Totals::default() })
    }

    #[test]
    fn the_worst_decides() {
        let alarm = judged(&[Severity::Low, Severity::Critical, Severity::High]);
        assert_eq!((alarm.tone, alarm.headline), ("alarm", "This corpus looks poisoned"));
        let said = alarm.sentences[0].as_str();
        assert_eq!(
            said,
            "2 campaigns of severity critical or high stand in at most 50 of 6\u{202f}500 documents (0.77\u{202f}%)."
        );
        assert_eq!(judged(&[Severity::High]).headline, "This corpus may be poisoned");
        assert!(judged(&[Severity::Medium]).sentences[0].starts_with("1 campaign has medium"));
        assert_eq!(judged(&[Severity::Low]).tone, "calm");
        assert_eq!(judged(&[]).tone, "calm");
    }

    #[test]
    fn what_was_not_read_is_said() {
        assert!(judged(&[]).incomplete.is_none());
        let totals = Totals { shards: 3, shards_quarantined: 1, ..Totals::default() };
        let said = verdict(&[], &totals).incomplete.unwrap_or_default();
        assert!(said.starts_with("1 of 4 shards"), "{said}");
    }
}
