//! The report as one HTML file that a person reads in a browser, and needs nothing else.
//!
//! [`render`] turns a report, the occurrences of its findings and what is known of the text around
//! some of them into the bytes of `report.html`. Equal arguments give equal bytes.
//!
//! Text of a corpus is hostile. Three things keep it text: the template engine escapes whatever it
//! inserts; a policy in the page's head (CSP) allows only the one style sheet and the one script that
//! are compiled into this crate, by their SHA-256, and no network at all; characters that cannot be
//! seen or that reorder others are replaced by their names ([`visible`](taster_findings::visible)).
//!
//! Read in this order: [`Subject`] is what a page is made of; `verdict` and `dose` are what a reader
//! sees first; `campaign` and `finding` are what an analyst opens; `example` shades tokens by how rare
//! they are; `places` and `plot` say where a campaign sits. Templates are in `templates/`, the style
//! sheet and the script in `assets/`. Absent on purpose: files, clocks, and any address that a browser
//! would load by itself.

mod beside;
mod campaign;
mod confidence;
mod dates;
mod dose;
mod example;
mod finding;
mod frameworks;
mod occurrence;
mod page;
mod places;
mod plot;
mod policy;
mod quantity;
mod selection;
mod subject;
mod text;
mod verdict;

pub use confidence::{Confidence, Decoys, Recall};
pub use page::{PageError, render};
pub use selection::shaded;
pub use subject::{RareToken, Shading, ShardRow, Subject};
