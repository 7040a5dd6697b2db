use crate::world::{World, unsigned};
use sharekeep_functions::RouteGroup;
use sharekeep_schemas::Problem;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is served besides, by the page to try the interface.
const PAGE: [&str; 2] = ["/docs/", "/openapi.json"];

/// The routes of the description, as API Gateway names them.
fn described() -> BTreeSet<String> {
    let document = serde_json::to_value(sharekeep_functions::openapi()).unwrap();
    let methods = |item: &serde_json::Value| -> Vec<_> {
        item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect()
    };
    document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| methods(item).into_iter().map(move |it| format!("{it} {path}")))
        .collect()
}

/// Whether a group has a handler for a route: it refuses an unsigned request otherwise than a path
/// or a method that it does not know.
async fn serves(world: &World, group: RouteGroup, method: &str, path: &str) -> bool {
    let path = path.replace("{id}", "00000000000000000000000000000000");
    let answer = world.send_to(group, unsigned(method, &path, b"")).await;
    match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) => !matches!(problem.code.as_str(), "not_found" | "method_not_allowed"),
        Err(_) => answer.status.is_success(),
    }
}

/// `UPDATE_GROUPS=1 cargo test -p sharekeep-functions groups` writes the file anew; `./dev test infra`
/// compares the API's template with it.
#[tokio::test]
async fn every_route_is_served_by_exactly_one_group_and_it_is_the_one_in_the_repository() {
    let world = World::new().await;
    let routes = described();
    let mut groups: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for group in RouteGroup::ALL {
        let served = groups.entry(group.name()).or_default();
        for route in &routes {
            let (method, path) = route.split_once(' ').unwrap();
            if serves(&world, group, method, path).await {
                served.insert(route.clone());
            }
        }
    }
    for route in &routes {
        let serving = groups.values().filter(|served| served.contains(route)).count();
        assert_eq!(serving, 1, "{route}");
    }
    let made = serde_json::to_string_pretty(&groups).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("groups.json");
    if std::env::var_os("UPDATE_GROUPS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "functions/groups.json is out of date: see this test's comment");
}

#[tokio::test]
async fn the_page_and_what_browsers_ask_first_are_with_the_sessions() {
    let world = World::new().await;
    for group in RouteGroup::ALL {
        for path in PAGE {
            let served = serves(&world, group, "GET", path).await;
            assert_eq!(served, group == RouteGroup::Sessions, "{path} by {}", group.name());
        }
    }
    let answer = world.send_to(RouteGroup::Sessions, unsigned("GET", "/openapi.json", b"")).await;
    assert!(answer.json()["paths"].get("/v1/wallets").is_some(), "it describes all groups");
    let mut preflight = unsigned("OPTIONS", "/v1/wallets", b"");
    let headers = preflight.headers_mut();
    headers.insert("origin", "https://app.example".parse().unwrap());
    headers.insert("access-control-request-method", "POST".parse().unwrap());
    let answer = world.send_to(RouteGroup::Sessions, preflight).await;
    assert_eq!(answer.status, 200, "also for routes of other groups");
    assert!(answer.header("access-control-allow-headers").unwrap().contains("idempotency-key"));
}

#[test]
fn every_group_has_a_binary_of_its_name_and_besides_there_is_what_streams_call() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let files: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let names = RouteGroup::ALL.iter().map(|group| group.name()).chain(["janitor"]);
    let expected: BTreeSet<_> = names.map(|name| format!("{name}.rs")).collect();
    assert_eq!(files, expected);
    for group in RouteGroup::ALL {
        let text =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/bin/{}.rs", group.name()));
        let text = std::fs::read_to_string(text).unwrap();
        assert!(text.contains(&format!("lambda::serve(RouteGroup::{group:?})")), "{text}");
    }
}
