//! Backup and recovery: signed lists of factors, codes, passcode messages, backups.

use sharekeep_channel::encapsulation::Suite;
use sharekeep_recovery::factor_set::SignedFactorSet;
use sharekeep_recovery::passcode::{
    KE1_BYTES, KE2_BYTES, KE3_BYTES, PasscodeLogin, PasscodeRegistration, PasscodeServer,
    REGISTRATION_REQUEST_BYTES, REGISTRATION_RESPONSE_BYTES, REGISTRATION_UPLOAD_BYTES,
    RegisteredPasscode,
};
use sharekeep_recovery::{
    FactorKeys, FactorSecret, MAX_BACKUP_PLAINTEXT_BYTES, RecoveryCode, UserBackup,
};
use sharekeep_schemas::codec;

use super::schemas::cbor;
use crate::fixed;

/// A backup's plaintext; and what the service serves as a sealed one.
pub(crate) fn backup(bytes: &[u8]) {
    let (keys, context) = (fixed::recovery_seed().keys(1), fixed::backup());
    let open = |sealed: &[u8]| UserBackup::open(&keys, &context, sealed);
    if let Ok(backup) = open(bytes) {
        cbor::<UserBackup>(&codec::encode_secret(&backup));
    }
    let Some(backup) = cbor::<UserBackup>(bytes) else { return };
    let written = codec::encode_secret(&backup);
    let sealed = backup.seal(keys.public(), &context, Suite::default(), &mut fixed::rng());
    assert_eq!(sealed.is_ok(), written.len() <= MAX_BACKUP_PLAINTEXT_BYTES);
    let Ok(sealed) = sealed else { return };
    let opened = open(&sealed).ok();
    assert_eq!(opened.is_some(), backup.version == UserBackup::VERSION);
    assert!(opened.is_none_or(|opened| codec::encode_secret(&opened) == written));
}

/// A recovery code as somebody types it: one code has one text.
pub(crate) fn code(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(code) = RecoveryCode::parse(text) {
        let shown = code.to_text();
        let again = RecoveryCode::parse(&shown).expect("what is shown can be typed");
        assert_eq!(again.to_text(), shown);
    }
}

fn factor_keys() -> FactorKeys {
    let code = RecoveryCode::generate(&mut fixed::rng());
    FactorSecret::recovery_code(&code).keys(&fixed::TENANT, &fixed::USER, fixed::FACTOR)
}

/// A signed list of factors: to the enclave, to a device that pinned one, to one with a factor only.
pub(crate) fn factor_set(bytes: &[u8]) {
    let Ok(signed) = SignedFactorSet::from_bytes(bytes) else { return };
    let written = signed.to_bytes();
    let again = SignedFactorSet::from_bytes(&written).expect("what was written can be read");
    assert!(again == signed && again.to_bytes() == written, "and is the same list");
    let _ = signed.unlock(&factor_keys(), bytes);
    if let Ok(set) = signed.stored() {
        let _ = signed.verify(&set.tenant, &set.user, &set.pin());
        let _ = signed.verify_successor(&set);
        let _ = (set.factors.len(), set.hash());
    }
    if let Ok(set) = signed.verify_first(&fixed::TENANT, &fixed::USER) {
        let stored = signed.stored();
        assert!(stored.is_ok_and(|stored| stored == set), "what was checked is what is kept");
        let pinned = signed.verify(&fixed::TENANT, &fixed::USER, &set.pin());
        assert!(pinned.is_ok_and(|pinned| pinned == set), "who pinned it keeps it");
    }
}

/// A passcode's messages and records. The first byte chooses which; the rest is it, cut or filled
/// up to its length.
pub(crate) fn passcode(bytes: &[u8]) {
    let [which, bytes @ ..] = bytes else { return };
    let (binding, server) = (fixed::passcode_binding(), fixed::passcode_server());
    let rng = &mut fixed::rng();
    match which % 7 {
        0 => {
            let _ = server.register(&fitted::<REGISTRATION_REQUEST_BYTES>(bytes), &binding);
        }
        1 => {
            let upload = fitted::<REGISTRATION_UPLOAD_BYTES>(bytes);
            let Ok(registered) = RegisteredPasscode::from_upload(&upload) else { return };
            assert_eq!(registered.to_sealing_bytes()[..], upload, "one form");
            let (_, ke1) = PasscodeLogin::start(fixed::passcode(), rng).expect("all is ours");
            assert!(server.respond(Some(&registered), &binding, &ke1, rng).is_ok());
        }
        2 => {
            let ke1 = fitted::<KE1_BYTES>(bytes);
            let _ = server.respond(None, &binding, &ke1, rng);
        }
        3 => {
            let (_, ke1) = PasscodeLogin::start(fixed::passcode(), rng).expect("all is ours");
            let (pending, _) =
                server.respond(None, &binding, &ke1, rng).expect("all of it is ours");
            let ke3 = fitted::<KE3_BYTES>(bytes);
            assert!(pending.finish(&ke3, &binding).is_err(), "there is no passcode");
        }
        4 => {
            let stored = fitted::<128>(bytes);
            if let Ok(server) = PasscodeServer::from_sealing_bytes(&stored) {
                assert_eq!(server.to_sealing_bytes()[..], stored, "one form");
            }
        }
        5 => {
            let (started, _) =
                PasscodeRegistration::start(fixed::passcode(), rng).expect("all is ours");
            let response = fitted::<REGISTRATION_RESPONSE_BYTES>(bytes);
            if let Ok((upload, _)) = started.finish(&response, &binding, rng) {
                assert!(RegisteredPasscode::from_upload(&upload).is_ok(), "the enclave takes it");
            }
        }
        _ => {
            let (started, _) = PasscodeLogin::start(fixed::passcode(), rng).expect("all is ours");
            let _ = started.finish(&fitted::<KE2_BYTES>(bytes), &binding, rng);
        }
    }
}

fn fitted<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut fitted = [0; N];
    fitted.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    fitted
}
