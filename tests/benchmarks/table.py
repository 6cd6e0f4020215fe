"""Tables of figures: printed, and written as Markdown and JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

ABSENT = "-"


@dataclass(frozen=True)
class Column:
    """One figure of every row."""

    key: str
    heading: str
    form: str = ",.0f"

    def text(self, row: dict[str, Any]) -> str:
        """The figure of a row as people read it."""
        value = row.get(self.key)
        if value is None:
            return ABSENT
        return value if isinstance(value, str) else format(value, self.form)


@dataclass(frozen=True)
class Section:
    """One table."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[dict[str, Any]]
    notes: Sequence[str] = ()

    def cells(self) -> list[list[str]]:
        """All rows as people read them."""
        return [[column.text(row) for column in self.columns] for row in self.rows]


def figures(title: str, rows: Sequence[tuple[str, str, float | str, str]], notes: Sequence[str] = ()) -> Section:
    """A table of single figures."""
    keys = ("what", "on", "value", "result")
    listed = [dict(zip(keys, (what, on, value, form.format(value)), strict=True)) for what, on, value, form in rows]
    columns = (Column("what", "what"), Column("on", "on"), Column("result", "result"))
    return Section(title, columns, listed, notes)


def show(section: Section, console: Console) -> None:
    """Prints a table."""
    table = Table(title=section.title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for position, column in enumerate(section.columns):
        table.add_column(column.heading, justify="right" if position and column.key != "on" else "left")
    for cells in section.cells():
        table.add_row(*cells)
    console.print(table)
    for note in section.notes:
        console.print(f"  {note}", highlight=False, markup=False)
    console.print()


def to_markdown(head: str, sections: Sequence[Section]) -> str:
    """All tables as Markdown, to be pasted into a document."""
    blocks = [head]
    for section in sections:
        lines = [_line([column.heading for column in section.columns]), _line(["---"] * len(section.columns))]
        lines += [_line(cells) for cells in section.cells()]
        blocks += [f"### {section.title}", "\n".join(lines), *section.notes]
    return "\n\n".join(blocks) + "\n"


def to_json(facts: dict[str, str], sections: Sequence[Section]) -> str:
    """Every figure as it was measured, with the machine's facts."""
    parts = [{"title": one.title, "rows": list(one.rows), "notes": list(one.notes)} for one in sections]
    return json.dumps({"machine": facts, "sections": parts}, indent=2) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
