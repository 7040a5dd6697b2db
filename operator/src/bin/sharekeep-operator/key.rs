use crate::arguments::{Common, KeyCommand};
use crate::file;
use serde_json::json;
use sharekeep::create_secret_file;
use sharekeep::terminal::{Report, new_passphrase, passphrase, table};
use sharekeep_operator::{KeyUse, Result, SealedKey};
use std::path::Path;

pub(crate) fn run(common: &Common, command: &KeyCommand) -> Result<Report> {
    match command {
        KeyCommand::New { purpose, file, name } => {
            let purpose = if purpose == "release" { KeyUse::Release } else { KeyUse::Operator };
            let key = SealedKey::generate(purpose, name)?;
            let sealed = key.seal(&new_passphrase(common.passphrase_file.as_deref())?)?;
            create_secret_file(file, &sealed)?;
            Ok(report(&key))
        }
        KeyCommand::Show { file } => Ok(report(&open(common, file)?)),
    }
}

/// Opens a key's file with the passphrase.
pub(crate) fn open(common: &Common, path: &Path) -> Result<SealedKey> {
    let sealed = file::read(path)?;
    SealedKey::open(&sealed, &passphrase(common.passphrase_file.as_deref())?, path)
}

fn report(key: &SealedKey) -> Report {
    let (purpose, public) = (key.purpose().to_string(), key.public().to_string());
    let row = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    let rows = [row("for", &purpose), row("name", key.name()), row("public key", &public)];
    let json = json!({ "for": purpose, "name": key.name(), "public_key": public });
    Report::new(table(&rows), json)
}
