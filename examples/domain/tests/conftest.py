"""A folder of its own for each test, and the tools on it."""

from pathlib import Path

import pytest

from sanctuary_domain.folder import Folder
from sanctuary_domain.records import Records


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "records"
    path.mkdir()
    return path


@pytest.fixture
def records(folder: Path) -> Records:
    return Records(Folder(folder))
