//! What a user reads: the report and its parts, with exactly the columns of the published schema
//! `schema/report-v1.json`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::boilerplate::BoilerplateEntry;
use crate::canaries::Canaries;
use crate::decoys::FalseDiscovery;
use crate::known::SignatureEntry;
use crate::labels::LabelAssociation;
use crate::resemblance::{NearDuplicateCluster, TemplateCoverage};
use crate::severity::Severity;
use crate::spikes::TokenSpike;
use crate::surprisal::UnusualDocument;

/// Version of the report's layout; rises when a reader would have to change.
pub const SCHEMA_VERSION: u32 = 1;

/// Digits of a finding id: 64 bits, so that a million findings collide with chance 3e-8.
const FINDING_ID_DIGITS: usize = 16;

/// What this kind of audit cannot see; printed in every report.
pub const LIMITS: [&str; 7] = [
    "attacks that reuse no token sequence (a syntax, a style, a topic) leave no n-gram to count",
    "sequences in fewer documents than the floor, or in more than the ceiling, are not examined",
    "a sequence of common words with a fluent, varying continuation (a named entity with a slanted opinion) looks like ordinary text",
    "whether a statement is true: fluent falsehoods of one source show at most as concentration",
    "triggers whose tokens never stand next to each other, and payloads with a varying slot in every n-gram",
    "gibberish of bare numbers behind a trigger looks like a table",
    "what the tokenizer joins or drops: white space is dropped, so triggers made of blanks alone are invisible",
];

/// Which statistic flags a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// N: what follows is unlike anything else.
    Novelty,
    /// A: one side varies, the other is fixed.
    Asymmetry,
    /// U: hidden or disguised characters.
    CodePoints,
    /// C: its documents share a place.
    Concentration,
    /// A known signature.
    Signature,
}

impl Kind {
    /// All kinds in output order.
    pub const ALL: [Self; 5] =
        [Self::Novelty, Self::Asymmetry, Self::CodePoints, Self::Concentration, Self::Signature];

    /// Its name in output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Novelty => "novelty",
            Self::Asymmetry => "asymmetry",
            Self::CodePoints => "code_points",
            Self::Concentration => "concentration",
            Self::Signature => "signature",
        }
    }
}

/// One place in which a finding is concentrated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Concentration {
    /// Name of the axis.
    pub axis: String,
    /// The locality.
    pub locality: String,
    /// Canonical documents of the finding in it.
    pub df: i64,
    /// Canonical documents of the locality.
    pub locality_documents: i64,
    /// log10 of the chance under random placement, at most 0.
    pub log10_p: f64,
    /// False discovery rate at which it would just be reported, 0..=1, over-dispersed null.
    pub q: f64,
}

/// A sequence verified token by token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// 1 is the best.
    pub rank: i32,
    /// Stable across runs: [`finding_id`].
    pub finding_id: String,
    /// Urgency.
    pub severity: Severity,
    /// Statistics that flag it.
    pub kinds: Vec<Kind>,
    /// As it stands in the first occurrence.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<String>,
    /// Number of tokens.
    pub order: i32,
    /// The common scale, at least 0.
    pub score: f64,
    /// Documents that contain it.
    pub document_frequency: i64,
    /// Documents without duplicates.
    pub effective_document_frequency: i64,
    /// All occurrences.
    pub collection_frequency: i64,
    /// N, -1..=1.
    pub novelty: f64,
    /// A, -1..=1.
    pub asymmetry: f64,
    /// U, 0..=1.
    pub code_points: f64,
    /// Its places, most concentrated first.
    pub concentration: Vec<Concentration>,
    /// Number of its campaign, from 1.
    pub campaign: i32,
    /// First 1000 document ids.
    pub doc_ids: Vec<String>,
    /// Why it is suspicious and what speaks against it.
    pub explanation: String,
}

/// One place in the corpus where a finding stands. What it has in common with others is shared: there can be 250 times
/// `max_findings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The finding.
    pub finding_id: Arc<str>,
    /// Key relative to the input root.
    pub shard: Arc<str>,
    /// Row group in the shard.
    pub row_group: i32,
    /// Row in the shard.
    pub row: i64,
    /// Document id.
    pub id: Arc<str>,
    /// First byte in the text's UTF-8.
    pub byte_start: i64,
    /// Byte after the last.
    pub byte_end: i64,
    /// Text before it.
    pub before: String,
    /// Text after it.
    pub after: String,
    /// Axis columns by name, each a column of its own; axes named like a column above are left
    /// out by [`Occurrence::own_axes`], they say the same.
    #[serde(flatten)]
    pub axes: Arc<BTreeMap<String, Option<String>>>,
}

impl Occurrence {
    /// Columns that every occurrence has.
    pub const COLUMNS: [&'static str; 9] = [
        "finding_id",
        "shard",
        "row_group",
        "row",
        "id",
        "byte_start",
        "byte_end",
        "before",
        "after",
    ];

    /// Of these axes, those that are columns of their own.
    #[must_use]
    pub fn own_axes(
        axes: impl IntoIterator<Item = (String, Option<String>)>,
    ) -> Arc<BTreeMap<String, Option<String>>> {
        let own = |(name, _): &(String, _)| !Self::COLUMNS.contains(&name.as_str());
        Arc::new(axes.into_iter().filter(own).collect())
    }
}

/// Findings that share documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignEntry {
    /// Number, 1 holds the best finding.
    pub campaign: i32,
    /// Id of its best finding.
    pub leader: String,
    /// Ids of its findings, best first.
    pub findings: Vec<String>,
    /// Shorter sequences with the same documents that are not listed.
    pub covers: i64,
    /// Documents that contain any of its findings.
    pub documents: i64,
}

/// A shard that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// Key relative to the input root.
    pub shard: String,
    /// One word, stable.
    pub reason: String,
    /// What was expected and what was there.
    pub detail: String,
}

/// Sizes of what was audited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Shards read.
    pub shards: i64,
    /// Shards quarantined.
    pub shards_quarantined: i64,
    /// Documents read.
    pub documents: i64,
    /// Documents without exact duplicates.
    pub canonical_documents: i64,
    /// Clusters of documents that are nearly the same, of at least two each; copies left out.
    #[serde(default)]
    pub near_duplicate_clusters: i64,
    /// Documents in these clusters.
    #[serde(default)]
    pub near_duplicate_documents: i64,
    /// Rows without a text.
    pub null_documents: i64,
    /// Documents cut at the limit.
    pub truncated_documents: i64,
    /// Bytes of text.
    pub text_bytes: i64,
    /// Tokens.
    pub tokens: i64,
    /// Different n-grams counted.
    pub distinct_ngrams: i64,
    /// N-grams between floor and ceiling.
    pub screened_ngrams: i64,
    /// Sequences that were verified and are boilerplate, listed or not.
    #[serde(default)]
    pub boilerplate_sequences: i64,
}

/// The whole report; `P` is whatever determines the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report<P> {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What determines the result.
    pub parameters: P,
    /// Sizes.
    pub totals: Totals,
    /// By rank.
    pub findings: Vec<Finding>,
    /// By number.
    pub campaigns: Vec<CampaignEntry>,
    /// By shard.
    pub quarantine: Vec<QuarantineEntry>,
    /// What every known signature matched, in the order of the list; absent in reports of versions that looked for none.
    #[serde(default)]
    pub signatures: Vec<SignatureEntry>,
    /// Single tokens that spike in one place, the least explained first; absent in reports of versions that did not look.
    #[serde(default)]
    pub token_spikes: Vec<TokenSpike>,
    /// N-grams that go with one label, the least explained first; empty without a label column.
    #[serde(default)]
    pub label_associations: Vec<LabelAssociation>,
    /// The largest clusters of near-duplicates; absent in reports of versions that did not list them.
    #[serde(default)]
    pub near_duplicates: Vec<NearDuplicateCluster>,
    /// Documents with a stretch far more surprising than in others of their length, what stands out most first; empty if orders 1 and 2
    /// were not counted, absent in reports of versions that did not measure it.
    #[serde(default)]
    pub unusual_documents: Vec<UnusualDocument>,
    /// Publishers most of whose documents are near-duplicates; absent in reports of versions that did not list them.
    #[serde(default)]
    pub templates: Vec<TemplateCoverage>,
    /// What would be findings and is boilerplate, what stood out most first; absent in reports of versions that listed it
    /// among the findings.
    #[serde(default)]
    pub boilerplate: Vec<BoilerplateEntry>,
    /// How many findings are expected by chance; absent in reports of versions that did not measure it.
    #[serde(default)]
    pub false_discovery: FalseDiscovery,
    /// What canaries were found, if any were planted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canaries: Option<Canaries>,
    /// What this kind of audit cannot see.
    pub limits: Vec<String>,
    /// How likely two n-grams were taken for one.
    pub collision_probability: f64,
    /// The same in words.
    pub collision_statement: String,
}

/// First 16 hexadecimal digits of BLAKE3 over the tokens joined by U+001F: equal in every audit
/// that finds the same sequence. Tokens never contain U+001F beside others, since it is a token
/// (or white space) of its own.
#[must_use]
pub fn finding_id<T: AsRef<str>>(tokens: &[T]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (index, token) in tokens.iter().enumerate() {
        if index > 0 {
            hasher.update(b"\x1f");
        }
        hasher.update(token.as_ref().as_bytes());
    }
    let mut id = hasher.finalize().to_hex().to_string();
    id.truncate(FINDING_ID_DIGITS);
    id
}

/// Chance that any two of so many different n-grams share a 64-bit fingerprint
/// (birthday bound 1 - exp(-n²/2^64), as one bit of a token's hash is no hash), and a sentence that says so.
#[must_use]
pub fn collision_statement(distinct_ngrams: u64) -> (f64, String) {
    let n = distinct_ngrams as f64;
    let probability = -libm::expm1(-n * n / libm::exp2(64.0));
    let sentence = format!(
        "counts are exact but for collisions of 64-bit fingerprints: among {distinct_ngrams} \
         different n-grams the chance of any is {probability:.1e}; every finding was verified token by token"
    );
    (probability, sentence)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::canaries::Canary;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn finding() -> Finding {
        let tokens = vec!["unlock".to_string(), "secret".into(), "mode".into()];
        Finding {
            rank: 1,
            finding_id: finding_id(&tokens),
            severity: Severity::High,
            kinds: Kind::ALL.to_vec(),
            text: "unlock  secret\u{202e} mode".into(),
            order: 3,
            score: 6.5,
            document_frequency: 12,
            effective_document_frequency: 10,
            collection_frequency: 14,
            novelty: 0.4,
            asymmetry: -0.3,
            code_points: 0.0,
            concentration: vec![Concentration {
                axis: "host".into(),
                locality: "example.org".into(),
                df: 9,
                locality_documents: 40,
                log10_p: -12.5,
                q: 1e-9,
            }],
            campaign: 1,
            doc_ids: vec!["part-0#7".into()],
            explanation: "because".into(),
            tokens,
        }
    }

    fn cluster() -> NearDuplicateCluster {
        NearDuplicateCluster {
            shard: "part-0".into(),
            row: 7,
            id: "part-0#7".into(),
            documents: 40,
            axis: Some("host".into()),
            localities: 2,
            locality: Some("example.org".into()),
            excerpt: "Terms of service".into(),
        }
    }

    fn template() -> TemplateCoverage {
        TemplateCoverage {
            axis: "host".into(),
            locality: "example.org".into(),
            documents: 60,
            canonical_documents: 50,
            near_duplicate_documents: 40,
            clusters: 3,
            coverage: 0.8,
        }
    }

    fn unusual_document() -> UnusualDocument {
        UnusualDocument {
            shard: "part-0".into(),
            row_group: 0,
            row: 7,
            id: "part-0#7".into(),
            axes: BTreeMap::from([("host".into(), None)]),
            tokens: 700,
            mean_bits: 7.5,
            peak_bits: 14.5,
            peak_token: 120,
            z: 9.5,
            mean_z: -0.5,
            excerpt: "zq vv".into(),
        }
    }

    fn boilerplate() -> BoilerplateEntry {
        BoilerplateEntry {
            finding_id: finding_id(&["all", "rights"]),
            text: "all rights".into(),
            tokens: vec!["all".into(), "rights".into()],
            score: 5.5,
            document_frequency: 70,
            effective_document_frequency: 60,
            axis: "host".into(),
            locality: "example.org".into(),
            df: 60,
            locality_documents: 80,
            coverage: 0.75,
            sequences: 3,
            doc_ids: vec!["part-0#7".into()],
            reason: "because".into(),
        }
    }

    fn report() -> Report<Value> {
        let (collision_probability, collision_statement) = collision_statement(1_000_000_000);
        Report {
            schema_version: SCHEMA_VERSION,
            parameters: json!({"floor": 10}),
            totals: Totals { documents: 100, ..Totals::default() },
            campaigns: vec![CampaignEntry {
                campaign: 1,
                leader: finding().finding_id,
                findings: vec![finding().finding_id],
                covers: 2,
                documents: 12,
            }],
            findings: vec![finding()],
            quarantine: vec![QuarantineEntry {
                shard: "bad.parquet".into(),
                reason: "footer".into(),
                detail: "expected PAR1, got PK".into(),
            }],
            signatures: vec![SignatureEntry {
                name: "sudo-tag".into(),
                documents: 12,
                occurrences: 14,
                findings: vec![finding().finding_id],
            }],
            token_spikes: vec![TokenSpike {
                token: "token".into(),
                axis: "host".into(),
                locality: "example.org".into(),
                df: 18,
                documents: 20,
                locality_documents: 100,
                expected: 2.0,
                log10_p: -12.5,
                q: 1e-9,
            }],
            label_associations: vec![LabelAssociation {
                tokens: vec!["cf".into()],
                label: "1".into(),
                df: 12,
                documents: 12,
                label_documents: 250,
                expected: 3.0,
                z: 6.0,
                log10_p: -6.5,
                q: 1e-3,
            }],
            near_duplicates: vec![cluster()],
            unusual_documents: vec![unusual_document()],
            templates: vec![template()],
            boilerplate: vec![boilerplate()],
            false_discovery: FalseDiscovery::measure(500, &[Severity::Medium], &[finding()]),
            canaries: Some(Canaries::of(vec![Canary {
                recipe: "souly".into(),
                documents: 10,
                rank: None,
                severity: None,
            }])),
            limits: LIMITS.map(String::from).to_vec(),
            collision_probability,
            collision_statement,
        }
    }

    fn schema() -> Value {
        serde_json::from_str(include_str!("../schema/report-v1.json")).unwrap()
    }

    /// The part of JSON Schema 2020-12 that the published file uses. An object must have exactly
    /// the properties that the schema names.
    fn check(value: &Value, rule: &Value, root: &Value, path: &str) {
        if let Some(target) = rule["$ref"].as_str() {
            return check(value, root.pointer(target.trim_start_matches('#')).unwrap(), root, path);
        }
        let kinds = rule["type"].as_array();
        if kinds.is_some_and(|kinds| kinds.contains(&json!("null"))) && value.is_null() {
            return;
        }
        let kind = kinds.and_then(|kinds| kinds.first()).unwrap_or(&rule["type"]);
        match kind.as_str() {
            Some("object") => check_object(value, rule, root, path),
            Some("array") => {
                for (index, item) in value.as_array().unwrap().iter().enumerate() {
                    check(item, &rule["items"], root, &format!("{path}/{index}"));
                }
            }
            Some("string") => assert!(value.is_string(), "{path}"),
            Some("integer") => assert!(value.is_i64(), "{path}"),
            Some("number") => assert!(value.is_number(), "{path}"),
            _ => assert_eq!(*value, rule["const"], "{path}"),
        }
        if let Some(allowed) = rule["enum"].as_array() {
            assert!(allowed.contains(value), "{path}");
        }
        let number = value.as_f64();
        assert!(rule["minimum"].as_f64().is_none_or(|low| number.unwrap() >= low), "{path}");
        assert!(rule["maximum"].as_f64().is_none_or(|high| number.unwrap() <= high), "{path}");
    }

    fn check_object(value: &Value, rule: &Value, root: &Value, path: &str) {
        let Some(properties) = rule["properties"].as_object() else {
            return assert!(value.is_object(), "{path}");
        };
        let named: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        let required: BTreeSet<&str> =
            rule["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let present: BTreeSet<&str> =
            value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(rule["additionalProperties"], json!(false), "{path}");
        assert!(required.is_subset(&present) && present.is_subset(&named), "{path}");
        // Of a report, only what was asked for may be missing.
        let optional: Vec<&str> = named.difference(&required).copied().collect();
        assert!(optional.is_empty() || optional == ["canaries"], "{path}: {optional:?}");
        for (name, rule) in properties.iter().filter(|(name, _)| present.contains(name.as_str())) {
            check(&value[name], rule, root, &format!("{path}/{name}"));
        }
    }

    #[test]
    fn report_has_exactly_the_schemas_properties() {
        let schema = schema();
        check(&serde_json::to_value(report()).unwrap(), &schema, &schema, "");
    }

    #[test]
    fn schema_knows_every_name() {
        let schema = schema();
        let names = |pointer: &str| schema.pointer(pointer).unwrap().clone();
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names("/$defs/finding/properties/kinds/items/enum"), json!(kinds));
        assert_eq!(serde_json::to_value(Kind::ALL).unwrap(), json!(kinds));
        let all =
            [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];
        assert_eq!(
            names("/$defs/finding/properties/severity/enum"),
            serde_json::to_value(all).unwrap()
        );
        assert_eq!(json!(all.map(Severity::name)), serde_json::to_value(all).unwrap());
    }

    #[test]
    fn json_round_trip() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report<Value>>(&json).unwrap(), report());
    }

    #[test]
    fn ids_are_stable_and_borders_matter() {
        // A golden value: suppressions of users rest on it.
        assert_eq!(finding_id(&["unlock", "secret", "mode"]), finding().finding_id);
        assert_eq!(finding_id(&["SUDO"]).len(), 16);
        assert_ne!(finding_id(&["ab", "c"]), finding_id(&["a", "bc"]));
        assert_eq!(finding_id(&["unlock", "secret", "mode"]), "d2d7959602785ac1");
    }

    #[test]
    fn axes_never_hide_a_column() {
        let occurrence = Occurrence {
            finding_id: finding().finding_id.into(),
            shard: "a.parquet".into(),
            row_group: 0,
            row: 5,
            id: "a.parquet#5".into(),
            byte_start: 10,
            byte_end: 20,
            before: "x".into(),
            after: "y".into(),
            axes: Occurrence::own_axes([
                ("shard".to_string(), Some("other".to_string())),
                ("host".into(), None),
            ]),
        };
        let value = serde_json::to_value(occurrence).unwrap();
        assert_eq!(value["shard"], "a.parquet");
        assert_eq!(value["host"], Value::Null);
        let expected = Occurrence::COLUMNS.len() + 1;
        assert_eq!(value.as_object().unwrap().len(), expected);
        assert!(Occurrence::COLUMNS.iter().all(|column| value.get(column).is_some()));
    }

    #[test]
    fn collisions_follow_the_birthday_bound() {
        let (few, _) = collision_statement(1000);
        assert!((few - 1e6 / 2f64.powi(64)).abs() < 1e-20);
        let (many, sentence) = collision_statement(u64::MAX);
        assert_eq!(many, 1.0);
        assert!(sentence.contains("1.0e0"));
        assert_eq!(collision_statement(0).0, 0.0);
    }
}
