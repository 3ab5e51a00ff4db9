//! Where the status page is served.

use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// An address, or nowhere: `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsListen {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl MetricsListen {
    /// The address, if there is one.
    #[must_use]
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl FromStr for MetricsListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let error = |_| format!("expected off or an address such as 127.0.0.1:7772, got {text:?}");
        text.parse().map(Self::At).map_err(error)
    }
}

impl<'de> Deserialize<'de> for MetricsListen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn off_or_an_address() {
        assert_eq!("off".parse::<MetricsListen>().unwrap().address(), None);
        let address = "127.0.0.1:1".parse::<MetricsListen>().unwrap().address();
        assert_eq!(address, Some(([127, 0, 0, 1], 1).into()));
        assert!("localhost".parse::<MetricsListen>().unwrap_err().contains("expected off"));
    }
}
