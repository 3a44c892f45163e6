// Medians of all rounds: a row for each measure, a column for each gateway, and Millrace's ratio to each of the others.
import { ROWS } from './rootless-measures.mjs'
import { median } from './statistics.mjs'

/** `results[name]` are the rows of each round. The columns and rows that markdownTable takes. */
export function summarize(gateways, results) {
  const rivals = results.millrace === undefined ? [] : gateways.filter(({ name }) => name !== 'millrace')
  const ratios = rivals.map(({ name, title }) => ({
    name: `millrace:${name}`,
    title: `Millrace : ${title}`,
    rival: name,
  }))
  const rows = ROWS.map((row) => {
    const values = {}
    for (const { name } of gateways) values[name] = median(results[name].map((round) => round[row.key]))
    for (const { name, rival } of ratios) {
      values[name] = row.better === 'more' ? values.millrace / values[rival] : values[rival] / values.millrace
    }
    return { ...row, values }
  })
  return {
    columns: [...gateways, ...ratios],
    rows: rows.filter(({ values }) => Object.values(values).some(Number.isFinite)),
  }
}
