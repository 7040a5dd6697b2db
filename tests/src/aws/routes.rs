//! Which function an HTTP API hands a request to.

use serde_json::Value;
use std::collections::BTreeMap;

/// What every function's program serves; `./dev test infra` compares the template's routes with it.
const GROUPS: &str = include_str!("../../../functions/groups.json");
/// Routes of the template besides: the page to try the interface, and what browsers ask first.
const BESIDES: [&str; 4] =
    ["GET /docs", "GET /docs/{file+}", "GET /openapi.json", "OPTIONS /{path+}"];
const FUNCTION_OF_BESIDES: &str = "sessions";

pub(super) struct Routes(Vec<Route>);

struct Route {
    key: String,
    function: String,
}

/// Where a request goes.
pub(super) struct Found<'r> {
    /// The route's key, for example `GET /v1/wallets/{id}`.
    pub(super) key: &'r str,
    pub(super) function: &'r str,
    /// What stands for the names in braces.
    pub(super) parameters: BTreeMap<String, String>,
}

impl Routes {
    pub(super) fn of_the_template() -> Self {
        let groups: BTreeMap<String, Vec<String>> = serde_json::from_str(GROUPS).unwrap();
        let besides = BESIDES.map(|key| (FUNCTION_OF_BESIDES.to_owned(), key.to_owned()));
        let served = groups
            .into_iter()
            .flat_map(|(function, keys)| keys.into_iter().map(move |key| (function.clone(), key)));
        Self(served.chain(besides).map(|(function, key)| Route { key, function }).collect())
    }

    /// The most specific route that fits: names in braces count less than words, and a name that
    /// takes the whole rest counts least.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<Found<'_>> {
        let fitting = self.0.iter().filter_map(|route| {
            let (of, pattern) = route.key.split_once(' ')?;
            let parameters = (of == method).then(|| fit(pattern, path))??;
            Some((route, parameters))
        });
        let (route, parameters) = fitting
            .min_by_key(|(route, parameters)| (route.key.contains("+}"), parameters.len()))?;
        Some(Found { key: &route.key, function: &route.function, parameters })
    }

    pub(super) fn functions(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.iter().map(|route| route.function.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn fit(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (mut parameters, mut rest) = (BTreeMap::new(), path.strip_prefix('/')?);
    let mut wanted = pattern.strip_prefix('/')?.split('/').peekable();
    while let Some(part) = wanted.next() {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        if let Some(name) = name.and_then(|name| name.strip_suffix('+')) {
            parameters.insert(name.to_owned(), rest.to_owned());
            return (!rest.is_empty()).then_some(parameters);
        }
        let (given, left) = match rest.split_once('/') {
            Some((given, left)) => (given, Some(left)),
            None => (rest, None),
        };
        match name {
            Some(_) if given.is_empty() => return None,
            Some(name) => {
                parameters.insert(name.to_owned(), given.to_owned());
            }
            None if part == given => {}
            None => return None,
        }
        match (left, wanted.peek()) {
            (Some(left), Some(_)) => rest = left,
            (None, None) => return Some(parameters),
            _ => return None,
        }
    }
    None
}

/// The names as an event has them; an event without any has none.
pub(super) fn to_json(parameters: &BTreeMap<String, String>) -> Option<Value> {
    (!parameters.is_empty()).then(|| serde_json::to_value(parameters).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_goes_to_the_function_that_serves_it_and_others_to_none() {
        let routes = Routes::of_the_template();
        for (method, path, expected) in [
            ("GET", "/v1/wallets", Some(("GET /v1/wallets", "wallets"))),
            ("GET", "/v1/wallets/00", Some(("GET /v1/wallets/{id}", "wallets"))),
            ("GET", "/v1/wallets/00/backup", Some(("GET /v1/wallets/{id}/backup", "recovery"))),
            ("POST", "/v1/sessions", Some(("POST /v1/sessions", "sessions"))),
            ("GET", "/docs/index.html", Some(("GET /docs/{file+}", "sessions"))),
            ("OPTIONS", "/v1/wallets", Some(("OPTIONS /{path+}", "sessions"))),
            ("DELETE", "/v1/wallets", None),
            ("GET", "/v1/wallets/", None),
            ("GET", "/v1/wallets/00/backup/more", None),
            ("GET", "/", None),
        ] {
            let found = routes.find(method, path).map(|found| (found.key, found.function));
            assert_eq!(found, expected, "{method} {path}");
        }
        let found = routes.find("GET", "/v1/wallets/00").unwrap();
        assert_eq!(found.parameters, BTreeMap::from([("id".to_owned(), "00".to_owned())]));
        assert_eq!(routes.functions(), ["recovery", "sessions", "wallets"]);
    }
}
