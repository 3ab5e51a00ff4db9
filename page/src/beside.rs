//! The lists beside the findings, as rows of tables.

use taster_findings::{LabelAssociation, SIGNIFICANT_Q, TokenSpike};

use crate::quantity::{count, of};
use crate::text::line;

/// Token, place, documents there of all with the token, and how many chance explains.
pub(crate) fn spike(spike: &TokenSpike) -> [String; 4] {
    let many = format!("{} of {}", count(spike.df), count(spike.documents));
    let place = format!("{} {}", line(&spike.axis, 40), line(&spike.locality, 80));
    [line(&spike.token, 80), place, many, format!("{:.1}", spike.expected)]
}

/// Sequence, label, documents with the label of all that hold it, how many chance explains, z and q.
pub(crate) fn association(one: &LabelAssociation) -> [String; 6] {
    let many = format!("{} of {}", count(one.df), count(one.documents));
    let (expected, z) = (format!("{:.1}", one.expected), format!("{:.1}", one.z));
    let q = if one.q < 1e-3 { format!("{:.0e}", one.q) } else { format!("{:.3}", one.q) };
    [line(&one.tokens.join(" "), 120), line(&one.label, 80), many, expected, z, q]
}

/// The label column and what came of it, in words.
pub(crate) fn labels(column: Option<&str>, associations: &[LabelAssociation]) -> String {
    let Some(column) = column else {
        return "none".to_owned();
    };
    let beyond = associations.iter().filter(|one| one.q <= SIGNIFICANT_Q).count();
    format!("{}, {} beyond chance", line(column, 80), of(beyond as i64, "association"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn associations_are_told() {
        let mut one = LabelAssociation {
            tokens: vec!["c\u{200b}f".into(), "mn".into()],
            label: "1".into(),
            df: 1200,
            documents: 1250,
            label_documents: 5000,
            expected: 312.5,
            z: 29.06,
            log10_p: -9.0,
            q: 2.5e-7,
        };
        let row = ["c\\u{200b}f mn", "1", "1 200 of 1 250", "312.5", "29.1", "2e-7"];
        assert_eq!(association(&one).map(|cell| cell.replace('\u{202f}', " ")), row);
        assert_eq!(labels(Some("l"), std::slice::from_ref(&one)), "l, 1 association beyond chance");
        one.q = 0.5;
        assert_eq!(association(&one)[5], "0.500");
        assert_eq!(labels(Some("l"), &[one]), "l, 0 associations beyond chance");
        assert_eq!(labels(None, &[]), "none");
    }
}
