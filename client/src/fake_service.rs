//! A service with an enclave in it, for tests: it keeps to the protocol unless a script tells it
//! otherwise. It knows one user and only FROST.

mod behind;
mod listen;
mod recovery;
mod signed_in;

pub(crate) use signed_in::session;

use crate::ceremony::binding::{Freshness, Run, ceremony_id, execution_id};
use crate::home::{AttestedImage, HeldRecovery, Home, OpenHome, Passphrase, Pins};
use crate::settings::tests::{example, example_release, image};
use crate::{Client, RetryPolicy, Settings};
use http::Method;
use hyper::body::Bytes;
use rand_core::OsRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use sharekeep_channel::attestation::TrustConfigHash;
use sharekeep_channel::encapsulation::{EnclaveKeyPair, PopValue, RequestBinding};
use sharekeep_channel::receipt::{AuditHead, Receipt, StatementKey, WalletStatus as Status};
use sharekeep_channel::signature::{SignatureHeaders, peek_key_id};
use sharekeep_messages::{SignRequest, TaprootTweak, ToSign};
use sharekeep_mpc::{
    Ceremony, KeyShare, PartyIndex, Roster, SchnorrKey, Signed, SigningInput, keygen, sign,
};
use sharekeep_recovery::factor_set::SignedFactorSet;
use sharekeep_release::Releases;
use sharekeep_schemas::http::{Base64Url, SealedAnswer, SealedRequest};
use sharekeep_schemas::sealed::{
    BackupOpened, CeremonyAnswer, CeremonyResult, CreateWallet, RecoveryOpened, SealedBackup,
    StartCeremony, StartKind, StepCeremony, WalletChanged,
};
use sharekeep_schemas::{
    CeremonyId, CeremonyState, DeviceId, Problem, ProblemCode, Protocol, UserId, WalletId,
    WalletStatus, codec,
};
use sharekeep_steps::DurableStep;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// What the next request gets instead of an honest answer.
pub(crate) enum Instead {
    /// The connection breaks.
    Hangup,
    /// A problem document, and `Retry-After`.
    Problem(ProblemCode, Option<u64>),
    /// What a proxy says when nobody is behind it.
    Gateway(u16),
    /// This body with status 200.
    Body(Vec<u8>),
    /// The honest answer, sealed by an enclave that nobody attested.
    OtherEnclave,
    /// The honest answer is computed and then lost on the way.
    Lost,
    /// An honest answer: lets a script skip requests.
    Nothing,
    /// The honest answer with another public key of the new wallet.
    OtherPublicKey,
    /// An honest answer with another ceremony's id.
    OtherCeremony,
    /// Another backup than the one that was stored.
    OtherBackup,
    /// This backup in place of the one that was stored.
    Backup(SealedBackup),
    /// This list of factors in place of the one that stands.
    Statement(SignedFactorSet),
    /// The request is held up: nobody answers it, and it arrives when the test says so.
    Late,
    /// An activation's receipt that says what was true before.
    OldReceipt,
}

/// A request as it arrived.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) idempotency_key: String,
    pub(crate) signature_input: String,
    pub(crate) body: Bytes,
}

pub(crate) struct FakeService {
    state: Arc<Mutex<State>>,
    settings: Settings,
    pins: Pins,
    recovery: HeldRecovery,
}

struct State {
    keys: EnclaveKeyPair,
    statement: StatementKey,
    script: VecDeque<Instead>,
    seen: Vec<Seen>,
    late: Vec<Seen>,
    answers: HashMap<String, Vec<u8>>,
    keygens: HashMap<CeremonyId, (WalletId, Ceremony<KeyShare>)>,
    signings: HashMap<CeremonyId, Ceremony<Signed>>,
    shares: HashMap<WalletId, KeyShare>,
    versions: HashMap<WalletId, u64>,
    recovery: recovery::Recovery,
    /// The devices of all homes that were made for this service.
    devices: Vec<DeviceId>,
}

const ROSTER: [PartyIndex; 2] = [PartyIndex(0), PartyIndex(1)];

impl FakeService {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let keys = EnclaveKeyPair::generate(&mut OsRng);
        let statement = StatementKey::generate(&mut OsRng);
        let mut settings = example();
        settings.url = url.parse().unwrap();
        let image = AttestedImage {
            enclave_key: keys.public_key().clone(),
            pcrs: image(1),
            trust_config_hash: TrustConfigHash::from_bytes([0; 32]),
            verified_at_unix_s: crate::clock::now_unix_s(),
        };
        let pins = Pins { statement_key: statement.public_key(), image: Some(image) };
        let made = recovery::first_recovery();
        let recovery = HeldRecovery {
            user: UserId::new([1; 32]),
            pin: made.set.pin(),
            statement: made.signed.clone(),
        };
        let state = Arc::new(Mutex::new(State {
            recovery: recovery::Recovery::of(made),
            devices: vec![],
            keys,
            statement,
            script: VecDeque::new(),
            seen: vec![],
            late: vec![],
            answers: HashMap::new(),
            keygens: HashMap::new(),
            signings: HashMap::new(),
            shares: HashMap::new(),
            versions: HashMap::new(),
        }));
        tokio::spawn(listen::accept(listener, Arc::clone(&state)));
        Self { state, settings, pins, recovery }
    }

    /// What the next requests get, in turn; honest answers afterwards.
    pub(crate) fn script(&self, script: impl IntoIterator<Item = Instead>) {
        self.state.lock().unwrap().script.extend(script);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// A client that has attested this service's enclave and is not patient.
    pub(crate) fn client(&self) -> Client {
        let retry = RetryPolicy {
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(4),
            patience: Duration::from_secs(2),
            patience_with_silence: Duration::from_secs(2),
        };
        let mut releases = Releases::none();
        releases.add(&self.settings.release_keys, example_release(1, 1)).unwrap();
        Client::new(self.settings.clone(), releases, Some(self.pins.clone()))
            .unwrap()
            .with_retry_policy(retry)
    }

    pub(crate) fn home(&self, directory: &std::path::Path) -> OpenHome {
        let home = self.home_in(&directory.join("home"));
        home.store_recovery(&self.recovery, DurableStep::ChangePinned).unwrap();
        home
    }

    fn home_in(&self, directory: &std::path::Path) -> OpenHome {
        let passphrase = Passphrase::new("test".to_owned()).unwrap();
        let releases = [example_release(1, 1)];
        Home::create(directory, self.settings.clone(), &releases, &passphrase).unwrap()
    }

    /// A device of a user who has set nothing up, here or elsewhere.
    pub(crate) fn first_home(&self, directory: &std::path::Path) -> OpenHome {
        self.state.lock().unwrap().recovery = Default::default();
        self.new_home(directory)
    }

    /// A device that knows nothing of its user.
    pub(crate) fn new_home(&self, directory: &std::path::Path) -> OpenHome {
        let home =
            self.home_in(&directory.join(format!("{}", rand_core::RngCore::next_u64(&mut OsRng))));
        self.state.lock().unwrap().devices.push(home.device().id());
        home
    }
}

impl State {
    /// The same answer for the same key, as functions give it.
    fn answer_once(&mut self, seen: &Seen, instead: &Instead) -> (u16, Vec<u8>) {
        if let Some(answer) = self.answers.get(&seen.idempotency_key) {
            return (200, answer.clone());
        }
        match self.answer_sealed(seen, instead) {
            Ok(answer) => {
                self.answers.insert(seen.idempotency_key.clone(), answer.clone());
                (200, answer)
            }
            Err(code) => {
                let problem = Problem::new(code, None, "id".to_owned());
                (code.status(), serde_json::to_vec(&problem).unwrap())
            }
        }
    }

    fn answer_sealed(&mut self, seen: &Seen, instead: &Instead) -> recovery::Answer {
        let request: SealedRequest = serde_json::from_slice(&seen.body).unwrap();
        let signed = SignatureHeaders {
            signature_input: seen.signature_input.clone(),
            signature: String::new(),
            content_digest: None,
        };
        let binding = RequestBinding {
            method: "POST",
            path: &seen.path,
            session: peek_key_id(&signed).unwrap(),
            idempotency_key: &seen.idempotency_key,
        };
        let opened = self.keys.open(&binding, &request.sealed.0).unwrap();
        let plaintext = self.handle(&seen.path, &opened.plaintext, &opened.pop, instead)?;
        let mut sealed = opened.responder.seal(&plaintext, &mut OsRng).unwrap();
        if matches!(instead, Instead::OtherEnclave) {
            *sealed.last_mut().unwrap() ^= 1;
        }
        Ok(serde_json::to_vec(&SealedAnswer { sealed: Base64Url(sealed) }).unwrap())
    }

    fn handle(
        &mut self,
        path: &str,
        payload: &[u8],
        pop: &PopValue,
        instead: &Instead,
    ) -> recovery::Answer {
        let parts: Vec<_> = path.trim_start_matches("/v1/").split('/').collect();
        Ok(match parts[..] {
            ["wallets"] => self.create(read(payload), instead),
            ["wallets", id, "activate"] => {
                self.take_first_backup(read(payload))?;
                write(&self.change(id.parse().unwrap(), "activate", instead))
            }
            ["wallets", _, "backup", "open"] => {
                let honest = self.handle_recovery(&parts, payload, pop)?;
                let mut opened: BackupOpened = read(&honest);
                match instead {
                    Instead::OtherBackup => opened.backup.sealed[70] ^= 1,
                    Instead::Backup(other) => opened.backup = other.clone(),
                    _ => {}
                }
                write(&opened)
            }
            ["recovery", "open"] => {
                let honest = self.handle_recovery(&parts, payload, pop)?;
                let mut opened: RecoveryOpened = read(&honest);
                if let Instead::Statement(other) = instead {
                    opened.statements = vec![ByteBuf::from(other.to_bytes())];
                }
                write(&opened)
            }
            ["wallets", id, "archive"] => {
                write(&self.change(id.parse().unwrap(), "archive", instead))
            }
            ["ceremonies"] => self.start(read(payload)),
            ["ceremonies", id, "steps"] => self.step(id.parse().unwrap(), read(payload), instead),
            _ => self.handle_recovery(&parts, payload, pop)?,
        })
    }

    fn freshness(nonce: &[u8; 32], keys: &EnclaveKeyPair) -> impl Fn(&Run<'_>) -> Execution {
        let (nonce, enclave) = (*nonce, keys.public_key().clone());
        move |run| execution_id(run, Freshness { client_nonce: &nonce, enclave: &enclave })
    }

    fn create(&mut self, request: CreateWallet, instead: &Instead) -> Vec<u8> {
        let CreateWallet { wallet, scheme, protocol, client_nonce, messages, .. } = request;
        let execution =
            Self::freshness(&client_nonce, &self.keys)(&Run::Keygen { wallet, scheme, protocol });
        let roster = Roster::new(ROSTER[1], &ROSTER).unwrap();
        let ceremony = keygen(scheme, execution, roster, 2, &mut OsRng).unwrap();
        let id = ceremony_id(&execution);
        self.keygens.insert(id, (wallet, ceremony));
        self.step(id, StepCeremony { version: 1, step: 1, messages }, instead)
    }

    fn start(&mut self, request: StartCeremony) -> Vec<u8> {
        let StartKind::Sign { wallet, epoch, message, .. } = request.kind else { panic!() };
        let share = &self.shares[&wallet];
        let scheme = share.scheme();
        let message: &[u8] = &message;
        let run = Run::Sign { wallet, scheme, protocol: Protocol::Frost, epoch, message };
        let execution = Self::freshness(&request.client_nonce, &self.keys)(&run);
        let sign_request: SignRequest = codec::decode(message, 1 << 20).unwrap();
        let key = share.public_key();
        let decoded = sign_request.decode(scheme, key.as_bytes()).unwrap();
        let what = match decoded.to_sign {
            ToSign::Eddsa(message) => SigningInput::Eddsa(message.as_bytes().to_vec()),
            ToSign::Bip340 { message, tweak } => SigningInput::Bip340 {
                message: message.as_bytes().to_vec(),
                key: match tweak {
                    TaprootTweak::None => SchnorrKey::Internal,
                    TaprootTweak::Bip86KeyPath => SchnorrKey::Output { merkle_root: None },
                },
            },
            _ => panic!("only FROST here"),
        };
        let roster = Roster::new(ROSTER[1], &ROSTER).unwrap();
        let frost = sharekeep_mpc::Protocol::Frost;
        let ceremony = sign(frost, execution, roster, share, None, &what, &mut OsRng).unwrap();
        let id = ceremony_id(&execution);
        self.signings.insert(id, ceremony);
        let step = StepCeremony { version: 1, step: 1, messages: request.messages };
        self.step(id, step, &Instead::Nothing)
    }

    fn step(&mut self, id: CeremonyId, step: StepCeremony, instead: &Instead) -> Vec<u8> {
        let incoming = step.messages.iter().map(|m| codec::decode(m, 1 << 20).unwrap()).collect();
        let (said, result) = if let Some((wallet, ceremony)) = self.keygens.get_mut(&id) {
            let (said, wallet) = (ceremony.step(incoming).unwrap(), *wallet);
            let share = ceremony.take_output();
            (said, share.map(|share| self.made(wallet, share, instead)))
        } else {
            let ceremony = self.signings.get_mut(&id).unwrap();
            let said = ceremony.step(incoming).unwrap();
            (said, ceremony.take_output().map(|_| CeremonyResult::Signed))
        };
        let other = matches!(instead, Instead::OtherCeremony);
        write(&CeremonyAnswer {
            ceremony: if other { CeremonyId::new([9; 16]) } else { id },
            step: step.step,
            messages: said.iter().map(|m| ByteBuf::from(codec::encode(m))).collect(),
            state: match result {
                Some(_) => CeremonyState::Complete,
                None => CeremonyState::Running,
            },
            result,
        })
    }

    fn made(&mut self, wallet: WalletId, share: KeyShare, instead: &Instead) -> CeremonyResult {
        let mut public_key = share.public_key().as_bytes().to_vec();
        if matches!(instead, Instead::OtherPublicKey) {
            public_key[5] ^= 1;
        }
        self.shares.insert(wallet, share);
        let receipt = self.receipt(wallet, Status::Pending);
        CeremonyResult::Wallet { public_key, receipt }
    }

    fn change(&mut self, wallet: WalletId, verb: &str, instead: &Instead) -> WalletChanged {
        let (status, receipt) = match verb {
            "activate" => (WalletStatus::Active, Status::Active),
            _ => (WalletStatus::Archived, Status::Archived),
        };
        if matches!(instead, Instead::OldReceipt) {
            self.versions.insert(wallet, 0);
        }
        WalletChanged { status, receipt: self.receipt(wallet, receipt) }
    }

    fn receipt(&mut self, wallet: WalletId, status: Status) -> Vec<u8> {
        let version = self.versions.entry(wallet).or_default();
        *version += 1;
        let receipt = Receipt {
            deployment: "here".to_owned(),
            tenant: "demo".to_owned(),
            wallet_id: wallet.to_string(),
            epoch: 1,
            status,
            audit_head: AuditHead::from_bytes([0; 32]),
            record_version: *version,
            issued_at_unix_s: 1,
        };
        receipt.sign(&self.statement).unwrap().to_bytes()
    }
}

type Execution = sharekeep_mpc::ExecutionId;

fn read<T: DeserializeOwned>(payload: &[u8]) -> T {
    codec::decode(payload, 1 << 20).unwrap()
}

fn write<T: Serialize>(answer: &T) -> Vec<u8> {
    codec::encode(answer)
}
