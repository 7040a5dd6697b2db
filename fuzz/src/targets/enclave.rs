//! What only the enclave reads: sealed records, tokens and issuers' keys, paths, the egress proxy.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use sharekeep_enclave_app::core::{Route, fuzzed_token, route};
use sharekeep_enclave_app::net::{HttpsClient, Roots};
use sharekeep_enclave_app::ports::{Address, EgressProxy, fuzzed_answer};
use sharekeep_enclave_app::record::{
    BackupRecord, CeremonyRecord, DataKeyRecord, DeploymentKeys, DeviceRecord, FactorRecord,
    PasscodeDraft, PreparationRecord, RecoveryRecord, SessionHints, SessionRecord, TokenRecord,
    WalletHead, WalletRecord,
};

use super::schemas::cbor;

/// The time of the token that is the seed.
const NOW_UNIX_S: u64 = 1_800_000_000;

/// Certificate authorities of a tenant document.
pub(crate) fn authorities(bytes: &[u8]) {
    let Ok(pem) = str::from_utf8(bytes) else { return };
    let nowhere = EgressProxy::new(Address::Unix("/nonexistent".into()));
    let _ = HttpsClient::new(Arc::new(nowhere), Roots::Pem(pem));
}

/// The proxy's answer: nothing after it may be taken from the tunnel.
pub(crate) fn proxy(bytes: &[u8]) {
    let mut rest = bytes;
    let mut context = Context::from_waker(Waker::noop());
    let answer = Box::pin(fuzzed_answer(&mut rest)).as_mut().poll(&mut context);
    // Reading from memory never waits.
    let Poll::Ready(answer) = answer else { panic!("nothing to wait for") };
    let read = &bytes[..bytes.len() - rest.len()];
    assert!(read.len() <= 1024);
    if answer.is_ok() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        assert_eq!(end.map(|end| end + 4), Some(read.len()));
    }
}

/// Every record's plaintext.
pub(crate) fn records(bytes: &[u8]) {
    macro_rules! check {
        ($($record:ident),+) => { $(
            if let Ok(record) = $record::decode(bytes) {
                let written = record.encode();
                let again = $record::decode(&written).expect("what was written can be read");
                assert!(again.encode() == written, "and is the same record");
            }
        )+ };
    }
    check!(
        BackupRecord,
        CeremonyRecord,
        DataKeyRecord,
        DeploymentKeys,
        DeviceRecord,
        PasscodeDraft,
        PreparationRecord,
        RecoveryRecord,
        SessionRecord,
        TokenRecord,
        WalletRecord
    );
    if let Ok(record) = PreparationRecord::decode(bytes) {
        let _ = record.preparation();
    }
    if let Ok(record) = FactorRecord::decode(bytes) {
        let written = record.encode().expect("what was read fits");
        let again = FactorRecord::decode(&written).expect("what was written can be read");
        assert!(again.encode() == Ok(written), "and is the same record");
    }
    cbor::<SessionHints>(bytes);
    if WalletRecord::decode(bytes).is_ok() {
        assert!(WalletHead::decode(bytes).is_ok(), "a wallet has a head");
    }
}

/// `METHOD /path`: one request has one path.
pub(crate) fn route_of(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Some((method, path)) = text.split_once(' ') else { return };
    let Ok(found) = route(method, path) else { return };
    let written = match found {
        Route::Attestation => "GET /v1/attestation".to_owned(),
        Route::OpenSession => "POST /v1/sessions".to_owned(),
        Route::RenewSession(id) => format!("POST /v1/sessions/{id}/renew"),
        Route::RevokeSession(id) => format!("POST /v1/sessions/{id}/revoke"),
        Route::CreateWallet => "POST /v1/wallets".to_owned(),
        Route::ActivateWallet(id) => format!("POST /v1/wallets/{id}/activate"),
        Route::ArchiveWallet(id) => format!("POST /v1/wallets/{id}/archive"),
        Route::PutBackup(id) => format!("POST /v1/wallets/{id}/backup"),
        Route::OpenBackup(id) => format!("POST /v1/wallets/{id}/backup/open"),
        Route::DeleteBackup(id) => format!("POST /v1/wallets/{id}/backup/delete"),
        Route::OpenRecovery => "POST /v1/recovery/open".to_owned(),
        Route::ChangeFactors => "POST /v1/recovery/factors".to_owned(),
        Route::RegisterPasscode(id) => format!("POST /v1/factors/{id}/register"),
        Route::StartGuess(id) => format!("POST /v1/factors/{id}/guess"),
        Route::FinishGuess(id) => format!("POST /v1/factors/{id}/guess/finish"),
        Route::NameDevice(id) => format!("POST /v1/devices/{id}/name"),
        Route::RevokeDevice(id) => format!("POST /v1/devices/{id}/revoke"),
        Route::Restore => "POST /v1/restore".to_owned(),
        Route::StartCeremony => "POST /v1/ceremonies".to_owned(),
        Route::StepCeremony(id) => format!("POST /v1/ceremonies/{id}/steps"),
        Route::AbortCeremony(id) => format!("POST /v1/ceremonies/{id}/abort"),
    };
    assert_eq!(written, text);
}

/// Three lines, header and claims and JWK set in JSON; or a token as it is sent.
pub(crate) fn token(bytes: &[u8]) {
    let lines: Vec<_> = bytes.splitn(3, |byte| *byte == b'\n').collect();
    let (token, keys) = match lines[..] {
        [header, claims, keys] => {
            (format!("{}.{}.AAAA", B64.encode(header), B64.encode(claims)), keys)
        }
        _ => (String::from_utf8_lossy(bytes).into_owned(), &b"{\"keys\":[]}"[..]),
    };
    let verified = fuzzed_token::verify(&token, keys, NOW_UNIX_S);
    assert_ne!(verified, Ok(true), "three bytes are nobody's signature");
}
