// Medians of all rounds as a table: a row for each measure, a column for each implementation, and the ratio.
import { ROWS } from './measures.mjs'
import { median } from './statistics.mjs'

/** Whom Millrace is compared with: the newest wireguard-go, else whichever peer there is. */
const RIVALS = ['wireguard-go', 'wireguard-go-debian', 'boringtun', 'gotatun']

/** `results[name]` are the rows of each round. */
export function summarize(implementations, results) {
  const names = implementations.map(({ name }) => name)
  const rival = RIVALS.find((name) => names.includes(name))
  const rows = ROWS.map((row) => {
    const values = Object.fromEntries(names.map((name) => [name, median(results[name].map((round) => round[row.key]))]))
    const ratio = row.better === 'more' ? values.millrace / values[rival] : values[rival] / values.millrace
    return { ...row, values, ratio }
  })
  return { rival, rows: rows.filter(({ values }) => Object.values(values).some(Number.isFinite)) }
}

export function markdownTable(implementations, { rival, rows }) {
  const withRatio = rows.some(({ ratio }) => Number.isFinite(ratio))
  const against = implementations.find(({ name }) => name === rival)?.title
  const head = ['', ...implementations.map(({ title }) => title), ...(withRatio ? [`Millrace : ${against}`] : [])]
  const lines = rows.map(({ title, unit, values, ratio }) => [
    `${title}, ${unit}`,
    ...implementations.map(({ name }) => figure(values[name])),
    ...(withRatio ? [Number.isFinite(ratio) ? `${ratio.toFixed(2)}` : ''] : []),
  ])
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'))
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** The same for a terminal: the columns stand below each other. */
export function plainTable(markdown) {
  const rows = markdown.split('\n').map((line) => line.slice(2, -2).split(' | '))
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)))
  const aligned = (cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))
  return [rows[0], ...rows.slice(2)].map((cells) => cells.map(aligned).join('  ')).join('\n')
}

/** Three significant digits; a fourth would be noise. */
function figure(value) {
  if (!Number.isFinite(value)) return ''
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value.toPrecision(value < 0.1 ? 2 : 3)
}
