//! What the score wave knows about one n-gram, exactly, and about the corpus it stands in.

use serde::{Deserialize, Serialize};

/// Everything measured about one screened, closed n-gram; integers only, merged exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of tokens, 1..=8.
    pub order: u8,
    /// Documents that contain it, duplicates included.
    pub df: u64,
    /// Canonical documents that contain it, of which near-duplicates count as one where most of their cluster holds it.
    pub edf: u64,
    /// Distinct 4-grams directly before it, over canonical documents: 0..=edf.
    pub distinct_left: u64,
    /// Distinct 4-grams directly after it, over canonical documents: 0..=edf.
    pub distinct_right: u64,
    /// The same before it, but a 4-gram in far more documents than the n-gram itself is counted anew in each document, as
    /// it tells nothing that these documents share: `distinct_left..=edf`.
    pub varied_left: u64,
    /// The same after it.
    pub varied_right: u64,
    /// Distinct 4-grams in far more documents than the n-gram, on the side that is the more varied (before it, if both
    /// are): 0..=edf. Many only where it stands inside furniture, and at another place of it in each document.
    pub scattered: u64,
    /// Sum over postings of the novelty jump, each in -31..=31.
    pub novelty_sum: i64,
    /// Sum over postings of the squared novelty jump.
    pub novelty_sum_squares: u64,
    /// Where it sits, per axis ordinal of [`CorpusTotals::axes`].
    pub places: Vec<AxisSummary>,
}

impl Summary {
    /// The same without its places, which costs no allocation.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self { places: Vec::new(), ..*self }
    }
}

/// The places of one n-gram on one axis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisSummary {
    /// Postings that have a locality on this axis.
    pub with_value: u64,
    /// Distinct localities among them.
    pub distinct: u64,
    /// The locality that holds most of them.
    pub top: Option<TopPlace>,
}

/// The locality that holds most of an n-gram's documents; ties go to the lowest ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopPlace {
    /// Ordinal in [`AxisTotals::localities`].
    pub locality: u32,
    /// Canonical documents of the n-gram inside it.
    pub edf: u64,
    /// Canonical documents of the locality.
    pub locality_documents: u64,
}

/// Sizes of the whole corpus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusTotals {
    /// All documents.
    pub documents: u64,
    /// Canonical documents: exact duplicates count once.
    pub canonical: u64,
    /// Per axis ordinal.
    pub axes: Vec<AxisTotals>,
}

/// Sizes of the localities of one axis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisTotals {
    /// Name of the axis: `host`, `source`, `shard` …
    pub name: String,
    /// Its values are labels and no places: C, spikes and spread do not look at it, and the top place of an n-gram is
    /// what [`crate::most_associated`] says.
    pub is_label: bool,
    /// Canonical documents that have a locality on this axis.
    pub with_value: u64,
    /// Canonical documents per locality ordinal.
    pub localities: Vec<u64>,
}

impl CorpusTotals {
    /// Ordinal of the axis of places with this name.
    #[must_use]
    pub fn place_axis(&self, name: &str) -> Option<usize> {
        self.axes.iter().position(|axis| !axis.is_label && axis.name == name)
    }

    /// Number of axes of places.
    #[must_use]
    pub fn place_axes(&self) -> u64 {
        self.axes.iter().filter(|axis| !axis.is_label).count() as u64
    }

    /// Ordinal of the axis of labels, if there is one.
    #[must_use]
    pub fn label_axis(&self) -> Option<usize> {
        self.axes.iter().position(|axis| axis.is_label)
    }
}
