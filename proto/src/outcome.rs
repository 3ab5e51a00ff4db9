//! How tasks end. What a worker says is a claim, so it has bounds.

use taster_planning::schedule::{Facts, Outcome};
use taster_planning::{Quarantine, QuarantineReason};

use crate::v1::finished::Outcome as WireOutcome;
use crate::{WireError, v1};

/// More tasks than any stage has; a scheduler keeps a record of each.
const MAX_TASKS: u32 = 1 << 20;
/// More bytes than one task reads or writes: a pebibyte. Sums over a stage stay below 2^64.
const MAX_BYTES: u64 = 1 << 50;
/// Longest key of a shard, in bytes.
const SHARD_BYTES: usize = 4096;
/// Explanations are cut to so many bytes.
const DETAIL_BYTES: usize = 2048;

const REASONS: [(QuarantineReason, &str); 7] = [
    (QuarantineReason::Corrupt, "corrupt"),
    (QuarantineReason::Unsupported, "unsupported"),
    (QuarantineReason::Schema, "schema"),
    (QuarantineReason::Limit, "limit"),
    (QuarantineReason::Panic, "panic"),
    (QuarantineReason::Changed, "changed"),
    (QuarantineReason::Poison, "poison"),
];

/// At most [`DETAIL_BYTES`] of a text, cut between characters.
fn cut(mut text: String) -> String {
    let end = (0..=DETAIL_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}

impl From<Facts> for v1::Facts {
    fn from(Facts { bytes, tasks, reused }: Facts) -> Self {
        Self { bytes, tasks, reused }
    }
}

impl TryFrom<v1::Facts> for Facts {
    type Error = WireError;

    fn try_from(v1::Facts { bytes, tasks, reused }: v1::Facts) -> Result<Self, WireError> {
        if bytes > MAX_BYTES {
            return Err(WireError::number("facts.bytes", "at most 2^50", bytes));
        }
        for (field, tasks) in [("facts.tasks", tasks), ("facts.reused", reused)] {
            if tasks > MAX_TASKS {
                return Err(WireError::number(field, "at most 2^20", tasks.into()));
            }
        }
        Ok(Self { bytes, tasks, reused })
    }
}

impl From<Quarantine> for v1::Quarantine {
    fn from(Quarantine { shard, reason, detail }: Quarantine) -> Self {
        let named = REASONS.iter().find(|(known, _)| *known == reason);
        let reason = named.map_or("", |(_, name)| name).to_owned();
        Self { shard, reason, detail }
    }
}

impl TryFrom<v1::Quarantine> for Quarantine {
    type Error = WireError;

    fn try_from(wire: v1::Quarantine) -> Result<Self, WireError> {
        let v1::Quarantine { shard, reason, detail } = wire;
        if shard.is_empty() || shard.len() > SHARD_BYTES {
            let expected = "the key of a shard, 1 to 4096 bytes";
            return Err(WireError::text("quarantine.shard", expected, &shard));
        }
        let known = REASONS.iter().find(|(_, name)| *name == reason);
        let expected = "corrupt, unsupported, schema, limit, panic, changed or poison";
        let (reason, _) =
            *known.ok_or_else(|| WireError::text("quarantine.reason", expected, &reason))?;
        Ok(Self { shard, reason, detail: cut(detail) })
    }
}

impl From<Outcome> for WireOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done(facts) => Self::Done(facts.into()),
            Outcome::BadShard(quarantine) => Self::BadShard(quarantine.into()),
            Outcome::Trouble(reason) => Self::Trouble(reason),
            Outcome::Failed(reason) => Self::Failed(reason),
            Outcome::Released => Self::Released(v1::Released {}),
        }
    }
}

impl TryFrom<WireOutcome> for Outcome {
    type Error = WireError;

    fn try_from(outcome: WireOutcome) -> Result<Self, WireError> {
        Ok(match outcome {
            WireOutcome::Done(facts) => Self::Done(facts.try_into()?),
            WireOutcome::BadShard(quarantine) => Self::BadShard(quarantine.try_into()?),
            WireOutcome::Trouble(reason) => Self::Trouble(cut(reason)),
            WireOutcome::Failed(reason) => Self::Failed(cut(reason)),
            WireOutcome::Released(v1::Released {}) => Self::Released,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bad(shard: &str, reason: &str) -> v1::Quarantine {
        v1::Quarantine { shard: shard.into(), reason: reason.into(), detail: "d".into() }
    }

    #[test]
    fn outcomes_come_back_as_they_went() {
        let bad = |(reason, _): &(QuarantineReason, _)| {
            let (shard, detail) = ("x/é.parquet".to_owned(), "why".to_owned());
            Outcome::BadShard(Quarantine { shard, reason: *reason, detail })
        };
        let done = Facts { bytes: MAX_BYTES, tasks: MAX_TASKS, reused: 1 };
        let others = [
            Outcome::Done(done),
            Outcome::Done(Facts::default()),
            Outcome::Trouble("t".into()),
            Outcome::Failed(String::new()),
            Outcome::Released,
        ];
        for outcome in REASONS.iter().map(bad).chain(others) {
            assert_eq!(Outcome::try_from(WireOutcome::from(outcome.clone())), Ok(outcome));
        }
    }

    #[test]
    fn reasons_are_named_as_in_quarantine_jsonl() {
        for (reason, name) in REASONS {
            assert_eq!(format!("{reason:?}").to_lowercase(), name);
        }
    }

    #[test]
    fn row_44_hostile_outcomes_are_refused() {
        let facts = |bytes, tasks, reused| Facts::try_from(v1::Facts { bytes, tasks, reused });
        assert_eq!(facts(u64::MAX, 0, 0).unwrap_err().field, "facts.bytes");
        let many = facts(0, u32::MAX, 0).unwrap_err();
        assert_eq!(many.to_string(), "facts.tasks: expected at most 2^20, got 4294967295");
        assert_eq!(facts(0, 0, u32::MAX).unwrap_err().field, "facts.reused");
        for (shard, reason, field) in [
            ("", "corrupt", "quarantine.shard"),
            (&*"k".repeat(SHARD_BYTES + 1), "corrupt", "quarantine.shard"),
            ("k", "", "quarantine.reason"),
            ("k", "Corrupt", "quarantine.reason"),
        ] {
            assert_eq!(Quarantine::try_from(bad(shard, reason)).unwrap_err().field, field);
        }
    }

    #[test]
    fn row_45_explanations_are_cut_between_characters() {
        for text in ["é".repeat(5000), format!("a{}", "é".repeat(5000)), "x".repeat(10)] {
            let Ok(Outcome::Failed(kept)) = Outcome::try_from(WireOutcome::Failed(text.clone()))
            else {
                unreachable!("a failure stays one");
            };
            assert!(kept.len() <= DETAIL_BYTES && text.starts_with(&kept), "{}", kept.len());
            assert!(kept.len() + 1 >= DETAIL_BYTES.min(text.len()));
        }
    }
}
