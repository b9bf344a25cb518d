"""The access table: who may do what where."""

import pytest

from sealgate.oci.reference import Repository
from sealgate.policy.access import AccessRules, Grant, Right
from sealgate.policy.identity import NOBODY, Identity
from sealgate.policy.record import Caller

APP = Repository("apps/team/app")
CI = Identity(name="ci")
ANN = Identity(name="oidc:ann", groups=frozenset({"platform"}))


def rules(*grants):
    return AccessRules(
        tuple(Grant(who=frozenset(who), may=frozenset(may), repositories=tuple(where)) for who, may, where in grants)
    )


def may(made, right, repository=APP, identity=CI):
    return made.may(right, repository, Caller(identity=identity))


@pytest.mark.parametrize("right", list(Right))
def test_what_is_in_no_entry_nobody_may(right):
    assert not may(rules(), right)
    assert not may(rules((["ann"], list(Right), ["**"])), right)
    assert not may(rules((["ci"], [one for one in Right if one is not right], ["**"])), right)
    assert may(rules((["ci"], [right], ["**"])), right)


@pytest.mark.parametrize(
    ("who", "identity", "expected"),
    [
        ("ci", CI, True),
        ("ci", NOBODY, False),
        ("ann", ANN, False),  # another ann than the user of the file
        ("oidc:ann", ANN, True),
        ("group:platform", ANN, True),
        ("group:platform", CI, False),
        ("group:platform", Identity(name="group:platform"), False),
        ("platform", ANN, False),
        ("authenticated", ANN, True),
        ("authenticated", NOBODY, False),
        ("anyone", NOBODY, True),
        ("anyone", ANN, True),
        ("", NOBODY, False),
        ("authenticated", Identity(name="authenticated"), True),
        ("oidc:anyone", Identity(name="anyone"), False),
    ],
)
def test_who_is_meant(who, identity, expected):
    assert may(rules(([who], ["pull"], ["**"])), Right.PULL, identity=identity) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"), [("apps/**", True), ("apps/*", False), ("apps/*/app", True), ("**", True), ("app", False)]
)
def test_where(pattern, expected):
    assert may(rules((["ci"], ["pull"], [pattern])), Right.PULL) is expected


def test_a_right_in_one_entry_is_no_right_in_the_repositories_of_another():
    made = rules((["ci"], ["pull"], ["apps/**"]), (["ci"], ["push"], ["other/**"]))
    assert not may(made, Right.PUSH)


def test_nobody_inspects_without_a_name():
    assert not may(rules((["anyone"], ["inspect"], ["**"])), Right.INSPECT, identity=NOBODY)


@pytest.mark.parametrize("lends", [True, False])
def test_without_a_table(lends):
    made = AccessRules(None, lambda _: lends)
    for right in (Right.INSPECT, Right.DELETE):
        assert not may(made, right)
        assert not may(made, right, identity=NOBODY)
    for right in (Right.PULL, Right.PUSH, Right.SIGN):
        assert may(made, right)
        assert may(made, right, identity=NOBODY) is not lends
