//! One campaign as it is shown: its findings share their documents.

use std::collections::BTreeMap;
use std::ops::Range;

use taster_findings::{CampaignEntry, Severity};

use crate::finding::FindingView;
use crate::places::{Axis, places};
use crate::plot::{Bars, Matrix, bars, matrix};
use crate::quantity::{count, of};
use crate::subject::Subject;

/// Campaigns whose places are drawn: the first ones. All of their places are in
/// `occurrences.parquet`.
const DRAWN: usize = 40;

/// Findings of a campaign, beside the best, that are shown at once with it.
const SHOWN_OTHERS: usize = 5;

/// A campaign as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct CampaignView {
    pub number: i32,
    pub severity: &'static str,
    pub documents: String,
    pub covers: String,
    /// The best finding.
    pub leader: FindingView,
    /// How many others there are; empty if none.
    pub beside: String,
    /// The best of the others.
    pub others: Vec<FindingView>,
    /// The rest of them.
    pub more: Vec<FindingView>,
    pub basis: String,
    pub axes: Vec<Axis>,
    pub matrix: Option<Matrix>,
    pub bars: Option<Bars>,
}

/// Campaigns of one urgency.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub id: &'static str,
    pub title: &'static str,
    pub lead: &'static str,
    pub campaigns: Vec<CampaignView>,
}

/// Indices of findings by id.
pub(crate) type Indices<'a> = BTreeMap<&'a str, usize>;

/// The worst severity of each campaign's findings.
pub(crate) fn severities<'a>(
    subject: &Subject<'a>,
    indices: &Indices<'_>,
) -> Vec<(&'a CampaignEntry, Severity)> {
    let findings = &subject.report.findings;
    let worst = |campaign: &CampaignEntry| {
        let listed = campaign.findings.iter().filter_map(|id| indices.get(id.as_str()));
        listed.map(|&index| findings[index].severity).max().unwrap_or(Severity::Info)
    };
    subject.report.campaigns.iter().map(|campaign| (campaign, worst(campaign))).collect()
}

/// All campaigns, the urgent ones first.
pub(crate) fn groups(
    subject: &Subject<'_>,
    indices: &Indices<'_>,
    severities: &[(&CampaignEntry, Severity)],
) -> Vec<Group> {
    let ranges = crate::selection::ranges(subject.occurrences);
    let shown = Shown { subject, indices, ranges: &ranges };
    let group = |id, title, lead, is_in: fn(Severity) -> bool| {
        let inside = severities.iter().filter(|(_, severity)| is_in(*severity));
        let campaigns = inside.filter_map(|(campaign, severity)| shown.view(campaign, *severity));
        Group { id, title, lead, campaigns: campaigns.collect() }
    };
    let groups = vec![
        group(
            "urgent",
            "Critical and high",
            "These look like poison. Read each, then remove its documents or say why they stay.",
            |severity| severity >= Severity::High,
        ),
        group(
            "medium",
            "Medium",
            "Unusual enough for a look. Most of these have a harmless reason, such as a site's template.",
            |severity| severity == Severity::Medium,
        ),
        group(
            "record",
            "Low and for the record",
            "Weak signs, kept so that nothing is dropped in silence.",
            |severity| severity < Severity::Medium,
        ),
    ];
    groups.into_iter().filter(|group| !group.campaigns.is_empty()).collect()
}

/// What all campaigns are shown from.
struct Shown<'a> {
    subject: &'a Subject<'a>,
    indices: &'a Indices<'a>,
    ranges: &'a BTreeMap<&'a str, Range<usize>>,
}

impl Shown<'_> {
    fn view(&self, campaign: &CampaignEntry, severity: Severity) -> Option<CampaignView> {
        let mut findings = campaign.findings.iter().filter_map(|id| self.finding(id));
        let leader = findings.next()?;
        let beside = campaign.findings.len().saturating_sub(1);
        let mut view = CampaignView {
            number: campaign.campaign,
            severity: severity.name(),
            documents: of(campaign.documents, "document"),
            covers: if campaign.covers > 0 { count(campaign.covers) } else { String::new() },
            leader,
            beside: if beside > 0 { count(beside as i64) } else { String::new() },
            others: findings.by_ref().take(SHOWN_OTHERS).collect(),
            more: findings.collect(),
            basis: String::new(),
            axes: vec![],
            matrix: None,
            bars: None,
        };
        if campaign.campaign <= DRAWN as i32 {
            self.draw(campaign, &mut view);
        }
        Some(view)
    }

    fn finding(&self, id: &str) -> Option<FindingView> {
        let &index = self.indices.get(id)?;
        let range = self.ranges.get(id).cloned().unwrap_or(0..0);
        Some(FindingView::new(self.subject, index, &range))
    }

    fn draw(&self, campaign: &CampaignEntry, view: &mut CampaignView) {
        let ranges = campaign.findings.iter().filter_map(|id| self.ranges.get(id.as_str()));
        let occurrences = ranges.flat_map(|range| &self.subject.occurrences[range.clone()]);
        let Some(places) = places(occurrences, campaign.documents) else {
            return;
        };
        view.matrix = matrix(&places.cells, self.subject.shards);
        view.bars = places.dates.as_ref().and_then(|(axis, dates)| bars(axis, dates));
        view.basis = places.basis;
        view.axes = places.axes;
    }
}
