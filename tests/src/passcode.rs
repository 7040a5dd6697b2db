//! Passcodes and guesses at them, made by hand.

use crate::recovery::Made;
use crate::user::{SealedPost, User};
use rand_core::OsRng;
use sharekeep_recovery::FactorSecret;
use sharekeep_recovery::passcode::{
    KE3_BYTES, Passcode, PasscodeBinding, PasscodeLogin, PasscodeRegistration, Stretching,
};
use sharekeep_schemas::FactorId;
use sharekeep_schemas::sealed::{
    FinishGuess, GuessStarted, PasscodeRegistered, RegisterPasscode, StartGuess, VERSION,
};

/// A guess that has not been sent.
pub struct Guess {
    pub post: SealedPost,
    pub ke1: Vec<u8>,
    login: PasscodeLogin,
}

impl User<'_> {
    /// Registers a passcode; it is a factor once it is in the list.
    pub async fn passcode_factor(&self, text: &str) -> Made {
        let id = FactorId::new(crate::user::random());
        let (registration, request) =
            PasscodeRegistration::start(Passcode::new(text).unwrap(), &mut OsRng).unwrap();
        let payload = RegisterPasscode { version: VERSION, request: request.to_vec() };
        let path = format!("/v1/factors/{id}/register");
        let answer: PasscodeRegistered = self.ask(&path, &payload).await;
        let (upload, export) =
            registration.finish(&answer.response, &self.binding(id), &mut OsRng).unwrap();
        let keys = FactorSecret::passcode(&export).keys(&self.tenant, &self.id(), id);
        Made { keys, registration: Some(upload.to_vec()) }
    }

    /// Makes a guess without sending it.
    pub fn guess(&self, factor: FactorId, text: &str) -> Guess {
        let (login, ke1) = PasscodeLogin::start(Passcode::new(text).unwrap(), &mut OsRng).unwrap();
        let post = self.guess_again(factor, &ke1);
        Guess { post, ke1: ke1.to_vec(), login }
    }

    /// Somebody else's KE1.
    pub fn guess_again(&self, factor: FactorId, ke1: &[u8]) -> SealedPost {
        let payload = StartGuess { version: VERSION, ke1: ke1.to_vec() };
        self.post(&format!("/v1/factors/{factor}/guess"), &payload)
    }

    /// Sends a guess; what the enclave says.
    pub async fn started(&self, guess: &Guess) -> GuessStarted {
        guess.post.open(&guess.post.send(self.deployment).await)
    }

    /// KE3 of a guess that was right; something else of its size if it was wrong.
    pub fn ke3(&self, factor: FactorId, guess: Guess, started: &GuessStarted) -> Vec<u8> {
        match guess.login.finish(&started.ke2, &self.binding(factor), &mut OsRng) {
            Ok((ke3, _)) => ke3.to_vec(),
            Err(_) => vec![7; KE3_BYTES],
        }
    }

    pub fn finishing(&self, factor: FactorId, ke3: Vec<u8>) -> SealedPost {
        let payload = FinishGuess { version: VERSION, ke3 };
        self.post(&format!("/v1/factors/{factor}/guess/finish"), &payload)
    }

    fn binding(&self, factor: FactorId) -> PasscodeBinding<'_> {
        PasscodeBinding {
            tenant: &self.tenant,
            user: self.id_ref(),
            factor,
            stretching: Stretching::default(),
        }
    }
}
