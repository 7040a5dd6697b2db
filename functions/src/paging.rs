//! Listings in pages, from routing columns. Clients believe what is sealed or what they hold.

use crate::error::{Error, Result};
use crate::gate::SignedGet;
use crate::state::State;
use crate::store::{Cursor, Listed};
use axum::Json;
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::Page;
use utoipa::IntoParams;

/// Items on a page when the caller does not say.
const DEFAULT_LIMIT: u16 = 50;
/// Most items on a page.
const MAX_LIMIT: u16 = 100;

/// The query of a listing.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct PageQuery {
    /// 1 to 100; 50 if absent
    limit: Option<u16>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
}

/// The page of the caller's own rows that the query asks for.
pub(crate) async fn page<T: Listed, V>(
    state: &State,
    get: &SignedGet,
    view: impl FnMut(T) -> V,
) -> Result<Json<Page<V>>> {
    let (limit, after) = paging(get.query.as_deref())?;
    let now = state.clock.now_unix_s();
    let page = state.store.page_of::<T>(&get.session.user, limit, after, now).await?;
    Ok(Json(Page {
        items: page.rows.into_iter().map(view).collect(),
        next_cursor: page.next.map(|cursor| cursor.encode()),
    }))
}

/// Reads `limit` and `cursor`, each at most once, in plain form: neither needs escapes.
fn paging(query: Option<&str>) -> Result<(u16, Option<Cursor>)> {
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
            Some(("cursor", text)) if cursor.is_none() => cursor = Some(Cursor::decode(text)?),
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
