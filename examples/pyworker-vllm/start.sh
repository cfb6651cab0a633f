#!/bin/sh
# The model server, and the worker beside it. The worker takes this script's place, so that it is the one that is
# told to stop.
set -eu
folder="$(cd "$(dirname "$0")" && pwd)"
# Where the worker keeps what it measured, for when a stopped instance is started again.
cd "$HOME"

if [ "${USE_SSL:-false}" = true ]; then sh "$folder/../certificate.sh"; fi
# A file of its own at each start: what an earlier run has logged must not count.
MODEL_LOG="$(mktemp)"
export MODEL_LOG MODEL_SERVER_PORT="${MODEL_SERVER_PORT:-8000}"

vllm serve "${MODEL:-Qwen/Qwen2.5-7B-Instruct}" \
  --host 127.0.0.1 --port "$MODEL_SERVER_PORT" --max-model-len "${MAX_MODEL_LEN:-8192}" >"$MODEL_LOG" 2>&1 &
exec node "$folder/worker.ts"
