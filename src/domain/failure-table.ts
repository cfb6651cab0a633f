/** What each failure is: whose, what follows, and the texts it is known by. A new kind needs a line in `POLICIES`. */
import type { Whose } from './session.ts';

export type FailureKind = keyof typeof POLICIES;

export type FailurePolicy = {
  readonly whose: Whose;
  /** How long the machine is avoided; 0: it is not to blame. */
  readonly blockMachineMs: number;
  /** No other offer would help: end the launch. */
  readonly stop: boolean;
  /** What happened and what to do, for people. */
  readonly says: string;
};

const HOUR = 3_600_000;
/** Broken until somebody repairs it. */
const BROKEN = 72 * HOUR;
/** Bad today. */
const POOR = 12 * HOUR;
/** May be bad luck. */
const DOUBTFUL = HOUR;

const caller = (says: string): FailurePolicy => ({ whose: 'caller', blockMachineMs: 0, stop: true, says });
const host = (blockMachineMs: number, says: string): FailurePolicy => ({
  whose: 'host',
  blockMachineMs,
  stop: false,
  says,
});
const market = (says: string): FailurePolicy => ({ whose: 'market', blockMachineMs: 0, stop: false, says });
const account = (says: string): FailurePolicy => ({ whose: 'account', blockMachineMs: 0, stop: true, says });
const nobody = (says: string): FailurePolicy => ({ whose: 'nobody', blockMachineMs: 0, stop: false, says });

export const POLICIES = {
  // The caller's: every host would fail alike.
  'image-not-found': caller('The image or its tag does not exist. Check `image`.'),
  'image-denied': caller('The registry refuses the image. Check its name, or set LEASH_IMAGE_LOGIN.'),
  'image-unusable': caller(
    'The image cannot run here: it is built for another platform or lacks what it should start. Use another `image`.',
  ),
  'volume-missing': caller('The volume asked for does not exist. Remove it or make it first.'),
  'bad-order': caller('Vast.ai refuses the order as it is. Check image, disk, vllm_args and environment.'),
  'model-gated': caller(
    'The model hub refuses the model: it is gated or private. Accept its licence and set HF_TOKEN.',
  ),
  'model-not-found': caller('The model hub does not know the model. Check `model`.'),
  'model-unsupported': caller(
    'This vLLM cannot serve the model. Use a newer `image`, another `model`, or --trust-remote-code in vllm_args.',
  ),
  'bad-flag': caller("vLLM refuses its flags. Check vllm_args against the image's version."),
  'context-too-long': caller(
    'The card has no memory left for the context. Ask for a larger card (gpu_ram_gib) or a smaller --max-model-len.',
  ),
  'guard-blind': caller(
    'The image does not count requests per route, so its guard could not see us. Use a vLLM image, or turn the guard off with LEASH_GUARD_MINUTES=0.',
  ),
  'ended-before': caller(
    'This session had ended, by its receipt; Temporal was put back to before that. Nothing more is rented for it. Launch it again.',
  ),

  // The host's: destroy, avoid the machine, next offer.
  'cdi-error': host(BROKEN, 'The host cannot give its GPU to a container (CDI). Another machine is tried.'),
  'oci-error': host(DOUBTFUL, 'The host could not start the container (OCI). Another machine is tried.'),
  'container-failed': host(
    DOUBTFUL,
    "The container failed to start. Another machine is tried; look at the image's entry point if it recurs.",
  ),
  'gpu-runtime-broken': host(
    BROKEN,
    "The host's NVIDIA container runtime is broken. Another machine is tried.",
  ),
  'gpu-broken': host(BROKEN, "The host's GPU is faulty. Another machine is tried."),
  'gpu-missing': host(BROKEN, 'The container sees no GPU. Another machine is tried.'),
  'gpu-unsuited': host(BROKEN, 'The image has no code for this GPU. Another machine is tried.'),
  'driver-too-old': host(BROKEN, "The host's driver is too old for the image. Another machine is tried."),
  'daemon-down': host(POOR, "The host's Docker daemon does not answer. Another machine is tried."),
  'disk-broken': host(BROKEN, "The host's disk is full or wrongly set up. Another machine is tried."),
  'disk-full': host(
    DOUBTFUL,
    'The disk filled up. Another machine is tried; ask for more disk_gb if it recurs.',
  ),
  'volume-busy': host(
    DOUBTFUL,
    'The volume is still mounted elsewhere on the host. Another machine is tried.',
  ),
  'ports-taken': host(POOR, 'The host could not give the container its port. Another machine is tried.'),
  'pull-limited': host(POOR, 'The registry limits pulls from this host. Another machine is tried.'),
  'pull-network': host(POOR, 'The host could not reach the registry. Another machine is tried.'),
  'hub-unreachable': host(POOR, 'The host could not reach the model hub. Another machine is tried.'),
  'gpu-memory': host(
    DOUBTFUL,
    'The GPU ran out of memory while the model loaded. Another machine is tried; ask for a larger card (gpu_ram_gib) if it recurs.',
  ),
  'engine-died': host(DOUBTFUL, "vLLM's engine died. Another machine is tried."),
  'nccl-error': host(POOR, "The host's GPUs cannot talk to each other (NCCL). Another machine is tried."),
  'gave-up-loading': host(POOR, 'Vast.ai gave up starting the instance. Another machine is tried.'),
  exited: host(DOUBTFUL, 'The container ended by itself. Another machine is tried.'),
  'host-offline': host(
    POOR,
    'The machine has gone offline. It is destroyed all the same, since it would bill again on its return.',
  ),
  'stopped-by-provider': host(POOR, 'Vast.ai or the host stopped the instance.'),
  'guard-ended': nobody(
    'The instance is gone, and nobody had renewed its lease for longer than LEASH_GUARD_MINUTES: it was ended by its guard. Keep a worker and Temporal running.',
  ),
  vanished: host(DOUBTFUL, 'The instance is gone though nobody of ours destroyed it.'),
  'boot-timeout': host(POOR, 'The instance did not start in time. Another machine is tried.'),
  'vllm-timeout': host(POOR, 'vLLM did not serve the model in time. Another machine is tried.'),
  'startup-timeout': host(
    POOR,
    'The attempt was not READY within VASTAI_MAX_STARTUP_TIME_MINUTES. Another machine is tried.',
  ),
  'port-missing': host(BROKEN, 'The instance runs, but its port was never mapped. Another machine is tried.'),
  'port-unreachable': host(
    BROKEN,
    'The port is mapped, but nothing comes through. Another machine is tried.',
  ),
  'wrong-server': host(POOR, 'Something else than our model answers at the port. Another machine is tried.'),
  'wrong-certificate': host(
    BROKEN,
    'Who answers at the port cannot show the certificate made for the instance. It got no key of ours. Another machine is tried.',
  ),
  'contract-mismatch': host(POOR, 'The contract is not what was offered. Another machine is tried.'),
  unhealthy: host(DOUBTFUL, 'The model stopped answering.'),

  // The market's: next offer.
  'offer-gone': market('The offer was taken by somebody else or withdrawn. The next one is tried.'),
  'machine-taken': market('Another attempt of ours is renting this machine. The next offer is tried.'),
  'made-before': market(
    'This attempt was made before, in a life of the session that Temporal does not know: it was put back to an earlier moment. What it cost counts; the next offer is tried.',
  ),
  'bid-refused': market(
    'The bid is below the going price. The next offer is tried; raise max_bid_usd_per_hour if it recurs.',
  ),
  'price-moved': market('The price has moved beyond what may be spent. The next offer is tried.'),
  'provider-error': market('Vast.ai reports an internal error for this instance. The next offer is tried.'),
  refused: market('Vast.ai refused to rent the offer. The next one is tried.'),
  outbid: market('The instance was outbid. Bid more (max_bid_usd_per_hour) or rent on demand.'),
  'listing-ended': market("The machine's listing ended, and the instance with it."),
  'budget-too-small': caller(
    'No offer that fits can be paid for one keep-alive and its teardown. Launch with a larger budget_usd or a shorter keep_alive_minutes.',
  ),
  'no-offers': market('No offer fits. `leash offers --explain` names what each lacks.'),

  // The account's: nothing can be rented until its owner acts.
  'no-credit': account('The Vast.ai account has no credit. Add credit, then launch again.'),
  'spend-rate': account(
    'Vast.ai limits how fast this new account may spend. Wait, or ask its support to lift the limit.',
  ),
  'search-quota': account("The account's daily search quota is used up. It resets at midnight UTC."),
  auth: account('Vast.ai refuses the API key. Check VASTAI_API_KEY and its permissions.'),
  'account-restricted': account('This Vast.ai account may not rent such an offer. Use an account that may.'),

  // Nobody's: wait, then try the same again.
  'too-many': nobody('Vast.ai asks for fewer calls. Waiting.'),
  'server-error': nobody('Vast.ai answered with an error of its own. Waiting.'),
  unreachable: nobody('Vast.ai cannot be reached. Waiting.'),
  'bad-answer': nobody('Vast.ai gave an answer that cannot be read. Waiting.'),
  'create-unknown': nobody(
    'It is not known whether the instance was created: it was looked for by its label and not seen. It stays on the list of what is to be destroyed.',
  ),
} as const satisfies Record<string, FailurePolicy>;

/** All fragments in one text, in lower case; of several rows the first that matches. */
export type Row = { readonly fragments: readonly string[]; readonly kind: FailureKind };

const row = (kind: FailureKind, ...fragments: string[]): Row => ({ kind, fragments });

/** `status_msg`, specific texts before the general ones they are wrapped in. */
export const STATUS_ROWS: readonly Row[] = [
  row('image-not-found', 'manifest for', 'not found'),
  row('image-not-found', 'manifest unknown'),
  row('image-not-found', 'invalid reference format'),
  row('image-denied', 'pull access denied'),
  row('image-denied', 'repository does not exist or may require'),
  row('image-denied', 'unauthorized: authentication required'),
  row('image-denied', 'unauthorized: incorrect username or password'),
  row('image-denied', 'requested access to the resource is denied'),
  row('image-unusable', 'no matching manifest for'),
  row('image-unusable', 'exec format error'),
  row('image-unusable', 'executable file not found in $path'),
  row('pull-limited', 'toomanyrequests'),
  row('cdi-error', 'failed to inject cdi devices'),
  row('cdi-error', 'unresolvable cdi devices'),
  row('driver-too-old', 'nvidia-container-cli: requirement error'),
  row('driver-too-old', 'unsatisfied condition: cuda'),
  row('driver-too-old', 'driver on your system is too old'),
  row('gpu-runtime-broken', 'nvidia-container-cli'),
  row('gpu-runtime-broken', 'unknown or invalid runtime name: nvidia'),
  row('gpu-runtime-broken', 'could not select device driver'),
  row('disk-broken', '--storage-opt is supported only for overlay over xfs'),
  row('disk-broken', 'error writing dockerfile'),
  row('disk-broken', 'no space left on device'),
  row('gpu-broken', 'uncorrectable ecc error'),
  row('gpu-broken', 'unable to determine the device handle'),
  row('gpu-broken', 'gpu error, unable to start instance'),
  row('daemon-down', 'cannot connect to the docker daemon'),
  row('ports-taken', 'port is already allocated'),
  row('pull-network', 'tls handshake timeout'),
  row('pull-network', 'error response from daemon', 'i/o timeout'),
  row('pull-network', 'error response from daemon', 'context deadline exceeded'),
  row('pull-network', 'error response from daemon', 'no such host'),
  row('pull-network', 'request canceled while waiting for connection'),
  row('volume-missing', 'requested volume does not exist'),
  row('volume-busy', 'container is mounted'),
  row('oci-error', 'oci runtime create failed'),
  row('container-failed', 'container failed to start'),
  row('provider-error', 'internal error'),
];

/** Codes and texts of a refused create; what none names is `refused`. */
export const REFUSAL_ROWS: readonly Row[] = [
  row('no-credit', 'insufficient_credit'),
  row('no-credit', 'lacks credit'),
  row('spend-rate', 'spend_rate_limit'),
  row('search-quota', 'search_quota_exceeded'),
  row('auth', 'auth_error'),
  row('auth', 'invalid user key'),
  row('auth', 'requires login'),
  row('account-restricted', 'not your own'),
  row('account-restricted', 'not_authorized'),
  row('offer-gone', 'no_such_ask'),
  row('offer-gone', 'resources_unavailable'),
  row('offer-gone', 'no longer available'),
  row('bid-refused', 'invalid_price'),
  row('too-many', 'rate_limit_exceeded'),
  row('too-many', 'requests too frequent'),
  row('too-many', 'http-429'),
  row('bad-order', 'no_ssh_key_for_vm'),
  row('bad-order', 'label_too_long'),
  row('bad-order', 'invalid_args'),
  row('bad-order', 'invalid_request'),
  row('bad-order', 'bad_request'),
  row('server-error', 'server_error'),
  row('server-error', 'http-5'),
  // Our own words for a create that was called off before it was sent.
  row('too-many', 'no-turn'),
  row('unreachable', 'not-connected'),
  row('unreachable', 'deadline'),
  row('unreachable', 'cancelled'),
  row('auth', 'http-401'),
  row('auth', 'http-403'),
  row('offer-gone', 'http-404'),
  row('offer-gone', 'http-410'),
  row('bad-order', 'http-400'),
];

/** Fatal lines of vLLM's log, causes before the deaths they lead to. Ordinary lines and warnings match none. */
export const LOG_ROWS: readonly Row[] = [
  row('model-gated', 'cannot access gated repo'),
  row('model-gated', 'gatedrepoerror'),
  row('model-gated', 'you are trying to access a gated repo'),
  row('model-gated', '401 client error'),
  row('model-gated', '403 client error'),
  row('model-gated', '403 forbidden', 'huggingface.co'),
  row('model-not-found', 'repositorynotfounderror'),
  row('model-not-found', 'repository not found for url'),
  row('model-not-found', 'is not a local folder and is not a valid model identifier'),
  row('model-not-found', 'invalid repository id or local directory'),
  row('bad-flag', 'unrecognized arguments'),
  row('bad-flag', 'error: argument '),
  row('bad-flag', 'error: ambiguous option'),
  row('bad-flag', 'user-specified max_model_len', 'greater than the derived'),
  row('bad-flag', 'must be divisible by tensor parallel size'),
  row('bad-flag', 'does not match the quantization method specified'),
  row('model-unsupported', 'model architectures', 'are not supported'),
  row('model-unsupported', 'model architectures', 'failed to be inspected'),
  row('model-unsupported', 'trust_remote_code=true'),
  row('model-unsupported', 'does not recognize this architecture'),
  row('context-too-long', 'no available memory for the cache blocks'),
  row('context-too-long', 'max seq len', 'larger than', 'kv cache'),
  row('context-too-long', 'larger than the available kv cache memory'),
  row('driver-too-old', 'driver on your system is too old'),
  row('driver-too-old', 'driver version is insufficient for cuda runtime version'),
  row('driver-too-old', 'provided ptx was compiled with an unsupported toolchain'),
  row('gpu-unsuited', 'no kernel image is available for execution on the device'),
  row('gpu-unsuited', 'bfloat16 is only supported on gpus with compute capability'),
  row('gpu-unsuited', 'quantization method', 'not supported for the current gpu'),
  row('gpu-broken', 'uncorrectable ecc error'),
  row('gpu-broken', 'gpu has fallen off the bus'),
  row('gpu-missing', 'failed to infer device type'),
  row('gpu-missing', 'no cuda gpus are available'),
  row('gpu-missing', 'found no nvidia driver on your system'),
  row('gpu-missing', 'cuda driver initialization failed'),
  row('gpu-memory', 'cuda out of memory'),
  row('gpu-memory', 'torch.outofmemoryerror'),
  row('gpu-memory', 'free memory on device', 'less than desired gpu memory utilization'),
  row('disk-full', 'no space left on device'),
  row('hub-unreachable', "couldn't connect to 'https://huggingface.co'"),
  row('hub-unreachable', 'localentrynotfounderror'),
  row('nccl-error', 'nccl error'),
  row('engine-died', 'enginecore encountered a fatal error'),
  row('engine-died', 'enginedeaderror'),
  row('engine-died', 'engine core initialization failed'),
  row('engine-died', 'enginecore failed to start'),
];
