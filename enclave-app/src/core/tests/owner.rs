//! The user's side of recovery: seed, factors, passcodes, backups.

use super::{Client, World};
use crate::core::tests::device::Held;
use rand_core::{OsRng, RngCore};
use sharekeep_recovery::factor_set::{Change, NewFactor, Waiver};
use sharekeep_recovery::passcode::{
    Passcode, PasscodeBinding, PasscodeLogin, PasscodeRegistration, Stretching,
};
use sharekeep_recovery::{
    FactorKeys, FactorSecret, FactorSet, RecoveryCode, RecoveryKeys, RecoverySeed,
};
use sharekeep_schemas::sealed::{
    ActivateWallet, ChangeFactors, FactorWrap, FactorsChanged, FinishGuess, GuessFinished,
    GuessStarted, PasscodeRegistered, RegisterPasscode, Restore, SealedBackup, StartGuess,
};
use sharekeep_schemas::{FactorId, ProblemCode, UserId};
use std::collections::HashMap;

/// What a user knows of their own recovery.
pub(crate) struct Owner {
    pub(crate) user: UserId,
    pub(crate) seed: RecoverySeed,
    pub(crate) set: FactorSet,
}

/// A factor that is not sent yet.
pub(crate) struct Made {
    pub(crate) keys: FactorKeys,
    pub(crate) registration: Option<Vec<u8>>,
}

pub(crate) fn factor_id() -> FactorId {
    let mut id = [0; FactorId::LEN];
    OsRng.fill_bytes(&mut id);
    FactorId::new(id)
}

pub(crate) fn code_factor(client: &Client, user: UserId) -> Made {
    let secret = FactorSecret::recovery_code(&RecoveryCode::generate(&mut OsRng));
    Made { keys: secret.keys(&client.tenant, &user, factor_id()), registration: None }
}

/// Registers a passcode; it is a factor once the factors are changed.
pub(crate) fn passcode_factor(
    world: &World,
    client: &Client,
    user: UserId,
    text: &str,
) -> Result<Made, ProblemCode> {
    let factor = factor_id();
    let (registration, request) =
        PasscodeRegistration::start(Passcode::new(text).unwrap(), &mut OsRng).unwrap();
    let payload = RegisterPasscode { version: 1, request: request.to_vec() };
    let path = format!("/v1/factors/{factor}/register");
    let answer: PasscodeRegistered = client.send(world, &path, &payload)?;
    let binding = binding(client, &user, factor);
    let (upload, export) = registration.finish(&answer.response, &binding, &mut OsRng).unwrap();
    let keys = FactorSecret::passcode(&export).keys(&client.tenant, &user, factor);
    Ok(Made { keys, registration: Some(upload.to_vec()) })
}

pub(crate) fn binding<'a>(
    client: &'a Client,
    user: &'a UserId,
    factor: FactorId,
) -> PasscodeBinding<'a> {
    PasscodeBinding { tenant: &client.tenant, user, factor, stretching: Stretching::default() }
}

/// What to send for a change.
pub(crate) fn request(
    change: &Change,
    made: &[&Made],
    backups: Vec<SealedBackup>,
) -> ChangeFactors {
    let registrations: HashMap<_, _> =
        made.iter().map(|made| (made.keys.place().id, made.registration.clone())).collect();
    let wraps = change.wrapped.iter().map(|wrapped| FactorWrap {
        guess_limit: None,
        factor: wrapped.factor,
        wrapped_seed: wrapped.bytes.clone(),
        registration: registrations.get(&wrapped.factor).cloned().flatten(),
    });
    let wraps = wraps.collect();
    ChangeFactors { version: 1, statement: change.signed.to_bytes(), wraps, backups }
}

fn new<'a>(made: &'a [&Made]) -> Vec<NewFactor<'a>> {
    made.iter().map(|made| NewFactor { keys: &made.keys, label: None }).collect()
}

pub(crate) const FACTORS: &str = "/v1/recovery/factors";

impl Owner {
    /// Signs in and sets recovery up, with a recovery code.
    pub(crate) fn sign_up(world: &World, client: &Client) -> Self {
        let user = client.login(world).user;
        Self::set_up(world, client, user)
    }

    /// Sets recovery up, with a recovery code.
    pub(crate) fn set_up(world: &World, client: &Client, user: UserId) -> Self {
        let made = code_factor(client, user);
        Self::with(world, client, user, &[&made], Waiver::NotGiven).unwrap()
    }

    pub(crate) fn with(
        world: &World,
        client: &Client,
        user: UserId,
        made: &[&Made],
        waiver: Waiver,
    ) -> Result<Self, ProblemCode> {
        let seed = RecoverySeed::generate(&mut OsRng);
        let tenant = &client.tenant;
        let change =
            FactorSet::first(tenant, &user, &seed, &new(made), waiver, &mut OsRng).unwrap();
        let payload = request(&change, made, vec![]);
        let changed: FactorsChanged = client.send(world, FACTORS, &payload)?;
        assert_eq!((changed.generation, changed.sequence), (1, 1));
        Ok(Self { user, seed, set: change.set })
    }

    /// Shows on a device of the user's that a factor can be unlocked there.
    pub(crate) fn join(&self, world: &World, client: &Client) {
        let (sealed, _) = client.seal_with(world, "/v1/restore", |pop| Restore {
            version: 1,
            wallets: vec![],
            lost: vec![],
            unlock: self
                .keys()
                .unlock_device(&client.tenant, &self.user, client.device, pop)
                .to_vec(),
        });
        world.serve(&client.sign(world, &sealed)).expect("unlocks");
    }

    pub(crate) fn keys(&self) -> RecoveryKeys {
        self.seed.keys(self.set.recovery.generation)
    }

    pub(crate) fn amended(&self, made: &[&Made]) -> Change {
        self.set.amended(&self.seed, &new(made), self.set.waiver, &mut OsRng).unwrap()
    }

    pub(crate) fn add(
        &mut self,
        world: &World,
        client: &Client,
        made: &[&Made],
    ) -> Result<FactorsChanged, ProblemCode> {
        let change = self.amended(made);
        let changed = client.send(world, FACTORS, &request(&change, made, vec![]))?;
        self.set = change.set;
        Ok(changed)
    }

    /// A rotation that is not sent yet, with its new seed.
    pub(crate) fn rotated(&self, remove: &[FactorId], made: &[&Made]) -> (Change, RecoverySeed) {
        let seed = RecoverySeed::generate(&mut OsRng);
        let change = self
            .set
            .rotated(&self.seed, &seed, remove, &new(made), self.set.waiver, &mut OsRng)
            .unwrap();
        (change, seed)
    }

    /// A first backup of a wallet.
    pub(crate) fn activation(&self, wallet: &Held) -> ActivateWallet {
        let generation = self.set.recovery.generation;
        ActivateWallet { version: 1, backup: backup(wallet, generation, 1) }
    }
}

/// Something sealed by the user; the enclave cannot tell what is inside.
pub(crate) fn backup(wallet: &Held, generation: u64, version: u64) -> SealedBackup {
    let sealed = wallet.id.as_bytes().repeat(40);
    SealedBackup { wallet: wallet.id, epoch: 1, generation, version, sealed }
}

/// One guess: what the enclave says, and what can be made of it with the right passcode.
pub(crate) fn guess(
    world: &World,
    client: &Client,
    factor: FactorId,
    text: &str,
) -> Result<(GuessStarted, PasscodeLogin), ProblemCode> {
    let (login, ke1) = PasscodeLogin::start(Passcode::new(text).unwrap(), &mut OsRng).unwrap();
    let payload = StartGuess { version: 1, ke1: ke1.to_vec() };
    let answer = client.send(world, &format!("/v1/factors/{factor}/guess"), &payload)?;
    Ok((answer, login))
}

pub(crate) fn finish(
    world: &World,
    client: &Client,
    factor: FactorId,
    ke3: Vec<u8>,
) -> Result<GuessFinished, ProblemCode> {
    let payload = FinishGuess { version: 1, ke3 };
    client.send(world, &format!("/v1/factors/{factor}/guess/finish"), &payload)
}

/// A whole login with a passcode.
pub(crate) fn unlock(
    world: &World,
    client: &Client,
    user: UserId,
    factor: FactorId,
    text: &str,
) -> Result<GuessFinished, ProblemCode> {
    let (started, login) = guess(world, client, factor, text)?;
    let binding = binding(client, &user, factor);
    let ke3 = match login.finish(&started.ke2, &binding, &mut OsRng) {
        Ok((ke3, _)) => ke3.to_vec(),
        Err(_) => vec![7; 64],
    };
    finish(world, client, factor, ke3)
}
