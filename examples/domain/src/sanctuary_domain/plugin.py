"""What the host calls: the boundary, the tools, and whether the pack can serve. The entry point names this module."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sanctuary_host import Boundary, Host, Mount, Tools, hookimpl

from sanctuary_domain.folder import Folder
from sanctuary_domain.kinds import FOLDERS
from sanctuary_domain.records import Records


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be the absolute path of an existing folder, such as /srv/records")
    return path


class Settings(BaseModel):
    """The pack's settings, read from the environment by the host."""

    model_config = ConfigDict(frozen=True)

    # The fleet's name for what a cluster may keep; without the alias the variable would be DOMAIN_FOLDER. There is no
    # default: records in a place that nobody chose are records that nobody backs up.
    folder: Annotated[Path, AfterValidator(_absolute)] = Field(validation_alias="SANCTUARY_DATA")


@hookimpl
def declare_boundary() -> Boundary:
    """One folder to keep the records in, and nothing else: no network, no secrets."""
    return Boundary(mounts=(Mount("SANCTUARY_DATA", "rw", "volume"),), port=8105)


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools, all of one object that knows the folder. A missing setting is raised, and the host says which."""
    records = Records(Folder(host.settings(Settings).folder))
    return [
        records.create_adr,
        records.create_task,
        records.get_record,
        records.list_records,
        records.search_records,
        records.edit_record,
        records.set_adr_status,
        records.set_task_status,
    ]


@hookimpl
async def check_ready(host: Host) -> Sequence[str]:
    """A sentence if the folder cannot be used now; looked at anew each time, so a repaired folder serves again."""
    return Folder(host.settings(Settings).folder).problems(FOLDERS.values())
