//! Requests to the service: signed, sealed to the attested enclave, repeated where that is safe.

use crate::clock::now_unix_s;
use crate::home::{AttestedImage, Pins, Session};
use crate::refusal::{Refusal, printable};
use crate::retry::{Failure, RetryPolicy};
use crate::transport::{Answer, Traffic, Transport};
use crate::{Error, Result, Settings};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use hyper::body::Bytes;
use rand_core::{OsRng, RngCore};
use serde::{Serialize, de::DeserializeOwned};
use sharekeep_channel::encapsulation::{
    EnclavePublicKey, RequestBinding, ResponseOpener, Sender, Suite,
};
use sharekeep_channel::signature::{Nonce, RequestParts, SessionSigningKey, sign};
use sharekeep_release::Releases;
use sharekeep_schemas::http::{Base64Url, Readiness, SealedAnswer, SealedRequest, headers};
use sharekeep_schemas::limits::{MAX_HTTP_BODY_BYTES, MAX_SEALED_BYTES, MAX_SIGNATURE_AGE_S};
use sharekeep_schemas::{EnclaveKeyId, codec};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A client of one deployment. It holds no secrets: sessions and shares are passed in.
pub struct Client {
    pub(crate) settings: Settings,
    pub(crate) transport: Transport,
    retry: RetryPolicy,
    pub(crate) releases: Mutex<Releases>,
    pins: Mutex<Option<Pins>>,
}

/// Told why the client waits, and how long.
pub(crate) type Waiting<'a> = &'a (dyn Fn(&Error, Duration) + Sync);

/// Nobody is told.
const NOT_SHOWN: Waiting<'static> = &|_, _| {};

/// A request sealed once, to be sent as often as needed. What it is bound to never changes.
pub(crate) struct Sealed {
    path: String,
    idempotency_key: String,
    body: Bytes,
    opener: ResponseOpener,
    /// The version that the request replaces, for `If-Match`.
    if_match: Option<u64>,
}

impl Sealed {
    /// The same request, on the condition that this version is still there.
    pub(crate) fn if_match(self, version: u64) -> Self {
        Self { if_match: Some(version), ..self }
    }
}

impl Client {
    /// A client by settings, which knows what was accepted and pinned before.
    ///
    /// # Errors
    /// [`Error::Usage`] if the settings name certificate authorities that are none.
    pub fn new(settings: Settings, releases: Releases, pins: Option<Pins>) -> Result<Self> {
        let transport = Transport::new(settings.authorities_pem.as_deref())?;
        Ok(Self {
            settings,
            transport,
            retry: RetryPolicy::default(),
            releases: Mutex::new(releases),
            pins: Mutex::new(pins),
        })
    }

    /// The same client with another patience.
    pub fn with_retry_policy(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// What was exchanged with the service so far, for measurements.
    pub fn traffic(&self) -> Traffic {
        self.transport.traffic()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is pinned now, to be kept in the home.
    pub fn pins(&self) -> Option<Pins> {
        self.lock_pins().clone()
    }

    pub(crate) fn set_pins(&self, pins: Pins) {
        *self.lock_pins() = Some(pins);
    }

    pub(crate) fn attested_image(&self) -> Option<AttestedImage> {
        self.lock_pins().as_ref().and_then(|pins| pins.image.clone())
    }

    fn lock_pins(&self) -> std::sync::MutexGuard<'_, Option<Pins>> {
        // The value is replaced as a whole, so it is sound even after a panic elsewhere.
        self.pins.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A GET that needs no signature.
    pub(crate) async fn get_open<T: DeserializeOwned>(&self, path_and_query: &str) -> Result<T> {
        let answer = self
            .repeat(self.retry, NOT_SHOWN, || {
                self.exchange(Method::GET, path_and_query, HeaderMap::new(), Bytes::new())
            })
            .await?;
        read_json(&answer.body)
    }

    /// The same in one try, for what can be done without.
    pub(crate) async fn get_open_once<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.exchange(Method::GET, path, HeaderMap::new(), Bytes::new()).await?;
        read_json(&answer.body)
    }

    /// Asks whether the service can serve requests. One try: the answer is about now.
    ///
    /// # Errors
    /// [`Error::Unreachable`] or [`Error::Answer`].
    pub async fn readiness(&self) -> Result<Readiness> {
        let url = self.settings.url.join("/readyz");
        let limit = MAX_HTTP_BODY_BYTES;
        let answer =
            self.transport.send(Method::GET, &url, HeaderMap::new(), Bytes::new(), limit).await?;
        // A service that is not ready answers 503 with the same body.
        let mut readiness: Readiness = read_json(&answer.body)?;
        for check in &mut readiness.checks {
            (check.name, check.detail) = (printable(&check.name), printable(&check.detail));
        }
        Ok(readiness)
    }

    /// A GET signed by the session. What it shows are routing copies.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        session: &Session,
        path: &str,
        query: Option<&str>,
    ) -> Result<T> {
        let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        let id = random_id();
        let answer = self
            .repeat(self.retry, NOT_SHOWN, || async {
                let mut fields = HeaderMap::new();
                put(&mut fields, headers::REQUEST_ID, &id)?;
                self.sign_onto(&mut fields, &session.key, "GET", path, query, &[])?;
                self.exchange(Method::GET, &target, fields, Bytes::new()).await
            })
            .await?;
        read_json(&answer.body)
    }

    /// Seals a payload for a path and a session. The encapsulation's value is shown to `payload`, for proofs.
    pub(crate) fn seal<P: Serialize>(
        &self,
        enclave: &EnclavePublicKey,
        key: &SessionSigningKey,
        path: &str,
        payload: impl FnOnce(&sharekeep_channel::encapsulation::PopValue) -> P,
        body: impl FnOnce(SealedRequest) -> serde_json::Result<Vec<u8>>,
    ) -> Result<Sealed> {
        let idempotency_key = random_id();
        let binding = RequestBinding {
            method: "POST",
            path,
            session: key.public_key().key_id(),
            idempotency_key: &idempotency_key,
        };
        let sender =
            Sender::new(enclave, Suite::default(), &binding, &mut OsRng).map_err(Error::Sealed)?;
        let plaintext = codec::encode_secret(&payload(sender.pop()));
        let (sealed, opener) = sender.seal(&plaintext).map_err(Error::Sealed)?;
        let enclave_key = EnclaveKeyId::new(*enclave.id().as_bytes());
        let body = body(SealedRequest { enclave_key, sealed: Base64Url(sealed) })
            .map_err(|_| Error::Usage("the request cannot be encoded".to_owned()))?;
        Ok(Sealed {
            path: path.to_owned(),
            idempotency_key,
            body: body.into(),
            opener,
            if_match: None,
        })
    }

    /// Sends a sealed request until it is answered for good: the identical body under the same
    /// key, each time under a fresh signature.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        key: &SessionSigningKey,
        sealed: &Sealed,
    ) -> Result<T> {
        self.post_patiently(key, sealed, self.retry, NOT_SHOWN).await
    }

    async fn post_patiently<T: DeserializeOwned>(
        &self,
        key: &SessionSigningKey,
        sealed: &Sealed,
        retry: RetryPolicy,
        waiting: Waiting<'_>,
    ) -> Result<T> {
        let answer = self
            .repeat(retry, waiting, || async {
                let mut fields = HeaderMap::new();
                put(&mut fields, headers::IDEMPOTENCY_KEY, &sealed.idempotency_key)?;
                fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                if let Some(version) = sealed.if_match {
                    put(&mut fields, "if-match", &format!("\"{version}\""))?;
                }
                self.sign_onto(&mut fields, key, "POST", &sealed.path, None, &sealed.body)?;
                self.exchange(Method::POST, &sealed.path, fields, sealed.body.clone()).await
            })
            .await?;
        let answer: SealedAnswer = read_json(&answer.body)?;
        let plaintext = sealed.opener.open(&answer.sealed.0).map_err(Error::Sealed)?;
        codec::decode(&plaintext, MAX_SEALED_BYTES)
            .map_err(|_| Error::Answer("the sealed payload is of another shape"))
    }

    /// Seals a payload to the enclave, attested anew if it was started anew, and sends it.
    pub(crate) async fn ask<P: Serialize, T: DeserializeOwned>(
        &self,
        session: &Session,
        path: &str,
        payload: &P,
    ) -> Result<T> {
        self.with_enclave(
            |enclave| async move { self.call(session, &enclave, path, payload).await },
        )
        .await
    }

    /// Seals a payload to the attested enclave and sends it.
    pub(crate) async fn call<P: Serialize, T: DeserializeOwned>(
        &self,
        session: &Session,
        enclave: &EnclavePublicKey,
        path: &str,
        payload: &P,
    ) -> Result<T> {
        self.call_patiently(session, enclave, path, payload, None, NOT_SHOWN).await
    }

    /// The same, waiting longer than this client otherwise would.
    pub(crate) async fn call_patiently<P: Serialize, T: DeserializeOwned>(
        &self,
        session: &Session,
        enclave: &EnclavePublicKey,
        path: &str,
        payload: &P,
        patience: Option<Duration>,
        waiting: Waiting<'_>,
    ) -> Result<T> {
        let patience = patience.unwrap_or(self.retry.patience);
        let retry = RetryPolicy { patience, ..self.retry };
        let body = |request| serde_json::to_vec(&request);
        let sealed = self.seal(enclave, &session.key, path, |_| payload, body)?;
        self.post_patiently(&session.key, &sealed, retry, waiting).await
    }

    fn sign_onto(
        &self,
        fields: &mut HeaderMap,
        key: &SessionSigningKey,
        method: &str,
        path: &str,
        query: Option<&str>,
        body: &[u8],
    ) -> Result<()> {
        let authority = self.settings.url.authority();
        let parts = RequestParts { method, authority, path, query, body };
        let lifetime = Duration::from_secs(MAX_SIGNATURE_AGE_S);
        let signed = sign(key, &parts, now_unix_s(), lifetime, &Nonce::generate(&mut OsRng))
            .map_err(Error::Key)?;
        for (name, value) in signed.iter() {
            put(fields, name, value)?;
        }
        Ok(())
    }

    async fn exchange(
        &self,
        method: Method,
        path_and_query: &str,
        fields: HeaderMap,
        body: Bytes,
    ) -> Result<Answer> {
        let url = self.settings.url.join(path_and_query);
        let answer = self.transport.send(method, &url, fields, body, MAX_HTTP_BODY_BYTES).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let retry_after = retry_after(&answer.headers);
        match Refusal::read(answer.status, &answer.body, retry_after) {
            Some(refusal) => Err(Error::Refused(Box::new(refusal))),
            // Something before the service answered.
            None if matches!(answer.status, 429 | 502..=504) => {
                Err(Error::Unreachable(format!("status {}", answer.status)))
            }
            None => Err(Error::Answer("it is neither a result nor a problem document")),
        }
    }

    async fn repeat<F: Future<Output = Result<Answer>>>(
        &self,
        retry: RetryPolicy,
        waiting: Waiting<'_>,
        mut attempt: impl FnMut() -> F,
    ) -> Result<Answer> {
        let began = Instant::now();
        let mut tries = 0;
        loop {
            let error = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            let failure = match &error {
                Error::Unreachable(_) => Failure::NoAnswer,
                Error::Refused(refusal) if refusal.retryable() => {
                    Failure::Later(refusal.retry_after())
                }
                _ => Failure::Final,
            };
            let jitter = OsRng.next_u32() as u8;
            let Some(pause) = retry.pause(failure, tries, began.elapsed(), jitter) else {
                return Err(error);
            };
            waiting(&error, pause);
            tokio::time::sleep(pause).await;
        }
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3).
fn retry_after(fields: &HeaderMap) -> Option<Duration> {
    read_retry_after(fields.get(header::RETRY_AFTER)?.to_str().ok()?)
}

pub(crate) fn read_retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}

fn put(fields: &mut HeaderMap, name: &'static str, value: &str) -> Result<()> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| Error::Usage(format!("{name} cannot hold this value")))?;
    fields.insert(HeaderName::from_static(name), value);
    Ok(())
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|_| Error::Answer("the JSON is of another shape"))
}

/// 128 random bits: an `Idempotency-Key` that nobody else can guess or repeat.
fn random_id() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    BASE64URL.encode(bytes)
}
