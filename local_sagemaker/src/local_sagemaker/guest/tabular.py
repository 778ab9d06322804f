"""What stands in the XGBoost and scikit-learn images, around AWS's own inference toolkit.

A script may bring its own model_fn, input_fn, predict_fn and output_fn, as in those images; what it leaves out is here.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker_inference import decoder, default_handler_service, encoder
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.errors import GenericInferenceToolkitError
from sagemaker_inference.transformer import Transformer

CSV = "text/csv"
KINDS = (CSV, "application/json", "application/x-npy")


class TableHandler(DefaultInferenceHandler):
    """Rows in, one prediction a row out."""

    def default_model_fn(self, model_dir: str, context: Any | None = None) -> Any:
        """Load what XGBoost's own algorithm leaves in an archive."""
        path = Path(model_dir, "xgboost-model")
        if not path.exists():
            raise ValueError(
                "The archive holds no xgboost-model and the script no model_fn(model_dir); add one of them."
            )
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(path)
        return booster

    def default_input_fn(self, input_data: Any, content_type: str | None, context: Any | None = None) -> np.ndarray:
        """Read rows of numbers."""
        kind = (content_type or "").partition(";")[0].strip().lower()
        if kind not in KINDS:
            raise GenericInferenceToolkitError(415, f"{content_type} is not read here; send one of {', '.join(KINDS)}.")
        try:
            rows = np.asarray(decoder.decode(input_data, kind), dtype=np.float32)
        except ValueError as error:
            raise GenericInferenceToolkitError(400, f"The body cannot be read as {kind}: {error}") from error
        return rows.reshape(-1, rows.shape[-1]) if rows.ndim else rows.reshape(1, 1)

    def default_predict_fn(self, data: Any, model: Any, context: Any | None = None) -> Any:
        """Ask an XGBoost booster, or anything that predicts as scikit-learn's models do."""
        if type(model).__module__.startswith("xgboost.core"):
            import xgboost

            data = xgboost.DMatrix(data)
        return model.predict(data)

    def default_output_fn(self, prediction: Any, accept: str, context: Any | None = None) -> tuple[Any, str]:
        """Write the predictions: CSV on one line, or in a batch transform one line a row, as XGBoost's image does."""
        wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
        kind = next((kind for kind in wanted if kind in KINDS), "application/json" if "*/*" in wanted else None)
        if kind is None:
            raise GenericInferenceToolkitError(406, f"{accept} is not written here; accept one of {', '.join(KINDS)}.")
        if kind == CSV and np.ndim(prediction) == 1:
            end = "\n" if os.environ.get("SAGEMAKER_BATCH") == "true" else ","
            return end.join(str(value) for value in prediction.tolist()) + end.strip(","), kind
        return encoder.encode(prediction, kind), kind


class HandlerService(default_handler_service.DefaultHandlerService):
    """What the model server calls."""

    def __init__(self):
        super().__init__(Transformer(TableHandler()))
