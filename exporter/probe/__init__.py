# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe: seen from inside of the mesh, does a neighbour answer, and is it who it should be?

A program of its own in the image of the exporter. It runs in a pod with a sidecar, reads one order from standard input
and writes one line for each thing it has seen (plugins/module_utils/_alliance/probe.py). It judges nothing, and the
keys that it reads or makes stay in the pod.
"""
