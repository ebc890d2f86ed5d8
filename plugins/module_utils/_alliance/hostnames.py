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
# RFC 6761, and what /etc/hosts has on most machines.
_LOCAL_NAME = re.compile(r"(?:^|\.)(?:localhost|localdomain|localhost[46]|ip6-localhost|ip6-loopback)$")
# IPv4-compatible addresses, and those of NAT64.
_EMBEDDING = (ipaddress.ip_network("::/96"), ipaddress.ip_network("64:ff9b::/96"))
_SPECIAL = {
    ipaddress.ip_network("255.255.255.255/32"): "broadcast",
    ipaddress.ip_network("0.0.0.0/8"): 'one of "this network"',
    # Istio's own choices for ServiceEntries without an address are in both (pilot/pkg/serviceregistry/serviceentry).
    ipaddress.ip_network("240.0.0.0/4"): "reserved",
    ipaddress.ip_network("2001:2::/48"): "reserved",
    ipaddress.ip_network("fec0::/10"): "site-local",
}


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


def address_form_problem(text: object) -> str | None:
    """Why this is no address that could be written into a configuration, whatever it leads to; None when it is one."""
    if not isinstance(text, str) or not text:
        return "the address is not a text"
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        if not is_dns_name(text):
            return "the address is neither an IP address nor a DNS name in small letters"
        if _NUMERIC.fullmatch(text.rsplit(".", 1)[-1]):
            return "the address looks like a malformed IP address"
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if "%" in text:
            return "the address has a zone"
        if address.ipv4_mapped is not None:
            return "the address is an IPv4 address in IPv6 form"
    return None


def address_problem(text: object) -> str | None:
    """Why a neighbour's gateway can't be at this address; None when it can.

    An address that means "this machine" or "this link" would send our pods' traffic to themselves, and one of those
    that Istio gives to ServiceEntries to another service.
    """
    problem = address_form_problem(text)
    if problem:
        return problem
    try:
        address = ipaddress.ip_address(str(text))
    except ValueError:
        return "the name means the machine itself" if _LOCAL_NAME.search(str(text)) else None
    special = _special(address)
    embedded = embedded_ipv4(address)
    if special is None and embedded is not None and _special(embedded):
        return f"the address holds an IPv4 address that is {_special(embedded)}"
    return f"the address is {special}" if special else None


def embedded_ipv4(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a translator makes of an IPv6 address (RFC 3056, RFC 4291, RFC 6052); None for others."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _EMBEDDING) and int(address) > 1:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
    for flag in ("unspecified", "loopback", "link_local", "multicast"):
        if getattr(address, f"is_{flag}"):
            return flag.replace("_", "-")
    for network, what in _SPECIAL.items():
        if address in network:
            return what
    return None
