use super::{Incoming, signature};
use crate::error::{Error, Result};
use crate::state::State;
use axum::extract::{FromRequest, Request};
use sharekeep_schemas::enclave::SessionRow;
use sharekeep_schemas::{ProblemCode, Scope};

/// A GET that a session with the scope `read` has signed.
pub(crate) struct SignedGet {
    pub(crate) session: SessionRow,
    pub(crate) query: Option<String>,
}

impl FromRequest<State> for SignedGet {
    type Rejection = Error;

    async fn from_request(request: Request, state: &State) -> Result<Self> {
        let incoming = Incoming::read(request).await?;
        let headers = incoming.signature_headers()?;
        let (session, _) = signature::of_session(state, &incoming, &headers).await?;
        if !session.scopes.contains(&Scope::Read) {
            return Err(Error::refused(ProblemCode::ScopeInsufficient));
        }
        Ok(Self { session, query: incoming.query })
    }
}
