//! The real sample that is shipped inside the product; `demo/README.md` says what it is and whose.

/// The shards of the sample: file names and Parquet bytes, in the order of their names.
pub fn demo_sample_files() -> [(&'static str, &'static [u8]); 4] {
    [
        (
            "part-00000.parquet",
            include_bytes!("../../demo/sample/part-00000.parquet"),
        ),
        (
            "part-00001.parquet",
            include_bytes!("../../demo/sample/part-00001.parquet"),
        ),
        (
            "part-00002.parquet",
            include_bytes!("../../demo/sample/part-00002.parquet"),
        ),
        (
            "part-00003.parquet",
            include_bytes!("../../demo/sample/part-00003.parquet"),
        ),
    ]
}
