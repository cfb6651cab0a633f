import { badRequest } from '../errors.ts';
import type { Block } from './wire.ts';

/** Content of a user or a tool: blocks of text and images. Blank text is left out; the API refuses it. */
export function blocksOf(content: unknown, where: string): Block[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return textBlocks(content);
  return partsOf(content, where).flatMap(([part, at]) => {
    if (part.type === 'image_url') return [imageOf(part.image_url, `${at}.image_url`)];
    return textBlocks(textOfPart(part, at));
  });
}

/** Content that can be nothing but text. */
export function textOf(content: unknown, where: string): string {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  return partsOf(content, where)
    .map(([part, at]) => textOfPart(part, at))
    .join('');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function partsOf(content: unknown, where: string): [part: Record<string, unknown>, where: string][] {
  if (!Array.isArray(content)) throw badRequest('`content` must be a string or a list of parts.', where);
  return content.map((part, index) => {
    const at = `${where}[${index}]`;
    if (!isRecord(part)) throw badRequest('A part of `content` must be an object.', at);
    return [part, at];
  });
}

function textOfPart(part: Record<string, unknown>, where: string): string {
  const text = part.type === 'text' ? part.text : part.type === 'refusal' ? part.refusal : undefined;
  if (typeof text === 'string') return text;
  if (part.type === 'text') throw badRequest('`text` must be a string.', `${where}.text`);
  throw badRequest(`A part of type ${quoted(part.type)} cannot be sent to a Claude model here.`, where);
}

function textBlocks(text: string): Block[] {
  return text.trim() === '' ? [] : [{ type: 'text', text }];
}

const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+);base64,/i;
const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

function imageOf(image: unknown, where: string): Block {
  const url = isRecord(image) ? image.url : undefined;
  if (typeof url !== 'string') throw badRequest('`image_url.url` must be a string.', `${where}.url`);
  if (/^https?:\/\//i.test(url)) return { type: 'image', source: { type: 'url', url } };
  const [head, type] = DATA_URL.exec(url) ?? [];
  const mediaType = type?.toLowerCase().replace('image/jpg', 'image/jpeg');
  if (head === undefined || mediaType === undefined) {
    throw badRequest('An image must be an http(s) URL or a base64 data URL.', `${where}.url`);
  }
  if (!IMAGE_TYPES.includes(mediaType)) {
    throw badRequest(`An image must be one of ${IMAGE_TYPES.join(', ')}.`, `${where}.url`);
  }
  const data = url.slice(head.length);
  if (data === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(data)) {
    throw badRequest('The image’s data is not base64.', `${where}.url`);
  }
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } };
}

function quoted(value: unknown): string {
  return JSON.stringify(typeof value === 'string' ? value.slice(0, 100) : null);
}
