//! Whoever has the database in hand edits, inserts and moves records.

use crate::changes::{Before, REFUSED_AFTER_SIGNATURE, REFUSED_BY_ENCLAVE};
use crate::items::{only_item, put};
use serde_json::{Value, json};
use sharekeep_schemas::http::{Page, WalletView};
use sharekeep_schemas::sealed::Plain;
use sharekeep_schemas::{ProblemCode, WalletStatus};
use sharekeep_tests::message::note;
use sharekeep_tests::user::PAST_SHORT_SESSION_S;
use sharekeep_tests::{Deployment, User};

/// How far the clock goes until functions read again what they keep for some seconds.
const PAST_KEPT_S: i64 = 12;

/// Replaces a text wherever it stands in an item.
fn replace(item: &Value, from: &str, to: &str) -> Value {
    let text = item.to_string();
    assert!(text.contains(from), "{from} is not in {text}");
    serde_json::from_str(&text.replace(from, to)).unwrap()
}

/// Flips a bit in the middle of the sealed bytes.
fn flip(item: &Value) -> Value {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut item = item.clone();
    let sealed = item["bytes"]["B"].as_str().unwrap();
    let mut bytes = STANDARD.decode(sealed).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    item["bytes"]["B"] = json!(STANDARD.encode(bytes));
    item
}

#[tokio::test]
async fn an_edited_status_column_misleads_a_listing_and_nothing_else() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.pending_wallet().await;
    let (table, item) = only_item(&deployment, "wallets", |_| true);
    let mut edited = replace(&item, "\"pending\"", "\"active\"");
    // And columns that nobody asked for.
    edited["status"] = json!({ "S": "active" });
    edited["owner"] = json!({ "S": "eve" });
    put(&deployment, &table, &edited);
    let listed = alice.get("/v1/wallets").await.json::<Page<WalletView>>().items;
    assert_eq!(listed[0].status, WalletStatus::Active);
    let before = Before::of(&deployment);
    let early = alice.start_sign(&wallet, &note("too early"));
    let answer = early.start.send(&deployment).await;
    assert_eq!(answer.problem(), ProblemCode::BackupMissing);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn an_edited_sealed_wallet_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let (table, item) = only_item(&deployment, "wallets", |_| true);
    put(&deployment, &table, &flip(&item));
    let before = Before::of(&deployment);
    let answer = alice.start_sign(&wallet, &note("no")).start.send(&deployment).await;
    assert_eq!(answer.problem(), ProblemCode::RecordRefused);
    let archive = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    assert_eq!(archive.send(&deployment).await.problem(), ProblemCode::RecordRefused);
    before.only_changed(REFUSED_BY_ENCLAVE);
    // With the old bytes back it works again: nothing was burnt by the attempt.
    put(&deployment, &table, &item);
    alice.sign(&wallet, &note("yes")).await;
}

#[tokio::test]
async fn a_wallet_moved_to_another_user_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let (table, item) = only_item(&deployment, "wallets", |_| true);
    let bob = User::arrive(&deployment, "bob").await;
    let opened = bob.sign_in().await;
    let mut stolen = item.clone();
    stolen["pk"] = json!({ "S": opened.user.to_string() });
    put(&deployment, &table, &stolen);
    let before = Before::of(&deployment);
    let answer = bob.start_sign(&wallet, &note("mine")).start.send(&deployment).await;
    assert_eq!(answer.problem(), ProblemCode::RecordRefused);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn an_inserted_session_row_opens_nothing() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    // A session that only the columns know: alice's row under the attacker's key id and key.
    let attacker = User::arrive(&deployment, "alice").await;
    let (table, item) = only_item(&deployment, "sessions", |item| {
        item["pk"]["S"].as_str().unwrap().starts_with("session#")
    });
    let inserted =
        replace(&item, &alice.session_id().to_string(), &attacker.session_id().to_string());
    let inserted = with_public_key(inserted, &attacker);
    put(&deployment, &table, &inserted);
    let before = Before::of(&deployment);
    let archive = attacker.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    let code = archive.send(&deployment).await.problem();
    assert_eq!(code, ProblemCode::RecordRefused);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

/// Puts the attacker's public key where the row has the session's.
fn with_public_key(mut item: Value, attacker: &User<'_>) -> Value {
    fn visit(value: &mut Value, key: &Value) {
        match value {
            Value::Object(map) => {
                for (name, inner) in map.iter_mut() {
                    if name == "public_key" {
                        *inner = key.clone();
                    } else {
                        visit(inner, key);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|inner| visit(inner, key)),
            _ => {}
        }
    }
    let text = attacker.session_key.public_key().to_string();
    let (_, key) = text.split_once(':').unwrap();
    let key = json!({ "M": {
        "algorithm": { "S": "ecdsa-p256-sha256" },
        "key": { "S": key },
    }});
    visit(&mut item, &key);
    item
}

#[tokio::test]
async fn a_prolonged_session_row_prolongs_nothing() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in_shortly(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let (table, item) = only_item(&deployment, "sessions", |item| {
        item["pk"]["S"].as_str().unwrap().starts_with("session#")
    });
    let expires = item["expires_at"]["N"].as_str().unwrap().to_owned();
    let later = (expires.parse::<u64>().unwrap() + 1_000_000).to_string();
    put(&deployment, &table, &replace(&item, &format!("\"{expires}\""), &format!("\"{later}\"")));
    deployment.stack.clock().set_offset_s(PAST_SHORT_SESSION_S);
    let before = Before::of(&deployment);
    let mut archive = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    archive.request.sign_at(&alice.session_key, deployment.stack.clock().unix_s());
    assert_eq!(archive.send(&deployment).await.problem(), ProblemCode::SessionExpired);
    before.only_changed(REFUSED_AFTER_SIGNATURE);
}

#[tokio::test]
async fn an_edited_tenant_document_is_refused() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let (table, item) = only_item(&deployment, "tenants", |item| item["pk"]["S"] == "development");
    put(&deployment, &table, &flip(&item));
    deployment.stack.clock().set_offset_s(PAST_KEPT_S);
    let before = Before::of(&deployment);
    let bob = User::arrive(&deployment, "bob").await;
    let token = bob.token().sign(sharekeep_local::identity_provider::Signing::Rs256).unwrap();
    assert_eq!(bob.refused(&token).await, ProblemCode::TenantUnknown);
    let archive = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    assert_eq!(archive.send(&deployment).await.problem(), ProblemCode::TenantUnknown);
    before.only_changed(REFUSED_BY_ENCLAVE);
}

#[tokio::test]
async fn an_edited_data_key_is_refused_by_a_fresh_enclave() {
    let mut deployment = Deployment::start().await;
    let (session_key, wallet) = {
        let alice = User::signed_in(&deployment, "alice").await;
        let wallet = alice.create_wallet().await;
        (alice.session_key, wallet)
    };
    let (table, item) =
        only_item(&deployment, "data_keys", |item| item["pk"]["S"] == "development");
    put(&deployment, &table, &flip(&item));
    deployment.stack.clock().set_offset_s(PAST_KEPT_S);
    deployment.stack.restart_enclave().await.unwrap();
    let mut alice = User::arrive(&deployment, "alice").await;
    alice.session_key = session_key;
    let before = Before::of(&deployment);
    let archive = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    let code = archive.send(&deployment).await.problem();
    assert_eq!(code, ProblemCode::RecordRefused);
    before.only_changed(REFUSED_BY_ENCLAVE);
}
