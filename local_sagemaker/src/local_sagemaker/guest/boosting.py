"""What SageMaker's built-in XGBoost algorithm does, for training jobs without a script.

The library is XGBoost itself; around it is what the image's own entry does: channels `train` and `validation` in CSV
(the label first, no header) or libsvm, hyperparameters by XGBoost's names, lines of metrics, the file `xgboost-model`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

SETS = ("train", "validation")
METRICS = ("auc", "aucpr", "error", "logloss", "mae", "map", "merror", "mlogloss", "ndcg", "rmse")
# What SageMaker finds in the algorithm's log by itself.
DEFINITIONS = [
    {
        "Name": f"{name}:{metric}",
        "Regex": rf"\[[0-9]+\].*#011{name}-{metric}(?:@[^:]*)?:([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)",
    }
    for name in SETS
    for metric in METRICS
]


class RequestError(Exception):
    """Something in the job's request that its sender can mend."""


def main() -> None:
    """Train, or leave the reason why not where SageMaker looks for it."""
    base = Path(os.environ["SAGEMAKER_BASE_DIR"])
    try:
        train(base)
    except RequestError as error:
        print(f"ClientError: {error}", file=sys.stderr)
        (base / "output" / "failure").write_text(f"ClientError: {error}")
        sys.exit(1)


def train(base: Path) -> None:
    """Train a booster on the channels and save it."""
    import xgboost

    config = base / "input" / "config"
    channels = json.loads((config / "inputdataconfig.json").read_text())
    parameters = json.loads((config / "hyperparameters.json").read_text())
    if "train" not in channels:
        raise RequestError("The channel train is missing.")
    goal = parameters.pop("_tuning_objective_metric", None)
    parameters = {name: plain(value) for name, value in parameters.items()}
    if "num_round" not in parameters:
        raise RequestError("Missing required hyperparameter: num_round.")
    rounds, patience = parameters.pop("num_round"), parameters.pop("early_stopping_rounds", None)
    metrics = parameters.pop("eval_metric", [])
    metrics = metrics.split(",") if isinstance(metrics, str) else list(metrics)
    if goal and goal.partition(":")[2] not in metrics:
        metrics.append(goal.partition(":")[2])
    if metrics:
        parameters["eval_metric"] = metrics
    data = {name: read(base / "input" / "data" / name, channels[name]) for name in SETS if name in channels}
    monitor = xgboost.callback.EvaluationMonitor(logger=lambda line: print(line.replace("\t", "#011").strip()))
    try:
        booster = xgboost.train(
            parameters,
            data["train"],
            num_boost_round=rounds,
            evals=[(matrix, name) for name, matrix in data.items()],
            early_stopping_rounds=patience,
            verbose_eval=False,
            callbacks=[monitor],
        )
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        raise RequestError(str(error).strip().splitlines()[0]) from error
    # The name that SageMaker gives the file has no ending to tell the format by.
    (base / "model" / "xgboost-model").write_bytes(booster.save_raw("ubj"))


def plain(text: str) -> Any:
    """Return a hyperparameter, which arrives as text, as the number, truth value or list it stands for."""
    try:
        return json.loads(text.replace("'", '"'))
    except ValueError:
        return text


def read(folder: Path, channel: dict[str, str]) -> Any:
    """Return the rows of a channel's files."""
    import numpy as np
    import xgboost
    from sklearn.datasets import load_svmlight_files

    kind = channel.get("ContentType", "text/libsvm").partition(";")[0].strip().lower()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if kind in ("text/csv", "csv"):
        try:
            parts = [np.genfromtxt(path, delimiter=",", ndmin=2, dtype=np.float32) for path in files]
            rows = np.concatenate(parts)
        except ValueError as error:
            raise RequestError(f"The channel {folder.name} cannot be read as CSV: {error}") from error
        if np.isnan(rows[:, 0]).any():
            raise RequestError(
                f"The first column of the channel {folder.name} must be numbers, the labels, without a header."
            )
        return xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])
    if kind in ("text/libsvm", "libsvm", "text/x-libsvm"):
        import scipy.sparse

        try:
            loaded = load_svmlight_files([str(path) for path in files], zero_based=True)
        except ValueError as error:
            raise RequestError(f"The channel {folder.name} cannot be read as libsvm: {error}") from error
        return xgboost.DMatrix(scipy.sparse.vstack(loaded[0::2]), label=np.concatenate(loaded[1::2]))
    raise RequestError(
        f"The content type {kind} of the channel {folder.name} is not read here; use text/csv or text/libsvm."
    )


if __name__ == "__main__":
    main()
