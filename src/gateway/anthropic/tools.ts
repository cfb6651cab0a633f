import { badRequest } from '../errors.ts';
import type { ModelRules } from './model-rules.ts';
import { isRecord } from './parts.ts';
import { structuredSchema } from './structured-schema.ts';
import { TOOL_NAME, TOOL_NAME_TOLD } from './turns.ts';
import type { Turn } from './wire.ts';

type Tool = {
  readonly name: string;
  readonly description?: string;
  readonly input_schema: Record<string, unknown>;
  readonly strict?: true;
};
type ToolFields = { tools?: readonly Tool[]; tool_choice?: Record<string, unknown> };

/** `tools`, `tool_choice` and `parallel_tool_calls` of a request, as Messages says them. */
export function toolFields(
  body: Record<string, unknown>,
  rules: ModelRules,
  turns: readonly Turn[],
): ToolFields {
  const tools = toolsOf(body.tools, rules);
  const choice = choiceOf(body.tool_choice, tools, rules);
  if (tools.length === 0) return pastTools(turns);
  const isOneAtATime = body.parallel_tool_calls === false && choice.type !== 'none';
  return { tools, tool_choice: { ...choice, ...(isOneAtATime && { disable_parallel_tool_use: true }) } };
}

function toolsOf(tools: unknown, rules: ModelRules): Tool[] {
  if (tools === undefined || tools === null) return [];
  if (!Array.isArray(tools)) throw badRequest('`tools` must be a list.', 'tools');
  const found = tools.map((tool, index) => toolOf(tool, `tools[${index}]`, rules));
  const twice = found.findIndex(({ name }, index) => found.findIndex((other) => other.name === name) < index);
  if (twice !== -1) throw badRequest('Two tools carry the same name.', `tools[${twice}].function.name`);
  return found;
}

function toolOf(tool: unknown, where: string, rules: ModelRules): Tool {
  if (!isRecord(tool) || tool.type !== 'function' || !isRecord(tool.function)) {
    throw badRequest('A tool must be of type `function`.', where);
  }
  const { name, description, parameters, strict } = tool.function;
  if (typeof name !== 'string' || !TOOL_NAME.test(name))
    throw badRequest(TOOL_NAME_TOLD, `${where}.function.name`);
  const schema = inputSchema(parameters, `${where}.function.parameters`);
  const isStrict = strict === true && rules.hasStructuredOutputs;
  return {
    name,
    ...(typeof description === 'string' && description !== '' && { description }),
    input_schema: isStrict ? structuredSchema(schema) : schema,
    ...(isStrict && { strict: true }),
  };
}

function inputSchema(parameters: unknown, where: string): Record<string, unknown> {
  if (parameters === undefined || parameters === null) return { type: 'object', properties: {} };
  if (!isRecord(parameters) || (parameters.type ?? 'object') !== 'object') {
    throw badRequest('The parameters of a tool must be a JSON schema of type `object`.', where);
  }
  const combined = ['oneOf', 'anyOf', 'allOf'].find((key) => key in parameters);
  if (combined)
    throw badRequest(`Claude models take no \`${combined}\` at the top of a tool’s parameters.`, where);
  return { ...parameters, type: 'object' };
}

function choiceOf(
  choice: unknown,
  tools: readonly Tool[],
  rules: ModelRules,
): { type: string; name?: string } {
  if (choice === undefined || choice === null || choice === 'auto') return { type: 'auto' };
  if (choice === 'none') return { type: 'none' };
  if (tools.length === 0)
    throw badRequest('`tool_choice` asks for a tool, and `tools` names none.', 'tool_choice');
  const forced = forcedChoice(choice, tools);
  if (!rules.canForceTools) {
    throw badRequest(
      'This Claude model cannot be forced to call a tool; use `tool_choice`: "auto".',
      'tool_choice',
    );
  }
  return forced;
}

function forcedChoice(choice: unknown, tools: readonly Tool[]): { type: string; name?: string } {
  if (choice === 'required') return { type: 'any' };
  const named = isRecord(choice) && choice.type === 'function' ? choice.function : undefined;
  if (!isRecord(named))
    throw badRequest('`tool_choice` must be auto, none, required or a function.', 'tool_choice');
  const { name } = named;
  if (typeof name !== 'string' || !tools.some((tool) => tool.name === name)) {
    throw badRequest(
      '`tool_choice` names a function that is not among `tools`.',
      'tool_choice.function.name',
    );
  }
  return { type: 'tool', name };
}

/** A conversation that used tools has to define them, also where the caller no longer offers any. */
function pastTools(turns: readonly Turn[]): ToolFields {
  const names = turns.flatMap(({ content }) =>
    content.flatMap(({ type, name }) => (type === 'tool_use' && typeof name === 'string' ? [name] : [])),
  );
  if (names.length === 0) return {};
  const tools = [...new Set(names)].map((name) => ({
    name,
    input_schema: { type: 'object', properties: {} },
  }));
  return { tools, tool_choice: { type: 'none' } };
}
