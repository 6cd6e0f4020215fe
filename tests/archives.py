"""Zip archives for tests."""

import io
import zipfile
from collections.abc import Mapping


def archive(parts: Mapping[str, bytes]) -> bytes:
    """A zip archive of files, which are not compressed: a test can change a byte of one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()
