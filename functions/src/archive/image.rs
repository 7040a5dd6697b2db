use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// An item as DynamoDB's JSON has it. Sorted, so that equal items have equal bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Image(BTreeMap<String, Attribute>);

/// A value with its type. Numbers stay the text that they are, bytes their base64.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Attribute {
    S(String),
    N(String),
    B(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(bool),
    M(BTreeMap<String, Attribute>),
    L(Vec<Attribute>),
    #[serde(rename = "SS")]
    Texts(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    Blobs(Vec<String>),
}

impl Image {
    /// A text attribute.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Attribute::S(text) => Some(text),
            _ => None,
        }
    }

    /// How many attributes there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// SHA-256 of the item's JSON, keys sorted, without spaces; in hexadecimal.
    pub(super) fn fingerprint(&self) -> Option<String> {
        let json = serde_json::to_vec(self).ok()?;
        Some(hex::encode(Sha256::digest(json)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn image(value: serde_json::Value) -> Image {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_type_of_dynamodb_comes_back_as_it_was() {
        let item = json!({
            "pk": {"S": "p"}, "n": {"N": "38000000000000000000000000000000000001"},
            "b": {"B": "AP8="}, "t": {"BOOL": false}, "z": {"NULL": true},
            "m": {"M": {"x": {"L": [{"S": "Grüße"}, {"N": "1"}]}}},
            "ss": {"SS": ["a"]}, "ns": {"NS": ["1"]}, "bs": {"BS": ["AA=="]},
        });
        assert_eq!(serde_json::to_value(image(item.clone())).unwrap(), item);
        assert!(serde_json::from_value::<Image>(json!({"x": {"Q": "new"}})).is_err());
        assert!(serde_json::from_value::<Image>(json!({"x": {"S": "a", "N": "1"}})).is_err());
    }

    #[test]
    fn a_fingerprint_is_of_the_sorted_json() {
        let of = image(json!({"b": {"N": "1"}, "a": {"S": "é\n"}}));
        // printf '{"a":{"S":"é\\n"},"b":{"N":"1"}}' | sha256sum
        let expected = "3a946b0cb368975c1ac2b5a59d53e02be96b6eaa654d81c8ca280666e810a3d4";
        assert_eq!(of.fingerprint().unwrap(), expected);
    }
}
