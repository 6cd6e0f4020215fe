"""Numbers in sentences, and names of items as they are shown and compared."""

import re
import unicodedata

_WHOLE_NUMBER = re.compile(r"(\d+)\.0+")


def counted(number: int, singular: str) -> str:
    """``1 review``, ``2,000 reviews``."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"


def item_name(value: object) -> str:
    """An item's key as it is shown: composed (NFC), white space single, and whole numbers without ``.0``."""
    name = " ".join(unicodedata.normalize("NFC", str(value)).split())
    whole = _WHOLE_NUMBER.fullmatch(name)
    return whole[1] if whole else name


def identity(value: object) -> str:
    """An item's key as it is compared: ``Alien``, ``alien`` and ``Alien `` are one, and so are ``12.0`` and ``12``."""
    return item_name(value).casefold()
