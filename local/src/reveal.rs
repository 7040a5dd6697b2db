//! Development only: opens what the data directory's own master key opens, offline, so that a
//! secrecy search has something to search for. In production nobody holds that key: KMS does.

use std::collections::BTreeMap;
use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use ciborium::Value as Cbor;
use serde_json::Value;
use sharekeep_channel::record_seal::{DataKey, RecordLocation, open_record, peek_record};
use sharekeep_enclave_app::record::{
    DataKeyRecord, DeploymentKeys, WalletRecord, data_key_id, kind_of, record_id,
};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::trust::{MAX_TRUST_BYTES, TrustConfiguration};
use sharekeep_schemas::{DataKeyNumber, TenantId, UserId, WalletId, codec};
use sharekeep_testkit::{SoftKms, SoftKmsSettings};
use zeroize::Zeroizing;

use crate::secrecy::Needle;
use crate::world::{Database, Dump, STORE_FILE};
use crate::{DataDir, Error, data_dir};

/// What the enclave's data keys are bound to in KMS, beside tenant and deployment.
const SERVICE: &str = "sharekeep";
const DATA_KEY_PURPOSE: &str = "records";

/// Every secret that the stopped stack's store holds: the data keys, the deployment's own keys, the
/// server's share of each wallet; and the master key itself.
///
/// # Errors
/// [`Error::InUse`] while the stack runs; [`Error::Damaged`] for a store that does not open.
pub fn reveal_secrets(data: &DataDir) -> Result<Vec<Needle>, Error> {
    let store = Store::read(data)?;
    let master_key = data_dir::secret_key(&data.path("kms/master-key"))?;
    let mut needles = vec![Needle::new("kms master key", master_key.to_vec())];
    let keys = store.data_keys(data, master_key)?;
    for key in &keys {
        let name = format!("data key {} of {}", key.number.0, key.tenant);
        needles.push(Needle::new(name, key.bytes.to_vec()));
    }
    store.deployment_keys(&keys, &mut needles)?;
    store.server_shares(&keys, &mut needles)?;
    Ok(needles)
}

/// Everything in the store of a stopped stack.
///
/// # Errors
/// [`Error::Database`].
pub fn dump_store(data: &DataDir) -> Result<Dump, Error> {
    Database::open(&data.path(STORE_FILE))?.dump()
}

/// The secret scalar inside a key share's byte form: what a search must look for, since the share
/// around it may be encoded anew.
pub fn secret_scalar(share: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let outer: Cbor = ciborium::from_reader(share).ok()?;
    let inner: Cbor = ciborium::from_reader(&field(&outer, "share")?.as_bytes()?[..]).ok()?;
    field(&inner, "x")?.as_bytes().map(|x| Zeroizing::new(x.clone()))
}

fn field<'a>(map: &'a Cbor, name: &str) -> Option<&'a Cbor> {
    map.as_map()?.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

struct OpenKey {
    tenant: TenantId,
    number: DataKeyNumber,
    bytes: Zeroizing<[u8; 32]>,
}

struct Item {
    partition: String,
    sort: String,
    bytes: Vec<u8>,
}

struct Store {
    path: std::path::PathBuf,
    tables: BTreeMap<String, Vec<Item>>,
}

impl Store {
    fn read(data: &DataDir) -> Result<Self, Error> {
        let path = data.path(STORE_FILE);
        let mut tables: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for (table, rows) in Database::open(&path)?.dump()? {
            let table = table.rsplit('-').next().unwrap_or_default().to_owned();
            let items = rows.iter().filter_map(|row| Item::parse(row)).collect();
            tables.insert(table, items);
        }
        Ok(Self { path, tables })
    }

    fn items(&self, table: &str) -> impl Iterator<Item = &Item> {
        self.tables.get(table).into_iter().flatten()
    }

    fn damaged(&self, what: impl ToString) -> Error {
        Error::damaged(&self.path, what)
    }

    fn data_keys(
        &self,
        data: &DataDir,
        master_key: Zeroizing<[u8; 32]>,
    ) -> Result<Vec<OpenKey>, Error> {
        let trust = read_trust(&data.path("trust.cbor"))?;
        // Nobody asks it over the network, so no image needs to be allowed.
        let kms = SoftKms::new(SoftKmsSettings {
            key_arn: trust.kms_key_arn,
            master_key,
            nsm_root_der: Vec::new(),
            allowed_pcrs: Vec::new(),
        });
        self.items("data_keys")
            .map(|item| {
                let tenant = serde_json::from_value(Value::String(item.partition.clone()));
                let tenant = tenant.unwrap_or_else(|_| TenantId::deployment());
                let number = item.sort.parse().map_err(|_| self.damaged("a data key's number"))?;
                let record = DataKeyRecord::decode(&item.bytes)
                    .map_err(|_| self.damaged("a data key's record"))?;
                let context = BTreeMap::from(
                    [
                        ("service", SERVICE),
                        ("deployment", &trust.deployment),
                        ("tenant", tenant.as_str()),
                        ("purpose", DATA_KEY_PURPOSE),
                    ]
                    .map(|(name, value)| (name.to_owned(), value.to_owned())),
                );
                let opened = kms
                    .open_offline(&record.wrapped, &context)
                    .map_err(|e| Error::Twin { part: "kms", reason: e.to_string() })?;
                let bytes =
                    opened[..].try_into().map_err(|_| self.damaged("a data key's length"))?;
                let number = DataKeyNumber(number);
                Ok(OpenKey { tenant, number, bytes: Zeroizing::new(bytes) })
            })
            .collect()
    }

    fn deployment_keys(&self, keys: &[OpenKey], needles: &mut Vec<Needle>) -> Result<(), Error> {
        for item in self.items("metadata") {
            let plaintext = self.open(keys, &RecordKey::DeploymentKeys, &[], &item.bytes)?;
            DeploymentKeys::decode(&plaintext)
                .map_err(|_| self.damaged("the deployment's keys"))?;
            let record: Cbor = ciborium::from_reader(&plaintext[..])
                .map_err(|_| self.damaged("the deployment's keys"))?;
            for (name, at) in [("statement key", "statement"), ("user id key", "ids")] {
                let bytes = field(&record, at).and_then(Cbor::as_bytes);
                let bytes = bytes.ok_or_else(|| self.damaged("the deployment's keys"))?;
                needles.push(Needle::new(name, bytes.clone()));
            }
        }
        Ok(())
    }

    fn server_shares(&self, keys: &[OpenKey], needles: &mut Vec<Needle>) -> Result<(), Error> {
        for item in self.items("wallets") {
            let named = || self.damaged("a wallet's place");
            let user: UserId = item.partition.parse().map_err(|_| named())?;
            let wallet: WalletId = item.sort.parse().map_err(|_| named())?;
            let key = RecordKey::Wallet { user, wallet };
            let plaintext = self.open(keys, &key, user.as_bytes(), &item.bytes)?;
            let record =
                WalletRecord::decode(&plaintext).map_err(|_| self.damaged("a wallet's record"))?;
            let scalar = secret_scalar(&record.share.to_sealed_bytes())
                .ok_or_else(|| self.damaged("a wallet's share"))?;
            needles.push(Needle::new(format!("server share of {wallet}"), scalar.to_vec()));
        }
        Ok(())
    }

    fn open(
        &self,
        keys: &[OpenKey],
        key: &RecordKey,
        user: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = || self.damaged(format!("{} does not open", record_id(key)));
        let header = peek_record(sealed).map_err(|_| failed())?;
        let with = keys
            .iter()
            .find(|held| data_key_id(&held.tenant, held.number) == header.data_key_id)
            .ok_or_else(failed)?;
        let id = record_id(key);
        let location = RecordLocation {
            tenant: with.tenant.as_str(),
            user,
            record_id: &id,
            kind: kind_of(key).ok_or_else(failed)?,
        };
        let data_key = DataKey::new(header.data_key_id, with.bytes.clone());
        Ok(open_record(&data_key, &location, sealed).map_err(|_| failed())?.plaintext)
    }
}

impl Item {
    fn parse(row: &str) -> Option<Self> {
        let row: Value = serde_json::from_str(row).ok()?;
        let text = |name: &str| row[name]["S"].as_str().map(str::to_owned);
        let bytes = STANDARD.decode(row["bytes"]["B"].as_str()?).ok()?;
        Some(Self { partition: text("pk")?, sort: text("sk")?, bytes })
    }
}

fn read_trust(path: &Path) -> Result<TrustConfiguration, Error> {
    let bytes = data_dir::read(path)?.ok_or_else(|| Error::damaged(path, "absent"))?;
    codec::decode(&bytes, MAX_TRUST_BYTES).map_err(|e| Error::damaged(path, e))
}
