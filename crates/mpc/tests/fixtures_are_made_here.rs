//! Makes the test fixtures anew: `cargo test -p sharekeep-mpc --test fixtures_are_made_here -- --ignored`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, path::Path};

use rand_core::OsRng;
use sharekeep_mpc::{
    Ceremony, ExecutionId, PartyIndex, Preparation, Preparing, Roster, WireMessage, prepare,
    safe_prime::PaillierPrimes,
};

fn run(mut parties: Vec<Ceremony<Preparation>>) -> Vec<Preparation> {
    let mut said: Vec<WireMessage> = Vec::new();
    loop {
        let mut next = Vec::new();
        for party in &mut parties {
            let me = party.roster().me();
            let hears = |m: &&WireMessage| m.from != me && m.to.is_none_or(|to| to == me);
            next.extend(party.step(said.iter().filter(hears).cloned().collect()).unwrap());
        }
        if next.is_empty() {
            return parties.iter_mut().map(|party| party.take_output().unwrap()).collect();
        }
        said = next;
    }
}

#[test]
#[ignore = "minutes; the result is committed. Delete a file to have it made anew"]
fn make_the_primes_and_preparations_that_other_tests_use() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let file = folder.join("not-secret-test-primes.bin");
    if !file.exists() {
        let four = || PaillierPrimes::generate(&mut OsRng).to_sealed_bytes();
        let all: Vec<u8> = (0..5).flat_map(|_| four().to_vec()).collect();
        fs::write(&file, all).unwrap();
    }
    let primes = fs::read(&file).unwrap();
    let sealed: Vec<&[u8]> = primes.chunks(primes.len() / 5).collect();

    let parties: Vec<_> = (0..5).map(PartyIndex).collect();
    let start = |me: &PartyIndex| {
        let roster = Roster::new(*me, &parties).unwrap();
        let primes = PaillierPrimes::from_sealed_bytes(sealed[usize::from(me.0)]).unwrap();
        let execution = ExecutionId::from_bytes([9; 32]);
        prepare(execution, roster, Preparing::Cggmp24 { primes }, &mut OsRng).unwrap()
    };
    for (party, preparation) in run(parties.iter().map(start).collect()).iter().enumerate() {
        let name = format!("not-secret-test-preparation-{party}.bin");
        fs::write(folder.join(name), &*preparation.to_sealed_bytes()).unwrap();
    }
}
