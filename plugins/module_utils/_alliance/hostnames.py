# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of names and addresses that come from outside (RFC 1123, RFC 5890, Kubernetes' own rules)."""

from __future__ import annotations

import ipaddress
import re

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TRUST_DOMAIN = re.compile(r"[0-9a-zA-Z_-]+(?:\.[0-9a-zA-Z_-]+)*")
_NUMERIC = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")
_LOCAL_NAMES = ("localhost", "localdomain")


def is_dns_label(text: object) -> bool:
    """True for a DNS-1123 label: at most 63 small letters, digits and inner dashes."""
    return isinstance(text, str) and _LABEL.fullmatch(text) is not None


def is_dns_name(text: object) -> bool:
    """True for dot-separated DNS-1123 labels, at most 253 characters. No trailing dot, no wildcard."""
    return isinstance(text, str) and len(text) <= 253 and all(is_dns_label(label) for label in text.split("."))


def is_trust_domain(text: object) -> bool:
    """True for what IstioFederation's spec.trustDomain allows, without empty labels.

    A leading dot would widen a name constraint to all sub-domains.
    """
    return isinstance(text, str) and len(text) <= 253 and _TRUST_DOMAIN.fullmatch(text) is not None


def is_ip(text: str) -> bool:
    """True for an IPv4 or IPv6 literal without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def address_problem(text: object) -> str | None:
    """Why a neighbour's gateway can't be at this address; None when it can.

    An address that means "this machine" or "this link" would send our pods' traffic to themselves.
    """
    if not isinstance(text, str) or not text:
        return "the address is not a text"
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        if not is_dns_name(text):
            return "the address is neither an IP address nor a DNS name in small letters"
        last = text.rsplit(".", 1)[-1]
        if last in _LOCAL_NAMES:
            return "the name means the machine itself"
        if _NUMERIC.fullmatch(last):
            return "the address looks like a malformed IP address"
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if "%" in text:
            return "the address has a zone"
        embedded = address.ipv4_mapped
        if embedded is not None:
            return "the address is an IPv4 address in IPv6 form"
    for flag in ("unspecified", "loopback", "link_local", "multicast"):
        if getattr(address, f"is_{flag}"):
            return f"the address is {flag.replace('_', '-')}"
    if text == "255.255.255.255":
        return "the address is broadcast"
    return None
