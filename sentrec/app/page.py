"""The page: its tabs, which function answers which button, and the server that shows it to this machine."""

from collections.abc import Mapping

import gradio as gr
import numpy as np
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentrec.app import rendering
from sentrec.app.files import COLUMNS, FileTab, shown_errors
from sentrec.app.rendering import STYLE, report_names, report_of
from sentrec.errors import SentrecError
from sentrec.explain import explain
from sentrec.inference.predictor import Predictor
from sentrec.recommend.ranking import RankOptions
from sentrec.recommend.ratings.lists import history_of, recommend_films
from sentrec.recommend.ratings.model import RatingsModel
from sentrec.text.encoding import LONGEST_TEXT

EXAMPLES = (
    "A warm, funny film: I loved every minute of it.",
    "The trailer was the best part. I want those two hours back.",
    "Not a bad phone at all, but the battery barely lasts a day.",
    "The room was clean and the staff were lovely; breakfast could be better.",
)
_LONGEST_STAY = 3600
"""Seconds after which an upload is deleted, should its page stay open."""
_MOST_FILMS = 3000
"""Films to choose from, those with most ratings."""
_FILES = [".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".txt", ".gz", ".zst", ".bz2", ".xz", ".zip"]


def make_page(predictors: Mapping[str, Predictor], ratings: RatingsModel | None = None) -> gr.Blocks:
    """The page for some models, the default first, and with ratings a tab that recommends."""
    tab = FileTab(predictors)
    page = gr.Blocks(analytics_enabled=False, title="sentrec", delete_cache=(600, _LONGEST_STAY))
    with page:
        gr.Markdown("# sentrec")
        with gr.Tab("Text"):
            _text_tab(predictors)
        with gr.Tab("File"):
            _file_tab(tab, list(predictors))
        if ratings is not None:
            with gr.Tab("For me"):
                _ratings_tab(ratings)
        with gr.Tab("Reports"):
            _report_tab(page)
        page.unload(tab.forget)
    return page


def _text_tab(predictors: Mapping[str, Predictor]) -> None:
    def classify(text: str, names: list[str]) -> str:
        with shown_errors():
            if not text.strip():
                raise SentrecError("Write a text first.")
            if not names:
                raise SentrecError("Choose a model.")
            chosen = {name: predictors[name] for name in names}
            said = {name: predictor.predict([text])[0] for name, predictor in chosen.items()}
            return rendering.answers(said, {name: explain(predictor, [text])[0] for name, predictor in chosen.items()})

    text = gr.Textbox(label="Text", lines=4, max_length=LONGEST_TEXT, placeholder="An opinion on anything")
    names = gr.CheckboxGroup(list(predictors), value=list(predictors), label="Models", visible=len(predictors) > 1)
    button = gr.Button("Classify", variant="primary")
    answer = gr.HTML()
    examples = gr.Examples([[one] for one in EXAMPLES], inputs=text, label="Examples", cache_examples=False)
    gr.on((button.click, text.submit), classify, (text, names), answer)
    examples.load_input_event.then(classify, (text, names), answer)


def _file_tab(tab: FileTab, models: list[str]) -> None:
    file = gr.File(label="Reviews: CSV, JSON, Parquet or Excel", file_types=_FILES)
    with gr.Row():
        menus = [gr.Dropdown([], label=f"Column of the {role}", visible=False) for role in ("text", "item", "rating")]
    model = gr.Dropdown(models, label="Model", visible=len(models) > 1)
    with gr.Row(visible=False) as buttons:
        classify = gr.Button("Classify the rows")
        rank = gr.Button("Rank the items", variant="primary")
        fewest = gr.Number(3, label="Fewest reviews of an item", minimum=1, precision=0)
    summary = gr.Markdown()
    results = gr.File(label="Take away", interactive=False, visible=False)
    items: gr.State = gr.State([])
    table = gr.DataFrame(headers=list(COLUMNS), interactive=False, show_search="filter", label="Ranking", visible=False)
    quotes, frame = gr.HTML(), gr.HTML()
    file.upload(tab.look, file, [*menus, buttons])
    classify.click(tab.classify, [file, model, menus[0]], [summary, results])
    rank.click(tab.rank, [file, model, *menus, fewest], [summary, results, items, table, frame])
    table.select(tab.quotes, items, quotes)


def _ratings_tab(model: RatingsModel) -> None:
    def recommend(likes: list[str], varied: bool) -> str:
        with shown_errors():
            if not likes:
                raise SentrecError("Pick a film first.")
            options = RankOptions(top=20, min_reviews=0, diverse=varied)
            return rendering.films(recommend_films(model, history_of(model, None, likes), options))

    most_rated = np.argsort(-model.counts, kind="stable")[:_MOST_FILMS]
    labels = [(model.label(number), model.keys[number]) for number in most_rated.tolist()]
    likes = gr.Dropdown(labels, multiselect=True, label="Films that you like")
    varied = gr.Checkbox(label="Varied")
    button = gr.Button("Recommend", variant="primary")
    button.click(recommend, [likes, varied], gr.HTML())


def _report_tab(page: gr.Blocks) -> None:
    def names() -> gr.Dropdown:
        found = report_names()
        return gr.Dropdown(found, value=found[0] if found else None)

    def show(name: str | None) -> tuple[str, str]:
        if name is None:
            return "Nothing is there yet: `sentrec train` and `sentrec transfer` fill the folder runs.", ""
        with shown_errors():
            text, pictures = report_of(name)
            return text, rendering.plots(pictures)

    chosen = gr.Dropdown([], label="Model, run or study")
    report, plots = gr.Markdown(elem_classes="report"), gr.HTML()
    page.load(names, None, chosen)
    chosen.change(show, chosen, [report, plots])


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

    Raises a `SentrecError` if the port is taken, or nobody made a public link that was asked for.
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
