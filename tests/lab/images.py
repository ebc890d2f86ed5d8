# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of a cluster: pause, CoreDNS, Istio's two, the workload, and the execution environment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from . import builds
from .archive import Image, write_archive
from .cache import artefact, digest
from .errors import LabError
from .layout import Layout
from .pins import COREDNS_VERSION, ENVOY_WHEEL, EXECUTION_ENVIRONMENT_WHEELS, ISTIO_VERSION, WORKLOAD_WHEELS
from .progress import step
from .rootfs import Entry, base_layer, envoy_program, python_layer, write_layer

HUB = "meshalliance.istio"
PAUSE = f"{HUB}/pause:1"
COREDNS = f"{HUB}/coredns:{COREDNS_VERSION}"
WORKLOAD = f"{HUB}/workload:1"
ISTIO_TAG = ISTIO_VERSION

# What the collection is made of at run time; tests and the repository's own files stay out of the image.
_COLLECTION_PARTS = (
    "galaxy.yml",
    "meta",
    "plugins",
    "roles",
    "playbooks",
    "exporter",
    "extensions",
    "README.md",
    "LICENSE",
)
_COLLECTIONS = "usr/share/ansible/collections"
_SERVER = Path(__file__).parent / "workload" / "server.py"


def _single(name: str, entries: dict[str, Entry]) -> Path:
    """A cached layer of single files."""
    pins: list[bytes | str] = []
    for path, entry in sorted(entries.items()):
        # Files of the cache are named by their pins; others are small and are hashed by content.
        pins += [path, str(entry.mode), str(entry.content) if isinstance(entry.content, Path) else entry.content]
    return artefact(f"layer-{name}", pins, lambda folder: write_layer(folder / "layer.tar", entries)) / "layer.tar"


def _fixed_images() -> list[Image]:
    """The images that change only with the pins (and the workload's server)."""
    base, istio = base_layer(), builds.part("istio")
    proxy_user = "1337:1337"
    return [
        Image(PAUSE, [_single("pause", {"pause": Entry(builds.program("pause"), 0o755)})], ["/pause"], "65535:65535"),
        Image(COREDNS, [_single("coredns", {"coredns": Entry(builds.program("coredns"), 0o755)})], ["/coredns"]),
        Image(
            f"{HUB}/pilot:{ISTIO_TAG}",
            [
                base,
                _single(
                    "pilot",
                    {
                        "usr/local/bin/pilot-discovery": Entry(builds.program("pilot-discovery"), 0o755),
                        "var/lib/istio/envoy/envoy_bootstrap_tmpl.json": Entry(istio / "envoy_bootstrap_tmpl.json"),
                    },
                ),
            ],
            ["/usr/local/bin/pilot-discovery"],
            proxy_user,
        ),
        Image(
            f"{HUB}/proxyv2:{ISTIO_TAG}",
            [
                base,
                _single(
                    "proxyv2",
                    {
                        "usr/local/bin/envoy": Entry(envoy_program(ENVOY_WHEEL), 0o755),
                        "usr/local/bin/pilot-agent": Entry(builds.program("pilot-agent"), 0o755),
                        "var/lib/istio/envoy/envoy_bootstrap_tmpl.json": Entry(istio / "envoy_bootstrap_tmpl.json"),
                    },
                ),
            ],
            ["/usr/local/bin/pilot-agent"],
            proxy_user,
            {"ISTIO_META_ISTIO_PROXY_SHA": "", "ISTIO_META_ISTIO_VERSION": ISTIO_VERSION},
        ),
        Image(
            WORKLOAD,
            [
                base,
                python_layer("workload", WORKLOAD_WHEELS),
                _single("workload", {"opt/workload/server.py": Entry(_SERVER.read_bytes())}),
            ],
            ["/usr/bin/python3", "/opt/workload/server.py"],
            "1000:0",
        ),
    ]


def fixed_archive() -> Path:
    """The archive with all images but the execution environment, from the cache when nothing changed."""
    images = _fixed_images()
    pins = [repr(image) for image in images]
    return artefact("images", pins, lambda folder: write_archive(folder / "images.tar", images)) / "images.tar"


def _collection_files(checkout: Path) -> dict[str, Entry]:
    """The collection's files by their path inside the image."""
    target = f"{_COLLECTIONS}/ansible_collections/meshalliance/istio"
    entries: dict[str, Entry] = {}
    for part in _COLLECTION_PARTS:
        top = checkout / part
        found = [top] if top.is_file() else [Path(at) / name for at, _dirs, names in os.walk(top) for name in names]
        for path in found:
            if "__pycache__" not in path.parts:
                entries[f"{target}/{path.relative_to(checkout)}"] = Entry(path.read_bytes())
    return entries


def execution_environment(checkout: Path) -> tuple[str, Path]:
    """The tag and the archive of the image with the collection of `checkout` and its Python dependencies.

    The tag is `meshalliance.istio/ee:<hash of the contents>`, so a changed collection is a new image.
    """
    requirements = checkout / "meta" / "ee-requirements.txt"
    if not requirements.is_file():
        raise LabError(f"{requirements} is missing: it says what the execution environment's image needs")
    lines = [line.split("#")[0].strip() for line in requirements.read_text().splitlines()]
    wheels = [*EXECUTION_ENVIRONMENT_WHEELS, *(line for line in lines if line)]
    dependencies = python_layer("ee", wheels)
    entries = _collection_files(checkout)
    contents: list[bytes | str] = []
    for path, entry in sorted(entries.items()):
        contents += [path, entry.content if isinstance(entry.content, bytes) else str(entry.content)]
    name = digest([str(dependencies), str(base_layer()), *contents])
    tag = f"{HUB}/ee:{name}"

    # One archive for each checkout, not one in the cache for each edit: it holds the base too.
    archive = Layout(checkout).folder / "images" / f"{name}.tar"
    if not archive.is_file():
        with step(f"write the execution environment {tag}"):
            _write_environment(archive, tag, [base_layer(), dependencies], entries)
    return tag, archive


def _write_environment(archive: Path, tag: str, layers: list[Path], entries: dict[str, Entry]) -> None:
    """Write the image with `entries` on top of `layers`; the archives of earlier contents are deleted."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    for old in archive.parent.glob("*.tar"):
        old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        top = Path(folder) / "layer.tar"
        write_layer(top, entries)
        image = Image(
            tag,
            [*layers, top],
            user="1000:0",
            environment={
                "PYTHONPATH": f"/{_COLLECTIONS}",
                "HOME": "/runner",
                "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            folder="/runner",
        )
        write_archive(Path(folder) / "image.tar", [image])
        (Path(folder) / "image.tar").replace(archive)
