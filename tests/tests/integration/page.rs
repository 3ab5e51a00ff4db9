//! `report.html`: text of a corpus stays text, and a large report stays a page.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use base64::Engine;
use parquet::arrow::ArrowWriter;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::Digest;
use taster_findings::{
    CampaignEntry, Finding, Kind, Occurrence, Report, Severity, Totals, finding_id,
};
use taster_page::{Confidence, RareToken, Shading, ShardRow, Subject, render};
use taster_planning::Parameters;
use taster_tests::command::audit;
use taster_tests::dom::{Dom, Element};

/// What an attacker would write in the hope that a reader's browser runs it.
const CANARIES: [&str; 10] = [
    "</script><script>document.title='pwned'</script>",
    "</style><script>document.title='pwned'</script>",
    "<img src=x onerror=\"document.title='pwned'\">",
    "\"><svg onload=document.title='pwned'>",
    "' onmouseover='document.title=1' x='",
    "<!-- <iframe src=javascript:alert(1)> -->",
    "</title></bdi></details><form action=//evil.example><input>",
    "{{ 7 * 7 }}{% include \"x\" %}${7*7}",
    "&lt;b&gt;&#60;script&#62;&#x202e;",
    "\u{202e}\u{2066}evil\u{2069}\u{200b}\u{e0041}<base href=//evil.example>",
];

/// Elements that the page's own templates write.
const ELEMENTS: [&str; 50] = [
    "html", "head", "meta", "title", "style", "body", "a", "header", "p", "span", "nav", "main",
    "section", "h1", "h2", "h3", "h4", "ul", "ol", "li", "b", "strong", "svg", "line", "text",
    "circle", "rect", "table", "caption", "thead", "tbody", "tr", "th", "td", "mark", "div",
    "label", "input", "button", "details", "summary", "bdi", "code", "pre", "dl", "dt", "dd",
    "footer", "script", "sup",
];

/// Attributes that they write, beside those of drawings.
const ATTRIBUTES: [&str; 19] = [
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "href",
    "aria-label",
    "id",
    "aria-labelledby",
    "rel",
    "scope",
    "hidden",
    "type",
    "autocomplete",
    "spellcheck",
    "role",
    "title",
    "open",
];
const DRAWING: [&str; 16] = [
    "viewBox",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "cx",
    "cy",
    "r",
    "dx",
    "width",
    "height",
    "text-anchor",
    "points",
    "d",
];

/// Fails if there is anything on the page that its templates did not write.
fn assert_own(html: &str, dom: &Dom) {
    for Element { name, attributes, .. } in &dom.elements {
        assert!(ELEMENTS.contains(&name.as_str()), "an element {name}");
        for (attribute, value) in attributes {
            let known =
                ATTRIBUTES.contains(&attribute.as_str()) || DRAWING.contains(&attribute.as_str());
            assert!(known, "{name} has an attribute {attribute}={value}");
            let own = ["#", "https://arxiv.org/abs/", "https://doi.org/"];
            let is_own = own.iter().any(|start| value.starts_with(start));
            assert!(attribute != "href" || is_own, "a link to {value}");
        }
    }
    assert_eq!(dom.comments, 0);
    let steering = |c: &char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}');
    assert_eq!(html.chars().find(steering), None);
    assert_policy(dom);
}

/// The policy allows the one style sheet and the one script of the page by their digests.
fn assert_policy(dom: &Dom) {
    let is_policy = |e: &&Element| e.attribute("http-equiv") == Some("Content-Security-Policy");
    let policies: Vec<_> = dom.named("meta").filter(is_policy).collect();
    let [policy] = policies.as_slice() else { panic!("{policies:?}") };
    let policy = policy.attribute("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for (name, directive) in [("style", "style-src"), ("script", "script-src")] {
        let all: Vec<_> = dom.named(name).collect();
        let [one] = all.as_slice() else { panic!("{} elements {name}", all.len()) };
        let digest = sha2::Sha256::digest(one.text.as_bytes());
        let digest = base64::engine::general_purpose::STANDARD.encode(digest);
        assert!(policy.contains(&format!("{directive} 'sha256-{digest}'")), "{policy}");
    }
    assert!(dom.elements.iter().all(|element| element.attribute("style").is_none()));
}

/// Writes documents of random words in which canaries stand wherever text can: 30 of them in front
/// of text that occurs nowhere else, so that they are findings.
fn write_corpus(folder: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let names = ["a<img src=x onerror=alert(1)>.parquet", "b\"onload=\"x'\u{202e}&amp;.parquet"];
    for (shard, name) in names.iter().enumerate() {
        let rows: Vec<[String; 4]> =
            (0..500).map(|row| hostile_row(&mut random, shard, row)).collect();
        let fields =
            ["id", "text", "host", "date"].map(|name| Field::new(name, DataType::Utf8, true));
        let columns = (0..4).map(|column| {
            let cells = rows.iter().map(|row| Some(row[column].as_str()));
            Arc::new(cells.collect::<StringArray>()) as ArrayRef
        });
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
        let mut writer =
            ArrowWriter::try_new(File::create(folder.join(name)).unwrap(), schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
}

fn hostile_row(random: &mut ChaCha8Rng, shard: usize, row: usize) -> [String; 4] {
    let words = |random: &mut ChaCha8Rng, most: u32| -> String {
        (0..60).map(|_| format!("w{} ", random.random_range(0..most))).collect()
    };
    let mut text = words(random, 40);
    if row.is_multiple_of(10) {
        let canary = CANARIES[row / 10 % 2 * 2];
        text.push_str(&format!("zarquon {canary} vexil {}", words(random, u32::MAX)));
    }
    text.push_str(CANARIES[row % CANARIES.len()]);
    let host = format!("{}{}", CANARIES[(row + shard) % CANARIES.len()], row % 40);
    [format!("{shard}-{row}{}", CANARIES[row % CANARIES.len()]), text, host, "2026-01-02".into()]
}

#[test]
fn hostile_text_stays_text() {
    let scratch = tempfile::tempdir().unwrap();
    let (corpus, out) = (scratch.path().join("corpus"), scratch.path().join("out"));
    std::fs::create_dir(&corpus).unwrap();
    write_corpus(&corpus);
    std::fs::write(corpus.join("c<script>alert(1)<script.parquet"), b"<script>no parquet").unwrap();
    let _ =
        audit(corpus.to_str().unwrap(), out.to_str().unwrap(), &[]).run().expect_code(&[0, 1, 3]);
    let html = std::fs::read_to_string(out.join("report.html")).unwrap();
    let dom = Dom::parse(&html);
    assert_own(&html, &dom);
    // The canaries are there, as text: in findings, hosts, ids and names of shards.
    for shown in [
        "</script><script>document.title='pwned'</script>",
        "<img src=x onerror=\"document.title='pwned'\">",
        "a<img src=x onerror=alert(1)>.parquet",
        "c<script>alert(1)<script.parquet",
        "\"><svg onload=document.title='pwned'>",
        "U+202E",
    ] {
        assert!(dom.text.contains(shown), "{shown} is not shown");
    }
    let titles: Vec<_> = dom.named("title").map(|title| title.text.as_str()).collect();
    assert!(titles[0].starts_with("Taster: "), "{titles:?}");
    assert_accessible(&dom);
}

/// What those need who do not see the page: a language, landmarks, headings without gaps, headers of
/// tables, names of drawings, and places that links lead to.
fn assert_accessible(dom: &Dom) {
    assert_eq!(dom.named("html").next().unwrap().attribute("lang"), Some("en"));
    for landmark in ["main", "header", "nav", "footer", "h1"] {
        assert_eq!(dom.named(landmark).count(), 1, "{landmark}");
    }
    let level = |element: &Element| element.name.strip_prefix('h')?.parse::<u32>().ok();
    let levels: Vec<u32> = dom.elements.iter().filter_map(level).collect();
    assert!(levels.windows(2).all(|two| two[1] <= two[0] + 1), "{levels:?}");
    assert!(dom.named("th").all(|header| header.attribute("scope").is_some()));
    let ids: Vec<&str> = dom.elements.iter().filter_map(|e| e.attribute("id")).collect();
    let different: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), different.len(), "an id twice");
    let drawings = dom.named("svg").map(|svg| svg.attribute("aria-labelledby").unwrap());
    let sections =
        dom.named("section").map(|section| section.attribute("aria-labelledby").unwrap());
    let links = dom.named("a").filter_map(|a| a.attribute("href")?.strip_prefix('#'));
    for target in drawings.chain(sections).chain(links) {
        assert!(different.contains(target), "nothing is called {target}");
    }
}

/// A report of so many findings, two to a campaign, and its occurrences.
fn large(findings: usize) -> (Report<Parameters>, Vec<Occurrence>) {
    let ids: Vec<String> = (0..findings).map(|index| finding_id(&[index.to_string()])).collect();
    let severity = |index: usize| match index {
        0..20 => Severity::Critical,
        20..60 => Severity::High,
        60..200 => Severity::Medium,
        _ => Severity::Low,
    };
    let finding = |index: usize| Finding {
        rank: index as i32 + 1,
        finding_id: ids[index].as_str().into(),
        severity: severity(index),
        kinds: vec![Kind::Novelty, Kind::Asymmetry],
        text: format!("the sequence {index} with some more words"),
        tokens: vec!["the".into(); 7],
        order: 7,
        score: 9.0,
        document_frequency: 100,
        effective_document_frequency: 90,
        collection_frequency: 120,
        novelty: 0.5,
        asymmetry: 0.25,
        code_points: 0.0,
        concentration: vec![],
        campaign: index as i32 / 2 + 1,
        doc_ids: (0..100).map(|row| format!("document-{row}")).collect(),
        explanation: "In 100 documents (90 without duplicates): what follows is unlike all else."
            .into(),
    };
    let occurrence = |(index, row): (usize, i64)| Occurrence {
        finding_id: ids[index].as_str().into(),
        shard: format!("part-{:05}.parquet", row % 50).into(),
        row_group: 0,
        row,
        id: format!("document-{row}").into(),
        byte_start: 0,
        byte_end: 30,
        before: "words before it ".repeat(10),
        after: " words after it".repeat(10),
        axes: Occurrence::own_axes([("host".into(), Some(format!("host-{}.example", row % 30)))]),
    };
    let campaign = |number: usize| CampaignEntry {
        campaign: number as i32 + 1,
        leader: ids[2 * number].clone(),
        findings: ids[2 * number..2 * number + 2].to_vec(),
        covers: 3,
        documents: 100,
    };
    let report = serde_json::json!({
        "schema_version": 1, "parameters": Parameters::default(), "totals": Totals::default(),
        "findings": (0..findings).map(finding).collect::<Vec<_>>(),
        "campaigns": (0..findings / 2).map(campaign).collect::<Vec<_>>(),
        "quarantine": [], "limits": ["a limit"],
        "collision_probability": 0.0, "collision_statement": "no collisions",
    });
    let pairs = (0..findings).flat_map(|index| (0..100).map(move |row| (index, row)));
    (serde_json::from_value(report).unwrap(), pairs.map(occurrence).collect())
}

#[test]
fn a_thousand_findings_are_a_page_and_the_same_each_time() {
    let (report, occurrences) = large(1000);
    let keys: Vec<String> = (0..50).map(|index| format!("part-{index:05}.parquet")).collect();
    let shards: Vec<ShardRow<'_>> = keys
        .iter()
        .map(|key| ShardRow { key, rows: 100, text_bytes: 1000, is_read: true })
        .collect();
    // Every word a shade of its own: the most that shading can cost.
    let token = |place: usize| {
        let documents = [1, 5, 50, 500][place % 4];
        RareToken { start: 6 * place, end: 6 * place + 5, documents }
    };
    let tokens: Vec<RareToken> = (0..26).map(token).collect();
    let shaded = taster_page::shaded(&report, &occurrences).into_iter();
    let shadings: Vec<Shading> =
        shaded.map(|occurrence| Shading { occurrence, order: 2, tokens: tokens.clone() }).collect();
    assert_eq!(shadings.len(), 120);
    let subject = Subject {
        report: &report,
        occurrences: &occurrences,
        shards: &shards,
        shadings: &shadings,
        confidence: &Confidence::default(),
    };
    let html = render(&subject).unwrap();
    assert_eq!(html, render(&subject).unwrap());
    let dom = Dom::parse(&html);
    assert_own(&html, &dom);
    assert_accessible(&dom);
    eprintln!("{} findings: {} bytes, {} elements", 1000, html.len(), dom.elements.len());
    assert!(html.len() < 4 << 20, "{} bytes", html.len());
    assert!(dom.elements.len() < 60_000, "{} elements", dom.elements.len());
    let open = dom.named("details").filter(|details| details.attribute("open").is_some());
    assert_eq!(open.count(), 0, "what is not asked for is not laid out");
    // All findings, the group of weak ones, the shards.
    assert_eq!(dom.named("details").count(), 1000 + 2);
}
