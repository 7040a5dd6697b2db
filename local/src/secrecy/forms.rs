use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A way in which a secret may lie about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Form {
    /// The bytes, first one first. Finds CBOR byte strings too.
    Raw,
    /// The bytes, last one first: big integers often lie in memory so.
    RawReversed,
    /// Lower-case hexadecimal.
    HexLower,
    /// Upper-case hexadecimal.
    HexUpper,
    /// Lower-case hexadecimal of the reversed bytes.
    HexReversed,
    /// Base64 with `+/`, wherever the secret starts within the encoded text.
    Base64,
    /// Base64 with `-_`, wherever the secret starts within the encoded text.
    Base64Url,
    /// A CBOR byte string: head and bytes.
    CborBytes,
    /// A CBOR array of integers, as byte arrays are encoded when nobody asked for a byte string.
    CborIntegers,
    /// Decimal numbers with commas: JSON.
    JsonIntegers,
    /// Decimal numbers with commas and blanks: what `{:?}` prints.
    DebugIntegers,
}

impl Form {
    /// Every form.
    pub const ALL: &[Self] = &[
        Self::Raw,
        Self::RawReversed,
        Self::HexLower,
        Self::HexUpper,
        Self::HexReversed,
        Self::Base64,
        Self::Base64Url,
        Self::CborBytes,
        Self::CborIntegers,
        Self::JsonIntegers,
        Self::DebugIntegers,
    ];

    /// What people read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawReversed => "raw-reversed",
            Self::HexLower => "hex",
            Self::HexUpper => "hex-upper",
            Self::HexReversed => "hex-reversed",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::CborBytes => "cbor-bytes",
            Self::CborIntegers => "cbor-integers",
            Self::JsonIntegers => "json-integers",
            Self::DebugIntegers => "debug-integers",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A secret in every form; a form with several spellings appears several times.
pub fn forms_of(secret: &[u8]) -> Vec<(Form, Vec<u8>)> {
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    let mut forms = vec![
        (Form::Raw, secret.to_vec()),
        (Form::RawReversed, reversed.clone()),
        (Form::HexLower, hex::encode(secret).into_bytes()),
        (Form::HexUpper, hex::encode_upper(secret).into_bytes()),
        (Form::HexReversed, hex::encode(&reversed).into_bytes()),
        (Form::CborBytes, cbor_bytes(secret)),
        (Form::CborIntegers, cbor_integers(secret)),
        (Form::JsonIntegers, decimals(secret, ",")),
        (Form::DebugIntegers, decimals(secret, ", ")),
    ];
    for bytes_before in 0..3 {
        forms.push((Form::Base64, base64_inside(&STANDARD_NO_PAD, secret, bytes_before)));
        forms.push((Form::Base64Url, base64_inside(&URL_SAFE_NO_PAD, secret, bytes_before)));
    }
    forms
}

/// The characters that depend on the secret alone when `bytes_before` (mod 3) other bytes come
/// before it: those at the ends mix with their neighbours and are left out.
fn base64_inside(engine: &impl Engine, secret: &[u8], bytes_before: usize) -> Vec<u8> {
    let padded = [&vec![0; bytes_before][..], secret].concat();
    let text = engine.encode(&padded).into_bytes();
    let first_whole = (bytes_before * 8).div_ceil(6);
    let last_whole = padded.len() * 8 / 6;
    text[first_whole..last_whole].to_vec()
}

fn cbor_bytes(secret: &[u8]) -> Vec<u8> {
    [cbor_head(0x40, secret.len()), secret.to_vec()].concat()
}

/// The elements without the array's head: a longer array that contains the secret is found too.
fn cbor_integers(secret: &[u8]) -> Vec<u8> {
    secret
        .iter()
        .flat_map(|byte| if *byte < 24 { vec![*byte] } else { vec![0x18, *byte] })
        .collect()
}

/// RFC 8949 section 3: the shortest head of a major type.
fn cbor_head(major: u8, len: usize) -> Vec<u8> {
    match len {
        0..=23 => vec![major | len as u8],
        24..=0xff => vec![major | 24, len as u8],
        _ => vec![major | 25, (len >> 8) as u8, len as u8],
    }
}

/// Without brackets, and with a delimiter on neither end: a longer list is found too.
fn decimals(secret: &[u8], between: &str) -> Vec<u8> {
    let mut text = String::new();
    for (i, byte) in secret.iter().enumerate() {
        let before = if i == 0 { "" } else { between };
        write!(text, "{before}{byte}").expect("writing to a String cannot fail");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(hay: &[u8], needle: &[u8]) -> bool {
        hay.windows(needle.len()).any(|w| w == needle)
    }

    #[test]
    fn base64_is_found_at_every_alignment() {
        let secret: Vec<u8> = (100..132).collect();
        for before in 0..6 {
            let whole = [&vec![0x5a; before][..], &secret, &[1, 2, 3, 4]].concat();
            let text = STANDARD_NO_PAD.encode(&whole).into_bytes();
            let found = forms_of(&secret)
                .iter()
                .any(|(form, bytes)| *form == Form::Base64 && contains(&text, bytes));
            assert!(found, "{before} bytes before");
        }
    }

    #[test]
    fn the_cbor_forms_are_what_the_encoder_writes() {
        let secret: [u8; 32] = std::array::from_fn(|i| (i * 7) as u8);
        let as_bytes = sharekeep_schemas::codec::encode(&serde_bytes::Bytes::new(&secret));
        let as_integers = sharekeep_schemas::codec::encode(&secret);
        let forms = forms_of(&secret);
        let of = |form| &forms.iter().find(|(f, _)| *f == form).unwrap().1;
        assert_eq!(of(Form::CborBytes), &as_bytes);
        assert!(contains(&as_integers, of(Form::CborIntegers)));
        assert!(contains(format!("{secret:?}").as_bytes(), of(Form::DebugIntegers)));
        let json = serde_json::to_vec(&secret).unwrap();
        assert!(contains(&json, of(Form::JsonIntegers)));
    }

    #[test]
    fn every_form_is_made() {
        let made: std::collections::BTreeSet<_> =
            forms_of(&[7; 32]).into_iter().map(|(form, _)| form).collect();
        assert_eq!(made, Form::ALL.iter().copied().collect());
    }
}
