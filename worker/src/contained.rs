//! Panics of a task, turned into results: one task's fault must not end the others.
//!
//! A panic's message can quote what was being worked on, and text of a corpus must reach neither
//! logs nor the coordinator. So a message is cut where its first quotation begins; the place in
//! the source says the rest.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// Longest part of a message that is kept, in characters.
const MESSAGE_CHARS: usize = 200;

thread_local! {
    static CONTAINING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `task`; a panic in it becomes its place and the harmless part of its message. What the
/// task was working on must not be used after a panic.
pub(crate) fn contained<T>(task: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let outer = CONTAINING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(task));
    CONTAINING.set(outer);
    let place = PLACE.take().unwrap_or_else(|| "an unknown place".to_owned());
    result.map_err(|payload| {
        format!("panicked at {place}: {}", without_quotations(message(payload.as_ref())))
    })
}

/// Remembers the place of contained panics; all others reach the hook that was there before.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| match CONTAINING.get() {
            true => PLACE.set(place(info)),
            false => before(info),
        }));
    });
}

fn place(info: &PanicHookInfo<'_>) -> Option<String> {
    info.location().map(|location| format!("{}:{}", location.file(), location.line()))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default()
}

fn without_quotations(message: &str) -> String {
    let end = message.find(['`', '"', '\'']).unwrap_or(message.len());
    message[..end].trim_end().chars().take(MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_panic_becomes_its_place_and_message() {
        assert_eq!(contained(|| 3), Ok(3));
        let seven = 7;
        let error = contained(|| -> u8 { panic!("with {seven}") }).unwrap_err();
        assert!(error.starts_with("panicked at worker/src/contained.rs:"), "{error}");
        assert!(error.ends_with(": with 7"), "{error}");
    }

    #[test]
    fn row_51_a_panic_does_not_carry_text() {
        let document = "geheimé";
        let error = contained(|| document[..7].len()).unwrap_err();
        assert!(error.starts_with("panicked at "), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }

    #[test]
    fn messages_are_short() {
        let error = contained(|| -> u8 { panic!("{}", "x".repeat(5000)) }).unwrap_err();
        assert!(error.len() < 300);
    }
}
