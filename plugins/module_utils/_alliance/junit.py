# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as JUnit XML, as CI systems read it: a suite for each edge, a test case for each check.

The shape is that of the schema that most readers were written for
(U(https://github.com/windyroad/JUnit-Schema/blob/master/JUnit.xsd)), with each attribute that it requires.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import ProbeResult

# What XML 1.0 has no way to write (section 2.2, production Char).
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(results: Mapping[tuple[str, str], Sequence[ProbeResult]], time: str) -> bytes:
    """The document. results: by edge, (cluster, neighbour). time: when they were made, RFC 3339."""
    root = ElementTree.Element("testsuites")
    for number, (edge, checks) in enumerate(sorted(results.items())):
        root.append(_suite(number, edge, checks, time))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(number: int, edge: tuple[str, str], checks: Sequence[ProbeResult], time: str) -> ElementTree.Element:
    cluster, neighbour = edge
    suite = _element(
        "testsuite",
        id=str(number),
        package="verify",
        name=f"{cluster} to {neighbour}",
        timestamp=time.partition("Z")[0].partition("+")[0],
        hostname=cluster,
        tests=str(len(checks)),
        failures=str(sum(bool(check.layer) for check in checks)),
        errors="0",
        skipped=str(sum(bool(check.skipped) for check in checks)),
        time=_seconds(sum(check.ms or 0 for check in checks)),
    )
    suite.append(ElementTree.Element("properties"))
    suite.extend(_case(edge, check) for check in checks)
    suite.append(ElementTree.Element("system-out"))
    suite.append(ElementTree.Element("system-err"))
    return suite


def _case(edge: tuple[str, str], check: ProbeResult) -> ElementTree.Element:
    case = _element(
        "testcase",
        name=f"{check.check}: {check.name}",
        classname=f"verify.{edge[0]}.{edge[1]}",
        time=_seconds(check.ms or 0),
    )
    if check.skipped:
        case.append(_element("skipped", message=check.skipped))
    elif check.layer:
        failure = _element("failure", type=check.layer, message=f"{check.layer}, in {check.blamed}: {check.reason}")
        failure.text = _text(f"Remedy: {check.remedy}" if check.remedy else check.reason)
        case.append(failure)
    return case


def _element(tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.Element(tag, {key: _text(value) for key, value in attributes.items()})


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3f}"


def _text(value: str) -> str:
    return _NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", value)
