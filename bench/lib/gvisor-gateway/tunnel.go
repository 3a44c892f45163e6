package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	wgtun "golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/stack/gro"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	nic = 1
	// Packets (of up to 64 KB) to the clients that may wait: enough that none is ever dropped here.
	queueLength = 8192
	batch       = 128
)

// link is gVisor's end: packets of up to 64 KB go out, which tunnel cuts; those that come in are joined.
type link struct {
	*channel.Endpoint
	mu  sync.Mutex
	gro gro.GRO
}

func (l *link) Attach(dispatcher stack.NetworkDispatcher) {
	l.Endpoint.Attach(dispatcher)
	l.gro.Dispatcher = dispatcher
}

func (l *link) GSOMaxSize() uint32 { return 1<<16 - 1 }

// tunnel is WireGuard's end: a tun.Device without a TUN.
type tunnel struct {
	link   *link
	stack  *stack.Stack
	events chan wgtun.Event
	ended  context.Context
	end    context.CancelFunc
	cutter cutter
}

func newTunnel() (*tunnel, error) {
	endpoint := channel.New(queueLength, mtu, "")
	endpoint.SupportedGSOKind = stack.HostGSOSupported
	// WireGuard authenticated what comes in.
	endpoint.LinkEPCapabilities = stack.CapabilityRXChecksumOffload
	l := &link{Endpoint: endpoint}
	l.gro.Init(true)
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	sack := tcpip.TCPSACKEnabled(true)
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: 4 << 20}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: 4 << 20}
	// A client uses its ports again before a minute has passed, and without a listener no SYN is taken in TIME-WAIT.
	timeWait := tcpip.TCPTimeWaitTimeoutOption(time.Second)
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &moderate, &receive, &send, &timeWait} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return nil, fmt.Errorf("%T: %v", option, err)
		}
	}
	if err := s.CreateNIC(nic, l); err != nil {
		return nil, fmt.Errorf("NIC: %v", err)
	}
	// Any destination is ours, and we answer from it.
	if err := s.SetPromiscuousMode(nic, true); err != nil {
		return nil, fmt.Errorf("promiscuous: %v", err)
	}
	if err := s.SetSpoofing(nic, true); err != nil {
		return nil, fmt.Errorf("spoofing: %v", err)
	}
	s.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: nic},
		{Destination: header.IPv6EmptySubnet, NIC: nic},
	})
	forward(s)
	ended, end := context.WithCancel(context.Background())
	t := &tunnel{link: l, stack: s, events: make(chan wgtun.Event, 1), ended: ended, end: end}
	t.cutter.header = make([]byte, 0, 256)
	t.events <- wgtun.EventUp
	return t, nil
}

// Read gives what the stack sends: waits for one packet, and takes what else is there.
func (t *tunnel) Read(buffers [][]byte, sizes []int, offset int) (int, error) {
	n := t.cutter.cut(buffers, sizes, offset)
	for n == 0 {
		packet := t.link.ReadContext(t.ended)
		if packet == nil {
			return 0, os.ErrClosed
		}
		t.cutter.begin(packet)
		n = t.cutter.cut(buffers, sizes, offset)
	}
	for n < len(buffers) {
		packet := t.link.Read()
		if packet == nil {
			break
		}
		t.cutter.begin(packet)
		n += t.cutter.cut(buffers[n:], sizes[n:], offset)
	}
	return n, nil
}

// Write gives the stack what came from a client.
func (t *tunnel) Write(buffers [][]byte, offset int) (int, error) {
	t.link.mu.Lock()
	defer t.link.mu.Unlock()
	for _, b := range buffers {
		bytes := b[offset:]
		if len(bytes) == 0 {
			continue
		}
		packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(bytes)})
		packet.NetworkProtocolNumber = header.IPv4ProtocolNumber
		if bytes[0]>>4 == 6 {
			packet.NetworkProtocolNumber = header.IPv6ProtocolNumber
		}
		packet.RXChecksumValidated = true
		t.link.gro.Enqueue(packet)
		packet.DecRef()
	}
	// Each call gives up one packet of each bucket, of eight.
	for range 8 {
		t.link.gro.Flush()
	}
	return len(buffers), nil
}

func (t *tunnel) Close() error {
	t.end()
	t.stack.Close()
	t.link.Close()
	close(t.events)
	return nil
}

func (t *tunnel) File() *os.File             { return nil }
func (t *tunnel) MTU() (int, error)          { return mtu, nil }
func (t *tunnel) Name() (string, error)      { return "gvisor", nil }
func (t *tunnel) Events() <-chan wgtun.Event { return t.events }
func (t *tunnel) BatchSize() int             { return batch }
