//! The values of EIP-712 data, read by their types: described and hashed from the same reading.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, I256, U256};

use super::{
    json::Json,
    schema::{Schema, Type},
};
use crate::{Description, MessageError};

/// Most lines shown; what can't be shown is not signed.
const MAX_LINES: usize = 1024;
/// Most struct values. Each costs a hash of its type.
const MAX_STRUCT_VALUES: usize = 256;

/// Reads values and describes them on the way.
pub(super) struct Reader<'s, 'd> {
    schema: &'s Schema,
    description: &'d mut Description,
    lines_left: usize,
    structs_left: usize,
}

impl<'s, 'd> Reader<'s, 'd> {
    pub(super) fn new(schema: &'s Schema, description: &'d mut Description) -> Self {
        Self { schema, description, lines_left: MAX_LINES, structs_left: MAX_STRUCT_VALUES }
    }

    /// Adds a line, counted.
    pub(super) fn add(&mut self, label: &str, value: &str) -> Result<(), MessageError> {
        self.lines_left = self
            .lines_left
            .checked_sub(1)
            .ok_or(MessageError::TooLarge { what: "the list of values", limit: MAX_LINES })?;
        self.description.add(label, value);
        Ok(())
    }

    /// Reads a struct that has all fields of its type and no others.
    pub(super) fn read_struct(
        &mut self,
        name: &str,
        value: &Json,
        path: &str,
    ) -> Result<DynSolValue, MessageError> {
        self.structs_left = self.structs_left.checked_sub(1).ok_or(MessageError::TooLarge {
            what: "the number of structs",
            limit: MAX_STRUCT_VALUES,
        })?;
        let fields = self.schema.fields(name)?;
        // A field that the type lacks would be shown by some and signed by none.
        if value.object()?.len() != fields.len() {
            return Err(MessageError::TypedData("fields do not fit the type"));
        }
        let mut tuple = Vec::with_capacity(fields.len());
        for field in fields {
            let value = value
                .get(&field.name)
                .ok_or(MessageError::TypedData("fields do not fit the type"))?;
            let path = match path {
                "" => field.name.clone(),
                _ => format!("{path}.{}", field.name),
            };
            tuple.push(self.read(&field.kind, value, &path)?);
        }
        let prop_names = fields.iter().map(|field| field.name.clone()).collect();
        Ok(DynSolValue::CustomStruct { name: name.to_owned(), prop_names, tuple })
    }

    /// Reads a value. Recursion ends with the types, whose depth and dimensions are bounded.
    fn read(&mut self, kind: &Type, value: &Json, path: &str) -> Result<DynSolValue, MessageError> {
        let (shown, value) = match kind {
            Type::Struct(name) => return self.read_struct(name, value, path),
            Type::Array(inner, length) => return self.read_array(inner, *length, value, path),
            Type::Bool => match value {
                Json::Bool(value) => (value.to_string(), DynSolValue::Bool(*value)),
                _ => return Err(MessageError::TypedData("true or false is expected")),
            },
            Type::String => {
                let text = value.text()?;
                (text.to_owned(), DynSolValue::String(text.to_owned()))
            }
            Type::Address => {
                let address = read_address(value)?;
                (address.to_checksum(None), DynSolValue::Address(address))
            }
            Type::Bytes => {
                let bytes = read_hex(value)?;
                (format!("0x{}", hex::encode(&bytes)), DynSolValue::Bytes(bytes))
            }
            Type::FixedBytes(length) => {
                let bytes = read_hex(value)?;
                if bytes.len() != *length {
                    return Err(MessageError::TypedData("bytes of another length than the type's"));
                }
                let shown = format!("0x{}", hex::encode(&bytes));
                (shown, DynSolValue::FixedBytes(B256::right_padding_from(&bytes), *length))
            }
            Type::Uint(bits) => {
                let number = read_uint(value, *bits)?;
                let shown = match number {
                    U256::MAX => format!("{number} (the largest number: often \"unlimited\")"),
                    _ => number.to_string(),
                };
                (shown, DynSolValue::Uint(number, *bits))
            }
            Type::Int(bits) => {
                let number = read_int(value, *bits)?;
                (number.to_string(), DynSolValue::Int(number, *bits))
            }
        };
        self.add(path, &shown)?;
        Ok(value)
    }

    fn read_array(
        &mut self,
        inner: &Type,
        length: Option<usize>,
        value: &Json,
        path: &str,
    ) -> Result<DynSolValue, MessageError> {
        let items = value.list()?;
        if length.is_some_and(|length| length != items.len()) {
            return Err(MessageError::TypedData("a list of another length than the type's"));
        }
        if items.is_empty() {
            self.add(path, "empty list")?;
        }
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            values.push(self.read(inner, item, &format!("{path}[{index}]"))?);
        }
        Ok(match length {
            Some(_) => DynSolValue::FixedArray(values),
            None => DynSolValue::Array(values),
        })
    }
}

/// A number of at most `bits` bits: a JSON integer, or a string of decimal or `0x` hex digits.
pub(super) fn read_uint(value: &Json, bits: usize) -> Result<U256, MessageError> {
    let number = match value {
        Json::Integer(number) => U256::try_from(*number).ok(),
        Json::Text(text) => parse_digits(text),
        _ => None,
    };
    number
        .filter(|number| number.bit_len() <= bits)
        .ok_or(MessageError::TypedData("not a number of the type's range"))
}

fn read_int(value: &Json, bits: usize) -> Result<I256, MessageError> {
    const OUT_OF_RANGE: MessageError = MessageError::TypedData("not a number of the type's range");
    let (negative, magnitude) = match value {
        Json::Integer(number) => (*number < 0, U256::try_from(number.unsigned_abs()).ok()),
        Json::Text(text) => match text.strip_prefix('-') {
            Some(digits) if digits.starts_with("0") => (true, None),
            Some(digits) => (true, parse_digits(digits)),
            None => (false, parse_digits(text)),
        },
        _ => (false, None),
    };
    let magnitude = magnitude.ok_or(OUT_OF_RANGE)?;
    let limit = U256::ONE << (bits - 1);
    let in_range = if negative { magnitude <= limit } else { magnitude < limit };
    if !in_range {
        return Err(OUT_OF_RANGE);
    }
    // Two's complement.
    Ok(I256::from_raw(if negative { magnitude.wrapping_neg() } else { magnitude }))
}

/// Decimal digits without leading zeros, or `0x` and at most 64 hex digits.
fn parse_digits(text: &str) -> Option<U256> {
    if let Some(digits) = text.strip_prefix("0x") {
        let well_formed = !digits.is_empty()
            && digits.len() <= 64
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        return well_formed.then(|| U256::from_str_radix(digits, 16).ok())?;
    }
    let well_formed = !text.is_empty()
        && text.len() <= 78
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    well_formed.then(|| U256::from_str_radix(text, 10).ok())?
}

fn read_hex(value: &Json) -> Result<Vec<u8>, MessageError> {
    value
        .text()?
        .strip_prefix("0x")
        .and_then(|digits| hex::decode(digits).ok())
        .ok_or(MessageError::TypedData("not a hex string"))
}

/// An address; if its letters are of mixed case, they must be the EIP-55 checksum.
fn read_address(value: &Json) -> Result<Address, MessageError> {
    const MALFORMED: MessageError = MessageError::TypedData("not an address");
    let text = value.text()?;
    let address = Address::try_from(read_hex(value)?.as_slice()).map_err(|_| MALFORMED)?;
    let letters = || text[2..].bytes().filter(u8::is_ascii_alphabetic);
    let mixed =
        letters().any(|b| b.is_ascii_lowercase()) && letters().any(|b| b.is_ascii_uppercase());
    if mixed && address.to_checksum(None) != text {
        return Err(MessageError::TypedData("an address with a wrong checksum"));
    }
    Ok(address)
}
