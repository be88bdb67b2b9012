"""Looks through a store for anything that is there in part."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as parquet
from safetensors import SafetensorError, safe_open


def torn_files(store: Path) -> list[Path]:
    """Published files that do not hold what they should; scratch folders are not looked at."""
    shards = [shard for kind in ("prices", "features") for shard in store.glob(f"{kind}/*/shard-*.json")]
    models = [*store.glob("models/*/model.bin"), *store.glob("model.bin")]
    torn = [shard for shard in shards if not is_whole_shard(shard)]
    torn += [model for model in models if not is_whole_model(model)]
    champion = store / "champion.json"
    if champion.exists():
        digest = hashlib.sha256((store / "model.bin").read_bytes()).hexdigest()
        torn += [champion] if json.loads(champion.read_text())["sha256"] != digest else []
    return torn


def is_whole_shard(record: Path) -> bool:
    try:
        shard = json.loads(record.read_text())
        for file in shard["files"]:
            if (record.parent / file["name"]).stat().st_size != file["bytes"]:
                return False
        return parquet.read_metadata(record.with_suffix(".parquet")).num_rows == shard["rows"]
    except (OSError, ValueError, KeyError):
        return False


def is_whole_model(path: Path) -> bool:
    try:
        with safe_open(path, framework="numpy") as model:
            return len(list(model.keys())) > 0
    except (OSError, SafetensorError):
        return False
