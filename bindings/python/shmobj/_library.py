# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library, at the version that this package is for."""

import gi

gi.require_version("Shmobj", "1")

from gi.repository import Shmobj  # noqa: E402

__all__ = ["Shmobj"]
