//! The same words in the wire's, the protocols' and the messages' crates: none of those knows the
//! others, so they meet here.

use sharekeep_messages::KeyScheme;
use sharekeep_schemas::{Protocol, Scheme};

pub(crate) fn mpc_scheme(scheme: Scheme) -> sharekeep_mpc::Scheme {
    match scheme {
        Scheme::EcdsaSecp256k1 => sharekeep_mpc::Scheme::EcdsaSecp256k1,
        Scheme::EddsaEd25519 => sharekeep_mpc::Scheme::EddsaEd25519,
        Scheme::SchnorrBip340 => sharekeep_mpc::Scheme::SchnorrBip340,
    }
}

pub(crate) fn scheme_of(scheme: sharekeep_mpc::Scheme) -> Scheme {
    match scheme {
        sharekeep_mpc::Scheme::EcdsaSecp256k1 => Scheme::EcdsaSecp256k1,
        sharekeep_mpc::Scheme::EddsaEd25519 => Scheme::EddsaEd25519,
        sharekeep_mpc::Scheme::SchnorrBip340 => Scheme::SchnorrBip340,
    }
}

pub(crate) fn mpc_protocol(protocol: Protocol) -> sharekeep_mpc::Protocol {
    match protocol {
        Protocol::Cggmp24 => sharekeep_mpc::Protocol::Cggmp24,
        Protocol::Dkls23 => sharekeep_mpc::Protocol::Dkls23,
        Protocol::Frost => sharekeep_mpc::Protocol::Frost,
    }
}

pub(crate) fn protocol_of(protocol: sharekeep_mpc::Protocol) -> Protocol {
    match protocol {
        sharekeep_mpc::Protocol::Cggmp24 => Protocol::Cggmp24,
        sharekeep_mpc::Protocol::Dkls23 => Protocol::Dkls23,
        sharekeep_mpc::Protocol::Frost => Protocol::Frost,
    }
}

/// How the messages' crate calls a scheme.
pub(crate) fn key_scheme(scheme: Scheme) -> KeyScheme {
    match scheme {
        Scheme::EcdsaSecp256k1 => KeyScheme::EcdsaSecp256k1,
        Scheme::EddsaEd25519 => KeyScheme::EddsaEd25519,
        Scheme::SchnorrBip340 => KeyScheme::SchnorrBip340,
    }
}
