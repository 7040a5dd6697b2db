use crate::{Error, Result};
use sfv::{BareItem, InnerList, ListSerializer};

/// `("@method" …);created=…`: the value of `@signature-params` and of one `Signature-Input` member.
pub(super) fn serialize(input: &InnerList) -> String {
    let mut list = ListSerializer::new();
    let mut inner = list.inner_list();
    inner.items(&input.items);
    inner.finish().parameters(&input.params);
    list.finish().expect("a list of one member is not empty")
}

/// The signature base (RFC 9421 section 2.5) of the components that `input` names, with the values
/// that `component` gives.
///
/// # Errors
/// [`Error::SignatureCoverage`] if a component is unknown, repeated, or has parameters (`;req`,
/// `;sf`, …: this profile has none).
pub(super) fn signature_base(
    input: &InnerList,
    component: impl Fn(&str) -> Option<String>,
) -> Result<String> {
    let mut base = String::new();
    let mut seen = Vec::with_capacity(input.items.len());
    for item in &input.items {
        let BareItem::String(name) = &item.bare_item else {
            return Err(Error::SignatureMalformed);
        };
        let name = name.as_str();
        if seen.contains(&name) || !item.params.is_empty() {
            return Err(Error::SignatureCoverage);
        }
        seen.push(name);
        let value = component(name).ok_or(Error::SignatureCoverage)?;
        // A line break in a value could forge a further line of the base.
        if value.contains(['\n', '\r']) {
            return Err(Error::SignatureMalformed);
        }
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {}", serialize(input)));
    Ok(base)
}

#[cfg(test)]
mod tests {
    //! RFC 9421 appendix B.2: keys of B.1, the request of B.2 and the response of B.2.4.
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ed25519_dalek::ed25519::signature::Signer;
    use p256::pkcs8::DecodePublicKey;
    use sfv::{Dictionary, ListEntry, Parser};

    fn input(header: &str, label: &str) -> InnerList {
        let mut members: Dictionary = Parser::new(header).parse().unwrap();
        let Some(ListEntry::InnerList(list)) = members.swap_remove(label) else {
            panic!("an inner list");
        };
        list
    }

    fn request(name: &str) -> Option<String> {
        let value = match name {
            "date" => "Tue, 20 Apr 2021 02:07:55 GMT",
            "@method" => "POST",
            "@path" => "/foo",
            "@authority" => "example.com",
            "content-type" => "application/json",
            "content-length" => "18",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn signing_with_ed25519_gives_the_signature_of_b_2_6() {
        let header = r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
        let base = signature_base(&input(header, "sig-b26"), request).unwrap();
        assert!(base.starts_with("\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n"));
        let seed = STANDARD.decode("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=").unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&seed.try_into().unwrap());
        assert_eq!(
            STANDARD.encode(key.sign(base.as_bytes()).to_bytes()),
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        );
    }

    #[test]
    fn the_p256_signature_of_b_2_4_verifies() {
        let header = r#"sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#;
        let response = |name: &str| {
            let value = match name {
                "@status" => "200",
                "content-type" => "application/json",
                "content-digest" => {
                    "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"
                }
                "content-length" => "23",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let base = signature_base(&input(header, "sig-b24"), response).unwrap();
        let der = STANDARD
            .decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==")
            .unwrap();
        let key = p256::ecdsa::VerifyingKey::from_public_key_der(&der).unwrap();
        let signature = STANDARD
            .decode("wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==")
            .unwrap();
        let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
        use p256::ecdsa::signature::Verifier;
        key.verify(base.as_bytes(), &signature).unwrap();
        assert!(key.verify(base.replace("200", "201").as_bytes(), &signature).is_err());
    }

    #[test]
    fn a_value_can_not_forge_a_line_of_the_base() {
        let list = input(r#"s=("@path")"#, "s");
        assert!(signature_base(&list, |_| Some("/a\n\"@method\": GET".to_owned())).is_err());
    }

    #[test]
    fn repeated_and_parameterised_components_are_refused() {
        assert!(signature_base(&input(r#"s=("@path" "@path")"#, "s"), request).is_err());
        assert!(signature_base(&input(r#"s=("@path";req)"#, "s"), request).is_err());
    }
}
