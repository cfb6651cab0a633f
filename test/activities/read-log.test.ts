import { expect, test } from 'vitest';
import { linesOf } from '../../src/activities/read-log.ts';
import { classifyStatusMessage } from '../../src/domain/failure.ts';
import { toInstance } from '../../src/vast/wire.ts';

const ESCAPE = '\u001b';

test.each([
  ['colours', `${ESCAPE}[32mINFO${ESCAPE}[0m: up`, ['INFO: up']],
  ['a title for the window', `a${ESCAPE}]0;stolen\u0007b`, ['ab']],
  ['something for the clipboard', `${ESCAPE}]52;c;cm0gLXJm\u0007ok`, ['ok']],
  ['lines that were drawn over', 'loading\rdone\u0008\u0008!', ['loadingdone!']],
  ['the other alphabet of commands', '\u009b2Jgone', ['gone']],
  ['tabs, which do no harm', 'a\tb\r\nc\n', ['a\tb', 'c']],
])('a log that brings %s reaches no terminal with them', (_what, text, lines) => {
  expect(linesOf(text)).toEqual(lines);
});

test('what a host says of itself commands no terminal either', () => {
  const said = `${ESCAPE}]0;x\u0007Error response from daemon: OCI runtime create failed`;
  const instance = toInstance(
    { id: 1, machine_id: 2, actual_status: 'loading', status_msg: said, label: `a${ESCAPE}b` },
    { apiUrl: 'http://127.0.0.1:1' },
  );
  expect(JSON.stringify(instance)).not.toContain('\\u001b');
  expect(JSON.stringify(classifyStatusMessage(said))).not.toContain('\\u001b');
});
