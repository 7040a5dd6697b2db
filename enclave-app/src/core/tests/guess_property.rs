//! Guesses in any order, by a function that commits what it likes and brings what it kept.

use super::guesses::scene;
use super::owner::unlock;
use proptest::prelude::*;
use sharekeep_recovery::passcode::{Passcode, PasscodeLogin};
use sharekeep_schemas::sealed::StartGuess;

#[derive(Clone, Debug)]
enum Act {
    Wrong {
        commit: bool,
    },
    /// The same KE1 as last time, in another seal.
    Again {
        commit: bool,
    },
    Right,
    /// Brings a record that was stored before.
    Old(usize),
    Restart,
    Pass(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        10 => prop::bool::weighted(0.6).prop_map(|commit| Act::Wrong { commit }),
        3 => any::<bool>().prop_map(|commit| Act::Again { commit }),
        1 => Just(Act::Right),
        2 => (0usize..8).prop_map(Act::Old),
        1 => Just(Act::Restart),
        6 => (0u16..4_000).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 32, ..Default::default() })]

    #[test]
    fn no_life_of_an_enclave_answers_more_guesses_than_the_limit(
        acts in prop::collection::vec(act(), 1..60)
    ) {
        let mut scene = scene();
        let mut kept = vec![scene.stored()];
        let mut last: Option<StartGuess> = None;
        // Answered since the last right one: in this life, and by an honest function in all lives.
        let (mut in_life, mut in_all, mut honest) = (0, 0, true);
        for act in acts {
            match act {
                Act::Wrong { commit } | Act::Again { commit } => {
                    let session = scene.session();
                    let again = matches!(act, Act::Again { .. });
                    let payload = match (&last, again) {
                        (Some(last), true) => last.clone(),
                        _ => {
                            let text = Passcode::new("wrong").unwrap();
                            let (_, ke1) =
                                PasscodeLogin::start(text, &mut rand_core::OsRng).unwrap();
                            StartGuess { version: 1, ke1: ke1.to_vec() }
                        }
                    };
                    let repeats = last.as_ref() == Some(&payload);
                    let http = session.request(&scene.world, &scene.path(), &payload);
                    let writes = match scene.world.ask(&http) {
                        Ok(answer) => {
                            if !repeats {
                                in_life += 1;
                                in_all += 1;
                            }
                            last = Some(payload);
                            answer.writes
                        }
                        Err(refused) => refused.writes,
                    };
                    if commit {
                        scene.world.commit(&writes).unwrap();
                        kept.push(scene.stored());
                    } else {
                        honest = false;
                    }
                }
                Act::Right => {
                    let session = scene.session();
                    let (user, factor) = (scene.owner.user, scene.factor);
                    if unlock(&scene.world, &session, user, factor, "correct horse").is_ok() {
                        (in_life, in_all) = (0, 0);
                        last = None;
                    }
                    kept.push(scene.stored());
                }
                Act::Old(back) => {
                    let old = kept[kept.len().saturating_sub(1 + back)].clone();
                    honest &= back == 0;
                    scene.world.store.borrow_mut().insert(scene.key(), old);
                }
                Act::Restart => {
                    scene.world.restart();
                    last = None;
                    in_life = 0;
                }
                Act::Pass(seconds) => scene.world.pass(seconds.into()),
            }
            prop_assert!(in_life <= 10, "{in_life} guesses in one life");
            prop_assert!(!honest || in_all <= 10, "{in_all} guesses");
        }
    }
}
