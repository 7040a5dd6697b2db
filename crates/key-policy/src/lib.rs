//! The policy of the KMS key, as it must be.
//!
//! One job: say which statements a deployment's key has in each state of its life, and what differs in
//! one that was found. The template says the same in other words; `./dev test infra` compares the two,
//! and `sharekeep operator doctor` compares what a running key has. Whoever changes the policy here must
//! change the template, and say why.
//!
//! Trusts nobody: a found policy is compared as a whole, whatever its statements claim to be.
//!
//! ```
//! use sharekeep_key_policy::{KeyPolicy, differences};
//! let policy = KeyPolicy {
//!     deployment: "example".to_owned(),
//!     host_role: "arn:aws:iam::111111111111:role/hosts".to_owned(),
//!     break_glass_role: "arn:aws:iam::222222222222:role/break-glass".to_owned(),
//!     audit_role: "arn:aws:iam::222222222222:role/audit".to_owned(),
//!     image: None,
//!     next_image: None,
//!     frozen: false,
//! };
//! let mut found = policy.to_json();
//! assert!(differences(&found, &policy.to_json()).is_empty());
//! found["Statement"][0]["Effect"] = "Allow".into();
//! assert_eq!(differences(&found, &policy.to_json()).len(), 1);
//! ```

mod difference;

pub use difference::{differences, normalized};

use serde_json::{Value, json};

/// PCR0, PCR1 and PCR2 of an image, in lower-case hexadecimal.
pub type Measurements = [String; 3];

/// What a key's policy depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// The deployment's name, part of every encryption context.
    pub deployment: String,
    /// ARN of the enclave hosts' role.
    pub host_role: String,
    /// ARN of the one role that may change the policy.
    pub break_glass_role: String,
    /// ARN of the role that may look.
    pub audit_role: String,
    /// The running image, if there is one yet.
    pub image: Option<Measurements>,
    /// The next image, while it replaces the running one.
    pub next_image: Option<Measurements>,
    /// Nobody may change the policy any more.
    pub frozen: bool,
}

impl KeyPolicy {
    /// The only policy that the key may have.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut statements = Vec::new();
        if let Some(image) = &self.image {
            statements.push(self.data_keys("DataKeysForTheImage", image));
        }
        if let Some(image) = &self.next_image {
            statements.push(self.data_keys("DataKeysForTheNextImage", image));
        }
        if let Some(image) = &self.image {
            statements.extend((0..3).map(|number| self.no_other_pcr(number, image)));
        } else {
            statements.push(json!({
                "Sid": "NobodyBeforeTheFirstImage",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
                "Resource": "*",
            }));
        }
        for (sid, condition) in self.contexts() {
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
            "Condition": { "ArnNotEquals": { "aws:PrincipalArn": self.break_glass_role } },
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
            &self.break_glass_role,
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
        statements.push(people("Audit", &self.audit_role, &[]));
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    fn no_other_pcr(&self, number: usize, image: &Measurements) -> Value {
        let mut known = vec![&image[number]];
        known.extend(self.next_image.as_ref().map(|next| &next[number]));
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

    fn data_keys(&self, sid: &str, image: &Measurements) -> Value {
        json!({
            "Sid": sid,
            "Effect": "Allow",
            "Principal": { "AWS": self.host_role },
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {
                "StringEqualsIgnoreCase": {
                    "kms:RecipientAttestation:PCR0": image[0],
                    "kms:RecipientAttestation:PCR1": image[1],
                    "kms:RecipientAttestation:PCR2": image[2],
                },
                "StringEquals": {
                    "kms:EncryptionContext:service": "sharekeep",
                    "kms:EncryptionContext:deployment": self.deployment,
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
    fn contexts(&self) -> [(&'static str, Value); 5] {
        let key = |name: &str| format!("kms:EncryptionContext:{name}");
        let deployment = &self.deployment;
        [
            ("NoOtherService", json!({ "StringNotEquals": { key("service"): "sharekeep" } })),
            ("NoOtherDeployment", json!({ "StringNotEquals": { key("deployment"): deployment } })),
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
