use super::view;
use crate::error::{Error, Result};
use crate::gate::SignedGet;
use crate::openapi::{Problems, SignedHeaders};
use crate::state::State;
use crate::store::WalletCursor;
use axum::Json;
use axum::extract::State as Use;
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::{Page, WalletView};

/// Wallets on a page when the caller does not say.
const DEFAULT_LIMIT: u16 = 50;
/// Most wallets on a page.
const MAX_LIMIT: u16 = 100;

/// List the user's wallets
///
/// In pages, in an order of no meaning. `active-unbacked`: losing the device loses the wallet.
#[utoipa::path(
    get, path = "/v1/wallets", tag = "wallets",
    operation_id = "listWallets",
    params(
        ("limit" = Option<u16>, Query, description = "1 to 100; 50 if absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        SignedHeaders,
    ),
    responses((status = 200, body = Page<WalletView>, description = "A page of wallets"), Problems),
)]
pub(crate) async fn list(Use(state): Use<State>, get: SignedGet) -> Result<Json<Page<WalletView>>> {
    let (limit, after) = paging(get.query.as_deref())?;
    let page = state.store.wallets_of(&get.session.user, limit, after).await?;
    Ok(Json(Page {
        items: page.wallets.into_iter().map(view).collect(),
        next_cursor: page.next.map(|cursor| cursor.encode()),
    }))
}

/// Reads `limit` and `cursor`, each at most once, in plain form: neither needs escapes.
fn paging(query: Option<&str>) -> Result<(u16, Option<WalletCursor>)> {
    const MALFORMED: Error = Error::refused_with(
        ProblemCode::MalformedRequest,
        "the query takes limit (1 to 100) and cursor, each once",
    );
    let (mut limit, mut cursor) = (None, None);
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("limit", text)) if limit.is_none() => {
                let number: u16 = text.parse().map_err(|_| MALFORMED)?;
                limit = Some(number);
            }
            Some(("cursor", text)) if cursor.is_none() => {
                cursor = Some(WalletCursor::decode(text)?);
            }
            _ => return Err(MALFORMED),
        }
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) { Ok((limit, cursor)) } else { Err(MALFORMED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_a_size_between_1_and_100() {
        assert_eq!(paging(None).unwrap(), (DEFAULT_LIMIT, None));
        assert_eq!(paging(Some("limit=7")).unwrap(), (7, None));
        for bad in
            ["limit=0", "limit=101", "limit=-1", "limit=1&limit=2", "x=1", "cursor=zz", "limit"]
        {
            assert!(paging(Some(bad)).is_err(), "{bad}");
        }
    }
}
