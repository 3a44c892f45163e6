import { renderUnicodeCompact } from 'uqr'

/** A text as a QR code for a terminal, two modules a character, ended by a line break. */
export function qrCode(text: string): string {
  return `${renderUnicodeCompact(text, { border: 2 })}\n`
}
