import type { SystemCalls } from '../system-calls.ts'
import { allAddresses, decodeAddress, newAddress, parseInterfaceAddress } from './address.ts'
import { NetlinkError } from './errors.ts'
import { exchange, type Request } from './exchange.ts'
import { allLinks, changeLink, decodeLink, type Link, type LinkChange, linkByName, removeLink } from './link.ts'
import { addProxy, allProxies, decodeProxy, deleteProxy, type ProxyNeighbour } from './neighbour.ts'
import { allRoutes, decodeRoute, deleteRoute, lookUpRoute, newRoute, type Route, type RouteTarget } from './route.ts'
import type { Message } from './wire.ts'

/** One address of the host. */
export interface HostAddress {
  readonly index: number
  readonly interfaceName: string
  readonly family: 4 | 6
  readonly address: string
  readonly prefixLength: number
}

/** A {@link Route}, and the interface by name if it leads to one. */
export interface HostRoute extends Route {
  readonly interfaceName?: string
}

const UNREACHABLE = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL'])

/**
 * Interfaces, addresses, routes and proxy neighbours of the network namespace this thread is in, over rtnetlink. Every
 * call is done when it returns. What the kernel refuses throws a {@link NetlinkError}; text that is no address or prefix
 * throws a ConfigurationError before anything is asked.
 */
export class RouteNetlink {
  readonly #system: SystemCalls

  constructor(system: SystemCalls) {
    this.#system = system
  }

  /** The index of an interface, undefined if there is none of that name. */
  linkIndex(name: string): number | undefined {
    try {
      return this.#ask(linkByName(name), `look up the interface ${name}`, decodeLink)[0]?.index
    } catch (error) {
      if (error instanceof NetlinkError && error.errno === 'ENODEV') return undefined
      throw error
    }
  }

  links(): readonly Link[] {
    return this.#ask(allLinks(), 'list the interfaces', decodeLink)
  }

  changeLink(index: number, { up, ...settings }: LinkChange): void {
    const what = `change interface ${index}`
    // In one request the kernel would bring it up before it looks at the IPv6 settings.
    if (Object.keys(settings).length > 0) this.#tell(changeLink(index, settings), what)
    if (up !== undefined) this.#tell(changeLink(index, { up }), what)
  }

  deleteLink(index: number): void {
    this.#tell(removeLink(index), `delete interface ${index}`)
  }

  /** `address` with its prefix length, `10.0.0.1/24`. */
  addAddress(index: number, address: string): void {
    this.#tell(newAddress(index, parseInterfaceAddress(address)), `add address ${address} to interface ${index}`)
  }

  /** Every address of the host. */
  addresses(): readonly HostAddress[] {
    const names = this.#names()
    return this.#ask(allAddresses(), 'list the addresses', decodeAddress).map((address) => ({
      ...address,
      interfaceName: names.get(address.index) ?? '',
    }))
  }

  addRoute(prefix: string, target: RouteTarget): void {
    this.#tell(newRoute(prefix, target), `add route ${prefix}`)
  }

  deleteRoute(prefix: string, target: RouteTarget): void {
    this.#tell(deleteRoute(prefix, target), `delete route ${prefix}`)
  }

  /** All routes of both families in all tables. */
  routes(): readonly HostRoute[] {
    const names = this.#names()
    const routes = ([4, 6] as const).flatMap((family) =>
      // A kernel without IPv6 answers with the routes of every family it has.
      this.#ask(allRoutes(family), 'list the routes', decodeRoute).filter((route) => route.family === family),
    )
    return routes.map((route) => named(route, names))
  }

  /** The way the host would send to `address`; undefined if it has none, or refuses to. */
  routeTo(address: string): HostRoute | undefined {
    const request = lookUpRoute(address)
    try {
      const [route] = this.#ask(request, `look up the route to ${address}`, (message) => decodeRoute(message, true))
      return route === undefined ? undefined : named(route, this.#names())
    } catch (error) {
      if (error instanceof NetlinkError && UNREACHABLE.has(error.errno)) return undefined
      throw error
    }
  }

  addProxyNeighbour(neighbour: ProxyNeighbour): void {
    this.#tell(addProxy(neighbour), `answer for ${neighbour.address} on interface ${neighbour.index}`)
  }

  deleteProxyNeighbour(neighbour: ProxyNeighbour): void {
    this.#tell(deleteProxy(neighbour), `stop answering for ${neighbour.address} on interface ${neighbour.index}`)
  }

  proxyNeighbours(): readonly ProxyNeighbour[] {
    return this.#ask(allProxies(), 'list the proxy neighbours', decodeProxy)
  }

  #names(): ReadonlyMap<number, string> {
    return new Map(this.links().map(({ index, name }) => [index, name]))
  }

  #tell(request: Request, what: string): void {
    exchange(this.#system, request, what)
  }

  #ask<T>(request: Request, what: string, decode: (message: Message) => T | undefined): T[] {
    return exchange(this.#system, request, what)
      .map((message) => decode(message))
      .filter((item) => item !== undefined)
  }
}

function named(route: Route, names: ReadonlyMap<number, string>): HostRoute {
  const interfaceName = route.index === undefined ? undefined : names.get(route.index)
  return interfaceName === undefined ? route : { ...route, interfaceName }
}
