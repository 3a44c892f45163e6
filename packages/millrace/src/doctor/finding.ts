/** What was found out about one ability of this machine. `limited`: it works, with less than there could be. */
export interface Finding {
  readonly name: string
  readonly state: 'good' | 'limited' | 'failed'
  readonly text: string
  /** What to do about it. */
  readonly advice?: string | undefined
}
