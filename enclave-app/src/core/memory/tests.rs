use super::*;
use rand_core::OsRng;

#[test]
fn one_session_key_cannot_fill_the_memory_of_all() {
    let mut memory = Memory::new(&Limits::default());
    let key = SessionKeyId::new([1; 32]);
    for _ in 0..MAX_NONCES_PER_KEY {
        memory.claim_nonce(key, &Nonce::generate(&mut OsRng), 100, 0).unwrap();
    }
    let refused = memory.claim_nonce(key, &Nonce::generate(&mut OsRng), 100, 0).unwrap_err();
    assert_eq!(refused.code, ProblemCode::RateLimited);
    let other = SessionKeyId::new([2; 32]);
    assert!(memory.claim_nonce(other, &Nonce::generate(&mut OsRng), 100, 0).is_ok());
    // When they expire, there is room again.
    assert!(memory.claim_nonce(key, &Nonce::generate(&mut OsRng), 300, 101).is_ok());
    assert_eq!(memory.nonces_per_key.len(), 1);
}

#[test]
fn one_users_locks_are_bounded_and_forget_nothing() {
    let mut memory = Memory::new(&Limits::default());
    let (user, other) = (UserId::new([1; 32]), UserId::new([2; 32]));
    let wallet = |n: u8| Locked::Wallet(WalletId::new([n; 16]));
    memory.lock(other, wallet(1));
    for n in 0..200 {
        memory.lock(user, wallet(n));
        assert!(memory.is_locked(user, wallet(n)));
    }
    assert!((0..200).all(|n| memory.is_locked(user, wallet(n))));
    assert_eq!(memory.locks[&user].len(), MAX_LOCKS_PER_USER);
    assert!(memory.is_locked(other, wallet(1)));
    assert!(!memory.is_locked(other, wallet(2)));
}

#[test]
fn a_tenant_document_cannot_go_back() {
    let mut memory = Memory::new(&Limits::default());
    let tenant: TenantId = "shop".parse().unwrap();
    assert!(memory.accept_serial(&tenant, 4));
    assert!(memory.accept_serial(&tenant, 5));
    assert!(!memory.accept_serial(&tenant, 4));
    assert!(memory.accept_serial(&tenant, 5));
}

#[test]
fn a_recovery_record_follows_the_newest_that_was_read_or_is_it() {
    let mut memory = Memory::new(&Limits::default());
    let user = UserId::new([1; 32]);
    let mark = |version, sequence, byte| RecoveryMark { version, sequence, statement: [byte; 32] };
    let mut accept =
        |version, sequence, byte| memory.accept_recovery(user, mark(version, sequence, byte));
    assert!(accept(3, 2, 7));
    assert!(accept(3, 2, 7));
    // Older, another list of the same version or number, a newer version of an older list.
    for (version, sequence, byte) in [(2, 1, 6), (3, 2, 8), (4, 2, 8), (4, 1, 6), (3, 3, 9)] {
        assert!(!accept(version, sequence, byte), "{version} {sequence} {byte}");
    }
    // Written again as it was, and changed.
    assert!(accept(4, 2, 7));
    assert!(accept(5, 3, 9));
    assert!(!accept(4, 2, 7));
}

#[test]
fn a_lock_in_memory_outlives_an_older_record() {
    let mark = WalletMark { archived: true, ..WalletMark::default() };
    assert_eq!(mark.status(WalletStatus::Active), WalletStatus::Archived);
    let mark = WalletMark { locked: true, ..WalletMark::default() };
    assert_eq!(mark.status(WalletStatus::Active), WalletStatus::Locked);
    assert_eq!(mark.status(WalletStatus::Archived), WalletStatus::Archived);
}
