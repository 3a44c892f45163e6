import { domainToASCII } from 'node:url'

/** A name as name servers know it, in ASCII, without the dot at the end; undefined if it cannot be one (RFC 1035 §2.3.4). */
export function hostNameOf(text: string): string | undefined {
  const name = domainToASCII(text.replace(/\.$/, ''))
  if (name === '' || name.length > 253) return undefined
  const isGood = name.split('.').every((label) => /^[\w-]{1,63}$/.test(label))
  return isGood ? name : undefined
}

/** The machine itself (RFC 6761 §6.3), to which no tunnel leads. */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** What to ask for, one after the other: a name without a dot may be one of the search domains'. */
export function candidatesOf(name: string, isAbsolute: boolean, search: readonly string[]): readonly string[] {
  if (isAbsolute || name.includes('.')) return [name]
  const found = search.map((domain) => hostNameOf(`${name}.${domain}`)).filter((full) => full !== undefined)
  return [...found, name]
}
