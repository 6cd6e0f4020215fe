"""A hostile file of reviews gives rows or one error, whatever its name says that it is."""

from pathlib import Path

import pytest
from hostile_cases import BAD_TABLES, each, require_one_clean_line

from sentrec.data.columns import FieldNames
from sentrec.data.sources import Source
from sentrec.data.tables import read_table
from sentrec.errors import DataError
from sentrec.recommend.reviews import read_chunks


@pytest.mark.parametrize("content", each(BAD_TABLES))
@pytest.mark.parametrize("suffix", ["", ".csv", ".json", ".xlsx"])
def test_a_hostile_table_is_rows_or_one_error(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"hostile{suffix}"
    path.write_bytes(content)
    for read in (
        lambda: sum(1 for _ in Source(str(path)).rows()),
        lambda: read_table(path, lambda there: list(there)[:9]),
        lambda: list(read_chunks([Source(str(path))], FieldNames(), 100)),
    ):
        try:
            read()
        except DataError as error:
            require_one_clean_line(error.message, error.hint)
