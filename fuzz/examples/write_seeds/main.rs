//! Writes the seeds that the product's own encoders can make. In `fuzz/`, with the flags that
//! `./dev fuzz` prints: `cargo run --example write_seeds`. Keys differ from run to run; none of them
//! is used for anything.
#![no_main]

mod ceremonies;
mod records;
mod recovery;

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_bytes::ByteBuf;
use sharekeep_channel::receipt::StatementKey;
use sharekeep_schemas::enclave::*;
use sharekeep_schemas::fleet::{FleetPartition, FleetRow};
use sharekeep_schemas::http::*;
use sharekeep_schemas::sealed::*;
use sharekeep_schemas::tenant::*;
use sharekeep_schemas::trust::TrustConfiguration;
use sharekeep_schemas::*;

/// Larger ones slow every run down and are rarely more than repetitions.
const MAX_SEED_BYTES: usize = 10_000;
const NOW_UNIX_S: u64 = 1_800_000_000;

fn seed(target: &str, name: &str, bytes: &[u8]) {
    if bytes.len() > MAX_SEED_BYTES {
        println!("{target}/{name}: left out, {} bytes", bytes.len());
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn cbor(target: &str, name: &str, value: &impl Serialize) {
    seed(target, name, &codec::encode(value));
}

fn json(name: &str, value: &impl Serialize) {
    seed("schemas_http", name, &serde_json::to_vec(value).unwrap());
}

// Instrumented code links with libFuzzer only, so this runs where a target would be set up.
libfuzzer_sys::fuzz_target!(init: write(), |_bytes: &[u8]| {});

fn write() {
    sealed();
    recovery::payloads();
    enclave();
    operator();
    http();
    let shares = ceremonies::mpc();
    records::records(&shares);
    recovery::recovery(&shares);
    std::process::exit(0);
}

fn wallet() -> WalletId {
    WalletId::new([5; 16])
}

fn user() -> UserId {
    UserId::new([1; 32])
}

fn device() -> DeviceId {
    DeviceId::new([2; 16])
}

fn session_key() -> SessionPublicKey {
    SessionPublicKey { algorithm: SessionKeyAlgorithm::Ed25519, key: vec![3; 32] }
}

fn sealed() {
    let put = |name: &str, bytes: Vec<u8>| seed("schemas_sealed", name, &bytes);
    let messages = vec![ByteBuf::from(vec![1, 2, 3])];
    put("plain", codec::encode(&Plain::default()));
    put(
        "open_session",
        codec::encode(&OpenSession {
            version: 1,
            tenant: "shop".parse().unwrap(),
            token: SecretText::new("a.b.c".to_owned()),
            session_key: session_key(),
            proof: vec![4; 64],
            device: device(),
            device_identity_key: [6; 32],
            device_proof: vec![7; 64],
            scopes: vec![Scope::Read, Scope::Sign],
            lifetime_s: Some(600),
        }),
    );
    put(
        "create_wallet",
        codec::encode(&CreateWallet {
            version: 1,
            wallet: wallet(),
            scheme: Scheme::EcdsaSecp256k1,
            protocol: Protocol::Cggmp24,
            client_nonce: [8; 32],
            messages: messages.clone(),
        }),
    );
    for (name, kind) in [
        ("prepare", StartKind::Prepare { protocol: Protocol::Dkls23, wallet: Some(wallet()) }),
        (
            "sign",
            StartKind::Sign {
                wallet: wallet(),
                epoch: 1,
                preparation: Some(PreparationId::new([9; 32])),
                message: ByteBuf::from(vec![1]),
            },
        ),
    ] {
        let messages = messages.clone();
        put(
            name,
            codec::encode(&StartCeremony { version: 1, kind, client_nonce: [8; 32], messages }),
        );
    }
    put("step", codec::encode(&StepCeremony { version: 1, step: 2, messages: messages.clone() }));
    put(
        "opened",
        codec::encode(&SessionOpened {
            user: user(),
            expires_at_unix_s: NOW_UNIX_S,
            sessions_removed: 0,
            token_unbound: false,
            server_time_unix_s: NOW_UNIX_S,
        }),
    );
    put(
        "answer",
        codec::encode(&CeremonyAnswer {
            ceremony: CeremonyId::new([4; 16]),
            step: 1,
            messages,
            state: CeremonyState::Complete,
            result: Some(CeremonyResult::Wallet { public_key: vec![2; 33], receipt: vec![1; 9] }),
        }),
    );
    put(
        "changed",
        codec::encode(&WalletChanged { status: WalletStatus::Active, receipt: vec![1; 9] }),
    );
}

fn row() -> Row {
    Row::Wallet(WalletRow {
        wallet: wallet(),
        scheme: Scheme::EcdsaSecp256k1,
        protocol: Protocol::Dkls23,
        public_key: ByteBuf::from(vec![2; 33]),
        threshold: 2,
        parties: 2,
        epoch: 1,
        status: WalletStatus::Active,
        created_at_unix_s: NOW_UNIX_S,
    })
}

fn enclave() {
    const TARGET: &str = "schemas_enclave";
    let key = RecordKey::Preparation {
        user: user(),
        device: device(),
        scope: PreparationScope::Pair(Protocol::Cggmp24),
    };
    let record = StoredRecord { key: key.clone(), bytes: ByteBuf::from(vec![1; 20]) };
    let put = Put {
        version: 1,
        bytes: ByteBuf::from(vec![1; 20]),
        row: row(),
        expires_at_unix_s: Some(NOW_UNIX_S),
    };
    let write = Write { key: key.clone(), condition: Condition::Version(3), put: Some(put) };
    let query = RecordQuery::One(key.clone());
    cbor(TARGET, "key", &key);
    cbor(TARGET, "write", &write);
    cbor(TARGET, "row", &row());
    for (name, row) in recovery::rows() {
        cbor(TARGET, name, &row);
    }
    cbor(
        TARGET,
        "call",
        &Call {
            version: 1,
            http: HttpRequest {
                method: "POST".to_owned(),
                authority: "keys.example".to_owned(),
                path: "/v1/wallets".to_owned(),
                query: None,
                signature_input: Some("sig1=()".to_owned()),
                signature: Some("sig1=:AA==:".to_owned()),
                content_digest: None,
                idempotency_key: Some("0123456789abcdef".parse().unwrap()),
                body: ByteBuf::from(b"{}".to_vec()),
            },
            records: vec![LoadedRecord { query: query.clone(), found: vec![record] }],
        },
    );
    let queries = vec![query, RecordQuery::DataKeysOf(TenantId::deployment())];
    cbor(TARGET, "need", &Reply::Need { queries: queries.clone() });
    cbor(TARGET, "provision", &Reply::Provision { writes: vec![write.clone()], queries });
    cbor(TARGET, "done", &Reply::Done { body: ByteBuf::from(vec![7]), writes: vec![write] });
    cbor(
        TARGET,
        "refused",
        &Reply::Refused {
            code: ProblemCode::TooLarge,
            detail: Some("less".to_owned()),
            retry_after_s: Some(1),
            writes: Vec::new(),
        },
    );
}

fn operator() {
    const TARGET: &str = "schemas_operator";
    let issuer = |issuer: &str, keys| Issuer {
        issuer: issuer.to_owned(),
        audiences: vec!["wallet".to_owned()],
        algorithms: vec!["ES256".to_owned()],
        keys,
        binding: TokenBinding::Nonce,
    };
    let document = TenantDocument {
        version: 1,
        tenant: "shop".parse().unwrap(),
        serial: 1,
        issuers: vec![
            issuer("https://a.example", IssuerKeys::Pinned { jwks_json: "{}".to_owned() }),
            issuer(
                "https://b.example",
                IssuerKeys::Fetched {
                    jwks_uri: "https://b.example/keys".to_owned(),
                    authorities_pem: None,
                },
            ),
        ],
        origins: vec!["keys.example".to_owned()],
        session_lifetime_s: 900,
        requests_per_minute: 60,
    };
    cbor(TARGET, "tenant", &document);
    cbor(
        TARGET,
        "signed_tenant",
        &SignedTenantDocument {
            document: ByteBuf::from(codec::encode(&document)),
            signature: ByteBuf::from(vec![0; 64]),
        },
    );
    let key = ed25519_of(&StatementKey::from_sealing_bytes(&[9; 32]).unwrap());
    cbor(
        TARGET,
        "trust",
        &TrustConfiguration {
            version: 1,
            deployment: "demo".to_owned(),
            operator_key: serde_bytes::ByteArray::new(key),
            release_keys: vec![serde_bytes::ByteArray::new(key)],
            release_threshold: 1,
            kms_key_arn: "arn:aws:kms:eu-central-1:000000000000:key/1".to_owned(),
            kms_region: "eu-central-1".to_owned(),
            kms_authorities_pem: None,
            egress_hosts: vec!["login.example:443".to_owned()],
        },
    );
}

fn ed25519_of(key: &StatementKey) -> [u8; 32] {
    *key.public_key().as_bytes()
}

fn http() {
    let enclave_key = EnclaveKeyId::new([6; 32]);
    let sealed = Base64Url(vec![1, 2, 3]);
    json("sealed", &SealedRequest { enclave_key, sealed: sealed.clone() });
    json(
        "open",
        &OpenSessionRequest {
            tenant: "shop".parse().unwrap(),
            session_key: session_key(),
            enclave_key,
            sealed: sealed.clone(),
        },
    );
    json("answer", &SealedAnswer { sealed: sealed.clone() });
    json("attestation", &AttestationAnswer { enclave_key, document: sealed.clone() });
    let view = WalletView {
        wallet_id: wallet(),
        scheme: Scheme::EddsaEd25519,
        protocol: Protocol::Frost,
        public_key: sealed,
        threshold: 2,
        parties: 2,
        epoch: 1,
        status: WalletStatus::Active,
        created_at_unix_s: NOW_UNIX_S,
    };
    json("wallets", &Page { items: vec![view], next_cursor: Some("AQ".to_owned()) });
    let view = DeviceView {
        device_id: device(),
        name: Some("phone".to_owned()),
        identity_key: Base64Url(vec![7; 32]),
        registered_at_unix_s: 1,
        revoked_at_unix_s: Some(2),
        current: false,
    };
    json("devices", &Page { items: vec![view], next_cursor: None });
    let view = EventView {
        event_id: EventId::new([9; 16]),
        kind: EventKind::PasscodeGuessed,
        device_id: device(),
        at_unix_s: NOW_UNIX_S,
    };
    json("events", &Page { items: vec![view], next_cursor: None });
    let problem = Problem::new(ProblemCode::TooLarge, None, "r1".to_owned());
    json("problem", &problem);
    let row = FleetRow {
        partition: FleetPartition::Enclave,
        enclave_key,
        address: "10.0.1.7:8443".parse().unwrap(),
        ceremonies: 2,
        queued_steps: 1,
        draining: false,
        heartbeat_unix_ms: NOW_UNIX_S * 1000,
        expires_at_unix_s: FleetRow::expiry(NOW_UNIX_S * 1000),
    };
    json("fleet_row", &row);
    let problem = serde_json::to_vec(&problem).unwrap();
    seed("client_answers", "problem", &[b"5\n", &problem[..]].concat());
    seed("client_answers", "date", &[b"Sun, 06 Nov 1994 08:49:37 GMT\n", &problem[..]].concat());
}
