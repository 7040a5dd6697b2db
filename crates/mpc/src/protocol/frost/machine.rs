//! FROST's two rounds. The party in seat 0 collects the shares and has the signature.

use std::collections::BTreeMap;

use frost_core::{
    Error, Identifier, SigningPackage,
    round1::{SigningCommitments, SigningNonces},
    round2::SignatureShare,
};

use super::{Keys, Suite};
use crate::{
    PublicKey, Signed, SigningInput,
    ceremony::{
        Advance, Machine, Refusal, Said,
        schedule::{Address, Schedule, Slot},
    },
    entropy::CeremonyRng,
    wire::shape::Shape,
};

const SHAPE: Shape = Shape { longest_string: 96, most_items: 1 };

const fn slot(stage: u16, to: Address) -> Slot {
    Slot { stage, to, largest_body: 128, shape: SHAPE }
}

/// Commitments to nonces; signature share.
pub(super) static SCHEDULE: Schedule =
    Schedule { slots: &[slot(1, Address::Everyone), slot(2, Address::First)] };

const COMMITMENTS: usize = 0;
const SHARE: usize = 1;

pub(super) struct Frost<C: Suite> {
    keys: Keys<C>,
    seat: u16,
    key: PublicKey,
    message: Vec<u8>,
    what: SigningInput,
    rng: CeremonyRng,
    /// Drawn in the first step, moved out and wiped by the one signature they are for.
    nonces: Option<SigningNonces<C>>,
    commitments: BTreeMap<Identifier<C>, SigningCommitments<C>>,
    shares: BTreeMap<Identifier<C>, SignatureShare<C>>,
    package: Option<SigningPackage<C>>,
}

impl<C: Suite> Frost<C> {
    pub(super) fn new(
        keys: Keys<C>,
        seat: u16,
        key: PublicKey,
        message: Vec<u8>,
        what: SigningInput,
        rng: CeremonyRng,
    ) -> Self {
        let (commitments, shares) = (BTreeMap::new(), BTreeMap::new());
        Self {
            keys,
            seat,
            key,
            message,
            what,
            rng,
            nonces: None,
            commitments,
            shares,
            package: None,
        }
    }

    fn me(&self) -> Identifier<C> {
        self.keys.signers[usize::from(self.seat)]
    }

    fn refusal(&self, error: &Error<C>) -> Refusal {
        let culprit = error.culprits().into_iter().find(|culprit| *culprit != self.me());
        let seat = culprit.and_then(|one| self.keys.signers.iter().position(|id| *id == one));
        match seat {
            Some(seat) => Refusal::Cheating { seat: seat as u16 },
            None => Refusal::Aborted,
        }
    }

    /// The first step: commitments to fresh nonces.
    fn commit(&mut self) -> Result<Said, Refusal> {
        let (nonces, commitments) =
            frost_core::round1::commit(self.keys.mine.signing_share(), &mut self.rng);
        self.nonces = Some(nonces);
        let bytes = commitments.serialize().map_err(|_| Refusal::Aborted)?;
        self.commitments.insert(self.me(), commitments);
        Ok(Said { slot: COMMITMENTS, to: None, body: body(&bytes)? })
    }

    /// The second: this party's share, once everybody has committed.
    fn contribute(&mut self, nonces: SigningNonces<C>) -> Result<Option<Said>, Refusal> {
        let package = SigningPackage::new(self.commitments.clone(), &self.message);
        let share = frost_core::round2::sign(&package, &nonces, &self.keys.mine)
            .map_err(|error| self.refusal(&error))?;
        self.package = Some(package);
        let bytes = share.serialize();
        self.shares.insert(self.me(), share);
        if self.seat == 0 {
            return Ok(None);
        }
        Ok(Some(Said { slot: SHARE, to: Some(0), body: body(&bytes)? }))
    }

    fn aggregate(&self, package: &SigningPackage<C>) -> Result<Signed, Refusal> {
        let signature = frost_core::aggregate(package, &self.shares, &self.keys.all)
            .map_err(|error| self.refusal(&error))?;
        let bytes = signature.serialize().map_err(|_| Refusal::Aborted)?;
        let bytes = bytes.try_into().map_err(|_| Refusal::Aborted)?;
        let signature = C::signature(bytes);
        signature.verify(&self.key, &self.what).map_err(|_| Refusal::CheatingUnattributed)?;
        Ok(Signed::Signature(signature))
    }
}

/// The suites' fixed-length encodings, as one CBOR byte string.
fn body(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    crate::wire::encode(&serde_bytes::Bytes::new(bytes)).ok_or(Refusal::Aborted)
}

impl<C: Suite> Machine<Signed> for Frost<C>
where
    Keys<C>: Send,
    SigningNonces<C>: Send,
    SigningCommitments<C>: Send,
    SignatureShare<C>: Send,
    SigningPackage<C>: Send,
    Identifier<C>: Send,
{
    fn receive(&mut self, slot: usize, seat: u16, body: &[u8]) -> Result<(), Refusal> {
        let malformed = Refusal::Malformed { seat };
        let bytes: serde_bytes::ByteBuf = crate::wire::decode(body, &SHAPE).ok_or(malformed)?;
        let sender = self.keys.signers[usize::from(seat)];
        // Both decoders refuse identity points, scalars out of range and wrong lengths.
        if slot == COMMITMENTS {
            let said = SigningCommitments::deserialize(&bytes).map_err(|_| malformed)?;
            if said.serialize().ok().as_deref() != Some(&**bytes) {
                return Err(malformed);
            }
            self.commitments.insert(sender, said);
        } else {
            let said = SignatureShare::deserialize(&bytes).map_err(|_| malformed)?;
            self.shares.insert(sender, said);
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<Advance<Signed>, Refusal> {
        let mut said = Vec::new();
        if !self.commitments.contains_key(&self.me()) {
            said.push(self.commit()?);
        }
        let everyone = self.keys.signers.len();
        if self.commitments.len() == everyone
            && let Some(nonces) = self.nonces.take()
        {
            said.extend(self.contribute(nonces)?);
            if self.seat != 0 {
                return Ok(Advance { said, output: Some(Signed::Contributed) });
            }
        }
        let output = match &self.package {
            Some(package) if self.shares.len() == everyone => Some(self.aggregate(package)?),
            _ => None,
        };
        Ok(Advance { said, output })
    }
}
