"""What the checks of both conformance kits have in common."""

from sentrec.encoder import EncoderConfig


def require(condition: object, message: str) -> None:
    """Fails a check with a message for the author of the plugin."""
    if not condition:
        raise AssertionError(message)


def require_documented_options(config: type[EncoderConfig]) -> None:
    """Every option has a default and a description."""
    for name, field in config.model_fields.items():
        require(not field.is_required(), f"option '{name}' has no default; a recipe may leave any option out.")
        require(field.description, f"option '{name}' has no description: use Field(default, description=...).")
