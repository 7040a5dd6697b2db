//! What the enclave seals and what the client keeps.

use super::{NOW_UNIX_S, cbor, device, recovery, seed, session_key, user, wallet};
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
use sharekeep_mpc::KeyShare;
use sharekeep_schemas::sealed::*;
use sharekeep_schemas::*;

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

pub(super) fn records([held, share]: &[KeyShare; 2]) {
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
            proved: Some([8; 16]),
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
