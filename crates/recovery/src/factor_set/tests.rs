use super::*;
use crate::factor::{FactorKeys, FactorSecret, FileKey};
use crate::{Error, ExportKey, RecoverySeed};
use proptest::prelude::*;
use rand_core::OsRng;
use std::collections::{BTreeMap, BTreeSet};

const USER: UserId = UserId::new([1; 32]);

fn tenant() -> TenantId {
    "app".parse().unwrap()
}

fn id(number: u8) -> FactorId {
    FactorId::new([number; 16])
}

/// A factor's keys by number; every fourth is a passcode.
fn keys(number: u8) -> FactorKeys {
    let secret = if number % 4 == 3 {
        FactorSecret::passcode(&ExportKey::from_bytes(&[number; 64]))
    } else {
        FactorSecret::export_file(&FileKey::from_bytes(&[number; 32]).unwrap())
    };
    secret.keys(&tenant(), &USER, id(number))
}

fn new(keys: &FactorKeys) -> NewFactor<'_> {
    NewFactor { keys, label: Some("a name".to_owned()) }
}

fn seed(number: u8) -> RecoverySeed {
    RecoverySeed::from_bytes(&[number; 32]).unwrap()
}

fn first(numbers: &[u8]) -> Change {
    let all: Vec<_> = numbers.iter().map(|number| keys(*number)).collect();
    let all: Vec<_> = all.iter().map(new).collect();
    FactorSet::first(&tenant(), &USER, &seed(1), &all, Waiver::NotGiven, &mut OsRng).unwrap()
}

fn rotated(from: &FactorSet, old: u8, next: u8, remove: &[u8]) -> Change {
    let remove: Vec<_> = remove.iter().map(|number| id(*number)).collect();
    from.rotated(&seed(old), &seed(next), &remove, &[], Waiver::NotGiven, &mut OsRng).unwrap()
}

/// A set of the attacker's making, changed as `change` says and signed with the seed at hand.
fn forged(
    set: &FactorSet,
    with: &RecoverySeed,
    change: impl FnOnce(&mut FactorSet),
) -> SignedFactorSet {
    let mut set = set.clone();
    change(&mut set);
    SignedFactorSet::new(&set, &with.keys(set.recovery.generation))
}

fn wrapped_for(change: &Change, number: u8) -> &[u8] {
    &change.wrapped.iter().find(|wrapped| wrapped.factor == id(number)).unwrap().bytes
}

fn broken<T>(result: Result<T>) -> BrokenRule {
    match result {
        Err(Error::SetRule(rule)) => rule,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn every_factor_unlocks_the_seed_and_no_stranger_does() {
    let made = first(&[0, 1, 3]);
    for number in [0, 1, 3] {
        let unlocked = made.signed.unlock(&keys(number), wrapped_for(&made, number)).unwrap();
        assert_eq!(unlocked.seed.as_bytes(), seed(1).as_bytes());
        assert_eq!(unlocked.set, made.set);
    }
    assert!(made.signed.unlock(&keys(2), wrapped_for(&made, 0)).is_err());
    assert!(made.signed.unlock(&keys(1), wrapped_for(&made, 0)).is_err());
}

#[test]
fn the_bytes_come_back_and_other_bytes_are_refused() {
    let signed = first(&[0, 1]).signed;
    let bytes = signed.to_bytes();
    assert_eq!(SignedFactorSet::from_bytes(&bytes).unwrap(), signed);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let result = SignedFactorSet::from_bytes(&changed)
            .and_then(|signed| signed.verify_first(&tenant(), &USER));
        assert!(result.is_err(), "byte {at}");
    }
    assert!(SignedFactorSet::from_bytes(&[bytes, vec![0]].concat()).is_err());
    assert!(SignedFactorSet::from_bytes(&vec![0; 1 << 20]).is_err());
}

#[test]
fn the_largest_set_fits_its_limit() {
    let numbers: Vec<u8> = (0..MAX_FACTORS as u8).collect();
    let mut change = first(&numbers);
    for generation in 1..=40u8 {
        let set = &change.set;
        if generation == 30 {
            // The factors of the first generation make room before the lineage forgets it.
            let fresh: Vec<_> = (100..100 + MAX_FACTORS as u8).map(keys).collect();
            let fresh: Vec<_> = fresh
                .iter()
                .map(|keys| NewFactor { keys, label: Some("x".repeat(MAX_LABEL_BYTES)) })
                .collect();
            let old: Vec<_> = set.factors.iter().map(|factor| factor.id).collect();
            change = set
                .rotated(
                    &seed(generation),
                    &seed(generation + 1),
                    &old,
                    &fresh,
                    Waiver::NotGiven,
                    &mut OsRng,
                )
                .unwrap();
        } else {
            change = rotated(set, generation, generation + 1, &[]);
        }
        let bytes = change.signed.to_bytes();
        let read = SignedFactorSet::from_bytes(&bytes).unwrap();
        read.verify(&tenant(), &USER, &change.set.pin()).unwrap();
    }
    assert_eq!(change.set.lineage.len(), MAX_LINEAGE);
}

#[test]
fn a_factor_that_slept_through_too_many_rotations_must_be_registered_anew() {
    let mut set = first(&[0]).set;
    for generation in 1..=MAX_LINEAGE as u8 {
        set = rotated(&set, generation, generation + 1, &[]).set;
    }
    let last = MAX_LINEAGE as u8 + 1;
    let result = set.rotated(&seed(last), &seed(last + 1), &[], &[], Waiver::NotGiven, &mut OsRng);
    assert_eq!(broken(result), BrokenRule::FactorTooOld);
}

#[test]
fn the_last_factor_cannot_go_and_a_passcode_alone_needs_a_waiver() {
    let set = first(&[0, 3]).set;
    let without = |remove: &[FactorId], waiver| {
        set.rotated(&seed(1), &seed(2), remove, &[], waiver, &mut OsRng)
    };
    let result = without(&[id(0), id(3)], Waiver::PasscodeAlone);
    assert_eq!(broken(result), BrokenRule::NoFactor);
    assert_eq!(broken(without(&[id(0)], Waiver::NotGiven)), BrokenRule::WaiverNeeded);
    assert!(without(&[id(0)], Waiver::PasscodeAlone).is_ok());
    assert!(without(&[id(3)], Waiver::NotGiven).is_ok());
}

#[test]
fn a_passcode_and_a_cloud_file_together_still_need_a_waiver() {
    let cloud = FactorSecret::cloud_file(
        &FileKey::from_bytes(&[8; 32]).unwrap(),
        &ExportKey::from_bytes(&[8; 64]),
    )
    .keys(&tenant(), &USER, id(8));
    let passcode = keys(3);
    let both = [new(&passcode), new(&cloud)];
    let with = |waiver| FactorSet::first(&tenant(), &USER, &seed(1), &both, waiver, &mut OsRng);
    assert_eq!(broken(with(Waiver::NotGiven)), BrokenRule::WaiverNeeded);
    assert!(with(Waiver::PasscodeAlone).is_ok());
}

#[test]
fn too_many_repeated_or_badly_named_factors_are_refused() {
    let all: Vec<_> = (0..=MAX_FACTORS as u8).map(keys).collect();
    let make = |factors: &[NewFactor<'_>]| {
        FactorSet::first(&tenant(), &USER, &seed(1), factors, Waiver::NotGiven, &mut OsRng)
    };
    let many: Vec<_> = all.iter().map(new).collect();
    assert_eq!(broken(make(&many)), BrokenRule::TooManyFactors);
    assert_eq!(broken(make(&[new(&all[0]), new(&all[0])])), BrokenRule::RepeatedFactor);
    for label in ["", "line\nbreak", &"x".repeat(MAX_LABEL_BYTES + 1)] {
        let named = NewFactor { keys: &all[0], label: Some(label.to_owned()) };
        assert_eq!(broken(make(&[named])), BrokenRule::Label);
    }
}

#[test]
fn a_device_takes_later_sets_of_its_key_and_of_keys_that_follow() {
    let start = first(&[0, 1]);
    let pin = start.set.pin();
    let added =
        start.set.amended(&seed(1), &[new(&keys(2))], Waiver::NotGiven, &mut OsRng).unwrap();
    let turned = rotated(&added.set, 1, 2, &[0]);
    let twice = rotated(&turned.set, 2, 3, &[1]);
    for change in [&start, &added, &turned, &twice] {
        assert_eq!(change.signed.verify(&tenant(), &USER, &pin).unwrap(), change.set);
    }
    let pin = turned.set.pin();
    for older in [&start, &added] {
        let result = older.signed.verify(&tenant(), &USER, &pin);
        assert!(matches!(result, Err(Error::SetRolledBack)));
    }
    let other =
        start.set.amended(&seed(1), &[new(&keys(4))], Waiver::NotGiven, &mut OsRng).unwrap();
    let result = other.signed.verify(&tenant(), &USER, &added.set.pin());
    assert!(matches!(result, Err(Error::SetForked)));
    let result = start.signed.verify(&tenant(), &UserId::new([9; 32]), &start.set.pin());
    assert!(matches!(result, Err(Error::SetForAnother)));
}

#[test]
fn a_swapped_recovery_key_is_refused_by_a_device_that_pinned_one() {
    let mine = first(&[0]);
    // All the attacker's, with later numbers; and the user's lineage with the attacker's key behind.
    let theirs = FactorSet::first(
        &tenant(),
        &USER,
        &seed(66),
        &[new(&keys(0))],
        Waiver::NotGiven,
        &mut OsRng,
    )
    .unwrap();
    let later = theirs.set.amended(&seed(66), &[], Waiver::NotGiven, &mut OsRng).unwrap();
    let result = later.signed.verify(&tenant(), &USER, &mine.set.pin());
    assert!(matches!(result, Err(Error::SetUnrelated)));
    let turned = rotated(&mine.set, 1, 2, &[]);
    let grafted = forged(&turned.set, &seed(66), |set| {
        set.recovery = seed(66).keys(2).public().clone();
        set.lineage[0].to = set.recovery.clone();
    });
    let result = grafted.verify(&tenant(), &USER, &mine.set.pin());
    assert!(matches!(result, Err(Error::SetUnrelated)));
    let result = grafted.verify_successor(&mine.set);
    assert!(result.is_err());
}

/// The factor's public key is known to the service, so it can seal a seed of its own to it and sign a
/// set that names it. Only the factor's secret tells them apart.
#[test]
fn a_seed_planted_for_a_fresh_device_is_refused() {
    let mine = first(&[0]);
    let evil = seed(66);
    let recovery = evil.keys(1).public().clone();
    let factor = &mine.set.factors[0];
    let place = mine.set.place(factor);
    let planted = crate::wrap_seed(&evil, 1, &factor.key, &place, &mut OsRng).unwrap();
    let hash = crate::wrap_hash(&planted);
    let swapped = forged(&mine.set, &evil, |set| {
        set.recovery = recovery.clone();
        set.factors[0].since = recovery.clone();
        set.factors[0].wrap_hash = hash;
    });
    assert!(swapped.verify_first(&tenant(), &USER).is_ok(), "it is consistent in itself");
    assert!(matches!(swapped.unlock(&keys(0), &planted), Err(Error::Unlocking)));
    // With the true registration kept, the keys no longer follow from it.
    let swapped = forged(&mine.set, &evil, |set| {
        let next = evil.keys(2).public().clone();
        set.lineage = vec![Rotation { to: next.clone(), signature: ByteArray::new([7; 64]) }];
        set.recovery = next;
        set.sequence = 2;
        set.previous = Some(ByteArray::new([7; 32]));
        set.factors[0].wrap_hash = hash;
    });
    assert!(matches!(swapped.unlock(&keys(0), &planted), Err(Error::SetUnrelated)));
}

#[test]
fn the_enclave_takes_only_changes_that_keep_the_rules() {
    let start = first(&[0, 1]);
    let turned = rotated(&start.set, 1, 2, &[1]);
    turned.signed.verify_successor(&start.set).unwrap();
    let added =
        start.set.amended(&seed(1), &[new(&keys(2))], Waiver::NotGiven, &mut OsRng).unwrap();
    added.signed.verify_successor(&start.set).unwrap();
    // Not next, or of another branch.
    assert_eq!(broken(start.signed.verify_successor(&start.set)), BrokenRule::NotSuccessor);
    assert_eq!(broken(turned.signed.verify_successor(&added.set)), BrokenRule::NotSuccessor);
    assert_eq!(broken(turned.signed.verify_first(&tenant(), &USER)), BrokenRule::NotSuccessor);

    type Edit = fn(&mut FactorSet);
    let in_place: [(Edit, BrokenRule); 5] = [
        (|set| drop(set.factors.remove(0)), BrokenRule::RotationNeeded),
        (|set| set.factors[0].key = keys(9).public_key(), BrokenRule::FactorChanged),
        (|set| set.factors[0].wrap_hash = ByteArray::new([9; 32]), BrokenRule::FactorChanged),
        (|set| set.factors[0].voucher = ByteArray::new([9; 32]), BrokenRule::FactorChanged),
        (|set| set.sequence += 1, BrokenRule::NotSuccessor),
    ];
    for (edit, rule) in in_place {
        let signed = forged(&added.set, &seed(1), edit);
        assert_eq!(broken(signed.verify_successor(&start.set)), rule);
    }
    let old_box = start.set.factors[0].wrap_hash;
    let signed = forged(&turned.set, &seed(2), |set| set.factors[0].wrap_hash = old_box);
    assert_eq!(broken(signed.verify_successor(&start.set)), BrokenRule::NotRotated);
}

#[test]
fn a_new_generation_with_the_old_seed_is_refused() {
    let start = first(&[0, 1]);
    let result = start.set.rotated(&seed(1), &seed(1), &[id(1)], &[], Waiver::NotGiven, &mut OsRng);
    assert_eq!(broken(result), BrokenRule::NotRotated);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any history of additions and removals: the enclave and a pinning device follow it, each
    /// present factor unlocks, and what is stored after a removal opens for no removed factor.
    #[test]
    fn a_removed_factor_opens_nothing_stored_afterwards(
        history in proptest::collection::vec((any::<bool>(), any::<u8>()), 1..12),
    ) {
        let start = first(&[0, 1]);
        let pin = start.set.pin();
        let mut set = start.set.clone();
        let mut boxes: BTreeMap<FactorId, Vec<u8>> =
            start.wrapped.into_iter().map(|w| (w.factor, w.bytes)).collect();
        let mut signed = start.signed;
        let (mut present, mut gone) = (BTreeSet::from([0u8, 1]), BTreeSet::new());
        let (mut generation, mut next) = (1u8, 2u8);
        for (add, choice) in history {
            let change = if add || present.len() == 1 {
                let keys = keys(next);
                present.insert(next);
                next += 1;
                set.amended(&seed(generation), &[new(&keys)], Waiver::PasscodeAlone, &mut OsRng)
            } else {
                let which = *present.iter().nth(usize::from(choice) % present.len()).unwrap();
                present.remove(&which);
                gone.insert(which);
                generation += 1;
                let (old, new) = (seed(generation - 1), seed(generation));
                set.rotated(&old, &new, &[id(which)], &[], Waiver::PasscodeAlone, &mut OsRng)
            }
            .unwrap();
            prop_assert_eq!(&change.signed.verify_successor(&set).unwrap(), &change.set);
            prop_assert_eq!(&change.signed.verify(&tenant(), &USER, &pin).unwrap(), &change.set);
            boxes.retain(|id, _| change.set.factor(*id).is_some());
            boxes.extend(change.wrapped.into_iter().map(|w| (w.factor, w.bytes)));
            (set, signed) = (change.set, change.signed);
        }
        for number in &present {
            let unlocked = signed.unlock(&keys(*number), &boxes[&id(*number)]).unwrap();
            let expected = seed(generation);
            prop_assert_eq!(unlocked.seed.as_bytes(), expected.as_bytes());
        }
        prop_assert_eq!(boxes.len(), present.len());
        for (number, (id, wrapped)) in
            gone.iter().flat_map(|number| boxes.iter().map(move |each| (number, each)))
        {
            let stranger = keys(*number);
            prop_assert!(stranger.unwrap_seed(u64::from(generation), wrapped).is_err());
            prop_assert!(signed.unlock(&stranger, wrapped).is_err(), "{id}");
        }
    }
}
