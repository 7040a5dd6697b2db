use super::Incoming;
use crate::error::{Error, Result};
use http::{HeaderMap, HeaderValue, header};
use sharekeep_schemas::ProblemCode;

/// The version of a record as an entity tag (RFC 9110 section 8.8.3): its number in quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntityTag(pub(crate) u64);

impl EntityTag {
    /// For an `ETag` header.
    pub(crate) fn header(self) -> (http::HeaderName, HeaderValue) {
        let value = HeaderValue::from_str(&format!("\"{}\"", self.0))
            .expect("digits in quotes are visible ASCII");
        (header::ETAG, value)
    }

    /// The one strong tag of an `If-Match` header (RFC 9110 section 13.1.1). `*`, weak tags and
    /// lists are refused: whoever replaces a backup knows which one.
    pub(super) fn if_match(headers: &HeaderMap) -> Result<Self> {
        let mut values = headers.get_all(header::IF_MATCH).iter();
        let value = values.next().ok_or(Error::refused(ProblemCode::PreconditionMissing))?;
        match (value.to_str().ok().and_then(Self::parse), values.next()) {
            (Some(tag), None) => Ok(tag),
            _ => Err(Error::refused_with(
                ProblemCode::MalformedRequest,
                "If-Match takes one ETag that this service gave out, such as \"3\"",
            )),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('"')?.strip_suffix('"')?;
        // One spelling a number: another one would be another tag.
        let canonical = digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        if canonical { digits.parse().ok().map(Self) } else { None }
    }
}

impl Incoming {
    /// See [`EntityTag::if_match`].
    pub(super) fn if_match(&self) -> Result<EntityTag> {
        EntityTag::if_match(self.headers())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_back_as_it_was_given_out() {
        for version in [0, 1, 17, u64::MAX] {
            let (_, value) = EntityTag(version).header();
            assert_eq!(EntityTag::parse(value.to_str().unwrap()), Some(EntityTag(version)));
        }
    }

    #[test]
    fn what_is_not_exactly_one_strong_tag_of_ours_is_refused() {
        for text in [
            "",
            "*",
            "1",
            "\"\"",
            "\"",
            "W/\"1\"",
            "\"1\", \"2\"",
            "\"1\",",
            "\"+1\"",
            "\"-1\"",
            "\"01\"",
            "\" 1\"",
            "\"one\"",
            "\"18446744073709551616\"",
            "'1'",
        ] {
            assert_eq!(EntityTag::parse(text), None, "{text}");
        }
    }
}
