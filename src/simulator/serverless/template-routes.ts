import { type Answer, type Exchange, jsonParameter, type Route, refusal, success } from '../api/exchange.ts';
import { meets, parseFilters, QueryError, selectColumns } from '../query.ts';
import { problemsOf } from './problems.ts';
import { TemplateFields, templateRow } from './templates.ts';

/** `/template/`: what an instance runs, kept by name and found by hash. */
export const templateRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v0/template',
    call: 'template',
    limit: 'templates',
    scope: 'api.templates.index',
    handle: listTemplates,
  },
  {
    method: 'POST',
    path: '/api/v0/template',
    call: 'template',
    limit: 'templates',
    scope: 'api.templates.create',
    handle: createTemplate,
  },
  // The documentation says v0, the official command line sends v1.
  ...['/api/v1/template', '/api/v0/template'].map(
    (path): Route => ({
      method: 'PUT',
      path,
      call: 'template',
      limit: 'templates',
      scope: 'api.templates.update',
      handle: updateTemplate,
    }),
  ),
  {
    method: 'DELETE',
    path: '/api/v0/template',
    call: 'template',
    limit: 'templates',
    scope: 'api.templates.delete',
    handle: deleteTemplate,
  },
];

function listTemplates({ world, account, query }: Exchange): Answer {
  const filters = parseFilters(recordOf(jsonParameter(query, 'select_filters')), 'select_filters.');
  const columns = jsonParameter(query, 'select_cols');
  const rows = world.serverless.templates
    .visibleTo(account.id)
    .map((template): Record<string, unknown> => templateRow(template))
    .filter((row) => filters.every((filter) => meets(row[filter.field], filter)));
  return success({
    templates_found: rows.length,
    templates: rows.map((row) => selectColumns(row, columns)),
  });
}

function createTemplate({ world, account, body }: Exchange): Answer {
  const fields = TemplateFields.safeParse(body);
  if (!fields.success) return refusal(400, 'invalid_args', problemsOf(fields.error));
  const template = world.serverless.templates.create(account.id, fields.data, world.now());
  world.changed();
  return success({ msg: 'template created', template: templateRow(template) });
}

function updateTemplate({ world, account, body }: Exchange): Answer {
  const { id, hash_id, ...rest } = body;
  const template = world.serverless.templates.find(account.id, { id });
  if (template === null || template.hash !== hash_id) return noSuchTemplate();
  const fields = TemplateFields.safeParse(rest);
  if (!fields.success) return refusal(400, 'invalid_args', problemsOf(fields.error));
  const updated = world.serverless.templates.update(template, fields.data, world.now());
  world.changed();
  return success({ msg: 'template updated', template: templateRow(updated) });
}

function deleteTemplate({ world, account, body }: Exchange): Answer {
  const { hash_id: hash, template_id: id } = body;
  const template = world.serverless.templates.find(account.id, { hash, id });
  if (template === null) return noSuchTemplate();
  world.serverless.templates.delete(template);
  world.changed();
  return success({ msg: `Template ${template.id} deleted` });
}

function noSuchTemplate(): Answer {
  return refusal(404, 'not_found', 'error 404/2210: not_found Template not found.');
}

function recordOf(value: unknown): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new QueryError('bad_request', 'select_filters: Input should be a valid dictionary');
}
