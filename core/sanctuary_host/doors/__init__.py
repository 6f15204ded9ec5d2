"""The single doors to what is dangerous, for packs to go through."""

from sanctuary_host.doors.changes import Changes, Held, changing
from sanctuary_host.doors.etags import etag_of
from sanctuary_host.doors.own import NAME as OWN
from sanctuary_host.doors.trees import PathError, Place, Tree, Trees, check_name, kind_of, shown

__all__ = [
    "OWN",
    "Changes",
    "Held",
    "PathError",
    "Place",
    "Tree",
    "Trees",
    "changing",
    "check_name",
    "etag_of",
    "kind_of",
    "shown",
]
