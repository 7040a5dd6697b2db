//! The types of EIP-712 data.

use std::collections::{BTreeMap, BTreeSet};

use alloy_dyn_abi::eip712::{PropertyDef, Resolver, TypeDef};

use super::{
    domain::{DOMAIN, DOMAIN_FIELDS},
    json::Json,
};
use crate::MessageError;

/// Most struct types.
const MAX_STRUCTS: usize = 64;
/// Most fields of one struct type.
const MAX_FIELDS: usize = 64;
/// Longest name of a struct or field, and longest type, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// Most array dimensions of one type.
const MAX_DIMENSIONS: usize = 4;
/// Longest fixed array.
const MAX_ARRAY: usize = 1024;
/// How deep struct types may contain each other.
const MAX_STRUCT_DEPTH: usize = 16;

/// The type of a value.
#[derive(Clone)]
pub(super) enum Type {
    Bool,
    Address,
    String,
    Bytes,
    /// 1 to 32 bytes.
    FixedBytes(usize),
    /// 8 to 256 bits.
    Uint(usize),
    /// 8 to 256 bits.
    Int(usize),
    Struct(String),
    /// Of any length, or of a fixed one.
    Array(Box<Type>, Option<usize>),
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Type,
    written: String,
}

/// All struct types, known to refer to each other without gaps and cycles.
pub(super) struct Schema {
    structs: BTreeMap<String, Vec<Field>>,
}

impl Schema {
    pub(super) fn parse(
        types: &Json,
        domain: &Json,
        primary_type: &str,
    ) -> Result<Self, MessageError> {
        let types = types.object()?;
        if types.len() > MAX_STRUCTS {
            return Err(MessageError::TooLarge { what: "the list of types", limit: MAX_STRUCTS });
        }
        let mut structs = BTreeMap::new();
        for (name, fields) in types {
            // A struct called like a basic type would be described as one and hashed as another.
            if !is_identifier(name) || basic_type(name).is_some() || is_reserved(name) {
                return Err(MessageError::TypedData("not a name for a struct type"));
            }
            structs.insert(name.clone(), parse_fields(fields.list()?)?);
        }
        let domain_fields = domain_fields(domain)?;
        match structs.get(DOMAIN) {
            Some(fields) => check_domain_type(fields, &domain_fields)?,
            None => {
                structs.insert(DOMAIN.to_owned(), domain_fields);
            }
        }
        if primary_type == DOMAIN || !structs.contains_key(primary_type) {
            return Err(MessageError::TypedData("primaryType is not one of the types"));
        }
        let schema = Self { structs };
        let mut finished = BTreeSet::new();
        for name in schema.structs.keys() {
            schema.check_references(name, 0, &mut finished)?;
        }
        Ok(schema)
    }

    pub(super) fn fields(&self, name: &str) -> Result<&[Field], MessageError> {
        self.structs
            .get(name)
            .map(Vec::as_slice)
            .ok_or(MessageError::TypedData("a type is not defined"))
    }

    /// The types as the library that encodes them takes them.
    pub(super) fn resolver(&self) -> Result<Resolver, MessageError> {
        let malformed = |_| MessageError::TypedData("types can't be encoded");
        let mut resolver = Resolver::default();
        for (name, fields) in &self.structs {
            let fields = fields
                .iter()
                .map(|field| PropertyDef::new(field.written.clone(), field.name.clone()))
                .collect::<Result<_, _>>()
                .map_err(malformed)?;
            resolver.ingest(TypeDef::new(name.clone(), fields).map_err(malformed)?);
        }
        Ok(resolver)
    }

    /// Every struct that `name` refers to exists, and none leads back to it. The depth limit ends
    /// cycles.
    fn check_references<'a>(
        &'a self,
        name: &'a str,
        depth: usize,
        finished: &mut BTreeSet<&'a str>,
    ) -> Result<(), MessageError> {
        if finished.contains(name) {
            return Ok(());
        }
        if depth == MAX_STRUCT_DEPTH {
            return Err(MessageError::TypedData("types are recursive or nested too deep"));
        }
        for field in self.fields(name)? {
            if let Some(inner) = field.kind.struct_name() {
                self.check_references(inner, depth + 1, finished)?;
            }
        }
        finished.insert(name);
        Ok(())
    }
}

impl Type {
    fn parse(written: &str) -> Result<Self, MessageError> {
        const MALFORMED: MessageError = MessageError::TypedData("not a type");
        if written.len() > MAX_NAME_BYTES {
            return Err(MessageError::TooLarge { what: "a type's name", limit: MAX_NAME_BYTES });
        }
        let (stem, mut suffix) = written.split_at(written.find('[').unwrap_or(written.len()));
        let mut kind = match basic_type(stem) {
            Some(kind) => kind,
            None if is_identifier(stem) && !is_reserved(stem) => Self::Struct(stem.to_owned()),
            None => return Err(MALFORMED),
        };
        for _ in 0..MAX_DIMENSIONS {
            if suffix.is_empty() {
                return Ok(kind);
            }
            let (length, rest) = suffix
                .strip_prefix('[')
                .and_then(|suffix| suffix.split_once(']'))
                .ok_or(MALFORMED)?;
            let length = match length {
                "" => None,
                digits => {
                    Some(canonical_number(digits).filter(|n| *n <= MAX_ARRAY).ok_or(MALFORMED)?)
                }
            };
            kind = Self::Array(Box::new(kind), length);
            suffix = rest;
        }
        if suffix.is_empty() { Ok(kind) } else { Err(MALFORMED) }
    }

    fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(inner, _) => inner.struct_name(),
            _ => None,
        }
    }
}

fn parse_fields(fields: &[Json]) -> Result<Vec<Field>, MessageError> {
    if fields.is_empty() {
        return Err(MessageError::TypedData("a struct type without fields"));
    }
    if fields.len() > MAX_FIELDS {
        return Err(MessageError::TooLarge { what: "a struct type", limit: MAX_FIELDS });
    }
    let mut names = BTreeSet::new();
    let mut parsed = Vec::with_capacity(fields.len());
    for field in fields {
        let [name, written] = field.exactly(["name", "type"])?;
        let (name, written) = (name.text()?, written.text()?);
        if !is_identifier(name) || !names.insert(name) {
            return Err(MessageError::TypedData("a field's name is malformed or used twice"));
        }
        parsed.push(Field {
            name: name.to_owned(),
            kind: Type::parse(written)?,
            written: written.to_owned(),
        });
    }
    Ok(parsed)
}

/// The domain's type as its values imply it: known fields only, in the EIP's order.
fn domain_fields(domain: &Json) -> Result<Vec<Field>, MessageError> {
    let mut fields = Vec::new();
    for (name, written) in DOMAIN_FIELDS {
        if domain.get(name).is_some() {
            let (name, written) = (name.to_owned(), written.to_owned());
            fields.push(Field { name, kind: Type::parse(&written)?, written });
        }
    }
    if fields.len() != domain.object()?.len() {
        return Err(MessageError::TypedData("unknown field in the domain"));
    }
    Ok(fields)
}

/// Some implementations hash the domain by its declared type, others by its values: both must agree.
fn check_domain_type(declared: &[Field], implied: &[Field]) -> Result<(), MessageError> {
    let same = declared.len() == implied.len()
        && declared.iter().zip(implied).all(|(declared, implied)| {
            declared.name == implied.name && declared.written == implied.written
        });
    if same { Ok(()) } else { Err(MessageError::TypedData("EIP712Domain does not fit the domain")) }
}

/// Basic types as EIP-712 has them; `uint` and `int` without a size are not among them.
fn basic_type(name: &str) -> Option<Type> {
    let bits = |digits: &str| canonical_number(digits).filter(|n| *n <= 256 && n % 8 == 0);
    match name {
        "bool" => Some(Type::Bool),
        "address" => Some(Type::Address),
        "string" => Some(Type::String),
        "bytes" => Some(Type::Bytes),
        _ => {
            if let Some(digits) = name.strip_prefix("uint") {
                bits(digits).map(Type::Uint)
            } else if let Some(digits) = name.strip_prefix("int") {
                bits(digits).map(Type::Int)
            } else if let Some(digits) = name.strip_prefix("bytes") {
                canonical_number(digits).filter(|n| *n <= 32).map(Type::FixedBytes)
            } else {
                None
            }
        }
    }
}

/// Names that Solidity or its ABI give a meaning, which other readers may take for a basic type.
fn is_reserved(name: &str) -> bool {
    let sized = |stem: &str| {
        name.strip_prefix(stem)
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'x'))
    };
    matches!(name, "byte" | "function" | "tuple" | "struct" | "mapping" | "enum")
        || ["uint", "int", "bytes", "fixed", "ufixed"].into_iter().any(sized)
}

/// A positive decimal number without leading zeros.
fn canonical_number(digits: &str) -> Option<usize> {
    let canonical = digits.len() <= 4
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    if canonical { digits.parse().ok() } else { None }
}

/// `$`, legal in Solidity, is left out: libraries sort it differently.
fn is_identifier(name: &str) -> bool {
    let mut letters = name.bytes();
    name.len() <= MAX_NAME_BYTES
        && letters.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
