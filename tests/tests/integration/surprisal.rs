//! Documents with a surprising stretch: what is told of them equals what a naive twin counts, gibberish is first, and no
//! finding changes with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use taster_findings::UnusualDocument;
use taster_planning::Parameters;
use taster_tests::corpora::{self, Plan, TRIGGER};
use taster_tests::in_process;
use taster_tests::oracle::{self, Document};

/// Poisoned documents, each with sixty tokens that nothing else has.
const POISONED: usize = 15;
/// The default floor: the audit knows how many documents hold a token from here on.
const FLOOR: u64 = 10;
const STRETCH: usize = 32;

/// Documents per token and per pair of tokens.
struct Twin<'a> {
    documents: u64,
    df: HashMap<Vec<&'a str>, u64>,
}

impl<'a> Twin<'a> {
    fn new(documents: &'a [Document]) -> Self {
        let texts = documents.iter().filter_map(Document::text);
        let mut twin = Self { documents: 0, df: HashMap::new() };
        for text in texts {
            twin.documents += 1;
            let tokens = oracle::tokens(text);
            let grams: BTreeSet<Vec<&str>> =
                [1, 2].iter().flat_map(|&order| tokens.windows(order)).map(<[_]>::to_vec).collect();
            grams.into_iter().for_each(|gram| *twin.df.entry(gram).or_default() += 1);
        }
        twin
    }

    fn others(&self, gram: &[&str], least: u64) -> Option<f64> {
        self.df.get(gram).filter(|df| **df >= least).map(|df| *df as f64 - 1.0)
    }

    /// What every token takes, by the definition.
    fn bits(&self, tokens: &[&str]) -> Vec<f64> {
        let own = |at: usize| self.others(&tokens[at..=at], FLOOR).unwrap_or(1.0);
        let pair = |at: usize| (at > 0).then(|| self.others(&tokens[at - 1..=at], 2)).flatten();
        let bits = |at: usize| match pair(at) {
            Some(pair) => (own(at - 1) / pair).log2().max(0.0),
            None => (self.documents as f64 / own(at) / 0.4).log2(),
        };
        (0..tokens.len()).map(bits).collect()
    }

    fn check(&self, told: &UnusualDocument, text: &str) {
        let tokens = oracle::tokens(text);
        let bits = self.bits(&tokens);
        let mean = |bits: &[f64]| bits.iter().sum::<f64>() / bits.len() as f64;
        let at = usize::try_from(told.peak_token).unwrap();
        assert_eq!(told.tokens as usize, tokens.len());
        assert!((told.mean_bits - mean(&bits)).abs() < 0.02, "{told:?}");
        assert!((told.peak_bits - mean(&bits[at..at + STRETCH])).abs() < 0.02, "{told:?}");
        let most = bits.windows(STRETCH).map(mean).fold(0.0, f64::max);
        assert!((told.peak_bits - most).abs() < 0.02, "{told:?}");
        assert!(told.excerpt.starts_with(tokens[at]) && text.contains(&told.excerpt), "{told:?}");
    }
}

#[test]
fn gibberish_is_first_and_measured_like_the_twin() {
    let folder = tempfile::tempdir().unwrap();
    corpora::write(folder.path(), &Plan { poisoned: POISONED, ..Plan::default() });
    let audit = in_process::audit(folder.path(), Parameters::default(), 2, None);
    let told = &audit.report.unusual_documents;
    let documents = oracle::read(folder.path());
    let by_place: BTreeMap<(&str, i64), &Document> = documents
        .iter()
        .map(|document| ((document.shard.as_str(), document.row.cast_signed()), document))
        .collect();
    let twin = Twin::new(&documents);
    let poisoned =
        documents.iter().filter_map(Document::text).filter(|text| text.contains(TRIGGER));
    let poisoned = poisoned.count();
    assert_eq!(told.len(), 20);
    for (rank, one) in told.iter().enumerate() {
        let document = by_place[&(one.shard.as_str(), one.row)];
        let text = document.text().unwrap();
        assert_eq!(rank < poisoned, text.contains(TRIGGER), "{rank} {one:?}");
        assert_eq!(Some(one.id.as_str()), document.columns["id"].as_deref());
        assert_eq!(one.axes["host"].as_deref(), document.locality("host"));
        twin.check(one, text);
    }
    assert!(told.is_sorted_by(|a, b| a.z >= b.z));
    for (threads, unit_bytes) in [(1, Some(1)), (3, Some(30_000))] {
        let other = in_process::audit(folder.path(), Parameters::default(), threads, unit_bytes);
        assert_eq!(other.report, audit.report);
    }
}

#[test]
fn without_single_tokens_nothing_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    corpora::write(folder.path(), &Plan::default());
    let parameters = Parameters { orders: "2-5".parse().unwrap(), ..Parameters::default() };
    assert_eq!(in_process::audit(folder.path(), parameters, 2, None).report.unusual_documents, []);
}
