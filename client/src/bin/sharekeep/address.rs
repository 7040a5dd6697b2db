use crate::arguments::{Address, Chain, Common, Network};
use crate::context::Context;
use crate::output::Report;
use serde_json::json;
use sharekeep::{Error, HeldWallet, Result};
use sharekeep_messages::{
    BitcoinNetwork, bitcoin_address, bitcoin_segwit_address, ethereum_address, solana_address,
};
use sharekeep_schemas::Scheme;

pub(crate) fn run(common: &Common, options: &Address) -> Result<Report> {
    let context = Context::open(common)?;
    let wallet = context.home.find_wallet(&options.wallet)?;
    let chain = options.chain.unwrap_or_else(|| usual_chain(wallet.scheme()));
    let address = address(&wallet, chain, options.network)?;
    let json = json!({
        "wallet": wallet.id,
        "chain": chain_name(chain),
        "address": address,
        "public_key": hex::encode(wallet.public_key()),
    });
    Ok(Report::new(address, json))
}

/// The address that follows from this device's own share, not from what the service says.
pub(crate) fn address(wallet: &HeldWallet, chain: Chain, network: Network) -> Result<String> {
    let key = wallet.public_key();
    let network = bitcoin_network(network);
    match (wallet.scheme(), chain) {
        (Scheme::EcdsaSecp256k1, Chain::Ethereum) => ethereum_address(&key),
        (Scheme::EcdsaSecp256k1, Chain::Bitcoin) => bitcoin_segwit_address(&key, network),
        (Scheme::SchnorrBip340, Chain::Bitcoin) => bitcoin_address(&key, network),
        (Scheme::EddsaEd25519, Chain::Solana) => solana_address(&key),
        (scheme, chain) => {
            let message = format!("{scheme} wallets have no {} address", chain_name(chain));
            return Err(Error::Usage(message));
        }
    }
    .map_err(Error::Message)
}

pub(crate) fn usual_chain(scheme: Scheme) -> Chain {
    match scheme {
        Scheme::EcdsaSecp256k1 => Chain::Ethereum,
        Scheme::SchnorrBip340 => Chain::Bitcoin,
        Scheme::EddsaEd25519 => Chain::Solana,
    }
}

pub(crate) fn bitcoin_network(network: Network) -> BitcoinNetwork {
    match network {
        Network::Bitcoin => BitcoinNetwork::Bitcoin,
        Network::Testnet => BitcoinNetwork::Testnet,
        Network::Signet => BitcoinNetwork::Signet,
        Network::Regtest => BitcoinNetwork::Regtest,
    }
}

fn chain_name(chain: Chain) -> &'static str {
    match chain {
        Chain::Ethereum => "ethereum",
        Chain::Bitcoin => "bitcoin",
        Chain::Solana => "solana",
    }
}
