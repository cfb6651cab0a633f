#!/bin/sh
# Makes a key, has Vast.ai sign its certificate, and puts both where a worker with USE_SSL=true looks for them.
# Callers trust the root at console.vast.ai/static/jvastai_root.cer.
set -eu

console="${VAST_CONSOLE_URL:-https://console.vast.ai}"
key=/etc/instance.key
certificate=/etc/instance.crt
request="$(mktemp)"
trap 'rm -f "$request"' EXIT

umask 077
openssl req -newkey rsa:2048 -nodes -sha256 -subj '/C=US/ST=CA/CN=pyworker.vast.ai' \
  -keyout "$key" -out "$request" 2>/dev/null
curl --fail --silent --show-error --retry 5 --max-time 60 \
  --header 'Content-Type: application/octet-stream' --data-binary "@$request" \
  --output "$certificate" "$console/api/v0/sign_cert/?instance_id=$CONTAINER_ID"
