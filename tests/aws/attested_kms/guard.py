"""Stands in front of LocalStack's KMS: every action passes here or is refused.

An action that is not in the table below is denied. The answer to a request with `Recipient`, and every
answer about a key whose policy asks for attestation, is searched for plaintext before it leaves.
"""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.skeleton import Skeleton
from localstack.services.kms.models import deserialize_ciphertext_blob
from localstack.services.kms.provider import KmsProvider
from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header

from attested_kms import attestation, envelope, policy

LOG = logging.getLogger(__name__)

# The folder of roots that attestation documents may chain to (DER files; tests may add theirs while
# it runs), and how envelopes are written.
ROOTS_VARIABLE = "SHAREKEEP_TEST_NSM_ROOTS"
FORM_VARIABLE = "SHAREKEEP_TEST_KMS_ENVELOPE"
# A folder with a file for each key whose users are told to come back later, named by the key's id.
BUSY_VARIABLE = "SHAREKEEP_TEST_KMS_BUSY"

# The member of an answer that only the recipient may read.
SECRETS = {
    "Decrypt": "Plaintext",
    "GenerateDataKey": "Plaintext",
    "GenerateDataKeyPair": "PrivateKeyPlaintext",
    "GenerateRandom": "Plaintext",
    "DeriveSharedSecret": "SharedSecret",
}
WITHOUT_KEY = {"CreateKey", "ListKeys", "ListAliases", "GenerateRandom"}
BY_KEY_ID = {
    "CancelKeyDeletion", "CreateGrant", "DeleteImportedKeyMaterial", "DeriveSharedSecret",
    "DescribeKey", "DisableKey", "DisableKeyRotation", "EnableKey", "EnableKeyRotation", "Encrypt",
    "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext", "GenerateMac", "GetKeyPolicy", "GetKeyRotationStatus",
    "GetParametersForImport", "GetPublicKey", "ImportKeyMaterial", "ListGrants", "ListKeyPolicies",
    "ListKeyRotations", "ListResourceTags", "PutKeyPolicy", "ReplicateKey", "RevokeGrant",
    "RotateKeyOnDemand", "ScheduleKeyDeletion", "Sign", "TagResource", "UntagResource",
    "UpdateKeyDescription", "UpdatePrimaryRegion", "Verify", "VerifyMac",
}  # fmt: skip
BY_TARGET = {"CreateAlias", "UpdateAlias"}
# What CloudFormation does from inside, in the name of whoever deploys: AWS would ask for his rights.
DEPLOYING = {
    "CreateKey",
    "DescribeKey",
    "EnableKey",
    "EnableKeyRotation",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "ListResourceTags",
    "PutKeyPolicy",
    "TagResource",
}


# The roles that were assumed, by access key id.
ASSUMED: dict[str, str] = {}


def install() -> None:
    """Puts the guard in front of every KMS service that LocalStack makes from now on."""
    make = Skeleton.__init__

    def guarded(self, service, implementation):
        make(self, service, implementation)
        table = self.dispatch_table
        if self.service.service_name == "kms":
            self.dispatch_table = {name: _in_front(name, table[name]) for name in table}
        if self.service.service_name == "sts":
            table["AssumeRole"] = _remembering(table["AssumeRole"])

    Skeleton.__init__ = guarded


def _remembering(assume_role: Callable) -> Callable:
    def answer(context: RequestContext, request):
        response = assume_role(context, request)
        ASSUMED[response["Credentials"]["AccessKeyId"]] = request["RoleArn"]
        return response

    return answer


def _in_front(operation: str, behind: Callable) -> Callable:
    def answer(context: RequestContext, request):
        request = dict(request or {})
        if operation in SECRETS and _is_busy(request):
            raise _refusal("ThrottlingException", "Rate exceeded")
        attested = _attested(request.pop("Recipient", None))
        if not (context.is_internal_call and operation in DEPLOYING):
            _authorize(operation, context, request, attested)
        response = behind(context, request)
        return _without_plaintext(operation, context, request, attested, response)

    return answer


def _is_busy(request) -> bool:
    key = (request.get("KeyId") or "").rpartition("/")[2]
    return key in os.listdir(os.environ[BUSY_VARIABLE])


def _attested(recipient) -> attestation.Attested | None:
    if recipient is None:
        return None
    if recipient.get("KeyEncryptionAlgorithm") != "RSAES_OAEP_SHA_256":
        raise _refusal("ValidationException", "KeyEncryptionAlgorithm must be RSAES_OAEP_SHA_256.")
    document = recipient.get("AttestationDocument") or b""
    refusal = attestation.InvalidDocument("no root is known")
    for root in Path(os.environ[ROOTS_VARIABLE]).glob("*.der"):
        try:
            certificate = x509.load_der_x509_certificate(root.read_bytes())
            return attestation.verify(document, certificate)
        except attestation.InvalidDocument as error:
            refusal = error
    raise _refusal("ValidationException", f"The attestation document is not valid: {refusal}")


def _authorize(operation: str, context, request, attested) -> None:
    for action, key, encryption_context in _demands(operation, context, request):
        account = key.metadata["AWSAccountId"]
        principal = _principal(context)
        facts = {"aws:PrincipalArn": [principal]}
        for name, value in (encryption_context or {}).items():
            facts[f"kms:EncryptionContext:{name}"] = [value]
        if encryption_context:
            facts["kms:EncryptionContextKeys"] = list(encryption_context)
        if attested:
            for number, pcr in attested.pcrs.items():
                facts[f"kms:RecipientAttestation:PCR{number}"] = [pcr.hex()]
            facts["kms:RecipientAttestation:ImageSha384"] = [attested.pcrs[0].hex()]
        try:
            allowed = policy.allows(
                json.loads(key.policy), policy.Request(action, principal, facts)
            )
        except (policy.UnsupportedPolicy, KeyError, ValueError) as error:
            LOG.error("a key policy of account %s cannot be evaluated: %r", account, error)
            allowed = False
        if not allowed:
            message = (
                f"User: {principal} is not authorized to perform: {action} on resource: "
                f"{key.metadata['Arn']} because no resource-based policy allows the {action} action"
            )
            raise _refusal("AccessDeniedException", message)


def _demands(operation: str, context, request):
    """What must be allowed for the operation: action, key, encryption context."""
    action = f"kms:{operation}"
    if operation in WITHOUT_KEY:
        return []
    if operation in BY_KEY_ID:
        return [(action, _key(context, request["KeyId"]), request.get("EncryptionContext"))]
    if operation in BY_TARGET:
        return [(action, _key(context, request["TargetKeyId"]), None)]
    if operation == "DeleteAlias":
        return [(action, _key(context, request["AliasName"]), None)]
    if operation == "Decrypt":
        key = _key_of_ciphertext(context, request)
        return [(action, key, request.get("EncryptionContext"))]
    if operation == "ReEncrypt":
        source = _key_of_ciphertext(context, request)
        target = _key(context, request["DestinationKeyId"])
        return [
            ("kms:ReEncryptFrom", source, request.get("SourceEncryptionContext")),
            ("kms:ReEncryptTo", target, request.get("DestinationEncryptionContext")),
        ]
    raise _refusal("AccessDeniedException", f"{action} is not something this KMS knows.")


def _key(context, name: str):
    account, region, name = KmsProvider._parse_key_id(name, context)
    return KmsProvider._get_kms_key(account, region, name, any_key_state_allowed=True)


def _key_of_ciphertext(context, request):
    """The key that made the ciphertext, whichever the request names: its policy decides."""
    named = request.get("KeyId") or request.get("SourceKeyId")
    account, region, _ = (
        KmsProvider._parse_key_id(named, context)
        if named
        else (context.account_id, context.region, "")
    )
    try:
        key_id = deserialize_ciphertext_blob(request["CiphertextBlob"]).key_id
        return KmsProvider._get_kms_key(account, region, key_id, any_key_state_allowed=True)
    except Exception:
        raise _refusal("InvalidCiphertextException", "") from None


def _principal(context) -> str:
    access_key = extract_access_key_id_from_auth_header(context.request.headers)
    return ASSUMED.get(access_key, f"arn:aws:iam::{context.account_id}:root")


def _without_plaintext(operation: str, context, request, attested, response):
    member = SECRETS.get(operation)
    if member is None or response is None:
        return response
    if attested is not None:
        form = envelope.Form(os.environ.get(FORM_VARIABLE, envelope.Form.AWS.value))
        sealed = envelope.seal(response.pop(member), attested.recipient, form)
        response["CiphertextForRecipient"] = sealed
        return response
    key_id = response.get("KeyId")
    if key_id and "kms:RecipientAttestation:" in _key(context, key_id).policy:
        # The policy should have refused. Should it ever not, this still does not answer.
        raise _refusal("AccessDeniedException", "This key answers attested enclaves only.")
    return response


def _refusal(code: str, message: str) -> CommonServiceException:
    return CommonServiceException(code, message, sender_fault=True)
