//! A client made by hand.

use crate::deployment::Site;
use crate::request::{Answer, Request, now_unix_s};
use ed25519_dalek::{Signer, SigningKey};
use rand_core::{OsRng, RngCore};
use serde::{Serialize, de::DeserializeOwned};
use sharekeep_channel::attestation::{
    EnclaveIdentity, ExpectedNonce, Pcr, PcrSet, Policy, verify_enclave,
};
use sharekeep_channel::encapsulation::{PopValue, RequestBinding, ResponseOpener, Sender, Suite};
use sharekeep_channel::signature::{SessionAlgorithm, SessionSigningKey};
use sharekeep_local::identity_provider::{Signing, TokenDraft};
use sharekeep_local::world::{Measurements, TENANT, World};
use sharekeep_schemas::http::{
    AttestationAnswer, Base64Url, OpenSessionRequest, SealedAnswer, SealedRequest, headers,
};
use sharekeep_schemas::limits::SESSION_LIFETIME_S;
use sharekeep_schemas::sealed::{self, OpenSession, SessionOpened};
use sharekeep_schemas::{
    DeviceId, EnclaveKeyId, IdempotencyKey, ProblemCode, Scope, SecretText, SessionKeyAlgorithm,
    SessionKeyId, SessionPublicKey, TenantId, UserId, codec,
};
use std::sync::OnceLock;
use std::time::Duration;

/// Largest answer payload a test decodes.
const MAX_PAYLOAD_BYTES: usize = 2 << 20;

pub struct User<'d> {
    pub deployment: &'d dyn Site,
    pub name: String,
    pub tenant: TenantId,
    pub session_key: SessionSigningKey,
    pub device: DeviceId,
    pub device_key: SigningKey,
    pub enclave: EnclaveIdentity,
    pub scopes: Vec<Scope>,
    pub id: OnceLock<UserId>,
}

/// A step of the clock past the end of a short session, in seconds: less than the skew at which the
/// enclave stops trusting its clock.
pub const PAST_SHORT_SESSION_S: i64 = 55;

/// A sealed and signed POST that has not been sent, with what opens its answer.
pub struct SealedPost {
    pub request: Request,
    pub opener: ResponseOpener,
}

impl<'d> User<'d> {
    /// Verifies the enclave as a client does and makes the keys of a new device.
    pub async fn arrive(deployment: &'d dyn Site, name: &str) -> Self {
        Self {
            deployment,
            name: name.to_owned(),
            tenant: TENANT.parse().unwrap(),
            session_key: new_session_key(),
            device: DeviceId::new(random()),
            device_key: SigningKey::generate(&mut OsRng),
            enclave: attest(deployment).await,
            scopes: Scope::ALL.to_vec(),
            id: OnceLock::new(),
        }
    }

    /// Arrives, signs in, and has a factor: wallets can be made.
    pub async fn signed_in(deployment: &'d dyn Site, name: &str) -> Self {
        let user = Self::newcomer(deployment, name).await;
        user.ensure_recovery().await;
        user
    }

    /// Arrives and signs in; recovery is not set up.
    pub async fn newcomer(deployment: &'d dyn Site, name: &str) -> Self {
        let user = Self::arrive(deployment, name).await;
        user.sign_in().await;
        user
    }

    /// Comes back on a device of an earlier session, which [`into_device`](Self::into_device) kept,
    /// and signs in with a new session key.
    pub async fn signed_in_on(
        (device, device_key): (DeviceId, SigningKey),
        deployment: &'d dyn Site,
        name: &str,
    ) -> Self {
        let user = Self { device, device_key, ..Self::arrive(deployment, name).await };
        user.sign_in().await;
        user
    }

    /// What stays of a user when the deployment goes.
    pub fn into_device(self) -> (DeviceId, SigningKey) {
        (self.device, self.device_key)
    }

    /// Arrives and signs in for a session that is over once the clock is stepped by
    /// [`PAST_SHORT_SESSION_S`].
    pub async fn signed_in_shortly(deployment: &'d dyn Site, name: &str) -> Self {
        let user = Self::arrive(deployment, name).await;
        let token = user.token().sign(Signing::Rs256).unwrap();
        let post = user.opening_with(&token, |payload| payload.lifetime_s = Some(45));
        let opened: SessionOpened = post.open(&post.send(deployment).await);
        user.id.get_or_init(|| opened.user);
        user.ensure_recovery().await;
        user
    }

    pub fn session_id(&self) -> SessionKeyId {
        SessionKeyId::new(*self.session_key.public_key().key_id().as_bytes())
    }

    /// A token that is good once signed.
    pub fn token(&self) -> TokenDraft<'d> {
        self.deployment
            .world()
            .identity_provider
            .development()
            .token(&self.name, self.tenant.as_str())
            .nonce(&self.session_id().to_string())
    }

    /// Who the enclave says that the user is; known once a session was opened.
    pub fn id(&self) -> UserId {
        *self.id_ref()
    }

    pub(crate) fn id_ref(&self) -> &UserId {
        self.id.get().unwrap()
    }

    /// Opens a session with a good token.
    pub async fn sign_in(&self) -> SessionOpened {
        self.sign_in_with(&self.token().sign(Signing::Rs256).unwrap()).await
    }

    /// Opens a session with this token.
    pub async fn sign_in_with(&self, token: &str) -> SessionOpened {
        let post = self.opening(token);
        let opened: SessionOpened = post.open(&post.send(self.deployment).await);
        self.id.get_or_init(|| opened.user);
        opened
    }

    /// Tries to open a session with a token; the code of the refusal.
    pub async fn refused(&self, token: &str) -> ProblemCode {
        self.opening(token).send(self.deployment).await.problem()
    }

    /// The request that opens a session.
    pub fn opening(&self, token: &str) -> SealedPost {
        self.opening_with(token, |_| {})
    }

    /// The same, with the payload bent before it is sealed.
    pub fn opening_with(&self, token: &str, bend: impl FnOnce(&mut OpenSession)) -> SealedPost {
        let session_key = self.public_key();
        self.seal("/v1/sessions", &new_key(), |pop| {
            let mut label = sealed::DEVICE_PROOF_LABEL.to_vec();
            label.extend_from_slice(pop.as_bytes());
            let mut payload = OpenSession {
                version: sealed::VERSION,
                tenant: self.tenant.clone(),
                token: SecretText::new(token.to_owned()),
                session_key: session_key.clone(),
                proof: self.session_key.prove_possession(pop).as_bytes().to_vec(),
                device: self.device,
                device_identity_key: self.device_key.verifying_key().to_bytes(),
                device_proof: self.device_key.sign(&label).to_bytes().to_vec(),
                scopes: self.scopes.clone(),
                lifetime_s: Some(SESSION_LIFETIME_S),
            };
            bend(&mut payload);
            codec::encode(&payload)
        })
    }

    /// A sealed POST of a payload.
    pub fn post<T: Serialize>(&self, path: &str, payload: &T) -> SealedPost {
        self.post_bytes(path, codec::encode(payload))
    }

    /// A sealed POST of whatever bytes.
    pub fn post_bytes(&self, path: &str, payload: Vec<u8>) -> SealedPost {
        self.seal(path, &new_key(), |_| payload)
    }

    /// Sends a sealed POST and opens the answer.
    pub async fn ask<T: Serialize, A: DeserializeOwned>(&self, path: &str, payload: &T) -> A {
        let post = self.post(path, payload);
        post.open(&post.send(self.deployment).await)
    }

    /// A signed GET.
    pub async fn get(&self, path: &str) -> Answer {
        let mut request = Request::get(&self.deployment.authority(), path);
        request.sign(&self.session_key);
        request.send(&self.deployment.authority()).await
    }

    /// Seals what `payload` makes for a path, and signs.
    pub fn seal(
        &self,
        path: &str,
        key: &IdempotencyKey,
        payload: impl FnOnce(&PopValue) -> Vec<u8>,
    ) -> SealedPost {
        let session = self.session_key.public_key().key_id();
        let binding =
            RequestBinding { method: "POST", path, session, idempotency_key: key.as_str() };
        let enclave = &self.enclave.enclave_key;
        let sender = Sender::new(enclave, Suite::default(), &binding, &mut OsRng).unwrap();
        let payload = payload(sender.pop());
        let (bytes, opener) = sender.seal(&payload).unwrap();
        let enclave_key = EnclaveKeyId::new(*enclave.id().as_bytes());
        let sealed = Base64Url(bytes);
        let body = if path == "/v1/sessions" {
            let tenant = self.tenant.clone();
            let session_key = self.public_key();
            serde_json::to_vec(&OpenSessionRequest { tenant, session_key, enclave_key, sealed })
        } else {
            serde_json::to_vec(&SealedRequest { enclave_key, sealed })
        };
        let mut request = Request::post(&self.deployment.authority(), path, body.unwrap());
        request.set(headers::IDEMPOTENCY_KEY, key.as_str());
        request.sign(&self.session_key);
        SealedPost { request, opener }
    }

    fn public_key(&self) -> SessionPublicKey {
        let text = self.session_key.public_key().to_string();
        let (algorithm, key) = text.split_once(':').unwrap();
        let algorithm = match algorithm {
            "p256" => SessionKeyAlgorithm::EcdsaP256Sha256,
            _ => SessionKeyAlgorithm::Ed25519,
        };
        let key = serde_json::from_value::<Base64Url>(key.into()).unwrap().0;
        SessionPublicKey { algorithm, key }
    }
}

impl SealedPost {
    pub async fn send(&self, deployment: &dyn Site) -> Answer {
        self.request.send(&deployment.authority()).await
    }

    /// Opens the answer's payload.
    #[track_caller]
    pub fn open<A: DeserializeOwned>(&self, answer: &Answer) -> A {
        let sealed: SealedAnswer = answer.json();
        let payload = self.opener.open(&sealed.sealed.0).unwrap();
        codec::decode(&payload, MAX_PAYLOAD_BYTES).unwrap()
    }
}

/// 16 random bytes, for ids.
pub fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// A fresh Idempotency-Key.
pub fn new_key() -> IdempotencyKey {
    let hex: String = random().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.parse().unwrap()
}

pub fn new_session_key() -> SessionSigningKey {
    SessionSigningKey::generate(SessionAlgorithm::EcdsaP256Sha256, &mut OsRng)
}

/// Fetches and verifies an attestation document.
pub async fn attest(deployment: &dyn Site) -> EnclaveIdentity {
    let mut nonce = [0; 32];
    OsRng.fill_bytes(&mut nonce);
    let answer = attestation(deployment, &nonce).await;
    verified(&answer, &nonce, deployment.world(), deployment.world().measurements()).unwrap()
}

/// Asks for an attestation document with a nonce.
pub async fn attestation(deployment: &dyn Site, nonce: &[u8; 32]) -> Answer {
    let mut request = Request::get(&deployment.authority(), "/v1/attestation");
    let text = serde_json::to_value(Base64Url(nonce.to_vec())).unwrap();
    request.query = Some(format!("nonce={}", text.as_str().unwrap()));
    request.send(&deployment.authority()).await
}

/// Verifies an attestation document as somebody who trusts the image with these measurements.
pub fn verified(
    answer: &Answer,
    nonce: &[u8; 32],
    world: &World,
    trusted: Measurements,
) -> sharekeep_channel::Result<EnclaveIdentity> {
    let [pcr0, pcr1, pcr2] = trusted.0.map(Pcr::from_bytes);
    let policy = Policy {
        root_der: world.nsm_root_der(),
        now_unix_s: now_unix_s(),
        max_age: Duration::from_secs(300),
        allowed_pcrs: &[PcrSet { pcr0, pcr1, pcr2 }],
        nonce: ExpectedNonce::Exactly(nonce),
    };
    verify_enclave(&answer.json::<AttestationAnswer>().document.0, &policy)
}
