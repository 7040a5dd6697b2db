//! Golden forms of version 1: whoever changes one of them makes stored records unreadable.

use super::*;
use proptest::prelude::*;
use rand_core::OsRng;
use sharekeep_mpc::{ExecutionId, KeyShare, PartyIndex, Roster, keygen};
use sharekeep_recovery::passcode::{
    Passcode, PasscodeBinding, PasscodeRegistration, PasscodeServer, RegisteredPasscode, Stretching,
};
use sharekeep_recovery::{DEFAULT_GUESS_LIMIT, GuessCount, MAX_WRAPPED_SEED_BYTES};
use sharekeep_schemas::sealed::SealedBackup;
use sharekeep_schemas::{
    CeremonyKind, CeremonyState, DeviceId, EnclaveKeyId, FactorId, FactorKind, Protocol, Scheme,
    Scope, SessionKeyAlgorithm, SessionPublicKey, UserId, WalletId, WalletStatus,
};

fn session() -> SessionRecord {
    SessionRecord {
        tenant: "shop".parse().unwrap(),
        user: UserId::new([1; 32]),
        device: DeviceId::new([2; 16]),
        public_key: SessionPublicKey { algorithm: SessionKeyAlgorithm::Ed25519, key: vec![3; 32] },
        scopes: vec![Scope::Read, Scope::Sign],
        opened_at_unix_s: 1_795_000_000,
        expires_at_unix_s: 1_795_000_900,
        lifetime_s: 900,
    }
}

fn ceremony() -> CeremonyRecord {
    CeremonyRecord {
        execution: [4; 32],
        kind: CeremonyKind::Sign,
        state: CeremonyState::Running,
        wallet: Some(WalletId::new([5; 16])),
        enclave_key: EnclaveKeyId::new([6; 32]),
        expires_at_unix_s: 1_795_000_300,
    }
}

fn device() -> DeviceRecord {
    DeviceRecord {
        identity_key: [7; 32],
        registered_at_unix_s: 1_795_000_000,
        name: Some("phone".into()),
        proved: Some([8; 16]),
        revoked_at_unix_s: None,
    }
}

#[track_caller]
fn golden(bytes: &[u8], file: &str) {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, file.trim());
}

#[test]
fn version_1_of_each_record_is_read_and_written_for_ever() {
    golden(&session().encode(), include_str!("../../fixtures/session-v1.hex"));
    golden(&ceremony().encode(), include_str!("../../fixtures/ceremony-v1.hex"));
    golden(&device().encode(), include_str!("../../fixtures/device-v1.hex"));
    let token = TokenRecord { request_digest: [8; 32] };
    golden(&token.encode(), include_str!("../../fixtures/token-v1.hex"));
    let data_key = DataKeyRecord { wrapped: vec![9; 40] };
    golden(&data_key.encode(), include_str!("../../fixtures/data-key-v1.hex"));

    assert_eq!(SessionRecord::decode(&session().encode()), Ok(session()));
    assert_eq!(CeremonyRecord::decode(&ceremony().encode()), Ok(ceremony()));
    assert_eq!(DeviceRecord::decode(&device().encode()), Ok(device()));
    assert_eq!(TokenRecord::decode(&token.encode()), Ok(token));
    assert_eq!(DataKeyRecord::decode(&data_key.encode()), Ok(data_key));
}

#[test]
fn a_wallet_survives_sealing_and_must_fit_its_share() {
    let parties = [PartyIndex(0), PartyIndex(1)];
    let mut sides = parties.map(|me| {
        let roster = Roster::new(me, &parties).unwrap();
        let execution = ExecutionId::from_bytes([1; 32]);
        keygen(sharekeep_mpc::Scheme::EddsaEd25519, execution, roster, 2, &mut OsRng).unwrap()
    });
    let mut up = sides[0].step(vec![]).unwrap();
    while !up.is_empty() {
        let down = sides[1].step(up).unwrap();
        up = sides[0].step(down).unwrap();
    }
    let share: KeyShare = sides[1].take_output().unwrap();
    let mut record = WalletRecord {
        wallet: WalletId::new([1; 16]),
        scheme: Scheme::EddsaEd25519,
        protocol: Protocol::Frost,
        epoch: 1,
        status: WalletStatus::Pending,
        devices: [DeviceId::new([2; 16])].into(),
        created_at_unix_s: 3,
        share,
    };
    let again = WalletRecord::decode(&record.encode()).ok().unwrap();
    assert_eq!(again.public_key(), record.public_key());
    let head = WalletHead::decode(&record.encode()).unwrap();
    assert_eq!((head.wallet, head.epoch, head.status), (record.wallet, 1, WalletStatus::Pending));
    record.scheme = Scheme::EcdsaSecp256k1;
    assert!(WalletRecord::decode(&record.encode()).is_err());
}

fn guessing() -> Guessing {
    Guessing {
        count: GuessCount::new(DEFAULT_GUESS_LIMIT),
        lease: Some(Lease { enclave_key: EnclaveKeyId::new([6; 32]), until_unix_s: u64::MAX }),
    }
}

#[test]
fn the_length_of_a_factor_tells_neither_its_kind_nor_whether_it_was_destroyed() {
    let registered = |kind, lock| {
        FactorRecord::Registered(RegisteredFactor {
            kind,
            added_at_unix_s: u64::MAX,
            wrapped_seed: vec![7; MAX_WRAPPED_SEED_BYTES],
            lock,
        })
    };
    let server = PasscodeServer::generate(&mut OsRng);
    // Any upload is two group elements and a masked envelope.
    let (_, request) =
        PasscodeRegistration::start(Passcode::new("p").unwrap(), &mut OsRng).unwrap();
    let (tenant, user) = ("shop".parse().unwrap(), UserId::new([1; 32]));
    let factor = FactorId::new([2; 16]);
    let stretching = Stretching::new(19 * 1024, 2, 1).unwrap();
    let binding = PasscodeBinding { tenant: &tenant, user: &user, factor, stretching };
    let (state, _) = PasscodeRegistration::start(Passcode::new("p").unwrap(), &mut OsRng).unwrap();
    let response = server.register(&request, &binding).unwrap();
    let (upload, _) = state.finish(&response, &binding, &mut OsRng).unwrap();
    let lock = FactorLock::Passcode(Box::new(PasscodeLock {
        server,
        registered: RegisteredPasscode::from_upload(&upload).unwrap(),
        guessing: guessing(),
    }));
    let records = [
        registered(FactorKind::Passcode, lock),
        registered(FactorKind::CloudFile, FactorLock::Destroyed),
        registered(FactorKind::RecoveryCode, FactorLock::Key),
        FactorRecord::Decoy(guessing()),
    ];
    let bytes = records.each_ref().map(|record| record.encode().unwrap());
    for (record, bytes) in records.iter().zip(&bytes) {
        assert_eq!((bytes.len(), bytes.capacity()), (2048, 2048));
        let again = FactorRecord::decode(bytes).ok().unwrap();
        assert_eq!(*again.encode().unwrap(), **bytes);
        assert_eq!(again.row(factor), record.row(factor));
    }
    // Padding that holds something is not what was written.
    let mut padded = bytes[3].clone();
    padded[2047] = 1;
    assert!(FactorRecord::decode(&padded).is_err());
    let longer = registered(FactorKind::RecoveryCode, FactorLock::Key);
    let FactorRecord::Registered(mut longer) = longer else { unreachable!() };
    longer.wrapped_seed = vec![7; 2_048];
    assert!(FactorRecord::Registered(longer).encode().is_err());
}

#[test]
fn a_backup_and_a_draft_survive_sealing() {
    let backup = SealedBackup {
        wallet: WalletId::new([1; 16]),
        epoch: 1,
        generation: 2,
        version: 3,
        sealed: vec![4; 8],
    };
    let record = BackupRecord { backup, stored_at_unix_s: 5 };
    golden(&record.encode(), include_str!("../../fixtures/backup-v1.hex"));
    assert_eq!(BackupRecord::decode(&record.encode()), Ok(record));
    let draft =
        PasscodeDraft { server: PasscodeServer::generate(&mut OsRng), expires_at_unix_s: 9 };
    let again = PasscodeDraft::decode(&draft.encode()).ok().unwrap();
    assert_eq!(*again.encode(), *draft.encode());
}

#[test]
fn unknown_versions_and_fields_are_refused() {
    let mut bytes = device().encode().to_vec();
    let version = bytes.windows(8).position(|w| w == b"\x67version").unwrap() + 8;
    bytes[version] = 2;
    assert_eq!(DeviceRecord::decode(&bytes), Err(NotARecord));
    let mut longer = device().encode().to_vec();
    longer[0] += 1;
    longer.extend_from_slice(b"\x61x\x00");
    assert_eq!(DeviceRecord::decode(&longer), Err(NotARecord));
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes: Vec<u8>) {
        let _ = SessionRecord::decode(&bytes);
        let _ = SessionHints::decode(&bytes);
        let _ = CeremonyRecord::decode(&bytes);
        let _ = DeviceRecord::decode(&bytes);
        let _ = TokenRecord::decode(&bytes);
        let _ = DataKeyRecord::decode(&bytes);
        let _ = WalletRecord::decode(&bytes);
        let _ = PreparationRecord::decode(&bytes);
        let _ = WalletHead::decode(&bytes);
        let _ = RecoveryRecord::decode(&bytes);
        let _ = FactorRecord::decode(&bytes);
        let _ = PasscodeDraft::decode(&bytes);
        let _ = BackupRecord::decode(&bytes);
        let _ = DeploymentKeys::decode(&bytes);
    }
}

#[test]
fn the_buffer_of_a_sealed_secret_never_grows() {
    let keys = DeploymentKeys::generate(&mut OsRng).encode();
    assert_eq!(keys.capacity(), keys.len());
}
