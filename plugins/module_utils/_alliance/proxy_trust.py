# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a proxy trust whom it should, and does it show a certificate of the right CA?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    load_certificate,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.chains import root_of
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_secrets import ProxySecrets

with contextlib.suppress(ImportError):  # told by libraries.missing_libraries()
    from cryptography.hazmat.primitives import serialization


@dataclass(frozen=True)
class Expected:
    """What is to be true of every proxy, all PEM.

    C(holds): anchors, byte for byte. C(has_keys_of): roots of which there is an anchor in any form, constrained or not.
    C(lacks_keys_of): roots of which there is none in any form. C(chains_to): the proxy's own certificate leads to one
    of these roots, by signatures; empty: to any.
    """

    holds: tuple[str, ...] = ()
    has_keys_of: tuple[str, ...] = ()
    lacks_keys_of: tuple[str, ...] = ()
    chains_to: tuple[str, ...] = ()


def difference(secrets: ProxySecrets, expected: Expected) -> str:
    """What is not as expected, in words; the empty string when all is.

    A proxy that holds no secret of that name ends no mutual TLS, so there is nothing of it that could be wrong. Raises
    CertificateError when one of the certificates can't be read.
    """
    reasons = []
    if secrets.roots is not None:
        held = set(secrets.roots)
        keys = {_identity(root) for root in held}
        missing = [root for root in expected.holds if root not in held]
        missing += [root for root in expected.has_keys_of if _identity(root) not in keys]
        left = [root for root in expected.lacks_keys_of if _identity(root) in keys]
        if missing:
            reasons.append(f"it does not trust {_named(missing)}")
        if left:
            reasons.append(f"it still trusts {_named(left)}")
    if secrets.chain and expected.chains_to and root_of(secrets.chain, expected.chains_to) is None:
        reasons.append(f"its certificate does not come from {_named(expected.chains_to)}")
    return "; ".join(reasons)


def _identity(pem: str) -> tuple[bytes, bytes]:
    """What a verifier takes of an anchor: the name and the key."""
    certificate = load_certificate(pem)
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return certificate.subject.public_bytes(), key


def _named(roots: Iterable[str]) -> str:
    return ", ".join(sorted(fingerprint(root) for root in roots))
