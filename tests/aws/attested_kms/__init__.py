"""A KMS for tests that treats its callers as AWS KMS does.

LocalStack's own evaluates no key policy, believes every attestation document and answers plaintext
beside `Recipient`. Here every action is checked against the policy of its key, documents must chain to
a test root, and a key that asks for attestation never gives plaintext. It trusts the tests that run it:
requests are not authenticated beyond their access key.

    attestation   verifies a Nitro attestation document
    policy        evaluates a key policy
    envelope      seals to the key in a document, in AWS's form
    guard         puts the three in front of LocalStack's KMS
"""
