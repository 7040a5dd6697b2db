use crate::world::{World, unsigned};
use std::path::Path;

/// The description is a contract: a change of it is a change of this file, seen in review.
/// `UPDATE_OPENAPI=1 cargo test -p sharekeep-functions described` writes it anew.
#[test]
fn the_description_is_the_one_in_the_repository() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = sharekeep_functions::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "functions/openapi.json is out of date: see this test's comment");
}

#[test]
fn the_description_is_openapi_3_1_and_knows_every_route() {
    let document = serde_json::to_value(sharekeep_functions::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut routes = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert_ne!(
                    response["description"].as_str().unwrap_or_default(),
                    "",
                    "{status} {path}"
                );
            }
            routes.push(format!("{method} {path}"));
        }
    }
    routes.sort();
    let expected = [
        "get /healthz",
        "get /readyz",
        "get /v1/attestation",
        "get /v1/backups",
        "get /v1/ceremonies/{id}",
        "get /v1/devices",
        "get /v1/events",
        "get /v1/factors",
        "get /v1/releases",
        "get /v1/sessions",
        "get /v1/wallets",
        "get /v1/wallets/{id}",
        "get /v1/wallets/{id}/backup",
        "post /v1/ceremonies",
        "post /v1/ceremonies/{id}/abort",
        "post /v1/ceremonies/{id}/steps",
        "post /v1/devices/{id}/name",
        "post /v1/devices/{id}/revoke",
        "post /v1/factors/{id}/guess",
        "post /v1/factors/{id}/guess/finish",
        "post /v1/factors/{id}/register",
        "post /v1/recovery/factors",
        "post /v1/recovery/open",
        "post /v1/restore",
        "post /v1/sessions",
        "post /v1/sessions/{id}/renew",
        "post /v1/sessions/{id}/revoke",
        "post /v1/wallets",
        "post /v1/wallets/{id}/activate",
        "post /v1/wallets/{id}/archive",
        "post /v1/wallets/{id}/backup",
        "post /v1/wallets/{id}/backup/delete",
        "post /v1/wallets/{id}/backup/open",
    ];
    assert_eq!(routes, expected);
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    let document = serde_json::to_value(sharekeep_functions::openapi()).unwrap();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is missing");
    }
}

#[tokio::test]
async fn the_page_to_try_it_is_served_by_us_alone() {
    let world = World::new().await;
    let answer = world.send(unsigned("GET", "/openapi.json", b"")).await;
    assert_eq!(answer.json()["info"]["title"], "Sharekeep");
    let page = world.send(unsigned("GET", "/docs/", b"")).await;
    assert_eq!(page.status, 200);
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("https://") && !html.contains("http://"), "{html}");
    for asset in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        assert!(html.contains(asset));
        assert_eq!(world.send(unsigned("GET", &format!("/docs/{asset}"), b"")).await.status, 200);
    } // The gateway routes files of the folder, and not the folder.
    let moved = world.send(unsigned("GET", "/docs", b"")).await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (303, Some("/docs/index.html")));
    assert_eq!(world.send(unsigned("GET", "/docs/index.html", b"")).await.status, 200);
}
