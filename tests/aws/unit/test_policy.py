import unittest

from attested_kms.policy import Request, UnsupportedPolicy, allows

ROLE = "arn:aws:iam::111111111111:role/host"
ROOT = "arn:aws:iam::222222222222:root"


def statement(effect="Allow", action="kms:Decrypt", principal="*", **condition):
    made = {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"}
    return {**made, "Condition": condition} if condition else made


def ask(*statements, action="kms:Decrypt", principal=ROLE, **context):
    context = {name.replace("__", ":"): value for name, value in context.items()}
    return allows({"Statement": list(statements)}, Request(action, principal, context))


class Policies(unittest.TestCase):
    def test_what_nothing_allows_is_denied(self):
        self.assertFalse(ask())
        self.assertFalse(ask(statement(action="kms:Encrypt")))
        self.assertTrue(ask(statement()))

    def test_a_denial_wins_wherever_it_stands(self):
        self.assertFalse(ask(statement(), statement("Deny")))
        self.assertFalse(ask(statement("Deny"), statement()))

    def test_actions_have_wildcards_and_no_case(self):
        self.assertTrue(ask(statement(action="kms:*")))
        self.assertTrue(ask(statement(action=["kms:List*", "KMS:dec?ypt"])))
        self.assertFalse(ask(statement(action="kms:Decrypt.")))
        self.assertFalse(ask(statement(action="kms:[D]ecrypt")))

    def test_principals_are_compared_whole(self):
        self.assertTrue(ask(statement(principal={"AWS": ROLE})))
        self.assertFalse(ask(statement(principal={"AWS": ROLE + "2"})))
        self.assertFalse(ask(statement(principal={"AWS": ROOT})))
        self.assertTrue(ask(statement(principal={"AWS": "arn:aws:iam::111111111111:root"})))

    def test_a_positive_comparison_fails_where_the_key_is_missing(self):
        equals = statement(StringEquals={"a:b": "x"})
        self.assertFalse(ask(equals))
        self.assertTrue(ask(equals, a__b=["x"]))
        self.assertFalse(ask(equals, a__b=["X"]))
        self.assertTrue(ask(statement(StringEqualsIgnoreCase={"A:B": ["y", "X"]}), a__b=["x"]))
        self.assertTrue(ask(statement(StringEqualsIfExists={"a:b": "x"})))

    def test_a_negated_comparison_holds_where_the_key_is_missing(self):
        allow, deny = statement(), statement("Deny", StringNotEquals={"a:b": ["x", "y"]})
        self.assertFalse(ask(allow, deny))
        self.assertTrue(ask(allow, deny, a__b=["y"]))
        self.assertFalse(ask(allow, deny, a__b=["z"]))

    def test_all_conditions_of_a_statement_must_hold(self):
        both = statement(StringEquals={"a:b": "x", "c:d": "y"})
        self.assertTrue(ask(both, a__b=["x"], c__d=["y"]))
        self.assertFalse(ask(both, a__b=["x"], c__d=["x"]))
        self.assertFalse(ask(both, a__b=["x"]))

    def test_patterns_match_the_whole_text(self):
        something = statement(StringLike={"a:b": "?*"})
        self.assertFalse(ask(something, a__b=[""]))
        self.assertTrue(ask(something, a__b=["x\ny"]))
        self.assertFalse(ask(statement(StringLike={"a:b": "x"}), a__b=["xy"]))
        self.assertTrue(
            ask(statement("Allow", ArnLike={"a:b": "arn:*:role/x"}), a__b=["arn:1:role/x"])
        )

    def test_sets_of_values_are_compared_as_a_whole(self):
        few = statement(**{"ForAllValues:StringEquals": {"a:b": ["x", "y"]}})
        self.assertTrue(ask(few))
        self.assertTrue(ask(few, a__b=["x"]))
        self.assertFalse(ask(few, a__b=["x", "z"]))
        other = statement("Deny", **{"ForAnyValue:StringNotEquals": {"a:b": ["x", "y"]}})
        self.assertTrue(ask(statement(), other))
        self.assertTrue(ask(statement(), other, a__b=["x", "y"]))
        self.assertFalse(ask(statement(), other, a__b=["x", "z"]))

    def test_presence_can_be_asked_for(self):
        absent = statement(Null={"a:b": True})
        self.assertTrue(ask(absent))
        self.assertFalse(ask(absent, a__b=["x"]))
        self.assertTrue(ask(statement(Null={"a:b": "false"}), a__b=["x"]))

    def test_what_cannot_be_evaluated_is_an_error_wherever_it_stands(self):
        elsewhere = statement(action="kms:Sign", StringMatches={"a:b": "x"})
        not_principal = {**statement(), "NotPrincipal": "*"}
        service = statement(principal={"Service": "s3.amazonaws.com"})
        shrug = statement("Perhaps")
        for unknown in (elsewhere, not_principal, service, shrug):
            with self.assertRaises(UnsupportedPolicy):
                ask(statement(), unknown)
