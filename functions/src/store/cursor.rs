use crate::error::{Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use sharekeep_schemas::{ProblemCode, WalletId};

/// Where the next page of wallets starts: after this one. Opaque to clients. It names no user: a
/// forged one only starts elsewhere in the caller's own list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WalletCursor(pub(super) WalletId);

/// First byte of a cursor, so that its form can change.
const VERSION: u8 = 1;

impl WalletCursor {
    /// As text for a client.
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.0.as_bytes());
        B64.encode(bytes)
    }

    /// Reads what [`Self::encode`] gave out.
    pub fn decode(text: &str) -> Result<Self> {
        const MALFORMED: Error =
            Error::refused_with(ProblemCode::MalformedRequest, "the cursor is not one of ours");
        // 17 bytes are 23 characters.
        if text.len() != 23 {
            return Err(MALFORMED);
        }
        let bytes = B64.decode(text).map_err(|_| MALFORMED)?;
        match bytes.split_first() {
            Some((&VERSION, id)) => WalletId::try_from(id).map(Self).map_err(|_| MALFORMED),
            _ => Err(MALFORMED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_others_are_refused() {
        let cursor = WalletCursor(WalletId::new([9; 16]));
        assert_eq!(WalletCursor::decode(&cursor.encode()).unwrap(), cursor);
        assert!(WalletCursor::decode("").is_err());
        assert!(WalletCursor::decode(&"A".repeat(23)).is_err());
        assert!(WalletCursor::decode(&"?".repeat(23)).is_err());
    }
}
