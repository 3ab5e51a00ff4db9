//! Near-duplicates count once: pages of one template beside documents that share a phrase with them and nothing else.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taster_planning::Parameters;
use taster_tasks::Audit;
use taster_tests::{corpora, in_process};

/// Pages of the template, and documents beside them that hold the phrase.
const PAGES: usize = 40;
const OTHERS: usize = 12;
const PHRASE: &str = "zorp quill vex mora tibi sang ulla remo pax dorn kel";

/// Three shards of made-up text, with pages and others among them.
fn corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut words = |count: usize| -> Vec<String> {
        (0..count).map(|_| format!("w{}", random.random_range(0..600))).collect()
    };
    let template = words(200).join(" ");
    for shard in 0..3 {
        let text = |row: usize| match 3 * row + shard {
            page if page < PAGES => format!("{template} {PHRASE} page{page}"),
            other if other < PAGES + OTHERS => {
                format!("{} {PHRASE} {}", words(30).join(" "), words(30).join(" "))
            }
            _ => words(60).join(" "),
        };
        let path = folder.join(format!("part-{shard}.parquet"));
        corpora::write_columns(&path, [("text", (0..300).map(text).collect())]);
    }
}

fn run(folder: &Path, threads: usize, unit_bytes: Option<u64>) -> Audit {
    in_process::audit(folder, Parameters::default(), threads, unit_bytes)
}

#[test]
fn a_cluster_counts_once_and_what_shares_a_phrase_alone_counts_each() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let audit = run(folder.path(), 2, None);
    let totals = &audit.report.totals;
    assert_eq!(totals.near_duplicate_clusters, 1);
    assert_eq!(totals.near_duplicate_documents, PAGES as i64);
    let texts: Vec<&str> = audit.report.findings.iter().map(|found| found.text.as_str()).collect();
    let finding = audit.report.findings.iter().find(|found| found.text.contains(PHRASE));
    let finding =
        finding.unwrap_or_else(|| panic!("expected a finding with {PHRASE}, got {texts:?}"));
    assert_eq!(finding.document_frequency, (PAGES + OTHERS) as i64);
    assert_eq!(finding.effective_document_frequency, (1 + OTHERS) as i64);
    // However the corpus is cut: clusters reach over units.
    assert_eq!(run(folder.path(), 1, Some(1)).report, audit.report);
}

/// (host, template or none, documents), in this order over two shards.
const HOSTS: [(&str, Option<usize>, usize); 7] = [
    ("a.example", Some(0), 40),
    ("a.example", None, 10),
    ("b.example", Some(0), 5),
    ("b.example", None, 20),
    ("c.example", Some(1), 25),
    ("d.example", None, 30),
    ("e.example", Some(1), 10),
];

/// Pages of two templates and documents that are like no other, and three copies of the first page.
fn hosted(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut words = |count: usize| -> Vec<String> {
        (0..count).map(|_| format!("w{}", random.random_range(0..600))).collect()
    };
    let templates = [words(200).join(" "), words(200).join(" ")];
    let mut rows = Vec::new();
    for (host, template, documents) in HOSTS {
        for _ in 0..documents {
            let text = match template {
                Some(template) => format!("{} page{}", templates[template], rows.len()),
                None => words(60).join(" "),
            };
            rows.push((host, text));
        }
    }
    rows.extend(vec![rows[0].clone(); 3]);
    for (shard, rows) in rows.chunks(70).enumerate() {
        let hosts = rows.iter().map(|(host, _)| (*host).to_owned()).collect();
        let texts = rows.iter().map(|(_, text)| text.clone()).collect();
        let path = folder.join(format!("part-{shard}.parquet"));
        corpora::write_columns(&path, [("text", texts), ("host", hosts)]);
    }
}

#[test]
fn clusters_and_templates_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    hosted(folder.path());
    let audit = run(folder.path(), 2, None);
    let report = &audit.report;
    let told = report.near_duplicates.iter().map(|cluster| {
        assert_eq!((cluster.axis.as_deref(), cluster.excerpt.chars().count()), (Some("host"), 200));
        let locality = cluster.locality.as_deref().unwrap();
        (cluster.id.as_str(), cluster.documents, cluster.localities, locality)
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [("part-0.parquet#0", 45, 2, "a.example"), ("part-1.parquet#5", 35, 2, "c.example")]
    );
    assert!(report.near_duplicates[0].excerpt.starts_with('w'));
    let told = report.templates.iter().map(|template| {
        let documents = (template.documents, template.canonical_documents);
        (
            template.locality.as_str(),
            documents,
            template.near_duplicate_documents,
            template.clusters,
        )
    });
    // Of e.example there are too few documents, and no page of d.example is like another.
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("c.example", (25, 25), 25, 1),
            ("a.example", (53, 50), 40, 1),
            ("b.example", (25, 25), 5, 1)
        ]
    );
    assert_eq!(report.templates[1].coverage, 0.8);
    assert_eq!(&run(folder.path(), 1, Some(1)).report, report);
    // Without publishers there are clusters all the same.
    let unknown = Parameters { axes: Some(vec!["shard".into()]), ..Parameters::default() };
    let report = in_process::audit(folder.path(), unknown, 2, None).report;
    assert_eq!(report.templates, []);
    let first = &report.near_duplicates[0];
    assert_eq!((first.documents, first.localities, &first.axis), (45, 0, &None));
}
