//! Runs the waves of an audit in order, in this process.

use std::time::Instant;

use taster_findings::Scorer;
use taster_ngrams::context::Rules;
use taster_ngrams::object::Kind;
use taster_planning::{DigestBuilder, Quarantine, partition};
use taster_storage::{Store, freeze};
use tokio::runtime::Handle;

use crate::context::{ContextReceipt, Located, Screen, describe};
use crate::corpus::{Corpus, Counted};
use crate::count::{CountReceipt, Run, count};
use crate::dispatch::run_wave;
use crate::score::{ScoreReceipt, score};
use crate::screen::{ScreenReceipt, Thresholds, open_runs, ranges, screen};
use crate::workspace::{Opened, Workspace};
use crate::{AuditRequest, Progress, TaskError, Wave};

pub fn audit(request: &AuditRequest, runtime: &Handle, progress: &dyn Progress) -> Result<(), TaskError> {
    let frozen = freeze(&request.inputs, &request.parameters, runtime)?;
    let store = Store::open(&request.work, runtime)?;
    let segment_tokens = request.resources.segment_tokens();
    let workspace = Workspace::new(store, frozen.sources, frozen.manifest, request.parameters.clone(), segment_tokens)?;
    let threads = request.resources.threads;
    let t = Instant::now();
    let units = partition(&workspace.manifest, request.resources.unit_bytes());
    let receipts = run_wave(threads, &units, |unit| count(&workspace, unit))?;
    let counted: Vec<Counted> = units.into_iter().zip(receipts).map(|(unit, (receipt, _))| Counted { unit, receipt }).collect();
    eprintln!("count {:?}", t.elapsed());
    let t = Instant::now();
    let corpus = Corpus::merge(&workspace, &counted)?;
    eprintln!("corpus {:?} docs {} canonical {} tokens {}", t.elapsed(), corpus.totals.documents, corpus.totals.canonical, corpus.tokens);
    let t = Instant::now();
    let runs: Vec<&Run> = counted.iter().flat_map(|c| &c.receipt.runs).collect();
    let bytes: u64 = runs.iter().map(|r| r.output.bytes).sum();
    let opened = open_runs(&workspace, runs.iter().copied(), Kind::Count)?;
    let p = &workspace.parameters;
    let thresholds = Thresholds { floor: p.floor as u32, ceiling: p.ceiling_for(corpus.totals.documents) as u32, novelty_order: 2 };
    let screened = run_wave(threads, &ranges(bytes), |range| screen(&workspace, &opened, *range, &thresholds, &corpus.digest))?;
    let sbytes: u64 = screened.iter().map(|s| s.0.output.bytes).sum();
    eprintln!("screen {:?} {} MB -> {} MB", t.elapsed(), bytes / 1000000, sbytes / 1000000);
    let t = Instant::now();
    let objects = screened.iter().map(|(s, _)| workspace.open(&s.output.key, Kind::Screened, opened.len(), s.output.bytes)).collect::<Result<Vec<_>, _>>()?;
    let digest = screened.iter().fold(DigestBuilder::new("s"), |b, s| b.digest(&s.0.output.digest)).finish().0;
    let rules = Rules { orders: workspace.orders(), floor: thresholds.floor, ceiling: thresholds.ceiling, novelty_order: 2 };
    let sc = Screen { corpus: &corpus, objects: &objects, digest, rules };
    let mut first_run = 0;
    let located: Vec<Located> = counted.iter().enumerate().map(|(unit_ord, c)| { let l = Located { counted: c, unit_ord, first_run }; first_run += c.receipt.runs.len(); l }).collect();
    let contexts = run_wave(threads, &located, |l| describe(&workspace, &sc, l))?;
    let cruns: Vec<&Run> = contexts.iter().flat_map(|c| &c.0.runs).collect();
    let bytes: u64 = cruns.iter().map(|r| r.output.bytes).sum();
    eprintln!("context {:?} {} MB", t.elapsed(), bytes / 1000000);
    let t = Instant::now();
    let copened = open_runs(&workspace, cruns.iter().copied(), Kind::Context)?;
    let scorer = Scorer::new(corpus.totals.clone());
    let digest = cruns.iter().fold(DigestBuilder::new("c"), |b, s| b.digest(&s.output.digest)).finish().0;
    let scores = run_wave(threads, &ranges(bytes), |range| score(&workspace, &copened, *range, &scorer, &digest))?;
    eprintln!("score {:?} ngrams {} candidates {}", t.elapsed(), scores.iter().map(|s| s.0.ngrams).sum::<u64>(), scores.iter().map(|s| s.0.candidates.len()).sum::<usize>());
    Ok(())
}
