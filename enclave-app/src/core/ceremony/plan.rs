use super::locked::RecordLock;
use super::{DEVICE, FIRST_EPOCH, SERVER};
use crate::core::authenticate::Caller;
use crate::core::records::unfit;
use crate::core::stop::Stop;
use crate::core::wallet::Loaded;
use crate::core::{Core, Request};
use crate::record::PreparationRecord;
use sharekeep_messages::{SignRequest, TaprootTweak, ToSign};
use sharekeep_mpc::{ExecutionBinding, KeyShare, Prehash, Purpose, SchnorrKey, SigningInput};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_schemas::{
    PreparationId, PreparationScope, ProblemCode, Protocol, Scheme, WalletStatus, codec, limits,
};

/// What the server's side of a ceremony is made from.
pub(super) enum Plan {
    Keygen {
        scheme: Scheme,
    },
    /// With a share for protocols that prepare each wallet, with primes for those that prepare a
    /// pair.
    Prepare {
        share: Option<KeyShare>,
    },
    Sign {
        protocol: Protocol,
        share: KeyShare,
        preparation: Option<PreparationRecord>,
        input: SigningInput,
    },
}

impl Plan {
    /// What the state in memory may take, in bytes; generous.
    pub(super) fn state_bytes(&self, protocol: Protocol) -> usize {
        match (self, protocol) {
            (Self::Keygen { .. }, _) | (_, Protocol::Frost) => 32 * 1024,
            (Self::Prepare { .. } | Self::Sign { .. }, Protocol::Dkls23) => 1024 * 1024,
            (Self::Prepare { .. } | Self::Sign { .. }, Protocol::Cggmp24) => 2 * 1024 * 1024,
        }
    }
}

/// Everything that goes into an execution id beside the parties.
pub(super) struct Binding<'a> {
    pub(super) purpose: Purpose,
    pub(super) scheme: Scheme,
    pub(super) protocol: Protocol,
    /// The wallet's id; for a preparation of a pair the device's.
    pub(super) subject: &'a [u8],
    pub(super) epoch: u64,
    pub(super) message: &'a [u8],
    pub(super) client_nonce: &'a [u8; 32],
}

impl Core {
    /// The execution id. The server's nonce is this life's key id: what was sealed to an earlier
    /// life cannot be opened, and within this one an id is taken once.
    pub(super) fn execution(&self, binding: &Binding<'_>) -> Result<[u8; 32], Stop> {
        let id = ExecutionBinding {
            purpose: binding.purpose,
            protocol: binding.protocol,
            scheme: binding.scheme,
            wallet: binding.subject,
            epoch: binding.epoch,
            n: 2,
            t: 2,
            parties: &[DEVICE, SERVER],
            path: &[],
            message: binding.message,
            client_nonce: binding.client_nonce,
            server_nonce: self.key_id.as_bytes(),
        }
        .id();
        Ok(*id.as_bytes())
    }
}

pub(super) fn keygen_epoch() -> u64 {
    FIRST_EPOCH
}

impl Request<'_> {
    /// The plan of a signature: decodes and hashes the whole message here. With how to lock what a
    /// pair prepared, where that is used.
    pub(super) fn signing_plan(
        &self,
        caller: &Caller,
        wallet: Loaded,
        epoch: u64,
        preparation: Option<PreparationId>,
        message: &[u8],
    ) -> Result<(Plan, Option<RecordLock>), Stop> {
        if wallet.status == WalletStatus::Pending {
            return Err(ProblemCode::BackupMissing.into());
        }
        if wallet.status != WalletStatus::Active || wallet.record.epoch != epoch {
            return Err(ProblemCode::WalletState.into());
        }
        let refused = ProblemCode::MessageRefused;
        let request: SignRequest =
            codec::decode(message, limits::MAX_SIGN_REQUEST_BYTES).map_err(|_| refused)?;
        let decoded = request
            .decode(wallet.record.scheme, &wallet.record.public_key())
            .map_err(|_| refused)?;
        let protocol = wallet.record.protocol;
        let scope = protocol.preparation_scope(Some(wallet.record.wallet));
        let (preparation, lock) = match (scope, preparation) {
            (None, None) => (None, None),
            (None, Some(_)) => return Err(ProblemCode::MalformedRequest.into()),
            (Some(_), None) => return Err(ProblemCode::PreparationUnknown.into()),
            (Some(scope), Some(id)) => {
                let (record, lock) = self.preparation(caller, scope, id)?;
                (Some(record), lock)
            }
        };
        let input = signing_input(&decoded.to_sign)?;
        Ok((Plan::Sign { protocol, share: wallet.record.share, preparation, input }, lock))
    }

    fn preparation(
        &self,
        caller: &Caller,
        scope: PreparationScope,
        id: PreparationId,
    ) -> Result<(PreparationRecord, Option<RecordLock>), Stop> {
        let session = &caller.session;
        let key = RecordKey::Preparation { user: session.user, device: session.device, scope };
        let sealed = self.records.one(&key)?.ok_or(ProblemCode::PreparationUnknown)?;
        let opened = self.open(&caller.vault, caller.user(), &key, sealed)?;
        let record = PreparationRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        let version = opened.version.record_version;
        let lock = match scope {
            PreparationScope::Pair(protocol) => {
                let held = Some((&record, version));
                Some(self.pair_lock(caller, protocol, held, *record.id.as_bytes())?)
            }
            PreparationScope::Wallet(_) => None,
        };
        if let Some(lock) = &lock {
            self.refuse_locked(caller, lock)?;
        }
        if record.id != id {
            return Err(ProblemCode::PreparationUnknown.into());
        }
        Ok((record, lock))
    }
}

/// Only what the messages crate decoded becomes something to sign.
pub(in crate::core) fn signing_input(to_sign: &ToSign) -> Result<SigningInput, ProblemCode> {
    Ok(match to_sign {
        ToSign::EcdsaPrehash(digest) => {
            SigningInput::Ecdsa(Prehash::of_examined_message(*digest.as_bytes()))
        }
        ToSign::Bip340 { message, tweak } => SigningInput::Bip340 {
            message: message.as_bytes().to_vec(),
            key: match tweak {
                TaprootTweak::None => SchnorrKey::Internal,
                TaprootTweak::Bip86KeyPath => SchnorrKey::Output { merkle_root: None },
            },
        },
        ToSign::Eddsa(message) => SigningInput::Eddsa(message.as_bytes().to_vec()),
        _ => return Err(ProblemCode::MessageRefused),
    })
}
