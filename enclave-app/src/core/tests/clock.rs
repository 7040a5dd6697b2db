//! A host that sets the kernel's clock.

use super::world::NOW;
use super::{Client, World};
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::TokenBinding;
use sharekeep_schemas::sealed::{Plain, SessionRenewed};

#[test]
fn a_clock_stepped_forward_and_back_revives_no_signature() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let path = format!("/v1/sessions/{}/renew", client.id());
    let http = client.request(&world, &path, &Plain::default());
    world.ask(&http).unwrap();
    world.pass(66);
    // As far ahead as goes unnoticed: the signature's mark expires, and the next call drops it.
    world.step_clock(60);
    let _: SessionRenewed = client.plain(&world, &path).unwrap();
    // Right again, where the signature would still be fresh.
    world.step_clock(0);
    world.refuses(&http, SignatureStale);
}

#[test]
fn a_clock_stepped_forward_and_back_revives_no_token() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let mut document = world.document("shop");
    document.serial = 2;
    document.issuers[0].binding = TokenBinding::None;
    world.put_tenant(&document);
    Client::new("shop", "bob").login(&world);
    let token = client.token(NOW);
    // The function never commits: only memory knows that the token is used.
    world.ask(&client.sign(&world, &client.opening(&world, &token).0)).unwrap();
    let thief = client.again();
    // At its end, and when its mark goes.
    for seconds in [601, 120] {
        world.pass(seconds);
        world.step_clock(60);
        Client::new("shop", "carol").login(&world);
        world.step_clock(-60);
        assert_eq!(thief.login_refused(&world, &token).code, TokenExpired);
    }
}

#[test]
fn a_session_that_was_over_does_not_come_back_with_the_clock() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let path = format!("/v1/sessions/{}/renew", client.id());
    world.pass(880);
    world.step_clock(20);
    world.refuses(&client.request(&world, &path, &Plain::default()), SessionExpired);
    world.step_clock(0);
    world.refuses(&client.request(&world, &path, &Plain::default()), SessionExpired);
}

#[test]
fn a_clock_that_left_the_nsms_decides_nothing_and_spoils_nothing() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let path = format!("/v1/sessions/{}/renew", client.id());
    let sealed = client.seal(&world, &path, &Plain::default()).0;
    for seconds in [61, -61, 86_400, -86_400] {
        world.step_clock(seconds);
        let http = client.sign(&world, &sealed);
        world.refuses(&http, EnclaveUnavailable);
        let refused = world.ask(&http).unwrap_err();
        assert_eq!(refused.retry_after_s, Some(10));
    }
    // Set right, it goes on where it was.
    world.step_clock(0);
    let renewed: SessionRenewed = client.plain(&world, &path).unwrap();
    assert_eq!(renewed.expires_at_unix_s, NOW + 900);
}
