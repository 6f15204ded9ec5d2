"""The single doors to what is dangerous, for packs to go through."""

from sanctuary_host.doors.etags import etag_of
from sanctuary_host.doors.trees import PathError, Place, Tree, Trees, kind_of, shown

__all__ = ["PathError", "Place", "Tree", "Trees", "etag_of", "kind_of", "shown"]
