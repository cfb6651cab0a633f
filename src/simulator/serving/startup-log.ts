/**
 * What vLLM 0.16 writes while it starts, and when it fails: the wording that log readers search for.
 */

export type LogLine = { readonly text: string; readonly stream: 'stdout' | 'stderr' };

/** What the lines mention. */
export type LogSubject = {
  readonly model: string;
  readonly servedModelName: string;
  readonly maxModelLen: number;
  /** Where the server says it listens. */
  readonly url: string;
  readonly pid: number;
  /** Flags as given; keys are never printed. */
  readonly flags: Readonly<Record<string, string | true>>;
  /** How long loading takes, for the durations the log reports. */
  readonly loadMs: number;
};

/** A group of lines and the share of the load time that has passed when they appear. */
export type LogStage = { readonly at: number; readonly lines: readonly LogLine[] };

/** From the first line to the last before the weights are read. */
export function openingStages(subject: LogSubject): LogStage[] {
  const { model, maxModelLen } = subject;
  const config = `model='${model}', speculative_config=None, tokenizer='${model}', skip_tokenizer_init=False, tokenizer_mode=auto, revision=None, trust_remote_code=False, dtype=torch.bfloat16, max_seq_len=${maxModelLen}, download_dir=None, load_format=auto, tensor_parallel_size=1, pipeline_parallel_size=1, data_parallel_size=1, quantization=None, enforce_eager=False, kv_cache_dtype=auto, device_config=cuda, served_model_name=${subject.servedModelName}, enable_prefix_caching=True, enable_chunked_prefill=True`;
  return [
    {
      at: 0,
      lines: [
        server(subject, 'utils.py:325', 'vLLM API server version 0.16.0'),
        server(subject, 'utils.py:261', `non-default args: ${pythonDict(subject)}`),
      ],
    },
    {
      at: 0.06,
      lines: [
        server(subject, 'model.py:541', `Resolved architecture: ${architectureOf(model)}`),
        server(subject, 'model.py:1561', `Using max model len ${maxModelLen}`),
        server(subject, 'scheduler.py:226', 'Chunked prefill is enabled with max_num_batched_tokens=2048.'),
      ],
    },
    {
      at: 0.15,
      lines: [
        engine(subject, 'core.py:97', `Initializing a V1 LLM engine (v0.16.0) with config: ${config}`),
        engine(
          subject,
          'parallel_state.py:1214',
          'world_size=1 rank=0 local_rank=0 distributed_init_method=tcp://172.17.0.2:48213 backend=nccl',
        ),
      ],
    },
    { at: 0.2, lines: [engine(subject, 'gpu_model_runner.py:4021', `Starting to load model ${model}...`)] },
  ];
}

/** From the weights to the line before the port opens. */
export function loadingStages(subject: LogSubject): LogStage[] {
  const seconds = (share: number): string => ((subject.loadMs / 1000) * share).toFixed(2);
  const shard = (done: number): LogLine =>
    stderr(
      `Loading safetensors checkpoint shards: ${String(done * 25).padStart(3)}% Completed | ${done}/4 [00:0${done}<00:0${4 - done},  1.21s/it]`,
    );
  return [
    { at: 0.22, lines: [shard(0)] },
    { at: 0.4, lines: [shard(2)] },
    {
      at: 0.6,
      lines: [
        shard(4),
        engine(subject, 'default_loader.py:291', `Loading weights took ${seconds(0.4)} seconds`),
        engine(
          subject,
          'gpu_model_runner.py:4118',
          `Model loading took 14.27 GiB memory and ${seconds(0.42)} seconds`,
        ),
      ],
    },
    {
      at: 0.85,
      lines: [
        engine(subject, 'backends.py:812', `Dynamo bytecode transform time: ${seconds(0.06)} s`),
        engine(subject, 'monitor.py:34', `torch.compile takes ${seconds(0.2)} s in total`),
        engine(subject, 'gpu_worker.py:356', 'Available KV cache memory: 5.63 GiB'),
        engine(
          subject,
          'kv_cache_utils.py:1307',
          `GPU KV cache size: ${(subject.maxModelLen * 8).toLocaleString('en-US')} tokens`,
        ),
        engine(
          subject,
          'kv_cache_utils.py:1312',
          `Maximum concurrency for ${subject.maxModelLen.toLocaleString('en-US')} tokens per request: 8.00x`,
        ),
      ],
    },
    {
      at: 0.97,
      lines: [
        stderr(
          'Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|██████████| 51/51 [00:01<00:00, 33.44it/s]',
        ),
        engine(subject, 'gpu_model_runner.py:5051', 'Graph capturing finished in 4 secs, took 0.55 GiB'),
        engine(
          subject,
          'core.py:272',
          `init engine (profile, create kv cache, warmup model) took ${seconds(0.35)} seconds`,
        ),
        server(subject, 'api_server.py:668', `Supported tasks: ['generate']`),
        server(subject, 'api_server.py:979', `Starting vLLM API server 0 on ${subject.url}`),
        server(subject, 'launcher.py:38', 'Available routes are:'),
        server(subject, 'launcher.py:46', 'Route: /health, Methods: GET'),
        server(subject, 'launcher.py:46', 'Route: /v1/models, Methods: GET'),
        server(subject, 'launcher.py:46', 'Route: /v1/chat/completions, Methods: POST'),
        uvicorn(subject, `Started server process [${subject.pid}]`),
        uvicorn(subject, 'Waiting for application startup.'),
      ],
    },
  ];
}

export function startedLine(subject: LogSubject): LogLine {
  return uvicorn(subject, 'Application startup complete.');
}

export function shutdownLines(subject: LogSubject): LogLine[] {
  return [
    uvicorn(subject, 'Shutting down'),
    uvicorn(subject, 'Waiting for application shutdown.'),
    uvicorn(subject, 'Application shutdown complete.'),
    uvicorn(subject, `Finished server process [${subject.pid}]`),
  ];
}

export function accessLine(subject: LogSubject, request: string, client: string, status: number): LogLine {
  return {
    text: `(APIServer pid=${subject.pid}) INFO:     ${client} - "${request}" ${status} ${REASONS[status] ?? ''}`.trimEnd(),
    stream: 'stdout',
  };
}

/** The engine dies of a CUDA error, and takes the server with it. */
export function engineDeathLines(subject: LogSubject): LogLine[] {
  const core = (text: string): LogLine =>
    log(`EngineCore_DP0 pid=${subject.pid + 135}`, 'ERROR', 'core.py:966', text);
  const api = (text: string): LogLine =>
    log(`APIServer pid=${subject.pid}`, 'ERROR', 'async_llm.py:708', text);
  return [
    core('EngineCore encountered a fatal error.'),
    core('Traceback (most recent call last):'),
    core(
      '  File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/core.py", line 957, in run_engine_core',
    ),
    core('    engine_core.run_busy_loop()'),
    core('torch.AcceleratorError: CUDA error: an illegal memory access was encountered'),
    api('AsyncLLM output_handler failed.'),
    api('Traceback (most recent call last):'),
    api(
      'vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.',
    ),
  ];
}

/** The model hub refuses: 401 to a caller without a token, 403 to one whose token has no access. */
export function gatedModelLines(subject: LogSubject, hasToken: boolean): LogLine[] {
  const hub = `https://huggingface.co/${subject.model}`;
  const why = hasToken
    ? [
        `403 Client Error. (Request ID: Root=1-68f0c1a2-4d1b7c9e;5f2d)`,
        '',
        `Cannot access gated repo for url ${hub}/resolve/main/config.json.`,
        `Access to model ${subject.model} is restricted and you are not in the authorized list. Visit ${hub} to ask for access.`,
      ]
    : [
        `401 Client Error. (Request ID: Root=1-68f0c1a2-4d1b7c9e;5f2d)`,
        '',
        `Cannot access gated repo for url ${hub}/resolve/main/config.json.`,
        `Access to model ${subject.model} is restricted. You must have access to it and be authenticated to access it. Please log in.`,
      ];
  const lines = [
    'Traceback (most recent call last):',
    '  File "/usr/local/bin/vllm", line 10, in <module>',
    '    sys.exit(main())',
    '  File "/usr/local/lib/python3.12/dist-packages/transformers/utils/hub.py", line 543, in cached_files',
    '    raise OSError(',
    'OSError: You are trying to access a gated repo.',
    `Make sure to have access to it at ${hub}.`,
    ...why,
  ];
  return lines.map((text) => stderr(text === '' ? '' : `(APIServer pid=${subject.pid}) ${text}`));
}

export function tracebackLines(subject: LogSubject, error: string): LogLine[] {
  return [
    'Traceback (most recent call last):',
    '  File "/usr/local/bin/vllm", line 10, in <module>',
    '    sys.exit(main())',
    error,
  ].map((text) => stderr(`(APIServer pid=${subject.pid}) ${text}`));
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

function server(subject: LogSubject, source: string, text: string): LogLine {
  return log(`APIServer pid=${subject.pid}`, 'INFO', source, text);
}

function engine(subject: LogSubject, source: string, text: string): LogLine {
  return log(`EngineCore_DP0 pid=${subject.pid + 135}`, 'INFO', source, text);
}

/** vLLM's own logger writes to standard output, uvicorn's to standard error. */
function log(who: string, level: 'INFO' | 'ERROR', source: string, text: string): LogLine {
  return { text: `(${who}) ${level} ${clock(new Date())} [${source}] ${text}`, stream: 'stdout' };
}

function uvicorn(subject: LogSubject, text: string): LogLine {
  return stderr(`(APIServer pid=${subject.pid}) INFO:     ${text}`);
}

function stderr(text: string): LogLine {
  return { text, stream: 'stderr' };
}

function clock(now: Date): string {
  const [, month, day, time] = /^\d+-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)/.exec(now.toISOString()) ?? [];
  return `${month}-${day} ${time}`;
}

function pythonDict({ model, flags }: LogSubject): string {
  const entries = Object.entries(flags).map(([name, value]) => {
    const shown = name === 'api-key' || name === 'hf-token' ? "'***'" : pythonValue(value);
    return `'${name.replaceAll('-', '_')}': ${shown}`;
  });
  return `{${[`'model_tag': '${model}'`, ...entries].join(', ')}}`;
}

function pythonValue(value: string | true): string {
  if (value === true) return 'True';
  return /^-?\d+(\.\d+)?$/.test(value) ? value : `'${value}'`;
}

function architectureOf(model: string): string {
  const families: readonly (readonly [RegExp, string])[] = [
    [/qwen3/i, 'Qwen3ForCausalLM'],
    [/qwen/i, 'Qwen2ForCausalLM'],
    [/mistral|ministral/i, 'MistralForCausalLM'],
    [/gemma/i, 'Gemma3ForCausalLM'],
    [/phi/i, 'Phi3ForCausalLM'],
    [/bge|e5-|embed/i, 'BertModel'],
  ];
  return families.find(([pattern]) => pattern.test(model))?.[1] ?? 'LlamaForCausalLM';
}
