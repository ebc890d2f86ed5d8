# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port-forwards as a real API server takes and refuses them; that one arrives needs a kubelet (tests/e2e)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import pod_get

from tests.integration.conftest import Admin
from tests.lab.controlplane import ControlPlane


def refused(control_plane: ControlPlane, **options: Any) -> ApiError:
    """What comes of a GET to a pod that isn't there."""
    client = Client.from_options({"kubeconfig": str(control_plane.kubeconfig), **options}, "cluster-x")
    try:
        with pytest.raises(ApiError) as caught:
            pod_get(client, "default", "nobody", 15014, "/")
        return caught.value
    finally:
        client.close()


def test_a_pod_that_is_not_there_is_told(control_plane: ControlPlane, admin: Admin) -> None:
    error = refused(control_plane)
    assert (error.status, error.reason) == (404, "NotFound")
    assert str(error).startswith("cluster cluster-x, Pod default/nobody: ")


def test_a_user_without_the_permission_is_told_which(control_plane: ControlPlane, admin: Admin) -> None:
    error = refused(control_plane, impersonate_user="somebody", impersonate_groups=["some", "group"])
    assert (error.status, error.reason) == (403, "Forbidden")
    assert 'User "somebody" cannot get resource "pods/portforward"' in str(error)
    assert "Remedy: grant the user of the inventory get and create on pods/portforward in namespace default" in str(
        error
    )


def test_a_server_with_another_certificate_is_not_talked_to(control_plane: ControlPlane, admin: Admin) -> None:
    error = refused(control_plane, kubeconfig=None, host=control_plane.server, api_key="a-secret")
    assert error.status == 0
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert "a-secret" not in str(error)


def test_without_verification_the_server_decides(control_plane: ControlPlane, admin: Admin) -> None:
    options = {"kubeconfig": None, "host": control_plane.server, "api_key": "a-secret", "validate_certs": False}
    assert refused(control_plane, **options).status == 401
