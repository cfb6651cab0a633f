import { expect, test } from 'vitest';
import { ConfigError, parseConfig } from '../../src/config.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const VIEWER = 'a-viewer-of-tests';
const settings = { VIEWER_TOKEN: VIEWER };

test('whoever holds the viewer’s token may look, and is told why it may change nothing', async () => {
  const sessions = scriptedSessions({ list: async () => ({ items: [], next: null }) });
  await using edge = await startHttpEdge({ settings, sessions });
  const looked = await edge.ask('/api/admin/sessions', { token: VIEWER });
  expect(looked.status).toBe(200);
  for (const path of ['/api/admin/vllm/destroy', '/api/admin/vllm/launch', '/api/admin/reap']) {
    const answer = await edge.ask(path, { token: VIEWER, json: {} });
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ kind: 'forbidden', detail: expect.stringMatching(/viewer/) });
  }
  expect(sessions.calls.map(({ name }) => name)).toEqual(['list']);
});

test('the viewer’s token opens no gateway', async () => {
  await using edge = await startHttpEdge({ settings });
  const answer = await edge.ask('/v1/models', { token: VIEWER });
  expect(answer.status).toBe(403);
});

test('without the setting there is no viewer', async () => {
  await using edge = await startHttpEdge();
  expect((await edge.ask('/api/admin/sessions', { token: VIEWER })).status).toBe(401);
});

test('a viewer’s token that is the admin’s stops the start', () => {
  expect(() => parseConfig({ ADMIN_TOKEN: VIEWER, VIEWER_TOKEN: VIEWER })).toThrow(ConfigError);
});
