//! What an audit tells while it runs.

/// The waves in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wave {
    /// Listing, footers, units.
    Manifest,
    /// Per-shard n-gram statistics: df and cf.
    Count,
    /// Merge: exact global df; exact duplicates and locality sizes.
    Screen,
    /// Per-shard n-gram statistics of triples: df and cf.
    CountTriples,
    /// Merge: exact global df of triples.
    ScreenTriples,
    /// Per-shard n-gram statistics of longer n-grams: df and cf.
    CountLonger,
    /// Merge: exact global df of longer n-grams.
    ScreenLonger,
    /// Per-shard statistics: where the screened n-grams stand.
    Context,
    /// Merge: statistics per n-gram, candidates.
    Score,
    /// Re-reads what candidates name and verifies them.
    Evidence,
}

impl Wave {
    /// All waves, in order.
    pub const ALL: [Self; 10] = [
        Self::Manifest,
        Self::Count,
        Self::Screen,
        Self::CountTriples,
        Self::ScreenTriples,
        Self::CountLonger,
        Self::ScreenLonger,
        Self::Context,
        Self::Score,
        Self::Evidence,
    ];

    /// Its name in output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Count => "count",
            Self::Screen => "screen",
            Self::CountTriples => "count-triples",
            Self::ScreenTriples => "screen-triples",
            Self::CountLonger => "count-longer",
            Self::ScreenLonger => "screen-longer",
            Self::Context => "context",
            Self::Score => "score",
            Self::Evidence => "evidence",
        }
    }
}

/// Listens to an audit. Called from several threads.
pub trait Progress: Sync {
    /// A wave starts: so many tasks with so many bytes of work (text or run bytes).
    fn wave_started(&self, wave: Wave, tasks: u64, bytes: u64);
    /// A task of the wave is done; `reused` says that its output was there before.
    fn task_done(&self, wave: Wave, bytes: u64, reused: bool);
    /// A shard was quarantined.
    fn quarantined(&self, shard: &str, detail: &str);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn wave_started(&self, _: Wave, _: u64, _: u64) {}
    fn task_done(&self, _: Wave, _: u64, _: bool) {}
    fn quarantined(&self, _: &str, _: &str) {}
}
