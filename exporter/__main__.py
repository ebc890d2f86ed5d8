# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(python3 -m ansible_collections.meshalliance.istio.exporter)."""

from __future__ import annotations

import sys

from ansible_collections.meshalliance.istio.exporter.service import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
