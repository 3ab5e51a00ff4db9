//! The wish that the process ends: given by a signal or a test.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::watch;

use crate::Ending;

/// Hears the wish.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Option<Ending>>);

/// Gives it.
#[derive(Debug)]
pub struct Trigger(watch::Sender<Option<Ending>>);

/// A wish that has not been given yet. Dropping the trigger is not a wish.
#[must_use]
pub fn shutdown() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(None);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Asks the process to end like `ending`; `false` if that was asked before, which then stands.
    pub fn fire(&self, ending: Ending) -> bool {
        self.0.send_if_modified(|wish| {
            let first = wish.is_none();
            wish.get_or_insert(ending);
            first
        })
    }
}

impl Shutdown {
    /// Waits for the wish.
    pub async fn wished(&mut self) -> Ending {
        match self.0.wait_for(Option::is_some).await {
            Ok(wish) => wish.unwrap_or(Ending::Terminated),
            Err(_) => std::future::pending().await,
        }
    }
}

/// Fires at the first SIGINT or SIGTERM; calls `at_once` at the second.
///
/// # Errors
/// The operating system refuses a handler or a thread.
pub fn watch_signals(
    trigger: Trigger,
    at_once: impl Fn(Ending) + Send + 'static,
) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let watch = move || {
        for signal in signals.forever() {
            let ending = if signal == SIGTERM { Ending::Terminated } else { Ending::Interrupted };
            if !trigger.fire(ending) {
                at_once(ending);
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(watch)?;
    Ok(())
}
