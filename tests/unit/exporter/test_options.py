# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line and its environment."""

from __future__ import annotations

import pytest

from ansible_collections.meshalliance.istio.exporter.options import parse

MODE = ["--cluster-id", "a", "--network-name", "n"]
NEEDED = ["--namespace", "istio-alliance", "--cluster-domain", "cluster-a.local"]


def test_defaults() -> None:
    options = parse(NEEDED, {})
    assert options.trust_domain == "cluster-a.local"
    assert (options.port, options.metrics_port) == (8080, 8081)
    assert options.gateway_service == "alliance-ingressgateway"
    assert options.public_key_file == "/etc/alliance-authn/pub.pem"
    assert options.key_change_file == "/etc/alliance-authn/key-change.jwt"
    assert options.certificate_file == "/etc/alliance-metadata-tls/tls.crt"
    assert options.probe_interval == 60
    assert options.identity
    assert options.kubeconfig is None
    assert (options.cluster_id, options.network_name, options.api_host) == ("", "", "")


def test_multicluster_mode() -> None:
    mode = ["--cluster-id", "cluster-a", "--network-name", "net-a"]
    options = parse([*NEEDED, *mode], {})
    assert (options.cluster_id, options.network_name, options.api_host) == ("cluster-a", "net-a", "")
    environment = {
        "METADATA_EXPORTER_CLUSTER_ID": "cluster-a",
        "METADATA_EXPORTER_NETWORK_NAME": "net-a",
        "METADATA_EXPORTER_API_HOST": "[2001:db8::1]:6443",
    }
    options = parse(NEEDED, environment)
    assert (options.cluster_id, options.network_name, options.api_host) == ("cluster-a", "net-a", "[2001:db8::1]:6443")


def test_the_environment_stands_in_for_arguments_and_arguments_win() -> None:
    environment = {
        "METADATA_EXPORTER_NAMESPACE": "one",
        "METADATA_EXPORTER_CLUSTER_DOMAIN": "cluster-b.local",
        "METADATA_EXPORTER_TRUST_DOMAIN": "b.example",
        "METADATA_EXPORTER_PORT": "18080",
        "METADATA_EXPORTER_DRAIN_SECONDS": "0.5",
        "METADATA_EXPORTER_LOG_LEVEL": "debug",
    }
    options = parse(["--namespace", "two"], environment)
    assert (options.namespace, options.cluster_domain, options.trust_domain) == ("two", "cluster-b.local", "b.example")
    assert (options.port, options.drain_seconds, options.log_level) == (18080, 0.5, "debug")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ([], {}, "--namespace"),
        (["--namespace", "n"], {}, "--cluster-domain"),
        (["--namespace", "n", "--cluster-domain", "cluster.local"], {}, "must not be cluster.local"),
        ([*NEEDED, "--trust-domain", "cluster.local"], {}, "must not be cluster.local"),
        ([*NEEDED, "--trust-domain", "a/b"], {}, "not a domain"),
        ([*NEEDED, "--trust-domain", ".local"], {}, "not a domain"),
        ([*NEEDED, "--port", "65536"], {}, "not a port"),
        ([*NEEDED, "--port", "http"], {}, "--port"),
        (NEEDED, {"METADATA_EXPORTER_METRICS_PORT": "x"}, "--metrics-port"),
        ([*NEEDED, "--drain-seconds", "-1"], {}, "between 0 and 300"),
        ([*NEEDED, "--probe-interval", "0.5"], {}, "neither 0 nor between 1 and 3600"),
        ([*NEEDED, "--probe-interval", "nan"], {}, "neither 0 nor between 1 and 3600"),
        ([*NEEDED, "--log-level", "loud"], {}, "--log-level"),
        ([*NEEDED, "--cluster-id", "a"], {}, "--network-name can't be used: it is missing"),
        ([*NEEDED, "--network-name", "a"], {}, "--cluster-id can't be used: it is missing"),
        ([*NEEDED, "--cluster-id", "a b", "--network-name", "n"], {}, "--cluster-id can't be used"),
        ([*NEEDED, "--api-host", "api.example"], {}, "--api-host needs"),
        ([*NEEDED, *MODE, "--api-host", "https://api.example"], {}, "--api-host can't be used"),
        ([*NEEDED, *MODE, "--api-host", "127.0.0.1:6443"], {}, "the address is loopback"),
    ],
)
def test_what_cannot_be_used_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments, environment)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
