//! A device and a server in one process: key generation, preparation and signatures, with the CPU
//! time of each side's steps and the bytes of each message.
//!
//! `cargo run --release -p sharekeep-mpc --example two_party` (finding the primes takes a while;
//! `-- dkls23` or `-- frost` runs those protocols alone).
#![allow(clippy::print_stdout, reason = "an example's job")]

use std::time::Duration;

use rand_core::{OsRng, RngCore};
use rustix::time::{ClockId, clock_gettime};
use sharekeep_mpc::{
    Ceremony, ExecutionBinding, ExecutionId, Fault, KeyShare, PartyIndex, Prehash, Preparation,
    Preparing, Protocol, Purpose, Roster, Scheme, SchnorrKey, Signed, SigningInput, keygen,
    prepare, safe_prime::PaillierPrimes, sign,
};

const DEVICE: PartyIndex = PartyIndex(0);
const SERVER: PartyIndex = PartyIndex(1);

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = cpu();
    let result = work();
    (result, (cpu() - before).as_secs_f64() * 1e3)
}

/// One POST a step; prints what each cost.
fn converse<O>(
    name: &str,
    client: impl FnOnce() -> Result<Ceremony<O>, Fault>,
    server: impl FnOnce() -> Result<Ceremony<O>, Fault>,
) -> Result<(O, O), Fault> {
    println!("{name}");
    let (client, mut client_ms) = timed(client);
    let mut client = client?;
    let (opening, ms) = timed(|| client.step(vec![]));
    client_ms += ms;
    let mut up = opening?;
    let (server, mut server_ms) = timed(server);
    let mut server = server?;
    let mut posts = 0;
    while !up.is_empty() {
        posts += 1;
        let say = |messages: &[sharekeep_mpc::WireMessage]| {
            let one = |m: &sharekeep_mpc::WireMessage| format!("{}:{}", m.round, m.body.len());
            messages.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        let sent = say(&up);
        let (down, ms) = timed(|| server.step(up));
        let down = down?;
        server_ms += ms;
        let heard = say(&down);
        let (next, ms) = timed(|| client.step(down));
        up = next?;
        client_ms += ms;
        println!("  post {posts}: up [{sent}] down [{heard}] (round:bytes)");
    }
    println!("  {posts} posts, CPU ms: client {client_ms:.2}, server {server_ms:.2}");
    let done = "a finished conversation leaves an output on both sides";
    Ok((client.take_output().expect(done), server.take_output().expect(done)))
}

fn execution(protocol: Protocol, scheme: Scheme, purpose: Purpose, message: &[u8]) -> ExecutionId {
    let (mut client_nonce, mut server_nonce) = ([0; 32], [0; 32]);
    OsRng.fill_bytes(&mut client_nonce);
    OsRng.fill_bytes(&mut server_nonce);
    ExecutionBinding {
        purpose,
        protocol,
        scheme,
        wallet: b"example wallet",
        epoch: 0,
        n: 2,
        t: 2,
        parties: &[DEVICE, SERVER],
        path: &[],
        message,
        client_nonce: &client_nonce,
        server_nonce: &server_nonce,
    }
    .id()
}

fn wallet(scheme: Scheme, protocol: Protocol, what: &SigningInput) -> Result<(), Fault> {
    let name = |operation| format!("{scheme}/{protocol}/{operation}");
    let roster = |me| Roster::new(me, &[DEVICE, SERVER]);

    let id = execution(protocol, scheme, Purpose::Keygen, &[]);
    let start = |me| keygen(scheme, id, roster(me)?, 2, &mut OsRng);
    let (mine, theirs) = converse(&name("keygen"), || start(DEVICE), || start(SERVER))?;

    let id = execution(protocol, scheme, Purpose::Prepare, &[]);
    let start = |me, share: &KeyShare, primes: Option<PaillierPrimes>| {
        let from = match primes {
            Some(primes) => Preparing::Cggmp24 { primes },
            None => Preparing::Dkls23 { share },
        };
        prepare(id, roster(me)?, from, &mut OsRng)
    };
    let (a, b) = match protocol {
        Protocol::Frost => (None, None),
        _ => {
            let primes = || {
                (protocol == Protocol::Cggmp24).then(|| {
                    let (primes, ms) = timed(|| PaillierPrimes::generate(&mut OsRng));
                    println!("four safe primes: {:.1} s CPU", ms / 1e3);
                    primes
                })
            };
            let (first, second) = (primes(), primes());
            let (a, b) = converse(
                &name("prepare"),
                || start(DEVICE, &mine, first),
                || start(SERVER, &theirs, second),
            )?;
            println!(
                "  sealed: share {} B, preparation {} B",
                mine.to_sealed_bytes().len(),
                a.to_sealed_bytes().len()
            );
            (Some(a), Some(b))
        }
    };

    for _ in 0..3 {
        let id = execution(protocol, scheme, Purpose::Sign, &what.binding());
        let start = |me, share: &KeyShare, prepared: &Option<Preparation>| {
            sign(protocol, id, roster(me)?, share, prepared.as_ref(), what, &mut OsRng)
        };
        let sign = name("sign");
        let (signed, _) =
            converse(&sign, || start(DEVICE, &mine, &a), || start(SERVER, &theirs, &b))?;
        let Signed::Signature(signature) = signed else { return Err(Fault::BadSignature) };
        signature.verify(&mine.public_key(), what)?;
    }
    Ok(())
}

fn main() -> Result<(), Fault> {
    let only = std::env::args().nth(1);
    let digest = Prehash::of_examined_message([7; 32]);
    let bip340 = SigningInput::Bip340 {
        message: vec![7; 32],
        key: SchnorrKey::Output { merkle_root: None },
    };
    for (scheme, protocol, what) in [
        (Scheme::EddsaEd25519, Protocol::Frost, SigningInput::Eddsa(b"hello".to_vec())),
        (Scheme::SchnorrBip340, Protocol::Frost, bip340),
        (Scheme::EcdsaSecp256k1, Protocol::Dkls23, SigningInput::Ecdsa(digest)),
        (Scheme::EcdsaSecp256k1, Protocol::Cggmp24, SigningInput::Ecdsa(digest)),
    ] {
        if only.as_ref().is_none_or(|only| only == protocol.as_str()) {
            wallet(scheme, protocol, &what)?;
        }
    }
    Ok(())
}
