// Whitespace is what it is to `wg` within a line: no more than space, tab and carriage return.

export function trimmed(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

export function withoutSpaces(text: string): string {
  return text.replace(/[ \t\r]+/g, '')
}

/** Whether there is anything in it that does not belong into a line of text. */
export function hasControlCharacter(text: string): boolean {
  return /(?![\t\r])\p{Cc}/u.test(text)
}

const LONGEST_NAME = 64

/**
 * The friendly name in a comment, or undefined if it holds none: one that looks like a setting is a setting switched
 * off, and may be a key.
 */
export function nameIn(comment: string): string | undefined {
  const name = trimmed(comment)
  if (name === '' || name.length > LONGEST_NAME || name.includes('=') || /[\p{Cc}\p{Cf}]/u.test(name)) return undefined
  return name
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d
}
