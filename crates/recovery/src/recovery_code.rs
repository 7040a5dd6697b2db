//! The recovery code as people write it down.
//!
//! 160 random bits as eight groups of five characters of Crockford's base 32 (no I, L, O, U). Four
//! characters of a group carry data; the fifth is a weighted sum of them over GF(32) plus the
//! group's number, so any one wrong character, any two swapped neighbours and any two swapped groups
//! are found, and the group is named.

use crate::{Error, Result};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_BYTES: usize = 20;
const GROUPS: usize = 8;
const DATA_PER_GROUP: usize = 4;
const GROUP: usize = DATA_PER_GROUP + 1;
/// Characters without separators.
const CHARACTERS: usize = GROUPS * GROUP;
/// Longest text looked at, in bytes: every character twice over with separators around it.
const MAX_TEXT_BYTES: usize = 4 * CHARACTERS;

/// A recovery code: 160 random bits. Wiped on drop.
pub struct RecoveryCode(Zeroizing<[u8; CODE_BYTES]>);

impl RecoveryCode {
    /// Draws a code.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut bytes = Zeroizing::new([0; CODE_BYTES]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; CODE_BYTES] {
        &self.0
    }

    /// The text to show once: eight groups with dashes between.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + GROUPS));
        for (number, data) in self.groups().iter().enumerate() {
            if number > 0 {
                text.push('-');
            }
            for value in data.iter().chain([&check(number, data)]) {
                text.push(char::from(ALPHABET[usize::from(*value)]));
            }
        }
        text
    }

    /// Reads a code as people type it: in any case, with spaces and dashes anywhere, O for 0, I or L
    /// for 1.
    ///
    /// # Errors
    /// [`Error::CodeLength`], or [`Error::CodeGroup`] for the first group that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let mut values = Zeroizing::new([0; CHARACTERS]);
        let mut count = 0;
        let mut unknown = None;
        for character in text.chars().take(MAX_TEXT_BYTES) {
            if character == '-' || character.is_whitespace() {
                continue;
            }
            match (value_of(character), values.get_mut(count)) {
                (Some(value), Some(place)) => *place = value,
                (None, Some(_)) => unknown = unknown.or(Some(count / GROUP)),
                (_, None) => {}
            }
            count += 1;
        }
        if count != CHARACTERS || text.len() > MAX_TEXT_BYTES {
            return Err(Error::CodeLength { expected: CHARACTERS, actual: count });
        }
        let wrong = values.chunks_exact(GROUP).enumerate().position(|(number, group)| {
            unknown == Some(number) || check(number, &group[..DATA_PER_GROUP]) != group[GROUP - 1]
        });
        match wrong {
            Some(number) => Err(Error::CodeGroup { group: number + 1 }),
            None => Ok(Self::from_values(&values)),
        }
    }

    /// Two groups of four characters are five bytes.
    fn groups(&self) -> Zeroizing<[[u8; DATA_PER_GROUP]; GROUPS]> {
        let mut groups = Zeroizing::new([[0; DATA_PER_GROUP]; GROUPS]);
        for at in 0..GROUPS * DATA_PER_GROUP {
            let bit = at * 5;
            let word = u16::from_be_bytes([
                self.0[bit / 8],
                self.0.get(bit / 8 + 1).copied().unwrap_or(0),
            ]);
            groups[at / DATA_PER_GROUP][at % DATA_PER_GROUP] =
                (word >> (11 - bit % 8)) as u8 & 0x1f;
        }
        groups
    }

    fn from_values(values: &[u8; CHARACTERS]) -> Self {
        let mut bytes = Zeroizing::new([0u8; CODE_BYTES]);
        let data = values.chunks_exact(GROUP).flat_map(|group| &group[..DATA_PER_GROUP]);
        for (at, value) in data.enumerate() {
            let bit = at * 5;
            let word = (u16::from(*value) << (11 - bit % 8)).to_be_bytes();
            bytes[bit / 8] |= word[0];
            if let Some(next) = bytes.get_mut(bit / 8 + 1) {
                *next |= word[1];
            }
        }
        Self(bytes)
    }
}

fn value_of(character: char) -> Option<u8> {
    let character = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let byte = u8::try_from(character).ok()?;
    ALPHABET.iter().position(|known| *known == byte).map(|value| value as u8)
}

/// Weights 2, 4, 8, 16 in GF(32): all different and none 0 or 1, so a swap with the check character
/// is found too.
fn check(number: usize, data: &[u8]) -> u8 {
    let mut sum = 0;
    for value in data.iter().rev() {
        sum = double(sum ^ value);
    }
    sum ^ (number as u8 + 1)
}

/// Times x in GF(2)[x] / (x⁵ + x² + 1).
const fn double(value: u8) -> u8 {
    let shifted = value << 1;
    if shifted & 0x20 == 0 { shifted } else { shifted ^ 0x25 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(bytes: [u8; CODE_BYTES]) -> RecoveryCode {
        RecoveryCode(Zeroizing::new(bytes))
    }

    /// Computed apart from this code, in Python.
    #[test]
    fn the_text_form_is_the_released_one() {
        let bytes: [u8; CODE_BYTES] = std::array::from_fn(|i| i as u8 * 13);
        assert_eq!(*code(bytes).to_text(), TEXT);
        assert_eq!(*RecoveryCode::parse(TEXT).unwrap().0, bytes);
    }

    const TEXT: &str = "006H9-M9SMZ-85750-PT3N5-GA7SS-SADPS-RF8DF-VTQQ7";

    #[test]
    fn a_code_of_another_length_says_how_long_codes_are() {
        let text = code([7; CODE_BYTES]).to_text();
        let result = RecoveryCode::parse(&text[..text.len() - 1]);
        assert!(matches!(result, Err(Error::CodeLength { expected: 40, actual: 39 })));
        let result = RecoveryCode::parse(&format!("{}{}", *text, "0".repeat(100_000)));
        assert!(matches!(result, Err(Error::CodeLength { .. })));
        assert!(matches!(RecoveryCode::parse(""), Err(Error::CodeLength { actual: 0, .. })));
    }

    #[test]
    fn a_character_that_no_code_has_names_its_group() {
        let text = code([7; CODE_BYTES]).to_text().replace('-', "");
        for (bad, at) in [('U', 3), ('!', 21), ('ß', 39)] {
            let mut changed: Vec<char> = text.chars().collect();
            changed[at] = bad;
            let result = RecoveryCode::parse(&changed.into_iter().collect::<String>());
            assert!(matches!(result, Err(Error::CodeGroup { group }) if group == at / 5 + 1));
        }
    }

    proptest! {
        #[test]
        fn a_code_comes_back_however_it_is_typed(bytes: [u8; CODE_BYTES], lower: bool) {
            let text = code(bytes).to_text();
            let typed = text.replace('-', " - ").replace('0', "o").replace('1', "l");
            let typed = if lower { typed.to_lowercase() } else { typed };
            prop_assert_eq!(*RecoveryCode::parse(&typed).unwrap().0, bytes);
        }

        #[test]
        fn one_wrong_character_is_found_and_its_group_named(
            bytes: [u8; CODE_BYTES], at in 0..CHARACTERS, other in 1u8..32,
        ) {
            let mut text = code(bytes).to_text().replace('-', "").into_bytes();
            let value = ALPHABET.iter().position(|c| *c == text[at]).unwrap() as u8;
            text[at] = ALPHABET[usize::from(value ^ other)];
            let result = RecoveryCode::parse(std::str::from_utf8(&text).unwrap());
            let named = matches!(result, Err(Error::CodeGroup { group }) if group == at / GROUP + 1);
            prop_assert!(named);
        }

        #[test]
        fn swapped_neighbours_and_swapped_groups_are_found(
            bytes: [u8; CODE_BYTES], at in 0..CHARACTERS - 1, other in 0..GROUPS,
        ) {
            let text = code(bytes).to_text().replace('-', "").into_bytes();
            let mut swapped = text.clone();
            swapped.swap(at, at + 1);
            if swapped != text && at % GROUP != GROUP - 1 {
                prop_assert!(RecoveryCode::parse(std::str::from_utf8(&swapped).unwrap()).is_err());
            }
            let mut groups: Vec<&[u8]> = text.chunks(GROUP).collect();
            groups.swap(at / GROUP, other);
            if at / GROUP != other {
                prop_assert!(RecoveryCode::parse(std::str::from_utf8(&groups.concat()).unwrap()).is_err());
            }
        }

        #[test]
        fn garbage_never_panics(text: String) {
            let _ = RecoveryCode::parse(&text);
        }
    }
}
