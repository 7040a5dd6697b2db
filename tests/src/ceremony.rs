//! The device's side of the Ed25519 ceremonies, a step at a time.

use crate::user::{SealedPost, User};
use rand_core::{OsRng, RngCore};
use serde_bytes::ByteBuf;
use sharekeep_messages::SignRequest;
use sharekeep_mpc::{
    Ceremony, ExecutionBinding, ExecutionId, KeyShare, PartyIndex, Purpose, Roster, Signature,
    Signed, SigningInput, WireMessage, keygen, sign,
};
use sharekeep_schemas::sealed::{
    CeremonyAnswer, CeremonyResult, CreateWallet, StartCeremony, StartKind, StepCeremony, VERSION,
};
use sharekeep_schemas::{CeremonyId, CeremonyState, Protocol, Scheme, WalletId, codec};

const PARTIES: [PartyIndex; 2] = [PartyIndex(0), PartyIndex(1)];
/// The epoch of a wallet that was never refreshed.
const FIRST_EPOCH: u64 = 1;
/// Largest protocol message of an Ed25519 ceremony, generously.
const MAX_MESSAGE_BYTES: usize = 65_536;

/// A wallet as its device holds it.
pub struct Wallet {
    pub id: WalletId,
    pub share: KeyShare,
    /// What stands for its backup. What the user seals is nothing that the service could check, so any
    /// bytes do.
    pub backup: Vec<u8>,
}

/// A ceremony in the middle: the device's side, and what it would say next.
pub struct Running<O> {
    pub id: CeremonyId,
    pub device: Ceremony<O>,
    /// The first step, not sent yet.
    pub start: SealedPost,
    pub step: u32,
}

impl User<'_> {
    /// Makes a wallet, backs it up and so activates it.
    pub async fn create_wallet(&self) -> Wallet {
        let wallet = self.pending_wallet().await;
        self.activate(&wallet).await;
        wallet
    }

    /// Makes a wallet and leaves it pending.
    pub async fn pending_wallet(&self) -> Wallet {
        let id = new_wallet_id();
        let (share, result) = self.run(self.start_keygen(id)).await;
        match result {
            Some(CeremonyResult::Wallet { public_key, .. }) => {
                assert_eq!(public_key, share.public_key().as_bytes());
            }
            other => panic!("key generation ended with {other:?}"),
        }
        Wallet { id, share, backup: b"sealed to the user's recovery key".to_vec() }
    }

    /// Signs a message; the signature has been verified.
    pub async fn sign(&self, wallet: &Wallet, what: &SignRequest) -> Signature {
        let (signed, _) = self.run(self.start_sign(wallet, what)).await;
        match signed {
            Signed::Signature(signature) => signature,
            Signed::Contributed => panic!("the device has seat 0 and gets the signature"),
        }
    }

    /// Begins a key generation without sending anything.
    pub fn start_keygen(&self, wallet: WalletId) -> Running<KeyShare> {
        let client_nonce = new_nonce();
        let execution = self.execution(Purpose::Keygen, wallet, b"", &client_nonce);
        let mut device =
            keygen(sharekeep_mpc::Scheme::EddsaEd25519, execution, roster(), 2, &mut OsRng)
                .unwrap();
        let payload = CreateWallet {
            version: VERSION,
            wallet,
            scheme: Scheme::EddsaEd25519,
            protocol: Protocol::Frost,
            client_nonce,
            messages: encode(device.step(vec![]).unwrap()),
        };
        let start = self.post("/v1/wallets", &payload);
        Running { id: ceremony_id(execution), device, start, step: 1 }
    }

    /// Starts a key generation and makes its second step, unsent.
    pub async fn second_step(&self) -> (Running<KeyShare>, SealedPost) {
        let mut running = self.start_keygen(new_wallet_id());
        let answer = running.start.open(&running.start.send(self.deployment).await);
        let post = self.next_step(&mut running, &answer).unwrap();
        (running, post)
    }

    /// Begins a signature without sending anything.
    pub fn start_sign(&self, wallet: &Wallet, what: &SignRequest) -> Running<Signed> {
        let decoded =
            what.decode(Scheme::EddsaEd25519, wallet.share.public_key().as_bytes()).unwrap();
        let input = SigningInput::Eddsa(decoded.to_sign.bytes().to_vec());
        self.start_sign_as(wallet, wallet.id, codec::encode(what), input)
    }

    /// The same for whatever message bytes, naming another wallet than the share's if asked to.
    pub fn start_sign_as(
        &self,
        wallet: &Wallet,
        named: WalletId,
        message: Vec<u8>,
        input: SigningInput,
    ) -> Running<Signed> {
        let client_nonce = new_nonce();
        let execution = self.execution(Purpose::Sign, named, &message, &client_nonce);
        let protocol = sharekeep_mpc::Protocol::Frost;
        let mut device =
            sign(protocol, execution, roster(), &wallet.share, None, &input, &mut OsRng).unwrap();
        let payload = StartCeremony {
            version: VERSION,
            kind: StartKind::Sign {
                wallet: named,
                epoch: FIRST_EPOCH,
                preparation: None,
                message: ByteBuf::from(message),
            },
            client_nonce,
            messages: encode(device.step(vec![]).unwrap()),
        };
        let start = self.post("/v1/ceremonies", &payload);
        Running { id: ceremony_id(execution), device, start, step: 1 }
    }

    /// Takes the server's messages and makes the next step, if there is one.
    pub fn next_step<O>(
        &self,
        running: &mut Running<O>,
        answer: &CeremonyAnswer,
    ) -> Option<SealedPost> {
        assert_eq!(answer.ceremony, running.id);
        let messages = running.device.step(decode(&answer.messages)).unwrap();
        if messages.is_empty() {
            return None;
        }
        running.step += 1;
        Some(self.step(running.id, running.step, encode(messages)))
    }

    /// A step with whatever messages.
    pub fn step(&self, ceremony: CeremonyId, step: u32, messages: Vec<ByteBuf>) -> SealedPost {
        let payload = StepCeremony { version: VERSION, step, messages };
        self.post(&format!("/v1/ceremonies/{ceremony}/steps"), &payload)
    }

    /// Runs a ceremony to its end: the device's output and the server's result.
    pub async fn run<O>(&self, mut running: Running<O>) -> (O, Option<CeremonyResult>) {
        let mut answer: CeremonyAnswer =
            running.start.open(&running.start.send(self.deployment).await);
        while let Some(post) = self.next_step(&mut running, &answer) {
            answer = post.open(&post.send(self.deployment).await);
        }
        assert_eq!(answer.state, CeremonyState::Complete);
        (running.device.take_output().unwrap(), answer.result)
    }

    fn execution(
        &self,
        purpose: Purpose,
        wallet: WalletId,
        message: &[u8],
        client_nonce: &[u8; 32],
    ) -> ExecutionId {
        ExecutionBinding {
            purpose,
            protocol: sharekeep_mpc::Protocol::Frost,
            scheme: sharekeep_mpc::Scheme::EddsaEd25519,
            wallet: wallet.as_bytes(),
            epoch: FIRST_EPOCH,
            n: 2,
            t: 2,
            parties: &PARTIES,
            path: &[],
            message,
            client_nonce,
            server_nonce: self.enclave.enclave_key.id().as_bytes(),
        }
        .id()
    }
}

pub fn new_wallet_id() -> WalletId {
    WalletId::new(crate::user::random())
}

pub fn encode(messages: Vec<WireMessage>) -> Vec<ByteBuf> {
    messages.iter().map(|message| ByteBuf::from(codec::encode(message))).collect()
}

pub fn decode(messages: &[ByteBuf]) -> Vec<WireMessage> {
    messages.iter().map(|bytes| codec::decode(bytes, MAX_MESSAGE_BYTES).unwrap()).collect()
}

fn roster() -> Roster {
    Roster::new(PARTIES[0], &PARTIES).unwrap()
}

fn ceremony_id(execution: ExecutionId) -> CeremonyId {
    CeremonyId::try_from(&execution.as_bytes()[..16]).unwrap()
}

fn new_nonce() -> [u8; 32] {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}
