"""The single doors to what is dangerous, for packs to go through."""

from sanctuary_host.doors.etags import etag_of, etag_of_content
from sanctuary_host.doors.trees import PathError, Place, Tree, Trees, kind_of, shown

__all__ = ["PathError", "Place", "Tree", "Trees", "etag_of", "etag_of_content", "kind_of", "shown"]
