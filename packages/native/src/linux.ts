// Numbers of asm-generic Linux, which x64 and arm64 share. Names as in the kernel's headers.

export const O_RDWR = 0o2
export const O_NONBLOCK = 0o4000
export const O_CLOEXEC = 0o2000000

export const EFD_NONBLOCK = 0o4000
export const EFD_CLOEXEC = 0o2000000

export const EPOLL_CLOEXEC = 0o2000000
export const EPOLL_CTL_ADD = 1
export const EPOLLIN = 0x1
export const EPOLLPRI = 0x2
export const EPOLLOUT = 0x4
export const EPOLLERR = 0x8
export const EPOLLHUP = 0x10
export const EPOLLRDHUP = 0x2000
export const EPOLLET = 0x8000_0000

export const POLLIN = 0x1
export const POLLOUT = 0x4
export const POLLERR = 0x8
export const POLLHUP = 0x10
export const POLLNVAL = 0x20

export const AF_INET = 2
export const AF_INET6 = 10
export const AF_NETLINK = 16
export const AF_PACKET = 17

export const SOL_IP = 0
export const IP_TOS = 1
export const IP_PKTINFO = 8
export const IP_RECVTOS = 13
export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_ERROR = 4
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_KEEPALIVE = 9
export const SO_LINGER = 13
export const SO_ATTACH_FILTER = 26
export const SO_DETACH_FILTER = 27
export const SO_MEMINFO = 55
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33
export const SO_MARK = 36
export const SOL_IPV6 = 41
export const IPV6_V6ONLY = 26
export const IPV6_RECVPKTINFO = 49
export const IPV6_PKTINFO = 50
export const IPV6_RECVTCLASS = 66
export const IPV6_TCLASS = 67
export const SOL_TCP = 6
export const TCP_NODELAY = 1
export const TCP_KEEPIDLE = 4
export const SOL_UDP = 17
export const UDP_SEGMENT = 103
export const UDP_GRO = 104

export const IPPROTO_ICMP = 1
export const IPPROTO_ICMPV6 = 58

export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_CLOEXEC = 0o2000000
export const SOCK_NONBLOCK = 0o4000

export const SHUT_WR = 1

export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
