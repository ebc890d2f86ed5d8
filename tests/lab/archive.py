# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing container images as a docker-archive, which `ctr images import` reads."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """A container image: its full tag, the tars of its layers from the lowest up, and how it is started.

    `user` is `uid:gid`: Kubernetes checks runAsNonRoot against the number.
    """

    tag: str
    layers: Sequence[Path]
    command: Sequence[str] = ()
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = "/"

    def config(self, digests: Sequence[str]) -> bytes:
        """The image's configuration document, the same bytes for the same image."""
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **self.environment}
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": self.user,
                "WorkingDir": self.folder,
                "Entrypoint": list(self.command),
                "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        }
        return json.dumps(document, sort_keys=True).encode()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    whole = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(1 << 20):
            whole.update(block)
    return whole.hexdigest()


def write_archive(target: Path, images: Iterable[Image]) -> None:
    """Write the images into one archive; a layer that several images share is written once."""
    manifest: list[dict[str, object]] = []
    written: dict[Path, str] = {}
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:

        def add(name: str, content: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

        for image in images:
            for layer in image.layers:
                if layer in written:
                    continue
                written[layer] = file_digest(layer)
                info = tarfile.TarInfo(f"{written[layer]}/layer.tar")
                info.size = layer.stat().st_size
                with layer.open("rb") as source:
                    archive.addfile(info, source)
            digests = [written[layer] for layer in image.layers]
            config = image.config(digests)
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            add(name, config)
            layers = [f"{digest}/layer.tar" for digest in digests]
            manifest.append({"Config": name, "RepoTags": [image.tag], "Layers": layers})
        add("manifest.json", json.dumps(manifest).encode())
