use super::world::{ISSUER, NOW, PARTNER};
use super::{Client, IdentityProvider, World};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde_json::{Value, json};
use sharekeep_schemas::ProblemCode::{self, *};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::limits::MAX_CLOCK_SKEW_S;
use sharekeep_schemas::tenant::IssuerKeys;

/// Signs in with changed header and claims; the refusal must have the code and change nothing.
#[track_caller]
fn refused(code: ProblemCode, change: impl FnOnce(&mut Value, &mut Value)) {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    // Somebody else signs in first, so that keys and caches are as in daily life.
    Client::new("shop", "bob").login(&world);
    let (mut header, mut claims) = (json!({"alg": "ES256", "kid": "p256"}), client.claims(NOW));
    change(&mut header, &mut claims);
    let token = IdentityProvider::shared().sign(&header, &claims);
    let (sealed, _) = client.opening(&world, &token);
    world.refuses(&client.sign(&world, &sealed), code);
}

#[test]
fn every_allowed_algorithm_opens_a_session() {
    for (alg, kid) in [
        ("RS256", "rsa"),
        ("PS256", "rsa"),
        ("PS256", "rsa-pss"),
        ("ES256", "p256"),
        ("ES384", "p384"),
        ("EdDSA", "ed25519"),
    ] {
        let (world, client) = (World::new(), Client::new("shop", "alice"));
        let token =
            IdentityProvider::shared().sign(&json!({"alg": alg, "kid": kid}), &client.claims(NOW));
        let (sealed, _) = client.opening(&world, &token);
        assert!(world.serve(&client.sign(&world, &sealed)).is_ok(), "{alg} {kid}");
    }
}

#[test]
fn an_expired_token_is_refused() {
    refused(TokenExpired, |_, claims| {
        claims["iat"] = (NOW - 700).into();
        claims["exp"] = (NOW - 61).into();
    });
}

#[test]
fn a_token_that_expired_within_the_skew_is_accepted() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let mut claims = client.claims(NOW - 500);
    claims["exp"] = (NOW - 59).into();
    let token = IdentityProvider::shared().sign(&json!({"alg": "ES256", "kid": "p256"}), &claims);
    assert!(world.serve(&client.sign(&world, &client.opening(&world, &token).0)).is_ok());
}

#[test]
fn a_token_that_is_not_valid_yet_is_refused() {
    refused(TokenNotYetValid, |_, claims| claims["nbf"] = (NOW + 61).into());
    refused(TokenNotYetValid, |_, claims| claims["iat"] = (NOW + 61).into());
}

#[test]
fn a_token_that_lives_too_long_is_refused() {
    refused(TokenMalformed, |_, claims| claims["exp"] = (NOW + 90_000).into());
}

#[test]
fn a_token_for_another_audience_is_refused() {
    refused(TokenAudience, |_, claims| claims["aud"] = "bank-app".into());
    refused(TokenAudience, |_, claims| claims["aud"] = json!([]));
    refused(TokenAudience, |_, claims| claims["aud"] = json!(["shop-app2", "bank-app"]));
}

#[test]
fn a_token_of_another_issuer_is_refused() {
    refused(TokenIssuer, |_, claims| claims["iss"] = "https://evil.example.com".into());
    refused(TokenIssuer, |_, claims| claims["iss"] = format!("{ISSUER}/").into());
}

#[test]
fn a_token_without_a_signature_is_refused() {
    for name in ["none", "None", "NONE", "nOnE", ""] {
        refused(TokenAlgorithm, |header, _| header["alg"] = name.into());
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    refused(TokenAlgorithm, |header, _| *header = json!({"alg": "HS256", "kid": "rsa"}));
    refused(TokenAlgorithm, |header, _| *header = json!({"alg": "HS256", "kid": "shared"}));
}

#[test]
fn an_algorithm_that_the_key_is_not_for_is_refused() {
    refused(TokenAlgorithm, |header, _| *header = json!({"alg": "ES256", "kid": "rsa"}));
    refused(TokenAlgorithm, |header, _| *header = json!({"alg": "RS256", "kid": "p256"}));
    refused(TokenAlgorithm, |header, _| *header = json!({"alg": "ES384", "kid": "p256"}));
    refused(TokenAlgorithm, |header, _| *header = json!({"alg": "RS256", "kid": "rsa-pss"}));
    refused(TokenAlgorithm, |header, _| *header = json!({"alg": "RS256", "kid": "rsa-encryption"}));
}

#[test]
fn an_algorithm_that_the_tenant_does_not_allow_is_refused() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let mut document = world.document("shop");
    document.serial = 2;
    document.issuers[0].algorithms = vec!["RS256".into()];
    world.put_tenant(&document);
    let refused = client.login_refused(&world, &client.token(NOW));
    assert_eq!(refused.code, TokenAlgorithm);
}

#[test]
fn an_unknown_key_id_is_refused_and_makes_one_fetch_at_most() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    assert_eq!(world.fetches.get(), 1);
    world.pass(31);
    for _ in 0..5 {
        let client = Client::new("shop", "mallory");
        let header = json!({"alg": "ES256", "kid": "invented"});
        let token = IdentityProvider::shared().sign(&header, &client.claims(world.now.get()));
        assert_eq!(client.login_refused(&world, &token).code, TokenKeyUnknown);
    }
    assert_eq!(world.fetches.get(), 2);
}

#[test]
fn a_key_that_was_published_since_is_found() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let all = world.jwks.replace(Some(r#"{"keys":[]}"#.into()));
    assert_eq!(client.login_refused(&world, &client.token(NOW)).code, TokenKeyUnknown);
    world.jwks.replace(all);
    world.pass(31);
    client.again().login(&world);
}

#[test]
fn keys_that_cannot_be_fetched_are_said_to_be_unavailable() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let all = world.jwks.replace(None);
    let refused = client.login_refused(&world, &client.token(NOW));
    assert_eq!((refused.code, refused.retry_after_s), (IssuerUnavailable, Some(5)));
    world.jwks.replace(all);
    world.pass(5);
    client.login(&world);
    // Later the issuer is away for a while: the keys that were there still count, for an hour.
    world.jwks.replace(None);
    world.pass(601);
    client.again().login(&world);
    world.pass(3_600);
    let late = client.again();
    assert_eq!(late.login_refused(&world, &late.token(world.now.get())).code, IssuerUnavailable);
}

#[test]
fn an_oversized_token_is_refused() {
    refused(TokenTooLarge, |_, claims| claims["filler"] = "x".repeat(8_192).into());
}

#[test]
fn what_is_no_token_is_refused() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    for text in ["", ".", "..", "a.b", "a.b.c", "e30.e30.e30", "\u{0}"] {
        let client = client.again();
        let (sealed, _) = client.opening(&world, text);
        world.refuses(&client.sign(&world, &sealed), TokenMalformed);
    }
    refused(TokenMalformed, |header, _| header["crit"] = json!(["exp"]));
    refused(TokenMalformed, |_, claims| claims["sub"] = "".into());
    refused(TokenMalformed, |_, claims| claims["sub"] = "s".repeat(256).into());
    refused(TokenMalformed, |_, claims| claims["exp"] = "never".into());
    refused(TokenMalformed, |_, claims| {
        claims.as_object_mut().unwrap().remove("iat");
    });
}

#[test]
fn a_changed_token_is_refused() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let other = client.again();
    let token = other.token(NOW);
    let (message, _) = token.rsplit_once('.').unwrap();
    let foreign = client.token(NOW);
    let (_, signature) = foreign.rsplit_once('.').unwrap();
    let (sealed, _) = other.opening(&world, &format!("{message}.{signature}"));
    world.refuses(&other.sign(&world, &sealed), TokenSignature);
}

#[test]
fn a_token_with_another_nonce_is_refused() {
    let other = Client::new("shop", "alice").id().to_string();
    refused(TokenBinding, |_, claims| claims["nonce"] = other.into());
    refused(TokenBinding, |_, claims| {
        claims.as_object_mut().unwrap().remove("nonce");
    });
}

#[test]
fn a_confirmation_key_binds_where_the_tenant_says_so() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let idp = IdentityProvider::shared();
    let header = json!({"alg": "EdDSA", "kid": "ed25519"});
    let mut claims = client.claims(NOW);
    claims["iss"] = PARTNER.into();
    // The nonce alone is not what this issuer's entry asks for.
    let refused = client.login_refused(&world, &idp.sign(&header, &claims));
    assert_eq!(refused.code, TokenBinding);
    claims["cnf"] = json!({"jkt": client.id().to_string()});
    let (sealed, _) = client.opening(&world, &idp.sign(&header, &claims));
    assert!(world.serve(&client.sign(&world, &sealed)).is_ok());
}

#[test]
fn an_unbound_token_opens_a_session_that_says_so() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    assert!(!client.login(&world).token_unbound);
    let mut document = world.document("shop");
    document.serial = 2;
    document.issuers[0].binding = sharekeep_schemas::TokenBinding::None;
    world.put_tenant(&document);
    assert!(client.again().login(&world).token_unbound);
}

#[test]
fn a_used_token_is_refused() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let mut document = world.document("shop");
    document.serial = 2;
    document.issuers[0].binding = sharekeep_schemas::TokenBinding::None;
    world.put_tenant(&document);
    let token = client.token(NOW);
    world.serve(&client.sign(&world, &client.opening(&world, &token).0)).unwrap();
    let thief = client.again();
    let (sealed, _) = thief.opening(&world, &token);
    world.refuses(&thief.sign(&world, &sealed), TokenUsed);
}

#[test]
fn a_used_token_is_refused_after_a_restart_too() {
    let (mut world, client) = (World::new(), Client::new("shop", "alice"));
    let mut document = world.document("shop");
    document.issuers[0].binding = sharekeep_schemas::TokenBinding::None;
    document.serial = 2;
    world.put_tenant(&document);
    let token = client.token(NOW);
    world.serve(&client.sign(&world, &client.opening(&world, &token).0)).unwrap();
    world.restart();
    let thief = client.again();
    assert_eq!(thief.login_refused(&world, &token).code, TokenUsed);
}

/// The same token with the other signature (r, n − s) that its holder can write under it.
fn with_the_other_signature(token: &str, order: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = B64.decode(signature).unwrap();
    let middle = signature.len() / 2;
    let mut borrow = 0;
    for (byte, of_order) in signature[middle..].iter_mut().zip(hex(order)).rev() {
        let difference = i16::from(of_order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = difference.rem_euclid(256) as u8;
    }
    format!("{signed}.{}", B64.encode(signature))
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The orders of P-256 and P-384 (SEC 2, sections 2.4.2 and 2.5.1).
const ORDER_P256: &str = "FFFFFFFF 00000000 FFFFFFFF FFFFFFFF BCE6FAAD A7179E84 F3B9CAC2 FC632551";
const ORDER_P384: &str = "FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF \
     C7634D81 F4372DDF 581A0DB2 48B0A77A ECEC196A CCC52973";

#[test]
fn a_used_token_under_its_other_signature_is_refused() {
    let idp = IdentityProvider::shared();
    for (alg, kid, order) in [("ES256", "p256", ORDER_P256), ("ES384", "p384", ORDER_P384)] {
        let (mut world, client) = (World::new(), Client::new("shop", "alice"));
        let mut document = world.document("shop");
        document.serial = 2;
        document.issuers[0].binding = sharekeep_schemas::TokenBinding::None;
        world.put_tenant(&document);
        let token = idp.sign(&json!({"alg": alg, "kid": kid}), &client.claims(NOW));
        let other = with_the_other_signature(&token, order);
        assert_ne!(other, token);
        // The other signature is as good as the first: it would open a session by itself.
        let elsewhere = World::new();
        elsewhere.serve(&client.sign(&elsewhere, &client.opening(&elsewhere, &other).0)).unwrap();

        world.serve(&client.sign(&world, &client.opening(&world, &token).0)).unwrap();
        let thief = client.again();
        let (sealed, _) = thief.opening(&world, &other);
        world.refuses(&thief.sign(&world, &sealed), TokenUsed);
        world.restart();
        assert_eq!(thief.login_refused(&world, &other).code, TokenUsed);
    }
}

#[test]
fn the_mark_of_a_used_token_outlives_every_clock_that_would_accept_it() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let expires = client.claims(NOW)["exp"].as_u64().unwrap();
    let store = world.store.borrow();
    let mark = store.iter().find(|(key, _)| matches!(key, RecordKey::Token(_))).unwrap().1;
    // Accepted for a skew after its end, by a clock that is a skew behind the store's, or two.
    assert!(mark.expires_at_unix_s.unwrap() >= expires + 3 * MAX_CLOCK_SKEW_S);
}

#[test]
fn pinned_keys_need_no_fetch() {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    let mut document = world.document("shop");
    document.serial = 2;
    document.issuers[0].keys = IssuerKeys::Pinned { jwks_json: IdentityProvider::shared().jwks() };
    world.put_tenant(&document);
    client.login(&world);
    assert_eq!(world.fetches.get(), 0);
}
