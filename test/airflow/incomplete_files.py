"""Finds incomplete files in a store."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as parquet
from safetensors import SafetensorError, safe_open


def incomplete_files(store: Path) -> list[Path]:
    """Published files with missing or wrong content. Ignores scratch folders."""
    manifests = [
        manifest for dataset in ("prices", "features") for manifest in store.glob(f"{dataset}/*/shard-*.json")
    ]
    models = [*store.glob("models/*/model.bin"), *store.glob("model.bin")]
    incomplete = [manifest for manifest in manifests if not is_complete_shard(manifest)]
    incomplete += [model for model in models if not is_complete_model(model)]
    champion = store / "champion.json"
    if champion.exists():
        digest = hashlib.sha256((store / "model.bin").read_bytes()).hexdigest()
        incomplete += [champion] if json.loads(champion.read_text())["sha256"] != digest else []
    return incomplete


def is_complete_shard(manifest: Path) -> bool:
    try:
        shard = json.loads(manifest.read_text())
        for file in shard["files"]:
            if (manifest.parent / file["name"]).stat().st_size != file["bytes"]:
                return False
        return parquet.read_metadata(manifest.with_suffix(".parquet")).num_rows == shard["rows"]
    except (OSError, ValueError, KeyError):
        return False


def is_complete_model(path: Path) -> bool:
    try:
        with safe_open(path, framework="numpy") as model:
            return len(list(model.keys())) > 0
    except (OSError, SafetensorError):
        return False
