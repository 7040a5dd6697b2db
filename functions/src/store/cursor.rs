use super::owned::Owned;
use crate::error::{Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use sharekeep_schemas::ProblemCode;

/// Where the next page of a list starts: after the record with this sort key. Opaque to clients. It
/// names no user: a forged one only starts elsewhere in the caller's own list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor(pub(super) String);

/// First byte of a cursor, so that its form can change.
const VERSION: u8 = 2;
/// Longest text; our sort keys have at most 40 bytes.
const MAX_TEXT: usize = 64;
const MALFORMED: Error =
    Error::refused_with(ProblemCode::MalformedRequest, "the cursor is not one of ours");

impl Cursor {
    /// As text for a client.
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.0.as_bytes());
        B64.encode(bytes)
    }

    /// Reads what [`Self::encode`] gave out.
    pub fn decode(text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(MALFORMED);
        }
        let bytes = B64.decode(text).map_err(|_| MALFORMED)?;
        let sort = match bytes.split_first() {
            Some((&VERSION, sort)) if !sort.is_empty() => sort,
            _ => return Err(MALFORMED),
        };
        String::from_utf8(sort.to_vec()).map(Self).map_err(|_| MALFORMED)
    }

    /// The sort key, if it can be in this list: the store refuses to start outside of one.
    pub(super) fn within(self, owned: Owned) -> Result<String> {
        if self.0.starts_with(owned.prefix()) { Ok(self.0) } else { Err(MALFORMED) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_others_are_refused() {
        let cursor = Cursor("device#AAAA".into());
        assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        assert!(cursor.clone().within(Owned::Factors).is_err());
        assert_eq!(cursor.within(Owned::Devices).unwrap(), "device#AAAA");
        let without_a_key = B64.encode([VERSION]);
        for bad in ["", "AAAA", "????", &without_a_key, &B64.encode([VERSION, 0xff])] {
            assert!(Cursor::decode(bad).is_err(), "{bad}");
        }
        assert!(Cursor::decode(&Cursor("x".repeat(64)).encode()).is_err());
    }
}
