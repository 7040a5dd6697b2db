use std::{future::Future, io, net::SocketAddr, pin::Pin};

/// Most addresses of one name that are looked at.
const MAX_ADDRESSES: usize = 16;

/// Addresses, looked up.
pub type Found<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Finds a name's addresses.
pub trait Resolve: Send + Sync {
    /// The addresses that a name has now, with the port.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Found<'a>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Found<'a> {
        Box::pin(async move {
            Ok(tokio::net::lookup_host((host, port)).await?.take(MAX_ADDRESSES).collect())
        })
    }
}
