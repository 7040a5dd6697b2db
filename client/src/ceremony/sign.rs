use super::binding::{self, Freshness, Run};
use super::{SignedIn, Start, fresh_nonce};
use crate::home::{HeldPreparation, HeldWallet, Holding};
use crate::{Error, Result};
use rand_core::OsRng;
use serde_bytes::ByteBuf;
use sharekeep_channel::encapsulation::EnclavePublicKey;
use sharekeep_messages::{
    Decoded, Description, SignRequest, SignatureParts, SignedOutput, TaprootTweak, ToSign,
};
use sharekeep_mpc::{Prehash, SchnorrKey, Signature, Signed, SigningInput, sign};
use sharekeep_schemas::limits::MAX_SIGN_REQUEST_BYTES;
use sharekeep_schemas::sealed::{CeremonyResult, StartCeremony, StartKind, VERSION};
use sharekeep_schemas::{ProblemCode, WalletStatus, codec};

/// A message with its signature, which was checked against the wallet's key.
pub struct SignedMessage {
    /// The message in words.
    pub description: Description,
    /// The bare signature.
    pub signature: SignatureParts,
    /// What is sent on: a signed transaction, or the signature in its usual form.
    pub output: SignedOutput,
}

impl HeldWallet {
    /// Decodes a message as this wallet would sign it, to be shown before it is signed.
    ///
    /// # Errors
    /// [`Error::Message`] if it cannot be signed with this wallet.
    pub fn decode(&self, request: &SignRequest) -> Result<Decoded> {
        request.decode(self.scheme(), &self.public_key()).map_err(Error::Message)
    }

    fn check_signs(&self) -> Result<()> {
        if self.holding != Holding::Registered {
            let hint = "its share came from a backup: run `sharekeep restore`";
            return Err(Error::WalletStatus { status: self.status, hint });
        }
        let hint = match self.status {
            WalletStatus::Active => return Ok(()),
            WalletStatus::Pending => "activate it first",
            WalletStatus::Locked => "it was stopped after a failed proof",
            WalletStatus::Archived => "it was put away",
        };
        Err(Error::WalletStatus { status: self.status, hint })
    }
}

impl SignedIn<'_> {
    /// Signs a message together with the enclave, which decodes it itself. Makes the preparation
    /// first, if there is none or the enclave does not know it.
    ///
    /// # Errors
    /// [`Error::Message`] if it cannot be signed, [`Error::WalletStatus`], [`Error::Fault`],
    /// [`Error::Disagreement`], among others.
    pub async fn sign(&self, wallet: &HeldWallet, request: &SignRequest) -> Result<SignedMessage> {
        wallet.check_signs()?;
        let decoded = wallet.decode(request)?;
        let what = signing_input(&decoded.to_sign)?;
        let message = codec::encode(request);
        if message.len() > MAX_SIGN_REQUEST_BYTES {
            return Err(Error::Usage("the message is too large to sign".to_owned()));
        }
        let preparation = self.ensure_prepared(wallet).await?;
        let first = self.sign_prepared(wallet, preparation.as_ref(), &what, &message).await;
        let signature = match first {
            Err(error) if error.code() == Some(ProblemCode::PreparationUnknown) => {
                let anew = self.prepare_for(wallet).await?;
                self.sign_prepared(wallet, anew.as_ref(), &what, &message).await?
            }
            result => result?,
        };
        let signature = parts(&signature);
        let scheme = wallet.scheme();
        let output =
            request.assemble(scheme, &wallet.public_key(), &signature).map_err(Error::Message)?;
        Ok(SignedMessage { description: decoded.description, signature, output })
    }

    async fn sign_prepared(
        &self,
        wallet: &HeldWallet,
        preparation: Option<&HeldPreparation>,
        what: &SigningInput,
        message: &[u8],
    ) -> Result<Signature> {
        let run = |enclave: EnclavePublicKey| async move {
            self.sign_once(wallet, preparation, what, message, &enclave).await
        };
        let result = self.client.with_enclave(run).await;
        self.stop_after_cheating(wallet.preparation_scope(), result)
    }

    async fn sign_once(
        &self,
        wallet: &HeldWallet,
        preparation: Option<&HeldPreparation>,
        what: &SigningInput,
        message: &[u8],
        enclave: &EnclavePublicKey,
    ) -> Result<Signature> {
        let client_nonce = fresh_nonce();
        let execution = binding::execution_id(
            &Run::Sign {
                wallet: wallet.id,
                scheme: wallet.scheme(),
                protocol: wallet.protocol,
                epoch: wallet.epoch,
                message,
            },
            Freshness { client_nonce: &client_nonce, enclave },
        );
        let ceremony = sign(
            wallet.protocol,
            execution,
            binding::roster().map_err(Error::Fault)?,
            wallet.share(),
            preparation.map(|held| &held.half),
            what,
            &mut OsRng,
        )
        .map_err(Error::Fault)?;
        let payload = |messages| StartCeremony {
            version: VERSION,
            kind: StartKind::Sign {
                wallet: wallet.id,
                epoch: wallet.epoch,
                preparation: preparation.map(|held| held.id),
                message: ByteBuf::from(message),
            },
            client_nonce,
            messages,
        };
        let start = Start { path: "/v1/ceremonies", payload: &payload, patience: None };
        let finished = self.drive(enclave, ceremony, start).await?;
        match finished.server {
            Ok(CeremonyResult::Signed) => {}
            Ok(_) => return Err(Error::Disagreement("kind of the ceremony")),
            // The signature is there and will be verified; that the enclave was not told of its
            // end costs nobody anything.
            Err(_) => {}
        }
        match finished.output {
            Signed::Signature(signature) => Ok(signature),
            Signed::Contributed => Err(Error::Disagreement("end of the ceremony")),
        }
    }
}

fn signing_input(to_sign: &ToSign) -> Result<SigningInput> {
    Ok(match to_sign {
        ToSign::EcdsaPrehash(hash) => {
            SigningInput::Ecdsa(Prehash::of_examined_message(*hash.as_bytes()))
        }
        ToSign::Bip340 { message, tweak } => SigningInput::Bip340 {
            message: message.as_bytes().to_vec(),
            key: match tweak {
                TaprootTweak::None => SchnorrKey::Internal,
                TaprootTweak::Bip86KeyPath => SchnorrKey::Output { merkle_root: None },
            },
        },
        ToSign::Eddsa(message) => SigningInput::Eddsa(message.as_bytes().to_vec()),
        _ => return Err(Error::Usage("this kind of message is not supported yet".to_owned())),
    })
}

fn parts(signature: &Signature) -> SignatureParts {
    match signature {
        Signature::Ecdsa { r, s, recovery_id } => {
            SignatureParts::Ecdsa { r: *r, s: *s, recovery_id: *recovery_id }
        }
        Signature::Eddsa(bytes) => SignatureParts::Eddsa(*bytes),
        Signature::Bip340(bytes) => SignatureParts::Bip340(*bytes),
    }
}
