# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete Kubernetes clusters with Istio on one machine, without Docker, for tests and the demonstration."""
