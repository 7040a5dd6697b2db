use crate::arguments::{Common, SessionCommand};
use crate::context::{Context, now_unix_s};
use crate::output::{Report, table};
use serde_json::json;
use sharekeep::{ErrorKind, Result};
use sharekeep_schemas::SessionKeyId;

pub(crate) async fn run(common: &Common, command: &SessionCommand) -> Result<Report> {
    let context = Context::open(common)?;
    match command {
        SessionCommand::List => context.run(list).await,
        SessionCommand::Revoke { id } => context.run(async |c| revoke(c, *id).await).await,
    }
}

pub(crate) async fn logout(common: &Common) -> Result<Report> {
    Context::open(common)?
        .run(async |context| {
            let Some(session) = context.home.session()? else {
                return Ok(Report::new("Nobody was signed in.", json!({ "revoked": false })));
            };
            match context.client.revoke_session(&session, session.id()).await {
                Ok(()) => {}
                // It is over already; only its key is left to erase.
                Err(error) if error.kind() == ErrorKind::NotSignedIn => {}
                Err(error) => return Err(error),
            }
            context.home.forget_session()?;
            Ok(Report::new("Signed out.", json!({ "revoked": true })))
        })
        .await
}

async fn list(context: &Context) -> Result<Report> {
    let session = context.session().await?;
    let sessions = context.client.list_sessions(&session).await?;
    let now = now_unix_s();
    let mut rows = vec![["SESSION", "DEVICE", "SCOPES", "ENDS IN", ""].map(str::to_owned).to_vec()];
    rows.extend(sessions.iter().map(|s| {
        let scopes: Vec<_> = s.scopes.iter().map(|scope| scope.as_str()).collect();
        let left = s.expires_at_unix_s.saturating_sub(now);
        vec![
            s.session_id.to_string(),
            s.device_id.to_string(),
            scopes.join(","),
            format!("{} min", left / 60),
            if s.current { "this one".to_owned() } else { String::new() },
        ]
    }));
    Ok(Report::new(table(&rows), json!({ "sessions": sessions })))
}

async fn revoke(context: &Context, id: SessionKeyId) -> Result<Report> {
    let session = context.session().await?;
    context.client.revoke_session(&session, id).await?;
    if session.id() == id {
        context.home.forget_session()?;
    }
    Ok(Report::new(format!("Session {id} has ended."), json!({ "session": id })))
}
