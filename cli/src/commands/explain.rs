//! `taster explain`: everything that an audit knows of one finding.

use std::collections::BTreeMap;

use serde::Serialize;
use taster_exchange::selection::named;
use taster_findings::{
    BoilerplateEntry, CampaignEntry, Finding, FindingDocument, Kind, Occurrence, visible,
};
use taster_tasks::FinishedAudit;

use crate::commands::verify::expect_audit;
use crate::error::CliError;
use crate::exit::Ending;
use crate::findings_arguments::ExplainArguments;
use crate::findings_table::style;
use crate::quantities::{of, signed_count};
use crate::session::Session;
use crate::settings::OutputFormat;
use crate::table::{Cell, Column, Style, Table};

/// Shards and places that are named.
const NAMED: usize = 10;

/// A finding with all that is known of it.
#[derive(Debug, Serialize)]
struct Account<'a> {
    finding: &'a Finding,
    campaign: Option<&'a CampaignEntry>,
    /// Documents by shard.
    shards: BTreeMap<&'a str, u64>,
    occurrences: Vec<&'a Occurrence>,
}

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: &ExplainArguments) -> Result<Ending, CliError> {
    expect_audit(session, &arguments.out)?;
    let audit = FinishedAudit::open(&arguments.out, session.runtime)?;
    let finding = match named(&audit.report.findings, &arguments.finding) {
        Ok(finding) => finding,
        Err(error) => {
            let appended = appended(&audit.report.boilerplate, &arguments.finding);
            return tell_appended(session, appended.ok_or(error)?);
        }
    };
    let documents = audit.finding_documents()?;
    let occurrences = audit.occurrences()?;
    let account = Account {
        finding,
        campaign: audit.report.campaigns.iter().find(|c| c.campaign == finding.campaign),
        shards: by_shard(&documents, finding),
        occurrences: occurrences.iter().filter(|o| *o.finding_id == *finding.finding_id).collect(),
    };
    match session.format {
        OutputFormat::Json => session.terminal.json(&account)?,
        OutputFormat::Jsonl => session.terminal.json_line(&account)?,
        OutputFormat::Table => account.tell(session, arguments)?,
    }
    Ok(Ending::Clean)
}

/// The sequence of the appendix that a person means by an id.
fn appended<'a>(appendix: &'a [BoilerplateEntry], id: &str) -> Option<&'a BoilerplateEntry> {
    appendix.iter().find(|entry| entry.finding_id == id.to_ascii_lowercase())
}

fn tell_appended(session: &Session<'_>, entry: &BoilerplateEntry) -> Result<Ending, CliError> {
    let terminal = &session.terminal;
    match session.format {
        OutputFormat::Json => terminal.json(entry)?,
        OutputFormat::Jsonl => terminal.json_line(entry)?,
        OutputFormat::Table => {
            let documents = of(entry.document_frequency.unsigned_abs(), "document");
            terminal.line(&format!("no finding: {}", visible(&entry.text)))?;
            terminal.line(&format!("in {documents}, recognised as boilerplate:"))?;
            terminal.line(&format!("  {}", visible(&entry.reason)))?;
        }
    }
    Ok(Ending::Clean)
}

fn by_shard<'a>(documents: &'a [FindingDocument], finding: &Finding) -> BTreeMap<&'a str, u64> {
    let mut shards = BTreeMap::new();
    let own = documents.iter().filter(|document| *document.finding_id == *finding.finding_id);
    own.for_each(|document| *shards.entry(&*document.shard).or_default() += 1);
    shards
}

impl Account<'_> {
    fn tell(&self, session: &Session<'_>, arguments: &ExplainArguments) -> Result<(), CliError> {
        let terminal = &session.terminal;
        terminal.table(&self.head())?;
        terminal.line("")?;
        terminal.line("why, and what speaks against it")?;
        // Texts of the corpus stand in the explanation.
        terminal.line(&format!("  {}", visible(&self.finding.explanation)))?;
        if !self.finding.concentration.is_empty() {
            terminal.line("")?;
            terminal.line("where it is concentrated")?;
            terminal.table(&self.places())?;
        }
        terminal.line("")?;
        terminal.line(&self.spread())?;
        terminal.table(&self.shards())?;
        terminal.line("")?;
        terminal.line(&self.shown(arguments.examples))?;
        for occurrence in self.occurrences.iter().take(arguments.examples) {
            terminal.line("")?;
            terminal.lines(&in_context(occurrence, &self.finding.text))?;
        }
        terminal.line("")?;
        let (out, id) = (&arguments.out, &self.finding.finding_id);
        terminal.line(&format!("check it again   taster verify {out}"))?;
        terminal.line(&format!(
            "remove it        taster export {out} --format ids --finding {id} > remove.txt"
        ))
    }

    fn head(&self) -> Table {
        let finding = self.finding;
        let kinds: Vec<_> = finding.kinds.iter().map(|kind| Kind::name(*kind)).collect();
        let members = self.campaign.map_or(1, |campaign| campaign.findings.len() as u64);
        let campaign = format!("{} ({} in it)", finding.campaign, of(members, "finding"));
        let number = |value: f64| format!("{value:.3}");
        let rows: [(&str, String); 13] = [
            ("finding", finding.finding_id.clone()),
            ("rank", finding.rank.to_string()),
            ("text", finding.text.clone()),
            ("tokens", format!("{} ({})", finding.tokens.join(" · "), finding.order)),
            ("kinds", kinds.join(", ")),
            ("score", number(finding.score)),
            ("documents", signed_count(finding.document_frequency)),
            ("  without duplicates", signed_count(finding.effective_document_frequency)),
            ("occurrences", signed_count(finding.collection_frequency)),
            ("novelty", number(finding.novelty)),
            ("asymmetry", number(finding.asymmetry)),
            ("code points", number(finding.code_points)),
            ("campaign", campaign),
        ];
        let column = |title| Column { title, right: false, max: usize::MAX };
        let mut table = Table::new(vec![column("severity"), column(finding.severity.name())]);
        for (name, value) in rows {
            let kind = if name == "text" { style(finding.severity) } else { Style::Plain };
            table.row(vec![Cell::new(name), Cell::styled(&value, kind)]);
        }
        table
    }

    fn places(&self) -> Table {
        let column = |title, right, max| Column { title, right, max };
        let mut table = Table::new(vec![
            column("  axis", false, 20),
            column("documents", true, 20),
            column("of", true, 20),
            column("log10 p", true, 12),
            column("q", true, 12),
            column("locality", false, usize::MAX),
        ]);
        for place in self.finding.concentration.iter().take(NAMED) {
            table.row(vec![
                Cell::new(format!("  {}", place.axis)),
                Cell::new(signed_count(place.df)),
                Cell::new(signed_count(place.locality_documents)),
                Cell::new(format!("{:.1}", place.log10_p)),
                Cell::new(format!("{:.1e}", place.q)),
                Cell::new(&place.locality),
            ]);
        }
        table
    }

    fn spread(&self) -> String {
        let documents = self.shards.values().sum();
        let shards = self.shards.len() as u64;
        format!("where it is: {} in {}", of(documents, "document"), of(shards, "shard"))
    }

    fn shards(&self) -> Table {
        let mut table = Table::new(vec![
            Column { title: "  documents", right: true, max: 20 },
            Column { title: "shard", right: false, max: usize::MAX },
        ]);
        let mut most: Vec<_> = self.shards.iter().collect();
        most.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        for (shard, documents) in most.into_iter().take(NAMED) {
            table.row(vec![Cell::new(documents.to_string()), Cell::new(*shard)]);
        }
        table
    }

    fn shown(&self, examples: usize) -> String {
        let shown = examples.min(self.occurrences.len());
        format!("in context: {shown} of {}", signed_count(self.finding.collection_frequency))
    }
}

/// The place, and the text around it, with what is hidden made visible.
fn in_context(occurrence: &Occurrence, text: &str) -> [String; 2] {
    let Occurrence { shard, row, id, before, after, .. } = occurrence;
    [
        format!("  {}#{row}  id {}", visible(shard), visible(id)),
        format!("    …{}»{}«{}…", visible(before), visible(text), visible(after)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_hides_nothing() {
        let occurrence = Occurrence {
            finding_id: "f".into(),
            shard: "s\u{1b}[2J".into(),
            row_group: 0,
            row: 3,
            id: "d".into(),
            byte_start: 0,
            byte_end: 1,
            before: "a\n".into(),
            after: "\u{202e}z".into(),
            axes: Occurrence::own_axes([]),
        };
        let lines = in_context(&occurrence, "x\u{200b}");
        assert_eq!(lines[0], r"  s\u{1b}[2J#3  id d");
        assert_eq!(lines[1], r"    …a\u{a}»x\u{200b}«\u{202e}z…");
    }
}
