//! The configuration file, and settings turned into requests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::de::DeserializeOwned;
use taster_planning::Parameters;
use taster_tasks::Resources;

use crate::error::CliError;
use crate::settings::{
    AuditSettings, Ceiling, CorpusSettings, Layer, OutputSettings, ResourceSettings,
    ScreeningSettings, Tokenizer, VerdictSettings,
};
use crate::signature_lists;

/// Read if no other file is named and it is there.
const DEFAULT_FILE: &str = "taster.toml";

/// Tasks at the same time if nothing else is said: 4 GiB for all of them.
const DEFAULT_MEMORY_BYTES: u64 = 4 << 30;

/// More threads than any machine has cores: a typing error.
const MAX_THREADS: usize = 4096;

/// A TOML file with settings, named like the options.
#[derive(Debug, Default)]
pub struct ConfigurationFile {
    path: PathBuf,
    text: String,
}

impl ConfigurationFile {
    /// Reads `named`, or `taster.toml` in the current folder if there is one.
    pub fn read(named: Option<&Path>) -> Result<Self, CliError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE)).to_owned();
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(path, text),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(CliError::Configuration { path, detail: error.to_string() }),
        }
    }

    fn parse(path: PathBuf, text: String) -> Result<Self, CliError> {
        let file = Self { path, text };
        let table: toml::Table = toml::from_str(&file.text).map_err(|error| file.error(&error))?;
        let known = known_keys();
        match table.keys().find(|key| !known.contains(*key)) {
            None => Ok(file),
            Some(key) => {
                let known: Vec<_> = known.into_iter().collect();
                Err(file.error(&format!("expected one of {}, got {key:?}", known.join(", "))))
            }
        }
    }

    /// `given`, and what the file says where nothing is given.
    pub fn below<T: Layer + DeserializeOwned>(&self, given: T) -> Result<T, CliError> {
        let below = toml::from_str(&self.text).map_err(|error| self.error(&error))?;
        Ok(given.over(below))
    }

    fn error(&self, detail: &dyn std::fmt::Display) -> CliError {
        let detail = detail.to_string().trim_end().to_owned();
        CliError::Configuration { path: self.path.clone(), detail }
    }
}

/// The options that may stand in the file.
fn known_keys() -> BTreeSet<String> {
    fn of<T: Args>() -> impl Iterator<Item = String> {
        let command = T::augment_args(clap::Command::new("taster"));
        let keys: Vec<_> =
            command.get_arguments().filter_map(|a| a.get_long().map(str::to_owned)).collect();
        keys.into_iter()
    }
    of::<OutputSettings>()
        .chain(of::<CorpusSettings>())
        .chain(of::<ResourceSettings>())
        .chain(of::<ScreeningSettings>())
        .chain(of::<AuditSettings>())
        .chain(of::<VerdictSettings>())
        .collect()
}

/// What determines the result but for signatures, with defaults for what was not said.
pub fn parameters(
    corpus: &CorpusSettings,
    screening: &ScreeningSettings,
) -> Result<Parameters, CliError> {
    let default = Parameters::default();
    let parameters = Parameters {
        orders: screening.orders.unwrap_or(default.orders),
        floor: screening.floor.unwrap_or(default.floor),
        ceiling: match screening.ceiling {
            None | Some(Ceiling::Auto) => None,
            Some(Ceiling::At(documents)) => Some(documents),
        },
        tokenizer: match corpus.tokenizer {
            None | Some(Tokenizer::Words) => default.tokenizer,
        },
        text_column: corpus.text_column.clone(),
        id_column: corpus.id_column.clone(),
        axes: corpus.axis.clone(),
        label_column: screening.label_column.clone(),
        max_findings: screening.max_findings.unwrap_or(default.max_findings),
        ..default
    };
    check_frequencies(&parameters)?;
    Ok(parameters)
}

/// The same for an audit, which looks for known signatures as well.
pub fn audit_parameters(
    corpus: &CorpusSettings,
    screening: &ScreeningSettings,
) -> Result<Parameters, CliError> {
    let signatures = signature_lists::read(screening.signatures.as_deref())?;
    Ok(Parameters { signatures, ..parameters(corpus, screening)? })
}

fn check_frequencies(parameters: &Parameters) -> Result<(), CliError> {
    let floor = parameters.floor;
    if floor < 2 {
        return Err(CliError::Usage(format!("floor: expected at least 2 documents, got {floor}")));
    }
    match parameters.ceiling {
        Some(ceiling) if ceiling < floor => Err(CliError::Usage(format!(
            "ceiling: expected at least the floor, {floor}, got {ceiling}"
        ))),
        _ => Ok(()),
    }
}

/// What may be used, with defaults for what was not said.
pub fn resources(settings: &ResourceSettings) -> Result<Resources, CliError> {
    let threads = settings.threads.unwrap_or_else(cores);
    if threads == 0 || threads > MAX_THREADS {
        return Err(CliError::Usage(format!(
            "threads: expected 1 to {MAX_THREADS}, got {threads}"
        )));
    }
    let memory_bytes = settings.memory.map_or(DEFAULT_MEMORY_BYTES, |size| size.0);
    if memory_bytes < Resources::MIN_MEMORY_BYTES {
        return Err(CliError::Usage(format!(
            "memory: expected at least {}MiB, got {memory_bytes} bytes",
            Resources::MIN_MEMORY_BYTES >> 20
        )));
    }
    Ok(Resources { threads, memory_bytes, unit_bytes: None })
}

/// Cores that this process may use, 1 if that is unknown.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings::{FailOn, OutputFormat};
    use taster_planning::Orders;
    use taster_process::ByteSize;

    fn file(text: &str) -> Result<ConfigurationFile, CliError> {
        ConfigurationFile::parse("taster.toml".into(), text.into())
    }

    const EVERYTHING: &str = r#"
        output = "jsonl"
        quiet = true
        result-file = "r.json"
        text-column = "body"
        id-column = "key"
        axis = ["host", "date"]
        label-column = "sentiment"
        tokenizer = "words"
        work = "w"
        max-quarantine = 3
        threads = 2
        memory = "1GiB"
        orders = "2-3"
        floor = 5
        ceiling = 100
        max-findings = 7
        signatures = ["none"]
        out = "o"
        fail-on = "never"
        baseline = "last/report.json"
        suppressions = "reviewed.toml"
    "#;

    #[test]
    fn every_setting_can_stand_in_the_file() {
        let file = file(EVERYTHING).unwrap();
        let table: toml::Table = toml::from_str(EVERYTHING).unwrap();
        assert_eq!(table.keys().cloned().collect::<BTreeSet<_>>(), known_keys());
        let output = file.below(OutputSettings::default()).unwrap();
        assert_eq!((output.output, output.quiet), (Some(OutputFormat::Jsonl), Some(true)));
        let audit = file.below(AuditSettings::default()).unwrap();
        assert_eq!(audit.out.as_deref(), Some("o"));
        let verdict = file.below(VerdictSettings::default()).unwrap();
        assert_eq!(verdict.fail_on, Some(FailOn::Never));
        assert_eq!(verdict.baseline.as_deref(), Some("last/report.json"));
        assert_eq!(verdict.suppressions.as_deref(), Some(std::path::Path::new("reviewed.toml")));
        let corpus = file.below(CorpusSettings::default()).unwrap();
        assert_eq!((corpus.work.as_deref(), corpus.max_quarantine), (Some("w"), Some(3)));
        let screening = file.below(ScreeningSettings::default()).unwrap();
        let parameters = audit_parameters(&corpus, &screening).unwrap();
        assert_eq!(parameters.orders, Orders { first: 2, last: 3 });
        assert_eq!(parameters.signatures, []);
        assert_eq!(
            (parameters.floor, parameters.ceiling, parameters.max_findings),
            (5, Some(100), 7)
        );
        assert_eq!(parameters.axes.unwrap(), ["host", "date"]);
        assert_eq!(
            (parameters.text_column.as_deref(), parameters.id_column.as_deref()),
            (Some("body"), Some("key"))
        );
        assert_eq!(parameters.label_column.as_deref(), Some("sentiment"));
        let resources = resources(&file.below(ResourceSettings::default()).unwrap()).unwrap();
        assert_eq!((resources.threads, resources.memory_bytes), (2, 1 << 30));
    }

    #[test]
    fn what_is_given_beats_the_file_which_beats_the_default() {
        let file = file("memory = 134217728\nthreads = 3\norders = 2").unwrap();
        let given = ResourceSettings { threads: Some(1), memory: None };
        let resources = resources(&file.below(given).unwrap()).unwrap();
        assert_eq!((resources.threads, resources.memory_bytes), (1, 128 << 20));
        let screening = file.below(ScreeningSettings::default()).unwrap();
        let parameters = parameters(&CorpusSettings::default(), &screening).unwrap();
        assert_eq!(
            parameters,
            Parameters { orders: Orders { first: 2, last: 2 }, ..Parameters::default() }
        );
    }

    #[test]
    fn mistakes_in_the_file_are_named() {
        let unknown = file("flor = 3").unwrap_err().to_string();
        assert!(
            unknown.starts_with(
                "configuration file taster.toml: expected one of axis, baseline, ceiling, "
            ),
            "{unknown}"
        );
        assert!(unknown.ends_with("got \"flor\""), "{unknown}");
        assert!(file("floor = ").is_err());
        for (text, word) in
            [("memory = \"4XB\"", "4GiB"), ("memory = true", "memory"), ("threads = -1", "threads")]
        {
            let error =
                file(text).unwrap().below(ResourceSettings::default()).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let missing = ConfigurationFile::read(Some(Path::new("no/such/file.toml"))).unwrap_err();
        assert_eq!(missing.ending().code(), 2);
    }

    #[test]
    fn limits_say_what_was_expected_and_given() {
        let memory = |bytes| {
            resources(&ResourceSettings { threads: Some(1), memory: Some(ByteSize(bytes)) })
        };
        assert_eq!(
            memory(1 << 20).unwrap_err().to_string(),
            "memory: expected at least 64MiB, got 1048576 bytes"
        );
        assert_eq!(memory(64 << 20).unwrap().memory_bytes, 64 << 20);
        let threads =
            |threads| resources(&ResourceSettings { threads: Some(threads), memory: None });
        assert_eq!(threads(0).unwrap_err().to_string(), "threads: expected 1 to 4096, got 0");
        let screen = |floor, ceiling| {
            let screening = ScreeningSettings { floor: Some(floor), ceiling, ..Default::default() };
            parameters(&CorpusSettings::default(), &screening)
        };
        assert!(screen(1, None).is_err());
        assert!(screen(10, Some(Ceiling::At(9))).is_err());
        assert!(screen(10, Some(Ceiling::Auto)).is_ok());
    }
}
