import { createHash } from 'node:crypto';
import { z } from 'zod';

/** What a template says, as it came over the wire; what else was sent is kept and shown too. */
export const TemplateFields = z.looseObject({
  name: z.string().min(1).max(256),
  image: z.string().min(1).max(1024),
  tag: z.string().nullish(),
  env: z.string().max(32_768).nullish(),
  onstart: z.string().max(4048).nullish(),
  runtype: z.enum(['ssh', 'jupyter', 'args']).nullish(),
  ssh_direct: z.boolean().nullish(),
  jup_direct: z.boolean().nullish(),
  use_ssh: z.boolean().nullish(),
  // Sent as an object or as its text; the list shows it as text.
  extra_filters: z.preprocess(parseText, z.record(z.string(), z.record(z.string(), z.unknown())).nullish()),
  // The official command line sends what was typed.
  recommended_disk_space: z.coerce.number().min(0).nullish(),
  private: z.boolean().nullish(),
});
export type TemplateFields = z.infer<typeof TemplateFields>;

/** One version of a template. An edit makes another with a hash of its own; who uses the old one keeps it. */
export type Template = {
  readonly id: number;
  readonly hash: string;
  readonly accountId: number;
  readonly fields: TemplateFields;
  readonly createdAt: number;
  /** False for what an edit has replaced: found by its hash, but no longer listed. */
  isCurrent: boolean;
};

/** The templates of all accounts, in all their versions. */
export class Templates {
  #versions: Template[];
  #made: number;

  constructor(versions: readonly Template[] = []) {
    this.#versions = [...versions];
    this.#made = new Set(versions.map(({ id }) => id)).size;
  }

  all(): readonly Template[] {
    return this.#versions;
  }

  /** Those of the account, and what others have made public; newest version only. */
  visibleTo(accountId: number): Template[] {
    return this.#versions.filter(
      (one) => one.isCurrent && (one.accountId === accountId || one.fields.private === false),
    );
  }

  /** By hash, in whatever version; or by id, in its newest. */
  find(accountId: number, { hash, id }: { hash?: unknown; id?: unknown }): Template | null {
    const own = this.#versions.filter((one) => one.accountId === accountId);
    const isMeant = (one: Template) => (hash ? one.hash === hash : one.isCurrent && one.id === Number(id));
    return own.findLast(isMeant) ?? null;
  }

  create(accountId: number, fields: TemplateFields, now: number): Template {
    this.#made += 1;
    return this.#keep({ id: FIRST_TEMPLATE_ID + this.#made * 13, accountId, fields, now });
  }

  /** The new version; what has not changed keeps its hash. */
  update(template: Template, fields: TemplateFields, now: number): Template {
    for (const one of this.#versions) if (one.id === template.id) one.isCurrent = false;
    const { id, accountId } = template;
    const hash = hashOf(fields);
    this.#versions = this.#versions.filter((one) => one.id !== id || one.hash !== hash);
    return this.#keep({ id, accountId, fields, now });
  }

  delete(template: Template): void {
    this.#versions = this.#versions.filter(({ id }) => id !== template.id);
  }

  #keep(made: { id: number; accountId: number; fields: TemplateFields; now: number }): Template {
    const { id, accountId, fields, now } = made;
    const template = { id, hash: hashOf(fields), accountId, fields, createdAt: now, isCurrent: true };
    this.#versions.push(template);
    return template;
  }
}

const FIRST_TEMPLATE_ID = 310_000;

/** Of the content: two accounts with one template have one hash. */
function hashOf(fields: TemplateFields): string {
  const sorted = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('md5').update(JSON.stringify(sorted)).digest('hex');
}

/** What a create call says that rents a machine to run a template. */
export function orderOf({ fields, hash }: Template) {
  return {
    image: fields.tag ? `${fields.image}:${fields.tag}` : fields.image,
    disk: Math.max(fields.recommended_disk_space ?? 0, LEAST_DISK_GB),
    env: fields.env ?? '',
    onstart: fields.onstart,
    runtype: fields.runtype ?? 'ssh',
    template_hash_id: hash,
  };
}

const LEAST_DISK_GB = 8;

export function templateRow(template: Template) {
  const { extra_filters, ...fields } = template.fields;
  return {
    ...fields,
    id: template.id,
    hash_id: template.hash,
    creator_id: template.accountId,
    created_at: template.createdAt,
    recent_create_date: template.createdAt,
    count_created: 0,
    recommended: false,
    default_tag: fields.tag ?? null,
    extra_filters: JSON.stringify(extra_filters ?? {}),
  };
}

/** What is no JSON stays the text it is, and is refused as one. */
function parseText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return value.trim() === '' ? {} : JSON.parse(value);
  } catch {
    return value;
  }
}
