//! The policy of the KMS key, as it must be. The template says the same in other words; whoever
//! changes one of them must change the other, and say why.

use serde_json::{Value, json};

use super::template::Parameters;

/// The template's parameters that the policy depends on, and what they are in a comparison.
pub(crate) const DEPLOYMENT: &str = "a-deployment";
const HOSTS: &str = "arn:aws:iam::111111111111:role/hosts";
const BREAK_GLASS: &str = "arn:aws:iam::222222222222:role/break-glass";
const AUDIT: &str = "arn:aws:iam::222222222222:role/audit";

/// A point in a key's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The running image's measurements are in.
    pub(crate) image: bool,
    /// The next image's measurements are in.
    pub(crate) next_image: bool,
    /// Nobody may change the policy any more.
    pub(crate) frozen: bool,
}

impl State {
    /// Every combination, also those that the template's rules refuse before they come to be.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..8u8).map(|bits| Self {
            image: bits & 1 != 0,
            next_image: bits & 2 != 0,
            frozen: bits & 4 != 0,
        })
    }

    /// The template's parameters in this state.
    pub(crate) fn parameters(self) -> Parameters {
        let pcr = |set: &str, number: u8, given| {
            if given { format!("{set}-pcr{number}") } else { String::new() }
        };
        Parameters::from([
            ("Deployment", DEPLOYMENT.to_owned()),
            ("EnclaveHostRoleArn", HOSTS.to_owned()),
            ("BreakGlassRoleArn", BREAK_GLASS.to_owned()),
            ("AuditRoleArn", AUDIT.to_owned()),
            ("Pcr0", pcr("this", 0, self.image)),
            ("Pcr1", pcr("this", 1, self.image)),
            ("Pcr2", pcr("this", 2, self.image)),
            ("NextPcr0", pcr("next", 0, self.next_image)),
            ("NextPcr1", pcr("next", 1, self.next_image)),
            ("NextPcr2", pcr("next", 2, self.next_image)),
            ("FreezePolicy", if self.frozen { "for ever" } else { "no" }.to_owned()),
        ])
    }

    /// The only policy that a key may have in this state.
    pub(crate) fn policy(self) -> Value {
        let mut statements = Vec::new();
        if self.image {
            statements.push(data_keys("DataKeysForTheImage", "this"));
        }
        if self.next_image {
            statements.push(data_keys("DataKeysForTheNextImage", "next"));
        }
        if self.image {
            statements.extend((0..3).map(|number| self.no_other_pcr(number)));
        } else {
            statements.push(json!({
                "Sid": "NobodyBeforeTheFirstImage",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
                "Resource": "*",
            }));
        }
        for (sid, condition) in contexts() {
            statements.push(json!({
                "Sid": sid,
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
                "Resource": "*",
                "Condition": condition,
            }));
        }
        statements.push(json!({
            "Sid": "NoOtherWayInOrOut",
            "Effect": "Deny",
            "Principal": "*",
            "Action": [
                "kms:Encrypt",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:GenerateDataKeyPair",
                "kms:GenerateDataKeyPairWithoutPlaintext",
                "kms:CreateGrant",
                "kms:DeriveSharedSecret",
                "kms:ImportKeyMaterial",
                "kms:DeleteImportedKeyMaterial",
                "kms:ReplicateKey",
                "kms:UpdatePrimaryRegion",
            ],
            "Resource": "*",
        }));
        statements.push(json!({
            "Sid": "NoAdministrationButBreakGlass",
            "Effect": "Deny",
            "Principal": "*",
            "Action": [
                "kms:PutKeyPolicy",
                "kms:ScheduleKeyDeletion",
                "kms:CancelKeyDeletion",
                "kms:DisableKey",
                "kms:EnableKey",
                "kms:DisableKeyRotation",
                "kms:EnableKeyRotation",
                "kms:RotateKeyOnDemand",
                "kms:TagResource",
                "kms:UntagResource",
                "kms:UpdateKeyDescription",
            ],
            "Resource": "*",
            "Condition": { "ArnNotEquals": { "aws:PrincipalArn": BREAK_GLASS } },
        }));
        if self.frozen {
            statements.push(json!({
                "Sid": "NeverAnotherPolicy",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["kms:PutKeyPolicy"],
                "Resource": "*",
            }));
        }
        statements.push(people(
            "BreakGlass",
            BREAK_GLASS,
            &[
                "kms:PutKeyPolicy",
                "kms:ScheduleKeyDeletion",
                "kms:CancelKeyDeletion",
                "kms:DisableKey",
                "kms:EnableKey",
                "kms:EnableKeyRotation",
                "kms:RotateKeyOnDemand",
                "kms:TagResource",
                "kms:UntagResource",
                "kms:UpdateKeyDescription",
            ],
        ));
        statements.push(people("Audit", AUDIT, &[]));
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    fn no_other_pcr(self, number: u8) -> Value {
        let mut known = vec![format!("this-pcr{number}")];
        known.extend(self.next_image.then(|| format!("next-pcr{number}")));
        json!({
            "Sid": format!("NoOtherPcr{number}"),
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {
                "StringNotEqualsIgnoreCase": {
                    format!("kms:RecipientAttestation:PCR{number}"): known,
                },
            },
        })
    }
}

fn data_keys(sid: &str, image: &str) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": { "AWS": HOSTS },
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": "*",
        "Condition": {
            "StringEqualsIgnoreCase": {
                "kms:RecipientAttestation:PCR0": format!("{image}-pcr0"),
                "kms:RecipientAttestation:PCR1": format!("{image}-pcr1"),
                "kms:RecipientAttestation:PCR2": format!("{image}-pcr2"),
            },
            "StringEquals": {
                "kms:EncryptionContext:service": "sharekeep",
                "kms:EncryptionContext:deployment": DEPLOYMENT,
            },
            "StringLike": {
                "kms:EncryptionContext:tenant": "?*",
                "kms:EncryptionContext:purpose": "?*",
            },
            "ForAllValues:StringEquals": {
                "kms:EncryptionContextKeys": ["service", "deployment", "tenant", "purpose"],
            },
        },
    })
}

/// Denials of every encryption context but the enclave's own.
fn contexts() -> [(&'static str, Value); 5] {
    let key = |name: &str| format!("kms:EncryptionContext:{name}");
    [
        ("NoOtherService", json!({ "StringNotEquals": { key("service"): "sharekeep" } })),
        ("NoOtherDeployment", json!({ "StringNotEquals": { key("deployment"): DEPLOYMENT } })),
        ("NotWithoutTenant", json!({ "StringNotLike": { key("tenant"): "?*" } })),
        ("NotWithoutPurpose", json!({ "StringNotLike": { key("purpose"): "?*" } })),
        (
            "NoOtherContext",
            json!({ "ForAnyValue:StringNotEquals": {
                "kms:EncryptionContextKeys": ["service", "deployment", "tenant", "purpose"],
            } }),
        ),
    ]
}

/// People may look, and do what is named besides.
fn people(sid: &str, role: &str, more: &[&str]) -> Value {
    let looking = [
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "kms:ListGrants",
        "kms:ListKeyPolicies",
        "kms:ListKeyRotations",
        "kms:ListResourceTags",
    ];
    let actions: Vec<_> = more.iter().chain(&looking).collect();
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": { "AWS": role },
        "Action": actions,
        "Resource": "*",
    })
}
