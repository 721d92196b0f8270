"""Do as root what belongs to the service's user, as that user."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def act_as_owner(directory: Path) -> str | None:
    """Where root runs us and somebody else owns the directory, become that user, for good; returns the name.

    A database, key or lock file that root made there would stop the service at its next start, and a port that
    root can open may still be closed to the service.
    """
    if os.geteuid() != 0 or not directory.exists():
        return None
    owner = directory.stat()
    if owner.st_uid == 0:
        return None
    try:
        user = pwd.getpwuid(owner.st_uid).pw_name
    except KeyError:
        os.setgroups([])
        user = str(owner.st_uid)
    else:
        os.initgroups(user, owner.st_gid)
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
    return user
