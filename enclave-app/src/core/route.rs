use sharekeep_schemas::{CeremonyId, DeviceId, FactorId, ProblemCode, SessionKeyId, WalletId};
use sharekeep_steps::DurableStep;

/// What a request asks for: decided from the method and path that the client signed and bound its
/// encapsulation to, so that a function cannot choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// `GET /v1/attestation`
    Attestation,
    /// `POST /v1/sessions`
    OpenSession,
    /// `POST /v1/sessions/{id}/renew`
    RenewSession(SessionKeyId),
    /// `POST /v1/sessions/{id}/revoke`
    RevokeSession(SessionKeyId),
    /// `POST /v1/wallets`
    CreateWallet,
    /// `POST /v1/wallets/{id}/activate`
    ActivateWallet(WalletId),
    /// `POST /v1/wallets/{id}/archive`
    ArchiveWallet(WalletId),
    /// `POST /v1/wallets/{id}/backup`
    PutBackup(WalletId),
    /// `POST /v1/wallets/{id}/backup/open`
    OpenBackup(WalletId),
    /// `POST /v1/wallets/{id}/backup/delete`
    DeleteBackup(WalletId),
    /// `POST /v1/recovery/open`
    OpenRecovery,
    /// `POST /v1/recovery/factors`
    ChangeFactors,
    /// `POST /v1/factors/{id}/register`
    RegisterPasscode(FactorId),
    /// `POST /v1/factors/{id}/guess`
    StartGuess(FactorId),
    /// `POST /v1/factors/{id}/guess/finish`
    FinishGuess(FactorId),
    /// `POST /v1/devices/{id}/name`
    NameDevice(DeviceId),
    /// `POST /v1/devices/{id}/revoke`
    RevokeDevice(DeviceId),
    /// `POST /v1/restore`
    Restore,
    /// `POST /v1/ceremonies`
    StartCeremony,
    /// `POST /v1/ceremonies/{id}/steps`
    StepCeremony(CeremonyId),
    /// `POST /v1/ceremonies/{id}/abort`
    AbortCeremony(CeremonyId),
}

impl Route {
    /// The step that the function makes durable with the answer.
    pub fn step(self) -> DurableStep {
        match self {
            Self::Attestation => DurableStep::Attestation,
            Self::OpenSession => DurableStep::OpenSession,
            Self::RenewSession(_) => DurableStep::RenewSession,
            Self::RevokeSession(_) => DurableStep::RevokeSession,
            Self::CreateWallet => DurableStep::CreateWallet,
            Self::ActivateWallet(_) => DurableStep::ActivateWallet,
            Self::ArchiveWallet(_) => DurableStep::ArchiveWallet,
            Self::PutBackup(_) => DurableStep::PutBackup,
            Self::OpenBackup(_) => DurableStep::OpenBackup,
            Self::DeleteBackup(_) => DurableStep::DeleteBackup,
            Self::OpenRecovery => DurableStep::OpenRecovery,
            Self::ChangeFactors => DurableStep::ChangeFactors,
            Self::RegisterPasscode(_) => DurableStep::RegisterPasscode,
            Self::StartGuess(_) => DurableStep::StartGuess,
            Self::FinishGuess(_) => DurableStep::FinishGuess,
            Self::NameDevice(_) => DurableStep::NameDevice,
            Self::RevokeDevice(_) => DurableStep::RevokeDevice,
            Self::Restore => DurableStep::Restore,
            Self::StartCeremony => DurableStep::StartCeremony,
            Self::StepCeremony(_) => DurableStep::StepCeremony,
            Self::AbortCeremony(_) => DurableStep::AbortCeremony,
        }
    }
}

/// Longest path in bytes.
const MAX_PATH_BYTES: usize = 256;

/// Finds the route. Ids that do not parse are not found: no oracle about their shape.
///
/// # Errors
/// `not_found`, or `method_not_allowed` where the path exists with another method.
pub fn route(method: &str, path: &str) -> Result<Route, ProblemCode> {
    if path.len() > MAX_PATH_BYTES {
        return Err(ProblemCode::NotFound);
    }
    let rest = path.strip_prefix("/v1/").ok_or(ProblemCode::NotFound)?;
    let parts: Vec<&str> = rest.split('/').collect();
    let (wanted, found) = match parts[..] {
        ["attestation"] => ("GET", Route::Attestation),
        ["sessions"] => ("POST", Route::OpenSession),
        ["sessions", id, "renew"] => ("POST", Route::RenewSession(parse(id)?)),
        ["sessions", id, "revoke"] => ("POST", Route::RevokeSession(parse(id)?)),
        ["wallets"] => ("POST", Route::CreateWallet),
        ["wallets", id, "activate"] => ("POST", Route::ActivateWallet(parse(id)?)),
        ["wallets", id, "archive"] => ("POST", Route::ArchiveWallet(parse(id)?)),
        ["wallets", id, "backup"] => ("POST", Route::PutBackup(parse(id)?)),
        ["wallets", id, "backup", "open"] => ("POST", Route::OpenBackup(parse(id)?)),
        ["wallets", id, "backup", "delete"] => ("POST", Route::DeleteBackup(parse(id)?)),
        ["recovery", "open"] => ("POST", Route::OpenRecovery),
        ["recovery", "factors"] => ("POST", Route::ChangeFactors),
        ["factors", id, "register"] => ("POST", Route::RegisterPasscode(parse(id)?)),
        ["factors", id, "guess"] => ("POST", Route::StartGuess(parse(id)?)),
        ["factors", id, "guess", "finish"] => ("POST", Route::FinishGuess(parse(id)?)),
        ["devices", id, "name"] => ("POST", Route::NameDevice(parse(id)?)),
        ["devices", id, "revoke"] => ("POST", Route::RevokeDevice(parse(id)?)),
        ["restore"] => ("POST", Route::Restore),
        ["ceremonies"] => ("POST", Route::StartCeremony),
        ["ceremonies", id, "steps"] => ("POST", Route::StepCeremony(parse(id)?)),
        ["ceremonies", id, "abort"] => ("POST", Route::AbortCeremony(parse(id)?)),
        _ => return Err(ProblemCode::NotFound),
    };
    if method == wanted { Ok(found) } else { Err(ProblemCode::MethodNotAllowed) }
}

fn parse<T: std::str::FromStr>(id: &str) -> Result<T, ProblemCode> {
    id.parse().map_err(|_| ProblemCode::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_paths_are_routes() {
        let id = WalletId::new([1; 16]);
        let path = format!("/v1/wallets/{id}/archive");
        assert_eq!(route("POST", &path), Ok(Route::ArchiveWallet(id)));
        for odd in [
            format!("{path}/"),
            format!("/{path}"),
            path.replace("/v1/", "/v2/"),
            path.replace("/v1/", "/v1//"),
            path.replace("wallets", "Wallets"),
            path.replace("archive", "archive?x"),
            "/v1/wallets/%41/archive".to_owned(),
            "/v1/wallets//archive".to_owned(),
            String::new(),
        ] {
            assert_eq!(route("POST", &odd), Err(ProblemCode::NotFound), "{odd}");
        }
        assert_eq!(route("GET", &path), Err(ProblemCode::MethodNotAllowed));
        assert_eq!(route("post", "/v1/wallets"), Err(ProblemCode::MethodNotAllowed));
    }
}
