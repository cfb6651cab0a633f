import { readFileSync } from 'node:fs';

type Environment = Readonly<Record<string, string | undefined>>;

/** Secrets as an environment gives them: by themselves, or by `<NAME>_FILE`, which names a file that holds one. */
export type GivenSecrets = {
  readonly values: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
};

/**
 * Reads those of `names` that are given as a file, as container engines and Kubernetes hand out secrets. What a file
 * holds is trimmed: editors end it with a new line. Everything that is wrong is told together; no secret is repeated.
 */
export function readSecretFiles(environment: Environment, names: readonly string[]): GivenSecrets {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const name of names) {
    const file = settingOf(environment, fileSettingOf(name));
    if (file === null) continue;
    if (settingOf(environment, name) !== null) {
      problems.push(`${name} and ${fileSettingOf(name)} are both set: leave one of them out`);
      continue;
    }
    const read = readSecret(file);
    if ('value' in read) values[name] = read.value;
    else problems.push(`${fileSettingOf(name)}: ${file} ${read.trouble}`);
  }
  return { values, problems };
}

export function fileSettingOf(name: string): string {
  return `${name}_FILE`;
}

/** Whether a secret is given in either way; whether its file can be read is not asked. */
export function isSecretGiven(environment: Environment, name: string): boolean {
  return settingOf(environment, name) !== null || settingOf(environment, fileSettingOf(name)) !== null;
}

/** Null when it is not set; what is empty counts as not set. */
function settingOf(environment: Environment, name: string): string | null {
  return environment[name]?.trim() || null;
}

function readSecret(file: string): { value: string } | { trouble: string } {
  try {
    const value = readFileSync(file, 'utf8').trim();
    return value === '' ? { trouble: 'is empty; leave the setting out where there is no secret' } : { value };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    return { trouble: `cannot be read (${code})${REMEDIES[code] ?? ''}` };
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: ': there is no such file',
  EACCES: ': the user that Leash runs as may not read it (uid 1000 in the container)',
  EISDIR: ': it is a directory, not a file',
};
