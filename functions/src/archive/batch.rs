use super::image::Image;
use super::line::{Change, Line};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

/// Most records of a batch: Lambda's own limit.
const MAX_RECORDS: usize = 10_000;
/// Digits of a sequence number at most (DynamoDB Streams, `StreamRecord`).
const MAX_SEQUENCE_DIGITS: usize = 40;
/// Bytes of an object at most. Lambda hands over 6 MB at most; a line can be a little longer than the
/// record it is made of, but leaves the former image out.
const MAX_OBJECT_BYTES: usize = 16 * 1024 * 1024;
/// Seconds of an hour.
const HOUR_S: u64 = 3_600;

/// An object that is to be stored.
#[derive(Debug)]
pub struct Object {
    /// Its name in the bucket.
    pub key: String,
    /// Its [`Line`]s.
    pub body: Vec<u8>,
}

/// The event of a DynamoDB stream. What it says besides is not needed.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: Change,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: String,
    dynamodb: Changed,
    user_identity: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Changed {
    /// Seconds since 1970, with or without a fraction.
    approximate_creation_date_time: f64,
    keys: Image,
    new_image: Option<Image>,
    old_image: Option<Image>,
    sequence_number: String,
    stream_view_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    principal_id: Option<String>,
}

/// Makes the objects of the event that Lambda hands over: one for each hour that changes are of. All,
/// or an error if anything in it is not as DynamoDB's streams have it.
pub fn objects(event: Value) -> Result<Vec<Object>> {
    let event: Event =
        serde_json::from_value(event).map_err(|_| broken("a batch that is not a stream's"))?;
    if event.records.len() > MAX_RECORDS {
        return Err(broken("a batch of too many records"));
    }
    let mut objects: Vec<(Place, Vec<u8>)> = Vec::new();
    for record in event.records {
        let (place, line) = line_of(record)?;
        let last = objects.last().filter(|(former, _)| former.holds(&place));
        if last.is_none() {
            objects.push((place, Vec::new()));
        }
        let (_, body) = objects.last_mut().ok_or(Error::Internal("an object just made"))?;
        serde_json::to_writer(&mut *body, &line).map_err(|_| broken("a line"))?;
        body.push(b'\n');
        if body.len() > MAX_OBJECT_BYTES {
            return Err(broken("a batch of too many bytes"));
        }
    }
    objects.into_iter().map(|(place, body)| Ok(Object { key: place.key(&body)?, body })).collect()
}

/// What an object's name is made of.
struct Place {
    table: String,
    hour: u64,
    first: String,
}

impl Place {
    fn holds(&self, other: &Self) -> bool {
        self.table == other.table && self.hour == other.hour
    }

    fn key(&self, body: &[u8]) -> Result<String> {
        let at = i64::try_from(self.hour * HOUR_S)
            .ok()
            .and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok())
            .ok_or_else(|| broken("a time beyond the calendar"))?;
        Ok(format!(
            "{}/{:04}/{:02}/{:02}/{:02}/{:0>width$}-{}.jsonl",
            self.table,
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            self.first,
            hex::encode(Sha256::digest(body)),
            width = MAX_SEQUENCE_DIGITS,
        ))
    }
}

fn line_of(record: Record) -> Result<(Place, Line)> {
    let Record { event_name: change, event_source_arn, dynamodb, user_identity } = record;
    let (table, stream) =
        source(&event_source_arn).ok_or_else(|| broken("a record of no table's stream"))?;
    // The check for gaps needs the former image.
    if dynamodb.stream_view_type != "NEW_AND_OLD_IMAGES" {
        return Err(broken("a stream that does not give both images"));
    }
    let sequence = dynamodb.sequence_number;
    if sequence.is_empty()
        || sequence.len() > MAX_SEQUENCE_DIGITS
        || !sequence.bytes().all(|it| it.is_ascii_digit())
    {
        return Err(broken("a sequence number that is none"));
    }
    let at_unix_s = seconds(dynamodb.approximate_creation_date_time)
        .ok_or_else(|| broken("a time that is none"))?;
    let (image, former) = (dynamodb.new_image, dynamodb.old_image);
    let fits = match change {
        Change::Insert => image.is_some() && former.is_none(),
        Change::Modify => image.is_some() && former.is_some(),
        Change::Remove => image.is_none() && former.is_some(),
    };
    if !fits {
        return Err(broken("a change without its images"));
    }
    let (pk, sk) = key_of(&dynamodb.keys)
        .filter(|_| dynamodb.keys.len() == 2)
        .ok_or_else(|| broken("a row without its key"))?;
    if [&image, &former].into_iter().flatten().any(|it| key_of(it) != Some((pk, sk))) {
        return Err(broken("an image of another row"));
    }
    let place =
        Place { table: table.to_owned(), hour: at_unix_s / HOUR_S, first: sequence.clone() };
    let line = Line {
        format: Line::format(),
        stream: stream.to_owned(),
        sequence,
        at_unix_s,
        change,
        expired: user_identity
            .is_some_and(|it| it.principal_id.as_deref() == Some("dynamodb.amazonaws.com")),
        pk: pk.to_owned(),
        sk: sk.to_owned(),
        sha256: fingerprint(image.as_ref())?,
        replaced: fingerprint(former.as_ref())?,
        image,
    };
    Ok((place, line))
}

fn fingerprint(image: Option<&Image>) -> Result<Option<String>> {
    image
        .map(|it| it.fingerprint().ok_or(Error::Internal("an image without a fingerprint")))
        .transpose()
}

fn key_of(image: &Image) -> Option<(&str, &str)> {
    Some((image.text("pk")?, image.text("sk")?))
}

/// Table and label out of `arn:aws:dynamodb:region:account:table/name/stream/label`.
fn source(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let is_dynamodb = parts.nth(2)? == "dynamodb";
    let mut path = parts.nth(2)?.split('/');
    let (kind, table, stream, label) = (path.next()?, path.next()?, path.next()?, path.next()?);
    // Both become part of names, and of an order.
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let named = !table.is_empty() && table.len() <= 255 && table.chars().all(allowed);
    let labelled =
        !label.is_empty() && label.len() <= 64 && label.chars().all(|c| allowed(c) || c == ':');
    let whole = path.next().is_none();
    (is_dynamodb && kind == "table" && stream == "stream" && named && labelled && whole)
        .then_some((table, label))
}

/// Whole seconds. A year of five digits would break the order of names.
fn seconds(at: f64) -> Option<u64> {
    const END_OF_9999: f64 = 253_402_300_799.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    (0.0..=END_OF_9999).contains(&at).then_some(at as u64)
}

const fn broken(what: &'static str) -> Error {
    Error::StoreBroken(std::borrow::Cow::Borrowed(what))
}

#[cfg(test)]
mod tests;
