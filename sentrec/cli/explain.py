"""`sentrec explain`: the words and sentences of a text that made a model say what it says."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

import sentrec
from sentrec.cli.display.console import err, out, print_json_line, printable
from sentrec.cli.options import Device, TextField, chosen_model, output_file
from sentrec.cli.predict import Encoding, Model, Texts, input_file, results_of
from sentrec.errors import DataError

if TYPE_CHECKING:
    from sentrec.explain import Explanation


def explain(
    texts: Texts = None,
    model: Model = None,
    text_field: TextField = None,
    encoding: Encoding = None,
    limit: Annotated[int, typer.Option(min=1, help="Most texts that are explained.")] = 100,
    html: Annotated[Path | None, output_file("--html", help="Write a page with all of them here.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, with places in characters.")
    ] = False,
    device: Device = None,
) -> None:
    """Show which words and sentences decided, and by how much: + speaks for the label, - against it."""
    from sentrec.explain import explain as explain_texts
    from sentrec.explain import explanations_page

    described = (text_field, None, encoding)
    file = input_file(texts or ["-"], described)
    predictor = sentrec.load(chosen_model(model), device)
    results = results_of(predictor, file, texts, described)
    usable = (one.text for one in results if one.text is not None)
    shown: list[Explanation] = []
    count = 0
    for text in islice(usable, limit):  # one at a time: who types lines wants each answer at once
        (explanation,) = explain_texts(predictor, [text])
        _print(explanation, as_json)
        count += 1
        if html is not None:
            shown.append(explanation)
    if not count:
        raise DataError("no row has a text to explain.", "Name its column: --text-field.")
    if next(usable, None) is not None:
        err.print(f"[dim]Only the first {limit:,} texts are explained; --limit N for more.[/]")
    if html is not None:
        from sentrec.files.storage import write_text

        write_text(html, explanations_page(shown))
        err.print(printable(f"Written: {html}"), markup=False, soft_wrap=True)


def _print(explanation: "Explanation", as_json: bool) -> None:
    if as_json:
        return print_json_line(explanation.to_dict())
    out.print(Text.assemble((explanation.label, "bold"), f" {explanation.probability:.1%}  "), _coloured(explanation))
    words = ", ".join(f"{token.contribution:+.2f} {printable(token.text)}" for token in explanation.top())
    out.print(Text(f"  words: {words}" if words else "  no word is known"), soft_wrap=True)
    if len(explanation.sentences) > 1:
        for sentence in sorted(explanation.sentences, key=lambda one: -abs(one.contribution))[:2]:
            out.print(Text(f"  {sentence.contribution:+.2f} {printable(sentence.text)}"), soft_wrap=True)


def _coloured(explanation: "Explanation") -> Text:
    """The text, with words that speak for the label bold and cyan, those against it underlined and magenta."""
    text = Text(printable(explanation.text))
    if len(text) != len(explanation.text):  # places would be wrong
        return text
    for token, share in explanation.shares():
        if share:
            text.stylize("bold cyan" if share > 0 else "underline magenta", token.start, token.end)
        elif not token.read:
            text.stylize("dim", token.start, token.end)
    return text
