use crate::message::note;
use crate::phone::with_passcode;
use crate::{Deployment, Phone};
use sharekeep::Error;
use sharekeep_schemas::EventKind;
use sharekeep_schemas::http::EventView;

const RIGHT: &str = "1234";

/// How many of the events are of this kind.
pub fn count_events(events: &[EventView], kind: EventKind) -> usize {
    events.iter().filter(|event| event.kind == kind).count()
}

/// How many guesses are left after a wrong one.
pub fn wrong(error: &Error) -> u32 {
    match error {
        Error::WrongPasscode { guesses_left, .. } => *guesses_left,
        other => panic!("{other}"),
    }
}

/// Loses a device, guesses wrong twice, guesses right, signs.
pub async fn wrong_twice_then_right(deployment: Deployment) {
    let homes = tempfile::tempdir().unwrap();
    let old = Phone::fresh(&deployment, &homes.path().join("old"), "alice").await;
    old.set_up_with_passcode(RIGHT).await;
    let wallet = old.create_frost().await;
    let new = Phone::fresh(&deployment, &homes.path().join("new"), "alice").await;
    for (text, left) in [("4321", 9), ("1243", 8)] {
        let error = new.restore(with_passcode(text), &[]).await.err().unwrap();
        assert_eq!(wrong(&error), left);
        assert!(new.home.recovery().unwrap().is_none(), "nothing was pinned");
    }
    new.restore(with_passcode(RIGHT), &[]).await.unwrap();
    new.sign(wallet, &note("third time lucky")).await;

    let events = old.client.list_events(&old.session).await.unwrap();
    assert!(events.windows(2).all(|pair| pair[0].at_unix_s >= pair[1].at_unix_s));
    assert_eq!(count_events(&events, EventKind::PasscodeGuessed), 2);
    assert_eq!(count_events(&events, EventKind::RecoveryUnlocked), 1, "the right one is news too");
    assert_eq!(count_events(&events, EventKind::DeviceRegistered), 2);
    assert_eq!(count_events(&events, EventKind::FactorsChanged), 1);
    assert_eq!(count_events(&events, EventKind::WalletsRestored), 1);
    // The right one gave all guesses back.
    let error = new.user().unlock(with_passcode("4321")).await.err().unwrap();
    assert_eq!(wrong(&error), 9);
}
