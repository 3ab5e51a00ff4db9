//! How a coordinator ends. Scripts and supervisors rely on these numbers.

/// The ways a coordinator ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Help or version was asked for and given.
    Clean,
    /// The command line or the configuration cannot be used.
    Usage,
    /// Another coordinator took over, or the store or the machine had trouble.
    Infrastructure,
    /// Ctrl-C, after the conversations were closed.
    Interrupted,
    /// SIGTERM, after the conversations were closed.
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
