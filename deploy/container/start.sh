#!/usr/bin/env bash
# What a container of the image does: `train` and `serve` as SageMaker asks for them, anything else as it is.
set -euo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

case "${1:-}" in
    train) # AWS's training toolkit, which runs the script in /opt/ml/code
        export SAGEMAKER_PROGRAM="${SAGEMAKER_PROGRAM:-train.py}"
        exec train
        ;;
    serve) # AWS's model server and toolkit, which run the script in the model's archive
        exec python "$HERE/serve.py"
        ;;
    *)
        exec "$@"
        ;;
esac
