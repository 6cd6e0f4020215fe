"""The page in a real browser, on a desk and on a phone: every tab does what it says, and nothing leaves the machine."""

import csv
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from small_ratings import movielens

import sentrec
from sentrec.app.page import EXAMPLES, launch, make_page
from sentrec.recommend.ratings.model import fit, read_data
from sentrec.runs.directory import Run

pytestmark = pytest.mark.slow
ROWS = [
    (item, f"It was {word}, truly {word}, on evening number {row} of our long holiday.", stars)
    for item, word, stars in (("Tern", "a joy and wonderful", 5), ("Gull", "a mess and awful", 1))
    for row in range(4)
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def place(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is served, with two models."""
    with pytest.MonkeyPatch.context() as patch:
        uploads = tmp_path_factory.mktemp("uploads")
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        patch.chdir(tmp_path_factory.mktemp("work"))
        ratings = fit(read_data(movielens(tmp_path_factory.mktemp("ratings"))), "ease")
        models = {"starter": sentrec.load("starter", "cpu"), "small": sentrec.load(small_run.path, "cpu")}
        page = make_page(models, ratings)
        yield launch(page, "127.0.0.1", free_port())
        page.close()


@pytest.fixture(params=[(1280, 900), (375, 800)], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, chromium: Any, place: str) -> Iterator[Any]:
    """The page in the browser; afterwards, nothing was asked of anybody else and no script failed."""
    width, height = request.param
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(60_000)
    asked: set[str] = set()
    errors: list[str] = []
    page.on("request", lambda one: asked.add(urlsplit(one.url).netloc))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(place)
    page.get_by_role("tab", name="Text").wait_for()
    yield page
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    page.close()
    assert asked - {""} == {urlsplit(place).netloc}
    assert errors == []
    assert wider <= 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("Vogel", "Eindruck", "Sterne"), *ROWS])
    return path


def choose(page: Any, menu: str, choice: str) -> None:
    page.get_by_label(menu).fill(choice)
    page.get_by_label(menu).press("Enter")
    page.get_by_role("heading", name="sentrec").click()  # the list of a menu of several choices stays open


def table(download: Any) -> list[dict[str, str]]:
    with Path(download.path()).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_text_gets_bars_of_every_model(page: Any) -> None:
    page.get_by_label("Text", exact=True).last.fill("Dull and awful <b>from</b> start to end ${1+1}.")
    page.get_by_role("button", name="Classify", exact=True).click()
    page.locator(".answer").nth(1).wait_for()
    assert page.locator(".answer h3").all_inner_texts() == ["starter", "small"]
    first = page.locator(".answer").first.locator(".class.first")
    assert first.locator("span").inner_text() == "negative"
    bar = first.locator("div")
    assert bar.get_attribute("aria-label") == first.locator("b").inner_text()
    assert bar.locator("i").bounding_box()["width"] > bar.bounding_box()["width"] / 2
    marked = page.locator(".answer").first.locator(".for", has_text="awful")
    assert "underline" in marked.evaluate("word => getComputedStyle(word).textDecorationLine")
    assert "rgba(45, 120, 220" in marked.evaluate("word => getComputedStyle(word).backgroundColor")
    assert page.locator(".answer p.text b").count() == 0  # what a user wrote stays text


def test_an_example_is_classified_at_a_click(page: Any) -> None:
    page.get_by_text(EXAMPLES[1][:20]).first.click()
    page.locator(".answer").first.wait_for()
    assert page.get_by_label("Text", exact=True).last.input_value() == EXAMPLES[1]
    assert page.locator(".answer .class.first span").first.inner_text() == "negative"


def test_no_text_is_a_message(page: Any) -> None:
    page.get_by_role("button", name="Classify", exact=True).click()
    page.get_by_text("Write a text first.").wait_for()


def test_a_file_whose_columns_are_named_in_the_menus_is_ranked(page: Any, file: Path) -> None:
    page.get_by_role("tab", name="File").click()
    page.locator("input[type=file]").first.set_input_files(file)
    for role, column in (("text", "Eindruck"), ("item", "Vogel")):
        choose(page, f"Column of the {role}", column)
    assert page.get_by_label("Column of the rating").input_value() == "Sterne"
    page.get_by_role("button", name="Rank the items").click()
    framed = page.frame_locator("iframe.ranking")
    framed.locator("li").nth(1).wait_for()
    assert [title.split("\n")[0].strip() for title in framed.locator("h2").all_inner_texts()] == ["Tern", "Gull"]
    page.get_by_text("Gull", exact=True).first.click()
    page.locator(".quotes", has_text="Gull").wait_for()
    assert "awful" in page.locator(".quotes").inner_text()
    with page.expect_download() as download:
        page.locator('a[download="ranking.csv"]').first.click()
    rows = table(download.value)
    assert [row["movie"] for row in rows] == ["Tern", "Gull"]


def test_the_rows_of_a_file_come_back_classified(page: Any, file: Path) -> None:
    page.get_by_role("tab", name="File").click()
    page.locator("input[type=file]").first.set_input_files(file)
    choose(page, "Column of the text", "Eindruck")
    page.get_by_role("button", name="Classify the rows").click()
    page.get_by_text("4 negative").wait_for()
    with page.expect_download() as download:
        page.locator('a[download="classified.csv"]').first.click()
    rows = table(download.value)
    assert [row["label"] for row in rows] == ["positive"] * 4 + ["negative"] * 4


def test_uploads_are_deleted_when_the_page_is_closed(chromium: Any, place: str, file: Path) -> None:
    uploads = Path(os.environ["GRADIO_TEMP_DIR"])
    other = chromium.new_page()
    other.goto(place)
    other.get_by_role("tab", name="File").click()
    other.locator("input[type=file]").first.set_input_files(file.rename(file.with_name("secret.csv")))
    other.get_by_label("Column of the text").wait_for(timeout=120_000)
    (sent,) = uploads.rglob("secret.csv")
    other.close()
    while sent.exists():
        time.sleep(0.1)


def test_films_are_recommended_for_what_one_picks(page: Any) -> None:
    page.get_by_role("tab", name="For me").click()
    choose(page, "Films that you like", "Film 01 (1991)")
    page.get_by_role("button", name="Recommend").click()
    page.locator(".films li").nth(5).wait_for()
    first = page.locator(".films li").first.inner_text()
    assert "because of Film 01 (1991)" in first
    assert "Comedy" in first


def test_a_bad_file_is_a_message(page: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1 no such thing")
    page.get_by_role("tab", name="File").click()
    page.locator("input[type=file]").first.set_input_files(bad)
    page.get_by_text("cannot be read").or_(page.get_by_text("Error")).first.wait_for()
    assert not page.get_by_role("button", name="Rank the items").is_visible()


def test_a_model_card_is_shown(page: Any) -> None:
    page.get_by_role("tab", name="Reports").click()
    page.get_by_role("heading", name="Model card: starter").wait_for()


def test_nothing_is_looked_up_elsewhere(small_run: Run, tmp_path: Path) -> None:
    """Python's own network calls, those of background threads too, go to this machine alone."""
    code = f"""
import sys, time, urllib.request
asked = []
def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        address = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments
        asked.append(address[0] if isinstance(address, tuple) else address)
sys.addaudithook(watch)
import sentrec
from sentrec.app.page import make_page
from sentrec.app.page import launch
page = make_page({{"small": sentrec.load({str(small_run.path)!r}, "cpu")}})
place = launch(page, "127.0.0.1", {free_port()})
policy = urllib.request.urlopen(place).headers["content-security-policy"]
assert "default-src 'self'" in policy, policy
time.sleep(2)
print("asked:", sorted({{str(one) for one in asked}} - {{"127.0.0.1", "localhost", "None", "::1"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.stdout.splitlines()[-1:] == ["asked: []"], done.stdout + done.stderr
