use super::answer::Refusal;
use super::request::Request;
use super::{KmsFault, SoftKms, ciphertext, envelope};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sharekeep_channel::Error as ChannelError;
use sharekeep_channel::attestation::{self, Attested, ExpectedNonce, Policy};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

const DATA_KEY_BYTES: usize = 32;
/// AWS takes documents up to five minutes old.
const MAX_DOCUMENT_AGE: Duration = Duration::from_secs(300);
/// The encryption context of the key policy: these keys, and no others.
const CONTEXT_KEYS: [&str; 4] = ["deployment", "purpose", "service", "tenant"];
const POLICY: &str = "User is not authorized to perform this operation on this resource, because \
                      no key policy statement allows it.";

pub(super) fn run(kms: &SoftKms, target: &str, body: &[u8]) -> Result<Value, Refusal> {
    match kms.switches().fault {
        Some(KmsFault::Throttled) => return Err(Refusal::Throttled),
        Some(KmsFault::KeyDisabled) => return Err(Refusal::InvalidState),
        Some(KmsFault::Denied) => return Err(Refusal::AccessDenied(POLICY)),
        Some(KmsFault::Internal) => return Err(Refusal::Internal),
        Some(KmsFault::LeaksPlaintext | KmsFault::ForeignKeyArn) | None => {}
    }
    match target.strip_prefix("TrentService.") {
        Some("GenerateDataKey") => generate_data_key(kms, &Request::parse(body)?),
        Some("Decrypt") => decrypt(kms, &Request::parse(body)?),
        Some("DescribeKey") => describe_key(kms, &Request::parse(body)?),
        // Encrypt, ReEncrypt, grants, policy changes and all the rest.
        _ => Err(Refusal::AccessDenied(POLICY)),
    }
}

fn generate_data_key(kms: &SoftKms, request: &Request) -> Result<Value, Refusal> {
    if !request.names(&kms.key_arn) {
        return Err(Refusal::NotFound);
    }
    match (request.key_spec.as_deref(), request.number_of_bytes) {
        (Some("AES_256"), None) | (None, Some(32)) => {}
        _ => return Err(Refusal::Validation("Only 256-bit data keys are made.")),
    }
    let attested = authorize(kms, request)?;
    let mut data_key = Zeroizing::new([0; DATA_KEY_BYTES]);
    getrandom::fill(data_key.as_mut()).map_err(|_| Refusal::Internal)?;
    let master = kms.master_key().map_err(|_| Refusal::Internal)?;
    let context = &request.encryption_context;
    let blob = ciphertext::seal(&master, &kms.key_arn, context, data_key.as_ref())?;
    let mut answer = handed_over(kms, &attested, data_key.as_ref())?;
    answer["CiphertextBlob"] = STANDARD.encode(blob).into();
    Ok(answer)
}

fn decrypt(kms: &SoftKms, request: &Request) -> Result<Value, Refusal> {
    if request.key_id.is_some() && !request.names(&kms.key_arn) {
        return Err(Refusal::IncorrectKey);
    }
    if !matches!(request.encryption_algorithm.as_deref(), None | Some("SYMMETRIC_DEFAULT")) {
        return Err(Refusal::Validation("EncryptionAlgorithm must be SYMMETRIC_DEFAULT."));
    }
    let blob = request.ciphertext()?;
    let attested = authorize(kms, request)?;
    let master = kms.master_key().map_err(|_| Refusal::Internal)?;
    let context = &request.encryption_context;
    let data_key = ciphertext::open(&master, &kms.key_arn, context, &blob)?;
    let mut answer = handed_over(kms, &attested, &data_key)?;
    answer["EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT".into();
    Ok(answer)
}

fn describe_key(kms: &SoftKms, request: &Request) -> Result<Value, Refusal> {
    if !request.names(&kms.key_arn) {
        return Err(Refusal::NotFound);
    }
    Ok(json!({ "KeyMetadata": {
        "Arn": kms.key_arn,
        "KeyId": kms.key_arn.rsplit_once('/').map_or(kms.key_arn.as_str(), |(_, id)| id),
        "AWSAccountId": kms.key_arn.split(':').nth(4).unwrap_or_default(),
        "Enabled": true,
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyManager": "CUSTOMER",
        "Origin": "AWS_KMS",
        "MultiRegion": false,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
    }}))
}

/// The key policy: an attested image of the allowed ones, and the encryption context.
fn authorize(kms: &SoftKms, request: &Request) -> Result<Attested, Refusal> {
    let denied = Refusal::AccessDenied(POLICY);
    let recipient = request.recipient.as_ref().ok_or(denied)?;
    let document = recipient.document()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let switches = kms.switches();
    let policy = Policy {
        root_der: &kms.nsm_root_der,
        now_unix_s: now.as_secs(),
        max_age: MAX_DOCUMENT_AGE,
        allowed_pcrs: &switches.allowed_pcrs,
        nonce: ExpectedNonce::NotChecked,
    };
    let attested = attestation::verify(&document, &policy).map_err(|error| match error {
        ChannelError::PcrMismatch(_) | ChannelError::DebugEnclave => denied,
        _ => Refusal::Validation("The attestation document is not valid."),
    })?;
    if request.encryption_context.keys().map(String::as_str).ne(CONTEXT_KEYS) {
        return Err(denied);
    }
    Ok(attested)
}

/// The members that both answers share: the key, sealed to the recipient and to nobody else.
fn handed_over(kms: &SoftKms, attested: &Attested, data_key: &[u8]) -> Result<Value, Refusal> {
    let public_key = attested.public_key.as_deref();
    let public_key = public_key.ok_or(Refusal::Validation("The document has no public key."))?;
    let switches = kms.switches();
    let sealed = envelope::seal(switches.envelope, public_key, data_key)?;
    let mut answer = json!({
        "KeyId": kms.key_arn,
        "CiphertextForRecipient": STANDARD.encode(sealed),
    });
    match switches.fault {
        Some(KmsFault::LeaksPlaintext) => answer["Plaintext"] = STANDARD.encode(data_key).into(),
        Some(KmsFault::ForeignKeyArn) => answer["KeyId"] = format!("{}0", kms.key_arn).into(),
        _ => {}
    }
    Ok(answer)
}
