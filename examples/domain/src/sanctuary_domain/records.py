"""The tools: decisions and tasks, created, found, read, edited and moved from status to status."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field
from sanctuary_host import ToolError, tool

from sanctuary_domain import ranking, sheets
from sanctuary_domain.folder import Folder
from sanctuary_domain.frontmatter import Document
from sanctuary_domain.kinds import FOLDERS, KINDS, LABELS, NEXT, AdrDecision, Kind, Status, TaskStatus, check_step
from sanctuary_domain.results import Entry, Hit, Hits, Listing, Record, Saved
from sanctuary_domain.sheets import Sheet
from sanctuary_domain.wording import (
    ASSIGNEE_LENGTH,
    NOTE_LENGTH,
    TAGS,
    TITLE_LENGTH,
    markdown,
    one_line,
    tag_of,
    tags_of,
    title_of,
)

SECTION_LENGTH: Final = 8_000
BODY_LENGTH: Final = 25_000
SEARCH_BYTES: Final = 32 * 1024 * 1024
"""Text that one search reads at most."""
WORDS: Final = 10
PROBLEMS: Final = 10
NOBODY: Final = "nobody"

# Lengths that `wording` checks with a sentence of its own are not said again in each schema.
Number = Annotated[int, Field(ge=1)]
Title = Annotated[str, Field(max_length=TITLE_LENGTH)]
Section = Annotated[str, Field(max_length=SECTION_LENGTH)]
Body = Annotated[str, Field(max_length=BODY_LENGTH)]
TagList = Annotated[tuple[str, ...], Field(max_length=TAGS)]
NewAssignee = Annotated[str, Field(description="Who has it from now on, or nobody")]
Note = Annotated[str, Field(max_length=NOTE_LENGTH, description="Why, in one line")]


class Records:
    """Decisions and tasks in one folder. It holds nothing but the folder, so that all processes see the same."""

    def __init__(self, folder: Folder) -> None:
        """Nothing is opened yet: each call opens the folder anew, in the worker process that it runs in."""
        self._folder = folder

    @tool(destructive=False)
    def create_adr(
        self, title: Title, context: Section, decision: Section, consequences: Section = "", tags: TagList = ()
    ) -> Saved:
        """Record an architecture decision (ADR) as proposed, its sections in Markdown; set_adr_status decides on it.

        For work to be done use create_task.
        """
        sections = {"Context": context, "Decision": decision, "Consequences": consequences}
        plain = {name: markdown(text, name.lower()) for name, text in sections.items()}
        body = "\n\n".join(f"## {name}\n\n{text}" for name, text in plain.items() if text)
        return self._create("adr", "proposed", title, tags, body)

    @tool(destructive=False)
    def create_task(self, title: Title, description: Body = "", tags: TagList = (), assignee: str = "") -> Saved:
        """Record a task as todo, described in Markdown; set_task_status moves it on."""
        return self._create("task", "todo", title, tags, markdown(description, "description"), assignee=assignee)

    @tool(read_only=True)
    def get_record(self, kind: Kind, number: Number) -> Record:
        """Read one ADR or task whole, with its links and its last 20 changes of status."""
        with self._folder.shelf(FOLDERS[kind]) as shelf:
            return sheets.find(shelf, kind, number).record

    @tool(read_only=True)
    def list_records(
        self,
        kind: Kind,
        *,
        status: Literal[Status, "any"] = "any",
        tag: str = "",
        assignee: str = "",
        after: Annotated[int, Field(ge=0, description="next_after")] = 0,
        limit: Annotated[int, Field(ge=1, le=100)] = 25,
    ) -> Listing:
        """List ADRs or tasks by number, without their text; search_records looks for words.

        `problems` names files that cannot be read.
        """
        if status != "any" and status not in NEXT[kind]:
            raise ToolError(f"{LABELS[kind]}s are never {status}; they are {', '.join(NEXT[kind])}")
        wanted_tag = tag_of(tag) if tag else ""
        person = one_line(assignee, "assignee", ASSIGNEE_LENGTH).casefold()
        found: list[Entry] = []  # and not the records: their texts together may be more than the memory
        problems: list[str] = []
        with self._folder.shelf(FOLDERS[kind]) as shelf:
            for sheet in sheets.scan(shelf, kind):
                if isinstance(sheet, ToolError):
                    problems.append(str(sheet))
                    continue
                record = sheet.record
                if (
                    status in {"any", record.status}
                    and (not wanted_tag or wanted_tag in record.tags)
                    and (not person or person == (record.assignee or NOBODY).casefold())
                ):
                    found.append(Entry(record.number, record.title, record.status, record.tags, record.assignee))
        rest = [entry for entry in found if entry.number > after]
        page = tuple(rest[:limit])
        return Listing(page, len(found), page[-1].number if len(rest) > limit else None, _bounded(problems))

    @tool(read_only=True)
    def search_records(
        self,
        words: Annotated[str, Field(max_length=200, description="Up to 10 words or parts of them")],
        kind: Literal[Kind, "any"] = "any",
        offset: Annotated[int, Field(ge=0, description="next_offset")] = 0,
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
    ) -> Hits:
        """Find ADRs and tasks by words anywhere in them, best first, each with a snippet."""
        sought = list(dict.fromkeys(ranking.fold(words).split()))
        if not sought or len(sought) > WORDS:
            raise ToolError(f"give between 1 and {WORDS} words to look for")
        ranked: list[tuple[int, int, Hit]] = []
        problems: list[str] = []
        budget = SEARCH_BYTES
        for each in KINDS if kind == "any" else (kind,):
            with self._folder.shelf(FOLDERS[each]) as shelf:
                for sheet in sheets.scan(shelf, each):
                    if isinstance(sheet, ToolError):
                        problems.append(str(sheet))
                        continue
                    text = _text_of(sheet)
                    budget -= len(text)
                    if budget < 0:
                        problems.insert(0, f"{sheet.record.file} and those after it are not searched: too much text")
                        break
                    record = sheet.record
                    title, labels = ranking.fold(record.title), ranking.fold(" ".join([*record.tags, record.assignee]))
                    found, points = ranking.score(sought, title, labels, ranking.fold(text))
                    if found:
                        passage = ranking.snippet(words.split(), text)
                        ranked.append((found, points, Hit(each, record.number, record.title, record.status, passage)))
        ranked.sort(key=lambda scored: (-scored[0], -scored[1], scored[2].kind, -scored[2].number))
        page = tuple(hit for _, _, hit in ranked[offset : offset + limit])
        following = offset + limit
        return Hits(page, len(ranked), following if following < len(ranked) else None, _bounded(problems))

    @tool(destructive=True, idempotent=True)
    def edit_record(
        self,
        kind: Kind,
        number: Number,
        *,
        version: Annotated[str, Field(max_length=64, description="From get_record")],
        title: Title = "",
        body: Body = "",
        tags: TagList | None = None,
        assignee: NewAssignee = "",
    ) -> Saved:
        """Replace title, text, tags or assignee of a record that get_record showed; what is not given stays.

        An ADR's title and text change only while it is proposed. Refused if the record has changed meanwhile.
        """
        if not (title or body or assignee) and tags is None:
            raise ToolError("nothing to change; give a title, body, tags or assignee")
        with self._folder.shelf(FOLDERS[kind], change=True) as shelf:
            sheet = sheets.find(shelf, kind, number)
            record, document = sheet.record, sheet.document
            if version != record.version:
                raise ToolError(f"{LABELS[kind]} {number} has changed since that version; get_record shows it anew")
            if kind == "adr" and assignee:
                raise ToolError("an ADR has no assignee; only a task has")
            if kind == "adr" and record.status != "proposed" and (title or body):
                raise ToolError(f"ADR {number} is {record.status}; its title and text stay, only tags can be changed")
            if title:
                document = document.with_value("title", title_of(title))
            if tags is not None:
                document = document.with_list("tags", tags_of(tags))
            if assignee:
                document = document.with_value("assignee", _person(assignee))
            if body:
                document = document.with_body(markdown(body, "body"))
            return sheets.replace(shelf, (sheet, document)).saved

    @tool(destructive=False, idempotent=True)
    def set_adr_status(
        self,
        number: Number,
        status: AdrDecision,
        superseded_by: Annotated[int, Field(ge=0, description="The accepted ADR that takes its place")] = 0,
        note: Note = "",
    ) -> Saved:
        """Decide on an ADR: proposed to accepted or rejected; accepted to deprecated or superseded (links both)."""
        reason = one_line(note, "note", NOTE_LENGTH)
        with self._folder.shelf(FOLDERS["adr"], change=True) as shelf:
            sheet = sheets.find(shelf, "adr", number)
            check_step("adr", number, sheet.record.status, status)
            document = sheets.step(sheet.document, sheet.record.status, status, note=reason)
            if status != "superseded":
                if superseded_by:
                    raise ToolError("superseded_by goes with the status superseded only; leave it out")
                return sheets.replace(shelf, (sheet, document)).saved
            if not superseded_by:
                raise ToolError("name the accepted ADR that takes its place in superseded_by")
            successor = sheets.find(shelf, "adr", superseded_by)
            if superseded_by == number or successor.record.status != "accepted":
                raise ToolError(f"superseded_by must be another, accepted ADR; {superseded_by} is not")
            # The successor first: a process that dies in between leaves a call that can be repeated.
            linked = successor.document.with_list("supersedes", sorted({*successor.record.supersedes, number}))
            document = document.with_value("superseded_by", superseded_by)
            return sheets.replace(shelf, (successor, linked), (sheet, document)).saved

    @tool(destructive=False, idempotent=True)
    def set_task_status(
        self,
        number: Number,
        status: TaskStatus,
        assignee: NewAssignee = "",
        note: Note = "",
    ) -> Saved:
        """Move a task on: todo to doing; doing to blocked, done or todo; blocked to doing or todo; done to todo."""
        reason = one_line(note, "note", NOTE_LENGTH)
        with self._folder.shelf(FOLDERS["task"], change=True) as shelf:
            sheet = sheets.find(shelf, "task", number)
            record, document = sheet.record, sheet.document
            check_step("task", number, record.status, status)
            handed = ""
            if assignee and (person := _person(assignee)) != record.assignee:
                document = document.with_value("assignee", person)
                handed = f"{record.assignee or NOBODY} -> {person or NOBODY}"
            document = sheets.step(document, record.status, status, handed=handed, note=reason)
            return sheets.replace(shelf, (sheet, document)).saved

    def _create(self, kind: Kind, status: Status, title: str, tags: TagList, body: str, *, assignee: str = "") -> Saved:
        document = (
            Document()
            .with_value("title", title_of(title))
            .with_value("status", status)
            .with_value("created", datetime.now(UTC).date())
            .with_list("tags", tags_of(tags))
            .with_value("assignee", _person(assignee))
            .with_body(body)
        )
        with self._folder.shelf(FOLDERS[kind], change=True) as shelf:
            return sheets.add(shelf, kind, document).saved


def _text_of(sheet: Sheet) -> str:
    return "\n".join([sheet.record.body, *sheet.document.texts("history")])


def _person(assignee: str) -> str:
    """The person, empty for nobody."""
    person = one_line(assignee, "assignee", ASSIGNEE_LENGTH)
    return "" if person.casefold() == NOBODY else person


def _bounded(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - PROBLEMS
    return tuple(problems[:PROBLEMS]) + ((f"and {more} more files",) if more > 0 else ())
