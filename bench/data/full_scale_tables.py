"""Write the tables, the JSON and the plot of full_scale.py."""

import json
import statistics
from datetime import date
from pathlib import Path

TITLE = "Wall time and peak memory at 28 million rows"
TITLES = {
    "ours": "this pipeline",
    "polars": "polars",
    "polars_without_sort": "polars, trusting the order of the files",
    "duckdb": "DuckDB, one naive query",
    "pandas": "pandas",
}


def write_comparison(figures: dict, results: Path) -> None:
    lines = ["# Ingest and features at full scale\n"]
    lines.append(f"{headline(figures)}, in turn.")
    lines.append(", ".join(f"{name} {version}" for name, version in figures["versions"].items()) + ".")
    for task in ("ingest", "features"):
        lines += task_table(task, figures[task])
    lines.append(
        "\nAll outputs were compared: same columns and types, same rows, same nulls, zstd"
        " (ours of level 1, the others of their own default).\n"
    )
    lines += changes_table(figures)
    lines += accounting_table(figures["again"])
    bars = [
        bar(task, name, figure["runs"])
        for task in ("ingest", "features")
        for name, figure in figures[task].items()
    ]
    for task in ("ingest", "features"):
        for figure in figures[task].values():
            figure.pop("sums")
    (results / "full-scale.md").write_text("\n".join(lines) + "\n")
    (results / "full-scale.json").write_text(json.dumps(figures, indent=1) + "\n")
    (results / "full-scale.svg").write_text(draw_bars(bars))
    print("\n".join(lines))


def task_table(task: str, figures: dict) -> list[str]:
    ours = figures["ours"]
    count = len(ours["runs"])
    lines = [
        f"\n## {task}: {ours['rows']:,} rows, {'one run' if count == 1 else f'{count} runs'} each\n",
        "| | wall s | ours / theirs, run by run | CPU s | peak MiB | output MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, figure in figures.items():
        ratio = "" if name == "ours" else ratio_to_ours(ours["runs"], figure["runs"])
        wall, cpu, peak = (median_of(figure["runs"], key) for key in ("wall", "cpu", "peak_mib"))
        cells = [TITLES[name], f"{wall:.1f}", ratio, f"{cpu:.1f}"]
        lines.append(f"| {' | '.join(cells)} | {peak:,.0f} | {figure['bytes'] / 1e6:,.0f} |")
    return lines


def ratio_to_ours(our_runs: list[dict], their_runs: list[dict]) -> str:
    """Median, lowest and highest ratio of the wall times of runs that followed each other."""
    pairs = zip(our_runs, their_runs, strict=True)
    ratios = sorted(our_run["wall"] / their_run["wall"] for our_run, their_run in pairs)
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def median_of(runs: list[dict], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def bar(task: str, name: str, runs: list[dict]) -> tuple[str, float, str, bool]:
    """Label, length, text at the end, and whether it is this pipeline's."""
    wall, peak = median_of(runs, "wall"), median_of(runs, "peak_mib")
    return (f"{task}: {TITLES[name]}", wall, f"{wall:.1f} s, {peak:,.0f} MiB", name == "ours")


def changes_table(figures: dict) -> list[str]:
    again, changed = figures["again"], figures["changed"]
    shards = changed["shards"]
    wall, peak = (median_of(figures["zip"], key) for key in ("wall", "peak_mib"))
    return [
        "## Ingest again\n",
        "| | wall s | peak MiB | shards made |",
        "|---|---:|---:|---:|",
        f"| nothing has changed | {again['wall']:.2f} | {again['peak_mib']:,.0f} | 0 of {shards} |",
        f"| one file has one more row | {changed['wall']:.2f} | {changed['peak_mib']:,.0f} |"
        f" {changed['made']} of {shards} |",
        f"| first ingest, from a zip of the same files | {wall:.1f} | {peak:,.0f} | all |",
    ]


def accounting_table(again: dict) -> list[str]:
    """Files and rows that went in and came out, and the checks."""
    metrics = again["metrics"]
    lines = [
        "\n## Files and rows\n",
        f"{metrics['files']:,} files went in, {metrics['files_with_rows']:,} of them with rows, and"
        f" {metrics['symbols']:,} symbols came out."
        f" {metrics['rows_in']:,} rows went in (counted by line ends), {metrics['rows_out']:,} came out and"
        f" {metrics['rows_quarantined']:,} were quarantined.\n",
        "| check | violations |",
        "|---|---:|",
    ]
    return lines + [f"| {check['name']} | {check['value']:,} |" for check in again["checks"]]


def headline(figures: dict) -> str:
    runs = "one run each" if figures["runs"] == 1 else f"medians of {figures['runs']} runs"
    return f"{figures['machine']}; {date.today()}; the files of {figures['source']}, repeated; {runs}"


def write_growth(figures: dict, results: Path) -> None:
    lines = [f"# Growth\n\n{headline(figures)}.\n"]
    lines.append("| rows | ingest s | s per M rows | peak MiB | features s | s per M rows | peak MiB |")
    lines.append("|---:|---:|---:|---:|---:|---:|---:|")
    for size in figures["sizes"]:
        cells = [f"{size['ingest']['rows']:,}"]
        for task in ("ingest", "features"):
            wall, peak = (median_of(size[task]["runs"], key) for key in ("wall", "peak_mib"))
            cells += [f"{wall:.1f}", f"{wall / size[task]['rows'] * 1e6:.2f}", f"{peak:,.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    (results / "growth.md").write_text("\n".join(lines) + "\n")
    (results / "growth.json").write_text(json.dumps(figures, indent=1) + "\n")
    print("\n".join(lines))


def draw_bars(bars: list[tuple[str, float, str, bool]]) -> str:
    longest = max(value for _, value, _, _ in bars)
    rows = []
    for index, (label, value, text, is_ours) in enumerate(bars):
        y = 20 + 28 * index
        width = 420 * value / longest
        color = "#2a6f97" if is_ours else "#adb5bd"
        rows.append(f'<text x="320" y="{y + 14}" text-anchor="end">{label}</text>')
        rows.append(f'<rect x="330" y="{y}" width="{width:.1f}" height="20" fill="{color}"/>')
        rows.append(f'<text x="{336 + width:.1f}" y="{y + 14}">{text}</text>')
    height = 30 + 28 * len(bars)
    style = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="920" height="{height}" {style}>'
    return "\n".join(
        [
            head,
            f"<title>{TITLE}</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            *rows,
            "</svg>",
            "",
        ]
    )
