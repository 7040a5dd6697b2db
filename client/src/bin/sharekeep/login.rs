use crate::arguments::{Common, Login};
use crate::context::{Context, now_unix_s};
use crate::init::text;
use crate::output::{Report, say};
use crate::prompt::secret_file;
use serde_json::json;
use sharekeep::{
    Error, IdentityProvider, PasswordGrant, PendingSession, ProviderUrl, Result, SessionWish,
};
use sharekeep_schemas::SecretText;
use std::process::{Command, Stdio};

/// Where a token command finds the nonce that the token must carry.
const NONCE_VARIABLE: &str = "SHAREKEEP_NONCE";

pub(crate) async fn run(common: &Common, options: &Login) -> Result<Report> {
    Context::open(common)?.run(async |context| login(context, options).await).await
}

async fn login(context: &Context, options: &Login) -> Result<Report> {
    // Who would learn of the token is checked before there is one.
    context.client.attest().await?;
    let pending = PendingSession::generate();
    let token = token(context, options, &pending.nonce()).await?;
    let mut wish = SessionWish { lifetime_s: options.lifetime, ..SessionWish::default() };
    if !options.scope.is_empty() {
        wish.scopes.clone_from(&options.scope);
    }
    let session = context.client.open_session(context.home.device(), pending, token, &wish).await?;
    context.home.store_session(&session)?;
    if session.token_unbound {
        say("warning: this tenant does not bind tokens to devices; whoever steals one can sign in");
    }
    let minutes = session.expires_at_unix_s.saturating_sub(now_unix_s()) / 60;
    Ok(Report::new(
        format!("Signed in as {} for {minutes} minutes.", session.user),
        json!({
            "user": session.user,
            "session": session.id(),
            "device": context.home.device().id(),
            "expires_at_unix_s": session.expires_at_unix_s,
            "token_unbound": session.token_unbound,
        }),
    ))
}

async fn token(context: &Context, options: &Login, nonce: &str) -> Result<SecretText> {
    if let Some(command) = &options.token_command {
        return from_command(command, nonce);
    }
    if let Some(file) = &options.token_file {
        say(&format!("The token must carry the nonce {nonce}"));
        return secret_file(file);
    }
    if let (Some(issuer), Some(user), Some(password)) =
        (&options.idp, &options.user, &options.password_file)
    {
        let password = secret_file(password)?;
        let tenant = context.client.settings().tenant.to_string();
        let client_id = options.client_id.as_ref().unwrap_or(&tenant);
        let grant = PasswordGrant { client_id, user, password: &password, nonce };
        return from_provider(issuer, options, &grant).await;
    }
    let hint = "say where the token comes from: --token-command, --token-file or --idp";
    Err(Error::Usage(hint.to_owned()))
}

async fn from_provider(
    issuer: &ProviderUrl,
    options: &Login,
    grant: &PasswordGrant<'_>,
) -> Result<SecretText> {
    let authorities = options.idp_ca.as_deref().map(text).transpose()?;
    IdentityProvider::new(issuer.clone(), authorities.as_deref())?.token(grant).await
}

fn from_command(command: &str, nonce: &str) -> Result<SecretText> {
    let output = Command::new("sh")
        .args(["-c", command])
        .env(NONCE_VARIABLE, nonce)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::File { path: command.into(), source })?;
    if !output.status.success() {
        return Err(Error::Token(format!("the token command ended with {}", output.status)));
    }
    let printed = zeroize::Zeroizing::new(output.stdout);
    let token = std::str::from_utf8(&printed)
        .map_err(|_| Error::Token("the token command printed no text".to_owned()))?;
    Ok(SecretText::new(token.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_command_finds_the_nonce_in_its_environment() {
        let token = from_command("echo token-for-$SHAREKEEP_NONCE", "abc").unwrap();
        assert_eq!(token.expose(), "token-for-abc");
    }

    #[test]
    fn a_failed_token_command_gives_no_token() {
        assert!(matches!(from_command("echo half; exit 3", "abc"), Err(Error::Token(_))));
    }
}
