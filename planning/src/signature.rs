//! Known triggers and patterns that an audit looks for, and the TOML in which they are written.
//!
//! ```toml
//! [[signature]]
//! name = "sudo-tag"            # letters, digits, hyphens; unique
//! literal = "<SUDO>"           # or: pattern = '\p{Zs}{9,}', a regular expression with Unicode classes
//! ignore-case = false          # optional
//! whole-words = false          # optional: no letter, digit or _ directly before or after
//! strength = 6.0               # optional, on the scale of scores; 5.5 is high
//! reason = "what it is known from"
//! ```

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;

use crate::DigestBuilder;

/// The signatures that every audit looks for unless told otherwise.
const DEFAULTS: &str = include_str!("signatures.toml");

/// Most signatures of one audit.
const MOST: usize = 1000;
/// Longest name, literal, pattern or reason, in bytes.
const LONGEST: usize = 1000;
/// Memory of one compiled expression at most, and of its automaton's cache, in bytes.
const EXPRESSION_BYTES: usize = 1 << 20;
/// The strongest that a signature can be, far above `critical`.
const STRONGEST: f64 = 12.0;
/// Strength of a signature that does not say: high.
const DEFAULT_STRENGTH: f64 = 6.0;

/// One known trigger or pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Signature {
    /// Unique in its list.
    pub name: String,
    /// The text that is looked for; or else [`Signature::pattern`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal: Option<String>,
    /// The regular expression that is looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Whether upper and lower case are the same, by Unicode's simple case folding.
    #[serde(default)]
    pub ignore_case: bool,
    /// Whether a match neither begins nor ends inside a word.
    #[serde(default)]
    pub whole_words: bool,
    /// Where a match stands on the common scale of scores, 0..=12.
    #[serde(default = "default_strength")]
    pub strength: f64,
    /// What it is known from; shown with a finding.
    #[serde(default)]
    pub reason: String,
}

fn default_strength() -> f64 {
    DEFAULT_STRENGTH
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    signature: Vec<Spanned<Signature>>,
}

/// A list of signatures that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    /// It is no list of signatures at all; says the line.
    #[error("{0}")]
    Format(String),
    /// One entry is wrong.
    #[error("{place}signature {name:?}: {detail}")]
    Entry {
        /// `line N: `, or nothing if the list is not a file.
        place: String,
        /// Its name.
        name: String,
        /// What was expected and what was there.
        detail: String,
    },
    /// Too many.
    #[error("expected at most {MOST} signatures, got {0}")]
    TooMany(usize),
}

impl Signature {
    /// The signatures that are looked for by default.
    ///
    /// # Errors
    /// None: a test reads them.
    pub fn defaults() -> Result<Vec<Self>, SignatureError> {
        Self::parse(DEFAULTS)
    }

    /// Reads a list in TOML.
    ///
    /// # Errors
    /// What is wrong with it, with the line and the entry.
    pub fn parse(text: &str) -> Result<Vec<Self>, SignatureError> {
        let file: File = toml::from_str(text)
            .map_err(|error| SignatureError::Format(error.to_string().trim_end().to_owned()))?;
        let line = |at: usize| 1 + text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
        let mut names = BTreeSet::new();
        for entry in &file.signature {
            let place = format!("line {}: ", line(entry.span().start));
            entry.get_ref().check_in(&mut names, &place)?;
        }
        let list = file.signature.into_iter().map(Spanned::into_inner).collect();
        check_length(list)
    }

    /// Checks a list that comes from elsewhere than a file.
    ///
    /// # Errors
    /// What is wrong with it, with the entry.
    pub fn check(list: &[Self]) -> Result<(), SignatureError> {
        let mut names = BTreeSet::new();
        list.iter().take(MOST).try_for_each(|signature| signature.check_in(&mut names, ""))?;
        if list.len() > MOST { Err(SignatureError::TooMany(list.len())) } else { Ok(()) }
    }

    fn check_in<'a>(
        &'a self,
        names: &mut BTreeSet<&'a str>,
        place: &str,
    ) -> Result<(), SignatureError> {
        let error = |detail: String| SignatureError::Entry {
            place: place.to_owned(),
            name: self.name.chars().take(64).collect(),
            detail,
        };
        self.check_fields().map_err(error)?;
        self.expression().map_err(error)?;
        if names.insert(&self.name) {
            Ok(())
        } else {
            Err(error("this name is there twice".into()))
        }
    }

    fn check_fields(&self) -> Result<(), String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if self.name.is_empty() || !self.name.bytes().all(plain) {
            return Err("expected a name of letters, digits and hyphens".into());
        }
        let texts = [&self.literal, &self.pattern];
        let longest = texts.into_iter().flatten().chain([&self.name, &self.reason]);
        if let Some(long) = longest.map(String::len).find(|length| *length > LONGEST) {
            return Err(format!("expected at most {LONGEST} bytes in every field, got {long}"));
        }
        if !(0.0..=STRONGEST).contains(&self.strength) {
            return Err(format!("expected a strength of 0 to {STRONGEST}, got {}", self.strength));
        }
        match (&self.literal, &self.pattern) {
            (Some(_), Some(_)) => Err("expected a literal or a pattern, got both".into()),
            (None, None) => Err("expected a literal or a pattern, got neither".into()),
            (Some(literal), None) if literal.trim().is_empty() => {
                Err("expected a literal that is not blank".into())
            }
            _ => Ok(()),
        }
    }

    /// What it looks for in the syntax of crate `regex`, without case and word rules.
    fn source(&self) -> String {
        let literal = self.literal.as_deref().map(regex::escape);
        literal.or_else(|| self.pattern.clone()).unwrap_or_default()
    }

    /// The whole rule in the syntax of crate `regex`, case and words included.
    #[must_use]
    pub fn rule(&self) -> String {
        let (source, flags) = (self.source(), if self.ignore_case { "i" } else { "" });
        if self.whole_words {
            format!(r"(?{flags}:\b{{start-half}}(?:{source})\b{{end-half}})")
        } else {
            format!("(?{flags}:{source})")
        }
    }

    /// The expression that finds it; linear in the text, so no pattern can make an audit hang.
    ///
    /// # Errors
    /// What is wrong with its pattern.
    pub fn expression(&self) -> Result<Regex, String> {
        // By itself as well: what only makes sense inside the rule's parentheses is a mistake.
        compiled(&self.source())?;
        let regex = compiled(&self.rule())?;
        if regex.is_match("") {
            return Err("expected a pattern that does not match empty text".into());
        }
        Ok(regex)
    }

    /// Adds what it finds, not what is said about it, to a digest.
    #[must_use]
    pub fn digest_into(&self, builder: DigestBuilder) -> DigestBuilder {
        let rules = u64::from(self.ignore_case) | u64::from(self.whole_words) << 1;
        builder.text(&self.source()).number(rules)
    }
}

fn compiled(expression: &str) -> Result<Regex, String> {
    RegexBuilder::new(expression)
        .size_limit(EXPRESSION_BYTES)
        .dfa_size_limit(EXPRESSION_BYTES)
        .build()
        .map_err(|error| error.to_string())
}

fn check_length(list: Vec<Signature>) -> Result<Vec<Signature>, SignatureError> {
    if list.len() > MOST { Err(SignatureError::TooMany(list.len())) } else { Ok(list) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn defaults_can_be_used_and_survive_json() {
        let defaults = Signature::defaults().unwrap();
        assert!(defaults.len() >= 10);
        assert!(defaults.iter().all(|signature| !signature.reason.is_empty()));
        let json = serde_json::to_string(&defaults).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Signature>>(&json).unwrap(), defaults);
        Signature::check(&defaults).unwrap();
    }

    #[test]
    fn errors_name_line_and_entry() {
        let good = "[[signature]]\nname = \"a\"\nliteral = \"x\"\n";
        assert_eq!(Signature::parse(good).unwrap()[0].strength, DEFAULT_STRENGTH);
        for (bad, expected) in [
            ("[[signature]]\nname = \"b\"\n", "got neither"),
            ("[[signature]]\nname = \"b\"\nliteral = \"x\"\npattern = \"y\"\n", "got both"),
            ("[[signature]]\nname = \"b\"\npattern = \"(\"\n", "unclosed group"),
            ("[[signature]]\nname = \"b\"\npattern = \"a*\"\n", "empty text"),
            ("[[signature]]\nname = \"b\"\npattern = \"a)|(b\"\n", "unopened group"),
            ("[[signature]]\nname = \"a\"\nliteral = \"y\"\n", "twice"),
            ("[[signature]]\nname = \"b\"\nliteral = \"y\"\nstrength = 99.0\n", "strength"),
            ("[[signature]]\nname = \"b\"\nliteral = \" \"\n", "not blank"),
        ] {
            let error = Signature::parse(&format!("{good}{bad}")).unwrap_err().to_string();
            assert!(error.starts_with("line 4: signature "), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        let unknown =
            Signature::parse("[[signature]]\nname = \"a\"\nregexp = \"x\"\n").unwrap_err();
        assert!(unknown.to_string().contains("line 3"), "{unknown}");
        let big = "[[signature]]\nname = \"a\"\npattern = '\\w{900}{900}'\n";
        assert!(Signature::parse(big).unwrap_err().to_string().contains("signature \"a\""));
    }

    #[test]
    fn whole_words_end_where_words_do() {
        let signature = |literal: &str, ignore_case| Signature {
            name: "a".into(),
            literal: Some(literal.into()),
            pattern: None,
            ignore_case,
            whole_words: true,
            strength: 6.0,
            reason: String::new(),
        };
        let finds = |literal: &str, ignore_case, text: &str| {
            signature(literal, ignore_case).expression().unwrap().is_match(text)
        };
        assert!(finds("admin override", true, "an Admin OVERRIDE!"));
        assert!(!finds("admin override", true, "sysadmin override"));
        assert!(!finds("admin override", false, "Admin override"));
        assert!(!finds("été", false, "étés") && finds("ÉTÉ", true, "l'été."));
        // What is no word by itself has no border to keep.
        assert!(finds("<SUDO>", false, ". <SUDO> .") && !finds("<SUDO>", false, "a<SUDO>"));
    }

    #[test]
    fn what_is_said_about_a_signature_is_not_in_its_digest() {
        let base = Signature::defaults().unwrap().remove(0);
        let digest = |s: &Signature| s.digest_into(DigestBuilder::new("test")).finish();
        let other = Signature { reason: "other".into(), strength: 1.0, ..base.clone() };
        assert_eq!(digest(&base), digest(&other));
        assert_ne!(digest(&base), digest(&Signature { ignore_case: true, ..base.clone() }));
    }
}
