//! JSON that is safe to look at: hidden and steering characters are written as `\uXXXX`, which
//! every parser reads as the same text.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Serialize;
use taster_findings::visible;

use crate::error::CliError;

/// A value over several indented lines.
pub fn document<T: Serialize + ?Sized>(value: &T) -> Result<String, CliError> {
    serde_json::to_string_pretty(value)
        .map(escaped)
        .map_err(|error| CliError::Internal(error.to_string()))
}

/// A value on one line.
pub fn line<T: Serialize + ?Sized>(value: &T) -> Result<String, CliError> {
    serde_json::to_string(value).map(escaped).map_err(|error| CliError::Internal(error.to_string()))
}

/// Outside of strings JSON is ASCII, and inside of them serde_json has escaped what is below a
/// blank, so whatever is hidden and above stands in a string.
fn escaped(json: String) -> String {
    if json.bytes().all(|byte| byte < 0x7f) {
        return json;
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_hidden(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_hidden(character: char) -> bool {
    character >= '\u{7f}' && matches!(visible(character.encode_utf8(&mut [0; 4])), Cow::Owned(_))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_read_back() {
        let nasty = "a\u{1b}[31m\n\u{7f}\u{85}\u{202e}\u{200b}\u{e0041} é 漢 \"\\ 😀";
        for json in [line(nasty).unwrap(), document(nasty).unwrap()] {
            assert!(json.chars().all(|c| c == '\n' || visible(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8()));
            assert!(json.contains("é 漢") && json.contains("\\udb40\\udc41"), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), nasty);
        }
    }
}
