//! How a process ends. Scripts and supervisors rely on these numbers.

/// The ways a long-running process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Help or version was asked for and given.
    Clean,
    /// The command line or the configuration cannot be used.
    Usage,
    /// Whom it works with refused it or took its place, or the store or the machine had trouble.
    Infrastructure,
    /// Ctrl-C, after what was running had its time.
    Interrupted,
    /// SIGTERM, after what was running had its time.
    Terminated,
}

impl Ending {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Usage => 2,
            Self::Infrastructure => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}
