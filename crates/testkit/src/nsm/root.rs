use super::NsmLeaf;
use crate::certificate::{self, DAY, Validity};
use crate::stored::Stored;
use crate::{Error, Measurements};
use rcgen::{CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};
use rustls_pki_types::PrivatePkcs8KeyDer;
use std::path::Path;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

const ROOT_LIFE: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
/// AWS renews its three-hour leaves in the device. Here a leaf is handed over once, so it lives as
/// long as a development process may run.
const LEAF_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How a leaf that must be refused is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafFlaw {
    /// Every certificate under the root has run out.
    Expired,
    /// Every certificate under the root is for tomorrow.
    NotYetValid,
    /// The leaf and all above it live, but for the zone's certificate.
    AuthorityExpired,
    /// A leaf, which is no authority, has issued another leaf.
    IssuedByLeaf,
    /// An authority that may only issue leaves has made one more authority.
    PathTooLong,
}

/// A root of attestation that is not AWS's. Its key makes any image credible to who trusts it, so
/// enclave processes get an [`NsmLeaf`] only.
pub struct NsmRoot {
    key: KeyPair,
    root_der: Vec<u8>,
}

fn root_params() -> CertificateParams {
    certificate::params(
        "test.nitro-enclaves",
        certificate::authority(3),
        Validity::starting_now(ROOT_LIFE),
    )
}

impl NsmRoot {
    /// Reads the root from `directory`, or makes it there.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Certificate`].
    pub fn load_or_create(directory: &Path) -> Result<Self, Error> {
        Self::from_stored(&Stored::load_or_create(directory, "nsm-root", make)?)
    }

    /// A root that nobody else trusts and nobody keeps.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn ephemeral() -> Result<Self, Error> {
        Self::from_stored(&make()?)
    }

    fn from_stored(stored: &Stored) -> Result<Self, Error> {
        let key = PrivatePkcs8KeyDer::from(stored.key_pkcs8.as_slice());
        Ok(Self {
            key: KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P384_SHA384)?,
            root_der: stored.certificate_der.clone(),
        })
    }

    /// The root to pin, DER.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        &self.root_der
    }

    /// Makes a leaf that can sign documents of one module with these measurements. All-zero
    /// measurements make the documents of an enclave in debug mode.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn issue_leaf(&self, module_id: &str, pcrs: Measurements) -> Result<NsmLeaf, Error> {
        self.issue(module_id, pcrs, Chain::honest(Validity::starting_now(LEAF_LIFE)))
    }

    /// Makes a leaf that every verifier must refuse.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn issue_flawed_leaf(
        &self,
        flaw: LeafFlaw,
        module_id: &str,
        pcrs: Measurements,
    ) -> Result<NsmLeaf, Error> {
        let now = SystemTime::now();
        let mut chain = Chain::honest(Validity::starting_now(LEAF_LIFE));
        let past = Validity { from: now - 2 * DAY, to: now - DAY };
        match flaw {
            LeafFlaw::Expired => chain = Chain::honest(past),
            LeafFlaw::NotYetValid => {
                chain = Chain::honest(Validity { from: now + DAY, to: now + 2 * DAY });
            }
            LeafFlaw::AuthorityExpired => chain.authorities[1].validity = past,
            LeafFlaw::IssuedByLeaf => chain.authorities[2].is_ca = IsCa::ExplicitNoCa,
            LeafFlaw::PathTooLong => {
                let name = "another.test.nitro-enclaves";
                let is_ca = certificate::authority(0);
                chain.authorities.push(Level { name, is_ca, validity: chain.leaf });
            }
        }
        self.issue(module_id, pcrs, chain)
    }

    fn issue(&self, module_id: &str, pcrs: Measurements, chain: Chain) -> Result<NsmLeaf, Error> {
        let mut cabundle = vec![self.root_der.clone()];
        let (mut above, mut above_key) = (root_params(), None::<KeyPair>);
        for Level { name, is_ca, validity } in chain.authorities {
            let params = certificate::params(name, is_ca, validity);
            let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
            let issuer = Issuer::from_params(&above, above_key.as_ref().unwrap_or(&self.key));
            cabundle.push(params.signed_by(&key, &issuer)?.der().to_vec());
            (above, above_key) = (params, Some(key));
        }
        let name = format!("{module_id}.test.aws");
        let params = certificate::params(&name, IsCa::ExplicitNoCa, chain.leaf);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let issuer = Issuer::from_params(&above, above_key.as_ref().unwrap_or(&self.key));
        Ok(NsmLeaf {
            module_id: module_id.to_owned(),
            pcrs: pcrs.map(|pcr| pcr.to_vec().into()).to_vec(),
            certificate: params.signed_by(&key, &issuer)?.der().to_vec().into(),
            cabundle: cabundle.into_iter().map(Into::into).collect(),
            key_pkcs8: Zeroizing::new(key.serialize_der()),
        })
    }
}

/// What is between the root and the enclave, and how long the leaf lives.
struct Chain {
    authorities: Vec<Level>,
    leaf: Validity,
}

struct Level {
    name: &'static str,
    is_ca: IsCa,
    validity: Validity,
}

impl Chain {
    /// AWS's form: root, region, zone, instance, leaf.
    fn honest(validity: Validity) -> Self {
        let level = |name, below| Level { name, is_ca: certificate::authority(below), validity };
        Self {
            authorities: vec![
                level("region.test.nitro-enclaves", 2),
                level("zonal.test.nitro-enclaves", 1),
                level("i-0test.test.nitro-enclaves", 0),
            ],
            leaf: validity,
        }
    }
}

fn make() -> Result<Stored, Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
    let root = root_params().self_signed(&key)?;
    Ok(Stored {
        key_pkcs8: Zeroizing::new(key.serialize_der()),
        certificate_der: root.der().to_vec(),
    })
}
