import { EnvironmentError } from '@millrace/core'
import { errnoName } from '../errno.ts'

const sentences: Readonly<Record<string, string>> = {
  EPERM: 'it needs root (CAP_NET_ADMIN)',
  EEXIST: 'it exists already',
  ENOENT: 'there is none',
  ESRCH: 'there is none',
  ENODEV: 'there is no such interface',
  EADDRNOTAVAIL: 'there is no such address',
  ENETUNREACH: 'the gateway or network cannot be reached',
  ENETDOWN: 'the interface is down',
  EINVAL: 'the kernel refuses these values',
  EOPNOTSUPP: 'this kernel or interface does not support it',
  EAFNOSUPPORT: 'this kernel does not have that address family',
  EBUSY: 'it is in use',
  ETIMEDOUT: 'the kernel did not answer',
  EINTR: 'the tables kept changing while they were read',
  EMSGSIZE: 'there is more of it than this program reads',
}

/** What the kernel refused over netlink, in one sentence; `errno` is the name of the error, `EEXIST`. */
export class NetlinkError extends EnvironmentError {
  readonly errno: string

  /** `what` completes "cannot …"; `detail` is the kernel's own explanation, if it gave one. */
  constructor(what: string, errno: number | string, detail?: string) {
    const name = typeof errno === 'string' ? errno : errnoName(errno)
    const inBrackets = detail === undefined ? name : `${name}: ${detail}`
    super(`cannot ${what}: ${sentences[name] ?? 'the kernel refuses'} (${inBrackets})`)
    this.errno = name
  }
}
