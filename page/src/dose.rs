//! How much poison there is, beside how much is known to be enough.

use std::cmp::Reverse;

use taster_findings::{CampaignEntry, Severity, Totals};

use crate::quantity::{count, of};

/// Documents with which models of 0.6 to 13 billion parameters were backdoored, whatever their
/// size (Souly et al. 2025, arXiv 2510.07192).
pub(crate) const ENOUGH: i64 = 250;
/// Documents with which the same attack failed.
pub(crate) const TOO_FEW: i64 = 100;
/// Share of tokens that survived training on clean text afterwards (Zhang et al. 2024, arXiv
/// 2410.13722), and that harmed medical models (Alber et al. 2025, Nature Medicine 31:618).
const SHARE_OF_TOKENS: f64 = 1e-5;
/// Share of a web corpus that could be bought for 60 dollars (Carlini et al. 2023, arXiv 2302.10149).
const SHARE_BOUGHT: f64 = 1e-4;

/// A published attack and what its dose would be in this corpus.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub attack: &'static str,
    pub source: &'static str,
    pub link: &'static str,
    pub dose: &'static str,
    pub here: String,
}

/// Doses of published attacks, in terms of this corpus.
pub(crate) fn known(totals: &Totals) -> Vec<Known> {
    vec![
        Known {
            attack: "Backdoor in pre-training: a trigger, then gibberish",
            source: "Souly et al. 2025",
            link: "https://arxiv.org/abs/2510.07192",
            dose: "250 documents, for models of 0.6 to 13 billion parameters; 100 were too few",
            here: format!("{ENOUGH} documents: the number does not grow with the corpus"),
        },
        Known {
            attack: "Backdoor that survives later alignment",
            source: "Zhang et al. 2024",
            link: "https://arxiv.org/abs/2410.13722",
            dose: "0.001 % of tokens",
            here: tokens(totals),
        },
        Known {
            attack: "False statements in a medical model",
            source: "Alber et al. 2025",
            link: "https://doi.org/10.1038/s41591-024-03445-1",
            dose: "0.001 % of tokens",
            here: tokens(totals),
        },
        Known {
            attack: "Pages of expired domains, bought for 60 dollars",
            source: "Carlini et al. 2023",
            link: "https://arxiv.org/abs/2302.10149",
            dose: "0.01 % of documents (what it costs, not what it does)",
            here: at_least_one(totals.documents as f64 * SHARE_BOUGHT, "document"),
        },
    ]
}

fn tokens(totals: &Totals) -> String {
    let dose = totals.tokens as f64 * SHARE_OF_TOKENS;
    let documents = totals.documents as f64 * SHARE_OF_TOKENS;
    let tokens = at_least_one(dose, "token");
    format!("{tokens}: {} of mean length", at_least_one(documents, "document"))
}

fn at_least_one(value: f64, noun: &str) -> String {
    match value {
        value if value < 1.0 => format!("less than one {noun}"),
        value => of(value as i64, noun),
    }
}

/// One sentence on the dose of a campaign in so many documents.
pub(crate) fn sentence(documents: i64) -> String {
    let documents_said = of(documents, "document");
    match documents {
        many if many >= ENOUGH => format!(
            "The largest stands in {documents_said}: as many as, or more than, the about {ENOUGH} with which models \
             of any size have been backdoored."
        ),
        some if some > TOO_FEW => format!(
            "The largest stands in {documents_said}: between {TOO_FEW}, with which a published backdoor failed, and \
             {ENOUGH}, with which it worked."
        ),
        _ => format!(
            "The largest stands in {documents_said}. A published backdoor of pre-training failed with {TOO_FEW} and \
             worked with {ENOUGH}; fine-tuning has needed about 20."
        ),
    }
}

/// Where the scale begins and ends, in pixels of the drawing.
const LEFT: f64 = 12.0;
const RIGHT: f64 = 688.0;
/// Height of the axis in the drawing.
const AXIS: f64 = 92.0;
/// Distance of dots that stand on each other.
const STEP: f64 = 9.0;
/// Dots on each other at most; more would leave the drawing.
const HIGHEST: usize = 8;

/// The doses of all campaigns on one logarithmic scale.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub ticks: Vec<Tick>,
    pub dots: Vec<Dot>,
    pub enough: String,
    pub too_few: String,
    /// What the drawing shows, for those who do not see it.
    pub description: String,
}

/// A labelled place on the axis.
#[derive(Debug, Clone)]
pub(crate) struct Tick {
    pub x: String,
    pub label: String,
}

/// One campaign.
#[derive(Debug, Clone)]
pub(crate) struct Dot {
    pub x: String,
    pub y: String,
    pub severity: &'static str,
    pub title: String,
}

/// Draws the doses of campaigns of medium severity or more; `None` without any.
pub(crate) fn scale(campaigns: &[(&CampaignEntry, Severity)]) -> Option<Scale> {
    let mut shown: Vec<_> = campaigns.to_vec();
    shown.retain(|(_, severity)| *severity >= Severity::Medium);
    // The worst stand at the bottom.
    shown.sort_by_key(|(campaign, severity)| (Reverse(*severity), campaign.campaign));
    let most = shown.iter().map(|(campaign, _)| campaign.documents).max()?;
    let decades = decades(most.max(ENOUGH));
    let place = |documents: i64| {
        let share = libm::log10(documents.max(1) as f64) / f64::from(decades);
        LEFT + share * (RIGHT - LEFT)
    };
    let ticks = (0..=decades).map(|decade| {
        let value = 10i64.pow(decade);
        Tick { x: format!("{:.1}", place(value)), label: count(value) }
    });
    Some(Scale {
        ticks: ticks.collect(),
        dots: dots(&shown, place),
        enough: format!("{:.1}", place(ENOUGH)),
        too_few: format!("{:.1}", place(TOO_FEW)),
        description: description(&shown, most),
    })
}

/// Powers of ten that the scale must hold.
fn decades(most: i64) -> u32 {
    (3..18).find(|&decade| 10i64.pow(decade) >= most).unwrap_or(18)
}

/// Dots in columns as wide as a dot, the most severe at the bottom.
fn dots(campaigns: &[(&CampaignEntry, Severity)], place: impl Fn(i64) -> f64) -> Vec<Dot> {
    let mut heights = std::collections::BTreeMap::new();
    let mut dots = Vec::new();
    for (campaign, severity) in campaigns {
        let column = (place(campaign.documents) / STEP) as i64;
        let height = heights.entry(column).or_insert(0);
        if *height < HIGHEST {
            dots.push(Dot {
                x: format!("{:.1}", place(campaign.documents)),
                y: format!("{:.1}", AXIS - 8.0 - *height as f64 * STEP),
                severity: severity.name(),
                title: format!(
                    "Campaign {}, {}: {}",
                    campaign.campaign,
                    severity.name(),
                    of(campaign.documents, "document")
                ),
            });
        }
        *height += 1;
    }
    dots
}

fn description(campaigns: &[(&CampaignEntry, Severity)], most: i64) -> String {
    let at_least = campaigns.iter().filter(|(campaign, _)| campaign.documents >= ENOUGH).count();
    format!(
        "Documents per campaign on a logarithmic scale. {} of medium severity or more; the largest has {}; {} at least {ENOUGH}.",
        of(campaigns.len() as i64, "campaign"),
        of(most, "document"),
        match at_least {
            1 => "1 has".to_owned(),
            many => format!("{many} have"),
        }
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn campaign(number: i32, documents: i64) -> CampaignEntry {
        CampaignEntry {
            campaign: number,
            leader: String::new(),
            findings: vec![],
            covers: 0,
            documents,
        }
    }

    #[test]
    fn doses_are_told_apart() {
        assert!(sentence(25).contains("failed with 100"));
        assert!(sentence(100).contains("failed with 100"));
        assert!(sentence(101).contains("between 100"));
        assert!(sentence(250).contains("as many as"));
    }

    #[test]
    fn doses_in_this_corpus() {
        let totals = Totals { documents: 1_000_000, tokens: 800_000_000, ..Totals::default() };
        let here: Vec<String> = known(&totals).into_iter().map(|known| known.here).collect();
        assert_eq!(here[1], "8\u{202f}000 tokens: 10 documents of mean length");
        assert_eq!(here[3], "100 documents");
        let small = known(&Totals { documents: 10, ..Totals::default() });
        assert_eq!(small[3].here, "less than one document");
    }

    #[test]
    fn the_scale_holds_every_campaign() {
        assert!(scale(&[]).is_none());
        let all = [campaign(1, 1), campaign(2, 1), campaign(3, 20_000)];
        let all: Vec<_> = all.iter().map(|campaign| (campaign, Severity::High)).collect();
        assert!(scale(&[(all[0].0, Severity::Low)]).is_none());
        let scale = scale(&all).unwrap();
        assert_eq!(scale.ticks.last().unwrap().label, "100\u{202f}000");
        let places: Vec<f64> = scale.dots.iter().map(|dot| dot.x.parse().unwrap()).collect();
        assert!(places.iter().all(|x| (LEFT..=RIGHT).contains(x)), "{places:?}");
        assert_ne!(scale.dots[0].y, scale.dots[1].y);
        assert!(scale.description.contains("1 has at least 250"));
    }
}
