//! What users do, what they do again after a crash, and what must hold then.

mod made;

use crate::device::Device;
use crate::scenario::{Entry, Maker, Scenario, entry};
use crate::site::{Kill, Site};
use serde_json::Value;
use sharekeep_steps::{DurableStep, Moment};
use std::path::Path;

/// Exit codes of the command.
const USAGE: i32 = 2;
const REFUSED: i32 = 3;
const LOCAL_STATE: i32 = 6;
const NOT_SIGNED_IN: i32 = 8;
const WRONG_SECRET: i32 = 10;
/// Wrong guesses that destroy a passcode.
const GUESS_LIMIT: i64 = 10;

const CREATE: &[&str] = &["wallet", "create", "--scheme", "eddsa-ed25519"];
const CREATE_DKLS23: &[&str] =
    &["wallet", "create", "--scheme", "ecdsa-secp256k1", "--protocol", "dkls23"];

/// A user and everything that was made so far.
struct Story {
    site: Site,
    device: Device,
    /// The file of the recovery code that opens everything.
    code: String,
    /// Names for what is made next.
    made: u32,
    /// The wallets that signed last.
    wallets: Vec<String>,
}

/// Runs a scenario once for each step that it makes and each moment of the step.
pub(crate) async fn kill_everywhere_in(scenario: Scenario) {
    let mut site = Site::start().await;
    for step in DurableStep::ALL {
        let Entry::Killed(maker, scenarios) = entry(*step) else { continue };
        if !scenarios.contains(&scenario) {
            continue;
        }
        // A user for each step: limits of devices, wallets and guesses are a user's.
        let mut story = Story::begin(site, step.name());
        story.prepare(scenario).await;
        for moment in maker.moments() {
            if scenario == Scenario::FirstSignIn {
                story = Story::begin(Site::start().await, step.name());
                story.prepare(scenario).await;
            }
            let kill = Kill { step: *step, moment: *moment, maker };
            story.kill(scenario, &kill).await;
        }
        site = story.site;
    }
}

/// Whether it is the last kill of its step.
fn is_last(kill: &Kill) -> bool {
    kill.maker.moments().last() == Some(&kill.moment)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Story {
    fn begin(site: Site, name: &str) -> Self {
        let device = Device::new(name, &site.path(name), "home-0");
        Self { site, device, code: "code-0".to_owned(), made: 0, wallets: vec![] }
    }

    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-{}", self.made)
    }

    async fn must(&self, arguments: &[&str]) -> Value {
        self.device.must(&self.site, arguments).await
    }

    async fn code_of(&self, arguments: &[&str]) -> Option<i32> {
        self.device.run(&self.site, arguments).await.code()
    }

    async fn init(&self) {
        let arguments = self.site.init_arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.must(&[&["init"][..], &arguments].concat()).await;
    }

    fn file(&self, name: &str) -> String {
        text(&self.device.file(name)).to_owned()
    }

    /// Options that unlock with the recovery code.
    fn with_code(&self) -> [String; 2] {
        ["--code-file".to_owned(), self.file(&self.code)]
    }

    fn set_up_arguments(&self) -> Vec<String> {
        ["recovery", "setup", "--new-passcode-file", &self.file("passcode"), "--new-code-file"]
            .map(str::to_owned)
            .into_iter()
            .chain([self.file(&self.code)])
            .collect()
    }

    /// Brings the user to where a scenario begins.
    async fn prepare(&mut self, scenario: Scenario) {
        if matches!(scenario, Scenario::SetUp | Scenario::SetUpRecovery) {
            return;
        }
        self.init().await;
        if matches!(scenario, Scenario::SignIn | Scenario::FirstSignIn) {
            return;
        }
        self.must(&["login"]).await;
        let set_up = self.set_up_arguments();
        self.must(&set_up.iter().map(String::as_str).collect::<Vec<_>>()).await;
        self.wallets = vec![self.create().await];
    }

    /// One crash: the user's command dies somewhere, is given again, and all is well.
    async fn kill(&mut self, scenario: Scenario, kill: &Kill) {
        let command = self.command(scenario).await;
        let before = self.wallets.clone();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        self.device.run_into(&mut self.site, kill, &command).await;
        self.repeat(scenario, kill, &command).await;
        let restore = is_last(kill) || scenario.is_once_a_user();
        self.check(scenario, &before, restore).await;
    }

    /// What is killed, with what must be there only for that.
    async fn command(&mut self, scenario: Scenario) -> Vec<String> {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match scenario {
            Scenario::SetUp => {
                self.another_user();
                [words(&["init"]), self.site.init_arguments()].concat()
            }
            Scenario::NewSettings => {
                let arguments = self.site.arguments_of_another();
                [words(&["init", "--update"]), arguments].concat()
            }
            Scenario::NewRelease => {
                self.made += 1;
                // The first one is of the image that runs.
                let release = self.site.sign_release(u64::from(self.made) + 1);
                let file = self.file("new-release");
                std::fs::write(&file, release).unwrap();
                words(&["release", "add", &file])
            }
            Scenario::SignIn | Scenario::FirstSignIn => words(&["login"]),
            Scenario::Renew => {
                // So little is left of it that the next command renews it.
                self.must(&["login", "--lifetime", "300"]).await;
                words(&["device", "list"])
            }
            Scenario::SignOut => words(&["logout"]),
            Scenario::SetUpRecovery => {
                self.another_user();
                self.init().await;
                self.must(&["login"]).await;
                self.set_up_arguments()
            }
            Scenario::Create => words(CREATE),
            Scenario::Prepare => words(CREATE_DKLS23),
            Scenario::Backup => {
                self.rotate_elsewhere().await;
                let words = words(&["restore", "--keep-old-devices"]);
                [words, self.with_code().to_vec()].concat()
            }
            Scenario::AddFactor => self.add_factor(),
            Scenario::AddFactorAgain => {
                let add = self.add_factor();
                let arguments: Vec<&str> = add.iter().map(String::as_str).collect();
                let (step, moment) = (DurableStep::ChangeBegun, Moment::After);
                let first = Kill { step, moment, maker: Maker::Client };
                self.device.run_into(&mut self.site, &first, &arguments).await;
                add
            }
            Scenario::RemoveFactor => {
                let id = self.add_and_find_factor().await;
                let words = words(&["factor", "remove", &id, "--yes"]);
                [words, self.with_code().to_vec()].concat()
            }
            Scenario::Guess => {
                words(&["backup", "verify", "--passcode-file", &self.file("passcode")])
            }
            Scenario::Restore => {
                self.empty_device();
                self.init().await;
                self.must(&["login"]).await;
                [words(&["restore", "--all-lost"]), self.with_code().to_vec()].concat()
            }
            Scenario::Archive => {
                let wallet = self.create().await;
                words(&["wallet", "archive", &wallet, "--yes"])
            }
            Scenario::DeleteBackup => {
                let wallet = self.create().await;
                self.must(&["wallet", "archive", &wallet, "--yes"]).await;
                words(&["backup", "delete", &wallet, "--yes"])
            }
            Scenario::Forget => {
                let (step, moment) = (DurableStep::WalletMade, Moment::After);
                let half = Kill { step, moment, maker: Maker::Client };
                self.device.run_into(&mut self.site, &half, CREATE).await;
                words(&["wallet", "forget", &self.pending().await[0]])
            }
            Scenario::NameDevice => words(&["device", "name", "this", "phone"]),
            Scenario::RevokeDevice => {
                let mine = self.turn_to("other");
                let _ = std::fs::remove_dir_all(self.device.file("other"));
                self.init().await;
                let other = self.must(&["login"]).await["device"].as_str().unwrap().to_owned();
                // Only one that has shown a factor can be revoked when it is new.
                let code = self.with_code();
                let with: Vec<&str> = code.iter().map(String::as_str).collect();
                let restore = ["restore", "--keep-old-devices", "--no-fresh-preparation"];
                self.must(&[&restore[..], &with].concat()).await;
                self.device = mine;
                words(&["device", "revoke", &other, "--yes"])
            }
            Scenario::Download => {
                let bundle = self.next("bundle");
                words(&["backup", "download", "--out", &self.file(&bundle)])
            }
            Scenario::Offline => {
                let bundle = self.next("bundle");
                let bundle = self.file(&bundle);
                self.must(&["backup", "download", "--out", &bundle]).await;
                self.empty_device();
                self.init().await;
                let words = words(&["recover-offline", "--bundle", &bundle]);
                [words, self.with_code().to_vec()].concat()
            }
        }
    }

    /// What the user does after the crash: the same again, as far as it was not done.
    async fn repeat(&mut self, scenario: Scenario, kill: &Kill, command: &[&str]) {
        match scenario {
            // It says so when it was done already.
            Scenario::SetUp => {
                let done = kill.step == DurableStep::HomeSettings && kill.moment == Moment::After;
                let code = if done { LOCAL_STATE } else { 0 };
                assert_eq!(self.code_of(command).await, Some(code));
            }
            Scenario::NewSettings => {
                // The new settings beside the releases of before: not taken for none.
                let between = matches!(
                    (kill.step, kill.moment),
                    (DurableStep::HomeSettings, Moment::After)
                        | (DurableStep::HomeReleases, Moment::Before)
                );
                let code = if between { LOCAL_STATE } else { 0 };
                assert_eq!(self.code_of(&["release", "list"]).await, Some(code), "{kill:?}");
                if between {
                    self.must(command).await;
                }
                let arguments = self.site.init_arguments();
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                self.must(&[&["init", "--update"][..], &arguments].concat()).await;
            }
            Scenario::NewRelease => {
                let listed = self.must(&["release", "list"]).await;
                let known = listed["releases"].as_array().unwrap().len();
                let said = self.must(command).await;
                let releases = said["releases"].as_array().unwrap();
                // Whole or not there, and none of those before is lost.
                assert_eq!(releases.len(), self.made as usize + 1, "{kill:?}");
                assert!((releases.len() - 1..=releases.len()).contains(&known), "{kill:?}");
            }
            Scenario::SignOut => {
                let code = self.code_of(command).await;
                assert!([Some(0), Some(REFUSED), Some(NOT_SIGNED_IN)].contains(&code), "{code:?}");
                self.must(&["login"]).await;
            }
            Scenario::Create | Scenario::Prepare => {
                for wallet in self.pending().await {
                    self.must(&["wallet", "activate", &wallet]).await;
                }
            }
            Scenario::SetUpRecovery => self.must_be_done(kill, command).await,
            Scenario::AddFactor | Scenario::AddFactorAgain => {
                self.must_be_done(kill, command).await;
                // What was given out opens the backups, and from now on it is what the user has.
                self.code = self.latest("code");
            }
            Scenario::RemoveFactor => {
                self.must_be_done(kill, command).await;
                let removed = self.file(&self.latest("code"));
                let verify = ["backup", "verify", "--code-file", &removed];
                assert_eq!(self.code_of(&verify).await, Some(WRONG_SECRET), "{kill:?}");
            }
            Scenario::Guess => {
                // The one that was killed and this one, and not a guess more.
                let wrong = self.file("wrong");
                let wrong = ["backup", "verify", "--passcode-file", &wrong];
                let ended = self.device.run(&self.site, &wrong).await;
                assert_eq!(ended.code(), Some(WRONG_SECRET), "{kill:?}: {ended:?}");
                let left = ended.said["error"]["guesses_left"].as_i64().unwrap();
                assert!((GUESS_LIMIT - 2..GUESS_LIMIT).contains(&left), "{kill:?}: {left} left");
                self.must(command).await;
            }
            Scenario::Archive | Scenario::DeleteBackup | Scenario::Forget => {
                let code = self.code_of(command).await;
                // Refused, since it was done; a wallet that was forgotten is none to be forgotten.
                assert!([Some(0), Some(USAGE), Some(REFUSED)].contains(&code), "{code:?}");
            }
            Scenario::RevokeDevice => {
                self.must(command).await;
                let mine = self.turn_to("other");
                assert_eq!(self.code_of(&["login"]).await, Some(REFUSED), "{kill:?}");
                self.device = mine;
            }
            Scenario::Download => {
                let bundle = self.next("bundle");
                self.must(&["backup", "download", "--out", &self.file(&bundle)]).await;
            }
            Scenario::Offline => {
                self.must(command).await;
                self.must(&["login"]).await;
                let with = self.with_code();
                let with: Vec<&str> = with.iter().map(String::as_str).collect();
                self.must(&[&["restore", "--all-lost"][..], &with].concat()).await;
            }
            Scenario::SignIn
            | Scenario::FirstSignIn
            | Scenario::Renew
            | Scenario::Backup
            | Scenario::Restore
            | Scenario::NameDevice => drop(self.must(command).await),
        }
    }

    /// A change of factors, given once more: it says so if it had been done to its very end, and the
    /// command only had not said so.
    async fn must_be_done(&self, kill: &Kill, command: &[&str]) {
        let done = kill.step == DurableStep::ChangePinned && kill.moment == Moment::After;
        let code = if done { USAGE } else { 0 };
        let ended = self.device.run(&self.site, command).await;
        assert_eq!(ended.code(), Some(code), "{kill:?}: {command:?}: {ended:?}");
    }

    /// Every wallet signs here and, in the end, comes back on an empty device by what the user
    /// keeps, and signs there. The story goes on there.
    async fn check(&mut self, scenario: Scenario, before: &[String], restore: bool) {
        if matches!(scenario, Scenario::SetUp | Scenario::SignIn | Scenario::FirstSignIn) {
            if self.code_of(&["device", "list"]).await == Some(NOT_SIGNED_IN) {
                self.must(&["login"]).await;
            }
            if self.must(&["recovery", "status"]).await["set_up"] == false {
                let set_up = self.set_up_arguments();
                self.must(&set_up.iter().map(String::as_str).collect::<Vec<_>>()).await;
            }
        }
        let held = self.active().await;
        assert!(before.iter().all(|wallet| held.contains(wallet)), "{before:?} became {held:?}");
        self.sign_all(&held).await;
        let held = if held.is_empty() { vec![self.create().await] } else { held };
        self.wallets.clone_from(&held);
        // All that a restore needs: each backup opens with the code, and holds the share.
        let with = self.with_code();
        let with: Vec<&str> = with.iter().map(String::as_str).collect();
        self.must(&[&["backup", "verify"][..], &with].concat()).await;
        if !restore {
            return;
        }
        self.empty_device();
        self.init().await;
        self.must(&["login"]).await;
        let restored = self.must(&[&["restore", "--all-lost"][..], &with].concat()).await;
        assert_eq!(restored["complete"], true, "{restored}");
        assert_eq!(self.active().await, held);
        self.sign_all(&held).await;
    }
}
