use crate::arguments::{Common, FactorCommand, NewFactors, RecoveryCommand, Setup, WaiverOption};
use crate::context::{Context, Work};
use crate::exit;
use crate::output::{Report, say, table};
use crate::prompt::{self, confirm};
use crate::unlock;
use serde_json::{Value, json};
use sharekeep::{
    Attempt, Committed, Error, ErrorKind, FactorDraft, NewFactor, Result, SettledChange, SignedIn,
};
use sharekeep_recovery::factor_set::{FactorSet, Waiver};
use sharekeep_schemas::{FactorId, FactorKind, SecretText};
use std::io::IsTerminal;
use std::path::Path;
use zeroize::Zeroizing;

/// What must be had before anything is sent: files that are missing are named at once.
struct Wanted<'a> {
    kinds: &'a [FactorKind],
    new: &'a NewFactors,
    json: bool,
}

pub(crate) async fn recovery(common: &Common, command: &RecoveryCommand) -> Result<Report> {
    match command {
        RecoveryCommand::Setup(options) => setup(common, options).await,
        RecoveryCommand::Status => {
            Context::open(common)?.signed_in(async |user, _| status(user).await).await
        }
    }
}

async fn setup(common: &Common, options: &Setup) -> Result<Report> {
    let Setup { factors, new, waiver } = options;
    let wanted = Wanted { kinds: factors, new, json: common.json };
    wanted.check()?;
    Context::open(common)?
        .signed_in(async |user, work| {
            if let Some(settled) = user.settle_interrupted().await? {
                return Ok(went_through(&settled));
            }
            if user.sync_recovery().await?.is_some() {
                let hint = "recovery is set up already: use `sharekeep factor`";
                return Err(Error::Usage(hint.to_owned()));
            }
            let factors = wanted.make()?;
            wanted.hand_over(&factors, work)?;
            let draft = user.draft_recovery(factors, waiver.value().unwrap_or(Waiver::NotGiven));
            commit(user, draft.await?).await
        })
        .await
}

pub(crate) async fn run(common: &Common, command: &FactorCommand) -> Result<Report> {
    match command {
        FactorCommand::List => {
            Context::open(common)?.signed_in(async |user, _| status(user).await).await
        }
        FactorCommand::Add { kind, label, new, unlock } => {
            let kinds = [*kind];
            let wanted = Wanted { kinds: &kinds, new, json: common.json };
            wanted.check()?;
            let with = unlock::ask(unlock)?;
            Context::open(common)?
                .signed_in(async |user, work| {
                    let done = user.settle_interrupted().await?.filter(|settled| {
                        let newest = settled.factors.factors.last();
                        newest.is_some_and(|it| it.kind == *kind && it.label == *label)
                    });
                    if let Some(settled) = done {
                        return Ok(went_through(&settled));
                    }
                    let unlocked = user.unlock(with).await?;
                    let made = wanted.make()?;
                    wanted.hand_over(&made, work)?;
                    let add = made.into_iter().map(|new| new.labelled(label.clone())).collect();
                    commit(user, user.draft_change(&unlocked, add, &[], None).await?).await
                })
                .await
        }
        FactorCommand::Replace { id, new, unlock } => {
            let with = unlock::ask(unlock)?;
            Context::open(common)?
                .signed_in(async |user, work| {
                    if let Some(report) = removed_before(user, *id).await? {
                        return Ok(report);
                    }
                    let unlocked = user.unlock(with).await?;
                    let unknown = || Error::Usage(format!("there is no factor {id}"));
                    let old = unlocked.factors().factor(*id).ok_or_else(unknown)?;
                    let (kinds, label) = ([old.kind], old.label.clone());
                    let wanted = Wanted { kinds: &kinds, new, json: common.json };
                    wanted.check()?;
                    let made = wanted.make()?;
                    wanted.hand_over(&made, work)?;
                    let add = made.into_iter().map(|new| new.labelled(label.clone())).collect();
                    commit(user, user.draft_change(&unlocked, add, &[*id], None).await?).await
                })
                .await
        }
        FactorCommand::Remove { id, waiver, unlock, yes } => {
            confirm(&format!("Remove {id}? Everything is sealed anew, without it."), *yes)?;
            let with = unlock::ask(unlock)?;
            Context::open(common)?
                .signed_in(async |user, _| {
                    if let Some(report) = removed_before(user, *id).await? {
                        return Ok(report);
                    }
                    let unlocked = user.unlock(with).await?;
                    let remove = [*id];
                    let draft = user.draft_change(&unlocked, vec![], &remove, waiver.value());
                    commit(user, draft.await?).await
                })
                .await
        }
    }
}

impl WaiverOption {
    fn value(&self) -> Option<Waiver> {
        self.without_second_factor.then_some(Waiver::PasscodeAlone)
    }
}

impl Wanted<'_> {
    fn check(&self) -> Result<()> {
        let missing = |option: &str| Err(Error::Usage(format!("say where it goes: {option} FILE")));
        for kind in self.kinds {
            match kind {
                FactorKind::ExportFile if self.new.new_export_file.is_none() => {
                    return missing("--new-export-file");
                }
                FactorKind::CloudFile if self.new.new_cloud_file.is_none() => {
                    return missing("--new-cloud-file");
                }
                // It is shown once, and only where its user can see it.
                FactorKind::RecoveryCode
                    if self.new.new_code_file.is_none()
                        && (self.json || !std::io::stderr().is_terminal()) =>
                {
                    return missing("--new-code-file");
                }
                _ => {}
            }
        }
        if self.new.guesses.is_some() && !self.kinds.iter().any(needs_passcode) {
            return Err(Error::Usage("--guesses is for a passcode or a cloud file".to_owned()));
        }
        let (mut sorted, count) = (self.kinds.to_vec(), self.kinds.len());
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() == count {
            Ok(())
        } else {
            Err(Error::Usage("one factor of each kind at a time".to_owned()))
        }
    }

    /// Asks for a passcode once, also where two factors need it.
    fn make(&self) -> Result<Vec<NewFactor>> {
        let passcode = match self.kinds.iter().any(needs_passcode) {
            true => {
                Some(prompt::new_secret("New passcode: ", self.new.new_passcode_file.as_deref())?)
            }
            false => None,
        };
        let passcode = || unlock::passcode(passcode.as_ref().map_or("", SecretText::expose));
        self.kinds
            .iter()
            .map(|kind| {
                let new = match kind {
                    FactorKind::Passcode => NewFactor::passcode(passcode()?),
                    FactorKind::RecoveryCode => NewFactor::recovery_code(),
                    FactorKind::ExportFile => NewFactor::export_file(),
                    FactorKind::CloudFile => NewFactor::cloud_file(passcode()?),
                };
                Ok(new.with_guess_limit(self.new.guesses))
            })
            .collect()
    }

    /// Shows the code and writes the files, before anything depends on them.
    fn hand_over(&self, factors: &[NewFactor], work: &Work<'_>) -> Result<()> {
        for factor in factors {
            if let Some(code) = factor.code() {
                let line = Zeroizing::new(format!("{}\n", *code));
                match &self.new.new_code_file {
                    Some(path) => write_new(path, line.as_bytes(), work)?,
                    None => {
                        say("Write this recovery code down; it is shown once:\n");
                        say(&line);
                    }
                }
            }
            let Some(file) = factor.file(&work.session.tenant, &work.session.user) else {
                continue;
            };
            if factor.kind() == FactorKind::CloudFile {
                write_new(path(&self.new.new_cloud_file)?, file.to_text().as_bytes(), work)?;
            } else {
                let passphrase = prompt::new_secret(
                    "New passphrase of the export file: ",
                    self.new.new_export_passphrase_file.as_deref(),
                )?;
                let passphrase = sharekeep::Passphrase::new(passphrase.expose().to_owned())?;
                write_new(path(&self.new.new_export_file)?, &file.encrypt(&passphrase)?, work)?;
            }
        }
        Ok(())
    }
}

const fn needs_passcode(kind: &FactorKind) -> bool {
    matches!(kind, FactorKind::Passcode | FactorKind::CloudFile)
}

fn write_new(path: &Path, content: &[u8], work: &Work<'_>) -> Result<()> {
    let written =
        work.context.home.write_factor_file(path, content).map_err(|error| match error {
            Error::File { path, source } if source.kind() == std::io::ErrorKind::AlreadyExists => {
                let path = path.display();
                Error::Usage(format!(
                    "{path} exists: if no factor needs it, remove it and try again"
                ))
            }
            other => other,
        })?;
    if let Some(old) = written {
        let (path, old) = (path.display(), old.display());
        say(&format!("{path} was of a change that did not take effect so far; it is {old} now"));
    }
    Ok(())
}

/// What is said when a repeated command finds that its interrupted first run had succeeded.
fn went_through(settled: &SettledChange) -> Report {
    say(match settled.attempt {
        Attempt::Last => {
            "The change that was interrupted had gone through; what it gave out holds."
        }
        Attempt::Earlier => {
            "An earlier one of the changes that were interrupted had gone through; what that one gave \
             out holds: its files end in .superseded."
        }
    });
    let mut report = report(&settled.factors);
    report.json["earlier_attempt"] = (settled.attempt == Attempt::Earlier).into();
    report.json["went_through_before"] = true.into();
    report
}

/// Whether an interrupted change of this device removed the factor already.
async fn removed_before(user: &SignedIn<'_>, id: FactorId) -> Result<Option<Report>> {
    let settled = user.settle_interrupted().await?;
    let done = settled.filter(|settled| settled.factors.factor(id).is_none());
    Ok(done.as_ref().map(went_through))
}

fn path(option: &Option<std::path::PathBuf>) -> Result<&Path> {
    option.as_deref().ok_or_else(|| Error::Usage("say where the file goes".to_owned()))
}

async fn commit(user: &SignedIn<'_>, draft: FactorDraft) -> Result<Report> {
    user.commit_factors(draft).await.map(|committed| describe(&committed))
}

/// The factors are changed whatever became of reading the backups back, so it is no failure of the
/// command: given again, it would change them once more.
fn describe(committed: &Committed) -> Report {
    let mut report = report(&committed.set);
    report.json["read_back_error"] = Value::Null;
    if let Err(why) = &committed.read_back {
        report.text.push_str(&format!(
            "\nThe factors are changed, but not all backups were read back: {why}\n\
             Run `sharekeep backup verify`."
        ));
        report.json["read_back_error"] = why.to_string().into();
        report.code = match why.kind() {
            ErrorKind::Trust => exit::code(ErrorKind::Trust),
            _ => exit::UNHEALTHY,
        };
    }
    report
}

async fn status(user: &SignedIn<'_>) -> Result<Report> {
    match user.sync_recovery().await? {
        Some(set) => Ok(report(&set)),
        None => {
            let text = "Recovery is not set up: run `sharekeep recovery setup`.";
            Ok(Report::new(text, json!({ "set_up": false, "factors": [] })))
        }
    }
}

fn report(set: &FactorSet) -> Report {
    let mut rows = vec![["FACTOR", "KIND", "LABEL"].map(str::to_owned).to_vec()];
    rows.extend(set.factors.iter().map(|factor| {
        let label = factor.label.clone().unwrap_or_default();
        vec![factor.id.to_string(), factor.kind.to_string(), label]
    }));
    let mut text = table(&rows);
    if set.waiver == Waiver::PasscodeAlone {
        text.push_str("\nwithout a second factor: wrong guesses can destroy all of them");
    }
    let factors: Vec<Value> = set
        .factors
        .iter()
        .map(|factor| json!({ "factor": factor.id, "kind": factor.kind, "label": factor.label }))
        .collect();
    let json = json!({
        "set_up": true,
        "generation": set.recovery.generation,
        "sequence": set.sequence,
        "without_second_factor": set.waiver == Waiver::PasscodeAlone,
        "factors": factors,
    });
    Report::new(text, json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;
    use sharekeep_recovery::factor_set::NewFactor as NewSetFactor;
    use sharekeep_recovery::{FactorSecret, RecoveryCode, RecoverySeed};
    use sharekeep_schemas::{UserId, WalletId};

    #[test]
    fn a_change_whose_backups_were_not_read_back_is_reported_as_made() {
        let (tenant, user) = ("demo".parse().unwrap(), UserId::new([1; 32]));
        let code = FactorSecret::recovery_code(&RecoveryCode::generate(&mut OsRng));
        let keys = code.keys(&tenant, &user, FactorId::new([2; 16]));
        let (seed, new) =
            (RecoverySeed::generate(&mut OsRng), [NewSetFactor { keys: &keys, label: None }]);
        let made = FactorSet::first(&tenant, &user, &seed, &new, Waiver::NotGiven, &mut OsRng);
        let set = made.unwrap().set;
        let other = Error::BackupOf { wallet: WalletId::new([3; 16]), why: "it is another one" };
        for (read_back, code) in [
            (Ok(()), 0),
            (Err(other), 4),
            (Err(Error::Unreachable("no route".to_owned())), 1),
            (Err(Error::NotSignedIn("the session has expired")), 1),
        ] {
            let why = read_back.as_ref().err().map(ToString::to_string);
            let report = describe(&Committed { set: set.clone(), read_back });
            assert_eq!(report.code, code, "{why:?}");
            assert_eq!(report.json["factors"].as_array().unwrap().len(), 1);
            assert_eq!(report.json["read_back_error"].as_str(), why.as_deref());
            assert_eq!(report.text.contains("The factors are changed, but"), why.is_some());
            assert!(report.text.contains(why.as_deref().unwrap_or_default()), "{}", report.text);
        }
    }

    #[test]
    fn an_id_of_a_factor_in_a_report_is_the_one_that_commands_take() {
        let id = FactorId::new([250; 16]);
        assert_eq!(json!({ "factor": id })["factor"].as_str().unwrap().parse(), Ok(id));
    }
}
