//! What a client asks for, checked before anything is done about it.

use taster_planning::schedule::AuditId;
use taster_planning::{Limits, Orders, Parameters, Signature};
use taster_proto::v1::SubmitRequest;
use taster_tasks::SharedRequest;

use crate::allow::AllowList;
use crate::clock::unix_seconds;

/// Most inputs of one audit; more are named by a prefix.
const MAX_INPUTS: usize = 1000;
/// Most findings that a report may have.
const MAX_FINDINGS: u32 = 1_000_000;
/// Most locality axes, and the longest name of a column, in bytes.
const MAX_AXES: usize = 64;
const COLUMN_BYTES: usize = 256;
/// Longest submission id, in bytes.
const ID_BYTES: usize = 64;

/// What holds for all submissions.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) allow: AllowList,
    pub(crate) unit_bytes: u64,
    pub(crate) segment_tokens: u64,
}

impl Intake {
    /// The audit that is asked for, and its identity: that of the submission, so that a repeated
    /// one is the same audit.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(&self, wire: SubmitRequest) -> Result<(AuditId, SharedRequest), String> {
        let SubmitRequest { inputs, out, parameters_json, submission_id } = wire;
        let id = id(submission_id)?;
        if inputs.is_empty() || inputs.len() > MAX_INPUTS {
            return Err(format!("inputs: expected 1 to {MAX_INPUTS}, got {}", inputs.len()));
        }
        inputs.iter().try_for_each(|input| self.allow.input(input))?;
        self.allow.output(&out)?;
        let request = SharedRequest {
            inputs,
            out,
            parameters: parameters(&parameters_json)?,
            segment_tokens: self.segment_tokens,
            unit_bytes: self.unit_bytes,
            submitted_unix_seconds: unix_seconds(),
        };
        Ok((id, request))
    }
}

fn id(text: String) -> Result<AuditId, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > ID_BYTES || !text.bytes().all(plain) {
        let expected = "1 to 64 letters, digits or hyphens";
        return Err(format!("submission_id: expected {expected}, got {} bytes", text.len()));
    }
    Ok(AuditId(text))
}

fn parameters(json: &str) -> Result<Parameters, String> {
    let parameters: Parameters =
        serde_json::from_str(json).map_err(|error| format!("parameters_json: {error}"))?;
    let Orders { first, last } = parameters.orders;
    if first == 0 || first > last || last > Orders::MAX {
        return Err(format!("orders: expected a range within 1-8, got {first}-{last}"));
    }
    let known = Parameters::default().tokenizer;
    if parameters.tokenizer != known {
        return Err(format!("tokenizer: expected {known}, got another"));
    }
    if parameters.max_findings > MAX_FINDINGS {
        let got = parameters.max_findings;
        return Err(format!("max_findings: expected at most {MAX_FINDINGS}, got {got}"));
    }
    columns(&parameters)?;
    limits(&parameters.limits)?;
    Signature::check(&parameters.signatures).map_err(|error| format!("signatures: {error}"))?;
    Ok(parameters)
}

fn columns(parameters: &Parameters) -> Result<(), String> {
    let axes = parameters.axes.as_deref().unwrap_or_default();
    if axes.len() > MAX_AXES {
        return Err(format!("axes: expected at most {MAX_AXES}, got {}", axes.len()));
    }
    let named = [&parameters.text_column, &parameters.id_column, &parameters.label_column];
    let mut names = named.into_iter().flatten().chain(axes);
    if names.any(|name| name.is_empty() || name.len() > COLUMN_BYTES) {
        return Err(format!("columns: expected names of 1 to {COLUMN_BYTES} bytes"));
    }
    Ok(())
}

/// Limits protect the workers: a client may lower them, not raise them.
fn limits(got: &Limits) -> Result<(), String> {
    let most = Limits::default();
    for (name, got, most) in [
        ("document_bytes", got.document_bytes, most.document_bytes),
        ("page_bytes", got.page_bytes, most.page_bytes),
        ("footer_bytes", got.footer_bytes, most.footer_bytes),
        (
            "expansion_allowance_bytes",
            got.expansion_allowance_bytes,
            most.expansion_allowance_bytes,
        ),
        ("expansion_ratio", got.expansion_ratio, most.expansion_ratio),
    ] {
        if got == 0 || got > most {
            return Err(format!("limits.{name}: expected 1 to {most}, got {got}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(change: impl FnOnce(&mut SubmitRequest)) -> Result<(AuditId, SharedRequest), String> {
        let allow = AllowList::new("s3://bucket/runs", None).unwrap();
        let intake = Intake { allow, unit_bytes: 1 << 20, segment_tokens: 1 << 16 };
        let mut request = SubmitRequest {
            inputs: vec!["s3://bucket/in".into()],
            out: "s3://bucket/out".into(),
            parameters_json: serde_json::to_string(&Parameters::default()).unwrap(),
            submission_id: "a-1".into(),
        };
        change(&mut request);
        intake.read(request)
    }

    fn with(change: impl FnOnce(&mut Parameters)) -> Result<(AuditId, SharedRequest), String> {
        let mut parameters = Parameters::default();
        change(&mut parameters);
        read(|request| request.parameters_json = serde_json::to_string(&parameters).unwrap())
    }

    #[test]
    fn a_submission_becomes_a_request() {
        let (id, request) = read(|_| {}).unwrap();
        assert_eq!(id.0, "a-1");
        assert_eq!(request.parameters, Parameters::default());
        assert_eq!((request.unit_bytes, request.segment_tokens), (1 << 20, 1 << 16));
        assert!(request.submitted_unix_seconds > 1_600_000_000);
    }

    #[test]
    fn row_44_hostile_submissions_are_refused() {
        let id = |id: &str| read(|request| request.submission_id = id.into()).unwrap_err();
        for hostile in ["", "../x", "a/b", "a_b", "é", &"a".repeat(65)] {
            assert!(id(hostile).starts_with("submission_id: "), "{hostile}");
        }
        let inputs = |inputs| read(|request| request.inputs = inputs).unwrap_err();
        assert!(inputs(vec![]).starts_with("inputs: "));
        assert!(inputs(vec!["s3://bucket/a".into(); 1001]).starts_with("inputs: "));
        assert!(inputs(vec!["s3://bucket/a".into(), "/etc".into()]).contains("--allow"));
        assert!(read(|request| request.out = "s3://bucket/runs/x".into()).is_err());
        for json in ["", "{}", "null", "[1]", "{\"floor\":-1}"] {
            let error = read(|request| request.parameters_json = json.into()).unwrap_err();
            assert!(error.starts_with("parameters_json: "), "{error}");
        }
    }

    #[test]
    fn row_44_parameters_have_bounds() {
        let orders = |first, last| with(|p| p.orders = Orders { first, last });
        assert!(orders(0, 5).is_err() && orders(5, 1).is_err() && orders(1, 255).is_err());
        assert!(orders(2, 8).is_ok());
        assert!(with(|p| p.tokenizer = "words-2".into()).is_err());
        assert!(with(|p| p.max_findings = u32::MAX).is_err());
        assert!(with(|p| p.axes = Some(vec!["a".into(); 65])).is_err());
        assert!(with(|p| p.text_column = Some(String::new())).is_err());
        assert!(with(|p| p.label_column = Some("l".repeat(300))).is_err());
        assert!(with(|p| p.limits.page_bytes = u64::MAX).is_err());
        assert!(with(|p| p.limits.document_bytes = 0).is_err());
        assert!(with(|p| p.limits.document_bytes = 1000).is_ok());
        let shipped = Signature::defaults().unwrap();
        assert!(with(|p| p.signatures = shipped.clone()).is_ok());
        let pattern = |text: &str| {
            let signature =
                Signature { literal: None, pattern: Some(text.into()), ..shipped[0].clone() };
            with(|p| p.signatures = vec![signature]).unwrap_err()
        };
        for hostile in ["(", r"\w{900}{900}", "a*", &"a".repeat(1001)] {
            assert!(pattern(hostile).starts_with("signatures: "), "{hostile}");
        }
        let many = |p: &mut Parameters| p.signatures = vec![shipped[0].clone(); 1001];
        assert!(with(many).is_err());
    }
}
