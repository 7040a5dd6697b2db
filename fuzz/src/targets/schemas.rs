//! Everything on the wire and in the store that is serde alone.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Serialize, de::DeserializeOwned};
use sharekeep_enclave_app::Trust;
use sharekeep_schemas::enclave::{
    Call, EnclaveHealth, LoadedRecord, Put, RecordKey, RecordQuery, Reply, Row, StoredRecord, Write,
};
use sharekeep_schemas::fleet::FleetRow;
use sharekeep_schemas::host::HostCredentials;
use sharekeep_schemas::http::{
    AttestationAnswer, BackupView, CeremonyView, DeviceView, EventView, FactorView, Health,
    OpenSessionRequest, Page, Readiness, ReleasesAnswer, SealedAnswer, SealedRequest, SessionView,
    WalletView,
};
use sharekeep_schemas::sealed::{
    ActivateWallet, BackupDeleted, BackupOpened, BackupStored, CeremonyAborted, CeremonyAnswer,
    ChangeFactors, CreateWallet, DeviceChanged, FactorsChanged, FinishGuess, GuessFinished,
    GuessStarted, NameDevice, OpenSession, PasscodeRegistered, Plain, PutBackup, RecoveryOpened,
    RegisterPasscode, Restore, Restored, SessionOpened, SessionRenewed, SessionRevoked,
    StartCeremony, StartGuess, StepCeremony, WalletChanged,
};
use sharekeep_schemas::tenant::{SignedTenantDocument, TenantDocument};
use sharekeep_schemas::trust::TrustConfiguration;
use sharekeep_schemas::{
    CeremonyId, DeviceId, EnclaveKeyId, EventId, FactorId, IdempotencyKey, PreparationId, Problem,
    SessionKeyId, TenantId, TokenId, UserId, WalletId, codec, limits,
};

/// Reads a value; one that is read has one encoding, which is read as the same value.
pub(crate) fn cbor<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = codec::decode(bytes, limits::MAX_ENCLAVE_CALL_BYTES).ok()?;
    let written = codec::encode(&value);
    assert_eq!(*codec::encode_secret(&value), written, "both encoders write the same");
    let again: T = codec::decode(&written, usize::MAX).expect("what was written can be read");
    assert_eq!(codec::encode(&again), written, "and is the same value");
    Some(value)
}

/// The same in JSON.
pub(crate) fn json<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    let rewritten = serde_json::to_vec(&again).expect("what was read can be written");
    assert_eq!(rewritten, written, "and is the same value");
    Some(value)
}

/// What function and enclave say to each other, and what is stored.
pub(crate) fn enclave(bytes: &[u8]) {
    cbor::<Call>(bytes);
    cbor::<Reply>(bytes);
    cbor::<EnclaveHealth>(bytes);
    cbor::<HostCredentials>(bytes);
    cbor::<LoadedRecord>(bytes);
    cbor::<StoredRecord>(bytes);
    cbor::<Write>(bytes);
    cbor::<Put>(bytes);
    cbor::<Row>(bytes);
    cbor::<RecordQuery>(bytes);
    if let Some(key) = cbor::<RecordKey>(bytes) {
        assert!(!key.table().is_empty() && !key.partition().is_empty() && !key.sort().is_empty());
    }
}

/// Bodies and answers of the HTTPS interface, and rows of hosts, whose form is much the same.
pub(crate) fn http(bytes: &[u8]) {
    json::<SealedRequest>(bytes);
    json::<OpenSessionRequest>(bytes);
    json::<SealedAnswer>(bytes);
    json::<AttestationAnswer>(bytes);
    json::<Page<WalletView>>(bytes);
    json::<Page<SessionView>>(bytes);
    json::<Page<BackupView>>(bytes);
    json::<Page<FactorView>>(bytes);
    json::<Page<DeviceView>>(bytes);
    json::<Page<EventView>>(bytes);
    json::<ReleasesAnswer>(bytes);
    json::<CeremonyView>(bytes);
    json::<Health>(bytes);
    json::<Readiness>(bytes);
    json::<Problem>(bytes);
    json::<FleetRow>(bytes);
}

/// Ids as text: one id has one spelling.
pub(crate) fn ids(bytes: &[u8]) {
    fn check<T: FromStr + Display>(text: &str) {
        if let Ok(id) = text.parse::<T>() {
            assert_eq!(id.to_string(), text);
        }
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    check::<UserId>(text);
    check::<WalletId>(text);
    check::<DeviceId>(text);
    check::<CeremonyId>(text);
    check::<PreparationId>(text);
    check::<EnclaveKeyId>(text);
    check::<EventId>(text);
    check::<FactorId>(text);
    check::<SessionKeyId>(text);
    check::<TokenId>(text);
    check::<TenantId>(text);
    check::<IdempotencyKey>(text);
}

/// What operators sign or build in.
pub(crate) fn operator(bytes: &[u8]) {
    cbor::<TenantDocument>(bytes);
    if let Some(signed) = cbor::<SignedTenantDocument>(bytes) {
        cbor::<TenantDocument>(&signed.document);
    }
    cbor::<TrustConfiguration>(bytes);
    if let Ok(trust) = Trust::from_bytes(bytes) {
        assert!(trust.kms_host().is_ascii(), "the host becomes part of an address");
    }
}

/// What travels inside the encapsulation.
pub(crate) fn sealed(bytes: &[u8]) {
    cbor::<OpenSession>(bytes);
    cbor::<Plain>(bytes);
    cbor::<CreateWallet>(bytes);
    cbor::<StartCeremony>(bytes);
    cbor::<StepCeremony>(bytes);
    cbor::<SessionOpened>(bytes);
    cbor::<SessionRenewed>(bytes);
    cbor::<SessionRevoked>(bytes);
    cbor::<CeremonyAnswer>(bytes);
    cbor::<WalletChanged>(bytes);
    cbor::<CeremonyAborted>(bytes);
    cbor::<ActivateWallet>(bytes);
    cbor::<PutBackup>(bytes);
    cbor::<BackupStored>(bytes);
    cbor::<BackupOpened>(bytes);
    cbor::<BackupDeleted>(bytes);
    cbor::<RegisterPasscode>(bytes);
    cbor::<PasscodeRegistered>(bytes);
    cbor::<ChangeFactors>(bytes);
    cbor::<FactorsChanged>(bytes);
    cbor::<RecoveryOpened>(bytes);
    cbor::<StartGuess>(bytes);
    cbor::<GuessStarted>(bytes);
    cbor::<FinishGuess>(bytes);
    cbor::<GuessFinished>(bytes);
    cbor::<NameDevice>(bytes);
    cbor::<DeviceChanged>(bytes);
    cbor::<Restore>(bytes);
    cbor::<Restored>(bytes);
}
