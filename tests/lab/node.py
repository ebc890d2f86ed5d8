# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files and command lines of what runs on a node: containerd, kubelet, kube-proxy."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from . import builds, images
from .files import write_if_changed
from .layout import ClusterLayout
from .subnets import Subnets

_PLUGINS = "/usr/lib/cni"


def write_configs(cluster: ClusterLayout, subnets: Subnets) -> None:
    """Write every configuration file of the node."""
    for folder in ("run", "containerd", "cni", "kubelet", "logs", "config"):
        (cluster.var / folder).mkdir(parents=True, exist_ok=True)
    _containerd(cluster)
    _cni(cluster, subnets)
    _kubelet(cluster, subnets)
    _kube_proxy(cluster, subnets)


def _containerd(cluster: ClusterLayout) -> None:
    var = cluster.var
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    write_if_changed(
        var / "config" / "containerd.toml",
        f"""version = 2
root = "{var}/containerd"
state = "{var}/run/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{cluster.containerd_socket}"
[{cri}]
sandbox_image = "{images.PAUSE}"
disable_apparmor = true
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
[{cri}.cni]
bin_dir = "{_PLUGINS}"
conf_dir = "{var}/config/cni"
[{cri}.containerd]
default_runtime_name = "runc"
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "{var}/run/runc"
""",
    )


def _cni(cluster: ClusterLayout, subnets: Subnets) -> None:
    # Point-to-point cables rather than a bridge: all traffic is routed, so connection tracking sees both directions
    # of a call to a service whose pod is on the same node.
    document = {
        "cniVersion": "0.4.0",
        "name": cluster.unit,
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": str(subnets.pods)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": str(cluster.var / "cni"),
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    folder = cluster.var / "config" / "cni"
    folder.mkdir(exist_ok=True)
    write_if_changed(folder / "10-lab.conflist", json.dumps(document, indent=2))


def _kubelet(cluster: ClusterLayout, subnets: Subnets) -> None:
    resolv = cluster.var / "config" / "resolv.conf"
    write_if_changed(resolv, "# nothing outside the lab is resolved\n")
    document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "x509": {"clientCAFile": str(cluster.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cluster.unit}",
        "clusterDNS": [str(subnets.dns_service)],
        "clusterDomain": cluster.domain,
        "containerRuntimeEndpoint": f"unix://{cluster.containerd_socket}",
        "enforceNodeAllocatable": [],
        # Images come from an archive and can't be pulled again, so a full disk must not make the kubelet drop them.
        "evictionHard": {"memory.available": "50Mi"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "maxPods": 250,
        "podLogsDir": str(cluster.var / "logs"),
        "resolvConf": str(resolv),
        "volumePluginDir": str(cluster.var / "kubelet" / "volume-plugins"),
        "syncFrequency": "10s",
    }
    write_if_changed(cluster.var / "config" / "kubelet.yaml", yaml.safe_dump(document))


def _kube_proxy(cluster: ClusterLayout, subnets: Subnets) -> None:
    document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": str(subnets.pods),
        "clientConnection": {"kubeconfig": str(cluster.pki / "kube-proxy.kubeconfig")},
        "conntrack": {"maxPerCore": 0},
        "hostnameOverride": cluster.node,
        "nodePortAddresses": [f"{subnets.node}/32"],
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }
    write_if_changed(cluster.var / "config" / "kube-proxy.yaml", yaml.safe_dump(document))


def containerd_argv(cluster: ClusterLayout) -> list[str]:
    """The container runtime."""
    return ["containerd", f"--config={cluster.var}/config/containerd.toml", "--log-level=warn"]


def kubelet_argv(cluster: ClusterLayout, subnets: Subnets) -> list[str]:
    """The kubelet."""
    return [
        str(builds.program("kubelet")),
        f"--config={cluster.var}/config/kubelet.yaml",
        f"--kubeconfig={cluster.pki / 'kubelet.kubeconfig'}",
        f"--root-dir={cluster.var}/kubelet",
        f"--cert-dir={cluster.var}/kubelet/pki",
        f"--hostname-override={cluster.node}",
        f"--node-ip={subnets.node}",
        # Where a pod is, for load balancing that prefers what is near: every cluster is a region of its own.
        f"--node-labels=topology.kubernetes.io/region={cluster.name},topology.kubernetes.io/zone={cluster.name}-1",
    ]


def kube_proxy_argv(cluster: ClusterLayout) -> list[str]:
    """The service proxy."""
    return [str(builds.program("kube-proxy")), f"--config={cluster.var}/config/kube-proxy.yaml"]


def ctr_argv(cluster: ClusterLayout, *arguments: str | Path) -> list[str]:
    """The command line of containerd's own client."""
    return ["ctr", f"--address={cluster.containerd_socket}", "--namespace=k8s.io", *map(str, arguments)]
