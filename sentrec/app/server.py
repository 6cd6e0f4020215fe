"""Serves the page to this machine's browser; the page reaches nothing else."""

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentrec.app.rendering import STYLE
from sentrec.errors import SentrecError

MOST_BYTES = 200_000_000
"""Of an uploaded file."""
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'"
)
"""A browser loads nothing from elsewhere, whatever the page asks for (https://www.w3.org/TR/CSP3/)."""


class Offline:
    """Sends the policy with every answer (ASGI)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = _POLICY
            await send(message)

        await self._app(scope, receive, sent)


def launch(page: gr.Blocks, host: str, port: int, share: bool = False) -> str:
    """Serves a page by threads of its own, with `share` through Gradio's servers, too; says where it is.

    Raises:
        SentrecError: If the port is taken, or nobody made a public link that was asked for.
    """
    system = gr.themes.Default(
        primary_hue="emerald", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    try:
        _, local, public = page.queue(default_concurrency_limit=2, max_size=64).launch(
            server_name=host,
            server_port=port,
            share=share,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=MOST_BYTES,
            app_kwargs={"middleware": [Middleware(Offline)]},
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            theme=system,
            css=STYLE,
        )
    except OSError as error:
        raise SentrecError(f"{host}:{port} cannot be listened on.", "Name another --port.") from error
    if share and not public:
        page.close()
        hint = "Without --share the page needs no network; for others on yours: --host 0.0.0.0"
        raise SentrecError("Gradio's servers gave no public link.", hint)
    return str(public or local)
