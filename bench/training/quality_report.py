"""The tables and the JSON of quality.py, and which targets are met."""

import json
from datetime import date
from pathlib import Path

from bench.data.full_scale import machine

BEATEN = ("vol_moving_avg", "best constant", "median multiple", "RandomForest", "LightGBM l2")
CEILING = ("LightGBM l1", "median in 2-D")
MARGIN = 0.005
R2_LOSS = 0.015
COVERAGE = (0.78, 0.82)


def write_report(figures: dict, results: Path) -> None:
    figures = {"machine": machine(), **figures, "targets": judge(figures)}
    rows, model = figures["rows"], figures["model"]
    missed = [target for target in figures["targets"] if not target["met"]]
    trained = int(model["training_rows"] or 0)
    lines = [
        "# Quality of the model\n",
        f"{figures['source']}, {date.today()}. Tested on all {rows['test']:,} rows with full windows,",
        f"{' to '.join(figures['dates'])}. Trained before {figures['as_of']}: the others on",
        f"{rows['training']:,} rows (all but each symbol's last 30), ours on {trained:,}, as it validates on",
        f"those from {model['validation_from']}.",
        "Predictions are rounded and not negative. Ours are computed by numpy from model.bin.",
        "LightGBM has 200 rounds, and its defaults otherwise, seeds included.\n",
        f"{len(figures['targets']) - len(missed)} of {len(figures['targets'])} targets are met.",
        "\n## Scores\n",
        *score_table(figures["scores"]),
        *seed_table(figures["seeds"]),
        "\nvol_moving_avg contains the volume of the day that is predicted, which flatters all of these.",
        f"The models of the first table, given the features of the row before ({rows['lag_1']:,} rows):\n",
        *score_table(figures["lag_1"]),
        "\n## Targets\n",
        "| target | needed | measured | |",
        "|---|---:|---:|---|",
        *(target_line(target) for target in figures["targets"]),
    ]
    lines += trade_off_table(figures["trade_off"])
    for name, groups in {"": {"all": figures["all"]}, **figures["groups"]}.items():
        lines += group_table(name, groups)
    (results / "quality.md").write_text("\n".join(lines) + "\n")
    (results / "quality.json").write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(lines))


def judge(figures: dict) -> list[dict]:
    """The targets, what they need, and what was measured."""
    scores = figures["scores"]
    ours = scores["ours"]
    targets = []

    def add(name: str, needed: str, measured: str, met: bool) -> None:
        targets.append({"name": name, "needed": needed, "measured": measured, "met": bool(met)})

    for key, digits in (("mae", 0), ("rmsle", 4)):
        for name, theirs in scores.items():
            label = f"{key.upper()} against {name}"
            if name.startswith(BEATEN):
                needed = f"< {theirs[key]:,.{digits}f}"
            elif name.startswith(CEILING):
                needed = f"<= {theirs[key] * (1 + MARGIN):,.{digits}f}"
                label += f", within {MARGIN:.1%}"
            else:
                continue
            limit = theirs[key] * (1 + MARGIN if name.startswith(CEILING) else 1)
            add(label, needed, f"{ours[key]:,.{digits}f}", ours[key] < limit)
    lowest = scores["vol_moving_avg itself"]["r2"] - R2_LOSS
    add("R2 against vol_moving_avg", f">= {lowest:.4f}", f"{ours['r2']:.4f}", ours["r2"] >= lowest)
    low, high = COVERAGE
    for name, groups in figures["groups"].items():
        if name == "kind":
            continue
        found = [group["coverage"] for group in groups.values()]
        measured = f"{min(found):.1%} to {max(found):.1%}"
        met = low <= min(found) and max(found) <= high
        add(f"coverage in every {name}", f"{low:.0%} to {high:.0%}", measured, met)
    add("test rows with quantiles that cross", "0", f"{figures['crossed']:,}", figures["crossed"] == 0)
    steps = figures["falling_steps"]
    add("steps of a grid on which more vol_moving_avg gives less", "0", f"{steps:,}", steps == 0)
    return targets


def target_line(target: dict) -> str:
    verdict = "pass" if target["met"] else "**fail**"
    return f"| {target['name']} | {target['needed']} | {target['measured']} | {verdict} |"


def score_table(scores: dict[str, dict[str, float]]) -> list[str]:
    ours = scores["ours"]
    lines = ["| | MAE | RMSLE | R2 | ours / theirs, MAE | RMSLE |", "|---|---:|---:|---:|---:|---:|"]
    for name, theirs in scores.items():
        ratios = [f"{ours[key] / theirs[key]:.4f}" if theirs is not ours else "" for key in ("mae", "rmsle")]
        cells = [name, f"{theirs['mae']:,.0f}", f"{theirs['rmsle']:.4f}", f"{theirs['r2']:.4f}", *ratios]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def seed_table(seeds: dict[str, list[dict]]) -> list[str]:
    """The mean of each score over the seeds, and how far the seeds lie apart."""
    counts = {len(scores) for scores in seeds.values()}
    lines = [
        f"\nOver {max(counts)} seeds, on the same rows. What is less than the range says nothing. LightGBM's",
        "seed draws the 200,000 rows by which it places its bins, and nothing where there are fewer:\n",
        "| | MAE, mean | range | share | RMSLE, mean | range | share |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, scores in seeds.items():
        cells = [name]
        for key, digits in (("mae", 0), ("rmsle", 4)):
            values = [score[key] for score in scores]
            mean, spread = sum(values) / len(values), max(values) - min(values)
            cells += [f"{mean:,.{digits}f}", f"{spread:,.{digits}f}", f"{spread / mean:.2%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def trade_off_table(turns: list[dict]) -> list[str]:
    lines = [
        "\n## Absolute against logarithmic error\n",
        "Ours by `--median-from`. Where vol_moving_avg is far below it, the prediction is a mean of",
        "logarithms, which RMSLE rewards; above it a median, which MAE rewards. Trained before",
        f"{turns[0]['as_of']} and scored from then until the as-of date of the other tables, whose rows",
        "choose nothing.\n",
        "| --median-from | MAE | RMSLE | R2 |",
        "|---:|---:|---:|---:|",
    ]
    for turn in turns:
        lines.append(f"| {turn['turn']:,} | {turn['mae']:,.0f} | {turn['rmsle']:.4f} | {turn['r2']:.4f} |")
    lines += [
        "\nThe default is 100,000: a median where volumes are large and decide MAE, a mean of logarithms",
        "where they are small, often zero, and decide RMSLE. Differences no larger than those of the",
        "seeds above choose nothing.",
    ]
    return lines


def group_table(name: str, groups: dict[str, dict[str, float]]) -> list[str]:
    lines = [f"\n## By {name}\n"] if name else ["\n## Coverage of p10 to p90, and errors\n"]
    lines.append(
        f"| {name} | rows | < p10 | p10 to p90 | > p90 | MAE | RMSLE | MAE / vol_moving_avg's | RMSLE |"
    )
    lines.append("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for value, group in groups.items():
        cells = [value, f"{group['rows']:,}"]
        cells += [f"{group[key]:.1%}" for key in ("below", "coverage", "above")]
        cells += [f"{group['mae']:,.0f}", f"{group['rmsle']:.4f}"]
        cells += [f"{group[key]:.3f}" for key in ("mae_ratio", "rmsle_ratio")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
