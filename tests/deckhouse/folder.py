# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulated cluster keeps between two starts, and what it tells whoever started it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.deckhouse import certificates
from tests.deckhouse.certificates import Issued

ENDPOINT = "endpoint.json"


class Folder:
    """A folder of files; it is made when it isn't there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> Any:
        """A JSON file's content, None when there is none."""
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None

    def write(self, name: str, content: Any) -> None:
        """Write a JSON file; a reader sees the old one or the new one, nothing in between."""
        draft = self.path / f".{name}.new"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(content, indent=2) + "\n")
        draft.replace(self.path / name)

    def issued(self, name: str, make: Callable[[], Issued]) -> Issued:
        """A certificate that is made once."""
        found = self.read(name)
        if found is None:
            issued = make()
            found = {"certificate": issued.certificate, "key": issued.key}
            self.write(name, found)
        return Issued(found["certificate"], found["key"])

    def ingress(self, domain: str, names: Sequence[str]) -> tuple[Issued, Issued, Path]:
        """The ingress's CA, which stays, a new certificate for these names, and the file of its chain and key."""
        ca = self.issued("ingress-ca.json", lambda: certificates.ingress_ca(domain))
        leaf = certificates.ingress_leaf(ca, names)
        chain = self.path / "ingress.pem"
        chain.touch(mode=0o600)
        chain.write_text(leaf.certificate + leaf.key)
        return ca, leaf, chain

    def tell(self, *, endpoint: str, ca: str, domain: str, uuid: str, root: str) -> None:
        """How this cluster is entered in a neighbour's inventory."""
        self.write(
            ENDPOINT,
            {
                "metadata_endpoint": endpoint,
                "metadata_ca": ca,
                "trust_domain": domain,
                "cluster_uuid": uuid,
                "root_ca": root,
                "root_fingerprints": certificates.fingerprints(root) if root else [],
            },
        )
