# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line and its environment."""

from __future__ import annotations

import pytest

from ansible_collections.meshalliance.istio.exporter.options import parse

NEEDED = ["--namespace", "istio-alliance", "--cluster-domain", "cluster-a.local"]


def test_defaults() -> None:
    options = parse(NEEDED, {})
    assert options.trust_domain == "cluster-a.local"
    assert (options.port, options.metrics_port) == (8080, 8081)
    assert options.gateway_service == "alliance-ingressgateway"
    assert options.public_key_file == "/etc/alliance-authn/pub.pem"
    assert options.identity
    assert options.kubeconfig is None


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
        ([*NEEDED, "--log-level", "loud"], {}, "--log-level"),
    ],
)
def test_what_cannot_be_used_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments, environment)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
