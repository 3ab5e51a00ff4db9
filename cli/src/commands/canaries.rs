//! `taster audit --canaries`: the corpus is read again with poisons in it, to see what would be found.

use std::sync::Arc;

use taster_findings::{Canaries, Canary, Severity};
use taster_lab::canaries::canary_plans;
use taster_lab::{Columns, Ground, LabError, PlantPlan};
use taster_planning::{DigestBuilder, Parameters};
use taster_storage::Overlay;
use taster_tasks::{Audit, AuditRequest};

use crate::commands::lab::judged;
use crate::error::CliError;
use crate::progress::Watch;
use crate::session::Session;

/// Plants `campaigns` canaries in what `audit` read, one audit for every dozen, and says which are found.
///
/// Nothing but the work location is written. Equal corpora and parameters give equal canaries.
pub fn measure(
    session: &Session<'_>,
    request: &AuditRequest,
    audit: &Audit,
    campaigns: u64,
) -> Result<Canaries, CliError> {
    // What is measured is whether unknown poison is found, and some canaries are known by name.
    let unknown = Parameters { signatures: Vec::new(), ..request.parameters.clone() };
    let request = &AuditRequest { parameters: unknown, ..request.clone() };
    let parameters = &request.parameters;
    let columns =
        Columns { text: parameters.text_column.clone(), id: parameters.id_column.clone() };
    let skipped: Vec<String> =
        audit.quarantine.iter().map(|quarantine| quarantine.shard.clone()).collect();
    session.log.note(&format!("canaries: surveying the corpus for {campaigns} campaigns"));
    let ground = Ground::survey(&request.inputs, &columns, &skipped, session.runtime)?;
    let plans = canary_plans(campaigns, parameters.floor, seed(audit));
    let mut planted = Vec::new();
    for (pass, plan) in plans.iter().enumerate() {
        session.log.note(&format!("canaries: audit {} of {}", pass + 1, plans.len()));
        planted.extend(one_pass(session, request, &ground, plan)?);
    }
    Ok(Canaries::of(planted))
}

/// The seed of the canaries: no other corpus has the same ones.
fn seed(audit: &Audit) -> u64 {
    let digest = audit
        .shards
        .iter()
        .filter_map(|shard| shard.blake3.as_deref())
        .fold(DigestBuilder::new("taster canaries 1"), DigestBuilder::text)
        .finish();
    digest.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn one_pass(
    session: &Session<'_>,
    request: &AuditRequest,
    ground: &Ground,
    plan: &PlantPlan,
) -> Result<Vec<Canary>, CliError> {
    let (view, truth) = match ground.view(plan) {
        // The audit itself is done: its report is worth more than its canaries.
        Err(error @ LabError::TooFewDocuments { .. }) => {
            session.log.note(&format!("canaries: left out, the corpus is too small ({error})"));
            return Ok(Vec::new());
        }
        other => other?,
    };
    let view: Arc<dyn Overlay> = Arc::new(view);
    let watch = Watch::new(session.log.clone());
    let audited = taster_tasks::audit_overlaid(request, &view, session.runtime, &watch);
    let _ = watch.finish();
    let judgement = judged(&truth, &audited?);
    let scores = judgement.recipes.into_iter();
    Ok(scores
        .map(|score| Canary {
            recipe: score.recipe.name().to_owned(),
            documents: score.documents,
            rank: score.rank_alone.map(u64::from),
            severity: score.first_severity.as_deref().and_then(severity),
        })
        .collect())
}

fn severity(name: &str) -> Option<Severity> {
    use Severity::{Critical, High, Info, Low, Medium};
    [Critical, High, Medium, Low, Info].into_iter().find(|severity| severity.name() == name)
}
