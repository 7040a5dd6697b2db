//! The core against scripted functions, clients and stores: each bad input by name, with its
//! problem code, and with neither a write nor a change of memory.

mod client;
mod clock;
mod device;
mod factors;
mod guess_property;
mod guesses;
mod hostile;
mod idp;
mod known_devices;
mod nsm;
mod owner;
mod property;
mod records;
mod requests;
mod restores;
mod sessions;
mod spent_guesses;
mod steps;
mod tokens;
mod wallets;
mod world;

pub(in crate::core) use client::Client;
pub(in crate::core) use idp::IdentityProvider;
pub(in crate::core) use owner::Owner;
pub(in crate::core) use world::World;
