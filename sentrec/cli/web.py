"""`sentrec serve` and `sentrec app`: models behind HTTP, and a page in the browser."""

import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentrec.cli.display.console import err
from sentrec.cli.options import MODEL_HELP, chosen_model, model_names, require_extra

if TYPE_CHECKING:
    from sentrec.inference.predictor import Predictor
    from sentrec.recommend.ratings.model import RatingsModel

_SEVERAL = f"{MODEL_HELP} Again: a further one."
_SHARE = "Also make the page public for a week, through Gradio's servers."
_RATINGS = "Recommend to users, too: the folder of `sentrec recommend --ratings FILE --save FOLDER`."
_LOCAL = ("127.0.0.1", "::1", "localhost")

Models = Annotated[
    list[str] | None, typer.Option("--model", "-m", metavar="RUN", help=_SEVERAL, autocompletion=model_names)
]
Ratings = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help=_RATINGS, exists=True, file_okay=False, show_default=False)
]
Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0: all of this machine.")]


def serve(
    model: Models = None,
    ratings: Ratings = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; they share the memory of the models.")] = 1,
    token: Annotated[
        str | None, typer.Option(envvar="SENTREC_TOKEN", help="Ask clients for this bearer token.", show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds within which a request is answered.")] = 30.0,
    max_waiting: Annotated[int, typer.Option(min=1, help="Texts that may wait; further ones get 429.")] = 1024,
) -> None:
    """Answer requests over HTTP: /predict, /rank, /recommend, /models, /health, /ready, /metrics; see /openapi.json."""
    require_extra("serve", "fastapi", "prometheus_client", "uvicorn")
    if token is not None and not (token := token.strip()):
        raise typer.BadParameter("the token is empty.")
    with tempfile.TemporaryDirectory(prefix="sentrec-") as figures:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures
        from sentrec.serve.application import create_app
        from sentrec.serve.gate import ServeSettings
        from sentrec.serve.server import open_socket
        from sentrec.serve.server import serve as run_server

        listener = open_socket(host, port)
        predictors, lists = _load_models(model), _load_ratings(ratings)
        settings = ServeSettings(token, timeout, most_waiting=max_waiting)
        _tell(listener.getsockname()[:2], host, token)
        logging.getLogger("sentrec.recommend").setLevel(logging.ERROR)  # it tells people what is in their requests
        run_server(lambda: create_app(predictors, settings, lists), listener, workers)


def app(
    model: Models = None,
    ratings: Ratings = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    share: Annotated[bool, typer.Option("--share", help=_SHARE)] = False,
) -> None:
    """Open a page that classifies texts, ranks files of reviews and shows reports; it works without a network."""
    require_extra("app", "gradio")
    if share:
        err.print("[yellow]Warning:[/] whoever knows the link can use this page and this machine.", soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="sentrec-app-") as uploads:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uploads are deleted on the way out
        # Read when gradio is imported.
        os.environ |= {"GRADIO_TEMP_DIR": uploads, "GRADIO_ANALYTICS_ENABLED": "False"}
        from sentrec.app.page import launch, make_page

        page = make_page(_load_models(model), _load_ratings(ratings))
        place = launch(page, host, port, share)
        err.print(f"Open {place} (Ctrl-C ends)", markup=False, soft_wrap=True)
        page.block_thread()


def _load_models(names: list[str] | None) -> "dict[str, Predictor]":
    """The models that a command line names, by the names to call them; the starter where it names none."""
    from sentrec.inference.predictor import load

    return {name: load(name) for name in names or [chosen_model(None)]}


def _load_ratings(folder: Path | None) -> "RatingsModel | None":
    from sentrec.recommend.ratings.model import load_model

    return None if folder is None else load_model(folder)


def _tell(address: tuple[str, int], host: str, token: str | None) -> None:
    place = f"[{address[0]}]" if ":" in address[0] else address[0]
    err.print(f"Listening on http://{place}:{address[1]} (Ctrl-C ends)", markup=False, soft_wrap=True)
    if host not in _LOCAL and token is None:
        err.print("[yellow]Warning:[/] anybody who reaches this machine can ask: SENTREC_TOKEN=...", soft_wrap=True)
