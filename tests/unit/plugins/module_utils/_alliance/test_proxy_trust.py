# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy holds, compared with what it should."""

from __future__ import annotations

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import constrained_anchor
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_secrets import ProxySecrets
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.proxy_trust import Expected, difference

DOMAIN = "cluster-b.local"


@pytest.fixture(scope="module")
def roots(make_authority):
    """The old and the new one, which have one name."""
    return make_authority(), make_authority()


def test_the_very_anchor_is_looked_for(roots):
    old, new = roots
    anchors = tuple(constrained_anchor(root.pem, DOMAIN) for root in roots)
    expected = Expected(holds=anchors)
    assert difference(ProxySecrets(anchors), expected) == ""
    assert difference(ProxySecrets(anchors[:1]), expected) == f"it does not trust {fingerprint(anchors[1])}"
    # The plain root would let the neighbour vouch for every domain; an anchor of another domain is another one.
    assert "does not trust" in difference(ProxySecrets((anchors[0], new.pem)), expected)
    other = constrained_anchor(new.pem, "cluster-c.local")
    assert "does not trust" in difference(ProxySecrets((anchors[0], other)), expected)
    assert difference(ProxySecrets((old.pem, new.pem)), Expected(has_keys_of=(old.pem, new.pem))) == ""


def test_an_anchor_counts_in_any_form(roots):
    old, new = roots
    held = ProxySecrets((constrained_anchor(old.pem, DOMAIN),))
    assert difference(held, Expected(has_keys_of=(old.pem,))) == ""
    assert difference(held, Expected(has_keys_of=(new.pem,))) == f"it does not trust {fingerprint(new.pem)}"
    assert difference(held, Expected(lacks_keys_of=(new.pem,))) == ""
    assert difference(held, Expected(lacks_keys_of=(old.pem,))) == f"it still trusts {fingerprint(old.pem)}"


def test_its_own_certificate_has_to_come_from_the_root(roots):
    old, new = roots
    held = ProxySecrets((old.pem, new.pem), (old.leaf(), old.pem))
    assert difference(held, Expected(chains_to=(old.pem,))) == ""
    why = difference(held, Expected(lacks_keys_of=(old.pem,), chains_to=(new.pem,)))
    assert why == (f"it still trusts {fingerprint(old.pem)}; its certificate does not come from {fingerprint(new.pem)}")


def test_who_ends_no_mutual_tls_has_nothing_that_could_be_wrong(roots):
    old, new = roots
    expected = Expected(holds=(old.pem,), lacks_keys_of=(new.pem,), chains_to=(new.pem,))
    assert difference(ProxySecrets(), expected) == ""
    assert "does not trust" in difference(ProxySecrets(()), expected)
