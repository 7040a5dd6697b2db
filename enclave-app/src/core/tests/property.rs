//! Random sequences of calls by a client and a function that both misbehave.

use super::client::{Sealed, decode_messages, encode_messages, open};
use super::device::{active, device_keygen, device_signature, nonce};
use super::{Client, World};
use crate::core::lock;
use proptest::prelude::*;
use sharekeep_channel::encapsulation::ResponseOpener;
use sharekeep_schemas::sealed::{CeremonyAnswer, CreateWallet, Plain, StepCeremony};
use sharekeep_schemas::{CeremonyId, Protocol, Scheme, WalletId};
use std::collections::HashMap;

#[derive(Clone, Debug)]
enum Act {
    StartKeygen,
    StartSign,
    /// Takes the newest ceremony on by the right step, or by another one.
    Step {
        offset: i8,
        mangle: bool,
    },
    Abort,
    /// Sends an earlier sealed request again, freshly signed.
    Retry(usize),
    Archive,
    Restart,
    Pass(u16),
}

fn act() -> impl Strategy<Value = (Act, bool)> {
    let act = prop_oneof![
        3 => Just(Act::StartKeygen),
        4 => Just(Act::StartSign),
        8 => (-2i8..3, prop::bool::weighted(0.2))
            .prop_map(|(offset, mangle)| Act::Step { offset, mangle }),
        1 => Just(Act::Abort),
        6 => (0usize..20).prop_map(Act::Retry),
        1 => Just(Act::Archive),
        1 => Just(Act::Restart),
        1 => (0u16..200).prop_map(Act::Pass),
    ];
    (act, prop::bool::weighted(0.7))
}

struct Player {
    world: World,
    client: Client,
    sent: Vec<(Sealed, ResponseOpener)>,
    /// The one answer to each step of each ceremony.
    answers: HashMap<(CeremonyId, u32), Vec<u8>>,
    keygen: Option<(sharekeep_mpc::Ceremony<sharekeep_mpc::KeyShare>, CeremonyAnswer)>,
}

impl Player {
    fn send(
        &mut self,
        sealed: Sealed,
        opener: ResponseOpener,
        commit: bool,
    ) -> Option<CeremonyAnswer> {
        let http = self.client.sign(&self.world, &sealed);
        self.sent.push((sealed.clone(), opener));
        let result = self.world.ask(&http);
        let (body, writes) = match result {
            Ok(answer) => (Some(answer.body), answer.writes),
            Err(refused) => (None, refused.writes),
        };
        if commit {
            // A condition may fail where an earlier answer was never committed.
            let _ = self.world.commit(&writes);
        }
        let ceremonial = sealed.path == "/v1/wallets" || sealed.path.contains("/ceremonies");
        let body = body.filter(|_| ceremonial && !sealed.path.ends_with("/abort"))?;
        let (_, opener) = self.sent.last()?;
        let answer: CeremonyAnswer = open(opener, &body);
        let known = self.answers.entry((answer.ceremony, answer.step)).or_insert(body.clone());
        assert_eq!(*known, body, "two answers to one step");
        Some(answer)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 64, ..Default::default() })]

    #[test]
    fn no_step_ever_has_two_answers_and_nothing_panics(acts in prop::collection::vec(act(), 1..40)) {
        let (world, client) = (World::new(), Client::new("shop", "alice"));
        client.sign_up(&world);
        let wallet = active(&world, &client, Scheme::EddsaEd25519, Protocol::Frost);
        let mut player =
            Player { world, client, sent: vec![], answers: HashMap::new(), keygen: None };
        for (act, commit) in acts {
            match act {
                Act::StartKeygen => {
                    let (id, client_nonce) = (WalletId::try_from(&nonce()[..16]).unwrap(), nonce());
                    let (scheme, protocol) = (Scheme::SchnorrBip340, Protocol::Frost);
                    let mut device =
                        device_keygen(&player.world, scheme, protocol, id, &client_nonce);
                    let start = CreateWallet {
                        version: 1, wallet: id, scheme, protocol, client_nonce,
                        messages: encode_messages(&device.step(vec![]).unwrap()),
                    };
                    let (sealed, opener) =
                        player.client.seal(&player.world, "/v1/wallets", &start);
                    if let Some(answer) = player.send(sealed, opener, commit) {
                        player.keygen = Some((device, answer));
                    }
                }
                Act::StartSign => {
                    let (_, start) = device_signature(&player.world, &wallet, b"hello");
                    let (sealed, opener) =
                        player.client.seal(&player.world, "/v1/ceremonies", &start);
                    player.send(sealed, opener, commit);
                }
                Act::Step { offset, mangle } => {
                    let Some((device, answer)) = &mut player.keygen else { continue };
                    let mut up = device.step(decode_messages(&answer.messages)).unwrap_or_default();
                    if mangle && let Some(message) = up.first_mut() {
                        message.body.push(0);
                    }
                    let step = answer.step.saturating_add(1).saturating_add_signed(offset.into());
                    let payload = StepCeremony { version: 1, step, messages: encode_messages(&up) };
                    let path = format!("/v1/ceremonies/{}/steps", answer.ceremony);
                    let (sealed, opener) = player.client.seal(&player.world, &path, &payload);
                    player.send(sealed, opener, commit);
                }
                Act::Abort => {
                    let Some((_, answer)) = &player.keygen else { continue };
                    let path = format!("/v1/ceremonies/{}/abort", answer.ceremony);
                    let (sealed, opener) =
                        player.client.seal(&player.world, &path, &Plain::default());
                    player.send(sealed, opener, commit);
                }
                Act::Retry(back) => {
                    if player.sent.is_empty() { continue }
                    let index = player.sent.len() - 1 - back % player.sent.len();
                    let (sealed, opener) = player.sent.remove(index);
                    player.send(sealed, opener, commit);
                }
                Act::Archive => {
                    let path = format!("/v1/wallets/{}/archive", wallet.id);
                    let (sealed, opener) =
                        player.client.seal(&player.world, &path, &Plain::default());
                    player.send(sealed, opener, commit);
                }
                Act::Restart => player.world.restart(),
                Act::Pass(seconds) => player.world.pass(seconds.into()),
            }
            lock(&player.world.core.ceremonies).check_sums();
        }
    }
}
