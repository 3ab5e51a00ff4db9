//! The connection to a coordinator.

use std::time::Duration;

use taster_proto::{CONNECT_TIMEOUT, Dial, DialError, with_causes};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use crate::parting::Parting;

/// A connection and what authorises requests on it.
pub(crate) struct Line {
    pub(crate) channel: Channel,
    /// Value of the `authorization` header.
    pub(crate) authorization: Option<MetadataValue<Ascii>>,
}

/// Connects. Files are read anew each time, so that tokens and certificates can be replaced while
/// the worker runs.
pub(crate) async fn dial(to: &Dial) -> Result<Line, Parting> {
    let broken = |error: DialError| Parting::Broken(error.to_string());
    let authorization = to.authorization().map_err(broken)?;
    let endpoint = to.endpoint().map_err(broken)?;
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, endpoint.connect());
    let channel = connecting.await.map_err(|_| no_answer(CONNECT_TIMEOUT))?;
    let channel = channel.map_err(|error| Parting::Broken(with_causes(&error)))?;
    Ok(Line { channel, authorization })
}

/// A wait that was bounded has ended.
pub(crate) fn no_answer(after: Duration) -> Parting {
    Parting::Broken(format!("no answer within {after:?}"))
}
