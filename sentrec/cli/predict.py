"""`sentrec predict`: label, probability and stars of texts, or of every row of a file."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

import sentrec
from sentrec.cli.display.console import err, out, printable
from sentrec.cli.options import (
    MODEL_HELP,
    Device,
    EngineName,
    Quiet,
    TextField,
    chosen_engine,
    chosen_model,
    engine_option,
    model_option,
    output_either,
    output_file,
)
from sentrec.cli.predict_output import check_output, print_result, report, written

if TYPE_CHECKING:
    from sentrec.inference import shards
    from sentrec.inference.lines import RowResult
    from sentrec.inference.prediction import Classifier

_INPUTS = (
    "Texts, or one file: CSV, JSON, Parquet, .xlsx, or a text a line; or FOLDER/ or an address (s3://...) of such; - "
    "(or none) reads standard input."
)
_OUT = (
    "Write every row here with label, probability and stars added: .csv, .jsonl, .parquet or .xlsx by its name; else a "
    "folder with a Parquet file for each file. After an interruption the same command goes on (but not with Ray)."
)
_REJECTS = "With --out: where rows go that cannot be used, with line and reason; else NAME.rejects.jsonl here."
_LANGUAGES = "Instead of answers, list the scripts of the texts and the share of their words that the model knows."
_EXPLAIN = "Add the words that decided, and what each adds to the log-odds; `sentrec explain` shows more."
_PATH = re.compile(r"(~|\.\.?)/|/[^/]+/")
_CLASSES = "Say it in 2 classes; 3, of which the middle one is neutral; or 5, one to five stars."
_CSV_SAFE = "With --out: quote cells of CSV that a spreadsheet would run as formulas."

Texts = Annotated[list[str] | None, typer.Argument(metavar="[TEXT]... | FILE", help=_INPUTS, show_default=False)]
Model = Annotated[str | None, model_option(help=f"{MODEL_HELP[:-1]}; or an ONNX file.")]
Engine = Annotated[EngineName, engine_option("--engine")]
Workers = Annotated[int | None, engine_option("--workers", min=1)]
Address = Annotated[str | None, engine_option("--address")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of a text file; else as its bytes tell.")]


def predict(
    texts: Texts = None,
    model: Model = None,
    text_field: TextField = None,
    id_field: Annotated[str | None, typer.Option(help="Column of the id; else id or review_id.")] = None,
    encoding: Encoding = None,
    out_file: Annotated[Path | None, output_either("--out", help=_OUT)] = None,
    rejects: Annotated[Path | None, output_file("--rejects", help=_REJECTS)] = None,
    csv_safe: Annotated[bool, typer.Option("--csv-safe/--no-csv-safe", help=_CSV_SAFE)] = True,
    explain: Annotated[bool, typer.Option("--explain", help=_EXPLAIN)] = False,
    classes: Annotated[Literal["2", "3", "5"] | None, typer.Option(help=_CLASSES)] = None,
    languages: Annotated[bool, typer.Option("--languages", help=_LANGUAGES)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    device: Device = None,
    engine: Engine = "local",
    workers: Workers = None,
    address: Address = None,
    quiet: Quiet = False,
) -> None:
    """Say how a model classifies texts: one result a line, in their order; or add that to every row of a file."""
    described = (text_field, id_field, encoding)
    file = input_file(texts or ["-"], described)
    where = chosen_engine(engine, workers, address)
    if engine != "local" and (file in (None, "-") or explain or languages):
        raise typer.BadParameter(f"--engine {engine} takes a file or folder, and neither --explain nor --languages.")
    if languages and (out_file or as_json or explain):
        raise typer.BadParameter(
            "--languages lists languages instead of answers: leave --out, --json and --explain out."
        )
    if out_file is not None:
        rejects = check_output(out_file, rejects, file, as_json)
    elif rejects is not None:
        raise typer.BadParameter("--rejects needs --out.")
    predictor = _classifier(chosen_model(model, quiet), device, explain)
    if languages:
        _show_languages(predictor, results_of(predictor, file, texts, described))
        return
    labels: Counter[str | None] = Counter()
    problem = ""
    # What workers on other machines would keep is of no use here.
    with _kept_answers(predictor, file, out_file if engine != "ray" else None) as kept:
        results = _watched(results_of(predictor, file, texts, described, kept, where), predictor)
        results = _explained(results, predictor) if explain else results
        results = _in_classes(results, int(classes)) if classes else results
        for one in written(results, out_file, rejects, csv_safe) if out_file and rejects else results:
            labels[one.prediction.label if one.prediction else None] += 1
            problem = problem or (f"line {one.line}, {one.error}" if one.error else "")
            if out_file is None:
                print_result(one, as_json)
    report(labels, problem, out_file, rejects, quiet)


def _classifier(model: str, device: str | None, explain: bool) -> "Classifier":
    """The model of a run, or of an ONNX file, which needs no torch."""
    if not model.endswith(".onnx"):
        return sentrec.load(model, device)
    if explain or device not in (None, "cpu"):
        raise typer.BadParameter("a model in an ONNX file computes on the CPU and explains nothing: name a run.")
    from sentrec.inference.onnx import OnnxClassifier

    return OnnxClassifier(model)


def input_file(texts: list[str], described: tuple[str | None, ...]) -> str | None:
    """The file to read, ``-`` for standard input; None where the arguments are texts, which nothing may describe."""
    from sentrec.data.formats import exists, is_folder, looks_like_file
    from sentrec.data.sources import files_of, is_address, is_pattern
    from sentrec.errors import DataError

    if "-" in texts and len(texts) > 1:
        raise typer.BadParameter("- stands for standard input and goes alone.")
    if not all(text.strip() for text in texts):
        raise typer.BadParameter("a text is empty.")
    for text in texts:
        is_word = not any(character.isspace() for character in text)
        is_many = is_word and (is_address(text) or is_pattern(text) or ("/" in text and is_folder(text)))
        is_path = is_word and (looks_like_file(text) or _PATH.match(text))
        if is_many or is_path or (exists(text) and not is_folder(text)):  # a pipe, too: <(zcat reviews.gz)
            if is_many:
                files_of(text)  # or it says that there are none
            elif not exists(text):
                hint = "Check the path. A text that only looks like one: echo TEXT | sentrec predict"
                hint = "Download it first." if "://" in text else hint
                raise DataError(f"{text} does not exist.", hint)
            if len(texts) > 1:
                raise typer.BadParameter(f"{text} is a file and goes alone.")
            return text
    if texts == ["-"]:
        return "-"
    if any(described):
        raise typer.BadParameter("--text-field, --id-field and --encoding describe a file, not texts.")
    return None


def results_of(
    predictor: "Classifier",
    file: str | None,
    texts: list[str] | None,
    described: tuple[str | None, ...],
    kept: Path | None = None,
    engine: "shards.Engine | None" = None,
) -> "Iterator[RowResult]":
    """The results of texts given as arguments, or of a file's rows; `described`: its text and id columns, encoding."""
    from sentrec.data.columns import FieldNames
    from sentrec.data.sources import open_sources
    from sentrec.data.text_rows import Row
    from sentrec.inference.lines import CHUNK, Classification, classify_rows
    from sentrec.inference.shards import LocalEngine

    if file is None:
        # A text given as an argument is one text, whatever line breaks it holds, and is never JSON.
        clean = (text.encode("utf-8", "replace").decode() for text in texts or ())
        return classify_rows(predictor, (Row(line, {"text": text}) for line, text in enumerate(clean, start=1)))
    is_keyboard = file == "-" and sys.stdin.isatty()
    if is_keyboard:
        err.print("[dim]Reading texts from the keyboard, one a line; Ctrl-D ends.[/]")
    text_field, id_field, encoding = described
    names = FieldNames(text=text_field, id=id_field)
    # Who types lines wants each answer at once.
    work = Classification(predictor, names, 1 if is_keyboard else CHUNK, kept)
    parts = (engine or LocalEngine()).map_shards(work, open_sources([file], encoding))
    return (one for _, part in parts for one in part)


def _kept_answers(
    predictor: "Classifier", file: str | None, out_file: Path | None
) -> "AbstractContextManager[Path | None]":
    """What an earlier run of the same command has answered; a list on the console is not gone on with."""
    from sentrec.data.sources import open_sources
    from sentrec.inference.lines import kept_answers

    if not (file and out_file):
        return nullcontext()
    return kept_answers(predictor, *(source.place for source in open_sources([file])))


def _explained(results: "Iterator[RowResult]", predictor: "Classifier") -> "Iterator[RowResult]":
    """The results with the words that decided."""
    from dataclasses import replace

    from sentrec.explain import explain
    from sentrec.inference.predictor import Predictor

    assert isinstance(predictor, Predictor)  # an ONNX file was refused
    for one in results:
        if one.text is not None:
            (found,) = explain(predictor, [one.text])
            yield replace(one, reasons=found.reasons())
        else:
            yield one


def _in_classes(results: "Iterator[RowResult]", classes: int) -> "Iterator[RowResult]":
    from dataclasses import replace

    for one in results:
        yield one if one.prediction is None else replace(one, prediction=one.prediction.in_classes(classes))


def _show_languages(predictor: "Classifier", results: "Iterator[RowResult]") -> None:
    from sentrec.inference.lines import language_groups

    table = Table(box=None, pad_edge=False)
    for name in ("script", "texts", "words known", "line", "the first of them"):
        table.add_column(name, justify="right" if name in ("texts", "words known", "line") else "left", no_wrap=True)
    for one in language_groups(predictor, results):
        known = Text(f"{one.known:.0%}", "" if one.is_known else "yellow")
        table.add_row(one.script, f"{one.rows:,}", known, f"{one.line:,}", printable(one.example[:60]))
    out.print(table)
    err.print("[dim]Where few words are known, answers mean little: is it another language?[/]", soft_wrap=True)


def _watched(results: "Iterator[RowResult]", predictor: "Classifier") -> "Iterator[RowResult]":
    """The results as they are; warns if the model does not know the words of the first texts."""
    from sentrec.inference.lines import unknown_share, unknown_warning

    is_keyboard = sys.stdin.isatty()
    start = list(islice(results, 1 if is_keyboard else 100))
    texts = [one.text for one in start if one.text is not None]
    if message := unknown_warning(unknown_share(predictor, texts)):
        err.print(f"[yellow]Warning:[/] {message}", soft_wrap=True)
    yield from chain(start, results)
