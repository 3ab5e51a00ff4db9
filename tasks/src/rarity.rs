//! How rare the text around the examples of a page is: for the n-grams of the novelty order in it,
//! the documents of the whole corpus that hold them.
//!
//! The screened objects tell every run its n-grams with a df of 2 or more, so the run that holds an
//! example knows all of its n-grams; one that it does not know stands in that document alone.

use std::collections::BTreeMap;

use taster_findings::{Occurrence, Report};
use taster_ngrams::block;
use taster_ngrams::fingerprint::fingerprint;
use taster_page::{RareToken, Shading};
use taster_planning::Parameters;

use crate::TaskError;
use crate::audit::Driver;
use crate::corpus::DocumentOrd;
use crate::dispatch::run_wave;
use crate::error::InObject;
use crate::passes::RunPlaces;
use crate::screened_run::ScreenedRun;
use crate::stages::Screened;
use crate::verified::SHOWN_BYTES;
use crate::workspace::{Opened, Workspace};

/// The n-grams around one example, each with the token that it ends with.
struct Example {
    occurrence: usize,
    run: usize,
    /// First and last byte of the token, and the fingerprint.
    ngrams: Vec<(usize, usize, u64)>,
}

/// Shades the occurrences that a page shows token by token. `documents` says of which document each
/// occurrence is.
///
/// Cost: reads what the screen wave says of at most 120 runs.
pub(crate) fn shadings(
    driver: &Driver<'_>,
    screened: &Screened,
    report: &Report<Parameters>,
    occurrences: &[Occurrence],
    documents: &[DocumentOrd],
) -> Result<Vec<Shading>, TaskError> {
    let workspace = &driver.workspace;
    let order = usize::from(screened.thresholds.novelty_order);
    let runs = RunPlaces::new(&screened.counts.units);
    let texts: BTreeMap<&str, &str> =
        report.findings.iter().map(|f| (f.finding_id.as_str(), f.text.as_str())).collect();
    let shown = taster_page::shaded(report, occurrences);
    let examples: Vec<Example> = shown
        .into_iter()
        .map(|index| {
            let occurrence = &occurrences[index];
            let text = texts.get(&*occurrence.finding_id).copied().unwrap_or_default();
            let ngrams = ngrams(workspace, occurrence, text, order);
            Example { occurrence: index, run: runs.run_of(documents[index]), ngrams }
        })
        .collect();
    let objects = screened.objects_of(screened.thresholds.novelty_order);
    let frequencies = frequencies(driver, &objects, order, &examples)?;
    let shade = |example: &Example| {
        let known = frequencies.get(&example.run);
        let token = |&(start, end, ngram): &(usize, usize, u64)| RareToken {
            start,
            end,
            documents: known.and_then(|known| known.get(&ngram)).copied().unwrap_or(1),
        };
        let tokens = example.ngrams.iter().map(token).collect();
        Shading { occurrence: example.occurrence, order, tokens }
    };
    Ok(examples.iter().map(shade).collect())
}

/// The n-grams of an occurrence with the text around it, but for those with a token that is cut.
fn ngrams(
    workspace: &Workspace,
    occurrence: &Occurrence,
    sequence: &str,
    order: usize,
) -> Vec<(usize, usize, u64)> {
    let Occurrence { before, after, .. } = occurrence;
    let text = format!("{before}{sequence}{after}");
    let (mut spans, mut hashes) = (Vec::new(), Vec::new());
    workspace.tokenizer.spans(&text, &mut spans);
    workspace.tokenizer.hashes_of(&text, &spans, workspace.parameters.seed, &mut hashes);
    let whole = usize::from(may_be_cut(before))..spans.len() - usize::from(may_be_cut(after));
    let ngram = |first: usize| {
        let last = spans[first + order - 1];
        (last.start as usize, last.end as usize, fingerprint(&hashes[first..first + order]))
    };
    let firsts = whole.start..(whole.end + 1).saturating_sub(order);
    firsts.map(ngram).collect()
}

/// Whether text beside an occurrence was cut at the limit, perhaps inside a token. A character has
/// at most four bytes.
fn may_be_cut(text: &str) -> bool {
    text.len() + 4 > SHOWN_BYTES
}

/// Per run with examples, the df of their n-grams that is 2 or more.
fn frequencies(
    driver: &Driver<'_>,
    objects: &[Opened],
    order: usize,
    examples: &[Example],
) -> Result<BTreeMap<usize, BTreeMap<u64, u32>>, TaskError> {
    let mut wanted: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for example in examples {
        let ngrams = example.ngrams.iter().map(|(.., ngram)| ngram);
        wanted.entry(example.run).or_default().extend(ngrams);
    }
    wanted.values_mut().for_each(|ngrams| ngrams.sort_unstable());
    let tasks: Vec<(usize, Vec<u64>)> = wanted.into_iter().collect();
    let workspace = &driver.workspace;
    run_wave(
        driver.threads,
        &tasks,
        |(_, wanted)| wanted.len() as u64,
        |(run, wanted)| {
            workspace.proceed()?;
            let screened = ScreenedRun::read(workspace, objects, *run)?;
            let mut found = BTreeMap::new();
            screened.each(|key, frame| {
                if frame.label as usize != order {
                    return Ok(());
                }
                // Both are in order: one walk along both.
                let mut rest = &wanted[..];
                let keep = |entry: block::Entry| {
                    while let Some((&next, after)) = rest.split_first()
                        && next <= entry.fingerprint
                    {
                        if next == entry.fingerprint {
                            found.insert(next, entry.low);
                        }
                        rest = after;
                    }
                };
                block::decode(frame.payload, keep).in_object(key)
            })?;
            Ok((*run, found))
        },
    )
    .map(|found| found.into_iter().collect())
}
