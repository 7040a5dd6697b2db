//! The functions: what runs as Lambdas in front of the enclave, and on 127.0.0.1 in a local run.
//!
//! One job: take a signed HTTP request to the enclave with the records that go with it, commit what
//! the enclave writes, and release its answer. Trusts nobody outside and is trusted by nobody: it
//! sees ciphertext, public keys and metadata. It checks signatures, freshness, rates and sizes to
//! refuse cheaply; the enclave checks again what protects users. It never sees a token or a share.
//!
//! ```no_run
//! use sharekeep_functions::store::{Store, StoreKeys, StoreSettings, TablePrefix};
//! use sharekeep_functions::{Config, State, app};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::connect(StoreSettings {
//!     endpoint: "http://127.0.0.1:8000".into(),
//!     region: "eu-central-1".into(),
//!     keys: StoreKeys { access_key_id: "local".into(), secret_access_key: "local".into() },
//!     prefix: TablePrefix::new("demo-")?,
//! });
//! store.create_tables().await?;
//! let state = State::new(Config::default(), store);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8787").await?;
//! axum::serve(listener, app(state)).await?;
//! # Ok(())
//! # }
//! ```

pub mod archive;
mod attestation;
mod author;
mod backup;
mod ceremony;
mod clock;
mod config;
mod device;
pub mod enclave_client;
mod error;
mod event;
mod exchange;
mod factor;
mod fleet;
mod gate;
mod health;
mod kept;
pub mod lambda;
mod observe;
mod openapi;
mod paging;
mod problem;
mod recovery;
mod release;
mod router;
mod session;
mod state;
pub mod store;
mod wallet;

pub use clock::{Clock, SystemClock};
pub use config::{Config, Pcrs};
pub use error::{Error, Result};
pub use fleet::Fleet;
pub use gate::{ClientAddress, Edge};
pub use observe::log_as_json;
pub use openapi::openapi;
pub use router::{RouteGroup, app};
pub use state::State;
