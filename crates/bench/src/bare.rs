//! The protocols alone: both parties in this thread, messages encoded as on the wire.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rand_core::OsRng;
use sharekeep_mpc::safe_prime::PaillierPrimes;
use sharekeep_mpc::{
    Ceremony, ExecutionBinding, ExecutionId, KeyShare, PartyIndex, Prehash, Preparation, Preparing,
    Protocol, Purpose, Roster, Scheme, SchnorrKey, Signed, SigningInput, WireMessage, keygen,
    prepare, sign,
};

use crate::cpu;
use crate::row::Cost;

const DEVICE: PartyIndex = PartyIndex(0);
const SERVER: PartyIndex = PartyIndex(1);

/// What each operation costs.
pub(crate) struct Costs {
    pub(crate) keygen: Cost,
    pub(crate) prepare: Option<Cost>,
    pub(crate) sign: Cost,
}

/// Runs each operation several times (a preparation once) and returns the means.
pub(crate) fn measure(scheme: Scheme, protocol: Protocol, times: u32) -> Result<Costs> {
    let (mut pair, first) = make_shares(scheme, protocol)?;
    let mut keygens = vec![first];
    for _ in 1..times {
        keygens.push(make_shares(scheme, protocol)?.1);
    }
    let prepare = make_preparation(&mut pair, scheme, protocol)?;
    let signs = (0..times).map(|_| make_signature(&pair, scheme, protocol));
    let sign = Cost::mean(&signs.collect::<Result<Vec<_>>>()?);
    Ok(Costs { keygen: Cost::mean(&keygens), prepare, sign })
}

/// Both parties' halves of a wallet.
struct Pair {
    shares: [KeyShare; 2],
    preparations: Option<[Preparation; 2]>,
}

fn roster(me: PartyIndex) -> Result<Roster> {
    Ok(Roster::new(me, &[DEVICE, SERVER])?)
}

fn execution(purpose: Purpose, protocol: Protocol, scheme: Scheme, message: &[u8]) -> ExecutionId {
    let mut nonce = [0; 32];
    rand_core::RngCore::fill_bytes(&mut OsRng, &mut nonce);
    ExecutionBinding {
        purpose,
        protocol,
        scheme,
        wallet: &[1; 16],
        epoch: 1,
        n: 2,
        t: 2,
        parties: &[DEVICE, SERVER],
        path: &[],
        message,
        client_nonce: &nonce,
        server_nonce: &[2; 32],
    }
    .id()
}

/// Encodes and decodes, as a message does on its way.
fn carry(messages: Vec<WireMessage>, bytes: &mut u64) -> Result<Vec<WireMessage>> {
    let mut carried = Vec::with_capacity(messages.len());
    for message in messages {
        let mut wire = Vec::new();
        ciborium::into_writer(&message, &mut wire)?;
        *bytes += wire.len() as u64;
        carried.push(ciborium::from_reader(&wire[..])?);
    }
    Ok(carried)
}

/// Runs a ceremony the way the service does: the client says all it can, the server answers all
/// it can. The constructors count too: some protocols compute in them.
fn run<O>(
    client: impl FnOnce() -> Result<Ceremony<O>>,
    server: impl FnOnce() -> Result<Ceremony<O>>,
) -> Result<(O, O, Cost)> {
    let mut cost = Cost::default();
    let wall = Instant::now();
    let start = cpu::of_thread();
    let mut client = client()?;
    let mut up = client.step(Vec::new())?;
    cost.client_cpu += cpu::of_thread() - start;
    let start = cpu::of_thread();
    let mut server = server()?;
    cost.server_cpu += cpu::of_thread() - start;
    while !up.is_empty() {
        cost.round_trips += 1;
        ensure!(cost.round_trips < 16, "the ceremony does not end");
        let start = cpu::of_thread();
        let down = server.step(carry(up, &mut cost.bytes)?)?;
        cost.server_cpu += cpu::of_thread() - start;
        let start = cpu::of_thread();
        let down = carry(down, &mut cost.bytes)?;
        up = if down.is_empty() { Vec::new() } else { client.step(down)? };
        cost.client_cpu += cpu::of_thread() - start;
    }
    cost.wall = wall.elapsed();
    let outputs = client.take_output().zip(server.take_output());
    let (client, server) = outputs.context("the ceremony ended without an output")?;
    Ok((client, server, cost))
}

/// Key generation.
fn make_shares(scheme: Scheme, protocol: Protocol) -> Result<(Pair, Cost)> {
    let id = execution(Purpose::Keygen, protocol, scheme, &[]);
    let party = |me| Ok(keygen(scheme, id, roster(me)?, 2, &mut OsRng)?);
    let (client, server, cost) = run(|| party(DEVICE), || party(SERVER))?;
    Ok((Pair { shares: [client, server], preparations: None }, cost))
}

/// The preparation, if the protocol has one. Safe primes are found before, and not counted.
fn make_preparation(pair: &mut Pair, scheme: Scheme, protocol: Protocol) -> Result<Option<Cost>> {
    let id = execution(Purpose::Prepare, protocol, scheme, &[]);
    let [client, server] = &pair.shares;
    let outcome = match protocol {
        Protocol::Frost => return Ok(None),
        Protocol::Dkls23 => {
            let party =
                |me, share| Ok(prepare(id, roster(me)?, Preparing::Dkls23 { share }, &mut OsRng)?);
            run(|| party(DEVICE, client), || party(SERVER, server))?
        }
        Protocol::Cggmp24 => {
            let client = PaillierPrimes::generate(&mut OsRng);
            let server = PaillierPrimes::generate(&mut OsRng);
            let party = |me, primes| {
                Ok(prepare(id, roster(me)?, Preparing::Cggmp24 { primes }, &mut OsRng)?)
            };
            run(|| party(DEVICE, client), || party(SERVER, server))?
        }
    };
    let (client, server, cost) = outcome;
    pair.preparations = Some([client, server]);
    Ok(Some(cost))
}

/// A signature, verified (the verification is not counted).
fn make_signature(pair: &Pair, scheme: Scheme, protocol: Protocol) -> Result<Cost> {
    let what = match scheme {
        Scheme::EcdsaSecp256k1 => SigningInput::Ecdsa(Prehash::of_examined_message([7; 32])),
        Scheme::EddsaEd25519 => SigningInput::Eddsa(vec![7; 200]),
        Scheme::SchnorrBip340 => SigningInput::Bip340 {
            message: vec![7; 32],
            key: SchnorrKey::Output { merkle_root: None },
        },
    };
    let id = execution(Purpose::Sign, protocol, scheme, &what.binding());
    let party = |seat: usize| {
        let me = [DEVICE, SERVER][seat];
        let preparation = pair.preparations.as_ref().map(|p| &p[seat]);
        Ok(sign(protocol, id, roster(me)?, &pair.shares[seat], preparation, &what, &mut OsRng)?)
    };
    let (signed, _, cost) = run(|| party(0), || party(1))?;
    let Signed::Signature(signature) = signed else { anyhow::bail!("no signature came out") };
    signature.verify(&pair.shares[0].public_key(), &what)?;
    Ok(cost)
}
