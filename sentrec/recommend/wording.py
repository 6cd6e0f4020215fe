"""Numbers in sentences."""


def counted(number: int, singular: str) -> str:
    """``1 review``, ``2,000 reviews``."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"
