"""The single doors to what is dangerous, for packs to go through."""

from sanctuary_host.doors.changes import Changes, Held, changing
from sanctuary_host.doors.confined import is_confined
from sanctuary_host.doors.etags import HASHED, etag_of, etag_of_content
from sanctuary_host.doors.opening import open_trees
from sanctuary_host.doors.own import NAME as OWN
from sanctuary_host.doors.trash import Trashed, discard, find, purge, restore, trashed
from sanctuary_host.doors.trees import PathError, Place, Tree, Trees, check_name, kind_of, shown

__all__ = [
    "HASHED",
    "OWN",
    "Changes",
    "Held",
    "PathError",
    "Place",
    "Trashed",
    "Tree",
    "Trees",
    "changing",
    "check_name",
    "discard",
    "etag_of",
    "etag_of_content",
    "find",
    "is_confined",
    "kind_of",
    "open_trees",
    "purge",
    "restore",
    "shown",
    "trashed",
]
