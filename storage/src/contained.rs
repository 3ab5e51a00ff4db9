//! Panics of the decoder, turned into results.
//!
//! The Parquet reader still panics on some damaged files and its maintainers leave containment
//! to the caller, so every call into it goes through [`contained`].

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static CONTAINING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `decode`; a panic in it becomes its message. What `decode` was working on must be
/// dropped after a panic.
pub(crate) fn contained<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    quiet_hook();
    let outer = CONTAINING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(decode));
    CONTAINING.set(outer);
    result.map_err(|payload| message(payload.as_ref()))
}

/// Keeps contained panics out of the log; all others reach the hook that was there before.
fn quiet_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !CONTAINING.get() {
                before(info);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(contained(|| 3), Ok(3));
        assert_eq!(contained(|| -> u8 { panic!("plain") }), Err("plain".into()));
        let number = 7;
        assert_eq!(contained(|| -> u8 { panic!("with {number}") }), Err("with 7".into()));
    }
}
