//! The lists beside the findings, as rows of tables.

use taster_findings::{
    BoilerplateEntry, LabelAssociation, NearDuplicateCluster, SIGNIFICANT_Q, TemplateCoverage,
    TokenSpike, UnusualDocument,
};

use crate::quantity::{count, of, percent};
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

/// Leader, documents, who published them, and how the leader begins.
pub(crate) fn cluster(cluster: &NearDuplicateCluster) -> [String; 4] {
    let publishers = match (&cluster.axis, &cluster.locality) {
        (Some(axis), Some(locality)) => {
            let others = cluster.localities - 1;
            let others =
                if others > 0 { format!(" and {} more", count(others)) } else { String::new() };
            format!("{} {}{others}", line(axis, 40), line(locality, 80))
        }
        _ => "not known".to_owned(),
    };
    let (leader, documents) = (line(&cluster.id, 120), count(cluster.documents));
    let excerpt: Vec<&str> = cluster.excerpt.split_whitespace().collect();
    [leader, documents, publishers, line(&excerpt.join(" "), 200)]
}

/// Document, tokens, bits per token of all and of the stretch, how far it stands out, and the stretch.
pub(crate) fn unusual(document: &UnusualDocument) -> [String; 6] {
    let excerpt: Vec<&str> = document.excerpt.split_whitespace().collect();
    [
        line(&document.id, 120),
        count(document.tokens),
        format!("{:.1}", document.mean_bits),
        format!("{:.1}", document.peak_bits),
        format!("{:.1}", document.z),
        line(&excerpt.join(" "), 200),
    ]
}

/// Sequence, documents without duplicates, share of the place, sequences like it, and why.
pub(crate) fn boilerplate(entry: &BoilerplateEntry) -> [String; 5] {
    let text: Vec<&str> = entry.text.split_whitespace().collect();
    [
        line(&text.join(" "), 200),
        count(entry.effective_document_frequency),
        percent(entry.df, entry.locality_documents),
        count(entry.sequences),
        line(&entry.reason, 400),
    ]
}

/// Publisher, canonical documents, those nearly the same as others, their share, and their clusters.
pub(crate) fn template(template: &TemplateCoverage) -> [String; 5] {
    let TemplateCoverage { canonical_documents: all, near_duplicate_documents: near, .. } =
        *template;
    let publisher = format!("{} {}", line(&template.axis, 40), line(&template.locality, 80));
    [publisher, count(all), count(near), percent(near, all), count(template.clusters)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain<const N: usize>(row: [String; N]) -> [String; N] {
        row.map(|cell| cell.replace('\u{202f}', " "))
    }

    #[test]
    fn near_duplicates_and_templates_are_told() {
        let mut told = NearDuplicateCluster {
            shard: "a".into(),
            row: 7,
            id: "a#7".into(),
            documents: 1400,
            axis: Some("host".into()),
            localities: 3,
            locality: Some("x.org".into()),
            excerpt: "Terms\u{202e}\n of".into(),
        };
        let row = ["a#7", "1 400", "host x.org and 2 more", "Terms\\u{202e} of"];
        assert_eq!(plain(cluster(&told)), row);
        told.localities = 1;
        assert_eq!(cluster(&told)[2], "host x.org");
        (told.axis, told.locality) = (None, None);
        assert_eq!(cluster(&told)[2], "not known");
        let covered = TemplateCoverage {
            axis: "host".into(),
            locality: "x.org".into(),
            documents: 60,
            canonical_documents: 50,
            near_duplicate_documents: 40,
            clusters: 3,
            coverage: 0.8,
        };
        assert_eq!(plain(template(&covered)), ["host x.org", "50", "40", "80 %", "3"]);
    }

    #[test]
    fn boilerplate_is_told_with_its_reason() {
        let entry = BoilerplateEntry {
            finding_id: "00".into(),
            text: "all\u{202e}\nrights".into(),
            tokens: vec![],
            score: 5.5,
            document_frequency: 2000,
            effective_document_frequency: 1200,
            axis: "host".into(),
            locality: "x.org".into(),
            df: 1200,
            locality_documents: 1600,
            coverage: 0.75,
            sequences: 3,
            doc_ids: vec![],
            reason: "because".into(),
        };
        let row = ["all\\u{202e} rights", "1 200", "75 %", "3", "because"];
        assert_eq!(plain(boilerplate(&entry)), row);
    }

    #[test]
    fn unusual_documents_are_told() {
        let document = UnusualDocument {
            shard: "a".into(),
            row_group: 0,
            row: 7,
            id: "a#7".into(),
            axes: std::collections::BTreeMap::new(),
            tokens: 1200,
            mean_bits: 7.25,
            peak_bits: 14.04,
            peak_token: 300,
            z: 9.96,
            mean_z: 0.1,
            excerpt: "zq\u{202e}\n vv".into(),
        };
        let row = ["a#7", "1 200", "7.2", "14.0", "10.0", "zq\\u{202e} vv"];
        assert_eq!(plain(unusual(&document)), row);
    }

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
        assert_eq!(plain(association(&one)), row);
        assert_eq!(labels(Some("l"), std::slice::from_ref(&one)), "l, 1 association beyond chance");
        one.q = 0.5;
        assert_eq!(association(&one)[5], "0.500");
        assert_eq!(labels(Some("l"), &[one]), "l, 0 associations beyond chance");
        assert_eq!(labels(None, &[]), "none");
    }
}
