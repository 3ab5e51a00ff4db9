//! The real sample that is shipped inside the product; `demo/README.md` says what it is and whose.

/// The shards of the sample: file names and Parquet bytes, in the order of their names.
pub fn demo_sample_files() -> [(&'static str, &'static [u8]); 4] {
    [
        ("part-00000.parquet", include_bytes!("../../demo/sample/part-00000.parquet")),
        ("part-00001.parquet", include_bytes!("../../demo/sample/part-00001.parquet")),
        ("part-00002.parquet", include_bytes!("../../demo/sample/part-00002.parquet")),
        ("part-00003.parquet", include_bytes!("../../demo/sample/part-00003.parquet")),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeSet;

    use super::*;
    use crate::{demo_plan, plant};

    #[test]
    fn the_shipped_sample_can_be_planted() {
        let folder = tempfile::tempdir().unwrap();
        let clean = folder.path().join("clean");
        std::fs::create_dir(&clean).unwrap();
        for (name, bytes) in demo_sample_files() {
            std::fs::write(clean.join(name), bytes).unwrap();
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let out = folder.path().join("planted");
        let truth = plant(clean.to_str().unwrap(), &out, &demo_plan(1), runtime.handle()).unwrap();
        assert_eq!(truth.documents, 6500);
        for planted in truth.planted {
            assert_eq!(planted.documents.len(), 25);
            let shards: BTreeSet<_> =
                planted.documents.iter().map(|document| &document.shard).collect();
            assert_eq!(shards.len(), 4, "{}", planted.recipe);
        }
    }
}
