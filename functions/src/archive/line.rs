use super::image::Image;
use serde::Serialize;

/// The form of lines. Another form is another number, and readers refuse what they do not know.
const FORMAT: u32 = 1;

/// One change of one row: a line of JSON, ended by a line feed.
///
/// ```json
/// {"format":1,"stream":"2026-11-20T16:00:00.000","sequence":"100000000000000000001",
///  "at_unix_s":1795190400,"change":"MODIFY","expired":false,"pk":"…","sk":"…",
///  "image":{"pk":{"S":"…"},"version":{"N":"2"}},"sha256":"…","replaced":"…"}
/// ```
///
/// Changes of a row happened in the order of (`stream`, `sequence` as a number). `replaced` is the
/// `sha256` of the row's former image: where it is not that of the row's change before, one is missing.
/// The former image itself is not kept: an old share must not live longer here than it has to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Line {
    pub(super) format: u32,
    pub(super) stream: String,
    pub(super) sequence: String,
    pub(super) at_unix_s: u64,
    pub(super) change: Change,
    /// Whether it was the table's own clock (TTL) that removed the row.
    pub(super) expired: bool,
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) image: Option<Image>,
    pub(super) sha256: Option<String>,
    pub(super) replaced: Option<String>,
}

/// What happened to the row, as DynamoDB calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Change {
    Insert,
    Modify,
    Remove,
}

impl Line {
    pub(super) const fn format() -> u32 {
        FORMAT
    }
}
