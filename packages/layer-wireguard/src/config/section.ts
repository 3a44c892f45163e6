import { type Place, shownName } from './place.ts'

/** The settings of a section: each puts its value in. Those of `lists` may be there more than once. */
export interface SectionKind<T> {
  readonly settings: Readonly<Record<string, (draft: T, value: string, place: Place) => void>>
  readonly lists: ReadonlySet<string>
}

/** A section while it is read. */
export class Section<T> {
  /** Of its header. */
  readonly place: Place
  readonly draft: T
  readonly #kind: SectionKind<T>
  readonly #names: readonly string[]
  readonly #places = new Map<string, Place>()

  constructor(place: Place, kind: SectionKind<T>, draft: T) {
    this.place = place
    this.draft = draft
    this.#kind = kind
    this.#names = Object.keys(kind.settings)
  }

  set(key: string, value: string, place: Place): void {
    const lower = key.toLowerCase()
    const name = this.#names.find((name) => name.toLowerCase() === lower)
    if (name === undefined) place.fail(`one of ${this.#names.join(', ')}`, shownName(key))
    const before = this.#places.get(name)
    if (before !== undefined && !this.#kind.lists.has(name)) {
      place.fail(`${name} once`, `another one after line ${before.line}`)
    }
    this.#places.set(name, place)
    this.#kind.settings[name]?.(this.draft, value, place)
  }

  /** Where a setting was seen last, or else the header. */
  placeOf(name: string): Place {
    return this.#places.get(name) ?? this.place
  }
}
