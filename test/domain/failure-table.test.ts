/** Every row of the failure table, met by the text it stands for as machines, Vast.ai and vLLM write it. */
import { expect, test } from 'vitest';
import {
  classifyCreateRefusal,
  classifyStatusMessage,
  classifyVllmLog,
  type FailureKind,
} from '../../src/domain/failure.ts';
import { LOG_ROWS, REFUSAL_ROWS, STATUS_ROWS } from '../../src/domain/failure-table.ts';
import type { Whose } from '../../src/domain/session.ts';

const STATUS_TEXTS: readonly [string, FailureKind, Whose][] = [
  [
    'Error response from daemon: manifest for acme/nothing:v9 not found: manifest unknown: manifest unknown',
    'image-not-found',
    'caller',
  ],
  ['Error: manifest unknown', 'image-not-found', 'caller'],
  ['docker: invalid reference format', 'image-not-found', 'caller'],
  [
    "Error response from daemon: pull access denied for acme/own, repository does not exist or may require 'docker login'",
    'image-denied',
    'caller',
  ],
  [
    'repository does not exist or may require authorization: server message: insufficient_scope',
    'image-denied',
    'caller',
  ],
  [
    'Error response from daemon: Head "https://registry/v2/": unauthorized: authentication required',
    'image-denied',
    'caller',
  ],
  ['unauthorized: incorrect username or password', 'image-denied', 'caller'],
  ['denied: requested access to the resource is denied', 'image-denied', 'caller'],
  ['no matching manifest for linux/amd64 in the manifest list entries', 'image-unusable', 'caller'],
  ['exec /bin/bash: exec format error', 'image-unusable', 'caller'],
  [
    'OCI runtime create failed: exec: "bash": executable file not found in $PATH: unknown',
    'image-unusable',
    'caller',
  ],
  ['toomanyrequests: You have reached your pull rate limit.', 'pull-limited', 'host'],
  ['Error: failed to inject CDI devices: unresolvable CDI devices D.123/gpu=0', 'cdi-error', 'host'],
  ['unresolvable CDI devices D.9/gpu=1', 'cdi-error', 'host'],
  [
    'OCI runtime create failed: nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8',
    'driver-too-old',
    'host',
  ],
  ['unsatisfied condition: cuda>=12.9, please update your driver', 'driver-too-old', 'host'],
  ['The NVIDIA driver on your system is too old (found version 11080)', 'driver-too-old', 'host'],
  [
    'OCI runtime create failed: nvidia-container-cli: device error: 0: unknown device',
    'gpu-runtime-broken',
    'host',
  ],
  ['Error response from daemon: unknown or invalid runtime name: nvidia', 'gpu-runtime-broken', 'host'],
  ['could not select device driver "nvidia" with capabilities: [[gpu]]', 'gpu-runtime-broken', 'host'],
  ["--storage-opt is supported only for overlay over xfs with 'pquota' mount option", 'disk-broken', 'host'],
  ['docker_build() error writing dockerfile', 'disk-broken', 'host'],
  ['write /var/lib/docker/tmp/x: no space left on device', 'disk-broken', 'host'],
  ['CUDA error: uncorrectable ECC error encountered', 'gpu-broken', 'host'],
  ['Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost', 'gpu-broken', 'host'],
  ['GPU error, unable to start instance', 'gpu-broken', 'host'],
  [
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
    'daemon-down',
    'host',
  ],
  ['Bind for 0.0.0.0:41000 failed: port is already allocated', 'ports-taken', 'host'],
  ['net/http: TLS handshake timeout', 'pull-network', 'host'],
  [
    'Error response from daemon: Get "https://registry/v2/": dial tcp 1.2.3.4:443: i/o timeout',
    'pull-network',
    'host',
  ],
  [
    'Error response from daemon: Get "https://registry/v2/": context deadline exceeded',
    'pull-network',
    'host',
  ],
  ['Error response from daemon: dial tcp: lookup registry: no such host', 'pull-network', 'host'],
  ['net/http: request canceled while waiting for connection', 'pull-network', 'host'],
  ['Requested volume does not exist', 'volume-missing', 'caller'],
  ['volume cannot be removed: container is mounted', 'volume-busy', 'host'],
  [
    'Error response from daemon: OCI runtime create failed: runc create failed: unable to start container process',
    'oci-error',
    'host',
  ],
  ['container failed to start', 'container-failed', 'host'],
  ['Internal error', 'provider-error', 'market'],
];

test.each(STATUS_TEXTS)('the machine says "%s": %s, the %s\'s', (text, kind, whose) => {
  expect(classifyStatusMessage(text)).toMatchObject({ kind, whose });
  expect(classifyStatusMessage(text.toUpperCase())?.kind).toBe(kind);
});

const REFUSALS: readonly [string, string, FailureKind, Whose][] = [
  ['no-turn', 'Cannot rent offer 7: no turn before the deadline', 'too-many', 'nobody'],
  ['not-connected', 'Cannot rent offer 7: Vast.ai cannot be reached', 'unreachable', 'nobody'],
  ['deadline', 'Cannot rent offer 7: out of time', 'unreachable', 'nobody'],
  ['cancelled', 'Cannot rent offer 7: called off', 'unreachable', 'nobody'],
  [
    'invalid_args',
    'error 404/3603: no_such_ask Instance type by id 123 is not available.',
    'offer-gone',
    'market',
  ],
  ['no_such_ask', 'error 410: no_such_ask: offer is no longer available', 'offer-gone', 'market'],
  ['http-410', 'This offer is no longer available.', 'offer-gone', 'market'],
  [
    'resources_unavailable',
    'Required resources are currently unavailable, state change queued.',
    'offer-gone',
    'market',
  ],
  ['http-404', '', 'offer-gone', 'market'],
  ['http-410', '', 'offer-gone', 'market'],
  ['invalid_args', 'disk must be a number', 'bad-order', 'caller'],
  ['invalid_request', 'Invalid json body', 'bad-order', 'caller'],
  ['bad_request', 'q.gpu_name: Input should be a valid dictionary', 'bad-order', 'caller'],
  ['http-400', 'nothing more is said', 'bad-order', 'caller'],
  ['label_too_long', 'Label too long', 'bad-order', 'caller'],
  ['no_ssh_key_for_vm', 'VM needs an ssh key', 'bad-order', 'caller'],
  ['invalid_price', 'Bid price is too low', 'bid-refused', 'market'],
  ['insufficient_credit', 'Your account lacks credit; see the billing page.', 'no-credit', 'account'],
  ['http-400', 'Your account lacks credit; see the billing page.', 'no-credit', 'account'],
  ['spend_rate_limit', 'New accounts may spend so much an hour', 'spend-rate', 'account'],
  ['search_quota_exceeded', 'Daily search quota exceeded', 'search-quota', 'account'],
  ['auth_error', 'Invalid user key', 'auth', 'account'],
  ['http-404', 'Invalid user key', 'auth', 'account'],
  ['http-403', 'This action requires login.', 'auth', 'account'],
  ['http-401', 'missing api.instance.create', 'auth', 'account'],
  ['http-403', '', 'auth', 'account'],
  ['invalid_args', 'error 403: the offer is not your own', 'account-restricted', 'account'],
  ['not_authorized', 'Not authorized', 'account-restricted', 'account'],
  ['rate_limit_exceeded', 'slow down', 'too-many', 'nobody'],
  ['http-429', 'API requests too frequent: endpoint threshold=4.5*1.0', 'too-many', 'nobody'],
  ['http-429', '', 'too-many', 'nobody'],
  ['server_error', 'Something went wrong on the server', 'server-error', 'nobody'],
  ['http-503', '', 'server-error', 'nobody'],
  ['brand_new_code', 'nobody has seen this before', 'refused', 'market'],
];

test.each(REFUSALS)('a create refused with %s "%s" is %s, the %s\'s', (code, message, kind, whose) => {
  expect(classifyCreateRefusal({ code, message })).toMatchObject({ kind, whose });
});

const LOG_LINES: readonly [string, FailureKind, Whose][] = [
  ['OSError: You are trying to access a gated repo.', 'model-gated', 'caller'],
  ['huggingface_hub.errors.GatedRepoError: 403 Client Error.', 'model-gated', 'caller'],
  [
    'Cannot access gated repo for url https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct/resolve/main/config.json.',
    'model-gated',
    'caller',
  ],
  [
    'requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/x',
    'model-gated',
    'caller',
  ],
  ['403 Client Error: Forbidden for url: https://huggingface.co/x', 'model-gated', 'caller'],
  [
    '403 Forbidden: Please enable access to public gated repositories. url: https://huggingface.co/api',
    'model-gated',
    'caller',
  ],
  ['huggingface_hub.errors.RepositoryNotFoundError: 404', 'model-not-found', 'caller'],
  ['Repository Not Found for url: https://huggingface.co/api/models/acme/none', 'model-not-found', 'caller'],
  [
    "OSError: acme/none is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'",
    'model-not-found',
    'caller',
  ],
  ['ValueError: Invalid repository ID or local directory specified: ./nowhere', 'model-not-found', 'caller'],
  ['vllm: error: unrecognized arguments: --max-model-length 9', 'bad-flag', 'caller'],
  ["api_server.py: error: argument --dtype: invalid choice: 'half16'", 'bad-flag', 'caller'],
  ['vllm serve: error: ambiguous option: --max could match --max-model-len', 'bad-flag', 'caller'],
  [
    'ValueError: User-specified max_model_len (65536) is greater than the derived max_model_len (max_position_embeddings=32768)',
    'bad-flag',
    'caller',
  ],
  [
    'ValueError: Total number of attention heads (28) must be divisible by tensor parallel size (8).',
    'bad-flag',
    'caller',
  ],
  [
    'ValueError: Quantization method specified in the model config (awq) does not match the quantization method specified in the `quantization` argument (gptq).',
    'bad-flag',
    'caller',
  ],
  [
    "ValueError: Model architectures ['FooForCausalLM'] are not supported for now.",
    'model-unsupported',
    'caller',
  ],
  [
    "ValueError: Model architectures ['FooForCausalLM'] failed to be inspected.",
    'model-unsupported',
    'caller',
  ],
  [
    'Please pass the argument `trust_remote_code=True` to allow custom code to be run.',
    'model-unsupported',
    'caller',
  ],
  ['model type `foo` but Transformers does not recognize this architecture', 'model-unsupported', 'caller'],
  [
    'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`',
    'context-too-long',
    'caller',
  ],
  [
    "ValueError: The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (37632).",
    'context-too-long',
    'caller',
  ],
  [
    '16.00 GiB KV cache is needed, which is larger than the available KV cache memory (5.21 GiB)',
    'context-too-long',
    'caller',
  ],
  [
    'RuntimeError: The NVIDIA driver on your system is too old (found version 12020).',
    'driver-too-old',
    'host',
  ],
  ['CUDA driver version is insufficient for CUDA runtime version', 'driver-too-old', 'host'],
  ['the provided PTX was compiled with an unsupported toolchain.', 'driver-too-old', 'host'],
  [
    'RuntimeError: CUDA error: no kernel image is available for execution on the device',
    'gpu-unsuited',
    'host',
  ],
  [
    'ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0.',
    'gpu-unsuited',
    'host',
  ],
  [
    'ValueError: The quantization method awq is not supported for the current GPU. Minimum capability: 75. Current capability: 70.',
    'gpu-unsuited',
    'host',
  ],
  ['CUDA error: uncorrectable ECC error encountered', 'gpu-broken', 'host'],
  ['NVRM: Xid 79, GPU has fallen off the bus.', 'gpu-broken', 'host'],
  ['RuntimeError: Failed to infer device type, please set the environment variable', 'gpu-missing', 'host'],
  ['RuntimeError: No CUDA GPUs are available', 'gpu-missing', 'host'],
  ['RuntimeError: Found no NVIDIA driver on your system.', 'gpu-missing', 'host'],
  ['CUDA driver initialization failed, you might not have a CUDA gpu.', 'gpu-missing', 'host'],
  ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.02 GiB.', 'gpu-memory', 'host'],
  ['torch.OutOfMemoryError: Allocation failed', 'gpu-memory', 'host'],
  [
    'ValueError: Free memory on device (3.1/23.6 GiB) on startup is less than desired GPU memory utilization (0.9, 21.3 GiB).',
    'gpu-memory',
    'host',
  ],
  ['OSError: [Errno 28] No space left on device', 'disk-full', 'host'],
  ["OSError: We couldn't connect to 'https://huggingface.co' to load the files", 'hub-unreachable', 'host'],
  [
    'huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the file on the Hub',
    'hub-unreachable',
    'host',
  ],
  ['RuntimeError: NCCL error: unhandled system error', 'nccl-error', 'host'],
  ['EngineCore encountered a fatal error.', 'engine-died', 'host'],
  ['vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.', 'engine-died', 'host'],
  ['RuntimeError: Engine core initialization failed. See root cause above.', 'engine-died', 'host'],
  ['ERROR core.py: EngineCore failed to start.', 'engine-died', 'host'],
];

test.each(LOG_LINES)('vLLM logs "%s": %s, the %s\'s', (line, kind, whose) => {
  expect(classifyVllmLog(['INFO Starting to load model', line])).toMatchObject({ kind, whose });
});

test('every row of the tables is met by one of these real texts', () => {
  const covers = (texts: readonly string[]) => (row: { fragments: readonly string[] }) =>
    texts.some((text) => row.fragments.every((fragment) => text.toLowerCase().includes(fragment)));
  expect(STATUS_ROWS.filter((row) => !covers(STATUS_TEXTS.map(([text]) => text))(row))).toEqual([]);
  expect(LOG_ROWS.filter((row) => !covers(LOG_LINES.map(([text]) => text))(row))).toEqual([]);
  const refusals = REFUSALS.map(([code, message]) => `${code} ${message}`);
  expect(REFUSAL_ROWS.filter((row) => !covers(refusals)(row))).toEqual([]);
});

test('fragments are lower case, or they would never match', () => {
  for (const { fragments } of [...STATUS_ROWS, ...REFUSAL_ROWS, ...LOG_ROWS]) {
    for (const fragment of fragments) expect(fragment).toBe(fragment.toLowerCase());
  }
});
