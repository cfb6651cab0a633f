import { asks, type Case } from '../case.ts';
import { json, type Side } from '../side.ts';

/** One request whose signature is made by `of`. */
function signed(name: string, of: (side: Side) => Record<string, unknown>, on: Case['on'] = 'ready'): Case {
  return { name, on, run: (side) => side.ask('/parallel', { auth: of(side) }) };
}

const ELSEWHERE = 'http://203.0.113.8:40123';

/** Who may call, and in what order that is looked at. */
export const SIGNATURE_CASES: Case[] = [
  signed('a signature of another text', (side) => ({ signature: side.sign(ELSEWHERE) })),
  signed('a signature of another worker with its address', (side) => ({
    signature: side.sign(ELSEWHERE),
    url: ELSEWHERE,
  })),
  signed('a changed address', () => ({ url: ELSEWHERE })),
  signed('an address beyond ASCII', (side) => ({
    url: 'http://größer:1',
    signature: side.sign('http://größer:1'),
  })),
  signed('an empty signature', () => ({ signature: '' })),
  signed('a signature that is not base64', () => ({ signature: '!!!' })),
  signed('a signature that is too short', () => ({ signature: 'AAAA' })),
  signed('a signature that is a number', () => ({ signature: 17 })),
  signed('a signature that is null', () => ({ signature: null })),
  signed('an address that is a number', () => ({ url: 17 })),
  signed('an address that is null', () => ({ url: null })),
  signed('a signature with a line break in it', (side) => {
    const signature = side.sign('http://203.0.113.7:40123');
    return { signature: `${signature.slice(0, 76)}\n${signature.slice(76)}` };
  }),
  signed('another cost than the engine gave', () => ({ cost: 1 })),
  signed('a cost that is text', () => ({ cost: 'many' })),
  signed('a request number that is text', () => ({ reqnum: 'first' })),
  signed('a request number that is null', () => ({ reqnum: null })),
  {
    name: 'the same auth data twice',
    run: async (side) => {
      const body = json({ auth_data: side.auth(), payload: {} });
      return [await side.ask('/parallel', { body }), await side.ask('/parallel', { body })];
    },
  },
  {
    name: 'a request number from long ago',
    run: async (side) => [
      await side.ask('/parallel', { auth: { reqnum: 10_000_000 } }),
      await side.ask('/parallel', { auth: { reqnum: 1 } }),
    ],
  },
  asks('a bad signature and a payload that is a list', '/parallel', {
    auth: { signature: 'no' },
    payload: [],
  }),
  asks('a bad signature and a request parser that refuses', '/parsed', {
    auth: { signature: 'no' },
    payload: { refuse: 'not this' },
  }),
  asks('a bad signature and a request parser that raises', '/parsed', {
    auth: { signature: 'no' },
    payload: { explode: 'boom' },
  }),
  asks('a bad signature and a session that there is not', '/parallel', {
    auth: { signature: 'no' },
    sessionId: 'none',
  }),
  asks('a bad signature on a serial route', '/serial', { auth: { signature: 'no' } }),
  signed('unsecured: a bad signature', () => ({ signature: 'no' }), 'unsecured'),
  signed('unsecured: auth data that lacks a field', () => ({ signature: undefined }), 'unsecured'),
  signed('unsecured: a request number that is text', () => ({ reqnum: 'first' }), 'unsecured'),
];
