//! One document id per line.

use std::collections::BTreeSet;

use crate::ExchangeError;

/// The ids as lines.
///
/// # Errors
/// An id with a line break in it.
pub fn lines(ids: &BTreeSet<&str>) -> Result<Vec<u8>, ExchangeError> {
    let mut out = Vec::new();
    for id in ids {
        if id.contains(['\n', '\r']) {
            return Err(ExchangeError::LineBreak((*id).to_owned()));
        }
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_line_per_id_or_a_refusal() {
        let ids = BTreeSet::from(["b", "a b", "é"]);
        assert_eq!(lines(&ids).unwrap(), "a b\nb\né\n".as_bytes());
        assert_eq!(lines(&BTreeSet::new()).unwrap(), b"");
        let broken = BTreeSet::from(["a\nb"]);
        assert_eq!(lines(&broken), Err(ExchangeError::LineBreak("a\nb".into())));
    }
}
