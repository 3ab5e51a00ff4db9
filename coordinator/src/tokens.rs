//! Bearer tokens: what a client or worker shows with every request.

use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::error::CoordinatorError;

/// The tokens that are accepted; several, so that they can be replaced one after the other.
#[derive(Debug, Clone)]
pub struct Tokens(Arc<[SecretString]>);

impl Tokens {
    /// Reads one token a line; empty lines do not count. `path` is for messages.
    ///
    /// # Errors
    /// No token, or one that cannot stand in a header.
    pub fn parse(path: &Path, text: &str) -> Result<Self, CoordinatorError> {
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let visible = |line: &&str| line.bytes().all(|byte| byte.is_ascii_graphic());
        if lines.is_empty() || !lines.iter().all(visible) {
            // What was got is not repeated.
            let detail = "expected one token a line, of visible ASCII characters".to_owned();
            return Err(CoordinatorError::File { path: path.to_owned(), detail });
        }
        Ok(Self(lines.into_iter().map(SecretString::from).collect()))
    }

    /// Takes the same time for every token of one length.
    fn accepts(&self, token: &str) -> bool {
        let equal = |known: &SecretString| known.expose_secret().as_bytes().ct_eq(token.as_bytes());
        let any = self.0.iter().fold(Choice::from(0), |any, known| any | equal(known));
        any.into()
    }
}

/// Lets requests pass that show a token, before anything of their body is read.
#[derive(Debug, Clone)]
pub(crate) struct Door(pub(crate) Option<Tokens>);

impl Interceptor for Door {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        match &self.0 {
            Some(tokens) if !shown(request.metadata()).is_some_and(|t| tokens.accepts(t)) => {
                Err(Status::unauthenticated("expected a valid bearer token"))
            }
            _ => Ok(request),
        }
    }
}

fn shown(metadata: &MetadataMap) -> Option<&str> {
    let (scheme, token) = metadata.get("authorization")?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn door(text: &str) -> Door {
        Door(Some(Tokens::parse(Path::new("tokens"), text).unwrap()))
    }

    fn passes(door: &mut Door, header: Option<&str>) -> bool {
        let mut request = Request::new(());
        if let Some(header) = header {
            request.metadata_mut().insert("authorization", header.parse().unwrap());
        }
        door.call(request).map_err(|e| assert_eq!(e.code(), tonic::Code::Unauthenticated)).is_ok()
    }

    #[test]
    fn row_43_only_a_known_token_passes() {
        let mut door = door("  hunter2\n\nsecond-token\n");
        for header in ["Bearer hunter2", "bearer second-token", "Bearer  hunter2 "] {
            assert!(passes(&mut door, Some(header)), "{header}");
        }
        for header in [
            "",
            "Bearer",
            "Bearer ",
            "hunter2",
            "Bearer hunter",
            "Bearer hunter22",
            "Basic hunter2",
            "Bearer Hunter2",
            "Bearer hunter2,second-token",
        ] {
            assert!(!passes(&mut door, Some(header)), "{header}");
        }
        assert!(!passes(&mut door, None));
        assert!(passes(&mut Door(None), None));
    }

    #[test]
    fn row_47_unusable_tokens_are_refused_without_being_shown() {
        for text in ["", "\n \n", "hunter2 x", "hunter2\u{7f}", "hünter2"] {
            let error = Tokens::parse(Path::new("tokens"), text).unwrap_err();
            assert!(error.to_string().starts_with("tokens: expected"), "{error}");
            assert!(!error.to_string().contains("nter2"), "{error}");
            assert_eq!(error.ending().code(), 2);
        }
        assert!(!format!("{:?}", door("hunter2")).contains("hunter2"));
    }
}
