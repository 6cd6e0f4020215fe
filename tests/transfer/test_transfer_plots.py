import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_study import made_up_history, made_up_result, made_up_study, made_up_target
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sentrec.evaluation.plots import save_png
from sentrec.transfer import plots
from sentrec.transfer.analysis import table
from sentrec.transfer.results import ARM_MEANINGS, Cell
from sentrec.transfer.schema import TransferRecipe

ALL_ARMS = tuple(ARM_MEANINGS)


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def colours(figure: Figure) -> dict[str, str]:
    return {
        str(line.get_label()): to_hex(line.get_color()) for line in figure.axes[0].lines if line.get_label()[0] != "_"
    }


def test_label_efficiency_has_a_tick_for_each_budget_and_a_band_for_each_arm(tmp_path: Path) -> None:
    study = made_up_study(tmp_path, budgets=(100, 500, "all"))
    # One seed of each arm is worse, so that there is a spread.
    results = [
        made_up_result(one.cell, range(20)) if one.cell.seed == 1 and one.cell.budget else one for one in study.results
    ]
    figure = plots.label_efficiency(table(study.targets, results), "imdb")
    axes, differences = figure.axes
    assert [tick.get_text() for tick in differences.get_xticklabels()] == ["100", "500", "1,000"]
    assert list(differences.get_xticks()) == [100, 500, 1000]
    assert axes.get_xscale() == "log"
    assert len(axes.collections) == 3
    assert "imdb" in axes.get_title()
    assert "3 seeds; bands" in axes.get_title()
    assert legend_of(figure) == ["scratch", "full from ag-news", "zero-shot from ag-news", "nb-lr"]


def test_label_efficiency_draws_the_paired_intervals_and_fills_what_is_significant(tmp_path: Path) -> None:
    rows = [row for row in made_up_study(tmp_path).rows if row.arm in ("scratch", "full")]
    below = plots.label_efficiency(rows, "imdb").axes[1]
    bars = [bar for bar in below.containers if bar.get_label() != "zero"]
    compared = [row.baseline for row in rows if row.baseline]
    assert [one.significant for one in compared] == [True, False]
    assert len(bars) == len(compared) == 2
    for bar, one in zip(bars, compared, strict=True):
        line, _, (ends,) = bar
        low, high = ends.get_segments()[0][:, 1]
        assert (low, high) == pytest.approx(tuple(100 * end for end in one.interval), abs=1e-6) or one.difference == 0
        assert (to_hex(line.get_markerfacecolor()) != "#ffffff") == one.significant


def test_linear_arms_are_dotted_and_zero_shot_is_a_level_dashed_line(tmp_path: Path) -> None:
    axes = plots.label_efficiency(made_up_study(tmp_path).rows, "imdb").axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["nb-lr"].get_linestyle() == ":"
    assert lines["zero-shot from ag-news"].get_linestyle() == "--"
    assert set(lines["zero-shot from ag-news"].get_ydata()) == {1 - 14 / 40}
    assert lines["scratch"].get_linestyle() == "-"


def test_one_seed_has_no_band_and_labels_of_near_budgets_do_not_overlap(tmp_path: Path) -> None:
    study = made_up_study(tmp_path, seeds=1, budgets=(10, 100, 950, "all"))
    above, below = plots.label_efficiency(study.rows, "imdb").axes
    assert not above.collections
    assert above.get_title().endswith("1 seed")
    assert [tick.get_text() for tick in below.get_xticklabels()] == ["10", "100", "", "1,000"]


def test_every_arm_of_a_recipe_has_a_colour_of_its_own_that_is_the_same_in_all_plots(tmp_path: Path) -> None:
    study = made_up_study(tmp_path, arms=ALL_ARMS)
    arms = TransferRecipe.model_json_schema()["properties"]["arms"]["items"]["enum"]
    assert sorted(arms) == sorted(ALL_ARMS)
    efficiency = colours(plots.label_efficiency(study.rows, "imdb"))
    assert len(set(efficiency.values())) == len(ALL_ARMS)
    converging = colours(plots.convergence(study.results, "imdb", 100))
    assert sorted(converging) == ["full from ag-news", "gradual from ag-news", "probe from ag-news", "scratch"]
    assert converging.items() <= efficiency.items()


def test_several_sources_of_one_arm_differ_in_marker_and_dashes(tmp_path: Path) -> None:
    study = made_up_study(tmp_path, sources=("ag-news", "amazon"))
    for figure in (plots.label_efficiency(study.rows, "imdb"), plots.convergence(study.results, "imdb", 100)):
        lines = [line for line in figure.axes[0].lines if str(line.get_label()).startswith("full")]
        assert len(lines) == 2
        assert lines[0].get_marker() != lines[1].get_marker()


def test_convergence_draws_each_seed_thin_and_their_mean_bold_as_far_as_all_go() -> None:
    cells = [Cell("imdb", None, "scratch", 100, seed) for seed in (1, 2)]
    results = [made_up_result(cells[0], [0], epochs=2), made_up_result(cells[1], [0, 1, 2], epochs=4)]
    figure = plots.convergence(results, "imdb", 100)
    accuracy, loss = figure.axes
    *thin, bold = accuracy.lines
    assert [list(line.get_xdata()) for line in thin] == [[1, 2], [1, 2, 3, 4]]
    assert list(bold.get_xdata()) == [1, 2]
    expected = np.mean([np.asarray(line.get_ydata())[:2] for line in thin], axis=0)
    assert np.asarray(bold.get_ydata()) == pytest.approx(expected)
    assert bold.get_linewidth() > 2 * thin[0].get_linewidth()
    assert list(loss.lines[0].get_xdata()) == [0.5, 1, 1.5, 2]
    assert figure.get_suptitle() == "imdb, 100 labels: convergence (thin: one of 2 seeds, bold: their mean)"


def test_convergence_leaves_out_other_targets_budgets_and_arms_without_steps(tmp_path: Path) -> None:
    study = made_up_study(tmp_path, targets=(made_up_target("imdb"), made_up_target("books")), seeds=1)
    figure = plots.convergence(study.results, "imdb", 100)
    assert (legend_of(figure), len(figure.axes[0].lines)) == (["scratch", "full from ag-news"], 2)


@pytest.mark.filterwarnings("error")
def test_a_training_without_validations_or_cells_is_drawn_too(tmp_path: Path) -> None:
    result = made_up_result(Cell("imdb", None, "scratch", 100, 1), [0])
    losses = [row for row in made_up_history(1, 0.5) if "loss" in row]
    for number, results in enumerate(([replace(result, history=losses)], [])):
        figure = plots.convergence(results, "imdb", 100)
        assert save_png(figure, tmp_path / f"{number}.png").read_bytes().startswith(b"\x89PNG")


def test_the_matrix_states_points_and_stars_what_is_significant(tmp_path: Path) -> None:
    study = made_up_study(tmp_path, targets=(made_up_target("imdb"), made_up_target("books")), sources=("news", "shop"))
    rows = [row for row in study.rows if (row.source, row.target) != ("shop", "books")]
    figure = plots.matrix(rows, 100, "full")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["+30.0 ★"] * 3
    assert [text.get_position() for text in axes.texts] == [(0, 0), (0, 1), (1, 0)]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["news", "shop"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["imdb", "books"]
    assert np.isnan(np.ma.filled(axes.images[0].get_array(), np.nan)).sum() == 1
    assert axes.images[0].get_clim() == pytest.approx((-30, 30))  # gains and losses are equally strong colours
    even = plots.matrix(rows, "all", "full").axes[0]
    assert {text.get_text() for text in even.texts} == {"0.0"}
    assert "all labels" in even.get_title()


def test_drawing_needs_no_pyplot_and_so_no_global_state() -> None:
    check = "import sys, sentrec.transfer.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
