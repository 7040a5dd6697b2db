use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyUsagePurpose,
};
use std::time::{Duration, SystemTime};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// When a certificate is valid.
#[derive(Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) from: SystemTime,
    pub(crate) to: SystemTime,
}

impl Validity {
    /// From a day ago, for clocks that differ, to `life` from now.
    pub(crate) fn starting_now(life: Duration) -> Self {
        let now = SystemTime::now();
        Self { from: now - DAY, to: now + life }
    }
}

/// Parameters of a certificate whose name says that it is not AWS's.
pub(crate) fn params(common_name: &str, is_ca: IsCa, validity: Validity) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Sharekeep development, not AWS");
    name.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.not_before = validity.from.into();
    params.not_after = validity.to.into();
    params.key_usages = match is_ca {
        IsCa::Ca(_) => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
        _ => vec![KeyUsagePurpose::DigitalSignature],
    };
    params.is_ca = is_ca;
    params
}

/// A certificate authority over `below` further levels.
pub(crate) fn authority(below: u8) -> IsCa {
    IsCa::Ca(BasicConstraints::Constrained(below))
}
