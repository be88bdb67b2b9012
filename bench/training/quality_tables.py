"""Writes the tables and the JSON of quality.py, and checks which targets are met."""

import json
from datetime import date
from pathlib import Path

from bench.machine import machine

# Our errors must be below those of the baselines, and at most MARGIN above the strongest ones.
BASELINES = ("vol_moving_avg", "best constant", "median multiple", "RandomForest", "LightGBM l2")
STRONGEST = ("LightGBM l1", "median in 2-D")
MARGIN = 0.005
R2_LOSS = 0.015
COVERAGE = (0.78, 0.82)


def write_tables(results: dict, folder: Path) -> None:
    results = {"machine": machine(), **results, "targets": check_targets(results)}
    rows, model, targets = results["rows"], results["model"], results["targets"]
    lines = [
        "# Quality of the model\n",
        f"{results['source']}, {date.today()}. Tested on all {rows['test']:,} rows with full windows,",
        f"{' to '.join(results['dates'])}. Trained on rows before {results['as_of']}: the others on",
        f"{rows['training']:,} rows (all except each symbol's last 30), ours on",
        f"{int(model['training_rows']):,}, since it validates on those from {model['validation_from']}.",
        "Predictions are rounded and not negative. Ours are computed by numpy from model.bin.",
        "LightGBM has 200 rounds and its defaults otherwise.\n",
        f"{sum(target['met'] for target in targets)} of {len(targets)} targets are met.",
        "\n## Scores\n",
        *score_table(results["scores"]),
        *seed_table(results["seeds"]),
        "\nvol_moving_avg contains the volume of the day that is predicted, which improves all scores.",
        f"The models of the first table with the features of the row before ({rows['lag_1']:,} rows):\n",
        *score_table(results["lag_1"]),
        *target_table(targets),
        *median_from_table(results["median_from"]),
        "\n## Coverage of p10 to p90, and errors\n",
        *group_table("", {"all": results["all"]}),
    ]
    for name, groups in results["groups"].items():
        lines += [f"\n## By {name}\n", *group_table(name, groups)]
    (folder / "quality.md").write_text("\n".join(lines) + "\n")
    (folder / "quality.json").write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(lines))


def check_targets(results: dict) -> list[dict]:
    """The targets: what each needs, what was measured, and whether it is met."""
    scores = results["scores"]
    ours = scores["ours"]
    targets = []

    def add(name: str, needed: str, measured: str, met: bool) -> None:
        targets.append({"name": name, "needed": needed, "measured": measured, "met": bool(met)})

    for key, digits in (("mae", 0), ("rmsle", 4)):
        for name, theirs in scores.items():
            measured = f"{ours[key]:,.{digits}f}"
            if name.startswith(BASELINES):
                limit = theirs[key]
                add(f"{key.upper()} against {name}", f"< {limit:,.{digits}f}", measured, ours[key] < limit)
            elif name.startswith(STRONGEST):
                limit = theirs[key] * (1 + MARGIN)
                label = f"{key.upper()} against {name}, within {MARGIN:.1%}"
                add(label, f"<= {limit:,.{digits}f}", measured, ours[key] <= limit)
    lowest = scores["vol_moving_avg itself"]["r2"] - R2_LOSS
    add("R2 against vol_moving_avg", f">= {lowest:.4f}", f"{ours['r2']:.4f}", ours["r2"] >= lowest)
    low, high = COVERAGE
    for name in ("year", "decile of vol_moving_avg"):
        found = [group["coverage"] for group in results["groups"][name].values()]
        measured = f"{min(found):.1%} to {max(found):.1%}"
        met = low <= min(found) and max(found) <= high
        add(f"coverage in every {name}", f"{low:.0%} to {high:.0%}", measured, met)
    crossed, falling = results["crossed"], results["falling_steps"]
    add("test rows with quantiles that cross", "0", f"{crossed:,}", crossed == 0)
    add("grid steps where a higher vol_moving_avg gives less", "0", f"{falling:,}", falling == 0)
    return targets


def target_table(targets: list[dict]) -> list[str]:
    lines = ["\n## Targets\n", "| target | needed | measured | |", "|---|---:|---:|---|"]
    for target in targets:
        verdict = "pass" if target["met"] else "**fail**"
        lines.append(f"| {target['name']} | {target['needed']} | {target['measured']} | {verdict} |")
    return lines


def score_table(scores: dict[str, dict[str, float]]) -> list[str]:
    ours = scores["ours"]
    lines = ["| | MAE | RMSLE | R2 | ours / theirs, MAE | RMSLE |", "|---|---:|---:|---:|---:|---:|"]
    for name, theirs in scores.items():
        ratios = [f"{ours[key] / theirs[key]:.4f}" if theirs is not ours else "" for key in ("mae", "rmsle")]
        cells = [name, f"{theirs['mae']:,.0f}", f"{theirs['rmsle']:.4f}", f"{theirs['r2']:.4f}", *ratios]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def seed_table(seeds: dict[str, list[dict]]) -> list[str]:
    """The mean and the range of each score over the seeds."""
    counts = {len(scores) for scores in seeds.values()}
    lines = [
        f"\nOver {max(counts)} seeds, on the same rows. Smaller differences than the range mean nothing.",
        "LightGBM's seed draws 200,000 rows to choose its bins; with fewer rows it changes nothing.\n",
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


def median_from_table(scores: list[dict]) -> list[str]:
    lines = [
        "\n## Absolute against logarithmic error\n",
        "Ours by `--median-from`. Where vol_moving_avg is far below it, the prediction is a mean of",
        "logarithms, which RMSLE rewards; above it a median, which MAE rewards. Trained on rows before",
        f"{scores[0]['as_of']} and scored from then until the as-of date of the other tables, so that the",
        "test rows of those choose nothing.\n",
        "| --median-from | MAE | RMSLE | R2 |",
        "|---:|---:|---:|---:|",
    ]
    for score in scores:
        cells = [
            f"{score['median_from']:,}",
            f"{score['mae']:,.0f}",
            f"{score['rmsle']:.4f}",
            f"{score['r2']:.4f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "\nThe default is 100,000: a median where volumes are large and decide MAE, a mean of logarithms",
        "where they are small, often zero, and decide RMSLE. Smaller differences than those between seeds",
        "decide nothing.",
    ]
    return lines


def group_table(name: str, groups: dict[str, dict[str, float]]) -> list[str]:
    lines = [
        f"| {name} | rows | < p10 | p10 to p90 | > p90 | MAE | RMSLE | MAE / vol_moving_avg's | RMSLE |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for value, group in groups.items():
        cells = [value, f"{group['rows']:,}"]
        cells += [f"{group[key]:.1%}" for key in ("below", "coverage", "above")]
        cells += [f"{group['mae']:,.0f}", f"{group['rmsle']:.4f}"]
        cells += [f"{group[key]:.3f}" for key in ("mae_ratio", "rmsle_ratio")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
