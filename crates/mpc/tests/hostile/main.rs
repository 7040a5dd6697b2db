//! Each kind of bad message ends the ceremony, names its sender, and costs nothing.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cheating;
mod mismatched;
#[path = "../parties/mod.rs"]
mod parties;

use std::time::{Duration, Instant};

use ciborium::Value;
use parties::{execution, roster, run, shares, test_primes};
use rand_core::OsRng;
use sharekeep_mpc::{
    Ceremony, Fault, KeyShare, PartyIndex, Phase, Preparing, Scheme, WireMessage, keygen, prepare,
};

const CLIENT: PartyIndex = PartyIndex(0);
const SERVER: PartyIndex = PartyIndex(1);

fn keygen_pair() -> [Ceremony<KeyShare>; 2] {
    [0, 1].map(|me| {
        let roster = roster(me, &[0, 1]);
        keygen(Scheme::EddsaEd25519, execution(1), roster, 2, &mut OsRng).unwrap()
    })
}

/// The server after hearing `messages`, which must end it.
fn refusal(mut server: Ceremony<KeyShare>, messages: Vec<WireMessage>) -> Fault {
    let fault = server.step(messages).unwrap_err();
    assert_eq!(server.phase(), Phase::Failed);
    assert!(server.take_output().is_none());
    assert_eq!(server.step(vec![]), Err(Fault::Over), "it says nothing more");
    fault
}

/// The server's fault after the client's first message was altered.
fn after(alter: impl FnOnce(&mut WireMessage)) -> Fault {
    let [mut client, server] = keygen_pair();
    let mut up = client.step(vec![]).unwrap();
    alter(&mut up[0]);
    refusal(server, up)
}

#[test]
fn a_message_of_another_ceremony_is_foreign() {
    let fault = after(|message| message.execution = execution(9));
    assert_eq!(fault, Fault::Foreign { party: CLIENT });
}

#[test]
fn somebody_who_does_not_take_part_is_a_stranger_and_so_is_oneself() {
    for from in [PartyIndex(2), SERVER] {
        assert_eq!(after(|message| message.from = from), Fault::Stranger { party: from });
    }
}

#[test]
fn a_broadcast_sent_privately_or_a_message_for_another_is_misaddressed() {
    for to in [SERVER, PartyIndex(2)] {
        let fault = after(|message| message.to = Some(to));
        assert_eq!(fault, Fault::Misaddressed { party: CLIENT });
    }
}

#[test]
fn a_private_message_sent_to_all_is_misaddressed() {
    let [mut client, mut server] = keygen_pair();
    let down = server.step(client.step(vec![]).unwrap()).unwrap();
    let mut up = client.step(down).unwrap();
    let private = up.iter_mut().find(|message| message.to.is_some()).unwrap();
    private.to = None;
    assert_eq!(refusal(server, up), Fault::Misaddressed { party: CLIENT });
}

#[test]
fn a_repeated_message_is_a_duplicate() {
    let [mut client, server] = keygen_pair();
    let mut up = client.step(vec![]).unwrap();
    up.push(up[0].clone());
    assert_eq!(refusal(server, up), Fault::Duplicate { party: CLIENT, round: 1 });
}

#[test]
fn a_repeated_round_with_other_contents_is_a_duplicate() {
    let [mut client, mut server] = keygen_pair();
    let up = client.step(vec![]).unwrap();
    server.step(up.clone()).unwrap();
    let mut again = up;
    again[0].body[5] ^= 1;
    assert_eq!(refusal(server, again), Fault::Duplicate { party: CLIENT, round: 1 });
}

#[test]
fn a_skipped_round_and_swapped_rounds_are_out_of_order() {
    let [mut client, mut server] = keygen_pair();
    let down = server.step(client.step(vec![]).unwrap()).unwrap();
    let mut up = client.step(down).unwrap();
    up.swap(0, 1);
    assert_eq!(refusal(server, up), Fault::OutOfOrder { party: CLIENT, round: 3 });

    for round in [0, 2, 3, 4, 5, u16::MAX] {
        let fault = after(|message| message.round = round);
        let expected = match round {
            // Private rounds fail on the address already.
            3 => Fault::Misaddressed { party: CLIENT },
            _ => Fault::OutOfOrder { party: CLIENT, round },
        };
        assert_eq!(fault, expected);
    }
}

#[test]
fn an_answer_to_what_was_not_said_yet_is_out_of_order() {
    // Three parties: party 2 is slow, so party 0 has said only its first round; party 1 "answers".
    let three = |me| {
        let roster = roster(me, &[0, 1, 2]);
        keygen(Scheme::EddsaEd25519, execution(1), roster, 2, &mut OsRng).unwrap()
    };
    let (mut one, mut other, mut slow) = (three(0), three(1), three(2));
    let (first, second, third) =
        (one.step(vec![]).unwrap(), other.step(vec![]).unwrap(), slow.step(vec![]).unwrap());
    let echo = other.step([&first[..], &third[..]].concat()).unwrap();
    // Its echo may overtake party 2's first message …
    one.step([&second[..], &echo[..]].concat()).unwrap();
    // … but nothing may come that needs our own echo.
    let mut early = echo[0].clone();
    early.round = 3;
    assert_eq!(one.step(vec![early]), Err(Fault::OutOfOrder { party: PartyIndex(1), round: 3 }));
}

#[test]
fn an_oversized_message_is_refused_before_it_is_parsed() {
    let started = Instant::now();
    let fault = after(|message| message.body = vec![0x81; 64 << 20]);
    assert_eq!(fault, Fault::Oversized { party: CLIENT, round: 1 });
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn more_messages_than_the_ceremony_has_are_a_flood() {
    let [mut client, server] = keygen_pair();
    let up = client.step(vec![]).unwrap();
    assert_eq!(refusal(server, vec![up[0].clone(); 1000]), Fault::Flood);
}

#[test]
fn garbage_truncation_and_trailing_bytes_are_malformed() {
    let malformed = Fault::Malformed { party: CLIENT, round: 1 };
    assert_eq!(after(|message| message.body = vec![]), malformed);
    assert_eq!(after(|message| message.body = vec![0xff; 40]), malformed);
    assert_eq!(after(|message| message.body.truncate(message.body.len() - 1)), malformed);
    assert_eq!(after(|message| message.body.push(0)), malformed);
}

#[test]
fn an_unknown_field_or_a_second_spelling_is_malformed() {
    let malformed = Fault::Malformed { party: CLIENT, round: 1 };
    let fault = after(|message| {
        alter(&mut message.body, &mut |value| {
            if let Value::Map(fields) = value
                && fields.iter().any(|(name, _)| name.as_text() == Some("commitment"))
            {
                fields.push((Value::from("more"), Value::from(1)));
            }
        });
    });
    assert_eq!(fault, malformed);
    // 0xa1, a map of one, as 0xb8 0x01.
    let fault = after(|message| {
        let _ = message.body.splice(0..1, [0xb8, 1]);
    });
    assert_eq!(fault, malformed);
}

/// Decodes a body, lets `change` see every value in it, and encodes it again.
fn alter(body: &mut Vec<u8>, change: &mut dyn FnMut(&mut Value)) {
    fn walk(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
        change(value);
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
            Value::Map(fields) => fields.iter_mut().for_each(|(_, value)| walk(value, change)),
            _ => (),
        }
    }
    let mut value: Value = ciborium::from_reader(&body[..]).unwrap();
    walk(&mut value, change);
    body.clear();
    ciborium::into_writer(&value, body).unwrap();
}

/// The field of that name, at any depth, becomes `new`.
fn set(body: &mut Vec<u8>, name: &str, new: &Value) {
    let mut found = false;
    alter(body, &mut |value| {
        if let Value::Map(fields) = value {
            for (_, value) in fields.iter_mut().filter(|(key, _)| key.as_text() == Some(name)) {
                *value = new.clone();
                found = true;
            }
        }
    });
    assert!(found, "no field {name}");
}

fn integer(hexadecimal: &str, radix: u16) -> Value {
    Value::Map(vec![
        (Value::from("radix"), Value::from(radix)),
        (Value::from("value"), Value::from(hexadecimal)),
    ])
}

#[test]
fn a_huge_even_negative_or_short_modulus_is_refused_before_any_arithmetic() {
    let start = |me: u16| {
        let from = Preparing::Cggmp24 { primes: test_primes(usize::from(me)) };
        prepare(execution(2), roster(me, &[0, 1]), from, &mut OsRng).unwrap()
    };
    let (mut client, mut server) = (start(0), start(1));
    let down = server.step(client.step(vec![]).unwrap()).unwrap();
    let parameters = down.iter().find(|message| message.round == 2).unwrap().clone();
    // The client must refuse each of these; it can hear only one, so the check is repeated on
    // clients that have just sent their commitment.
    let odd = |digits: usize| format!("{}1", "f".repeat(digits - 1));
    for (field, hostile, radix) in [
        ("N", odd(200_000), 16),
        ("N", odd(1500), 16),
        ("hat_N", odd(1500), 16),
        ("N", format!("-{}", odd(768)), 16),
        ("N", odd(512), 16),
        ("N", format!("{}0", "f".repeat(767)), 16),
        ("s", odd(769), 16),
        ("t", "0".into(), 16),
        ("N", odd(768), 99),
        ("N", odd(768), 1),
    ] {
        let mut client = start(0);
        client.step(vec![]).unwrap();
        let mut messages = down.clone();
        let message = messages.iter_mut().find(|message| message.round == 2).unwrap();
        *message = parameters.clone();
        set(&mut message.body, field, &integer(&hostile, radix));
        let started = Instant::now();
        let fault = client.step(messages).unwrap_err();
        let expected = match hostile.len() {
            200_000 => Fault::Oversized { party: SERVER, round: 2 },
            _ => Fault::Malformed { party: SERVER, round: 2 },
        };
        assert_eq!(fault, expected, "{field}");
        assert!(started.elapsed() < Duration::from_secs(1), "{field} cost {:?}", started.elapsed());
    }
}

#[test]
fn telling_two_parties_different_things_is_equivocation() {
    let start = |me: u16| {
        let roster = roster(me, &[0, 1, 2]);
        keygen(Scheme::EddsaEd25519, execution(1), roster, 2, &mut OsRng).unwrap()
    };
    let mut honest = [start(0), start(1)];
    // The third party runs twice and shows each face to one of the others.
    let mut faces = [start(2), start(2)];
    let said: Vec<_> = honest.iter_mut().map(|one| one.step(vec![]).unwrap()).collect();
    let lies: Vec<_> = faces.iter_mut().map(|one| one.step(vec![]).unwrap()).collect();
    let echo_0 = honest[0].step([&said[1][..], &lies[0][..]].concat()).unwrap();
    let echo_1 = honest[1].step([&said[0][..], &lies[1][..]].concat()).unwrap();
    let own: Vec<_> = faces.iter_mut().map(|one| one.step(said.concat()).unwrap()).collect();
    let fault = honest[0].step([&echo_1[..], &own[0][..]].concat()).unwrap_err();
    assert_eq!(fault, Fault::Equivocation);
    assert_eq!(honest[1].step([&echo_0[..], &own[1][..]].concat()), Err(Fault::Equivocation));
    assert!(!fault.is_cheating(), "nobody can be accused");
}

#[test]
fn silence_names_the_silent_and_accuses_nobody() {
    let [mut client, mut server] = keygen_pair();
    server.step(client.step(vec![]).unwrap()).unwrap();
    assert_eq!(server.waiting_for(), [CLIENT]);
    let fault = server.expire();
    assert_eq!(fault, Fault::Missing { parties: vec![CLIENT] });
    assert!(!fault.is_cheating());
    assert_eq!(server.phase(), Phase::Failed);
    assert_eq!(server.expire(), Fault::Over);
}

#[test]
fn sealed_bytes_that_were_altered_do_not_open() {
    let share = shares(Scheme::SchnorrBip340, 2, 2).remove(0);
    let bytes = share.to_sealed_bytes();
    KeyShare::from_sealed_bytes(&bytes).unwrap();
    let mut refused = 0;
    for at in 0..bytes.len() {
        let mut altered = bytes.to_vec();
        altered[at] ^= 0x01;
        // The chain code alone has no redundancy, and the scheme may turn into the other one of
        // its curve; everything else contradicts itself.
        refused += usize::from(KeyShare::from_sealed_bytes(&altered).is_err());
    }
    assert!(refused + 32 >= bytes.len(), "{refused} of {}", bytes.len());
    assert!(KeyShare::from_sealed_bytes(&bytes[..bytes.len() - 1]).is_err());
    assert!(KeyShare::from_sealed_bytes(&[&bytes[..], &[0]].concat()).is_err());
    assert!(KeyShare::from_sealed_bytes(&vec![0x81; 1 << 20]).is_err());
}

#[test]
fn honest_parties_still_finish_after_all_this() {
    let [client, server] = keygen_pair();
    run(vec![client, server]).unwrap();
}
