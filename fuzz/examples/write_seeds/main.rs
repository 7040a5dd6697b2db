//! Writes the seeds that the product's own encoders can make. In `fuzz/`, with the flags that
//! `./dev fuzz` prints: `cargo run --example write_seeds`. Keys differ from run to run; none of them
//! is used for anything.
#![no_main]

mod recovery;

use std::fs;
use std::path::Path;

use rand_core::OsRng;
use serde::Serialize;
use serde_bytes::ByteBuf;
use sharekeep_channel::attestation::{PcrSet, TrustConfigHash};
use sharekeep_channel::encapsulation::EnclaveKeyPair;
use sharekeep_channel::receipt::StatementKey;
use sharekeep_channel::signature::{SessionAlgorithm, SessionSigningKey};
use sharekeep_enclave_app::record::{
    BackupRecord, CeremonyRecord, DataKeyRecord, DeploymentKeys, DeviceRecord, PreparationRecord,
    SessionRecord, TokenRecord, WalletRecord,
};
use sharekeep_mpc::{
    Ceremony, ExecutionId, KeyShare, PartyIndex, Prehash, Preparing, Roster, SchnorrKey,
    SigningInput, keygen, prepare, sign,
};
use sharekeep_schemas::enclave::*;
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
    let shares = mpc();
    records(&shares);
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
    let problem = serde_json::to_vec(&problem).unwrap();
    seed("client_answers", "problem", &[b"5\n", &problem[..]].concat());
    seed("client_answers", "date", &[b"Sun, 06 Nov 1994 08:49:37 GMT\n", &problem[..]].concat());
}

/// Talks through a ceremony and keeps what party 1 says in each round.
///
/// The target is told the protocol by a number and the round by another: `from`, and `by` more for
/// each further round.
fn talk<O>([protocol, from, by]: [u8; 3], start: impl Fn(u16) -> Ceremony<O>) -> [O; 2] {
    let (mut victim, mut peer) = (start(0), start(1));
    let mut up = victim.step(Vec::new()).unwrap();
    while !up.is_empty() {
        let down = peer.step(up).unwrap();
        for message in &down {
            let round = from + by * u8::try_from(message.round).unwrap();
            let bytes = [&[protocol, round], &message.body[..]].concat();
            seed("mpc_bodies", &format!("{protocol}-{round}"), &bytes);
            cbor("mpc_wire_message", &format!("{protocol}-{round}"), message);
        }
        up = victim.step(down).unwrap();
    }
    [victim.take_output().unwrap(), peer.take_output().unwrap()]
}

fn mpc() -> [KeyShare; 2] {
    let execution = ExecutionId::from_bytes([1; 32]);
    let roster = |me| Roster::new(PartyIndex(me), &[PartyIndex(0), PartyIndex(1)]).unwrap();
    let make = |scheme| {
        talk([0, 0, 1], |me| keygen(scheme, execution, roster(me), 2, &mut OsRng).unwrap())
    };
    let schnorr = make(sharekeep_mpc::Scheme::SchnorrBip340);
    let ecdsa = make(sharekeep_mpc::Scheme::EcdsaSecp256k1);
    let eddsa = make(sharekeep_mpc::Scheme::EddsaEd25519);
    let prepared = talk([1, 0, 1], |me| {
        let from = Preparing::Dkls23 { share: &ecdsa[usize::from(me)] };
        prepare(execution, roster(me), from, &mut OsRng).unwrap()
    });
    let digest = SigningInput::Ecdsa(Prehash::of_examined_message([7; 32]));
    talk([3, 0, 1], |me| {
        let side = usize::from(me);
        let (share, own) = (&ecdsa[side], Some(&prepared[side]));
        sign(
            sharekeep_mpc::Protocol::Dkls23,
            execution,
            roster(me),
            share,
            own,
            &digest,
            &mut OsRng,
        )
        .unwrap()
    });
    let key = SchnorrKey::Output { merkle_root: None };
    let frost = [
        (4, &eddsa, SigningInput::Eddsa(vec![7])),
        (5, &schnorr, SigningInput::Bip340 { message: vec![7], key }),
    ];
    for scheme in 0..3 {
        seed(
            "mpc_possession",
            &format!("changed-{scheme}"),
            &[&[scheme], &[0; 64][..], &[1]].concat(),
        );
        seed("mpc_possession", &format!("honest-{scheme}"), &[scheme]);
    }
    for (from, shares, what) in frost {
        talk([4, from, 2], |me| {
            let share = &shares[usize::from(me)];
            let protocol = sharekeep_mpc::Protocol::Frost;
            sign(protocol, execution, roster(me), share, None, &what, &mut OsRng).unwrap()
        });
    }
    for (name, share) in [("ecdsa", &ecdsa), ("eddsa", &eddsa), ("schnorr", &schnorr)] {
        seed("mpc_sealed", name, &share[1].to_sealed_bytes());
    }
    eddsa
}

/// The layout of the client's files, whose types are private.
#[derive(Serialize)]
struct WalletFile<'a> {
    version: u8,
    wallet: WalletId,
    name: Option<&'a str>,
    protocol: Protocol,
    epoch: u64,
    status: WalletStatus,
    created_at_unix_s: u64,
    receipt: Option<ByteBuf>,
    holding: sharekeep::Holding,
    backup: Option<sharekeep::BackupMark>,
    offered: Option<SealedBackup>,
    share: ByteBuf,
}

#[derive(Serialize)]
struct SessionFile {
    version: u8,
    key: ByteBuf,
    tenant: TenantId,
    user: UserId,
    expires_at_unix_s: u64,
    token_unbound: bool,
}

#[derive(Serialize)]
struct DeviceFile {
    version: u8,
    device: DeviceId,
    identity_key: ByteBuf,
}

fn records([held, share]: &[KeyShare; 2]) {
    const ENCLAVE: &str = "enclave_records";
    let execution = [4; 32];
    let enclave_key = EnclaveKeyId::new([6; 32]);
    let expires_at_unix_s = NOW_UNIX_S;
    let put = |name: &str, bytes: &[u8]| seed(ENCLAVE, name, bytes);
    put(
        "session",
        &SessionRecord {
            tenant: "shop".parse().unwrap(),
            user: user(),
            device: device(),
            public_key: session_key(),
            scopes: vec![Scope::Read],
            opened_at_unix_s: NOW_UNIX_S,
            expires_at_unix_s,
            lifetime_s: 900,
        }
        .encode(),
    );
    put(
        "ceremony",
        &CeremonyRecord {
            execution,
            kind: CeremonyKind::Sign,
            state: CeremonyState::Running,
            wallet: Some(wallet()),
            enclave_key,
            expires_at_unix_s,
        }
        .encode(),
    );
    put(
        "device",
        &DeviceRecord {
            identity_key: [7; 32],
            registered_at_unix_s: 1,
            name: Some("phone".to_owned()),
            unlocked_at_unix_s: Some(1_795_000_060),
            revoked_at_unix_s: Some(2),
        }
        .encode(),
    );
    put(
        "backup",
        &BackupRecord { backup: recovery::sealed_backup(), stored_at_unix_s: NOW_UNIX_S }.encode(),
    );
    put("token", &TokenRecord { request_digest: [8; 32] }.encode());
    put("data_key", &DataKeyRecord { wrapped: vec![9; 40] }.encode());
    put("deployment", &DeploymentKeys::generate(&mut OsRng).encode());
    let locked = PreparationRecord::locked(PreparationId::new([9; 32]), mpc_protocol());
    put("preparation_locked", &locked.encode());
    put(
        "wallet",
        &WalletRecord {
            wallet: wallet(),
            scheme: Scheme::EddsaEd25519,
            protocol: Protocol::Frost,
            epoch: 1,
            status: WalletStatus::Pending,
            devices: [device()].into(),
            created_at_unix_s: 3,
            share: KeyShare::from_sealed_bytes(&share.to_sealed_bytes()).unwrap(),
        }
        .encode(),
    );

    const CLIENT: &str = "client_files";
    let receipt = include_bytes!("../../seeds/channel_receipt/receipt_v1.cbor").to_vec();
    cbor(
        CLIENT,
        "wallet",
        &WalletFile {
            version: 1,
            wallet: wallet(),
            name: Some("savings"),
            protocol: Protocol::Frost,
            epoch: 1,
            status: WalletStatus::Active,
            created_at_unix_s: 3,
            receipt: Some(ByteBuf::from(receipt)),
            holding: sharekeep::Holding::Restoring { prepared_by: Some(device()) },
            backup: Some(recovery::mark()),
            offered: Some(recovery::sealed_backup()),
            share: ByteBuf::from(held.to_sealed_bytes().to_vec()),
        },
    );
    let key = SessionSigningKey::generate(SessionAlgorithm::EcdsaP256Sha256, &mut OsRng);
    cbor(
        CLIENT,
        "session",
        &SessionFile {
            version: 1,
            key: ByteBuf::from(key.to_sealing_bytes().to_vec()),
            tenant: "shop".parse().unwrap(),
            user: user(),
            expires_at_unix_s,
            token_unbound: false,
        },
    );
    let identity_key = ByteBuf::from(vec![7; 32]);
    cbor(CLIENT, "device", &DeviceFile { version: 1, device: device(), identity_key });
    let pins = sharekeep::Pins {
        statement_key: StatementKey::from_sealing_bytes(&[9; 32]).unwrap().public_key(),
        image: Some(sharekeep::AttestedImage {
            enclave_key: EnclaveKeyPair::generate(&mut OsRng).public_key().clone(),
            pcrs: PcrSet::from([[1; 48], [2; 48], [3; 48]]),
            trust_config_hash: TrustConfigHash::from_bytes([4; 32]),
            verified_at_unix_s: NOW_UNIX_S,
        }),
    };
    seed(CLIENT, "pins", &serde_json::to_vec(&pins).unwrap());
}

fn mpc_protocol() -> sharekeep_mpc::Protocol {
    sharekeep_mpc::Protocol::Dkls23
}
