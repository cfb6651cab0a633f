/**
 * The flags of `vllm serve` 0.16, by what they take. Anything else is refused as real vLLM refuses it.
 * The list errs on the generous side: a flag wrongly refused would end a session that works on a real GPU.
 */

export type FlagShape = 'switch' | 'value' | 'list';

/** The long name a written flag stands for, and its shape; null for one that vLLM 0.16 does not have. */
export function findFlag(written: string): { readonly name: string; readonly shape: FlagShape } | null {
  if (!written.startsWith('--')) {
    const long = SHORT_FLAGS[written] ?? (/^-O(\d|\.)/.test(written) ? '--optimization-level' : undefined);
    return long === undefined ? null : { name: long, shape: written.startsWith('-O') ? 'switch' : 'value' };
  }
  // vLLM's parser takes `--max_model_len`, and dotted names into JSON-valued flags.
  const name = written.replaceAll('_', '-').replace(/(?<=\w)\.[\w.+-]+$/, '');
  const shape = SHAPES.get(name) ?? (name.startsWith('--no-') ? SHAPES.get(`--${name.slice(5)}`) : undefined);
  return shape === undefined ? null : { name, shape };
}

const SHORT_FLAGS: Readonly<Record<string, string>> = {
  '-tp': '--tensor-parallel-size',
  '-pp': '--pipeline-parallel-size',
  '-dp': '--data-parallel-size',
  '-dpn': '--data-parallel-rank',
  '-dpr': '--data-parallel-start-rank',
  '-dpl': '--data-parallel-size-local',
  '-dpa': '--data-parallel-address',
  '-dpp': '--data-parallel-rpc-port',
  '-dpb': '--data-parallel-backend',
  '-dcp': '--decode-context-parallel-size',
  '-pcp': '--prefill-context-parallel-size',
  '-asc': '--api-server-count',
  '-q': '--quantization',
  '-cc': '--compilation-config',
  '-n': '--nnodes',
  '-r': '--node-rank',
};

const VALUES = `
model host port uds uvicorn-log-level chat-template chat-template-content-format response-role ssl-keyfile ssl-certfile
ssl-ca-certs ssl-cert-reqs ssl-ciphers root-path return-tokens-as-token-ids tool-call-parser tool-parser-plugin tool-server
log-config-file max-log-len h11-max-incomplete-event-size h11-max-header-count allowed-origins allowed-methods
allowed-headers config api-server-count default-chat-template-kwargs default-mm-loras
runner convert task tokenizer tokenizer-mode dtype seed hf-config-path allowed-local-media-path
allowed-media-domains revision code-revision rope-scaling rope-theta tokenizer-revision max-model-len quantization
max-seq-len-to-capture max-logprobs logprobs-mode config-format hf-token hf-overrides override-neuron-config
pooler-config override-pooler-config logits-processor-pattern generation-config override-generation-config
model-impl override-attention-dtype io-processor-plugin load-format download-dir safetensors-load-strategy
model-loader-extra-config ignore-patterns pt-load-map-location reasoning-parser reasoning-parser-plugin
guided-decoding-backend guided-decoding-disable-any-whitespace structured-outputs-config attention-backend
distributed-executor-backend pipeline-parallel-size master-addr master-port nnodes node-rank tensor-parallel-size
decode-context-parallel-size dcp-kv-cache-interleave-size cp-kv-cache-interleave-size prefill-context-parallel-size
data-parallel-size data-parallel-rank data-parallel-start-rank data-parallel-size-local data-parallel-address
data-parallel-rpc-port data-parallel-backend expert-placement-strategy all2all-backend dbo-decode-token-threshold
dbo-prefill-token-threshold ubatch-size num-ubatch eplb-config num-redundant-experts eplb-window-size eplb-step-interval
max-parallel-loading-workers ray-workers-use-nsight worker-cls worker-extension-cls block-size
gpu-memory-utilization swap-space kv-cache-dtype num-gpu-blocks-override cpu-offload-gb cpu-offload-params
prefix-caching-hash-algo calculate-kv-scales kv-sharing-fast-prefill mamba-cache-dtype mamba-ssm-cache-dtype
mamba-block-size mamba-cache-mode kv-cache-memory-bytes kv-offloading-size kv-offloading-backend
limit-mm-per-prompt media-io-kwargs mm-processor-kwargs mm-processor-cache-gb mm-processor-cache-type
mm-shm-cache-max-object-size-mb mm-encoder-tp-mode mm-encoder-attn-backend video-pruning-rate
max-lora-rank lora-extra-vocab-size lora-dtype max-loras max-cpu-loras fully-sharded-loras
show-hidden-metrics-for-version otlp-traces-endpoint kv-cache-metrics-sample max-num-batched-tokens max-num-seqs
max-num-partial-prefills max-long-partial-prefills long-prefill-token-threshold num-lookahead-slots
scheduling-policy scheduler-cls stream-interval speculative-config kv-transfer-config kv-events-config
ec-transfer-config compilation-config attention-config kernel-config optimization-level additional-config
profiler-config weight-transfer-config performance-mode renderer-num-workers fail-on-environ-validation
shutdown-timeout cuda-graph-sizes max-cudagraph-capture-size structured-output-backend
moe-backend linear-backend data-parallel-hybrid-lb-address tokens-only
`;

const SWITCHES = `
headless trust-remote-code allow-credentials enable-ssl-refresh enable-auto-tool-choice exclude-tools-when-tool-choice-none
enable-prompt-tokens-details enable-server-load-tracking enable-force-include-usage enable-tokenizer-info-endpoint
enable-log-outputs enable-log-deltas log-error-stack trust-request-chat-template disable-uvicorn-access-log
disable-frontend-multiprocessing enable-request-id-headers disable-fastapi-docs disable-log-requests enable-log-requests
disable-log-stats aggregate-engine-logging enforce-eager disable-sliding-window disable-cascade-attn
skip-tokenizer-init enable-prompt-embeds enable-sleep-mode use-tqdm-on-load enable-expert-parallel enable-dbo
enable-eplb eplb-log-balancedness enable-elastic-ep disable-custom-all-reduce data-parallel-hybrid-lb
data-parallel-external-lb disable-nccl-for-dp-synchronization enable-prefix-caching kv-sharing-fast-prefill
calculate-kv-scales enable-lora enable-lora-bias enable-tower-connector-lora specialize-active-lora
disable-mm-preprocessor-cache interleave-mm-strings skip-mm-profiling enable-mm-embeds language-model-only
disable-hybrid-kv-cache-manager async-scheduling enable-chunked-prefill disable-chunked-mm-input multi-step-stream-outputs
enable-multimodal-encoder-data-parallel enable-layerwise-nvtx-tracing enable-mfu-metrics kv-cache-metrics
cudagraph-metrics enable-logging-iteration-details enable-mm-processor-stats guided-decoding-disable-fallback
guided-decoding-disable-additional-properties enable-reasoning use-v2-block-manager scheduler-reserve-full-isl
return-tokens-as-token-ids enable-return-routed-experts fully-sharded-loras ray-workers-use-nsight
enable-offline-docs disable-access-log-for-endpoints enable-flashinfer-autotune grpc
`;

const LISTS = `
api-key served-model-name lora-modules middleware collect-detailed-traces logits-processors cudagraph-capture-sizes
prompt-adapters
`;

const SHAPES: ReadonlyMap<string, FlagShape> = new Map([
  ...shaped(VALUES, 'value'),
  ...shaped(SWITCHES, 'switch'),
  ...shaped(LISTS, 'list'),
]);

function shaped(names: string, shape: FlagShape): [string, FlagShape][] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => [`--${name}`, shape]);
}
