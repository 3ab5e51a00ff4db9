//! How a command ends. Scripts rely on these numbers.

/// The ways a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done, and nothing to report.
    Clean,
    /// Findings at or above `--fail-on`; for `verify`, something that does not match; for `demo`,
    /// a poison that was not found.
    Findings,
    /// The command line or the configuration cannot be used.
    Usage,
    /// More shards were quarantined than `--max-quarantine` allows.
    Incomplete,
    /// Storage, the machine, or this program had trouble.
    Infrastructure,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Ending {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Infrastructure => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Its name in the result file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Findings => "findings",
            Self::Usage => "usage",
            Self::Incomplete => "incomplete",
            Self::Infrastructure => "infrastructure",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// The ending of a command that read the corpus: findings outrank an incomplete corpus,
    /// because they stay true whatever the missing shards hold.
    pub fn of_corpus(findings: bool, quarantined: u64, max_quarantine: u64) -> Self {
        match (findings, quarantined > max_quarantine) {
            (true, _) => Self::Findings,
            (false, true) => Self::Incomplete,
            (false, false) => Self::Clean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_contract() {
        let codes = [
            (Ending::Clean, 0),
            (Ending::Findings, 1),
            (Ending::Usage, 2),
            (Ending::Incomplete, 3),
            (Ending::Infrastructure, 4),
            (Ending::Interrupted, 130),
            (Ending::Terminated, 143),
        ];
        for (ending, code) in codes {
            assert_eq!(ending.code(), code, "{}", ending.name());
        }
    }

    #[test]
    fn findings_outrank_quarantine() {
        assert_eq!(Ending::of_corpus(false, 0, 0), Ending::Clean);
        assert_eq!(Ending::of_corpus(false, 1, 0), Ending::Incomplete);
        assert_eq!(Ending::of_corpus(false, 1, 1), Ending::Clean);
        assert_eq!(Ending::of_corpus(true, 1, 0), Ending::Findings);
    }
}
