//! A device with its keys, and its side of every ceremony.

use super::world::{ISSUER, NOW, ORIGIN, Refused, World};
use super::{IdentityProvider, Owner};
use ed25519_dalek::{Signer, SigningKey};
use rand_core::{OsRng, RngCore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use sharekeep_channel::encapsulation::{PopValue, RequestBinding, ResponseOpener, Sender, Suite};
use sharekeep_channel::signature::{
    Nonce, RequestParts, SessionAlgorithm, SessionSigningKey, SignatureHeaders, sign,
};
use sharekeep_mpc::WireMessage;
use sharekeep_schemas::enclave::HttpRequest;
use sharekeep_schemas::http::{Base64Url, OpenSessionRequest, SealedAnswer, SealedRequest};
use sharekeep_schemas::sealed::{DEVICE_PROOF_LABEL, OpenSession, Plain, SessionOpened};
use sharekeep_schemas::{
    DeviceId, EnclaveKeyId, ProblemCode, Scope, SecretText, SessionKeyAlgorithm, SessionKeyId,
    SessionPublicKey, TenantId, UserId, codec,
};
use std::time::Duration;

pub(crate) struct Client {
    pub(crate) tenant: TenantId,
    pub(crate) subject: String,
    pub(crate) key: SessionSigningKey,
    pub(crate) device: DeviceId,
    pub(crate) device_key: SigningKey,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) lifetime_s: Option<u64>,
}

/// A sealed request that can be signed again: an exact retry.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) path: String,
    pub(crate) idempotency_key: String,
    pub(crate) body: Vec<u8>,
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

impl Client {
    pub(crate) fn new(tenant: &str, subject: &str) -> Self {
        Self {
            tenant: tenant.parse().unwrap(),
            subject: subject.into(),
            key: SessionSigningKey::generate(SessionAlgorithm::Ed25519, &mut OsRng),
            device: DeviceId::new(random()),
            device_key: SigningKey::from_bytes(&random()),
            scopes: vec![Scope::Read, Scope::Sign, Scope::Manage],
            lifetime_s: None,
        }
    }

    /// The same device with a new session key.
    pub(crate) fn again(&self) -> Self {
        Self {
            device: self.device,
            device_key: self.device_key.clone(),
            ..Self::new(self.tenant.as_str(), &self.subject)
        }
    }

    pub(crate) fn id(&self) -> SessionKeyId {
        SessionKeyId::new(*self.key.public_key().key_id().as_bytes())
    }

    pub(crate) fn public_key(&self) -> SessionPublicKey {
        let text = self.key.public_key().to_string();
        let (algorithm, key) = text.split_once(':').unwrap();
        let algorithm = match algorithm {
            "p256" => SessionKeyAlgorithm::EcdsaP256Sha256,
            _ => SessionKeyAlgorithm::Ed25519,
        };
        let Base64Url(key) = serde_json::from_value(key.into()).unwrap();
        SessionPublicKey { algorithm, key }
    }

    /// Claims that are in order.
    pub(crate) fn claims(&self, now: u64) -> Value {
        json!({
            "iss": ISSUER, "sub": self.subject, "aud": format!("{}-app", self.tenant),
            "iat": now, "exp": now + 600, "nonce": self.id().to_string(),
            "jti": sharekeep_schemas::DeviceId::new(random()).to_string(),
        })
    }

    pub(crate) fn token(&self, now: u64) -> String {
        IdentityProvider::shared().sign(&json!({"alg": "ES256", "kid": "p256"}), &self.claims(now))
    }

    /// Seals a payload for this enclave.
    pub(crate) fn seal(
        &self,
        world: &World,
        path: &str,
        payload: &impl Serialize,
    ) -> (Sealed, ResponseOpener) {
        self.seal_with(world, path, |_| payload)
    }

    /// Seals a payload that is made from the encapsulation's exported value.
    pub(crate) fn seal_with<P: Serialize>(
        &self,
        world: &World,
        path: &str,
        payload: impl FnOnce(&PopValue) -> P,
    ) -> (Sealed, ResponseOpener) {
        let idempotency_key = format!("key-{}", DeviceId::new(random()));
        let sender = self.sender(world, path, &idempotency_key);
        let payload = payload(sender.pop());
        let (sealed, opener) = sender.seal(&codec::encode(&payload)).unwrap();
        let body =
            SealedRequest { enclave_key: world.core.enclave_key(), sealed: Base64Url(sealed) };
        let body = serde_json::to_vec(&body).unwrap();
        (Sealed { path: path.into(), idempotency_key, body }, opener)
    }

    /// Signs a sealed request, freshly.
    pub(crate) fn sign(&self, world: &World, sealed: &Sealed) -> HttpRequest {
        self.sign_as(&self.key, world.now.get(), sealed)
    }

    pub(crate) fn sign_as(
        &self,
        key: &SessionSigningKey,
        created: u64,
        sealed: &Sealed,
    ) -> HttpRequest {
        let parts = RequestParts {
            method: "POST",
            authority: ORIGIN,
            path: &sealed.path,
            query: None,
            body: &sealed.body,
        };
        let nonce = Nonce::generate(&mut OsRng);
        let headers = sign(key, &parts, created, Duration::from_secs(60), &nonce).unwrap();
        let SignatureHeaders { signature_input, signature, content_digest } = headers;
        HttpRequest {
            method: "POST".into(),
            authority: ORIGIN.into(),
            path: sealed.path.clone(),
            query: None,
            signature_input: Some(signature_input),
            signature: Some(signature),
            content_digest,
            idempotency_key: Some(sealed.idempotency_key.parse().unwrap()),
            body: ByteBuf::from(sealed.body.clone()),
        }
    }

    /// A signed request with a payload.
    pub(crate) fn request(
        &self,
        world: &World,
        path: &str,
        payload: &impl Serialize,
    ) -> HttpRequest {
        self.sign(world, &self.seal(world, path, payload).0)
    }

    /// Sends a payload by way of an honest function and opens the answer.
    pub(crate) fn send<A: DeserializeOwned>(
        &self,
        world: &World,
        path: &str,
        payload: &impl Serialize,
    ) -> Result<A, ProblemCode> {
        let (sealed, opener) = self.seal(world, path, payload);
        world.serve(&self.sign(world, &sealed)).map(|body| open(&opener, &body))
    }

    pub(crate) fn plain<A: DeserializeOwned>(
        &self,
        world: &World,
        path: &str,
    ) -> Result<A, ProblemCode> {
        self.send(world, path, &Plain::default())
    }

    /// The opening of a session with a token.
    pub(crate) fn opening(&self, world: &World, token: &str) -> (Sealed, ResponseOpener) {
        self.opening_with(world, |payload| payload.token = SecretText::new(token.into()))
    }

    /// The opening of a session, changed before it is sealed.
    pub(crate) fn opening_with(
        &self,
        world: &World,
        change: impl FnOnce(&mut OpenSession),
    ) -> (Sealed, ResponseOpener) {
        let path = "/v1/sessions";
        let idempotency_key = format!("key-{}", DeviceId::new(random()));
        let sender = self.sender(world, path, &idempotency_key);
        let message = [DEVICE_PROOF_LABEL, sender.pop().as_bytes()].concat();
        let mut payload = OpenSession {
            version: 1,
            tenant: self.tenant.clone(),
            token: SecretText::new(self.token(NOW.max(world.now.get()))),
            session_key: self.public_key(),
            proof: self.key.prove_possession(sender.pop()).as_bytes().to_vec(),
            device: self.device,
            device_identity_key: self.device_key.verifying_key().to_bytes(),
            device_proof: self.device_key.sign(&message).to_bytes().to_vec(),
            scopes: self.scopes.clone(),
            lifetime_s: self.lifetime_s,
        };
        change(&mut payload);
        let (sealed, opener) = sender.seal(&codec::encode(&payload)).unwrap();
        let body = OpenSessionRequest {
            tenant: self.tenant.clone(),
            session_key: self.public_key(),
            enclave_key: world.core.enclave_key(),
            sealed: Base64Url(sealed),
        };
        let body = serde_json::to_vec(&body).unwrap();
        (Sealed { path: path.into(), idempotency_key, body }, opener)
    }

    /// Signs in and sets recovery up; a user who has it unlocks a factor.
    pub(crate) fn sign_up(&self, world: &World) -> UserId {
        let user = self.login(world).user;
        if let Some(owner) = world.owners.borrow().get(&user) {
            owner.join(world, self);
            return user;
        }
        world.owners.borrow_mut().insert(user, Owner::set_up(world, self, user));
        user
    }

    /// Signs in.
    pub(crate) fn login(&self, world: &World) -> SessionOpened {
        let (sealed, opener) = self.opening_with(world, |_| ());
        let body = world.serve(&self.sign(world, &sealed)).expect("signs in");
        open(&opener, &body)
    }

    fn sender(&self, world: &World, path: &str, idempotency_key: &str) -> Sender {
        let session = self.key.public_key().key_id();
        let binding = RequestBinding { method: "POST", path, session, idempotency_key };
        let key = world.core.key_pair.public_key();
        Sender::new(key, Suite::default(), &binding, &mut OsRng).unwrap()
    }

    /// Signs in with a token and says how that was refused.
    pub(crate) fn login_refused(&self, world: &World, token: &str) -> Refused {
        let (sealed, _) = self.opening(world, token);
        world.ask(&self.sign(world, &sealed)).expect_err("must be refused")
    }
}

/// Opens an answer's body.
pub(crate) fn open<A: DeserializeOwned>(opener: &ResponseOpener, body: &[u8]) -> A {
    let answer: SealedAnswer = serde_json::from_slice(body).unwrap();
    codec::decode(&opener.open(&answer.sealed.0).unwrap(), 1 << 20).unwrap()
}

pub(crate) fn encode_messages(messages: &[WireMessage]) -> Vec<ByteBuf> {
    messages.iter().map(|message| ByteBuf::from(codec::encode(message))).collect()
}

pub(crate) fn decode_messages(messages: &[ByteBuf]) -> Vec<WireMessage> {
    messages.iter().map(|bytes| codec::decode(bytes, 1 << 20).unwrap()).collect()
}

/// Changes an HTTP request's body and nothing else.
pub(crate) fn with_enclave_key(sealed: &Sealed, enclave_key: EnclaveKeyId) -> Sealed {
    let mut body: SealedRequest = serde_json::from_slice(&sealed.body).unwrap();
    body.enclave_key = enclave_key;
    Sealed { body: serde_json::to_vec(&body).unwrap(), ..sealed.clone() }
}
