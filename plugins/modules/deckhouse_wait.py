#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin deckhouse_wait."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deckhouse_wait
short_description: Wait until a Deckhouse platform has made a cluster ready for an alliance
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Waits until the module istio of the Deckhouse Kubernetes Platform has made what a federation needs. That is the
    definition of IstioFederation, root certificate and key pair, ready pods of gateway and metadata-exporter, an
    address of the gateway, and a metadata endpoint that answers with a complete public document.
  - Shows what is still missing whenever that changes. Fails when something is after O(timeout) seconds, unless
    O(required=false).
  - A metadata endpoint whose certificate is not accepted for a minute ends the wait before its time, for no waiting
    helps against that.
  - In check mode it looks once, and what is missing is no failure.
options:
  metadata_endpoint:
    description: URL of the metadata endpoint, where the cluster doesn't tell it.
    type: str
  metadata_ca:
    description: CA certificates, PEM, that the endpoint is verified with in addition to the system's. Those that the
      cluster tells when not set.
    type: str
  metadata_insecure:
    description: Whether to leave the endpoint's TLS certificate unverified.
    type: bool
    default: false
  gather_published:
    description: Whether to return the published services one by one, as
      O(meshalliance.istio.cluster_info#module:gather_published) does.
    type: bool
    default: false
  interval:
    description: Seconds between two looks.
    type: int
    default: 5
  timeout:
    description: Seconds after which it gives up.
    type: int
    default: 600
  required:
    description: Whether the platform has to be ready for the run to go on. If not, what is missing after O(timeout)
      seconds is told in RV(findings).
    type: bool
    default: true
notes:
  - This is an action plugin. It runs M(meshalliance.istio.cluster_info) and M(meshalliance.istio.metadata_info) where
    modules of the task run.
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Wait for the platform
  meshalliance.istio.deckhouse_wait:
    context: cluster-c
    timeout: 900
  register: result

- name: Look after a platform that was ready before
  meshalliance.istio.deckhouse_wait:
    context: cluster-c
    timeout: 30
    required: false

- name: Show where the cluster's metadata is
  ansible.builtin.debug:
    var: result.state.metadata_endpoint
"""

RETURN = r"""
state:
  description: The cluster, as RV(meshalliance.istio.cluster_info#module:state). Its C(awaiting) also names the public
    document when that is missing.
  returned: when the cluster could be read
  type: dict
awaiting:
  description: What the platform has not made yet, in words. Empty unless in check mode, after a failure or with
    O(required=false).
  returned: when the cluster could be read
  type: list
  elements: str
findings:
  description: With O(required=false) a warning C(platform-awaiting) when something is missing.
  returned: when the cluster could be read
  type: list
  elements: dict
"""
