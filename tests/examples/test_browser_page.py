"""The page that runs a model in the browser: its tokenizer gives Python's ids, and it classifies and ranks alone."""
# ruff: noqa: RUF001 - signs that look alike are what these texts are about

import functools
import http.server
import json
import random
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

import sentrec
from sentrec.export.onnx import export_onnx
from sentrec.inference.prediction import readable
from sentrec.models.words import TokenReader
from sentrec.runs.directory import Run
from sentrec.text.tokenizer import GLAD, SAD, build_tokenizer, count_words, with_vocabulary

PAGE = Path(__file__).parents[2] / "examples" / "browser"
pytestmark = pytest.mark.slow
TEXTS = [
    "It's a well-made, low-budget film; I don't think you'd like it!!! 8/10, or 1,000.50 at 10:30 (sci-fi...)",
    "AT&T &amp;amp; Co. said: &quot;rock 'n' roll&quot; in the '80s &#39;til it #39;s over&#8230; 'cause&nbsp;now",
    "<br /><br />A <b>bold</b> <a href='x'>link</a> 3 < 4 > 2 <notatag> <3 :-) :( =] 8-D ^_^ :'( </p",
    "naïve café — “quoted” ‘single’ it`s don′t can＇t İstanbul ΣΑΣ straße ſ K ﬁ e\u0301 soft\u00adhyphen",
    "😀🥳💩 👍🏽 ☺️ ❤️ 🇩🇪 #️⃣ 1️⃣ 👨‍👩‍👧 … .... ---- -- _under_score_ __ \u200b\ufeff\x85 tab\tline\nend\u2028",
    "немного по-русски 很好看 とても良い ดีมาก 한국어 좋다 मराठी عربي",
    "U.S.A. Mr. Smith vs. Dr. No etc. i.e. p.m... St. 5.0.1 co.uk $5 50% #tag @user &lt;i&gt; &#128; &#1; &#xD800;",
    *("", " \n ", "n't N'T can't CAN'T wo n't 'em 'Twas 'S it's' 's", "a" * 300, "_" * 300, "\ud83d lone"),
    *("``x'' --- a-b&c-d' 'a", "&notit; &foo; &Tab;x &NewLine;y", "&amp;" * 3 + "lt;b&amp;gt;"),
]
SIGNS = [
    *"aAsStTnN'’`\"&;#3890<>/:()[]{}-_.,!?=^*@|\\~$%é\u0301ßΣſ…好ไ😀🏽\u200d\ufe0f\u00a0\u00adİ٣²Ⅷ",
    " ",
    " ",
    "\n",
]
SIGNS += ["n't", "br", "<br", "&amp;", "quot;", "39;", "mr", "etc.", "it's"]


def drawn(count: int) -> list[str]:
    """Texts of signs that rules are about."""
    generator = random.Random(7)
    return ["".join(generator.choices(SIGNS, k=generator.randint(1, 24))) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the page, into which a model may be put."""
    copy = tmp_path_factory.mktemp("browser") / "page"
    return shutil.copytree(PAGE, copy, ignore=shutil.ignore_patterns("*.onnx"))


@pytest.fixture(scope="module")
def place(folder: Path) -> Iterator[str]:
    """Where the folder is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def in_browser(chromium: Any, place: str, tokenizer: str, texts: Sequence[str]) -> list[list[int]]:
    """The ids that the page makes of texts."""
    page = chromium.new_page()
    page.goto(place)
    code = (
        "async ([rules, texts]) => { const { Tokenizer } = await import('./tokenizer.js');"
        "const one = new Tokenizer(JSON.parse(rules)); return JSON.parse(texts).map((text) => one.encode(text)); }"
    )
    found: list[list[int]] = page.evaluate(code, [tokenizer, json.dumps(list(texts))])
    page.close()
    return found


def in_python(tokenizer: str, texts: Sequence[str]) -> list[list[int]]:
    encoded = TokenReader(tokenizer, 10**6, "head").encode(texts)
    return [part.tolist() for part in np.split(encoded.token_ids, encoded.offsets[1:-1])]


@pytest.mark.parametrize("lowercase", [True, False])
def test_its_tokenizer_gives_the_ids_of_python(chromium: Any, place: str, lowercase: bool) -> None:
    texts = [*TEXTS, *drawn(3000)]
    rules, plain = build_tokenizer(lowercase), readable(texts)
    words = {*count_words(rules, plain), ":)", ":("} - {*GLAD[::2], *SAD[::2]}  # emoji are words or become emoticons
    tokenizer = str(with_vocabulary(rules, sorted(words)).to_str())
    pairs = zip(texts, in_python(tokenizer, plain), in_browser(chromium, place, tokenizer, texts), strict=True)
    assert [one for one in pairs if one[1] != one[2]] == []


def test_the_page_classifies_and_ranks_without_a_network(
    chromium: Any, place: str, folder: Path, small_run: Run, tmp_path: Path
) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    pytest.importorskip("onnxscript")
    if not (folder / "vendor").is_dir():
        pytest.skip("ONNX Runtime is not beside the page: sh examples/browser/vendor.sh")
    export_onnx(small_run, folder / "model.onnx")
    page = chromium.new_page()
    page.set_default_timeout(60_000)
    asked, errors = set(), []
    page.on("request", lambda one: asked.add(urlsplit(one.url).netloc))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(place)
    page.locator("#answer div").first.wait_for()
    page.context.set_offline(True)
    text = "The film was superb and lovely; row 3 wasn't."
    page.fill("#text", text)
    wanted = sentrec.load(small_run.path, "cpu").predict([text])[0].probabilities
    for number, (label, probability) in enumerate(wanted.items()):
        shown = page.locator("#answer div").nth(number)
        sync_api.expect(shown).to_have_text(f"{label}{100 * probability:.1f} %")
    films = (("Gull", "dull"), ("Tern", "superb"))
    rows = [f'{item},"{word}, {word} ""film"""' for item, word in films for _ in range(3)]
    (tmp_path / "reviews.csv").write_text("\n".join(["Movie,Review", *rows, "Lark,"]), encoding="utf-8")
    page.set_input_files("#file", tmp_path / "reviews.csv")
    page.locator("#ranking:not([hidden])").wait_for()
    lines = [line.split("\t") for line in page.locator("#ranking tbody").inner_text().splitlines()]
    assert [(line[1], line[4]) for line in lines] == [("Tern", "3"), ("Gull", "3")]
    assert "1 row without text or item" in page.inner_text("#status")
    assert (asked, errors) == ({urlsplit(place).netloc}, [])
