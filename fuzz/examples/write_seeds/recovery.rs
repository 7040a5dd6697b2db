//! Seeds of backup and recovery.

use rand_core::OsRng;
use serde::Serialize;
use serde_bytes::ByteBuf;
use sharekeep_channel::encapsulation::Suite;
use sharekeep_channel::receipt::StatementKey;
use sharekeep_enclave_app::record::{
    FactorLock, FactorRecord, Guessing, Lease, PasscodeDraft, PasscodeLock, RecoveryRecord,
    RegisteredFactor,
};
use sharekeep_fuzz::fixed;
use sharekeep_mpc::KeyShare;
use sharekeep_recovery::factor_set::{Change, FactorSet, FactorSetPin, NewFactor, Waiver};
use sharekeep_recovery::passcode::{PasscodeLogin, PasscodeRegistration, RegisteredPasscode};
use sharekeep_recovery::{
    BackedPreparation, DEFAULT_GUESS_LIMIT, FactorSecret, FileKey, GuessCount, RecoveryCode,
    RecoverySeed, UserBackup,
};
use sharekeep_schemas::enclave::{BackupRow, DeviceRow, EventRow, FactorRow, Row};
use sharekeep_schemas::http::Base64Url;
use sharekeep_schemas::sealed::*;
use sharekeep_schemas::*;

use crate::{NOW_UNIX_S, cbor, device, seed, wallet};

pub(crate) fn sealed_backup() -> SealedBackup {
    SealedBackup { wallet: wallet(), epoch: 1, generation: 1, version: 1, sealed: vec![1; 20] }
}

/// Their own devices' and recovery's, in requests and answers.
pub(crate) fn payloads() {
    let put = |name: &str, bytes: Vec<u8>| seed("schemas_sealed", name, &bytes);
    let (factor, wrapped_seed) = (fixed::FACTOR, vec![3; 20]);
    put("activate", codec::encode(&ActivateWallet { version: 1, backup: sealed_backup() }));
    put("backup_opened", codec::encode(&BackupOpened { backup: sealed_backup() }));
    put("register", codec::encode(&RegisterPasscode { version: 1, request: vec![4; 32] }));
    let wrap = FactorWrap {
        factor,
        wrapped_seed: wrapped_seed.clone(),
        registration: Some(vec![5; 192]),
        guess_limit: Some(7),
    };
    put(
        "change_factors",
        codec::encode(&ChangeFactors {
            version: 1,
            statement: vec![6; 20],
            wraps: vec![wrap],
            backups: vec![sealed_backup()],
        }),
    );
    let wrap = OpenWrap { factor, kind: FactorKind::ExportFile, wrapped_seed };
    let statements = vec![ByteBuf::from(vec![6; 20])];
    put("recovery_opened", codec::encode(&RecoveryOpened { statements, wraps: vec![wrap] }));
    put("guess", codec::encode(&StartGuess { version: 1, ke1: vec![7; 96] }));
    let (guesses_left, next_guess_unix_s) = (9, NOW_UNIX_S);
    put(
        "guess_started",
        codec::encode(&GuessStarted { ke2: vec![8; 320], guesses_left, next_guess_unix_s }),
    );
    put("guess_finish", codec::encode(&FinishGuess { version: 1, ke3: vec![9; 64] }));
    put("name_device", codec::encode(&NameDevice { version: 1, name: "old phone".to_owned() }));
    let restored = RestoredWallet {
        wallet: wallet(),
        epoch: 1,
        proof: vec![1; 65],
        prepared: Some(PreparedHalf { id: PreparationId::new([7; 32]), device: device() }),
    };
    put(
        "restore",
        codec::encode(&Restore {
            version: 1,
            wallets: vec![restored],
            lost: vec![device()],
            unlock: vec![2; 64],
        }),
    );
    let restored = RestoredStatus {
        wallet: wallet(),
        status: WalletStatus::Active,
        prepared: true,
        receipt: ByteBuf::from(vec![1; 9]),
    };
    put("restored", codec::encode(&Restored { wallets: vec![restored] }));
}

pub(crate) fn rows() -> [(&'static str, Row); 4] {
    let (at_unix_s, event) = (NOW_UNIX_S, EventId::new([9; 16]));
    let backup = BackupRow {
        wallet: wallet(),
        epoch: 1,
        generation: 1,
        version: 1,
        size: 20,
        stored_at_unix_s: NOW_UNIX_S,
    };
    let factor = FactorRow {
        factor: fixed::FACTOR,
        kind: FactorKind::Passcode,
        added_at_unix_s: NOW_UNIX_S,
    };
    let row = DeviceRow {
        device: device(),
        name: Some("phone".to_owned()),
        identity_key: ByteBuf::from(vec![7; 32]),
        registered_at_unix_s: 1,
        revoked_at_unix_s: Some(2),
    };
    let event = EventRow { event, kind: EventKind::PasscodeGuessed, device: device(), at_unix_s };
    [
        ("row_backup", Row::Backup(backup)),
        ("row_factor", Row::Factor(factor)),
        ("row_device", Row::Device(row)),
        ("row_event", Row::Event(event)),
    ]
}

/// The layout of the client's file, whose types are private.
#[derive(Serialize)]
struct RecoveryFile {
    version: u8,
    held: Option<Believed>,
    begun: Vec<Begun>,
    promised: Vec<ByteBuf>,
}

#[derive(Serialize)]
struct Believed {
    user: UserId,
    pin: FactorSetPin,
    statement: ByteBuf,
}

#[derive(Serialize)]
struct Begun {
    change: Believed,
    marks: Vec<(WalletId, sharekeep::BackupMark)>,
}

pub(crate) fn mark() -> sharekeep::BackupMark {
    sharekeep::BackupMark {
        version: 1,
        generation: 1,
        epoch: 1,
        digest: serde_bytes::ByteArray::new([4; 32]),
        preparation: Some((PreparationId::new([9; 32]), device())),
    }
}

/// What recovery's targets read, in the hands of the user and of the enclave.
pub(crate) fn recovery([held, _]: &[KeyShare; 2]) {
    let secret = fixed::recovery_seed();
    let code = RecoveryCode::generate(&mut fixed::rng());
    seed("recovery_code", "shown", code.to_text().as_bytes());
    let typed = code.to_text().to_lowercase().replace('-', " ").replace('0', "o");
    seed("recovery_code", "typed", typed.as_bytes());
    seed("recovery_code", "mistyped", code.to_text().replace('A', "B").as_bytes());

    let keys = FactorSecret::recovery_code(&code).keys(&fixed::TENANT, &fixed::USER, fixed::FACTOR);
    let other = FactorSecret::export_file(&FileKey::generate(&mut OsRng)).keys(
        &fixed::TENANT,
        &fixed::USER,
        FactorId::new([3; 16]),
    );
    let new = [
        NewFactor { keys: &keys, label: None },
        NewFactor { keys: &other, label: Some("in the safe".to_owned()) },
    ];
    let Change { signed, set, wrapped } =
        FactorSet::first(&fixed::TENANT, &fixed::USER, &secret, &new, Waiver::NotGiven, &mut OsRng)
            .unwrap();
    let next = RecoverySeed::generate(&mut OsRng);
    let removed = [FactorId::new([3; 16])];
    let rotated = set.rotated(&secret, &next, &removed, &[], Waiver::NotGiven, &mut OsRng).unwrap();
    seed("recovery_factor_set", "first", &signed.to_bytes());
    seed("recovery_factor_set", "rotated", &rotated.signed.to_bytes());
    let record = RecoveryRecord { id: [9; 16], statement: signed.to_bytes(), set: set.clone() };
    seed("enclave_records", "recovery", &record.encode());
    let believed = |change: &Change| Believed {
        user: fixed::USER,
        pin: change.set.pin(),
        statement: ByteBuf::from(change.signed.to_bytes()),
    };
    let begun = Begun { change: believed(&rotated), marks: vec![(wallet(), mark())] };
    let first = Change { signed, set, wrapped };
    let file = RecoveryFile {
        version: 1,
        held: Some(believed(&first)),
        begun: vec![begun],
        promised: vec![],
    };
    cbor("client_files", "recovery", &file);

    let backup = UserBackup {
        version: UserBackup::VERSION,
        name: Some("savings".to_owned()),
        protocol: Protocol::Frost,
        share: SecretBytes(held.to_sealed_bytes()),
        preparation: Some(BackedPreparation {
            id: PreparationId::new([9; 32]),
            scope: PreparationScope::Pair(Protocol::Cggmp24),
            device: device(),
            half: SecretBytes(vec![1; 20].into()),
        }),
        statement_key: StatementKey::from_sealing_bytes(&[9; 32]).unwrap().public_key(),
        recovery: first.set.recovery.clone(),
    };
    cbor("recovery_backup", "plaintext", &backup);
    let to = &first.set.recovery;
    let suite = Suite::default();
    let sealed = backup.seal(to, &fixed::backup(), suite, &mut OsRng).unwrap();
    seed("recovery_backup", "sealed", &sealed);

    kept_files(&first, &sealed);
    let lock = passcode();
    let wrapped_seed = first.wrapped[0].bytes.clone();
    let factor = |kind, lock| {
        let wrapped_seed = wrapped_seed.clone();
        let added_at_unix_s = NOW_UNIX_S;
        let factor = RegisteredFactor { kind, added_at_unix_s, wrapped_seed, lock };
        FactorRecord::Registered(factor).encode().unwrap()
    };
    let put = |name: &str, bytes: &[u8]| seed("enclave_records", name, bytes);
    put("factor_key", &factor(FactorKind::RecoveryCode, FactorLock::Key));
    put("factor_destroyed", &factor(FactorKind::Passcode, FactorLock::Destroyed));
    put("factor_decoy", &FactorRecord::Decoy(lock.guessing.clone()).encode().unwrap());
    put("factor_passcode", &factor(FactorKind::Passcode, FactorLock::Passcode(Box::new(lock))));
    let draft = PasscodeDraft { server: fixed::passcode_server(), expires_at_unix_s: NOW_UNIX_S };
    put("passcode_draft", &draft.encode());
}

fn kept_files(change: &Change, sealed: &[u8]) {
    const TARGET: &str = "client_kept_files";
    let (user, factor) = (fixed::USER, fixed::FACTOR);
    let key = Base64Url(vec![3; 32]);
    let key = serde_json::to_value(&key).unwrap();
    for kind in ["export-file", "cloud-file"] {
        let text = format!(
            "sharekeep {kind} 1\ntenant {}\nuser {user}\nfactor {factor}\nkey {}\n",
            fixed::TENANT.as_str(),
            key.as_str().unwrap(),
        );
        seed(TARGET, kind, text.as_bytes());
    }
    // Short ones stand for what is sealed: the bundle does not look inside.
    let bundle = serde_json::json!({
        "version": 1,
        "tenant": fixed::TENANT.as_str(),
        "user": user,
        "made_at_unix_s": NOW_UNIX_S,
        "statements": [Base64Url(change.signed.to_bytes())],
        "wraps": [{
            "factor": factor,
            "kind": "recovery-code",
            "wrapped_seed": Base64Url(change.wrapped[0].bytes.clone()),
        }],
        "backups": [{
            "wallet": wallet(),
            "epoch": 1,
            "generation": 1,
            "version": 1,
            "sealed": Base64Url(sealed[..20].to_vec()),
        }],
    });
    seed(TARGET, "bundle", &serde_json::to_vec(&bundle).unwrap());
}

/// An honest registration and login; the first byte of a seed tells the target which message it is.
fn passcode() -> PasscodeLock {
    let put = |which: u8, name: &str, bytes: &[u8]| {
        seed("recovery_passcode", name, &[&[which], bytes].concat());
    };
    let (binding, server) = (fixed::passcode_binding(), fixed::passcode_server());
    let rng = &mut fixed::rng();
    put(4, "server", &server.to_sealing_bytes());
    let (started, request) = PasscodeRegistration::start(fixed::passcode(), rng).unwrap();
    put(0, "register", &request);
    let response = server.register(&request, &binding).unwrap();
    put(5, "registered", &response);
    let (upload, _) = started.finish(&response, &binding, rng).unwrap();
    put(1, "upload", &upload);
    let registered = RegisteredPasscode::from_upload(&upload).unwrap();
    // As the target begins, so that it is the same login.
    let rng = &mut fixed::rng();
    let (started, ke1) = PasscodeLogin::start(fixed::passcode(), rng).unwrap();
    put(2, "ke1", &ke1);
    let (pending, ke2) = server.respond(Some(&registered), &binding, &ke1, rng).unwrap();
    put(6, "ke2", &ke2);
    let (ke3, _) = started.finish(&ke2, &binding, rng).unwrap();
    put(3, "ke3", &ke3);
    pending.finish(&ke3, &binding).unwrap();
    let lease = Lease { enclave_key: EnclaveKeyId::new([6; 32]), until_unix_s: NOW_UNIX_S };
    let count = GuessCount::new(DEFAULT_GUESS_LIMIT);
    PasscodeLock { server, registered, guessing: Guessing { count, lease: Some(lease) } }
}
