//! The rounds of `speed`, one after the other on an idle machine, and what they add up to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use crate::arguments::{MeasureArguments, Measured, SpeedArguments};
use crate::byte_size::ByteSize;
use crate::child::measure;
use crate::corpus::Corpus;
use crate::error::BenchError;
use crate::files::{Scratch, digests, remove, text, write_json};
use crate::machine::Machine;
use crate::measure::{Audited, Measurement, REPORT};
use crate::peer::{Peer, PeerRun};
use crate::reading::Read;
use crate::speed_tables;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct SpeedReport {
    /// On what.
    pub machine: Machine,
    /// Threads of every measurement.
    pub threads: u16,
    /// Of which corpus.
    pub corpus: Corpus,
    /// How large it is.
    pub size: Read,
    /// Scans alone.
    pub scans: Vec<Measurement<Read>>,
    /// Scans with tokenising.
    pub tokenisings: Vec<Measurement<Read>>,
    /// Audits by their memory, the first one's first.
    pub audits: Vec<(ByteSize, Vec<Measurement<Audited>>)>,
    /// The peer's runs.
    pub peers: Vec<PeerRun>,
    /// Why there is no peer; empty if there is.
    pub peer_not_run: String,
    /// The files of every distinct report, by name, with BLAKE3; one entry if all are equal.
    pub reports: BTreeSet<BTreeMap<String, String>>,
    /// What must not be; empty if all is well.
    pub problems: Vec<String>,
}

/// Measures, prints, and says whether nothing was wrong.
///
/// # Errors
/// A measurement of Taster itself failed.
pub fn run(arguments: &SpeedArguments, runtime: &Handle) -> Result<bool, BenchError> {
    let machine = Machine::here();
    let scratch = Scratch::create(arguments.work.as_deref())?;
    let corpus = Corpus::prepare(arguments, &scratch, runtime)?;
    let mut rounds = Rounds::begin(arguments, &scratch, machine, corpus)?;
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        rounds.round()?;
    }
    let report = rounds.finish();
    speed_tables::show(&report);
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    Ok(report.problems.is_empty())
}

struct Rounds<'a> {
    arguments: &'a SpeedArguments,
    scratch: &'a Scratch,
    peer: Option<Peer>,
    report: SpeedReport,
}

impl<'a> Rounds<'a> {
    /// Reads the corpus once, which says how large it is and leaves it in the page cache, so that
    /// the first measurement has no disadvantage.
    fn begin(
        arguments: &'a SpeedArguments,
        scratch: &'a Scratch,
        machine: Machine,
        corpus: Corpus,
    ) -> Result<Self, BenchError> {
        let audits = [arguments.memory, arguments.small_memory];
        let report = SpeedReport {
            machine,
            threads: arguments.threads,
            corpus,
            size: Read::default(),
            scans: Vec::new(),
            tokenisings: Vec::new(),
            audits: audits.map(|memory| (memory, Vec::new())).into(),
            peers: Vec::new(),
            peer_not_run: String::new(),
            reports: BTreeSet::new(),
            problems: Vec::new(),
        };
        let peer = Peer::named(arguments);
        let mut rounds = Self { arguments, scratch, peer, report };
        rounds.report.size = rounds.child::<Read>(Measured::Tokenise, arguments.memory)?.facts;
        Ok(rounds)
    }

    fn round(&mut self) -> Result<(), BenchError> {
        let scan = self.child(Measured::Scan, self.arguments.memory)?;
        self.report.scans.push(scan);
        let tokenising = self.child(Measured::Tokenise, self.arguments.memory)?;
        self.report.tokenisings.push(tokenising);
        for index in 0..self.report.audits.len() {
            self.audit(index)?;
        }
        self.peer();
        Ok(())
    }

    fn audit(&mut self, index: usize) -> Result<(), BenchError> {
        let audit = self.child(Measured::Audit, self.report.audits[index].0)?;
        self.report.audits[index].1.push(audit);
        let folder = self.scratch.path(AUDIT);
        self.report.reports.insert(digests(&folder.join(REPORT))?);
        remove(&folder)
    }

    fn child<F: DeserializeOwned>(
        &self,
        what: Measured,
        memory: ByteSize,
    ) -> Result<Measurement<F>, BenchError> {
        eprintln!("{}, memory {memory}", what.name());
        measure(&MeasureArguments {
            what,
            input: self.report.corpus.folder.clone(),
            threads: self.arguments.threads,
            memory,
            folder: text(&self.scratch.path(AUDIT))?.to_owned(),
        })
    }

    fn peer(&mut self) {
        let report = &mut self.report;
        let Some(peer) = &self.peer else {
            report.peer_not_run = "--polars and --peers were not given".to_owned();
            return;
        };
        match peer.run(&report.corpus.folder, report.size.shards, report.threads) {
            Ok(run) => report.peers.push(run),
            Err(why) => {
                report.problems.push(format!("the peer failed: {why}"));
                report.peer_not_run = why;
            }
        }
    }

    fn finish(mut self) -> SpeedReport {
        let found = self.report.found();
        self.report.problems.extend(found);
        self.report
    }
}

/// Folder of the audit that runs.
const AUDIT: &str = "audit";

impl SpeedReport {
    /// What must not be: reports that differ, and what [`Self::amiss`] says of any audit.
    fn found(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.reports.len() > 1 {
            problems.push(format!("{} different reports, expected one", self.reports.len()));
        }
        for (memory, audits) in &self.audits {
            problems.extend(audits.iter().flat_map(|audit| self.amiss(*memory, audit)));
        }
        problems
    }

    /// A figure about other text than the rest, shards left out, more memory than allowed.
    fn amiss(&self, memory: ByteSize, audit: &Measurement<Audited>) -> Vec<String> {
        let Measurement { peak_bytes, facts, .. } = audit;
        let expected = (self.size.documents, self.size.text_bytes, self.size.tokens);
        let got = (facts.documents, facts.text_bytes, facts.tokens);
        let mut amiss = Vec::new();
        if expected != got {
            amiss.push(format!(
                "expected documents, bytes and tokens {expected:?}, an audit read {got:?}"
            ));
        }
        if facts.quarantined > 0 {
            amiss.push(format!("{} shards quarantined, expected none", facts.quarantined));
        }
        if *peak_bytes > memory.0 {
            amiss.push(format!("an audit with {memory} used {peak_bytes} bytes"));
        }
        amiss
    }
}
