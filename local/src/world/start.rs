use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use aws_credential_types::Credentials;
use sharekeep_enclave_host::egress::{Allowlist, Reach};
use sharekeep_testkit::{DevCa, NsmRoot, SoftKms, SoftKmsSettings};
use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;

use super::host;
use super::operator::{Operator, REGION};
use super::{
    Database, Embedded, EmulatedAws, Measurements, Purpose, STORE_FILE, SignedTenant, World,
    tenants, unused_port,
};
use crate::background::Background;
use crate::identity_provider::IdentityProvider;
use crate::{DataDir, Error, data_dir, tls};

/// Says what an enclave with this encoded trust configuration is attested with.
type Measure<'a> = &'a (dyn Fn(&[u8]) -> Measurements + Sync);

impl World {
    /// Starts everything that the enclave and the functions find around them. What is missing in
    /// the data directory is made.
    ///
    /// `port` is the one on which the functions will serve: requests are signed for it.
    ///
    /// # Errors
    /// Whatever part does not start.
    pub async fn start(data: &DataDir, port: u16, purpose: Purpose) -> Result<Self, Error> {
        Self::start_on(data, port, purpose, None, &Measurements::of).await
    }

    /// The same with an emulated AWS in place of the embedded database and KMS, if there is one, and
    /// for enclaves of an image that has these measurements with a trust configuration.
    ///
    /// # Errors
    /// Whatever part does not start.
    pub async fn start_on(
        data: &DataDir,
        port: u16,
        purpose: Purpose,
        emulated: Option<&EmulatedAws>,
        measure: Measure<'_>,
    ) -> Result<Self, Error> {
        let background = Background::default();
        let started = Self::start_in(data, port, purpose, emulated, measure, &background).await;
        if started.is_err() {
            background.stop().await;
        }
        started
    }

    async fn start_in(
        data: &DataDir,
        port: u16,
        purpose: Purpose,
        emulated: Option<&EmulatedAws>,
        measure: Measure<'_>,
        background: &Background,
    ) -> Result<Self, Error> {
        let authority = DevCa::load_or_create(&data.path("ca")).map_err(twin("authority"))?;
        let authorities_pem = authority.root_pem().to_owned();
        data_dir::write(&data.path("ca.pem"), authorities_pem.as_bytes())?;

        let listener = identity_provider_listener(data, port).await?;
        let tls = server_tls(&authority, &["localhost", "127.0.0.1"])?;
        let identity_provider =
            IdentityProvider::start(&data.path("idp"), listener, tls, purpose, background)?;

        let operator = Operator::load_or_create(data)?;
        let (trust, trust_bytes) =
            operator.trust(data, &authorities_pem, identity_provider.port(), emulated)?;
        let measurements = measure(&trust_bytes);
        let releases = operator.releases(data, &trust, measurements)?;

        let nsm_root = NsmRoot::load_or_create(&data.path("nsm")).map_err(twin("nsm"))?;
        data_dir::write(&data.path("root.der"), nsm_root.root_der())?;

        let kms_host = format!("kms.{REGION}.amazonaws.com");
        let kms_listener = listen(0).await?;
        let kms_address = kms_listener.local_addr().map_err(|e| Error::io("ask", "a socket", e))?;
        let kms_tls = server_tls(&authority, &[&kms_host])?;
        let (embedded, store_endpoint, credentials) = match emulated {
            None => {
                let kms = Arc::new(SoftKms::new(SoftKmsSettings {
                    key_arn: trust.kms_key_arn.clone(),
                    master_key: data_dir::secret_key(&data.path("kms/master-key"))?,
                    nsm_root_der: nsm_root.root_der().to_vec(),
                    allowed_pcrs: vec![measurements.0],
                }));
                let router = sharekeep_testkit::kms_router(Arc::clone(&kms));
                tls::serve(kms_listener, kms_tls, router, background);
                let database = Database::open(&data.path(STORE_FILE))?;
                let endpoint = database.serve(background).await?;
                // The software KMS checks the attestation document and no request signature, so
                // they are none.
                let credentials = Credentials::new("local", "local", None, None, "local");
                (Some(Embedded { database, kms }), endpoint, credentials)
            }
            Some(aws) => {
                let root = aws.nsm_roots.join(&aws.deployment).with_extension("der");
                data_dir::write(&root, nsm_root.root_der())?;
                tls::carry(kms_listener, kms_tls, aws.address, background);
                (None, aws.endpoint(), aws.host_role.clone())
            }
        };

        let provider = identity_provider.port();
        let mut allowed = Allowlist::default();
        for (place, address) in [
            (format!("{kms_host}:443"), kms_address),
            (format!("localhost:{provider}"), (Ipv4Addr::LOCALHOST, provider).into()),
        ] {
            allowed
                .allow(&place, Reach::At(address))
                .map_err(|e| Error::Twin { part: "host", reason: e.to_string() })?;
        }
        let egress_socket = data.path("run/egress.sock");
        host::carry_out(&egress_socket, allowed, background)?;
        let credentials_socket = data.path("run/credentials.sock");
        host::hand_out(&credentials_socket, credentials, background)?;

        let origins = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let tenants = tenants::documents(&identity_provider, &authorities_pem, &origins)
            .into_iter()
            .map(|document| {
                let tenant = document.tenant.clone();
                let (serial, bytes) = operator.tenant_document(data, document)?;
                Ok(SignedTenant { tenant, serial, bytes })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            embedded,
            store_endpoint,
            identity_provider,
            nsm_root,
            measurements,
            trust_bytes,
            releases,
            tenants,
            egress_socket,
            credentials_socket,
            background: background.clone(),
        })
    }
}

/// The identity provider's port is part of its name, of the users' identity and of the trust
/// configuration: chosen once (the one after the service's, if it is free), kept after.
async fn identity_provider_listener(data: &DataDir, port: u16) -> Result<TcpListener, Error> {
    let path = data.path("idp/port");
    if let Some(text) = data_dir::read(&path)? {
        let kept = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| Error::damaged(&path, "not a port"))?;
        return listen(kept).await;
    }
    let listener = match port.checked_add(1) {
        Some(next) => match listen(next).await {
            Ok(listener) => listener,
            Err(_) => listen(unused_port()?).await?,
        },
        None => listen(unused_port()?).await?,
    };
    let chosen = listener.local_addr().map_err(|e| Error::io("ask", "a socket", e))?.port();
    data_dir::write(&path, chosen.to_string().as_bytes())?;
    Ok(listener)
}

pub(crate) async fn listen(port: u16) -> Result<TcpListener, Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address: address.to_string(), source })
}

fn server_tls(authority: &DevCa, names: &[&str]) -> Result<Arc<ServerConfig>, Error> {
    let issued = authority.issue_server(names).map_err(twin("authority"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(issued.chain(), issued.key())?;
    Ok(Arc::new(config))
}

fn twin<E: std::fmt::Display>(part: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::Twin { part, reason: error.to_string() }
}
