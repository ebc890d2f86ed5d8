# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options for reaching a cluster's API."""

from __future__ import annotations


class ModuleDocFragment:
    """The documentation of _kube.auth.AUTH_ARGUMENT_SPEC."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file, or its content as a dictionary.
      - Options win over the environment. C(K8S_AUTH_KUBECONFIG), C(K8S_AUTH_CONTEXT), C(K8S_AUTH_HOST),
        C(K8S_AUTH_API_KEY) and the
        other variables that kubernetes.core knows are used only when no option names a way to the API server.
      - A kubeconfig (or O(context)) and O(host) with its credentials exclude each other.
    type: raw
  context:
    description: The context of the kubeconfig to use; its current one by default.
    type: str
  host:
    description: URL of the API server.
    type: str
  api_key:
    description: Bearer token for O(host).
    type: str
  username:
    description: User for HTTP basic authentication at O(host).
    type: str
  password:
    description: Password for HTTP basic authentication at O(host).
    type: str
  client_cert:
    description: Path of a client certificate for O(host).
    type: path
    aliases: [cert_file]
  client_key:
    description: Path of the private key of O(client_cert).
    type: path
    aliases: [key_file]
  ca_cert:
    description: Path of the CA certificates that O(host) is verified with.
    type: path
    aliases: [ssl_ca_cert]
  validate_certs:
    description: Whether to verify the API server's certificate. The kubeconfig decides when this is not set.
    type: bool
    aliases: [verify_ssl]
  proxy:
    description: URL of an HTTP proxy on the way to the API server.
    type: str
  no_proxy:
    description: Hosts that are reached without O(proxy), separated by commas.
    type: str
  impersonate_user:
    description: User to act as.
    type: str
  impersonate_groups:
    description: Groups to act as a member of.
    type: list
    elements: str
  cluster:
    description: The cluster's name in messages. Roles pass the inventory name.
    type: str
requirements:
  - python >= 3.10
  - kubernetes >= 28
  - cryptography >= 42
  - PyJWT >= 2.8
"""
