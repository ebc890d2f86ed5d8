# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third-party libraries: which are missing.

The modules of this folder guard their third-party imports, so that they can be imported without them. Whoever
calls them asks here first and fails with a message that names the package.
"""

from __future__ import annotations

import importlib
import traceback
from dataclasses import dataclass

# Name of the import and name of the package that brings it.
_PACKAGES = {
    "cryptography": "cryptography",
    "jwt": "PyJWT",
    "kubernetes": "kubernetes",
    "urllib3": "urllib3",
    "yaml": "PyYAML",
}


@dataclass(frozen=True)
class MissingLibrary:
    """package: for missing_required_lib(); error: the traceback for fail_json(exception=...)."""

    package: str
    error: str


def missing_libraries(*imports: str) -> tuple[MissingLibrary, ...]:
    """Those of the named imports ("cryptography", "jwt", ...) that can't be imported here."""
    missing = []
    for name in imports or ("cryptography", "jwt"):
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(MissingLibrary(_PACKAGES.get(name, name), traceback.format_exc()))
    return tuple(missing)
