import { z } from 'zod';
import { type LookAlikeModel, MODELS } from './anthropic-models.ts';

/** Why the look-alike refuses a request, as the API says it. */
export class ApiRefusal extends Error {
  readonly status: number;
  readonly type: string;

  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

const TEXT = z.strictObject({ type: z.literal('text'), text: z.string() });
const IMAGE = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('base64'),
      media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']),
      data: z.base64().min(1),
    }),
    z.strictObject({ type: z.literal('url'), url: z.string().regex(/^https?:\/\//) }),
  ]),
});
const ID = z.string().regex(/^[a-zA-Z0-9_-]+$/);
const NAME = z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/);
const TOOL_USE = z.strictObject({
  type: z.literal('tool_use'),
  id: ID,
  name: NAME,
  input: z.record(z.string(), z.unknown()),
});
const TOOL_RESULT = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: ID,
  content: z.union([z.string(), z.array(z.discriminatedUnion('type', [TEXT, IMAGE]))]).optional(),
  is_error: z.boolean().optional(),
});
const BLOCK = z.discriminatedUnion('type', [TEXT, IMAGE, TOOL_USE, TOOL_RESULT]);
const SCHEMA = z.record(z.string(), z.unknown());
const PARALLEL = { disable_parallel_tool_use: z.boolean().optional() };

const REQUEST = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.number().int().min(1),
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['user', 'assistant']),
        content: z.union([z.string(), z.array(BLOCK).min(1)]),
      }),
    )
    .min(1),
  system: z.union([z.string(), z.array(TEXT)]).optional(),
  metadata: z.strictObject({ user_id: z.string().max(256).optional() }).optional(),
  stop_sequences: z.array(z.string()).optional(),
  stream: z.boolean().optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.number().int().min(0).optional(),
  tools: z
    .array(
      z.strictObject({
        name: NAME,
        description: z.string().optional(),
        input_schema: SCHEMA,
        strict: z.boolean().optional(),
        type: z.literal('custom').optional(),
      }),
    )
    .optional(),
  tool_choice: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('auto'), ...PARALLEL }),
      z.strictObject({ type: z.literal('any'), ...PARALLEL }),
      z.strictObject({ type: z.literal('tool'), name: z.string(), ...PARALLEL }),
      z.strictObject({ type: z.literal('none') }),
    ])
    .optional(),
  thinking: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('adaptive'), display: z.enum(['summarized', 'omitted']).optional() }),
      z.strictObject({ type: z.literal('enabled'), budget_tokens: z.number().int().min(1_024) }),
      z.strictObject({ type: z.literal('disabled') }),
      z.strictObject({ type: z.literal('between_tools') }),
    ])
    .optional(),
  output_config: z
    .strictObject({
      effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).optional(),
      format: z.strictObject({ type: z.literal('json_schema'), schema: SCHEMA }).optional(),
    })
    .optional(),
});

export type LookAlikeRequest = z.infer<typeof REQUEST>;
export type LookAlikeBlock = z.infer<typeof BLOCK>;

/** Reads a request as the API does. Throws an `ApiRefusal`. */
export function readRequest(body: unknown): { request: LookAlikeRequest; model: LookAlikeModel } {
  const parsed = REQUEST.safeParse(body);
  if (!parsed.success) throw invalid(parsed.error.issues.map((issue) => told(issue)).join('; '));
  const request = parsed.data;
  const model = MODELS[request.model];
  if (!model) throw new ApiRefusal(404, 'not_found_error', `model: ${request.model}`);
  checkSampling(request, model);
  checkThinking(request, model);
  checkTools(request, model);
  checkMessages(request, model);
  return { request, model };
}

export function blocksOf(content: string | LookAlikeBlock[]): LookAlikeBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** An issue as the API words it. Of what may be text or a list, what is wrong with the list is told. */
function told(issue: z.core.$ZodIssue, within: readonly PropertyKey[] = []): string {
  const path = [...within, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return (issue.errors.at(-1) ?? []).map((inner) => told(inner, path)).join('; ');
  }
  if (issue.code !== 'unrecognized_keys') return `${path.join('.')}: ${issue.message}`;
  return issue.keys.map((key) => `${[...path, key].join('.')}: Extra inputs are not permitted`).join('; ');
}

function checkSampling(
  { temperature, top_p: topP, ...request }: LookAlikeRequest,
  model: LookAlikeModel,
): void {
  if (request.max_tokens > model.tokensMax) {
    throw invalid(`max_tokens: ${request.max_tokens} > ${model.tokensMax}, the maximum of ${request.model}`);
  }
  if (model.sampling === 'either' && temperature !== undefined && topP !== undefined) {
    throw invalid('`temperature` and `top_p` cannot both be specified for this model. Please use only one.');
  }
  if (model.sampling === 'fixed' && ((temperature ?? 1) !== 1 || (topP ?? 1) < 0.99)) {
    throw invalid('`temperature` is deprecated for this model.');
  }
  for (const [index, sequence] of (request.stop_sequences ?? []).entries()) {
    if (sequence.trim() === '') {
      throw invalid(`stop_sequences.${index}: each stop sequence must contain non-whitespace`);
    }
  }
}

function checkThinking(request: LookAlikeRequest, model: LookAlikeModel): void {
  const { thinking, output_config: config, temperature } = request;
  if (thinking && !model.thinkingTypes.includes(thinking.type)) {
    throw invalid(`"thinking.type.${thinking.type}" is not supported for this model.`);
  }
  if (thinking?.type === 'enabled' && thinking.budget_tokens >= request.max_tokens) {
    throw invalid('`max_tokens` must be greater than `thinking.budget_tokens`.');
  }
  const isOn = thinking?.type === 'adaptive' || thinking?.type === 'enabled';
  if (isOn && (temperature ?? 1) !== 1) {
    throw invalid('`temperature` may only be set to 1 when thinking is enabled.');
  }
  if (config?.effort && !model.efforts.includes(config.effort)) {
    throw invalid(`This model does not support the effort parameter at "${config.effort}".`);
  }
  if (thinking?.type === 'disabled' && (config?.effort === 'xhigh' || config?.effort === 'max')) {
    throw invalid('Thinking can be disabled at effort high or below only.');
  }
  if (config?.format && !model.takesFormat)
    throw invalid('output_config.format: not supported for this model');
  if (config?.format) checkClosed(config.format.schema, 'output_config.format.schema');
}

function checkTools(request: LookAlikeRequest, model: LookAlikeModel): void {
  const tools = request.tools ?? [];
  const { tool_choice: choice, thinking } = request;
  if (new Set(tools.map(({ name }) => name)).size < tools.length)
    throw invalid('tools: Tool names must be unique.');
  tools.forEach(({ input_schema: schema, strict }, index) => {
    const at = `tools.${index}.custom.input_schema`;
    if (schema.type !== 'object') throw invalid(`${at}.type: Input should be 'object'`);
    if (['oneOf', 'allOf', 'anyOf'].some((key) => key in schema)) {
      throw invalid(`${at}: input_schema does not support oneOf, allOf, or anyOf at the top level`);
    }
    if (strict && !model.takesFormat)
      throw invalid(`tools.${index}.custom.strict: not supported for this model`);
    if (strict) checkClosed(schema, at);
  });
  if (!choice) return;
  if (tools.length === 0) throw invalid('tool_choice: may only be specified while providing tools');
  if (choice.type === 'tool' && !tools.some(({ name }) => name === choice.name)) {
    throw invalid(`tool_choice: Tool '${choice.name}' not found in provided tools`);
  }
  if (choice.type === 'tool' || choice.type === 'any') {
    if (!model.takesForcedTools)
      throw invalid('tool_choice: forced tool use is not supported for this model');
    if (thinking?.type === 'enabled')
      throw invalid('Thinking may not be enabled when tool_choice forces tool use.');
  }
}

const NOT_ENFORCED = [
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength'],
  ...['maxItems', 'uniqueItems', 'minProperties', 'maxProperties', 'patternProperties', 'oneOf', 'not'],
];

function checkClosed(schema: Record<string, unknown>, at: string): void {
  const wrong = NOT_ENFORCED.find((key) => key in schema);
  if (wrong) throw invalid(`${at}: For '${String(schema.type)}' type, property '${wrong}' is not supported`);
  if ([schema.type].flat().includes('object') && schema.additionalProperties !== false) {
    throw invalid(`${at}: For 'object' type, 'additionalProperties' must be explicitly set to false`);
  }
  const members = [schema.properties, schema.$defs, schema.definitions].flatMap((value) =>
    Object.values((value ?? {}) as Record<string, unknown>),
  );
  const options = [schema.anyOf, schema.allOf].flatMap((value) => (Array.isArray(value) ? value : []));
  for (const inner of [...members, ...options, schema.items]) {
    if (typeof inner === 'object' && inner !== null) checkClosed(inner as Record<string, unknown>, at);
  }
}

function checkMessages({ messages, tools, system }: LookAlikeRequest, model: LookAlikeModel): void {
  if (messages[0]?.role !== 'user') throw invalid('messages: first message must use the "user" role');
  if (messages.at(-1)?.role === 'assistant' && !model.takesPrefill) {
    throw invalid(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
  const said = typeof system === 'string' ? [system] : (system ?? []).map(({ text }) => text);
  if (said.some((text) => text.trim() === '')) throw invalid('system: text content blocks must be non-empty');
  const ids = new Set<string>();
  let open = new Set<string>();
  messages.forEach(({ role, content }, index) => {
    const at = `messages.${index}`;
    if (role === messages[index - 1]?.role)
      throw invalid('messages: roles must alternate between "user" and "assistant"');
    const blocks = blocksOf(content);
    for (const block of blocks) checkText(block, role);
    open = role === 'user' ? answered(blocks, open, at) : called(blocks, ids, at);
  });
  if (open.size > 0 && messages.at(-1)?.role === 'assistant')
    throw unanswered(open, `messages.${messages.length - 1}`);
  if (ids.size > 0 && !tools?.length) {
    throw invalid('Requests which include `tool_use` or `tool_result` blocks must define tools');
  }
}

function checkText(block: LookAlikeBlock, role: string): void {
  const inner = block.type === 'tool_result' && Array.isArray(block.content) ? block.content : [];
  for (const each of [block, ...inner]) {
    if (each.type === 'image') checkImage(each);
    if (each.type === 'text' && each.text.trim() === '') {
      throw invalid('messages: text content blocks must contain non-whitespace text');
    }
  }
  if (role === 'assistant' && (block.type === 'image' || block.type === 'tool_result')) {
    throw invalid(`messages: ${block.type} blocks are not allowed in assistant messages`);
  }
  if (role === 'user' && block.type === 'tool_use') {
    throw invalid('messages: tool_use blocks can only be in assistant messages');
  }
}

const IMAGE_BYTES_MAX = 5 * 1_024 * 1_024;

function checkImage({ source }: z.infer<typeof IMAGE>): void {
  const bytes = source.type === 'base64' ? source.data.length : 0;
  if (bytes <= IMAGE_BYTES_MAX) return;
  throw invalid(`image.source.base64: image exceeds 5 MB maximum: ${bytes} bytes > ${IMAGE_BYTES_MAX} bytes`);
}

function called(blocks: LookAlikeBlock[], ids: Set<string>, at: string): Set<string> {
  const open = new Set<string>();
  for (const block of blocks) {
    if (block.type !== 'tool_use') continue;
    if (ids.has(block.id)) throw invalid(`${at}: \`tool_use\` ids must be unique`);
    ids.add(block.id);
    open.add(block.id);
  }
  return open;
}

function answered(blocks: LookAlikeBlock[], open: Set<string>, at: string): Set<string> {
  const left = new Set(open);
  let isPastResults = false;
  for (const block of blocks) {
    if (block.type !== 'tool_result') isPastResults = true;
    else if (!left.delete(block.tool_use_id)) {
      throw invalid(
        `${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${block.tool_use_id}`,
      );
    } else if (isPastResults) throw invalid(`${at}: \`tool_result\` blocks must come first in the content`);
  }
  if (left.size > 0) throw unanswered(left, at);
  return new Set();
}

function unanswered(ids: Set<string>, at: string): ApiRefusal {
  return invalid(
    `${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${[...ids].join(', ')}`,
  );
}

function invalid(message: string): ApiRefusal {
  return new ApiRefusal(400, 'invalid_request_error', message);
}
