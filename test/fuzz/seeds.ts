/** Good inputs of each format, small ones: what is spoiled of them reaches deep into a parser. */
const chat = {
  model: 'default',
  messages: [
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Hi' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
      ],
    },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
    },
    { role: 'tool', tool_call_id: 'c1', content: '2' },
  ],
  tools: [
    {
      type: 'function',
      function: {
        name: 'f',
        description: 'd',
        parameters: { type: 'object', properties: { a: { type: 'integer' } } },
      },
    },
  ],
  tool_choice: 'auto',
  response_format: {
    type: 'json_schema',
    json_schema: { name: 's', schema: { type: 'object', properties: {} } },
  },
  stop: ['\n'],
  stream: true,
  stream_options: { include_usage: true },
  max_tokens: 16,
  temperature: 0.2,
};
const events = (...all: readonly object[]) => all.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('');
const named = (...all: readonly { readonly type: string }[]) =>
  all.map((one) => `event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`).join('');
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude',
  content: [
    { type: 'text', text: 'Hello' },
    { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } },
  ],
  stop_reason: 'end_turn',
  usage: { input_tokens: 3, output_tokens: 2, cache_read_input_tokens: 0 },
};

export const SEEDS = {
  payloads: [
    '{}',
    '{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"eyJhIjoxfQ=="}]}',
    '{"payloads":[{"metadata":{"encoding":"YmluYXJ5L2VuY3J5cHRlZA==","encryption-key-id":"azE="},"data":"ljF326Q_xEg7-nDffQ"},{"metadata":null,"data":null}]}',
  ],
  adminBodies: [
    '{}',
    '{"session":"default","budget_usd":1,"keep_alive_minutes":30,"hedge":2,"vllm_args":["--max-model-len","4096"]}',
    '{"tiers":[{"name":"a","gpu_names":["RTX 4090"],"vram_gb":24,"usd_per_hour_max":0.5,"priority":1}],"countries":["DE"]}',
    '{"id":"day","days":"weekdays","from":"09:00","to":"18:00","timezone":"Europe/Berlin","launch":{}}',
    '{"name":"ci","models":["m"],"requests_per_minute":10,"tokens_per_minute":1000,"budget_usd":1}',
    '{"dry_run":true,"owner":"abcdefghij"}',
  ],
  queries: [
    'from=2026-01-01&to=2026-02-01&by=day',
    'tier=a,b&explain=true&limit=20&machines=1,2&max_usd_per_hour=0.5',
    'limit=200&after=abc',
  ],
  inference: [
    JSON.stringify(chat),
    '{"model":"m","prompt":["a","b"],"max_tokens":5,"echo":false}',
    '{"input":["a","b"],"model":"e"}',
    '{"documents":["a","b"],"query":"q"}',
    '{ "model" : "a\\"b" , "nested": {"model": "x"}, "list": [{"model":1}] }',
  ],
  openAiStreams: [
    `${events(
      { id: '1', choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] },
      { id: '1', choices: [{ index: 0, delta: { content: 'Hé' } }], usage: null },
      { id: '1', choices: [], usage },
    )}data: [DONE]\n\n`,
    `data: {"choices":[]}\r\n\r\n: beat\r\n\r\ndata: [DONE]`,
    named({ type: 'response.created' }, { type: 'response.completed' }),
    `data: ${JSON.stringify({ error: { message: 'no', code: 500 } })}\n\n`,
  ],
  openAiAnswers: [
    JSON.stringify({ id: '1', choices: [{ index: 0, message: { content: '{"usage":1}' } }], usage }),
    '{"error":{"message":"bad","type":"invalid_request_error","code":400}}',
    '{"detail":"Not Found"}',
    '<html>502</html>',
  ],
  anthropicStreams: [
    named(
      { type: 'message_start', ...{ message: { ...message, content: [] } } },
      { type: 'content_block_start', ...{ index: 0, content_block: { type: 'text', text: '' } } },
      { type: 'content_block_delta', ...{ index: 0, delta: { type: 'text_delta', text: 'Hi' } } },
      { type: 'content_block_stop', ...{ index: 0 } },
      {
        type: 'content_block_start',
        ...{ index: 1, content_block: { type: 'tool_use', id: 't', name: 'f' } },
      },
      {
        type: 'content_block_delta',
        ...{ index: 1, delta: { type: 'input_json_delta', partial_json: '{"a"' } },
      },
      { type: 'message_delta', ...{ delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 7 } } },
      { type: 'message_stop' },
    ),
    named({ type: 'error', ...{ error: { type: 'overloaded_error', message: 'busy' } } }),
  ],
  anthropicAnswers: [
    JSON.stringify(message),
    '{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: too large"}}',
  ],
  metrics: [
    '# HELP vllm:num_requests_running x\n# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name="m"} 1.0\nvllm:num_requests_waiting{model_name="m"} 0.0\nvllm:request_success_total{finished_reason="stop",model_name="m"} 5.0\nprocess_start_time_seconds 1.7e+09\nhttp_requests_total{handler="/v1/models",method="GET",status="2xx"} 4.0\n',
  ],
  vast: [
    '{"id":1,"machine_id":2,"actual_status":"running","intended_status":"running","label":"leash.abcdefghij.default.klmnopqrst.1.x1","dph_total":0.3,"gpu_name":"RTX 4090","num_gpus":1,"ports":{"8000/tcp":[{"HostIp":"0.0.0.0","HostPort":"40001"}]},"public_ipaddr":"127.0.0.1 ","start_date":1.7e9,"extra_env":[["LEASH_LABEL","x"]],"inet_down_billed":1}',
    '{"id":1,"machine_id":2,"gpu_name":"RTX 4090","gpu_ram":24564,"dph_total":0.3,"reliability2":0.99,"cuda_max_good":12.4,"driver_version":"550.54","direct_port_count":4,"verification":"verified","inet_down":900,"disk_space":100,"duration":864000,"geolocation":"Germany, DE","compute_cap":890}',
    '{"id":7,"credit":12.5,"balance":0,"email":"x"}',
    '{"id":1,"type":"instance","source":"instance-1","amount":0.01,"start":1,"end":2,"metadata":{"label":"l"},"items":[]}',
    '{"id":1,"endpoint_name":"e","min_load":0,"target_util":0.9,"cold_mult":2.5,"template_hash":"h","search_params":"gpu_ram>=8 verified=true"}',
  ],
  refusals: [
    '{"success":false,"error":"no_such_ask","msg":"error 404/3603: no_such_ask Instance type by id 1 is not available."}',
    '{"error":"auth_error","msg":"Invalid user key a-secret-of-ours"}',
    'API requests too frequent endpoint threshold=4.5',
  ],
  logs: [
    'Error response from daemon: OCI runtime create failed\nsuccess, running image',
    'torch.OutOfMemoryError: CUDA out of memory.\nValueError: model gated repo 401 huggingface',
    'INFO: Application startup complete.\nusage: vllm serve [-h]\nerror: unrecognized arguments: --x',
  ],
  creates: [
    '{"success":true,"new_contract":123,"dph_total":0.31,"instance_api_key":"k"}',
    '{"success":false,"error":"no_such_ask","msg":"gone"}',
    '{"success":false,"new_contract":"7"}',
  ],
  pages: [
    '{"success":true,"instances":[{"id":1,"machine_id":2},{"id":3,"machine_id":2}],"instances_found":2,"next_token":null,"total_instances":2}',
    '{"instances":[],"next_token":"abc"}',
  ],
  rights: [
    '{"api":{"misc":{},"instance_read":{},"instance_write":{},"user_read":{},"billing_read":{}}}',
    '{"api":{"user_write":{"api.templates.create":{}},"*":{}}}',
    '"{\\"api\\":{}}"',
    '{"key_id":5}',
    '{"apikeys":[{"id":1,"rights":{"api":{}}}]}',
  ],
  settings: [
    'VASTAI_BUDGET_LIMIT=5&VASTAI_BUDGET_PERIOD=7d&LEASH_PORT=0&LEASH_INSTANCE_TLS=off',
    `GATEWAY_PROVIDERS=${encodeURIComponent('[{"name":"a","url":"https://h/v1","models":["m"],"key_env":"K"}]')}&GATEWAY_ORDER=vastai,a`,
    'OTEL_EXPORTER_OTLP_HEADERS=a%3Db,c%3D%2520d&LEASH_WEBHOOK_URL=https://h/x&LEASH_WEBHOOK_SECRET=whsec_AAAAAAAAAAAAAAAAAAAAAAAA',
    'LEASH_DATABASE_URL=postgres://u:p@h/d&LEASH_SCORE_WEIGHTS=%7B%22price%22:1%7D',
  ],
  tiers: [
    '[{"name":"a","gpu_names":["RTX 4090"],"vram_gb":24,"usd_per_hour_max":0.5,"priority":1}]',
    '[]',
    '{}',
  ],
  workerEnvironment: [
    'CONTAINER_ID=7&PUBLIC_IPADDR=203.0.113.7&WORKER_PORT=3000&REPORT_ADDR=https://a,https://b&USE_SSL=true&VAST_TCP_PORT_3000=40001',
    'CONTAINER_ID=x&UNSECURED=maybe',
  ],
  secrets: [
    'Authorization: Bearer abcdefghijklmnop and hf_abcdefghijklmnopqrst',
    'my_very_long_api_key = "abcdefghij", --api-key=abcd a-secret-of-ours',
    `key ${'0123456789abcdef'.repeat(4)} sk-abcdefghijklmnop`,
  ],
} as const;
