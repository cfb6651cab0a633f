/**
 * `text` as one word of a bash script, whatever it holds.
 *
 * Inside single quotes bash changes nothing, so only the quote itself has to leave them. Words that need no
 * quotes stay readable, for the script is what people see in the console.
 */
export function bashWord(text: string): string {
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new Error('Cannot pass an argument with a zero character or half a surrogate pair to a program.');
  }
  if (PLAIN_WORD.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const PLAIN_WORD = /^[A-Za-z0-9_./:@%+,=-]+$/;
