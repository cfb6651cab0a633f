import type { FailureKind } from '../../src/domain/failure.ts';
import type { Whose } from '../../src/domain/session.ts';

/**
 * What the provider's documents, its command line's sources and other people's reports say can go wrong, text by
 * text, and what it is here. `kind: null`: no failure, or none that its text alone proves.
 */
export type Documented = {
  readonly said: string;
  readonly kind: FailureKind | null;
  readonly whose?: Whose;
};

/** Answers of a create that refuse it: status, code, text. */
export const CREATE_REFUSALS: readonly (Documented & { status: number; code: string | null })[] = [
  {
    status: 404,
    code: 'invalid_args',
    said: 'error 404/3603: no_such_ask Instance type by id 123 is not available.',
    kind: 'offer-gone',
    whose: 'market',
  },
  {
    status: 410,
    code: 'no_such_ask',
    said: 'error 410/3700: no_such_ask offer 123 is no longer available.',
    kind: 'offer-gone',
    whose: 'market',
  },
  { status: 400, code: 'no_such_ask', said: 'no_such_ask', kind: 'offer-gone', whose: 'market' },
  { status: 400, code: 'invalid_args', said: 'disk must be a number', kind: 'bad-order', whose: 'caller' },
  {
    status: 400,
    code: 'invalid_price',
    said: 'Bid price must be above 0.01',
    kind: 'bid-refused',
    whose: 'market',
  },
  {
    status: 400,
    code: 'insufficient_credit',
    said: 'Your account lacks credit; see the billing page.',
    kind: 'no-credit',
    whose: 'account',
  },
  {
    status: 200,
    code: null,
    said: 'Your account lacks credit; see the billing page.',
    kind: 'no-credit',
    whose: 'account',
  },
  {
    status: 429,
    code: 'spend_rate_limit',
    said: 'New accounts may not spend so fast.',
    kind: 'spend-rate',
    whose: 'account',
  },
  {
    status: 400,
    code: 'spend_rate_limit',
    said: 'New accounts may not spend so fast.',
    kind: 'spend-rate',
    whose: 'account',
  },
  {
    status: 400,
    code: 'no_ssh_key_for_vm',
    said: 'VM instances need an ssh key',
    kind: 'bad-order',
    whose: 'caller',
  },
  {
    status: 403,
    code: 'invalid_args',
    said: 'error 403/3610: This ask is not your own.',
    kind: 'account-restricted',
    whose: 'account',
  },
  { status: 429, code: null, said: 'API requests too frequent', kind: 'too-many', whose: 'nobody' },
  {
    status: 429,
    code: null,
    said: 'API requests too frequent: endpoint threshold=4.5*1.0',
    kind: 'too-many',
    whose: 'nobody',
  },
  {
    status: 429,
    code: 'rate_limit_exceeded',
    said: 'API requests too frequent endpoint threshold=3.0',
    kind: 'too-many',
    whose: 'nobody',
  },
  {
    status: 429,
    code: 'search_quota_exceeded',
    said: 'Daily search quota exceeded',
    kind: 'search-quota',
    whose: 'account',
  },
  { status: 404, code: 'auth_error', said: 'Invalid user key', kind: 'auth', whose: 'account' },
  { status: 401, code: 'auth_error', said: 'Invalid user key', kind: 'auth', whose: 'account' },
  { status: 403, code: 'auth_error', said: 'This action requires login.', kind: 'auth', whose: 'account' },
  {
    status: 404,
    code: 'auth_error',
    said: 'Session expired. Please log in again.',
    kind: 'auth',
    whose: 'account',
  },
  {
    status: 401,
    code: null,
    said: 'Missing access to api.instance.create',
    kind: 'auth',
    whose: 'account',
  },
  {
    status: 200,
    code: 'resources_unavailable',
    said: 'Required resources are currently unavailable, state change queued.',
    kind: 'offer-gone',
    whose: 'market',
  },
];

/** `status_msg` of an instance that has not come to run. */
export const STATUS_MESSAGES: readonly Documented[] = [
  {
    said: 'Error response from daemon: manifest for vllm/vllm-openai:v9 not found: manifest unknown',
    kind: 'image-not-found',
    whose: 'caller',
  },
  {
    said: 'Error response from daemon: pull access denied for acme/private',
    kind: 'image-denied',
    whose: 'caller',
  },
  {
    said: 'repository does not exist or may require authorization: server message: insufficient_scope',
    kind: 'image-denied',
    whose: 'caller',
  },
  { said: 'unauthorized: authentication required', kind: 'image-denied', whose: 'caller' },
  {
    said: 'Error: failed to inject CDI devices: unresolvable CDI devices D.28400044/gpu=0',
    kind: 'cdi-error',
    whose: 'host',
  },
  {
    said: 'Error response from daemon: failed to create task for container: OCI runtime create failed: runc create failed',
    kind: 'oci-error',
    whose: 'host',
  },
  {
    said: 'nvidia-container-cli: device error: 2: unknown device: unknown',
    kind: 'gpu-runtime-broken',
    whose: 'host',
  },
  {
    said: 'Error response from daemon: unknown or invalid runtime name: nvidia',
    kind: 'gpu-runtime-broken',
    whose: 'host',
  },
  {
    said: "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    kind: 'disk-broken',
    whose: 'host',
  },
  { said: 'CUDA error: uncorrectable ECC error encountered', kind: 'gpu-broken', whose: 'host' },
  {
    said: 'Unable to determine the device handle for GPU0000:41:00.0: Unknown Error',
    kind: 'gpu-broken',
    whose: 'host',
  },
  { said: 'GPU error, unable to start instance', kind: 'gpu-broken', whose: 'host' },
  {
    said: 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
    kind: 'daemon-down',
    whose: 'host',
  },
  { said: 'docker_build() error writing dockerfile', kind: 'disk-broken', whose: 'host' },
  { said: 'container failed to start', kind: 'container-failed', whose: 'host' },
  { said: 'Requested volume does not exist', kind: 'volume-missing', whose: 'caller' },
  { said: 'container is mounted', kind: 'volume-busy', whose: 'host' },
  { said: 'Internal error', kind: 'provider-error', whose: 'market' },
  { said: 'Successfully loaded vllm/vllm-openai:v0.16.0', kind: null },
  { said: 'success, running vllm/vllm-openai_v0.16.0/ssh', kind: null },
  { said: 'Waiting for template update', kind: null },
  { said: 'Secrets fetch in progress', kind: null },
];

/** What vLLM writes when it will never serve, and what it writes on its way. */
export const VLLM_LINES: readonly Documented[] = [
  { said: 'EngineCore encountered a fatal error.', kind: 'engine-died', whose: 'host' },
  {
    said: 'vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.',
    kind: 'engine-died',
    whose: 'host',
  },
  {
    said: 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 130.00 MiB. GPU 0 has a total capacity of 23.53 GiB',
    kind: 'gpu-memory',
    whose: 'host',
  },
  {
    said: 'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.',
    kind: 'context-too-long',
    whose: 'caller',
  },
  {
    said: "ValueError: The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (21520).",
    kind: 'context-too-long',
    whose: 'caller',
  },
  {
    said: 'RuntimeError: The NVIDIA driver on your system is too old (found version 11080). Please update your GPU driver.',
    kind: 'driver-too-old',
    whose: 'host',
  },
  {
    said: 'torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device',
    kind: 'gpu-unsuited',
    whose: 'host',
  },
  {
    said: 'OSError: You are trying to access a gated repo. Make sure to have access to it at https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct. 401 Client Error.',
    kind: 'model-gated',
    whose: 'caller',
  },
  {
    said: 'huggingface_hub.errors.GatedRepoError: 403 Client Error. Access to model meta-llama/Llama-3.1-8B-Instruct is restricted and you are not in the authorized list.',
    kind: 'model-gated',
    whose: 'caller',
  },
  { said: 'vllm: error: unrecognized arguments: --max-model-length 8192', kind: 'bad-flag', whose: 'caller' },
  { said: "non-default args: {'model': 'Qwen/Qwen2.5-7B-Instruct', 'api_key': ['…']}", kind: null },
  { said: 'Resolved architecture: Qwen2ForCausalLM', kind: null },
  { said: 'Using max model len 32768', kind: null },
  { said: 'Initializing a V1 LLM engine (v0.16.0) with config: …', kind: null },
  { said: 'Starting to load model Qwen/Qwen2.5-7B-Instruct...', kind: null },
  { said: 'Loading weights took 4.21 seconds', kind: null },
  { said: 'GPU KV cache size: 98,304 tokens', kind: null },
  {
    said: 'init engine (profile, create kv cache, warmup model) took 31.22 seconds',
    kind: null,
  },
  { said: 'Starting vLLM API server 0 on http://0.0.0.0:8000', kind: null },
  { said: 'Application startup complete.', kind: null },
];

/** Rows of an instance, by what they show and not by a text. */
export const INSTANCE_STATES: readonly (Documented & {
  actual: string | null;
  intended: string | null;
  isBid?: boolean;
  hasListingEnded?: boolean;
})[] = [
  { said: 'still provisioning', actual: null, intended: 'running', kind: null },
  { said: 'loading', actual: 'loading', intended: 'running', kind: null },
  {
    said: 'the provider gave up loading',
    actual: 'loading',
    intended: 'stopped',
    kind: 'gave-up-loading',
    whose: 'host',
  },
  {
    said: 'the container ended, or its GPU was lost',
    actual: 'exited',
    intended: 'running',
    kind: 'exited',
    whose: 'host',
  },
  {
    said: 'outbid: stopped without our asking',
    actual: 'stopped',
    intended: 'stopped',
    isBid: true,
    kind: 'outbid',
    whose: 'market',
  },
  {
    said: 'the host took its GPU back',
    actual: 'stopped',
    intended: 'stopped',
    kind: 'stopped-by-provider',
    whose: 'host',
  },
  {
    said: 'the listing ended',
    actual: 'stopped',
    intended: 'stopped',
    hasListingEnded: true,
    kind: 'listing-ended',
    whose: 'market',
  },
  {
    said: 'the host is offline',
    actual: 'offline',
    intended: 'running',
    kind: 'host-offline',
    whose: 'host',
  },
  {
    said: 'the host is not heard of',
    actual: 'unknown',
    intended: 'running',
    kind: 'host-offline',
    whose: 'host',
  },
  { said: 'running', actual: 'running', intended: 'running', kind: null },
];

/** Traps that neither a text nor a row shows: what a look or a call found out. */
export const FOUND_OUT: readonly (Documented & { kind: FailureKind })[] = [
  { said: 'answer to create lost', kind: 'create-unknown', whose: 'nobody' },
  { said: '5xx or a broken connection', kind: 'server-error', whose: 'nobody' },
  { said: 'the market cannot be reached', kind: 'unreachable', whose: 'nobody' },
  { said: 'an answer that is not JSON', kind: 'bad-answer', whose: 'nobody' },
  { said: 'running, and its port is never mapped', kind: 'port-missing', whose: 'host' },
  { said: 'mapped, and not reachable', kind: 'port-unreachable', whose: 'host' },
  { said: 'running, and the application is silent', kind: 'vllm-timeout', whose: 'host' },
  { said: 'loading beyond the time its image needs', kind: 'boot-timeout', whose: 'host' },
  { said: 'the price is not the offered one', kind: 'contract-mismatch', whose: 'host' },
  { said: 'gone, and nobody of ours destroyed it', kind: 'vanished', whose: 'host' },
  { said: 'another server answers at the port', kind: 'wrong-server', whose: 'host' },
];
