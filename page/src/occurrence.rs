//! Where an occurrence is.

use taster_findings::Occurrence;

use crate::quantity::count;
use crate::text::line;

/// Characters of a name that are shown.
const SHOWN: usize = 80;

/// The place of an occurrence in words.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Document id.
    pub id: String,
    /// Shard, row group, row and bytes.
    pub position: String,
    /// Values of the axes, with their names.
    pub axes: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn of(occurrence: &Occurrence) -> Self {
        let axes = occurrence.axes.iter().filter_map(|(axis, value)| {
            let value = value.as_deref().filter(|value| !value.is_empty())?;
            Some((line(axis, SHOWN), line(value, SHOWN)))
        });
        Self {
            id: line(&occurrence.id, SHOWN),
            position: format!(
                "{}, row group {}, row {}, bytes {} to {}",
                line(&occurrence.shard, SHOWN),
                count(i64::from(occurrence.row_group)),
                count(occurrence.row),
                count(occurrence.byte_start),
                count(occurrence.byte_end)
            ),
            axes: axes.collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;
    use std::collections::BTreeMap;

    pub(crate) fn occurrence(before: &str, after: &str) -> Occurrence {
        Occurrence {
            finding_id: "00".into(),
            shard: "a.parquet".into(),
            row_group: 0,
            row: 1234,
            id: "a\u{202e}b".into(),
            byte_start: 10,
            byte_end: 20,
            before: before.into(),
            after: after.into(),
            axes: Arc::new(BTreeMap::from([
                ("host".into(), Some("example.org".into())),
                ("date".into(), None),
            ])),
        }
    }

    #[test]
    fn places_are_told() {
        let place = Place::of(&occurrence("", ""));
        assert_eq!(place.id, "a\\u{202e}b");
        assert_eq!(place.position, "a.parquet, row group 0, row 1\u{202f}234, bytes 10 to 20");
        assert_eq!(place.axes, [("host".to_owned(), "example.org".to_owned())]);
    }
}
