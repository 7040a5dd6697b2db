//! A function in hostile hands: it talks to the enclave itself, with a store of its own that it
//! commits to only when the test says so.

use crate::{Answer, Deployment, Request, Site};
use serde_bytes::ByteBuf;
use serde_json::Value;
use sharekeep_functions::enclave_client::EnclaveClient;
use sharekeep_schemas::enclave::{
    Call, HttpRequest, LoadedRecord, RecordKey, RecordQuery, Reply, Row, StoredRecord, VERSION,
    Write,
};
use sharekeep_schemas::http::headers;
use sharekeep_schemas::{DataKeyNumber, ProblemCode, SessionKeyId, UserId};
use std::collections::BTreeMap;

/// Rounds of needs before an enclave would be going in circles.
const MAX_ROUNDS: usize = 8;

/// Table, partition key, sort key.
type Place = (String, String, String);

#[derive(Clone)]
struct Item {
    bytes: Vec<u8>,
    user: Option<String>,
}

pub struct HostileFunction {
    client: EnclaveClient,
    items: BTreeMap<Place, Item>,
    /// Everything it ever handed to the enclave.
    pub seen: Vec<Call>,
}

impl HostileFunction {
    /// Takes over with a copy of the real store.
    pub fn take_over(deployment: &Deployment) -> Self {
        Self::in_front_of(deployment, 0)
    }

    /// The same, talking to another enclave than the first.
    pub fn in_front_of(deployment: &Deployment, enclave: usize) -> Self {
        let client = EnclaveClient::new(deployment.stack.enclave_addresses()[enclave]);
        let mut items = BTreeMap::new();
        for (table, rows) in deployment.dump() {
            let table = table.rsplit('-').next().unwrap().to_owned();
            for row in rows {
                let row: Value = serde_json::from_str(&row).unwrap();
                let text = |name: &str| row[name]["S"].as_str().map(str::to_owned);
                let (Some(pk), Some(sk), Some(bytes)) =
                    (text("pk"), text("sk"), row["bytes"]["B"].as_str())
                else {
                    continue;
                };
                let item = Item { bytes: from_base64(bytes), user: text("user") };
                items.insert((table.clone(), pk, sk), item);
            }
        }
        Self { client, items, seen: Vec::new() }
    }

    /// Takes a request to its answer without committing anything but the keys that the enclave
    /// cannot do without: the answer is released all the same.
    pub async fn serve_without_commit(&mut self, request: &Request) -> Result<Answer, ProblemCode> {
        self.serve(request).await.map(|(answer, _)| answer)
    }

    /// Takes a request to its answer and commits to its own store.
    pub async fn serve_and_commit(&mut self, request: &Request) -> Result<Answer, ProblemCode> {
        let (answer, writes) = self.serve(request).await?;
        self.commit(&writes);
        Ok(answer)
    }

    /// Hands over nothing of this table any more.
    pub fn forget(&mut self, table: &str) {
        self.items.retain(|(held, _, _), _| held != table);
    }

    async fn serve(&mut self, request: &Request) -> Result<(Answer, Vec<Write>), ProblemCode> {
        let mut records: Vec<LoadedRecord> = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let call = Call { version: VERSION, http: parts(request), records: records.clone() };
            self.seen.push(call.clone());
            match self.client.call(&call, None).await.unwrap() {
                Reply::Need { queries } => self.load(&queries, &mut records),
                Reply::Provision { writes, queries } => {
                    self.commit(&writes);
                    self.load(&queries, &mut records);
                }
                Reply::Done { body, writes } => {
                    let body = body.into_vec();
                    let answer = Answer { status: 200, headers: http::HeaderMap::new(), body };
                    return Ok((answer, writes));
                }
                Reply::Refused { code, .. } => return Err(code),
            }
        }
        panic!("the enclave goes in circles");
    }

    fn load(&self, queries: &[RecordQuery], records: &mut Vec<LoadedRecord>) {
        for query in queries {
            records.retain(|record| record.query != *query);
            records.push(LoadedRecord { query: query.clone(), found: self.find(query) });
        }
    }

    fn find(&self, query: &RecordQuery) -> Vec<StoredRecord> {
        let found = |key: RecordKey, item: &Item| StoredRecord {
            key,
            bytes: ByteBuf::from(item.bytes.clone()),
        };
        match query {
            RecordQuery::One(key) => self
                .items
                .get(&place(key))
                .map(|item| found(key.clone(), item))
                .into_iter()
                .collect(),
            RecordQuery::DataKeysOf(tenant) => self
                .items
                .iter()
                .filter(|((table, pk, _), _)| table == "data_keys" && pk == tenant.as_str())
                .map(|((_, _, sk), item)| {
                    let number = DataKeyNumber(sk.parse().unwrap());
                    found(RecordKey::DataKey { tenant: tenant.clone(), number }, item)
                })
                .collect(),
            RecordQuery::SessionsOf(user) => self
                .items
                .iter()
                .filter(|(_, item)| item.user.as_deref() == Some(&user.to_string()))
                .map(|((_, pk, _), item)| {
                    let id: SessionKeyId = pk.strip_prefix("session#").unwrap().parse().unwrap();
                    found(RecordKey::Session(id), item)
                })
                .collect(),
            RecordQuery::WalletsOf(user) => self.of(*user, "wallets", "", |user, id| {
                RecordKey::Wallet { user, wallet: id.parse().unwrap() }
            }),
            RecordQuery::BackupsOf(user) => self.of(*user, "backups", "", |user, id| {
                RecordKey::Backup { user, wallet: id.parse().unwrap() }
            }),
            RecordQuery::FactorsOf(user) => self.of(*user, "factors", "factor#", |user, id| {
                RecordKey::Factor { user, factor: id.parse().unwrap() }
            }),
            RecordQuery::DevicesOf(user) => self.of(*user, "devices", "device#", |user, id| {
                RecordKey::Device { user, device: id.parse().unwrap() }
            }),
        }
    }

    /// A user's records of a table whose sort keys are a prefix and an id.
    fn of(
        &self,
        user: UserId,
        table: &str,
        prefix: &str,
        key: impl Fn(UserId, &str) -> RecordKey,
    ) -> Vec<StoredRecord> {
        self.items
            .iter()
            .filter(|((held, pk, _), _)| held == table && *pk == user.to_string())
            .filter_map(|((_, _, sk), item)| {
                let key = key(user, sk.strip_prefix(prefix)?);
                Some(StoredRecord { key, bytes: ByteBuf::from(item.bytes.clone()) })
            })
            .collect()
    }

    fn commit(&mut self, writes: &[Write]) {
        for write in writes {
            match &write.put {
                Some(put) => {
                    let user = match &put.row {
                        Row::Session(session) => Some(session.user.to_string()),
                        _ => None,
                    };
                    let item = Item { bytes: put.bytes.to_vec(), user };
                    self.items.insert(place(&write.key), item);
                }
                None => {
                    self.items.remove(&place(&write.key));
                }
            }
        }
    }
}

fn place(key: &RecordKey) -> Place {
    (key.table().to_owned(), key.partition(), key.sort())
}

fn parts(request: &Request) -> HttpRequest {
    let header = |name: &str| request.header(name).map(str::to_owned);
    HttpRequest {
        method: request.method.to_owned(),
        authority: request.authority.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        signature_input: header(headers::SIGNATURE_INPUT),
        signature: header(headers::SIGNATURE),
        content_digest: header(headers::CONTENT_DIGEST),
        idempotency_key: header(headers::IDEMPOTENCY_KEY).map(|key| key.parse().unwrap()),
        body: ByteBuf::from(request.body.clone()),
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).unwrap()
}
