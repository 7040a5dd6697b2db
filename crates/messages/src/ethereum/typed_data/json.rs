//! JSON without its ambiguities: no duplicate keys, no fractions, bounded depth and size.

use std::{cell::Cell, fmt};

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::MessageError;

/// How deep lists and objects may be nested.
const MAX_DEPTH: usize = 16;
/// Most values in all.
const MAX_VALUES: usize = 8192;

/// A JSON value.
pub(super) enum Json {
    Null,
    Bool(bool),
    /// Numbers beyond 64 bits lose digits in most readers, so they must be written as strings.
    Integer(i128),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Self::Object(entries) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    pub(super) fn object(&self) -> Result<&[(String, Json)], MessageError> {
        match self {
            Self::Object(entries) => Ok(entries),
            _ => Err(MessageError::TypedData("an object is expected")),
        }
    }

    pub(super) fn list(&self) -> Result<&[Json], MessageError> {
        match self {
            Self::List(items) => Ok(items),
            _ => Err(MessageError::TypedData("a list is expected")),
        }
    }

    pub(super) fn text(&self) -> Result<&str, MessageError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(MessageError::TypedData("a string is expected")),
        }
    }

    /// The values of an object that has these keys and no others.
    pub(super) fn exactly<const N: usize>(
        &self,
        keys: [&str; N],
    ) -> Result<[&Json; N], MessageError> {
        let entries = self.object()?;
        let mut values = Vec::with_capacity(N);
        for key in keys {
            values.push(self.get(key).ok_or(MessageError::TypedData("a field is missing"))?);
        }
        if entries.len() != N {
            return Err(MessageError::TypedData("unknown field"));
        }
        values.try_into().map_err(|_| MessageError::TypedData("a field is missing"))
    }
}

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Json, MessageError> {
    let faults = Faults { values_left: Cell::new(MAX_VALUES), fault: Cell::new("not strict json") };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Seed { depth: 0, faults: &faults }
        .deserialize(&mut deserializer)
        .and_then(|json| deserializer.end().map(|()| json))
        .map_err(|_| MessageError::TypedData(faults.fault.get()))
}

/// What is shared by all seeds of one text.
struct Faults {
    values_left: Cell<usize>,
    /// serde's errors are strings that may quote the text; this one never does.
    fault: Cell<&'static str>,
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    depth: usize,
    faults: &'a Faults,
}

impl Seed<'_> {
    fn fail<E: de::Error>(self, fault: &'static str) -> E {
        self.faults.fault.set(fault);
        E::custom(fault)
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail("nested too deep"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        match self.faults.values_left.get().checked_sub(1) {
            Some(left) => self.faults.values_left.set(left),
            None => return Err(self.fail("too many values")),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value without fractions")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E: de::Error>(self, _value: f64) -> Result<Json, E> {
        Err(self.fail("a fraction or a number over 64 bits: write it as a string"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let inside = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let inside = self.deeper()?;
        let mut seen = std::collections::HashSet::new();
        let mut object = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            // Readers differ on which of two equal keys counts: one value shown, another signed.
            if !seen.insert(key.clone()) {
                return Err(self.fail("duplicate key"));
            }
            object.push((key, entries.next_value_seed(inside)?));
        }
        Ok(Json::Object(object))
    }
}
