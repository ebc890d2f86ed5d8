# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator of a Deckhouse cluster's part in an alliance, as seen from the wire and from the Kubernetes API.

It is written from the platform's observed behaviour and shares no protocol code with the collection: where both agree,
they agree on the wire. README.md tells what it does and where it had to choose.
"""
