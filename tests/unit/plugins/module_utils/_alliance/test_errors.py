# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors and findings say where and what to do."""

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.libraries import missing_libraries


def test_the_text_of_an_error():
    assert str(AllianceError("it broke")) == "it broke"
    error = AllianceError("it broke.", cluster="a", neighbour="b", obj="Secret x", remedy="mend it")
    assert str(error) == "cluster a, neighbour b, Secret x: it broke. Remedy: mend it"


def test_an_error_is_located_without_losing_anything():
    error = DocumentError("bad", reason="InvalidJSON", obj="document")
    located = error.located(cluster="a", neighbour="b", obj="other")
    assert isinstance(located, DocumentError)
    assert (located.cluster, located.neighbour, located.obj, located.reason) == ("a", "b", "document", "InvalidJSON")
    assert error.cluster is None


def test_findings():
    finding = Finding("error", "code", "message", object="Service x/y")
    assert finding.located(cluster="a").located(cluster="z").cluster == "a"
    assert set(finding.to_dict()) == {"severity", "code", "message", "remedy", "cluster", "neighbour", "object"}


def test_missing_libraries_are_named_by_package():
    assert missing_libraries("cryptography", "jwt") == ()
    missing = missing_libraries("no_such_library")
    assert [library.package for library in missing] == ["no_such_library"]
    assert "no_such_library" in missing[0].error
