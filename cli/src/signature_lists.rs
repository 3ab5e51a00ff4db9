//! Lists of known signatures, from where they are kept.

use std::path::Path;

use taster_planning::Signature;

use crate::error::CliError;

/// The list that comes with the program.
const DEFAULT: &str = "default";
/// No list.
const NONE: &str = "none";

/// The signatures of all `lists` in their order; those that come with the program without any.
///
/// # Errors
/// A file that is not there or is no list; a name that stands in two of them.
pub fn read(lists: Option<&[String]>) -> Result<Vec<Signature>, CliError> {
    let default = [DEFAULT.to_owned()];
    let lists = lists.unwrap_or(&default);
    if lists.len() > 1 && lists.iter().any(|list| list == NONE) {
        return Err(usage("expected none by itself, got other lists beside it"));
    }
    let mut all = Vec::new();
    for list in lists {
        all.extend(match list.as_str() {
            NONE => Vec::new(),
            DEFAULT => Signature::defaults().map_err(usage)?,
            file => read_file(Path::new(file))?,
        });
    }
    Signature::check(&all).map_err(usage)?;
    Ok(all)
}

fn usage(detail: impl std::fmt::Display) -> CliError {
    CliError::Usage(format!("signatures: {detail}"))
}

fn read_file(path: &Path) -> Result<Vec<Signature>, CliError> {
    let place = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| usage(format!("{place}: {error}")))?;
    Signature::parse(&text).map_err(|error| usage(format!("{place}: {error}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn named(lists: &[&str]) -> Result<Vec<Signature>, CliError> {
        read(Some(&lists.iter().map(|&list| list.to_owned()).collect::<Vec<_>>()))
    }

    #[test]
    fn lists_are_joined_and_names_stay_unique() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, "[[signature]]\nname = \"mine\"\nliteral = \"x\"\n").unwrap();
        let file = file.to_str().unwrap();
        let shipped = read(None).unwrap();
        assert_eq!(named(&["default"]).unwrap(), shipped);
        assert_eq!(named(&["none"]).unwrap(), []);
        let both = named(&["default", file]).unwrap();
        assert_eq!((both.len(), both.last().unwrap().name.as_str()), (shipped.len() + 1, "mine"));
        let twice = named(&[file, file]).unwrap_err().to_string();
        assert!(twice.contains("\"mine\"") && twice.contains("twice"), "{twice}");
        assert!(named(&["none", file]).unwrap_err().to_string().contains("none by itself"));
        std::fs::write(file, "[[signature]]\nname = \"a\"\n").unwrap();
        let wrong = named(&[file]).unwrap_err().to_string();
        assert!(wrong.contains("mine.toml: line 1: signature \"a\""), "{wrong}");
        assert_eq!(named(&["no/such.toml"]).unwrap_err().ending().code(), 2);
    }
}
