//! The one text of each thing: JSON as this crate writes it, compared whole. What a signature or a
//! person's eye has seen is then what everybody else reads.

use crate::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn write<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_string_pretty(value);
    json.expect("texts and numbers under text keys are always JSON") + "\n"
}

pub(crate) fn read<T: Serialize + DeserializeOwned>(text: &str, most: usize) -> Result<T, Error> {
    if text.len() > most {
        return Err(Error::TooLarge(most));
    }
    let value: T = serde_json::from_str(text).map_err(|error| Error::Text(error.to_string()))?;
    if write(&value) == text {
        Ok(value)
    } else {
        Err(Error::Text("its fields, numbers or spaces are in another form".to_owned()))
    }
}
