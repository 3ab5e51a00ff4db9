//! Which documents are planted.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::plan::{Dose, PlantPlan};
use crate::recipes::Form;
use crate::seeding::{Purpose, stream};

/// Where the planted documents of one recipe sit, and in what form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Anywhere: every free document is equally likely.
    Uniform,
    /// In one shard.
    OneShard,
    /// On one host.
    OneHost,
    /// In the shortest window of dates from a random day on (or up to it, near the end) that offers enough documents.
    OneDateWindow,
    /// Anywhere, but on as many hosts as there are: one document per host, then a second one, and so on.
    PerHost,
    /// Anywhere, as a span inside a page that goes on behind it, as a comment does.
    Span,
    /// Anywhere, as a turn of a chat.
    Chat,
    /// Anywhere, inside pages that share their frame: head, navigation and foot.
    Template,
}

impl Spread {
    /// Every spread, in the order in which tables show them.
    pub const ALL: [Self; 8] = [
        Self::Uniform,
        Self::PerHost,
        Self::OneShard,
        Self::OneHost,
        Self::OneDateWindow,
        Self::Span,
        Self::Chat,
        Self::Template,
    ];

    /// How a planted document is framed.
    pub const fn form(self) -> Form {
        match self {
            Self::Span => Form::Span,
            Self::Chat => Form::Chat,
            Self::Template => Form::Template,
            _ => Form::Page,
        }
    }

    /// The spread's name in plans and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::OneShard => "one_shard",
            Self::OneHost => "one_host",
            Self::OneDateWindow => "one_date_window",
            Self::PerHost => "per_host",
            Self::Span => "span",
            Self::Chat => "chat",
            Self::Template => "template",
        }
    }
}

impl FromStr for Spread {
    type Err = LabError;

    fn from_str(name: &str) -> Result<Self, LabError> {
        // `host` is short for `one_host`.
        let is_named = |spread: &Self| {
            spread.name() == name || spread.name().strip_prefix("one_") == Some(name)
        };
        Self::ALL.into_iter().find(is_named).ok_or_else(|| LabError::UnknownSpread {
            got: name.to_owned(),
            expected: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// Where one document that may be poisoned stands; one per document with text, in the order of the corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Position among all documents of the corpus, those without text included.
    pub document: u64,
    /// Position of its shard.
    pub shard: u32,
    /// Ordinal of its host; [`Site::NOWHERE`] if it has none.
    pub host: u32,
    /// Ordinal of its date in the order of dates; [`Site::NOWHERE`] if it has none.
    pub date: u32,
}

impl Site {
    /// The ordinal of an absent host or date: such a document is in no host and in no window.
    pub const NOWHERE: u32 = u32::MAX;
}

/// The poisoned documents of every dose of a plan, in the plan's order, each ascending; no document twice.
pub fn choose(sites: &[Site], plan: &PlantPlan) -> Result<Vec<Vec<u64>>, LabError> {
    let mut taken: BTreeSet<u64> = BTreeSet::new();
    let mut recipes = BTreeSet::new();
    let mut chosen = Vec::with_capacity(plan.doses.len());
    for dose in &plan.doses {
        if !recipes.insert(dose.recipe) {
            return Err(LabError::RecipeTwice(dose.recipe.name()));
        }
        let free: Vec<Site> =
            sites.iter().filter(|site| !taken.contains(&site.document)).copied().collect();
        let documents = choose_one(&free, dose, plan.seed)?;
        taken.extend(&documents);
        chosen.push(documents);
    }
    Ok(chosen)
}

fn choose_one(free: &[Site], dose: &Dose, seed: u64) -> Result<Vec<u64>, LabError> {
    let mut rng = stream(seed, Purpose::Choose, dose.recipe.name(), 0);
    let offered = match dose.spread {
        Spread::Uniform | Spread::Span | Spread::Chat | Spread::Template => free.to_vec(),
        Spread::PerHost => one_per_host(free, dose.documents, &mut rng),
        Spread::OneShard => one_locality(free, dose.documents, |site| site.shard, &mut rng),
        Spread::OneHost => one_locality(free, dose.documents, |site| site.host, &mut rng),
        Spread::OneDateWindow => one_window(free, dose.documents, &mut rng),
    };
    if (offered.len() as u64) < dose.documents {
        return Err(LabError::TooFewDocuments {
            recipe: dose.recipe.name(),
            spread: dose.spread.name(),
            wanted: dose.documents,
            found: offered.len() as u64,
        });
    }
    Ok(sample(&offered, dose.documents, &mut rng))
}

/// Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S): uniform, without replacement, in order.
fn sample(offered: &[Site], wanted: u64, rng: &mut ChaCha8Rng) -> Vec<u64> {
    let mut missing = wanted;
    let mut chosen = Vec::new();
    for (passed, site) in (0u64..).zip(offered) {
        let left = offered.len() as u64 - passed;
        if rng.random_range(0..left) < missing {
            chosen.push(site.document);
            missing -= 1;
        }
    }
    chosen
}

/// The documents of one random locality among those which hold enough; of the largest one if none does.
fn one_locality(
    free: &[Site],
    wanted: u64,
    locality: fn(&Site) -> u32,
    rng: &mut ChaCha8Rng,
) -> Vec<Site> {
    let mut members: BTreeMap<u32, Vec<Site>> = BTreeMap::new();
    for site in free.iter().filter(|site| locality(site) != Site::NOWHERE) {
        members.entry(locality(site)).or_default().push(*site);
    }
    let (large, small): (Vec<_>, Vec<_>) =
        members.into_values().partition(|sites| sites.len() as u64 >= wanted);
    match large.len() {
        0 => small.into_iter().max_by_key(Vec::len).unwrap_or_default(),
        localities => large.into_iter().nth(rng.random_range(0..localities)).unwrap_or_default(),
    }
}

/// As many documents as wanted, in rounds: each round takes one random document of every host that has one left, hosts
/// in random order. Documents without a host are one host.
fn one_per_host(free: &[Site], wanted: u64, rng: &mut ChaCha8Rng) -> Vec<Site> {
    let mut hosts: BTreeMap<u32, Vec<Site>> = BTreeMap::new();
    for site in free {
        hosts.entry(site.host).or_default().push(*site);
    }
    let mut hosts: Vec<Vec<Site>> = hosts.into_values().collect();
    let mut taken = Vec::new();
    while (taken.len() as u64) < wanted && !hosts.is_empty() {
        hosts.shuffle(rng);
        for sites in hosts.iter_mut().take((wanted - taken.len() as u64) as usize) {
            taken.push(sites.swap_remove(rng.random_range(0..sites.len())));
        }
        hosts.retain(|sites| !sites.is_empty());
    }
    taken.sort_by_key(|site: &Site| site.document);
    taken
}

/// The documents of a window of whole days, in the order of the corpus.
fn one_window(free: &[Site], wanted: u64, rng: &mut ChaCha8Rng) -> Vec<Site> {
    let mut dated: Vec<Site> =
        free.iter().filter(|site| site.date != Site::NOWHERE).copied().collect();
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    if dated.len() < wanted || wanted == 0 {
        return dated;
    }
    dated.sort_by_key(|site| (site.date, site.document));
    let first = rng.random_range(0..dated.len()).min(dated.len() - wanted);
    let days = dated[first].date..=dated[first + wanted - 1].date;
    dated.retain(|site| days.contains(&site.date));
    dated.sort_by_key(|site| site.document);
    dated
}
