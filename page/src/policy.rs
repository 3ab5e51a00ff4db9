//! What the page may do, and the style sheet and the script that may do it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The style sheet.
pub(crate) const STYLE: &str = include_str!("../assets/report.css");
/// The script: it filters what is there and opens what is closed. The page is complete without it.
pub(crate) const SCRIPT: &str = include_str!("../assets/report.js");

/// The content security policy: nothing is loaded and nothing is sent, and of all style sheets and
/// scripts only ours are used.
pub(crate) fn policy() -> String {
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(SCRIPT)
    )
}

/// A source expression that allows exactly this inline text (CSP level 2, hash-source).
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        // From the example of the specification's text: alert('Hello, world.');
        let known = "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='";
        assert_eq!(source("alert('Hello, world.');"), known);
    }

    #[test]
    fn nothing_in_the_assets_ends_them_or_loads_anything() {
        for text in [STYLE, SCRIPT] {
            for foreign in ["</", "<!--", "url(", "@import", "http:", "https:", "\r", "fetch("] {
                assert!(!text.contains(foreign), "{foreign}");
            }
        }
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval"));
    }
}
