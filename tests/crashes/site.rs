//! The service as processes that can be armed and replaced.

use crate::scenario::Maker;
use ed25519_dalek::SigningKey;
use sharekeep_channel::attestation::PcrSet;
use sharekeep_local::DataDir;
use sharekeep_local::identity_provider::Signing;
use sharekeep_local::process::Supervisor;
use sharekeep_local::world::{Purpose, TENANT, unused_port};
use sharekeep_release::{Release, ReleaseKey, ReleaseKeys, SignedRelease};
use sharekeep_steps::{DurableStep, FAILPOINT_VARIABLE, Moment};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A failpoint: where, and whose process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    pub(crate) step: DurableStep,
    pub(crate) moment: Moment,
    pub(crate) maker: Maker,
}

/// Whose process a failpoint is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Victim {
    Client,
    Functions,
    Enclave,
}

impl Kill {
    pub(crate) fn victim(&self) -> Victim {
        match (self.maker, self.moment) {
            (Maker::Client, _) => Victim::Client,
            (_, Moment::Decided) => Victim::Enclave,
            _ => Victim::Functions,
        }
    }

    pub(crate) fn armed(&self) -> String {
        format!("{}:{}", self.step.name(), self.moment.name())
    }
}

pub(crate) struct Site {
    supervisor: Supervisor,
    port: u16,
    dir: TempDir,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let data = DataDir::open(&dir.path().join("service")).unwrap();
        let port = unused_port().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_stack-process"));
        let supervisor =
            Supervisor::start(program, data, port, Purpose::Crashes, None).await.unwrap();
        Self { supervisor, port, dir }
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    /// What `init` needs to know.
    pub(crate) fn init_arguments(&self) -> Vec<String> {
        let releases = self.supervisor.world().releases();
        let file = |name: &str| self.path("service").join(name);
        self.arguments(&file(releases.keys_file()), &file(&releases.running_file()))
    }

    /// The same of another deployment, which nobody runs, behind the same address.
    pub(crate) fn arguments_of_another(&self) -> Vec<String> {
        let signer = SigningKey::from_bytes(&[8; 32]);
        let key = ReleaseKey::try_from(&signer.verifying_key()).unwrap();
        let keys = ReleaseKeys::new("elsewhere", 1, [key]).unwrap();
        let release = Release::new("elsewhere", 1, 1, PcrSet::from([[8; 48]; 3]), None).unwrap();
        let mut signed = SignedRelease::unsigned(release);
        signed.sign(&signer).unwrap();
        let files = [self.path("keys-elsewhere"), self.path("release-elsewhere")];
        std::fs::write(&files[0], keys.to_text()).unwrap();
        std::fs::write(&files[1], signed.to_text()).unwrap();
        self.arguments(&files[0], &files[1])
    }

    fn arguments(&self, keys: &Path, release: &Path) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let (url, root) =
            (format!("http://127.0.0.1:{}", self.port), self.path("service/root.der"));
        let (root, keys, release) = (text(&root), text(keys), text(release));
        let trusted = ["--root", &root, "--release-keys", &keys, "--release", &release];
        let service = ["--url", &url, "--tenant", TENANT];
        service.iter().chain(&trusted).map(|argument| (*argument).to_owned()).collect()
    }

    /// Signs a release of an image that never runs.
    pub(crate) fn sign_release(&self, version: u64) -> String {
        let release = self.path("service").join(self.supervisor.world().releases().running_file());
        let running = SignedRelease::parse(&std::fs::read_to_string(release).unwrap()).unwrap();
        let image = PcrSet::from([[u8::try_from(version).unwrap(); 48]; 3]);
        let deployment = running.unverified().deployment();
        let release = Release::new(deployment, version, 1, image, None).unwrap();
        let mut signed = SignedRelease::unsigned(release);
        let key = std::fs::read(self.path("service/operator/release.key")).unwrap();
        signed.sign(&SigningKey::from_bytes(&key.try_into().unwrap())).unwrap();
        signed.to_text()
    }

    /// The identity provider's word for a user.
    pub(crate) fn token(&self, user: &str, nonce: &str) -> String {
        let provider = self.supervisor.world().identity_provider.development();
        provider.token(user, TENANT).nonce(nonce).sign(Signing::Rs256).unwrap()
    }

    /// Has the victim started anew, with the failpoint in its environment.
    pub(crate) async fn arm(&mut self, kill: &Kill) {
        let armed = kill.armed();
        let environment = [(FAILPOINT_VARIABLE, armed.as_str())];
        match kill.victim() {
            Victim::Client => {}
            Victim::Functions => self.supervisor.replace_functions(&environment).await.unwrap(),
            Victim::Enclave => self.supervisor.replace_enclave(&environment).await.unwrap(),
        }
    }

    /// Whether the victim is dead, after a short look. It must have been killed.
    pub(crate) async fn is_dead(&mut self, victim: Victim) -> bool {
        let look = Duration::from_millis(10);
        let end = match victim {
            Victim::Client => return true,
            Victim::Functions => tokio::time::timeout(look, self.supervisor.functions_end()).await,
            Victim::Enclave => tokio::time::timeout(look, self.supervisor.enclave_end()).await,
        };
        end.is_ok_and(|error| {
            assert!(error.to_string().contains("signal: 9"), "{error}");
            true
        })
    }

    /// Has the victim run again, unarmed.
    pub(crate) async fn revive(&mut self, victim: Victim) {
        match victim {
            Victim::Client => {}
            Victim::Functions => self.supervisor.replace_functions(&[]).await.unwrap(),
            Victim::Enclave => self.supervisor.replace_enclave(&[]).await.unwrap(),
        }
    }
}
