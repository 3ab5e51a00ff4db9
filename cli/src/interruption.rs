//! Ctrl-C and SIGTERM. Outputs are committed whole or not at all, so the process just ends.

use std::sync::Arc;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::closing::Closing;
use crate::error::CliError;
use crate::exit::Ending;

/// Ends the process on the first of the two signals.
///
/// # Errors
/// The operating system refuses a handler or a thread.
pub fn watch(closing: &Arc<Closing>) -> Result<(), CliError> {
    let internal =
        |error: std::io::Error| CliError::Internal(format!("cannot watch for signals: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(internal)?;
    let closing = Arc::clone(closing);
    let wait = move || {
        let first = signals.forever().next();
        let ending = if first == Some(SIGTERM) { Ending::Terminated } else { Ending::Interrupted };
        if let Some(code) = closing.interrupt(ending) {
            std::process::exit(i32::from(code));
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).map_err(internal)?;
    Ok(())
}
