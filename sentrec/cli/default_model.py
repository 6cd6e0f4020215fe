"""Which model a command uses when none is named."""

from sentrec.cli.display.console import err

MODEL_HELP = "A run directory, or starter: the model that comes with sentrec, and the default."
NAMED_RUN_HELP = "A run directory, or starter: the model that comes with sentrec (a folder of that name: ./starter)."


def chosen_model(model: str | None, quiet: bool = False) -> str:
    """The model that a user names, else the starter, with a line on standard error that says so.

    Args:
        model: What ``--model`` says.
        quiet: Whether to leave that line out.

    Raises:
        RunError: If none is named and this installation of sentrec came without the starter.
    """
    if model is not None:
        return model
    from sentrec.runs.directory import STARTER, find_model

    find_model(STARTER)
    if not quiet:
        err.print(f"[dim]Model: {STARTER}, which comes with sentrec (--model RUN takes another one)[/]", soft_wrap=True)
    return STARTER
