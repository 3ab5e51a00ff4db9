//! Standard error: progress, notes and errors. What is written here comes partly from corpora
//! and stores, so it is escaped.

use std::io::{IsTerminal, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use taster_findings::visible;

/// Writes to standard error without disturbing bars that are drawn there.
#[derive(Debug, Clone)]
pub struct Log {
    bars: MultiProgress,
    quiet: bool,
    live: bool,
}

impl Log {
    /// The process's standard error; `quiet` writes errors only.
    pub fn standard(quiet: bool) -> Self {
        let live = !quiet && std::io::stderr().is_terminal();
        let target = if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), quiet, live }
    }

    /// Whether bars can be drawn: standard error is a terminal.
    pub fn live(&self) -> bool {
        self.live
    }

    /// The bars.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Something worth knowing; not written when quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Something that went wrong; always written.
    pub fn error(&self, text: &str) {
        self.say(&format!("error: {text}"));
    }

    /// Takes the bars away for good: this is the end, and what follows stands alone.
    pub fn clear(&self) {
        // A terminal that is gone shows no bars either.
        let _ = self.bars.clear();
        self.bars.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Something that must be known; always written.
    pub fn say(&self, text: &str) {
        // Several lines are wanted (a parser points at a column), everything else is escaped.
        let lines: Vec<_> = text.lines().map(visible).collect();
        let text = format!("taster: {}\n", lines.join("\n"));
        self.bars.suspend(|| {
            // There is no place left to complain when standard error is closed.
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        });
    }
}
